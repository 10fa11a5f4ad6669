//! The environment, and every variable of it that is read.

use std::ffi::OsString;

/// A variable of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`: what GitHub's runner asks to see before it gives identity tokens.
    ActionsIdTokenToken,
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`: where GitHub's runner gives identity tokens.
    ActionsIdTokenUrl,
    /// `COSIGN_PASSWORD`: the password of a private key, as cosign reads it.
    CosignPassword,
    /// `COUNTERSIGN_PASSWORD`: the password of a private key.
    CountersignPassword,
    /// `COUNTERSIGN_PASSWORD_FILE`: a file with the password of a private key.
    CountersignPasswordFile,
    /// `COUNTERSIGN_RECORD`: the file or the namespace of signing records.
    CountersignRecord,
    /// `DOCKER_CONFIG`: the directory of docker's `config.json`.
    DockerConfig,
    /// `GCE_METADATA_HOST`: the metadata server of Google Cloud.
    GceMetadataHost,
    /// `GITHUB_OUTPUT`: where a step of GitHub Actions writes its outputs.
    GithubOutput,
    /// `HOME`: where docker's `config.json` is by default.
    Home,
    /// `HOSTNAME`: the name of the pod.
    Hostname,
    /// `KUBECONFIG`: how a cluster is reached.
    Kubeconfig,
    /// `KUBERNETES_SERVICE_HOST`: the address of the API server, which the kubelet tells every container.
    KubernetesServiceHost,
    /// `LOG_LEVEL`: how much is logged.
    LogLevel,
    /// `REGISTRY_AUTH_FILE`: podman's name for a file like docker's `config.json`.
    RegistryAuthFile,
    /// `SIGSTORE_ID_TOKEN`: the identity token to sign with, as cosign reads it.
    SigstoreIdToken,
    /// `SIGSTORE_ROOT_FILE`: the trusted root of the Sigstore instance to sign with, as cosign reads it.
    SigstoreRootFile,
}

impl Variable {
    const ALL: [Self; 17] = [
        Self::ActionsIdTokenToken,
        Self::ActionsIdTokenUrl,
        Self::CosignPassword,
        Self::CountersignPassword,
        Self::CountersignPasswordFile,
        Self::CountersignRecord,
        Self::DockerConfig,
        Self::GceMetadataHost,
        Self::GithubOutput,
        Self::Home,
        Self::Hostname,
        Self::Kubeconfig,
        Self::KubernetesServiceHost,
        Self::LogLevel,
        Self::RegistryAuthFile,
        Self::SigstoreIdToken,
        Self::SigstoreRootFile,
    ];

    /// What it says, for the help.
    fn what(self) -> &'static str {
        match self {
            Self::ActionsIdTokenToken => "set by GitHub for jobs that may ask for identity tokens",
            Self::ActionsIdTokenUrl => "set by GitHub for jobs that may ask for identity tokens",
            Self::CosignPassword => "password of a private key, as cosign reads it",
            Self::CountersignPassword => "password of a private key",
            Self::CountersignPasswordFile => "file with the password of a private key",
            Self::CountersignRecord => "file or `k8s://NAMESPACE` to which signing records are added",
            Self::DockerConfig => "directory of config.json, which has the registries' credentials",
            Self::GceMetadataHost => "metadata server of Google Cloud, which gives identity tokens",
            Self::GithubOutput => "file to which whatever signs or attests writes the outputs of a step",
            Self::Home => "where .docker/config.json, .kube/config and .vault-token lie otherwise",
            Self::Hostname => "name of the pod, by which it holds the Lease of `serve --lease`",
            Self::Kubeconfig => "file that says how the cluster of `k8s://` keys and records is reached",
            Self::KubernetesServiceHost => "set by the kubelet in pods; `serve` asks no registry on a pod's loopback",
            Self::LogLevel => "how much is logged; --log-level wins",
            Self::RegistryAuthFile => "file like config.json, as podman names it",
            Self::SigstoreIdToken => "identity token to sign with",
            Self::SigstoreRootFile => "trusted root to sign with; --trusted-root wins",
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ActionsIdTokenToken => "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            Self::ActionsIdTokenUrl => "ACTIONS_ID_TOKEN_REQUEST_URL",
            Self::CosignPassword => "COSIGN_PASSWORD",
            Self::CountersignPassword => "COUNTERSIGN_PASSWORD",
            Self::CountersignPasswordFile => "COUNTERSIGN_PASSWORD_FILE",
            Self::CountersignRecord => "COUNTERSIGN_RECORD",
            Self::DockerConfig => "DOCKER_CONFIG",
            Self::GceMetadataHost => "GCE_METADATA_HOST",
            Self::GithubOutput => "GITHUB_OUTPUT",
            Self::Home => "HOME",
            Self::Hostname => "HOSTNAME",
            Self::Kubeconfig => "KUBECONFIG",
            Self::KubernetesServiceHost => "KUBERNETES_SERVICE_HOST",
            Self::LogLevel => "LOG_LEVEL",
            Self::RegistryAuthFile => "REGISTRY_AUTH_FILE",
            Self::SigstoreIdToken => "SIGSTORE_ID_TOKEN",
            Self::SigstoreRootFile => "SIGSTORE_ROOT_FILE",
        }
    }

    /// Its value; none where it is not set. One that is set and empty has the empty value.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub(super) fn value(self) -> Option<OsString> {
        std::env::var_os(self.name())
    }

    /// Its value as a path; none where it is not set or empty.
    pub(super) fn path(self) -> Option<std::path::PathBuf> {
        self.value().filter(|value| !value.is_empty()).map(Into::into)
    }
}

/// The file that says how the cluster is reached; none where the ServiceAccount of the pod does.
pub(super) fn kubeconfig() -> Option<std::path::PathBuf> {
    let at_home = || Variable::Home.path().map(|home| home.join(".kube/config")).filter(|path| path.exists());
    Variable::Kubeconfig.path().or_else(at_home)
}

/// The value of a variable that is named on the command line, as in `env://NAME`.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn named(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The text of a variable by which a CI system tells about itself; none where it is not set, empty or no text.
pub(super) fn text(name: &str) -> Option<String> {
    named(name)?.into_string().ok().filter(|value| !value.is_empty())
}

/// Variables that other programs read as well, or libraries by themselves.
const OF_LIBRARIES: [(&str, &str); 5] = [
    ("HTTPS_PROXY", "proxy by which registries and the services of clouds are reached"),
    ("NO_COLOR", "if set, nothing is coloured"),
    ("NO_PROXY", "hosts and networks that are reached without it"),
    ("SSL_CERT_DIR", "directory of certificate authorities, in place of the system's"),
    ("SSL_CERT_FILE", "file of certificate authorities, in place of the system's"),
];

/// The part of the help that lists every variable.
pub(super) fn help() -> String {
    let ours = Variable::ALL.iter().map(|variable| (variable.name(), variable.what()));
    let section = |title: &str, width: usize, variables: &mut dyn Iterator<Item = (&'static str, &'static str)>| {
        let lines = variables.map(|(name, what)| format!("  {name:<width$} {what}\n"));
        format!("{title}:\n{}", lines.collect::<String>())
    };
    let clouds = "Environment for keys and registries of clouds";
    let elsewhere = "Environment for keys of Vault and OpenBao (for openbao://, BAO_ is read before VAULT_)";
    let traces = "Environment for traces of `serve`, as OpenTelemetry names it";
    [
        section("Environment", 31, &mut ours.chain(OF_LIBRARIES)),
        section(clouds, 38, &mut crate::cloud::VARIABLES.iter().copied()),
        section(elsewhere, 38, &mut crate::kms::VARIABLES.iter().copied()),
        section(traces, 38, &mut crate::telemetry::trace::VARIABLES.iter().copied()),
    ]
    .join("\n")
}
