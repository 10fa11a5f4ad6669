//! Holds conditions against statements, and against everything that satisfied the authorities of a policy.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::condition::{Purse, within};
use super::judge::{Known, Matched};
use super::readings::InputReading;
use super::search::{at_source, complete, facts};
use super::{Authority, Condition, ConditionVerdict, Denial, DenyReason, Failure, Included, Input, Policy, Rule};
use crate::evidence::{ArtifactError, ImageConfig};
use crate::limits::{CONDITION_INPUT_BYTES, Exceeded, Scope};
use crate::provenance::ReadError;
use crate::verify::{Configs, Extension, Fact, FactKind, Signer};

/// Whether `condition` holds of `input`, where that could be read; paid from the purse of the tenant whose it is.
pub(super) fn holds(
    condition: &Condition,
    input: &InputReading,
    purse: Option<&Purse>,
    now: Timestamp,
) -> Result<(), Denial> {
    let input = input.as_ref().map_err(unreadable)?;
    let verdict = match purse {
        Some(purse) => condition.check_for(purse, input, now),
        None => condition.check(input, now),
    };
    match verdict {
        ConditionVerdict::Error(error) => Err(Denial::new(DenyReason::ConditionError, error)),
        ConditionVerdict::Refused(messages) => {
            let messages: Vec<_> = messages.into_iter().collect();
            Err(Denial::new(DenyReason::ConditionFailed, messages.join("; ")))
        }
        ConditionVerdict::Satisfied => Ok(()),
        ConditionVerdict::Spent(spent) => Err(Denial::new(DenyReason::ConditionTimeout, spent)),
    }
}

/// Whether a policy's own condition holds of all authorities that are satisfied, and by what. It is a condition over the
/// whole set, wherever its authorities look: one piece that nobody could look at might change the answer.
pub(super) fn all_holds(
    policy: &Policy,
    condition: &Condition,
    matches: &[(&Authority, Matched<'_>)],
    known: Known<'_>,
) -> Result<(), Denial> {
    for authority in policy.authorities().filter(|authority| !authority.rule.is_static()) {
        complete(at_source(facts(known.finding)?, authority.terms.source.as_ref())?)?;
    }
    let digest = known.digest.map(|digest| digest.to_string());
    let mut authorities = Map::new();
    for (authority, matched) in matches {
        authorities.insert(authority.name.clone(), one(authority, matched, digest.as_deref()));
    }
    let mut input = Map::new();
    input.insert("authorityMatches".to_owned(), authorities.into());
    include(policy.terms.included, known, &mut input)?;
    holds(condition, &Ok(Input::new(input.into())), known.purse(policy), known.now)
}

/// Puts into `input` what else the condition of a policy sees, under the names of policy-controller.
fn include(included: Included, known: Known<'_>, input: &mut Map<String, Value>) -> Result<(), Denial> {
    if included.configs {
        input.insert("config".to_owned(), configs(facts(known.finding)?.configs())?);
    }
    let object = known.object;
    let parts = [
        ("spec", included.spec.then(|| object.spec())),
        ("metadata", included.object_meta.then(|| object.metadata())),
        ("typemeta", included.type_meta.then(|| object.type_meta())),
    ];
    for (name, part) in parts {
        if let Some(part) = part.transpose().map_err(|error| unreadable(&error))?.flatten() {
            input.insert(name.to_owned(), part);
        }
    }
    Ok(())
}

/// The configurations, by platform.
fn configs(configs: &Configs) -> Result<Value, Denial> {
    let every = match configs {
        Configs::Every(every) => every,
        Configs::Unasked(unasked) => {
            let failure = Failure::from(unasked);
            let finding = format!("the image's configuration: {}", failure.finding);
            return Err(Failure { finding, ..failure }.into());
        }
        Configs::Unreadable(error) => {
            let reason = match error {
                ArtifactError::LimitExceeded(_) => DenyReason::LimitExceeded,
                ArtifactError::Malformed { .. } => DenyReason::EvidenceMalformed,
                ArtifactError::Unsupported(_) => DenyReason::EvidenceUnsupported,
            };
            return Err(Denial::new(reason, error.to_string()));
        }
    };
    if every.is_empty() {
        // A condition about all of none would hold.
        return Err(Denial::new(DenyReason::EvidenceMalformed, "the index lists no image"));
    }
    let bytes: usize = every.values().map(|config| config.json().len()).sum();
    if bytes > CONDITION_INPUT_BYTES {
        let exceeded = Exceeded::new("bytes of the configurations of an image", CONDITION_INPUT_BYTES, Scope::Request);
        return Err(unreadable(&exceeded.into()));
    }
    let read = |(platform, config): (&String, &ImageConfig)| {
        Ok((platform.clone(), within("the image's configuration", config.json()).map_err(|error| unreadable(&error))?))
    };
    every.iter().map(read).collect::<Result<Map<_, _>, Denial>>().map(Value::Object)
}

/// The refusal of what cannot be read.
fn unreadable(error: &ReadError) -> Denial {
    match error {
        ReadError::Exceeded(exceeded) => Denial::new(DenyReason::LimitExceeded, exceeded.to_string()),
        ReadError::Malformed { .. } | ReadError::Unsupported { .. } => {
            Denial::new(DenyReason::EvidenceMalformed, error.to_string())
        }
    }
}

/// One authority, in the words of policy-controller. What is empty is left out there, and here.
fn one(authority: &Authority, matched: &Matched<'_>, digest: Option<&str>) -> Value {
    let mut fields = Map::new();
    if !matched.signatures.is_empty() {
        let signatures: Vec<_> = matched.signatures.iter().map(|fact| Value::Object(signature(fact))).collect();
        fields.insert("signatures".to_owned(), signatures.into());
    }
    // Two attestations may have one name; what either gave is listed under it.
    let mut attestations: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (rule, facts) in &matched.attestations {
        let all = attestations.entry(&rule.name).or_default();
        all.extend(facts.iter().map(|fact| {
            let mut attestation = signature(fact);
            if let FactKind::Attestation(statement) = fact.kind() {
                attestation.insert("predicateType".to_owned(), statement.predicate_type().into());
            }
            if let Some(digest) = digest {
                attestation.insert("digest".to_owned(), digest.into());
            }
            Value::Object(attestation)
        }));
    }
    if !attestations.is_empty() {
        fields.insert("attestations".to_owned(), json!(attestations));
    }
    match &authority.rule {
        Rule::Pass => {
            fields.insert("static".to_owned(), true.into());
        }
        Rule::Attested { .. } | Rule::Fail { .. } | Rule::Signed { .. } | Rule::StaleRoot { .. } => {}
    }
    Value::Object(fields)
}

/// Which signature it is, and who signed.
fn signature(fact: &Fact) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), fact.artifact().hex().into());
    let certificate = match fact.signer() {
        Signer::Certificate(certificate) => certificate,
        Signer::Key => return fields,
    };
    if let Some(subject) = certificate.subjects().first() {
        fields.insert("subject".to_owned(), subject.value().into());
    }
    if let Some(issuer) = certificate.issuer() {
        fields.insert("issuer".to_owned(), issuer.into());
    }
    for (name, extension) in [
        ("githubWorkflowTrigger", Extension::GithubWorkflowTrigger),
        ("githubWorkflowSha", Extension::GithubWorkflowSha),
        ("githubWorkflowName", Extension::GithubWorkflowName),
        ("githubWorkflowRepo", Extension::GithubWorkflowRepository),
        ("githubWorkflowRef", Extension::GithubWorkflowRef),
    ] {
        if let Some(value) = certificate.extension(extension) {
            fields.insert(name.to_owned(), value.into());
        }
    }
    fields
}
