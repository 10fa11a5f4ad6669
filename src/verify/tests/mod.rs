//! The mutation matrix: one good artifact of each layout, and everything that verification reads of it broken, one thing
//! at a time.

mod artifacts;
mod bundle;
mod envelope;
mod log;
mod signature_layer;
mod union;

use std::collections::BTreeMap;

use super::testing::Signer;
use super::*;
use crate::evidence::{Artifact, ArtifactError};
use crate::image::{Digest, ImageDigest};
use crate::limits::REJECTIONS_PER_IMAGE;
use crate::trust::HashAlgorithm;

/// The image that every good artifact is about.
fn image() -> Digest {
    Digest::of(b"the image")
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn evidence(artifacts: Vec<Artifact>) -> Evidence {
    let mut answers: BTreeMap<Path, Answer> = Path::ALL.into_iter().map(|path| (path, Answer::Absent)).collect();
    for artifact in artifacts {
        let answer = answers.get_mut(&artifact.path).unwrap();
        if let Answer::Answered(list) = answer {
            list.push(artifact);
        } else {
            *answer = Answer::Answered(vec![artifact]);
        }
    }
    Evidence::new(ImageDigest::new("registry.test/app".parse().unwrap(), image()), answers)
}

fn anchor(signer: &Signer) -> Arc<Anchor> {
    Arc::new(signer.anchor(HashAlgorithm::Sha256))
}

/// What becomes of one artifact held against one key.
fn judge(artifact: Artifact, anchor: &Arc<Anchor>) -> Result<Fact, VerifyError> {
    let evidence = evidence(vec![artifact]);
    let facts = verify(&evidence, std::slice::from_ref(anchor), now(), &mut Budget::per_image());
    match (facts.facts(), facts.rejections()) {
        ([fact], []) => Ok(fact.clone()),
        ([], [rejection]) => Err(rejection.error.clone()),
        other => panic!("one artifact and one key: {other:?}"),
    }
}

/// The annotations of a verified signature.
fn annotations(fact: &Fact) -> &BTreeMap<String, String> {
    match fact.kind() {
        FactKind::Signature { annotations } => annotations,
        FactKind::Attestation(statement) | FactKind::SourceSummary(statement) => panic!("a statement: {statement:?}"),
    }
}

/// The predicate type of a verified attestation.
fn predicate_type(fact: &Fact) -> &str {
    match fact.kind() {
        FactKind::Attestation(statement) => statement.predicate_type(),
        FactKind::Signature { annotations } => panic!("a signature: {annotations:?}"),
        FactKind::SourceSummary(statement) => panic!("about a source: {statement:?}"),
    }
}

/// What an error is, as the rows of the matrix spell it.
#[track_caller]
fn assert_error(row: &str, result: Result<Fact, VerifyError>, expected: &Expected) {
    let error = result.map(|fact| panic!("{row}: accepted as {fact:?}")).unwrap_err();
    let matches = match expected {
        Expected::Exactly(expected) => error == *expected,
        Expected::Malformed(part, detail) => matches!(
            &error,
            VerifyError::Artifact(ArtifactError::Malformed { what, detail: found })
                if what == part && found.contains(detail)
        ),
        Expected::Limit(text) => {
            matches!(&error, VerifyError::Artifact(ArtifactError::LimitExceeded(exceeded)) if exceeded.to_string() == *text)
        }
        Expected::Type(detail) => matches!(&error, VerifyError::TypeMismatch(found) if found.contains(detail)),
        Expected::Log(detail) => matches!(&error, VerifyError::LogEntry(found) if found.contains(detail)),
    };
    assert!(matches, "{row}: {error:?} instead of {expected:?}");
}

#[derive(Debug)]
enum Expected {
    Exactly(VerifyError),
    Limit(&'static str),
    Log(&'static str),
    Malformed(&'static str, &'static str),
    Type(&'static str),
}

impl Expected {
    const KEY: Self = Self::Exactly(VerifyError::KeyMismatch);
    const SIGNATURE: Self = Self::Exactly(VerifyError::SignatureInvalid);

    fn subject(found: impl Into<String>) -> Self {
        Self::Exactly(VerifyError::SubjectMismatch { found: found.into() })
    }
}
