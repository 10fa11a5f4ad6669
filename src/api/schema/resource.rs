//! The definitions of the custom resources.

use serde_json::{Value, json};

use super::node::Schema;
use super::{Scope, policy, record, trust_root};
use crate::api::COUNTERSIGN_GROUP;

/// The only version, which is stored as it is served.
const VERSION: &str = "v1alpha1";

/// One custom resource.
#[derive(Clone, Debug)]
pub struct CustomResource {
    /// Its kind.
    pub kind: &'static str,
    plural: &'static str,
    short: &'static str,
    scope: Scope,
    about: &'static str,
    columns: Vec<Column>,
    spec: Schema,
}

#[derive(Clone, Debug)]
struct Column {
    name: &'static str,
    path: &'static str,
    kind: &'static str,
    /// Whether it is shown by `-o wide` only.
    is_wide: bool,
}

const fn column(name: &'static str, path: &'static str) -> Column {
    Column { name, path, kind: "string", is_wide: false }
}

const AGE: Column = Column { name: "Age", path: ".metadata.creationTimestamp", kind: "date", is_wide: false };
const READY: Column = column("Ready", r#".status.conditions[?(@.type=="Ready")].status"#);
const STATUS: Column =
    Column { is_wide: true, ..column("Status", r#".status.conditions[?(@.type=="Ready")].message"#) };

/// Every custom resource of `countersign.dev`, by kind.
pub fn custom_resources() -> Vec<CustomResource> {
    let policy_columns = || {
        vec![
            column("Mode", ".spec.mode"),
            column("Images", ".spec.images[*].glob"),
            Column { is_wide: true, ..column("Authorities", ".spec.authorities[*].name") },
            READY,
            STATUS,
            AGE,
        ]
    };
    vec![
        CustomResource {
            kind: "ClusterImagePolicy",
            plural: "clusterimagepolicies",
            short: "csip",
            scope: Scope::Cluster,
            about: "Which images may run in the cluster: those that its globs match and that one of its authorities vouches for.",
            columns: policy_columns(),
            spec: policy::spec(Scope::Cluster),
        },
        CustomResource {
            kind: "ImagePolicy",
            plural: "imagepolicies",
            short: "csnip",
            scope: Scope::Namespaced,
            about: "What the images of one namespace have to satisfy besides what the policies of the cluster ask for.",
            columns: policy_columns(),
            spec: policy::spec(Scope::Namespaced),
        },
        CustomResource {
            kind: "SigningRecord",
            plural: "signingrecords",
            short: "cssr",
            scope: Scope::Namespaced,
            about: "The account of one signing.",
            columns: vec![
                column("Artifact", ".spec.artifact.name"),
                column("Version", ".spec.artifact.version"),
                column("Action", ".spec.action"),
                column("Time", ".spec.time"),
                Column { is_wide: true, ..column("Digest", ".spec.artifact.digest") },
                AGE,
            ],
            spec: record::spec(),
        },
        CustomResource {
            kind: "TrustRoot",
            plural: "trustroots",
            short: "cstr",
            scope: Scope::Cluster,
            about: "Whom to believe: certificate authorities, transparency logs and timestamp authorities of a Sigstore.",
            columns: vec![READY, STATUS, AGE],
            spec: trust_root::spec(),
        },
    ]
}

impl CustomResource {
    /// The name of its definition, as in `clusterimagepolicies.countersign.dev`.
    pub fn name(&self) -> String {
        format!("{}.{COUNTERSIGN_GROUP}", self.plural)
    }

    /// The definition, as the API server takes it.
    pub fn definition(&self) -> Value {
        let singular = self.kind.to_lowercase();
        let columns = self.columns.iter().map(|column| {
            json!({"name": column.name, "type": column.kind, "jsonPath": column.path, "priority": u8::from(column.is_wide)})
        });
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.name(), "labels": {"app.kubernetes.io/part-of": "countersign"}},
            "spec": {
                "group": COUNTERSIGN_GROUP,
                "names": {
                    "kind": self.kind,
                    "listKind": format!("{}List", self.kind),
                    "plural": self.plural,
                    "singular": singular,
                    "shortNames": [self.short],
                    "categories": ["countersign"],
                },
                "scope": match self.scope { Scope::Cluster => "Cluster", Scope::Namespaced => "Namespaced" },
                "conversion": {"strategy": "None"},
                "versions": [{
                    "name": VERSION,
                    "served": true,
                    "storage": true,
                    "additionalPrinterColumns": columns.collect::<Vec<_>>(),
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": self.schema().into_value()},
                }],
            },
        })
    }

    fn schema(&self) -> Schema {
        Schema::object([
            ("apiVersion", Schema::plain_text()),
            ("kind", Schema::plain_text()),
            ("metadata", Schema::metadata()),
            ("spec", self.spec.clone()),
            ("status", status()),
        ])
        .require(&["spec"])
        .about(self.about)
    }
}

/// What controllers say of an object (<https://kubernetes.io/docs/reference/using-api/api-concepts/>).
fn status() -> Schema {
    let condition = Schema::object([
        ("type", Schema::text()),
        ("status", Schema::one_of(&["True", "False", "Unknown"])),
        ("reason", Schema::text()),
        ("message", Schema::document()),
        ("lastTransitionTime", Schema::time()),
        ("observedGeneration", Schema::integer(0)),
    ])
    .require(&["lastTransitionTime", "message", "reason", "status", "type"]);
    Schema::object([
        ("conditions", Schema::list_by("type", condition)),
        ("observedGeneration", Schema::integer(0).about("The generation that the conditions are about.")),
    ])
}
