//! Whether one policy is satisfied.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nonempty::NonEmpty;

use super::condition::Purse;
use super::conditioned;
use super::distinct::{self, Author, Names, author};
use super::readings::Readings;
use super::requirement::{Candidate, select};
use super::search::{Search, at_source, complete, facts, missing, unasked};
use super::terms::first_time;
use super::{
    AttestationRule, Authority, Denial, DenyReason, Failure, ObjectText, Policy, PolicyBody, Rule, Scope, Select,
    SourceLevelRule,
};
use crate::evidence::{Statement, StatementSubject};
use crate::image::Digest;
use crate::provenance::{Claimed, Predicate, Source, VerificationSummary};
use crate::verify::{Fact, FactKind, Facts, Platforms};

/// What is known when one image is decided about.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// Its digest, where it came so far.
    pub(super) digest: Option<Digest>,
    /// What was found, where somebody had to look.
    pub(super) finding: Option<Result<&'a Facts, &'a Failure>>,
    /// What it belongs to.
    pub(super) object: &'a ObjectText,
    /// What the conditions of a tenant may still take of this request.
    pub(super) tenant: &'a Purse,
    /// What its attestations say, each read at most once.
    pub(super) readings: &'a Readings,
    /// The present.
    pub(super) now: Timestamp,
}

impl<'a> Known<'a> {
    /// From what the conditions of `policy` are paid: a tenant's from the purse of the namespace.
    pub(super) fn purse(&self, policy: &Policy) -> Option<&'a Purse> {
        policy.name.namespace().map(|_| self.tenant)
    }
}

/// The authorities that satisfy `policy`, or why none or too few of them do, the most useful reason first.
pub(super) fn satisfy<'a>(
    policy: &'a Policy,
    known: Known<'a>,
) -> Result<NonEmpty<&'a Authority>, Box<NonEmpty<Denial>>> {
    let result = match &policy.body {
        PolicyBody::Compiled(authorities) => revocation(policy, known)
            .map_err(|denial| vec![denial])
            .and_then(|()| platforms(policy, authorities, known)),
        PolicyBody::Invalid(errors) => Err(vec![Denial::new(DenyReason::PolicyInvalid, errors.first().to_string())]),
    };
    result.map_err(|denials| {
        let by = |denial: Denial| denial.by(&policy.name).advised(policy.terms.advice.as_ref());
        let mut denials: Vec<_> = denials.into_iter().map(by).collect();
        denials.sort_by_key(|denial| denial.reason.rank());
        // Authorities are not empty, so denials are not either; an empty list would be a refusal all the same.
        let nothing = || NonEmpty::new(by(Denial::new(DenyReason::InternalError, "no authority decided")));
        Box::new(NonEmpty::from_vec(denials).unwrap_or_else(nothing))
    })
}

/// Whether the image is one that the policy takes back. Where it takes any back, it has to be known which one this is.
fn revocation(policy: &Policy, known: Known<'_>) -> Result<(), Denial> {
    let revoked = &policy.terms.revoked.digests;
    match (known.digest, known.finding) {
        _ if revoked.is_empty() => Ok(()),
        (Some(digest), _) if revoked.contains(&digest) => {
            Err(Denial::new(DenyReason::ImageRevoked, digest.to_string()))
        }
        (Some(_), _) => Ok(()),
        (None, Some(Err(failure))) => Err(failure.clone().into()),
        (None, Some(Ok(_)) | None) => Err(Denial::new(DenyReason::InternalError, "the image was not resolved")),
    }
}

/// Whether enough authorities are satisfied for every image that the policy judges.
fn platforms<'a>(
    policy: &'a Policy,
    authorities: &'a NonEmpty<Authority>,
    known: Known<'a>,
) -> Result<NonEmpty<&'a Authority>, Vec<Denial>> {
    let platforms = match (policy.terms.scope, known.finding) {
        (Scope::EveryPlatform, Some(Ok(facts))) => facts.platforms(),
        (Scope::EveryPlatform, Some(Err(_)) | None) | (Scope::Image, _) => &Platforms::One,
    };
    let every = match platforms {
        Platforms::Every(every) => every,
        Platforms::One => return count(policy, authorities, known),
        Platforms::Unasked(unasked) => return Err(vec![Failure::from(unasked).into()]),
    };
    let mut satisfied = None;
    for (name, facts) in every {
        let of_platform = |denial: Denial| {
            let finding = if denial.finding.is_empty() { name.clone() } else { format!("{name}: {}", denial.finding) };
            Denial { finding, ..denial }
        };
        let known = Known { digest: Some(facts.subject().digest()), finding: Some(Ok(facts)), ..known };
        let revoked = revocation(policy, known).map_err(|denial| vec![denial]);
        let judged = revoked.and_then(|()| count(policy, authorities, known));
        let judged = judged.map_err(|denials| denials.into_iter().map(of_platform).collect::<Vec<_>>())?;
        satisfied.get_or_insert(judged);
    }
    // Of an index that lists nothing, nothing can run.
    satisfied.ok_or_else(|| vec![Denial::new(DenyReason::EvidenceMalformed, "the index lists no image")])
}

/// Whether enough authorities are satisfied: one, or as many as the policy's threshold says, each by another signer.
fn count<'a>(
    policy: &'a Policy,
    authorities: &'a NonEmpty<Authority>,
    known: Known<'a>,
) -> Result<NonEmpty<&'a Authority>, Vec<Denial>> {
    let threshold = policy.terms.threshold.get();
    let mut satisfied = Vec::new();
    let mut signers = Vec::new();
    let mut matches = Vec::new();
    let mut denials = Vec::new();
    let condition = policy.terms.condition.as_ref();
    for authority in authorities {
        match judge(policy, authority, known) {
            Ok(_) if threshold == 1 && condition.is_none() => return Ok(NonEmpty::new(authority)),
            Ok(matched) => {
                satisfied.push(authority);
                signers.push(matched.signers(&authority.rule));
                matches.push((authority, matched));
            }
            Err(denial) => denials.push(denial.unsatisfied(&authority.name)),
        }
    }
    let different = distinct::count(&signers);
    match NonEmpty::from_vec(satisfied) {
        // One is enough without being told apart from others: a static one has no signer.
        Some(satisfied) if threshold == 1 || different >= threshold => match condition {
            Some(condition) => conditioned::all_holds(policy, condition, &matches, known)
                .map(|()| satisfied)
                .map_err(|denial| vec![denial]),
            None => Ok(satisfied),
        },
        Some(satisfied) => {
            let names: Vec<_> = satisfied.iter().map(|authority| format!("`{}`", authority.name)).collect();
            let finding = format!(
                "{threshold} authorities are asked for, each by another signer; satisfied by {different}: {}",
                names.join(", ")
            );
            denials.push(Denial::new(DenyReason::ThresholdNotMet, finding));
            Err(denials)
        }
        None => Err(denials),
    }
}

/// The facts that satisfy an authority.
#[derive(Debug, Default)]
pub(super) struct Matched<'a> {
    /// The signatures of the image; none where attestations are asked for.
    pub(super) signatures: Vec<&'a Fact>,
    /// For each attestation that is asked for, those that hold.
    pub(super) attestations: Vec<(&'a AttestationRule, Vec<&'a Fact>)>,
}

impl Matched<'_> {
    /// By what names the signers go, each of whom satisfies the authority alone.
    fn signers(&self, rule: &Rule) -> Vec<Names> {
        let mut lists = self.attestations.iter().map(|(_, facts)| facts);
        let Some(first) = lists.next() else {
            return self.signatures.iter().map(|fact| distinct::names(rule, fact)).collect();
        };
        let rest: Vec<Vec<Names>> =
            lists.map(|facts| facts.iter().map(|fact| distinct::names(rule, fact)).collect()).collect();
        let first = first.iter().map(|fact| distinct::names(rule, fact));
        first.filter(|names| rest.iter().all(|others| others.contains(names))).collect()
    }
}

/// Whether what was found satisfies one authority, and by what.
fn judge<'a>(policy: &'a Policy, authority: &'a Authority, known: Known<'a>) -> Result<Matched<'a>, Denial> {
    let search = |signers| {
        Ok::<_, Denial>(Search {
            facts: at_source(facts(known.finding)?, authority.terms.source.as_ref())?,
            signers,
            terms: &authority.terms,
            revoked: &policy.terms.revoked,
            readings: known.readings,
            purse: known.purse(policy),
            now: known.now,
        })
    };
    match &authority.rule {
        Rule::Attested { signers, attestations } => {
            let search = search(signers)?;
            let attestations = attestations.iter().map(|wanted| Ok((wanted, attested(&search, wanted)?)));
            Ok(Matched { attestations: attestations.collect::<Result<_, Denial>>()?, ..Matched::default() })
        }
        Rule::Fail { message } => Err(Denial::new(DenyReason::StaticFail, message.clone())),
        Rule::Pass => Ok(Matched::default()),
        Rule::Signed { signers } => {
            let search = search(signers)?;
            let signed = |fact: &Fact| match fact.kind() {
                FactKind::Signature { .. } => true,
                FactKind::Attestation(_) | FactKind::SourceSummary(_) => false,
            };
            match search.look(signed) {
                Ok(found) => Ok(Matched { signatures: found.into(), ..Matched::default() }),
                Err(near) => Err(missing(&search, near, Denial::new(DenyReason::SignatureMissing, ""))),
            }
        }
        Rule::StaleRoot { finding } => Err(Denial::new(DenyReason::TrustRootStale, finding.clone())),
    }
}

/// The facts by which was attested what is `wanted`.
fn attested<'a>(search: &Search<'a>, wanted: &AttestationRule) -> Result<Vec<&'a Fact>, Denial> {
    let of_type = |fact: &Fact| match fact.kind() {
        FactKind::Attestation(statement) => statement.predicate_type() == wanted.predicate_type,
        FactKind::Signature { .. } | FactKind::SourceSummary(_) => false,
    };
    let found = search.look(of_type).map_err(|near| {
        let nothing = format!("no attestation of the type `{}`", wanted.predicate_type);
        missing(search, near, Denial::new(DenyReason::AttestationMissing, nothing))
    })?;
    if wanted.select.needs_all() {
        complete(search.facts)?;
    }
    let meets = |fact: &&Fact| match (&wanted.requirement, fact.kind()) {
        (Some(requirement), FactKind::Attestation(statement)) => {
            let reading = search.readings.of(statement);
            requirement.check(&reading, fact.signer(), search.now)?;
            match (requirement.source_level(), &*reading) {
                (Some(rule), Ok(Predicate::Provenance(provenance))) => source_level(search, rule, &provenance.source),
                (Some(_), _) | (None, _) => Ok(()),
            }
        }
        // Neither was looked for.
        (Some(_), FactKind::Signature { .. } | FactKind::SourceSummary(_)) => {
            Err(Denial::new(DenyReason::InternalError, "no attestation"))
        }
        (None, _) => Ok(()),
    };
    let check = |fact: &&Fact| {
        meets(fact)?;
        match (&wanted.condition, fact.kind()) {
            (Some(condition), FactKind::Attestation(statement)) => {
                conditioned::holds(condition, &search.readings.input(statement), search.purse, search.now)
            }
            (Some(_), FactKind::Signature { .. } | FactKind::SourceSummary(_)) => {
                Err(Denial::new(DenyReason::InternalError, "no attestation"))
            }
            (None, _) => Ok(()),
        }
    };
    select(wanted.select, candidates(search.readings, wanted.select, &found), check).map_err(|denials| {
        // Perhaps a better one stands where nobody could look.
        let denials = denials.into_iter().map(|denial| {
            let finding = match denial.finding.as_str() {
                "" => format!("attestation `{}`", wanted.name),
                finding => format!("attestation `{}`: {finding}", wanted.name),
            };
            Denial { finding, ..denial }
        });
        let nothing = || Denial::new(DenyReason::InternalError, "no attestation decided");
        unasked(search.facts).chain(denials).min_by_key(|denial| denial.reason.rank()).unwrap_or_else(nothing)
    })
}

/// Whether one of the signers has verified `source` as well as `rule` asks.
fn source_level(search: &Search<'_>, rule: &SourceLevelRule, source: &Source) -> Result<(), Denial> {
    let of_type = |fact: &Fact| match fact.kind() {
        FactKind::Attestation(statement) => statement.predicate_type() == VerificationSummary::PREDICATE_TYPE,
        FactKind::Signature { .. } => false,
        FactKind::SourceSummary(_) => true,
    };
    let found = search.look(of_type).map_err(|near| {
        let nothing = "no verification summary of its source";
        missing(search, near, Denial::new(DenyReason::AttestationMissing, nothing))
    })?;
    let check = |fact: &Fact| {
        let statement = match fact.kind() {
            FactKind::Attestation(statement) | FactKind::SourceSummary(statement) => statement,
            FactKind::Signature { .. } => return Err(Denial::new(DenyReason::InternalError, "no attestation")),
        };
        let digests = statement.subjects().iter().flat_map(StatementSubject::digests);
        let commits = digests.filter(|(name, _)| matches!(name.as_str(), "gitCommit" | "sha1"));
        let commits: Vec<_> = commits.map(|(_, hex)| hex.as_str()).collect();
        match &*search.readings.of(statement) {
            Ok(Predicate::Summary(summary)) => {
                rule.check(summary, source.repository.as_ref(), source.commit.as_deref(), &commits)
            }
            Ok(_) => Err(Denial::new(DenyReason::InternalError, "no verification summary")),
            Err(error) => Err(Denial::new(DenyReason::EvidenceMalformed, error.to_string())),
        }
    };
    let denials: Vec<_> = found.iter().map(|fact| check(fact)).collect();
    if denials.iter().any(Result::is_ok) {
        return Ok(());
    }
    let denials = unasked(search.facts).chain(denials.into_iter().filter_map(Result::err));
    let nothing = || Denial::new(DenyReason::InternalError, "no summary decided");
    Err(denials.min_by_key(|denial| denial.reason.rank()).unwrap_or_else(nothing))
}

/// The attestations `found`, with what has to be known to tell the latest: a proven time counts before a claimed one,
/// and of several proven times of one statement by one signer the first. Whoever has somebody's old statement logged
/// anew has not made it the latest.
fn candidates<'a>(
    readings: &Readings,
    select: Select,
    found: &NonEmpty<&'a Fact>,
) -> Vec<Candidate<Author<'a>, &'a Fact>> {
    let mut proven: BTreeMap<(Author<'_>, &str), Timestamp> = BTreeMap::new();
    let statement = |fact: &'a Fact| match fact.kind() {
        FactKind::Attestation(statement) => Some(statement),
        FactKind::Signature { .. } | FactKind::SourceSummary(_) => None,
    };
    let said = |fact: &'a Fact| statement(fact).map_or("", Statement::predicate_raw);
    for fact in found {
        if let Some(time) = first_time(fact) {
            let known = proven.entry((author(fact), said(fact))).or_insert(time);
            *known = time.min(*known);
        }
    }
    let candidate = |fact: &'a Fact| {
        let claimed = match (select, statement(fact)) {
            // What cannot be read claims nothing.
            (Select::Latest, Some(statement)) => match &*readings.of(statement) {
                Ok(predicate) => predicate.claimed(),
                Err(_) => Claimed::default(),
            },
            (Select::All | Select::Any | Select::Latest, _) => Claimed::default(),
        };
        let Claimed { time, scanner } = claimed;
        let time = proven.get(&(author(fact), said(fact))).copied().or(time);
        Candidate { item: fact, signer: author(fact), scanner, time }
    };
    found.iter().map(|fact| candidate(fact)).collect()
}
