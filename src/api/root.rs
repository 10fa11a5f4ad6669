//! Trust roots that policies name.

use std::sync::Arc;

use super::core_objects::{SecretBytes, object_name};
use super::field::Field;
use super::policy_document::{COUNTERSIGN_GROUP, SIGSTORE_GROUP};
use super::problem::Problem;
use super::{Reference, Resolved, TrustRootDocument};
use crate::policy::Dialect;
use crate::trust::{ObjectKind, RootReference, RootSource, RootState, TrustedRoot};

/// A TrustRoot, and the field that names it.
#[derive(Clone, Debug)]
pub(super) struct RootSpec {
    reference: Reference,
    group: &'static str,
    name: String,
    /// A problem with the field that names it, its message still to be written.
    place: Problem,
}

/// Why an authority is not what its author wrote.
#[derive(Clone, Debug)]
pub(super) enum Unusable {
    /// Something is wrong with the policy, or with what it names.
    Broken(Problem),
    /// The root that it names has ended, or could not be had yet: nothing is wrong, and nothing can be verified now.
    Stale(String),
}

impl From<Problem> for Unusable {
    fn from(problem: Problem) -> Self {
        Self::Broken(problem)
    }
}

/// Reads `trustRootRef`. A policy names the roots of its own group.
pub(super) fn read(field: &Field<'_>, dialect: Dialect, problems: &mut Vec<Problem>) -> Option<RootSpec> {
    let name = object_name(field, problems)?;
    let group = match dialect {
        Dialect::Countersign => COUNTERSIGN_GROUP,
        Dialect::PolicyController => SIGSTORE_GROUP,
    };
    let reference = Reference::TrustRoot { group: group.to_owned(), name: name.clone() };
    Some(RootSpec { reference, group, name, place: field.problem("") })
}

impl RootSpec {
    /// What it names.
    pub(super) fn reference(&self) -> &Reference {
        &self.reference
    }

    /// A problem with the field that names it.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        let mut problem = self.place.clone();
        problem.field.message = message.into();
        problem
    }

    /// The root that it means.
    ///
    /// One that is not there, or is no root, breaks the policy. There is no falling back on a root of the other group:
    /// whoever deletes a root means that nothing is verified with it any more.
    pub(super) fn resolve(&self, resolved: &Resolved) -> Result<Arc<TrustedRoot>, Unusable> {
        let reference = &self.reference;
        let Some(document) = resolved.trust_root(self.group, &self.name) else {
            let other = if self.group == SIGSTORE_GROUP { COUNTERSIGN_GROUP } else { SIGSTORE_GROUP };
            let elsewhere = match resolved.trust_root(other, &self.name) {
                Some(_) => format!("; there is one of `{other}`, and a policy names those of its own group"),
                None => String::new(),
            };
            let mut problem = self.problem(format!("{reference} is not there{elsewhere}"));
            problem.unresolved = Some(reference.clone());
            return Err(problem.into());
        };
        let state = resolved.read_root(document).map_err(|(why, unresolved)| {
            let mut problem = self.problem(format!("{reference} cannot be read{why}"));
            problem.unresolved = unresolved;
            problem
        })?;
        usable(&state).map_err(|unusable| match unusable {
            Ok(stale) => Unusable::Stale(format!("{reference}: {stale}")),
            Err(broken) => self.problem(format!("{reference} cannot be used: {broken}")).into(),
        })
    }
}

/// The root of a state; else why it is stale (`Ok`), or why it is none (`Err`).
pub(super) fn usable(state: &RootState) -> Result<Arc<TrustedRoot>, Result<String, String>> {
    match state {
        RootState::Invalid(why) => Err(Err(why.clone())),
        RootState::Stale { ended, why } => Err(Ok(format!("it ended at {ended}: {why}"))),
        RootState::Unreachable(why) => Err(Ok(why.clone())),
        RootState::Usable(root) => Ok(Arc::clone(root)),
    }
}

impl Resolved {
    /// What is known of the root that `document` describes, and what a policy that names it stands on.
    pub fn root_state(&self, document: &TrustRootDocument) -> RootState {
        let cannot_be_read = |(why, _): (String, _)| RootState::Invalid(format!("it cannot be read{why}"));
        self.read_root(document).unwrap_or_else(cannot_be_read)
    }

    /// The same; or how it goes on after "cannot be read", and what is not there if it is only that.
    fn read_root(&self, document: &TrustRootDocument) -> Result<RootState, (String, Option<Reference>)> {
        let Some(source) = document.source() else {
            let why = document.problems().first().map_or_else(String::new, |problem| format!(": {problem}"));
            return Err((why, None));
        };
        match source {
            RootSource::BuiltIn(which) => Ok(self.built_in(*which)),
            RootSource::Given(root) => Ok(RootState::Usable(Arc::clone(root))),
            RootSource::Referenced(place) => match self.referenced_root(place) {
                Ok(root) => Ok(RootState::Usable(root)),
                Err((why, unresolved)) => Err((format!(": {why}"), unresolved)),
            },
            RootSource::Tuf(source) => Ok(self.fetched(source)),
        }
    }

    /// The root in another object, or what is wrong, and what is not there if it is only that.
    pub(super) fn referenced_root(
        &self,
        place: &RootReference,
    ) -> Result<Arc<TrustedRoot>, (String, Option<Reference>)> {
        let reference = Reference::of_root(place);
        let own = self.namespace();
        if let (Some(named), Some(own)) = (place.namespace.as_deref(), own)
            && named != own
        {
            return Err((format!("{reference} has to be in the controller's own namespace `{own}`"), None));
        }
        let own = own.map_or_else(String::new, |own| format!(" `{own}`"));
        let namespace = place.namespace.as_deref();
        let missing = || {
            let message = format!("{reference} is not there, in the controller's own namespace{own}");
            (message, Some(reference.clone()))
        };
        let (problem, bytes) = match place.kind {
            ObjectKind::ConfigMap => {
                let object = self.config_map(namespace, &place.name).ok_or_else(missing)?;
                (object.problems().first(), object.data().get(&place.key).map(String::as_bytes))
            }
            ObjectKind::Secret => {
                let object = self.secret(namespace, &place.name).ok_or_else(missing)?;
                (object.problems().first(), object.data().get(&place.key).map(SecretBytes::expose))
            }
        };
        if let Some(problem) = problem {
            return Err((format!("{reference} cannot be read: {problem}"), None));
        }
        let entry = super::problem::quoted(&place.key);
        let bytes = bytes.ok_or_else(|| (format!("{reference} has no entry {entry}"), None))?;
        self.parse_root(bytes).map_err(|error| (format!("{entry} of {reference}: {error}"), None))
    }
}
