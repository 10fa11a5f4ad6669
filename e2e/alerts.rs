//! The alerts of the chart, read and evaluated by Prometheus' own code, over what a running `countersign serve` answers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Gate, Options, pod, policy};
use crate::support::installed::SYSTEM;
use crate::support::manifests::Helm;
use crate::support::process::{self, Outcome};
use crate::support::registry::{Kind, Registry};
use crate::support::{scratch, tools};

const LIMIT: Duration = Duration::from_secs(180);

/// The rules of the chart, as the operator of Prometheus hands them on.
fn rules(values: &[&str]) -> Value {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/countersign");
    let values: Vec<_> = ["metrics.prometheusRule.enabled=true"].into_iter().chain(values.iter().copied()).collect();
    let rendered = Helm::V4.template("countersign", &chart, SYSTEM, &values).expect_success();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&rendered).expect("manifests");
    let rules = objects.iter().find(|object| object["kind"] == "PrometheusRule").expect("rules");
    rules["spec"].clone()
}

/// Which alerts fire at the end of each of the cases.
fn evaluated(rules: &Value, scrape: &str, cases: &[Value]) -> Outcome {
    let folder = scratch::folder("rules");
    let rules = scratch::file(&folder, "rules.json", rules.to_string());
    let scrape = scratch::file(&folder, "scrape.txt", scrape);
    let mut command = tools::command("rules");
    command.arg(rules).arg(scrape);
    process::run_with(command, &Value::from(cases).to_string(), LIMIT)
}

/// What a replica answers that has admitted, has refused, and could not reach a registry.
fn scrape() -> &'static str {
    static SCRAPED: LazyLock<String> = LazyLock::new(answered);
    &SCRAPED
}

fn answered() -> String {
    let registry = Registry::shared(Kind::Referrers);
    let asked = policy("alerts", "127.0.0.1:*/alerts/**", KeyPair::trusted());
    let gate = Gate::start(&[asked], &[registry], Options::default());
    let signed = registry.push("alerts/signed", "v1");
    Cosign::V3.sign(registry, KeyPair::trusted(), &signed.by_digest());
    gate.admits(&pod("signed", &[&signed.by_tag()]));
    gate.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&registry.push("alerts/unsigned", "v1").by_tag()]));
    let nobody = format!("127.0.0.1:1/alerts/away@sha256:{}", "0".repeat(64));
    gate.denies(codes::REGISTRY_UNAVAILABLE, &pod("away", &[&nobody]));
    gate.metrics()
}

/// A case in which three replicas answer for half an hour what they were scraped with, but for what `differs`.
fn case(differs: &Value) -> Value {
    let mut case = json!({"minutes": 30, "replicas": 3});
    for (name, value) in differs.as_object().expect("an object") {
        case[name] = value.clone();
    }
    case
}

/// So many minutes of a day and more.
fn days(days: u64, differs: &Value) -> Value {
    let mut case = case(differs);
    case["minutes"] = json!(days * 24 * 60 + 60);
    // Enough to ask over so long a time.
    case["replicas"] = json!(1);
    case
}

/// A case in which this one series of all replicas has these values, by the notation of promtool, the last for ever.
fn all(series: &str, values: &str) -> Value {
    case(&json!({"all": {series: values}}))
}

/// The same of one of three replicas.
fn one(series: &str, values: &str) -> Value {
    case(&json!({"first": {series: values}}))
}

/// A case in which of a thousand admissions in a minute so many take less than `bound`, and the others less than the next.
fn times(scrape: &str, bound: f64, fast: u32) -> Value {
    let start = "countersign_admission_duration_seconds_bucket{endpoint=\"validate\",le=\"";
    let mut buckets = json!({});
    let mut slowest = 0.0;
    for le in scrape.lines().filter_map(|line| Some(line.strip_prefix(start)?.split_once('"')?.0)) {
        let at: f64 = le.replace("+Inf", "inf").parse().expect("a bound");
        let each = if at < bound {
            0
        } else if at <= bound {
            fast
        } else {
            1000
        };
        // As Prometheus writes a number with a point.
        let le = if le.contains('.') || le == "+Inf" { le.to_owned() } else { format!("{le}.0") };
        buckets[format!("{start}{le}\"}}")] = json!(format!("0+{each}x30"));
        slowest = f64::max(slowest, at);
    }
    assert!(slowest.is_infinite(), "{scrape}");
    case(&json!({"all": buckets}))
}

/// For each alert, cases in which it and no other fires, and cases that differ little in which none does.
fn cases(scrape: &str) -> Vec<(&'static str, Vec<Value>, Vec<Value>)> {
    let ready = "countersign_ready";
    let refused = "countersign_image_results_total{code=\"signature_missing\",result=\"deny\"}";
    let away = "countersign_image_results_total{code=\"registry_unavailable\",result=\"deny\"}";
    let registry = |outcome: &str| format!("countersign_registry_requests_total{{outcome=\"{outcome}\"}}");
    let roots = |state: &str| format!("countersign_trust_roots{{state=\"{state}\"}}");
    let warns = "countersign_policies_permissive{why=\"warn_mode\"}";
    let (certificate, root) = ("countersign_certificate_expiry_seconds", "countersign_trust_root_expiry_seconds");
    let (authority, age) = ("countersign_authority_expiry_seconds", "countersign_policies_age_seconds");
    let day = |days: f64| (days * 86400.0).to_string();
    let keys = "countersign_kms_keys{state=\"unusable\"}";
    let conditions = "countersign_remote_conditions{state=\"unusable\"}";
    let trouble = "countersign_webhook_configuration_trouble";
    let shed = "countersign_shed_total{ceiling=\"bytes\"}";
    vec![
        (
            "Down",
            vec![case(&json!({"until": 20, "gone": 3})), case(&json!({"replicas": 0}))],
            vec![case(&json!({"until": 20, "gone": 2})), case(&json!({"until": 29, "gone": 3}))],
        ),
        ("NotReady", vec![one(ready, "1x20 0")], vec![one(ready, "1x26 0"), one(ready, "1x10 0x10 1")]),
        ("Slow", vec![times(scrape, 7.5, 980)], vec![times(scrape, 7.5, 989), times(scrape, 5.0, 980)]),
        (
            "CertificateExpires",
            vec![
                one(certificate, &day(6.9)),
                one(certificate, "-5"),
                one("countersign_certificate_refused_total", "0x20 1"),
            ],
            vec![
                all(certificate, &day(7.1)),
                case(&json!({"minutes": 120, "first": {"countersign_certificate_refused_total": "0x20 1"}})),
            ],
        ),
        (
            "PoliciesStale",
            vec![one("countersign_policies_stale", "0x20 1"), one(age, "601")],
            vec![one("countersign_policies_stale", "0x26 1"), all(age, "599")],
        ),
        (
            "TrustRootStale",
            vec![
                one(root, &day(1.9)),
                one(&roots("invalid"), "1"),
                one(&roots("stale"), "1"),
                one(&roots("unreachable"), "1"),
            ],
            vec![all(root, &day(2.1)), all(&roots("usable"), "1"), one(&roots("unreachable"), "0x5 1")],
        ),
        (
            "WarnsOnly",
            vec![days(7, &json!({"all": {warns: "1"}}))],
            vec![days(6, &json!({"all": {warns: "1"}})), days(7, &json!({"all": {warns: "1x1000 0x5 1"}}))],
        ),
        (
            "AuthorityEnds",
            vec![one(authority, &day(6.9)), one("countersign_policies_ended", "1")],
            vec![all(authority, &day(7.1)), all(authority, "Inf")],
        ),
        (
            "KeysStale",
            vec![one(keys, "1"), one("countersign_kms_key_age_seconds", "1801"), one(conditions, "1")],
            vec![
                all("countersign_kms_keys{state=\"usable\"}", "1"),
                all("countersign_kms_key_age_seconds", "1799"),
                one(conditions, "0x21 1"),
            ],
        ),
        ("WebhookConfigurationDrifts", vec![one(trouble, "0x20 1")], vec![one(trouble, "0x28 1")]),
        (
            "PoliciesInvalid",
            vec![one("countersign_policies{state=\"invalid\"}", "0x20 1")],
            vec![
                one("countersign_policies{state=\"invalid\"}", "0x25 1"),
                all("countersign_policies{state=\"valid\"}", "0"),
            ],
        ),
        (
            "RegistryErrors",
            ["broken", "cut_off", "failed", "rate_limited"]
                .iter()
                .map(|outcome| one(&registry(outcome), "0+7x30"))
                .chain([one(away, "0+7x30")])
                .collect(),
            vec![
                one(&registry("failed"), "0+5x30"),
                all(&registry("answered"), "0+900x30"),
                all(&registry("refused"), "0+900x30"),
                one(refused, "0+7x30"),
            ],
        ),
        (
            "DeniesMore",
            vec![days(1, &json!({"all": {refused: "0+1x1470 1500+20x30"}}))],
            vec![
                days(1, &json!({"all": {refused: "0+20x1500"}})),
                days(1, &json!({"all": {refused: "0+0x1470 0+4x30"}})),
                // Installed an hour ago, there is no day before to compare with.
                days(1, &json!({"from": 1440, "all": {refused: "0+20x60"}})),
            ],
        ),
        ("Overloaded", vec![one(shed, "0x20 1+1x10")], vec![one(shed, "0x10 5"), one(shed, "0x28 5")]),
        ("Panics", vec![one("countersign_panics_total", "0x25 1")], vec![one("countersign_panics_total", "0x15 1")]),
    ]
}

#[test]
fn every_alert_fires_when_it_should_and_not_before() {
    let (rules, scrape) = (rules(&[]), scrape());
    let table = cases(scrape);
    let mut asked = vec![case(&json!({}))];
    let mut expected = vec![Vec::new()];
    for (alert, firing, quiet) in &table {
        for case in firing {
            asked.push(case.clone());
            expected.push(vec![format!("Countersign{alert}")]);
        }
        for case in quiet {
            asked.push(case.clone());
            expected.push(Vec::new());
        }
    }
    for (index, case) in asked.iter_mut().enumerate() {
        case["name"] = json!(index.to_string());
    }
    let outcome = evaluated(&rules, scrape, &asked).expect_success();
    let outcomes: Vec<Value> = serde_json::from_str(&outcome).expect("JSON");
    assert_eq!(outcomes.len(), asked.len());
    let mut wrong = Vec::new();
    for ((asked, expected), outcome) in asked.iter().zip(&expected).zip(&outcomes) {
        if outcome["firing"] != json!(expected) {
            wrong.push(format!("{} instead of {expected:?} in {asked}", outcome["firing"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // None is left out.
    let groups = rules["groups"].as_array().expect("groups");
    let there = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
    let there: BTreeSet<_> = there.map(|rule| rule["alert"].as_str().expect("an alert").to_owned()).collect();
    let shown: BTreeSet<_> = table.iter().map(|(alert, _, _)| format!("Countersign{alert}")).collect();
    assert_eq!(there, shown);
    assert!(table.iter().all(|(_, firing, quiet)| !firing.is_empty() && !quiet.is_empty()));
}

/// What is slow depends on how long the API server waits.
#[test]
fn slow_is_near_the_time_that_the_api_server_waits() {
    let scrape = scrape();
    for (seconds, bound) in [(2, 1.0), (5, 2.5), (30, 20.0)] {
        let rules = rules(&[&format!("webhook.timeoutSeconds={seconds}")]);
        let mut cases = [times(scrape, bound, 900), times(scrape, bound, 989)];
        for (case, name) in cases.iter_mut().zip(["slow", "quick"]) {
            case["name"] = json!(name);
        }
        let outcome = evaluated(&rules, scrape, &cases).expect_success();
        let outcomes: Value = serde_json::from_str(&outcome).expect("JSON");
        let firing = |index: usize| outcomes[index]["firing"].clone();
        assert_eq!((firing(0), firing(1)), (json!(["CountersignSlow"]), json!([])), "{seconds}: {outcome}");
    }
}

/// A replica that listens and can never judge, because its API server is not there.
#[test]
fn replicas_that_are_never_ready_are_as_good_as_none() {
    let folder = scratch::folder("nowhere");
    let kubeconfig: PathBuf = scratch::file(
        &folder,
        "kubeconfig",
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "nowhere",
            "clusters": [{"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}}],
            "users": [{"name": "nobody", "user": {"token": "none"}}],
            "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}],
        })
        .to_string(),
    );
    let gate = Gate::in_cluster(&kubeconfig, SYSTEM, &[], Options::default());
    let (status, told) = gate.readiness();
    assert_eq!(status, 503, "{told}");
    let unready = gate.metrics();
    assert!(unready.contains("\ncountersign_ready 0\n"), "{unready}");
    let cases = [
        json!({"name": "before", "minutes": 1, "replicas": 3}),
        json!({"name": "after", "minutes": 10, "replicas": 3}),
    ];
    let outcome = evaluated(&rules(&[]), &unready, &cases).expect_success();
    let outcomes: Vec<Value> = serde_json::from_str(&outcome).expect("JSON");
    let fires = |index: usize, alert: &str| {
        let firing: &Value = &outcomes[index]["firing"];
        firing.as_array().expect("alerts").contains(&json!(format!("Countersign{alert}")))
    };
    for alert in ["Down", "NotReady"] {
        assert_eq!((fires(0, alert), fires(1, alert)), (false, true), "{alert}: {outcome}");
    }
}

/// What Prometheus would not load, and what nothing exposes, is found.
#[test]
fn rules_that_prometheus_does_not_take_are_found() {
    let scrape = "# TYPE countersign_ready gauge\ncountersign_ready 1\n";
    let case = |series: &str| json!({"name": "a", "minutes": 30, "replicas": 1, "all": {series: "0"}});
    let good = rules(&[]);
    let alert = |good: &Value, name: &str| {
        let rules = good["groups"][0]["rules"].as_array().expect("rules");
        rules.iter().position(|rule| rule["alert"] == format!("Countersign{name}")).expect("an alert")
    };
    let index = alert(&good, "NotReady");
    let outcome = evaluated(&good, scrape, &[case("countersign_ready")]).expect_success();
    assert!(outcome.contains("CountersignNotReady"), "{outcome}");
    for (field, bad, why) in [
        ("expr", json!("countersign_ready = 0"), "parse error"),
        ("expr", json!("sum by (pod) countersign_ready == 0"), "parse error"),
        ("for", json!("5 minutes"), "unknown unit"),
        ("forever", json!("5m"), "field forever not found"),
        ("annotations", json!({"summary": "{{ $label.pod }}"}), "undefined variable"),
    ] {
        let mut rules = good.clone();
        rules["groups"][0]["rules"][index][field] = bad;
        let outcome = evaluated(&rules, scrape, &[case("countersign_ready")]);
        assert!(!outcome.succeeded() && outcome.stderr.contains(why), "{field}: {outcome}");
    }
    let outcome = evaluated(&good, scrape, &[case("countersign_unready")]);
    assert!(!outcome.succeeded() && outcome.stderr.contains("was not scraped"), "{outcome}");
}
