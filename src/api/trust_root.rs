//! TrustRoot as users write it, in `policy.sigstore.dev` and in `countersign.dev`.

mod keys;
mod tuf;

use std::sync::Arc;

use super::core_objects::{Metadata, object_name};
use super::field::{Field, Object};
use super::node::Node;
use super::policy_document::{COUNTERSIGN_GROUP, SIGSTORE_GROUP};
use super::problem::{Problem, listed, quoted};
use super::{Reference, canonical};
use crate::image::Digest;
use crate::trust::{ObjectKind, RootReference, RootSource, TrustedRoot};

pub(super) const KIND: &str = "TrustRoot";

/// The entry of a ConfigMap or Secret that holds a root where none is named.
const DEFAULT_ENTRY: &str = "trusted_root.json";

/// A trust root as its author wrote it, as far as it could be read, and everything that is wrong with it. One with a
/// problem is no root, and a policy that names it refuses what it covers.
#[derive(Clone, Debug)]
pub struct TrustRootDocument {
    group: String,
    name: String,
    line: Option<u64>,
    source: Option<RootSource>,
    fingerprint: Digest,
    problems: Vec<Problem>,
}

impl TrustRootDocument {
    /// Whether an object is a trust root of either group.
    pub(super) fn claims(api_version: &str, kind: &str) -> bool {
        let group = group(api_version);
        kind == KIND && (group == SIGSTORE_GROUP || group == COUNTERSIGN_GROUP)
    }

    pub(super) fn read(node: &Node, api_version: &str) -> Self {
        let mut problems = Vec::new();
        let mut source = None;
        let mut name = String::new();
        if let Some(mut object) = Field::root(node).object(&mut problems) {
            check_version(&object, api_version, &mut problems);
            name = Metadata::take(&mut object, &mut problems).name;
            object.take("status");
            if let Some(spec) = object.require("spec", &mut problems) {
                source = read_spec(&spec, group(api_version), &mut problems);
            }
            object.finish(&mut problems);
        }
        Self {
            group: group(api_version).to_owned(),
            name,
            line: node.line,
            // What was read of a root with a problem is not the root that was meant.
            source: source.filter(|_| problems.is_empty()),
            fingerprint: canonical::fingerprint(node),
            problems,
        }
    }

    /// Its API group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Its name; empty where it has none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The line where it starts.
    pub fn line(&self) -> Option<u64> {
        self.line
    }

    /// Where the root comes from; none where something is wrong.
    pub fn source(&self) -> Option<&RootSource> {
        self.source.as_ref()
    }

    /// The object in which the root lies, where that is another one.
    pub fn reference(&self) -> Option<Reference> {
        match self.source.as_ref()? {
            RootSource::BuiltIn(_) | RootSource::Given(_) | RootSource::Tuf(_) => None,
            RootSource::Referenced(place) => Some(Reference::of_root(place)),
        }
    }

    /// Equal for documents that say the same.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// What is wrong with it.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _version)| group)
}

fn check_version(object: &Object<'_>, api_version: &str, problems: &mut Vec<Problem>) {
    if !matches!(api_version, "policy.sigstore.dev/v1alpha1" | "countersign.dev/v1alpha1") {
        let message = format!(
            "{} is not known; trust roots are `policy.sigstore.dev/v1alpha1` or `countersign.dev/v1alpha1`",
            quoted(api_version)
        );
        problems.push(object.problem_at("apiVersion", message));
    }
}

fn read_spec(field: &Field<'_>, group: &str, problems: &mut Vec<Problem>) -> Option<RootSource> {
    let mut object = field.object(problems)?;
    let names: &[&'static str] = if group == COUNTERSIGN_GROUP {
        &["remote", "repository", "sigstoreKeys", "trustedRoot"]
    } else {
        &["remote", "repository", "sigstoreKeys"]
    };
    let forms: Vec<_> = names.iter().filter_map(|name| Some((*name, object.take(name)?))).collect();
    let source = match &forms[..] {
        [("remote", form)] => tuf::read_remote(form, problems).map(RootSource::Tuf),
        [("repository", form)] => tuf::read_repository(form, problems).map(RootSource::Tuf),
        [("sigstoreKeys", form)] => keys::read(form, problems).map(|root| RootSource::Given(Arc::new(root))),
        [(_, form)] => read_trusted_root(form, problems),
        forms => {
            let there = forms.len();
            let names = listed(names, " or ");
            problems.push(object.problem(format!("exactly one of {names} is needed, {there} are there")));
            None
        }
    };
    object.finish(problems);
    source
}

fn read_trusted_root(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<RootSource> {
    let mut object = field.object(problems)?;
    let forms = ["json", "configMapRef", "secretRef"].map(|name| object.take(name));
    let source = match &forms {
        [Some(json), None, None] => read_json(json, problems),
        [None, Some(config_map), None] => read_reference(config_map, ObjectKind::ConfigMap, problems),
        [None, None, Some(secret)] => read_reference(secret, ObjectKind::Secret, problems),
        forms => {
            let there = forms.iter().filter(|form| form.is_some()).count();
            let names = listed(&["json", "configMapRef", "secretRef"], " or ");
            problems.push(object.problem(format!("exactly one of {names} is needed, {there} are there")));
            None
        }
    };
    object.finish(problems);
    source
}

fn read_json(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<RootSource> {
    let text = field.required_text(problems)?;
    match TrustedRoot::parse(text) {
        Ok(root) => Some(RootSource::Given(Arc::new(root))),
        Err(error) => {
            problems.push(field.problem(error.to_string()));
            None
        }
    }
}

fn read_reference(field: &Field<'_>, kind: ObjectKind, problems: &mut Vec<Problem>) -> Option<RootSource> {
    let mut object = field.object(problems)?;
    let name = object.require("name", problems).and_then(|name| object_name(&name, problems));
    let key = match object.take("key") {
        Some(key) => key.required_text(problems).map(str::to_owned),
        None => Some(DEFAULT_ENTRY.to_owned()),
    };
    let namespace = match object.take("namespace") {
        Some(namespace) if namespace.text(problems).is_some_and(str::is_empty) => None,
        Some(namespace) => Some(object_name(&namespace, problems)?),
        None => None,
    };
    object.finish(problems);
    Some(RootSource::Referenced(RootReference { key: key?, kind, name: name?, namespace }))
}

#[cfg(test)]
mod tests;
