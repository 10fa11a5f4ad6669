//! The components among themselves, without countersign: what fails here is not countersign's fault.

use crate::support::cluster::Cluster;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::keyless::Flavour;
use crate::support::registry::{Kind, Registry};
use crate::support::sigstore::Sigstore;

#[test]
fn cosign_verifies_what_cosign_signed_in_every_registry() {
    for kind in Kind::ALL {
        let registry = Registry::shared(kind);
        for cosign in Cosign::ALL {
            let image = registry.push(&format!("harness/{cosign:?}").to_lowercase(), "v1");
            let (key, foreign) = (KeyPair::trusted(), KeyPair::foreign());
            let unsigned = cosign.verify(registry, key, &image.by_digest(), cosign.layout());
            assert!(!unsigned.succeeded(), "{kind:?}: verified before it was signed\n{unsigned}");
            cosign.sign(registry, key, &image.by_digest());
            cosign.attest(registry, key, &image.by_digest());
            for reader in Cosign::ALL {
                let layout = cosign.layout();
                reader.verify(registry, key, &image.by_digest(), layout).expect_success();
                reader.verify_attestation(registry, key, &image.by_digest(), layout).expect_success();
                let refused = reader.verify(registry, foreign, &image.by_digest(), layout);
                assert!(!refused.succeeded(), "{kind:?}: verified with another key\n{refused}");
            }
        }
    }
}

#[test]
fn cosign_verifies_what_cosign_signed_without_a_key() {
    let sigstore = Sigstore::shared();
    let registry = Registry::shared(Kind::Referrers);
    for flavour in Flavour::ALL {
        let image = registry.push(&format!("harness/{flavour:?}").to_lowercase(), "v1").by_digest();
        flavour.sign(registry, sigstore, "alice@test.invalid", &image);
        flavour.attest(registry, sigstore, "alice@test.invalid", &image);
        for reader in Cosign::ALL {
            flavour.verify(reader, registry, sigstore, "alice@test.invalid", &image).expect_success();
            flavour.verify_attestation(reader, registry, sigstore, "alice@test.invalid", &image).expect_success();
            let refused = flavour.verify(reader, registry, sigstore, "mallory@test.invalid", &image);
            assert!(!refused.succeeded(), "{reader:?} verified {flavour:?} for another\n{refused}");
        }
    }
}

#[test]
fn registries_answer_as_their_kind_says() {
    for kind in [Kind::Referrers, Kind::Tags] {
        let registry = Registry::shared(kind);
        let image = registry.push("harness/referrers", "v1");
        let answer = registry.request("GET", &format!("/v2/harness/referrers/referrers/{}", image.digest), "", b"");
        assert_eq!(answer.status == 200, kind.has_referrers(), "{kind:?}: {}", answer.text());
    }
}

#[test]
fn cluster_runs_the_release_that_was_built() {
    let version = Cluster::shared().json(&["version", "-o", "json"]);
    let server = version["serverVersion"]["gitVersion"].as_str().expect("the server's version");
    assert!(server.starts_with("v1."), "{version}");
    assert_eq!(version["clientVersion"]["gitVersion"].as_str(), Some(server));
}
