//! The layers of `.sig` and `.att` manifests, signed with a managed key.

use super::case::{Case, Proof};
use super::key::{self, Check};
use super::log::{Signed, SignedEnvelope};
use super::message::Message;
use super::subject::{self, Claim};
use super::{Step, VerifyError};
use crate::evidence::{Envelope, Material, SignatureLayer, Statement};
use crate::image::Digest;
use crate::limits::Budget;

/// Verifies a layer of a `.sig` manifest
/// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>).
pub(super) fn signature(
    layer: &SignatureLayer,
    message: &Message<'_>,
    case: &Case<'_>,
    budget: &mut Budget,
) -> Result<Proof, VerifyError> {
    // The same, signature schemes: over the bytes of the payload as they are. A certificate in the annotations is no
    // key; nothing but the anchor's counts.
    let signature = layer.signature();
    let hash = match key::check(case.anchor, message, signature, budget).map_err(VerifyError::Budget)? {
        Check::Holds(hash) => hash,
        Check::Fails => return Err(VerifyError::KeyMismatch),
    };
    let claim = subject::simple_signing(layer.payload(), case.image)?;
    let signed = Signed { key: case.anchor.public_key(), hash, signature, message, envelope: None };
    with_log(claim, layer.material(), &signed, case, budget)
}

/// Verifies a layer of an `.att` manifest
/// (<https://github.com/sigstore/cosign/blob/main/specs/ATTESTATION_SPEC.md>).
///
/// An envelope may carry the signatures of several signers; one that verifies with the anchor's key is enough, as
/// <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md> has it for a threshold of one, and it is in vain
/// to break the others. No key ID is looked at.
pub(super) fn attestation(
    envelope: &Envelope,
    artifact: Digest,
    message: &Message<'_>,
    case: &Case<'_>,
    budget: &mut Budget,
) -> Result<Proof, VerifyError> {
    let mut verified = None;
    for candidate in envelope.signatures() {
        let check = key::check(case.anchor, message, candidate.bytes(), budget).map_err(VerifyError::Budget)?;
        if let Check::Holds(hash) = check {
            verified = Some((candidate.bytes(), hash));
            break;
        }
    }
    let Some((signature, hash)) = verified else {
        return Err(VerifyError::KeyMismatch);
    };
    subject::payload_type(envelope.payload_type())?;
    let statement = Statement::parse(envelope.payload())?;
    let claim = subject::statement(&statement, case.image)?;
    let signed = Signed {
        key: case.anchor.public_key(),
        hash,
        signature,
        message,
        envelope: Some(SignedEnvelope {
            digest: artifact,
            payload_type: envelope.payload_type(),
            payload: envelope.payload(),
        }),
    };
    with_log(claim, envelope.material(), &signed, case, budget)
}

fn with_log(
    (kind, judged): Claim,
    material: &Material,
    signed: &Signed<'_>,
    case: &Case<'_>,
    budget: &mut Budget,
) -> Result<Proof, VerifyError> {
    let mut steps = vec![Step::Signature];
    steps.extend(judged);
    if let Some(annotation) = material.rekor_bundle() {
        let logs = case.logs.map_err(Clone::clone)?;
        steps.push(logs.beside_layer(annotation, signed, case.now, budget)?);
    }
    Ok(Proof { kind, steps })
}
