//! SLSA provenance v1 (<https://slsa.dev/spec/v1.1/provenance>) of what a CI system has built.
//!
//! The layout of `externalParameters` and `internalParameters` is one for every platform: the source stands in
//! `codeMetadata`, what caused the build in `triggerMetadata`, the image in `buildMetadata`. [`crate::provenance`] reads it
//! under any build type that has no layout of its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::ci::plain_url;
use super::{Ci, seconds};
use crate::image::{Digest, ImageDigest};

/// Where an image comes from, as far as somebody has said it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// How it was built, as a URI.
    pub build_type: Option<String>,
    /// What built it, as a URI.
    pub builder: Option<String>,
    /// The parts of the builder and their versions.
    pub builder_versions: BTreeMap<String, String>,
    /// The source repository.
    pub repository: Option<String>,
    /// The branch.
    pub branch: Option<String>,
    /// The tag; never beside a branch.
    pub tag: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// What caused the build, as in `push`.
    pub trigger: Option<String>,
    /// Who caused it.
    pub triggered_by: Option<String>,
    /// The image as it is called.
    pub image: Option<String>,
    /// The execution of the pipeline.
    pub execution: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// The pipeline, or the file that says what it does.
    pub pipeline: Option<String>,
    /// The run, as the builder names it.
    pub invocation: Option<String>,
    /// When it began.
    pub started_on: Option<Timestamp>,
    /// When it ended.
    pub finished_on: Option<Timestamp>,
    /// Further parameters that the build's users could choose.
    pub parameters: BTreeMap<String, String>,
    /// The images that it is made from.
    pub base_images: Vec<ImageDigest>,
    /// Other things that it is made from: URI and digest.
    pub dependencies: Vec<(String, Digest)>,
}

impl Origin {
    /// What a CI system says.
    ///
    /// # Errors
    /// When the time that it names is none.
    pub fn of_ci(ci: &Ci) -> Result<Self, OriginError> {
        let tag = ci.reference.as_deref().and_then(|reference| reference.strip_prefix("refs/tags/"));
        let started_on = ci.started_on.as_deref().map(str::parse).transpose();
        Ok(Self {
            build_type: Some(ci.build_type.to_owned()),
            builder: ci.builder.clone(),
            builder_versions: ci.versions.iter().map(|(name, version)| ((*name).to_owned(), version.clone())).collect(),
            repository: ci.repository.clone(),
            branch: ci.branch.clone().filter(|_| tag.is_none()),
            tag: tag.map(str::to_owned),
            commit: ci.commit.clone(),
            trigger: ci.trigger.clone(),
            triggered_by: ci.triggered_by.clone(),
            execution: ci.execution.clone(),
            account: ci.account.clone(),
            pipeline: ci.workflow.clone().or_else(|| ci.pipeline.clone()),
            invocation: ci.invocation.clone(),
            started_on: started_on.map_err(|_| OriginError::Time { field: "startedOn" })?,
            ..Self::default()
        })
    }

    /// The same, with what `other` says where this says nothing. The source comes from one of them: a branch of one
    /// with the commit of another would be a source that nobody has named.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let says_source = |origin: &Self| {
            origin.repository.is_some() || origin.commit.is_some() || origin.branch.is_some() || origin.tag.is_some()
        };
        let source = if says_source(&self) { self.clone() } else { other.clone() };
        let merge = |mine: BTreeMap<String, String>, theirs: BTreeMap<String, String>| {
            theirs.into_iter().chain(mine).collect::<BTreeMap<_, _>>()
        };
        let list = |mine: Vec<_>, theirs: Vec<_>| if mine.is_empty() { theirs } else { mine };
        Self {
            build_type: self.build_type.or(other.build_type),
            builder: self.builder.or(other.builder),
            builder_versions: merge(self.builder_versions, other.builder_versions),
            repository: source.repository,
            branch: source.branch,
            tag: source.tag,
            commit: source.commit,
            trigger: self.trigger.or(other.trigger),
            triggered_by: self.triggered_by.or(other.triggered_by),
            image: self.image.or(other.image),
            execution: self.execution.or(other.execution),
            account: self.account.or(other.account),
            pipeline: self.pipeline.or(other.pipeline),
            invocation: self.invocation.or(other.invocation),
            started_on: self.started_on.or(other.started_on),
            finished_on: self.finished_on.or(other.finished_on),
            parameters: merge(self.parameters, other.parameters),
            base_images: if self.base_images.is_empty() { other.base_images } else { self.base_images },
            dependencies: list(self.dependencies, other.dependencies),
        }
    }

    /// The predicate. With `harness_compat`, what the specification calls `metadata` is there a second time as
    /// `runDetailsMetadata`, where Harness' policies look for it.
    ///
    /// # Errors
    /// When what has to be said was not, or is not what it has to be.
    pub fn predicate(&self, harness_compat: bool) -> Result<Vec<u8>, OriginError> {
        let builder =
            self.builder.as_deref().ok_or(OriginError::Missing { field: "builder.id", flag: "--builder-id" })?;
        let build_type = self.build_type.as_deref().unwrap_or("https://countersign.dev/buildtypes/generic/v1");
        for (field, text) in [("builder.id", builder), ("buildType", build_type)] {
            if url::Url::parse(text).is_err() {
                return Err(OriginError::NoUri { field, text: text.to_owned() });
            }
        }
        let is_commit = |commit: &str| {
            matches!(commit.len(), 40 | 64) && commit.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        if let Some(commit) = &self.commit
            && !is_commit(commit)
        {
            return Err(OriginError::Commit(commit.clone()));
        }
        if self.branch.is_some() && self.tag.is_some() {
            return Err(OriginError::BranchAndTag);
        }
        if let (Some(started), Some(finished)) = (self.started_on, self.finished_on)
            && finished < started
        {
            return Err(OriginError::Times { started, finished });
        }
        let repository = self.repository.as_deref().map(plain_url);
        let metadata = Metadata {
            invocation_id: self.invocation.as_deref(),
            started_on: self.started_on.map(seconds),
            finished_on: self.finished_on.map(seconds),
        };
        let predicate = Predicate {
            build_definition: BuildDefinition {
                build_type,
                external_parameters: ExternalParameters {
                    code_metadata: CodeMetadata {
                        repository_url: repository.as_deref(),
                        branch: self.branch.as_deref(),
                        tag: self.tag.as_deref(),
                        commit_sha: self.commit.as_deref(),
                    },
                    trigger_metadata: TriggerMetadata {
                        trigger_type: self.trigger.as_deref(),
                        triggered_by: self.triggered_by.as_deref(),
                    },
                    build_metadata: BuildMetadata { image: self.image.as_deref() },
                    parameters: &self.parameters,
                },
                internal_parameters: InternalParameters {
                    pipeline_execution_id: self.execution.as_deref(),
                    account_id: self.account.as_deref(),
                    pipeline_identifier: self.pipeline.as_deref(),
                },
                resolved_dependencies: self.resolved_dependencies(repository.as_deref()),
            },
            run_details: RunDetails {
                builder: Builder { id: builder, version: &self.builder_versions },
                run_details_metadata: harness_compat.then(|| metadata.clone()),
                metadata,
            },
        };
        serde_json::to_vec(&predicate).map_err(|error| OriginError::Json(error.to_string()))
    }

    fn resolved_dependencies(&self, repository: Option<&str>) -> Vec<Dependency> {
        let mut dependencies = Vec::new();
        if let (Some(repository), Some(commit)) = (repository, &self.commit) {
            let reference = match (&self.branch, &self.tag) {
                (Some(branch), _) => format!("@refs/heads/{branch}"),
                (None, Some(tag)) => format!("@refs/tags/{tag}"),
                (None, None) => String::new(),
            };
            dependencies.push(Dependency {
                uri: format!("git+{repository}{reference}"),
                digest: BTreeMap::from([("gitCommit", commit.clone())]),
            });
        }
        dependencies.extend(self.base_images.iter().map(|image| {
            let repository = image.repository();
            let name = repository.path().rsplit('/').next().unwrap_or_default();
            // https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md
            let hex = image.digest().hex();
            Dependency {
                uri: format!("pkg:oci/{name}@sha256%3A{hex}?repository_url={repository}"),
                digest: BTreeMap::from([("sha256", hex)]),
            }
        }));
        dependencies.extend(
            self.dependencies.iter().map(|(uri, digest)| Dependency {
                uri: uri.clone(),
                digest: BTreeMap::from([("sha256", digest.hex())]),
            }),
        );
        dependencies
    }
}

/// Why there is no provenance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// A source is a branch or a tag.
    #[error("the source is said to be a branch and a tag; what a tag was made from is not known")]
    BranchAndTag,
    /// A commit is written in full.
    #[error("`{0}` is no commit: those are 40 or 64 lower-case hex digits")]
    Commit(String),
    /// It cannot be written as JSON.
    #[error("the provenance cannot be written as JSON: {0}")]
    Json(String),
    /// Somebody has to say it.
    #[error("nobody says the `{field}`: no CI system is known by its environment; `{flag}` says it")]
    Missing {
        /// The field.
        field: &'static str,
        /// What says it.
        flag: &'static str,
    },
    /// It has to be a URI.
    #[error("the `{field}` is `{text}`, which is no URI")]
    NoUri {
        /// The field.
        field: &'static str,
        /// What was said.
        text: String,
    },
    /// It has to be a time.
    #[error("the `{field}` that the environment names is no time of RFC 3339")]
    Time {
        /// The field.
        field: &'static str,
    },
    /// The end is before the beginning.
    #[error("the build is said to have ended at {finished}, before it began at {started}")]
    Times {
        /// The beginning.
        started: Timestamp,
        /// The end.
        finished: Timestamp,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate<'a> {
    build_definition: BuildDefinition<'a>,
    run_details: RunDetails<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition<'a> {
    build_type: &'a str,
    external_parameters: ExternalParameters<'a>,
    internal_parameters: InternalParameters<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resolved_dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalParameters<'a> {
    code_metadata: CodeMetadata<'a>,
    trigger_metadata: TriggerMetadata<'a>,
    build_metadata: BuildMetadata<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    parameters: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct CodeMetadata<'a> {
    #[serde(rename = "repositoryURL", skip_serializing_if = "Option::is_none")]
    repository_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(rename = "commitSha", skip_serializing_if = "Option::is_none")]
    commit_sha: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TriggerMetadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    triggered_by: Option<&'a str>,
}

#[derive(Serialize)]
struct BuildMetadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InternalParameters<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline_execution_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline_identifier: Option<&'a str>,
}

#[derive(Serialize)]
struct Dependency {
    uri: String,
    digest: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunDetails<'a> {
    builder: Builder<'a>,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_details_metadata: Option<Metadata<'a>>,
}

#[derive(Serialize)]
struct Builder<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    version: &'a BTreeMap<String, String>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    invocation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_on: Option<String>,
}
