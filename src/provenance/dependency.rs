//! What a build took in.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::{agreed, at, scalars, text};
use super::repository::{GitUri, is_commit};

/// Something that a build took in: a source, a base image, a tool (`resolvedDependencies` of SLSA v1, `materials` of
/// v0.2). A part that the provenance does not state is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Where it came from.
    pub uri: Option<String>,
    /// What the builder calls it.
    pub name: Option<String>,
    /// Its digests, by the name of the algorithm.
    pub digests: BTreeMap<String, String>,
}

impl Dependency {
    pub(super) fn read(value: &Value) -> Self {
        Self {
            uri: text(value, &["uri"]).map(str::to_owned),
            name: text(value, &["name"]).map(str::to_owned),
            digests: digests(value),
        }
    }

    pub(super) fn read_all(list: Option<&[Value]>) -> Vec<Self> {
        list.unwrap_or_default().iter().map(Self::read).collect()
    }

    /// The repository and reference, where it is a source.
    pub(super) fn git(&self) -> Option<GitUri> {
        GitUri::parse(self.uri.as_deref()?)
    }

    /// The commit, where it is a source and says one.
    pub(super) fn commit(&self) -> Option<String> {
        agreed([commit(&self.digests), self.git()?.commit])
    }
}

pub(super) fn digests(value: &Value) -> BTreeMap<String, String> {
    if at(value, &["digest"]).is_some_and(Value::is_object) { scalars(value, &["digest"]) } else { BTreeMap::new() }
}

/// The commit among digests: `gitCommit`, or `sha1` as older builders say. GitLab's runner puts it under `sha256`
/// whatever its length.
pub(super) fn commit(digests: &BTreeMap<String, String>) -> Option<String> {
    let named = |name: &str| digests.get(name).filter(|hex| is_commit(hex)).cloned();
    let proper = [named("gitCommit"), named("sha1")];
    if proper.iter().any(Option::is_some) { agreed(proper) } else { named("sha256") }
}
