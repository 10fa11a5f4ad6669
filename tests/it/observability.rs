//! Alerts, dashboard and manual speak of the metrics that there are, with the labels that these have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use countersign::admission::{Exemption, Operation};
use countersign::policy::DenyReason;
use countersign::registry::{Outcome, RequestKind};
use countersign::telemetry::label::{
    Broken, Cache, Decision, Endpoint, EventWrite, Leniency, NamespaceState, Shed, StatusWrite, TrustState,
};
use countersign::telemetry::{Answered, CacheState, Metrics};
use serde_json::Value;

fn read(path: &str) -> String {
    std::fs::read_to_string([env!("CARGO_MANIFEST_DIR"), path].iter().collect::<PathBuf>()).unwrap()
}

/// One metric: its type, its help, and the values of each of its labels.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// Every metric, after everything was counted that can be.
fn families() -> BTreeMap<String, Family> {
    let metrics = Metrics::new().unwrap();
    let codes = DenyReason::ALL.iter().map(|reason| reason.code());
    for reason in codes.clone().chain(Exemption::ALL.iter().map(|exemption| exemption.code())).chain([""]) {
        for endpoint in Endpoint::ALL {
            for operation in Operation::ALL.map(Operation::as_str).into_iter().chain([""]) {
                for decision in Decision::ALL {
                    metrics.answered(Answered { endpoint, operation, decision, reason }, Duration::ZERO);
                }
            }
        }
    }
    for code in codes.chain([""]) {
        metrics.image(Decision::Allow, code);
        metrics.image(Decision::Deny, code);
    }
    let times = metrics.registry_times();
    for outcome in Outcome::ALL {
        metrics.registry_requests(outcome.as_str(), 1);
        RequestKind::ALL.iter().for_each(|kind| times.took(kind.as_str(), outcome.as_str(), Duration::ZERO));
    }
    Cache::ALL.iter().for_each(|cache| metrics.cache(*cache, CacheState::default()));
    Broken::ALL.iter().for_each(|why| metrics.broken(*why));
    EventWrite::ALL.iter().for_each(|outcome| metrics.event(*outcome));
    Leniency::ALL.iter().for_each(|why| metrics.policies_permissive(*why, 1));
    NamespaceState::ALL.iter().for_each(|state| metrics.namespaces(*state, 1));
    Shed::ALL.iter().for_each(|ceiling| metrics.shed(*ceiling));
    StatusWrite::ALL.iter().for_each(|outcome| metrics.status_written(*outcome));
    TrustState::ALL.iter().for_each(|state| metrics.trust_roots(*state, 1));
    metrics.policies(1, 1);
    metrics.kms_keys(1, 1, 0.0);
    metrics.remote_conditions(1, 1);
    parsed(&metrics.text().unwrap())
}

/// What a text for Prometheus says.
fn parsed(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if let Some((name, labels)) = line.split_once('{') {
            let family = family(&families, name).unwrap().to_owned();
            let labels = labels.split_once('}').unwrap().0;
            for (label, value) in labels.split(',').map(|label| label.split_once('=').unwrap()) {
                if label != "le" {
                    let values = families.get_mut(&family).unwrap().labels.entry(label.to_owned()).or_default();
                    values.insert(value.trim_matches('"').to_owned());
                }
            }
        }
    }
    families
}

/// The metric of which `name` is a series.
fn family<'a>(families: &'a BTreeMap<String, Family>, name: &str) -> Option<&'a str> {
    let of_histogram = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| {
        let name = name.strip_suffix(suffix)?;
        families.get_key_value(name).filter(|(_, family)| family.kind == "histogram")
    });
    of_histogram.or_else(|| families.get_key_value(name)).map(|(name, _)| name.as_str())
}

/// Whether one of the `alternatives` of an expression matches: texts, or the beginnings of texts with `.*` behind.
fn matches(alternative: &str, value: &str) -> bool {
    match alternative.strip_suffix(".*") {
        Some(start) => value.starts_with(start),
        None => value == alternative,
    }
}

/// What is wrong with what an expression asks for.
fn wrong(families: &BTreeMap<String, Family>, expression: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut labels: BTreeSet<&str> = BTreeSet::new();
    let starts = expression.match_indices("countersign_").map(|(at, _)| at);
    for rest in starts.map(|at| expression.split_at(at).1) {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (series, rest) = rest.split_at(end);
        let Some(name) = family(families, series) else {
            wrong.push(format!("there is no `{series}`"));
            continue;
        };
        let family = &families[name];
        if (family.kind == "histogram") != (name != series) {
            wrong.push(format!("`{series}` is no series of a {}", family.kind));
        }
        // A total says nothing but how long a replica has lived.
        let is_total = family.kind != "gauge";
        if is_total && !rest.trim_start_matches(|c| c != '[' && c != ')').starts_with('[') {
            wrong.push(format!("`{series}` grows for ever, and is asked without a time"));
        }
        labels.extend(family.labels.keys().map(String::as_str));
        if series.ends_with("_bucket") {
            labels.insert("le");
        }
        let Some((matchers, _)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else { continue };
        for matcher in matchers.split(',') {
            let (label, rest) = matcher.trim().split_at(matcher.trim().find(['=', '!']).unwrap());
            let (operator, value) = rest.split_once('"').unwrap();
            let Some(values) = family.labels.get(label) else {
                wrong.push(format!("`{series}` has no label `{label}`"));
                continue;
            };
            let alternatives: Vec<&str> = match operator {
                "=" | "!=" => vec![value.trim_end_matches('"')],
                "=~" | "!~" => value.trim_end_matches('"').split('|').collect(),
                _ => panic!("{matcher}"),
            };
            for alternative in alternatives {
                if !values.iter().any(|value| matches(alternative, value)) {
                    wrong.push(format!("`{label}` of `{series}` is never `{alternative}`"));
                }
            }
        }
    }
    for by in expression.split(" by (").skip(1) {
        for label in by.split_once(')').unwrap().0.split(',').map(str::trim) {
            if !labels.contains(label) {
                wrong.push(format!("nothing here has a label `{label}`"));
            }
        }
    }
    wrong
}

/// The alerts of the chart, with what each asks.
fn alerts() -> Vec<(String, String)> {
    let text = read("charts/countersign/templates/monitoring.yaml");
    let (_, rules) = text.split_once("      rules:\n").unwrap();
    let alerts = rules.split("        - alert: ").skip(1).map(|alert| {
        let (name, rest) = alert.split_once('\n').unwrap();
        let (_, rest) = rest.split_once("expr: ").unwrap();
        let end = rest.find("\n          for: ").or_else(|| rest.find("\n          labels: ")).unwrap();
        // What the values of the chart fill in are numbers.
        let mut expression = String::new();
        for part in rest.split_at(end).0.split("{{") {
            expression.push_str(part.split_once("}}").map_or(part, |(_, after)| after));
        }
        assert!(alert.contains("labels: {severity: ") && alert.contains("annotations: {summary: "), "{name}");
        (name.to_owned(), expression)
    });
    alerts.collect()
}

/// Every expression of the dashboard, with the title of its panel and the legend.
fn panels() -> Vec<(String, String, String)> {
    let dashboard: Value = serde_json::from_str(&read("charts/countersign/files/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().unwrap().iter();
        targets.map(move |target| (text(&panel["title"]), text(&target["expr"]), text(&target["legendFormat"])))
    });
    panels.collect()
}

#[test]
fn alerts_ask_for_what_there_is() {
    let (families, alerts) = (families(), alerts());
    for (name, expression) in &alerts {
        assert!(expression.contains("countersign_"), "{name}");
        assert_eq!(wrong(&families, expression), [""; 0], "{name}: {expression}");
    }
    // What an issue asks for is there.
    let asked = [
        ("Down", "ready"),
        ("NotReady", "ready"),
        ("Slow", "admission_duration_seconds_bucket"),
        ("CertificateExpires", "certificate_expiry_seconds"),
        ("TrustRootStale", "trust_root_expiry_seconds"),
        ("PoliciesStale", "policies_stale"),
        ("RegistryErrors", "registry_requests_total"),
        ("WarnsOnly", "policies_permissive{why=\"warn_mode\"}"),
        ("WebhookConfigurationDrifts", "webhook_configuration_trouble"),
    ];
    for (name, series) in asked {
        let (_, expression) = alerts.iter().find(|(alert, _)| *alert == format!("Countersign{name}")).expect(name);
        assert!(expression.contains(&format!("countersign_{series}")), "{name}: {expression}");
    }
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let families = families();
    let panels = panels();
    for (title, expression, legend) in &panels {
        assert_eq!(wrong(&families, expression), [""; 0], "{title}: {expression}");
        for label in legend.split("{{").skip(1).map(|rest| rest.split_once("}}").unwrap().0) {
            let is_kept = |by: &str| by.split_once(')').unwrap().0.split(',').any(|kept| kept.trim() == label);
            assert!(expression.split(" by (").skip(1).any(is_kept), "{title}: `{label}` is summed away");
        }
    }
    // What stands in the chart and is on no panel or in no alert is easily forgotten.
    let asked: Vec<String> = panels.into_iter().map(|(_, expression, _)| expression).collect();
    let asked = asked.into_iter().chain(alerts().into_iter().map(|(_, expression)| expression)).collect::<String>();
    let forgotten: Vec<_> = families.keys().filter(|name| !asked.contains(name.as_str())).collect();
    assert_eq!(forgotten, NOT_SHOWN, "on no panel and in no alert");
}

/// What is for whoever looks closer.
const NOT_SHOWN: [&str; 6] = [
    "countersign_connections_broken_total",
    "countersign_events_total",
    "countersign_leader",
    "countersign_status_writes_total",
    "countersign_trace_spans_total",
    "countersign_trust_root_age_seconds",
];

/// What asks for something that there is not is found.
#[test]
fn expressions_that_ask_for_nothing_are_found() {
    let families = families();
    for (expression, expected) in [
        ("max(countersign_policy)", "there is no `countersign_policy`"),
        ("max(countersign_policies{status=\"invalid\"})", "`countersign_policies` has no label `status`"),
        ("max(countersign_policies{state=\"broken\"})", "`state` of `countersign_policies` is never `broken`"),
        (
            "rate(countersign_image_results_total{code=~\"registry_.*|oci_.*\"}[5m])",
            "`code` of `countersign_image_results_total` is never `oci_.*`",
        ),
        ("sum by (state) (rate(countersign_panics_total[5m]))", "nothing here has a label `state`"),
        ("sum(countersign_panics_total) > 0", "`countersign_panics_total` grows for ever, and is asked without a time"),
        (
            "rate(countersign_verify_duration_seconds[5m])",
            "`countersign_verify_duration_seconds` is no series of a histogram",
        ),
        ("max(countersign_policies_bucket)", "there is no `countersign_policies_bucket`"),
    ] {
        assert_eq!(wrong(&families, expression), [expected], "{expression}");
    }
}

/// The list of metrics in the manual is what the code has.
#[test]
#[expect(clippy::disallowed_methods, reason = "the variable by which snapshots are renewed renews this table, too")]
fn every_metric_is_in_the_manual() {
    let mut table = "//! | Metric | Type | Labels | What it is |\n//! |---|---|---|---|\n".to_owned();
    for (name, family) in families() {
        let labels = family.labels.iter().map(|(label, values)| {
            if values.len() > 12 {
                return format!("`{label}`: a code");
            }
            let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
            format!("`{label}`: {}", values.join(", ").replace("``", "none"))
        });
        let labels: Vec<_> = labels.collect();
        table.push_str(&format!("//! | `{name}` | {} | {} | {} |\n", family.kind, labels.join("; "), family.help));
    }
    let (path, mark) = ("src/manual/metrics.rs", "//! <!-- metrics -->\n//!\n");
    let chapter = read(path);
    let [before, old, after] = chapter.split(mark).collect::<Vec<_>>().try_into().expect("two marks around the table");
    table.push_str("//!\n");
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        std::fs::write(path, format!("{before}{mark}{table}{mark}{after}")).unwrap();
    } else {
        assert!(old == table, "the table of metrics is old: run this test with INSTA_UPDATE=always\n{table}");
    }
}

#[test]
fn every_alert_is_in_the_manual() {
    let chapter = read("src/manual/metrics.rs");
    let (_, chapter) = chapter.split_once("//! # Alerts\n").unwrap();
    let rows = chapter.lines().filter_map(|line| line.strip_prefix("//! | `Countersign")?.split_once("` | "));
    let told: BTreeSet<String> = rows.map(|(name, _)| format!("Countersign{name}")).collect();
    let there: BTreeSet<String> = alerts().into_iter().map(|(name, _)| name).collect();
    assert_eq!(told, there, "the manual (left) and the chart (right) have different alerts");
}
