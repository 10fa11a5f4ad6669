//! The environment, and every variable of it that is read.

use std::ffi::OsString;

/// A variable of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// `COSIGN_PASSWORD`: the password of a private key, as cosign reads it.
    CosignPassword,
    /// `COUNTERSIGN_PASSWORD`: the password of a private key.
    CountersignPassword,
    /// `COUNTERSIGN_PASSWORD_FILE`: a file with the password of a private key.
    CountersignPasswordFile,
    /// `DOCKER_CONFIG`: the directory of docker's `config.json`.
    DockerConfig,
    /// `HOME`: where docker's `config.json` is by default.
    Home,
    /// `REGISTRY_AUTH_FILE`: podman's name for a file like docker's `config.json`.
    RegistryAuthFile,
}

impl Variable {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CosignPassword => "COSIGN_PASSWORD",
            Self::CountersignPassword => "COUNTERSIGN_PASSWORD",
            Self::CountersignPasswordFile => "COUNTERSIGN_PASSWORD_FILE",
            Self::DockerConfig => "DOCKER_CONFIG",
            Self::Home => "HOME",
            Self::RegistryAuthFile => "REGISTRY_AUTH_FILE",
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
