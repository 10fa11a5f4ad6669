//! The role of the machine, by the second version of its metadata service
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>).
//!
//! The first version, which gives credentials to whoever can make a machine send a GET, is never spoken.

use http::HeaderValue;
use http::header::HeaderName;
use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use super::credentials::AwsCredentials;
use crate::cloud::http::word;
use crate::cloud::{Answer, Endpoint, Failure, Http, Lease, Request, Secret, Service, ServiceError};
use crate::limits;

const SERVICE: Service = Service::AwsMetadata;

const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
const TOKEN_LIFE: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
const ROLES: &str = "latest/meta-data/iam/security-credentials/";

const NOBODY: ServiceError = ServiceError::Credentials {
    service: Service::Aws,
    hint: "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, give the ServiceAccount a role (IRSA, Pod Identity), or \
           let pods ask for the machine's (`httpPutResponseHopLimit` 2)",
};
const NO_ROLE: ServiceError = ServiceError::Credentials {
    service: Service::Aws,
    hint: "the machine has no role: give it one, or the ServiceAccount (IRSA, Pod Identity)",
};

/// What the service answers: the credentials, or with status 200 a word for why there are none.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    code: String,
    access_key_id: Option<String>,
    secret_access_key: Option<Secret>,
    token: Option<Secret>,
    expiration: Option<String>,
}

/// The credentials of the machine's role.
///
/// # Errors
/// When there is no such service or no role, or it does not give them.
pub(super) async fn credentials(http: &Http, endpoint: &Endpoint) -> Result<Lease<AwsCredentials>, ServiceError> {
    let token = session(http, endpoint).await?;
    let role = ask(http, endpoint.at(ROLES), &token).await?;
    let role = name(role.text("the name of the role")?)?;
    let told: Told = ask(http, endpoint.at(&format!("{ROLES}{role}")), &token).await?.json("the credentials")?;
    if told.code != "Success" {
        return Err(ServiceError::Denied { service: SERVICE, code: word(&told.code) });
    }
    let malformed = ServiceError::Malformed { service: SERVICE, what: "the credentials" };
    let (Some(access_key_id), Some(secret_access_key), Some(session), Some(expiration)) =
        (told.access_key_id, told.secret_access_key, told.token, told.expiration)
    else {
        return Err(malformed);
    };
    let ends: Timestamp = expiration.parse().map_err(|_| malformed)?;
    let value = AwsCredentials { access_key_id, secret_access_key, session_token: Some(session) };
    Ok(Lease { value, ends: Some(ends) })
}

/// The token without which the second version tells nothing, for this once.
async fn session(http: &Http, endpoint: &Endpoint) -> Result<Secret, ServiceError> {
    let request = Request::put(SERVICE, endpoint.at("latest/api/token"))
        .header(TOKEN_LIFE, HeaderValue::from_static("60"))
        .within(limits::AWS_METADATA_TIME);
    let answer = match http.send(&request).await {
        Ok(answer) => answer,
        // The machines of others have another service at this address.
        Err(Failure::Refused(refusal)) if matches!(refusal.status.as_u16(), 404 | 405) => return Err(NOBODY),
        Err(failure) => {
            let error = failure.into_error(&[]);
            return Err(if error.is_silence() { NOBODY } else { error });
        }
    };
    match answer.text("the token")? {
        "" => Err(ServiceError::Malformed { service: SERVICE, what: "the token" }),
        token => Ok(Secret::new(token)),
    }
}

async fn ask(http: &Http, url: Url, token: &Secret) -> Result<Answer, ServiceError> {
    let request = Request::get(SERVICE, url).secret(TOKEN, token.expose())?.within(limits::AWS_METADATA_TIME);
    match http.send(&request).await {
        Ok(answer) => Ok(answer),
        Err(Failure::Refused(refusal)) if refusal.status.as_u16() == 404 => Err(NO_ROLE),
        Err(failure) => Err(failure.into_error(&[])),
    }
}

/// The one name in `text`, of the characters that names of roles have
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>).
fn name(text: &str) -> Result<&str, ServiceError> {
    let name = text.trim();
    let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    let is_name =
        (1..=64).contains(&name.len()) && name.bytes().all(is_of_names) && name.bytes().any(|byte| byte != b'.');
    if is_name { Ok(name) } else { Err(ServiceError::Malformed { service: SERVICE, what: "the name of the role" }) }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn names_of_roles() {
        let longest = "r".repeat(64);
        for good in ["node", "eks+node=a,b.c@d-e_f", longest.as_str(), "node\n"] {
            assert_eq!(name(good), Ok(good.trim()));
        }
        let longer = "r".repeat(65);
        for bad in ["", ".", "..", "a/b", "../b", "a b", "a\nb", "a?b", "a%2fb", "<html>", longer.as_str()] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
