//! Log entries beside a managed key: a virtual Rekor that signs what it is told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::artifacts::{CUSTOM, SIGN, SignatureParts, attestation_with, bundle, envelope, pae, referrer};
use super::artifacts::{signed_bundle, signed_envelope, simple_signing, statement};
use super::*;
use crate::evidence::annotation::REKOR_BUNDLE;
use crate::evidence::media_type::{BUNDLE_V01, IN_TOTO};
use crate::trust::{Believed, ProofRule, Proofs, TrustedRoot};

const TIME: i64 = 1_700_000_000;

/// A log with a key of its own, known to its root from one day before [`TIME`] to one day after.
struct Rekor {
    signer: Signer,
    id: Digest,
    root: Arc<TrustedRoot>,
}

impl Rekor {
    fn new() -> Self {
        let signer = Signer::p256();
        let key = signer.public_key();
        let id = key.fingerprint();
        let day = |offset: i64| Timestamp::from_second(TIME + offset * 86_400).unwrap().to_string();
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://rekor.test",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(key.spki_der()),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": {"start": day(-1), "end": day(1)},
                },
                "logId": {"keyId": STANDARD.encode(id.as_bytes())},
            }],
        });
        let root = TrustedRoot::parse(root.to_string()).unwrap();
        Self { signer, id, root: Arc::new(root) }
    }

    /// The same key, beside which this log is known.
    fn beside(&self, anchor: &Anchor) -> Arc<Anchor> {
        let Believed::Key { key, hash } = anchor.believed() else { panic!("a key") };
        let log_entry = ProofRule::optional(Arc::clone(&self.root));
        let proofs = Proofs { log_entry, ..Proofs::beside_key() };
        Arc::new(Anchor::key(key.clone(), *hash, proofs))
    }

    fn judge(&self, artifact: Artifact, anchor: &Anchor) -> Result<Fact, VerifyError> {
        self.judge_at(artifact, anchor, now())
    }

    fn judge_at(&self, artifact: Artifact, anchor: &Anchor, now: Timestamp) -> Result<Fact, VerifyError> {
        let evidence = evidence(vec![artifact]);
        let facts = verify(&evidence, &[self.beside(anchor)], now, &mut Budget::per_image());
        match (facts.facts(), facts.rejections()) {
            ([fact], []) => Ok(fact.clone()),
            ([], [rejection]) => Err(rejection.error.clone()),
            other => panic!("one artifact and one key: {other:?}"),
        }
    }

    /// What the log signs as its promise.
    fn promise(&self, body: &Value, time: i64, index: i64) -> Vec<u8> {
        let body = STANDARD.encode(body.to_string());
        let id = self.id.hex();
        self.signer.sign(
            format!(r#"{{"body":"{body}","integratedTime":{time},"logID":"{id}","logIndex":{index}}}"#).as_bytes(),
        )
    }

    /// cosign's annotation with an entry of `body`.
    fn annotation(&self, body: &Value) -> Value {
        self.annotation_at(body, TIME)
    }

    fn annotation_at(&self, body: &Value, time: i64) -> Value {
        json!({
            "SignedEntryTimestamp": STANDARD.encode(self.promise(body, time, 7)),
            "Payload": {
                "body": STANDARD.encode(body.to_string()),
                "integratedTime": time,
                "logIndex": 7,
                "logID": self.id.hex(),
            },
        })
    }

    /// The entry of a bundle, in a log that holds nothing else.
    fn entry(&self, body: &Value) -> Value {
        let text = body.to_string();
        // RFC 6962, 2.1: the hash of a tree of one leaf is that of the leaf.
        let root = STANDARD.encode(Digest::of(&[&[0], text.as_bytes()].concat()).as_bytes());
        // https://github.com/C2SP/C2SP/blob/main/tlog-checkpoint.md
        let note = format!("rekor.test - 1\n1\n{root}\n");
        let mut signature = self.id.as_bytes()[..4].to_vec();
        signature.extend(self.signer.sign(note.as_bytes()));
        let kind = body["kind"].clone();
        let version = body["apiVersion"].clone();
        json!({
            "logIndex": "7",
            "logId": {"keyId": STANDARD.encode(self.id.as_bytes())},
            "kindVersion": {"kind": kind, "version": version},
            "integratedTime": TIME.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": STANDARD.encode(self.promise(body, TIME, 7))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": root,
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": format!("{note}\n— rekor.test {}\n", STANDARD.encode(signature))},
            },
            "canonicalizedBody": STANDARD.encode(text),
        })
    }
}

fn pem(signer: &Signer) -> String {
    STANDARD.encode(pem::encode(&pem::Pem::new("PUBLIC KEY", signer.public_key().spki_der())))
}

/// The entry of a signature over `payload`.
fn hashedrekord(payload: &str, signature: &[u8], signer: &Signer) -> Value {
    json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": Digest::of(payload.as_bytes()).hex()}},
            "signature": {"content": STANDARD.encode(signature), "publicKey": {"content": pem(signer)}},
        },
    })
}

/// The entry of an envelope around `payload`.
fn dsse(payload: &str, signature: &[u8], signer: &Signer) -> Value {
    json!({
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": {"algorithm": "sha256", "value": Digest::of(b"not compared").hex()},
            "payloadHash": {"algorithm": "sha256", "value": Digest::of(payload.as_bytes()).hex()},
            "signatures": [{"signature": STANDARD.encode(signature), "verifier": pem(signer)}],
        },
    })
}

fn intoto_002(payload: &str, signature: &[u8], signer: &Signer) -> Value {
    json!({
        "apiVersion": "0.0.2",
        "kind": "intoto",
        "spec": {"content": {
            "envelope": {
                "payloadType": IN_TOTO,
                "signatures": [{
                    "publicKey": pem(signer),
                    "sig": STANDARD.encode(STANDARD.encode(signature)),
                }],
            },
            "hash": {"algorithm": "sha256", "value": Digest::of(b"not compared").hex()},
            "payloadHash": {"algorithm": "sha256", "value": Digest::of(payload.as_bytes()).hex()},
        }},
    })
}

fn intoto_001(envelope: &Value, signer: &Signer) -> Value {
    json!({
        "apiVersion": "0.0.1",
        "kind": "intoto",
        "spec": {
            "content": {"hash": {"algorithm": "sha256", "value": Digest::of(envelope.to_string().as_bytes()).hex()}},
            "publicKey": pem(signer),
        },
    })
}

fn set(value: &Value, pointer: &str, new: Value) -> Value {
    let mut value = value.clone();
    *value.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = new;
    value
}

fn flipped(value: &Value, pointer: &str) -> Value {
    let text = value.pointer(pointer).unwrap().as_str().unwrap();
    let mut bytes = STANDARD.decode(text).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    set(value, pointer, json!(STANDARD.encode(bytes)))
}

#[test]
fn the_promise_of_a_layer_is_checked() {
    // T51 to T53, T57, and CVE-2022-23649, CVE-2022-36056, CVE-2026-22703
    let (rekor, stranger, signer) = (Rekor::new(), Rekor::new(), Signer::p256());
    let anchor = signer.anchor(HashAlgorithm::Sha256);
    let payload = simple_signing();
    let signature = signer.sign(payload.as_bytes());
    let layer = |annotation: &str| {
        let parts = SignatureParts::with_signature(&payload, &signature).annotate(REKOR_BUNDLE, annotation);
        rekor.judge(parts.artifact(), &anchor)
    };
    let body = hashedrekord(&payload, &signature, &signer);
    let good = rekor.annotation(&body);
    let fact = layer(&good.to_string()).unwrap();
    assert_eq!(fact.steps(), [Step::Signature, Step::Type, Step::Subject, Step::LogPromise, Step::LogEntry]);
    // Of a log that is not known nothing is checked and nothing proved.
    let fact = layer(&stranger.annotation(&body).to_string()).unwrap();
    assert_eq!(fact.steps(), [Step::Signature, Step::Type, Step::Subject, Step::LogEntryOfUnknownLog]);

    let unsigned = "its log has not signed the promise";
    let another = signer.sign(payload.as_bytes());
    let rehashed = Digest::of(b"another").hex();
    let day = 86_400;
    for (row, annotation, expected) in [
        ("another time", set(&good, "/Payload/integratedTime", json!(TIME + 1)), unsigned),
        ("another index", set(&good, "/Payload/logIndex", json!(8)), unsigned),
        ("a broken promise", flipped(&good, "/SignedEntryTimestamp"), unsigned),
        ("no promise", set(&good, "/SignedEntryTimestamp", json!("")), unsigned),
        ("no base64", set(&good, "/SignedEntryTimestamp", json!("!")), "signed entry timestamp is no base64"),
        (
            "a promise of another log",
            set(&stranger.annotation(&body), "/Payload/logID", json!(rekor.id.hex())),
            unsigned,
        ),
        ("another body", set(&good, "/Payload/body", json!(STANDARD.encode("{}"))), unsigned),
        ("a body that is no text", set(&good, "/Payload/body", json!(7)), "invalid type"),
        ("a body that is no base64", set(&good, "/Payload/body", json!("!")), "body is no base64"),
        ("a log ID that is none", set(&good, "/Payload/logID", json!("00")), "log ID is no SHA-256"),
        ("a time that is none", set(&good, "/Payload/integratedTime", json!(i64::MAX)), "its time is none"),
        ("a time in text", set(&good, "/Payload/integratedTime", json!("1700000000")), "invalid type"),
        ("no payload", json!({"SignedEntryTimestamp": ""}), "missing field `Payload`"),
        // Logged, and about something else.
        (
            "other content",
            rekor.annotation(&set(&body, "/spec/data/hash/value", json!(rehashed))),
            "about other content",
        ),
        (
            "other content by its algorithm",
            rekor.annotation(&set(&body, "/spec/data/hash/algorithm", json!("sha512"))),
            "about other content",
        ),
        ("another signature", rekor.annotation(&hashedrekord(&payload, &another, &signer)), "about another signature"),
        ("another key", rekor.annotation(&hashedrekord(&payload, &signature, &Signer::p256())), "about another key"),
        (
            "a key that is none",
            rekor.annotation(&set(&body, "/spec/signature/publicKey/content", json!("AAAA"))),
            "about another key",
        ),
        ("an entry of an envelope", rekor.annotation(&dsse(&payload, &signature, &signer)), "not one of such"),
        ("an unknown kind", rekor.annotation(&set(&body, "/kind", json!("jar"))), "jar"),
        ("an unknown version", rekor.annotation(&set(&body, "/apiVersion", json!("9.9.9"))), "9.9.9"),
        ("no kind", rekor.annotation(&json!({})), "missing field `kind`"),
        ("no entry", rekor.annotation(&json!(7)), "invalid type"),
        ("before the log's key", rekor.annotation_at(&body, TIME - 2 * day), "was not in use"),
        ("after the log's key", rekor.annotation_at(&body, TIME + 2 * day), "was not in use"),
    ] {
        assert_error(row, layer(&annotation.to_string()), &Expected::Log(expected));
    }
    assert_error("no object", layer("7"), &Expected::Log("invalid type"));
    assert_error("no JSON", layer("{"), &Expected::Log("EOF"));
    // T60d: the present is the caller's.
    let artifact = || SignatureParts::with_signature(&payload, &signature).annotate(REKOR_BUNDLE, &good.to_string());
    let at = |second| Timestamp::from_second(second).unwrap();
    assert!(rekor.judge_at(artifact().artifact(), &anchor, at(TIME)).is_ok());
    let early = rekor.judge_at(artifact().artifact(), &anchor, at(TIME - 1));
    assert_error("from the future", early, &Expected::Log("is in the future"));
}

#[test]
fn the_promise_of_an_attestation_is_checked() {
    let (rekor, signer) = (Rekor::new(), Signer::p256());
    let anchor = signer.anchor(HashAlgorithm::Sha256);
    let payload = statement(CUSTOM);
    let signature = signer.sign(&pae(IN_TOTO, &payload));
    let sealed = envelope(IN_TOTO, &payload, &[&signature]);
    let judge = |body: &Value| {
        let annotation = rekor.annotation(body).to_string();
        let artifact = attestation_with(&sealed, |layer| layer.with_annotation(REKOR_BUNDLE, annotation));
        rekor.judge(artifact, &anchor)
    };
    let stranger = Signer::p256();
    let another = signer.sign(&pae(IN_TOTO, &payload));
    let other = statement(SIGN);
    let double = |signature: &[u8]| json!(STANDARD.encode(STANDARD.encode(signature)));
    for body in
        [dsse(&payload, &signature, &signer), intoto_002(&payload, &signature, &signer), intoto_001(&sealed, &signer)]
    {
        assert!(judge(&body).unwrap().steps().contains(&Step::LogEntry), "{body}");
    }
    for (row, body, expected) in [
        ("dsse, content", dsse(&other, &signature, &signer), "other content"),
        ("dsse, signature", dsse(&payload, &another, &signer), "another signature"),
        ("dsse, key", dsse(&payload, &signature, &stranger), "another key"),
        (
            "dsse, no signature",
            set(&dsse(&payload, &signature, &signer), "/spec/signatures", json!([])),
            "another signature",
        ),
        ("intoto 0.0.2, content", intoto_002(&other, &signature, &signer), "other content"),
        ("intoto 0.0.2, signature", intoto_002(&payload, &another, &signer), "another signature"),
        ("intoto 0.0.2, key", intoto_002(&payload, &signature, &stranger), "another key"),
        (
            "intoto 0.0.2, type",
            set(
                &intoto_002(&payload, &signature, &signer),
                "/spec/content/envelope/payloadType",
                json!("application/json"),
            ),
            "other content",
        ),
        (
            "intoto 0.0.2, encoded once",
            set(
                &intoto_002(&payload, &signature, &signer),
                "/spec/content/envelope/signatures/0/sig",
                json!(STANDARD.encode(&signature)),
            ),
            "another signature",
        ),
        ("intoto 0.0.1, content", intoto_001(&json!({}), &signer), "other content"),
        ("intoto 0.0.1, key", intoto_001(&sealed, &stranger), "another key"),
        (
            "intoto 0.0.1, algorithm",
            set(&intoto_001(&sealed, &signer), "/spec/content/hash/algorithm", json!("sha1")),
            "other content",
        ),
        ("an entry of bytes", hashedrekord(&payload, &signature, &signer), "not one of such"),
    ] {
        assert_error(row, judge(&body), &Expected::Log(expected));
    }
    let good = intoto_002(&payload, &signature, &signer);
    assert!(judge(&set(&good, "/spec/content/envelope/signatures/0/sig", double(&signature))).is_ok());
}

#[test]
fn the_entries_of_a_bundle_are_checked() {
    // T51 to T53, T59
    let (rekor, stranger, signer) = (Rekor::new(), Rekor::new(), Signer::p256());
    let anchor = signer.anchor(HashAlgorithm::Sha256);
    let payload = statement(SIGN);
    let signature = signer.sign(&pae(IN_TOTO, &payload));
    let sealed = envelope(IN_TOTO, &payload, &[&signature]);
    let with = |entries: Vec<Value>| {
        let mut bundle = bundle(&sealed, &signer);
        bundle["verificationMaterial"]["tlogEntries"] = json!(entries);
        bundle
    };
    let judge = |bundle: &Value| rekor.judge(referrer(bundle), &anchor);
    let body = dsse(&payload, &signature, &signer);
    let good = rekor.entry(&body);
    let fact = judge(&with(vec![good.clone()])).unwrap();
    assert_eq!(fact.steps(), [Step::Signature, Step::Type, Step::Subject, Step::LogPromise, Step::LogEntry]);
    let unknown = stranger.entry(&body);
    let fact = judge(&with(vec![unknown.clone()])).unwrap();
    assert_eq!(fact.steps(), [Step::Signature, Step::Type, Step::Subject, Step::LogEntryOfUnknownLog]);
    let fact = judge(&with(vec![unknown.clone(), good.clone()])).unwrap();
    assert_eq!(fact.steps()[3..], [Step::LogPromise, Step::LogEntryOfUnknownLog, Step::LogEntry]);
    assert!(judge(&with(vec![rekor.entry(&intoto_002(&payload, &signature, &signer))])).is_ok());

    let without = |name: &str| {
        let mut entry = good.clone();
        entry.as_object_mut().unwrap().remove(name);
        entry
    };
    let checkpoint = good["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap();
    let another = signer.sign(&pae(IN_TOTO, &payload));
    let key = json!({"keyId": STANDARD.encode(rekor.id.as_bytes())});
    let promise = "its log has not signed the promise";
    let proof = "its inclusion proof does not hold";
    let tree = "for another tree";
    let incomplete = "it has no inclusion proof with a checkpoint";
    let mut neither = without("inclusionProof");
    neither.as_object_mut().unwrap().remove("inclusionPromise");
    for (row, entry, expected) in [
        ("another time", set(&good, "/integratedTime", json!((TIME + 1).to_string())), promise),
        ("another index", set(&good, "/logIndex", json!("8")), promise),
        ("a broken promise", flipped(&good, "/inclusionPromise/signedEntryTimestamp"), promise),
        ("another root", flipped(&good, "/inclusionProof/rootHash"), tree),
        ("another size", set(&good, "/inclusionProof/treeSize", json!("2")), tree),
        ("an index beyond the tree", set(&good, "/inclusionProof/logIndex", json!("1")), proof),
        ("a hash too many", set(&good, "/inclusionProof/hashes", json!([STANDARD.encode([0; 32])])), proof),
        (
            "another checkpoint",
            set(&good, "/inclusionProof/checkpoint/envelope", json!(checkpoint.replace("test - 1", "test - 2"))),
            "its log has not signed the checkpoint",
        ),
        ("no checkpoint", set(&good, "/inclusionProof/checkpoint/envelope", json!("")), incomplete),
        ("no proof", without("inclusionProof"), incomplete),
        ("neither proof nor promise", neither, incomplete),
        ("an entry of another log", set(&unknown, "/logId", key), promise),
        ("other content", rekor.entry(&dsse(&statement(CUSTOM), &signature, &signer)), "about other content"),
        ("another signature", rekor.entry(&dsse(&payload, &another, &signer)), "about another signature"),
        ("another key", rekor.entry(&dsse(&payload, &signature, &Signer::p256())), "about another key"),
        ("an entry of bytes", rekor.entry(&hashedrekord(&payload, &signature, &signer)), "not one of such"),
        ("another body", set(&good, "/canonicalizedBody", json!(STANDARD.encode("{}"))), promise),
    ] {
        assert_error(row, judge(&with(vec![entry.clone()])), &Expected::Log(expected));
        assert_error(row, judge(&with(vec![good.clone(), entry])), &Expected::Log(expected));
    }
    // What cannot be read at all breaks the bundle.
    for (row, entry, expected) in [
        ("an unknown kind", set(&good, "/kindVersion/kind", json!("rekord")), "unsupported Rekor entry format"),
        ("a negative index", set(&good, "/logIndex", json!("-1")), "negative log index"),
        ("a negative size", set(&good, "/inclusionProof/treeSize", json!("-1")), "invalid unsigned integer"),
        ("a body that is no text", set(&good, "/canonicalizedBody", json!(7)), "expected a string"),
        ("no log ID", without("logId"), "missing field `logId`"),
    ] {
        assert_error(row, judge(&with(vec![entry])), &Expected::Malformed("the bundle", expected));
    }
    // A promise alone was enough in version 0.1 of the format, and is not since.
    let mut old = with(vec![without("inclusionProof")]);
    old["mediaType"] = json!(BUNDLE_V01);
    assert!(judge(&old).is_ok());
    let mut old = with(vec![without("inclusionPromise")]);
    assert!(judge(&old).is_ok());
    old["mediaType"] = json!(BUNDLE_V01);
    assert_error("0.1 without a promise", judge(&old), &Expected::Log("it has no promise"));
    let early = rekor.judge_at(referrer(&with(vec![good])), &anchor, Timestamp::from_second(TIME - 1).unwrap());
    assert_error("from the future", early, &Expected::Log("is in the future"));
}

#[test]
fn entries_beside_other_hashes_are_checked() {
    // crates.md, sharp edge 2: sigstore-verify has one hash for each key.
    let rekor = Rekor::new();
    let (_, signer, hash) = Signer::every().iter().find(|(name, ..)| *name == "RSA with SHA-512").unwrap();
    let anchor = signer.anchor(*hash);
    let payload = statement(SIGN);
    let signature = signer.sign(&pae(IN_TOTO, &payload));
    let judge = |entry: Value| {
        let mut bundle = bundle(&envelope(IN_TOTO, &payload, &[&signature]), signer);
        bundle["verificationMaterial"]["tlogEntries"] = json!([entry]);
        rekor.judge(referrer(&bundle), &anchor)
    };
    let good = rekor.entry(&dsse(&payload, &signature, signer));
    assert!(judge(good.clone()).unwrap().steps().contains(&Step::LogEntry));
    for (row, entry, expected) in [
        (
            "a broken promise",
            flipped(&good, "/inclusionPromise/signedEntryTimestamp"),
            "its log has not signed the promise",
        ),
        ("another root", flipped(&good, "/inclusionProof/rootHash"), "for another tree"),
        ("other content", rekor.entry(&dsse(&statement(CUSTOM), &signature, signer)), "about other content"),
        (
            "another signature",
            rekor.entry(&dsse(&payload, &Signer::p256().sign(b""), signer)),
            "about another signature",
        ),
        ("another key", rekor.entry(&dsse(&payload, &signature, &Signer::p256())), "about another key"),
    ] {
        assert_error(row, judge(entry), &Expected::Log(expected));
    }
    // Sharp edge 1: it has no P-521.
    let (_, p521, hash) = Signer::every().iter().find(|(name, ..)| *name == "P-521").unwrap();
    let signature = p521.sign(&pae(IN_TOTO, &payload));
    let judge = |entry: Value| {
        let mut bundle = bundle(&envelope(IN_TOTO, &payload, &[&signature]), p521);
        bundle["verificationMaterial"]["tlogEntries"] = json!([entry]);
        rekor.judge(referrer(&bundle), &p521.anchor(*hash))
    };
    let good = rekor.entry(&dsse(&payload, &signature, p521));
    assert!(judge(good.clone()).unwrap().steps().contains(&Step::LogEntry));
    assert_error("P-521", judge(flipped(&good, "/inclusionProof/rootHash")), &Expected::Log("for another tree"));
}

#[test]
fn each_key_may_have_a_promise_beside_a_layer() {
    let rekor = Rekor::new();
    for (name, signer, hash) in Signer::every() {
        let payload = simple_signing();
        let signature = signer.sign(payload.as_bytes());
        let annotation = rekor.annotation(&hashedrekord(&payload, &signature, signer)).to_string();
        let parts = SignatureParts::with_signature(&payload, &signature).annotate(REKOR_BUNDLE, &annotation);
        let fact = rekor.judge(parts.artifact(), &signer.anchor(*hash));
        assert!(fact.unwrap_or_else(|error| panic!("{name}: {error}")).steps().contains(&Step::LogEntry));
    }
}

#[test]
fn log_checks_are_paid() {
    let (rekor, signer) = (Rekor::new(), Signer::p256());
    let anchors = [rekor.beside(&signer.anchor(HashAlgorithm::Sha256))];
    let payload = statement(SIGN);
    let sealed = signed_envelope(&payload, &signer);
    let signature = STANDARD.decode(sealed["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    let mut bundle = signed_bundle(&payload, &signer);
    bundle["dsseEnvelope"] = sealed;
    bundle["verificationMaterial"]["tlogEntries"] = json!([rekor.entry(&dsse(&payload, &signature, &signer))]);
    for (checks, holds) in [(3, true), (2, false), (1, false)] {
        let evidence = evidence(vec![referrer(&bundle)]);
        let mut budget = Budget::of_signature_checks(checks);
        let facts = verify(&evidence, &anchors, now(), &mut budget);
        assert_eq!(facts.facts().len(), usize::from(holds), "{checks}");
        let is_budget = |rejection: &Rejection| matches!(rejection.error, VerifyError::Budget(_));
        assert_eq!(facts.rejections().iter().any(is_budget), !holds, "{checks}");
    }
}
