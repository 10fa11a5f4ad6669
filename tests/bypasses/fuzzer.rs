//! The bypass fuzzer: a random object of any kind with one unsigned image anywhere in it is never allowed.
//!
//! The objects are full of what has excused from a look elsewhere: labels, annotations, finalizers, deletion timestamps,
//! updates that change other things, other containers, images and spellings. The seed is fixed, so that a run either
//! always fails or never does.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::support::Stage;
use crate::support::review::{TEMPLATES, create, template, update};

/// Objects that are tried.
const CASES: usize = 200;

const LISTS: [&str; 4] = ["containers", "initContainers", "ephemeralContainers", "volumes"];

/// An object to be made: where images stand, and what is around them.
#[derive(Clone, Debug)]
struct Plan {
    /// A pod, or one of [`TEMPLATES`].
    kind: Option<usize>,
    /// The list of each image.
    places: Vec<usize>,
    /// Which of them is the unsigned one.
    bad: Index,
    decorations: Vec<&'static str>,
    /// What is said to have been there before.
    before: Before,
}

/// What an update says the object was.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// The object is new.
    Nothing,
    /// The same but for the unsigned image, in whose place there was a signed one.
    Signed,
    /// The same, where the unsigned image had another name.
    Renamed,
    /// The same, of another uid.
    Another,
    /// Nothing that could be read.
    Unreadable,
}

fn plans() -> impl Strategy<Value = Plan> {
    let decorations = select(
        &[
            "annotation",
            "label",
            "deletion",
            "finalizer",
            "mirror",
            "node",
            "status",
            "managed",
            "owner",
            "host",
            "system",
            "empty",
        ][..],
    );
    let before = select(&[Before::Nothing, Before::Signed, Before::Renamed, Before::Another, Before::Unreadable][..]);
    (
        proptest::option::of(0..TEMPLATES.len()),
        vec(0..LISTS.len(), 1..6),
        any::<Index>(),
        vec(decorations, 0..5),
        before,
    )
        .prop_map(|(kind, places, bad, decorations, before)| Plan { kind, places, bad, decorations, before })
}

impl Plan {
    /// The review, with `image` where the unsigned one is to be.
    fn review(&self, good: &str, image: &str) -> Value {
        let mut object = self.object(good, image);
        let review = match self.before {
            Before::Nothing => return self.decorate(create(object)),
            Before::Signed => update(self.object(good, good), object),
            Before::Renamed => {
                let mut old = self.object(good, image);
                let at = self.bad.index(self.places.len());
                let list = LISTS[self.places[at]];
                let spec = self.spec(&mut old);
                for entry in spec[list].as_array_mut().unwrap() {
                    entry["name"] = json!(format!("was-{}", entry["name"].as_str().unwrap()));
                }
                update(old, object)
            }
            Before::Another => {
                let mut review = update(self.object(good, image), object);
                review["request"]["oldObject"]["metadata"]["uid"] = json!("another");
                review
            }
            Before::Unreadable => {
                object["metadata"]["labels"] = json!({ "a": "b" });
                let mut review = update(self.object(good, image), object);
                review["request"]["oldObject"]["spec"] = json!("unreadable");
                review["request"]["oldObject"]["template"] = json!("unreadable");
                review
            }
        };
        self.decorate(review)
    }

    fn object(&self, good: &str, image: &str) -> Value {
        let mut spec = json!({});
        for (n, place) in self.places.iter().enumerate() {
            let image = if n == self.bad.index(self.places.len()) { image } else { good };
            let list = LISTS[*place];
            let entry = match list {
                "volumes" => json!({ "name": format!("n{n}"), "image": { "reference": image } }),
                _ => json!({ "name": format!("n{n}"), "image": image }),
            };
            match spec[list].as_array_mut() {
                Some(entries) => entries.push(entry),
                None => spec[list] = json!([entry]),
            }
        }
        match self.kind {
            Some(kind) => template(TEMPLATES[kind], &spec),
            None => json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": { "name": "web", "namespace": "shop" },
                "spec": spec,
            }),
        }
    }

    fn spec<'v>(&self, object: &'v mut Value) -> &'v mut Value {
        let pointer = self.kind.map_or("/spec".to_owned(), |kind| format!("{}/spec", TEMPLATES[kind].2));
        object.pointer_mut(&pointer).unwrap()
    }

    fn decorate(&self, mut review: Value) -> Value {
        for decoration in &self.decorations {
            let object = &mut review["request"]["object"];
            match *decoration {
                "annotation" => {
                    object["metadata"]["annotations"]["countersign.dev/skip"] = json!("true");
                    object["metadata"]["annotations"]["kyverno.io/verify-images"] = json!("pass");
                }
                "label" => object["metadata"]["labels"]["policy.sigstore.dev/exclude"] = json!("true"),
                "deletion" => object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
                "finalizer" => object["metadata"]["finalizers"] = json!(["a.example/b"]),
                "mirror" => object["metadata"]["annotations"]["kubernetes.io/config.mirror"] = json!("0123"),
                "node" => self.spec(object)["nodeName"] = json!("node-1"),
                "status" => object["status"] = json!({ "phase": "Succeeded", "replicas": 0 }),
                "managed" => object["metadata"]["managedFields"] = json!([{ "manager": "kubelet" }]),
                "owner" => object["metadata"]["ownerReferences"] = json!([{ "kind": "Node", "name": "node-1" }]),
                "host" => self.spec(object)["hostNetwork"] = json!(true),
                "system" => review["request"]["userInfo"]["groups"] = json!(["system:masters", "system:nodes"]),
                "empty" => {
                    let spec = self.spec(object);
                    for list in LISTS {
                        if spec[list].is_null() {
                            spec[list] = json!([]);
                        }
                    }
                }
                other => panic!("{other} is no decoration"),
            }
        }
        review
    }
}

#[tokio::test]
async fn one_unsigned_image_anywhere_is_never_allowed() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let bad = stage.push("app", "v2").to_string();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let plans = plans();
    for _ in 0..CASES {
        let plan = plans.new_tree(&mut runner).unwrap().current();
        let review = plan.review(&good, &bad);
        let answered = stage.validate(&review).await;
        assert!(!answered.text.contains("\"allowed\":true"), "{plan:?} is allowed: {review}");
        answered.assert_denied("signature_missing");
        assert_eq!(answered.causes().len(), 1, "{plan:?}");
        // The twin: signed, the same object may run.
        stage.validate(&plan.review(&good, &good)).await.assert_allowed();
    }
}
