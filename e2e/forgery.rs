//! Evidence of one image that is passed off as another's, byte by byte as an attacker with push access would.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Gate, Options, attestation_policy, pod, policy};
use crate::support::registry::{Image, Kind, Registry};

/// A gate over `registry` that asks for a signature below `forged/`, and for an attestation below `attested/`.
fn gate(registry: &Registry) -> Gate {
    let trusted = KeyPair::trusted();
    let host = registry.host();
    let policies = [
        policy("signed", &format!("{host}/forged/**"), trusted),
        attestation_policy("attested", &format!("{host}/attested/**"), trusted),
    ];
    Gate::start(&policies, &[registry], Options::default())
}

/// Two images of one repository, of which the first is signed and attested.
fn good_and_bad(registry: &Registry, repository: &str, cosign: Cosign) -> (Image, Image) {
    let good = registry.push(repository, "good");
    cosign.sign(registry, KeyPair::trusted(), &good.by_digest());
    cosign.attest(registry, KeyPair::trusted(), &good.by_digest());
    (good, registry.push(repository, "bad"))
}

#[test]
fn a_signature_tag_copied_to_another_image() {
    for kind in [Kind::Referrers, Kind::Tags] {
        let registry = Registry::shared(kind);
        let gate = gate(registry);
        for (repository, suffix) in [("forged/tag", ".sig"), ("attested/tag", ".att")] {
            let (good, bad) = good_and_bad(registry, repository, Cosign::V2);
            registry.crane(&["copy", &good.attached(suffix), &bad.attached(suffix)]);
            gate.admits(&pod("good", &[&good.by_tag()]));
            gate.denies(codes::SUBJECT_MISMATCH, &pod("bad", &[&bad.by_tag()]));
        }
    }
}

#[test]
fn a_signed_payload_that_was_rewritten_to_name_another_image() {
    let registry = Registry::shared(Kind::Referrers);
    let gate = gate(registry);
    let name = "forged/payload";
    let (good, bad) = good_and_bad(registry, name, Cosign::V2);
    let mut manifest = manifest(registry, &good.attached(".sig"));
    let payload = registry.crane(&["blob", &blob_of(&good, &manifest["layers"][0])]);
    replace_layer(registry, name, &mut manifest, &payload.replace(&good.digest, &bad.digest));
    registry.put_manifest(name, Some(&format!("{}.sig", bad.digest.replace(':', "-"))), &manifest);

    gate.admits(&pod("good", &[&good.by_tag()]));
    // Nothing in this layout says which key signed, so a broken signature looks like another key's.
    gate.denies(codes::KEY_MISMATCH, &pod("bad", &[&bad.by_tag()]));
}

#[test]
fn a_bundle_that_was_rewritten_to_name_another_image() {
    let registry = Registry::shared(Kind::Referrers);
    let gate = gate(registry);
    let name = "forged/rewritten";
    let (good, bad) = (registry.push(name, "good"), registry.push(name, "bad"));
    Cosign::V3.sign(registry, KeyPair::trusted(), &good.by_digest());
    for mut manifest in referrers(registry, name, &good) {
        let bundle = registry.crane(&["blob", &blob_of(&good, &manifest["layers"][0])]);
        let mut bundle: Value = serde_json::from_str(&bundle).expect("a bundle");
        let payload = bundle["dsseEnvelope"]["payload"].as_str().expect("a payload");
        let payload = String::from_utf8(BASE64_STANDARD.decode(payload).expect("base64")).expect("a statement");
        let hex = |image: &Image| image.digest.replace("sha256:", "");
        let payload = payload.replace(&hex(&good), &hex(&bad));
        bundle["dsseEnvelope"]["payload"] = json!(BASE64_STANDARD.encode(payload));
        replace_layer(registry, name, &mut manifest, &bundle.to_string());
        manifest["subject"]["digest"] = json!(bad.digest);
        registry.put_manifest(name, None, &manifest);
    }

    gate.admits(&pod("good", &[&good.by_tag()]));
    gate.denies(codes::SIGNATURE_INVALID, &pod("bad", &[&bad.by_tag()]));
}

#[test]
fn a_bundle_hung_on_another_image() {
    let registry = Registry::shared(Kind::Referrers);
    let gate = gate(registry);
    for repository in ["forged/bundle", "attested/bundle"] {
        let (good, bad) = good_and_bad(registry, repository, Cosign::V3);
        for mut manifest in referrers(registry, repository, &good) {
            manifest["subject"]["digest"] = json!(bad.digest);
            registry.put_manifest(repository, None, &manifest);
        }
        gate.admits(&pod("good", &[&good.by_tag()]));
        gate.denies(codes::SUBJECT_MISMATCH, &pod("bad", &[&bad.by_tag()]));
    }
}

#[test]
fn an_attestation_is_no_signature_and_a_signature_no_attestation() {
    for cosign in Cosign::ALL {
        for kind in [Kind::Referrers, Kind::Tags] {
            let registry = Registry::shared(kind);
            let gate = gate(registry);
            let name = format!("{cosign:?}").to_lowercase();
            let attested = registry.push(&format!("forged/only-attested-{name}"), "v1");
            cosign.attest(registry, KeyPair::trusted(), &attested.by_digest());
            gate.denies(codes::SIGNATURE_MISSING, &pod("attested", &[&attested.by_tag()]));
            let signed = registry.push(&format!("attested/only-signed-{name}"), "v1");
            cosign.sign(registry, KeyPair::trusted(), &signed.by_digest());
            gate.denies(codes::ATTESTATION_MISSING, &pod("signed", &[&signed.by_tag()]));
        }
    }
}

#[test]
fn foreign_evidence_does_not_switch_good_evidence_off() {
    for kind in [Kind::Referrers, Kind::Tags] {
        let registry = Registry::shared(kind);
        let gate = gate(registry);
        for cosign in Cosign::ALL {
            let image = registry.push(&format!("forged/union-{cosign:?}").to_lowercase(), "v1");
            for other in Cosign::ALL {
                other.sign(registry, KeyPair::foreign(), &image.by_digest());
            }
            gate.denies(codes::KEY_MISMATCH, &pod("foreign", &[&image.by_tag()]));
            cosign.sign(registry, KeyPair::trusted(), &image.by_digest());
            gate.admits(&pod("good", &[&image.by_tag()]));
        }
    }
}

fn manifest(registry: &Registry, name: &str) -> Value {
    serde_json::from_str(&registry.crane(&["manifest", name])).expect("a manifest")
}

/// The manifests of what refers to the image.
fn referrers(registry: &Registry, repository: &str, image: &Image) -> Vec<Value> {
    let answer = registry.request("GET", &format!("/v2/{repository}/referrers/{}", image.digest), "", b"");
    let index: Value = serde_json::from_slice(answer.body()).expect("the referrers");
    let referrers = index["manifests"].as_array().expect("a list of referrers");
    assert!(!referrers.is_empty(), "nothing refers to {}", image.by_digest());
    referrers
        .iter()
        .map(|referrer| referrer["digest"].as_str().expect("a digest"))
        .map(|digest| manifest(registry, &format!("{}@{digest}", image.repository)))
        .collect()
}

/// Puts `contents` in the place of the only layer of a manifest.
fn replace_layer(registry: &Registry, repository: &str, manifest: &mut Value, contents: &str) {
    let layer = &mut manifest["layers"][0];
    let media_type = layer["mediaType"].as_str().expect("a media type");
    let blob = registry.put_blob(repository, media_type, contents.as_bytes());
    layer["digest"] = blob["digest"].clone();
    layer["size"] = blob["size"].clone();
}

fn blob_of(image: &Image, descriptor: &Value) -> String {
    format!("{}@{}", image.repository, descriptor["digest"].as_str().expect("a digest"))
}
