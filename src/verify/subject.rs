//! Whether what was signed is about this image, and what kind of claim it is.

use std::collections::BTreeMap;

use super::{FactKind, Held, Step, VerifyError};
use crate::evidence::{SimpleSigning, Statement, StatementSubject, media_type};
use crate::image::Digest;

/// Reads a simple-signing payload whose signature was verified.
pub(super) fn simple_signing(payload: &[u8], image: Digest, held: &mut Held) -> Result<FactKind, VerifyError> {
    let payload = SimpleSigning::parse(payload)?;
    // https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#simple-signing: `critical.type`
    if payload.kind() != SimpleSigning::COSIGN {
        return Err(VerifyError::type_mismatch("the payload's `critical.type` is", payload.kind()));
    }
    held.steps.push(Step::Type);
    // The same section: `critical.image.docker-manifest-digest`
    if payload.digest() != image {
        held.kind = Some(FactKind::Signature { annotations: BTreeMap::new() });
        return Err(VerifyError::SubjectMismatch { found: payload.digest().to_string() });
    }
    held.steps.push(Step::Subject);
    Ok(FactKind::Signature { annotations: payload.annotations().clone() })
}

/// Checks the type of an envelope's payload, which decides how it is read
/// (<https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>, verification: reject unsupported types).
pub(super) fn payload_type(payload_type: &str) -> Result<(), VerifyError> {
    if payload_type == media_type::IN_TOTO {
        return Ok(());
    }
    Err(VerifyError::type_mismatch("the envelope's payload type is", payload_type))
}

/// Judges a statement whose signature was verified.
pub(super) fn statement(statement: &Statement, image: Digest, held: &mut Held) -> Result<FactKind, VerifyError> {
    // https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md: the predicate type says which of both it is
    // (GHSA-w6c6-c85g-mmv6).
    let kind = |annotations: Option<&BTreeMap<String, String>>| {
        if statement.predicate_type() == Statement::COSIGN_SIGN {
            FactKind::Signature { annotations: annotations.cloned().unwrap_or_default() }
        } else {
            FactKind::Attestation(statement.clone())
        }
    };
    held.steps.push(Step::Type);
    // https://github.com/in-toto/attestation/blob/main/docs/validation.md#validation-model: a subject matches if one
    // of its digests does. An index and its children are different artifacts, and only SHA-256 names an image here.
    let Some(subject) = statement.subjects().iter().find(|subject| subject.is(image)) else {
        // https://slsa.dev/spec/v1.2/verification_summary, source track: the subject is a revision. It is no fact about the
        // image, and counts only where provenance, which is one, names the commit.
        if statement.predicate_type() == Statement::VERIFICATION_SUMMARY && statement.is_about_commits() {
            held.steps.push(Step::Subject);
            return Ok(FactKind::SourceSummary(statement.clone()));
        }
        held.kind = Some(kind(None));
        return Err(VerifyError::SubjectMismatch { found: name(statement) });
    };
    held.steps.push(Step::Subject);
    Ok(kind(Some(subject.annotations())))
}

/// What the statement is about, for people: by digest, since names are what the signer liked to write.
pub(super) fn name(statement: &Statement) -> String {
    let digests: BTreeMap<_, _> = statement.subjects().iter().flat_map(StatementSubject::digests).take(1).collect();
    let first =
        digests.iter().map(|(algorithm, hex)| format!("{algorithm}:{hex}")).next().unwrap_or_else(|| "nothing".into());
    let first = super::error::one_line(&first);
    match statement.subjects().len().saturating_sub(1) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
