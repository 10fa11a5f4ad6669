//! What can go wrong with an answer.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

use super::http::{Response, Wire};

/// What becomes of the answer to one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// An answer of the test's own.
    Answer(Response),
    /// 401 with this `WWW-Authenticate`.
    Challenge(String),
    /// The true answer, one byte at a time, with pauses.
    Drip,
    /// 200 with a body that goes on as long as it is read, in chunks.
    Endless,
    /// The true body, called gzip.
    Gzip,
    /// Nothing is ever sent.
    Hang,
    /// The true answer with this header changed.
    Header(&'static str, String),
    /// 200 with a page of HTML.
    Html,
    /// 200 with a `Content-Length` of 1 GB, and the true body.
    Huge,
    /// The true answer: for sequences.
    Pass,
    /// Such a redirect, with this `Location`.
    Redirect(u16, String),
    /// The true answer with another body.
    Replace(Vec<u8>),
    /// The connection is reset before an answer.
    Reset,
    /// The connection is reset in the middle of the body.
    ResetInBody,
    /// The true body, and a `Content-Length` that is short of it by one.
    ShortLength,
    /// An empty answer with this status.
    Status(u16),
    /// 429 or 503 with this `Retry-After`.
    Wait(u16, String),
    /// The connection is closed in the middle of the body.
    Truncate,
    /// The true answer with a body of the same length and other bytes.
    WrongBytes,
}

impl Fault {
    /// Writes what is left of `answer`, which is the true one.
    pub(super) async fn write(self, wire: &mut Wire, answer: Response) {
        let bytes = match self {
            Self::Answer(answer) => answer.bytes(),
            Self::Challenge(challenge) => Response::new(401).header("www-authenticate", challenge).bytes(),
            Self::Drip => return drip(wire, &answer).await,
            Self::Endless => return endless(wire).await,
            Self::Gzip => answer.header("content-encoding", "gzip").bytes(),
            Self::Hang => return std::future::pending().await,
            Self::Header(name, value) => answer.header(name, value).bytes(),
            Self::Html => Response::new(200)
                .header("content-type", "text/html; charset=utf-8")
                .body(b"<html><body>Sign in</body></html>".to_vec())
                .bytes(),
            Self::Huge => answer.header("content-length", "1000000000").bytes(),
            Self::Pass => answer.bytes(),
            Self::Redirect(status, to) => Response::new(status).header("location", to).bytes(),
            Self::Replace(body) => answer.body(body).bytes(),
            Self::Reset => return wire.reset(),
            Self::ResetInBody => {
                let _ = wire.write_all(&half(answer)).await;
                let _ = wire.flush().await;
                return wire.reset();
            }
            Self::ShortLength => {
                let length = answer.body.len().saturating_sub(1).to_string();
                answer.header("content-length", length).bytes()
            }
            Self::Status(status) => Response::new(status).bytes(),
            Self::Truncate => half(answer),
            Self::Wait(status, wait) => Response::new(status).header("retry-after", wait).bytes(),
            Self::WrongBytes => {
                let body = answer.body.iter().map(|byte| byte ^ 1).collect();
                answer.body(body).bytes()
            }
        };
        // A client that is gone has seen enough.
        let _ = wire.write_all(&bytes).await;
        let _ = wire.shutdown().await;
    }
}

/// The head with the true length, and half of the body.
fn half(answer: Response) -> Vec<u8> {
    let body = answer.body.len();
    let mut bytes = answer.bytes();
    bytes.truncate(bytes.len() - body.div_ceil(2));
    bytes
}

async fn drip(wire: &mut Wire, answer: &Response) {
    let body = answer.body.len();
    let bytes = answer.clone().bytes();
    let (head, body) = bytes.split_at(bytes.len() - body);
    let _ = wire.write_all(head).await;
    for byte in body {
        if wire.write_all(&[*byte]).await.is_err() || wire.flush().await.is_err() {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn endless(wire: &mut Wire) {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.oci.image.manifest.v1+json\r\ntransfer-encoding: chunked\r\n\r\n";
    if wire.write_all(head).await.is_err() {
        return;
    }
    let mut chunk = b"10000\r\n".to_vec();
    chunk.resize(7 + 0x10000, b' ');
    chunk.extend_from_slice(b"\r\n");
    while wire.write_all(&chunk).await.is_ok() {}
}
