//! What documents become, as tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use std::sync::Arc;

use nonempty::NonEmpty;

use super::*;
use crate::policy::{Coverage, Mode, NoMatch, PolicyBody, Rule, SignerRule};
use crate::trust::{Anchor, HashAlgorithm, KeyState, KmsKey, Proofs, PublicKey};

const KEY: &str = include_str!("../../tests/data/cosign/cosign.pub");
const OTHER_KEY: &str = include_str!("../../tests/data/cosign/other.pub");

const GROUPS: [&str; 3] = ["policy.sigstore.dev/v1beta1", "policy.sigstore.dev/v1alpha1", "countersign.dev/v1alpha1"];

/// The text of a policy whose `spec` is in YAML's flow style, on line 5.
fn text(api_version: &str, spec: &str) -> String {
    format!("apiVersion: {api_version}\nkind: ClusterImagePolicy\nmetadata:\n  name: p\nspec: {spec}\n")
}

/// The spec of a policy with one authority.
fn with_authority(authority: &str) -> String {
    format!("{{images: [{{glob: ghcr.io/a/**}}], authorities: [{authority}]}}")
}

fn with_key(key: &str) -> String {
    with_authority(&format!("{{key: {key}}}"))
}

/// A key as a YAML scalar in flow style.
fn quoted(pem: &str) -> String {
    serde_json::to_string(pem).unwrap()
}

fn one(text: &str) -> PolicyDocument {
    let mut documents = parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    match (documents.pop(), documents.is_empty()) {
        (Some(Document::ClusterImagePolicy(policy)), true) => *policy,
        other => panic!("{other:?}"),
    }
}

fn no_secrets() -> Resolved {
    Resolved::new(STANDALONE_NAMESPACE)
}

fn secret(entries: &[(&str, &str)]) -> Secret {
    let data = entries.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
    Secret::new(STANDALONE_NAMESPACE, "keys", data.collect::<BTreeMap<_, _>>())
}

fn with_secret(secret: Secret) -> Resolved {
    let mut resolved = no_secrets();
    assert!(resolved.add_secret(secret));
    resolved
}

fn compiled(spec: &str) -> Compiled {
    compile(&one(&text(GROUPS[0], spec)), &no_secrets())
}

fn is_invalid(compiled: &Compiled) -> bool {
    match &compiled.policy.body {
        PolicyBody::Compiled(_) => false,
        PolicyBody::Invalid(errors) => {
            assert_eq!(errors.len(), compiled.problems.len());
            true
        }
    }
}

fn the_rule(compiled: &Compiled) -> Rule {
    match &compiled.policy.body {
        PolicyBody::Compiled(authorities) => {
            assert_eq!(authorities.len(), 1);
            authorities.first().rule.clone()
        }
        PolicyBody::Invalid(errors) => panic!("{errors:?}"),
    }
}

fn problems(compiled: &Compiled) -> String {
    compiled.problems.iter().fold(String::new(), |mut list, problem| {
        writeln!(list, "  {problem}").unwrap();
        list
    })
}

/// Whoever holds `key`.
fn by_key(key: &PublicKey, hash: HashAlgorithm) -> NonEmpty<SignerRule> {
    NonEmpty::new(SignerRule::key(Arc::new(Anchor::key(key.clone(), hash, Proofs::beside_key()))))
}

#[test]
fn every_invalid_policy_is_told_where_and_why() {
    let key = quoted(KEY);
    let private = quoted("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let image = "images: [{glob: ghcr.io/a/**}]";
    let fail = "authorities: [{static: {action: fail}}]";
    let cases: Vec<(&str, String)> = vec![
        ("spec is a list", "[]".into()),
        ("spec is null", "".into()),
        ("empty spec", "{}".into()),
        ("no images", format!("{{{fail}}}")),
        ("empty images", format!("{{images: [], {fail}}}")),
        ("null images", format!("{{images: , {fail}}}")),
        ("image is a text", format!("{{images: [ghcr.io/a], {fail}}}")),
        ("image without glob", format!("{{images: [{{}}], {fail}}}")),
        ("image with a regex", format!("{{images: [{{glob: a, regex: b}}], {fail}}}")),
        ("empty glob", format!("{{images: [{{glob: ''}}], {fail}}}")),
        ("glob with a question mark", format!("{{images: [{{glob: 'ghcr.io/a?'}}], {fail}}}")),
        ("glob is a number", format!("{{images: [{{glob: 1}}], {fail}}}")),
        ("no authorities (T30c)", format!("{{{image}}}")),
        ("empty authorities (T30c)", format!("{{{image}, authorities: []}}")),
        ("authority is a text", with_authority("k")),
        ("empty authority", with_authority("{}")),
        ("authority with a name only", with_authority("{name: a}")),
        ("key and static", with_authority(&format!("{{key: {{data: {key}}}, static: {{action: pass}}}}"))),
        ("key, keyless and static", with_authority("{key: {}, keyless: {}, static: {}}")),
        ("keyless by nobody (T37)", with_authority("{keyless: {identities: []}}")),
        ("unknown field of an authority (T30c)", with_authority("{static: {action: pass}, statik: {}}")),
        ("static without action", with_authority("{static: {}}")),
        ("static with another action", with_authority("{static: {action: Pass}}")),
        (
            "static with attestations",
            with_authority("{static: {action: pass}, attestations: [{name: a, predicateType: custom}]}"),
        ),
        (
            "static with source, ctlog and timestamp",
            with_authority("{static: {action: pass}, source: [], ctlog: {}, rfc3161timestamp: {}}"),
        ),
        (
            "key with two sources of evidence",
            with_authority(&format!("{{key: {{data: {key}}}, source: [{{oci: a.io/s}}, {{oci: b.io/s}}]}}")),
        ),
        (
            "key with a ctlog that is none",
            with_authority(&format!("{{key: {{data: {key}}}, ctlog: {{url: rekor, trustRootRef: A/B}}}}")),
        ),
        ("empty key (T30c)", with_key("{}")),
        ("key with two sources", with_key(&format!("{{data: {key}, secretRef: {{name: keys}}}}"))),
        ("key by kms that nobody asked for", with_key("{kms: 'awskms:///alias/a'}")),
        ("key by a kms that is none", with_key("{kms: 'pkcs11:token=a'}")),
        ("key by a kms of another scheme", with_key("{kms: 'gitlab://a/b'}")),
        ("key by kms in the wrong form", with_key("{kms: 'gcpkms://projects/a'}")),
        ("empty kms", with_key("{kms: ''}")),
        ("empty key data", with_key("{data: ''}")),
        ("null key data", with_key("{data: }")),
        ("key data is no key", with_key("{data: c2VjcmV0}")),
        ("key data is a private key", with_key(&format!("{{data: {private}}}"))),
        ("key data is too long", with_key(&format!("{{data: {}}}", "a".repeat(crate::limits::PUBLIC_KEY_BYTES + 1)))),
        ("sha224", with_key(&format!("{{data: {key}, hashAlgorithm: SHA224}}"))),
        ("md5", with_key(&format!("{{data: {key}, hashAlgorithm: md5}}"))),
        ("unknown field of a key", with_key(&format!("{{data: {key}, hashAlgoritm: sha512}}"))),
        ("secret without a name", with_key("{secretRef: {}}")),
        ("secret with a bad name", with_key("{secretRef: {name: ../keys}}")),
        ("secret that is not there", with_key("{secretRef: {name: keys}}")),
        ("secret of another namespace", with_key("{secretRef: {name: keys, namespace: default}}")),
        ("empty attestations (T30c)", with_authority(&format!("{{key: {{data: {key}}}, attestations: []}}"))),
        ("null attestations", with_authority(&format!("{{key: {{data: {key}}}, attestations: }}"))),
        ("empty attestation", with_authority(&format!("{{key: {{data: {key}}}, attestations: [{{}}]}}"))),
        (
            "attestation of a misspelt type",
            with_authority(&format!("{{key: {{data: {key}}}, attestations: [{{name: a, predicateType: slsa}}]}}")),
        ),
        (
            "attestation of the type of signatures",
            with_authority(&format!(
                "{{key: {{data: {key}}}, attestations: [{{name: a, predicateType: 'https://sigstore.dev/cosign/sign/v1'}}]}}"
            )),
        ),
        (
            "attestation with a condition",
            with_authority(&format!(
                "{{key: {{data: {key}}}, attestations: [{{name: a, predicateType: custom, policy: {{type: cue, data: x}}}}]}}"
            )),
        ),
        ("unknown mode (T30c)", format!("{{{image}, {fail}, mode: audit}}")),
        ("mode is a boolean", format!("{{{image}, {fail}, mode: true}}")),
        ("match of no kind", format!("{{{image}, {fail}, match: [{{version: v1, resource: services}}]}}")),
        ("policy over all", format!("{{{image}, {fail}, policy: {{type: rego}}}}")),
        ("unknown field (T30c)", format!("{{{image}, {fail}, modes: warn}}")),
        ("unknown field with a bad name", format!("{{{image}, {fail}, \"a\\n`b\": 1}}")),
        ("many unknown fields", {
            let fields: Vec<_> = (0..12).map(|index| format!("x{index}: 1")).collect();
            format!("{{{image}, {fail}, {}}}", fields.join(", "))
        }),
        ("authority with a name of two lines", with_authority("{name: \"a\\nb\", static: {action: fail}}")),
        ("several", "{images: [{glob: ''}], authorities: [{static: {}}], mode: x, y: z}".into()),
    ];
    let mut report = String::new();
    for (name, spec) in &cases {
        let compiled = compiled(spec);
        assert!(is_invalid(&compiled), "{name}");
        assert!(compiled.problems.iter().all(|problem| problem.line == Some(5)), "{name}");
        let coverage = match &compiled.policy.coverage {
            Coverage::Everything => "everything",
            Coverage::Matching(_) => "its globs",
        };
        writeln!(report, "{name}: covers {coverage}\n{}", problems(&compiled)).unwrap();
        for group in GROUPS {
            let other = compile(&one(&text(group, spec)), &no_secrets());
            // What one group knows more is in the hints about what is not known.
            let told = |compiled: &Compiled| -> Vec<_> {
                let said = |problem: &Problem| problem.to_string().split("; known are").next().map(str::to_owned);
                compiled.problems.iter().map(|problem| (said(problem), problem.line)).collect()
            };
            assert_eq!(told(&other), told(&compiled), "{name} in {group}");
        }
    }
    insta::assert_snapshot!(report);
}

#[test]
fn what_a_policy_says_is_what_is_compiled() {
    let key = PublicKey::from_pem(KEY).unwrap();
    let compiled = compiled(&format!(
        "{{images: [{{glob: 'ghcr.io/a/**'}}, {{glob: 'quay.io/b/*'}}], mode: enforce, match: [], authorities: [\
         {{name: k, key: {{data: {}}}, signatureFormat: bundle}}, \
         {{key: {{data: {}, hashAlgorithm: ' SHA512 '}}, attestations: [{{name: p, predicateType: slsaprovenance1}}, \
         {{name: u, predicateType: 'https://example.com/x'}}]}}, \
         {{name: '', static: {{action: fail, message: \"not\\n  this \\e[1m one\\n\"}}}}]}}",
        quoted(KEY),
        quoted(KEY)
    ));
    assert_eq!(compiled.problems, []);
    assert_eq!(compiled.policy.name.to_string(), "p");
    assert_eq!(compiled.policy.name.group(), SIGSTORE_GROUP);
    assert_eq!(compiled.policy.mode, Mode::Enforce);
    for (repository, covered) in [("ghcr.io/a/b/c", true), ("quay.io/b/c", true), ("quay.io/b/c/d", false)] {
        assert_eq!(compiled.policy.covers(&repository.parse().unwrap()), covered, "{repository}");
    }
    let PolicyBody::Compiled(authorities) = &compiled.policy.body else { panic!("{:?}", compiled.policy.body) };
    let names: Vec<_> = authorities.iter().map(|authority| authority.name.as_str()).collect();
    assert_eq!(names, ["k", "authority-1", "authority-2"]);
    let rules: Vec<_> = authorities.iter().map(|authority| &authority.rule).collect();
    let [Rule::Signed { signers }, Rule::Attested { signers: attesting, attestations }, Rule::Fail { message }] =
        rules[..]
    else {
        panic!("{rules:?}")
    };
    assert_eq!(*signers, by_key(&key, HashAlgorithm::Sha256));
    assert_eq!(*attesting, by_key(&key, HashAlgorithm::Sha512));
    let types: Vec<_> = attestations.iter().map(|wanted| wanted.predicate_type.as_str()).collect();
    assert_eq!(types, ["https://slsa.dev/provenance/v1", "https://example.com/x"]);
    assert_eq!(message, "not this [1m one");
}

#[test]
fn both_groups_say_the_same() {
    let spec = with_key(&format!("{{data: {}}}", quoted(KEY)));
    let bodies = GROUPS.map(|group| compile(&one(&text(group, &spec)), &no_secrets()).policy.body);
    assert!(matches!(bodies[0], PolicyBody::Compiled(_)));
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0], bodies[2]);
    // But for globs that name a tag: they are dead in one group and refused in the other.
    let spec = "{images: [{glob: 'ghcr.io/a/b:v1'}], authorities: [{static: {action: fail}}]}";
    assert!(!is_invalid(&compile(&one(&text(GROUPS[0], spec)), &no_secrets())));
    let refused = compile(&one(&text(GROUPS[2], spec)), &no_secrets());
    assert!(is_invalid(&refused));
    assert_eq!(refused.policy.coverage, Coverage::Everything);
}

#[test]
fn json_says_what_yaml_says() {
    let yaml = text(GROUPS[0], &with_key(&format!("{{data: {}, hashAlgorithm: sha384}}", quoted(KEY))));
    let json = format!(
        r#"{{"spec": {{"authorities": [{{"key": {{"hashAlgorithm": "sha384", "data": {}}}}}],
             "images": [{{"glob": "ghcr.io/a/**"}}]}},
            "apiVersion": "{}", "kind": "ClusterImagePolicy", "metadata": {{"name": "p", "uid": "1"}}, "status": {{}}}}"#,
        quoted(KEY),
        GROUPS[0]
    );
    let [yaml, json] = [one(&yaml), one(&json)];
    let resolved = no_secrets();
    assert_eq!(compile(&yaml, &resolved).policy, compile(&json, &resolved).policy);
    assert!(!is_invalid(&compile(&json, &resolved)));
    assert_eq!(revision([&yaml], &resolved, NoMatch::Deny), revision([&json], &resolved, NoMatch::Deny));
    assert_eq!(yaml.line(), Some(1));
    assert_eq!(json.line(), None);
}

#[test]
fn a_secret_holds_one_public_key() {
    let spec = with_key("{secretRef: {name: keys}}");
    let document = one(&text(GROUPS[0], &spec));
    assert_eq!(references(&document), [Reference::Secret { namespace: None, name: "keys".into() }]);
    let compiled = compile(&document, &with_secret(secret(&[("cosign.pub", KEY)])));
    assert_eq!(compiled.problems, []);
    let Rule::Signed { signers } = the_rule(&compiled) else { panic!("{compiled:?}") };
    assert_eq!(signers, by_key(&PublicKey::from_pem(KEY).unwrap(), HashAlgorithm::Sha256));

    let own = with_key(&format!("{{secretRef: {{name: keys, namespace: {STANDALONE_NAMESPACE}}}}}"));
    let compiled = compile(&one(&text(GROUPS[0], &own)), &with_secret(secret(&[("cosign.pub", KEY)])));
    assert_eq!(compiled.problems, []);
    let own = with_key("{secretRef: {name: keys, namespace: ''}}");
    let compiled = compile(&one(&text(GROUPS[0], &own)), &with_secret(secret(&[("cosign.pub", KEY)])));
    assert_eq!(compiled.problems, []);

    let bad = [
        secret(&[]),
        secret(&[("cosign.key", "private"), ("cosign.pub", KEY)]),
        secret(&[("cosign.pub", "hunter2")]),
        secret(&[(
            "cosign.pub",
            "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
        )]),
    ];
    let mut report = String::new();
    for secret in bad {
        let compiled = compile(&document, &with_secret(secret));
        assert!(is_invalid(&compiled));
        assert!(compiled.problems.iter().all(|problem| problem.unresolved.is_none()));
        report.push_str(&problems(&compiled));
    }
    insta::assert_snapshot!(report);
    // One entry with more in it than the key.
    for (more, expected) in [
        (
            "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
            "holds a private key beside the public one",
        ),
        (OTHER_KEY, "holds several keys, of which only the first counts"),
    ] {
        let compiled = compile(&document, &with_secret(secret(&[("cosign.pub", &format!("{KEY}{more}"))])));
        assert_eq!(compiled.problems, []);
        let [warning] = &compiled.warnings[..] else { panic!("{:?}", compiled.warnings) };
        let said = warning.to_string();
        assert!(
            said.starts_with("spec.authorities[0].key.secretRef: the Secret `keys`") && said.contains(expected),
            "{said}"
        );
    }
    let missing = compile(&document, &no_secrets());
    assert!(is_invalid(&missing));
    assert_eq!(missing.problems[0].unresolved.as_ref(), references(&document).first());
}

#[test]
fn a_key_management_service_holds_a_key() {
    let spec = with_key("{kms: 'hashivault://cosign', hashAlgorithm: sha512}");
    let key: KmsKey = "hashivault://cosign".parse().unwrap();
    for group in GROUPS {
        let document = one(&text(group, &spec));
        assert_eq!(references(&document), [Reference::Kms(Box::new(key.clone()))]);
        let with = |state: Option<KeyState>| {
            let mut resolved = no_secrets();
            resolved
                .add_key("hashivault://other".parse().unwrap(), KeyState::Usable(PublicKey::from_pem(KEY).unwrap()));
            if let Some(state) = state {
                resolved.add_key(key.clone(), state);
            }
            resolved
        };
        let usable = |pem| Some(KeyState::Usable(PublicKey::from_pem(pem).unwrap()));
        let compiled = compile(&document, &with(usable(KEY)));
        assert_eq!(compiled.problems, []);
        let Rule::Signed { signers } = the_rule(&compiled) else { panic!("{compiled:?}") };
        assert_eq!(signers, by_key(&PublicKey::from_pem(KEY).unwrap(), HashAlgorithm::Sha512));

        let unusable = Some(KeyState::Unusable("Vault refuses (permission denied)".to_owned()));
        let broken = compile(&document, &with(unusable.clone()));
        assert!(is_invalid(&broken));
        let message = "the key `hashivault://cosign` cannot be had: Vault refuses (permission denied)";
        assert_eq!(broken.problems[0].field.message, message);
        assert_eq!(broken.problems[0].unresolved, None);
        let unasked = compile(&document, &with(None));
        assert!(is_invalid(&unasked));
        assert_eq!(unasked.problems[0].unresolved.as_ref(), references(&document).first());

        let mut revisions: Vec<_> = [usable(KEY), usable(OTHER_KEY), unusable, None]
            .map(|state| revision([&document], &with(state), NoMatch::Deny))
            .into_iter()
            .map(|revision| revision.to_string())
            .collect();
        revisions.sort();
        revisions.dedup();
        assert_eq!(revisions.len(), 4, "each is another generation");
    }
}

#[test]
fn secrets_are_read_as_the_api_server_reads_them() {
    use base64::Engine;
    let data = base64::engine::general_purpose::STANDARD.encode(KEY);
    let text = format!(
        "apiVersion: v1\nkind: Secret\ntype: Opaque\nmetadata: {{name: keys, labels: , creationTimestamp: null}}\n\
         data: {{cosign.pub: {data}}}\nstringData: {{cosign.pub: {}}}\n",
        quoted(OTHER_KEY)
    );
    let documents = parse(&text).unwrap();
    let [Document::Secret(secret)] = &documents[..] else { panic!("{documents:?}") };
    assert_eq!(secret.problems(), []);
    assert!(!format!("{secret:?}").contains("BEGIN"));
    let compiled =
        compile(&one(&self::text(GROUPS[0], &with_key("{secretRef: {name: keys}}"))), &with_secret(secret.clone()));
    let Rule::Signed { signers } = the_rule(&compiled) else { panic!("{compiled:?}") };
    assert_eq!(signers, by_key(&PublicKey::from_pem(OTHER_KEY).unwrap(), HashAlgorithm::Sha256));
}

#[test]
fn a_secret_that_cannot_be_read_breaks_its_policy() {
    for body in ["data: {cosign.pub: '***'}", "data: {cosign.pub: 1}", "stringdata: {cosign.pub: x}", "data: []"] {
        let documents = parse(&format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\n{body}\n")).unwrap();
        let [Document::Secret(secret)] = &documents[..] else { panic!("{documents:?}") };
        assert_eq!(secret.problems().len(), 1, "{body}");
        let compiled =
            compile(&one(&text(GROUPS[0], &with_key("{secretRef: {name: keys}}"))), &with_secret(secret.clone()));
        assert!(is_invalid(&compiled), "{body}");
        assert!(!problems(&compiled).contains("***"), "{body}");
    }
}

#[test]
fn a_broken_document_never_vanishes() {
    let rest = "metadata: {name: p}\nspec: {images: [{glob: ghcr.io/a/**}], authorities: [{static: {action: pass}}], mode: warn}\n";
    // (the head, whether it still says which images)
    let broken = [
        ("apiVersion: policy.sigstore.dev/v1\nkind: ClusterImagePolicy\n", "apiVersion"),
        ("apiVersion: policy.sigstore.de/v1beta1\nkind: ClusterImagePolicy\n", "apiVersion"),
        ("apiVersion: countersign.dev/v1beta1\nkind: ClusterImagePolicy\n", "apiVersion"),
        ("apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolcy\n", "kind"),
        ("apiVersion: policy.sigstore.dev/v1beta1\nkind: ImagePolicy\n", "kind"),
        ("apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nspecs: {}\n", "specs"),
    ];
    for (head, path) in broken {
        let compiled = compile(&one(&format!("{head}{rest}")), &no_secrets());
        assert!(is_invalid(&compiled), "{head}");
        assert_eq!(compiled.problems[0].field.path, path);
        assert_eq!(compiled.policy.mode, Mode::Warn, "a mode that can be read counts");
        assert!(compiled.policy.covers(&"ghcr.io/a/b".parse().unwrap()));
        assert!(!compiled.policy.covers(&"ghcr.io/b".parse().unwrap()));
    }
    let nameless = "kind: ClusterImagePolicy\napiVersion: policy.sigstore.dev/v1beta1\n";
    for metadata in
        ["", "metadata: {}\n", "metadata: {name: }\n", "metadata: {name: A B}\n", "metadata: {generateName: p-}\n"]
    {
        let text = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: n}}\n---\n{nameless}{metadata}");
        let documents = parse(&text).unwrap();
        let Some(Document::ClusterImagePolicy(document)) = documents.last() else { panic!("{documents:?}") };
        let compiled = compile(document, &no_secrets());
        assert_eq!(compiled.policy.name.to_string(), "document-1");
        assert!(!document.is_named());
        assert!(is_invalid(&compiled));
        assert_eq!(compiled.policy.coverage, Coverage::Everything);
    }
}

#[test]
fn texts_that_are_no_documents_are_refused() {
    let deep = format!("apiVersion: v1\nkind: Secret\ndata: {}{}\n", "[".repeat(100), "]".repeat(100));
    let deep_block =
        (0..100).fold(String::from("apiVersion: v1\n"), |text, depth| format!("{text}{}a:\n", " ".repeat(depth)));
    let laughs = (1..9).fold(String::from("a0: &a0 [lol, lol]\n"), |text, level| {
        let last = level - 1;
        let list = vec![format!("*a{last}"); 9].join(", ");
        format!("{text}a{level}: &a{level} [{list}]\n")
    });
    let deep_json = format!("{}{}", r#"{"a":"#.repeat(200), "}".repeat(200));
    let cases = [
        ("a text", "hello"),
        ("a list", "- a\n- b\n"),
        ("no kind", "apiVersion: v1\nmetadata: {name: x}\n"),
        ("no apiVersion", "kind: Secret\n"),
        ("an empty kind", "apiVersion: v1\nkind: ''\n"),
        ("a second document that is none", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\nx\n"),
        ("a tab", "apiVersion: v1\n\tkind: Secret\n"),
        ("an open bracket", "apiVersion: v1\nkind: [\n"),
        ("a duplicate key", "apiVersion: v1\nkind: Secret\nkind: Namespace\n"),
        ("a duplicate key deep inside", "apiVersion: v1\nkind: Secret\nspec:\n  a: {b: 1, b: 2}\n"),
        ("an unknown alias", "apiVersion: v1\nkind: *k\n"),
        ("an unknown tag", "apiVersion: v1\nkind: !!python/object Secret\n"),
        ("infinity", "apiVersion: v1\nkind: Secret\nx: .inf\n"),
        ("too deep", &deep),
        ("too deep by indentation", &deep_block),
        ("a billion laughs", &laughs),
        ("a duplicate key in JSON", r#"{"apiVersion": "v1", "kind": "Secret", "kind": "Namespace"}"#),
        ("an escaped duplicate key in JSON", r#"{"apiVersion": "v1", "kind": "Secret", "k\u0069nd": "Namespace"}"#),
        ("JSON that ends early", r#"{"apiVersion": "v1""#),
        ("JSON too deep", &deep_json),
        ("something behind JSON", r#"{"apiVersion": "v1", "kind": "Namespace"} x"#),
    ];
    let mut report = String::new();
    for (name, text) in cases {
        let error = parse(text).expect_err(name);
        let message = error.to_string();
        assert!(!message.contains('\n'), "{name}: {message}");
        writeln!(report, "{name}: {message}").unwrap();
    }
    insta::assert_snapshot!(report);
    let large = format!("apiVersion: v1\nkind: {}\n", "a".repeat(crate::limits::POLICY_FILE_BYTES));
    assert_eq!(parse(&large).unwrap_err().message(), "has more than 4194304 bytes");
}

#[test]
fn a_few_aliases_are_fine() {
    let text = format!(
        "apiVersion: {}\nkind: ClusterImagePolicy\nmetadata: {{name: p}}\nspec:\n  images: [{{glob: '**'}}]\n  \
         authorities:\n  - &k\n    key: {{data: {}}}\n  - <<: *k\n    attestations: [{{name: a, predicateType: vuln}}]\n",
        GROUPS[0],
        quoted(KEY)
    );
    let compiled = compile(&one(&text), &no_secrets());
    assert_eq!(compiled.problems, []);
    assert_eq!(compiled.policy.authorities().count(), 2);
}

#[test]
fn every_document_of_a_text_is_read() {
    let text = "---\n# a comment\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {x: 'y'}}\n---\n\
                apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b}\n  \
                data: {k: v}\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: c}\n---\n\
                {apiVersion: policy.sigstore.dev/v1alpha1, kind: TrustRoot, metadata: {name: d}}\n...\n";
    let documents = parse(text).unwrap();
    let [
        Document::Namespace(namespace),
        Document::ConfigMap(config_map),
        Document::Other(deployment),
        Document::TrustRoot(trust_root),
    ] = &documents[..]
    else {
        panic!("{documents:?}")
    };
    assert_eq!(namespace.labels().get("x").map(String::as_str), Some("y"));
    assert_eq!(config_map.data().get("k").map(String::as_str), Some("v"));
    assert_eq!((deployment.kind.as_str(), deployment.name.as_str(), deployment.line), ("Deployment", "c", Some(15)));
    assert_eq!((trust_root.name(), trust_root.problems().len()), ("d", 1));
    let json = r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}
                  {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}}"#;
    assert_eq!(parse(json).unwrap().len(), 2);
    assert_eq!(parse("").unwrap().len(), 0);
}

#[test]
fn yes_is_a_text() {
    let documents = parse("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {x: yes, y: on}}\n").unwrap();
    assert_eq!(documents[0].problems(), []);
}

#[test]
fn problems_stand_on_their_lines() {
    let text = "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata:\n  name: p\nspec:\n  \
                images:\n  - glob: ghcr.io/a\n    tag: v1\n  authorities:\n  - name: a\n    static:\n      action: maybe\n";
    let compiled = compile(&one(text), &no_secrets());
    let lines: Vec<_> = compiled.problems.iter().map(|problem| (problem.field.path.as_str(), problem.line)).collect();
    assert_eq!(lines, [("spec.images[0].tag", Some(8)), ("spec.authorities[0].static.action", Some(12))]);
}

#[test]
fn what_is_odd_is_said() {
    let images = |glob: &str| format!("{{images: [{{glob: '{glob}'}}], authorities: [{{static: {{action: fail}}}}]}}");
    let cases = [
        images("ghcr.io/a/**"),
        images("ghcr.io/a/b@*"),
        images("ghcr.io/a/app-*"),
        images("127.0.0.1:*/**"),
        images("**"),
        images("ghcr.io/a/b:v1"),
        images("nginx"),
        images("ghcr.io/a/b@sha256:00"),
        images("ghcr.io/a/b"),
        images("ghcr.io/a/b*"),
        images("ghcr.io**"),
        images("localhost:5000*/a/**"),
        images("docker.io/**"),
        images("*.acme.io/**"),
        images("*acme.io/**"),
        images("ghcr.io/acme*/**"),
        images("ghcr.io/*/app"),
        with_authority("{static: {action: pass}}"),
        with_authority("{static: {action: fail}, signatureFormat: Bundle}"),
        "{images: [{glob: '**'}], mode: warn, authorities: [{static: {action: fail}}]}".to_owned(),
        with_authority(&format!(
            "{{key: {{data: {}}}, attestations: [{{name: a, predicateType: vuln}}]}}",
            quoted(&format!("{KEY}{OTHER_KEY}"))
        )),
        "{images: [{glob: '**'}], authorities: [{name: a, static: {action: fail}}, {name: a, static: {action: fail}}]}"
            .to_owned(),
    ];
    let mut report = String::new();
    for spec in cases {
        let compiled = compiled(&spec);
        assert_eq!(compiled.problems, [], "{spec}");
        writeln!(report, "{}", spec.chars().take(100).collect::<String>()).unwrap();
        for warning in &compiled.warnings {
            writeln!(report, "  {warning}").unwrap();
        }
    }
    insta::assert_snapshot!(report);
}

/// policy-controller takes any other word for `legacy`; a new policy is not to be misspelt.
#[test]
fn a_format_is_a_hint() {
    for (format, is_known) in [("", true), ("legacy", true), ("bundle", true), ("Bundle", false), ("cosign", false)] {
        let spec = with_authority(&format!("{{static: {{action: fail}}, signatureFormat: '{format}'}}"));
        for group in GROUPS {
            let compiled = compile(&one(&text(group, &spec)), &no_secrets());
            let is_refused = !is_known && group == GROUPS[2];
            assert_eq!(is_invalid(&compiled), is_refused, "{group} {format}: {}", problems(&compiled));
            assert_eq!(compiled.warnings.is_empty(), is_known || is_refused, "{group} {format}");
        }
    }
}

#[test]
fn a_revision_names_what_is_said_and_not_how() {
    let spec = with_key("{secretRef: {name: keys}}");
    let document = one(&text(GROUPS[0], &spec));
    let of = |document: &PolicyDocument, resolved: &Resolved, no_match| revision([document], resolved, no_match);
    let resolved = with_secret(secret(&[("cosign.pub", KEY)]));
    let known = of(&document, &resolved, NoMatch::Deny);

    let again = format!(
        "# another layout\n{}status: {{x: 1}}\n",
        text(GROUPS[0], &spec).replace("  name: p", "  {uid: '1', name: p}")
    );
    assert_eq!(of(&one(&again), &resolved, NoMatch::Deny), known);
    let different = [
        of(&document, &resolved, NoMatch::Warn),
        of(&document, &no_secrets(), NoMatch::Deny),
        of(&document, &with_secret(secret(&[("cosign.pub", OTHER_KEY)])), NoMatch::Deny),
        of(&document, &with_secret(secret(&[("other.pub", KEY)])), NoMatch::Deny),
        of(&one(&text(GROUPS[2], &spec)), &resolved, NoMatch::Deny),
        of(&one(&text(GROUPS[0], &with_key("{secretRef: {name: other}}"))), &resolved, NoMatch::Deny),
        of(&one(&text(GROUPS[0], &spec).replace("name: p", "name: q")), &resolved, NoMatch::Deny),
    ];
    for (index, revision) in different.into_iter().enumerate() {
        assert_ne!(revision, known, "{index}");
    }
    let other = one(&text(GROUPS[0], &spec).replace("name: p", "name: q"));
    assert_eq!(
        revision([&document, &other], &resolved, NoMatch::Deny),
        revision([&other, &document], &resolved, NoMatch::Deny)
    );
}

#[test]
fn an_authority_that_is_never_needed_is_said() {
    let key = |name: &str, file: &str, more: &str| {
        let pem: String = file.lines().map(|line| format!("      {line}\n")).collect();
        format!("  - name: {name}\n    key:\n     data: |\n{pem}{more}")
    };
    let (ours, other) =
        (include_str!("../../tests/data/cosign/cosign.pub"), include_str!("../../tests/data/cosign/other.pub"));
    let workflow = |name: &str, subject: &str| {
        format!("  - name: {name}\n    keyless: {{identities: [{{issuer: 'https://i', {subject}}}]}}\n")
    };
    let sbom = "    attestations: [{name: s, predicateType: spdxjson}]\n";
    let both = "    attestations: [{name: s, predicateType: spdxjson}, {name: p, predicateType: slsaprovenance1}]\n";
    let late = "    validUntil: 2030-01-01\n    ctlog: {url: https://rekor.sigstore.dev}\n";
    let pass = "  - name: pass\n    static: {action: pass}\n";
    for (authorities, expected) in [
        (vec![key("a", ours, ""), key("b", other, "")], vec![]),
        (
            vec![key("a", ours, ""), key("b", ours, "")],
            vec!["`b` is never needed: whatever satisfies it satisfies `a` as well"],
        ),
        (vec![key("a", ours, ""), key("b", ours, sbom)], vec![]),
        (
            vec![key("a", ours, both), key("b", ours, sbom)],
            vec!["`a` is never needed: whatever satisfies it satisfies `b` as well"],
        ),
        (vec![key("a", ours, both), key("b", other, sbom)], vec![]),
        (vec![key("a", ours, ""), key("b", ours, late)], vec![]),
        (
            vec![workflow("a", "subject: s"), workflow("b", "subjectRegExp: '^(s|t)$'")],
            vec!["`a` is never needed: whatever satisfies it satisfies `b` as well"],
        ),
        (vec![workflow("a", "subject: u"), workflow("b", "subjectRegExp: '^(s|t)$'")], vec![]),
        (
            vec![key("a", ours, ""), pass.to_owned()],
            vec!["`a` is never needed: whatever satisfies it satisfies `pass` as well"],
        ),
    ] {
        let text = format!(
            "apiVersion: countersign.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {{name: p}}\nspec:\n  images: [{{glob: 'ghcr.io/a/**'}}]\n  authorities:\n{}",
            authorities.concat()
        );
        let documents = parse(&text).unwrap();
        let [Document::ClusterImagePolicy(policy)] = &documents[..] else { panic!("{text}") };
        let compiled = compile(policy, &Resolved::new("own"));
        assert_eq!(compiled.problems, [], "{text}");
        let said = compiled.warnings.iter().filter(|warning| warning.field.message.contains("never needed"));
        let said: Vec<_> = said.map(|warning| warning.field.message.as_str()).collect();
        assert_eq!(said, expected, "{text}");
        if !expected.is_empty() {
            let several = text.replacen("spec:\n", "spec:\n  threshold: 2\n", 1);
            let documents = parse(&several).unwrap();
            let [Document::ClusterImagePolicy(policy)] = &documents[..] else { panic!("{several}") };
            let warnings = compile(policy, &Resolved::new("own")).warnings;
            assert!(!warnings.iter().any(|warning| warning.field.message.contains("never needed")), "{several}");
        }
    }
}
