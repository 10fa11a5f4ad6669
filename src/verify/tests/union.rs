//! Several artifacts and several anchors.

use super::artifacts::{CUSTOM, SIGN, SignatureParts, attestation, referrer, signed_bundle, signed_envelope};
use super::artifacts::{simple_signing, statement};
use super::*;
use crate::evidence::{Unasked, UnaskedKind};
use crate::limits::{Exceeded, Scope};

fn verify_all(artifacts: Vec<Artifact>, anchors: &[Arc<Anchor>], budget: &mut Budget) -> Facts {
    verify(&evidence(artifacts), anchors, now(), budget)
}

#[test]
fn every_path_counts_whatever_lies_beside() {
    // N1
    let (signer, stranger) = (Signer::p256(), Signer::p256());
    let anchor = anchor(&signer);
    let broken = ArtifactError::malformed("the layer", "broken");
    let facts = verify_all(
        vec![
            Artifact::unreadable(Path::SignatureTag, image(), broken.clone()),
            SignatureParts::signed(&simple_signing(), &stranger).artifact(),
            SignatureParts::signed(&simple_signing(), &signer).artifact(),
            Artifact::unreadable(Path::Referrers, image(), ArtifactError::Unsupported("a Notary Project signature")),
            referrer(&signed_bundle(&statement(SIGN), &signer)),
            referrer(&signed_bundle(&statement(CUSTOM), &signer)),
            attestation(&signed_envelope(&statement(CUSTOM), &stranger)),
            attestation(&signed_envelope(&statement(CUSTOM), &signer)),
        ],
        std::slice::from_ref(&anchor),
        &mut Budget::per_image(),
    );
    let found: Vec<_> =
        facts.facts().iter().map(|fact| (fact.path(), matches!(fact.kind(), FactKind::Signature { .. }))).collect();
    assert_eq!(
        found,
        [(Path::AttestationTag, false), (Path::Referrers, true), (Path::Referrers, false), (Path::SignatureTag, true)]
    );
    let errors: Vec<_> = facts.rejections().iter().map(|rejection| (rejection.anchor, &rejection.error)).collect();
    assert_eq!(
        errors,
        [
            (Some(anchor.id()), &VerifyError::KeyMismatch),
            (None, &VerifyError::Artifact(ArtifactError::Unsupported("a Notary Project signature"))),
            (None, &VerifyError::Artifact(broken)),
            (Some(anchor.id()), &VerifyError::KeyMismatch),
        ]
    );
}

#[test]
fn each_anchor_is_held_against_each_artifact_once() {
    let (one, two) = (Signer::p256(), Signer::p256());
    let anchors = [anchor(&one), anchor(&two), anchor(&one)];
    let facts = verify_all(
        vec![SignatureParts::signed(&simple_signing(), &one).artifact()],
        &anchors,
        &mut Budget::per_image(),
    );
    assert_eq!(facts.facts().len(), 1);
    assert_eq!(facts.facts()[0].anchor(), anchors[0].id());
    assert_eq!(facts.rejections().len(), 1);
    assert_eq!(facts.rejections()[0].anchor, Some(anchors[1].id()));
    // No anchor, no fact, and no reason to look.
    let facts = verify_all(
        vec![SignatureParts::signed(&simple_signing(), &one).artifact()],
        &[],
        &mut Budget::of_signature_checks(0),
    );
    assert!(facts.facts().is_empty() && facts.rejections().is_empty());
}

#[test]
fn what_could_not_be_asked_is_kept() {
    let signer = Signer::p256();
    let unasked = Unasked::new(UnaskedKind::Unavailable, "connection refused");
    let mut answers = BTreeMap::new();
    answers.insert(Path::Referrers, Answer::Unasked(unasked.clone()));
    answers.insert(Path::SignatureTag, Answer::Absent);
    let evidence = Evidence::new(ImageDigest::new("registry.test/app".parse().unwrap(), image()), answers);
    let facts = verify(&evidence, &[anchor(&signer)], now(), &mut Budget::per_image());
    assert_eq!(facts.unasked(), [(Path::Referrers, unasked)]);
    assert_eq!(facts.subject().digest(), image());
    assert!(facts.facts().is_empty());
}

#[test]
fn a_used_up_budget_rejects_the_rest() {
    let (signer, stranger) = (Signer::p256(), Signer::p256());
    let anchors = [anchor(&signer)];
    let mut artifacts = vec![SignatureParts::signed(&simple_signing(), &signer).artifact()];
    artifacts.extend((0..3).map(|_| SignatureParts::signed(&simple_signing(), &stranger).artifact()));
    artifacts.push(SignatureParts::signed(&simple_signing(), &signer).artifact());
    let facts = verify_all(artifacts, &anchors, &mut Budget::of_signature_checks(2));
    assert_eq!(facts.facts().len(), 1);
    let exceeded = VerifyError::Budget(Exceeded::new("signature checks for one image", 2000, Scope::Request));
    let errors: Vec<_> = facts.rejections().iter().map(|rejection| (rejection.anchor, &rejection.error)).collect();
    assert_eq!(
        errors,
        [
            (Some(anchors[0].id()), &VerifyError::KeyMismatch),
            (Some(anchors[0].id()), &exceeded),
            (None, &exceeded),
            (None, &exceeded),
        ]
    );
}

#[test]
fn rejections_are_bounded_and_the_budgets_is_kept() {
    let stranger = Signer::p256();
    let anchors: Vec<_> = (0..12).map(|_| anchor(&Signer::p256())).collect();
    let artifact = SignatureParts::signed(&simple_signing(), &stranger).artifact();
    let artifacts = vec![artifact; 200];
    let facts = verify_all(artifacts, &anchors, &mut Budget::per_image());
    // 2000 checks are 166 artifacts and 8 anchors of the next.
    assert_eq!(facts.rejections().len(), REJECTIONS_PER_IMAGE + 1);
    let last = facts.rejections().last().unwrap();
    assert!(matches!(last.error, VerifyError::Budget(_)));
}

#[test]
fn a_hash_that_the_policy_does_not_take_is_named() {
    // T60c
    for (name, signer, hash) in Signer::every() {
        for policy in [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512] {
            let anchor = Arc::new(signer.anchor(policy));
            let artifacts = [
                SignatureParts::signed(&simple_signing(), signer).artifact(),
                referrer(&signed_bundle(&statement(SIGN), signer)),
                attestation(&signed_envelope(&statement(CUSTOM), signer)),
            ];
            for artifact in artifacts {
                let taken = match *name {
                    "Ed25519" => true,
                    "P-384" => policy != HashAlgorithm::Sha512,
                    "P-521" => policy != HashAlgorithm::Sha384,
                    _ => policy == *hash,
                };
                let result = judge(artifact, &anchor);
                if taken {
                    assert!(result.is_ok(), "{name} {policy:?}");
                } else {
                    let expected = Expected::Exactly(VerifyError::AlgorithmMismatch);
                    assert_error(&format!("{name} {policy:?}"), result, &expected);
                }
            }
        }
    }
}
