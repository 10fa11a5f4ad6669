use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::limits;

fn public_good() -> Value {
    serde_json::from_str(BuiltInRoot::PublicGood.json()).unwrap()
}

fn parse(root: &Value) -> Result<TrustedRoot, ParseRootError> {
    TrustedRoot::parse(root.to_string())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_built_in_roots_are_whole() {
    let root = TrustedRoot::built_in(BuiltInRoot::PublicGood).unwrap();
    assert!(root.has_transparency_logs() && root.has_ct_logs() && root.has_timestamp_authorities());
    assert!(root.has_rekor_v2_logs() && root.expires().is_none());
    let current = &root.certificate_authorities()[1];
    assert_eq!(current.anchor().subject(), "CN=sigstore,O=sigstore.dev");
    let intermediates: Vec<_> = current.intermediates().iter().map(RootCertificate::subject).collect();
    assert_eq!(intermediates, ["CN=sigstore-intermediate,O=sigstore.dev"]);
    assert!(root.timestamp_authorities()[0].signer().is_some());

    let github = TrustedRoot::built_in(BuiltInRoot::GitHub).unwrap();
    assert!(!github.has_transparency_logs() && !github.has_ct_logs() && github.has_timestamp_authorities());
    assert_ne!(root.fingerprint(), github.fingerprint());
}

/// T57: a window is kept as it is written.
#[test]
fn windows_are_kept() {
    let root = TrustedRoot::public_good().unwrap();
    let old = root.certificate_authorities()[0].window();
    assert!(old.contains(at("2022-12-31T23:59:59Z")) && !old.contains(at("2023-01-01T00:00:00Z")));
    let log = root.transparency_logs()[1].window();
    assert_eq!(log.to_string(), "since 2025-09-23T00:00:00Z");
}

#[test]
fn what_cannot_be_believed_is_refused() {
    type Change = fn(&mut Value);
    let cases: &[(Change, &str)] = &[
        (|root| root["mediaType"] = json!("text/plain"), "the media type `text/plain` is not that of a trusted root"),
        (|root| root["tlogs"][0]["logId"]["keyId"] = json!("AQID"), "`tlogs[0]`: the log ID has 3 bytes, not 32"),
        (|root| root["tlogs"][0]["publicKey"]["rawBytes"] = json!("AQID"), "`tlogs[0]`: the public key cannot be read"),
        (
            |root| root["tlogs"][1]["logId"] = root["tlogs"][0]["logId"].clone(),
            "`tlogs[1]`: another entry has the same log ID",
        ),
        (
            |root| {
                let mut copy = root["ctlogs"][0].clone();
                copy["publicKey"]["validFor"]["end"] = Value::Null;
                root["ctlogs"][1] = copy;
            },
            "`ctlogs[1]`: another entry has the same log ID",
        ),
        (
            |root| root["tlogs"][0]["publicKey"]["validFor"]["end"] = json!("2020-01-01T00:00:00Z"),
            "`tlogs[0]`: the validity ends before it starts",
        ),
        (
            |root| root["certificateAuthorities"][0]["certChain"]["certificates"] = json!([]),
            "`certificateAuthorities[0]`: the chain has no certificate",
        ),
        (
            |root| root["certificateAuthorities"][1]["certChain"]["certificates"][0]["rawBytes"] = json!("MAA="),
            "`certificateAuthorities[1]`: certificate 0 of the chain cannot be read",
        ),
        (
            |root| {
                let chain = root["certificateAuthorities"][1]["certChain"]["certificates"].as_array_mut().unwrap();
                chain.reverse();
            },
            "`certificateAuthorities[1]`: certificate 0 of the chain is not issued by the next one; the root comes last",
        ),
        (
            |root| {
                root["certificateAuthorities"][0]["certChain"] = root["timestampAuthorities"][0]["certChain"].clone();
            },
            "`certificateAuthorities[0]`: certificate 0 of the chain is not that of an authority",
        ),
        (
            |root| {
                for list in ["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"] {
                    root[list] = json!([]);
                }
            },
            "there is nothing to believe in it",
        ),
        (|root| root["tlogs"] = json!({}), "it is no `trusted_root.json`: "),
        // T64, for roots.
        (
            |root| root["tlogs"] = json!(vec![root["tlogs"][0].clone(); limits::TRUSTED_ROOT_ENTRIES + 1]),
            "more than 64 transparency logs",
        ),
        // T65, for roots.
        (
            |root| {
                let certificate = root["certificateAuthorities"][1]["certChain"]["certificates"][1].clone();
                root["certificateAuthorities"][1]["certChain"]["certificates"] =
                    json!(vec![certificate; limits::CHAIN_CERTIFICATES + 1]);
            },
            "`certificateAuthorities[1]`: more than 10 certificates of a chain",
        ),
    ];
    assert!(parse(&public_good()).is_ok());
    for (change, expected) in cases {
        let mut root = public_good();
        change(&mut root);
        let message = parse(&root).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}\n{expected}");
    }
    for bytes in [&b""[..], b"{", b"[]", b"\xff", b"{\"mediaType\":\"x\",\"mediaType\":\"y\"}"] {
        assert!(matches!(TrustedRoot::parse(bytes).unwrap_err().fault(), RootFault::Json(_)), "{bytes:?}");
    }
    let large = format!("{}{}", BuiltInRoot::PublicGood.json(), " ".repeat(limits::TRUSTED_ROOT_BYTES));
    assert!(matches!(TrustedRoot::parse(large).unwrap_err().fault(), RootFault::TooMuch { .. }));
}

#[test]
fn a_log_of_any_known_algorithm_is_taken() {
    let key = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).unwrap();
    let key = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap();
    let key = STANDARD.encode(key.as_ref());
    let mut root = public_good();
    root["tlogs"][0]["publicKey"]["rawBytes"] = json!(key);
    let root = parse(&root).unwrap();
    assert_eq!(root.transparency_logs().len(), 2);
    assert_eq!(root.summary().transparency_logs[0].algorithm, Some("ECDSA P-521"));
}

#[test]
fn an_entry_that_is_there_twice_counts_once() {
    let mut root = public_good();
    let log = root["tlogs"][0].clone();
    root["tlogs"].as_array_mut().unwrap().push(log);
    let twice = parse(&root).unwrap();
    assert_eq!(twice.transparency_logs().len(), 2);
    assert_eq!(twice.fingerprint(), TrustedRoot::public_good().unwrap().fingerprint());
}

#[test]
fn the_fingerprint_follows_what_is_believed() {
    let good = TrustedRoot::public_good().unwrap();
    let same = good.clone().with_expiry(at("2030-01-01T00:00:00Z"));
    assert_eq!(good.fingerprint(), same.fingerprint());
    assert!(same.is_expired(at("2030-01-01T00:00:01Z")) && !same.is_expired(at("2030-01-01T00:00:00Z")));
    type Change = fn(&mut Value);
    let changes: [Change; 4] = [
        |root| root["tlogs"][0]["publicKey"]["validFor"]["end"] = json!("2040-01-01T00:00:00Z"),
        |root| root["ctlogs"] = json!([root["ctlogs"][1].clone()]),
        |root| root["tlogs"][1]["baseUrl"] = json!("https://other.example.com"),
        |root| root["timestampAuthorities"] = json!([]),
    ];
    let mut seen = std::collections::BTreeSet::from([good.fingerprint()]);
    for change in changes {
        let mut root = public_good();
        change(&mut root);
        assert!(seen.insert(parse(&root).unwrap().fingerprint()));
    }
}

/// The keys of the public-good instance, written out as a `TrustRoot` with `sigstoreKeys` does.
fn written_out() -> SigstoreKeys {
    let root = TrustedRoot::public_good().unwrap();
    let pem = |kind: &str, bytes: &[u8]| pem::encode(&pem::Pem::new(kind, bytes));
    let authority = |chain: Vec<&RootCertificate>, uri: &str| AuthorityKeys {
        chain: chain.iter().map(|certificate| pem("CERTIFICATE", certificate.der())).collect(),
        uri: uri.to_owned(),
        ..AuthorityKeys::default()
    };
    let log = |log: &RootLog| LogKeys { base_url: log.base_url().to_owned(), public_key: pem("PUBLIC KEY", log.key()) };
    SigstoreKeys {
        certificate_authorities: root
            .certificate_authorities()
            .iter()
            .map(|entry| authority(entry.chain().collect(), entry.uri()))
            .collect(),
        ct_logs: root.ct_logs().iter().map(log).collect(),
        timestamp_authorities: root
            .timestamp_authorities()
            .iter()
            .map(|entry| authority(entry.chain().collect(), entry.uri()))
            .collect(),
        transparency_logs: root.transparency_logs().iter().map(log).collect(),
    }
}

#[test]
fn keys_written_out_make_the_same_root_without_windows() {
    let built_in = TrustedRoot::public_good().unwrap();
    let root = TrustedRoot::of_keys(&written_out()).unwrap();
    let ids = |root: &TrustedRoot| {
        let logs = root.transparency_logs().iter().chain(root.ct_logs());
        logs.map(|log| *log.id()).collect::<Vec<_>>()
    };
    // Also the ID of the Rekor v2 log, which is made of its host and key.
    assert_eq!(ids(&root), ids(&built_in));
    assert_eq!(root.certificate_authorities().len(), 2);
    assert_eq!(root.certificate_authorities()[1].intermediates().len(), 1);
    assert!(root.transparency_logs().iter().all(|log| log.window() == Window::ALWAYS));
    assert!(root.certificate_authorities().iter().all(|authority| authority.window() == Window::ALWAYS));
}

#[test]
fn every_timestamp_authority_and_log_written_out_counts() {
    let mut keys = written_out();
    let github = TrustedRoot::built_in(BuiltInRoot::GitHub).unwrap();
    let chain: Vec<_> = github.timestamp_authorities()[0].chain().collect();
    keys.timestamp_authorities.push(AuthorityKeys {
        chain: chain
            .iter()
            .map(|certificate| pem::encode(&pem::Pem::new("CERTIFICATE", &certificate.der()[..])))
            .collect(),
        ..AuthorityKeys::default()
    });
    let root = TrustedRoot::of_keys(&keys).unwrap();
    assert_eq!(root.timestamp_authorities().len(), 2);
    assert!(root.timestamp_authorities().iter().all(|authority| authority.signer().is_some()));
}

#[test]
fn keys_that_cannot_be_believed_are_named() {
    type Change = fn(&mut SigstoreKeys);
    let cases: &[(Change, &str)] = &[
        (|keys| keys.transparency_logs[1].public_key.clear(), "`tlogs[1]`: it is no PEM with `PUBLIC KEY` blocks"),
        (
            |keys| keys.ct_logs[0].public_key = keys.certificate_authorities[0].chain.clone(),
            "`ctlogs[0]`: it is no PEM with `PUBLIC KEY` blocks",
        ),
        (
            |keys| {
                let key = keys.ct_logs[1].public_key.clone();
                keys.ct_logs[0].public_key.push_str(&key);
            },
            "`ctlogs[0]`: more than 1 public keys of a log",
        ),
        (
            |keys| keys.certificate_authorities[1].chain = keys.transparency_logs[0].public_key.clone(),
            "`certificateAuthorities[1]`: it is no PEM with `CERTIFICATE` blocks",
        ),
        (
            |keys| {
                let root = keys.timestamp_authorities[0].chain.clone();
                keys.certificate_authorities[1].chain.push_str(&root);
            },
            "`certificateAuthorities[1]`: certificate 1 of the chain is not issued by the next one; the root comes last",
        ),
        (|keys| *keys = SigstoreKeys::default(), "there is nothing to believe in it"),
    ];
    for (change, expected) in cases {
        let mut keys = written_out();
        change(&mut keys);
        let message = TrustedRoot::of_keys(&keys).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}\n{expected}");
    }
}
