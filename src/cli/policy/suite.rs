//! `countersign policy test`

mod junit;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nonempty::NonEmpty;

use self::report::{Found, Outcome as CaseOutcome, Tested};
use super::super::{Error, Exit, Outcome, clock, file, workload_kinds_args};
use crate::admission::{Judgement, Object, Request};
use crate::api::{self, Case, CaseSubject, ExpectedVerdict, Suite};
use crate::gate::{Saved, judge_saved};
use crate::image::{ContainerKind, ImageRef, ImageUse, Pointer};
use crate::limits;
use crate::loader::{self, Elsewhere, Loaded};
use crate::policy::{Outcome as Decision, PinRule, Verdict, Warning, Workload, WorkloadKinds};
use crate::registry::Layout;

/// The arguments of `policy test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "A suite is a file such as this one; paths in it begin where it is:

  apiVersion: countersign.dev/v1alpha1
  kind: PolicyTest
  policies: [policies/]
  remotes:                            # what lies at the addresses of conditions; nothing is fetched
    https://policies.example.com/app.rego: app.rego
  workloadKinds: kinds.yaml           # optional; custom resources that name images
  now: 2026-01-31T12:00:00Z           # optional; the real time otherwise
  cases:
  - name: what the build system signed runs
    image: ghcr.io/acme/app:1.2
    evidence: saved/                  # an OCI image layout; nothing lies beside the image without one
    expect: allow
  - name: what nobody signed does not
    object: pod.yaml                  # a manifest, an AdmissionReview in JSON, or an object as it is
    expect: {verdict: deny, code: signature_missing, policy: acme}
  - name: nobody runs as root
    image: ghcr.io/acme/app:1.2
    evidence: saved/
    configs:                          # for `fetchConfigFile`; otherwise what the layout holds
      linux/amd64: {config: {User: root}}
    expect: {verdict: deny, code: condition_failed}

`countersign policy test` exits with 0 if everything is as expected, 1 if not, and 2 if something cannot be read.")]
pub struct TestArgs {
    /// The suites
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to print what came of it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// Judge as of this time (RFC 3339), whatever the suites say
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,
}

/// How to print what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One line for each case
    Table,
    /// One JSON object
    Json,
    /// XML as JUnit writes it
    Junit,
}

/// Carries out every suite.
///
/// # Errors
/// When a suite, or something that it names, cannot be read.
pub(super) fn run(args: &TestArgs) -> Result<Outcome, Error> {
    let mut tested = Vec::new();
    for path in &args.files {
        tested.extend(of_file(path, args.now)?);
    }
    let failed = tested.iter().filter(|tested| !tested.passed()).count();
    let data = match args.output {
        Format::Json => report::json(&tested)?,
        Format::Junit => junit::xml(&tested),
        Format::Table => report::table(&tested),
    };
    let mut outcome = Outcome { data, ..Outcome::default() };
    if failed > 0 {
        outcome.exit = Exit::Refused;
        outcome.messages.push(format!("{failed} of {} cases are not as expected", tested.len()));
    }
    Ok(outcome)
}

/// What is decided about each case of the suite in the file at `path`, as its expectation would be written.
///
/// # Errors
/// As [`run`].
pub(in crate::cli) fn decided(path: &Path) -> Result<Vec<serde_json::Value>, Error> {
    let expectation = |Tested { outcome: CaseOutcome { found, .. }, .. }: Tested| {
        let mut expect = serde_json::json!({ "verdict": found.verdict.as_str() });
        if let (Some(denial), Some(fields)) = (found.reasons.first(), expect.as_object_mut()) {
            fields.insert("code".to_owned(), denial.reason.code().into());
            let policy = denial.policy.as_ref().map(|policy| policy.name().into());
            fields.extend(policy.map(|policy| ("policy".to_owned(), policy)));
        }
        expect
    };
    Ok(of_file(path, None)?.into_iter().map(expectation).collect())
}

/// What came of the suite in one file.
fn of_file(path: &Path, now: Option<Timestamp>) -> Result<Vec<Tested>, Error> {
    let shown = path.display();
    let bytes = file::read("the suite", path, limits::POLICY_FILE_BYTES)?;
    let text = str::from_utf8(&bytes).map_err(|_| Error::usage(format!("`{shown}` is no text in UTF-8")))?;
    let suite = api::suite(text).map_err(|problems| {
        let problems = problems.iter().map(|problem| {
            let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("{shown}{line}: {problem}")
        });
        Error::usage(problems.collect::<Vec<_>>().join("; "))
    })?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let paths: Vec<_> = suite.policies.iter().map(|policies| directory.join(policies)).collect();
    let loaded = load(&paths, &suite, directory).map_err(|error| Error::usage(format!("{shown}: {error}")))?;
    let kinds = match &suite.workload_kinds {
        Some(path) => workload_kinds_args::read(&directory.join(path))?,
        None => WorkloadKinds::default(),
    };
    let mut place = Place { directory, loaded: &loaded, suite: &suite, kinds, layouts: BTreeMap::new(), now };
    suite
        .cases
        .iter()
        .map(|case| {
            let found = place.judge(case).map_err(|error| {
                let line = case.line.map(|line| format!(":{line}")).unwrap_or_default();
                Error::usage(format!("{shown}{line}: case `{}`: {error}", api::one_line(&case.name)))
            })?;
            let outcome = compare(case, found);
            Ok(Tested {
                suite: shown.to_string(),
                name: case.name.clone(),
                line: case.line,
                expect: case.expect.clone(),
                outcome,
            })
        })
        .collect()
}

/// The policies of a suite, with what it says lies at the addresses of their conditions.
fn load(paths: &[PathBuf], suite: &Suite, directory: &Path) -> Result<Loaded, Error> {
    let elsewhere = Elsewhere::default();
    let load = || loader::load_all_by(paths, suite.no_match, &elsewhere).map_err(Error::usage);
    let loaded = load()?;
    if suite.remotes.is_empty() {
        return Ok(loaded);
    }
    let wanted = elsewhere.remotes.wanted();
    for (address, path) in &suite.remotes {
        let bytes = file::read("the condition", &directory.join(path), limits::CONDITION_SOURCE_BYTES)?;
        let mut named = wanted.iter().filter(|source| source.url() == address).peekable();
        if named.peek().is_none() {
            return Err(Error::usage(format!("`remotes` names `{address}`, and no policy does")));
        }
        named.for_each(|source| elsewhere.remotes.give(source, &bytes));
    }
    load()
}

/// Where a suite is, and what was read for it.
struct Place<'a> {
    directory: &'a Path,
    loaded: &'a Loaded,
    suite: &'a Suite,
    kinds: WorkloadKinds,
    layouts: BTreeMap<String, Layout>,
    now: Option<Timestamp>,
}

/// What is judged together.
struct Asked {
    workload: Workload,
    images: NonEmpty<ImageUse>,
    pin: PinRule,
}

impl Place<'_> {
    fn judge(&mut self, case: &Case) -> Result<Found, Error> {
        let asked = self.asked(case)?;
        if let Some(directory) = &case.evidence
            && !self.layouts.contains_key(directory)
        {
            let layout = Layout::open(&self.directory.join(directory)).map_err(Error::usage)?;
            self.layouts.insert(directory.clone(), layout);
        }
        let layout = case.evidence.as_ref().and_then(|directory| self.layouts.get(directory));
        let saved = Saved { evidence: layout, configs: case.configs.as_ref() };
        let now = self.now.or(case.now).or(self.suite.now).unwrap_or_else(clock::now);
        let verdicts = asked.iter().flat_map(|asked| {
            judge_saved(&self.loaded.set, &asked.workload, &asked.images, asked.pin, saved, now).verdicts
        });
        Ok(found(verdicts.collect()))
    }

    fn asked(&self, case: &Case) -> Result<Vec<Asked>, Error> {
        match &case.subject {
            CaseSubject::File(path) => {
                let bytes = file::read("the object", &self.directory.join(path), limits::REVIEW_BYTES)?;
                match review(&bytes, &self.kinds) {
                    Some(asked) => asked,
                    None => {
                        let text =
                            str::from_utf8(&bytes).map_err(|_| Error::usage("the object is no text in UTF-8"))?;
                        manifest(text, &self.kinds)
                    }
                }
            }
            CaseSubject::Images(images) => Ok(of_images(images).into_iter().collect()),
            CaseSubject::Manifest(text) => manifest(text, &self.kinds),
        }
    }
}

/// Images outside of any object: their tags mean what they mean.
fn of_images(images: &[ImageRef]) -> Option<Asked> {
    let images = images.iter().map(|image| ImageUse {
        pointer: Pointer::new(""),
        kind: ContainerKind::Container,
        container: String::new(),
        image: image.clone(),
    });
    let images = NonEmpty::from_vec(images.collect())?;
    Some(Asked { workload: Workload::default(), images, pin: PinRule::Free })
}

/// What an AdmissionReview in JSON asks about; none where the bytes are none.
fn review(bytes: &[u8], kinds: &WorkloadKinds) -> Option<Result<Vec<Asked>, Error>> {
    let document: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    if document.get("kind")?.as_str()? != "AdmissionReview" {
        return None;
    }
    let request = match Request::parse(bytes, kinds) {
        Ok(request) => request,
        Err(error) => return Some(Err(Error::usage(error))),
    };
    Some(Ok(match request.subject() {
        Judgement::Judge(judge) => {
            vec![Asked { workload: judge.workload.clone(), images: judge.images.clone(), pin: judge.target.pin_rule() }]
        }
        Judgement::Pass(_) => Vec::new(),
    }))
}

/// The objects of a manifest that name images. Their tags mean what they mean, since `/mutate` would have pinned them.
fn manifest(text: &str, kinds: &WorkloadKinds) -> Result<Vec<Asked>, Error> {
    let objects = api::objects(text).map_err(|error| Error::usage(format!("the object: {error}")))?;
    let known = objects.iter().filter(|object| Object::is_known(&object.api_version, &object.kind, kinds));
    let parsed = known.map(|object| {
        let object = Object::parse(&object.json, kinds).map_err(|denial| Error::usage(denial.finding))?;
        Ok(object.into_judge())
    });
    let parsed: Vec<_> = parsed.collect::<Result<_, Error>>()?;
    let asked = parsed.into_iter().flatten();
    Ok(asked.map(|judge| Asked { workload: judge.workload, images: judge.images, pin: PinRule::Free }).collect())
}

/// What was decided about a case as a whole, the most useful reason first.
fn found(verdicts: Vec<Verdict>) -> Found {
    let mut denials = Vec::new();
    let mut warned = Vec::new();
    let mut satisfied = Vec::new();
    for verdict in &verdicts {
        match &verdict.outcome {
            Decision::Allow(allowance) => satisfied.extend(allowance.basis().iter().cloned()),
            Decision::Deny(refused) => denials.extend(refused.iter().cloned()),
        }
        warned.extend(verdict.warnings.iter().filter_map(|warning| match warning {
            Warning::WouldDeny(denial) => Some(denial.clone()),
            Warning::MutableTag | Warning::NoMatchingPolicy => None,
        }));
    }
    denials.sort_by_key(|denial| denial.reason.rank());
    warned.sort_by_key(|denial| denial.reason.rank());
    let is_warned = verdicts.iter().any(|verdict| verdict.warnings.contains(&Warning::NoMatchingPolicy));
    let verdict = match (denials.is_empty(), warned.is_empty() && !is_warned) {
        (false, _) => ExpectedVerdict::Deny,
        (true, false) => ExpectedVerdict::Warn,
        (true, true) => ExpectedVerdict::Allow,
    };
    let reasons = if denials.is_empty() { warned } else { denials };
    Found { verdict, reasons, satisfied, verdicts }
}

/// Whether it is what was expected.
fn compare(case: &Case, found: Found) -> CaseOutcome {
    let expect = &case.expect;
    let is_code = expect.code.is_none_or(|code| found.reasons.first().is_some_and(|denial| denial.reason == code));
    let is_policy = expect.policy.as_ref().is_none_or(|policy| match found.verdict {
        ExpectedVerdict::Allow => found.satisfied_by(policy),
        ExpectedVerdict::Deny | ExpectedVerdict::Warn => {
            found.reasons.iter().any(|denial| denial.policy.as_ref().is_some_and(|name| name.name() == policy))
        }
    });
    let passed = found.verdict == expect.verdict && is_code && is_policy;
    CaseOutcome { passed, found }
}
