//! Signed requests (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>), by the crate of AWS.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as sign_request};
use aws_sigv4::sign::v4;
use http::HeaderValue;
use http::header::HeaderName;
use tracing::subscriber::{NoSubscriber, with_default};

use super::credentials::AwsCredentials;
use crate::cloud::{Request, Service, ServiceError, clock};

/// `request`, signed for one service in one region, now.
///
/// # Errors
/// When it cannot be signed: it has an odd header, or a credential is no header.
pub(crate) fn sign(
    request: Request,
    credentials: &AwsCredentials,
    region: &str,
    service: &str,
) -> Result<Request, ServiceError> {
    let malformed = ServiceError::Malformed { service: Service::Aws, what: "a request" };
    let session = credentials.session_token.as_ref().map(|token| token.expose().to_owned());
    let secret = credentials.secret_access_key.expose();
    let identity = Credentials::new(credentials.access_key_id.as_str(), secret, session, None, "countersign").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::from(clock::now()))
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| malformed.clone())?
        .into();
    let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable = SignableRequest::new("POST", request.url().as_str(), headers, SignableBody::Bytes(request.body()))
        .map_err(|_| malformed.clone())?;
    // The crate tells a trace what it signs. It leaves the credentials out, and this module tells nothing at all.
    let output = with_default(NoSubscriber::default(), || sign_request(signable, &params));
    let (instructions, _) = output.map_err(|_| malformed.clone())?.into_parts();
    let mut signed = request;
    for (name, value) in instructions.headers() {
        let name = HeaderName::try_from(name).map_err(|_| malformed.clone())?;
        let mut value = HeaderValue::try_from(value).map_err(|_| malformed.clone())?;
        value.set_sensitive(true);
        signed = signed.header(name, value);
    }
    Ok(signed)
}
