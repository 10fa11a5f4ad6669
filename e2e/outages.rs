//! A long time without the API server: policies get too old, and are good again when it is back.

use std::time::Duration;

use serde_json::json;

use crate::support::cluster::EFFECT_LIMIT;
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Options, pod, policy, says};
use crate::support::installed::Installed;
use crate::support::registry::{Kind, Registry};
use crate::support::wait::poll;

/// The least that the program takes: the API server says once a minute that nothing changed.
const LIMIT: u32 = 120;

#[test]
fn policies_that_are_older_than_their_limit_admit_nothing() {
    let registry = Registry::shared(Kind::Referrers);
    let options = Options { policies_max_age: Some(LIMIT), ..Options::default() };
    let (installed, wire) = Installed::wired(registry, options);
    let (cluster, namespace, gate) = (&installed.cluster, installed.namespace(), &installed.gate);
    let signed = |name: &str, key: &KeyPair| {
        let image = registry.push(&format!("outages/{name}"), "v1");
        Cosign::V3.sign(registry, key, &image.by_digest());
        pod(name, &[&image.by_tag()])
    };
    let (trusted, foreign) = (KeyPair::trusted(), KeyPair::foreign());
    let (good, other) = (signed("app", trusted), signed("other", foreign));
    let unsigned = pod("unsigned", &[&registry.push("outages/unsigned", "v1").by_tag()]);
    let by = |key: &KeyPair| {
        let mut policy = policy("outages", "127.0.0.1:*/outages/**", key);
        policy["apiVersion"] = json!("countersign.dev/v1alpha1");
        policy
    };
    cluster.apply(&by(trusted));
    namespace.admits_soon(&good);
    let metric = |name: &str| gate.metric(name, gate.ca());

    // The API server reaches the webhook as before, and is not reached by it. What is changed meanwhile is not heard of.
    wire.cut();
    installed.tells_soon("policies_stale");
    namespace.dry_run(&good).expect_success();
    namespace.denies(codes::SIGNATURE_MISSING, &unsigned);
    let (stale, first) = (metric("policies_stale"), metric("policies_age_seconds"));
    assert_eq!((stale, gate.readiness().0), (1.0, 200), "it still serves");
    cluster.apply(&by(foreign));
    poll("age", EFFECT_LIMIT, || {
        let age = metric("policies_age_seconds");
        if age > first + 1.0 { Ok(()) } else { Err(age.to_string()) }
    });

    // Until the limit it is all one; from then on nothing is judged any more, be it good or bad.
    poll("end of what was known", EFFECT_LIMIT + Duration::from_secs(LIMIT.into()), || {
        let outcome = namespace.dry_run(&good);
        match outcome.succeeded() {
            true => Err(format!("admitted at an age of {}", metric("policies_age_seconds"))),
            false if says(&outcome.stderr, codes::POLICIES_UNAVAILABLE) => Ok(()),
            false => panic!("{outcome}"),
        }
    });
    let age = metric("policies_age_seconds");
    assert!(age >= f64::from(LIMIT), "refused at an age of {age}");
    for pod in [&good, &other, &unsigned] {
        namespace.denies(codes::POLICIES_UNAVAILABLE, pod);
    }
    assert_eq!(metric("policies_stale"), 1.0);

    // They are never in force again as they were: what counts is what the API server has now.
    wire.mend();
    poll("what is in force now", EFFECT_LIMIT * 2, || {
        let outcome = namespace.dry_run(&other);
        match outcome.succeeded() {
            true => Ok(()),
            false if says(&outcome.stderr, codes::POLICIES_UNAVAILABLE) => Err(outcome.to_string()),
            false => panic!("{outcome}"),
        }
    });
    namespace.denies(codes::KEY_MISMATCH, &good);
    installed.tells_soon("policies ok");
    let (stale, young) = (metric("policies_stale"), metric("policies_age_seconds"));
    assert!(stale == 0.0 && young < age, "{stale} {young}");
}
