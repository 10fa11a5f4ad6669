//! Who wants to run the images.

use std::collections::BTreeMap;

use super::ObjectText;

/// What policies and credentials may depend on, besides the images themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// The API group of the object, empty for the core group.
    pub group: String,
    /// The API version of the object, without the group.
    pub version: String,
    /// The kind of the object, as in `Deployment`.
    pub kind: String,
    /// The namespace; empty outside a cluster.
    pub namespace: String,
    /// The object's name; empty where the API server is still to make one up.
    pub name: String,
    /// What the API server calls the object; empty where it is not known.
    pub uid: String,
    /// The object that made it and looks after it, as it says itself.
    pub owner: Option<Owner>,
    /// The labels of the object itself.
    pub labels: BTreeMap<String, String>,
    /// The ServiceAccount that the pods run as; empty means the namespace's default.
    pub service_account: String,
    /// The names of the pull secrets that the pod spec lists.
    pub pull_secrets: Vec<String>,
    /// The object itself, for conditions.
    pub object: ObjectText,
    /// Who asks.
    pub requester: Requester,
}

/// An object that owns another, as that one says. It decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Its API group and version, as in `apps/v1`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What the API server calls it.
    pub uid: String,
}

/// The user who sent the request to the API server, as it authenticated them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requester {
    /// The user name.
    pub username: String,
    /// The groups.
    pub groups: Vec<String>,
}
