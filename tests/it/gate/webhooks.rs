//! What the two webhooks do with images, and whom they ask.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::image::Repository;
use countersign::limits;
use countersign::policy::{NoMatch, PolicySet};
use countersign::registry::{Credential, Keychain};
use countersign::signer::Format;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::review::{self, create, pod, template};
use crate::support::{Fault, Stage, compiled, policy};

/// Who is nobody's registry: were it asked, there would be an error.
const ELSEWHERE: &str = "registry.invalid";
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[tokio::test]
async fn mutate_pins_and_validate_judges() {
    let stage = Stage::new().await;
    let (signed, unsigned) = (stage.push_signed("app", "v1"), stage.push("app", "v2"));
    let object = pod(&[&stage.tagged("app:v1"), &stage.tagged("app:v2"), &signed.to_string()]);
    let mutated = stage.mutate(&create(object.clone())).await;
    mutated.assert_allowed();
    let pin = |n: usize, tag: &str, digest: &countersign::image::ImageDigest| {
        let (path, from) = (format!("/spec/containers/{n}/image"), stage.tagged(&format!("app:{tag}")));
        let to = format!("{from}@{}", digest.digest());
        [json!({ "op": "test", "path": path, "value": from }), json!({ "op": "replace", "path": path, "value": to })]
    };
    assert_eq!(mutated.patch(), [pin(0, "v1", &signed), pin(1, "v2", &unsigned)].concat(), "signed or not");

    let pinned = mutated.patched(&object);
    let answered = stage.validate(&create(pinned.clone())).await;
    answered.assert_denied("signature_missing");
    assert_eq!(answered.causes(), [("signature_missing".to_owned(), "spec.containers[1].image".to_owned())]);

    // Mutated again, nothing is left to do.
    stage.front.heal();
    let again = stage.mutate(&create(pinned.clone())).await;
    assert_eq!(again.assert_allowed().patch(), Vec::<Value>::new());
    assert!(stage.front.seen().is_empty(), "a digest is not resolved");

    stage.sign(&unsigned, Format::Both);
    let answered = stage.validate(&create(pinned)).await;
    answered.assert_allowed();
    let judged = answered.audited("digest");
    for image in [&signed, &unsigned] {
        assert!(judged.contains(&image.to_string()), "{judged}");
    }
    assert_eq!(answered.audited("policy"), "signed/ci");
}

#[tokio::test]
async fn the_spelling_of_an_image_is_kept() {
    let stage = Stage::new().await;
    stage.push_signed("app", "latest");
    let written = format!("{}/app", stage.front.address());
    let object = pod(&[&written]);
    let mutated = stage.mutate(&create(object.clone())).await;
    let pinned = mutated.patched(&object);
    let pinned = pinned["spec"]["containers"][0]["image"].as_str().unwrap();
    assert!(pinned.starts_with(&format!("{written}@sha256:")), "{pinned}");
}

/// A pod that names a tag is what `/mutate` did not pin: it was skipped, or the registry was down.
#[tokio::test]
async fn a_pod_has_to_name_a_digest() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1");
    let answered = stage.run(&[&stage.tagged("app:v1")]).await;
    answered.assert_denied("image_not_pinned");
    assert!(answered.message().contains(&format!("{}@{}", stage.tagged("app:v1"), image.digest())), "the hint");
    stage.run(&[&image.to_string()]).await.assert_allowed();

    // It is not the thing to say where the tag cannot be resolved, or something else is wrong.
    stage.front.on("/manifests/v1", Fault::Status(500));
    stage.run(&[&stage.tagged("app:v1")]).await.assert_denied("registry_unavailable");
    stage.front.heal();
    stage.run(&[&stage.tagged("app:v9")]).await.assert_denied("image_not_found");
    stage.push("app", "v2");
    stage.run(&[&stage.tagged("app:v2")]).await.assert_denied("signature_missing");
}

#[tokio::test]
async fn mutate_refuses_nothing_that_it_can_read() {
    let stage = Stage::new().await;
    stage.push_signed("app", "v1");
    let object = pod(&[&stage.tagged("app:v1"), &stage.tagged("app:gone")]);
    for fault in [Fault::Status(500), Fault::Status(401), Fault::Reset, Fault::Html, Fault::WrongBytes] {
        stage.front.heal().on("/manifests/", fault);
        let mutated = stage.mutate(&create(object.clone())).await;
        assert_eq!(mutated.assert_allowed().patch(), Vec::<Value>::new());
    }
    stage.without_policies();
    stage.mutate(&create(object.clone())).await.assert_allowed();
    stage.enforce(&[stage.signed()]);
    stage.front.heal();
    let mutated = stage.mutate(&create(object)).await;
    assert_eq!(mutated.assert_allowed().patch().len(), 2, "the one that is there is pinned");
    stage.mutate(&create(pod(&["NOT an image"]))).await.assert_denied("image_malformed");
}

#[tokio::test]
async fn templates_are_judged_early_and_never_patched() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1");
    stage.push("app", "v2");
    for kind in review::TEMPLATES {
        let object = |name: &str| template(kind, &pod(&[&stage.tagged(name)])["spec"]);
        let mutated = stage.mutate(&create(object("app:v1"))).await;
        assert_eq!(mutated.assert_allowed().patch(), Vec::<Value>::new(), "{kind:?}");
        let answered = stage.validate(&create(object("app:v1"))).await;
        answered.assert_allowed();
        let [warning] = answered.warnings().try_into().unwrap();
        assert!(warning.contains("names a tag, which may move"), "{warning}");
        stage.validate(&create(object("app:v2"))).await.assert_denied("signature_missing");

        let pinned = template(kind, &pod(&[&image.to_string()])["spec"]);
        let answered = stage.validate(&create(pinned)).await;
        assert_eq!(answered.assert_allowed().warnings(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_policy_that_only_warns_refuses_nothing() {
    let stage = Stage::new().await;
    stage.push_signed("app", "v1");
    stage.push("app", "v2");
    let authority = json!({ "name": "ci", "key": { "data": stage.key.public_pem() } });
    let warn = stage.policy("warned", &json!({ "mode": "warn", "authorities": [authority] }));
    stage.enforce(std::slice::from_ref(&warn));
    let signed = stage.run(&[&stage.tagged("app:v1")]).await;
    let [warning] = signed.assert_allowed().warnings().try_into().unwrap();
    assert!(warning.contains("names a tag, which may move"), "{warning}");
    let unsigned = stage.run(&[&stage.tagged("app:v2")]).await;
    let warnings = unsigned.assert_allowed().warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("would be denied by `warned`: signature_missing"), "{warnings:?}");

    // Beside one that enforces, the tag counts.
    stage.enforce(&[warn, stage.signed()]);
    stage.run(&[&stage.tagged("app:v1")]).await.assert_denied("image_not_pinned");
}

#[tokio::test]
async fn nobody_is_asked_where_nobody_has_to_look() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1");
    let fixed = |name: &str, action: &str| {
        policy(
            name,
            &format!("{}/{name}/**", stage.front.address()),
            &json!({ "authorities": [{ "static": { "action": action } }] }),
        )
    };
    let invalid = policy("broken", &format!("{}/broken/**", stage.front.address()), &json!({ "authorities": [] }));
    let narrow = policy(
        "signed",
        &format!("{}/app", stage.front.address()),
        &json!({ "authorities": [{ "name": "ci", "key": { "data": stage.key.public_pem() } }] }),
    );
    stage.enforce(&[fixed("pass", "pass"), fixed("fail", "fail"), invalid, narrow]);
    stage.front.heal();
    for (path, code) in [
        ("pass/app", None),
        ("fail/app", Some("static_fail")),
        ("broken/app", Some("policy_invalid")),
        ("other/app", Some("no_matching_policy")),
    ] {
        for reference in
            [format!("{}/{path}:v1", stage.front.address()), format!("{}/{path}@{DIGEST}", stage.front.address())]
        {
            let answered = stage.run(&[&reference]).await;
            match code {
                None => answered.assert_allowed(),
                Some(code) => answered.assert_denied(code),
            };
            let mutated = stage.mutate(&create(pod(&[&reference]))).await;
            assert_eq!(mutated.assert_allowed().patch(), Vec::<Value>::new());
        }
    }
    assert!(stage.front.seen().is_empty());
    let answered = stage.run(&[&format!("{ELSEWHERE}/app:v1"), &image.to_string()]).await;
    answered.assert_denied("no_matching_policy");
    assert!(stage.front.seen().iter().all(|seen| seen.path.starts_with("/v2/app/")));
}

#[tokio::test]
async fn the_rule_for_images_without_a_policy() {
    let stage = Stage::new().await;
    let image = format!("{ELSEWHERE}/app:v1");
    stage.run(&[&image]).await.assert_denied("no_matching_policy");
    for (rule, warnings) in [(NoMatch::Warn, 1), (NoMatch::Allow, 0)] {
        stage.enforce_with(&[stage.signed()], rule);
        let answered = stage.run(&[&image]).await;
        assert_eq!(answered.assert_allowed().warnings().len(), warnings);
        // It is no rule for others.
        let unsigned = stage.push("app", "v1");
        stage.run(&[&image, &unsigned.to_string()]).await.assert_denied("signature_missing");
    }
}

/// Changes the policies in the middle of the first request that asks for credentials.
struct Changing {
    policies: watch::Sender<Option<Arc<PolicySet>>>,
    to: Mutex<Option<Option<Arc<PolicySet>>>>,
}

impl Keychain for Changing {
    fn credentials<'a>(&'a self, _: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        if let Some(to) = self.to.lock().unwrap().take() {
            self.policies.send_replace(to);
        }
        ready(Vec::new()).boxed()
    }
}

#[tokio::test]
async fn a_request_sees_one_generation_of_policies() {
    let mut stage = Stage::new().await;
    let (signed, unsigned) = (stage.push_signed("app", "v1"), stage.push("app", "v2"));
    let fixed = |action: &str| stage.policy("fixed", &json!({ "authorities": [{ "static": { "action": action } }] }));
    let rows = [
        (&signed, Some(compiled(&[fixed("fail")], NoMatch::Deny)), None, "static_fail"),
        (&signed, None, None, "policies_unavailable"),
        (&unsigned, Some(compiled(&[fixed("pass")], NoMatch::Deny)), Some("signature_missing"), ""),
    ];
    for (image, to, during, afterwards) in rows {
        stage.enforce(&[stage.signed()]);
        let revision = stage.run(&[&image.to_string()]).await.audited("revision");
        stage.renew(Arc::new(Changing { policies: stage.policies(), to: Mutex::new(Some(to)) }));
        // Two images, so that one is looked up after the change.
        let answered = stage.run(&[&image.to_string(), &image.to_string()]).await;
        match during {
            None => answered.assert_allowed(),
            Some(code) => answered.assert_denied(code),
        };
        assert_eq!(answered.audited("revision"), revision);
        let next = stage.run(&[&image.to_string()]).await;
        match afterwards {
            "" => next.assert_allowed(),
            code => next.assert_denied(code),
        };
        assert_ne!(next.audited("revision"), revision);
    }
}

#[tokio::test]
async fn without_policies_nothing_is_allowed() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    stage.run(&[&image]).await.assert_allowed();
    stage.without_policies();
    stage.run(&[&image]).await.assert_denied("policies_unavailable");
    stage.enforce(&[]);
    stage.run(&[&image]).await.assert_denied("no_matching_policy");
    stage.enforce(&[stage.signed()]);
    stage.run(&[&image]).await.assert_allowed();
}

#[tokio::test]
async fn without_time_nobody_is_asked() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    stage.front.heal();
    let answered = stage.validate_within(&create(pod(&[&image])), Duration::ZERO).await;
    answered.assert_denied("deadline_exceeded");
    assert!(stage.front.seen().is_empty());
    stage.run(&[&image]).await.assert_allowed();
}

/// How long a registry wants to be left alone is handed on, as far as a client should wait for it.
#[tokio::test]
async fn a_limited_rate_is_handed_on() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    stage.front.on("/", Fault::Wait(429, "3600".into()));
    let limited = stage.run(&[&image]).await;
    limited.assert_denied("registry_rate_limited");
    stage.front.heal().on("/", Fault::Status(500));
    let failing = stage.run(&[&image]).await;
    failing.assert_denied("registry_unavailable");
    for (answered, time) in [(limited, limits::LONGEST_RETRY_AFTER), (failing, limits::DEFAULT_RETRY_AFTER)] {
        assert_eq!(answered.response()["status"]["details"]["retryAfterSeconds"], json!(time.as_secs()));
    }
    stage.front.heal();
    stage.run(&[&image]).await.assert_allowed();
}

/// The same image in many containers is looked up once, and judged in each.
#[tokio::test]
async fn equal_images_are_one_question() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    stage.run(&[&image]).await.assert_allowed();
    stage.front.heal();
    stage.run(&[&image]).await.assert_allowed();
    let once = stage.front.seen().len();
    stage.front.heal();
    stage.run(&vec![image.as_str(); 50]).await.assert_allowed();
    assert_eq!(stage.front.seen().len(), once);
    let unsigned = stage.push("app", "v2").to_string();
    let answered = stage.run(&vec![unsigned.as_str(); 50]).await;
    assert_eq!(answered.assert_denied("signature_missing").causes().len(), 50);
}
