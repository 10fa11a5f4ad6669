//! Names of images, the policies that match them, and policies that say nothing.

use countersign::api::{Document, Resolved, STANDALONE_NAMESPACE, compile, parse};
use serde_json::{Value, json};

use crate::support::review::{create, pod};
use crate::support::{Stage, policy};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn passing(glob: &str) -> String {
    policy("p", glob, &json!({ "authorities": [{ "static": { "action": "pass" } }] }))
}

/// T17: no policy selects namespaces by their labels or names: one that tries refuses what it was not meant for, too.
#[tokio::test]
async fn t17_no_policy_selects_namespaces() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let refusing = |more: &Value| {
        let mut spec = static_("fail");
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        stage.policy("refusing", &spec)
    };
    let of_pods =
        |field: &str, value: Value| json!({ "match": [{ "version": "v1", "resource": "pods", field: value }] });
    let labels = || json!({ "matchLabels": { "env": "prod" } });
    // The pod has no labels, and so this one leaves it out.
    let good = of_pods("selector", labels());
    for (bad, field) in [
        (of_pods("namespaceSelector", labels()), "spec.match[0].namespaceSelector"),
        (of_pods("namespaceSelector", json!({})), "spec.match[0].namespaceSelector"),
        (of_pods("namespaces", json!(["prod"])), "spec.match[0].namespaces"),
        (json!({ "namespaceSelector": labels() }), "spec.namespaceSelector"),
        (json!({ "namespaces": ["prod"] }), "spec.namespaces"),
    ] {
        stage.enforce(&[stage.signed(), refusing(&bad)]);
        let answered = stage.run(&[&image]).await;
        answered.assert_denied("policy_invalid");
        assert!(answered.message().contains(field), "{bad}: {}", answered.message());
        stage.enforce(&[stage.signed(), refusing(&good)]);
        stage.run(&[&image]).await.assert_allowed();
    }
}

/// T17: what is asked about is judged, whatever its namespace is called, and nothing has to be known of that.
#[tokio::test]
async fn t17_no_namespace_is_left_out_here() {
    let stage = Stage::new().await;
    let (good, bad) = (stage.push_signed("app", "v1").to_string(), stage.push("other", "v1").to_string());
    stage.enforce(&[stage.signed()]);
    for namespace in ["shop", "kube-system", "countersign-system", "default", "not-there"] {
        let review = |image: &str| {
            let mut review = create(pod(&[image]));
            review["request"]["namespace"] = json!(namespace);
            review["request"]["object"]["metadata"]["namespace"] = json!(namespace);
            review
        };
        stage.validate(&review(&bad)).await.assert_denied("signature_missing");
        stage.validate(&review(&good)).await.assert_allowed();
    }
}

/// T25: what a glob covers, and what only looks like it. Nobody is asked: the policies look at no evidence.
#[tokio::test]
async fn t25_a_glob_covers_whole_names() {
    let stage = Stage::new().await;
    for (glob, covered, others) in [
        ("reg.example/**", "reg.example/a/b", &["reg.example.evil/a", "evil/reg.example/a", "reg.example:5000/a"][..]),
        ("reg.example/app*", "reg.example/app-evil", &["reg.example/app-evil/x", "reg.example/ap"]),
        ("reg.example/*", "reg.example/a", &["reg.example/a/b"]),
        ("reg.example/a/*", "reg.example/a/b", &["reg.example/a", "reg.example/a/b/c", "reg.example/ab"]),
        ("reg.example/a", "reg.example/a", &["reg.example/a/b", "reg.example/ab", "reg.example/b/a"]),
        ("reg.example/a.b", "reg.example/a.b", &["reg.example/axb", "reg.example/a-b"]),
        ("**/app", "reg.example/x/app", &["reg.example/x/app2", "reg.example/app/x"]),
    ] {
        stage.enforce(&[passing(glob)]);
        let image = |name: &str| format!("{name}@{DIGEST}");
        stage.run(&[&image(covered)]).await.assert_allowed();
        for other in others {
            stage.run(&[&image(other)]).await.assert_denied("no_matching_policy");
            stage.run(&[&image(covered), &image(other)]).await.assert_denied("no_matching_policy");
        }
        stage.run(&[&image(covered)]).await.assert_allowed();
    }
    // What other tools read as classes, alternatives and exceptions, nobody reads here: the policy is invalid, and since
    // nobody knows what it was meant to cover it refuses everything.
    for glob in [
        "reg.example/[ab]",
        "reg.example/?",
        "!reg.example/**",
        "reg.example/{a,b}",
        "reg.example/a|b",
        "",
        "^reg.example/.*$",
    ] {
        stage.enforce(&[passing(glob), passing("other.example/**")]);
        for name in ["reg.example/a", "other.example/a"] {
            stage.run(&[&format!("{name}@{DIGEST}")]).await.assert_denied("policy_invalid");
        }
    }
    stage.enforce(&[passing("other.example/**")]);
    stage.run(&[&format!("other.example/a@{DIGEST}")]).await.assert_allowed();
}

/// T26: one image, one policy, however it is written.
#[tokio::test]
async fn t26_every_spelling_of_a_name_is_covered_alike() {
    let stage = Stage::new().await;
    let fail = json!({ "authorities": [{ "static": { "action": "fail" } }] });
    for (glob, spellings) in [
        (
            "index.docker.io/library/nginx",
            &[
                "nginx",
                "library/nginx",
                "docker.io/nginx",
                "docker.io/library/nginx",
                "index.docker.io/nginx",
                "index.docker.io/library/nginx",
                "registry-1.docker.io/library/nginx",
                "DOCKER.io/nginx",
            ][..],
        ),
        ("reg.example/a/b", &["reg.example/a/b", "REG.example/a/b", "Reg.Example/a/b"]),
        ("localhost/x", &["localhost/x"]),
        ("[2001:db8::1]:5000/x", &["[2001:db8::1]:5000/x", "[2001:DB8::1]:5000/x"]),
    ] {
        // Globs have no brackets, so that an address of IPv6 is covered by what stands for anything.
        let glob = if glob.starts_with('[') { "**/x" } else { glob };
        stage.enforce(&[passing("**"), policy("banned", glob, &fail)]);
        for name in spellings {
            for suffix in [String::new(), ":v1".to_owned(), format!("@{DIGEST}"), format!(":v1@{DIGEST}")] {
                let answered = stage.run(&[&format!("{name}{suffix}")]).await;
                answered.assert_denied("static_fail");
                assert_eq!(answered.audited("policy"), "banned/authority-0");
            }
        }
        // `a.b/c` names a registry, `ab/c` does not.
        for name in ["reg.example/nginx", "reg.example:443/a/b", "localhost:1/y", "index.docker.io/other/nginx"] {
            stage.run(&[&format!("{name}@{DIGEST}")]).await.assert_allowed();
        }
    }
}

/// T28: a digest is 64 small hexadecimal digits of SHA-256, and the end.
#[tokio::test]
async fn t28_what_is_no_digest_is_refused() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1");
    let (name, digest) = (image.repository().to_string(), image.digest().to_string());
    let hex = image.digest().hex();
    for bad in [
        format!("{name}@{}", digest.to_uppercase()),
        format!("{name}@sha256:{}", hex.to_uppercase()),
        format!("{name}@sha256:{}", hex.get(1..).unwrap()),
        format!("{name}@sha256:{hex}0"),
        format!("{name}@sha512:{hex}{hex}"),
        format!("{name}@sha256:../../{}", hex.get(6..).unwrap()),
        format!("{name}@{digest}/../x"),
        format!("{name}@{digest}@{digest}"),
        format!("{name}@{digest}:v1"),
        format!("{name}@"),
        format!("{name}@{hex}"),
        format!("{name}@md5:d41d8cd98f00b204e9800998ecf8427e"),
    ] {
        stage.run(&[&bad]).await.assert_denied("image_malformed");
        stage.mutate(&create(pod(&[&bad]))).await.assert_denied("image_malformed");
    }
    assert!(stage.front.seen().is_empty());
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// T30: the policy that refuses is named, whichever it is.
#[tokio::test]
async fn t30_one_of_several_policies_refuses() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let (pass, signed) = (stage.policy("pass", &static_("pass")), stage.signed());
    let attested = stage.attested("https://example.com/scan");
    let mut policies = vec![pass, signed, attested];
    for _ in 0..6 {
        policies.rotate_left(1);
        policies.swap(0, 1);
        stage.enforce(&policies);
        let answered = stage.run(&[&image]).await;
        answered.assert_denied("attestation_missing");
        assert_eq!(answered.audited("policy"), "attested/ci");
        assert!(answered.message().contains("policy `attested`, authority `ci`: attestation_missing: "));
    }
    policies.retain(|policy| !policy.contains("attested"));
    stage.enforce(&policies);
    let answered = stage.run(&[&image]).await;
    assert_eq!(answered.assert_allowed().audited("policy"), "pass/authority-0, signed/ci");
}

/// T30b: a policy that only warns takes nothing from one that enforces.
#[tokio::test]
async fn t30b_a_warning_beside_a_refusal() {
    let stage = Stage::new().await;
    let bad = stage.push("app", "v1").to_string();
    let authority = json!({ "name": "ci", "key": { "data": stage.key.public_pem() } });
    let warned = stage.policy("warned", &json!({ "mode": "warn", "authorities": [authority] }));
    for policies in [[warned.clone(), stage.signed()], [stage.signed(), warned.clone()]] {
        stage.enforce(&policies);
        let answered = stage.run(&[&bad]).await;
        answered.assert_denied("signature_missing");
        assert_eq!(answered.audited("policy"), "signed/ci");
        let [warning] = answered.warnings().try_into().unwrap();
        assert!(warning.contains("would be denied by `warned`: signature_missing"), "{warning}");
    }
    stage.enforce(&[warned]);
    assert_eq!(stage.run(&[&bad]).await.assert_allowed().warnings().len(), 1);
}

/// T30c: a policy that asks for nothing, or for what nobody understands, is told of when it is written, and refuses what
/// it covers when it is used.
#[tokio::test]
async fn t30c_a_policy_that_says_nothing_refuses() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let key = || json!({ "data": stage.key.public_pem() });
    let of = |authority: Value| json!({ "authorities": [authority] });
    for (spec, field) in [
        (json!({}), "spec.authorities"),
        (json!({ "authorities": [] }), "spec.authorities"),
        (json!({ "authorities": null }), "spec.authorities"),
        (of(json!({})), "spec.authorities[0]"),
        (of(json!({ "name": "ci" })), "spec.authorities[0]"),
        (of(json!({ "key": {} })), "spec.authorities[0].key"),
        (of(json!({ "key": null })), "spec.authorities[0]"),
        (of(json!({ "key": { "data": "" } })), "spec.authorities[0].key.data"),
        (of(json!({ "key": { "data": "no key" } })), "spec.authorities[0].key.data"),
        (of(json!({ "key": { "secretRef": { "name": "gone" } } })), "spec.authorities[0].key.secretRef"),
        (of(json!({ "key": key(), "attestations": [] })), "spec.authorities[0].attestations"),
        (of(json!({ "key": key(), "attestations": [{}] })), "spec.authorities[0].attestations[0]"),
        (of(json!({ "key": key(), "atestations": [] })), "spec.authorities[0].atestations"),
        (of(json!({ "key": key(), "static": { "action": "pass" } })), "spec.authorities[0]"),
        (of(json!({ "static": { "action": "PASS" } })), "spec.authorities[0].static.action"),
        (json!({ "mode": "audit", "authorities": [{ "static": { "action": "pass" } }] }), "spec.mode"),
        (json!({ "mode": 5, "authorities": [{ "static": { "action": "pass" } }] }), "spec.mode"),
        (json!({ "exclude": [], "authorities": [{ "static": { "action": "pass" } }] }), "spec.exclude"),
    ] {
        let text = stage.policy("p", &spec);
        let [Document::ClusterImagePolicy(document)] = &parse(&text).unwrap()[..] else { panic!("{text}") };
        let problems = compile(document, &Resolved::new(STANDALONE_NAMESPACE)).problems;
        assert!(problems.iter().any(|problem| problem.to_string().contains(field)), "{spec}: {problems:?}");

        // Beside one that is satisfied, too.
        for policies in [vec![text.clone()], vec![stage.signed(), text]] {
            stage.enforce(&policies);
            let answered = stage.run(&[&image]).await;
            answered.assert_denied("policy_invalid");
            assert!(answered.message().contains(field), "{spec}: {}", answered.message());
        }
        stage.enforce(&[stage.signed()]);
        stage.run(&[&image]).await.assert_allowed();
    }
}

fn static_(action: &str) -> Value {
    json!({ "authorities": [{ "static": { "action": action } }] })
}

/// T86: of ten thousand policies a broken one refuses what it covers, and the others decide as they say.
#[tokio::test]
async fn t86_one_broken_policy_breaks_no_other() {
    let stage = Stage::new().await;
    let one = |n: u32| {
        policy(
            &format!("p{n}"),
            &format!("reg.example/p{n}/**"),
            &json!({ "authorities": [{ "static": { "action": "pass" } }] }),
        )
    };
    let mut policies: Vec<_> = (0..10_000).map(one).collect();
    policies[4_711] = policies[4_711].replace("pass", "maybe");
    stage.enforce(&policies);
    let image = |n: u32| format!("reg.example/p{n}/app@{DIGEST}");
    stage.run(&[&image(4_711)]).await.assert_denied("policy_invalid");
    stage.run(&[&image(4_710), &image(4_712), &image(9_999)]).await.assert_allowed();
    stage.run(&[&image(4_712), &image(4_711)]).await.assert_denied("policy_invalid");
}

/// T17: a selector that nobody can read selects everything, and is refused for it.
#[tokio::test]
async fn t17_a_selector_that_cannot_be_read_refuses() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let selecting = |selector: &Value| {
        let authority = json!({ "key": { "data": stage.key.public_pem() } });
        let about = json!([{ "version": "*", "resource": "pods", "selector": selector }]);
        stage.policy("p", &json!({ "authorities": [authority], "match": about }))
    };
    let good = json!({ "matchExpressions": [{ "key": "app", "operator": "DoesNotExist" }] });
    for bad in [
        json!({ "matchExpressions": [{ "key": "app", "operator": "Sometimes" }] }),
        json!({ "matchExpressions": [{ "key": "app", "operator": "In", "values": [] }] }),
        json!({ "matchExpressions": [{ "operator": "Exists" }] }),
        json!({ "matchLabels": { "app": ["web"] } }),
        json!({ "matchLabel": { "app": "web" } }),
        json!("app=web"),
    ] {
        stage.enforce(&[selecting(&bad)]);
        stage.run(&[&image]).await.assert_denied("policy_invalid");
        stage.enforce(&[selecting(&good)]);
        stage.run(&[&image]).await.assert_allowed();
    }
}
