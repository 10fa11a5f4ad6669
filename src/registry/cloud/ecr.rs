//! Passwords for Amazon ECR, private and public.
//!
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html> and
//! <https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, HeaderName};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::Cloud;
use super::host::Ecr;
use crate::cloud::aws::{Source, sign};
use crate::cloud::{AwsSettings, Endpoint, Failure, Http, Lease, Refusal, Request, Secret, Service, ServiceError};
use crate::registry::Credential;

const SERVICE: Service = Service::AwsEcr;

/// Gets passwords.
#[derive(Debug)]
pub(super) struct Client {
    settings: AwsSettings,
    http: Http,
    source: Source,
}

/// Of which interface a password is asked.
struct Place<'a> {
    endpoint: Endpoint,
    region: &'a str,
    /// The service for which the request is signed.
    name: &'static str,
    target: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    authorization_data: Data,
}

/// The private registry gives a list of one, the public one that itself.
#[derive(Deserialize)]
#[serde(untagged)]
enum Data {
    List(Vec<Token>),
    One(Token),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    authorization_token: Secret,
    /// Seconds since 1970, with a fraction.
    expires_at: f64,
}

impl Client {
    pub(super) fn new(settings: &AwsSettings, http: Http) -> Self {
        Self { settings: settings.clone(), source: Source::new(settings, http.clone()), http }
    }

    /// A password for the private registries of a region.
    pub(super) async fn private(&self, ecr: &Ecr) -> Result<Lease<Credential>, ServiceError> {
        let endpoint = self.endpoint(self.settings.ecr_endpoint.as_ref(), &ecr.api)?;
        let target = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
        self.password(&Place { endpoint, region: &ecr.region, name: "ecr", target }).await
    }

    /// Whether the public registry is to be shown who asks. Everybody may read it; the role of a machine has no right to
    /// its passwords unless somebody thought of them.
    pub(super) fn shows_itself_in_public(&self) -> bool {
        self.settings.say_who_asks()
    }

    /// A password for the public registry. With it, more may be asked than without.
    pub(super) async fn public(&self) -> Result<Lease<Credential>, ServiceError> {
        let endpoint =
            self.endpoint(self.settings.ecr_public_endpoint.as_ref(), "api.ecr-public.us-east-1.amazonaws.com")?;
        let target = "SpencerFrontendService.GetAuthorizationToken";
        self.password(&Place { endpoint, region: "us-east-1", name: "ecr-public", target }).await
    }

    /// Forgets what passwords are asked with.
    pub(super) async fn forget(&self) {
        self.source.forget().await;
    }

    fn endpoint(&self, set: Option<&Endpoint>, host: &str) -> Result<Endpoint, ServiceError> {
        match set {
            Some(endpoint) => Ok(endpoint.clone()),
            None => format!("https://{host}").parse().map_err(|why| ServiceError::Endpoint { service: SERVICE, why }),
        }
    }

    async fn password(&self, place: &Place<'_>) -> Result<Lease<Credential>, ServiceError> {
        let answer = match self.once(place).await? {
            // Credentials can end before they said.
            Err(Failure::Refused(refusal)) if code(&refusal).as_deref() == Some("ExpiredTokenException") => {
                self.source.forget().await;
                self.once(place).await?
            }
            answer => answer,
        };
        let answer = answer.map_err(|failure| match failure {
            Failure::Other(error) => error,
            // AWS says with status 400 what others say with 403.
            Failure::Refused(refusal) => match code(&refusal) {
                code if refusal.status.as_u16() == 400 => ServiceError::Denied { service: SERVICE, code },
                code => refusal.into_error(code),
            },
        })?;
        credential(answer.json("the answer")?)
    }

    async fn once(&self, place: &Place<'_>) -> Result<Result<crate::cloud::Answer, Failure>, ServiceError> {
        // What the token of a workload is exchanged at is near to where the workload runs, not to the registry.
        let near = self.settings.region.as_deref().unwrap_or(place.region);
        let credentials = self.source.get(near).await?;
        let request = Request::json(SERVICE, place.endpoint.at(""), &json!({}))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"))
            .header(HeaderName::from_static("x-amz-target"), HeaderValue::from_static(place.target));
        let request = sign(request, &credentials, place.region, place.name)?;
        Ok(self.http.send(&request).await)
    }
}

fn code(refusal: &Refusal) -> Option<String> {
    refusal.code(&["/__type", "/code", "/Code"])
}

/// The user and password of an answer.
fn credential(answer: Answer) -> Result<Lease<Credential>, ServiceError> {
    let malformed = || ServiceError::Malformed { service: SERVICE, what: "the password" };
    let token = match answer.authorization_data {
        Data::List(tokens) => tokens.into_iter().next().ok_or_else(malformed)?,
        Data::One(token) => token,
    };
    let pair = STANDARD.decode(token.authorization_token.expose()).map(Zeroizing::new).map_err(|_| malformed())?;
    let (user, password) =
        std::str::from_utf8(&pair).ok().and_then(|pair| pair.split_once(':')).ok_or_else(malformed)?;
    if user.is_empty() || password.is_empty() {
        return Err(malformed());
    }
    let ends = jiff::SignedDuration::try_from_secs_f64(token.expires_at).ok();
    let ends = ends.and_then(|since| jiff::Timestamp::UNIX_EPOCH.checked_add(since).ok()).ok_or_else(malformed)?;
    Ok(Lease { value: Credential::basic(user, password).only_for(Cloud::Aws), ends: Some(ends) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Lease<Credential>, ServiceError> {
        credential(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn answers_of_both_registries() {
        let expected = Credential::basic("AWS", "pa:ss").only_for(Cloud::Aws);
        let token = r#"{"authorizationToken": "QVdTOnBhOnNz", "expiresAt": 1700000000.5, "proxyEndpoint": "x"}"#;
        for json in [format!(r#"{{"authorizationData": [{token}]}}"#), format!(r#"{{"authorizationData": {token}}}"#)] {
            let lease = read(&json).unwrap();
            assert!(lease.value == expected);
            assert_eq!(lease.ends.unwrap().as_second(), 1_700_000_000);
        }
        for bad in [
            "[]",
            r#"[{"authorizationToken": "x!", "expiresAt": 1}]"#,
            r#"[{"authorizationToken": "QVdT", "expiresAt": 1}]"#,
            r#"[{"authorizationToken": "QVdTOnBhOnNz", "expiresAt": 1e300}]"#,
        ] {
            assert!(read(&format!(r#"{{"authorizationData": {bad}}}"#)).is_err(), "{bad}");
        }
    }
}
