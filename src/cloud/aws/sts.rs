//! A role's credentials for a workload's token
//! (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>).

use jiff::Timestamp;

use super::credentials::AwsCredentials;
use crate::cloud::{Endpoint, Failure, Http, Lease, Request, Secret, Service, ServiceError};

const SERVICE: Service = Service::AwsSts;

/// The credentials of `role` for `token`.
///
/// # Errors
/// When STS does not give them.
pub(super) async fn assume_role(
    http: &Http,
    endpoint: &Endpoint,
    role: &str,
    session: &str,
    token: &Secret,
) -> Result<Lease<AwsCredentials>, ServiceError> {
    let fields = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", session),
        ("WebIdentityToken", token.expose()),
    ];
    let answer = match http.send(&Request::form(SERVICE, endpoint.at(""), &fields)).await {
        Ok(answer) => answer,
        // The code stands in XML, and the status says enough.
        Err(Failure::Refused(refusal)) => {
            return Err(match refusal.status.as_u16() {
                400 | 401 | 403 => ServiceError::Denied { service: SERVICE, code: None },
                _ => refusal.into_error(None),
            });
        }
        Err(failure @ Failure::Other(_)) => return Err(failure.into_error(&[])),
    };
    let malformed = || ServiceError::Malformed { service: SERVICE, what: "the credentials" };
    let text = answer.text("the credentials")?;
    let field = |name: &str| element(text, name).ok_or_else(malformed);
    let value = AwsCredentials {
        access_key_id: field("AccessKeyId")?.to_owned(),
        secret_access_key: Secret::new(field("SecretAccessKey")?),
        session_token: Some(Secret::new(field("SessionToken")?)),
    };
    let ends: Timestamp = field("Expiration")?.parse().map_err(|_| malformed())?;
    Ok(Lease { value, ends: Some(ends) })
}

/// The text of the one element `name` of an answer in XML. The fields that are read have no character in them that XML
/// would write in another way, so that an answer which is anything else than these elements is refused.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (before, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, after) = rest.split_once(&format!("</{name}>"))?;
    let is_only = !before.contains(name) && !after.contains(&format!("<{name}"));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-:._".contains(&byte);
    (is_only && !text.is_empty() && text.bytes().all(is_plain)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::element;

    #[test]
    fn elements_are_read_where_nothing_is_odd() {
        let xml = "<R>\n <Credentials><SessionToken>a+/=b</SessionToken><Expiration>2026-01-01T00:00:00Z</Expiration>";
        assert_eq!(element(xml, "SessionToken"), Some("a+/=b"));
        assert_eq!(element(xml, "Expiration"), Some("2026-01-01T00:00:00Z"));
        assert_eq!(element(xml, "AccessKeyId"), None);
        for odd in [
            "<A></A>",
            "<A>x",
            "<A>x y</A>",
            "<A>&lt;</A>",
            "<A><![CDATA[x]]></A>",
            "<A>x</A><A>y</A>",
            "<A>x</A><A >y</A>",
            "<!-- A --><A>x</A>",
        ] {
            assert_eq!(element(odd, "A"), None, "{odd}");
        }
    }
}
