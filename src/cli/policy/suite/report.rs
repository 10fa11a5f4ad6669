//! What came of suites, for people and for programs.

use serde::Serialize;

use super::super::super::{Error, print};
use crate::api::{self, Expectation, ExpectedVerdict};
use crate::explain::{self, VerdictJson};
use crate::policy::{Basis, Denial, DenyReason, PolicyName, Verdict};

/// What came of one case.
pub(super) struct Tested {
    pub(super) suite: String,
    pub(super) name: String,
    pub(super) line: Option<u64>,
    pub(super) expect: Expectation,
    pub(super) outcome: Outcome,
}

/// Whether a case is as expected, and what was found.
pub(super) struct Outcome {
    pub(super) passed: bool,
    pub(super) found: Found,
}

/// What was decided about a case as a whole.
pub(super) struct Found {
    pub(super) verdict: ExpectedVerdict,
    /// The reasons of the refusal, or of the warning, the most useful first.
    pub(super) reasons: Vec<Denial>,
    pub(super) satisfied: Vec<Basis>,
    pub(super) verdicts: Vec<Verdict>,
}

impl Found {
    /// The policies that are satisfied.
    fn satisfied(&self) -> impl Iterator<Item = &str> {
        self.satisfied.iter().filter_map(|basis| match basis {
            Basis::NoMatchRule | Basis::WarnOnly { .. } => None,
            Basis::Satisfied { policy, .. } => Some(policy.name()),
        })
    }

    /// Whether the policy `name` is satisfied.
    pub(super) fn satisfied_by(&self, name: &str) -> bool {
        self.satisfied().any(|policy| policy == name)
    }

    /// In a few words, as expectations are written.
    fn words(&self) -> String {
        match self.reasons.first() {
            Some(denial) => {
                let policy = denial.policy.as_ref().map(|policy| format!(" by {}", api::one_line(policy.name())));
                format!("{} {}{}", self.verdict.as_str(), denial.reason.code(), policy.unwrap_or_default())
            }
            None => {
                let mut policies: Vec<_> = self.satisfied().map(api::one_line).collect();
                policies.dedup();
                let by = if policies.is_empty() { "" } else { " by " };
                format!("{}{by}{}", self.verdict.as_str(), policies.join(", "))
            }
        }
    }
}

impl Tested {
    pub(super) fn passed(&self) -> bool {
        self.outcome.passed
    }

    /// What was expected, in a few words.
    pub(super) fn expected(&self) -> String {
        let code = self.expect.code.map(|code| format!(" {}", code.code())).unwrap_or_default();
        let policy = self.expect.policy.as_ref().map(|policy| format!(" by {}", api::one_line(policy)));
        format!("{}{code}{}", self.expect.verdict.as_str(), policy.unwrap_or_default())
    }

    /// What was found, in a few words.
    pub(super) fn found(&self) -> String {
        self.outcome.found.words()
    }

    /// Every reason on a line of its own.
    pub(super) fn reasons(&self) -> Vec<String> {
        self.outcome.found.reasons.iter().map(explain::denial).collect()
    }

    pub(super) fn title(&self) -> String {
        api::one_line(&self.name)
    }
}

/// One line for each case, and the reasons behind those that are not as expected.
pub(super) fn table(tested: &[Tested]) -> String {
    let head = ["RESULT", "CASE", "EXPECTED", "FOUND"].map(str::to_owned);
    let rows = tested.iter().map(|tested| {
        let result = if tested.passed() { "ok" } else { "FAILED" };
        [result.to_owned(), tested.title(), tested.expected(), tested.found()]
    });
    let mut text = print::table(&[head].into_iter().chain(rows).collect::<Vec<_>>());
    for tested in tested.iter().filter(|tested| !tested.passed()) {
        let line = tested.line.map(|line| format!(":{line}")).unwrap_or_default();
        text.push_str(&format!("\n{}{line}: {}\n", tested.suite, tested.title()));
        text.push_str(&format!("  expected {}, found {}\n", tested.expected(), tested.found()));
        for reason in tested.reasons() {
            text.push_str(&format!("  {reason}\n"));
        }
    }
    text
}

#[derive(Serialize)]
struct JsonReport<'a> {
    passed: bool,
    cases: Vec<JsonCase<'a>>,
}

#[derive(Serialize)]
struct JsonCase<'a> {
    suite: &'a str,
    name: &'a str,
    line: Option<u64>,
    passed: bool,
    expected: JsonResult<'a>,
    found: JsonResult<'a>,
    verdicts: Vec<VerdictJson>,
}

#[derive(Serialize)]
struct JsonResult<'a> {
    verdict: &'static str,
    code: Option<&'static str>,
    policy: Option<&'a str>,
}

/// One JSON object.
pub(super) fn json(tested: &[Tested]) -> Result<String, Error> {
    let cases = tested.iter().map(|tested| {
        let first = tested.outcome.found.reasons.first();
        JsonCase {
            suite: &tested.suite,
            name: &tested.name,
            line: tested.line,
            passed: tested.passed(),
            expected: JsonResult {
                verdict: tested.expect.verdict.as_str(),
                code: tested.expect.code.map(DenyReason::code),
                policy: tested.expect.policy.as_deref(),
            },
            found: JsonResult {
                verdict: tested.outcome.found.verdict.as_str(),
                code: first.map(|denial| denial.reason.code()),
                policy: first.and_then(|denial| denial.policy.as_ref()).map(PolicyName::name),
            },
            verdicts: tested.outcome.found.verdicts.iter().map(explain::verdict_json).collect(),
        }
    });
    let report = JsonReport { passed: tested.iter().all(Tested::passed), cases: cases.collect() };
    let mut json = serde_json::to_string_pretty(&report).map_err(Error::usage)?;
    json.push('\n');
    Ok(json)
}
