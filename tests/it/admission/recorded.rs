//! What the real API server asks, and what it is answered.

use countersign::admission::{Judgement, Malformed, Pin, Request, Response};
use countersign::image::Digest;
use countersign::policy::WorkloadKinds;
use serde_json::{Value, json};

use super::support::{DIGEST, all_recorded, body, parse, policies, recorded, review, validate};

#[test]
fn every_recorded_review_has_its_answers() {
    for name in all_recorded() {
        let all = match Request::parse(&recorded(&name), &WorkloadKinds::default()) {
            Ok(request) => json!({
                "request": understood(&request),
                "validate": body(&validate(&request, &policies())),
                "mutate": mutated(&request),
            }),
            Err(Malformed::Request { uid, denial, about: _ }) => {
                json!({"both": body(&Response::refused(&uid, &denial))})
            }
            Err(Malformed::NotReview { finding }) => panic!("{name}: {finding}"),
        };
        // The recording is made anew with new uids; the snapshot is about the rest.
        let uid = review(&name)["request"]["uid"].as_str().unwrap().to_owned();
        let text = serde_json::to_string_pretty(&all).unwrap().replace(&uid, "<uid>");
        insta::assert_snapshot!(name, text);
    }
}

/// The answer of `/mutate` where every tag means [`DIGEST`], with the patch unpacked.
fn mutated(request: &Request) -> Value {
    let digest: Digest = DIGEST.parse().unwrap();
    let pins: Vec<_> = match request.subject() {
        Judgement::Judge(judge) => judge.images.iter().filter_map(|image| Pin::new(image, digest)).collect(),
        Judgement::Pass(_) => Vec::new(),
    };
    let mut body = body(&Response::mutated(request, &pins, &request.warnings()));
    if let Some(patch) = body["patch"].as_str() {
        let patch = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, patch).unwrap();
        body["patch"] = serde_json::from_slice(&patch).unwrap();
        assert_eq!(body["patchType"], json!("JSONPatch"));
    }
    body
}

fn understood(request: &Request) -> Value {
    let subject = match request.subject() {
        Judgement::Pass(exemption) => json!({"pass": exemption.code()}),
        Judgement::Judge(judge) => {
            let images = judge
                .images
                .iter()
                .map(|image| format!("{} {} {} {}", image.pointer, image.kind, image.container, image.image));
            let workload = &judge.workload;
            json!({
                "judge": images.collect::<Vec<_>>(),
                "target": format!("{:?}", judge.target),
                "workload": format!("{}/{} {} {}/{}", workload.group, workload.version, workload.kind, workload.namespace, workload.name),
                "uid": workload.uid,
                "owner": workload.owner.as_ref().map(|owner| format!("{owner:?}")),
                "labels": workload.labels,
                "service_account": workload.service_account,
                "pull_secrets": workload.pull_secrets,
                "requester": format!("{} {}", workload.requester.username, workload.requester.groups.join(",")),
            })
        }
    };
    json!({
        "operation": request.operation().as_str(),
        "dry_run": request.is_dry_run(),
        "subject": subject,
        "warnings": request.warnings(),
    })
}

#[test]
fn t01_a_review_cut_anywhere_is_refused() {
    for name in ["pod-create", "pod-ephemeral-container", "cronjob-create"] {
        let whole = recorded(name);
        let whole = whole.trim_ascii_end();
        assert!(Request::parse(whole, &WorkloadKinds::default()).is_ok());
        for end in 0..whole.len() {
            assert!(Request::parse(&whole[..end], &WorkloadKinds::default()).is_err(), "{name} cut at {end}");
        }
    }
}

#[test]
fn t21_a_dry_run_gets_the_same_verdict() {
    let wet = parse(&review("pod-create")).unwrap();
    let mut dry = review("pod-create");
    dry["request"]["dryRun"] = json!(true);
    let dry = parse(&dry).unwrap();
    assert!(dry.is_dry_run() && !wet.is_dry_run());
    assert!(parse(&review("pod-dry-run")).unwrap().is_dry_run());
    assert_eq!(body(&validate(&dry, &policies())), body(&validate(&wet, &policies())));
    assert_eq!(mutated(&dry), mutated(&wet));
}

#[test]
fn t22_our_own_patch_is_not_patched_again() {
    let first = review("pod-create-mutate");
    let request = parse(&first).unwrap();
    let patch = mutated(&request)["patch"].clone();
    assert_eq!(patch.as_array().unwrap().len(), 6, "three tags: a test and a replacement each");
    let mut second = first;
    json_patch::patch(&mut second["request"]["object"], &serde_json::from_value::<json_patch::Patch>(patch).unwrap())
        .unwrap();
    let again = parse(&second).unwrap();
    assert_eq!(mutated(&again)["patch"], Value::Null);
    assert_eq!(body(&validate(&again, &policies())), body(&validate(&parse(&second).unwrap(), &policies())));
}

#[test]
fn a_pin_of_another_request_is_left_out() {
    let digest: Digest = DIGEST.parse().unwrap();
    let pod = parse(&review("pod-create")).unwrap();
    let other = parse(&review("pod-ephemeral-container")).unwrap();
    let deployment = parse(&review("deployment-create")).unwrap();
    let pins = |request: &Request| match request.subject() {
        Judgement::Judge(judge) => judge.images.iter().filter_map(|image| Pin::new(image, digest)).collect::<Vec<_>>(),
        Judgement::Pass(_) => Vec::new(),
    };
    for (request, pins) in [(&pod, pins(&other)), (&deployment, pins(&deployment)), (&other, pins(&pod))] {
        assert!(!pins.is_empty());
        assert_eq!(body(&Response::mutated(request, &pins, &[]))["patch"], Value::Null);
    }
}
