//! What countersign signs and attests, both versions of the real cosign verify, in both layouts.

use crate::support::cosign::{Cosign, KeyPair, Layout};
use crate::support::countersign::{countersign, countersign_alone};
use crate::support::registry::{Image, Kind, Registry};
use crate::support::scratch;

#[test]
fn into_a_registry_with_referrers() {
    both_cosigns_verify(Kind::Referrers);
}

#[test]
fn into_a_registry_with_referrers_over_tls_with_a_password() {
    both_cosigns_verify(Kind::ReferrersBasic);
}

#[test]
fn into_a_registry_with_referrers_over_tls_with_a_token() {
    both_cosigns_verify(Kind::ReferrersBearer);
}

#[test]
fn into_a_registry_without_referrers() {
    both_cosigns_verify(Kind::Tags);
}

#[test]
fn into_a_registry_without_referrers_over_tls_with_a_password() {
    both_cosigns_verify(Kind::TagsBasic);
}

#[test]
fn with_a_key_of_its_own_that_cosign_can_use() {
    let registry = Registry::shared(Kind::Referrers);
    let prefix = scratch::folder("own-key").join("own");
    let made = countersign_alone(&["key", "generate", "--output-key-prefix", &prefix.display().to_string()]);
    made.expect_success();
    let key = KeyPair::at(&prefix);

    for cosign in Cosign::ALL {
        let image = registry.push(&format!("own-key/{cosign:?}").to_lowercase(), "v1");
        cosign.sign(registry, &key, &image.by_digest());
        cosign.verify(registry, &key, &image.by_digest(), cosign.layout()).expect_success();
        let public = key.public.display().to_string();
        let seen = countersign(&["verify", &image.by_digest(), "--key", &public], registry);
        assert_eq!(seen.code(), 0, "{seen}");
    }
}

/// The kinds of keys whose signatures both versions of cosign verify without being told how. ECDSA P-384 is not among
/// them: cosign signs with SHA-384 then, as countersign does, and expects SHA-256.
#[test]
fn with_every_kind_of_key_that_cosign_verifies() {
    let registry = Registry::shared(Kind::Referrers);
    for kind in ["ecdsa-p256", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"] {
        let prefix = scratch::folder("kind").join(kind);
        let made = countersign_alone(&[
            "key",
            "generate",
            "--kind",
            kind,
            "--output-key-prefix",
            &prefix.display().to_string(),
        ]);
        made.expect_success();
        let key = KeyPair::at(&prefix);
        let image = registry.push(&format!("kind/{kind}"), "v1");
        let private = key.private.display().to_string();
        countersign(&["sign", &image.by_digest(), "--key", &private], registry).expect_success();
        for layout in Layout::ALL {
            for cosign in Cosign::ALL {
                cosign.verify(registry, &key, &image.by_digest(), layout).expect_success();
                let stranger = cosign.verify(registry, KeyPair::foreign(), &image.by_digest(), layout);
                assert!(!stranger.succeeded(), "{cosign:?} verified {kind} with another key\n{stranger}");
            }
        }
    }
}

#[test]
fn beside_what_cosign_has_signed_without_taking_it_away() {
    let registry = Registry::shared(Kind::Tags);
    let image = registry.push("beside/cosign", "v1");
    let (first, second) = (KeyPair::foreign(), KeyPair::trusted());
    Cosign::V2.sign(registry, first, &image.by_digest());
    Cosign::V3.sign(registry, first, &image.by_digest());
    sign(registry, &image, "both");
    for layout in Layout::ALL {
        for key in [first, second] {
            Cosign::strict_reader(layout).verify(registry, key, &image.by_digest(), layout).expect_success();
        }
    }
}

fn both_cosigns_verify(kind: Kind) {
    let registry = Registry::shared(kind);
    let key = KeyPair::trusted();
    for (format, layouts) in
        [("both", &Layout::ALL[..]), ("legacy", &[Layout::Tags][..]), ("bundle", &[Layout::Bundle][..])]
    {
        let signed = registry.push(&format!("ours/{format}/signed"), "v1");
        sign(registry, &signed, format);
        let attested = registry.push(&format!("ours/{format}/attested"), "v1");
        attest(registry, &attested, format);
        for layout in layouts {
            for cosign in Cosign::ALL {
                cosign.verify(registry, key, &signed.by_digest(), *layout).expect_success();
                cosign.verify_attestation(registry, key, &attested.by_digest(), *layout).expect_success();
                let stranger = cosign.verify(registry, KeyPair::foreign(), &signed.by_digest(), *layout);
                assert!(!stranger.succeeded(), "{cosign:?} verified {format} with another key\n{stranger}");
            }
        }
        for absent in Layout::ALL.iter().filter(|layout| !layouts.contains(layout)) {
            let seen = Cosign::strict_reader(*absent).verify(registry, key, &signed.by_digest(), *absent);
            assert!(!seen.succeeded(), "{format} also wrote {absent:?}\n{seen}");
        }
        let public = key.public.display().to_string();
        let seen = countersign(&["verify", &signed.by_tag(), "--key", &public], registry);
        assert_eq!(seen.code(), 0, "{seen}");
    }
}

fn sign(registry: &Registry, image: &Image, format: &str) {
    let key = KeyPair::trusted().private.display().to_string();
    countersign(&["sign", &image.by_digest(), "--key", &key, "--format", format], registry).expect_success();
}

fn attest(registry: &Registry, image: &Image, format: &str) {
    let key = KeyPair::trusted().private.display().to_string();
    let predicate = scratch::file(&scratch::folder("predicate"), "predicate.json", r#"{"tests":"passed"}"#);
    let predicate = predicate.display().to_string();
    let arguments = ["--type", "custom", "--predicate", &predicate, "--key", &key, "--format", format];
    countersign(&[&["attest", &image.by_digest()], &arguments[..]].concat(), registry).expect_success();
}
