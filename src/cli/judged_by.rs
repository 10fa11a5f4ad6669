//! What `countersign verify` judges by: a key, an identity, or policies.

use std::path::PathBuf;
use std::sync::Arc;

use nonempty::NonEmpty;

use super::identity_args::IdentityArgs;
use super::key_ref::KeyRef;
use super::registry_args::RegistryArgs;
use super::{Error, clock, kms, trust};
use crate::loader::{self, Elsewhere};
use crate::policy::{
    Authority, Coverage, Mode, NoMatch, Policy, PolicyBody, PolicyName, PolicySet, PolicyTerms, Rule, SignerRule,
};
use crate::sigstore::http_client;
use crate::trust::{Anchor, BuiltInRoot, HashAlgorithm, ProofRule, Proofs, TrustedRoot};

/// What the images are judged by.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct By {
    /// Ask for a signature by this public key: a PEM file, or a key as `sign --key` takes it
    #[arg(long, value_name = "KEY", conflicts_with_all = IDENTITY)]
    key: Option<KeyRef>,
    /// Judge by the policies in this file or directory; may be given several times
    #[arg(long, value_name = "FILE", conflicts_with_all = IDENTITY, conflicts_with_all = ["key", "trust_root", "insecure_ignore_tlog"])]
    policy: Vec<PathBuf>,
    #[command(flatten)]
    identity: IdentityArgs,
    /// Believe this `trusted_root.json` or TrustRoot object, and not the root of the public-good instance
    #[arg(long, alias = "trusted-root", value_name = "FILE")]
    trust_root: Option<PathBuf>,
    /// Look at no entry of a transparency log, and ask for none
    #[arg(long)]
    insecure_ignore_tlog: bool,
}

const IDENTITY: [&str; 4] = [
    "certificate_identity",
    "certificate_identity_regexp",
    "certificate_oidc_issuer",
    "certificate_oidc_issuer_regexp",
];

impl By {
    /// Whether somebody is named.
    pub(super) fn is_given(&self) -> bool {
        self.key.is_some() || self.identity.are_given() || !self.policy.is_empty()
    }

    /// The policies that say it. What is wrong with single documents is among the `notes`.
    ///
    /// # Errors
    /// When nobody is named, or what is named cannot be read.
    pub(super) async fn policies(&self, registry: &RegistryArgs, notes: &mut Vec<String>) -> Result<PolicySet, Error> {
        if let Some(key) = &self.key {
            return self.by_key(key).await;
        }
        if self.identity.are_given() {
            return self.by_identity().await;
        }
        if self.policy.is_empty() {
            return Err(Error::usage("nobody is named who may have signed").hint(
                "name a key with `--key`, a person or workflow with `--certificate-identity`, or policies with `--policy`",
            ));
        }
        let elsewhere = Elsewhere::default();
        let load = || loader::load_all_by(&self.policy, NoMatch::Deny, &elsewhere).map_err(Error::usage);
        let mut loaded = load()?;
        if read_elsewhere(&elsewhere, registry).await? {
            loaded = load()?;
        }
        notes.extend(loaded.problems.iter().map(ToString::to_string));
        Ok(Arc::unwrap_or_clone(loaded.set))
    }

    /// The policy that asks for a signature by the key of `reference`, and covers every image.
    async fn by_key(&self, reference: &KeyRef) -> Result<PolicySet, Error> {
        let key = reference.public_key().await?;
        let mut proofs = Proofs::beside_key();
        if self.insecure_ignore_tlog {
            proofs.log_entry = ProofRule::ignored();
        } else if self.trust_root.is_some() {
            proofs.log_entry = ProofRule::optional(self.root().await?);
        }
        let anchor = Anchor::key(key, HashAlgorithm::Sha256, proofs);
        Ok(one("key", &reference.written(), SignerRule::key(Arc::new(anchor))))
    }

    /// The policy that asks for a certificate for the identity, and covers every image.
    async fn by_identity(&self) -> Result<PolicySet, Error> {
        let identity = self.identity.identity()?;
        let root = self.root().await?;
        let proofs =
            if self.insecure_ignore_tlog { Proofs::without_log_entry(&root) } else { Proofs::derived_from(&root) };
        let anchor = Anchor::keyless(root, proofs);
        let name = self.identity.written();
        Ok(one("identity", name, SignerRule::keyless(Arc::new(anchor), NonEmpty::new(identity))))
    }

    async fn root(&self) -> Result<Arc<TrustedRoot>, Error> {
        match &self.trust_root {
            Some(path) => trust::one(path).await,
            None => TrustedRoot::built_in_once(BuiltInRoot::PublicGood).map_err(Error::unavailable),
        }
    }
}

/// Reads what lies elsewhere, once; whether there is anything.
///
/// # Errors
/// When no client can be made for it. What cannot be read is told when policies are loaded again.
pub(super) async fn read_elsewhere(elsewhere: &Elsewhere, registry: &RegistryArgs) -> Result<bool, Error> {
    let Elsewhere { roots, keys, remotes } = elsewhere;
    if roots.are_wanted() {
        let http = http_client(&registry.options()?.root_certificates).map_err(Error::unavailable)?;
        roots.refresh_once(&http, clock::now()).await;
    }
    if keys.are_wanted() {
        keys.read_once(&kms::client()?, clock::now()).await;
    }
    if remotes.are_wanted() {
        remotes.read_once(&registry.client()?).await;
    }
    Ok(roots.are_wanted() || keys.are_wanted() || remotes.are_wanted())
}

/// The policy with one authority that covers every image.
fn one(authority: &str, name: &str, signer: SignerRule) -> PolicySet {
    let revision = signer.anchor.id().digest();
    let rule = Rule::Signed { signers: NonEmpty::new(signer) };
    let authority = Authority { name: authority.to_owned(), rule, terms: Box::default() };
    let policy = Policy {
        name: PolicyName::new("", name),
        coverage: Coverage::Everything,
        mode: Mode::Enforce,
        body: PolicyBody::Compiled(NonEmpty::new(authority)),
        terms: PolicyTerms::default(),
    };
    PolicySet::new(vec![policy], NoMatch::Deny, revision)
}
