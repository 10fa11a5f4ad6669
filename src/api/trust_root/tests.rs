use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::{Document, parse};
use super::*;
use crate::trust::{BuiltInRoot, TufPlace};

const SIGSTORE: &str = "policy.sigstore.dev/v1alpha1";
const COUNTERSIGN: &str = "countersign.dev/v1alpha1";

fn read(api_version: &str, spec: &str) -> TrustRootDocument {
    let text = format!("apiVersion: {api_version}\nkind: TrustRoot\nmetadata:\n  name: acme\nspec: {spec}\n");
    let mut documents = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    match (documents.pop(), documents.len()) {
        (Some(Document::TrustRoot(root)), 0) => *root,
        other => panic!("{other:?}"),
    }
}

fn problems(root: &TrustRootDocument) -> Vec<String> {
    root.problems().iter().map(ToString::to_string).collect()
}

fn good(api_version: &str, spec: &str) -> RootSource {
    let root = read(api_version, spec);
    assert_eq!(problems(&root), [""; 0], "{spec}");
    root.source().unwrap().clone()
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn bootstrap() -> String {
    STANDARD.encode(r#"{"signed":{"_type":"root"},"signatures":[{"keyid":"a","sig":"b"}]}"#)
}

/// Keys of the public-good instance, as PEM.
fn chain() -> String {
    let root = TrustedRoot::built_in(BuiltInRoot::PublicGood).unwrap();
    let authority = &root.certificate_authorities()[1];
    let certificates = authority.intermediates().iter().chain([authority.anchor()]);
    certificates.map(|certificate| pem::encode(&pem::Pem::new("CERTIFICATE", &certificate.der()[..]))).collect()
}

fn log_key() -> String {
    let root = TrustedRoot::built_in(BuiltInRoot::PublicGood).unwrap();
    pem::encode(&pem::Pem::new("PUBLIC KEY", root.transparency_logs()[0].key()))
}

#[test]
fn each_form_is_read_in_both_groups() {
    for group in [SIGSTORE, COUNTERSIGN] {
        let remote = format!("{{remote: {{root: {}, mirror: https://tuf.example.com}}}}", bootstrap());
        let RootSource::Tuf(source) = good(group, &remote) else { panic!() };
        assert!(matches!(&source.place, TufPlace::Mirror(mirror) if mirror.to_string() == "https://tuf.example.com/"));
        assert_eq!((source.targets.as_str(), source.target.as_str()), ("targets", "trusted_root.json"));

        let archive = STANDARD.encode([0x1f, 0x8b, 8, 0]);
        for archive in [archive.clone(), STANDARD.encode(&archive)] {
            let spec = format!(
                "{{repository: {{root: {}, mirrorFS: {archive}, targets: files, trustedRootTarget: a/b.json}}}}",
                bootstrap()
            );
            let RootSource::Tuf(source) = good(group, &spec) else { panic!() };
            assert!(matches!(&source.place, TufPlace::Archive(archive) if archive.0.len() == 4));
            assert_eq!((source.targets.as_str(), source.target.as_str()), ("files", "a/b.json"));
        }

        for (chain, key) in [(chain(), log_key()), (STANDARD.encode(chain()), STANDARD.encode(log_key()))] {
            let spec = format!(
                "{{sigstoreKeys: {{certificateAuthorities: [{{subject: {{organization: a, commonName: b}}, uri: 'https://f', \
                 certChain: {}}}], tLogs: [{{baseURL: 'https://r', hashAlgorithm: sha-256, publicKey: {}}}]}}}}",
                quoted(&chain),
                quoted(&key)
            );
            let RootSource::Given(root) = good(group, &spec) else { panic!() };
            assert!(root.has_transparency_logs() && !root.has_ct_logs());
            assert_eq!(root.certificate_authorities()[0].intermediates().len(), 1);
        }
    }
}

#[test]
fn a_trusted_root_is_given_or_referenced() {
    let json = trusted_root_json();
    let RootSource::Given(root) = good(COUNTERSIGN, &format!("{{trustedRoot: {{json: {}}}}}", quoted(&json))) else {
        panic!()
    };
    assert_eq!(root.fingerprint(), TrustedRoot::built_in(BuiltInRoot::PublicGood).unwrap().fingerprint());
    for (spec, kind, key, namespace) in [
        ("{trustedRoot: {configMapRef: {name: roots}}}", ObjectKind::ConfigMap, "trusted_root.json", None),
        ("{trustedRoot: {secretRef: {name: roots, key: x, namespace: a}}}", ObjectKind::Secret, "x", Some("a")),
    ] {
        let RootSource::Referenced(found) = good(COUNTERSIGN, spec) else { panic!() };
        let namespace = namespace.map(str::to_owned);
        assert_eq!(found, RootReference { key: key.to_owned(), kind, name: "roots".to_owned(), namespace });
    }
    let policy_controllers = read(SIGSTORE, "{trustedRoot: {configMapRef: {name: roots}}}");
    let expected = "spec: exactly one of `remote`, `repository` or `sigstoreKeys` is needed, 0 are there";
    assert_eq!(problems(&policy_controllers)[0], expected);
    assert!(policy_controllers.source().is_none());
}

/// A `trusted_root.json` with everything in it.
fn trusted_root_json() -> String {
    BuiltInRoot::PublicGood.json().to_owned()
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let root = bootstrap();
    let (chain, key) = (quoted(&chain()), quoted(&log_key()));
    let cases = [
        ("{}".to_owned(), "spec: exactly one of `remote`, `repository` or `sigstoreKeys` is needed, 0 are there"),
        (
            format!("{{remote: {{root: {root}, mirror: 'https://m'}}, sigstoreKeys: {{}}}}"),
            "spec: exactly one of `remote`, `repository` or `sigstoreKeys` is needed, 2 are there",
        ),
        (format!("{{remote: {{root: {root}}}}}"), "spec.remote.mirror: is missing"),
        ("{remote: {mirror: 'https://m'}}".to_owned(), "spec.remote.root: is missing"),
        ("{remote: {mirror: 'https://m', root: '{}'}}".to_owned(), "spec.remote.root: is no base64"),
        (
            "{remote: {mirror: 'https://m', root: e30=}}".to_owned(),
            "spec.remote.root: is no signed `root.json` of a TUF repository, in base64",
        ),
        (
            format!("{{remote: {{root: {root}, mirror: 'https://a:hunter2@m'}}}}"),
            "spec.remote.mirror: a mirror's URL has no user and no password",
        ),
        // T75.
        (
            format!("{{remote: {{root: {root}, mirror: 'https://m', trustedRootTarget: ../../x}}}}"),
            "spec.remote.trustedRootTarget: `../../x` is refused: the path leaves its folder",
        ),
        (
            format!("{{remote: {{root: {root}, mirror: 'https://m', targets: /etc}}}}"),
            "spec.remote.targets: `/etc` is refused: the path starts with a slash",
        ),
        (
            format!("{{repository: {{root: {root}, mirrorFS: e30=}}}}"),
            "spec.repository.mirrorFS: is no tar archive compressed by gzip, in base64",
        ),
        (format!("{{repository: {{root: {root}, mirrorFs: H4sI}}}}"), "spec.repository.mirrorFS: is missing"),
        (
            "{sigstoreKeys: {}}".to_owned(),
            "spec.sigstoreKeys: there is nothing to believe in it: no authority and no log",
        ),
        (
            format!("{{sigstoreKeys: {{certificateAuthorities: [{{certChain: {key}}}]}}}}"),
            "spec.sigstoreKeys.certificateAuthorities[0].certChain: it is no PEM with `CERTIFICATE` blocks",
        ),
        (
            format!("{{sigstoreKeys: {{tLogs: [{{publicKey: {key}}}, {{publicKey: {chain}}}]}}}}"),
            "spec.sigstoreKeys.tLogs[1].publicKey: it is no PEM with `PUBLIC KEY` blocks",
        ),
        (
            format!("{{sigstoreKeys: {{ctLogs: [{{publicKey: {key}, hashAlgorithm: sha-512}}]}}}}"),
            "spec.sigstoreKeys.ctLogs[0].hashAlgorithm: `sha-512` is not supported; logs hash by `sha-256`",
        ),
        (
            format!("{{sigstoreKeys: {{ctLogs: [{{publicKey: {key}, url: x}}]}}}}"),
            "spec.sigstoreKeys.ctLogs[0].url: `url` is not a known field; known are `baseURL`, `hashAlgorithm` and `publicKey`",
        ),
        (
            "{sigstoreKeys: {tLogs: [{publicKey: '%'}]}}".to_owned(),
            "spec.sigstoreKeys.tLogs[0].publicKey: is neither PEM nor PEM in base64",
        ),
    ];
    for (spec, expected) in cases {
        let root = read(SIGSTORE, &spec);
        assert_eq!(problems(&root)[0], expected, "{spec}");
        assert!(root.source().is_none(), "{spec}");
        assert!(!problems(&root).concat().contains("hunter2"), "{spec}");
    }
    for (spec, expected) in [
        (
            "{trustedRoot: {}}",
            "spec.trustedRoot: exactly one of `json`, `configMapRef` or `secretRef` is needed, 0 are there",
        ),
        ("{trustedRoot: {json: '{}'}}", "spec.trustedRoot.json: it is no `trusted_root.json`: "),
        ("{trustedRoot: {secretRef: {key: a}}}", "spec.trustedRoot.secretRef.name: is missing"),
    ] {
        let root = read(COUNTERSIGN, spec);
        assert!(problems(&root)[0].starts_with(expected), "{:?}", problems(&root));
    }
    let root = read("policy.sigstore.dev/v9", "{sigstoreKeys: {}}");
    assert!(problems(&root)[0].starts_with("apiVersion: `policy.sigstore.dev/v9` is not known; trust roots are"));
}

#[test]
fn a_sound_list_takes_every_entry() {
    let github = TrustedRoot::built_in(BuiltInRoot::GitHub).unwrap();
    let authorities: Vec<_> = github
        .timestamp_authorities()
        .iter()
        .map(|authority| {
            let chain = authority.signer().into_iter().chain(authority.intermediates()).chain([authority.anchor()]);
            let chain: String =
                chain.map(|certificate| pem::encode(&pem::Pem::new("CERTIFICATE", &certificate.der()[..]))).collect();
            format!("{{certChain: {}}}", quoted(&chain))
        })
        .collect();
    let spec = format!("{{sigstoreKeys: {{timestampAuthorities: [{}]}}}}", authorities.join(", "));
    let RootSource::Given(root) = good(SIGSTORE, &spec) else { panic!() };
    assert_eq!(root.timestamp_authorities().len(), github.timestamp_authorities().len());
}
