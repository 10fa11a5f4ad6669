//! One TUF repository, and the trusted root in it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use sigstore_tuf::{FileStore, MemoryStore, TrustedMetadataSet, Updater, UpdaterConfig};

use super::files::{Files, Guarded};
use super::keys::{check_delegations, check_root};
use super::store::Store;
use super::{Archive, Mirror, RefreshError};
use crate::limits;
use crate::trust::{TrustedRoot, TufPlace, TufSource};

/// A client of one repository. It remembers what it has verified, so that the repository cannot go back.
#[derive(Debug)]
pub struct TufClient {
    bootstrap: Arc<[u8]>,
    repository: Guarded,
    store: Store,
    target: String,
    time: Duration,
}

impl TufClient {
    /// The repository at `source`, read over `http` where it lies on the network. It is not asked yet.
    ///
    /// # Errors
    /// When the archive cannot be read, or the `root.json` in which trust begins is none that signs for itself.
    pub fn new(source: &TufSource, http: &reqwest::Client) -> Result<Self, RefreshError> {
        let files = match &source.place {
            TufPlace::Archive(archive) => Files::Archive(Archive::read(archive)?),
            TufPlace::Mirror(mirror) => Files::Mirror(Mirror::new(mirror, http.clone())),
        };
        Self::of(source, files)
    }

    fn of(source: &TufSource, files: Files) -> Result<Self, RefreshError> {
        if source.bootstrap.len() > limits::TUF_ROOT_BYTES {
            return Err(RefreshError::Malformed(format!("the root has more than {} bytes", limits::TUF_ROOT_BYTES)));
        }
        check_root(TrustedMetadataSet::from_root(&source.bootstrap)?.root())?;
        Ok(Self {
            bootstrap: Arc::clone(&source.bootstrap),
            repository: Guarded { files: Arc::new(files), targets: source.targets.clone() },
            store: Store::Memory(Arc::new(MemoryStore::new())),
            target: source.target.to_string(),
            time: limits::ROOT_REFRESH_TIME,
        })
    }

    /// The same client, which keeps what it has verified in the folder `path`. What lies there is verified again
    /// whenever it is read.
    #[must_use]
    pub fn with_folder(self, path: impl Into<PathBuf>) -> Self {
        Self { store: Store::Folder(FileStore::new(path)), ..self }
    }

    /// The same client, which gives up after `time` instead of [`limits::ROOT_REFRESH_TIME`].
    #[must_use]
    pub fn with_time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// The root that the repository holds at `now`, with the time until which the metadata vouches for it
    /// (<https://theupdateframework.github.io/specification/latest/#detailed-client-workflow>).
    ///
    /// # Errors
    /// When the repository cannot be read, or is refused. What was verified before stays remembered.
    pub async fn refresh(&self, now: Timestamp) -> Result<TrustedRoot, RefreshError> {
        let refresh = tokio::time::timeout(self.time, self.read(now)).await;
        refresh.unwrap_or(Err(RefreshError::Timeout))
    }

    async fn read(&self, now: Timestamp) -> Result<TrustedRoot, RefreshError> {
        let updater = Updater::new(self.repository.clone(), &self.bootstrap)?;
        let mut updater = updater.with_config(config()).with_store(self.store.clone());
        updater.refresh(now).await?;
        check_root(updater.trusted().root())?;
        if let Some(delegations) = updater.trusted().targets_role("targets").and_then(|role| role.delegations.as_ref())
        {
            check_delegations(delegations)?;
        }
        let bytes = match updater.get_target(&self.target, now).await {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.legacy(updater.trusted()).unwrap_or_else(|| error.into())),
        };
        let root = TrustedRoot::parse(bytes)?;
        Ok(match end(updater.trusted()) {
            Some(end) => root.with_expiry(end),
            None => root,
        })
    }

    /// Before there was a `trusted_root.json`, Sigstore's repositories held single certificates and keys, with their
    /// usage in the target's custom data. Where the target is not there but those are, the error says so.
    fn legacy(&self, trusted: &TrustedMetadataSet) -> Option<RefreshError> {
        let targets = &trusted.targets_role("targets")?.targets;
        if targets.contains_key(&self.target) {
            return None;
        }
        let mut usages: Vec<&str> = targets
            .values()
            .filter_map(|target| target.custom.as_ref()?.get("sigstore")?.get("usage")?.as_str())
            .filter_map(|usage| ["CTFE", "Fulcio", "Rekor", "TSA"].into_iter().find(|known| *known == usage))
            .collect();
        usages.sort_unstable();
        usages.dedup();
        let usages = usages.join(", ");
        (!usages.is_empty()).then(|| RefreshError::LegacyTargets { target: self.target.clone(), usages })
    }
}

/// The root in the archive `source`, at once. That it has ended by now is not said here: [`TrustedRoot::expires`] says
/// when, and whoever decides by it has to ask.
///
/// # Errors
/// When there is no archive, or it is refused.
pub fn read_archive(source: &TufSource) -> Result<TrustedRoot, RefreshError> {
    let TufPlace::Archive(archive) = &source.place else {
        return Err(RefreshError::Missing("it is no archive".to_owned()));
    };
    let client = TufClient::of(source, Files::Archive(Archive::read(archive)?))?;
    // Nothing in it ever waits, since there is nothing to wait for.
    let read = client.read(Timestamp::UNIX_EPOCH).now_or_never();
    read.unwrap_or(Err(RefreshError::Timeout))
}

fn config() -> UpdaterConfig {
    let bytes = |ceiling: usize| u64::try_from(ceiling).unwrap_or(u64::MAX);
    let mut config = UpdaterConfig::default();
    config.root_max_length = bytes(limits::TUF_ROOT_BYTES);
    config.timestamp_max_length = bytes(limits::TUF_TIMESTAMP_BYTES);
    config.snapshot_max_length = bytes(limits::TUF_SNAPSHOT_BYTES);
    config.targets_max_length = bytes(limits::TUF_TARGETS_BYTES);
    config.target_max_length = bytes(limits::TRUSTED_ROOT_BYTES);
    config.max_root_rotations = limits::TUF_ROOT_ROTATIONS;
    config.max_delegations = limits::TUF_DELEGATIONS;
    config
}

/// The earliest end of all that vouches: root, timestamp, snapshot, targets and the targets that these delegate to.
fn end(trusted: &TrustedMetadataSet) -> Option<Timestamp> {
    let mut ends = vec![trusted.root().expires];
    ends.extend(trusted.timestamp().map(|timestamp| timestamp.expires));
    ends.extend(trusted.snapshot().map(|snapshot| snapshot.expires));
    let mut roles = vec!["targets"];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(name) = roles.pop() {
        let role = trusted.targets_role(name).filter(|_| seen.insert(name));
        let Some(role) = role else { continue };
        ends.push(role.expires);
        let delegated = role.delegations.iter().flat_map(|delegations| &delegations.roles);
        roles.extend(delegated.map(|role| role.name.as_str()));
    }
    ends.into_iter().min()
}
