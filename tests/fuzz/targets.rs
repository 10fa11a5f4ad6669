//! The fuzz targets, each a plain function: `tests/it/fuzzing.rs` runs them over seeded inputs at every test run, and
//! cargo-fuzz may run them without end. None may panic, whatever the bytes are; the assertions say what must hold of
//! what was read.

#![expect(unreachable_pub, reason = "the packages that include this file call them from outside")]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use countersign::evidence::{
    Answer, Artifact, Bundle, Descriptor, Envelope, Evidence, Index, Manifest, ManifestError, Path, SimpleSigning,
    Statement, annotation, media_type,
};
use countersign::image::{Digest, ImageDigest};
use countersign::limits::Budget;
use countersign::registry::{Challenge, DockerConfig};
use countersign::trust::{Anchor, HashAlgorithm, Proofs, PublicKey, TrustedRoot};
use countersign::verify::verify;

/// A key whose private half was thrown away: nothing verifies with it.
const KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDNUyy5vAF2OTxbk9NhC2/raolzS0
qG/k6fRfusdmlhQHYuzA/4z+NbS89RpG8qoJ/7mkgGwaT9phsKzF69Ab2A==
-----END PUBLIC KEY-----
";

/// A Sigstore bundle, parsed and verified.
pub fn bundle(bytes: &[u8]) {
    if let Ok(bundle) = Bundle::parse(bytes) {
        assert_ne!(bundle.version(), "unknown");
        assert_ne!(bundle.has_certificate(), bundle.key_hint().is_some());
    }
    proves_nothing(Artifact::from_bundle(Digest::of(bytes), bytes));
}

/// A DSSE envelope, parsed and verified.
pub fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::parse(bytes) {
        assert!(!envelope.signatures().is_empty());
        assert!(envelope.signatures().iter().all(|signature| !signature.bytes().is_empty()));
        assert!(envelope.signed_bytes().ends_with(envelope.payload()));
    }
    proves_nothing(Artifact::from_envelope_layer(&Descriptor::of(media_type::DSSE, bytes), bytes));
}

/// A manifest or index: no bytes are both.
pub fn manifest_and_index(bytes: &[u8]) {
    let (manifest, index) = (Manifest::parse(bytes), Index::parse(bytes));
    if manifest.is_ok() {
        assert_eq!(index, Err(ManifestError::IsManifest));
    }
    if index.is_ok() {
        assert_eq!(manifest, Err(ManifestError::IsIndex));
    }
}

/// A simple-signing payload, parsed, and verified under a signature that is none.
pub fn simple_signing(bytes: &[u8]) {
    if let Ok(payload) = SimpleSigning::parse(bytes) {
        assert!(String::from_utf8_lossy(bytes).contains("critical"), "{payload:?}");
    }
    let layer = Descriptor::of(media_type::SIMPLE_SIGNING, bytes).with_annotation(annotation::SIGNATURE, "AAAA");
    proves_nothing(Artifact::from_signature_layer(&layer, bytes));
}

/// An in-toto statement.
pub fn statement(bytes: &[u8]) {
    if let Ok(statement) = Statement::parse(bytes) {
        assert!([Statement::V1, Statement::V01].contains(&statement.kind()));
        assert!(!statement.predicate_type().is_empty());
        // Byte for byte as it was signed, and readable for whoever comes next.
        let predicate = statement.predicate_raw();
        assert!(predicate == "null" || bytes.windows(predicate.len()).any(|part| part == predicate.as_bytes()));
        assert!(serde_json::from_str::<serde_json::Value>(predicate).is_ok());
    }
}

/// A public key, in PEM and in DER.
pub fn public_key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for key in [PublicKey::from_der(bytes), PublicKey::from_pem(&text)].into_iter().flatten() {
        assert_eq!(PublicKey::from_der(key.spki_der()), Ok(key));
    }
}

/// A `WWW-Authenticate` header.
pub fn challenge(bytes: &[u8]) {
    for challenge in Challenge::parse(bytes).into_iter().flatten() {
        match challenge {
            Challenge::Basic => {}
            Challenge::Bearer(bearer) => {
                assert!(!bearer.realm.is_empty());
                assert!(!bearer.realm.contains(|c: char| c.is_control() && c != '\t'), "{bearer:?}");
            }
            Challenge::Other(scheme) => assert!(scheme.is_ascii() && !scheme.is_empty(), "{scheme}"),
        }
    }
}

/// A docker configuration: what it says of itself holds none of its secrets.
pub fn docker_config(bytes: &[u8]) {
    for config in [DockerConfig::parse(bytes), DockerConfig::parse_legacy(bytes)] {
        let said = match config {
            Ok(config) => format!("{config:?}"),
            Err(error) => error.to_string(),
        };
        assert!(!said.contains("hunter2"), "{said}");
    }
}

/// What was not signed with the key, or with a certificate of the public-good instance, proves nothing, whatever it is.
fn proves_nothing(artifact: Artifact) {
    static ANCHORS: LazyLock<[Arc<Anchor>; 2]> = LazyLock::new(|| {
        let key = PublicKey::from_pem(KEY).unwrap();
        let root = Arc::new(TrustedRoot::public_good().unwrap());
        let keyless = Anchor::keyless(Arc::clone(&root), Proofs::derived_from(&root));
        [Arc::new(Anchor::key(key, HashAlgorithm::Sha256, Proofs::beside_key())), Arc::new(keyless)]
    });
    let subject = ImageDigest::new("registry.test/app".parse().unwrap(), Digest::of(b"the image"));
    let answers = BTreeMap::from([(Path::Referrers, Answer::Answered(vec![artifact]))]);
    let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let facts = verify(&Evidence::new(subject, answers), &*ANCHORS, now, &mut Budget::per_image());
    assert!(facts.facts().is_empty());
    // Once if it cannot be read, and else once for each anchor.
    assert!((1..=2).contains(&facts.rejections().len()));
    for rejection in facts.rejections() {
        let message = rejection.error.to_string();
        assert!(!message.contains(char::is_control), "{message:?}");
        assert!(message.chars().count() < 400, "{message}");
    }
}
