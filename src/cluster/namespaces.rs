//! How many namespaces are protected, and how many are not.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Client;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::sleep;

use super::election::Lead;
use super::object::Object;
use super::place::Place;
use super::watcher::{self, Bounds};
use super::webhooks::{ENFORCE, INCLUDE, Scope};
use super::wire::{self, ApiError};
use crate::limits;
use crate::telemetry::label::NamespaceState;
use crate::telemetry::{Metrics, field};

/// Counts the namespaces of a cluster by whether anybody is asked about them. It goes by what was installed; that the
/// webhook configurations say the same is looked at by [`Webhooks`](super::Webhooks).
pub struct NamespaceCount {
    client: Client,
    scope: Scope,
}

impl NamespaceCount {
    pub(super) fn new(client: Client, scope: Scope) -> Self {
        Self { client, scope }
    }

    /// Counts again and again, while `lead` says that this replica does; the others count none.
    pub async fn keep(self, mut lead: watch::Receiver<Lead>, metrics: Arc<Metrics>) {
        loop {
            let is_own = lead.borrow_and_update().is_own;
            let counted = if is_own { self.count().await } else { Ok(BTreeMap::new()) };
            match counted {
                Ok(counts) => {
                    for state in NamespaceState::ALL {
                        metrics.namespaces(state, counts.get(&state).copied().unwrap_or_default());
                    }
                }
                Err(error) => {
                    let detail = error.to_string();
                    tracing::warn!({ field::EVENT } = "namespaces", { field::DETAIL } = detail, "cannot count them");
                }
            }
            tokio::select! {
                () = sleep(limits::NAMESPACE_LOOK), if is_own => {}
                changed = lead.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn count(&self) -> Result<BTreeMap<NamespaceState, usize>, ApiError> {
        let mut counts = BTreeMap::new();
        for namespace in list(&self.client).await? {
            let count: &mut usize = counts.entry(self.scope.state(&namespace)).or_default();
            *count = count.saturating_add(1);
        }
        Ok(counts)
    }
}

/// All namespaces: names and labels alone, nothing else of them is read.
pub(super) async fn list(client: &Client) -> Result<Vec<Metadata>, ApiError> {
    let place = Place::new("", "v1", "namespaces", None);
    let (namespaces, _) = watcher::list(client, &place, Bounds::TOGETHER, wire::list_metadata).await?;
    let read = |namespace: Object| {
        let read = serde_json::from_str(&namespace.json).map(|Namespace { metadata }| metadata);
        read.map_err(|_| ApiError::Trouble("a namespace cannot be read".to_owned()))
    };
    namespaces.into_iter().map(read).collect()
}

impl Scope {
    fn state(&self, namespace: &Metadata) -> NamespaceState {
        if self.left_out.contains(&namespace.name) {
            NamespaceState::LeftOut
        } else if self.labelled && !namespace.asks() {
            NamespaceState::Unlabelled
        } else {
            NamespaceState::Protected
        }
    }
}

#[derive(Deserialize)]
struct Namespace {
    metadata: Metadata,
}

/// What a namespace says of itself.
#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) name: String,
    labels: Option<BTreeMap<String, String>>,
}

impl Metadata {
    /// Whether it asks for protection, by the label of countersign or by that of policy-controller.
    pub(super) fn asks(&self) -> bool {
        let is_true = |label: &str| self.labels.as_ref()?.get(label).filter(|is| *is == "true");
        [ENFORCE, INCLUDE].into_iter().any(|label| is_true(label).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_protected_by_its_label_or_by_default() {
        let namespace = |name: &str, labels: &[(&str, &str)]| Metadata {
            name: name.to_owned(),
            labels: Some(labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()),
        };
        let left_out = || ["kube-system".to_owned()].into();
        let scope = |labelled| Scope {
            labelled,
            left_out: left_out(),
            address: None,
            own: String::new(),
            conditions: [].into(),
        };
        use NamespaceState::{LeftOut, Protected, Unlabelled};
        for (namespace, labelled, all) in [
            (namespace("shop", &[]), Unlabelled, Protected),
            (Metadata { name: "shop".to_owned(), labels: None }, Unlabelled, Protected),
            (namespace("shop", &[(ENFORCE, "true")]), Protected, Protected),
            (namespace("shop", &[(INCLUDE, "true")]), Protected, Protected),
            (namespace("shop", &[(ENFORCE, "false")]), Unlabelled, Protected),
            (namespace("shop", &[("enforce", "true")]), Unlabelled, Protected),
            (namespace("kube-system", &[(ENFORCE, "true")]), LeftOut, LeftOut),
        ] {
            assert_eq!(scope(true).state(&namespace), labelled);
            assert_eq!(scope(false).state(&namespace), all);
        }
    }
}
