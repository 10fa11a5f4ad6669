//! The credentials of workloads: their pull secrets, and those of their ServiceAccounts.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use kube::Client;
use serde::Deserialize;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::Access;
use super::kept::Kept;
use super::place::Place;
use super::wire::{self, ApiError};
use crate::image::Repository;
use crate::limits;
use crate::policy::Workload;
use crate::registry::{Credential, DockerConfig, Keychain};
use crate::telemetry::CacheState;

/// Reads pull secrets when a registry is asked, and keeps them for a while.
///
/// A workload has those that it lists, those of its ServiceAccount, those that a policy names for its evidence, then the controller's own
/// (<https://kubernetes.io/docs/concepts/containers/images/#specifying-imagepullsecrets-on-a-pod>). They are looked for in
/// its own namespace and serve nobody else.
#[derive(Clone)]
pub struct PullSecrets {
    shared: Arc<Shared>,
    own: Arc<dyn Keychain>,
    /// Of which namespaces they are read; none is all.
    within: Option<Arc<BTreeSet<String>>>,
}

struct Shared {
    client: Client,
    secrets: Kept<Arc<DockerConfig>>,
    accounts: Kept<Arc<[String]>>,
}

impl PullSecrets {
    /// Reads what is in the cluster; `own` are the controller's own credentials.
    pub fn new(access: &Access, own: Arc<dyn Keychain>) -> Self {
        let shared = Shared { client: access.client.clone(), secrets: Kept::new(), accounts: Kept::new() };
        Self { shared: Arc::new(shared), own, within: None }
    }

    /// The same, but nothing is read in other namespaces than these: for their workloads the API server is not asked.
    #[must_use]
    pub fn within(self, namespaces: BTreeSet<String>) -> Self {
        Self { within: Some(Arc::new(namespaces)), ..self }
    }

    /// Reads again what was used and gets old, until the process ends, so that no request waits for it.
    pub async fn keep(self) {
        loop {
            sleep(limits::PULL_SECRET_LOOK).await;
            let shared = &self.shared;
            for (namespace, name) in shared.accounts.due() {
                shared.accounts.put(&namespace, &name, shared.account(&namespace, &name).await).await;
            }
            for (namespace, name) in shared.secrets.due() {
                shared.secrets.put(&namespace, &name, shared.secret(&namespace, &name).await).await;
            }
        }
    }

    /// What the pull secrets that are kept were good for so far.
    pub fn secrets(&self) -> CacheState {
        self.shared.secrets.state()
    }

    /// What the ServiceAccounts that are kept were good for so far.
    pub fn accounts(&self) -> CacheState {
        self.shared.accounts.state()
    }

    /// The credentials of `workload`. Nothing is read before a registry is asked.
    pub fn of(&self, workload: &Workload) -> Arc<dyn Keychain> {
        if workload.namespace.is_empty() {
            return Arc::clone(&self.own);
        }
        Arc::new(OfWorkload {
            all: self.clone(),
            namespace: workload.namespace.clone(),
            is_read: self.within.as_ref().is_none_or(|within| within.contains(&workload.namespace)),
            account: match workload.service_account.as_str() {
                "" => "default".to_owned(),
                account => account.to_owned(),
            },
            named: workload.pull_secrets.clone(),
            troubles: Mutex::default(),
        })
    }
}

impl Shared {
    /// The pull secrets that a ServiceAccount lists.
    async fn account(&self, namespace: &str, name: &str) -> Result<Arc<[String]>, ApiError> {
        let place = Place::new("", "v1", "serviceaccounts", Some(namespace));
        let body = ask(&self.client, &place.object(name)).await?;
        let account: Account = serde_json::from_slice(&body)
            .map_err(|_| ApiError::Trouble(format!("the ServiceAccount `{name}` cannot be read")))?;
        Ok(account.image_pull_secrets.into_iter().flatten().filter_map(|named| named.name).collect())
    }

    /// What a pull secret holds.
    async fn secret(&self, namespace: &str, name: &str) -> Result<Arc<DockerConfig>, ApiError> {
        let place = Place::new("", "v1", "secrets", Some(namespace));
        let body = ask(&self.client, &place.object(name)).await?;
        docker_config(&body).map(Arc::new).map_err(ApiError::NotFound)
    }
}

/// The credentials of one workload.
struct OfWorkload {
    all: PullSecrets,
    namespace: String,
    /// Whether the Secrets of the namespace are read.
    is_read: bool,
    account: String,
    named: Vec<String>,
    troubles: Mutex<Vec<String>>,
}

/// Whether what is kept may be used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Anew,
    AsKept,
}

impl OfWorkload {
    async fn find(&self, of_policy: &[String], repository: &Repository, reading: Reading) -> Vec<Credential> {
        let mut troubles = Vec::new();
        let mut found = Vec::new();
        if self.is_read {
            self.read(of_policy, repository, reading, &mut found, &mut troubles).await;
        } else {
            troubles.push(format!("pull secrets of the namespace `{}` are not read, as configured", self.namespace));
        }
        let own = &self.all.own;
        let renewed = match reading {
            Reading::Anew => own.renewed(repository).await,
            Reading::AsKept => None,
        };
        let own = match renewed {
            Some(renewed) => renewed,
            None => own.credentials(repository).await,
        };
        add(&mut found, own);
        *self.troubles.lock().unwrap_or_else(PoisonError::into_inner) = troubles;
        found
    }

    /// What the pull secrets hold: those of the workload, of its ServiceAccount, and of a policy. As in Kubernetes, what is
    /// for a longer prefix comes before what is for a shorter one, whichever of them has it.
    async fn read(
        &self,
        of_policy: &[String],
        repository: &Repository,
        reading: Reading,
        found: &mut Vec<Credential>,
        troubles: &mut Vec<String>,
    ) {
        let listed = self.listed(reading).await.unwrap_or_else(|trouble| {
            troubles.push(trouble);
            Arc::default()
        });
        let mut names: Vec<&str> = Vec::new();
        for name in self.named.iter().chain(listed.iter()).chain(of_policy).map(String::as_str) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let beyond = names.split_off(names.len().min(limits::PULL_SECRETS_PER_WORKLOAD));
        let mut by_prefix = Vec::new();
        for secret in join_all(names.into_iter().map(|name| self.secret(name, reading))).await {
            match secret {
                Ok(config) => {
                    by_prefix.extend(config.by_prefix(repository).map(|(length, found)| (length, found.clone())));
                }
                Err(trouble) => troubles.push(trouble),
            }
        }
        by_prefix.sort_by_key(|(length, _)| Reverse(*length));
        add(found, by_prefix.into_iter().map(|(_, credential)| credential).collect());
        if let Some(next) = beyond.first() {
            let most = limits::PULL_SECRETS_PER_WORKLOAD;
            troubles.push(format!("of more than {most} pull secrets the others are not read, from `{next}` on"));
        }
    }

    /// The pull secrets that the ServiceAccount lists.
    async fn listed(&self, reading: Reading) -> Result<Arc<[String]>, String> {
        let shared = &self.all.shared;
        let read = shared.account(&self.namespace, &self.account);
        shared
            .accounts
            .get(&self.namespace, &self.account, reading == Reading::Anew, read)
            .await
            .map_err(|error| format!("the ServiceAccount `{}` cannot be used: {error}", self.account))
    }

    async fn secret(&self, name: &str, reading: Reading) -> Result<Arc<DockerConfig>, String> {
        let shared = &self.all.shared;
        let read = shared.secret(&self.namespace, name);
        shared
            .secrets
            .get(&self.namespace, name, reading == Reading::Anew, read)
            .await
            .map_err(|error| format!("the pull secret `{name}` cannot be used: {error}"))
    }
}

impl Keychain for OfWorkload {
    fn credentials<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        self.find(&[], repository, Reading::AsKept).boxed()
    }

    // The Secrets that a policy names for its signatures are those of the workload's namespace too, as in policy-controller.
    fn credentials_by<'a>(
        &'a self,
        pull_secrets: &'a [String],
        repository: &'a Repository,
    ) -> BoxFuture<'a, Vec<Credential>> {
        self.find(pull_secrets, repository, Reading::AsKept).boxed()
    }

    fn renewed_by<'a>(
        &'a self,
        pull_secrets: &'a [String],
        repository: &'a Repository,
    ) -> BoxFuture<'a, Option<Vec<Credential>>> {
        async move { Some(self.find(pull_secrets, repository, Reading::Anew).await) }.boxed()
    }

    fn troubles(&self, repository: &Repository) -> Vec<String> {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone();
        troubles.extend(self.all.own.troubles(repository));
        troubles
    }
}

fn add(found: &mut Vec<Credential>, more: Vec<Credential>) {
    for credential in more {
        if !found.contains(&credential) {
            found.push(credential);
        }
    }
}

async fn ask(client: &Client, path: &str) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    wire::read(client, wire::get(path)?, limits::API_EVENT_BYTES).await.map(Zeroizing::new)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    image_pull_secrets: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}

/// A Secret, of which only what pull secrets have is read.
#[derive(Deserialize)]
struct Secret<'a> {
    #[serde(default, rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(default, rename = ".dockerconfigjson")]
    json: Option<&'a str>,
    #[serde(default, rename = ".dockercfg")]
    legacy: Option<&'a str>,
}

/// What a pull secret holds. The text of an error says nothing of it.
fn docker_config(body: &[u8]) -> Result<DockerConfig, String> {
    let secret: Secret<'_> = serde_json::from_slice(body).map_err(|_| "it cannot be read".to_owned())?;
    let data = secret.data.unwrap_or(Data { json: None, legacy: None });
    let decode = |text: Option<&str>| {
        let text = text.ok_or_else(|| "it holds no docker configuration".to_owned())?;
        let bytes = STANDARD.decode(text).map(Zeroizing::new).map_err(|_| "it is no base64".to_owned())?;
        if bytes.len() > limits::DOCKER_CONFIG_BYTES {
            return Err(format!("it has more than {} bytes", limits::DOCKER_CONFIG_BYTES));
        }
        Ok(bytes)
    };
    match secret.kind {
        "kubernetes.io/dockerconfigjson" => DockerConfig::parse(&decode(data.json)?).map_err(|error| error.to_string()),
        "kubernetes.io/dockercfg" => {
            DockerConfig::parse_legacy(&decode(data.legacy)?).map_err(|error| error.to_string())
        }
        _ => Err("it is of another type than `kubernetes.io/dockerconfigjson` or `kubernetes.io/dockercfg`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// T93: what is wrong with a pull secret is said, and nothing of what it holds.
    #[test]
    fn t93_pull_secrets_of_every_kind() {
        let encode = |text: &str| STANDARD.encode(text);
        let config = encode(r#"{"auths":{"r.example":{"username":"u","password":"hunter2"}}}"#);
        let legacy = encode(r#"{"r.example":{"username":"u","password":"hunter2"}}"#);
        let secret = |kind: &str, key: &str, data: &str| json!({"type": kind, "data": {key: data}}).to_string();
        let (new, old) = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg");
        let large = encode(&" ".repeat(limits::DOCKER_CONFIG_BYTES + 1));
        let rows = [
            (secret(new, ".dockerconfigjson", &config), None),
            (secret(old, ".dockercfg", &legacy), None),
            (secret(new, ".dockercfg", &legacy), Some("holds no docker configuration")),
            (secret("Opaque", ".dockerconfigjson", &config), Some("of another type")),
            (secret(new, ".dockerconfigjson", "hunter2!"), Some("no base64")),
            (secret(new, ".dockerconfigjson", &encode("hunter2")), Some("not a docker configuration")),
            (secret(new, ".dockerconfigjson", &large), Some("more than")),
            (json!({"type": new}).to_string(), Some("holds no docker configuration")),
            ("hunter2".to_owned(), Some("cannot be read")),
        ];
        for (body, expected) in rows {
            match (docker_config(body.as_bytes()), expected) {
                (Ok(config), None) => {
                    let found = config.credentials(&"r.example/a".parse().unwrap()).now_or_never().unwrap();
                    assert_eq!(found, [Credential::basic("u", "hunter2")]);
                }
                (Err(error), Some(expected)) => {
                    assert!(error.contains(expected), "{error}");
                    assert!(!error.contains("hunter2"), "{error}");
                }
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        }
    }
}
