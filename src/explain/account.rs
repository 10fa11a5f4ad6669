//! Everything that was found about one image, and every check that was made of it, in the order of
//! <https://github.com/sigstore/architecture-docs/blob/main/client-spec.md#4-verification>.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::plain;
use crate::evidence::Path;
use crate::image::{Digest, ImageRef};
use crate::limits;
use crate::policy::{DenyReason, Failure, Finding, PolicySet, SignerRule};
use crate::verify::{Fact, FactKind, Facts, ProvenTime, Rejection, Signer, Step, TimeSource, VerifyError};

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
    /// The checks, in the order in which they were made. The last one says why it is not accepted, if it is not.
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
        };
        let facts = match finding {
            Ok(facts) => facts,
            Err(Failure { reason, finding, retry_after: _ }) => {
                account.failure = Some(Check::failed("image", *reason, finding.clone()));
                return account;
            }
        };
        account.digest = Some(facts.subject().digest().to_string());
        account.places = places(facts);
        account
            .artifacts
            .extend(facts.rejections().iter().filter(|one| one.anchor.is_none()).map(|one| rejected("", one)));
        for policy in set.policies().iter().filter(|policy| policy.covers(image.repository())) {
            for authority in policy.authorities() {
                let name = format!("{}/{}", policy.name, authority.name);
                for signer in authority.rule.signers() {
                    account.artifacts.extend(held_against(&name, signer, facts));
                }
            }
        }
        account
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
        text
    }
}

fn push(text: &mut String, indent: &str, check: &Check) {
    let mark = if check.held { '+' } else { '-' };
    let code = check.code.map(|code| format!("{code}: ")).unwrap_or_default();
    let found = plain(&check.found, limits::PRINTED_FINDING_BYTES);
    let _ = writeln!(text, "{}", format!("{indent}{mark} {}: {code}{found}", check.check).trim_end());
}

/// Every place, in the order in which it is asked.
fn places(facts: &Facts) -> Vec<Place> {
    let known = facts.facts().iter().map(|fact| (fact.path(), fact.artifact()));
    let known: BTreeSet<_> = known.chain(facts.rejections().iter().map(|one| (one.path, one.artifact))).collect();
    let of = |path: Path| match facts.unasked().iter().find(|(unasked, _)| *unasked == path) {
        Some((_, unasked)) => {
            Place { place: path.to_string(), artifacts: None, finding: Failure::from(unasked).finding }
        }
        None => {
            let number = known.iter().filter(|(of, _)| *of == path).count();
            Place { place: path.to_string(), artifacts: Some(number), finding: String::new() }
        }
    };
    Path::ALL.into_iter().map(of).collect()
}

/// What of `facts` is, or is not, by one signer.
fn held_against(authority: &str, signer: &SignerRule, facts: &Facts) -> Vec<Judged> {
    let verified = facts.facts().iter().filter(|fact| fact.anchor() == signer.anchor.id());
    let verified = verified.map(|fact| verified_by(authority, signer, fact));
    let failed = facts.rejections().iter().filter(|one| one.anchor == Some(signer.anchor.id()));
    verified.chain(failed.map(|one| rejected(authority, one))).collect()
}

fn verified_by(authority: &str, signer: &SignerRule, fact: &Fact) -> Judged {
    let mut checks: Vec<_> = fact.steps().iter().map(|step| held(*step, fact)).collect();
    let accepted = signer.accepts(fact.signer());
    if let Signer::Certificate(certificate) = fact.signer() {
        let names: Vec<_> = certificate.subjects().iter().map(|subject| format!("`{subject}`")).collect();
        let issuer = certificate.issuer().map(|issuer| format!(", issuer `{issuer}`")).unwrap_or_default();
        let found = format!("{}{issuer}", names.join(", "));
        checks.push(if accepted {
            Check::held("identity", found)
        } else {
            Check::failed("identity", DenyReason::IdentityMismatch, found)
        });
    }
    judged(fact.path(), fact.artifact(), authority, accepted, checks)
}

fn rejected(authority: &str, rejection: &Rejection) -> Judged {
    let error = &rejection.error;
    let check = Check::failed(check_of(error), DenyReason::from(error), error.to_string());
    judged(rejection.path, rejection.artifact, authority, false, vec![check])
}

fn judged(path: Path, artifact: Digest, authority: &str, accepted: bool, checks: Vec<Check>) -> Judged {
    Judged {
        place: path.to_string(),
        artifact: artifact.to_string(),
        authority: authority.to_owned(),
        accepted,
        checks,
    }
}

/// A check that held, with what was found.
fn held(step: Step, fact: &Fact) -> Check {
    let times = |wanted: fn(TimeSource) -> bool| {
        let times = fact.times().iter().filter(|time| wanted(time.source())).map(ProvenTime::time);
        times.map(|time| time.to_string()).collect::<Vec<_>>().join(", ")
    };
    let by_log = |source| match source {
        TimeSource::Authority(_) => false,
        TimeSource::Log(_) => true,
    };
    let by_authority = |source| match source {
        TimeSource::Authority(_) => true,
        TimeSource::Log(_) => false,
    };
    match step {
        Step::Certificate => {
            let at = match times(|_| true).as_str() {
                "" => "now".to_owned(),
                times => format!("at {times}"),
            };
            Check::held("certificate", format!("issued by a known authority, valid {at}"))
        }
        Step::CertificateLogged => Check::held("certificate_log", "promised by a known log"),
        Step::LogEntry => Check::held(
            "log_entry",
            match times(by_log).as_str() {
                "" => "in a known log, which proves no time".to_owned(),
                times => format!("in a known log since {times}"),
            },
        ),
        Step::LogEntryOfUnknownLog => Check::held("log_entry", "of a log that is not known: it proves nothing"),
        Step::Signature => Check::held(
            "signature",
            match fact.signer() {
                Signer::Certificate(_) => "verifies with the certificate's key",
                Signer::Key => "verifies with the key",
            },
        ),
        Step::Subject => Check::held("subject", "names this image"),
        Step::Timestamp => Check::held("timestamp", format!("of a known authority, {}", times(by_authority))),
        Step::TimestampOfUnknownAuthority => {
            Check::held("timestamp", "of an authority that is not known: it proves nothing")
        }
        Step::Type => Check::held(
            "type",
            match fact.kind() {
                FactKind::Attestation(statement) => {
                    format!("an attestation of the type `{}`", statement.predicate_type())
                }
                FactKind::Signature { .. } => "a signature of an image".to_owned(),
            },
        ),
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
