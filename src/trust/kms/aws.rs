//! Keys of AWS (<https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id>).

use std::fmt;

use super::{ParseKmsKeyError, text};

/// `awskms://[ENDPOINT]/KEY`.
///
/// KEY is the id of a key, `alias/NAME`, the ARN of a key or the ARN of an alias. An ARN names its region; the others
/// are looked up in the region of the environment. policy-controller takes ARNs alone, whatever it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AwsKey {
    endpoint: Option<KeyHost>,
    id: String,
    region: Option<String>,
}

/// A host with a port that somebody named in a reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHost(String);

impl KeyHost {
    /// The host, perhaps with a port.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AwsKey {
    pub(super) fn parse(rest: &str) -> Result<Self, ParseKmsKeyError> {
        let fail = |why| Err(ParseKmsKeyError::Aws(why));
        let Some((endpoint, id)) = rest.split_once('/') else {
            return fail("there is no `/` before the key");
        };
        let endpoint = match endpoint {
            "" => None,
            host if text::is_host(host) => Some(KeyHost(host.to_owned())),
            _ => return fail("the endpoint is no host with a port"),
        };
        let (name, region) = match id.strip_prefix("arn:") {
            None => (id, None),
            Some(arn) => {
                // arn:PARTITION:kms:REGION:ACCOUNT:RESOURCE
                let mut parts = arn.splitn(5, ':');
                let [partition, service, region, account, resource] =
                    [(); 5].map(|()| parts.next().unwrap_or_default());
                let is_partition = partition == "aws" || partition.starts_with("aws-");
                let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
                if !is_partition || !text::is_name(partition, b"-", 32) || service != "kms" || !is_account {
                    return fail("the ARN is none of a key or an alias");
                }
                if !is_region(region) {
                    return fail("the ARN names no region");
                }
                let Some(name) = resource.strip_prefix("key/").or(Some(resource).filter(|name| is_alias(name))) else {
                    return fail("the ARN is none of a key or an alias");
                };
                (name, Some(region.to_owned()))
            }
        };
        if is_id(name) || is_alias(name) {
            Ok(Self { endpoint, id: id.to_owned(), region })
        } else {
            fail("the key is neither an id nor an alias")
        }
    }

    /// Where the service is, if the reference says so.
    pub fn endpoint(&self) -> Option<&KeyHost> {
        self.endpoint.as_ref()
    }

    /// The id, alias or ARN, as requests name the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The region that the ARN names.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

impl fmt::Display for AwsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "awskms://{}/{}", self.endpoint.as_ref().map_or("", KeyHost::as_str), self.id)
    }
}

/// A UUID, or the id of a multi-Region key.
fn is_id(text: &str) -> bool {
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    match text.strip_prefix("mrk-") {
        Some(id) => is_hex(id, 32),
        None => {
            let parts: Vec<_> = text.split('-').collect();
            parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| is_hex(part, length))
        }
    }
}

fn is_alias(text: &str) -> bool {
    text.strip_prefix("alias/").is_some_and(|name| text::is_name(name, b"/_-", 250))
}

fn is_region(text: &str) -> bool {
    text::is_name(text, b"-", 32) && text.contains('-') && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}
