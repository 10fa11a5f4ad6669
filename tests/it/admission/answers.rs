//! The words of refusals: what they name, how long they are, and what they do with text that means harm.

use std::time::Duration;

use countersign::admission::{Malformed, Response};
use countersign::limits;
use countersign::policy::{Denial, DenyReason, Failure, Mode, NoMatch, PolicySet, Rule};
use serde_json::{Value, json};

use super::support::{DIGEST, body, parse, pod, pod_of, policies, policy, set, signed, validate, validate_as};

fn message(response: &Response) -> String {
    body(response)["status"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_refusal_says_what_where_why_and_what_to_do() {
    let request = parse(&pod(&json!([
        {"name": "web", "image": format!("registry.example/shop/web:v5@{DIGEST}")},
        {"name": "proxy", "image": format!("registry.example/mesh/proxy@{DIGEST}")},
        {"name": "other", "image": "nginx"},
    ])));
    let response = validate_as(
        &request.unwrap(),
        &policies(),
        &Failure::new(DenyReason::KeyMismatch, "signature tag: signed by another key"),
    );
    insta::assert_json_snapshot!(body(&response));
}

#[test]
fn a_refusal_of_what_was_not_judged_has_the_same_form() {
    let denial = Denial::new(DenyReason::Overloaded, "256 requests are in flight");
    insta::assert_json_snapshot!(body(&Response::refused("3f2c", &denial)));
}

#[test]
fn the_status_is_that_of_the_most_useful_reason() {
    let request = parse(&pod_of(&format!("registry.example/shop/web@{DIGEST}"))).unwrap();
    for reason in DenyReason::ALL {
        let response = validate_as(&request, &policies(), &Failure::new(reason, ""));
        let status = body(&response)["status"].clone();
        let (word, seconds) = match reason.class().http_status() {
            403 => ("Forbidden", Value::Null),
            400 => ("BadRequest", Value::Null),
            503 => ("ServiceUnavailable", json!(limits::DEFAULT_RETRY_AFTER.as_secs())),
            other => panic!("{other}"),
        };
        assert_eq!(status["code"], json!(reason.class().http_status()), "{reason}");
        assert_eq!(status["reason"], json!(word), "{reason}");
        assert_eq!(status["details"]["retryAfterSeconds"], seconds, "{reason}");
        assert_eq!(body(&response)["auditAnnotations"]["reason"], json!(reason.code()));
    }
}

#[test]
fn the_client_is_told_how_long_to_wait() {
    let request = parse(&pod_of(&format!("registry.example/shop/web@{DIGEST}"))).unwrap();
    let (default, longest) = (limits::DEFAULT_RETRY_AFTER.as_secs(), limits::LONGEST_RETRY_AFTER.as_secs());
    for (told, expected) in
        [(None, default), (Some(0), 1), (Some(1_000), 1), (Some(1_001), 2), (Some(86_400_000), longest)]
    {
        let failure = Failure {
            retry_after: told.map(Duration::from_millis),
            ..Failure::new(DenyReason::RegistryRateLimited, "")
        };
        let response = validate_as(&request, &policies(), &failure);
        assert_eq!(body(&response)["status"]["details"]["retryAfterSeconds"], json!(expected), "{told:?}");
    }
}

#[test]
fn what_would_be_refused_becomes_a_warning() {
    let request = parse(&pod_of(&format!("registry.example/tools/debug:1@{DIGEST}"))).unwrap();
    let response = validate(&request, &policies());
    assert!(response.is_allowed());
    let warnings = body(&response)["warnings"].clone();
    let warning = warnings[0].as_str().unwrap();
    assert!(warning.starts_with("container `web`: `…"), "{warning}");
    assert!(warning.ends_with("` would be denied by `tools`: signature_missing"), "{warning}");
    assert_eq!(body(&response)["auditAnnotations"]["result"], json!("allow"));
}

#[test]
fn t94_no_text_of_a_user_breaks_a_line() {
    let evil = "\u{1b}[2J\r\nlevel=info msg=fine\u{202e}`\u{0}é";
    let mut review = pod(&json!([{"name": evil, "image": "registry.example/shop/web"}]));
    review["request"]["name"] = json!(evil);
    review["request"]["namespace"] = json!(evil);
    review["request"]["object"]["metadata"]["namespace"] = json!(evil);
    let policies = set(vec![
        policy(evil, "registry.example/**", Mode::Enforce, vec![(evil, Rule::Fail { message: evil.to_owned() })]),
        policy("warns", "registry.example/**", Mode::Warn, vec![(evil, signed())]),
    ]);
    let response = validate(&parse(&review).unwrap(), &policies);
    harmless(&response);
    assert!(
        message(&response).contains("\\u{1b}[2J\\r\\nlevel=info msg=fine\\u{202e}\\u{60}"),
        "{}",
        message(&response)
    );

    let malformed = [
        pod(&json!([{"name": evil, "image": evil}])),
        {
            let mut review = pod_of("registry.example/shop/web");
            review["request"]["operation"] = json!(evil);
            review
        },
        {
            let mut review = pod_of("registry.example/shop/web");
            review["request"]["kind"]["kind"] = json!(evil);
            review
        },
        {
            let mut review = pod_of("registry.example/shop/web");
            review["request"]["object"]["kind"] = json!(evil.repeat(10_000));
            review
        },
        {
            let mut review = pod_of("registry.example/shop/web");
            review["request"]["object"]["spec"]["containers"] = json!(evil.repeat(10_000));
            review
        },
    ];
    for review in malformed {
        let Err(Malformed::Request { uid, denial, about: _ }) = parse(&review) else { panic!("{review}") };
        harmless(&Response::refused(&uid, &denial));
    }
}

/// Whether nothing in an answer can forge a line or move a cursor, and all of it is bounded.
fn harmless(response: &Response) {
    let body = body(response);
    let message = message(response);
    assert!(message.len() <= limits::DENY_MESSAGE_BYTES, "{}", message.len());
    for line in message.lines() {
        assert!(!line.starts_with("level="), "{message}");
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{message}");
    }
    let causes = body["status"]["details"]["causes"].as_array().unwrap();
    let texts = causes.iter().map(|cause| &cause["message"]);
    let warnings = body["warnings"].as_array().into_iter().flatten();
    let annotations = body["auditAnnotations"].as_object().into_iter().flat_map(serde_json::Map::values);
    for text in texts.chain(warnings).chain(annotations) {
        let text = text.as_str().unwrap();
        assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        assert!(text.len() <= limits::DENY_MESSAGE_BYTES);
    }
}

#[test]
fn t94_the_longest_names_are_cut() {
    let long = "n".repeat(200_000);
    let path = "a/".repeat(110) + "b";
    let image = format!("registry.example/{path}:{}@{DIGEST}", "t".repeat(128));
    let mut review = pod(&json!([{"name": long, "image": image}]));
    review["request"]["name"] = json!(long);
    let fails = |name: &str| {
        let fail = Rule::Fail { message: "m".repeat(200_000) };
        policy(name, "registry.example/**", Mode::Enforce, vec![(&long, fail.clone()), ("second", fail)])
    };
    let policies = set(["a", "b", "c", "d"].map(|first| fails(&format!("{first}{long}"))).to_vec());
    let response = validate(&parse(&review).unwrap(), &policies);
    harmless(&response);
    let message = message(&response);
    assert!(message.contains(&image), "the image is always said whole: {message}");
    assert!(message.contains("… and 7 more reasons"), "{message}");
}

#[test]
fn t99_a_message_about_500_containers_ends_politely() {
    let container =
        |index| json!({"name": format!("c{index}"), "image": format!("registry.example/shop/web{index}:v5")});
    let request = parse(&pod(&Value::Array((0..500).map(container).collect()))).unwrap();
    let response = validate(&request, &policies());
    let message = message(&response);
    assert!(message.len() <= limits::DENY_MESSAGE_BYTES);
    assert!(message.len() > limits::DENY_MESSAGE_BYTES / 2, "{}", message.len());
    assert!(message.starts_with("Pod `shop/web`: 500 of 500 images are refused\n"), "{message}");
    let said = message.matches("\ncontainer `c").count();
    let last = message.lines().last().unwrap();
    assert_eq!(last, format!("… and {} more images", 500 - said));
    assert_eq!(message.matches("\n  hint: ").count(), said, "no image is left half said");
    assert_eq!(body(&response)["status"]["details"]["causes"].as_array().unwrap().len(), limits::DENY_CAUSES);
    assert!(
        body(&response)["auditAnnotations"]
            .as_object()
            .unwrap()
            .values()
            .all(|value| { value.as_str().unwrap().len() <= limits::AUDIT_ANNOTATION_BYTES })
    );
}

#[test]
fn t99_warnings_of_500_containers_end_politely() {
    let container = |index| json!({"name": format!("c{index}"), "image": format!("registry.example/x/web{index}:v5")});
    let request = parse(&pod(&Value::Array((0..500).map(container).collect()))).unwrap();
    let warns = std::sync::Arc::new(PolicySet::new(Vec::new(), NoMatch::Warn, countersign::image::Digest::of(b"")));
    let response = validate(&request, &warns);
    assert!(response.is_allowed());
    let body = body(&response);
    let warnings: Vec<_> = body["warnings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert!(warnings.iter().map(|text| text.len()).sum::<usize>() <= limits::WARNINGS_BYTES);
    assert!(warnings.iter().all(|text| text.chars().count() <= limits::WARNING_CHARS));
    assert_eq!(*warnings.last().unwrap(), format!("and {} more warnings", 501 - warnings.len()));
}
