//! Policies as the core decides by them.

use std::num::NonZeroUsize;

use nonempty::NonEmpty;

use super::authority::{AttestationSpec, AuthoritySpec, RuleSpec};
use super::canonical::write_bytes;
use super::condition::ConditionSpec;
use super::root::Unusable;
use super::{PolicyDocument, Problem, Resolved, covered, references, unsatisfied};
use crate::image::Digest;
use crate::policy::{AttestationRule, Authority, Coverage, NoMatch, Policy, PolicyBody, Rule, SignerRule, Stance};

/// What became of a document.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The policy: one that refuses what it covers, where anything is wrong with it.
    pub policy: Policy,
    /// What it says of itself as far as it can be read, whatever is wrong with it.
    pub stance: Stance,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// What is not wrong and worth a second look.
    pub warnings: Vec<Problem>,
}

/// Makes a policy of a document and of what stands where the document points.
///
/// Every document makes a policy. One with which anything is wrong, or that names what is not there, refuses what it
/// covers; and it covers everything where its globs cannot be read.
pub fn compile(document: &PolicyDocument, resolved: &Resolved) -> Compiled {
    let spec = document.spec();
    let mut problems = document.problems().to_vec();
    let mut warnings = document.warnings().to_vec();
    let mut terms = spec.terms.clone();
    terms.included = spec.condition.as_ref().map(ConditionSpec::included).unwrap_or_default();
    match spec.condition.as_ref().map(|condition| condition.compile(resolved, &mut warnings)).transpose() {
        Ok(condition) => terms.condition = condition,
        Err(problem) => problems.push(problem),
    }
    let (mut authorities, mut places) = (Vec::new(), Vec::new());
    for spec in &spec.authorities {
        match compile_authority(spec, resolved, &mut warnings) {
            Ok(authority) => {
                warnings.extend(unsatisfied::warnings(&authority, &terms.revoked, &spec.place));
                authorities.push(authority);
                places.push(&spec.place);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if spec.terms.threshold == NonZeroUsize::MIN {
        warnings.extend(covered::warnings(&authorities, &places));
    }
    let coverage = spec.images.clone().and_then(NonEmpty::from_vec).map_or(Coverage::Everything, Coverage::Matching);
    let stance = Stance::of(spec.mode, &terms, &authorities);
    let errors = problems.iter().map(|problem| problem.field.clone());
    let body = match (NonEmpty::collect(errors), NonEmpty::from_vec(authorities)) {
        (Some(errors), _) => PolicyBody::Invalid(errors),
        (None, Some(authorities)) => PolicyBody::Compiled(authorities),
        // An empty list of authorities is among the problems already; without them it would be one all the same.
        (None, None) => {
            let problem = Problem::new("spec.authorities", document.line(), "holds no authority");
            let body = PolicyBody::Invalid(NonEmpty::new(problem.field.clone()));
            problems.push(problem);
            body
        }
    };
    Compiled {
        policy: Policy { name: document.name().clone(), coverage, mode: spec.mode, body, terms },
        stance,
        problems,
        warnings,
    }
}

fn compile_authority(
    authority: &AuthoritySpec,
    resolved: &Resolved,
    warnings: &mut Vec<Problem>,
) -> Result<Authority, Problem> {
    if let RuleSpec::Key { key, .. } = &authority.rule {
        warnings.extend(key.oddity(resolved));
    }
    let mut rules = |attestations: &[AttestationSpec]| {
        let rules = attestations.iter().map(|wanted| {
            let condition = wanted.condition.as_ref().map(|condition| condition.compile(resolved, warnings));
            Ok(AttestationRule { condition: condition.transpose()?, ..wanted.rule.clone() })
        });
        rules.collect::<Result<Vec<_>, Problem>>()
    };
    let rule = match &authority.rule {
        RuleSpec::Fail { message } => Rule::Fail { message: message.clone() },
        RuleSpec::Key { key, proofs, attestations } => {
            let signer =
                proofs.beside_key(resolved).and_then(|proofs| Ok(SignerRule::key(key.anchor(proofs, resolved)?)));
            by(signer, rules(attestations)?)?
        }
        RuleSpec::Keyless { keyless, proofs, attestations } => {
            by(keyless.signer(proofs, resolved), rules(attestations)?)?
        }
        RuleSpec::Pass => Rule::Pass,
    };
    Ok(Authority { name: authority.name.clone(), rule, terms: Box::new(authority.terms.clone()) })
}

/// What is asked of one signer. One whose trust root has ended or could not be had yet breaks nothing else: the other
/// authorities of the policy count as before.
fn by(signer: Result<SignerRule, Unusable>, attestations: Vec<AttestationRule>) -> Result<Rule, Problem> {
    let signers = match signer {
        Ok(signer) => NonEmpty::new(signer),
        Err(Unusable::Broken(problem)) => return Err(problem),
        Err(Unusable::Stale(finding)) => return Ok(Rule::StaleRoot { finding }),
    };
    Ok(match NonEmpty::from_vec(attestations) {
        Some(attestations) => Rule::Attested { signers, attestations },
        None => Rule::Signed { signers },
    })
}

/// Names one generation: equal for documents that say the same in any order and layout, with the same behind their
/// references and the same rule for images that none of them covers.
pub fn revision<'a>(
    documents: impl IntoIterator<Item = &'a PolicyDocument>,
    resolved: &Resolved,
    no_match: NoMatch,
) -> Digest {
    let mut parts: Vec<Vec<u8>> = documents
        .into_iter()
        .map(|document| {
            let mut part = Vec::new();
            write_bytes(document.name().group().as_bytes(), &mut part);
            write_bytes(document.name().to_string().as_bytes(), &mut part);
            write_bytes(document.fingerprint().as_bytes(), &mut part);
            for reference in references(document) {
                resolved.write(&reference, &mut part);
            }
            part
        })
        .collect();
    parts.sort();
    let mut bytes = Vec::new();
    write_bytes(resolved.namespace().unwrap_or_default().as_bytes(), &mut bytes);
    bytes.push(match no_match {
        NoMatch::Allow => b'a',
        NoMatch::Deny => b'd',
        NoMatch::Warn => b'w',
    });
    for part in parts {
        write_bytes(&part, &mut bytes);
    }
    resolved.write_built_in(&mut bytes);
    Digest::of(&bytes)
}
