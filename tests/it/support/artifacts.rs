//! Evidence to put into a registry: that of the real cosign, and such as nobody would make.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use countersign::demo::Running;
use countersign::evidence::{Descriptor, media_type};
use countersign::image::{Digest, ImageDigest};
use serde_json::{Value, json};

/// An image layout of `tests/data/cosign`: `v2`, `v3` or `v3-fallback`.
pub(crate) fn cosign(layout: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cosign").join(layout)
}

/// Puts an image of the real cosign with its evidence into the repository `path`.
pub(crate) fn put_cosign(registry: &Running, path: &str, layout: &str) -> ImageDigest {
    registry.put_layout(path, &cosign(layout)).expect("a layout of the test data")
}

/// Puts a blob, and describes it.
pub(crate) fn put_blob(registry: &Running, path: &str, media_type: &str, bytes: &[u8]) -> Descriptor {
    registry.put_blob(path, Bytes::copy_from_slice(bytes));
    Descriptor::of(media_type, bytes)
}

/// A layer of a `.sig` manifest that can be read, whose payload says `text`.
pub(crate) fn put_signature_layer(registry: &Running, path: &str, text: &str) -> Descriptor {
    let payload = json!({
        "critical": {
            "identity": { "docker-reference": "" },
            "image": { "docker-manifest-digest": Digest::of(text.as_bytes()).to_string() },
            "type": "cosign container image signature",
        },
        "optional": null,
    });
    put_blob(registry, path, media_type::SIMPLE_SIGNING, payload.to_string().as_bytes())
        .with_annotation("dev.cosignproject.cosign/signature", "AAAA")
}

/// A manifest of `layers`, with what `more` adds or changes.
pub(crate) fn manifest(layers: &[Descriptor], more: Value) -> Value {
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": Descriptor::of(media_type::EMPTY, b"{}"),
        "layers": layers,
    });
    let (Value::Object(all), Value::Object(more)) = (&mut manifest, more) else {
        panic!("what is added is an object");
    };
    all.extend(more);
    manifest
}

/// Puts `manifest` under `tag`, or under its digest only.
pub(crate) fn put_manifest(registry: &Running, path: &str, tag: Option<&str>, manifest: &Value) -> Descriptor {
    let bytes = manifest.to_string();
    let kind = manifest.get("mediaType").and_then(Value::as_str).unwrap_or(media_type::OCI_MANIFEST);
    registry.put_manifest(path, tag, kind, Bytes::from(bytes.clone()));
    Descriptor::of(kind, bytes.as_bytes())
}

/// An index of `manifests`.
pub(crate) fn index(manifests: &[Descriptor]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests })
}
