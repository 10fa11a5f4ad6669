//! Authorities of one policy that nothing satisfies, although nothing is wrong with them by themselves.

use super::Problem;
use super::problem::quoted;
use crate::policy::{Authority, Revoked, Rule, SignerRule};
use crate::trust::Requirement;

/// A warning for each rule of `authority` that nothing can satisfy.
pub(super) fn warnings(authority: &Authority, revoked: &Revoked, place: &Problem) -> Vec<Problem> {
    let signers = match &authority.rule {
        Rule::Attested { signers, .. } | Rule::Signed { signers } => signers,
        Rule::Fail { .. } | Rule::Pass | Rule::StaleRoot { .. } => return Vec::new(),
    };
    let mut warnings = Vec::new();
    for signer in signers {
        if revoked.key_of(&signer.anchor).is_some() {
            warnings.push(place.saying("its key stands under `revoked.keys`: nothing that it signed counts"));
        }
        for identity in signer.identities.iter().filter(|identity| revoked.covers(identity)) {
            let identity = quoted(&identity.to_string().replace('`', ""));
            warnings.push(place.saying(format!("{identity} stands under `revoked.identities`: nothing by it counts")));
        }
    }
    if signers.iter().all(proves_no_time) {
        let rules = authority.terms.rules_about_time();
        warnings.extend(rules.map(|rule| {
            let message = "nothing satisfies it: it needs a proven time, and neither log entries nor timestamps are \
                           looked at here";
            place.saying_of(rule, message)
        }));
    }
    warnings
}

fn proves_no_time(signer: &SignerRule) -> bool {
    let proofs = signer.anchor.proofs();
    [&proofs.log_entry, &proofs.timestamp].iter().all(|rule| rule.requirement() == Requirement::Ignored)
}
