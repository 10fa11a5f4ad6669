//! CustomResourceDefinitions: whether a kind is there, and at which version.

use serde::Deserialize;

use super::object::Object;
use super::place::Place;

/// Whether a kind is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Definition {
    /// There is no definition.
    Absent,
    /// It is being deleted, and its objects with it.
    Leaving,
    /// Its objects are served at this version.
    Served(String),
    /// It is there, and its objects cannot be asked for: it is not established yet, or no version of it is served.
    Unserved,
}

#[derive(Deserialize)]
struct Shape {
    metadata: Metadata,
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Spec {
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    name: String,
    served: bool,
    storage: bool,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

impl Definition {
    /// Reads a definition. Objects are asked for at the version at which they are stored: then the API server needs no
    /// webhook to convert them, whose owner may be gone.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn read(object: &Object) -> Result<Self, String> {
        Self::of(&object.json).map_err(|error| format!("the definition `{}` cannot be read: {error}", object.key.1))
    }

    pub(super) fn of(json: &str) -> Result<Self, String> {
        let shape: Shape = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if shape.metadata.deletion_timestamp.is_some() {
            return Ok(Self::Leaving);
        }
        let established = shape
            .status
            .conditions
            .iter()
            .any(|condition| condition.kind == "Established" && condition.status == "True");
        let served = || shape.spec.versions.iter().filter(|version| version.served);
        let version = served().find(|version| version.storage).or_else(|| served().next());
        Ok(match version {
            Some(version) if established => Self::Served(version.name.clone()),
            Some(_) | None => Self::Unserved,
        })
    }
}

/// Where definitions are.
pub(super) fn place() -> Place {
    Place::new("apiextensions.k8s.io", "v1", "customresourcedefinitions", None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_asked_for_as_they_are_stored() {
        let version =
            |name: &str, served: bool, storage: bool| json!({"name": name, "served": served, "storage": storage});
        let crd = |versions: &[serde_json::Value], established: &str| {
            json!({"metadata": {}, "spec": {"versions": versions},
                   "status": {"conditions": [{"type": "Established", "status": established}]}})
        };
        let served = |name: &str| Definition::Served(name.to_owned());
        let two = [version("v1beta1", true, false), version("v1alpha1", true, true)];
        let rows = [
            (crd(&two, "True"), served("v1alpha1")),
            (crd(&two, "False"), Definition::Unserved),
            (crd(&[version("v1beta1", true, false), version("v1alpha1", false, true)], "True"), served("v1beta1")),
            (crd(&[version("v1", false, true)], "True"), Definition::Unserved),
            (
                json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"versions": two}}),
                Definition::Leaving,
            ),
            (json!({"metadata": {}, "spec": {"versions": two}}), Definition::Unserved),
        ];
        for (crd, expected) in rows {
            assert_eq!(Definition::of(&crd.to_string()), Ok(expected), "{crd}");
        }
        assert!(Definition::of("{}").is_err());
    }
}
