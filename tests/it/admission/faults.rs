//! The T rows of bad input and of Kubernetes' shapes that end in admission. Each refusal names its code, and beside it
//! stands what differs in one thing and is understood.

use countersign::admission::{Exemption, Judgement, Request, Response, Target};
use countersign::limits;
use countersign::policy::{Mode, Rule, Verdict, WorkloadKinds};
use serde_json::{Value, json};

use super::support::{
    DIGEST, body, codes, images, judge, parse, pod, pod_of, policies, policy, recorded, refused, review, set, signed,
    updating, validate,
};

const GOOD: &str = "registry.example/shop/web:v5";
const EVIL: &str = "registry.example/shop/evil:1";

fn passes(review: &Value) -> Exemption {
    let request = parse(review).unwrap();
    match request.subject() {
        Judgement::Pass(exemption) => {
            assert!(Response::exempt(&request).is_allowed());
            *exemption
        }
        Judgement::Judge(judge) => panic!("judged: {:?}", judge.images),
    }
}

/// Whether a review is refused by policies that pass nothing.
fn denied(review: &Value) -> Vec<String> {
    codes(&validate(&parse(review).unwrap(), &policies()))
}

#[test]
fn t01_t02_what_is_no_review_has_no_answer() {
    assert!(parse(&pod_of(GOOD)).is_ok());
    for body in ["", "{bad", "{}", "[]", "null", "\"x\"", "\0", "{}{}"] {
        assert_eq!(refused(body.as_bytes()), "400", "{body}");
    }
    type Change = fn(&mut Value);
    let changes: [(&str, Change, &str); 14] = [
        ("no request", |review| review["request"] = Value::Null, "400"),
        ("a list for a request", |review| review["request"] = json!(["3f2c"]), "400"),
        ("no uid", |review| review["request"]["uid"] = Value::Null, "400"),
        ("an empty uid", |review| review["request"]["uid"] = json!(""), "400"),
        ("a long uid", |review| review["request"]["uid"] = json!("u".repeat(257)), "400"),
        ("a number for a uid", |review| review["request"]["uid"] = json!(7), "400"),
        ("no object", |review| review["request"]["object"] = Value::Null, "request_malformed"),
        ("no kind", |review| review["request"]["kind"] = Value::Null, "request_malformed"),
        ("no resource", |review| review["request"]["resource"] = Value::Null, "request_malformed"),
        ("no operation", |review| review["request"]["operation"] = Value::Null, "request_malformed"),
        ("a strange operation", |review| review["request"]["operation"] = json!("PATCH"), "request_malformed"),
        ("a lower-case operation", |review| review["request"]["operation"] = json!("delete"), "request_malformed"),
        ("no spec", |review| review["request"]["object"]["spec"] = Value::Null, "request_malformed"),
        ("a list for a spec", |review| review["request"]["object"]["spec"] = json!([[]]), "request_malformed"),
    ];
    for (what, change, expected) in changes {
        let mut review = pod_of(GOOD);
        change(&mut review);
        assert_eq!(refused(review.to_string().as_bytes()), expected, "{what}");
    }
}

#[test]
fn t04_a_key_that_comes_twice_is_refused() {
    let good = pod_of(GOOD).to_string();
    let twice = [
        (r#""request":{"#, r#""request":{},"request":{"#, "400"),
        (r#""uid":"3f2c""#, r#""uid":"3f2c","uid":"3f2c""#, "400"),
        (r#""operation":"CREATE""#, r#""operation":"CREATE","operation":"DELETE""#, "400"),
        (r#""object":{"#, r#""object":{},"object":{"#, "400"),
        (r#""userInfo":{"#, r#""userInfo":{},"userInfo":{"#, "400"),
        (r#""username":"alice""#, r#""username":"alice","username":"bob""#, "400"),
        (r#""spec":{"#, r#""spec":{},"spec":{"#, "request_malformed"),
        (r#""containers":["#, r#""containers":[],"containers":["#, "request_malformed"),
        (r#""image":"#, r#""image":"registry.example/mesh/ok:1","image":"#, "request_malformed"),
        (r#""image":"#, r#""\u0069mage":"registry.example/mesh/ok:1","image":"#, "request_malformed"),
        (r#""nodeName":"#, r#""nodeName":"a","nodeName":"#, "request_malformed"),
        (r#""metadata":{"#, r#""metadata":{"labels":{"a":"1","a":"2"}},"x":{"#, "request_malformed"),
        (r#""metadata":{"#, r#""metadata":{},"metadata":{"#, "request_malformed"),
    ];
    assert!(Request::parse(good.as_bytes(), &WorkloadKinds::default()).is_ok());
    for (from, to, expected) in twice {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        assert_eq!(refused(bad.as_bytes()), expected, "{to}");
    }
    let template = review("deployment-create").to_string();
    assert!(Request::parse(template.as_bytes(), &WorkloadKinds::default()).is_ok());
    let bad = template.replacen(r#""template":{"#, r#""template":{"spec":{}},"template":{"#, 1);
    assert_ne!(bad, template);
    assert_eq!(refused(bad.as_bytes()), "request_malformed");
}

#[test]
fn t05_depth_and_width_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let with = |value: &str| {
        pod_of(GOOD).to_string().replacen(r#""dryRun":false"#, &format!(r#""dryRun":false,"options":{value}"#), 1)
    };
    assert!(Request::parse(with(&nested(100)).as_bytes(), &WorkloadKinds::default()).is_ok());
    for depth in [limits::REVIEW_DEPTH, 10_000, 1_000_000] {
        assert_eq!(refused(with(&nested(depth)).as_bytes()), "400");
    }
    let containers = |count: usize| {
        let container = |index| json!({"name": format!("c{index}"), "image": GOOD});
        pod(&Value::Array((0..count).map(container).collect()))
    };
    assert_eq!(images(&parse(&containers(limits::IMAGES_PER_REQUEST)).unwrap()).len(), limits::IMAGES_PER_REQUEST);
    for count in [limits::IMAGES_PER_REQUEST + 1, limits::OBJECT_LIST_ENTRIES + 1] {
        assert_eq!(refused(containers(count).to_string().as_bytes()), "limit_exceeded");
    }
    let million = pod(&json!([])).to_string().replacen(
        r#""containers":[]"#,
        &format!(r#""containers":[{}]"#, vec!["{}"; 1_000_000].join(",")),
        1,
    );
    assert_eq!(refused(million.as_bytes()), "limit_exceeded");
    let mut wide = pod_of(GOOD);
    let label = |index| (format!("l{index}"), json!(""));
    wide["request"]["object"]["metadata"]["labels"] = (0..=limits::OBJECT_LIST_ENTRIES).map(label).collect();
    assert_eq!(refused(wide.to_string().as_bytes()), "limit_exceeded");
    let mut groups = pod_of(GOOD);
    groups["request"]["userInfo"]["groups"] = json!(vec!["g"; limits::OBJECT_LIST_ENTRIES + 1]);
    assert_eq!(refused(groups.to_string().as_bytes()), "limit_exceeded");
}

#[test]
fn t06_another_version_of_the_review_is_refused() {
    for (version, kind) in [
        ("admission.k8s.io/v1beta1", "AdmissionReview"),
        ("admission.k8s.io/v2", "AdmissionReview"),
        ("v1", "AdmissionReview"),
        ("", "AdmissionReview"),
        ("admission.k8s.io/v1", "Pod"),
        ("v1", "Pod"),
    ] {
        let mut review = pod_of(GOOD);
        review["apiVersion"] = json!(version);
        review["kind"] = json!(kind);
        assert_eq!(refused(review.to_string().as_bytes()), "400", "{version} {kind}");
    }
}

#[test]
fn t07_image_of_the_wrong_type() {
    for (image, expected) in [
        (json!(7), "request_malformed"),
        (json!([GOOD]), "request_malformed"),
        (json!({"reference": GOOD}), "request_malformed"),
        (json!(true), "request_malformed"),
        (Value::Null, "image_malformed"),
        (json!(""), "image_malformed"),
        (json!(" "), "image_malformed"),
    ] {
        let review = pod(&json!([{"name": "good", "image": GOOD}, {"name": "web", "image": image}]));
        assert_eq!(refused(review.to_string().as_bytes()), expected, "{image}");
    }
    for container in [json!({"name": "web"}), json!({})] {
        assert_eq!(refused(pod(&json!([container])).to_string().as_bytes()), "image_malformed", "{container}");
    }
    for containers in
        [json!({"web": {"image": GOOD}}), json!("web"), json!([GOOD]), json!([["web", GOOD]]), json!([null])]
    {
        assert_eq!(refused(pod(&containers).to_string().as_bytes()), "request_malformed", "{containers}");
    }
    for volume in [json!({"name": "v", "image": GOOD}), json!({"name": "v", "image": {"reference": 7}})] {
        let mut review = pod_of(GOOD);
        review["request"]["object"]["spec"]["volumes"] = json!([volume]);
        assert_eq!(refused(review.to_string().as_bytes()), "request_malformed", "{volume}");
    }
    let mut empty = pod_of(GOOD);
    empty["request"]["object"]["spec"]["volumes"] = json!([{"name": "v", "image": {}}]);
    assert_eq!(refused(empty.to_string().as_bytes()), "image_malformed");
    empty["request"]["object"]["spec"]["volumes"] = json!([{"name": "v", "image": null}, {"name": "w"}]);
    assert_eq!(images(&parse(&empty).unwrap()).len(), 1);
}

#[test]
fn t08_text_that_is_not_what_it_seems() {
    let good = pod_of(GOOD).to_string();
    let with = |image: &[u8]| {
        let (before, after) = good.split_once(GOOD).unwrap();
        [before.as_bytes(), image, after.as_bytes()].concat()
    };
    assert!(Request::parse(&with(GOOD.as_bytes()), &WorkloadKinds::default()).is_ok());
    let escaped = GOOD.replace("web", r"w\u0065b");
    assert_eq!(images(&Request::parse(&with(escaped.as_bytes()), &WorkloadKinds::default()).unwrap())[0].1, GOOD);
    for (image, expected) in [
        (&b"registry.example/\xff/web"[..], "400"),
        (b"registry.example/\xed\xa0\x80/web", "400"),
        (br"registry.example/\ud800/web", "request_malformed"),
        (br"registry.example/shop/web\u0000", "image_malformed"),
        ("\u{feff}registry.example/shop/web".as_bytes(), "image_malformed"),
        ("registry.example/shop/wеb".as_bytes(), "image_malformed"), // Cyrillic е
        ("registry.example/shop/web\u{202e}".as_bytes(), "image_malformed"),
        (br"registry.example/shop/web\n", "image_malformed"),
        (b" registry.example/shop/web", "image_malformed"),
        (b"registry.example/shop/web ", "image_malformed"),
        (b"registry.example/shop/web@sha256:00", "image_malformed"),
    ] {
        assert_eq!(refused(&with(image)), expected, "{}", String::from_utf8_lossy(image));
    }
    assert_eq!(refused(&[b"\xef\xbb\xbf", good.as_bytes()].concat()), "400");
}

#[test]
fn t09_kind_resource_and_object_have_to_agree() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 14] = [
        ("a deployment for a pod", |request| {
            request["object"] = review("deployment-create")["request"]["object"].clone();
        }),
        ("an object without kind", |request| request["object"]["kind"] = Value::Null),
        ("an object without version", |request| request["object"]["apiVersion"] = Value::Null),
        ("an object of another version", |request| request["object"]["apiVersion"] = json!("v2")),
        ("the kind of a secret", |request| request["kind"]["kind"] = json!("Secret")),
        ("the resource of a secret", |request| request["resource"]["resource"] = json!("secrets")),
        ("the resource of another group", |request| request["resource"]["group"] = json!("apps")),
        ("the resource of another version", |request| request["resource"]["version"] = json!("v2")),
        ("another namespace", |request| request["object"]["metadata"]["namespace"] = json!("kube-system")),
        ("all of a secret", |request| {
            request["kind"]["kind"] = json!("Secret");
            request["resource"]["resource"] = json!("secrets");
            request["object"]["kind"] = json!("Secret");
        }),
        ("a scale of no resource", |request| {
            request["kind"] = json!({"group": "autoscaling", "version": "v1", "kind": "Scale"});
        }),
        ("a pod that says it is a scale", |request| {
            request["kind"] = json!({"group": "autoscaling", "version": "v1", "kind": "Scale"});
            request["subResource"] = json!("scale");
        }),
        ("a binding without its subresource", |request| {
            request["kind"]["kind"] = json!("Binding");
            request["object"]["kind"] = json!("Binding");
        }),
        ("a subresource with a strange kind", |request| {
            request["kind"] = json!({"group": "", "version": "v1", "kind": "PodProxyOptions"});
            request["object"]["kind"] = json!("PodProxyOptions");
            request["subResource"] = json!("proxy");
        }),
    ];
    for (what, change) in changes {
        let mut review = pod_of(GOOD);
        change(&mut review["request"]);
        assert_eq!(refused(review.to_string().as_bytes()), "request_malformed", "{what}");
    }
}

#[test]
fn an_older_version_of_a_known_kind_is_not_guessed_at() {
    for version in ["v1beta1", "v1beta2", "v2"] {
        let mut review = review("deployment-create");
        let request = &mut review["request"];
        request["kind"]["version"] = json!(version);
        request["resource"]["version"] = json!(version);
        request["object"]["apiVersion"] = json!(format!("apps/{version}"));
        assert_eq!(refused(review.to_string().as_bytes()), "request_malformed", "{version}");
    }
}

/// Every recorded kind, and the way to its pod spec.
const KINDS: [(&str, &str); 9] = [
    ("pod-create", "/spec"),
    ("podtemplate-create", "/template/spec"),
    ("replicationcontroller-create", "/spec/template/spec"),
    ("deployment-create", "/spec/template/spec"),
    ("replicaset-create", "/spec/template/spec"),
    ("statefulset-create", "/spec/template/spec"),
    ("daemonset-create", "/spec/template/spec"),
    ("job-create", "/spec/template/spec"),
    ("cronjob-create", "/spec/jobTemplate/spec/template/spec"),
];

#[test]
fn t12_an_unsigned_image_is_found_in_every_list_of_every_kind() {
    let passing = set(vec![
        policy(
            "evil",
            "registry.example/shop/evil",
            Mode::Enforce,
            vec![("nobody", Rule::Fail { message: String::new() })],
        ),
        policy("others", "registry.example/good/**", Mode::Enforce, vec![("all", Rule::Pass)]),
    ]);
    let good = format!("registry.example/good/web:1@{DIGEST}");
    let places = [
        ("containers", "image", json!({"name": "x", "image": EVIL})),
        ("initContainers", "image", json!({"name": "x", "image": EVIL})),
        ("initContainers", "image", json!({"name": "x", "image": EVIL, "restartPolicy": "Always"})),
        ("ephemeralContainers", "image", json!({"name": "x", "image": EVIL, "targetContainerName": "web"})),
        ("volumes", "image/reference", json!({"name": "x", "image": {"reference": EVIL}})),
    ];
    for (name, root) in KINDS {
        for (list, field, entry) in &places {
            let mut bad = review(name);
            let spec = bad["request"]["object"].pointer_mut(root).unwrap();
            *spec = json!({"containers": [{"name": "web", "image": good}]});
            assert!(validate(&parse(&bad).unwrap(), &passing).is_allowed(), "the positive twin: {name}");

            let spec = bad["request"]["object"].pointer_mut(root).unwrap();
            let mut entries = spec[list].as_array().cloned().unwrap_or_default();
            entries.push(entry.clone());
            let pointer = format!("{root}/{list}/{}/{field}", entries.len() - 1);
            spec[list] = json!(entries);
            let request = parse(&bad).unwrap();
            assert!(images(&request).contains(&(pointer.clone(), EVIL.to_owned())), "{name} {pointer}");
            assert_eq!(judge(&request).target, if name == "pod-create" { Target::Pod } else { Target::Template });
            let response = validate(&request, &passing);
            assert_eq!(codes(&response), ["static_fail"], "{name} {pointer}");
        }
    }
}

#[test]
fn t12_an_ephemeral_container_through_its_subresource() {
    let debug = parse(&review("pod-ephemeral-container")).unwrap();
    let expected = ("/spec/ephemeralContainers/0/image".to_owned(), "registry.example/tools/debug:1".to_owned());
    assert_eq!(images(&debug), [expected]);
    let mut unsigned = review("pod-ephemeral-container");
    unsigned["request"]["object"]["spec"]["ephemeralContainers"][0]["image"] = json!(EVIL);
    assert_eq!(denied(&unsigned), ["signature_missing"]);
}

fn web(image: &str) -> Value {
    pod_of(image)["request"]["object"].clone()
}

#[test]
fn t13_an_update_is_judged_by_what_it_adds() {
    let update = |containers: Value| updating(pod(&containers), web(GOOD));
    let unchanged = json!({"name": "web", "image": GOOD});
    assert_eq!(passes(&update(json!([unchanged]))), Exemption::ImagesUnchanged);
    for (what, containers, pointers) in [
        ("a second container", json!([unchanged, {"name": "x", "image": EVIL}]), vec!["/spec/containers/1/image"]),
        (
            "the same image under another name",
            json!([unchanged, {"name": "x", "image": GOOD}]),
            vec!["/spec/containers/1/image"],
        ),
        ("a moved name", json!([{"name": "x", "image": GOOD}]), vec!["/spec/containers/0/image"]),
        (
            "another image under the same name",
            json!([{"name": "web", "image": EVIL}]),
            vec!["/spec/containers/0/image"],
        ),
        ("the same name twice", json!([unchanged, {"name": "web", "image": EVIL}]), vec!["/spec/containers/1/image"]),
        (
            "another spelling",
            json!([{"name": "web", "image": "REGISTRY.example/shop/web:v5"}]),
            vec!["/spec/containers/0/image"],
        ),
        ("no name", json!([{"image": GOOD}]), vec!["/spec/containers/0/image"]),
    ] {
        let request = parse(&update(containers)).unwrap();
        let found: Vec<_> = images(&request).into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(found, pointers, "{what}");
        assert!(!validate(&request, &policies()).is_allowed(), "{what}");
    }
    let mut moved = update(json!([]));
    moved["request"]["object"]["spec"]["initContainers"] = json!([unchanged]);
    assert_eq!(denied(&moved), ["signature_missing"], "the same container in another list");
    let mut nameless = updating(pod(&json!([{"image": GOOD}])), web(GOOD));
    nameless["request"]["oldObject"]["spec"]["containers"] = json!([{"image": GOOD}]);
    assert_eq!(denied(&nameless), ["signature_missing"], "no name on either side");
}

#[test]
fn t13_without_the_object_as_it_was_everything_is_new() {
    assert_eq!(passes(&updating(pod_of(GOOD), web(GOOD))), Exemption::ImagesUnchanged);
    let mut stranger = web(GOOD);
    stranger["metadata"]["uid"] = json!("another");
    let mut nobody = web(GOOD);
    nobody["metadata"]["uid"] = Value::Null;
    let mut kindless = web(GOOD);
    kindless["kind"] = json!("Deployment");
    let mut unreadable = web(GOOD);
    unreadable["spec"]["containers"][0]["name"] = json!(7);
    for (what, old) in [
        ("none", Value::Null),
        ("another uid", stranger),
        ("no uid", nobody.clone()),
        ("another kind", kindless),
        ("unreadable", unreadable),
        ("a list", json!([web(GOOD)])),
        ("a text", json!("x")),
    ] {
        assert_eq!(denied(&updating(pod_of(GOOD), old)), ["signature_missing"], "{what}");
    }
    let mut both = updating(pod_of(GOOD), nobody);
    both["request"]["object"]["metadata"]["uid"] = Value::Null;
    assert_eq!(denied(&both), ["signature_missing"], "no uid on either side");
    let mut create = pod_of(GOOD);
    create["request"]["oldObject"] = web(GOOD);
    assert_eq!(denied(&create), ["signature_missing"], "CREATE has no object as it was");
}

#[test]
fn t14_scaling_down_hides_no_change_of_the_image() {
    let mut update = review("deployment-update-image");
    let changed = ("/spec/template/spec/containers/0/image".to_owned(), "registry.example/shop/web:v6".to_owned());
    assert_eq!(images(&parse(&update).unwrap()), std::slice::from_ref(&changed));
    update["request"]["object"]["spec"]["replicas"] = json!(0);
    assert_eq!(images(&parse(&update).unwrap()), [changed]);
    assert_eq!(denied(&update), ["signature_missing"]);
    update["request"]["object"]["spec"]["template"] = update["request"]["oldObject"]["spec"]["template"].clone();
    assert_eq!(passes(&update), Exemption::ImagesUnchanged);
}

#[test]
fn t15_a_deletion_timestamp_exempts_nothing() {
    let mut dying = pod_of(GOOD);
    dying["request"]["object"]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    dying["request"]["object"]["metadata"]["deletionGracePeriodSeconds"] = json!(0);
    dying["request"]["object"]["metadata"]["finalizers"] = json!(["example.com/wait"]);
    assert_eq!(denied(&dying), ["signature_missing"]);
    let dying = updating(dying, web(EVIL));
    assert_eq!(denied(&dying), ["signature_missing"]);
}

#[test]
fn t16_what_keeps_its_images_can_always_be_cleaned_up() {
    for name in ["pod-update-labels", "pod-status", "pod-resize", "deployment-status"] {
        assert_eq!(passes(&review(name)), Exemption::ImagesUnchanged, "{name}");
    }
    // Even an image that is no image today.
    let old = web("Not An Image");
    let mut finalizers = updating(pod_of("Not An Image"), old);
    finalizers["request"]["object"]["metadata"]["finalizers"] = json!([]);
    assert_eq!(passes(&finalizers), Exemption::ImagesUnchanged);
    assert_eq!(refused(pod_of("Not An Image").to_string().as_bytes()), "image_malformed");
}

#[test]
fn t16_a_subresource_with_a_changed_image_is_judged() {
    for name in ["pod-status", "pod-resize"] {
        let mut changed = review(name);
        changed["request"]["object"]["spec"]["containers"][0]["image"] = json!(EVIL);
        assert_eq!(denied(&changed), ["signature_missing"], "{name}");
    }
}

#[test]
fn t19_no_label_and_no_annotation_exempts() {
    let claims = json!({
        "countersign.dev/verified": "true",
        "countersign.dev/skip": "true",
        "countersign.dev/break-glass": "incident-1",
        "countersign.dev/digest": DIGEST,
        "countersign.dev/enforce": "false",
        "policy.sigstore.dev/include": "false",
        "policy.sigstore.dev/exclude": "true",
        "admission.gatekeeper.sh/ignore": "true",
        "kubernetes.io/config.mirror": "5f2c1d",
        "kubernetes.io/config.source": "file",
    });
    for (name, _) in KINDS {
        let mut forged = review(name);
        let plain = denied(&forged);
        forged["request"]["object"]["metadata"]["labels"] = claims.clone();
        forged["request"]["object"]["metadata"]["annotations"] = claims.clone();
        assert_eq!(denied(&forged), plain, "{name}");
    }
}

#[test]
fn t23_what_runs_no_image_passes() {
    for (name, exemption) in [
        ("pod-delete", Exemption::Delete),
        ("pod-exec", Exemption::Connect),
        ("pod-mirror", Exemption::MirrorPodFromNode),
        ("pod-binding", Exemption::SubresourceWithoutImages),
        ("pod-eviction", Exemption::SubresourceWithoutImages),
        ("deployment-scale", Exemption::SubresourceWithoutImages),
    ] {
        assert_eq!(passes(&review(name)), exemption, "{name}");
        let answer = body(&Response::exempt(&parse(&review(name)).unwrap()));
        assert_eq!(answer["auditAnnotations"]["exemption"], json!(exemption.code()));
    }
}

#[test]
fn t23_a_mirror_pod_is_believed_of_its_own_node_only() {
    let mirror = || review("pod-mirror");
    assert_eq!(passes(&mirror()), Exemption::MirrorPodFromNode);
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 9] = [
        ("somebody else", |request| request["userInfo"]["username"] = json!("alice")),
        ("another node", |request| request["userInfo"]["username"] = json!("system:node:node-2")),
        ("a node with a longer name", |request| request["userInfo"]["username"] = json!("system:node:node-10")),
        ("not in the group of nodes", |request| request["userInfo"]["groups"] = json!(["system:masters"])),
        ("no user", |request| request["userInfo"] = Value::Null),
        ("no annotation", |request| request["object"]["metadata"]["annotations"] = json!({})),
        ("for another node", |request| request["object"]["spec"]["nodeName"] = json!("node-2")),
        ("for no node", |request| {
            request["object"]["spec"]["nodeName"] = json!("");
            request["userInfo"]["username"] = json!("system:node:");
        }),
        ("an update", |request| request["operation"] = json!("UPDATE")),
    ];
    for (what, change) in changes {
        let mut forged = mirror();
        change(&mut forged["request"]);
        assert_eq!(denied(&forged), ["signature_missing"], "{what}");
    }
    // A template with the annotation is no mirror pod, whoever brings it.
    let mut template = review("deployment-create");
    template["request"]["userInfo"] = mirror()["request"]["userInfo"].clone();
    template["request"]["object"]["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    template["request"]["object"]["spec"]["template"]["spec"]["nodeName"] = json!("node-1");
    assert!(!validate(&parse(&template).unwrap(), &policies()).is_allowed());
}

#[test]
fn an_object_without_images_passes_and_a_blank_one_is_told_of() {
    assert_eq!(passes(&pod(&json!([]))), Exemption::NoImages);
    assert_eq!(passes(&pod(&Value::Null)), Exemption::NoImages);
    let blank = parse(&review("deployment-blank-image")).unwrap();
    assert_eq!(images(&blank).len(), 1);
    let expected = [
        "container `later`: the template names no image (spec.template.spec.containers[1].image)",
        "image volume `models`: the template names no image (spec.template.spec.volumes[1].image.reference)",
    ];
    assert_eq!(blank.warnings(), expected);
    let warnings = body(&validate(&blank, &policies()))["warnings"].clone();
    assert_eq!(warnings.as_array().unwrap()[1..], expected.map(|text| json!(text)), "behind the one about the tag");
    let mut only_blank = review("deployment-blank-image");
    only_blank["request"]["object"]["spec"]["template"]["spec"]["containers"] = json!([{"name": "later"}]);
    assert_eq!(passes(&only_blank), Exemption::NoImages);
    assert_eq!(refused(&recorded("pod-of-replicaset-blank-image-mutate")), "image_malformed");
    let mut controller = review("replicationcontroller-create");
    controller["request"]["object"]["spec"]["template"] = Value::Null;
    assert_eq!(passes(&controller), Exemption::NoImages);
    let mut deployment = review("deployment-create");
    deployment["request"]["object"]["spec"]["template"] = Value::Null;
    assert_eq!(refused(deployment.to_string().as_bytes()), "request_malformed");
}

#[test]
fn t27_a_tag_beside_a_digest_says_nothing() {
    let request = parse(&pod_of(&format!("registry.example/mesh/proxy:moved@{DIGEST}"))).unwrap();
    let response = validate(&request, &policies());
    assert!(response.is_allowed());
    let annotations = &body(&response)["auditAnnotations"];
    assert_eq!(annotations["digest"], json!(format!("registry.example/mesh/proxy@{DIGEST}")));
    assert_eq!(annotations["policy"], json!("mesh/vendor"));
    let pin = countersign::admission::Pin::new(&judge(&request).images[0], countersign::image::Digest::of(b"moved"));
    assert_eq!(pin, None);
}

#[test]
fn t30_one_failing_policy_of_many_denies_in_any_order() {
    let pass = |name: &str| policy(name, "registry.example/**", Mode::Enforce, vec![("all", Rule::Pass)]);
    let fail = policy("m-fails", "registry.example/shop/**", Mode::Enforce, vec![("ci-key", signed())]);
    let mut policies = vec![pass("a"), pass("b"), fail, pass("x"), pass("y")];
    let request = parse(&pod_of(&format!("{GOOD}@{DIGEST}"))).unwrap();
    assert!(validate(&request, &set(vec![pass("a"), pass("b")])).is_allowed());
    for round in 0..100 {
        policies.swap(round % 5, (round * 7 + 3) % 5);
        let response = validate(&request, &set(policies.clone()));
        assert_eq!(codes(&response), ["signature_missing"]);
        let message = body(&response)["status"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("policy `m-fails`, authority `ci-key`: signature_missing"), "{message}");
        assert_eq!(body(&response)["auditAnnotations"]["policy"], json!("m-fails/ci-key"));
    }
}

#[test]
fn verdicts_of_another_request_allow_nothing() {
    let passing = set(vec![policy("all", "registry.example/**", Mode::Enforce, vec![("all", Rule::Pass)])]);
    let request = parse(&pod_of(&format!("{GOOD}@{DIGEST}"))).unwrap();
    let other = parse(&pod_of(&format!("{EVIL}@{DIGEST}"))).unwrap();
    let two = json!([{"name": "web", "image": format!("{GOOD}@{DIGEST}")}, {"name": "x", "image": EVIL}]);
    let two = parse(&pod(&two)).unwrap();
    let exempt = parse(&review("pod-delete")).unwrap();
    let verdicts = |request: &Request| -> nonempty::NonEmpty<Verdict> {
        let judge = judge(request);
        let plan = passing.plan(&judge.workload, &judge.images, judge.target.pin_rule());
        plan.decide(&std::collections::BTreeMap::new(), jiff::Timestamp::UNIX_EPOCH)
    };
    assert!(Response::validated(&request, &verdicts(&request), "1").is_allowed());
    for request in [&other, &two, &exempt] {
        let response =
            Response::validated(request, &verdicts(&parse(&pod_of(&format!("{GOOD}@{DIGEST}"))).unwrap()), "1");
        assert_eq!(codes(&response), ["internal_error"]);
    }
    assert_eq!(codes(&Response::exempt(&request)), ["internal_error"]);
    assert!(Response::exempt(&exempt).is_allowed());
}
