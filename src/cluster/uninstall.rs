//! Deleting our webhook configurations, so that nobody is asked any more.

use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::Access;
use super::place::Place;
use super::wire::{self, ApiError};
use crate::limits;

/// What became of a webhook configuration that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It was not there.
    Absent,
    /// It is gone.
    Deleted,
}

/// What Helm says about a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Helm does not uninstall it.
    Kept,
    /// Helm is uninstalling it.
    Uninstalling,
    /// Helm keeps no account of it where anybody can look: in a database, or in another namespace.
    Unknown,
}

impl Access {
    /// Deletes the webhook configuration `name` of the kind with this plural.
    ///
    /// # Errors
    /// When the API server does not do it, or cannot be asked.
    pub async fn delete_webhooks(&self, plural: &str, name: &str) -> Result<Deletion, String> {
        let path = Place::new("admissionregistration.k8s.io", "v1", plural, None).object(name);
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        match wire::write(&self.client, "DELETE", &path, wire::JSON, &options).await {
            Ok(()) => Ok(Deletion::Deleted),
            Err(ApiError::NotFound(_)) => Ok(Deletion::Absent),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What Helm says about `release` of the namespace of this access, in the Secrets or ConfigMaps where it keeps its
    /// account (its drivers `secret` and `configmap`): in the label of the newest. Their content is not asked for.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn release(&self, release: &str) -> Result<Release, String> {
        let (secrets, config_maps) =
            (self.account("secrets", release).await?, self.account("configmaps", release).await?);
        Ok(secrets.beside(config_maps))
    }

    async fn account(&self, plural: &str, release: &str) -> Result<Release, String> {
        let labels = format!("owner=helm,name={release}");
        let path = Place::new("", "v1", plural, Some(&self.namespace)).query(&[("labelSelector", &labels)]);
        let request = wire::list_metadata(&path).map_err(|error| error.to_string())?;
        let body = wire::read(&self.client, request, limits::API_EVENT_BYTES).await;
        Account::read(&body.map_err(|error| error.to_string())?)
    }
}

impl Release {
    /// What both accounts say. One that was left behind when the other began takes no protection away.
    fn beside(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, said) | (said, Self::Unknown) => said,
            (Self::Uninstalling, Self::Uninstalling) => Self::Uninstalling,
            (Self::Kept, _) | (_, Self::Kept) => Self::Kept,
        }
    }
}

#[derive(Deserialize)]
struct Account {
    /// An empty list of metadata alone is `null`.
    #[serde(deserialize_with = "or_none")]
    items: Vec<Revision>,
}

fn or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Revision>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[derive(Deserialize)]
struct Revision {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    labels: Labels,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels {
    status: String,
    version: String,
}

impl Account {
    fn read(body: &[u8]) -> Result<Release, String> {
        let account: Self =
            serde_json::from_slice(body).map_err(|error| format!("the account of Helm cannot be read: {error}"))?;
        let labels = account.items.iter().map(|revision| &revision.metadata.labels);
        // One whose version is no number is none of Helm's.
        let numbered = labels.filter_map(|labels| Some((labels.version.parse::<u64>().ok()?, &labels.status)));
        let newest = numbered.max_by_key(|(version, _)| *version);
        Ok(match newest {
            Some((_, status)) if status == "uninstalling" => Release::Uninstalling,
            Some(_) => Release::Kept,
            None => Release::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_revision_tells() {
        let release = |revisions: &[(&str, &str)]| {
            let items: Vec<_> = revisions
                .iter()
                .map(|(version, status)| json!({"metadata": {"labels": {"version": version, "status": status}}}))
                .collect();
            Account::read(json!({"items": items}).to_string().as_bytes()).unwrap()
        };
        for (revisions, expected) in [
            (&[][..], Release::Unknown),
            (&[("1", "deployed")], Release::Kept),
            (&[("1", "uninstalling")], Release::Uninstalling),
            (&[("9", "superseded"), ("10", "uninstalling")], Release::Uninstalling),
            // Somebody has gone back to it since.
            (&[("9", "uninstalling"), ("10", "deployed")], Release::Kept),
            (&[("x", "uninstalling")], Release::Unknown),
        ] {
            assert_eq!(release(revisions), expected, "{revisions:?}");
        }
        assert_eq!(Account::read(br#"{"items": [{"metadata": {}}]}"#), Ok(Release::Unknown));
        assert_eq!(Account::read(br#"{"items": null}"#), Ok(Release::Unknown));
        for not_a_list in ["[]", "{}", r#"{"items": {}}"#] {
            assert!(Account::read(not_a_list.as_bytes()).is_err(), "{not_a_list}");
        }
    }

    #[test]
    fn one_account_is_enough_and_two_have_to_agree() {
        use Release::{Kept, Uninstalling, Unknown};
        for (one, other, both) in [
            (Unknown, Unknown, Unknown),
            (Uninstalling, Unknown, Uninstalling),
            (Kept, Unknown, Kept),
            (Uninstalling, Uninstalling, Uninstalling),
            (Uninstalling, Kept, Kept),
            (Kept, Kept, Kept),
        ] {
            assert_eq!((one.beside(other), other.beside(one)), (both, both));
        }
    }
}
