//! What lies beside an image, who did it, and the same elsewhere: `tree`, `artifacts`, `custody`, `copy`, `export`.

use std::fs;
use std::process::Output;

use bytes::Bytes;
use countersign::demo::{Options, Registry, Running};
use serde_json::{Value, json};

use super::support::Place;

const KEY: [&str; 4] = ["--key", "cosign.key", "--password-file", "password"];

fn place() -> Place {
    let place =
        Place::new().with("password", "x\n").with("bom.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#);
    for prefix in ["cosign", "other"] {
        let args = ["key", "generate", "--password-file", "password", "--output-key-prefix", prefix];
        assert!(place.command(&args).output().unwrap().status.success());
    }
    place
}

fn run(place: &Place, args: &[&str]) -> Output {
    place.command(args).output().unwrap()
}

fn done(place: &Place, args: &[&str]) -> String {
    let output = run(place, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// Signs `app:v1`, attests an SBOM about it, and puts things beside it that are no evidence.
async fn signed(place: &Place, referrers: bool) -> (Running, String) {
    let registry = Registry::start(Options { referrers, ..Options::default() }).await.unwrap();
    let subject = registry.seed_image("app", "v1").unwrap();
    let image = format!("{}/app:v1", registry.address());
    done(place, &[&["sign", &image, "--record", "r.jsonl", "--reason", "release 1"], &KEY[..]].concat());
    let attest = ["attest", &image, "--type", "cyclonedx", "--predicate", "bom.json", "--record", "r.jsonl"];
    done(place, &[&attest[..], &KEY].concat());

    let (media_type, bytes) = registry.manifest("app", "v1").unwrap();
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json",
        "digest": countersign::image::Digest::of(b"{}").to_string(), "size": 2});
    registry.put_blob("app", Bytes::from_static(b"{}"));
    let foreign = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/spdx+json",
        "config": empty,
        "layers": [empty],
        "subject": {"mediaType": media_type, "digest": subject.digest().to_string(), "size": bytes.len()},
    });
    registry.put_manifest("app", None, "application/vnd.oci.image.manifest.v1+json", Bytes::from(foreign.to_string()));
    (registry, image)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_shows_every_layout_and_what_verifies() {
    for referrers in [true, false] {
        let place = place();
        let (_registry, image) = signed(&place, referrers).await;
        let tree: Value =
            serde_json::from_str(&done(&place, &["tree", &image, "-o", "json", "--key", "cosign.pub"])).unwrap();
        let mut leaves: Vec<_> = tree["attached"]
            .as_array()
            .unwrap()
            .iter()
            .map(|leaf| {
                let text = |name: &str| leaf[name].as_str().unwrap().to_owned();
                (text("place"), text("what"), text("verdict"))
            })
            .collect();
        leaves.sort();
        let row = |place: &str, what: &str, verdict: &str| (place.to_owned(), what.to_owned(), verdict.to_owned());
        let mut expected = vec![
            row(".att", "https://cyclonedx.org/bom", "verified"),
            row(".sig", "signature", "verified"),
            row("referrers", "https://cyclonedx.org/bom", "verified"),
            row("referrers", "signature", "verified"),
        ];
        // Without a list of referrers, nobody has written the other one into the tag that stands in for it.
        if referrers {
            expected.insert(2, row("referrers", "application/spdx+json", "not verified"));
        }
        assert_eq!(leaves, expected, "referrers: {referrers}");
        let foreign: Value =
            serde_json::from_str(&done(&place, &["tree", &image, "-o", "json", "--key", "other.pub"])).unwrap();
        assert!(foreign["attached"].as_array().unwrap().iter().all(|leaf| leaf["verdict"] != "verified"));
    }
}

/// Two signers of one image sign the same bytes, so their layers of `.sig` have one digest.
#[tokio::test(flavor = "multi_thread")]
async fn a_tree_tells_two_signers_of_one_payload_apart() {
    let place = place();
    let (_registry, image) = signed(&place, true).await;
    done(&place, &["sign", &image, "--key", "other.key", "--password-file", "password"]);
    for key in ["cosign.pub", "other.pub"] {
        let tree: Value = serde_json::from_str(&done(&place, &["tree", &image, "-o", "json", "--key", key])).unwrap();
        let of_tag: Vec<_> =
            tree["attached"].as_array().unwrap().iter().filter(|leaf| leaf["place"] == ".sig").collect();
        let [first, second] = of_tag[..] else { panic!("{of_tag:?}") };
        assert_eq!(first["artifact"], second["artifact"]);
        let verdicts = if key == "cosign.pub" { [first, second] } else { [second, first] };
        let verdicts = verdicts.map(|leaf| leaf["verdict"].as_str().unwrap());
        assert_eq!(verdicts[0], "verified", "{key}");
        assert!(verdicts[1].starts_with("rejected: "), "{key}: {verdicts:?}");
    }
}

fn policy(name: &str, glob: &str, key: &str) -> String {
    json!({
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": name},
        "spec": {"images": [{"glob": glob}], "authorities": [{"name": "key", "key": {"data": key}}]},
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_judged_by_the_policies_that_cover_the_image() {
    let place = place();
    let (_registry, image) = signed(&place, true).await;
    let key = fs::read_to_string(place.path().join("cosign.pub")).unwrap();
    let other = fs::read_to_string(place.path().join("other.pub")).unwrap();
    place.write("both/a.json", &policy("other", "**", &other));
    place.write("both/b.json", &policy("mine", "**", &key));
    place.write("away/a.json", &policy("away", "ghcr.io/acme/**", &key));
    let tree = |by: &[&str]| {
        let output = run(&place, &[&["tree", &image, "-o", "json"], by].concat());
        let tree: Value = serde_json::from_slice(&output.stdout).unwrap();
        let signature = tree["attached"].as_array().unwrap().iter().find(|leaf| leaf["place"] == ".sig").unwrap();
        (signature.clone(), String::from_utf8(output.stderr).unwrap())
    };
    let (leaf, said) = tree(&["--policy", "both"]);
    assert_eq!((&leaf["verdict"], &leaf["by"], said.as_str()), (&json!("verified"), &json!("mine/key"), ""));
    let (leaf, said) = tree(&["--policy", "away"]);
    assert_eq!(leaf["verdict"], "not verified");
    assert!(said.contains("no policy that covers the image asks for a signature"), "{said}");
    let (leaf, said) = tree(&[]);
    assert_eq!(leaf["verdict"], "not verified");
    assert!(said.contains("nothing was verified; `--key`"), "{said}");
    assert_eq!(code(&run(&place, &["tree", &image, "--policy", "none"])), 2);
    assert_eq!(code(&run(&place, &["tree", &image, "--key", "cosign.pub", "--policy", "both"])), 2);
}

/// H45: provenance by its fields, from the registry and from records, and only where it verifies.
#[tokio::test(flavor = "multi_thread")]
async fn provenance_is_shown_where_it_verifies() {
    let place = place().with("chart.tgz", "no chart");
    let registry = Registry::start(Options::default()).await.unwrap();
    registry.seed_image("app", "v1").unwrap();
    registry.seed_image("kept", "v1").unwrap();
    let address = registry.address();
    let name = |repository: &str| format!("{address}/{repository}");
    let origin = ["--builder-id", "https://builder.example/", "--source-repository", "https://github.com/acme/app"];
    let record = ["--record", "r.jsonl"];
    let ship = |repository: &str, more: &[&str]| {
        done(&place, &[&["ship", &format!("{}:v1", name(repository))], more, &origin, &record, &KEY[..]].concat());
    };
    ship("app", &[]);
    ship("kept", &["--upload=false"]);
    let predicate = done(&place, &[&["provenance", "generate"][..], &origin].concat());
    place.write("p.json", &predicate);
    let attest = ["attest-file", "chart.tgz", "--type", "slsaprovenance1", "--predicate", "p.json"];
    done(&place, &[&attest[..], &record, &KEY].concat());

    let show = |artifact: &str, key: &str| {
        run(&place, &[&["artifacts", "show", artifact, "--provenance", "--key", key], &record[..]].concat())
    };
    for artifact in [name("app"), name("kept"), "chart.tgz".to_owned()] {
        let shown: Value = serde_json::from_slice(&show(&artifact, "cosign.pub").stdout).unwrap();
        assert_eq!(shown.as_array().unwrap().len(), 1, "{artifact}: {shown}");
        assert_eq!(shown[0]["builder"], "https://builder.example/", "{artifact}");
        assert_eq!(shown[0]["repository"], "github.com/acme/app");
        assert_eq!(shown[0]["by"], "cosign.pub");
        assert!(shown[0]["predicate"]["buildDefinition"].is_object());
        let stranger = show(&artifact, "other.pub");
        assert_eq!(code(&stranger), 1, "{artifact}");
        assert!(String::from_utf8_lossy(&stranger.stderr).contains("there is no provenance"), "{artifact}");
    }
    let nobody = run(&place, &[&["artifacts", "show", &name("app"), "--provenance"], &record[..]].concat());
    assert_eq!(code(&nobody), 2);
    registry.stop().await;
    assert_eq!(code(&show(&name("app"), "cosign.pub")), 3, "a registry that is away is no absence");
}

#[tokio::test(flavor = "multi_thread")]
async fn custody_stands_under_its_moments() {
    let place = place();
    let (_registry, image) = signed(&place, true).await;
    let args = ["custody", &image, "--record", "r.jsonl", "--key", "cosign.pub", "-o", "json"];
    let events: Value = serde_json::from_str(&done(&place, &args)).unwrap();
    let of = |source: &str| {
        let all = events.as_array().unwrap().iter().filter(|event| event["source"] == source);
        all.map(|event| (event["moment"].as_str().unwrap(), event["what"].as_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(of("record"), [("creation", "attested https://cyclonedx.org/bom"), ("storage", "signed")]);
    assert_eq!(of(".sig"), [("storage", "signature (verified)")]);
    let in_registry = events.as_array().unwrap().iter().find(|event| event["source"] == ".sig").unwrap();
    assert_eq!(in_registry["who"], "cosign.pub");
    assert!(events.as_array().unwrap().iter().any(|event| event["why"] == "release 1"));

    let list: Value =
        serde_json::from_str(&done(&place, &["artifacts", "list", "--record", "r.jsonl", "-o", "json"])).unwrap();
    assert_eq!((&list[0]["signed"], &list[0]["attested"]), (&json!(1), &json!(1)));
    let digest = list[0]["digest"].as_str().unwrap();
    let shown: Value =
        serde_json::from_str(&done(&place, &["artifacts", "show", digest, "--record", "r.jsonl"])).unwrap();
    assert_eq!(shown.as_array().unwrap().len(), 2);
    assert_eq!(code(&run(&place, &["artifacts", "show", "nothing", "--record", "r.jsonl"])), 1);

    // An account that was changed is not told.
    let path = place.path().join("r.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("release 1", "release 2", 1)).unwrap();
    for args in [&["artifacts", "list", "--record", "r.jsonl"][..], &["custody", &image, "--record", "r.jsonl"]] {
        let output = run(&place, args);
        assert_eq!(code(&output), 2);
        assert!(String::from_utf8_lossy(&output.stderr).contains("does not follow"));
    }
}

/// A file has no registry: whoever asks for the signatures beside it, or names no records, is told so.
#[test]
fn custody_of_a_file_is_by_records_alone() {
    let place = place().with("chart.tgz", "no chart");
    done(&place, &[&["sign-file", "chart.tgz", "--record", "r.jsonl"], &KEY[..]].concat());
    let digest = format!("sha256:{}", "a".repeat(64));
    for artifact in ["./chart.tgz", &digest] {
        for (args, expected) in [
            (&[][..], "none are named"),
            (&["--record", "r.jsonl", "--key", "cosign.pub"], "no signatures lie beside"),
            (&["--record", "r.jsonl", "--certificate-identity", "a@example.com"], "no signatures lie beside"),
        ] {
            let refused = run(&place, &[&["custody", artifact], args].concat());
            assert_eq!(code(&refused), 2, "{args:?}");
            assert!(String::from_utf8_lossy(&refused.stderr).contains(expected), "{args:?}");
        }
        done(&place, &["custody", artifact, "--record", "r.jsonl"]);
    }
}

/// H73: what was created, stored, copied and consumed stands under its moment; what was refused does not.
#[tokio::test(flavor = "multi_thread")]
async fn every_moment_has_its_events() {
    let place = place().with("chart.tgz", "no chart");
    let (_registry, image) = signed(&place, true).await;
    let mirror = image.replace("/app:", "/mirror:");
    done(&place, &["copy", &image, &mirror, "--record", "r.jsonl"]);
    let verify = ["verify", &mirror, "--record-verdict", "r.jsonl", "--name", "before deploy"];
    assert_eq!(code(&run(&place, &[&verify[..], &["--key", "other.pub"]].concat())), 1);
    done(&place, &[&verify[..], &["--key", "cosign.pub"]].concat());
    let events: Value =
        serde_json::from_str(&done(&place, &["custody", &mirror, "--record", "r.jsonl", "-o", "json"])).unwrap();
    let records = events.as_array().unwrap().iter().filter(|event| event["source"] == "record");
    let moments: Vec<_> =
        records.map(|event| (event["moment"].as_str().unwrap(), event["why"].as_str().unwrap())).collect();
    let expected = [("creation", ""), ("storage", "release 1"), ("distribution", ""), ("consumption", "before deploy")];
    assert_eq!(moments, expected);

    done(&place, &[&["sign-file", "chart.tgz", "--record", "r.jsonl"], &KEY[..]].concat());
    let verify = ["verify-file", "chart.tgz", "--record-verdict", "r.jsonl"];
    assert_eq!(code(&run(&place, &[&verify[..], &["--key", "other.pub"]].concat())), 1);
    done(&place, &[&verify[..], &["--key", "cosign.pub"]].concat());
    let custody = done(&place, &["custody", "./chart.tgz", "--record", "r.jsonl"]);
    assert_eq!(custody.matches("consumption").count(), 1, "{custody}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_all_evidence_and_takes_none_away() {
    for (from, to) in [(true, true), (true, false), (false, true), (false, false)] {
        let place = place();
        let (_registry, image) = signed(&place, from).await;
        let target = Registry::start(Options { referrers: to, ..Options::default() }).await.unwrap();
        let copy = format!("{}/mirror/app:v1", target.address());
        done(&place, &["copy", &image, &copy, "--record", "r.jsonl"]);
        assert_eq!(code(&run(&place, &["verify", &copy, "--key", "cosign.pub"])), 0);
        assert_eq!(code(&run(&place, &["verify", &copy, "--key", "other.pub"])), 1);

        // Another signature at the destination stays when it is copied again.
        done(&place, &["sign", &copy, "--key", "other.key", "--password-file", "password"]);
        done(&place, &["copy", &image, &copy]);
        for key in ["cosign.pub", "other.pub"] {
            assert_eq!(code(&run(&place, &["verify", &copy, "--key", key])), 0, "{from} {to} {key}");
        }
        let tree = |image: &str| {
            let tree: Value = serde_json::from_str(&done(&place, &["tree", image, "-o", "json"])).unwrap();
            tree["attached"].as_array().unwrap().len()
        };
        assert_eq!(tree(&copy), tree(&image) + 2, "{from} {to}");
        let wrong = format!("{copy}@sha256:{}", "0".repeat(64));
        assert_eq!(code(&run(&place, &["copy", &image, &wrong])), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_decides_the_same_without_a_network() {
    let place = place();
    let (registry, image) = signed(&place, true).await;
    let unsigned = registry.seed_image("unsigned", "v1").unwrap();
    let key = fs::read_to_string(place.path().join("cosign.pub")).unwrap();
    let policy = json!({
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "signed"},
        "spec": {"images": [{"glob": "**"}], "authorities": [{"name": "key", "key": {"data": key}}]},
    });
    place.write("policies/p.json", &policy.to_string());
    let review = |image: &str| {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"},
            "spec": {"containers": [{"name": "app", "image": image}]}});
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "1", "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"}, "name": "app", "namespace": "default",
            "operation": "CREATE", "userInfo": {"username": "u", "groups": []}, "object": object, "oldObject": null,
            "dryRun": false, "options": null}})
        .to_string()
    };
    let digest = registry.manifest("app", "v1").map(|(_, bytes)| countersign::image::Digest::of(&bytes)).unwrap();
    place.write("review.json", &review(&format!("{image}@{digest}")));
    // One that was denied is denied again, with the reason; and one that was answered otherwise is told.
    let gone = format!("{}/unsigned:v1@{}", registry.address(), unsigned.digest());
    let mut denied: Value = serde_json::from_str(&review(&gone)).unwrap();
    place.write("denied.json", &denied.to_string());
    denied["response"] = json!({"uid": "1", "allowed": true});
    place.write("answered.json", &denied.to_string());
    let reviews = ["--review", "review.json", "--review", "denied.json", "--review", "answered.json"];
    let exported = run(&place, &[&["export", &image, "package", "--policy", "policies"], &reviews[..]].concat());
    let said = String::from_utf8(exported.stderr).unwrap();
    assert!(exported.status.success() && said.starts_with("note: `answered.json` was answered otherwise"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let nothing = run(&place, &["export", &image, "bare"]);
    assert!(nothing.status.success() && !place.path().join("bare/suite.yaml").exists());
    assert_eq!(code(&run(&place, &["export", &image, "bare", "--review", "review.json"])), 2);
    registry.stop().await;

    done(&place, &["policy", "test", "package/suite.yaml"]);
    let suite = fs::read_to_string(place.path().join("package/suite.yaml")).unwrap();
    let suite: Value = serde_json::from_str(&suite).unwrap();
    let verdicts: Vec<_> =
        suite["cases"].as_array().unwrap().iter().map(|case| case["expect"]["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["allow", "allow", "deny", "deny"], "{suite:#}");
    let verify =
        |image: &str, by: &[&str]| run(&place, &[&["verify", image, "--offline", "package/evidence"], by].concat());
    assert_eq!(code(&verify(&image, &["--policy", "package/policies"])), 0);
    assert_eq!(code(&verify(&image, &["--key", "cosign.pub"])), 0);
    assert_eq!(code(&verify(&image, &["--key", "other.pub"])), 1);
    assert_eq!(code(&verify(&gone, &["--key", "cosign.pub"])), 1);
    // N13: what is saved is explained as what a registry holds.
    let explained = verify(&image, &["--key", "cosign.pub", "--explain"]);
    let said = String::from_utf8(explained.stdout.clone()).unwrap();
    assert!(code(&explained) == 0 && said.contains("+ subject: names this image"), "{said}");
    let explained = verify(&image, &["--key", "other.pub", "--explain"]);
    let said = String::from_utf8(explained.stdout.clone()).unwrap();
    assert!(code(&explained) == 1 && said.contains("- signature: key_mismatch: "), "{said}");

    // Somebody changes what was saved: its bytes no longer have their digest.
    let blobs = place.path().join("package/evidence/blobs/sha256");
    for entry in fs::read_dir(blobs).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("cosign", "cosigm")).unwrap();
    }
    assert_ne!(code(&verify(&image, &["--key", "cosign.pub"])), 0);
}

/// T48: saved evidence is asked for every platform, as a registry is.
#[tokio::test(flavor = "multi_thread")]
async fn t48_every_platform_is_judged_without_a_network() {
    let place = place();
    let registry = Registry::start(Options::default()).await.unwrap();
    let children = ["amd64", "arm64"].map(|tag| registry.seed_image("app", tag).unwrap());
    let manifests = children.iter().zip(["amd64", "arm64"]).map(|(child, architecture)| {
        let (kind, bytes) = registry.manifest("app", &child.digest().to_string()).unwrap();
        json!({"mediaType": kind, "digest": child.digest().to_string(), "size": bytes.len(),
            "platform": {"os": "linux", "architecture": architecture}})
    });
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": manifests.collect::<Vec<_>>()}).to_string();
    registry.put_manifest("app", Some("all"), kind, Bytes::from(index));
    let named = |tag: &str| format!("{}/app:{tag}", registry.address());
    let sign = |tag: &str| done(&place, &[&["sign", &named(tag)], &KEY[..]].concat());
    let key = fs::read_to_string(place.path().join("cosign.pub")).unwrap();
    let policy = json!({
        "apiVersion": "countersign.dev/v1alpha1", "kind": "ClusterImagePolicy", "metadata": {"name": "every"},
        "spec": {"images": [{"glob": "**"}], "scope": "everyPlatform", "authorities": [{"key": {"data": key}}]},
    });
    place.write("policies/p.json", &policy.to_string());
    // The signature of the index counts for nothing, and neither does that of one child alone.
    sign("all");
    sign("amd64");
    done(&place, &["export", &named("all"), "before", "--policy", "policies"]);
    sign("arm64");
    done(&place, &["export", &named("all"), "after", "--policy", "policies"]);
    let (all, amd) = (named("all"), named("amd64"));
    registry.stop().await;

    // A package holds what was decided, and decides so again.
    let tested = run(&place, &["policy", "test", "before/suite.yaml"]);
    let said = String::from_utf8(tested.stdout.clone()).unwrap();
    assert!(code(&tested) == 0 && said.contains("deny signature_missing by every"), "{said}");
    let refused = run(&place, &["verify", &all, "--offline", "before/evidence", "--policy", "policies"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("signature_missing") && said.contains("linux/arm64"), "{said}");
    done(&place, &["policy", "test", "after/suite.yaml"]);
    let verify = |image: &str, evidence: &str| {
        code(&run(&place, &["verify", image, "--offline", evidence, "--policy", "policies"]))
    };
    assert_eq!(verify(&all, "before/evidence"), 1);
    assert_eq!(verify(&all, "after/evidence"), 0);
    // N13: each platform is explained, after the index. Each was signed in both layouts.
    for (evidence, checks) in [("before/evidence", 2), ("after/evidence", 4)] {
        let args = ["verify", &all, "--offline", evidence, "--policy", "policies", "--explain"];
        let said = String::from_utf8(run(&place, &args).stdout).unwrap();
        let (index, platforms) = said.split_once(&format!("{all} (linux/amd64)")).unwrap_or_else(|| panic!("{said}"));
        assert!(index.contains("+ subject: names this image") && platforms.contains("(linux/arm64)"), "{said}");
        assert_eq!(platforms.matches("+ subject: names this image").count(), checks, "{said}");
    }
    // A child is an image like others.
    let amd = format!("{}@{}", amd.rsplit_once(':').unwrap().0, children[0].digest());
    assert_eq!(verify(&amd, "before/evidence"), 0);
    // What was not saved cannot be judged.
    let gone = place.path().join("after/evidence/blobs/sha256").join(children[1].digest().hex());
    fs::remove_file(gone).unwrap();
    assert_eq!(verify(&all, "after/evidence"), 0, "the evidence about it is there");
    let index = countersign::image::Digest::of(&fs::read(place.path().join("after/evidence/index.json")).unwrap());
    let absent = format!("{}@{index}", all.rsplit_once(':').unwrap().0);
    assert_ne!(verify(&absent, "after/evidence"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_was_not_uploaded_is_verified_from_its_bundle_or_record() {
    let place = place();
    let registry = Registry::start(Options::default()).await.unwrap();
    registry.seed_image("app", "v1").unwrap();
    let image = format!("{}/app:v1", registry.address());
    let args = ["sign", &image, "--upload=false", "--bundle", "b.json", "--record", "r.jsonl"];
    done(&place, &[&args[..], &KEY].concat());
    let verify = |args: &[&str]| code(&run(&place, &[&["verify", &image], args].concat()));
    assert_eq!(verify(&["--key", "cosign.pub"]), 1);
    assert_eq!(verify(&["--key", "cosign.pub", "--bundle", "b.json"]), 0);
    assert_eq!(verify(&["--key", "cosign.pub", "--record", "r.jsonl"]), 0);
    assert_eq!(verify(&["--key", "cosign.pub", "--record", "r.jsonl", "--signature-source", "registry,record"]), 0);
    assert_eq!(verify(&["--key", "cosign.pub", "--bundle", "b.json", "--signature-source", "registry"]), 1);
    assert_eq!(verify(&["--key", "other.pub", "--bundle", "b.json"]), 1);
    assert_eq!(verify(&["--key", "cosign.pub", "--signature-source", "file"]), 2);
    // Of another image it proves nothing.
    registry.seed_image("app", "v2").unwrap();
    let other = format!("{}/app:v2", registry.address());
    assert_eq!(code(&run(&place, &["verify", &other, "--key", "cosign.pub", "--bundle", "b.json"])), 1);
}
