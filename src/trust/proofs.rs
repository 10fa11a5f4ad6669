//! What has to be proved beside a signature.

use std::sync::Arc;

use super::{BuiltInRoot, TrustedRoot};

/// What has to be proved beside a signature, and by whose logs and authorities.
///
/// A signing certificate is judged at the times that are proved; where neither log entries nor timestamps are looked at,
/// no time can be, and it is judged at the present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proofs {
    /// Entries of transparency logs.
    pub log_entry: ProofRule,
    /// That the signing certificate was logged (signed certificate timestamps, RFC 6962). Of no meaning beside a key.
    pub sct: ProofRule,
    /// RFC 3161 timestamps.
    pub timestamp: ProofRule,
}

impl Proofs {
    /// What `root` can prove, it has to prove: with transparency logs, a log entry; with logs of certificates, that the
    /// certificate was logged; without transparency logs but with timestamp authorities, a timestamp. Where there are
    /// both logs and timestamp authorities either proves the time, and since an entry of Rekor v2 proves none, the time
    /// of such an entry needs a timestamp all the same. What `root` cannot prove is not asked for.
    pub fn derived_from(root: &Arc<TrustedRoot>) -> Self {
        let required = |known: bool| {
            if known { ProofRule::required(Arc::clone(root)) } else { ProofRule::ignored() }
        };
        let logs = root.has_transparency_logs();
        let timestamp = match (logs, root.has_timestamp_authorities()) {
            (_, false) => ProofRule::ignored(),
            (true, true) => ProofRule::optional(Arc::clone(root)),
            (false, true) => ProofRule::required(Arc::clone(root)),
        };
        Self { log_entry: required(logs), sct: required(root.has_ct_logs()), timestamp }
    }

    /// The same, without log entries: nobody looks at them. Then a timestamp has to prove the time, where `root` has an
    /// authority for it.
    pub fn without_log_entry(root: &Arc<TrustedRoot>) -> Self {
        let timestamp =
            if root.has_timestamp_authorities() { ProofRule::required(Arc::clone(root)) } else { ProofRule::ignored() };
        Self { log_entry: ProofRule::ignored(), timestamp, ..Self::derived_from(root) }
    }

    /// What is asked of the signatures of a managed key of which nothing else was said: nothing. An entry of a log of the
    /// public-good instance is checked where one is there, since a proof that is wrong never counts as absent.
    pub fn beside_key() -> Self {
        let public_good = TrustedRoot::built_in_once(BuiltInRoot::PublicGood);
        let log_entry = public_good.map_or_else(|_| ProofRule::ignored(), ProofRule::optional);
        Self { log_entry, sct: ProofRule::ignored(), timestamp: ProofRule::ignored() }
    }
}

/// What is asked of one kind of proof.
#[derive(Clone, Debug)]
pub struct ProofRule {
    requirement: Requirement,
    threshold: usize,
    root: Option<Arc<TrustedRoot>>,
}

impl ProofRule {
    /// One of the logs or authorities of `root` has to prove it.
    pub fn required(root: Arc<TrustedRoot>) -> Self {
        Self { requirement: Requirement::Required, threshold: 1, root: Some(root) }
    }

    /// Nothing has to be proved; what is there and of the logs or authorities of `root` has to hold.
    pub fn optional(root: Arc<TrustedRoot>) -> Self {
        Self { requirement: Requirement::Optional, threshold: 0, root: Some(root) }
    }

    /// Nobody looks at it.
    pub fn ignored() -> Self {
        Self { requirement: Requirement::Ignored, threshold: 0, root: None }
    }

    /// The same, to be proved by `threshold` different logs or authorities. It never asks for less than before.
    #[must_use]
    pub fn by_at_least(mut self, threshold: usize) -> Self {
        match self.requirement {
            Requirement::Ignored | Requirement::Optional => {}
            Requirement::Required => self.threshold = self.threshold.max(threshold),
        }
        self
    }

    /// Whether it has to be proved.
    pub fn requirement(&self) -> Requirement {
        self.requirement
    }

    /// By how many different logs or authorities; zero unless it is required.
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// Whose logs and authorities count; none where nobody looks.
    pub fn root(&self) -> Option<&Arc<TrustedRoot>> {
        self.root.as_ref()
    }

    /// Equal exactly if the same is asked.
    pub(super) fn fingerprint(&self) -> Vec<u8> {
        let root = self.root.as_ref().map(|root| root.fingerprint().to_string()).unwrap_or_default();
        format!("{} {} {root}", self.requirement.as_str(), self.threshold).into_bytes()
    }
}

impl PartialEq for ProofRule {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint() == other.fingerprint()
    }
}

impl Eq for ProofRule {}

/// Whether something has to be proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Requirement {
    /// Nobody looks at it.
    Ignored,
    /// It need not be there; if it is, it has to hold.
    Optional,
    /// It has to be there, and to hold.
    Required,
}

impl Requirement {
    /// Its name, as fingerprints and explanations spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The public-good root with only the lists that are named.
    fn root_with(lists: &[&str]) -> Arc<TrustedRoot> {
        let mut json: Value = serde_json::from_str(BuiltInRoot::PublicGood.json()).unwrap();
        for list in ["tlogs", "ctlogs", "timestampAuthorities"] {
            if !lists.contains(&list) {
                json[list] = json!([]);
            }
        }
        Arc::new(TrustedRoot::parse(json.to_string()).unwrap())
    }

    #[test]
    fn n3_what_a_root_can_prove_it_has_to_prove() {
        use Requirement::{Ignored, Optional, Required};
        for (lists, log_entry, sct, timestamp) in [
            (&["tlogs", "ctlogs", "timestampAuthorities"][..], Required, Required, Optional),
            (&["tlogs", "ctlogs"], Required, Required, Ignored),
            (&["tlogs"], Required, Ignored, Ignored),
            (&["tlogs", "timestampAuthorities"], Required, Ignored, Optional),
            (&["ctlogs", "timestampAuthorities"], Ignored, Required, Required),
            (&["timestampAuthorities"], Ignored, Ignored, Required),
            (&["ctlogs"], Ignored, Required, Ignored),
            (&[], Ignored, Ignored, Ignored),
        ] {
            let proofs = Proofs::derived_from(&root_with(lists));
            let found = (proofs.log_entry.requirement(), proofs.sct.requirement(), proofs.timestamp.requirement());
            assert_eq!(found, (log_entry, sct, timestamp), "{lists:?}");
        }
    }

    #[test]
    fn beside_keys_the_public_logs_are_known() {
        let proofs = Proofs::beside_key();
        assert_eq!(proofs.log_entry.requirement(), Requirement::Optional);
        assert!(proofs.log_entry.root().is_some_and(|root| root.has_transparency_logs()));
    }

    #[test]
    fn a_threshold_is_part_of_what_is_asked() {
        let root = root_with(&["tlogs"]);
        let one = ProofRule::required(root.clone());
        assert_ne!(one.clone().by_at_least(2), one);
        assert_eq!(one.clone().by_at_least(0), one);
        assert_eq!(ProofRule::optional(root).by_at_least(2).threshold(), 0);
    }
}
