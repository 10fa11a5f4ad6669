//! Where a webhook is asked, and about what.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::policy::WorkloadKind;

/// The address at which webhook configurations have to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAddress(Address);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    /// A Service of the controller's namespace.
    Service { name: String, port: u16 },
    /// `https://HOST:PORT`.
    Url(String),
}

/// The port of a Service that is asked where a configuration names none.
const PORT: u16 = 443;

impl FromStr for WebhookAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(rest) = text.strip_prefix("https://") {
            let is_host = !rest.is_empty() && !rest.contains(['/', '?', '#', '@']);
            return if is_host {
                Ok(Self(Address::Url(text.to_owned())))
            } else {
                Err("not `https://HOST:PORT`".to_owned())
            };
        }
        let (name, port) = match text.split_once(':') {
            None => (text, PORT),
            Some((name, port)) => (name, port.parse().map_err(|_| format!("`{port}` is no port"))?),
        };
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(format!("`{name}` is no name of a Service"));
        }
        Ok(Self(Address::Service { name: name.to_owned(), port }))
    }
}

impl WebhookAddress {
    /// The host and port at which it is found; Services are those of `namespace`.
    pub fn found_at(&self, namespace: &str) -> Option<(String, u16)> {
        match &self.0 {
            Address::Service { name, port } => Some((format!("{name}.{namespace}.svc"), *port)),
            Address::Url(url) => {
                let url = url::Url::parse(url).ok()?;
                Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
            }
        }
    }
}

impl fmt::Display for WebhookAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Address::Service { name, port } => write!(f, "port {port} of the Service `{name}`"),
            Address::Url(url) => write!(f, "`{url}`"),
        }
    }
}

/// How a webhook is asked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientConfig {
    #[serde(default)]
    pub(super) ca_bundle: String,
    url: Option<String>,
    service: Option<Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    path: String,
    port: Option<u16>,
}

impl ClientConfig {
    /// The name under which whoever is asked has to be known.
    pub(super) fn host(&self) -> Option<String> {
        if let Some(service) = &self.service {
            return Some(format!("{}.{}.svc", service.name, service.namespace));
        }
        let url = url::Url::parse(self.url.as_deref()?).ok()?;
        Some(url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned())
    }

    /// Whether the webhook is asked at `path` of `address`, or of wherever it is where that is not known; Services are
    /// those of `namespace`.
    pub(super) fn asks_at(&self, path: &str, address: Option<&WebhookAddress>, namespace: &str) -> bool {
        match (&self.service, &self.url) {
            (Some(service), None) => {
                let is_at = |address: &WebhookAddress| match &address.0 {
                    Address::Service { name, port } => {
                        service.namespace == namespace && service.name == *name && service.port.unwrap_or(PORT) == *port
                    }
                    Address::Url(_) => false,
                };
                service.path == path && address.is_none_or(is_at)
            }
            (None, Some(url)) => {
                let Some(host) = url.strip_suffix(path) else {
                    return false;
                };
                match address.map(|address| &address.0) {
                    None => host.strip_prefix("https://").is_some_and(|host| !host.contains('/')),
                    Some(Address::Service { .. }) => false,
                    Some(Address::Url(base)) => host == base,
                }
            }
            (None, None) | (Some(_), Some(_)) => false,
        }
    }
}

/// About which requests a webhook is asked.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Rule {
    api_groups: Vec<String>,
    api_versions: Vec<String>,
    operations: Vec<String>,
    resources: Vec<String>,
    scope: String,
}

impl Rule {
    /// Whether it is about `operation` on `resource`, as in `pods/exec`, of `group` at `v1`, in a namespace.
    pub(super) fn asks_about(&self, operation: &str, resource: &str, group: &str) -> bool {
        self.asks(group, &["v1"], operation, resource) && self.is_of("Namespaced")
    }

    /// Whether it is about `operation` on this resource of `countersign.dev` at every version, in whatever scope.
    pub(super) fn asks_about_own(&self, operation: &str, resource: &str) -> bool {
        self.asks("countersign.dev", &["*"], operation, resource) && self.is_of("*")
    }

    /// Whether it is about `operation` on custom resources of this kind, in a namespace. With one version it is about all:
    /// the API server converts the others.
    pub(super) fn asks_about_custom(&self, operation: &str, kind: &WorkloadKind) -> bool {
        let versions: Vec<_> = kind.versions.iter().map(String::as_str).collect();
        self.asks(&kind.group, &versions, operation, &kind.resource) && self.is_of("Namespaced")
    }

    fn asks(&self, group: &str, versions: &[&str], operation: &str, resource: &str) -> bool {
        let names = |list: &[String], name: &str| list.iter().any(|listed| listed == name || listed == "*");
        names(&self.api_groups, group)
            && versions.iter().any(|version| names(&self.api_versions, version))
            && names(&self.operations, operation)
            && self.resources.iter().any(|pattern| is_about(pattern, resource))
    }

    fn is_of(&self, scope: &str) -> bool {
        ["", "*", scope].contains(&self.scope.as_str())
    }
}

/// Whether `pattern` is about `resource`, as the API server reads it: `*` is about no subresources, `*/*` about all.
fn is_about(pattern: &str, resource: &str) -> bool {
    let (pattern, pattern_below) = pattern.split_once('/').unwrap_or((pattern, ""));
    let (resource, below) = resource.split_once('/').unwrap_or((resource, ""));
    let names = |pattern: &str, name: &str| pattern == "*" || pattern == name;
    names(pattern, resource) && names(pattern_below, below)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_address_is_a_service_or_a_url() {
        for (text, shown) in [
            ("countersign", "port 443 of the Service `countersign`"),
            ("countersign:8443", "port 8443 of the Service `countersign`"),
            ("https://192.0.2.1:8443", "`https://192.0.2.1:8443`"),
        ] {
            assert_eq!(text.parse::<WebhookAddress>().unwrap().to_string(), shown);
        }
        for (text, found_at) in [
            ("countersign", ("countersign.ours.svc", 443)),
            ("countersign:8443", ("countersign.ours.svc", 8443)),
            ("https://192.0.2.1:8443", ("192.0.2.1", 8443)),
            ("https://[::1]", ("[::1]", 443)),
        ] {
            let (host, port) = text.parse::<WebhookAddress>().unwrap().found_at("ours").unwrap();
            assert_eq!((host.as_str(), port), found_at, "{text}");
        }
        for bad in ["", "a/b", "a:b", "http://a.example", "https://", "https://a.example/validate", "https://a@b", ":1"]
        {
            assert!(bad.parse::<WebhookAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_webhook_is_asked_where_it_has_to_be() {
        let service = |namespace: &str, name: &str, path: &str, port: Option<u16>| {
            let mut service = json!({"namespace": namespace, "name": name, "path": path});
            if let Some(port) = port {
                service["port"] = json!(port);
            }
            json!({"service": service})
        };
        let url = |url: &str| json!({"url": url});
        let (by_service, by_url) = (Some("countersign"), Some("https://192.0.2.1:8443"));
        let rows = [
            (service("ours", "countersign", "/validate", Some(443)), by_service, true),
            (service("ours", "countersign", "/validate", None), by_service, true),
            (service("ours", "countersign", "/validate", Some(8443)), by_service, false),
            (service("ours", "countersign", "/mutate", Some(443)), by_service, false),
            (service("ours", "countersign", "", Some(443)), by_service, false),
            (service("ours", "other", "/validate", Some(443)), by_service, false),
            (service("theirs", "countersign", "/validate", Some(443)), by_service, false),
            (service("ours", "countersign", "/validate", Some(443)), by_url, false),
            (url("https://192.0.2.1:8443/validate"), by_url, true),
            (url("https://192.0.2.1:8443/mutate"), by_url, false),
            (url("https://192.0.2.2:8443/validate"), by_url, false),
            (url("https://192.0.2.1:8443/elsewhere/validate"), by_url, false),
            (url("https://192.0.2.1:8443/validate"), by_service, false),
            (json!({}), by_service, false),
            // Where it is not known which address it is, the path counts.
            (service("theirs", "other", "/validate", None), None, true),
            (service("theirs", "other", "/allow", None), None, false),
            (url("https://192.0.2.2/validate"), None, true),
            (url("https://192.0.2.2/not/validate"), None, false),
            (url("https://192.0.2.2/mutate"), None, false),
            (json!({}), None, false),
        ];
        for (config, address, is_there) in rows {
            let read: ClientConfig = serde_json::from_value(config.clone()).unwrap();
            let address: Option<WebhookAddress> = address.map(|address| address.parse().unwrap());
            assert_eq!(read.asks_at("/validate", address.as_ref(), "ours"), is_there, "{config} {address:?}");
        }
    }

    #[test]
    fn a_webhook_is_known_under_the_name_at_which_it_is_asked() {
        for (config, host) in [
            (json!({"service": {"namespace": "ours", "name": "countersign"}}), Some("countersign.ours.svc")),
            (json!({"url": "https://a.example:8443/validate"}), Some("a.example")),
            (json!({"url": "https://127.0.0.1:8443/validate"}), Some("127.0.0.1")),
            (json!({"url": "https://[::1]:8443/validate"}), Some("::1")),
            (json!({"url": "nothing"}), None),
            (json!({}), None),
        ] {
            let read: ClientConfig = serde_json::from_value(config).unwrap();
            assert_eq!(read.host().as_deref(), host);
        }
    }

    #[test]
    fn a_rule_is_about_what_it_names() {
        let rule = |changes: &[(&str, Value)]| {
            let mut rule = json!({
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                "resources": ["pods", "pods/ephemeralcontainers"], "scope": "Namespaced",
            });
            for (name, value) in changes {
                rule[*name] = value.clone();
            }
            let rule: Rule = serde_json::from_value(rule).unwrap();
            ["pods", "pods/ephemeralcontainers"].map(|resource| rule.asks_about("CREATE", resource, ""))
        };
        let rows = [
            ("scope", json!("Namespaced"), [true, true]),
            ("scope", json!("*"), [true, true]),
            ("scope", json!("Cluster"), [false, false]),
            ("apiGroups", json!(["*"]), [true, true]),
            ("apiGroups", json!(["apps"]), [false, false]),
            ("apiGroups", json!([]), [false, false]),
            ("apiVersions", json!(["*"]), [true, true]),
            ("apiVersions", json!(["v2"]), [false, false]),
            ("operations", json!(["*"]), [true, true]),
            ("operations", json!(["UPDATE"]), [false, false]),
            ("resources", json!(["*"]), [true, false]),
            ("resources", json!(["*/*"]), [true, true]),
            ("resources", json!(["pods/*"]), [true, true]),
            ("resources", json!(["*/ephemeralcontainers"]), [false, true]),
            ("resources", json!(["pods", "*/status"]), [true, false]),
            ("resources", json!(["jobs"]), [false, false]),
        ];
        for (name, value, about) in rows {
            assert_eq!(rule(&[(name, value.clone())]), about, "{name}: {value}");
        }
        let unscoped: Rule = serde_json::from_value(
            json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}),
        )
        .unwrap();
        assert!(unscoped.asks_about("CREATE", "pods", ""));
    }
}
