//! Where images hide in objects, and what excuses from a look at them.

use serde_json::{Value, json};

use crate::support::review::{TEMPLATES, create, operation, places, pod, template, update};
use crate::support::{Fault, Seen, Stage};

/// T12: one unsigned image, wherever it is.
#[tokio::test]
async fn t12_an_unsigned_image_is_found_everywhere() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let bad = stage.push("app", "v2").to_string();
    let with = |image: &str, kind: Option<(&str, &str, &str)>| {
        let objects = places(&good, image).into_iter().map(|(field, spec)| match kind {
            None => {
                let mut object = pod(&[]);
                object["spec"] = spec;
                (format!("spec.{field}"), object)
            }
            Some(kind) => {
                let path = format!("{}.spec.{field}", kind.2.trim_start_matches('/').replace('/', "."));
                (path, template(kind, &spec))
            }
        });
        objects.collect::<Vec<_>>()
    };
    for kind in [None].into_iter().chain(TEMPLATES.map(Some)) {
        for ((field, object), (_, twin)) in with(&bad, kind).into_iter().zip(with(&good, kind)) {
            let answered = stage.validate(&create(object)).await;
            answered.assert_denied("signature_missing");
            assert_eq!(answered.causes(), [("signature_missing".to_owned(), field)], "{kind:?}");
            stage.validate(&create(twin)).await.assert_allowed();
        }
    }
}

/// T12: what `kubectl debug` sends, where the pod as it was is known.
#[tokio::test]
async fn t12_an_ephemeral_container_is_judged() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let bad = stage.push("app", "v2").to_string();
    let debug = |image: &str| {
        let mut object = pod(&[&bad]);
        object["spec"]["ephemeralContainers"] =
            json!([{ "name": "debugger", "image": image, "targetContainerName": "c0" }]);
        let mut review = update(pod(&[&bad]), object);
        review["request"]["subResource"] = json!("ephemeralcontainers");
        review
    };
    let answered = stage.validate(&debug(&bad)).await;
    answered.assert_denied("signature_missing");
    assert_eq!(answered.causes()[0].1, "spec.ephemeralContainers[0].image");
    assert_eq!(answered.causes().len(), 1, "the one that runs already is not judged");
    stage.validate(&debug(&good)).await.assert_allowed();
}

/// T13 and T14.
#[tokio::test]
async fn t13_an_unsigned_container_that_comes_in_is_judged() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let bad = stage.push("app", "v2").to_string();
    for kind in TEMPLATES {
        let object = |images: &[&str]| template(kind, &pod(images)["spec"]);
        let changed = update(object(&[&good]), object(&[&good, &bad]));
        let answered = stage.validate(&changed).await;
        answered.assert_denied("signature_missing");
        assert_eq!(answered.causes().len(), 1, "{kind:?}");
        stage.validate(&update(object(&[&good]), object(&[&good, &good]))).await.assert_allowed();
        // The same image under another name, or in another list, is a new one.
        stage.validate(&update(object(&[&bad]), object(&[&good, &bad]))).await.assert_denied("signature_missing");
        let mut moved = pod(&[&good])["spec"].clone();
        moved["initContainers"] = json!([{ "name": "c1", "image": bad }]);
        let moved = update(object(&[&good, &bad]), template(kind, &moved));
        stage.validate(&moved).await.assert_denied("signature_missing");
    }
}

/// T14.
#[tokio::test]
async fn t14_a_change_beside_others_is_judged() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let bad = stage.push("app", "v2").to_string();
    let scaled = |replicas: u32, image: &str| {
        let mut object = template(TEMPLATES[2], &pod(&[image])["spec"]);
        object["spec"]["replicas"] = json!(replicas);
        object
    };
    stage.validate(&update(scaled(3, &good), scaled(0, &bad))).await.assert_denied("signature_missing");
    stage.validate(&update(scaled(3, &bad), scaled(0, &bad))).await.assert_allowed();
    stage.validate(&update(scaled(3, &bad), scaled(0, &good))).await.assert_allowed();
}

/// T15: an object that is about to go may still be started.
#[tokio::test]
async fn t15_an_object_with_a_deletion_timestamp_is_judged() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let bad = stage.push("app", "v2").to_string();
    let going = |mut object: Value| {
        object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        object["metadata"]["deletionGracePeriodSeconds"] = json!(30);
        object["metadata"]["finalizers"] = json!(["example.com/never"]);
        object
    };
    let old = || going(pod(&[&good]));
    stage.validate(&create(going(pod(&[&bad])))).await.assert_denied("signature_missing");
    stage.validate(&update(old(), going(pod(&[&bad])))).await.assert_denied("signature_missing");
    for kind in TEMPLATES {
        let object = |image: &str| going(template(kind, &pod(&[image])["spec"]));
        stage.validate(&create(object(&bad))).await.assert_denied("signature_missing");
        stage.validate(&update(object(&good), object(&bad))).await.assert_denied("signature_missing");
        stage.validate(&update(object(&good), object(&good))).await.assert_allowed();
    }
    stage.validate(&create(going(pod(&[&good])))).await.assert_allowed();
}

/// T16: draining and cleaning up work whatever became of the image.
#[tokio::test]
async fn t16_what_keeps_its_images_may_change_otherwise() {
    let stage = Stage::new().await;
    let bad = stage.push("app", "v2").to_string();
    stage.front.on("/", Fault::Reset);
    let changes: [fn(&mut Value); 4] = [
        |object| object["metadata"]["labels"] = json!({ "a": "b" }),
        |object| object["metadata"]["finalizers"] = Value::Null,
        |object| object["status"] = json!({ "phase": "Running" }),
        |object| object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
    ];
    let kinds = [None].into_iter().chain(TEMPLATES.map(Some));
    for kind in kinds {
        let object = |image: &str| match kind {
            None => pod(&[image]),
            Some(kind) => template(kind, &pod(&[image])["spec"]),
        };
        for change in changes {
            let mut new = object(&bad);
            change(&mut new);
            for answered in [
                stage.validate(&update(object(&bad), new.clone())).await,
                stage.mutate(&update(object(&bad), new)).await,
            ] {
                assert_eq!(
                    answered.assert_allowed().audited("exemption"),
                    "images_unchanged",
                    "it is in the audit log"
                );
            }
        }
        assert!(stage.front.seen().is_empty(), "nobody is asked");

        // What was another object, or cannot be read, excuses nothing.
        let mut others = [
            update(object(&bad), object(&bad)),
            update(object(&bad), object(&bad)),
            update(object(&bad), object(&bad)),
        ];
        others[0]["request"]["oldObject"]["metadata"]["uid"] = json!("another");
        others[1]["request"]["oldObject"] = Value::Null;
        others[2]["request"]["oldObject"]["spec"] = json!(5);
        others[2]["request"]["oldObject"]["template"] = json!(5);
        for review in others {
            stage.validate(&review).await.assert_denied("registry_unavailable");
        }
        let created = operation(update(object(&bad), object(&bad)), "CREATE");
        stage.validate(&created).await.assert_denied("registry_unavailable");
        stage.front.heal().on("/", Fault::Reset);
    }
}

/// T19: nothing that the author of an object writes is a permission.
#[tokio::test]
async fn t19_labels_and_annotations_excuse_nothing() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let bad = stage.push("app", "v2").to_string();
    let claims = json!({
        "countersign.dev/verified": "true",
        "countersign.dev/skip": "true",
        "countersign.dev/break-glass": "true",
        "countersign.dev/result": "allow",
        "countersign.dev/exempt": "true",
        "admission.countersign.dev/result": "allow",
        "policy.sigstore.dev/include": "false",
        "policy.sigstore.dev/exclude": "true",
        "kyverno.io/verify-images": format!("{{\"{bad}\":\"pass\"}}"),
        "kubernetes.io/config.mirror": "0123456789abcdef",
        "kubernetes.io/config.source": "file",
        "admission.gatekeeper.sh/ignore": "no-self-managing",
        "control-plane": "controller-manager",
    });
    for field in ["labels", "annotations"] {
        for kind in [None].into_iter().chain(TEMPLATES.map(Some)) {
            let object = |image: &str| {
                let mut object = match kind {
                    None => pod(&[image]),
                    Some(kind) => template(kind, &pod(&[image])["spec"]),
                };
                object["metadata"][field] = claims.clone();
                object
            };
            stage.validate(&create(object(&bad))).await.assert_denied("signature_missing");
            stage.validate(&create(object(&good))).await.assert_allowed();
        }
    }
}

/// T21: a dry run is told the same.
#[tokio::test]
async fn t21_a_dry_run_is_told_the_same_and_writes_nothing() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let bad = stage.push("app", "v2").to_string();
    for images in [vec![good.as_str()], vec![&good, &bad], vec!["NOT an image"], vec!["elsewhere.invalid/app:v1"]] {
        let really = create(pod(&images));
        let mut dry = really.clone();
        dry["request"]["dryRun"] = json!(true);
        assert_eq!(stage.validate(&dry).await.response(), stage.validate(&really).await.response());
        assert_eq!(stage.mutate(&dry).await.response(), stage.mutate(&really).await.response());
    }
    assert!(stage.front.seen().iter().all(|seen| seen.method == "GET"));
}

/// T22: asking again changes nothing.
#[tokio::test]
async fn t22_the_second_time_is_like_the_first() {
    let stage = Stage::new().await;
    stage.push_signed("app", "v1");
    stage.push("app", "v2");
    for (tag, code) in [("v1", None), ("v2", Some("signature_missing"))] {
        let object = pod(&[&stage.tagged(&format!("app:{tag}"))]);
        let first = stage.mutate(&create(object.clone())).await;
        assert_eq!(stage.mutate(&create(object.clone())).await.response(), first.response());
        let pinned = first.patched(&object);
        assert_ne!(pinned, object);
        // Kubernetes calls again after others have changed the object.
        let again = stage.mutate(&create(pinned.clone())).await;
        assert_eq!(again.assert_allowed().patch(), Vec::<Value>::new());
        assert_eq!(again.patched(&pinned), pinned);
        for _ in 0..2 {
            let answered = stage.validate(&create(pinned.clone())).await;
            match code {
                None => answered.assert_allowed(),
                Some(code) => answered.assert_denied(code),
            };
        }
    }
}

/// T23: what runs no image, and what runs already.
#[tokio::test]
async fn t23_what_nobody_has_to_judge_passes_without_a_question() {
    let stage = Stage::new().await;
    let bad = stage.push("app", "v2").to_string();
    let deleted = |mut review: Value| {
        review["request"]["oldObject"] = review["request"]["object"].take();
        operation(review, "DELETE")
    };
    let exec = json!({ "apiVersion": "v1", "kind": "PodExecOptions", "command": ["sh"] });
    let mut connect = operation(create(exec), "CONNECT");
    connect["request"]["resource"] = json!({ "group": "", "version": "v1", "resource": "pods" });
    connect["request"]["subResource"] = json!("exec");
    let mirror = |change: fn(&mut Value)| {
        let mut review = create(pod(&[&bad]));
        review["request"]["object"]["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "0123" });
        review["request"]["object"]["spec"]["nodeName"] = json!("node-1");
        review["request"]["userInfo"] = json!({
            "username": "system:node:node-1",
            "groups": ["system:nodes", "system:authenticated"],
        });
        change(&mut review["request"]);
        review
    };
    for (review, exemption) in [
        (deleted(create(pod(&[&bad]))), "delete"),
        (deleted(create(template(TEMPLATES[2], &pod(&[&bad])["spec"]))), "delete"),
        (connect, "connect"),
        (mirror(|_| {}), "mirror_pod_from_node"),
    ] {
        let answered = stage.validate(&review).await;
        assert_eq!(answered.assert_allowed().audited("exemption"), exemption);
        let answered = stage.mutate(&review).await;
        assert_eq!(answered.assert_allowed().patch(), Vec::<Value>::new(), "a mirror pod is never changed");
    }
    assert_eq!(stage.front.seen().iter().map(Seen::line).collect::<Vec<_>>(), Vec::<String>::new());

    // Who is no node, or another one, or speaks of no mirror pod, is judged as everybody.
    let forged: [fn(&mut Value); 9] = [
        |request| request["userInfo"]["username"] = json!("alice"),
        |request| request["userInfo"]["username"] = json!("system:node:node-2"),
        |request| request["userInfo"]["username"] = json!("system:node:"),
        |request| request["userInfo"]["username"] = json!("SYSTEM:NODE:node-1"),
        |request| request["userInfo"]["groups"] = json!(["system:authenticated"]),
        |request| request["userInfo"] = Value::Null,
        |request| request["object"]["spec"]["nodeName"] = Value::Null,
        |request| request["object"]["metadata"]["annotations"] = Value::Null,
        |request| {
            request["object"]["metadata"]["labels"] = request["object"]["metadata"]["annotations"].take();
        },
    ];
    for change in forged {
        stage.validate(&mirror(change)).await.assert_denied("signature_missing");
    }
    // Only where the pod is made, and only a pod.
    let mut updated = mirror(|_| {});
    updated["request"]["operation"] = json!("UPDATE");
    stage.validate(&updated).await.assert_denied("signature_missing");
    let mut of_template = create(template(TEMPLATES[2], &mirror(|_| {})["request"]["object"]["spec"]));
    of_template["request"]["object"]["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "0123" });
    of_template["request"]["userInfo"] = mirror(|_| {})["request"]["userInfo"].clone();
    stage.validate(&of_template).await.assert_denied("signature_missing");
}
