//! Who may have signed a file.

use std::path::PathBuf;
use std::sync::Arc;

use super::identity_args::{IdentityArgs, trusted_root};
use super::{Error, file};
use crate::limits;
use crate::policy::SignerRule;
use crate::trust::{Anchor, HashAlgorithm, ProofRule, Proofs, PublicKey};

/// A key, or somebody with a certificate.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SignerArgs {
    /// Ask for a signature by this public key, in a PEM file
    #[arg(long, value_name = "PEM", conflicts_with_all = [
        "certificate_identity",
        "certificate_identity_regexp",
        "certificate_oidc_issuer",
        "certificate_oidc_issuer_regexp",
    ])]
    key: Option<PathBuf>,
    #[command(flatten)]
    identity: IdentityArgs,
    /// A `trusted_root.json` instead of that of the public-good instance
    #[arg(long, alias = "trust-root", value_name = "FILE")]
    trusted_root: Option<PathBuf>,
}

impl SignerArgs {
    /// What is asked of a signature.
    ///
    /// # Errors
    /// When a file cannot be read, or nobody is named.
    pub(super) fn rule(&self) -> Result<SignerRule, Error> {
        let root = trusted_root(self.trusted_root.as_ref())?;
        let Some(path) = &self.key else {
            if !self.identity.are_given() {
                return Err(Error::usage("nobody is named who may have signed")
                    .hint("name a key with `--key`, or a person or workflow with `--certificate-identity`"));
            }
            let identity = self.identity.identity()?;
            let anchor = Anchor::keyless(Arc::clone(&root), Proofs::derived_from(&root));
            return Ok(SignerRule::keyless(Arc::new(anchor), nonempty::NonEmpty::new(identity)));
        };
        let pem = file::read("the public key", path, limits::PUBLIC_KEY_BYTES)?;
        let wrong =
            |error: &dyn std::fmt::Display| Error::usage(format!("the public key `{}`: {error}", path.display()));
        let text = str::from_utf8(&pem).map_err(|_| wrong(&"it is no text"))?;
        let key = PublicKey::from_pem(text).map_err(|error| wrong(&error))?;
        let proofs = Proofs {
            log_entry: ProofRule::optional(Arc::clone(&root)),
            sct: ProofRule::ignored(),
            timestamp: ProofRule::optional(root),
        };
        Ok(SignerRule::key(Arc::new(Anchor::key(key, HashAlgorithm::Sha256, proofs))))
    }
}
