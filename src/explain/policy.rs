//! Policies in words.
//!
//! A field for which there are no words is printed as it is: an explanation leaves nothing out.

use serde_json::{Map, Value};

use super::{plain, quoted};
use crate::limits;
use crate::trust::PublicKey;

/// One policy as its author wrote it: `name` and `spec` of a ClusterImagePolicy, or of what wants to be one.
///
/// What it covers, who has to vouch for an image and with what, and what happens otherwise. Every line is safe to print.
pub fn policy(name: &str, kind: &str, spec: &Value) -> String {
    let mut text = Text::default();
    text.line(0, &format!("{} {}", plain(kind, limits::PRINTED_NAME_BYTES), name_of(name)));
    let mut rest = members(spec);
    text.line(1, "is about:");
    for image in list(rest.remove("images").as_ref()) {
        text.line(2, &glob(image.get("glob").unwrap_or(&Value::Null)));
    }
    if let Some(resources) = rest.remove("match").filter(|value| !list(Some(value)).is_empty()) {
        text.line(1, "where the object is:");
        list(Some(&resources)).iter().for_each(|resource| text.line(2, &object(resource)));
    }
    let authorities = rest.remove("authorities");
    let authorities = list(authorities.as_ref());
    text.line(1, if authorities.len() == 1 { "asks that:" } else { "asks for any one of these:" });
    for (index, authority) in authorities.iter().enumerate() {
        self::authority(index, authority, &mut text);
    }
    if let Some(condition) = rest.remove("policy") {
        own_condition(&condition, &mut text);
    }
    let mode = rest.remove("mode");
    rest.iter().for_each(|(field, value)| text.line(1, &as_it_is(field, value)));
    let warns = mode.as_ref().and_then(Value::as_str) == Some("warn");
    text.line(
        1,
        if warns { "otherwise the image is allowed with a warning" } else { "otherwise the image is refused" },
    );
    text.0
}

/// Lines, moved to the right by their depth.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, depth: usize, line: &str) {
        self.0.extend(std::iter::repeat_n(' ', depth * 2));
        self.0.push_str(line);
        self.0.push('\n');
    }
}

fn authority(index: usize, authority: &Value, text: &mut Text) {
    let mut rest = members(authority);
    let name = match rest.remove("name").as_ref().and_then(Value::as_str) {
        Some(name) if !name.is_empty() => name_of(name),
        Some(_) | None => name_of(&format!("authority-{index}")),
    };
    let attestations = rest.remove("attestations");
    let verb = if attestations.is_some() { "attested" } else { "signed" };
    if let Some(key) = rest.remove("key") {
        text.line(2, &format!("{name}: it is {verb} with {}", self::key(&key)));
    } else if let Some(keyless) = rest.remove("keyless") {
        text.line(2, &format!("{name}: it is {verb} under a certificate for"));
        self::keyless(&keyless, text);
    } else if let Some(fixed) = rest.remove("static") {
        text.line(2, &format!("{name}: {}", self::fixed(&fixed)));
    } else {
        text.line(2, &format!("{name}:"));
    }
    let attestations = list(attestations.as_ref());
    if !attestations.is_empty() {
        text.line(3, "which says all of this:");
    }
    attestations.iter().for_each(|attestation| self::attestation(attestation, text));
    rest.iter().for_each(|(field, value)| text.line(3, &as_it_is(field, value)));
}

fn key(key: &Value) -> String {
    let mut rest = members(key);
    let mut words = if let Some(pem) = rest.remove("data").as_ref().and_then(Value::as_str) {
        match PublicKey::from_pem(pem) {
            Ok(key) => format!("the key with the fingerprint {}", short(&key.fingerprint().hex())),
            Err(error) => {
                format!("a key that cannot be read ({})", plain(&error.to_string(), limits::PRINTED_NAME_BYTES))
            }
        }
    } else if let Some(secret) = rest.remove("secretRef") {
        format!("the key in the Secret {}", reference(&secret))
    } else if let Some(kms) = rest.remove("kms") {
        format!("the key that is held at {}", value(&kms))
    } else {
        "a key".to_owned()
    };
    if let Some(hash) = rest.remove("hashAlgorithm") {
        words.push_str(&format!(", hashed by {}", value(&hash)));
    }
    with_rest(words, &rest)
}

/// The first digits of a fingerprint.
fn short(hex: &str) -> String {
    hex.chars().take(12).collect()
}

fn reference(object: &Value) -> String {
    let part = |name: &str| object.get(name).and_then(Value::as_str).filter(|part| !part.is_empty());
    match (part("namespace"), part("name").unwrap_or_default()) {
        (Some(namespace), name) => name_of(&format!("{namespace}/{name}")),
        (None, name) => name_of(name),
    }
}

fn keyless(keyless: &Value, text: &mut Text) {
    let mut rest = members(keyless);
    let identities = rest.remove("identities");
    for identity in list(identities.as_ref()) {
        let mut rest = members(identity);
        let mut part = |exact: &str, regex: &str| match (rest.remove(exact), rest.remove(regex)) {
            (Some(exact), _) => Some(value(&exact)),
            (None, Some(regex)) => Some(format!("whatever {} matches as a whole", value(&regex))),
            (None, None) => None,
        };
        let subject = part("subject", "subjectRegExp").unwrap_or_else(|| "anybody".to_owned());
        let issuer = part("issuer", "issuerRegExp").map(|issuer| format!(", as {issuer} says")).unwrap_or_default();
        text.line(4, &with_rest(format!("{subject}{issuer}"), &rest));
    }
    let root = match (rest.remove("trustRootRef"), rest.remove("ca-cert")) {
        (Some(root), _) => format!("the TrustRoot {}", value(&root)),
        (None, Some(key)) => format!("{}, as its authority", self::key(&key)),
        (None, None) => "the root of the public Sigstore".to_owned(),
    };
    // Only its presence matters, and that is said.
    rest.remove("url");
    text.line(3, &format!("by an authority of {root}"));
    rest.iter().for_each(|(field, value)| text.line(3, &as_it_is(field, value)));
}

fn fixed(fixed: &Value) -> String {
    let message = fixed.get("message").and_then(Value::as_str).filter(|message| !message.is_empty());
    match fixed.get("action").and_then(Value::as_str) {
        Some("pass") => "nothing: every image passes, unseen".to_owned(),
        Some("fail") => match message {
            Some(message) => {
                format!("what nobody has: every image is refused ({})", quoted(message, limits::PRINTED_FINDING_BYTES))
            }
            None => "what nobody has: every image is refused".to_owned(),
        },
        Some(_) | None => as_it_is("static", fixed),
    }
}

fn attestation(attestation: &Value, text: &mut Text) {
    let mut rest = members(attestation);
    let name = value(&rest.remove("name").unwrap_or(Value::Null));
    let predicate_type = value(&rest.remove("predicateType").unwrap_or(Value::Null));
    let select = match rest.remove("select").as_ref().and_then(Value::as_str) {
        Some("all") => ", each that there is",
        Some("latest") => ", the latest that there is",
        Some(_) | None => "",
    };
    text.line(4, &format!("{name}: of the type {predicate_type}{select}"));
    for (field, value) in &rest {
        requirement(field, value, text);
    }
}

/// What the policy's own condition may see besides what its authorities found.
const SEEN: [(&str, &str); 4] = [
    ("fetchConfigFile", "the configuration of the image"),
    ("includeObjectMeta", "the metadata of the object"),
    ("includeSpec", "the specification of the object"),
    ("includeTypeMeta", "the kind of the object"),
];

/// The condition over everything that satisfied the authorities.
fn own_condition(condition: &Value, text: &mut Text) {
    let mut rest = members(condition);
    let mut seen = Vec::new();
    for (field, words) in SEEN {
        match rest.get(field) {
            Some(Value::Bool(is_seen)) => seen.extend(is_seen.then_some(words)),
            Some(_) | None => continue,
        }
        rest.remove(field);
    }
    let seen = if seen.is_empty() { String::new() } else { format!(", which sees {} too", seen.join(", ")) };
    let language = value(&rest.remove("type").unwrap_or(Value::Null));
    text.line(1, &format!("and that a condition over all of this accepts it, in {language}{seen}:"));
    match rest.remove("data") {
        Some(Value::String(condition)) => {
            condition.lines().for_each(|line| text.line(2, &plain(line, limits::PRINTED_FINDING_BYTES)));
        }
        Some(other) => text.line(2, &as_it_is("data", &other)),
        None => {}
    }
    if let Some(place) = rest.remove("configMapRef") {
        text.line(2, &format!("the condition is in the ConfigMap {}", json(&place)));
    }
    if let Some(place) = rest.remove("remote") {
        text.line(2, &format!("the condition is fetched from {}", remote(&place)));
    }
    rest.iter().for_each(|(field, value)| text.line(2, &as_it_is(field, value)));
}

/// Where a condition is fetched from, and what it has to be.
fn remote(place: &Value) -> String {
    let mut rest = members(place);
    let mut part = |name: &str| value(&rest.remove(name).unwrap_or(Value::Null));
    let words = format!("{}, with the SHA-256 {}", part("url"), part("sha256sum"));
    with_rest(words, &rest)
}

/// Phrases for fields of requirements; what stands behind them is the field's value.
const PHRASES: [(&str, &str); 25] = [
    ("provenance.builder", "built by"),
    ("provenance.buildType", "built in the way"),
    ("provenance.trigger", "started by"),
    ("provenance.maxAge", "built no longer ago than"),
    ("provenance.source.repository", "from the repository"),
    ("provenance.source.ref", "at the reference"),
    ("provenance.source.branch", "at the branch"),
    ("provenance.source.tag", "at the tag"),
    ("provenance.source.versionedTag", "at a tag with a version of"),
    ("provenance.source.commit", "at the commit"),
    ("provenance.workflow.path", "by the workflow"),
    ("provenance.resolvedDependencies.onlyFrom", "out of nothing but what is from"),
    ("provenance.materials.onlyFrom", "out of nothing but what is from"),
    ("vulnerabilities.maximumSeverity", "nothing found that is worse than"),
    ("vulnerabilities.maxAge", "scanned no longer ago than"),
    ("vulnerabilities.onlyFixable", "only what has a fix counts:"),
    ("sbom.format", "in the format"),
    ("sbom.allowedLicenses", "no licence but"),
    ("test.result", "tests"),
    ("verificationSummary.verifier", "verified by"),
    ("verificationSummary.resourceUri", "about"),
    ("verificationSummary.levels", "with all the levels"),
    ("verificationSummary.maxAge", "verified no longer ago than"),
    ("policy.type", "which a condition accepts, in"),
    ("policy.configMapRef", "the condition is in the ConfigMap"),
];

fn requirement(path: &str, found: &Value, text: &mut Text) {
    if let Some((_, phrase)) = PHRASES.iter().find(|(known, _)| *known == path) {
        text.line(5, &format!("{phrase} {}", value(found)));
        return;
    }
    match (path, found) {
        ("policy.data", Value::String(condition)) => {
            text.line(5, "the condition:");
            condition.lines().for_each(|line| text.line(6, &plain(line, limits::PRINTED_FINDING_BYTES)));
        }
        ("policy.remote", found) => text.line(5, &format!("the condition is fetched from {}", remote(found))),
        ("vulnerabilities.ignore", Value::Array(ignored)) => {
            for entry in ignored {
                let part = |name: &str| value(entry.get(name).unwrap_or(&Value::Null));
                let until = entry.get("until").map(|until| format!(" until {}", value(until)));
                let until = until.unwrap_or_else(|| " for ever".to_owned());
                text.line(5, &format!("not counting {}{until}: {}", part("id"), part("reason")));
            }
        }
        ("sbom.forbiddenPackages", Value::Array(packages)) => {
            for package in packages {
                let name = package.get("purl").or_else(|| package.get("name")).unwrap_or(&Value::Null);
                let versions = package.get("versions").map(|versions| format!(" in a version of {}", value(versions)));
                text.line(5, &format!("without {}{}", value(name), versions.unwrap_or_default()));
            }
        }
        // A mapping of requirements; one that is empty asks only that it is there.
        (path, Value::Object(members)) if is_group(path) => {
            members.iter().for_each(|(name, value)| requirement(&format!("{path}.{name}"), value, text));
        }
        (path, found) => text.line(5, &as_it_is(path, found)),
    }
}

/// Whether a path is one below which phrases stand.
fn is_group(path: &str) -> bool {
    path == "sbom"
        || PHRASES.iter().any(|(known, _)| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// What a glob stands for.
fn glob(glob: &Value) -> String {
    let written = value(glob);
    let Some(text) = glob.as_str() else { return written };
    let plain = |text: &str| !text.is_empty() && !text.contains('*');
    match (text, text.strip_suffix("/**"), text.strip_suffix("/*")) {
        ("**", _, _) => "every image".to_owned(),
        (_, Some(above), _) if plain(above) => format!("everything below {}", name_of(above)),
        (_, _, Some(above)) if plain(above) => format!("what is directly below {}", name_of(above)),
        (text, _, _) if plain(text) => format!("the repository {written}"),
        _ => format!("what {written} matches"),
    }
}

fn object(resource: &Value) -> String {
    let mut rest = members(resource);
    let mut part =
        |name: &str| rest.remove(name).as_ref().and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
    let (group, version, name) = (part("group"), part("version"), part("resource"));
    let group = if group.is_empty() { "the core group".to_owned() } else { name_of(&group) };
    let version =
        if matches!(version.as_str(), "" | "*") { String::new() } else { format!(", version {}", name_of(&version)) };
    let name = if name.is_empty() { "anything".to_owned() } else { name_of(&name) };
    with_rest(format!("{name} of {group}{version}"), &rest)
}

/// A value in words: texts in backticks, patterns of texts, lists with `or` between.
fn value(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text, limits::PRINTED_FINDING_BYTES),
        Value::Array(values) if !values.is_empty() => values.iter().map(self::value).collect::<Vec<_>>().join(" or "),
        Value::Object(pattern) if pattern.len() == 1 => match pattern.iter().next() {
            Some((kind, text)) if kind == "exact" => self::value(text),
            Some((kind, text)) if kind == "prefix" => format!("{} or what is below it", self::value(text)),
            Some((kind, text)) if kind == "regExp" => format!("whatever {} matches as a whole", self::value(text)),
            Some(_) | None => json(value),
        },
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) => json(value),
    }
}

fn as_it_is(field: &str, value: &Value) -> String {
    format!("and {}: {}", name_of(field), json(value))
}

fn with_rest(words: String, rest: &Map<String, Value>) -> String {
    rest.iter().fold(words, |words, (field, value)| format!("{words}, {}", as_it_is(field, value)))
}

fn json(value: &Value) -> String {
    quoted(&value.to_string(), limits::PRINTED_FINDING_BYTES)
}

fn name_of(name: &str) -> String {
    quoted(name, limits::PRINTED_NAME_BYTES)
}

fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_left_out() {
        let spec = json!({
            "images": [{"glob": "ghcr.io/acme/**"}, {"glob": "ghcr.io/x"}, {"glob": "a.b/*"}, {"glob": "**"}, {"glob": "a.b/c*"}],
            "match": [{"group": "apps", "version": "*", "resource": "deployments", "selector": {"matchLabels": {"a": "b"}}}],
            "authorities": [
                {"name": "s", "key": {"secretRef": {"name": "k", "namespace": "n"}, "hashAlgorithm": "sha512", "other": 1}, "ctlog": {"url": "u"}},
                {"keyless": {"url": "https://f", "identities": [
                    {"issuer": "i", "subject": "s", "extra": true}, {"subjectRegExp": "^x$"}], "insecureIgnoreSCT": true},
                    "attestations": [
                        {"name": "p", "predicateType": "t", "select": "latest", "provenance": {"builder": {"prefix": "b"},
                            "source": {"branch": ["main", {"regExp": "r.*"}], "unknown": "u"}, "buildLevel": 3}},
                        {"name": "v", "predicateType": "vuln", "vulnerabilities": {"maximumSeverity": "high", "ignore": [{"id": "C", "reason": "r"}]}},
                        {"name": "c", "predicateType": "t", "policy": {"type": "cel", "data": "a\nb\u{1b}"}},
                        {"name": "r", "predicateType": "t", "policy": {"type": "rego", "remote": {"url": "https://p", "sha256sum": "aa", "x": 1}}},
                        {"name": "m", "predicateType": "t", "sbom": {}},
                    ]},
                {"static": {"action": "fail", "message": "no"}},
                {"static": {"action": "pass"}},
            ],
            "policy": {"type": "cel", "data": "a\nb", "fetchConfigFile": true, "includeSpec": true, "includeTypeMeta": false, "odd": 1},
            "mode": "warn", "threshold": 2,
        });
        insta::assert_snapshot!(policy("a`b", "ClusterImagePolicy", &spec));
    }
}
