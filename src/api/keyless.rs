//! Keyless authorities as users write them.

use std::sync::Arc;

use nonempty::NonEmpty;
use url::Url;

use super::field::Field;
use super::identity::{self, Issuer};
use super::lint;
use super::problem::{Problem, listed, quoted};
use super::proofs::ProofSpec;
use super::root::{self, RootSpec, Unusable};
use super::secret::{self, SecretSpec};
use super::{Reference, Resolved};
use crate::policy::{Dialect, Identity, SignerRule};
use crate::trust::{Anchor, AuthorityKeys, SigstoreKeys, TrustedRoot};

/// Who may have got a certificate, and from whom.
#[derive(Clone, Debug)]
pub(super) struct KeylessSpec {
    identities: NonEmpty<Identity>,
    authorities: Authorities,
    insecure_ignore_sct: bool,
}

/// Whose certificates count.
#[derive(Clone, Debug)]
enum Authorities {
    /// Those of a chain of one's own.
    Inline(Arc<TrustedRoot>),
    /// Those of a TrustRoot.
    Named(RootSpec),
    /// Those of the public-good instance.
    PublicGood,
    /// Those of a chain of one's own, in a Secret.
    Secret(SecretSpec),
}

/// Reads `keyless`.
pub(super) fn read(
    field: &Field<'_>,
    dialect: Dialect,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<KeylessSpec> {
    let mut object = field.object(problems)?;
    let [url, ca_cert, trust_root] = ["url", "ca-cert", "trustRootRef"].map(|name| object.take(name));
    let issuer = if ca_cert.is_some() { Issuer::Optional } else { Issuer::Required };
    let identities = object
        .require("identities", problems)
        .and_then(|field| identity::read_all(&field, dialect, issuer, problems, warnings));
    let insecure_ignore_sct = match object.take("insecureIgnoreSCT") {
        Some(field) => field.boolean(problems).inspect(|ignored| {
            if *ignored {
                warnings.push(lint::unlogged_certificates(&field));
            }
        }),
        None => Some(false),
    };
    let address = url.as_ref().map(|url| (url, read_url(url, problems)));
    let authorities = match (&ca_cert, &trust_root) {
        (Some(ca_cert), None) => {
            if let Some((url, _)) = &address {
                problems.push(url.problem("cannot stand beside `ca-cert`: each says whose certificates count"));
            }
            read_authority(ca_cert, problems)
        }
        (None, Some(trust_root)) => root::read(trust_root, dialect, problems).map(Authorities::Named),
        (None, None) => {
            if let Some((url, Some(address))) = &address {
                warnings.extend(lint::foreign_authority(url, address));
            }
            Some(Authorities::PublicGood)
        }
        (Some(ca_cert), Some(_)) => {
            problems.push(ca_cert.problem("cannot stand beside `trustRootRef`: each says whose certificates count"));
            None
        }
    };
    object.finish(problems);
    Some(KeylessSpec { identities: identities?, authorities: authorities?, insecure_ignore_sct: insecure_ignore_sct? })
}

/// An address of which only counts that it is there, as in policy-controller.
pub(super) fn read_url<'a>(field: &Field<'a>, problems: &mut Vec<Problem>) -> Option<&'a str> {
    let text = field.required_text(problems)?;
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(text),
        Ok(_) | Err(_) => {
            problems.push(field.problem(format!("{} is no address such as `https://host`", quoted(text))));
            None
        }
    }
}

fn read_authority(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Authorities> {
    let mut object = field.object(problems)?;
    let sources = ["data", "secretRef"].map(|source| object.take(source));
    let authorities = match &sources {
        [Some(data), None] => data.required_text(problems).and_then(|text| match chain(text.as_bytes()) {
            Ok(root) => Some(Authorities::Inline(root)),
            Err(message) => {
                problems.push(data.problem(message));
                None
            }
        }),
        [None, Some(secret)] => secret::read(secret, problems).map(Authorities::Secret),
        sources => {
            let there = sources.iter().filter(|source| source.is_some()).count();
            let names = listed(&["data", "secretRef"], " or ");
            problems.push(object.problem(format!("exactly one of {names} is needed, {there} are there")));
            None
        }
    };
    object.finish(problems);
    authorities
}

/// A root that holds a chain of certificates and nothing else. The last certificate is believed; those before it are
/// intermediates, verified as such.
fn chain(pem: &[u8]) -> Result<Arc<TrustedRoot>, String> {
    let chain = str::from_utf8(pem).map_err(|_| "the certificates are no text".to_owned())?.to_owned();
    let authority = AuthorityKeys { chain, ..AuthorityKeys::default() };
    let keys = SigstoreKeys { certificate_authorities: vec![authority], ..SigstoreKeys::default() };
    TrustedRoot::of_keys(&keys).map(Arc::new).map_err(|error| error.fault().to_string())
}

impl KeylessSpec {
    /// What it names outside the policy.
    pub(super) fn reference(&self) -> Option<&Reference> {
        match &self.authorities {
            Authorities::Inline(_) | Authorities::PublicGood => None,
            Authorities::Named(root) => Some(root.reference()),
            Authorities::Secret(secret) => Some(secret.reference()),
        }
    }

    /// The same, named by a policy of the tenant in `namespace`. A TrustRoot is the cluster's, whoever names it.
    pub(super) fn in_tenant(&mut self, namespace: &str) {
        match &mut self.authorities {
            Authorities::Inline(_) | Authorities::Named(_) | Authorities::PublicGood => {}
            Authorities::Secret(secret) => secret.in_tenant(namespace),
        }
    }

    /// The signers that it means.
    pub(super) fn signer(&self, proofs: &ProofSpec, resolved: &Resolved) -> Result<SignerRule, Unusable> {
        let root = match &self.authorities {
            Authorities::Inline(root) => Arc::clone(root),
            Authorities::Named(root) => root.resolve(resolved)?,
            Authorities::PublicGood => resolved.public_good()?,
            Authorities::Secret(secret) => secret.parse("the chain of certificates", resolved, chain)?,
        };
        let proofs = proofs.beside_certificate(&root, self.insecure_ignore_sct, resolved)?;
        Ok(SignerRule::keyless(Arc::new(Anchor::keyless(root, proofs)), self.identities.clone()))
    }
}

#[cfg(test)]
mod tests;
