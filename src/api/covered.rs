//! Authorities of one policy that say nothing which another does not say already.

use nonempty::NonEmpty;

use super::Problem;
use super::problem::quoted;
use crate::policy::{Authority, Rule, SignerRule};

/// A warning for each authority that is never needed, where any one of them is enough.
pub(super) fn warnings(authorities: &[Authority], places: &[&Problem]) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for (index, (authority, place)) in authorities.iter().zip(places).enumerate() {
        let by = authorities.iter().enumerate().find(|(at, other)| {
            // Of two that say the same, the second is the one too many.
            *at != index && covers(other, authority) && !(index < *at && covers(authority, other))
        });
        if let Some((_, by)) = by {
            warnings.push(place.saying(format!(
                "{} is never needed: whatever satisfies it satisfies {} as well",
                quoted(&authority.name),
                quoted(&by.name)
            )));
        }
    }
    warnings
}

/// Whether whatever satisfies `other` satisfies `authority`; says no where it does not know.
fn covers(authority: &Authority, other: &Authority) -> bool {
    match (&authority.rule, &other.rule) {
        // What nothing satisfies is there to say something.
        (_, Rule::Fail { .. } | Rule::StaleRoot { .. }) => false,
        (Rule::Pass, Rule::Attested { .. } | Rule::Pass | Rule::Signed { .. }) => true,
        (Rule::Attested { signers, attestations }, Rule::Attested { signers: others, attestations: more }) => {
            authority.terms == other.terms
                && all_among(others, signers)
                && attestations.iter().all(|wanted| more.contains(wanted))
        }
        (Rule::Signed { signers }, Rule::Signed { signers: others }) => {
            authority.terms == other.terms && all_among(others, signers)
        }
        (Rule::Attested { .. }, Rule::Pass | Rule::Signed { .. })
        | (Rule::Fail { .. } | Rule::StaleRoot { .. }, Rule::Attested { .. } | Rule::Pass | Rule::Signed { .. })
        | (Rule::Signed { .. }, Rule::Attested { .. } | Rule::Pass) => false,
    }
}

/// Whether each of `some` is among `all`, by the same trust and for identities that are meant there, too.
fn all_among(some: &NonEmpty<SignerRule>, all: &NonEmpty<SignerRule>) -> bool {
    some.iter().all(|one| {
        all.iter().any(|known| {
            known.anchor.id() == one.anchor.id()
                && known.identities.is_empty() == one.identities.is_empty()
                && one.identities.iter().all(|identity| known.identities.iter().any(|wide| wide.covers(identity)))
        })
    })
}
