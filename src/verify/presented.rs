//! What an artifact brings along, whatever its layout.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use serde::Deserialize;
use sigstore_types::SignatureContent;
use sigstore_types::bundle::VerificationMaterialContent;

use super::log::{self, Entry, SignedEnvelope};
use super::timestamp::Stamped;
use super::{VerifyError, certificate};
use crate::evidence::{Bundle, Content, EnvelopeSignature, Material};
use crate::image::Digest;
use crate::limits::{CHAIN_CERTIFICATES, Exceeded, Scope, TIMESTAMP_BYTES};

/// An artifact, with one view on each of its parts. Each is read when it is asked for, so that what nobody needs cannot
/// break anything.
#[derive(Clone, Copy)]
pub(super) struct Presented<'a> {
    content: &'a Content,
    digest: Digest,
}

impl<'a> Presented<'a> {
    /// What was found under `digest`.
    pub(super) fn new(content: &'a Content, digest: Digest) -> Self {
        Self { content, digest }
    }

    /// The signatures: one, but for the envelopes of `.att` layers.
    pub(super) fn signatures(&self) -> Vec<&'a [u8]> {
        match self.content {
            Content::Bundle(bundle) => bundle.signature().into_iter().collect(),
            Content::Envelope(envelope) => envelope.signatures().iter().map(EnvelopeSignature::bytes).collect(),
            Content::Signature(layer) => vec![layer.signature()],
        }
    }

    /// What the artifact calls the key. Nothing is chosen by it.
    pub(super) fn key_hint(&self) -> Option<&'a str> {
        match self.content {
            Content::Bundle(bundle) => bundle.key_hint(),
            Content::Envelope(_) | Content::Signature(_) => None,
        }
    }

    /// Whether it says to be signed with a certificate and with no key. Layers may be signed with either, whatever
    /// certificate lies beside them.
    pub(super) fn names_only_a_certificate(&self) -> bool {
        match self.content {
            Content::Bundle(bundle) => bundle.has_certificate(),
            Content::Envelope(_) | Content::Signature(_) => false,
        }
    }

    /// The envelope, if it is one.
    pub(super) fn envelope(&self) -> Option<SignedEnvelope<'a>> {
        match self.content {
            Content::Bundle(bundle) => {
                let SignatureContent::DsseEnvelope(envelope) = &bundle.inner().content else {
                    return None;
                };
                Some(SignedEnvelope {
                    digest: self.digest,
                    payload_type: &envelope.payload_type,
                    payload: envelope.payload.as_bytes(),
                })
            }
            Content::Envelope(envelope) => Some(SignedEnvelope {
                digest: self.digest,
                payload_type: envelope.payload_type(),
                payload: envelope.payload(),
            }),
            Content::Signature(_) => None,
        }
    }

    /// The certificates, the signing one first; none where there are none.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'a>>, VerifyError> {
        let certificates = match self.content {
            Content::Bundle(bundle) => of_bundle(bundle)?,
            Content::Envelope(envelope) => of_annotations(envelope.material())?,
            Content::Signature(layer) => of_annotations(layer.material())?,
        };
        if certificates.len() > CHAIN_CERTIFICATES {
            let exceeded = Exceeded::new("certificates of a chain", CHAIN_CERTIFICATES, Scope::Artifact);
            return Err(VerifyError::Artifact(exceeded.into()));
        }
        certificates.iter().try_for_each(|der| certificate::limit(der))?;
        Ok(certificates)
    }

    /// The log entries.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, VerifyError> {
        match self.content {
            Content::Bundle(bundle) => {
                log::of_bundle(&bundle.inner().verification_material.tlog_entries, bundle.inner().media_type)
            }
            Content::Envelope(envelope) => entries_of(envelope.material()),
            Content::Signature(layer) => entries_of(layer.material()),
        }
    }

    /// The timestamps, in DER.
    pub(super) fn timestamps(&self) -> Result<Vec<Vec<u8>>, VerifyError> {
        match self.content {
            Content::Bundle(bundle) => {
                let data = &bundle.inner().verification_material.timestamp_verification_data;
                Ok(data.rfc3161_timestamps.iter().map(|one| one.signed_timestamp.as_bytes().to_vec()).collect())
            }
            Content::Envelope(envelope) => timestamps_of(envelope.material()),
            Content::Signature(layer) => timestamps_of(layer.material()),
        }
    }

    /// What a timestamp beside `signature` may be over.
    pub(super) fn stamped(&self, signature: &'a [u8]) -> Stamped<'a> {
        let envelope = match self.content {
            Content::Envelope(_) => Some(self.digest),
            Content::Bundle(_) | Content::Signature(_) => None,
        };
        Stamped { signature, envelope }
    }
}

fn of_bundle(bundle: &Bundle) -> Result<Vec<CertificateDer<'_>>, VerifyError> {
    match &bundle.inner().verification_material.content {
        VerificationMaterialContent::Certificate(certificate) => {
            Ok(vec![CertificateDer::from(certificate.raw_bytes.as_bytes())])
        }
        VerificationMaterialContent::X509CertificateChain { certificates } => {
            let certificates = certificates.iter().map(|one| CertificateDer::from(one.raw_bytes.as_bytes()));
            let certificates: Vec<_> = certificates.collect();
            // https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto,
            // `x509_certificate_chain`: no root, since nobody should be led to believe it.
            if certificates.iter().skip(1).any(is_self_issued) {
                return Err(VerifyError::CertificateInvalid("its chain holds a root".to_owned()));
            }
            Ok(certificates)
        }
        VerificationMaterialContent::PublicKey(_) | _ => Ok(Vec::new()),
    }
}

fn is_self_issued(der: &CertificateDer<'_>) -> bool {
    use der::Decode;
    x509_cert::Certificate::from_der(der)
        .is_ok_and(|certificate| certificate.tbs_certificate.issuer == certificate.tbs_certificate.subject)
}

/// <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#properties>, `certificate` and `chain`. Here
/// cosign writes the root too; it is not believed for that.
fn of_annotations(material: &Material) -> Result<Vec<CertificateDer<'static>>, VerifyError> {
    let unreadable = |_| VerifyError::CertificateInvalid("it is no PEM".to_owned());
    let Some(leaf) = material.certificate() else {
        return Ok(Vec::new());
    };
    let leaf = pem::parse(leaf).map_err(unreadable)?;
    let chain = pem::parse_many(material.chain().unwrap_or_default()).map_err(unreadable)?;
    let blocks: Vec<_> = std::iter::once(leaf).chain(chain).collect();
    if blocks.iter().any(|block| block.tag() != "CERTIFICATE") {
        return Err(VerifyError::CertificateInvalid("its PEM holds something else".to_owned()));
    }
    Ok(blocks.into_iter().map(|block| CertificateDer::from(block.into_contents())).collect())
}

fn entries_of(material: &Material) -> Result<Vec<Entry>, VerifyError> {
    material.rekor_bundle().map_or_else(|| Ok(Vec::new()), log::of_annotation)
}

fn timestamps_of(material: &Material) -> Result<Vec<Vec<u8>>, VerifyError> {
    let Some(annotation) = material.timestamp() else {
        return Ok(Vec::new());
    };
    // A third more in base64, and what is around it.
    if annotation.len() > 2 * TIMESTAMP_BYTES {
        let exceeded = Exceeded::new("bytes of a timestamp", TIMESTAMP_BYTES, Scope::Artifact);
        return Err(VerifyError::Artifact(exceeded.into()));
    }
    let wire: Wire = serde_json::from_str(annotation).map_err(VerifyError::timestamp)?;
    let der = STANDARD.decode(wire.timestamp).map_err(|_| VerifyError::timestamp("it is no base64"))?;
    Ok(vec![der])
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Wire {
    #[serde(rename = "SignedRFC3161Timestamp")]
    timestamp: String,
}
