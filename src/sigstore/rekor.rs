//! Rekor: transparency logs of signatures, in both versions.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{self, SHA256, SHA384};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use pem::{EncodeConfig, LineEnding, Pem};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::log_entry::{Checkpoint, InclusionProof, Integer, KindVersion, LogId, Promise};
use super::service::{Ask, Reply, Service, ServiceFault, patiently};
use super::{LogEntry, ServiceError, ServiceKind};
use crate::limits;
use crate::trust::{KeyAlgorithm, PublicKey};

/// A transparency log.
#[derive(Clone, Debug)]
pub struct Rekor {
    service: Service,
    version: RekorVersion,
}

/// The versions of Rekor's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RekorVersion {
    /// Promises at once, with the time (<https://github.com/sigstore/rekor/blob/main/openapi.yaml>).
    V1,
    /// Answers when the entry is in the tree, and says no time
    /// (<https://github.com/sigstore/rekor-tiles/blob/main/api/proto/rekor/v2/rekor_service.proto>).
    V2,
}

/// A signature that is to be logged.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// What was signed.
    pub signed: SignedBytes<'a>,
    /// The signature.
    pub signature: &'a [u8],
    /// The key that signed.
    pub key: &'a PublicKey,
    /// The certificate of that key (DER), where it has one.
    pub certificate: Option<&'a [u8]>,
}

/// What was signed.
#[derive(Clone, Copy, Debug)]
pub enum SignedBytes<'a> {
    /// A DSSE envelope: its JSON, and the encoding that the signature is over.
    Envelope {
        /// The envelope.
        json: &'a str,
        /// The encoding.
        encoded: &'a [u8],
    },
    /// Bytes.
    Message(&'a [u8]),
}

impl Rekor {
    /// The log at `url`.
    pub fn new(url: Url, version: RekorVersion, http: reqwest::Client) -> Self {
        Self { service: Service::new(ServiceKind::TransparencyLog, url, http), version }
    }

    /// Which version it speaks.
    pub fn version(&self) -> RekorVersion {
        self.version
    }

    /// Has a signature logged.
    ///
    /// # Errors
    /// When the log cannot be asked, or does not take it.
    pub async fn log(&self, proposal: &Proposal<'_>) -> Result<LogEntry, ServiceError> {
        let (path, body) = match self.version {
            RekorVersion::V1 => ("/api/v1/log/entries", self.proposal_v1(proposal)?),
            RekorVersion::V2 => ("/api/v2/log/entries", self.proposal_v2(proposal)?),
        };
        let body = body.to_string().into_bytes();
        patiently(|| async {
            let reply = self.service.ask(ask(Method::POST, self.service.below(path), body.clone())).await?;
            match self.version {
                RekorVersion::V1 => self.entry_v1(&self.taken_before(reply).await?),
                RekorVersion::V2 => {
                    let answer = self.service.done(reply)?;
                    serde_json::from_slice(&answer).map_err(|error| self.service.malformed(error))
                }
            }
        })
        .await
    }

    /// Rekor v1 takes nothing twice, and says where it has it already: a request whose answer got lost was taken all the
    /// same.
    async fn taken_before(&self, reply: Reply) -> Result<Vec<u8>, ServiceError> {
        if reply.status != StatusCode::CONFLICT {
            return self.service.done(reply);
        }
        let id = reply.location.as_deref().and_then(|location| location.rsplit('/').next());
        let id = id.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(id) = id else {
            return self.service.done(reply);
        };
        let url = self.service.below(&format!("/api/v1/log/entries/{id}"));
        self.service.done(self.service.ask(ask(Method::GET, url, Vec::new())).await?)
    }

    /// <https://github.com/sigstore/rekor/blob/main/types.md>: `hashedrekord` and `dsse`, both 0.0.1
    fn proposal_v1(&self, proposal: &Proposal<'_>) -> Result<Value, ServiceError> {
        let verifier = STANDARD.encode(verifier_pem(proposal));
        Ok(match proposal.signed {
            SignedBytes::Envelope { json, .. } => json!({
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {"proposedContent": {"envelope": json, "verifiers": [verifier]}},
            }),
            SignedBytes::Message(message) => {
                let algorithm = proposal.key.algorithm();
                let hash = hash(algorithm).ok_or_else(|| self.service.error(ServiceFault::Algorithm(algorithm)))?;
                json!({
                    "apiVersion": "0.0.1",
                    "kind": "hashedrekord",
                    "spec": {
                        "data": {"hash": {"algorithm": hash.name, "value": hex(hash.of(message).as_ref())}},
                        "signature": {
                            "content": STANDARD.encode(proposal.signature),
                            "publicKey": {"content": verifier},
                        },
                    },
                })
            }
        })
    }

    /// `hashedrekord` 0.0.2, for whatever was signed
    /// (<https://github.com/sigstore/rekor-tiles/blob/main/api/proto/rekor/v2/hashedrekord.proto>)
    fn proposal_v2(&self, proposal: &Proposal<'_>) -> Result<Value, ServiceError> {
        let algorithm = proposal.key.algorithm();
        let known = hash(algorithm).zip(key_details(proposal.key));
        let (hash, details) = known.ok_or_else(|| self.service.error(ServiceFault::Algorithm(algorithm)))?;
        let signed = match proposal.signed {
            SignedBytes::Envelope { encoded, .. } => encoded,
            SignedBytes::Message(message) => message,
        };
        let (kind, verifier) = match proposal.certificate {
            Some(der) => ("x509Certificate", der),
            None => ("publicKey", proposal.key.spki_der()),
        };
        Ok(json!({"hashedRekordRequestV002": {
            "digest": STANDARD.encode(hash.of(signed)),
            "signature": {
                "content": STANDARD.encode(proposal.signature),
                "verifier": {kind: {"rawBytes": STANDARD.encode(verifier)}, "keyDetails": details},
            },
        }}))
    }

    fn entry_v1(&self, answer: &[u8]) -> Result<LogEntry, ServiceError> {
        let malformed = |what: &str| self.service.malformed(what);
        let answer: BTreeMap<String, EntryV1> =
            serde_json::from_slice(answer).map_err(|error| self.service.malformed(error))?;
        let mut entries = answer.into_values();
        let (Some(entry), None) = (entries.next(), entries.next()) else {
            return Err(malformed("it holds not exactly one entry"));
        };
        let body = STANDARD.decode(&entry.body).map_err(|_| malformed("its body is no base64"))?;
        let kind: Kind = serde_json::from_slice(&body).map_err(|error| self.service.malformed(error))?;
        let base64 = |hex: &str| unhex(hex).map(|bytes| STANDARD.encode(bytes)).ok_or_else(|| malformed("no hex"));
        let proof = entry.verification.inclusion_proof;
        let proof = proof.map(|proof| {
            Ok(InclusionProof {
                log_index: Integer(proof.log_index),
                root_hash: base64(&proof.root_hash)?,
                tree_size: Integer(proof.tree_size),
                hashes: proof.hashes.iter().map(|hash| base64(hash)).collect::<Result<_, _>>()?,
                checkpoint: Checkpoint { envelope: proof.checkpoint },
            })
        });
        Ok(LogEntry {
            log_index: Integer(entry.log_index),
            log_id: LogId { key_id: base64(&entry.log_id)? },
            kind_version: KindVersion { kind: kind.kind, version: kind.api_version },
            integrated_time: Integer(entry.integrated_time),
            inclusion_promise: Some(Promise { signed_entry_timestamp: entry.verification.signed_entry_timestamp }),
            inclusion_proof: proof.transpose()?,
            canonicalized_body: entry.body,
            url: Some(format!("{}?logIndex={}", self.service.below("/api/v1/log/entries"), entry.log_index)),
        })
    }
}

fn ask(method: Method, url: Url, body: Vec<u8>) -> Ask {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ask { method, url, headers, body, ceiling: limits::SIGNING_ANSWER_BYTES }
}

#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
struct EntryV1 {
    body: String,
    integrated_time: i64,
    #[serde(rename = "logID")]
    log_id: String,
    log_index: i64,
    verification: VerificationV1,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
struct VerificationV1 {
    inclusion_proof: Option<ProofV1>,
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
struct ProofV1 {
    checkpoint: String,
    #[serde(default)]
    hashes: Vec<String>,
    log_index: i64,
    root_hash: String,
    tree_size: i64,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
struct Kind {
    api_version: String,
    kind: String,
}

/// The hash that keys of an algorithm sign over here, by its name in Rekor v1.
struct Hash {
    name: &'static str,
    function: &'static digest::Algorithm,
}

impl Hash {
    fn of(&self, bytes: &[u8]) -> digest::Digest {
        digest::digest(self.function, bytes)
    }
}

/// None for keys that sign the message itself: a log would have to be given all of it.
fn hash(algorithm: KeyAlgorithm) -> Option<Hash> {
    match algorithm {
        KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP521 | KeyAlgorithm::Rsa => {
            Some(Hash { name: "sha256", function: &SHA256 })
        }
        KeyAlgorithm::EcdsaP384 => Some(Hash { name: "sha384", function: &SHA384 }),
        KeyAlgorithm::Ed25519 => None,
    }
}

/// `PublicKeyDetails` of <https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_common.proto>. There is none
/// for P-521 with SHA-256.
fn key_details(key: &PublicKey) -> Option<&'static str> {
    match key.algorithm() {
        KeyAlgorithm::EcdsaP256 => Some("PKIX_ECDSA_P256_SHA_256"),
        KeyAlgorithm::EcdsaP384 => Some("PKIX_ECDSA_P384_SHA_384"),
        KeyAlgorithm::EcdsaP521 | KeyAlgorithm::Ed25519 => None,
        // The length says the size: the exponent is 65537 in all keys that are in use.
        KeyAlgorithm::Rsa => match key.spki_der().len() {
            294 => Some("PKIX_RSA_PKCS1V15_2048_SHA256"),
            422 => Some("PKIX_RSA_PKCS1V15_3072_SHA256"),
            550 => Some("PKIX_RSA_PKCS1V15_4096_SHA256"),
            _ => None,
        },
    }
}

fn verifier_pem(proposal: &Proposal<'_>) -> String {
    let block = match proposal.certificate {
        Some(der) => Pem::new("CERTIFICATE", der),
        None => Pem::new("PUBLIC KEY", proposal.key.spki_der()),
    };
    pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? * 16 + digit(low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(version: RekorVersion) -> Rekor {
        Rekor::new("http://127.0.0.1:1/rekor/".parse().unwrap(), version, crate::sigstore::http_client(&[]).unwrap())
    }

    fn key() -> PublicKey {
        PublicKey::from_pem(include_str!("../../tests/data/cosign/cosign.pub")).unwrap()
    }

    #[test]
    fn proposals_are_what_the_logs_take() {
        let key = key();
        let message =
            Proposal { signed: SignedBytes::Message(b"message"), signature: b"sig", key: &key, certificate: None };
        let v1 = log(RekorVersion::V1).proposal_v1(&message).unwrap();
        assert_eq!(v1["kind"], "hashedrekord");
        assert_eq!(
            v1["spec"]["data"]["hash"],
            json!({"algorithm": "sha256", "value": "ab530a13e45914982b79f9b7e3fba994cfd1f3fb22f71cea1afbf02b460c6d1d"})
        );
        let pem = STANDARD.decode(v1["spec"]["signature"]["publicKey"]["content"].as_str().unwrap()).unwrap();
        assert_eq!(PublicKey::from_pem(str::from_utf8(&pem).unwrap()).unwrap(), key);

        let envelope = Proposal {
            signed: SignedBytes::Envelope { json: "{}", encoded: b"message" },
            certificate: Some(b"der"),
            ..message
        };
        let v1 = log(RekorVersion::V1).proposal_v1(&envelope).unwrap();
        assert_eq!(v1["kind"], "dsse");
        assert_eq!(v1["spec"]["proposedContent"]["envelope"], "{}");
        let v2 = log(RekorVersion::V2).proposal_v2(&envelope).unwrap();
        assert_eq!(
            v2,
            json!({"hashedRekordRequestV002": {
                "digest": "q1MKE+RZFJgrefm34/uplM/R8/si9xzqGvvwK0YMbR0=",
                "signature": {
                    "content": "c2ln",
                    "verifier": {"x509Certificate": {"rawBytes": "ZGVy"}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"},
                },
            }})
        );
    }

    #[test]
    fn addresses_keep_the_path_of_the_service() {
        let url = log(RekorVersion::V1).service.below("/api/v1/log/entries");
        assert_eq!(url.as_str(), "http://127.0.0.1:1/rekor/api/v1/log/entries");
    }

    #[test]
    fn an_answer_of_rekor_v1_becomes_an_entry_of_a_bundle() {
        let body = STANDARD.encode(r#"{"kind":"dsse","apiVersion":"0.0.1"}"#);
        let entry = |change: &dyn Fn(&mut Value)| {
            let mut answer = json!({"abc": {
                "body": body, "integratedTime": 5, "logID": "0102", "logIndex": 3,
                "verification": {
                    "signedEntryTimestamp": "MEU=",
                    "inclusionProof": {"checkpoint": "c", "hashes": ["ff"], "logIndex": 2, "rootHash": "00", "treeSize": 4},
                },
            }});
            change(&mut answer);
            log(RekorVersion::V1).entry_v1(answer.to_string().as_bytes())
        };
        assert_eq!(
            serde_json::to_value(entry(&|_| ()).unwrap()).unwrap(),
            json!({
                "logIndex": "3", "logId": {"keyId": "AQI="}, "kindVersion": {"kind": "dsse", "version": "0.0.1"},
                "integratedTime": "5", "inclusionPromise": {"signedEntryTimestamp": "MEU="},
                "inclusionProof": {
                    "logIndex": "2", "rootHash": "AA==", "treeSize": "4", "hashes": ["/w=="], "checkpoint": {"envelope": "c"},
                },
                "canonicalizedBody": body,
            })
        );
        let changes: [&dyn Fn(&mut Value); 6] = [
            &|answer| *answer = json!({}),
            &|answer| answer["other"] = answer["abc"].clone(),
            &|answer| answer["abc"]["body"] = "*".into(),
            &|answer| answer["abc"]["body"] = "e30=".into(),
            &|answer| answer["abc"]["logID"] = "0".into(),
            &|answer| answer["abc"]["verification"]["inclusionProof"]["hashes"][0] = "xx".into(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let error = entry(change).unwrap_err();
            assert!(matches!(error.fault(), ServiceFault::Malformed(_)), "{number}: {error}");
        }
    }
}
