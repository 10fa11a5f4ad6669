//! The committed output of the real cosign, `tests/data/cosign`, compared with what cosign writes today.
//!
//! The faster test levels verify those files without a registry or a cosign. This test keeps them honest: it lets
//! cosign sign again and compares the shape of what it wrote (media types, annotations, payloads without their
//! values). With `COUNTERSIGN_E2E_WRITE_VECTORS=1` it writes them anew instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::cosign::{Cosign, KeyPair};
use crate::support::registry::{Image, Kind, Registry};
use crate::support::scratch;

/// Folder, cosign, and the registry that it wrote to.
const VECTORS: [(&str, Cosign, Kind); 3] =
    [("v2", Cosign::V2, Kind::Referrers), ("v3", Cosign::V3, Kind::Referrers), ("v3-fallback", Cosign::V3, Kind::Tags)];

#[test]
fn committed_vectors_have_the_shape_that_cosign_writes() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cosign");
    #[expect(clippy::disallowed_methods, reason = "the one setting of this test, which is no setting of countersign")]
    let write = std::env::var_os("COUNTERSIGN_E2E_WRITE_VECTORS").is_some();
    if write {
        write_keys(&committed);
    }
    let key = KeyPair::at(&committed.join("cosign"));
    for (name, cosign, kind) in VECTORS {
        let registry = Registry::shared(kind);
        let image = registry.push(&format!("vectors/{name}"), "signed");
        cosign.sign(registry, &key, &image.by_digest());
        cosign.attest(registry, &key, &image.by_digest());
        let target = if write { committed.join(name) } else { scratch::folder(name) };
        export(registry, &image, &target);
        assert_eq!(shape(&committed.join(name)), shape(&target), "{name}: cosign writes something else today");
    }
}

fn write_keys(folder: &Path) {
    fs::create_dir_all(folder).expect("the folder of the vectors");
    for name in ["cosign", "other"] {
        let made = Cosign::V3.generate_key_pair();
        let kept = KeyPair::at(&folder.join(name));
        fs::copy(made.private, kept.private).expect("the private key kept");
        fs::copy(made.public, kept.public).expect("the public key kept");
    }
}

/// Writes everything that the registry holds about the image as an OCI image layout.
fn export(registry: &Registry, image: &Image, folder: &Path) {
    let repository =
        image.repository.strip_prefix(&format!("{}/", registry.host())).expect("an image of this registry");
    if folder.exists() {
        fs::remove_dir_all(folder).expect("the old vectors removed");
    }
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("the folder of the layout");
    let get = |path: &str| {
        let answer = registry.request("GET", &format!("/v2/{repository}/{path}"), "", b"");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer
    };
    let keep = |digest: &str, bytes: &[u8]| {
        let hex = digest.strip_prefix("sha256:").expect("a SHA-256 digest");
        fs::write(blobs.join(hex), bytes).expect("a blob of the layout");
    };

    let tags: Value = serde_json::from_slice(get("tags/list").body()).expect("a list of tags");
    let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
    for tag in tags["tags"].as_array().expect("tags").iter().map(|tag| tag.as_str().expect("a tag")) {
        let digest = get(&format!("manifests/{tag}")).header("docker-content-digest").expect("a digest").to_owned();
        names.insert(digest, Some(tag.to_owned()));
    }
    if registry.kind().has_referrers() {
        let index = get(&format!("referrers/{}", image.digest));
        let index: Value = serde_json::from_slice(index.body()).expect("the referrers");
        names.extend(digests(&index["manifests"]).map(|digest| (digest, None)));
    }

    let mut manifests = Vec::new();
    let mut queue: Vec<_> = names.into_iter().collect();
    while let Some((digest, tag)) = queue.pop() {
        let answer = get(&format!("manifests/{digest}"));
        let manifest: Value = serde_json::from_slice(answer.body()).expect("a manifest");
        keep(&digest, answer.body());
        for blob in digests(&manifest["layers"]).chain(digests(&json!([manifest["config"]]))) {
            keep(&blob, get(&format!("blobs/{blob}")).body());
        }
        queue.extend(digests(&manifest["manifests"]).map(|child| (child, None)));
        let mut descriptor = json!({
            "mediaType": manifest["mediaType"],
            "digest": digest,
            "size": answer.body().len(),
        });
        if manifest["artifactType"].is_string() {
            descriptor["artifactType"] = manifest["artifactType"].clone();
        }
        if let Some(tag) = tag {
            descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        }
        manifests.push(descriptor);
    }
    // The image first, then what belongs to it.
    manifests.sort_by_key(|descriptor| (descriptor["digest"] != json!(image.digest), descriptor.to_string()));
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    });
    let index = serde_json::to_string_pretty(&index).expect("JSON") + "\n";
    scratch::file(folder, "index.json", index);
    scratch::file(folder, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}\n");
}

fn digests(descriptors: &Value) -> impl Iterator<Item = String> {
    let descriptors = descriptors.as_array().cloned().unwrap_or_default();
    descriptors.into_iter().filter_map(|descriptor| Some(descriptor["digest"].as_str()?.to_owned()))
}

/// Every JSON document of a layout, as the set of its paths with the values that are not made anew at each signing.
fn shape(layout: &Path) -> BTreeSet<String> {
    let folder = layout.join("blobs/sha256");
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut lines = BTreeSet::new();
    for file in files.map(|entry| entry.expect("an entry").path()) {
        let Some(document) = json_of(&file) else { continue };
        let media_type = document["mediaType"].as_str().unwrap_or("other").to_owned();
        paths(&media_type, &document, &mut lines);
    }
    lines
}

fn json_of(file: &PathBuf) -> Option<Value> {
    serde_json::from_slice(&fs::read(file).expect("a blob")).ok()
}

fn paths(at: &str, value: &Value, lines: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| paths(&format!("{at}/{name}"), value, lines)),
        Value::Array(values) => values.iter().for_each(|value| paths(&format!("{at}/*"), value, lines)),
        Value::String(text) if text.contains("application/") || text.starts_with("https://") => {
            lines.insert(format!("{at} = {text}"));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            lines.insert(at.to_owned());
        }
    }
}
