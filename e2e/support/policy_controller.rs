//! What policy-controller ships: its definitions, its examples and the policies of its own tests, as the release has them
//! that `e2e/tools/policycontroller` names. policy-controller itself is not there, and so nobody converts its objects.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::cluster::Cluster;
use super::tools;

/// Its definitions, each a file of the folder `config` and the name in the cluster.
const DEFINITIONS: [(&str, &str); 2] = [
    ("300-clusterimagepolicy.yaml", "clusterimagepolicies.policy.sigstore.dev"),
    ("300-trustroot.yaml", "trustroots.policy.sigstore.dev"),
];

/// One of its files.
pub(crate) fn file(path: &str) -> PathBuf {
    tools::path("policy-controller").join(path)
}

/// The manifests in a folder of it and below, by their paths in the release.
pub(crate) fn manifests(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in file(folder).read_dir().expect("a folder of policy-controller") {
        let entry = entry.expect("an entry");
        let path = format!("{folder}/{}", entry.file_name().to_str().expect("a name"));
        if entry.file_type().expect("a type").is_dir() {
            found.extend(manifests(&path));
        } else if Path::new(&path).extension().is_some_and(|end| end == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Applies its definitions as they are, and waits until they are served. ClusterImagePolicies are stored as v1alpha1, served
/// as v1beta1 as well, and converted by a webhook that is not there.
pub(crate) fn define(cluster: &Cluster) {
    for (manifest, name) in DEFINITIONS {
        let manifest = file("config").join(manifest).display().to_string();
        cluster.kubectl(&["apply", "-f", &manifest]).expect_success();
        cluster
            .kubectl(&["wait", "--for=condition=Established", "--timeout=30s", &format!("crd/{name}")])
            .expect_success();
    }
}

/// The same, and what the manual tells whoever removes policy-controller: as both versions have the same fields, nobody has
/// to convert one to the other.
pub(crate) fn define_without_conversion(cluster: &Cluster) {
    define(cluster);
    let patch = json!([{"op": "replace", "path": "/spec/conversion", "value": {"strategy": "None"}}]).to_string();
    cluster.kubectl(&["patch", "crd", DEFINITIONS[0].1, "--type=json", "-p", &patch]).expect_success();
}
