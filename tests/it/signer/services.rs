//! The virtual Sigstore behind HTTP, and what a test wants of its requests.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign::signer::{Keyless, Witnesses};
use countersign::sigstore::{Fulcio, IdentityToken, Rekor, RekorVersion, TimestampClient, TokenSource, http_client};
use countersign::trust::TrustedRoot;
use der::{Decode as _, Encode as _};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use x509_cert::request::CertReq;

use super::front::spawn;
use crate::support::virtual_sigstore::fulcio::ISSUER;
use crate::support::virtual_sigstore::{Leaf, Sigstore, Subject, minutes};

/// What is done to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is answered.
    Answer,
    /// It is answered as if something else had been asked.
    Another,
    /// It is answered with JSON that says nothing.
    Empty,
    /// It is answered without end.
    Endless,
    /// It is answered once the service has been told to go elsewhere.
    Redirect,
    /// The connection ends without an answer.
    Reset,
    /// The answer is this status.
    Status(u16),
}

impl Fate {
    /// Each that is not an answer.
    pub(crate) const BAD: [Self; 8] = [
        Self::Another,
        Self::Empty,
        Self::Endless,
        Self::Redirect,
        Self::Reset,
        Self::Status(400),
        Self::Status(429),
        Self::Status(503),
    ];
}

/// Services that run until they are dropped.
pub(crate) struct Services {
    pub(crate) sigstore: Arc<Sigstore>,
    address: String,
    count: Arc<AtomicUsize>,
    tokens: Arc<Mutex<Vec<String>>>,
    accepting: AbortHandle,
}

impl Services {
    /// Starts them: `fate` says what is done to each request, by its number from 0.
    pub(crate) async fn start(fate: impl Fn(usize) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let sigstore = Arc::new(Sigstore::new());
        let count = Arc::new(AtomicUsize::new(0));
        let tokens = Arc::default();
        let (shared, counter, fate) = (Arc::clone(&sigstore), Arc::clone(&count), Arc::new(fate));
        let shown = Arc::clone(&tokens);
        let accepting = spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, counter, fate) = (Arc::clone(&shared), Arc::clone(&counter), Arc::clone(&fate));
                let shown: Arc<Mutex<Vec<String>>> = Arc::clone(&shown);
                let service = service_fn(move |request: Request<Incoming>| {
                    let token = request.headers().get("authorization").and_then(|token| token.to_str().ok());
                    shown.lock().unwrap().extend(token.map(str::to_owned));
                    let fate = fate(counter.fetch_add(1, Ordering::SeqCst));
                    serve(Arc::clone(&shared), fate, request)
                });
                spawn(async move {
                    let _: Result<(), hyper::Error> =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { sigstore, address, count, tokens, accepting }
    }

    /// Where they are.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The tokens that they were shown.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap().clone()
    }

    /// The requests so far.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Who has an identity token and signs before a log of this version; before the timestamp authority too, where the
    /// log proves no time.
    pub(crate) fn keyless(&self, version: RekorVersion) -> Keyless {
        let http = http_client(&[]).unwrap();
        let at = |path: &str| format!("{}{path}", self.address).parse().unwrap();
        let stamps = match version {
            RekorVersion::V1 => Vec::new(),
            RekorVersion::V2 => vec![TimestampClient::new(at("/timestamp"), http.clone())],
        };
        let witnesses = Witnesses {
            logs: vec![Rekor::new(at(""), version, http.clone())],
            timestamp_authorities: stamps,
            root: Arc::new(TrustedRoot::parse(self.sigstore.trusted_root().to_string()).unwrap()),
        };
        let token = IdentityToken::parse("header.payload.signature").unwrap();
        Keyless::new(Fulcio::new(at(""), http), TokenSource::Given(token), witnesses)
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(sigstore: Arc<Sigstore>, fate: Fate, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    assert_eq!(head.method, Method::POST);
    let answer = |status: u16, body: Vec<u8>| {
        let mut answer = Response::new(Full::new(Bytes::from(body)));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        answer
    };
    let another = fate == Fate::Another;
    Ok(match fate {
        Fate::Answer | Fate::Another => answer(201, sigstore.answer(head.uri.path(), &body, another)),
        Fate::Empty => answer(201, b"{}".to_vec()),
        Fate::Endless => answer(201, vec![b' '; 4 << 20]),
        Fate::Redirect => {
            let mut answer = answer(307, Vec::new());
            answer.headers_mut().insert("location", head.uri.path().parse().unwrap());
            answer
        }
        // An error here ends the connection.
        Fate::Reset => return Err(io::Error::other("reset")),
        Fate::Status(status) => answer(status, b"{\"message\": \"no\"}".to_vec()),
    })
}

impl Sigstore {
    fn answer(&self, path: &str, body: &[u8], another: bool) -> Vec<u8> {
        let json = || serde_json::from_slice::<Value>(body).unwrap();
        match path {
            "/api/v2/signingCert" => self.certificate(&json(), another).to_string().into_bytes(),
            "/api/v1/log/entries" => self.entry_v1(json(), another).to_string().into_bytes(),
            "/api/v2/log/entries" => self.entry_v2(&json(), another).to_string().into_bytes(),
            "/timestamp" => {
                let mut stamp = self.tsa.stamp(b"", minutes(3));
                // The hash is what the query ends with, but for the nonce (11 bytes) and the wish for a certificate (3).
                let hash = body[..body.len() - 14].last_chunk::<32>().unwrap();
                stamp.imprint = Some(if another { vec![0; 32] } else { hash.to_vec() });
                self.tsa.answer(&stamp)
            }
            other => panic!("no such service: {other}"),
        }
    }

    fn certificate(&self, asked: &Value, another: bool) -> Value {
        let request = base64(&asked["certificateSigningRequest"]);
        let request = CertReq::from_der(pem::parse(request).unwrap().contents()).unwrap();
        let spki = request.info.public_key.to_der().unwrap();
        let spki = if another { self.fulcio.root.key.spki() } else { spki };
        let leaf = Leaf::of(vec![Subject::Email("alice@example.com".to_owned())], ISSUER);
        let issued = self.fulcio.issue(&leaf, &spki, &self.ct_log);
        let chain = std::iter::once(issued).chain(self.fulcio.chain());
        let chain: Vec<_> = chain.map(|der| pem::encode(&pem::Pem::new("CERTIFICATE", der))).collect();
        json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}})
    }

    fn entry_v1(&self, mut proposal: Value, another: bool) -> Value {
        if proposal["kind"] == "dsse" {
            let content = &proposal["spec"]["proposedContent"];
            let text = content["envelope"].as_str().unwrap();
            let envelope: Value = serde_json::from_str(text).unwrap();
            let hash = |bytes: &[u8]| json!({"algorithm": "sha256", "value": hex(bytes)});
            proposal["spec"] = json!({
                "envelopeHash": hash(text.as_bytes()),
                "payloadHash": hash(&base64(&envelope["payload"])),
                "signatures": [
                    {"signature": envelope["signatures"][0]["sig"], "verifier": content["verifiers"][0]},
                ],
            });
            if another {
                proposal["spec"]["payloadHash"] = hash(b"another");
            }
        } else if another {
            proposal["spec"]["data"]["hash"]["value"] = json!(hex(b"another"));
        }
        let (kind, version) = (proposal["kind"].as_str().unwrap(), proposal["apiVersion"].as_str().unwrap());
        let entry = self.rekor_v1.entry(kind, version, proposal.to_string().into_bytes(), minutes(2));
        let proof = entry.proof.as_ref().unwrap();
        let hexed = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        json!({"0123": {
            "body": STANDARD.encode(&entry.body),
            "integratedTime": entry.time,
            "logID": hexed(&entry.log_id),
            "logIndex": entry.index,
            "verification": {
                "signedEntryTimestamp": STANDARD.encode(entry.promise.as_ref().unwrap()),
                "inclusionProof": {
                    "checkpoint": proof.checkpoint,
                    "hashes": proof.hashes.iter().map(|hash| hexed(hash)).collect::<Vec<_>>(),
                    "logIndex": proof.index,
                    "rootHash": hexed(&proof.root),
                    "treeSize": proof.size,
                },
            },
        }})
    }

    fn entry_v2(&self, asked: &Value, another: bool) -> Value {
        let asked = &asked["hashedRekordRequestV002"];
        let digest = if another { json!(STANDARD.encode([0; 32])) } else { asked["digest"].clone() };
        let body = json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": digest},
            "signature": asked["signature"],
        }}});
        self.rekor_v2.entry("hashedrekord", "0.0.2", body.to_string().into_bytes()).to_json()
    }
}

fn base64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    countersign::image::Digest::of(bytes).hex()
}
