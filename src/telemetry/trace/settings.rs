//! Where traces go, and which.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::Sampler;

/// Where traces go, which, and within what bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where they are posted to.
    pub endpoint: Url,
    /// Headers of every request to the collector. They may be credentials: none is ever printed.
    pub headers: HeaderMap,
    /// Certificate authorities that are trusted beside the system's, for whoever makes the client.
    pub certificates: Option<PathBuf>,
    /// Which requests are traced.
    pub sampler: Sampler,
    /// Who sends them, in the words of OpenTelemetry (`service.name`).
    pub resource: Vec<(String, String)>,
    /// The bounds.
    pub ceilings: Ceilings,
}

/// The bounds within which traces are kept and sent.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// Spans that wait. What comes then is dropped and counted.
    pub queue: usize,
    /// Spans of one request.
    pub batch: usize,
    /// For how long spans wait for others to be sent with.
    pub delay: Duration,
    /// Characters of one value of a span.
    pub text_chars: usize,
    /// How long one request to the collector may take.
    pub request_time: Duration,
    /// How often a request is repeated that may go better the next time.
    pub retries: usize,
    /// The first wait before it is; it doubles.
    pub retry_wait: Duration,
    /// The longest wait before it is, whatever the collector asks for.
    pub longest_wait: Duration,
    /// Bytes of the collector's answer that are read.
    pub answer_bytes: usize,
}

/// Why there are no traces though they are asked for. No value of the environment is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{place}` {why}")]
pub struct SettingsError {
    /// The variable or the argument.
    place: &'static str,
    why: &'static str,
}

/// Every variable of the environment that is read, with what it says
/// (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
pub const VARIABLES: &[(&str, &str)] = &[
    (DELAY, "milliseconds for which spans wait for others"),
    (CERTIFICATE, "certificate authorities for the collector, beside the system's"),
    (ENDPOINT, "collector of traces, to whose address /v1/traces is added"),
    (HEADERS, "headers for the collector, as NAME=VALUE,NAME=VALUE; they stay secret"),
    (PROTOCOL, "how traces are sent; it can be http/protobuf only"),
    (TIMEOUT, "milliseconds that a request to the collector may take"),
    (TRACES_CERTIFICATE, "certificate authorities for traces alone"),
    (TRACES_ENDPOINT, "where traces are posted to, as it stands; --traces-endpoint wins"),
    (TRACES_HEADERS, "headers for traces alone"),
    (TRACES_PROTOCOL, "how traces alone are sent"),
    (TRACES_TIMEOUT, "milliseconds for traces alone"),
    (RESOURCE_ATTRIBUTES, "what else is said of who sends traces, as NAME=VALUE,NAME=VALUE"),
    (DISABLED, "if true, no traces are sent"),
    (SERVICE_NAME, "name under which traces are sent, in place of countersign"),
    (EXPORTER, "if none, no traces are sent"),
    (SAMPLER, "which requests are traced: parentbased_traceidratio, always_on and others"),
    (SAMPLER_RATIO, "share of requests that are traced; --traces-sample wins"),
];

const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
const DELAY: &str = "OTEL_BSP_SCHEDULE_DELAY";
const DISABLED: &str = "OTEL_SDK_DISABLED";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_RATIO: &str = "OTEL_TRACES_SAMPLER_ARG";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TIMEOUT";
const TRACES_CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const TRACES_HEADERS: &str = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
const TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
const TRACES_TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT";
/// The argument by which the collector is named.
const ENDPOINT_ARGUMENT: &str = "--traces-endpoint";
/// The argument by which the share of requests is named.
const RATIO_ARGUMENT: &str = "--traces-sample";

/// The path to which OTLP posts traces, by default.
const PATH: &str = "v1/traces";

impl Settings {
    /// What the arguments and the environment say, in which `variable` looks one up; none where they name no collector, or
    /// traces are turned off. An `endpoint` without a path is taken for the collector's address.
    ///
    /// # Errors
    /// When they say what cannot be.
    pub fn new(
        endpoint: Option<&str>,
        ratio: Option<f64>,
        variable: impl Fn(&str) -> Option<String>,
        ceilings: Ceilings,
    ) -> Result<Option<Self>, SettingsError> {
        let set = |name: &'static str| variable(name).map(|value| value.trim().to_owned()).filter(|v| !v.is_empty());
        let off = set(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || set(EXPORTER).is_some_and(|value| value == "none");
        let either = |first, second| set(first).map(|value| (first, value)).or(set(second).map(|v| (second, v)));
        let endpoint = match (endpoint, set(TRACES_ENDPOINT), set(ENDPOINT)) {
            _ if off => return Ok(None),
            (None, None, None) => return Ok(None),
            (Some(text), _, _) => with_path(address(ENDPOINT_ARGUMENT, text)?),
            (None, Some(text), _) => address(TRACES_ENDPOINT, &text)?,
            (None, None, Some(text)) => below(&address(ENDPOINT, &text)?),
        };
        if let Some((place, protocol)) = either(TRACES_PROTOCOL, PROTOCOL)
            && protocol != "http/protobuf"
        {
            return Err(SettingsError { place, why: "can be `http/protobuf` only" });
        }
        let mut ceilings = ceilings;
        if let Some((place, time)) = either(TRACES_TIMEOUT, TIMEOUT) {
            ceilings.request_time = milliseconds(place, &time)?;
        }
        if let Some(time) = set(DELAY) {
            ceilings.delay = milliseconds(DELAY, &time)?;
        }
        let mut headers = HeaderMap::new();
        if let Some((place, text)) = either(TRACES_HEADERS, HEADERS) {
            for (name, value) in pairs(place, &text)? {
                let bad = SettingsError { place, why: "holds what is no header" };
                let name = HeaderName::try_from(name).map_err(|_| bad)?;
                let mut value = HeaderValue::try_from(value).map_err(|_| bad)?;
                value.set_sensitive(true);
                headers.append(name, value);
            }
        }
        let mut resource = vec![
            ("service.name".to_owned(), env!("CARGO_PKG_NAME").to_owned()),
            ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let described = match set(RESOURCE_ATTRIBUTES) {
            None => Vec::new(),
            Some(text) => pairs(RESOURCE_ATTRIBUTES, &text)?,
        };
        let named = set(SERVICE_NAME).map(|name| ("service.name".to_owned(), name));
        for (key, value) in described.into_iter().chain(named) {
            resource.retain(|(known, _)| *known != key);
            resource.push((key, value));
        }
        let certificates = either(TRACES_CERTIFICATE, CERTIFICATE).map(|(_, path)| path.into());
        let sampler = sampler(ratio, set(SAMPLER).as_deref(), set(SAMPLER_RATIO).as_deref())?;
        Ok(Some(Self { endpoint, headers, certificates, sampler, resource, ceilings }))
    }
}

/// Which requests are traced: all whose caller is not traced, where nothing else is said.
fn sampler(ratio: Option<f64>, named: Option<&str>, argument: Option<&str>) -> Result<Sampler, SettingsError> {
    let bad = SettingsError { place: SAMPLER_RATIO, why: "is no number from 0 to 1" };
    let share = || argument.map_or(Ok(1.0), |text| text.parse().map_err(|_| bad));
    let sampler = match named {
        None | Some("parentbased_always_on") => Sampler::following(1.0),
        Some("parentbased_always_off") => Sampler::following(0.0),
        Some("parentbased_traceidratio") => Sampler::following(share()?),
        Some("always_on") => Sampler::of_all(1.0),
        Some("always_off") => Sampler::of_all(0.0),
        Some("traceidratio") => Sampler::of_all(share()?),
        Some(_) => return Err(SettingsError { place: SAMPLER, why: "names no sampler that is known" }),
    };
    let sampler = sampler.ok_or(bad)?;
    match ratio {
        None => Ok(sampler),
        Some(ratio) => {
            let bad = SettingsError { place: RATIO_ARGUMENT, why: "is no number from 0 to 1" };
            sampler.with_ratio(ratio).ok_or(bad)
        }
    }
}

/// The address of a collector.
fn address(place: &'static str, text: &str) -> Result<Url, SettingsError> {
    let bad = |why| SettingsError { place, why };
    let url = Url::parse(text).map_err(|_| bad("is no address like `http://collector:4318`"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(bad("is no address like `http://collector:4318`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("holds credentials; they belong into OTEL_EXPORTER_OTLP_HEADERS"));
    }
    Ok(url)
}

/// The address itself, or, where it has no path, the one to which traces are posted there.
fn with_path(url: Url) -> Url {
    if url.path() == "/" { below(&url) } else { url }
}

/// The address to which traces are posted below this one.
fn below(url: &Url) -> Url {
    let mut url = url.clone();
    let path = format!("{}/{PATH}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

fn milliseconds(place: &'static str, text: &str) -> Result<Duration, SettingsError> {
    let bad = |_| SettingsError { place, why: "is no number of milliseconds" };
    text.parse().map(Duration::from_millis).map_err(bad)
}

/// What a list of names and values holds (<https://www.w3.org/TR/baggage/#header-content>, without properties).
fn pairs(place: &'static str, text: &str) -> Result<Vec<(String, String)>, SettingsError> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let read = |entry: &str| {
        let (name, value) = entry.split_once('=')?;
        Some((decoded(name.trim())?, decoded(value.trim())?)).filter(|(name, _)| !name.is_empty())
    };
    let bad = SettingsError { place, why: "is no list like `NAME=VALUE,NAME=VALUE`" };
    entries.map(|entry| read(entry).ok_or(bad)).collect()
}

/// The text that stands for itself, or by `%` and two digits for a byte.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        bytes.push(is_hex.then(|| u8::from_str_radix(digits, 16).ok())??);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CEILINGS: Ceilings = Ceilings {
        queue: 1,
        batch: 1,
        delay: Duration::from_secs(5),
        text_chars: 1,
        request_time: Duration::from_secs(10),
        retries: 0,
        retry_wait: Duration::ZERO,
        longest_wait: Duration::ZERO,
        answer_bytes: 0,
    };

    fn read(
        endpoint: Option<&str>,
        ratio: Option<f64>,
        variables: &[(&str, &str)],
    ) -> Result<Option<Settings>, SettingsError> {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        Settings::new(endpoint, ratio, value, CEILINGS)
    }

    #[test]
    fn where_traces_go() {
        let to = "http://collector:4318";
        for (endpoint, variables, expected) in [
            (None, &[][..], None),
            (None, &[("OTEL_EXPORTER_OTLP_HEADERS", "a=b")], None),
            (None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], None),
            (None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", to)], Some("http://collector:4318/v1/traces")),
            (None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/otlp/")], Some("https://c/otlp/v1/traces")),
            (None, &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/here")], Some("http://c/here")),
            (None, &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c")], Some("http://c/")),
            (
                None,
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", to), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/here")],
                Some("http://c/here"),
            ),
            (Some(to), &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other")], Some("http://collector:4318/v1/traces")),
            (Some("https://c/here?key=1"), &[], Some("https://c/here?key=1")),
            (Some(to), &[("OTEL_SDK_DISABLED", "TRUE")], None),
            (Some(to), &[("OTEL_SDK_DISABLED", "false")], Some("http://collector:4318/v1/traces")),
            (Some(to), &[("OTEL_TRACES_EXPORTER", "none")], None),
            (Some(to), &[("OTEL_TRACES_EXPORTER", "otlp")], Some("http://collector:4318/v1/traces")),
        ] {
            let found = read(endpoint, None, variables).unwrap().map(|settings| settings.endpoint.to_string());
            assert_eq!(found.as_deref(), expected, "{endpoint:?} {variables:?}");
        }
    }

    #[test]
    fn which_requests_are_traced() {
        for (ratio, variables, expected) in [
            (None, &[][..], Sampler::following(1.0)),
            (Some(0.5), &[], Sampler::following(0.5)),
            (None, &[("OTEL_TRACES_SAMPLER", "parentbased_always_off")], Sampler::following(0.0)),
            (None, &[("OTEL_TRACES_SAMPLER", "always_on")], Sampler::of_all(1.0)),
            (None, &[("OTEL_TRACES_SAMPLER", "always_off")], Sampler::of_all(0.0)),
            (Some(0.5), &[("OTEL_TRACES_SAMPLER", "always_on")], Sampler::of_all(0.5)),
            (None, &[("OTEL_TRACES_SAMPLER", "traceidratio")], Sampler::of_all(1.0)),
            (
                None,
                &[("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.1")],
                Sampler::following(0.1),
            ),
        ] {
            let found = read(Some("http://c"), ratio, variables).unwrap().unwrap();
            assert_eq!(Some(found.sampler), expected, "{ratio:?} {variables:?}");
        }
    }

    #[test]
    fn who_sends_them_with_which_headers_in_what_time() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2, x-tenant = a%2Cb,"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,k8s.pod.name=web-0"),
            ("OTEL_SERVICE_NAME", "gate"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
        ];
        let settings = read(Some("http://c"), None, &variables).unwrap().unwrap();
        assert_eq!(settings.headers["authorization"], "Bearer hunter2");
        assert_eq!(settings.headers["x-tenant"], "a,b");
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert_eq!(settings.ceilings.request_time, Duration::from_millis(1500));
        assert_eq!(settings.ceilings.delay, Duration::from_millis(20));
        assert_eq!(settings.certificates, Some("/ca.pem".into()));
        let version = env!("CARGO_PKG_VERSION");
        let expected = [("service.version", version), ("k8s.pod.name", "web-0"), ("service.name", "gate")];
        assert_eq!(settings.resource, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));

        let own = [variables[0], ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x=y")];
        let settings = read(Some("http://c"), None, &own).unwrap().unwrap();
        assert_eq!(settings.headers.len(), 1);
        assert_eq!(settings.headers["x"], "y");
    }

    #[test]
    fn what_cannot_be_is_refused_and_not_printed() {
        for (endpoint, ratio, variable) in [
            ("hunter2", None, None),
            ("collector:4318", None, None),
            ("ftp://hunter2", None, None),
            ("http://user:hunter2@collector", None, None),
            ("http://hunter2@collector", None, None),
            ("http://c", Some(1.5), None),
            ("http://c", Some(f64::NAN), None),
            ("http://c", None, Some(("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"))),
            ("http://c", None, Some(("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"))),
            ("http://c", None, Some(("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"))),
            ("http://c", None, Some(("OTEL_BSP_SCHEDULE_DELAY", "-1"))),
            ("http://c", None, Some(("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"))),
            ("http://c", None, Some(("OTEL_EXPORTER_OTLP_HEADERS", "=hunter2"))),
            ("http://c", None, Some(("OTEL_EXPORTER_OTLP_HEADERS", "a b=hunter2"))),
            ("http://c", None, Some(("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%0A"))),
            ("http://c", None, Some(("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%0"))),
            ("http://c", None, Some(("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%+1"))),
            ("http://c", None, Some(("OTEL_RESOURCE_ATTRIBUTES", "hunter2"))),
            ("http://c", None, Some(("OTEL_TRACES_SAMPLER", "jaeger_remote"))),
        ] {
            let error = read(Some(endpoint), ratio, variable.as_slice()).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
            let place = variable.map_or("--traces-", |(name, _)| name);
            assert!(error.contains(place), "{endpoint} {ratio:?} {variable:?}: {error}");
        }
        let ratio = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
        let error = read(Some("http://c"), None, &ratio).unwrap_err().to_string();
        assert_eq!(error, "`OTEL_TRACES_SAMPLER_ARG` is no number from 0 to 1");
    }
}
