//! Who signs, with which key, and what will prove it.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use super::{Format, Keyless, Sign, SignError, SigningKey, Witnesses};
use crate::record;
use crate::trust::{Anchor, HashAlgorithm, ProofRule, Proofs, PublicKey};
use crate::verify::{Certificate, Fact, Signer};

/// Who signs.
#[derive(Clone, Copy, Debug)]
pub enum Signatory<'a> {
    /// Whoever has this key. Nothing is asked of anybody else, and nothing becomes public.
    Key(&'a dyn Sign),
    /// Whoever has this key, before witnesses.
    KeyBefore(&'a dyn Sign, &'a Witnesses),
    /// Somebody with an identity, whose key lasts for one image.
    Keyless(&'a Keyless),
}

impl<'a> Signatory<'a> {
    /// What signs one image.
    pub(super) async fn credential(self) -> Result<Credential<'a>, SignError> {
        match self {
            Self::Key(key) => Ok(Credential { held: Held::Managed(key), witnesses: None }),
            Self::KeyBefore(key, witnesses) => Ok(Credential { held: Held::Managed(key), witnesses: Some(witnesses) }),
            Self::Keyless(keyless) => {
                let held = Held::Ephemeral(Box::new(keyless.certify().await?));
                Ok(Credential { held, witnesses: Some(keyless.witnesses()) })
            }
        }
    }
}

/// What signs one image: a key, and what says whose it is.
pub(super) struct Credential<'a> {
    held: Held<'a>,
    witnesses: Option<&'a Witnesses>,
}

enum Held<'a> {
    Ephemeral(Box<Certified>),
    Managed(&'a dyn Sign),
}

/// A key with its certificate.
pub(super) struct Certified {
    pub(super) key: SigningKey,
    /// What the certificate says.
    pub(super) certificate: Certificate,
    /// The certificate and those above it.
    pub(super) chain: Vec<CertificateDer<'static>>,
}

impl Credential<'_> {
    /// The key.
    pub(super) fn key(&self) -> &dyn Sign {
        match &self.held {
            Held::Ephemeral(certified) => &certified.key,
            Held::Managed(key) => *key,
        }
    }

    /// The public half of the key.
    pub(super) fn public_key(&self) -> &PublicKey {
        self.key().public_key()
    }

    /// What the certificate of the key says; none of a managed key.
    pub(super) fn certificate(&self) -> Option<&Certificate> {
        match &self.held {
            Held::Ephemeral(certified) => Some(&certified.certificate),
            Held::Managed(_) => None,
        }
    }

    /// The certificate of the key and those above it; none of a managed key.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        match &self.held {
            Held::Ephemeral(certified) => &certified.chain,
            Held::Managed(_) => &[],
        }
    }

    /// Whoever sees to it that the signature can be proved.
    pub(super) fn witnesses(&self) -> Option<&Witnesses> {
        self.witnesses
    }

    /// The layouts that can carry the proofs. A tag cannot carry an entry of Rekor v2, which is no promise.
    pub(super) fn format(&self, asked: Format) -> Result<Format, SignError> {
        let carries = self.witnesses.is_none_or(Witnesses::can_be_carried_by_tags);
        match asked {
            Format::Both | Format::Legacy if carries => Ok(asked),
            Format::Both | Format::Bundle => Ok(Format::Bundle),
            Format::Legacy => Err(SignError::LegacyLog),
        }
    }

    /// Whom to believe that what is made now counts: everything that was asked for beside the signature has to hold.
    pub(super) fn anchor(&self) -> Anchor {
        let Some(witnesses) = self.witnesses else {
            return self.anchor_of_older();
        };
        let root = witnesses.root();
        let mut proofs = match self.held {
            Held::Ephemeral(_) => Proofs::derived_from(root),
            Held::Managed(_) => Proofs {
                log_entry: ProofRule::optional(Arc::clone(root)),
                sct: ProofRule::ignored(),
                timestamp: ProofRule::optional(Arc::clone(root)),
            },
        };
        if witnesses.has_logs() {
            proofs.log_entry = ProofRule::required(Arc::clone(root));
        }
        if witnesses.has_timestamp_authorities() {
            proofs.timestamp = ProofRule::required(Arc::clone(root));
        }
        match self.held {
            Held::Ephemeral(_) => Anchor::keyless(Arc::clone(root), proofs),
            Held::Managed(key) => Anchor::key(key.public_key().clone(), HashAlgorithm::Sha256, proofs),
        }
    }

    /// Whom to believe that something was made by this signer before, with whatever beside it.
    pub(super) fn anchor_of_older(&self) -> Anchor {
        match (&self.held, self.witnesses) {
            (Held::Ephemeral(_), Some(witnesses)) => {
                let root = witnesses.root();
                Anchor::keyless(Arc::clone(root), Proofs::derived_from(root))
            }
            (Held::Ephemeral(_) | Held::Managed(_), _) => {
                Anchor::key(self.public_key().clone(), HashAlgorithm::Sha256, Proofs::beside_key())
            }
        }
    }

    /// Whether this signer made it. Of a certificate the anchor says only that its authority issued it, to whomever.
    pub(super) fn made(&self, fact: &Fact) -> bool {
        self.is_of(fact.signer())
    }

    /// Whether it is this signer, as [`Self::made`] has it.
    pub(super) fn is_of(&self, signer: &Signer) -> bool {
        match (self.certificate(), signer) {
            (Some(mine), Signer::Certificate(theirs)) => is_same_holder(mine, theirs),
            (None, Signer::Key) => true,
            (Some(_), Signer::Key) | (None, Signer::Certificate(_)) => false,
        }
    }

    /// Who signs, for the record.
    pub(super) fn signer(&self) -> record::Signer {
        let Some(certificate) = self.certificate() else {
            let key = Some(format!("sha256:{}", self.public_key().fingerprint().hex()));
            return record::Signer { key, identity: None, issuer: None };
        };
        let names: Vec<_> = certificate.subjects().iter().map(ToString::to_string).collect();
        record::Signer { key: None, identity: Some(names.join(", ")), issuer: certificate.issuer().map(str::to_owned) }
    }
}

/// Whether two certificates were issued to the same subject by the word of the same issuer.
pub(super) fn is_same_holder(one: &Certificate, other: &Certificate) -> bool {
    !one.subjects().is_empty() && one.subjects() == other.subjects() && one.issuer() == other.issuer()
}
