//! The one form of SLSA provenance.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::dependency::Dependency;
use super::repository::{GitUri, is_commit};
use super::{ReadError, SourceRepository, json, slsa_v1, slsa_v02};
use crate::evidence::Statement;

/// Where an artifact comes from, as its builder says: SLSA provenance (<https://slsa.dev/spec/v1.1/provenance>,
/// <https://slsa.dev/spec/v0.2/provenance>) in one form. What is absent was not said, or not in the place where this
/// kind of builder says it, or was said in two ways.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// Who built (`builder.id`).
    pub builder: Option<String>,
    /// How (`buildType`): what the parameters mean.
    pub build_type: Option<String>,
    /// From which source.
    pub source: Source,
    /// What caused the build, in the builder's words, as in `push`.
    pub trigger: Option<String>,
    /// By which workflow, pipeline or build file.
    pub workflow: Workflow,
    /// What the build took in (`resolvedDependencies`, `materials`).
    pub dependencies: Vec<Dependency>,
    /// When it began.
    pub started_on: Option<Timestamp>,
    /// When it ended.
    pub finished_on: Option<Timestamp>,
    /// The run of the builder (`invocationId`).
    pub invocation: Option<String>,
    /// What the build's users could choose: `externalParameters`, or in v0.2 `invocation.parameters`; else null.
    pub external_parameters: Value,
    /// What the builder chose: `internalParameters`, or in v0.2 `invocation.environment`; else null.
    pub internal_parameters: Value,
}

/// The source of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The repository.
    pub repository: Option<SourceRepository>,
    /// The reference in full, as in `refs/heads/main`.
    pub reference: Option<String>,
    /// The branch, where the reference is one. What a tag was made from is not known.
    pub branch: Option<String>,
    /// The tag, where the reference is one.
    pub tag: Option<String>,
    /// The commit, in lower-case hex.
    pub commit: Option<String>,
    /// Whether the provenance says different things about the source; then nothing else is here.
    pub is_contradictory: bool,
}

/// The workflow that built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workflow {
    /// The path of its file in the repository, or its entry point.
    pub path: Option<String>,
    /// The inputs that its caller gave, as texts.
    pub inputs: BTreeMap<String, String>,
}

impl Provenance {
    /// The predicate type of v0.2.
    pub const V02: &str = "https://slsa.dev/provenance/v0.2";
    /// The predicate type of v1, which stayed the same in v1.1.
    pub const V1: &str = "https://slsa.dev/provenance/v1";

    /// Reads the predicate of `statement` by its own predicate type; one version is never read as the other.
    ///
    /// # Errors
    /// When the type is another, or the predicate is no object, says a name twice, or is too much.
    pub fn read(statement: &Statement) -> Result<Self, ReadError> {
        const WHAT: &str = "the provenance";
        let read = match statement.predicate_type() {
            Self::V02 => slsa_v02::read,
            Self::V1 => slsa_v1::read,
            other => return Err(ReadError::unsupported(WHAT, other)),
        };
        Ok(read(&json::object(WHAT, statement.predicate_raw())?))
    }
}

impl Source {
    /// The source in `repository` at `reference`, each as the builder wrote it, with its commit from `commits` and from
    /// those of `dependencies` that are this repository.
    ///
    /// Where there are sources among `dependencies`, one of them has to be this one: slsa-verifier holds the two against
    /// each other, too.
    pub(super) fn confirmed(
        repository: Option<&str>,
        reference: Option<&str>,
        commits: &[Option<&str>],
        dependencies: &[Dependency],
    ) -> Self {
        let Some(uri) = repository.and_then(GitUri::parse) else {
            return Self::default();
        };
        let named = [uri.reference.as_deref(), reference.filter(|reference| reference.starts_with("refs/"))];
        let mut commits: Vec<String> = commits.iter().flatten().map(|commit| (*commit).to_owned()).collect();
        commits.extend(uri.commit.clone());
        let reference = json::agreed(named).map(str::to_owned);
        if reference.is_none() && named.iter().any(Option::is_some) {
            return Self::contradictory();
        }
        // What names neither a commit nor a reference is a download whose address looks like a repository.
        let is_source = |(found, uri): &(&Dependency, GitUri)| found.commit().is_some() || uri.reference.is_some();
        let sources: Vec<_> =
            dependencies.iter().filter_map(|found| Some((found, found.git()?))).filter(is_source).collect();
        let is_this = |other: &GitUri| {
            other.repository == uri.repository
                && (reference.is_none() || other.reference.is_none() || other.reference == reference)
        };
        let these = || sources.iter().filter(|(_, other)| is_this(other));
        if !sources.is_empty() && these().next().is_none() {
            return Self::contradictory();
        }
        for (dependency, other) in these() {
            // A source that names neither a commit nor two different ones adds nothing.
            commits.extend(dependency.commit().or_else(|| other.commit.clone()));
        }
        Self::of(uri.repository, reference, &commits)
    }

    /// The source in `repository` at `reference`, with the commit that all of `commits` name.
    pub(super) fn of(repository: SourceRepository, reference: Option<String>, commits: &[String]) -> Self {
        let commit = json::agreed(commits.iter().map(Some));
        if commit.is_none() && !commits.is_empty() {
            return Self::contradictory();
        }
        let part = |prefix: &str| reference.as_deref().and_then(|name| name.strip_prefix(prefix)).map(str::to_owned);
        Self {
            branch: part("refs/heads/"),
            tag: part("refs/tags/"),
            commit: commit.filter(|commit| is_commit(commit)).cloned(),
            repository: Some(repository),
            reference,
            is_contradictory: false,
        }
    }

    pub(super) fn contradictory() -> Self {
        Self { is_contradictory: true, ..Self::default() }
    }

    /// The same source, or a contradictory one where `holds` is not true.
    #[must_use]
    pub(super) fn only_if(self, holds: bool) -> Self {
        if holds { self } else { Self::contradictory() }
    }
}
