//! What the real cosign signs, countersign accepts, wherever it was pushed to; and it tells apart what is wrong.
//!
//! One test per kind of registry, each with both versions of cosign, so that a failure names the combination.

use serde_json::Value;

use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Gate, Options, attestation_policy, codes_of, countersign, pod, policy};
use crate::support::registry::{Image, Kind, Registry};

#[test]
fn with_referrers() {
    everything(Kind::Referrers);
}

#[test]
fn with_referrers_over_tls_with_a_password() {
    everything(Kind::ReferrersBasic);
}

#[test]
fn with_referrers_over_tls_with_a_token() {
    everything(Kind::ReferrersBearer);
}

#[test]
fn without_referrers() {
    everything(Kind::Tags);
}

#[test]
fn without_referrers_over_tls_with_a_password() {
    everything(Kind::TagsBasic);
}

/// The images of one cosign in one registry.
struct Images {
    signed: Image,
    attested: Image,
    by_another_key: Image,
    attested_by_another_key: Image,
    unsigned: Image,
    moved: Image,
}

impl Images {
    fn make(cosign: Cosign, registry: &Registry) -> Self {
        let repository = |name: &str| format!("{cosign:?}/{name}").to_lowercase();
        let push = |name: &str| registry.push(&repository(name), "v1");
        let (trusted, foreign) = (KeyPair::trusted(), KeyPair::foreign());
        let signed = push("signed");
        cosign.sign(registry, trusted, &signed.by_digest());
        let attested = registry.push(&repository("attested"), "v0");
        cosign.attest(registry, trusted, &attested.by_digest());
        let by_another_key = push("foreign");
        cosign.sign(registry, foreign, &by_another_key.by_digest());
        let attested_by_another_key = push("attested");
        cosign.attest(registry, foreign, &attested_by_another_key.by_digest());
        let before = push("moved");
        cosign.sign(registry, trusted, &before.by_digest());
        let (unsigned, moved) = (push("unsigned"), push("moved"));
        Self { signed, attested, by_another_key, attested_by_another_key, unsigned, moved }
    }
}

#[test]
fn an_index_and_its_children_each_by_their_own_evidence() {
    for kind in [Kind::Referrers, Kind::Tags] {
        let registry = Registry::shared(kind);
        let glob = format!("{}/index/**", registry.host());
        let gate = Gate::start(&[policy("index", &glob, KeyPair::trusted())], &[registry], Options::default());
        for cosign in Cosign::ALL {
            let repository = format!("index/{cosign:?}").to_lowercase();
            let make = |name: &str| {
                let child = registry.push(&repository, &format!("{name}-child"));
                let tag = format!("{}:{name}", child.repository);
                let index = registry.crane(&["index", "append", "-m", &child.by_digest(), "-t", &tag]);
                let (_, digest) = index.trim().rsplit_once('@').expect("`crane index append` prints the digest");
                let index =
                    Image { repository: child.repository.clone(), tag: name.to_owned(), digest: digest.to_owned() };
                (index, child)
            };
            let (signed_index, child) = make("signed-index");
            cosign.sign(registry, KeyPair::trusted(), &signed_index.by_digest());
            gate.admits(&pod("index", &[&signed_index.by_tag()]));
            gate.denies(codes::SIGNATURE_MISSING, &pod("child", &[&child.by_digest()]));

            let (index, signed_child) = make("signed-child");
            cosign.sign(registry, KeyPair::trusted(), &signed_child.by_digest());
            gate.admits(&pod("child", &[&signed_child.by_digest()]));
            gate.denies(codes::SIGNATURE_MISSING, &pod("index", &[&index.by_tag()]));
        }
    }
}

fn everything(kind: Kind) {
    let registry = Registry::shared(kind);
    let host = registry.host();
    let trusted = KeyPair::trusted();
    let policies: Vec<Value> = [Cosign::V2, Cosign::V3]
        .into_iter()
        .flat_map(|cosign| {
            let name = format!("{cosign:?}").to_lowercase();
            let glob = |repository: &str| format!("{host}/{name}/{repository}");
            [
                policy(&format!("{name}-signed"), &glob("signed"), trusted),
                policy(&format!("{name}-foreign"), &glob("foreign"), trusted),
                policy(&format!("{name}-moved"), &glob("moved"), trusted),
                policy(&format!("{name}-unsigned"), &glob("unsigned"), trusted),
                attestation_policy(&format!("{name}-attested"), &glob("attested"), trusted),
            ]
        })
        .collect();
    let gate = Gate::start(&policies, &[registry], Options::default());

    for cosign in Cosign::ALL {
        let images = Images::make(cosign, registry);
        accepts_what_is_signed(&gate, &images);
        refuses_what_is_not(&gate, registry, &images);
        agrees_on_the_command_line(registry, &images);
    }
}

fn accepts_what_is_signed(gate: &Gate, images: &Images) {
    for image in [&images.signed, &images.attested] {
        for name in [image.by_tag(), image.by_digest(), image.pinned()] {
            let stored = gate.admits(&pod("good", &[&name]));
            let stored = stored["spec"]["containers"][0]["image"].as_str().expect("an image");
            assert!(stored.ends_with(&format!("@{}", image.digest)), "{name} is stored as {stored}");
        }
    }
}

fn refuses_what_is_not(gate: &Gate, registry: &Registry, images: &Images) {
    gate.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&images.unsigned.by_tag()]));
    gate.denies(codes::KEY_MISMATCH, &pod("foreign", &[&images.by_another_key.by_tag()]));
    gate.denies(codes::KEY_MISMATCH, &pod("attested-foreign", &[&images.attested_by_another_key.by_tag()]));
    gate.denies(codes::SIGNATURE_MISSING, &pod("moved", &[&images.moved.by_tag()]));
    // One bad image among good ones is enough.
    let mixed = [images.signed.by_tag(), images.unsigned.by_tag()];
    gate.denies(codes::SIGNATURE_MISSING, &pod("mixed", &[&mixed[0], &mixed[1]]));
    // Without the mutating webhook a tag is no name to judge by, however well signed.
    gate.denies_unmutated(codes::IMAGE_NOT_PINNED, &pod("tag", &[&images.signed.by_tag()]));
    let stranger = format!("{}/nobody/knows:v1", registry.host());
    gate.denies(codes::NO_MATCHING_POLICY, &pod("stranger", &[&stranger]));
}

fn agrees_on_the_command_line(registry: &Registry, images: &Images) {
    let key = KeyPair::trusted().public.display().to_string();
    let verify = |image: &Image| countersign(&["verify", &image.by_tag(), "--key", &key, "-o", "json"], registry);

    let accepted = verify(&images.signed);
    assert_eq!(accepted.code(), 0, "{accepted}");

    for (image, code) in [
        (&images.unsigned, codes::SIGNATURE_MISSING),
        (&images.by_another_key, codes::KEY_MISMATCH),
        (&images.moved, codes::SIGNATURE_MISSING),
        // An attestation by the same key is not a signature, in whichever layout.
        (&images.attested, codes::SIGNATURE_MISSING),
    ] {
        let refused = verify(image);
        assert_eq!(refused.code(), 1, "{refused}");
        assert!(codes_of(&refused.stdout).iter().any(|said| said == code), "not `{code}`: {refused}");
    }
}
