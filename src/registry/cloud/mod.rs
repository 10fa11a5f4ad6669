//! Credentials of the clouds' own registries, as the workload that this is.
//!
//! ```text
//! environment ─▶ token of AWS, Azure, Google ─▶ password or token of the registry ─▶ that cloud's hosts, by TLS
//! ```
//!
//! Whose host a registry is stands in its name alone, by the list in `CloudRegistry`; a name that only looks like one
//! of them gets nothing, and neither does a token service that is not of the same cloud. What was obtained is used until
//! shortly before its end, and asked for anew before that by [`CloudKeys::keep`], so that no image waits for it.

mod acr;
mod ecr;
mod google;
mod host;
mod slot;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, OptionFuture, join_all};
use tokio::time::sleep;

pub use host::Cloud;
use host::CloudRegistry;
use slot::{Reading, Slot};

use super::host::lock;
use super::{Credential, Keychain};
use crate::cloud::{Http, Lease, ServiceError, Settings, SettingsError};
use crate::image::Repository;
use crate::limits;
use crate::telemetry::{CacheState, CacheUses};

/// Credentials for the registries of clouds. Clones share what was obtained.
#[derive(Clone)]
pub struct CloudKeys(Arc<Inner>);

struct Inner {
    aws: Option<ecr::Client>,
    azure: Option<acr::Client>,
    google: Option<google::Client>,
    slots: Mutex<HashMap<CloudRegistry, Arc<Slot>>>,
    uses: CacheUses,
}

impl CloudKeys {
    /// The credentials that `clouds` give whom `settings` describe. Nobody is asked yet.
    ///
    /// # Errors
    /// When one of the certificate authorities is none.
    pub fn new(settings: &Settings, clouds: &[Cloud]) -> Result<Self, SettingsError> {
        let http = Http::new(&settings.certificates, settings.proxy.as_ref())?;
        let on = |cloud| clouds.contains(&cloud);
        Ok(Self(Arc::new(Inner {
            aws: on(Cloud::Aws).then(|| ecr::Client::new(&settings.aws, http.clone())),
            azure: on(Cloud::Azure).then(|| acr::Client::new(&settings.azure, http.clone())),
            google: on(Cloud::Google).then(|| google::Client::new(&settings.google, http)),
            slots: Mutex::default(),
            uses: CacheUses::default(),
        })))
    }

    /// Asks anew for what was used and ends soon, until the process ends.
    pub async fn keep(self) {
        loop {
            sleep(limits::CLOUD_TOKEN_LOOK).await;
            self.refresh().await;
        }
    }

    /// What the credentials that are kept were good for so far.
    pub fn uses(&self) -> CacheState {
        self.0.uses.state(lock(&self.0.slots).len())
    }

    /// Asks anew for what was used and ends soon.
    async fn refresh(&self) {
        let due: Vec<_> = lock(&self.0.slots)
            .iter()
            .filter(|(_, slot)| slot.is_due())
            .map(|(registry, slot)| (registry.clone(), Arc::clone(slot)))
            .collect();
        join_all(due.iter().map(|(registry, slot)| slot.refresh(|| self.0.ask(registry)))).await;
    }

    async fn find(&self, repository: &Repository, reading: Reading) -> Option<Result<Credential, String>> {
        let registry = CloudRegistry::of(repository.registry()).filter(|registry| self.0.serves(registry))?;
        let slot = self.0.slot(&registry);
        let ask = async || {
            if reading == Reading::Anew {
                self.0.forget(registry.cloud()).await;
            }
            self.0.ask(&registry).await
        };
        Some(slot.get(reading, &self.0.uses, ask).await)
    }
}

impl Inner {
    fn has(&self, cloud: Cloud) -> bool {
        match cloud {
            Cloud::Aws => self.aws.is_some(),
            Cloud::Azure => self.azure.is_some(),
            Cloud::Google => self.google.is_some(),
        }
    }

    fn serves(&self, registry: &CloudRegistry) -> bool {
        match registry {
            CloudRegistry::EcrPublic => self.aws.as_ref().is_some_and(ecr::Client::shows_itself_in_public),
            CloudRegistry::Acr(_) | CloudRegistry::Ecr(_) | CloudRegistry::Google => self.has(registry.cloud()),
        }
    }

    fn slot(&self, registry: &CloudRegistry) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        if slots.len() >= limits::CLOUD_REGISTRIES && !slots.contains_key(registry) {
            slots.clear();
        }
        Arc::clone(slots.entry(registry.clone()).or_default())
    }

    async fn ask(&self, registry: &CloudRegistry) -> Result<Lease<Credential>, ServiceError> {
        let off = || ServiceError::Setting("the credentials of this cloud are not used");
        match registry {
            CloudRegistry::Acr(host) => self.azure.as_ref().ok_or_else(off)?.refresh_token(host).await,
            CloudRegistry::Ecr(ecr) => self.aws.as_ref().ok_or_else(off)?.private(ecr).await,
            CloudRegistry::EcrPublic => self.aws.as_ref().ok_or_else(off)?.public().await,
            CloudRegistry::Google => self.google.as_ref().ok_or_else(off)?.access_token().await,
        }
    }

    async fn forget(&self, cloud: Cloud) {
        match cloud {
            Cloud::Aws => OptionFuture::from(self.aws.as_ref().map(ecr::Client::forget)).await,
            Cloud::Azure => OptionFuture::from(self.azure.as_ref().map(acr::Client::forget)).await,
            // Nothing but the token itself is kept.
            Cloud::Google => None,
        };
    }
}

impl fmt::Debug for CloudKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on: Vec<_> = Cloud::ALL.into_iter().filter(|cloud| self.0.has(*cloud)).map(Cloud::as_str).collect();
        write!(f, "CloudKeys({}, ****)", on.join(", "))
    }
}

impl Keychain for CloudKeys {
    fn credentials<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        async move { self.find(repository, Reading::AsHeld).await.into_iter().flatten().collect() }.boxed()
    }

    fn renewed_by<'a>(&'a self, _: &'a [String], repository: &'a Repository) -> BoxFuture<'a, Option<Vec<Credential>>> {
        async move {
            let found = self.find(repository, Reading::Anew).await?;
            Some(found.into_iter().collect())
        }
        .boxed()
    }

    fn troubles(&self, repository: &Repository) -> Vec<String> {
        let found = CloudRegistry::of(repository.registry()).and_then(|registry| {
            let slot = lock(&self.0.slots).get(&registry).cloned()?;
            slot.trouble()
        });
        found.into_iter().map(|why| format!("the cloud gives no credentials for it: {why}")).collect()
    }
}
