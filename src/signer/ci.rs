//! What a CI system says of itself in the environment of its steps.
//!
//! Whoever can set variables of a step can say anything here: what comes of it is the word of whoever signs, and no
//! more. A platform that signs for its users, with a key that they do not have, makes it the platform's word.

use crate::record::Execution;

/// How a variable is looked up.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A CI system in which this process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Argo Workflows.
    ArgoWorkflows,
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Harness CI.
    Harness,
    /// Jenkins.
    Jenkins,
    /// Tekton, which sets no variables by itself: a Task passes these (`TEKTON_…`) on from its context.
    Tekton,
}

/// What it says about this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ci {
    /// The system.
    pub platform: Platform,
    /// What builds, as a URI.
    pub builder: Option<String>,
    /// The parts of the builder and their versions.
    pub versions: Vec<(&'static str, String)>,
    /// How it builds, as a URI.
    pub build_type: &'static str,
    /// The source repository, without credentials.
    pub repository: Option<String>,
    /// The full reference, as in `refs/heads/main`.
    pub reference: Option<String>,
    /// The branch.
    pub branch: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// The file that says what is done, as far as it is known.
    pub workflow: Option<String>,
    /// What caused the run.
    pub trigger: Option<String>,
    /// Who caused it.
    pub triggered_by: Option<String>,
    /// The run.
    pub invocation: Option<String>,
    /// The run's identifier within the system.
    pub execution: Option<String>,
    /// Where the run can be looked at.
    pub url: Option<String>,
    /// The pipeline.
    pub pipeline: Option<String>,
    /// The account or organisation.
    pub account: Option<String>,
    /// When it began, as the system writes it.
    pub started_on: Option<String>,
}

impl Platform {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ArgoWorkflows => "Argo Workflows",
            Self::GitHub => "GitHub Actions",
            Self::GitLab => "GitLab CI",
            Self::Harness => "Harness CI",
            Self::Jenkins => "Jenkins",
            Self::Tekton => "Tekton",
        }
    }
}

impl Ci {
    /// The system whose variables are there. Harness comes first, since its steps may bear others' names, too.
    pub fn detect(lookup: Lookup<'_>) -> Option<Self> {
        let is = |name: &str| lookup(name).is_some();
        let is_true = |name: &str| lookup(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if is("HARNESS_ACCOUNT_ID") || is("HARNESS_EXECUTION_ID") {
            Some(Self::harness(lookup))
        } else if is_true("GITHUB_ACTIONS") {
            Some(Self::github(lookup))
        } else if is_true("GITLAB_CI") {
            Some(Self::gitlab(lookup))
        } else if is("JENKINS_URL") {
            Some(Self::jenkins(lookup))
        } else if is("TEKTON_PIPELINE_RUN") || is("TEKTON_TASK_RUN") {
            Some(Self::tekton(lookup))
        } else if is("ARGO_WORKFLOW_NAME") {
            Some(Self::argo(lookup))
        } else {
            None
        }
    }

    /// What a record says of the run.
    pub fn execution(&self) -> Execution {
        Execution {
            platform: Some(self.platform.as_str().to_owned()),
            id: self.execution.clone().or_else(|| self.invocation.clone()),
            url: self.url.clone(),
            triggered_by: self.triggered_by.clone(),
        }
    }

    fn new(platform: Platform, build_type: &'static str) -> Self {
        Self {
            platform,
            builder: None,
            versions: Vec::new(),
            build_type,
            repository: None,
            reference: None,
            branch: None,
            commit: None,
            workflow: None,
            trigger: None,
            triggered_by: None,
            invocation: None,
            execution: None,
            url: None,
            pipeline: None,
            account: None,
            started_on: None,
        }
    }

    /// <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>
    fn github(lookup: Lookup<'_>) -> Self {
        let server = lookup("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned());
        let repository = lookup("GITHUB_REPOSITORY").map(|name| format!("{server}/{name}"));
        let run = lookup("GITHUB_RUN_ID");
        let attempt = lookup("GITHUB_RUN_ATTEMPT").unwrap_or_else(|| "1".to_owned());
        let page =
            repository.as_ref().zip(run.as_ref()).map(|(repository, run)| format!("{repository}/actions/runs/{run}"));
        let reference = lookup("GITHUB_REF");
        // `owner/name/.github/workflows/file.yml@refs/heads/main`
        let workflow = lookup("GITHUB_WORKFLOW_REF").and_then(|text| {
            let (path, _) = text.split_once('@')?;
            path.splitn(3, '/').nth(2).map(str::to_owned)
        });
        let hosting = match lookup("RUNNER_ENVIRONMENT").as_deref() {
            Some("self-hosted") => "self-hosted",
            Some(_) | None => "github-hosted",
        };
        Self {
            builder: Some(format!("https://github.com/actions/runner/{hosting}")),
            branch: reference.as_deref().and_then(branch_of),
            reference,
            commit: lookup("GITHUB_SHA"),
            workflow,
            trigger: lookup("GITHUB_EVENT_NAME"),
            triggered_by: lookup("GITHUB_TRIGGERING_ACTOR").or_else(|| lookup("GITHUB_ACTOR")),
            invocation: page.as_ref().map(|page| format!("{page}/attempts/{attempt}")),
            execution: run,
            url: page,
            pipeline: lookup("GITHUB_WORKFLOW"),
            account: lookup("GITHUB_REPOSITORY_OWNER"),
            repository,
            ..Self::new(Platform::GitHub, generic("github-actions"))
        }
    }

    /// <https://docs.gitlab.com/ci/variables/predefined_variables/>
    fn gitlab(lookup: Lookup<'_>) -> Self {
        let repository = lookup("CI_PROJECT_URL");
        let runner = lookup("CI_RUNNER_ID");
        let builder = repository.as_ref().zip(runner).map(|(url, runner)| format!("{url}/-/runners/{runner}"));
        let tag = lookup("CI_COMMIT_TAG");
        let branch = lookup("CI_COMMIT_BRANCH");
        let reference = tag
            .map(|tag| format!("refs/tags/{tag}"))
            .or_else(|| branch.as_ref().map(|branch| format!("refs/heads/{branch}")));
        Self {
            builder,
            versions: lookup("CI_RUNNER_VERSION").map(|version| ("gitlab-runner", version)).into_iter().collect(),
            repository,
            reference,
            branch,
            commit: lookup("CI_COMMIT_SHA"),
            workflow: lookup("CI_CONFIG_PATH"),
            trigger: lookup("CI_PIPELINE_SOURCE"),
            triggered_by: lookup("GITLAB_USER_LOGIN"),
            invocation: lookup("CI_JOB_ID"),
            execution: lookup("CI_PIPELINE_ID"),
            url: lookup("CI_JOB_URL"),
            pipeline: lookup("CI_PROJECT_PATH"),
            account: lookup("CI_PROJECT_ROOT_NAMESPACE"),
            started_on: lookup("CI_JOB_STARTED_AT"),
            ..Self::new(Platform::GitLab, generic("gitlab"))
        }
    }

    /// <https://developer.harness.io/docs/continuous-integration/troubleshoot-ci/ci-env-var/>
    fn harness(lookup: Lookup<'_>) -> Self {
        let branch = lookup("DRONE_COMMIT_BRANCH").or_else(|| lookup("DRONE_BRANCH"));
        let tag = lookup("DRONE_TAG").map(|tag| format!("refs/tags/{tag}"));
        Self {
            builder: Some("https://developer.harness.io/docs/continuous-integration".to_owned()),
            versions: lookup("CI_MANAGER_VERSION").map(|version| ("ci-manager", version)).into_iter().collect(),
            repository: lookup("DRONE_REPO_LINK").or_else(|| lookup("DRONE_GIT_HTTP_URL")).map(|url| plain_url(&url)),
            reference: tag.or_else(|| branch.as_ref().map(|branch| format!("refs/heads/{branch}"))),
            branch,
            commit: lookup("DRONE_COMMIT_SHA").or_else(|| lookup("DRONE_COMMIT")),
            trigger: lookup("DRONE_BUILD_EVENT"),
            triggered_by: lookup("DRONE_COMMIT_AUTHOR").or_else(|| lookup("DRONE_BUILD_TRIGGER")),
            invocation: lookup("HARNESS_EXECUTION_ID"),
            execution: lookup("HARNESS_EXECUTION_ID"),
            url: lookup("CI_BUILD_LINK").or_else(|| lookup("DRONE_BUILD_LINK")),
            pipeline: lookup("HARNESS_PIPELINE_ID"),
            account: lookup("HARNESS_ACCOUNT_ID"),
            ..Self::new(Platform::Harness, generic("harness"))
        }
    }

    /// <https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables>, and those of its Git plugin
    fn jenkins(lookup: Lookup<'_>) -> Self {
        let branch = lookup("BRANCH_NAME").or_else(|| {
            lookup("GIT_BRANCH").map(|name| name.strip_prefix("origin/").map(str::to_owned).unwrap_or(name))
        });
        Self {
            builder: lookup("JENKINS_URL"),
            versions: lookup("JENKINS_VERSION").map(|version| ("jenkins", version)).into_iter().collect(),
            repository: lookup("GIT_URL").map(|url| plain_url(&url)),
            reference: branch.as_ref().map(|branch| format!("refs/heads/{branch}")),
            branch,
            commit: lookup("GIT_COMMIT"),
            trigger: lookup("BUILD_CAUSE"),
            triggered_by: lookup("BUILD_USER_ID").or_else(|| lookup("CHANGE_AUTHOR")),
            invocation: lookup("BUILD_URL").or_else(|| lookup("BUILD_TAG")),
            execution: lookup("BUILD_TAG"),
            url: lookup("BUILD_URL"),
            pipeline: lookup("JOB_NAME"),
            ..Self::new(Platform::Jenkins, generic("jenkins"))
        }
    }

    fn tekton(lookup: Lookup<'_>) -> Self {
        let run = lookup("TEKTON_PIPELINE_RUN").or_else(|| lookup("TEKTON_TASK_RUN"));
        Self {
            builder: lookup("TEKTON_BUILDER_ID"),
            repository: lookup("TEKTON_GIT_URL").map(|url| plain_url(&url)),
            branch: lookup("TEKTON_GIT_REVISION").as_deref().and_then(branch_of),
            reference: lookup("TEKTON_GIT_REVISION").filter(|revision| revision.starts_with("refs/")),
            commit: lookup("TEKTON_GIT_COMMIT"),
            trigger: lookup("TEKTON_TRIGGER"),
            triggered_by: lookup("TEKTON_TRIGGERED_BY"),
            invocation: lookup("TEKTON_PIPELINE_RUN_UID").or_else(|| run.clone()),
            execution: run,
            url: lookup("TEKTON_RUN_URL"),
            pipeline: lookup("TEKTON_PIPELINE"),
            account: lookup("TEKTON_NAMESPACE"),
            ..Self::new(Platform::Tekton, generic("tekton"))
        }
    }

    /// <https://argo-workflows.readthedocs.io/en/latest/environment-variables/#executor>
    fn argo(lookup: Lookup<'_>) -> Self {
        Self {
            builder: lookup("ARGO_BUILDER_ID"),
            repository: lookup("ARGO_GIT_URL").map(|url| plain_url(&url)),
            branch: lookup("ARGO_GIT_REVISION").as_deref().and_then(branch_of),
            reference: lookup("ARGO_GIT_REVISION").filter(|revision| revision.starts_with("refs/")),
            commit: lookup("ARGO_GIT_COMMIT"),
            invocation: lookup("ARGO_WORKFLOW_UID").or_else(|| lookup("ARGO_WORKFLOW_NAME")),
            execution: lookup("ARGO_WORKFLOW_NAME"),
            url: lookup("ARGO_WORKFLOW_URL"),
            pipeline: lookup("ARGO_WORKFLOW_TEMPLATE"),
            account: lookup("ARGO_NAMESPACE"),
            ..Self::new(Platform::ArgoWorkflows, generic("argo-workflows"))
        }
    }
}

/// The build type of a platform that has none of its own: the source stands in `externalParameters.codeMetadata`.
fn generic(platform: &'static str) -> &'static str {
    match platform {
        "argo-workflows" => "https://countersign.dev/buildtypes/argo-workflows/v1",
        "github-actions" => "https://countersign.dev/buildtypes/github-actions/v1",
        "gitlab" => "https://countersign.dev/buildtypes/gitlab/v1",
        "harness" => "https://countersign.dev/buildtypes/harness/v1",
        "jenkins" => "https://countersign.dev/buildtypes/jenkins/v1",
        "tekton" => "https://countersign.dev/buildtypes/tekton/v1",
        _ => "https://countersign.dev/buildtypes/generic/v1",
    }
}

fn branch_of(reference: &str) -> Option<String> {
    reference.strip_prefix("refs/heads/").map(str::to_owned)
}

/// A repository's URL without the credentials that CI systems put into it.
pub(super) fn plain_url(text: &str) -> String {
    match url::Url::parse(text) {
        Ok(mut url) if url.has_host() => {
            let is_plain = url.password().is_none() && (url.username().is_empty() || url.username() == "git");
            if is_plain {
                return text.to_owned();
            }
            // Both succeed for an address that has a host.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        }
        Ok(_) | Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)]) -> Option<Ci> {
        Ci::detect(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn every_platform_says_who_it_is() {
        type Row<'a> = (&'a [(&'a str, &'a str)], Option<Platform>);
        let rows: [Row<'_>; 8] = [
            (&[("GITHUB_ACTIONS", "true")], Some(Platform::GitHub)),
            (&[("GITHUB_ACTIONS", "false")], None),
            (&[("GITLAB_CI", "true")], Some(Platform::GitLab)),
            (&[("JENKINS_URL", "https://j/")], Some(Platform::Jenkins)),
            (&[("HARNESS_ACCOUNT_ID", "a"), ("JENKINS_URL", "x")], Some(Platform::Harness)),
            (&[("TEKTON_TASK_RUN", "t")], Some(Platform::Tekton)),
            (&[("ARGO_WORKFLOW_NAME", "w")], Some(Platform::ArgoWorkflows)),
            (&[("CI", "true")], None),
        ];
        for (variables, platform) in rows {
            assert_eq!(detect(variables).map(|ci| ci.platform), platform, "{variables:?}");
        }
    }

    #[test]
    fn a_run_of_github() {
        let ci = detect(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "acme/app"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_SHA", "abc"),
            ("GITHUB_RUN_ID", "8"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_ACTOR", "jo"),
            ("GITHUB_WORKFLOW_REF", "acme/app/.github/workflows/release.yml@refs/heads/main"),
        ])
        .unwrap();
        assert_eq!(ci.repository.as_deref(), Some("https://github.com/acme/app"));
        assert_eq!(ci.branch.as_deref(), Some("main"));
        assert_eq!(ci.workflow.as_deref(), Some(".github/workflows/release.yml"));
        assert_eq!(ci.invocation.as_deref(), Some("https://github.com/acme/app/actions/runs/8/attempts/2"));
        assert_eq!(ci.execution().url.as_deref(), Some("https://github.com/acme/app/actions/runs/8"));
        assert_eq!(ci.builder.as_deref(), Some("https://github.com/actions/runner/github-hosted"));
    }

    #[test]
    fn credentials_do_not_stay_in_urls() {
        for (text, plain) in [
            ("https://user:secret@git.example/a.git", "https://git.example/a.git"),
            ("https://token@git.example/a", "https://git.example/a"),
            ("https://git.example/a", "https://git.example/a"),
            ("git@git.example:a.git", "git@git.example:a.git"),
            ("ssh://git@git.example/a", "ssh://git@git.example/a"),
        ] {
            assert_eq!(plain_url(text), plain);
        }
    }
}
