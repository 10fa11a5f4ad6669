//! What a policy says of itself: whether it refuses what it is about.

use nonempty::NonEmpty;

use super::{Authority, Condition, Mode, Policy, PolicyTerms, Rule};

/// Whether a policy refuses what does not satisfy it. One that lets through whatever comes is easily taken for one that
/// protects, so it says so of itself: as the condition `Permissive` of its status, and wherever it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stance {
    /// It refuses.
    Enforcing,
    /// It lets through what it seems to refuse, for each of these reasons.
    Permissive(NonEmpty<Leniency>),
}

/// Why a policy is permissive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leniency {
    /// A condition asks for nothing.
    EmptyCondition {
        /// Of which attestation it is, by the names of its authority and its own; none where it is the policy's own.
        of: Option<(String, String)>,
        /// An input without content of which it holds.
        input: &'static str,
    },
    /// One authority is satisfied by everything, and one is enough.
    StaticPass {
        /// The authority.
        authority: String,
    },
    /// What does not satisfy the policy is allowed with a warning.
    WarnMode,
}

impl Leniency {
    /// Its name, as conditions of Kubernetes and JSON have it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::EmptyCondition { .. } => "EmptyCondition",
            Self::StaticPass { .. } => "StaticPass",
            Self::WarnMode => "WarnMode",
        }
    }
}

impl Stance {
    /// That of a policy in `mode` with these terms and authorities.
    pub fn of<'a>(mode: Mode, terms: &PolicyTerms, authorities: impl IntoIterator<Item = &'a Authority>) -> Self {
        let mut found = Vec::new();
        if mode == Mode::Warn {
            found.push(Leniency::WarnMode);
        }
        let own = terms.condition.as_ref();
        let is_asked_more = terms.threshold.get() > 1 || own.is_some_and(|own| own.permissive().is_empty());
        found.extend(own.and_then(|own| empty(own, None)));
        for authority in authorities {
            match &authority.rule {
                Rule::Attested { attestations, .. } => found.extend(attestations.iter().filter_map(|wanted| {
                    empty(wanted.condition.as_ref()?, Some((authority.name.clone(), wanted.name.clone())))
                })),
                Rule::Pass if !is_asked_more => {
                    found.push(Leniency::StaticPass { authority: authority.name.clone() });
                }
                Rule::Fail { .. } | Rule::Pass | Rule::Signed { .. } | Rule::StaleRoot { .. } => {}
            }
        }
        NonEmpty::from_vec(found).map_or(Self::Enforcing, Self::Permissive)
    }

    /// Why it is permissive; nothing where it is not.
    pub fn leniencies(&self) -> impl Iterator<Item = &Leniency> {
        let all = match self {
            Self::Enforcing => None,
            Self::Permissive(all) => Some(all),
        };
        all.into_iter().flatten()
    }
}

fn empty(condition: &Condition, of: Option<(String, String)>) -> Option<Leniency> {
    let input = condition.permissive().first()?;
    Some(Leniency::EmptyCondition { of, input })
}

impl Policy {
    /// What it says of itself. A broken policy refuses whatever it says, unless it only warns.
    pub fn stance(&self) -> Stance {
        Stance::of(self.mode, &self.terms, self.authorities())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::policy::{Language, SignatureTerms};

    fn authority(rule: Rule) -> Authority {
        Authority { name: "a".to_owned(), rule, terms: Box::new(SignatureTerms::default()) }
    }

    fn reasons(mode: Mode, terms: &PolicyTerms, rule: Rule) -> Vec<&'static str> {
        Stance::of(mode, terms, [&authority(rule)]).leniencies().map(Leniency::as_str).collect()
    }

    #[test]
    fn a_policy_says_whether_it_refuses() {
        let terms = |condition: Option<&str>, threshold: usize| PolicyTerms {
            condition: condition.map(|source| Condition::compile(Language::Cel, source).unwrap()),
            threshold: NonZeroUsize::new(threshold).unwrap(),
            ..PolicyTerms::default()
        };
        let fail = || Rule::Fail { message: String::new() };
        let asks = Some("has(authorityMatches.a)");
        for (mode, terms, rule, expected) in [
            (Mode::Enforce, terms(None, 1), fail(), &[][..]),
            (Mode::Warn, terms(None, 1), fail(), &["WarnMode"]),
            (Mode::Enforce, terms(None, 1), Rule::Pass, &["StaticPass"]),
            (Mode::Warn, terms(None, 1), Rule::Pass, &["WarnMode", "StaticPass"]),
            // Nobody's signature is no second one, and a condition still asks for something.
            (Mode::Enforce, terms(None, 2), Rule::Pass, &[]),
            (Mode::Enforce, terms(asks, 1), Rule::Pass, &[]),
            (Mode::Enforce, terms(Some("true"), 1), Rule::Pass, &["EmptyCondition", "StaticPass"]),
            (Mode::Enforce, terms(Some("true"), 1), fail(), &["EmptyCondition"]),
        ] {
            assert_eq!(reasons(mode, &terms, rule.clone()), expected, "{mode:?} {terms:?} {rule:?}");
        }
    }
}
