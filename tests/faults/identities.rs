//! Whose certificate it is, and whom a policy means.

use serde_json::{Value, json};

use crate::support::keyless::{Layout, Scene, keyless};
use crate::support::virtual_sigstore::fulcio::{ISSUER, WORKFLOW};
use crate::support::virtual_sigstore::{Leaf, Order, Subject};

fn meaning(identity: &Value) -> Value {
    keyless(&json!({ "identities": [identity] }))
}

fn uri(text: &str) -> Subject {
    Subject::Uri(text.to_owned())
}

/// Judges an image that was signed with each certificate, in both layouts, and then one that the workflow has signed.
async fn judge(scene: &Scene, leaves: Vec<(&str, Leaf)>, code: &str) {
    for (index, (what, leaf)) in leaves.into_iter().enumerate() {
        for (layout, name) in [(Layout::Bundle, "bundle"), (Layout::Legacy, "legacy")] {
            let order = Order { leaf: leaf.clone(), ..Order::v1() };
            let image = scene.signed(&format!("{name}{index}"), &order, layout);
            scene.assert(&format!("{what}, {name}"), &image, code).await;
        }
    }
    let good = scene.signed("good", &Order::v1(), Layout::Bundle);
    scene.assert("the twin", &good, "").await;
}

/// T36: who only looks like the one that an expression means. Not all of these expressions are anchored, and one does not
/// escape its dots.
#[tokio::test]
async fn t36_an_expression_means_the_whole_name() {
    let scene = Scene::new().await;
    let of = |subject: &str, issuer: &str| Leaf::of(vec![uri(subject)], issuer);
    let good = "https://github.com/example/app/.github/workflows/release.yml@refs/tags/v1.0.0";
    assert_eq!(good, WORKFLOW);
    for (issuer, subject) in [
        (r"https://token\.actions\.githubusercontent\.com", r"https://github\.com/example/app/.*@refs/tags/v.*"),
        ("https://token.actions.githubusercontent.com", "https://github.com/example/app/.*@refs/tags/v.*"),
        (r"^https://token\.actions\.githubusercontent\.com$", r"^https://github\.com/example/app/.*@refs/tags/v.*$"),
    ] {
        scene.enforce(&[meaning(&json!({ "issuerRegExp": issuer, "subjectRegExp": subject }))]);
        let leaves = vec![
            ("an issuer that goes on", of(good, &format!("{ISSUER}.evil.example"))),
            ("an issuer below another", of(good, &format!("https://evil.example/{ISSUER}"))),
            ("an issuer on two lines", of(good, &format!("{ISSUER}\nhttps://evil.example"))),
            ("an issuer in capitals", of(good, &ISSUER.to_uppercase())),
            ("an issuer with a letter for a dot", of(good, &ISSUER.replace("token.actions", "tokenXactions"))),
            ("a host with a letter for a dot", of(&good.replace("github.com", "githubXcom"), ISSUER)),
            ("a repository that goes on", of(&good.replace("/app/", "/app-evil/"), ISSUER)),
            ("another owner", of(&good.replace("/example/", "/evil/"), ISSUER)),
            ("behind another name", of(&format!("https://evil.example/{good}"), ISSUER)),
            ("behind a line", of(&format!("https://evil.example\n{good}"), ISSUER)),
            ("before a line", of(&format!("{good}\nhttps://evil.example"), ISSUER)),
            ("in capitals", of(&good.to_uppercase(), ISSUER)),
            ("at a branch", of(&good.replace("refs/tags", "refs/heads"), ISSUER)),
        ];
        judge(&scene, leaves, "identity_mismatch").await;
    }
}

/// T37: a policy that does not say whom it means means nobody.
#[tokio::test]
async fn t37_an_identity_is_one_thing_and_not_nothing() {
    let scene = Scene::new().await;
    let image = scene.signed("app", &Order::v1(), Layout::Bundle);
    let policy = |identities: Value| keyless(&json!({ "identities": identities }));
    let one = |identity: Value| json!([identity]);
    for identities in [
        one(json!({ "issuer": ISSUER, "issuerRegExp": ".*", "subject": WORKFLOW })),
        one(json!({ "issuer": ISSUER, "subject": WORKFLOW, "subjectRegExp": ".*" })),
        one(json!({ "issuerRegExp": "(", "subject": WORKFLOW })),
        one(json!({ "issuer": ISSUER, "subjectRegExp": "a)|(.*" })),
        one(json!({ "issuer": ISSUER, "subjectRegExp": "[" })),
        one(json!({ "issuer": "", "subject": WORKFLOW })),
        one(json!({ "issuer": ISSUER, "subject": "" })),
        one(json!({ "issuerRegExp": "", "subject": WORKFLOW })),
        one(json!({ "issuer": ISSUER, "subjectRegExp": "" })),
        one(json!({ "issuer": ISSUER })),
        one(json!({ "subject": WORKFLOW })),
        one(json!({})),
        // One that is right takes nothing from one that is wrong.
        json!([{ "issuer": ISSUER, "subject": WORKFLOW }, { "issuer": "", "subject": "" }]),
        json!([]),
        Value::Null,
    ] {
        scene.enforce(&[policy(identities.clone())]);
        scene.assert(&identities.to_string(), &image, "policy_invalid").await;
        scene.enforce(&[policy(json!([{ "issuer": ISSUER, "subject": WORKFLOW }]))]);
        scene.assert("the twin", &image, "").await;
    }
}

/// T38: names of a certificate are its alternative names, and what a policy names has to be one of them.
#[tokio::test]
async fn t38_only_alternative_names_are_names() {
    let scene = Scene::new().await;
    let named = |names: Vec<Subject>, common_name: &str| {
        let mut leaf = Leaf::of(names, ISSUER);
        if !common_name.is_empty() {
            common_name.clone_into(&mut leaf.certificate.subject);
        }
        leaf
    };
    let nearly = |text: &str| {
        vec![
            Subject::Email(format!("ci@{text}.evil.example")),
            Subject::Dns("github.com".into()),
            Subject::Other(format!("{text}!evil.example")),
            uri(&format!("{WORKFLOW}.evil")),
        ]
    };
    scene.enforce(&[meaning(&json!({ "issuer": ISSUER, "subject": WORKFLOW }))]);
    judge(
        &scene,
        vec![
            ("no name at all", named(vec![], "")),
            ("the common name beside another", named(vec![uri("https://evil.example")], &format!("CN={WORKFLOW}"))),
            ("several others", named(nearly("github.com"), "")),
        ],
        "identity_mismatch",
    )
    .await;
    // The text that is meant, under another kind of name, is no name of that kind.
    let other_kinds = [Subject::Email, Subject::Dns, Subject::Other];
    let under = |kind: fn(String) -> Subject| named(vec![kind(WORKFLOW.into())], "");
    judge(&scene, other_kinds.map(|kind| ("another kind of name", under(kind))).into(), "certificate_invalid").await;
    judge(
        &scene,
        vec![("beside the right one", named(vec![uri(WORKFLOW), Subject::Email(WORKFLOW.into())], ""))],
        "certificate_invalid",
    )
    .await;
    scene.enforce(&[meaning(&json!({ "issuer": ISSUER, "subject": "ci@example.com" }))]);
    for kind in [Subject::Uri, Subject::Dns, Subject::Other] {
        let order = Order { leaf: named(vec![kind("ci@example.com".into())], ""), ..Order::v1() };
        let image = scene.signed("nobody", &order, Layout::Bundle);
        scene.assert("an email address under another kind", &image, "certificate_invalid").await;
    }
    // Any of several names is one, whatever its kind.
    let several = || {
        vec![
            Subject::Email("ci@example.com".into()),
            Subject::Dns("ci.example.com".into()),
            Subject::Other("ci!example.com".into()),
            uri("https://ci.example.com"),
        ]
    };
    let image = scene.signed("several", &Order { leaf: named(several(), ""), ..Order::v1() }, Layout::Bundle);
    for (subject, code) in [
        ("ci@example.com", ""),
        ("ci.example.com", ""),
        ("ci!example.com", ""),
        ("https://ci.example.com", ""),
        ("example.com", "identity_mismatch"),
        ("mailto:ci@example.com", "identity_mismatch"),
        ("ci@example.com,ci.example.com", "identity_mismatch"),
        ("CI@example.com", "identity_mismatch"),
    ] {
        scene.enforce(&[meaning(&json!({ "issuer": ISSUER, "subject": subject }))]);
        scene.assert(subject, &image, code).await;
    }
}

/// T39: two issuers that disagree are none, and no issuer is nobody's.
#[tokio::test]
async fn t39_one_issuer_vouches() {
    let scene = Scene::new().await;
    let vouched = |v1: Option<&str>, v2: Option<&str>| {
        let (issuer_v1, issuer_v2) = (v1.map(str::to_owned), v2.map(str::to_owned));
        Leaf { issuer_v1, issuer_v2, ..Leaf::workflow() }
    };
    let other = "https://accounts.example.com";
    let disagreeing = || {
        vec![
            ("ours in the first", vouched(Some(ISSUER), Some(other))),
            ("ours in the second", vouched(Some(other), Some(ISSUER))),
        ]
    };
    for identity in [
        json!({ "issuer": ISSUER, "subject": WORKFLOW }),
        json!({ "issuerRegExp": "^https://.*$", "subject": WORKFLOW }),
    ] {
        scene.enforce(&[meaning(&identity)]);
        judge(&scene, disagreeing(), "certificate_invalid").await;
        judge(&scene, vec![("none", vouched(None, None))], "identity_mismatch").await;
        judge(&scene, vec![("an empty one", vouched(Some(""), Some("")))], "identity_mismatch").await;
        // Old and new certificates have one of the two.
        judge(
            &scene,
            vec![("the first", vouched(Some(ISSUER), None)), ("the second", vouched(None, Some(ISSUER)))],
            "",
        )
        .await;
    }
}

/// T40: what was built is said by the certificate's own fields, each of which has to be the one that is meant.
#[tokio::test]
async fn t40_a_workflow_is_of_one_repository_at_one_reference() {
    let scene = Scene::new().await;
    let claimed = |subject: &str, changes: &[(u32, &str)]| {
        let mut leaf = Leaf::of(vec![uri(subject)], ISSUER);
        for (number, text) in changes {
            let claim = leaf.claims.iter_mut().find(|(known, _)| known == number).expect("a claim");
            (*text).clone_into(&mut claim.1);
        }
        leaf
    };
    let at_branch = WORKFLOW.replace("refs/tags", "refs/heads");
    let reusable = "https://github.com/evil/workflows/.github/workflows/release.yml@refs/tags/v1.0.0";
    let exact = json!({ "issuer": ISSUER, "subject": WORKFLOW });
    let by_fields = json!({
        "issuer": ISSUER, "subjectRegExp": r"^https://github\.com/.*$", "buildSignerURI": WORKFLOW,
        "sourceRepositoryURI": "https://github.com/example/app", "sourceRepositoryRef": "refs/tags/v1.0.0",
    });
    let by_subject = vec![
        (
            "a branch of the same name",
            claimed(&at_branch, &[(9, &at_branch), (6, "refs/heads/v1.0.0"), (14, "refs/heads/v1.0.0")]),
        ),
        ("a fork", claimed(&WORKFLOW.replace("/example/", "/fork/"), &[(12, "https://github.com/fork/app")])),
        ("a workflow of another repository", claimed(reusable, &[(9, reusable)])),
    ];
    scene.enforce(&[meaning(&exact)]);
    judge(&scene, by_subject.clone(), "identity_mismatch").await;
    scene.enforce(&[meaning(&by_fields)]);
    judge(&scene, by_subject, "identity_mismatch").await;
    // A reusable workflow signs for whoever calls it: its subject is right, and the repository is the caller's.
    let called = vec![
        ("called by a fork", claimed(WORKFLOW, &[(12, "https://github.com/fork/app")])),
        ("called at a branch", claimed(WORKFLOW, &[(14, "refs/heads/v1.0.0")])),
    ];
    judge(&scene, called, "identity_mismatch").await;
}

/// T68: an expression that takes other engines for ever, and a name that makes it so.
#[tokio::test]
async fn t68_no_expression_takes_for_ever() {
    let scene = Scene::new().await;
    let image = scene.signed("app", &Order::v1(), Layout::Bundle);
    for too_large in ["(?:(?:(?:(?:a{100}){100}){100}){100})", r"\w{5000}\w{5000}"] {
        scene.enforce(&[meaning(&json!({ "issuer": ISSUER, "subjectRegExp": too_large }))]);
        scene.assert(too_large, &image, "policy_invalid").await;
    }
    let long = format!("https://github.com/{}!", "a".repeat(2000));
    let signed =
        scene.signed("long", &Order { leaf: Leaf::of(vec![uri(&long)], ISSUER), ..Order::v1() }, Layout::Bundle);
    for (nested, code) in [
        ("https://github.com/(a+)+b", "identity_mismatch"),
        ("https://github.com/(a|a)*b", "identity_mismatch"),
        ("https://github.com/(a|aa)+$", "identity_mismatch"),
        ("https://github.com/(.*)*(.*)*(.*)*x", "identity_mismatch"),
        ("https://github.com/(a+)+!", ""),
    ] {
        scene.enforce(&[meaning(&json!({ "issuer": ISSUER, "subjectRegExp": nested }))]);
        scene.assert(nested, &signed, code).await;
    }
}
