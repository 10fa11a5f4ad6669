//! SLSA provenance v1 (<https://slsa.dev/spec/v1.1/provenance>) and its dialects: GitHub, slsa-github-generator, GitLab,
//! Tekton Chains, Google Cloud Build, BuildKit, Harness.
//!
//! The specification leaves it to the build type where the source stands.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::dependency::Dependency;
use super::json::{agreed, at, list, scalar, scalars, text};
use super::slsa::{Provenance, Source, Workflow};
use super::slsa_v02::build_kit_source;

/// Reads a predicate.
pub(super) fn read(predicate: &Value) -> Provenance {
    let dependencies = Dependency::read_all(list(predicate, &["buildDefinition", "resolvedDependencies"]));
    let build_type = text(predicate, &["buildDefinition", "buildType"]);
    let external = at(predicate, &["buildDefinition", "externalParameters"]).cloned().unwrap_or_default();
    let internal = at(predicate, &["buildDefinition", "internalParameters"]).cloned().unwrap_or_default();
    let build = Build { external: &external, internal: &internal, dependencies: &dependencies };
    let (source, trigger, workflow) = match Dialect::of(build_type.unwrap_or_default()) {
        Dialect::BuildKit => build.build_kit(predicate),
        Dialect::CloudBuild => build.cloud_build(),
        Dialect::GitHub => build.github(&["github", "event_name"]),
        Dialect::GitHubGenerator => build.github(&["GITHUB_EVENT_NAME"]),
        Dialect::GitLab => build.gitlab(),
        Dialect::Other => build.harness(),
        Dialect::Tekton => build.tekton(),
    };
    Provenance {
        builder: text(predicate, &["runDetails", "builder", "id"]).map(str::to_owned),
        build_type: build_type.map(str::to_owned),
        source,
        trigger: trigger.map(str::to_owned),
        workflow,
        started_on: metadata_time(predicate, "startedOn"),
        finished_on: metadata_time(predicate, "finishedOn"),
        invocation: agreed(["metadata", "runDetailsMetadata"].into_iter().flat_map(|place| {
            ["invocationId", "invocationID"].map(|name| text(predicate, &["runDetails", place, name]))
        }))
        .map(str::to_owned),
        external_parameters: external,
        internal_parameters: internal,
        dependencies,
    }
}

/// A time of the metadata, which Harness calls `runDetailsMetadata`. Where both are there, both have to say the same.
fn metadata_time(predicate: &Value, name: &str) -> Option<Timestamp> {
    let said = ["metadata", "runDetailsMetadata"].map(|place| text(predicate, &["runDetails", place, name]));
    let times: Vec<Option<Timestamp>> = said.into_iter().flatten().map(|text| text.parse().ok()).collect();
    if times.iter().any(Option::is_none) { None } else { agreed(times) }
}

enum Dialect {
    BuildKit,
    CloudBuild,
    GitHub,
    GitHubGenerator,
    GitLab,
    Other,
    Tekton,
}

impl Dialect {
    fn of(build_type: &str) -> Self {
        match build_type {
            "https://actions.github.io/buildtypes/workflow/v1"
            | "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1" => Self::GitHub,
            "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md" => Self::BuildKit,
            "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1" => Self::CloudBuild,
            other if other.starts_with("https://github.com/slsa-framework/slsa-github-generator/") => {
                Self::GitHubGenerator
            }
            "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1" => Self::GitLab,
            other if other.starts_with("https://gitlab.com/gitlab-org/gitlab-runner/") => Self::GitLab,
            other if other.starts_with("https://tekton.dev/chains/") => Self::Tekton,
            _ => Self::Other,
        }
    }
}

type Read<'a> = (Source, Option<&'a str>, Workflow);

/// The parts of a predicate in which the dialects differ.
struct Build<'a> {
    external: &'a Value,
    internal: &'a Value,
    dependencies: &'a [Dependency],
}

impl<'a> Build<'a> {
    /// GitHub's own attestations (<https://actions.github.io/buildtypes/workflow/v1>), the community build type for
    /// GitHub's workflows (<https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1>), and the builders
    /// that bring slsa-github-generator their own workflow.
    fn github(&self, event: &[&str]) -> Read<'a> {
        let workflow = |name: &str| text(self.external, &["workflow", name]);
        let source = Source::confirmed(workflow("repository"), workflow("ref"), &[], self.dependencies);
        let inputs = scalars(self.external, &["inputs"]);
        (source, text(self.internal, event), Workflow { path: workflow("path").map(str::to_owned), inputs })
    }

    /// The runner states the repository and the commit, and so does GitLab itself, whose statements are signed by the
    /// server. What CI variables say is not read: a pipeline can set them.
    /// (<https://docs.gitlab.com/ci/runners/provenance/>,
    /// <https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1>).
    fn gitlab(&self) -> Read<'a> {
        let source = Source::confirmed(text(self.external, &["source"]), None, &[], self.dependencies);
        let path = text(self.external, &["entryPoint"]).map(str::to_owned);
        (source, None, Workflow { path, inputs: BTreeMap::new() })
    }

    /// The source is what a task names as its input; the pipeline's own repository is beside it
    /// (<https://tekton.dev/docs/chains/slsa-provenance/>, `slsa/v2alpha3`).
    fn tekton(&self) -> Read<'a> {
        let mut sources = self.dependencies.iter().filter_map(|found| {
            let is_input = found.name.as_deref() == Some("inputs/result");
            is_input.then(|| Some((found.git()?, found.commit()))).flatten()
        });
        let source = match sources.next() {
            Some((uri, commit)) if sources.all(|other| other == (uri.clone(), commit.clone())) => {
                Source::of(uri.repository, uri.reference, &commit.into_iter().collect::<Vec<_>>())
            }
            Some(_) | None => Source::default(),
        };
        let params = list(self.external, &["runSpec", "params"]).unwrap_or_default();
        let mut inputs = BTreeMap::new();
        let mut twice = Vec::new();
        for param in params {
            if let (Some(name), Some(value)) = (text(param, &["name"]), at(param, &["value"]).and_then(scalar))
                && inputs.insert(name.to_owned(), value).is_some()
            {
                twice.push(name);
            }
        }
        inputs.retain(|name, _| !twice.contains(&name.as_str()));
        let path = text(self.external, &["buildConfigSource", "path"]).map(str::to_owned);
        (source, None, Workflow { path, inputs })
    }

    /// The service states the source of the build's configuration, and what it substituted itself. The user's own
    /// substitutions are inputs (<https://cloud.google.com/build/docs/securing-builds/view-build-provenance>).
    fn cloud_build(&self) -> Read<'a> {
        let config = |name: &str| text(self.external, &["buildConfigSource", name]);
        let system = |name: &str| text(self.internal, &["systemSubstitutions", name]);
        let named = match (config("ref"), system("TAG_NAME"), system("BRANCH_NAME")) {
            (Some(named), _, _) => Some(named.to_owned()),
            (None, Some(tag), None) => Some(format!("refs/tags/{tag}")),
            (None, None, Some(branch)) => Some(format!("refs/heads/{branch}")),
            (None, _, _) => None,
        };
        let commits = [system("COMMIT_SHA")];
        let source = Source::confirmed(config("repository"), named.as_deref(), &commits, self.dependencies);
        let agrees = |said: Option<&str>, known: &Option<String>| said.is_none() || said == known.as_deref();
        let holds = source.reference.is_none()
            || (agrees(system("TAG_NAME"), &source.tag)
                && (source.branch.is_none() || agrees(system("BRANCH_NAME"), &source.branch)));
        let inputs = scalars(self.external, &["substitutions"]);
        let workflow = Workflow { path: config("path").map(str::to_owned), inputs };
        (source.only_if(holds), system("TRIGGER_NAME"), workflow)
    }

    /// <https://docs.docker.com/build/metadata/attestations/slsa-definitions/>
    fn build_kit(&self, predicate: &Value) -> Read<'a> {
        let config = at(self.external, &["configSource"]);
        let vcs = at(predicate, &["runDetails", "metadata", "buildkit_metadata", "vcs"]);
        let path = text(self.external, &["configSource", "path"]).map(str::to_owned);
        (build_kit_source(config, vcs), None, Workflow { path, inputs: scalars(self.external, &["request", "args"]) })
    }

    /// Harness' layout, under whatever build type it stands
    /// (<https://developer.harness.io/docs/software-supply-chain-assurance/slsa/generate-slsa>).
    fn harness(&self) -> Read<'a> {
        let code = |name: &str| text(self.external, &["codeMetadata", name]);
        let named = match (code("branch"), code("tag")) {
            (Some(branch), None) => {
                Some(format!("refs/heads/{}", branch.strip_prefix("refs/heads/").unwrap_or(branch)))
            }
            (None, Some(tag)) => Some(format!("refs/tags/{}", tag.strip_prefix("refs/tags/").unwrap_or(tag))),
            (None, None) | (Some(_), Some(_)) => None,
        };
        let source =
            Source::confirmed(code("repositoryURL"), named.as_deref(), &[code("commitSha")], self.dependencies);
        let trigger = text(self.external, &["triggerMetadata", "triggerType"]);
        let path = text(self.internal, &["pipelineIdentifier"]).map(str::to_owned);
        (source, trigger, Workflow { path, inputs: BTreeMap::new() })
    }
}
