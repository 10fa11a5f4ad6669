//! A docker configuration that may change while the program runs.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::registry_args::docker_config;
use crate::image::Repository;
use crate::registry::{Credential, DockerConfig, Keychain};

/// A docker configuration, which is read again where a registry refuses all that was known: a Secret that is mounted is
/// replaced while the program runs. One that cannot be read leaves what was read before.
#[derive(Debug, Default)]
pub(super) struct DockerFile {
    /// None where there is no file.
    path: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    config: DockerConfig,
    trouble: Option<String>,
}

impl DockerFile {
    /// What the file at `path` holds, which was read just now.
    pub(super) fn new(path: PathBuf, config: DockerConfig) -> Self {
        Self { path: Some(path), state: Mutex::new(State { config, trouble: None }) }
    }

    /// The credential helpers that it names and that are not run.
    pub(super) fn unsupported(&self) -> Vec<String> {
        self.state().config.unsupported().to_vec()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keychain for DockerFile {
    fn credentials<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        let config = self.state().config.clone();
        async move { config.credentials(repository).await }.boxed()
    }

    fn renewed_by<'a>(&'a self, _: &'a [String], repository: &'a Repository) -> BoxFuture<'a, Option<Vec<Credential>>> {
        let Some(path) = &self.path else {
            return ready(None).boxed();
        };
        match docker_config(path) {
            Ok(config) => *self.state() = State { config, trouble: None },
            Err(error) => self.state().trouble = Some(error.to_string()),
        }
        async move { Some(self.credentials(repository).await) }.boxed()
    }

    fn troubles(&self, _: &Repository) -> Vec<String> {
        self.state().trouble.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let write = |user: &str| {
            let text = format!(r#"{{"auths": {{"r.example": {{"username": "{user}", "password": "hunter2"}}}}}}"#);
            std::fs::write(&path, text).unwrap();
        };
        write("first");
        let file = DockerFile::new(path.clone(), docker_config(&path).unwrap());
        let repository: Repository = "r.example/app".parse().unwrap();
        let found = || file.credentials(&repository).now_or_never().unwrap();
        let renewed = || file.renewed(&repository).now_or_never().unwrap().unwrap();
        write("second");
        assert!(found() == [Credential::basic("first", "hunter2")], "nobody refused it");
        assert!(renewed() == [Credential::basic("second", "hunter2")]);
        std::fs::write(&path, "hunter2").unwrap();
        assert!(renewed() == [Credential::basic("second", "hunter2")]);
        let [trouble] = file.troubles(&repository).try_into().unwrap();
        assert!(trouble.contains("not a docker configuration") && !trouble.contains("hunter2"), "{trouble}");
        write("third");
        assert!(renewed() == [Credential::basic("third", "hunter2")]);
        assert!(file.troubles(&repository).is_empty());
        assert!(DockerFile::default().renewed(&repository).now_or_never().unwrap().is_none());
    }
}
