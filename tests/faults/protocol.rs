//! Reviews that are not what they should be.

use serde_json::{Value, json};

use crate::support::Stage;
use crate::support::review::{TEMPLATES, create, pod, template};

/// T04: what stands twice could be read differently by whoever wrote it down and by us.
#[tokio::test]
async fn t04_nothing_that_matters_may_stand_twice() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let bad = stage.push("app", "v2").to_string();
    let review = create(pod(&[&good]));
    let object = review["request"]["object"].to_string();
    let image = |image: &str| format!("\"image\":\"{image}\"");
    let containers = |image: &str| format!("\"containers\":{}", pod(&[image])["spec"]["containers"]);
    let text = review.to_string();
    let twice = |part: &str, other: &str, first: bool| {
        assert!(text.contains(part), "{part} is not in {text}");
        let both = if first { format!("{other},{part}") } else { format!("{part},{other}") };
        text.replacen(part, &both, 1)
    };
    for first in [true, false] {
        // The object cannot be read; whose request it is, can.
        for (part, other) in [
            (image(&good), image(&bad)),
            (containers(&good), containers(&bad)),
            ("\"name\":\"c0\"".to_owned(), "\"name\":\"c1\"".to_owned()),
            (format!("\"spec\":{}", review["request"]["object"]["spec"]), format!("\"spec\":{}", pod(&[&bad])["spec"])),
            ("\"apiVersion\":\"v1\",\"kind\":\"Pod\"".to_owned(), "\"kind\":\"Secret\"".to_owned()),
            ("\"apiVersion\":\"v1\"".to_owned(), "\"apiVersion\":\"v2\"".to_owned()),
        ] {
            stage.post("/validate", twice(&part, &other, first)).await.assert_denied("request_malformed");
        }
        // Nobody knows which request to answer.
        for (part, other) in [
            (format!("\"object\":{object}"), format!("\"object\":{}", pod(&[&bad]))),
            (format!("\"request\":{}", review["request"]), format!("\"request\":{}", create(pod(&[&bad]))["request"])),
            ("\"uid\":\"705ab4f5-6393-11e8-b7cc-42010a800002\"".to_owned(), "\"uid\":\"x\"".to_owned()),
            ("\"operation\":\"CREATE\"".to_owned(), "\"operation\":\"DELETE\"".to_owned()),
            ("\"username\":\"alice\"".to_owned(), "\"username\":\"system:node:n\"".to_owned()),
        ] {
            stage.post("/validate", twice(&part, &other, first)).await.assert_refused(400, "not_review");
        }
    }
    // An answer in a question is nobody's.
    let mut answered = create(pod(&[&bad]));
    answered["response"] = json!({ "uid": "x", "allowed": true });
    stage.validate(&answered).await.assert_denied("signature_missing");
    stage.post("/validate", text).await.assert_allowed();
}

/// T05: a body that is small and asks for much.
#[tokio::test]
async fn t05_a_list_of_a_million_entries_is_refused() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    for list in ["containers", "initContainers", "ephemeralContainers", "volumes", "imagePullSecrets"] {
        let mut object = pod(&[&good]);
        object["spec"][list] = Value::Array(vec![json!({}); 1_000_000]);
        stage.validate(&create(object)).await.assert_denied("limit_exceeded");
    }
    stage.run(&[&good]).await.assert_allowed();
}

/// T07: an image that is no image.
#[tokio::test]
async fn t07_an_image_that_is_no_text_is_refused() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let with = |image: Option<Value>| {
        let mut object = pod(&[&good, &good]);
        match image {
            Some(image) => object["spec"]["containers"][1]["image"] = image,
            None => drop(object["spec"]["containers"][1].as_object_mut().unwrap().remove("image")),
        }
        object
    };
    for (image, code) in [
        (Some(json!(5)), "request_malformed"),
        (Some(json!(true)), "request_malformed"),
        (Some(json!([good])), "request_malformed"),
        (Some(json!({ "name": good })), "request_malformed"),
        (Some(Value::Null), "image_malformed"),
        (Some(json!("")), "image_malformed"),
        (Some(json!(" ")), "image_malformed"),
        (Some(json!(format!("{good} "))), "image_malformed"),
        (None, "image_malformed"),
    ] {
        stage.validate(&create(with(image.clone()))).await.assert_denied(code);
        stage.mutate(&create(with(image.clone()))).await.assert_denied(code);
        // A template may leave its image out, which is worth a warning, since nobody can run it.
        let answered = stage.validate(&create(template(TEMPLATES[2], &with(image.clone())["spec"]))).await;
        let blank =
            image.is_none_or(|image| image.is_null() || image.as_str().is_some_and(|image| image.trim().is_empty()));
        if blank {
            let [warning] = answered.assert_allowed().warnings().try_into().unwrap();
            assert!(warning.contains("the template names no image"), "{warning}");
        } else {
            answered.assert_denied(code);
        }
    }
    // What should be a list or an object and is not.
    for (pointer, value) in [
        ("/spec/containers", json!({})),
        ("/spec/containers/0", json!([good])),
        ("/spec/containers", json!("x")),
        ("/spec", json!([])),
        ("/spec", Value::Null),
        ("/metadata", json!([])),
    ] {
        let mut object = with(Some(json!(good)));
        *object.pointer_mut(pointer).unwrap() = value;
        stage.validate(&create(object)).await.assert_denied("request_malformed");
    }
    stage.validate(&create(with(Some(json!(good))))).await.assert_allowed();
}

/// T08: characters that are not what they look like, or are none.
#[tokio::test]
async fn t08_strange_characters_are_refused() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    for image in [
        good.replace("app", "аpp"), // Cyrillic а
        good.replace("app", "a\u{200b}pp"),
        good.replace("app", "a\u{0}pp"),
        format!("\u{feff}{good}"),
        good.replace("127", "１27"), // a full-width digit
        good.replace("/app", "／app"),
        good.replace("/app", "\u{202e}/app"),
    ] {
        stage.run(&[&image]).await.assert_denied("image_malformed");
        stage.validate(&create(template(TEMPLATES[2], &pod(&[&image])["spec"]))).await.assert_denied("image_malformed");
    }
    let text = create(pod(&[&good])).to_string();
    let bytes = |from: &str, to: &[u8]| {
        let (before, after) = text.split_once(from).unwrap();
        [before.as_bytes(), to, after.as_bytes()].concat()
    };
    // In the object the uid is still known.
    stage.post("/validate", bytes("/app@", br"/app\ud800@")).await.assert_denied("request_malformed");
    stage.post("/validate", bytes("/app@", b"/app\xff@")).await.assert_refused(400, "not_review");
    stage.post("/validate", bytes("/app@", b"/a\x00pp@")).await.assert_refused(400, "not_review");
    stage.post("/validate", format!("\u{feff}{text}")).await.assert_refused(400, "not_review");
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    stage.post("/validate", utf16).await.assert_refused(400, "not_review");
    // An escape is only another spelling.
    stage.post("/validate", bytes("/app@", br"/\u0061pp@")).await.assert_allowed();
}

/// T09: what the request says and what the object says.
#[tokio::test]
async fn t09_a_request_and_its_object_agree() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let of_pod = |change: fn(&mut Value)| {
        let mut review = create(pod(&[&good]));
        change(&mut review["request"]);
        review
    };
    let changes: [fn(&mut Value); 12] = [
        |request| request["object"]["kind"] = json!("Deployment"),
        |request| request["object"]["kind"] = Value::Null,
        |request| request["object"]["apiVersion"] = json!("v2"),
        |request| request["object"]["apiVersion"] = json!("apps/v1"),
        |request| request["kind"]["kind"] = json!("Secret"),
        |request| request["kind"]["version"] = json!("v2"),
        |request| request["kind"] = Value::Null,
        |request| request["resource"]["resource"] = json!("secrets"),
        |request| request["resource"]["group"] = json!("apps"),
        |request| request["resource"] = Value::Null,
        |request| request["object"]["metadata"]["namespace"] = json!("kube-system"),
        |request| {
            request["kind"] = json!({ "group": "", "version": "v1", "kind": "Secret" });
            request["object"]["kind"] = json!("Secret");
        },
    ];
    for change in changes {
        let review = of_pod(change);
        stage.validate(&review).await.assert_denied("request_malformed");
        stage.mutate(&review).await.assert_denied("request_malformed");
    }
    // A kind that has no image, where its resource would have: an image could hide in it.
    let mut scale = of_pod(|_| {});
    scale["request"]["kind"] = json!({ "group": "autoscaling", "version": "v1", "kind": "Scale" });
    scale["request"]["object"]["apiVersion"] = json!("autoscaling/v1");
    scale["request"]["object"]["kind"] = json!("Scale");
    stage.validate(&scale).await.assert_denied("request_malformed");
    scale["request"]["resource"] = json!({ "group": "apps", "version": "v1", "resource": "deployments" });
    scale["request"]["subResource"] = json!("scale");
    let answered = stage.validate(&scale).await;
    assert_eq!(answered.assert_allowed().audited("exemption"), "subresource_without_images");

    stage.validate(&of_pod(|_| {})).await.assert_allowed();
    stage.validate(&of_pod(|request| request["object"]["metadata"]["namespace"] = Value::Null)).await.assert_allowed();
}
