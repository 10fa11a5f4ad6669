//! The fuzz targets of admission, each a plain function, as in `targets.rs`.

#![expect(unreachable_pub, reason = "the packages that include this file call them from outside")]

use std::collections::BTreeSet;

use countersign::admission::{Exemption, Judge, Judgement, Malformed, Operation, Pin, Request, Response, Target};
use countersign::image::{Digest, ImageUse};
use countersign::policy::{Denial, DenyReason, Verdict, WorkloadKind, WorkloadKinds};
use serde_json::{Map, Value, json};

/// A review, or what calls itself one. What was understood is held against a reader that knows nothing of types.
pub fn review(bytes: &[u8]) {
    match Request::parse(bytes, &kinds()) {
        Err(Malformed::NotReview { finding }) => assert_eq!(finding.lines().count(), 1, "{finding}"),
        Err(Malformed::Request { uid, denial, about: _ }) => {
            assert!(!uid.is_empty());
            assert!(!Response::refused(&uid, &denial).is_allowed());
        }
        Ok(request) => {
            // What is read over may hold numbers and escapes that the untyped reader refuses.
            if let Ok(review) = serde_json::from_slice::<Value>(bytes) {
                understood(&request, &review["request"]);
            }
        }
    }
}

/// A random review with one image that nobody signed, at a random place of a random kind of object, among everything
/// that might hide it: it is always found, and the answer to it is always a refusal.
pub fn bypass(bytes: &[u8]) {
    let mut dice = Dice::new(bytes);
    let made = Made::new(&mut dice);
    let body = print(&made.review, &mut dice);
    let request = match Request::parse(body.as_bytes(), &kinds()) {
        Ok(request) => request,
        Err(malformed) => panic!("a well-formed review is refused: {malformed}: {body}"),
    };
    let Judgement::Judge(judge) = request.subject() else {
        panic!("nobody looks at the unsigned image: {:?}: {body}", request.subject());
    };
    assert_eq!(judge.target == Target::Pod, made.kind == "Pod", "{body}");
    let object = &made.review["request"]["object"];
    let found: Vec<_> = judge.images.iter().filter(|image| image.image.written() == UNSIGNED).collect();
    assert_eq!(found.len(), 1, "{body}");
    assert_eq!(found[0].pointer.as_str(), made.pointer, "{body}");
    understood(&request, &made.review["request"]);
    pinned(&request, judge, object);

    let verdicts = judge.images.clone().map(|image| {
        let denial = Denial::new(DenyReason::SignatureMissing, "");
        Verdict::deny(image, denial)
    });
    let response = Response::validated(&request, &verdicts, "1");
    assert!(!response.is_allowed() && !Response::exempt(&request).is_allowed());
    let answer: Value = serde_json::from_slice(&response.to_json()).expect("JSON");
    assert_eq!(answer["response"]["uid"], json!("3f2c"));
    let causes = answer["response"]["status"]["details"]["causes"].as_array().expect("causes");
    assert!(causes.iter().any(|cause| cause["field"] == json!(found[0].pointer.field_path())), "{answer}");
}

/// Whether all that was understood is there, and all that is there was understood.
fn understood(request: &Request, asked: &Value) {
    let object = &asked["object"];
    let everywhere = images(object);
    let changed = || {
        let before: BTreeSet<_> = if asked["operation"] == json!("UPDATE") && same_uid(asked) {
            images(&asked["oldObject"]).into_iter().map(|image| image.identity).collect()
        } else {
            BTreeSet::new()
        };
        let unchanged = move |image: &Found| !image.identity.1.is_empty() && before.contains(&image.identity);
        everywhere.iter().filter(move |image| !unchanged(image))
    };
    match request.subject() {
        Judgement::Judge(judge) => {
            let expected: BTreeSet<_> =
                changed().map(|image| (image.pointer.clone(), image.identity.2.clone())).collect();
            let judged = |image: &ImageUse| (image.pointer.as_str().to_owned(), image.image.written().to_owned());
            assert_eq!(judge.images.iter().map(judged).collect::<BTreeSet<_>>(), expected);
            for image in &judge.images {
                assert_eq!(object.pointer(image.pointer.as_str()), Some(&json!(image.image.written())));
            }
            pinned(request, judge, object);
        }
        Judgement::Pass(exemption) => match exemption {
            Exemption::Connect => assert_eq!(request.operation(), Operation::Connect),
            Exemption::Delete => assert_eq!(request.operation(), Operation::Delete),
            Exemption::ImagesUnchanged | Exemption::NoImages => assert_eq!(changed().count(), 0),
            Exemption::MirrorPodFromNode => {
                let node = object["spec"]["nodeName"].as_str().expect("a node");
                assert_eq!(asked["userInfo"]["username"], json!(format!("system:node:{node}")));
            }
            Exemption::SubresourceWithoutImages => {
                let kind = asked["kind"]["kind"].as_str().expect("a kind");
                assert!(["Binding", "Eviction", "Scale"].contains(&kind), "{kind}");
            }
        },
    }
}

/// Whether pins change nothing but the images that they are about.
fn pinned(request: &Request, judge: &Judge, object: &Value) {
    let digest = Digest::of(b"pinned");
    let pins: Vec<_> = judge.images.iter().filter_map(|image| Pin::new(image, digest)).collect();
    let response = Response::mutated(request, &pins, &[]);
    let answer: Value = serde_json::from_slice(&response.to_json()).expect("JSON");
    let patch = &answer["response"]["patch"];
    if judge.target == Target::Template || pins.is_empty() {
        assert_eq!(*patch, Value::Null);
        return;
    }
    let patch = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, patch.as_str().expect("a patch"));
    let patch: json_patch::Patch = serde_json::from_slice(&patch.expect("base64")).expect("a patch");
    let mut changed = object.clone();
    json_patch::patch(&mut changed, &patch).expect("the patch fits the object");
    for image in &judge.images {
        let place = changed.pointer_mut(image.pointer.as_str()).expect("the place");
        assert_eq!(*place, json!(image.image.pinned(digest)));
        *place = json!(image.image.written());
    }
    assert_eq!(changed, *object);
}

/// An image as the untyped reader finds it.
struct Found {
    pointer: String,
    /// List, name and image.
    identity: (&'static str, String, String),
}

/// Every image of an object that is not blank, found without types.
fn images(object: &Value) -> Vec<Found> {
    let root = match object["kind"].as_str().unwrap_or_default() {
        "Pod" => "/spec",
        "PodTemplate" => "/template/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => "/spec/template/spec",
    };
    let mut found = Vec::new();
    let Some(spec) = object.pointer(root) else { return found };
    for (list, field) in LISTS {
        for (index, entry) in spec[list].as_array().into_iter().flatten().enumerate() {
            let image = entry.pointer(&format!("/{field}")).and_then(Value::as_str).unwrap_or_default();
            if !image.trim().is_empty() {
                let name = entry["name"].as_str().unwrap_or_default().to_owned();
                let pointer = format!("{root}/{list}/{index}/{field}");
                found.push(Found { pointer, identity: (list, name, image.to_owned()) });
            }
        }
    }
    found
}

const LISTS: [(&str, &str); 4] = [
    ("containers", "image"),
    ("ephemeralContainers", "image"),
    ("initContainers", "image"),
    ("volumes", "image/reference"),
];

fn same_uid(asked: &Value) -> bool {
    let uid = &asked["object"]["metadata"]["uid"];
    uid.as_str().is_some_and(|uid| !uid.is_empty()) && *uid == asked["oldObject"]["metadata"]["uid"]
}

/// The group, kind and resource of a custom resource that has its pod spec where a Deployment has it.
const CUSTOM: (&str, &str, &str) = ("argoproj.io", "Rollout", "rollouts");

fn kinds() -> WorkloadKinds {
    let (group, kind, resource) = CUSTOM;
    let kind = WorkloadKind {
        group: group.to_owned(),
        versions: vec!["v1".to_owned()],
        kind: kind.to_owned(),
        resource: resource.to_owned(),
        pod_specs: vec!["/spec/template/spec".parse().expect("a path")],
        images: Vec::new(),
        may_name_none: false,
    };
    WorkloadKinds::new(vec![kind]).expect("a kind")
}

const UNSIGNED: &str = "registry.example/evil/unsigned:1";

const KINDS: [(&str, &str, &str); 10] = [
    ("", "Pod", "pods"),
    ("", "PodTemplate", "podtemplates"),
    ("", "ReplicationController", "replicationcontrollers"),
    ("apps", "DaemonSet", "daemonsets"),
    (CUSTOM.0, CUSTOM.1, CUSTOM.2),
    ("apps", "Deployment", "deployments"),
    ("apps", "ReplicaSet", "replicasets"),
    ("apps", "StatefulSet", "statefulsets"),
    ("batch", "CronJob", "cronjobs"),
    ("batch", "Job", "jobs"),
];

/// A review that was made up, and where its unsigned image stands.
struct Made {
    kind: &'static str,
    review: Value,
    pointer: String,
}

impl Made {
    fn new(dice: &mut Dice<'_>) -> Self {
        let (group, kind, resource) = KINDS[dice.below(KINDS.len())];
        let mut spec = spec(dice);
        let (list, index) = hide(&mut spec, dice);
        let field = if list == "volumes" { "image/reference" } else { "image" };
        let old_spec = before(&spec, list, index, dice);
        let object = |spec: &Map<String, Value>| whole(group, kind, spec);
        let (mut object, mut old) = (object(&spec), object(&old_spec));
        let metadata = metadata(dice);
        object["metadata"] = metadata.clone();
        old["metadata"] = metadata;
        let root = match kind {
            "Pod" => "/spec",
            "PodTemplate" => "/template/spec",
            "CronJob" => "/spec/jobTemplate/spec/template/spec",
            _ => "/spec/template/spec",
        };
        // A mirror pod speaks for a node; this one's user never is that node.
        let user =
            ["alice", "system:node:node-2", "system:serviceaccount:kube-system:replicaset-controller", "system:node:"]
                [dice.below(4)];
        let mut request = json!({
            "uid": "3f2c",
            "kind": {"group": group, "version": "v1", "kind": kind},
            "resource": {"group": group, "version": "v1", "resource": resource},
            "requestKind": {"group": group, "version": "v1", "kind": kind},
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {"username": user, "groups": ["system:nodes", "system:masters"]},
            "object": object,
            "oldObject": null,
            "dryRun": dice.below(2) == 0,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        });
        match dice.below(6) {
            0 | 1 => {}
            2 => request["oldObject"] = old, // an old object beside CREATE counts for nothing
            3 => {
                request["operation"] = json!("UPDATE");
                request["oldObject"] = if dice.below(2) == 0 { Value::Null } else { json!(["unreadable"]) };
            }
            4 => {
                // Another object that already has the image.
                request["operation"] = json!("UPDATE");
                let mut other = request["object"].clone();
                other["metadata"]["uid"] = json!("another");
                request["oldObject"] = other;
            }
            _ => {
                request["operation"] = json!("UPDATE");
                request["oldObject"] = old;
            }
        }
        if kind == "Pod" && request["operation"] == json!("UPDATE") {
            let subresource = ["", "ephemeralcontainers", "resize", "status"][dice.below(4)];
            request["subResource"] = json!(subresource);
        }
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        Self { kind, review, pointer: format!("{root}/{list}/{index}/{field}") }
    }
}

/// A pod spec of signed images among other things.
fn spec(dice: &mut Dice<'_>) -> Map<String, Value> {
    let mut spec = junk_object(dice, 2);
    for (list, _) in LISTS {
        let entries: Vec<_> = (0..dice.below(4)).map(|index| entry(list, index, None, dice)).collect();
        if !entries.is_empty() {
            spec.insert(list.to_owned(), json!(entries));
        } else if dice.below(3) == 0 {
            spec.insert(list.to_owned(), Value::Null);
        }
    }
    spec.insert("nodeName".to_owned(), json!("node-1"));
    spec.insert("serviceAccountName".to_owned(), json!("robot"));
    spec
}

/// One container or volume; a volume without an image to be judged may hold none at all.
fn entry(list: &str, index: usize, image: Option<&str>, dice: &mut Dice<'_>) -> Value {
    let mut entry = junk_object(dice, 2);
    entry.insert("name".to_owned(), json!(format!("c{index}")));
    let signed = format!("registry.example/signed/app:{}", dice.below(4));
    let image = image.unwrap_or(&signed);
    if list != "volumes" {
        entry.insert("image".to_owned(), json!(image));
        entry.insert("env".to_owned(), json!([{"name": "image", "value": "registry.example/not/an-image"}]));
    } else if image == UNSIGNED || dice.below(2) == 0 {
        entry.insert("image".to_owned(), json!({"reference": image, "pullPolicy": "Always"}));
    } else {
        entry.insert("rbd".to_owned(), json!({"image": "a-block-device"}));
    }
    Value::Object(entry)
}

/// Puts the unsigned image into one of the lists, among what is there or instead of it.
fn hide(spec: &mut Map<String, Value>, dice: &mut Dice<'_>) -> (&'static str, usize) {
    let (list, _) = LISTS[dice.below(LISTS.len())];
    let mut entries = spec.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
    let index = dice.below(entries.len() + 1);
    let unsigned = entry(list, entries.len(), Some(UNSIGNED), dice);
    if dice.below(2) == 0 && index < entries.len() {
        let name = entries[index]["name"].clone();
        entries[index] = unsigned;
        entries[index]["name"] = name;
    } else {
        entries.insert(index, unsigned);
    }
    spec.insert(list.to_owned(), json!(entries));
    (list, index)
}

/// The spec as it might have been: the unsigned image missing, in another list, or under another name.
fn before(spec: &Map<String, Value>, list: &str, index: usize, dice: &mut Dice<'_>) -> Map<String, Value> {
    let mut before = spec.clone();
    let mut unsigned = before[list][index].clone();
    match dice.below(4) {
        0 => {
            before[list].as_array_mut().expect("a list").remove(index);
        }
        1 => {
            before[list].as_array_mut().expect("a list").remove(index);
            let other = if list == "containers" { "initContainers" } else { "containers" };
            let entry = json!({"name": unsigned["name"], "image": UNSIGNED});
            let mut entries = before.get(other).and_then(Value::as_array).cloned().unwrap_or_default();
            entries.push(entry);
            before.insert(other.to_owned(), json!(entries));
        }
        2 => before[list][index]["name"] = json!("other"),
        _ => {
            let signed = "registry.example/signed/app:before";
            unsigned["image"] = if list == "volumes" { json!({"reference": signed}) } else { json!(signed) };
            before[list][index] = unsigned;
        }
    }
    before
}

/// The object of this kind around a pod spec, with decoys where other kinds keep theirs.
fn whole(group: &str, kind: &str, spec: &Map<String, Value>) -> Value {
    let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    let decoy = json!({"containers": [{"name": "decoy", "image": "registry.example/signed/decoy:1"}]});
    let template = json!({"metadata": {"labels": {"app": "a"}}, "spec": spec});
    let mut object = match kind {
        "Pod" => json!({"spec": template["spec"], "template": {"spec": decoy}}),
        "PodTemplate" => json!({"template": template, "spec": decoy}),
        "CronJob" => json!({"spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}}}),
        _ => json!({"spec": {"replicas": 0, "paused": true, "template": template}}),
    };
    object["apiVersion"] = json!(version);
    object["kind"] = json!(kind);
    object["status"] = json!({"containerStatuses": [{"name": "c0", "image": "registry.example/signed/app:1"}]});
    object
}

/// Everything that an author of pods may write to be let off.
fn metadata(dice: &mut Dice<'_>) -> Value {
    let claims = json!({
        "countersign.dev/verified": "true",
        "countersign.dev/skip": "true",
        "policy.sigstore.dev/exclude": "true",
        "admission.gatekeeper.sh/ignore": "yes",
        "kubernetes.io/config.mirror": "5f2c",
        "kubernetes.io/config.source": "file",
    });
    let mut metadata =
        json!({"name": "web", "namespace": "shop", "uid": "9a1e", "labels": claims, "annotations": claims});
    if dice.below(2) == 0 {
        metadata["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        metadata["finalizers"] = json!(["example.com/wait"]);
    }
    metadata["managedFields"] = Value::Object(junk_object(dice, 3));
    metadata
}

/// An object of fields that nobody reads.
fn junk_object(dice: &mut Dice<'_>, depth: usize) -> Map<String, Value> {
    let mut object = Map::new();
    for _ in 0..dice.below(3) {
        let key = ["x", "Image", "IMAGE", "containersX", "f:image", "k:{\"name\":\"a\"}", "é", ""][dice.below(8)];
        object.insert(key.to_owned(), junk(dice, depth));
    }
    object
}

fn junk(dice: &mut Dice<'_>, depth: usize) -> Value {
    match dice.below(if depth == 0 { 4 } else { 6 }) {
        0 => Value::Null,
        1 => json!(dice.below(256)),
        2 => json!("registry.example/junk\"\\\u{1f600}\n"),
        3 => json!(-1.5e3),
        4 => json!([junk(dice, depth - 1)]),
        _ => Value::Object(junk_object(dice, depth - 1)),
    }
}

/// Prints JSON as nobody does: keys in any order, spaces anywhere, any letter escaped.
fn print(value: &Value, dice: &mut Dice<'_>) -> String {
    let mut out = String::new();
    write(value, dice, &mut out);
    out
}

fn write(value: &Value, dice: &mut Dice<'_>, out: &mut String) {
    out.push_str(["", "", "", " ", "\n\t", "\r"][dice.below(6)]);
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        Value::String(text) => write_text(text, dice, out),
        Value::Array(entries) => {
            out.push('[');
            for (index, entry) in entries.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write(entry, dice, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            out.push('{');
            while !fields.is_empty() {
                let (key, value) = fields.swap_remove(dice.below(fields.len()));
                write_text(key, dice, out);
                out.push(':');
                write(value, dice, out);
                out.push_str(if fields.is_empty() { "" } else { "," });
            }
            out.push('}');
        }
    }
    out.push_str(["", "", "", " "][dice.below(4)]);
}

fn write_text(text: &str, dice: &mut Dice<'_>, out: &mut String) {
    out.push('"');
    for unit in text.chars() {
        if unit == '"' || unit == '\\' || unit.is_control() || dice.below(16) == 0 {
            for unit in unit.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(unit);
        }
    }
    out.push('"');
}

/// Random choices that the bytes decide, and a generator stirred by them once they are used up.
struct Dice<'a> {
    bytes: std::slice::Iter<'a, u8>,
    state: u64,
}

impl<'a> Dice<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let stir = |state: u64, byte: &u8| (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Self { bytes: bytes.iter(), state: bytes.iter().fold(0xcbf2_9ce4_8422_2325, stir) | 1 }
    }

    fn below(&mut self, ceiling: usize) -> usize {
        let number = self.bytes.next().map_or_else(
            || {
                self.state ^= self.state << 13;
                self.state ^= self.state >> 7;
                self.state ^= self.state << 17;
                self.state >> 33
            },
            |byte| u64::from(*byte),
        );
        usize::try_from(number).unwrap_or_default() % ceiling
    }
}
