//! Which services a signature is made with: `signing_config.json`, version 0.2
//! (<https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto>, `SigningConfig`).

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use super::ServiceKind;
use crate::limits;

/// The services of an instance, of which those are taken that are in use at the time of signing.
#[derive(Clone, Debug)]
pub struct SigningConfig {
    authorities: Vec<Listed>,
    logs: Vec<Listed>,
    log_choice: Option<Choice>,
    timestamp_authorities: Vec<Listed>,
    timestamp_choice: Option<Choice>,
}

/// A service that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenService {
    /// Where it is.
    pub url: Url,
    /// The major version of its interface.
    pub version: u32,
}

impl SigningConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// When it is none, of another version, or exceeds a ceiling.
    pub fn parse(json: &[u8]) -> Result<Self, ParseSigningConfigError> {
        if json.len() > limits::SIGNING_CONFIG_BYTES {
            return Err(ParseSigningConfigError::TooLong);
        }
        let wire: Wire = serde_json::from_slice(json).map_err(|error| malformed(&error))?;
        if wire.media_type != MEDIA_TYPE {
            return Err(ParseSigningConfigError::MediaType(wire.media_type.chars().take(100).collect()));
        }
        Ok(Self {
            authorities: list(wire.ca_urls)?,
            logs: list(wire.rekor_tlog_urls)?,
            log_choice: wire.rekor_tlog_config.as_ref().map_or(Ok(None), Choice::of)?,
            timestamp_authorities: list(wire.tsa_urls)?,
            timestamp_choice: wire.tsa_config.as_ref().map_or(Ok(None), Choice::of)?,
        })
    }

    /// The services of the public-good instance, which everybody may use.
    ///
    /// # Errors
    /// Never, unless the program was built with a broken one; a test reads it.
    pub fn public_good() -> Result<Self, ParseSigningConfigError> {
        Self::parse(include_bytes!("roots/public-good.signing.json"))
    }

    /// The authority that issues certificates at `now`.
    ///
    /// # Errors
    /// When none is in use that is understood.
    pub fn authority(&self, now: Timestamp) -> Result<ChosenService, NoService> {
        let found = in_use(&self.authorities, &[1], now).into_iter().next();
        found.ok_or(NoService { kind: ServiceKind::CertificateAuthority, wanted: 1, found: 0 })
    }

    /// The transparency logs that take signatures at `now`; none where the instance has none.
    ///
    /// # Errors
    /// When there are fewer in use that are understood than the configuration asks for.
    pub fn logs(&self, now: Timestamp) -> Result<Vec<ChosenService>, NoService> {
        choose(&self.logs, self.log_choice, &[2, 1], now, ServiceKind::TransparencyLog)
    }

    /// The authorities that sign the time at `now`; none where the instance has none.
    ///
    /// # Errors
    /// When there are fewer in use that are understood than the configuration asks for.
    pub fn timestamp_authorities(&self, now: Timestamp) -> Result<Vec<ChosenService>, NoService> {
        choose(&self.timestamp_authorities, self.timestamp_choice, &[1], now, ServiceKind::TimestampAuthority)
    }
}

/// A service as it is listed.
#[derive(Clone, Debug)]
struct Listed {
    service: ChosenService,
    operator: String,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

/// How many of the listed services take part.
#[derive(Clone, Copy, Debug)]
enum Choice {
    All,
    Any,
    Exactly(usize),
}

impl Choice {
    fn of(wire: &WireChoice) -> Result<Option<Self>, ParseSigningConfigError> {
        match wire.selector.as_str() {
            // cosign writes a choice without a selector where there is nothing to choose.
            "" | "SERVICE_SELECTOR_UNDEFINED" => Ok(None),
            "ALL" => Ok(Some(Self::All)),
            "ANY" => Ok(Some(Self::Any)),
            "EXACT" => match usize::try_from(wire.count) {
                Ok(count) if count > 0 => Ok(Some(Self::Exactly(count))),
                Ok(_) | Err(_) => Err(malformed(&"`EXACT` needs a count")),
            },
            other => {
                let other: String = other.chars().take(50).flat_map(char::escape_default).collect();
                Err(malformed(&format!("the selector `{other}` is not known")))
            }
        }
    }
}

/// Those in use at `now`: of the highest version that any of them has, one for each operator, the newest first.
fn in_use(listed: &[Listed], versions: &[u32], now: Timestamp) -> Vec<ChosenService> {
    let is_in_use = |one: &&Listed| one.start.is_none_or(|start| start <= now) && one.end.is_none_or(|end| now <= end);
    for version in versions {
        let of_version = listed.iter().filter(|one| one.service.version == *version).filter(is_in_use);
        let mut newest: Vec<_> = of_version.collect();
        newest.sort_by_key(|one| std::cmp::Reverse(one.start));
        let mut operators = BTreeSet::new();
        newest.retain(|one| operators.insert(&one.operator));
        if !newest.is_empty() {
            return newest.into_iter().map(|one| one.service.clone()).collect();
        }
    }
    Vec::new()
}

fn choose(
    listed: &[Listed],
    choice: Option<Choice>,
    versions: &[u32],
    now: Timestamp,
    kind: ServiceKind,
) -> Result<Vec<ChosenService>, NoService> {
    let Some(choice) = choice.filter(|_| !listed.is_empty()) else {
        // Without a word about how many: one, if there is any.
        return match listed {
            [] => Ok(Vec::new()),
            _ => choose(listed, Some(Choice::Any), versions, now, kind),
        };
    };
    let mut found = in_use(listed, versions, now);
    let wanted = match choice {
        Choice::All => found.len().max(1),
        Choice::Any => 1,
        Choice::Exactly(count) => count,
    };
    if found.len() < wanted || wanted > limits::SIGNING_SERVICES_USED {
        return Err(NoService { kind, wanted, found: found.len() });
    }
    found.truncate(wanted);
    Ok(found)
}

/// Why no service is chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the signing configuration wants {wanted} of {kind}, and has {found} in use that are understood (at most {} of them)",
    limits::SIGNING_SERVICES_USED
)]
pub struct NoService {
    kind: ServiceKind,
    wanted: usize,
    found: usize,
}

/// Why a file is no signing configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseSigningConfigError {
    /// It cannot be read.
    #[error("it is malformed: {0}")]
    Malformed(String),
    /// It is of another type.
    #[error("its media type is `{0}`, and `{MEDIA_TYPE}` is read")]
    MediaType(String),
    /// It is too long.
    #[error("it has more than {} bytes", limits::SIGNING_CONFIG_BYTES)]
    TooLong,
    /// A list is too long.
    #[error("a list in it has more than {} services", limits::SIGNING_SERVICES)]
    TooMany,
}

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";

fn malformed(detail: &dyn std::fmt::Display) -> ParseSigningConfigError {
    let text = detail.to_string().replace(char::is_control, " ");
    ParseSigningConfigError::Malformed(text.chars().take(limits::PRINTED_FINDING_BYTES).collect())
}

fn list(wire: Vec<WireService>) -> Result<Vec<Listed>, ParseSigningConfigError> {
    if wire.len() > limits::SIGNING_SERVICES {
        return Err(ParseSigningConfigError::TooMany);
    }
    wire.into_iter().map(Listed::of).collect()
}

impl Listed {
    fn of(wire: WireService) -> Result<Self, ParseSigningConfigError> {
        let url: Url = wire.url.parse().map_err(|error| malformed(&format!("a URL of a service: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(malformed(&"the URL of a service is none of HTTP"));
        }
        let window = wire.valid_for.unwrap_or_default();
        Ok(Self {
            service: ChosenService { url, version: wire.major_api_version },
            operator: wire.operator,
            start: window.start,
            end: window.end,
        })
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
struct Wire {
    media_type: String,
    #[serde(default)]
    ca_urls: Vec<WireService>,
    #[serde(default)]
    rekor_tlog_urls: Vec<WireService>,
    rekor_tlog_config: Option<WireChoice>,
    #[serde(default)]
    tsa_urls: Vec<WireService>,
    tsa_config: Option<WireChoice>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
struct WireService {
    url: String,
    #[serde(default)]
    major_api_version: u32,
    valid_for: Option<WireWindow>,
    #[serde(default)]
    operator: String,
}

#[derive(Default, Deserialize)]
#[serde(expecting = "an object")]
struct WireWindow {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct WireChoice {
    #[serde(default)]
    selector: String,
    #[serde(default)]
    count: u32,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn service(name: &str, version: u32, operator: &str, window: [Option<&str>; 2]) -> Value {
        json!({
            "url": format!("https://{name}.example.com"), "majorApiVersion": version, "operator": operator,
            "validFor": {"start": window[0], "end": window[1]},
        })
    }

    fn config(logs: &[Value], choice: &Value) -> Result<SigningConfig, ParseSigningConfigError> {
        let json = json!({"mediaType": MEDIA_TYPE, "rekorTlogUrls": logs, "rekorTlogConfig": choice});
        SigningConfig::parse(json.to_string().as_bytes())
    }

    fn hosts(logs: &[Value], choice: &Value) -> Result<Vec<String>, NoService> {
        let chosen = config(logs, choice).unwrap().logs(at("2026-01-01T00:00:00Z"))?;
        let host = |service: ChosenService| service.url.host_str().unwrap().trim_end_matches(".example.com").to_owned();
        Ok(chosen.into_iter().map(host).collect())
    }

    #[test]
    fn the_newest_of_the_highest_version_that_is_in_use() {
        let old = Some("2020-01-01T00:00:00Z");
        let new = Some("2025-01-01T00:00:00Z");
        let future = Some("2027-01-01T00:00:00Z");
        let logs = [
            service("v1", 1, "a", [old, None]),
            service("v2-ended", 2, "a", [old, new]),
            service("v2-old", 2, "a", [old, None]),
            service("v2-new", 2, "a", [new, future]),
            service("v2-future", 2, "a", [future, None]),
            service("v2-other", 2, "b", [old, None]),
            service("v3", 3, "c", [old, None]),
        ];
        let found = |choice: Value| hosts(&logs, &choice);
        assert_eq!(found(json!({"selector": "ANY"})).unwrap(), ["v2-new"]);
        assert_eq!(found(Value::Null).unwrap(), ["v2-new"]);
        assert_eq!(found(json!({})).unwrap(), ["v2-new"]);
        assert_eq!(found(json!({"selector": "ALL"})).unwrap(), ["v2-new", "v2-other"]);
        assert_eq!(found(json!({"selector": "EXACT", "count": 2})).unwrap(), ["v2-new", "v2-other"]);
        let error = found(json!({"selector": "EXACT", "count": 3})).unwrap_err();
        assert_eq!((error.wanted, error.found), (3, 2));
        assert_eq!(hosts(&logs[..1], &json!({"selector": "ANY"})).unwrap(), ["v1"]);
        assert_eq!(hosts(&logs[6..], &json!({"selector": "ANY"})).unwrap_err().found, 0);
        assert_eq!(hosts(&logs[6..], &json!({"selector": "ALL"})).unwrap_err().found, 0);
        assert!(hosts(&[], &json!({"selector": "ALL"})).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_configuration() {
        let good = service("a", 1, "a", [None, None]);
        for (logs, choice) in [
            (vec![json!({"url": "ftp://a"})], Value::Null),
            (vec![json!({"url": "a"})], Value::Null),
            (vec![json!({})], Value::Null),
            (vec![good.clone()], json!({"selector": "SOME"})),
            (vec![good.clone()], json!({"selector": "EXACT"})),
            (vec![good.clone(); limits::SIGNING_SERVICES + 1], Value::Null),
            (vec![service("a", 1, "a", [Some("yesterday"), None])], Value::Null),
        ] {
            assert!(config(&logs, &choice).is_err(), "{logs:?} {choice}");
        }
        for bad in ["", "{}", r#"{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.1+json"}"#] {
            assert!(SigningConfig::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(
            config(&[good], &json!({"selector": "EXACT", "count": 100})).unwrap().logs(Timestamp::UNIX_EPOCH).is_err()
        );
    }

    #[test]
    fn the_public_good_instance_is_built_in() {
        let config = SigningConfig::public_good().unwrap();
        let now = at("2026-11-01T00:00:00Z");
        assert_eq!(config.authority(now).unwrap().url.as_str(), "https://fulcio.sigstore.dev/");
        assert_eq!(config.logs(now).unwrap()[0].url.as_str(), "https://rekor.sigstore.dev/");
        let stamps = config.timestamp_authorities(now).unwrap();
        assert_eq!(stamps[0].url.as_str(), "https://timestamp.sigstore.dev/api/v1/timestamp");
    }
}
