//! The fuzz targets of what stands behind signatures of logs: annotations and log entries, with a signature and a
//! certificate that hold, and a log that signs whatever it is given. So nothing stops the bytes before their parsers.

#![expect(unreachable_pub, reason = "the packages that include this file call them from outside")]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::evidence::{Answer, Artifact, Bundle, Descriptor, Evidence, Path, annotation, media_type};
use countersign::image::{Digest, ImageDigest};
use countersign::limits::Budget;
use countersign::signer::SigningKey;
use countersign::trust::{Anchor, AuthorityKeys, LogKeys, Proofs, SigstoreKeys, TrustedRoot};
use countersign::verify::{Fact, File, Signer, Subject, verify, verify_file};
use serde_json::{Value, json};

const PAYLOAD: &[u8] = include_bytes!("../data/certificates/payload.json");
const SIGNATURE: &str = include_str!("../data/certificates/signature.base64");
/// The signing certificate, and its authority.
const CHAIN: &str = include_str!("../data/certificates/sound.pem");
/// When the log says to have taken the signature: 2030-03-17.
const TIME: i64 = 1_900_000_000;
const LOG: &str = "log.example";

struct Log {
    key: SigningKey,
    anchor: Arc<Anchor>,
}

static ITS: LazyLock<Log> = LazyLock::new(|| {
    let key = SigningKey::generate().unwrap();
    let authority = AuthorityKeys { chain: certificates().1.to_owned(), ..AuthorityKeys::default() };
    let stamping = AuthorityKeys {
        chain: include_str!("../data/timestamps/authority.pem").to_owned(),
        ..AuthorityKeys::default()
    };
    let log = LogKeys { base_url: format!("https://{LOG}"), public_key: key.public_pem() };
    let keys = SigstoreKeys {
        certificate_authorities: vec![authority],
        timestamp_authorities: vec![stamping],
        transparency_logs: vec![log],
        ..SigstoreKeys::default()
    };
    let root = Arc::new(TrustedRoot::of_keys(&keys).unwrap());
    let proofs = Proofs::derived_from(&root);
    Log { key, anchor: Arc::new(Anchor::keyless(root, proofs)) }
});

impl Log {
    fn id(&self) -> Digest {
        Digest::of(self.key.public_key().spki_der())
    }

    fn sign(&self, message: &str) -> Vec<u8> {
        self.key.sign(message.as_bytes()).unwrap()
    }

    /// The promise of `body`.
    fn promise(&self, body: &[u8]) -> String {
        let body = STANDARD.encode(body);
        let id = self.id().hex();
        let signed = format!(r#"{{"body":"{body}","integratedTime":{TIME},"logID":"{id}","logIndex":7}}"#);
        STANDARD.encode(self.sign(&signed))
    }
}

/// The signing certificate, and what is above it.
fn certificates() -> (&'static str, &'static str) {
    CHAIN.split_at(CHAIN.rfind("-----BEGIN").unwrap())
}

/// The body of the entry that is about the signature.
pub fn good_body() -> Vec<u8> {
    let certificate = STANDARD.encode(certificates().0);
    json!({
        "apiVersion": "0.0.1", "kind": "hashedrekord",
        "spec": {
            "data": { "hash": { "algorithm": "sha256", "value": Digest::of(PAYLOAD).hex() } },
            "signature": { "content": SIGNATURE.trim(), "publicKey": { "content": certificate } },
        },
    })
    .to_string()
    .into_bytes()
}

/// The annotation with that entry.
pub fn good_annotation() -> Vec<u8> {
    annotation_with(&good_body()).into_bytes()
}

fn annotation_with(body: &[u8]) -> String {
    let payload = json!({
        "body": STANDARD.encode(body), "integratedTime": TIME, "logIndex": 7, "logID": ITS.id().hex(),
    });
    json!({ "SignedEntryTimestamp": ITS.promise(body), "Payload": payload }).to_string()
}

/// The same entry as bundles have it, alone in its tree.
pub fn good_entry() -> Vec<u8> {
    // Of two signatures over the same no two are alike.
    static ENTRY: LazyLock<Vec<u8>> = LazyLock::new(entry);
    ENTRY.clone()
}

fn entry() -> Vec<u8> {
    let body = good_body();
    let leaf = Digest::of(&[&[0], &body[..]].concat());
    let root = STANDARD.encode(leaf.as_bytes());
    let note = format!("{LOG} - 1\n1\n{root}\n");
    let line = STANDARD.encode([&ITS.id().as_bytes()[..4], &ITS.sign(&note)].concat());
    json!({
        "logIndex": "7",
        "logId": { "keyId": STANDARD.encode(ITS.id().as_bytes()) },
        "kindVersion": { "kind": "hashedrekord", "version": "0.0.1" },
        "integratedTime": TIME.to_string(),
        "inclusionPromise": { "signedEntryTimestamp": ITS.promise(&body) },
        "inclusionProof": {
            "logIndex": "0", "rootHash": root, "treeSize": "1", "hashes": [],
            "checkpoint": { "envelope": format!("{note}\n\u{2014} {LOG} {line}\n") },
        },
        "canonicalizedBody": STANDARD.encode(&body),
    })
    .to_string()
    .into_bytes()
}

/// The body of a log entry that its log has signed. What is not about this signature proves nothing.
pub fn logged_body(bytes: &[u8]) {
    let accepted = judge(annotation::REKOR_BUNDLE, &annotation_with(bytes));
    if let Some(fact) = &accepted {
        let body: Value = serde_json::from_slice(bytes).unwrap();
        assert!(["hashedrekord", "rekord"].contains(&body["kind"].as_str().unwrap()), "{body}");
        assert_eq!(body["spec"]["data"]["hash"]["value"], Digest::of(PAYLOAD).hex());
        assert_eq!(times(fact), [TIME]);
    }
    assert!(accepted.is_some() || bytes != good_body(), "the entry itself holds");
}

/// The annotation with a log entry. The log has promised one thing only.
pub fn logged_annotation(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Some(fact) = judge(annotation::REKOR_BUNDLE, text) {
        assert_eq!(times(&fact), [TIME]);
    }
}

/// One of the other annotations: which, says the first byte.
pub fn annotated(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    let names = [annotation::CERTIFICATE, annotation::CHAIN, annotation::TIMESTAMP];
    let (Some(name), Ok(text)) = (names.get(usize::from(*which) % names.len()), str::from_utf8(rest)) else { return };
    let Some(fact) = judge(name, text) else { return };
    assert_eq!(times(&fact), [TIME]);
    let Signer::Certificate(certificate) = fact.signer() else { panic!("a key") };
    assert_eq!(certificate.subjects().first().map(Subject::value), Some("https://ci.example.com/build"));
}

/// The log entry of a bundle.
pub fn logged_entry(bytes: &[u8]) {
    let Ok(entry) = serde_json::from_slice::<Value>(bytes) else { return };
    let leaf = pem_contents(certificates().0);
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": { "certificate": { "rawBytes": leaf }, "tlogEntries": [entry] },
        "messageSignature": { "signature": SIGNATURE.trim() },
    });
    let Ok(bundle) = Bundle::parse(bundle.to_string().as_bytes()) else { return };
    let file = File::of_bytes(PAYLOAD);
    match verify_file(&bundle, &file, &ITS.anchor, now(), &mut Budget::per_image()) {
        Ok(proof) => assert!(proof.times().iter().all(|time| time.time().as_second() == TIME)),
        Err(_) => assert!(bytes != good_entry(), "the entry itself holds"),
    }
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(TIME + 1).unwrap()
}

fn times(fact: &Fact) -> Vec<i64> {
    fact.times().iter().map(|time| time.time().as_second()).collect()
}

/// The base64 between the lines of a PEM block.
fn pem_contents(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

/// What becomes of a layer whose annotation `name` is `text`, where all other ones are good.
fn judge(name: &str, text: &str) -> Option<Fact> {
    let layer = Descriptor::of(media_type::SIMPLE_SIGNING, PAYLOAD)
        .with_annotation(annotation::SIGNATURE, SIGNATURE.trim())
        .with_annotation(annotation::CERTIFICATE, certificates().0)
        .with_annotation(annotation::REKOR_BUNDLE, annotation_with(&good_body()))
        .with_annotation(name, text);
    let artifact = Artifact::from_signature_layer(&layer, PAYLOAD);
    let answers = BTreeMap::from([(Path::SignatureTag, Answer::Answered(vec![artifact]))]);
    let subject = ImageDigest::new("registry.test/app".parse().unwrap(), Digest::of(b"image"));
    let evidence = Evidence::new(subject, answers);
    let facts = verify(&evidence, &[Arc::clone(&ITS.anchor)], now(), &mut Budget::per_image());
    for rejection in facts.rejections() {
        let message = rejection.error.to_string();
        assert!(!message.contains(char::is_control) && message.chars().count() < 400, "{message:?}");
    }
    facts.facts().first().cloned()
}
