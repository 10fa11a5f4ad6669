//! Bodies, read no further than they may go.

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_ENCODING;
use reqwest::Response;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(super) enum BodyError {
    /// The connection broke, or the body is not as long as announced.
    Broken(reqwest::Error),
    /// It is compressed, which was not asked for: what a few bytes unfold to cannot be known before.
    Encoded,
    /// It has more bytes than it may have.
    TooLong,
}

/// The body of `response`, of at most `ceiling` bytes. A longer one is refused before it is read where its length is
/// announced, and as soon as it goes on beyond the ceiling where not.
pub(super) async fn read(response: &mut Response, ceiling: usize) -> Result<Bytes, BodyError> {
    let encodings = response.headers().get_all(CONTENT_ENCODING);
    if encodings.iter().any(|encoding| encoding != "identity") {
        return Err(BodyError::Encoded);
    }
    let announced = response.content_length();
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |l| l > ceiling)) {
        return Err(BodyError::TooLong);
    }
    let mut whole = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if whole.len() + rest.len() + chunk.len() > ceiling {
            return Err(BodyError::TooLong);
        }
        // Most bodies are one chunk, and then nothing is copied.
        if whole.is_empty() && rest.is_empty() {
            whole = chunk;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&whole);
                whole = Bytes::new();
            }
            rest.extend_from_slice(&chunk);
        }
    }
    Ok(if rest.is_empty() { whole } else { rest.freeze() })
}

/// What comes of an error's body within `ceiling`. Nothing depends on it but the words of a message, so that a broken or
/// compressed one is an empty one.
pub(super) async fn read_some(response: &mut Response, ceiling: usize) -> Bytes {
    read(response, ceiling).await.unwrap_or_default()
}
