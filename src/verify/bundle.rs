//! Sigstore bundles, signed with a managed key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sigstore_types::SignatureContent;

use super::case::{Case, Proof};
use super::key::{self, Check};
use super::log::{Signed, SignedEnvelope};
use super::message::Message;
use super::{Step, VerifyError, subject};
use crate::evidence::{Bundle, Statement};
use crate::image::Digest;
use crate::limits::Budget;

/// Verifies `bundle` with the key of the case's anchor
/// (<https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md>,
/// <https://github.com/sigstore/architecture-docs/blob/main/client-spec.md#4-verification>).
pub(super) fn check(
    bundle: &Bundle,
    artifact: Digest,
    message: &Message<'_>,
    case: &Case<'_>,
    budget: &mut Budget,
) -> Result<Proof, VerifyError> {
    let anchor = case.anchor;
    // What a certificate signed is another signer's, whoever has certified which key.
    if bundle.has_certificate() {
        return Err(VerifyError::KeyMismatch);
    }
    let SignatureContent::DsseEnvelope(envelope) = &bundle.inner().content else {
        // https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md: images are signed with statements. A
        // signature over a manifest's bytes says nothing about what it is for, and cosign refuses it too.
        return Err(VerifyError::TypeMismatch(
            "it is a signature over bytes, as for files, and not over a statement about an image".into(),
        ));
    };
    let signature = envelope.signature.sig.as_bytes();
    // https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, verification, steps 1 to 3
    let hash = match key::check(anchor, message, signature, budget).map_err(VerifyError::Budget)? {
        Check::Holds(hash) => hash,
        // Nothing is chosen by the hint, but it says whether a signature was meant to be by this key.
        Check::Fails if bundle.key_hint() == Some(&hint(anchor.public_key().fingerprint())) => {
            return Err(VerifyError::SignatureInvalid);
        }
        Check::Fails => return Err(VerifyError::KeyMismatch),
    };
    // The same, step 4: the type, and only now the payload
    subject::payload_type(&envelope.payload_type)?;
    let payload = envelope.payload.as_bytes();
    let statement = Statement::parse(payload)?;
    let (kind, judged) = subject::statement(&statement, case.image)?;
    let mut steps = vec![Step::Signature];
    steps.extend(judged);
    if !bundle.inner().verification_material.tlog_entries.is_empty() {
        let signed = Signed {
            key: anchor.public_key(),
            hash,
            signature,
            message,
            envelope: Some(SignedEnvelope { digest: artifact, payload_type: &envelope.payload_type, payload }),
        };
        let logs = case.logs.map_err(Clone::clone)?;
        steps.extend(logs.beside_bundle(bundle, case.image, &signed, case.now, budget)?);
    }
    Ok(Proof { kind, steps })
}

/// <https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md>: the hint is the key's fingerprint in base64.
fn hint(fingerprint: Digest) -> String {
    STANDARD.encode(fingerprint.as_bytes())
}
