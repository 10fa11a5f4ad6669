//! Keyless authorities, as tables.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::{
    Compiled, Document, PolicyDocument, Reference, Resolved, STANDALONE_NAMESPACE, Secret, compile, parse, references,
    revision,
};
use crate::policy::{FieldError, NoMatch, PolicyBody, Rule};
use crate::trust::{Believed, BuiltInRoot, RootSource, RootState, TrustedRoot};

const GROUPS: [&str; 2] = ["policy.sigstore.dev/v1beta1", "countersign.dev/v1alpha1"];
const SIGSTORE: &str = GROUPS[0];
const COUNTERSIGN: &str = GROUPS[1];
const KEY: &str = include_str!("../../../tests/data/cosign/cosign.pub");
const SOMEBODY: &str = "identities: [{issuer: 'https://i', subject: s}]";

fn document(group: &str, authority: &str) -> PolicyDocument {
    let text = format!(
        "apiVersion: {group}\nkind: ClusterImagePolicy\nmetadata: {{name: p}}\nspec: {{images: [{{glob: ghcr.io/a/**}}], \
         authorities: [{{{authority}}}]}}\n"
    );
    match parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}")).pop() {
        Some(Document::ClusterImagePolicy(policy)) => *policy,
        other => panic!("{other:?}"),
    }
}

fn nothing() -> Resolved {
    Resolved::new(STANDALONE_NAMESPACE)
}

fn compiled(group: &str, authority: &str) -> Compiled {
    compile(&document(group, authority), &nothing())
}

fn rule(compiled: &Compiled) -> &Rule {
    match &compiled.policy.body {
        PolicyBody::Compiled(authorities) => &authorities.first().rule,
        PolicyBody::Invalid(errors) => panic!("{errors:?}"),
    }
}

fn with(resolved: &mut Resolved, object: &Value) {
    let is_new = match parse(&object.to_string()).unwrap().pop() {
        Some(Document::ConfigMap(config_map)) => resolved.add_config_map(config_map),
        Some(Document::Secret(secret)) => resolved.add_secret(secret),
        Some(Document::TrustRoot(root)) => resolved.add_trust_root(*root),
        other => panic!("{other:?}"),
    };
    assert!(is_new);
}

fn trust_root(group: &str, spec: &Value) -> Value {
    json!({ "apiVersion": format!("{group}/v1alpha1"), "kind": "TrustRoot", "metadata": { "name": "r" }, "spec": spec })
}

/// The public-good authority's chain, as PEM: an intermediate and a root.
fn chain() -> String {
    let root: Value = serde_json::from_str(BuiltInRoot::PublicGood.json()).unwrap();
    let certificates = root["certificateAuthorities"][1]["certChain"]["certificates"].as_array().unwrap();
    let pem = |one: &Value| {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", one["rawBytes"].as_str().unwrap())
    };
    certificates.iter().map(pem).collect()
}

fn fields(compiled: &Compiled) -> Vec<&FieldError> {
    compiled.problems.iter().map(|problem| &problem.field).collect()
}

#[test]
fn every_wrong_keyless_authority_is_told_where_and_why() {
    let keyless = |rest: &str| format!("keyless: {{{rest}}}");
    let identity = |rest: &str| keyless(&format!("identities: [{{{rest}}}]"));
    let long = "x{1000}{1000}";
    let chain = json!(chain());
    let cases: Vec<(&str, String)> = vec![
        ("null", "keyless: ".into()),
        ("no identities (T37)", keyless("")),
        ("null identities", keyless("identities: ")),
        ("identities are a mapping", keyless("identities: {issuer: i, subject: s}")),
        ("an empty identity (T37)", identity("")),
        ("no subject", identity("issuer: i")),
        ("no issuer", identity("subject: s")),
        ("both kinds (T37)", identity("issuer: i, issuerRegExp: i, subject: s, subjectRegExp: s")),
        ("empty texts (T37)", identity("issuer: '', subject: ''")),
        ("empty expressions (T37)", identity("issuerRegExp: '', subjectRegExp: ''")),
        ("no expressions (T37)", identity("issuerRegExp: '(', subjectRegExp: 'a)|(b'")),
        ("an expression that grows (T68)", identity(&format!("issuer: i, subjectRegExp: '{long}'"))),
        ("two lines", identity("issuer: \"i\\nj\", subject: s")),
        ("a number", identity("issuer: 1, subject: s")),
        ("one of two is wrong", keyless("identities: [{issuer: i, subject: s}, {issuer: i}]")),
        ("no address", keyless(&format!("{SOMEBODY}, url: fulcio"))),
        ("no boolean", keyless(&format!("{SOMEBODY}, insecureIgnoreSCT: 'yes'"))),
        ("no name", keyless(&format!("{SOMEBODY}, trustRootRef: ''"))),
        ("a path", keyless(&format!("{SOMEBODY}, trustRootRef: ../r"))),
        ("a root that is not there", keyless(&format!("{SOMEBODY}, trustRootRef: r"))),
        ("an authority that is none", keyless(&format!("{SOMEBODY}, ca-cert: {{}}"))),
        ("an authority twice", keyless(&format!("{SOMEBODY}, ca-cert: {{data: {chain}, secretRef: {{name: a}}}}"))),
        ("an authority by KMS", keyless(&format!("{SOMEBODY}, ca-cert: {{kms: 'awskms:///alias/a'}}"))),
        ("no PEM", keyless(&format!("{SOMEBODY}, ca-cert: {{data: certificate}}"))),
        ("a Secret that is not there", keyless(&format!("{SOMEBODY}, ca-cert: {{secretRef: {{name: a}}}}"))),
        (
            "an address and an authority",
            keyless(&format!("{SOMEBODY}, url: 'https://fulcio.sigstore.dev', ca-cert: {{data: {chain}}}")),
        ),
        ("a root and an authority", keyless(&format!("{SOMEBODY}, trustRootRef: r, ca-cert: {{data: {chain}}}"))),
        ("a log that is not there", format!("keyless: {{{SOMEBODY}}}, ctlog: {{trustRootRef: r}}")),
        ("a timestamp that is not there", format!("keyless: {{{SOMEBODY}}}, rfc3161timestamp: {{trustRootRef: r}}")),
        ("a null log", format!("keyless: {{{SOMEBODY}}}, ctlog: , rfc3161timestamp: ")),
    ];
    let mut report = String::new();
    for (name, authority) in &cases {
        let told = GROUPS.map(|group| compiled(group, authority));
        let [sigstore, countersign] = told.each_ref().map(|compiled| fields(compiled));
        assert_eq!(sigstore, countersign, "{name}");
        assert!(matches!(told[0].policy.body, PolicyBody::Invalid(_)), "{name}");
        writeln!(report, "{name}").unwrap();
        told[0].problems.iter().for_each(|problem| writeln!(report, "  {problem}").unwrap());
    }
    // What only the project's own group knows.
    for authority in [
        "keyless: {identities: [{issuer: i, subject: s, subjectRegexp: s}]}",
        "keyless: {identities: [{issuer: i, subject: s, githubWorkflowRef: refs/heads/main, sourceRepositoryUri: u}]}",
        "keyless: {identities: [{issuer: i, subject: s, sourceRepositoryRef: {regExp: 'refs/tags/.*', exact: a}}]}",
        "keyless: {identities: [{issuer: i, subject: s, sourceRepositoryRef: [a]}]}",
        "keyless: {identities: [{issuer: i, subject: s}]}, ctlog: {required: false, threshold: 2}",
        "keyless: {identities: [{issuer: i, subject: s}]}, ctlog: {required: true, insecureIgnoreTlog: true}",
        "keyless: {identities: [{issuer: i, subject: s}]}, ctlog: {insecureIgnoreTlog: true, threshold: 2}",
        "keyless: {identities: [{issuer: i, subject: s}]}, ctlog: {threshold: 0}, rfc3161timestamp: {threshold: -1}",
        "keyless: {identities: [{issuer: i, subject: s}]}, ctlog: {threshold: '2'}, rfc3161timestamp: {threshold: 1.5}",
        "keyless: {identities: [{issuer: i, subject: s}]}, ctlog: {threshold: 20}, rfc3161timestamp: {threshold: 20}",
    ] {
        for group in GROUPS {
            let compiled = compiled(group, authority);
            assert!(matches!(compiled.policy.body, PolicyBody::Invalid(_)), "{authority}");
            writeln!(report, "{group}: {authority}").unwrap();
            compiled.problems.iter().for_each(|problem| writeln!(report, "  {problem}").unwrap());
        }
    }
    insta::assert_snapshot!(report);
}

#[test]
fn what_is_odd_is_said() {
    let mut report = String::new();
    for authority in [
        format!("keyless: {{{SOMEBODY}}}"),
        "keyless: {identities: [{issuerRegExp: '^https://i$', subjectRegExp: '^https://github\\.com/acme/.*$'}]}"
            .into(),
        "keyless: {identities: [{issuerRegExp: 'https://i', subjectRegExp: 'acme'}]}".into(),
        "keyless: {identities: [{issuerRegExp: '.*', subjectRegExp: '^(?s).+$'}]}".into(),
        format!(
            "keyless: {{{SOMEBODY}, url: 'https://fulcio.sigstore.dev'}}, ctlog: {{url: 'https://rekor.sigstore.dev'}}"
        ),
        format!(
            "keyless: {{{SOMEBODY}, url: 'https://fulcio.example.com'}}, ctlog: {{url: 'https://rekor.example.com'}}"
        ),
        format!("keyless: {{{SOMEBODY}, insecureIgnoreSCT: true}}"),
        format!("keyless: {{{SOMEBODY}}}, rfc3161timestamp: {{}}"),
        format!("keyless: {{{SOMEBODY}}}, rfc3161timestamp: {{}}, ctlog: {{}}"),
        format!("key: {{data: {}}}, rfc3161timestamp: {{}}", json!(KEY)),
    ] {
        let compiled = compiled(SIGSTORE, &authority);
        assert_eq!(compiled.problems, [], "{authority}");
        writeln!(report, "{authority}").unwrap();
        compiled.warnings.iter().for_each(|warning| writeln!(report, "  {warning}").unwrap());
    }
    let ignored = compiled(COUNTERSIGN, &format!("keyless: {{{SOMEBODY}}}, ctlog: {{insecureIgnoreTlog: true}}"));
    ignored.warnings.iter().for_each(|warning| writeln!(report, "{warning}").unwrap());
    insta::assert_snapshot!(report);
}

#[test]
fn what_an_identity_says_is_what_is_compiled() {
    let authority = "keyless: {identities: [{issuer: 'https://i', subjectRegExp: 'a|b', sourceRepositoryURI: u, \
                     githubWorkflowTrigger: {regExp: 'push|tag'}, runnerEnvironment: {exact: github-hosted}}, \
                     {issuerRegExp: 'https://.*', subject: s}]}";
    let compiled = compiled(COUNTERSIGN, authority);
    assert_eq!(compiled.problems, []);
    let identities: Vec<_> =
        rule(&compiled).signers().flat_map(|signer| &signer.identities).map(ToString::to_string).collect();
    assert_eq!(
        identities,
        [
            "subject matching `a|b`, issuer `https://i`, githubWorkflowTrigger matching `push|tag`, \
             runnerEnvironment `github-hosted`, sourceRepositoryURI `u`",
            "subject `s`, issuer matching `https://.*`"
        ]
    );
}

#[test]
fn without_a_name_the_public_good_root_counts() {
    let public_good = TrustedRoot::public_good().unwrap();
    for rest in ["", ", url: 'https://fulcio.sigstore.dev'"] {
        let compiled = compiled(
            SIGSTORE,
            &format!("keyless: {{{SOMEBODY}{rest}}}, attestations: [{{name: a, predicateType: vuln}}]"),
        );
        let Rule::Attested { signers, .. } = rule(&compiled) else { panic!("{compiled:?}") };
        let Believed::Certificates(root) = signers.first().anchor.believed() else { panic!("{signers:?}") };
        assert_eq!(root.fingerprint(), public_good.fingerprint());
    }
    // A newer one counts instead, from when it is known.
    let mut resolved = nothing();
    let document = document(SIGSTORE, &format!("keyless: {{{SOMEBODY}}}"));
    let newer = TrustedRoot::built_in(BuiltInRoot::GitHub).unwrap();
    resolved.add_built_in(BuiltInRoot::PublicGood, RootState::Usable(Arc::new(newer.clone())));
    let compiled = compile(&document, &resolved);
    let Believed::Certificates(root) = rule(&compiled).anchors().next().unwrap().believed() else { panic!() };
    assert_eq!(root.fingerprint(), newer.fingerprint());
    assert_ne!(revision([&document], &resolved, NoMatch::Deny), revision([&document], &nothing(), NoMatch::Deny));
}

#[test]
fn p9_a_chain_of_ones_own_has_intermediates() {
    let chain = chain();
    let inline = format!("keyless: {{ca-cert: {{data: {}}}, identities: [{{subject: s}}]}}", json!(chain));
    let secret = "keyless: {ca-cert: {secretRef: {name: ca}}, identities: [{subject: s}]}";
    let mut resolved = nothing();
    let data = BTreeMap::from([("ca.crt".to_owned(), chain.clone().into_bytes())]);
    assert!(resolved.add_secret(Secret::new(STANDALONE_NAMESPACE, "ca", data)));
    let named = Reference::Secret { namespace: None, name: "ca".into() };
    for (authority, references_of) in [(inline.as_str(), vec![]), (secret, vec![named])] {
        for group in GROUPS {
            let document = document(group, authority);
            assert_eq!(references(&document), references_of);
            let compiled = compile(&document, &resolved);
            assert_eq!(compiled.problems, []);
            let signer = rule(&compiled).signers().next().unwrap();
            assert_eq!(signer.identities[0].issuer, None);
            let Believed::Certificates(root) = signer.anchor.believed() else { panic!("{signer:?}") };
            let [authority] = root.certificate_authorities() else { panic!("{root:?}") };
            assert_eq!(authority.intermediates().len(), 1);
            assert!(!root.has_ct_logs() && !root.has_transparency_logs());
        }
    }
    // A Secret with something else in it is none.
    let mut resolved = nothing();
    assert!(resolved.add_secret(Secret::new(
        STANDALONE_NAMESPACE,
        "ca",
        BTreeMap::from([("ca.crt".to_owned(), b"x".to_vec())])
    )));
    let compiled = compile(&document(SIGSTORE, secret), &resolved);
    let [problem] = &compiled.problems[..] else { panic!("{:?}", compiled.problems) };
    assert!(problem.field.message.starts_with("`ca.crt` of the Secret `ca`: it is no PEM"), "{problem}");
}

#[test]
fn a_root_is_one_of_the_policys_group() {
    let authority = format!(
        "keyless: {{{SOMEBODY}, trustRootRef: r}}, ctlog: {{trustRootRef: r}}, rfc3161timestamp: {{trustRootRef: r}}"
    );
    let document = document(SIGSTORE, &authority);
    let reference = Reference::TrustRoot { group: "policy.sigstore.dev".into(), name: "r".into() };
    assert_eq!(references(&document), std::slice::from_ref(&reference));
    let mut resolved = nothing();
    with(
        &mut resolved,
        &trust_root("countersign.dev", &json!({ "trustedRoot": { "json": BuiltInRoot::PublicGood.json() } })),
    );
    let compiled = compile(&document, &resolved);
    let [problem] = &compiled.problems[..] else { panic!("{:?}", compiled.problems) };
    assert_eq!(problem.unresolved, Some(reference));
    assert_eq!(
        problem.to_string(),
        "spec.authorities[0].keyless.trustRootRef: the TrustRoot `r` is not there; there is one of `countersign.dev`, and a \
         policy names those of its own group"
    );
    let compiled = compile(&self::document(COUNTERSIGN, &authority), &resolved);
    assert_eq!(compiled.problems, []);
}

#[test]
fn a_root_may_lie_in_another_object() {
    let document = document(COUNTERSIGN, &format!("keyless: {{{SOMEBODY}, trustRootRef: r}}"));
    let public_good = BuiltInRoot::PublicGood.json();
    let config_map =
        |data: Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "roots" }, "data": data });
    let reference = |rest: &Value| json!({ "trustedRoot": { "configMapRef": rest } });
    let named = reference(&json!({ "name": "roots" }));
    let good = config_map(json!({ "trusted_root.json": public_good }));
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "roots" }, "stringData": { "r": public_good } });
    let in_secret = json!({ "trustedRoot": { "secretRef": { "name": "roots", "key": "r" } } });
    for (spec, object, expected) in [
        (&named, Some(&good), ""),
        (&in_secret, Some(&secret), ""),
        (&named, None, "the ConfigMap `roots` is not there, in the controller's own namespace `countersign-system`"),
        (&in_secret, None, "the Secret `roots` is not there, in the controller's own namespace `countersign-system`"),
        (&named, Some(&config_map(json!({ "other": "" }))), "the ConfigMap `roots` has no entry `trusted_root.json`"),
        (
            &named,
            Some(&config_map(json!({ "trusted_root.json": "{}" }))),
            "`trusted_root.json` of the ConfigMap `roots`: it is no `trusted_root.json`: failed to parse JSON: missing field `mediaType` at line 1 column 2",
        ),
        (
            &reference(&json!({ "name": "roots", "namespace": "default" })),
            Some(&good),
            "the ConfigMap `default/roots` has to be in the controller's own namespace `countersign-system`",
        ),
        (
            &named,
            Some(&config_map(json!({ "trusted_root.json": 1 }))),
            "the ConfigMap `roots` cannot be read: data[`trusted_root.json`]: has to be a string, not a number",
        ),
    ] {
        let mut resolved = nothing();
        with(&mut resolved, &trust_root("countersign.dev", spec));
        let root = resolved.trust_roots().next().unwrap();
        assert!(root.reference().is_some());
        if let Some(object) = object {
            with(&mut resolved, object);
        }
        let compiled = compile(&document, &resolved);
        let told: Vec<_> = compiled.problems.iter().map(|problem| problem.field.message.clone()).collect();
        match expected {
            "" => assert_eq!(told, [""; 0]),
            expected => assert_eq!(told, [format!("the TrustRoot `r` cannot be read: {expected}")]),
        }
        let unresolved = compiled.problems.first().and_then(|problem| problem.unresolved.as_ref());
        assert_eq!(unresolved.is_some(), object.is_none(), "{expected}");
    }
}

#[test]
fn a_repository_that_was_not_read_refuses_and_breaks_nothing_else() {
    let authority = format!("keyless: {{{SOMEBODY}, trustRootRef: r}}");
    let document = document(SIGSTORE, &authority);
    let root = json!({ "signatures": [{}], "signed": { "_type": "root" } }).to_string();
    let root = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, root);
    let mut resolved = nothing();
    with(
        &mut resolved,
        &trust_root("policy.sigstore.dev", &json!({ "remote": { "root": root, "mirror": "https://tuf.example.com" } })),
    );
    let Some(RootSource::Tuf(source)) = resolved.trust_roots().next().unwrap().source().cloned() else {
        panic!("{resolved:?}")
    };
    let stale = |resolved: &Resolved| match rule(&compile(&document, resolved)) {
        Rule::StaleRoot { finding } => finding.clone(),
        rule @ (Rule::Attested { .. } | Rule::Fail { .. } | Rule::Pass | Rule::Signed { .. }) => panic!("{rule:?}"),
    };
    assert_eq!(stale(&resolved), "the TrustRoot `r`: its repository was not read yet");
    let mut revisions = vec![revision([&document], &resolved, NoMatch::Deny)];
    let mut then = |resolved: &mut Resolved, state| {
        resolved.add_fetched(&source, state);
        revisions.push(revision([&document], resolved, NoMatch::Deny));
    };
    then(&mut resolved, RootState::Unreachable("the mirror does not answer in time".into()));
    assert_eq!(stale(&resolved), "the TrustRoot `r`: the mirror does not answer in time");
    then(&mut resolved, RootState::Stale { ended: Timestamp::UNIX_EPOCH, why: "frozen".into() });
    assert_eq!(stale(&resolved), "the TrustRoot `r`: it ended at 1970-01-01T00:00:00Z: frozen");
    then(&mut resolved, RootState::Invalid("a key is there twice".into()));
    assert_eq!(
        compile(&document, &resolved).problems[0].field.message,
        "the TrustRoot `r` cannot be used: a key is there twice"
    );
    let good = TrustedRoot::public_good().unwrap();
    then(&mut resolved, RootState::Usable(Arc::new(good.clone())));
    assert!(matches!(rule(&compile(&document, &resolved)), Rule::Signed { .. }));
    // The same root with another end is another generation: it has to be taken before the first one ends.
    then(&mut resolved, RootState::Usable(Arc::new(good.with_expiry(Timestamp::MAX))));
    let different: std::collections::BTreeSet<_> = revisions.iter().map(ToString::to_string).collect();
    assert_eq!(different.len(), revisions.len());
}
