//! What is answered to a request that is no review, or was not read as one.

use axum::body::Body;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

/// Why a request is refused before it is known to be a review, and so without an AdmissionReview. The API server takes
/// every one of them as a failure of the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The body broke off.
    BodyBroken,
    /// The body took too long.
    BodyTime,
    /// The body is longer than a review may be.
    BodyTooLarge,
    /// The client did not prove who it is, and has to.
    ClientUnknown,
    /// The body is compressed.
    ContentEncoding,
    /// The body is no JSON.
    ContentType,
    /// The body is no review that could be answered, and why.
    NotReview(String),
    /// Too many bytes of bodies are held.
    Overloaded,
    /// Something inside panicked before the review was known.
    Panicked,
}

impl Refusal {
    /// The code: metrics, and the first word of the answer.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BodyBroken => "body_broken",
            Self::BodyTime => "body_time",
            Self::BodyTooLarge => "body_too_large",
            Self::ClientUnknown => "client_unknown",
            Self::ContentEncoding => "content_encoding",
            Self::ContentType => "content_type",
            Self::NotReview(_) => "not_review",
            Self::Overloaded => "overloaded",
            Self::Panicked => "internal_error",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BodyBroken | Self::NotReview(_) => StatusCode::BAD_REQUEST,
            Self::BodyTime => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ClientUnknown => StatusCode::UNAUTHORIZED,
            Self::ContentEncoding | Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What is said, on one line.
    fn text(&self) -> &str {
        match self {
            Self::BodyBroken => "the body broke off",
            Self::BodyTime => "the body took too long",
            Self::BodyTooLarge => "the body is too large",
            Self::ClientUnknown => "a client certificate of the configured authority is needed here",
            Self::ContentEncoding => "the body must not be compressed",
            Self::ContentType => "the body must be application/json",
            Self::NotReview(finding) => finding,
            Self::Overloaded => "too much is going on, try again",
            Self::Panicked => "something went wrong inside",
        }
    }

    /// The HTTP response. Where the body was not read to its end, the connection ends too.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut text = format!("{}: {}", self.code(), self.text());
        text.retain(|c| !c.is_control());
        text.push('\n');
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        match self {
            Self::NotReview(_) => {}
            Self::Overloaded => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::BodyBroken
            | Self::BodyTime
            | Self::BodyTooLarge
            | Self::ClientUnknown
            | Self::ContentEncoding
            | Self::ContentType
            | Self::Panicked => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        response
    }
}
