//! What became of single documents.

use jiff::Timestamp;

use crate::api::{Compiled, PolicyDocument, Problem, Reference, TrustRootDocument, references};
use crate::policy::{Mode, PolicyBody, Rule, Stance};

/// Where a document stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file, or the resource of the cluster, as in `clusterimagepolicies.countersign.dev`.
    pub place: String,
    /// `metadata.generation` of an object of a cluster; 0 of files.
    pub generation: u64,
}

/// What became of one policy or trust root, for its status.
#[derive(Clone, Debug)]
pub struct Account {
    /// Where its document stands.
    pub origin: Origin,
    /// Its namespace; empty where it has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: Became,
}

/// What became of a document.
#[derive(Clone, Debug)]
pub enum Became {
    /// A policy.
    Policy(Box<PolicyAccount>),
    /// A trust root; [`Roots::reports`](super::Roots::reports) says what it is worth.
    TrustRoot {
        /// Its API group.
        group: String,
    },
}

/// What became of a policy.
#[derive(Clone, Debug)]
pub struct PolicyAccount {
    /// What is wrong with it; nothing where it decides.
    pub problems: Vec<Problem>,
    /// What is not wrong and worth a second look.
    pub warnings: Vec<Problem>,
    /// Whether it refuses or warns.
    pub mode: Mode,
    /// What it says of itself.
    pub stance: Stance,
    /// Why authorities of it can vouch for nothing now: the trust root of each has ended, or was not had yet.
    pub stale: Vec<String>,
    /// Whether none of its authorities can vouch for anything now.
    pub is_stale: bool,
    /// Until when each of its authorities counts; none for one that has no end.
    pub ends: Vec<Option<Timestamp>>,
    /// Whether it names keys that are elsewhere: in Secrets or key management services.
    pub names_keys: bool,
    /// Whether it names TrustRoots.
    pub names_roots: bool,
}

impl PolicyAccount {
    /// The next time at which one of its authorities ends; none where none will.
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.ends.iter().flatten().filter(|end| **end > now).min().copied()
    }

    /// Whether every one of its authorities has ended: what is signed now satisfies none of them.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        !self.ends.is_empty() && self.ends.iter().all(|end| end.is_some_and(|end| end <= now))
    }
}

impl Account {
    pub(super) fn policy(origin: &Origin, document: &PolicyDocument, compiled: &Compiled) -> Self {
        let rules = || compiled.policy.authorities().map(|authority| &authority.rule);
        let stale = rules().filter_map(|rule| match rule {
            Rule::StaleRoot { finding } => Some(finding.clone()),
            Rule::Attested { .. } | Rule::Fail { .. } | Rule::Pass | Rule::Signed { .. } => None,
        });
        let stale: Vec<_> = stale.collect();
        let is_compiled = match compiled.policy.body {
            PolicyBody::Compiled(_) => true,
            PolicyBody::Invalid(_) => false,
        };
        let named = references(document);
        let names = |what: fn(&Reference) -> bool| named.iter().any(what);
        let account = PolicyAccount {
            problems: compiled.problems.clone(),
            warnings: compiled.warnings.clone(),
            mode: compiled.policy.mode,
            stance: compiled.stance.clone(),
            is_stale: is_compiled && stale.len() == rules().count(),
            stale,
            ends: compiled.policy.authorities().map(|authority| authority.terms.valid_until).collect(),
            names_keys: names(|named| matches!(named, Reference::Kms(_) | Reference::Secret { .. })),
            names_roots: names(|named| matches!(named, Reference::TrustRoot { .. })),
        };
        Self {
            origin: origin.clone(),
            namespace: document.name().namespace().unwrap_or_default().to_owned(),
            name: document.name().name().to_owned(),
            outcome: Became::Policy(Box::new(account)),
        }
    }

    pub(super) fn trust_root(origin: &Origin, document: &TrustRootDocument) -> Self {
        Self {
            origin: origin.clone(),
            namespace: String::new(),
            name: document.name().to_owned(),
            outcome: Became::TrustRoot { group: document.group().to_owned() },
        }
    }
}
