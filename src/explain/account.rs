//! Everything that was found about one image, and every check that was made of it, in the order of
//! <https://github.com/sigstore/architecture-docs/blob/main/client-spec.md#4-verification>.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::plain;
use crate::evidence::Path;
use crate::image::{Digest, ImageRef};
use crate::limits;
use crate::policy::{DenyReason, Failure, Finding, PolicySet, Scope, SignerRule};
use crate::verify::{
    Fact, FactKind, Facts, LogEntry, Platforms, ProvenTime, Rejection, Signer, Step, TimeSource, VerifyError,
};

/// What was found about one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The image, as written.
    pub image: String,
    /// Its digest, where it came so far.
    pub digest: Option<String>,
    /// Why nothing could be found out; none where it could.
    pub failure: Option<Check>,
    /// Where evidence can lie, and whether it does.
    pub places: Vec<Place>,
    /// What lies there, held against every authority that covers the image.
    pub artifacts: Vec<Judged>,
    /// The same for the images behind it, where a policy asks about each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Self>,
}

/// A place where evidence can lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Which one.
    pub place: String,
    /// How many artifacts lie there; none where it could not be asked.
    pub artifacts: Option<usize>,
    /// Why it could not be asked; empty where it could.
    pub finding: String,
}

/// One artifact held against one authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Where it lies.
    pub place: String,
    /// Its digest.
    pub artifact: String,
    /// The policy and its authority, as `policy/authority`; empty where it failed before any was looked at.
    pub authority: String,
    /// Whether it is by that authority.
    pub accepted: bool,
    /// The checks that were made, in the order of the specification. Where one failed, it is the last: what would follow
    /// was not looked at.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub check: &'static str,
    /// Whether it held.
    pub held: bool,
    /// The code of the refusal, where it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// What was found.
    pub found: String,
}

impl Check {
    fn held(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, held: true, code: None, found: found.into() }
    }

    fn failed(check: &'static str, reason: DenyReason, found: impl Into<String>) -> Self {
        Self { check, held: false, code: Some(reason.code()), found: found.into() }
    }
}

impl Account {
    /// What was found about `image`, seen by the policies of `set` that cover it.
    pub fn new(set: &PolicySet, image: &ImageRef, finding: &Finding) -> Self {
        let mut account = Self {
            image: image.written().to_owned(),
            digest: image.digest().map(|digest| digest.to_string()),
            failure: None,
            places: Vec::new(),
            artifacts: Vec::new(),
            platforms: Vec::new(),
        };
        match finding {
            Ok(facts) => account.fill(set, image, facts),
            Err(Failure { reason, finding, retry_after: _ }) => {
                account.failure = Some(Check::failed("image", *reason, finding.clone()));
            }
        }
        account
    }

    fn fill(&mut self, set: &PolicySet, image: &ImageRef, facts: &Facts) {
        let policies = || set.policies().iter().filter(|policy| policy.covers(image.repository()));
        self.digest = Some(facts.subject().digest().to_string());
        let looked_at: Vec<_> = [(None, facts)]
            .into_iter()
            .chain(facts.elsewhere().iter().map(|(source, facts)| (Some(source), facts)))
            .collect();
        for (source, facts) in looked_at {
            let at = source.map_or_else(String::new, |source| format!(" of {source}"));
            self.places.extend(places(&at, facts));
            let unread = facts.rejections().iter().filter(|one| one.anchor.is_none());
            self.artifacts.extend(unread.map(|one| rejected(&at, "", None, one)));
            for policy in policies() {
                for authority in policy.authorities().filter(|authority| authority.terms.source.as_ref() == source) {
                    let name = format!("{}/{}", policy.name, authority.name);
                    for signer in authority.rule.signers() {
                        self.artifacts.extend(held_against(&at, &name, signer, facts));
                    }
                }
            }
        }
        if let Platforms::Every(platforms) = facts.platforms()
            && policies().any(|policy| policy.terms.scope == Scope::EveryPlatform)
        {
            self.platforms.extend(platforms.iter().map(|(name, facts)| {
                let mut account = Self {
                    image: format!("{} ({name})", image.written()),
                    digest: None,
                    failure: None,
                    places: Vec::new(),
                    artifacts: Vec::new(),
                    platforms: Vec::new(),
                };
                account.fill(set, image, facts);
                account
            }));
        }
    }

    /// The account for people.
    pub fn text(&self) -> String {
        let mut text = plain(&self.image, limits::IMAGE_REFERENCE_BYTES);
        if let Some(digest) = &self.digest {
            let _ = write!(text, " ({digest})");
        }
        text.push('\n');
        if let Some(failure) = &self.failure {
            push(&mut text, "  ", failure);
        }
        for place in &self.places {
            let _ = match place.artifacts {
                Some(0) => writeln!(text, "  {}: nothing", place.place),
                Some(number) => writeln!(text, "  {}: {number}", place.place),
                None => writeln!(
                    text,
                    "  {}: could not be asked: {}",
                    place.place,
                    plain(&place.finding, limits::PRINTED_FINDING_BYTES)
                ),
            };
        }
        for judged in &self.artifacts {
            let verdict = if judged.accepted { "accepted" } else { "not accepted" };
            let by = match judged.authority.as_str() {
                "" => String::new(),
                authority => format!(" by {}", plain(authority, 2 * limits::PRINTED_NAME_BYTES)),
            };
            let _ = writeln!(text, "  {} {}: {verdict}{by}", judged.place, judged.artifact);
            judged.checks.iter().for_each(|check| push(&mut text, "    ", check));
        }
        for platform in &self.platforms {
            text.push_str(&platform.text());
        }
        text
    }
}

fn push(text: &mut String, indent: &str, check: &Check) {
    let mark = if check.held { '+' } else { '-' };
    let code = check.code.map(|code| format!("{code}: ")).unwrap_or_default();
    let found = plain(&check.found, limits::PRINTED_FINDING_BYTES);
    let _ = writeln!(text, "{}", format!("{indent}{mark} {}: {code}{found}", check.check).trim_end());
}

/// Every place `at` a source, in the order in which it is asked.
fn places(at: &str, facts: &Facts) -> Vec<Place> {
    let known = facts.facts().iter().map(|fact| (fact.path(), fact.artifact()));
    let known: BTreeSet<_> = known.chain(facts.rejections().iter().map(|one| (one.path, one.artifact))).collect();
    let of = |path: Path| {
        let place = format!("{path}{at}");
        match facts.unasked().iter().find(|(unasked, _)| *unasked == path) {
            Some((_, unasked)) => Place { place, artifacts: None, finding: Failure::from(unasked).finding },
            None => {
                let number = known.iter().filter(|(of, _)| *of == path).count();
                Place { place, artifacts: Some(number), finding: String::new() }
            }
        }
    };
    Path::ALL.into_iter().map(of).collect()
}

/// What of `facts` is, or is not, by one signer.
fn held_against(at: &str, authority: &str, signer: &SignerRule, facts: &Facts) -> Vec<Judged> {
    let verified = facts.facts().iter().filter(|fact| fact.anchor() == signer.anchor.id());
    let verified = verified.map(|fact| verified_by(at, authority, signer, fact));
    let failed = facts.rejections().iter().filter(|one| one.anchor == Some(signer.anchor.id()));
    verified.chain(failed.map(|one| rejected(at, authority, Some(signer), one))).collect()
}

fn verified_by(at: &str, authority: &str, signer: &SignerRule, fact: &Fact) -> Judged {
    let seen =
        Seen { signer: Some(fact.signer()), kind: Some(fact.kind()), entries: fact.entries(), times: fact.times() };
    let checks = seen.checks(fact.steps(), Some(signer));
    judged(fact.path(), at, fact.artifact(), authority, signer.accepts(fact.signer()), checks)
}

/// What held of it, and then why it is rejected.
fn rejected(at: &str, authority: &str, signer: Option<&SignerRule>, rejection: &Rejection) -> Judged {
    let mut checks = rejection.held.as_ref().map_or_else(Vec::new, |held| {
        let seen = Seen { signer: held.signer(), kind: held.kind(), entries: held.entries(), times: held.times() };
        seen.checks(held.steps(), signer)
    });
    let error = &rejection.error;
    checks.push(Check::failed(check_of(error), DenyReason::from(error), error.to_string()));
    judged(rejection.path, at, rejection.artifact, authority, false, checks)
}

fn judged(path: Path, at: &str, artifact: Digest, authority: &str, accepted: bool, checks: Vec<Check>) -> Judged {
    Judged {
        place: format!("{path}{at}"),
        artifact: artifact.to_string(),
        authority: authority.to_owned(),
        accepted,
        checks,
    }
}

/// The steps of <https://github.com/sigstore/architecture-docs/blob/main/client-spec.md#4-verification>, in its order. What
/// is cheap is checked earlier, and nothing is believed before all of it held.
const ORDER: [Step; 10] = [
    // "Establishing a Time for the Signature"
    Step::Timestamp,
    Step::TimestampOfUnknownAuthority,
    Step::LogPromise,
    // "Certificate", with the identity at its end
    Step::Certificate,
    Step::CertificateLogged,
    // "Transparency Log Entry"
    Step::LogEntry,
    Step::LogEntryOfUnknownLog,
    // "Signature Verification"
    Step::Signature,
    Step::Type,
    Step::Subject,
];

/// What was found while checks held.
struct Seen<'a> {
    signer: Option<&'a Signer>,
    kind: Option<&'a FactKind>,
    entries: &'a [LogEntry],
    times: &'a [ProvenTime],
}

impl Seen<'_> {
    /// The steps that held, in the order of the specification, and whether the signer is one of those that `rule` means.
    fn checks(&self, steps: &[Step], rule: Option<&SignerRule>) -> Vec<Check> {
        let mut checks = Vec::new();
        for step in ORDER {
            if steps.contains(&step) {
                checks.push(self.held(step));
            }
            if step == Step::CertificateLogged {
                checks.extend(self.identity(rule));
            }
        }
        checks
    }

    fn identity(&self, rule: Option<&SignerRule>) -> Option<Check> {
        let (Some(signer @ Signer::Certificate(certificate)), Some(rule)) = (self.signer, rule) else {
            return None;
        };
        let names: Vec<_> = certificate.subjects().iter().map(|subject| format!("`{subject}`")).collect();
        let issuer = certificate.issuer().map(|issuer| format!(", issuer `{issuer}`")).unwrap_or_default();
        let found = format!("{}{issuer}", names.join(", "));
        Some(if rule.accepts(signer) {
            Check::held("identity", found)
        } else {
            Check::failed("identity", DenyReason::IdentityMismatch, found)
        })
    }

    fn times(&self, wanted: fn(TimeSource) -> bool) -> String {
        let times = self.times.iter().filter(|time| wanted(time.source())).map(ProvenTime::time);
        times.map(|time| time.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// A check that held, with what was found.
    fn held(&self, step: Step) -> Check {
        let by_log = |source| match source {
            TimeSource::Authority(_) => false,
            TimeSource::Log(_) => true,
        };
        match step {
            Step::Certificate => {
                let at = match self.times(|_| true).as_str() {
                    "" => "now".to_owned(),
                    times => format!("at {times}"),
                };
                Check::held("certificate", format!("issued by a known authority, valid {at}"))
            }
            Step::CertificateLogged => Check::held("certificate_log", "promised by a known log"),
            Step::LogEntry => {
                let since = match self.times(by_log).as_str() {
                    "" => "in a known log, which proves no time".to_owned(),
                    times => format!("in a known log since {times}"),
                };
                let entries: Vec<_> = self.entries.iter().map(ToString::to_string).collect();
                let at = if entries.is_empty() { String::new() } else { format!(": {}", entries.join(", ")) };
                Check::held("log_entry", format!("{since}{at}"))
            }
            Step::LogEntryOfUnknownLog => Check::held("log_entry", "of a log that is not known: it proves nothing"),
            Step::LogPromise => Check::held("time", format!("promised by a known log, {}", self.times(by_log))),
            Step::Signature => Check::held(
                "signature",
                match self.signer {
                    Some(Signer::Key) => "verifies with the key",
                    Some(Signer::Certificate(_)) | None => "verifies with the certificate's key",
                },
            ),
            Step::Subject => Check::held(
                "subject",
                match self.kind {
                    Some(FactKind::Attestation(_) | FactKind::Signature { .. }) | None => "names this image",
                    Some(FactKind::SourceSummary(_)) => {
                        "names a commit: it counts beside provenance that is of this commit"
                    }
                },
            ),
            Step::Timestamp => {
                let times = self.times(|source| match source {
                    TimeSource::Authority(_) => true,
                    TimeSource::Log(_) => false,
                });
                Check::held("timestamp", format!("of a known authority, {times}"))
            }
            Step::TimestampOfUnknownAuthority => {
                Check::held("timestamp", "of an authority that is not known: it proves nothing")
            }
            Step::Type => Check::held(
                "type",
                match self.kind {
                    Some(FactKind::Attestation(statement)) => {
                        format!("an attestation of the type `{}`", statement.predicate_type())
                    }
                    Some(FactKind::Signature { .. }) | None => "a signature of an image".to_owned(),
                    Some(FactKind::SourceSummary(_)) => "a verification summary of a source".to_owned(),
                },
            ),
        }
    }
}

/// The check that failed.
fn check_of(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::AlgorithmMismatch | VerifyError::KeyMismatch | VerifyError::SignatureInvalid => "signature",
        VerifyError::Artifact(_) => "format",
        VerifyError::Budget(_) => "budget",
        VerifyError::CertificateExpired(_)
        | VerifyError::CertificateInvalid(_)
        | VerifyError::CertificateMissing
        | VerifyError::CertificateUntrusted => "certificate",
        VerifyError::CertificateNotLogged(_) => "certificate_log",
        VerifyError::LogEntry(_) | VerifyError::LogEntryMissing { .. } => "log_entry",
        VerifyError::SigningTimeUnproven => "time",
        VerifyError::SubjectMismatch { .. } => "subject",
        VerifyError::Timestamp(_) | VerifyError::TimestampMissing { .. } => "timestamp",
        VerifyError::TypeMismatch(_) => "type",
    }
}
