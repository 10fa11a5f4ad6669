//! Reviews, policies and answers for the tests of admission.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use countersign::admission::{Judge, Judgement, Malformed, Request, Response};
use countersign::image::Digest;
use countersign::policy::{
    Authority, Coverage, DenyReason, Dialect, Failure, Finding, Mode, NoMatch, Pattern, Policy, PolicyBody, PolicyName,
    PolicySet, PolicyTerms, Rule, SignerRule, WorkloadKinds,
};
use countersign::trust::{Anchor, HashAlgorithm, Proofs, PublicKey};
use jiff::Timestamp;
use nonempty::NonEmpty;
use serde_json::{Value, json};

pub(crate) const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The bytes of a recorded review.
pub(crate) fn recorded(name: &str) -> Vec<u8> {
    fs::read(format!("{}/{name}.json", folder())).unwrap()
}

/// The names of all recorded reviews.
pub(crate) fn all_recorded() -> Vec<String> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = files.filter_map(|file| Some(file.strip_suffix(".json")?.to_owned())).collect();
    names.sort();
    assert!(names.len() >= 25);
    names
}

fn folder() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/reviews")
}

/// A recorded review that can be changed.
pub(crate) fn review(name: &str) -> Value {
    serde_json::from_slice(&recorded(name)).unwrap()
}

/// A small review: the creation of a pod with these containers.
pub(crate) fn pod(containers: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "3f2c",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "name": "web",
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
        "object": {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web", "namespace": "shop", "uid": "9a1e"},
            "spec": {"containers": containers, "nodeName": "node-1"},
        },
        "oldObject": null,
        "dryRun": false,
    }})
}

/// The creation of a pod with one container of this image.
pub(crate) fn pod_of(image: &str) -> Value {
    pod(&json!([{"name": "web", "image": image}]))
}

/// The same review as an update of an object that was like `old`.
pub(crate) fn updating(mut review: Value, old: Value) -> Value {
    review["request"]["operation"] = json!("UPDATE");
    review["request"]["oldObject"] = old;
    review
}

pub(crate) fn parse(review: &Value) -> Result<Request, Malformed> {
    parse_knowing(review, &WorkloadKinds::default())
}

/// The same, where custom resources of these kinds are known.
pub(crate) fn parse_knowing(review: &Value, kinds: &WorkloadKinds) -> Result<Request, Malformed> {
    Request::parse(review.to_string().as_bytes(), kinds)
}

pub(crate) fn judge(request: &Request) -> &Judge {
    match request.subject() {
        Judgement::Judge(judge) => judge,
        Judgement::Pass(exemption) => panic!("nothing is judged: {exemption}"),
    }
}

/// The pointers and references of the images that a request has judged.
pub(crate) fn images(request: &Request) -> Vec<(String, String)> {
    let pair = |image: &countersign::image::ImageUse| (image.pointer.to_string(), image.image.to_string());
    judge(request).images.iter().map(pair).collect()
}

/// A policy of this name over these repositories.
pub(crate) fn policy(name: &str, glob: &str, mode: Mode, authorities: Vec<(&str, Rule)>) -> Policy {
    let authorities =
        authorities.into_iter().map(|(name, rule)| Authority { name: name.to_owned(), rule, terms: Box::default() });
    Policy {
        name: PolicyName::new("countersign.dev", name),
        coverage: Coverage::Matching(NonEmpty::new(Pattern::parse(glob, Dialect::Countersign).unwrap())),
        mode,
        body: PolicyBody::Compiled(NonEmpty::collect(authorities).unwrap()),
        terms: PolicyTerms::default(),
    }
}

/// Asks for a signature by a key that signed nothing here.
pub(crate) fn signed() -> Rule {
    let key = PublicKey::from_pem(include_str!("../../data/cosign/cosign.pub")).unwrap();
    let anchor = Anchor::key(key, HashAlgorithm::Sha256, Proofs::beside_key());
    Rule::Signed { signers: NonEmpty::new(SignerRule::key(Arc::new(anchor))) }
}

/// `shop` has to be signed, `mesh` passes, `tools` would not, and everything else is covered by no policy.
pub(crate) fn policies() -> Arc<PolicySet> {
    set(vec![
        policy("prod-images", "registry.example/shop/**", Mode::Enforce, vec![("ci-key", signed())]),
        policy("mesh", "registry.example/mesh/**", Mode::Enforce, vec![("vendor", Rule::Pass)]),
        policy("tools", "registry.example/tools/**", Mode::Warn, vec![("ci-key", signed())]),
    ])
}

pub(crate) fn set(policies: Vec<Policy>) -> Arc<PolicySet> {
    Arc::new(PolicySet::new(policies, NoMatch::Deny, Digest::of(b"policies")))
}

/// The answer of `/validate` by `policies`, where no image is signed.
pub(crate) fn validate(request: &Request, policies: &Arc<PolicySet>) -> Response {
    validate_as(request, policies, &Failure::new(DenyReason::SignatureMissing, ""))
}

/// The answer of `/validate` by `policies`, where looking at any image fails like this.
pub(crate) fn validate_as(request: &Request, policies: &Arc<PolicySet>, failure: &Failure) -> Response {
    let Judgement::Judge(judge) = request.subject() else { return Response::exempt(request) };
    let plan = policies.plan(&judge.workload, &judge.images, judge.target.pin_rule());
    let findings: BTreeMap<_, Finding> =
        plan.subjects().iter().map(|subject| (subject.id(), Err(failure.clone()))).collect();
    let verdicts = plan.decide(&findings, Timestamp::UNIX_EPOCH);
    Response::validated(request, &verdicts, policies.revision())
}

/// The `response` of an answer.
pub(crate) fn body(response: &Response) -> Value {
    let review: Value = serde_json::from_slice(&response.to_json()).unwrap();
    assert_eq!(review["apiVersion"], json!("admission.k8s.io/v1"));
    assert_eq!(review["kind"], json!("AdmissionReview"));
    assert_eq!(review["response"]["allowed"], json!(response.is_allowed()));
    review["response"].clone()
}

/// The codes of the causes of a refusal.
pub(crate) fn codes(response: &Response) -> Vec<String> {
    assert!(!response.is_allowed());
    let body = body(response);
    let causes = body["status"]["details"]["causes"].as_array().unwrap();
    causes.iter().map(|cause| cause["reason"].as_str().unwrap().to_owned()).collect()
}

/// The reason for which a review is refused unread. `400` stands for one that has no uid to be answered.
pub(crate) fn refused(review: &[u8]) -> &'static str {
    match Request::parse(review, &WorkloadKinds::default()) {
        Err(Malformed::NotReview { .. }) => "400",
        Err(Malformed::Request { uid, denial, about: _ }) => {
            let response = Response::refused(&uid, &denial);
            assert_eq!(codes(&response), [denial.reason.code()]);
            assert_eq!(body(&response)["uid"], json!(uid));
            denial.reason.code()
        }
        Ok(request) => panic!("understood: {:?}", request.subject()),
    }
}
