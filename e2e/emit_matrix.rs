//! The matrix of `formats.md`: what countersign emits, by layout, kind of key, registry and verifier. A cell in which a
//! verifier cannot do it is asserted to be refused, and says why.

use serde_json::Value;

use crate::support::cosign::{Cosign, KeyPair, Layout};
use crate::support::countersign::{countersign, countersign_alone};
use crate::support::process::Outcome;
use crate::support::registry::{Image, Kind, Registry};
use crate::support::scratch;

/// The kinds of keys, and why cosign does not verify what they sign without being told how, where it does not.
const KEYS: [(&str, Option<&str>); 7] = [
    ("ecdsa-p256", None),
    ("ecdsa-p384", Some("signed with SHA-384, where cosign expects SHA-256 whatever the curve")),
    ("ecdsa-p521", None),
    ("rsa-2048", None),
    ("rsa-3072", None),
    ("rsa-4096", None),
    ("ed25519", None),
];

/// What is asked for, and the layouts that come of it.
const FORMATS: [(&str, &[Layout]); 3] =
    [("legacy", &[Layout::Tags]), ("bundle", &[Layout::Bundle]), ("both", &[Layout::Tags, Layout::Bundle])];

#[test]
fn every_layout_and_key_in_a_registry_with_referrers() {
    every_cell(Kind::Referrers);
}

#[test]
fn every_layout_and_key_in_distribution() {
    every_cell(Kind::Tags);
}

fn every_cell(kind: Kind) {
    let registry = Registry::shared(kind);
    for (name, refused_by_cosign) in KEYS {
        let key = key(name);
        for (format, layouts) in FORMATS {
            let cell = format!("{kind:?} {name} {format}");
            let image = registry.push(&format!("matrix/{name}/{format}"), "v1");
            sign(registry, &key, &image, &["--format", format]).expect_success();
            attest(registry, &key, &image, &["--format", format]).expect_success();
            verified(registry, &key, &image).expect_success();
            assert_eq!(verified(registry, KeyPair::foreign(), &image).code(), 1, "{cell}");
            for layout in layouts {
                for cosign in Cosign::ALL {
                    let signature = cosign.verify(registry, &key, &image.by_digest(), *layout);
                    let attestation = cosign.verify_attestation(registry, &key, &image.by_digest(), *layout);
                    for seen in [signature, attestation] {
                        match refused_by_cosign {
                            None => assert!(seen.succeeded(), "{cell} {layout:?} {cosign:?}: {seen}"),
                            Some(why) => assert!(!seen.succeeded(), "{cell} {layout:?} {cosign:?}, but {why}: {seen}"),
                        }
                    }
                }
            }
        }
    }
}

/// A new key of this kind.
fn key(kind: &str) -> KeyPair {
    let prefix = scratch::folder("matrix").join(kind);
    let path = prefix.display().to_string();
    countersign_alone(&["key", "generate", "--kind", kind, "--output-key-prefix", &path]).expect_success();
    KeyPair::at(&prefix)
}

fn sign(registry: &Registry, key: &KeyPair, image: &Image, more: &[&str]) -> Outcome {
    let private = key.private.display().to_string();
    countersign(&[&["sign", &image.by_digest(), "--key", &private], more].concat(), registry)
}

fn attest(registry: &Registry, key: &KeyPair, image: &Image, more: &[&str]) -> Outcome {
    let private = key.private.display().to_string();
    let predicate = scratch::file(&scratch::folder("predicate"), "predicate.json", r#"{"tests":"passed"}"#);
    let about = ["attest", &image.by_digest(), "--type", "custom", "--predicate", &predicate.display().to_string()]
        .map(str::to_owned);
    let about: Vec<&str> = about.iter().map(String::as_str).collect();
    countersign(&[&about[..], &["--key", &private], more].concat(), registry)
}

fn verified(registry: &Registry, key: &KeyPair, image: &Image) -> Outcome {
    countersign(&["verify", &image.by_digest(), "--key", &key.public.display().to_string()], registry)
}

/// How many signatures and attestations of this key lie beside the image, by place.
fn count(registry: &Registry, key: &KeyPair, image: &Image, place: &str, what: &str) -> usize {
    let public = key.public.display().to_string();
    let tree = countersign(&["tree", &image.by_digest(), "--key", &public, "-o", "json"], registry).expect_success();
    let tree: Value = serde_json::from_str(&tree).expect("a tree");
    let leaves = tree["attached"].as_array().expect("what is attached").clone();
    let is_it = |leaf: &&Value| leaf["place"] == place && leaf["what"] == what && leaf["verdict"] == "verified";
    leaves.iter().filter(is_it).count()
}

#[test]
fn what_is_signed_again_replaces_and_what_is_attested_again_appends() {
    let custom = crate::support::cosign::CUSTOM_PREDICATE;
    for kind in [Kind::Referrers, Kind::Tags] {
        let registry = Registry::shared(kind);
        let key = KeyPair::trusted();
        let image = registry.push("matrix/again", "v1");
        let both = |what: &str| [".sig", ".att", "referrers"].map(|place| count(registry, key, &image, place, what));
        for _ in 0..2 {
            sign(registry, key, &image, &[]).expect_success();
        }
        assert_eq!(both("signature"), [1, 0, 1], "{kind:?}: the second takes the place of the first");
        sign(registry, key, &image, &["--append"]).expect_success();
        assert_eq!(both("signature"), [2, 0, 2], "{kind:?}: one more");
        sign(registry, key, &image, &["-a", "build=42"]).expect_success();
        assert_eq!(both("signature"), [3, 0, 3], "{kind:?}: other annotations say another thing");
        sign(registry, KeyPair::foreign(), &image, &[]).expect_success();
        assert_eq!(both("signature"), [3, 0, 3], "{kind:?}: another's replaces none of this key");

        for _ in 0..2 {
            attest(registry, key, &image, &[]).expect_success();
        }
        assert_eq!(both(custom), [0, 2, 2], "{kind:?}: attestations are added");
        attest(registry, key, &image, &["--replace"]).expect_success();
        assert_eq!(both(custom), [0, 1, 1], "{kind:?}: and replaced where that is asked for");
        assert_eq!(both("signature"), [3, 0, 3], "{kind:?}");
    }
}

#[test]
fn many_signers_at_once_lose_nothing() {
    for kind in [Kind::Referrers, Kind::Tags] {
        let registry = Registry::shared(kind);
        let key = KeyPair::trusted();
        let image = registry.push("matrix/many", "v1");
        std::thread::scope(|scope| {
            for index in 0..8 {
                let image = &image;
                scope.spawn(move || {
                    sign(registry, key, image, &["-a", &format!("signer={index}")]).expect_success();
                });
            }
        });
        for place in [".sig", "referrers"] {
            assert_eq!(count(registry, key, &image, place, "signature"), 8, "{kind:?} {place}");
        }
    }
}

#[test]
fn a_copy_has_all_the_evidence() {
    let [from, to] = [Kind::Referrers, Kind::Tags].map(Registry::shared);
    for (from, to, name) in [(from, to, "there"), (to, from, "back")] {
        let key = KeyPair::trusted();
        let image = from.push(&format!("matrix/copy-{name}"), "v1");
        sign(from, key, &image, &[]).expect_success();
        attest(from, key, &image, &[]).expect_success();
        let target = format!("{}/matrix/copied-{name}", to.host());
        let destination = format!("{target}:v2");
        countersign(&["copy", &image.by_tag(), &destination, "--plain-http", to.host()], from).expect_success();
        let copied = format!("{target}@{}", image.digest);
        for layout in Layout::ALL {
            for cosign in Cosign::ALL {
                cosign.verify(to, key, &copied, layout).expect_success();
                cosign.verify_attestation(to, key, &copied, layout).expect_success();
                assert!(!cosign.verify(to, KeyPair::foreign(), &copied, layout).succeeded());
            }
        }
        let public = key.public.display().to_string();
        countersign(&["verify", &destination, "--key", &public], to).expect_success();
    }
}

#[test]
fn a_tag_that_moves_takes_no_signature_with_it() {
    let registry = Registry::shared(Kind::Referrers);
    let key = KeyPair::trusted();
    let private = key.private.display().to_string();
    let first = registry.push("matrix/moving", "v1");
    let signed = countersign(&["sign", &first.by_tag(), "--key", &private], registry).expect_success();
    assert!(signed.contains(&first.digest), "{signed}");
    let second = registry.push("matrix/moving", "v1");
    assert_ne!(first.digest, second.digest);
    verified(registry, key, &first).expect_success();
    assert_eq!(verified(registry, key, &second).code(), 1);
    // The digest that an earlier step noted is no longer the tag's.
    let mismatch = countersign(&["sign", &second.by_tag(), "--digest", &first.digest, "--key", &private], registry);
    assert_eq!(mismatch.code(), 1, "{mismatch}");
    assert_eq!(verified(registry, key, &second).code(), 1, "nothing was signed");
}
