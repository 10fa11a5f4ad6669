//! SLSA provenance v0.2 (<https://slsa.dev/spec/v0.2/provenance>) and its dialects: slsa-github-generator, GitLab,
//! Tekton Chains, BuildKit, and what keeps to the specification.

use serde_json::Value;

use super::dependency::{Dependency, commit, digests};
use super::json::{agreed, at, list, scalars, text, time};
use super::repository::GitUri;
use super::slsa::{Provenance, Source, Workflow};

/// Reads a predicate.
pub(super) fn read(predicate: &Value) -> Provenance {
    let dependencies = Dependency::read_all(list(predicate, &["materials"]));
    let build_type = text(predicate, &["buildType"]);
    let (source, trigger, workflow) = match Dialect::of(build_type.unwrap_or_default()) {
        Dialect::BuildKit => build_kit(predicate),
        Dialect::GitHubGenerator => github_generator(predicate, &dependencies),
        Dialect::Other => (config_source(predicate, &dependencies), None, workflow(predicate)),
        Dialect::Tekton => (sole_source(&dependencies), None, workflow(predicate)),
    };
    Provenance {
        builder: text(predicate, &["builder", "id"]).map(str::to_owned),
        build_type: build_type.map(str::to_owned),
        source,
        trigger,
        workflow,
        started_on: time(predicate, &["metadata", "buildStartedOn"]),
        finished_on: time(predicate, &["metadata", "buildFinishedOn"]),
        invocation: agreed([
            text(predicate, &["metadata", "buildInvocationId"]),
            // The specification's first spelling, which slsa-github-generator and BuildKit write.
            text(predicate, &["metadata", "buildInvocationID"]),
        ])
        .map(str::to_owned),
        external_parameters: at(predicate, &["invocation", "parameters"]).cloned().unwrap_or_default(),
        internal_parameters: at(predicate, &["invocation", "environment"]).cloned().unwrap_or_default(),
        dependencies,
    }
}

enum Dialect {
    BuildKit,
    GitHubGenerator,
    Other,
    Tekton,
}

impl Dialect {
    fn of(build_type: &str) -> Self {
        if build_type == "https://mobyproject.org/buildkit@v1" {
            Self::BuildKit
        } else if build_type.starts_with("https://github.com/slsa-framework/slsa-github-generator/") {
            Self::GitHubGenerator
        } else if build_type.starts_with("tekton.dev/") || build_type.starts_with("https://tekton.dev/") {
            Self::Tekton
        } else {
            Self::Other
        }
    }
}

/// The specification's own place: the source that the build's configuration came from.
fn config_source(predicate: &Value, dependencies: &[Dependency]) -> Source {
    let Some(config) = at(predicate, &["invocation", "configSource"]) else {
        return Source::default();
    };
    Source::confirmed(text(config, &["uri"]), None, &[commit(&digests(config)).as_deref()], dependencies)
}

fn workflow(predicate: &Value) -> Workflow {
    let path = text(predicate, &["invocation", "configSource", "entryPoint"]).map(str::to_owned);
    Workflow { path, inputs: scalars(predicate, &["invocation", "parameters"]) }
}

/// slsa-github-generator repeats the source in the environment, which it fills itself, and so do the inputs of a manual
/// start (<https://github.com/slsa-framework/slsa-github-generator/blob/main/internal/builders/generic/README.md>).
fn github_generator(predicate: &Value, dependencies: &[Dependency]) -> (Source, Option<String>, Workflow) {
    let environment = |name: &str| text(predicate, &["invocation", "environment", name]);
    let source = config_source(predicate, dependencies);
    let agrees = |said: Option<&str>, known: &Option<String>| match (said, known) {
        (Some(said), Some(known)) => said == known,
        (None, _) | (_, None) => true,
    };
    let holds =
        agrees(environment("github_ref"), &source.reference) && agrees(environment("github_sha1"), &source.commit);
    let inputs = scalars(predicate, &["invocation", "environment", "github_event_payload", "inputs"]);
    let workflow = Workflow { inputs, ..workflow(predicate) };
    (source.only_if(holds), environment("github_event_name").map(str::to_owned), workflow)
}

/// Tekton Chains names the pipeline's own repository in `configSource`, which need not be what was built. What was built
/// is known only if there is one source
/// (<https://tekton.dev/docs/chains/slsa-provenance/>).
fn sole_source(dependencies: &[Dependency]) -> Source {
    let mut sources = dependencies.iter().filter_map(|found| Some((found.git()?, found.commit())));
    let Some((uri, commit)) = sources.next() else {
        return Source::default();
    };
    // A commit that is said in two ways is told by a source that says none.
    if sources.any(|other| other != (uri.clone(), commit.clone())) {
        return Source::default();
    }
    let commits: Vec<_> = commit.into_iter().collect();
    Source::of(uri.repository, uri.reference, &commits)
}

/// BuildKit builds from a repository that `configSource` names, or from a directory, of which its client says where it
/// was checked out (<https://docs.docker.com/build/metadata/attestations/slsa-definitions/>).
fn build_kit(predicate: &Value) -> (Source, Option<String>, Workflow) {
    let config = at(predicate, &["invocation", "configSource"]);
    let vcs = at(predicate, &["metadata", "https://mobyproject.org/buildkit@v1#metadata", "vcs"]);
    let inputs = scalars(predicate, &["invocation", "parameters", "args"]);
    let path = text(predicate, &["invocation", "configSource", "entryPoint"]).map(str::to_owned);
    (build_kit_source(config, vcs), None, Workflow { path, inputs })
}

/// The source of a build by BuildKit.
pub(super) fn build_kit_source(config: Option<&Value>, vcs: Option<&Value>) -> Source {
    let config_uri = config.and_then(|config| text(config, &["uri"]));
    let vcs_uri = vcs.and_then(|vcs| text(vcs, &["source"]));
    let config_commit = config.and_then(|config| commit(&digests(config)));
    let vcs_commit = vcs.and_then(|vcs| text(vcs, &["revision"]));
    match (config_uri, vcs_uri) {
        (Some(config), Some(vcs)) => {
            let same = GitUri::parse(config).map(|uri| uri.repository) == GitUri::parse(vcs).map(|uri| uri.repository);
            Source::confirmed(Some(config), None, &[config_commit.as_deref(), vcs_commit], &[]).only_if(same)
        }
        (Some(config), None) => Source::confirmed(Some(config), None, &[config_commit.as_deref()], &[]),
        (None, uri) => Source::confirmed(uri, None, &[vcs_commit], &[]),
    }
}
