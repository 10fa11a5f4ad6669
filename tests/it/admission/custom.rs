//! Custom resources of kinds that are configured to name images: what is found in them, and what is refused unread.

use countersign::admission::{Exemption, Judgement, Object, Response, Target};
use countersign::image::ContainerKind;
use countersign::limits;
use countersign::policy::{WorkloadKind, WorkloadKinds};
use serde_json::{Value, json};

use super::support::{body, codes, images, judge, parse, parse_knowing, policies, updating, validate};

const GOOD: &str = "registry.example/mesh/web:v5";
const OTHER: &str = "registry.example/mesh/other:v1";
const EVIL: &str = "registry.example/shop/evil:1";

fn kinds(pod_specs: &[&str], paths: &[&str], may_name_none: bool) -> WorkloadKinds {
    let patterns = |paths: &[&str]| paths.iter().map(|path| path.parse().unwrap()).collect();
    let kind = WorkloadKind {
        group: "argoproj.io".to_owned(),
        versions: vec!["v1alpha1".to_owned(), "v1".to_owned()],
        kind: "Rollout".to_owned(),
        resource: "rollouts".to_owned(),
        pod_specs: patterns(pod_specs),
        images: patterns(paths),
        may_name_none,
    };
    WorkloadKinds::new(vec![kind]).unwrap()
}

/// One pod spec, the images of steps, and one in an annotation.
fn usual() -> WorkloadKinds {
    kinds(&["/spec/template/spec"], &["/spec/steps/*/image", "/metadata/annotations/proxy.example~1image"], false)
}

/// The creation of a Rollout with this spec.
fn rollout(spec: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "3f2c",
        "kind": {"group": "argoproj.io", "version": "v1alpha1", "kind": "Rollout"},
        "resource": {"group": "argoproj.io", "version": "v1alpha1", "resource": "rollouts"},
        "name": "web",
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
        "object": {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": "web", "namespace": "shop", "uid": "9a1e", "labels": {"app": "web"}},
            "spec": spec,
        },
        "oldObject": null,
        "dryRun": false,
    }})
}

fn with_pod_spec(pod_spec: &Value) -> Value {
    rollout(&json!({"template": {"spec": pod_spec}}))
}

fn of_image(image: &str) -> Value {
    with_pod_spec(&json!({"containers": [{"name": "web", "image": image}]}))
}

fn pointers(review: &Value, kinds: &WorkloadKinds) -> Vec<(String, String)> {
    images(&parse_knowing(review, kinds).unwrap())
}

fn found(pointer: &str, image: &str) -> (String, String) {
    (pointer.to_owned(), image.to_owned())
}

fn passes(review: &Value, kinds: &WorkloadKinds) -> Exemption {
    let request = parse_knowing(review, kinds).unwrap();
    match request.subject() {
        Judgement::Pass(exemption) => {
            assert!(Response::exempt(&request).is_allowed());
            *exemption
        }
        Judgement::Judge(judge) => panic!("judged: {judge:?}"),
    }
}

/// The code and the words with which a review is refused unread.
fn refused(review: &str, kinds: &WorkloadKinds) -> (&'static str, String) {
    match countersign::admission::Request::parse(review.as_bytes(), kinds) {
        Err(countersign::admission::Malformed::Request { uid, denial, .. }) => {
            assert_eq!(codes(&Response::refused(&uid, &denial)), [denial.reason.code()]);
            (denial.reason.code(), denial.finding)
        }
        other => panic!("{other:?}: {review}"),
    }
}

#[test]
fn every_image_of_a_pod_spec_is_found() {
    let spec = json!({
        "serviceAccountName": "robot", "imagePullSecrets": [{"name": "pull"}],
        "containers": [{"name": "web", "image": GOOD}],
        "initContainers": [{"name": "init", "image": GOOD}],
        "ephemeralContainers": [{"name": "debug", "image": GOOD}],
        "volumes": [{"name": "empty"}, {"name": "model", "image": {"reference": GOOD}}],
    });
    let request = parse_knowing(&with_pod_spec(&spec), &usual()).unwrap();
    let expected = [
        "/spec/template/spec/containers/0/image",
        "/spec/template/spec/initContainers/0/image",
        "/spec/template/spec/ephemeralContainers/0/image",
        "/spec/template/spec/volumes/1/image/reference",
    ];
    assert_eq!(images(&request), expected.map(|pointer| found(pointer, GOOD)));
    let judge = judge(&request);
    assert_eq!(judge.target, Target::Template, "whatever makes pods of it is judged again");
    let workload = &judge.workload;
    assert_eq!((workload.group.as_str(), workload.version.as_str()), ("argoproj.io", "v1alpha1"));
    assert_eq!((workload.kind.as_str(), workload.name.as_str()), ("Rollout", "web"));
    assert_eq!(workload.namespace, "shop");
    assert_eq!((workload.service_account.as_str(), &workload.pull_secrets[..]), ("robot", &["pull".to_owned()][..]));
    assert_eq!(workload.labels.get("app").map(String::as_str), Some("web"));
    assert_eq!(workload.requester.username, "alice");
}

#[test]
fn the_verdict_is_that_of_any_workload() {
    let request = parse_knowing(&of_image(GOOD), &usual()).unwrap();
    assert!(validate(&request, &policies()).is_allowed());
    let request = parse_knowing(&of_image(EVIL), &usual()).unwrap();
    let response = validate(&request, &policies());
    assert_eq!(codes(&response), ["signature_missing"]);
    let status = &body(&response)["status"];
    assert_eq!(status["details"]["causes"][0]["field"], json!("spec.template.spec.containers[0].image"));
    assert_eq!(status["details"]["kind"], json!("Rollout"));
    // It is never changed: what pulls are the pods that are made of it.
    assert!(body(&Response::mutated(&request, &[], &[]))["patch"].is_null());
}

#[test]
fn paths_lead_through_lists_and_maps() {
    let steps = |steps: Value| rollout(&json!({ "steps": steps }));
    assert_eq!(
        pointers(&steps(json!([{"image": GOOD}, {"name": "none"}, {"image": null}, {"image": OTHER}])), &usual()),
        [found("/spec/steps/0/image", GOOD), found("/spec/steps/3/image", OTHER)]
    );
    assert_eq!(
        pointers(&steps(json!({"a/b": {"image": GOOD}, "c~d": {"image": OTHER}, "e": null})), &usual()),
        [found("/spec/steps/a~1b/image", GOOD), found("/spec/steps/c~0d/image", OTHER)]
    );
    let mut annotated = of_image(OTHER);
    annotated["request"]["object"]["metadata"]["annotations"] = json!({"proxy.example/image": GOOD, "image": EVIL});
    let expected = [
        found("/spec/template/spec/containers/0/image", OTHER),
        found("/metadata/annotations/proxy.example~1image", GOOD),
    ];
    assert_eq!(pointers(&annotated, &usual()), expected);
    let request = parse_knowing(&annotated, &usual()).unwrap();
    let kinds_of: Vec<_> = judge(&request).images.iter().map(|image| (image.kind, image.container.as_str())).collect();
    assert_eq!(kinds_of, [(ContainerKind::Container, "web"), (ContainerKind::Field, "")]);

    // Several pod specs: the first ServiceAccount, and all pull secrets.
    let jobs = kinds(&["/spec/jobs/*/template"], &[], false);
    let job = |account: &str, image: &str| {
        json!({"template": {"serviceAccountName": account, "imagePullSecrets": [{"name": image.len().to_string()}],
            "containers": [{"name": "a", "image": image}]}})
    };
    let review = rollout(&json!({"jobs": [job("", GOOD), job("one", OTHER), job("two", GOOD)]}));
    let request = parse_knowing(&review, &jobs).unwrap();
    assert_eq!(images(&request)[1], found("/spec/jobs/1/template/containers/0/image", OTHER));
    let workload = &judge(&request).workload;
    assert_eq!(workload.service_account, "one");
    assert_eq!(workload.pull_secrets, [GOOD, OTHER, GOOD].map(|image| image.len().to_string()));
}

#[test]
fn what_stands_on_a_path_and_is_something_else_is_refused() {
    let usual = usual();
    assert!(parse_knowing(&of_image(GOOD), &usual).is_ok());
    for (spec, expected) in [
        (json!("text"), "`spec`: invalid type: string"),
        (json!([]), "`spec`: a list, and the configured path has a name here"),
        (json!({"template": []}), "`spec.template`: a list"),
        (json!({"template": 1}), "`spec.template`: invalid type: integer"),
        (json!({"template": {"spec": "text"}}), "`spec.template.spec`: invalid type: string"),
        (json!({"template": {"spec": [{"containers": []}]}}), "`spec.template.spec`: invalid type: sequence"),
        (json!({"template": {"spec": {"containers": {}}}}), "`spec.template.spec`: invalid type: map"),
        (json!({"template": {"spec": {"containers": [{"image": 1}]}}}), "`spec.template.spec`: invalid type: integer"),
        (json!({"steps": "text"}), "`spec.steps`: invalid type: string"),
        (json!({"steps": true}), "`spec.steps`: invalid type: boolean"),
        (json!({"steps": ["text"]}), "`spec.steps[0]`: invalid type: string"),
        (json!({"steps": [{"image": GOOD}, {"image": {"name": EVIL}}]}), "`spec.steps[1].image`: invalid type: map"),
        (json!({"steps": [{"image": [EVIL]}]}), "`spec.steps[0].image`: invalid type: sequence"),
        (json!({"steps": {"image": EVIL}}), "`spec.steps.image`: invalid type: string"),
        (json!({"steps": {"é": {"image": EVIL}}}), "a key that is not printable ASCII"),
        (json!({"steps": {"a\nb": {"image": EVIL}}}), "a key that is not printable ASCII"),
    ] {
        let (code, finding) = refused(&rollout(&spec).to_string(), &usual);
        assert_eq!(code, "request_malformed", "{spec}");
        assert!(finding.contains(expected), "{spec}: {finding}");
    }
    for image in ["$(params.image)", "UPPER/case", " ", ""] {
        let review = rollout(&json!({"steps": [{ "image": image }]})).to_string();
        if image.trim().is_empty() {
            let request = parse_knowing(&serde_json::from_str(&review).unwrap(), &usual).unwrap();
            assert_eq!(request.warnings(), ["a field that is to name an image is empty (spec.steps[0].image)"]);
            continue;
        }
        let (code, finding) = refused(&review, &usual);
        assert_eq!(code, "image_malformed");
        assert!(finding.starts_with("`spec.steps[0].image`: `"), "{finding}");
    }
}

#[test]
fn a_key_that_comes_twice_is_refused() {
    let good = rollout(&json!({"steps": {"a": {"image": GOOD}}})).to_string();
    assert!(countersign::admission::Request::parse(good.as_bytes(), &usual()).is_ok());
    for (from, to) in [
        (r#""steps":{"#, r#""steps":{},"steps":{"#),
        (r#"{"a":{"#, r#"{"a":{},"a":{"#),
        (r#"{"a":{"#, r#"{"a":{},"\u0061":{"#),
        (r#""image":"#, r#""image":"x","image":"#),
        (r#""spec":{"#, r#""spec":{},"spec":{"#),
        (r#""kind":"Rollout","metadata""#, r#""kind":"Rollout","kind":"Rollout","metadata""#),
    ] {
        assert!(good.contains(from), "{from}");
        let (code, finding) = refused(&good.replace(from, to), &usual());
        assert_eq!(code, "request_malformed", "{to}");
        assert!(finding.contains("same key twice") || finding.contains("duplicate field"), "{finding}");
    }
}

#[test]
fn an_object_that_names_none_is_refused_unless_its_kind_may() {
    let may = kinds(&["/spec/template/spec"], &["/spec/steps/*/image"], true);
    for spec in [
        Value::Null,
        json!({}),
        json!({"workloadRef": {"name": "web"}}),
        json!({"template": null}),
        json!({"template": {"spec": null}}),
        json!({"Template": {"spec": {"containers": []}}}),
        json!({"steps": []}),
        json!({"steps": [{"name": "a"}]}),
    ] {
        let review = rollout(&spec);
        let (code, finding) = refused(&review.to_string(), &usual());
        assert_eq!(code, "request_malformed", "{spec}");
        assert!(finding.contains("/spec/template/spec /spec/steps/*/image"), "{finding}");
        assert_eq!(passes(&review, &may), Exemption::NoImages, "{spec}");
        // One that named none before can be finished and deleted.
        let update = updating(review.clone(), review["request"]["object"].clone());
        assert_eq!(passes(&update, &usual()), Exemption::NoImages, "{spec}");
        let named_one = updating(review, of_image(GOOD)["request"]["object"].clone());
        assert_eq!(refused(&named_one.to_string(), &usual()).0, "request_malformed", "{spec}");
    }
    // A pod spec is there, as in any workload.
    assert_eq!(passes(&with_pod_spec(&json!({"containers": []})), &usual()), Exemption::NoImages);
}

#[test]
fn an_update_is_judged_by_what_it_changes() {
    let usual = usual();
    let spec = |containers: &Value, steps: &Value| {
        rollout(&json!({"template": {"spec": {"containers": containers}}, "steps": steps}))
    };
    let web = json!([{"name": "web", "image": EVIL}]);
    let before = spec(&web, &json!([{"image": EVIL}]))["request"]["object"].clone();
    let update = |containers: Value, steps: Value| updating(spec(&containers, &steps), before.clone());
    assert_eq!(passes(&update(web.clone(), json!([{"image": EVIL}])), &usual), Exemption::ImagesUnchanged);
    for (containers, steps, pointer) in [
        (json!([{"name": "new", "image": EVIL}]), json!([{"image": EVIL}]), "/spec/template/spec/containers/0/image"),
        (web.clone(), json!([{"image": EVIL}, {"image": EVIL}]), "/spec/steps/1/image"),
        (web.clone(), json!({"0x": {"image": EVIL}}), "/spec/steps/0x/image"),
        (web.clone(), json!([{"image": GOOD}]), "/spec/steps/0/image"),
    ] {
        assert_eq!(pointers(&update(containers, steps), &usual).first().map(|(at, _)| at.as_str()), Some(pointer));
    }
    // What was before counts only of the same object, and only where it can be read.
    let mut other = update(web.clone(), json!([{"image": EVIL}]));
    other["request"]["oldObject"]["metadata"]["uid"] = json!("another");
    let mut unreadable = update(web.clone(), json!([{"image": EVIL}]));
    unreadable["request"]["oldObject"]["spec"]["steps"] = json!("text");
    let mut created = update(web, json!([{"image": EVIL}]));
    created["request"]["operation"] = json!("CREATE");
    for review in [other, unreadable, created] {
        assert_eq!(pointers(&review, &usual).len(), 2, "{review}");
    }
}

#[test]
fn a_kind_is_known_by_its_whole_name() {
    let usual = usual();
    assert!(parse_knowing(&of_image(GOOD), &usual).is_ok());
    let (code, finding) = refused(&of_image(GOOD).to_string(), &WorkloadKinds::default());
    assert_eq!(code, "request_malformed");
    assert!(finding.contains("is no kind that is known"), "{finding}");
    for (pointer, value) in [
        ("/request/kind/version", json!("v2")),
        ("/request/kind/kind", json!("Deployment")),
        ("/request/kind/group", json!("apps")),
        ("/request/resource/resource", json!("deployments")),
        ("/request/resource/group", json!("apps")),
        ("/request/resource/version", json!("v1")),
        ("/request/object/apiVersion", json!("argoproj.io/v1")),
        ("/request/object/kind", json!("Pod")),
        ("/request/object/metadata/namespace", json!("other")),
        ("/request/object", Value::Null),
        ("/request/object", json!([])),
    ] {
        let mut review = of_image(GOOD);
        *review.pointer_mut(pointer).unwrap() = value.clone();
        assert_eq!(refused(&review.to_string(), &usual).0, "request_malformed", "{pointer} {value}");
    }
    // Kinds that every cluster has are read as ever.
    let pod = super::support::pod_of(GOOD);
    let (one, other) = (parse(&pod).unwrap(), parse_knowing(&pod, &usual).unwrap());
    assert_eq!(judge(&one), judge(&other));
}

#[test]
fn ceilings_refuse() {
    let usual = usual();
    let steps = |count: usize| rollout(&json!({"steps": vec![json!({"image": GOOD}); count]}));
    assert_eq!(pointers(&steps(limits::IMAGES_PER_REQUEST), &usual).len(), limits::IMAGES_PER_REQUEST);
    let named = |count: usize| rollout(&json!({"steps": vec![json!({"name": "a"}); count], "template": {"spec": {}}}));
    assert_eq!(passes(&named(limits::OBJECT_LIST_ENTRIES), &usual), Exemption::NoImages);
    let key = |length: usize| rollout(&json!({"steps": {"k".repeat(length): {"image": GOOD}}}));
    let room = limits::POINTER_BYTES - "/spec/steps/".len() - "/image".len();
    assert_eq!(pointers(&key(room - 1), &usual).len(), 1);
    let labels: serde_json::Map<_, _> =
        (0..=limits::OBJECT_LIST_ENTRIES).map(|n| (n.to_string(), json!("x"))).collect();
    let mut labelled = of_image(GOOD);
    labelled["request"]["object"]["metadata"]["labels"] = Value::Object(labels);
    let containers = vec![json!({"name": "a", "image": GOOD}); limits::OBJECT_LIST_ENTRIES + 1];
    for review in [
        steps(limits::IMAGES_PER_REQUEST + 1),
        steps(limits::PLACES_PER_OBJECT + 1),
        named(limits::OBJECT_LIST_ENTRIES + 1),
        key(room + 1),
        labelled,
        with_pod_spec(&json!({"containers": containers})),
    ] {
        assert_eq!(refused(&review.to_string(), &usual).0, "limit_exceeded");
    }
}

#[test]
fn manifests_are_read_by_the_same_rules() {
    let object = of_image(GOOD)["request"]["object"].to_string();
    let read = Object::parse(object.as_bytes(), &usual()).unwrap();
    assert_eq!(read.images()[0].pointer.as_str(), "/spec/template/spec/containers/0/image");
    assert_eq!((read.workload().kind.as_str(), read.target()), ("Rollout", Target::Template));
    assert!(Object::is_known("argoproj.io/v1alpha1", "Rollout", &usual()));
    assert!(!Object::is_known("argoproj.io/v1alpha1", "Rollout", &WorkloadKinds::default()));
    let wrong = object.replace(r#""containers":["#, r#""containers":1,"x":["#);
    for (text, kinds) in [(&object, WorkloadKinds::default()), (&wrong, usual())] {
        assert_eq!(Object::parse(text.as_bytes(), &kinds).unwrap_err().reason.code(), "request_malformed");
    }
}
