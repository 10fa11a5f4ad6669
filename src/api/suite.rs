//! Suites of expectations about policies, as `countersign policy test` reads them.

use jiff::Timestamp;
use url::Url;

use super::field::{Field, Object};
use super::node::Value;
use super::own_file::read_one;
use super::problem::{Problem, listed, quoted};
use crate::image::ImageRef;
use crate::limits;
use crate::policy::{DenyReason, NoMatch};
use crate::verify::Configs;

/// The kind of a suite's document. It is no resource of a cluster.
const KIND: &str = "PolicyTest";

/// Expectations about policies.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The files or directories of the policies, from where the suite is.
    pub policies: Vec<String>,
    /// What lies at the addresses of conditions (`remote`): the file of each, from where the suite is.
    pub remotes: Vec<(Url, String)>,
    /// The file of the kinds of custom resources that name images, from where the suite is.
    pub workload_kinds: Option<String>,
    /// What happens to images that no policy covers.
    pub no_match: NoMatch,
    /// The present; none where the real one counts.
    pub now: Option<Timestamp>,
    /// The expectations.
    pub cases: Vec<Case>,
}

/// One expectation.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The line where it starts.
    pub line: Option<u64>,
    /// What is to be judged.
    pub subject: CaseSubject,
    /// The directory of an OCI image layout with the evidence, from where the suite is; none where there is no evidence.
    pub evidence: Option<String>,
    /// The configurations of its images, by platform; none where the evidence holds them.
    pub configs: Option<Configs>,
    /// The present of this case.
    pub now: Option<Timestamp>,
    /// What has to come of it.
    pub expect: Expectation,
}

/// What is to be judged.
#[derive(Clone, Debug)]
pub enum CaseSubject {
    /// These images.
    Images(Vec<ImageRef>),
    /// The objects of a manifest: a text in YAML or JSON.
    Manifest(String),
    /// The objects of the manifest, or the review, in this file, from where the suite is.
    File(String),
}

/// What has to come of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The verdict.
    pub verdict: ExpectedVerdict,
    /// The most useful reason of a refusal, or of a warning; none where any will do.
    pub code: Option<DenyReason>,
    /// The policy that refuses or warns, or one that is satisfied; none where any will do.
    pub policy: Option<String>,
}

/// The verdicts that can be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedVerdict {
    /// Every image may run, and nobody is warned of a policy.
    Allow,
    /// At least one image is refused.
    Deny,
    /// Every image may run, and a policy warns of at least one.
    Warn,
}

impl ExpectedVerdict {
    /// As suites write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Warn => "warn",
        }
    }
}

/// Reads a suite, strictly.
///
/// # Errors
/// When the text cannot be read as a whole, or is no suite: everything that is wrong with it.
pub fn suite(text: &str) -> Result<Suite, Vec<Problem>> {
    read_one(text, KIND, "suite", read)
}

fn read(mut object: Object<'_>, problems: &mut Vec<Problem>) -> Option<Suite> {
    object.take("metadata");
    let policies = object.require("policies", problems).map(|field| paths(&field, problems)).unwrap_or_default();
    let remotes = object.take("remotes").map(|field| read_remotes(&field, problems)).unwrap_or_default();
    let workload_kinds = object.take("workloadKinds").and_then(|field| field.required_text(problems));
    let workload_kinds = workload_kinds.map(str::to_owned);
    let no_match = object.take("noMatch").and_then(|field| read_no_match(&field, problems)).unwrap_or(NoMatch::Deny);
    let now = object.take("now").and_then(|field| time(&field, problems));
    let cases = object.require("cases", problems).map(|field| read_cases(&field, problems)).unwrap_or_default();
    object.finish(problems);
    Some(Suite { policies, remotes, workload_kinds, no_match, now, cases })
}

/// One path or several.
fn paths(field: &Field<'_>, problems: &mut Vec<Problem>) -> Vec<String> {
    match field.value() {
        Value::List(_) => {
            if field.is_empty_list() {
                problems.push(field.problem("is empty; name at least one file or directory"));
            }
            let entries = field.list(problems).unwrap_or_default();
            entries.iter().filter_map(|entry| entry.required_text(problems)).map(str::to_owned).collect()
        }
        Value::Bool(_) | Value::Map(_) | Value::Null | Value::Number(_) | Value::Text(_) => {
            field.required_text(problems).map(str::to_owned).into_iter().collect()
        }
    }
}

/// The files of what lies at addresses.
fn read_remotes(field: &Field<'_>, problems: &mut Vec<Problem>) -> Vec<(Url, String)> {
    let mut remotes = Vec::new();
    if field.is_empty_map() {
        problems.push(field.problem("is empty; leave it out, or name an address and its file"));
    }
    for (address, file) in field.object(problems).into_iter().flat_map(Object::into_entries) {
        let Ok(url) = Url::parse(address) else {
            problems.push(file.problem(format!("{} is no address such as `https://…`", quoted(address))));
            continue;
        };
        if let Some(file) = file.required_text(problems) {
            remotes.push((url, file.to_owned()));
        }
    }
    remotes
}

fn read_no_match(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<NoMatch> {
    match field.text(problems)? {
        "allow" => Some(NoMatch::Allow),
        "deny" => Some(NoMatch::Deny),
        "warn" => Some(NoMatch::Warn),
        other => {
            problems.push(field.problem(format!("{} is none of `deny`, `warn` and `allow`", quoted(other))));
            None
        }
    }
}

fn time(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Timestamp> {
    let text = field.required_text(problems)?;
    let time = text.parse().ok();
    if time.is_none() {
        problems.push(field.problem(format!("{} is no time such as `2026-01-31T12:00:00Z`", quoted(text))));
    }
    time
}

fn read_cases(field: &Field<'_>, problems: &mut Vec<Problem>) -> Vec<Case> {
    let entries = field.list(problems).unwrap_or_default();
    if field.is_empty_list() {
        problems.push(field.problem("is empty: nothing would be tested"));
    }
    let mut cases: Vec<Case> = Vec::new();
    for entry in entries {
        let Some(case) = read_case(&entry, problems) else {
            continue;
        };
        if cases.iter().any(|known| known.name == case.name) {
            problems.push(entry.problem(format!("another case is named {} too", quoted(&case.name))));
        }
        cases.push(case);
    }
    cases
}

fn read_case(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Case> {
    let mut object = field.object(problems)?;
    let name = object.require("name", problems).and_then(|name| {
        let text = name.label(problems)?;
        if text.is_empty() {
            problems.push(name.problem("is empty"));
        }
        Some(text.to_owned())
    });
    let subject = read_subject(&mut object, problems);
    let evidence = object.take("evidence").and_then(|field| field.required_text(problems)).map(str::to_owned);
    let configs = object.take("configs").and_then(|field| read_configs(&field, problems));
    let now = object.take("now").and_then(|field| time(&field, problems));
    let expect = object.require("expect", problems).and_then(|field| read_expectation(&field, problems));
    object.finish(problems);
    Some(Case { name: name?, line: field.line(), subject: subject?, evidence, configs, now, expect: expect? })
}

/// Configurations by the platforms that they are for.
fn read_configs(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Configs> {
    const PLATFORM: &str = "a platform such as `linux/amd64`";
    let Value::Map(entries) = field.value() else {
        problems.push(field.problem(format!("has to be a mapping from {PLATFORM} to its configuration")));
        return None;
    };
    if entries.is_empty() {
        problems.push(field.problem(format!("is empty; name {PLATFORM}")));
    }
    let configs = entries.iter().map(|(platform, entry)| {
        let json = serde_json::to_string(entry).unwrap_or_default();
        Configs::written(platform, &json)
            .map_err(|error| problems.push(field.problem(format!("{}: {error}", quoted(platform)))))
            .ok()
    });
    configs.collect::<Option<Vec<_>>>().map(Configs::of)
}

fn read_subject(object: &mut Object<'_>, problems: &mut Vec<Problem>) -> Option<CaseSubject> {
    const KINDS: [&str; 3] = ["image", "images", "object"];
    let kinds = KINDS.map(|kind| object.take(kind));
    match &kinds {
        [Some(one), None, None] => image(one, problems).map(|image| CaseSubject::Images(vec![image])),
        [None, Some(several), None] => {
            if several.is_empty_list() {
                problems.push(several.problem("is empty: nothing would be judged"));
            }
            let images: Vec<_> = several.list(problems)?.iter().map(|field| image(field, problems)).collect();
            Some(CaseSubject::Images(images.into_iter().collect::<Option<_>>()?))
        }
        [None, None, Some(field)] => match field.value() {
            Value::Map(_) => field.json().map(CaseSubject::Manifest),
            Value::Bool(_) | Value::List(_) | Value::Null | Value::Number(_) | Value::Text(_) => {
                field.required_text(problems).map(|path| CaseSubject::File(path.to_owned()))
            }
        },
        kinds => {
            let there = kinds.iter().filter(|kind| kind.is_some()).count();
            let names = listed(&KINDS, " or ");
            problems.push(object.problem(format!("exactly one of {names} is needed, {there} are there")));
            None
        }
    }
}

fn image(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<ImageRef> {
    let text = field.required_text(problems)?;
    if text.len() > limits::IMAGE_REFERENCE_BYTES {
        problems.push(field.problem(format!("has more than {} bytes", limits::IMAGE_REFERENCE_BYTES)));
        return None;
    }
    text.parse().map_err(|error| problems.push(field.problem(format!("{} is no image: {error}", quoted(text))))).ok()
}

/// A verdict, or a mapping with it and more.
fn read_expectation(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Expectation> {
    match field.value() {
        Value::Map(_) => {
            let mut object = field.object(problems)?;
            let verdict = object.require("verdict", problems).and_then(|field| verdict(&field, problems));
            let code = object.take("code").and_then(|field| code(&field, problems));
            let policy = object.take("policy").and_then(|field| field.required_text(problems)).map(str::to_owned);
            if let (Some(ExpectedVerdict::Allow), Some(_)) = (verdict, code) {
                problems
                    .push(object.problem_at("code", "is the reason of a refusal or a warning, and `allow` has none"));
            }
            object.finish(problems);
            Some(Expectation { verdict: verdict?, code, policy })
        }
        Value::Bool(_) | Value::List(_) | Value::Null | Value::Number(_) | Value::Text(_) => {
            verdict(field, problems).map(|verdict| Expectation { verdict, code: None, policy: None })
        }
    }
}

fn verdict(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<ExpectedVerdict> {
    let text = field.text(problems)?;
    let all = [ExpectedVerdict::Allow, ExpectedVerdict::Deny, ExpectedVerdict::Warn];
    let verdict = all.into_iter().find(|verdict| verdict.as_str() == text);
    if verdict.is_none() {
        problems.push(field.problem(format!("{} is none of `allow`, `deny` and `warn`", quoted(text))));
    }
    verdict
}

fn code(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<DenyReason> {
    let text = field.required_text(problems)?;
    let code = DenyReason::ALL.iter().copied().find(|reason| reason.code() == text);
    if code.is_none() {
        problems.push(field.problem(format!("{} is no reason code such as `signature_missing`", quoted(text))));
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
apiVersion: countersign.dev/v1alpha1
kind: PolicyTest
policies: policies/
remotes: {https://policies.example.com/app.rego: app.rego}
now: 2026-01-31T12:00:00Z
cases:
- name: signed
  image: ghcr.io/acme/app:v1
  evidence: evidence
  expect: allow
- name: a pod
  object: {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: a}]}}
  expect: {verdict: deny, code: no_matching_policy}
- name: a file
  object: pod.yaml
  now: 2027-01-31T12:00:00Z
  configs: {linux/amd64: {config: {User: root}}}
  expect: {verdict: warn, policy: audit}
";

    #[test]
    fn a_suite_is_read() {
        let suite = suite(GOOD).unwrap();
        assert_eq!((suite.policies, suite.no_match), (vec!["policies/".to_owned()], NoMatch::Deny));
        let [(address, content)] = &suite.remotes[..] else { panic!("one condition") };
        assert_eq!((address.as_str(), content.as_str()), ("https://policies.example.com/app.rego", "app.rego"));
        let [signed, pod, file] = &suite.cases[..] else { panic!("three cases") };
        assert!(matches!(&signed.subject, CaseSubject::Images(images) if images.len() == 1));
        assert_eq!(signed.expect, Expectation { verdict: ExpectedVerdict::Allow, code: None, policy: None });
        assert!(matches!(&pod.subject, CaseSubject::Manifest(text) if text.contains(r#""kind":"Pod""#)));
        assert_eq!(pod.expect.code, Some(DenyReason::NoMatchingPolicy));
        assert!(matches!(&file.subject, CaseSubject::File(path) if path == "pod.yaml"));
        assert!(file.now > suite.now);
        let Some(Configs::Every(configs)) = &file.configs else { panic!("a configuration") };
        assert_eq!(configs["linux/amd64"].json(), r#"{"config":{"User":"root"}}"#);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let case = |case: &str| format!("{}- {case}\n", GOOD.split("- name: signed").next().unwrap());
        for (text, said) in [
            (GOOD.replace("PolicyTest", "Test"), "kind: has to be `PolicyTest`"),
            (GOOD.replace("v1alpha1", "v1"), "apiVersion: has to be `countersign.dev/v1alpha1`"),
            (GOOD.replace("policies: policies/", "policies: []"), "policies: is empty"),
            (GOOD.replace("{https://policies.example.com/app.rego: app.rego}", "{}"), "remotes: is empty"),
            (GOOD.replace("{https://policies.example.com/app.rego: app.rego}", "[]"), "remotes: has to be a mapping"),
            (GOOD.replace(": app.rego}", ": ''}"), "remotes[`https://policies.example.com/app.rego`]: is empty"),
            (
                GOOD.replace("{https://policies", "{policies"),
                "remotes[`policies.example.com/app.rego`]: `policies.example.com/app.rego` is no address",
            ),
            (GOOD.replace("a file", "a pod"), "cases[2]: another case is named `a pod` too"),
            (GOOD.replace("12:00:00Z\ncases", "12:00:00\ncases"), "now: `2026-01-31T12:00:00` is no time"),
            (case("{name: a, image: a, expect: maybe}"), "cases[0].expect: `maybe` is none of"),
            (
                case("{name: a, image: a, expect: {verdict: deny, code: bad}}"),
                "cases[0].expect.code: `bad` is no reason",
            ),
            (
                case("{name: a, image: a, expect: {verdict: allow, code: no_matching_policy}}"),
                "cases[0].expect.code: is the",
            ),
            (case("{name: a, image: A, expect: deny}"), "cases[0].image: `A` is no image"),
            (
                case("{name: a, expect: deny}"),
                "cases[0]: exactly one of `image`, `images` or `object` is needed, 0 are",
            ),
            (case("{name: a, images: [], expect: deny}"), "cases[0].images: is empty"),
            (case("{name: a, image: a, configs: [], expect: deny}"), "cases[0].configs: has to be a mapping"),
            (case("{name: a, image: a, configs: {}, expect: deny}"), "cases[0].configs: is empty"),
            (
                case("{name: a, image: a, configs: {x: 1}, expect: deny}"),
                "cases[0].configs: `x`: the image's configuration",
            ),
            (case("{name: '', image: a, expect: deny}"), "cases[0].name: is empty"),
            (case("{name: a, image: a}"), "cases[0].expect: is missing"),
            (case("{name: a, image: a, expect: deny, evidnce: x}"), "cases[0].evidnce: `evidnce` is not a known field"),
            (format!("{GOOD}---\n{GOOD}"), "document: a file holds one suite, not 2"),
            (String::new(), "document: a file holds one suite, not 0"),
            ("a: [".to_owned(), "document: "),
        ] {
            let problems = suite(&text).map(|_| ()).unwrap_err();
            let found: Vec<_> = problems.iter().map(ToString::to_string).collect();
            assert!(found.iter().any(|problem| problem.starts_with(said)), "{said}: {found:?}");
        }
    }
}
