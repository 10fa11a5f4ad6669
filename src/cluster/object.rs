//! Objects as the API server sends them.

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// What names an object within its collection: its namespace, empty where it has none, and its name.
pub(super) type Key = (String, String);

/// One object. What it holds may be a Secret: it prints as its key alone.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) key: Key,
    /// What the API server calls it; empty where it does not say.
    pub(super) uid: String,
    /// Names the state of the collection in which it is as it is.
    pub(super) version: String,
    /// Counts the changes of what it asks for; 0 where it has none.
    pub(super) generation: u64,
    /// All of it.
    pub(super) json: Zeroizing<String>,
}

#[derive(Deserialize)]
struct Shape {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    generation: u64,
}

impl Object {
    /// The same without what it holds: nobody can read it any more.
    pub(super) fn emptied(self) -> Self {
        Self { json: Zeroizing::default(), ..self }
    }

    /// Whether it was [`Self::emptied`].
    pub(super) fn is_emptied(&self) -> bool {
        self.json.is_empty()
    }

    /// Reads what every object has. The text of an error says nothing of what it holds.
    pub(super) fn read(raw: &RawValue) -> Result<Self, String> {
        let Shape { metadata } = serde_json::from_str(raw.get())
            .map_err(|error| format!("an object cannot be read (line {}, column {})", error.line(), error.column()))?;
        Ok(Self {
            key: (metadata.namespace, metadata.name),
            uid: metadata.uid,
            version: metadata.resource_version,
            generation: metadata.generation,
            json: Zeroizing::new(raw.get().to_owned()),
        })
    }
}

/// What of an object's status others may have written too.
#[derive(Default, Deserialize)]
struct StatusShape {
    #[serde(default)]
    status: Conditions,
}

#[derive(Default, Deserialize)]
struct Conditions {
    #[serde(default)]
    conditions: Vec<serde_json::Value>,
}

impl Object {
    /// The conditions of its status; none where it has none that can be read.
    pub(super) fn conditions(&self) -> Vec<serde_json::Value> {
        serde_json::from_str::<StatusShape>(&self.json).unwrap_or_default().status.conditions
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Object({}/{}, ****)", self.key.0, self.key.1)
    }
}
