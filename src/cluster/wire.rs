//! Requests to the API server, bounded in time and bytes.

use std::error::Error as _;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use tokio::time::timeout;

use crate::limits;

/// Why there is no answer that could be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    /// There is no answer, or the server says that it cannot give one now: 429 and 5xx.
    #[error("{said}")]
    Away {
        /// What happened.
        said: String,
        /// How long it wants not to be asked.
        wait: Option<Duration>,
    },
    /// Somebody else changed the object first: 409.
    #[error("{0}")]
    Conflict(String),
    /// The state that was asked about is too old: 410.
    #[error("the state that was asked about is too old")]
    Expired,
    /// There is no such thing: 404.
    #[error("{0}")]
    NotFound(String),
    /// Anything else, such as a right that is missing: it is not known what an answer would say.
    #[error("{0}")]
    Trouble(String),
}

/// Sends `request` and gives the body of a good answer, still to be read.
pub(super) async fn open(client: &Client, request: Request<Vec<u8>>) -> Result<Body, ApiError> {
    let path = request.uri().path().to_owned();
    let sent = timeout(limits::API_TIME, client.send(request.map(Body::from))).await.map_err(|_| late(&path))?;
    let response = sent
        .map_err(|error| ApiError::Away { said: format!("`{path}` cannot be asked: {}", chain(&error)), wait: None })?;
    let status = response.status();
    if status.is_success() {
        return Ok(response.into_body());
    }
    let wait = wait(response.headers());
    let body = timeout(limits::API_TIME, collect(response.into_body(), limits::API_ERROR_BYTES)).await;
    let said = body.ok().and_then(Result::ok).and_then(|body| serde_json::from_slice::<Said>(&body).ok());
    let said = said.map(|said| said.message).filter(|message| !message.is_empty());
    let message = match said {
        Some(said) => format!("`{path}` is answered with {}: {said}", status.as_u16()),
        None => format!("`{path}` is answered with {}", status.as_u16()),
    };
    Err(match status {
        StatusCode::CONFLICT => ApiError::Conflict(message),
        StatusCode::GONE => ApiError::Expired,
        StatusCode::NOT_FOUND => ApiError::NotFound(message),
        StatusCode::TOO_MANY_REQUESTS => ApiError::Away { said: message, wait },
        status if status.is_server_error() => ApiError::Away { said: message, wait },
        _ => ApiError::Trouble(message),
    })
}

/// Sends `request` and reads a good answer whole, of at most `ceiling` bytes.
pub(super) async fn read(client: &Client, request: Request<Vec<u8>>, ceiling: usize) -> Result<Vec<u8>, ApiError> {
    let path = request.uri().path().to_owned();
    let body = open(client, request).await?;
    timeout(limits::API_TIME, collect(body, ceiling)).await.map_err(|_| late(&path))?
}

fn late(path: &str) -> ApiError {
    ApiError::Away { said: format!("`{path}` was not answered in time"), wait: None }
}

/// What `Retry-After` says, which the API server gives in seconds.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// A request to read `path`.
pub(super) fn get(path: &str) -> Result<Request<Vec<u8>>, ApiError> {
    Request::get(path).body(Vec::new()).map_err(|error| ApiError::Trouble(format!("`{path}` is no path: {error}")))
}

/// A request to list `path`: [objects without what they hold](https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches).
pub(super) fn list_metadata(path: &str) -> Result<Request<Vec<u8>>, ApiError> {
    get_as(path, HeaderValue::from_static("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"))
}

/// The same of the one object at `path`.
pub(super) fn get_metadata(path: &str) -> Result<Request<Vec<u8>>, ApiError> {
    get_as(path, HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"))
}

fn get_as(path: &str, form: HeaderValue) -> Result<Request<Vec<u8>>, ApiError> {
    let mut request = get(path)?;
    request.headers_mut().insert(ACCEPT, form);
    Ok(request)
}

/// The media type of an object that is applied by the server; JSON is YAML.
pub(super) const APPLY: &str = "application/apply-patch+yaml";
/// The media type of an object.
pub(super) const JSON: &str = "application/json";
/// The media type of a JSON merge patch (RFC 7386).
pub(super) const MERGE_PATCH: &str = "application/merge-patch+json";
/// The media type of a JSON patch (RFC 6902).
pub(super) const JSON_PATCH: &str = "application/json-patch+json";

/// Sends `object` to `path` to be stored. What was stored is not read.
pub(super) async fn write(
    client: &Client,
    method: &str,
    path: &str,
    media_type: &str,
    object: &serde_json::Value,
) -> Result<(), ApiError> {
    let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, media_type);
    let request = request.body(object.to_string().into_bytes());
    let request = request.map_err(|error| ApiError::Trouble(format!("`{path}` is no path: {error}")))?;
    open(client, request).await.map(drop)
}

async fn collect(mut body: Body, ceiling: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::Trouble(format!("an answer broke off: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len().saturating_add(data.len()) > ceiling {
            return Err(ApiError::Trouble(format!("an answer has more than {ceiling} bytes")));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// Why there is no next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The answer broke off.
    Broken,
    /// It has more than [`limits::API_EVENT_BYTES`].
    TooLong,
}

/// The lines of an answer that goes on.
pub(super) struct Lines {
    body: Body,
    buffer: Vec<u8>,
    /// Up to where the buffer is known to hold no end of a line.
    searched: usize,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self { body, buffer: Vec::new(), searched: 0 }
    }

    /// The next line; none at the end. What was read stays where the caller gives up waiting.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Cut> {
        loop {
            let fresh = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(end) = fresh.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(self.searched + end + 1);
                self.searched = 0;
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > limits::API_EVENT_BYTES {
                return Err(Cut::TooLong);
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(_)) => return Err(Cut::Broken),
            }
        }
    }
}

/// What of a `Status` is told.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    message: String,
}

/// An error with its causes, each said once.
fn chain(error: &kube::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
