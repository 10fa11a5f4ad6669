//! The span of one request to a registry.

use http::Method;
use url::Url;

use super::transport::Reply;
use super::trouble::Trouble;
use crate::telemetry::attribute;
use crate::telemetry::trace::{self, Span};

/// The span of a request, in which there is nothing that only who asks may know.
pub(super) fn begin(method: &Method, url: &Url) -> Span {
    let span = trace::request(method.as_str());
    if span.is_there() {
        span.text(attribute::HTTP_METHOD, method);
        span.text(attribute::SERVER_ADDRESS, url.host_str().unwrap_or_default());
        if let Some(port) = url.port_or_known_default() {
            span.number(attribute::SERVER_PORT, port);
        }
        span.text(attribute::URL_FULL, told(url));
    }
    span
}

/// Says what became of it. A registry that says no, or that something is not there, has answered.
pub(super) fn conclude(span: &Span, result: &Result<Reply, Trouble>) {
    if !span.is_there() {
        return;
    }
    let error = match result {
        Ok(reply) => {
            let status = reply.status;
            span.number(attribute::HTTP_STATUS, status.as_u16());
            (status.is_server_error() || status.as_u16() == 429).then(|| status.as_str().to_owned())
        }
        Err(Trouble::Broken(_)) => Some("broken".to_owned()),
        Err(Trouble::NoTls(_)) => Some("no_tls".to_owned()),
        Err(Trouble::TooLong) => Some("too_long".to_owned()),
        Err(Trouble::Unreachable(_)) => Some("unreachable".to_owned()),
        Err(Trouble::Unusable(_)) => Some("unusable".to_owned()),
    };
    if let Some(error) = error {
        span.text(attribute::ERROR_TYPE, &error);
        span.fail(&error);
    }
}

/// The address without user, password, query and fragment.
fn told(url: &Url) -> Url {
    let mut told = url.clone();
    // It has a host, so that it can have no user as well.
    let _ = told.set_username("");
    let _ = told.set_password(None);
    told.set_query(None);
    told.set_fragment(None);
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_its_secrets() {
        for (url, expected) in [
            ("https://r.example/v2/a/manifests/1", "https://r.example/v2/a/manifests/1"),
            ("https://u:hunter2@r.example:5000/blob?X-Amz-Signature=hunter2#hunter2", "https://r.example:5000/blob"),
            ("https://hunter2@r.example/token?account=hunter2", "https://r.example/token"),
        ] {
            assert_eq!(told(&url.parse().unwrap()).as_str(), expected);
        }
    }
}
