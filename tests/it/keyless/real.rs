//! What others have signed, years ago, with the public-good instance.

use std::fs;
use std::path::Path as FilePath;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::evidence::{Bundle, Descriptor};
use countersign::policy::{Identity, Matcher, SignerRule};
use countersign::verify::{File, verify_file};
use nonempty::NonEmpty;

use super::*;
use crate::support::vectors;

const ISSUER: &str = "https://token.actions.githubusercontent.com";

fn public_good() -> Anchor {
    let root = Arc::new(TrustedRoot::public_good().unwrap());
    Anchor::keyless(Arc::clone(&root), Proofs::derived_from(&root))
}

/// The workflow of a release of slsa-github-generator.
fn generator(workflow: &str, version: &str) -> Identity {
    let repository = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows";
    let subject = format!("{repository}/{workflow}.yml@refs/tags/{version}");
    Identity {
        issuer: Some(Matcher::exact(ISSUER).unwrap()),
        subject: Matcher::exact(subject).unwrap(),
        extensions: Vec::new(),
    }
}

fn json(path: &FilePath) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The image of an OCI layout, and the layers of its `.att` manifest.
fn read_image(layout: &FilePath) -> (Digest, Vec<Artifact>) {
    let blob = |digest: &str| layout.join("blobs").join(digest.replace(':', "/"));
    let (mut image, mut artifacts) = (None, Vec::new());
    for manifest in json(&layout.join("index.json"))["manifests"].as_array().unwrap() {
        let digest = manifest["digest"].as_str().unwrap();
        if manifest["annotations"]["kind"] != "dev.cosignproject.cosign/atts" {
            image = Some(digest.parse().unwrap());
            continue;
        }
        for layer in json(&blob(digest))["layers"].as_array().unwrap() {
            let bytes = fs::read(blob(layer["digest"].as_str().unwrap())).unwrap();
            let mut descriptor = Descriptor::of(layer["mediaType"].as_str().unwrap(), &bytes);
            for (name, value) in layer["annotations"].as_object().unwrap() {
                descriptor = descriptor.with_annotation(name, value.as_str().unwrap());
            }
            artifacts.push(Artifact::from_envelope_layer(&descriptor, &bytes));
        }
    }
    (image.unwrap(), artifacts)
}

#[test]
fn two_real_images_are_by_whom_they_are() {
    let Some(folder) = vectors::folder() else {
        vectors::say("real images: ABSENT");
        return;
    };
    let anchor = Arc::new(public_good());
    let mut accepted = 0;
    for (name, version) in [("slsa-v1.8.0", "v1.8.0"), ("slsa-v2.1.0", "v2.1.0")] {
        let (image, artifacts) = read_image(&folder.join("images").join(name));
        let answers = [(Path::AttestationTag, Answer::Answered(artifacts))].into_iter().collect();
        let evidence = |image| {
            Evidence::new(ImageDigest::new("registry.example/app".parse().unwrap(), image), BTreeMap::clone(&answers))
        };
        let judged = |image| verify(&evidence(image), std::slice::from_ref(&anchor), now(), &mut Budget::per_image());
        let facts = judged(image);
        let [fact] = facts.facts() else { panic!("{name}: {:?}", facts.rejections()) };
        let by = |identity| SignerRule::keyless(Arc::clone(&anchor), NonEmpty::new(identity)).accepts(fact.signer());
        assert!(by(generator("generator_container_slsa3", version)), "{:?}", certificate(fact).subjects());
        assert!(!by(generator("generator_container_slsa3", "v9.9.9")), "{name}: another version");
        assert!(!by(generator("builder_go_slsa3", version)), "{name}: another workflow");
        let wrong_issuer = Identity {
            issuer: Some(Matcher::exact("https://accounts.google.com").unwrap()),
            ..generator("generator_container_slsa3", version)
        };
        assert!(!by(wrong_issuer), "{name}: another issuer");
        // Another image, and another root.
        assert!(judged(Digest::of(b"another")).facts().is_empty());
        let stranger = Arc::new(self::anchor(&Sigstore::new()));
        let facts = verify(&evidence(image), &[stranger], now(), &mut Budget::per_image());
        assert!(matches!(facts.rejections()[0].error, VerifyError::LogEntryMissing { .. }), "{:?}", facts.rejections());
        accepted += 1;
    }
    vectors::say(&format!("real images: accepts {accepted}/2"));
}

#[test]
fn real_bundles_are_by_whom_they_are() {
    let Some(folder) = vectors::folder() else {
        vectors::say("real bundles: ABSENT");
        return;
    };
    let path = folder.join("bundles/go-v2.1.0-binary-linux-amd64-workflow_dispatch.intoto.jsonl");
    let bundle = Bundle::parse(&fs::read(path).unwrap()).unwrap();
    let digest = |hex: &str| -> Vec<u8> {
        hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    };
    let right = digest("f6ab7ad0c7549b5a4942c3b0690519d791c28c4c0f8b286208cb40da3322a066");
    let judged = |digest: &[u8]| {
        let file = File::of_digest(countersign::trust::HashAlgorithm::Sha256, digest).unwrap();
        verify_file(&bundle, &file, &public_good(), now(), &mut Budget::per_image())
    };
    let proof = judged(&right).unwrap();
    let rule =
        |version| SignerRule::keyless(Arc::new(public_good()), NonEmpty::new(generator("builder_go_slsa3", version)));
    assert!(rule("v2.1.0").accepts(proof.signer()));
    assert!(!rule("v2.0.0").accepts(proof.signer()));
    assert_eq!(proof.statement().unwrap().predicate_type(), "https://slsa.dev/provenance/v0.2");
    let wrong = judged(&[0; 32]).map(|_| ()).unwrap_err();
    assert!(matches!(wrong, VerifyError::SubjectMismatch { .. }), "{wrong}");
    // What slsa-github-generator v1.7 wrote: an envelope with a certificate in it, and the entry left in the log. Offline
    // it proves nothing, and says so.
    let path = folder.join("bundles/go-v1.7.0-binary-linux-amd64-workflow_dispatch.intoto.jsonl");
    let text = fs::read(path).unwrap();
    let error = Bundle::parse(&text).unwrap_err().to_string();
    assert!(error.contains("mediaType"), "{error}");
    let envelope: Value = serde_json::from_slice(&text).unwrap();
    assert!(STANDARD.decode(envelope["payload"].as_str().unwrap()).is_ok());
    vectors::say("real bundles: accepts 1/1 rejects 1/1");
}
