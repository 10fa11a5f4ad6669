//! What a tenant may write, and where it counts.

use std::collections::BTreeMap;

use crate::api::{
    Compiled, Document, PolicyDocument, Reference, Resolved, STANDALONE_NAMESPACE, Secret, compile, parse, references,
    revision,
};
use crate::policy::{Coverage, NoMatch, PolicyBody};

const KEY: &str = include_str!("../../../tests/data/cosign/cosign.pub");

fn document(metadata: &str, spec: &str) -> PolicyDocument {
    let text =
        format!("---\n{{apiVersion: countersign.dev/v1alpha1, kind: ImagePolicy, metadata: {metadata}, spec: {spec}}}");
    match parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}")).pop() {
        Some(Document::ClusterImagePolicy(document)) => *document,
        other => panic!("{other:?}"),
    }
}

fn with(authority: &str) -> PolicyDocument {
    let spec = format!("{{images: [{{glob: a.io/**}}], authorities: [{authority}]}}");
    document("{name: p, namespace: team}", &spec)
}

fn secret(namespace: &str) -> Secret {
    Secret::new(namespace, "keys", BTreeMap::from([("cosign.pub".to_owned(), KEY.as_bytes().to_vec())]))
}

fn told(compiled: &Compiled) -> String {
    compiled.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_tenant_names_what_is_in_his_own_namespace() {
    let document = with("{key: {secretRef: {name: keys}}}");
    assert_eq!(document.kind(), "ImagePolicy");
    assert_eq!(document.name().to_string(), "team/p");
    assert_eq!(references(&document), [Reference::Secret { namespace: Some("team".into()), name: "keys".into() }]);
    let mut resolved = Resolved::new(STANDALONE_NAMESPACE);
    resolved.add_secret(secret(STANDALONE_NAMESPACE));
    resolved.add_secret(secret("other"));
    let missing = compile(&document, &resolved);
    assert_eq!(
        told(&missing),
        "spec.authorities[0].key.secretRef: the Secret `team/keys` is not there, in the policy's own namespace `team`"
    );
    let before = revision([&document], &resolved, NoMatch::Deny);
    resolved.add_secret(secret("team"));
    assert_eq!(told(&compile(&document, &resolved)), "");
    assert_ne!(revision([&document], &resolved, NoMatch::Deny), before);
    let same = with("{key: {secretRef: {name: keys, namespace: team}}}");
    assert_eq!(told(&compile(&same, &resolved)), "");
    for namespace in [STANDALONE_NAMESPACE, "other"] {
        let foreign = with(&format!("{{key: {{secretRef: {{name: keys, namespace: {namespace}}}}}}}"));
        let told = told(&compile(&foreign, &resolved));
        assert!(told.contains("has to be in the policy's own namespace `team`"), "{told}");
    }
}

#[test]
fn a_tenant_asks_no_other_host() {
    let key = serde_json::to_string(KEY).unwrap();
    for (authority, expected) in [
        ("{key: {kms: 'awskms:///alias/a'}}".to_owned(), "spec.authorities[0].key.kms"),
        ("{keyless: {identities: [], ca-cert: {kms: x}}}".to_owned(), "spec.authorities[0].keyless.ca-cert.kms"),
        (
            format!(
                "{{key: {{data: {key}}}, attestations: [{{name: a, predicateType: custom, policy: {{type: cel, remote: {{url: x}}}}}}]}}"
            ),
            "spec.authorities[0].attestations[0].policy.remote",
        ),
    ] {
        let compiled = compile(&with(&authority), &Resolved::new(STANDALONE_NAMESPACE));
        let told = told(&compiled);
        assert!(told.contains(&format!("{expected}: cannot stand in a policy of a namespace")), "{told}");
        assert!(matches!(compiled.policy.body, PolicyBody::Invalid(_)));
    }
    let policy = document(
        "{name: p, namespace: team}",
        "{images: [{glob: a.io/**}], authorities: [{static: {action: fail}}], policy: {type: rego, remote: {url: x}}}",
    );
    assert!(told(&compile(&policy, &Resolved::new(STANDALONE_NAMESPACE))).contains("spec.policy.remote: cannot stand"));
    // What users name themselves may have these names.
    let names = with(&format!("{{key: {{data: {key}}}, annotations: {{kms: a, remote: b}}}}"));
    assert_eq!(told(&compile(&names, &Resolved::new(STANDALONE_NAMESPACE))), "");
}

#[test]
fn a_tenants_conditions_are_bounded_and_at_home() {
    let spec = |policy: &str| {
        document(
            "{name: p, namespace: team}",
            &format!("{{images: [{{glob: a.io/**}}], authorities: [{{static: {{action: fail}}}}], policy: {policy}}}"),
        )
    };
    let rego = spec("{type: rego, data: 'package a\ndeny contains 1 if input.x'}");
    let compiled = compile(&rego, &Resolved::new(STANDALONE_NAMESPACE));
    assert!(told(&compiled).contains("spec.policy.type: `rego` cannot stand in a policy of a namespace"));
    assert!(matches!(compiled.policy.body, PolicyBody::Invalid(_)));

    let named = spec("{type: cel, configMapRef: {name: m, key: k, namespace: kube-system}}");
    let home = Reference::ConfigMap { namespace: Some("team".to_owned()), name: "m".to_owned() };
    assert_eq!(references(&named), [home]);
}

#[test]
fn broken_it_is_broken_in_its_namespace_alone() {
    let compiled =
        compile(&document("{name: p, namespace: team}", "{images: [{}]}"), &Resolved::new(STANDALONE_NAMESPACE));
    assert_eq!(compiled.policy.name.namespace(), Some("team"));
    assert_eq!(compiled.policy.coverage, Coverage::Everything);
}

#[test]
fn without_a_namespace_nobody_knows_whose_it_is() {
    let spec = "{images: [{glob: a.io/**}], authorities: [{static: {action: fail}}]}";
    let compiled = compile(&document("{name: p}", spec), &Resolved::new(STANDALONE_NAMESPACE));
    assert!(told(&compiled).contains("metadata.namespace: is missing"), "{}", told(&compiled));
    assert_eq!(compiled.policy.name.namespace(), None);
    assert_eq!(compiled.policy.coverage, Coverage::Everything, "it refuses everything rather than nothing");
    assert!(matches!(compiled.policy.body, PolicyBody::Invalid(_)));
    // In the other group there is no such kind.
    let text = format!(
        "---\n{{apiVersion: policy.sigstore.dev/v1beta1, kind: ImagePolicy, metadata: {{name: p, namespace: a}}, spec: {spec}}}"
    );
    let Some(Document::ClusterImagePolicy(document)) = parse(&text).unwrap().pop() else { panic!("{text}") };
    assert!(
        told(&compile(&document, &Resolved::new(STANDALONE_NAMESPACE)))
            .contains("kind: `ImagePolicy` is not carried out")
    );
}
