//! The whole way of an admission by keyless policies: a review comes in, and the registry holds what a virtual Sigstore has
//! signed.

use countersign::image::ImageDigest;
use serde_json::{Value, json};

use super::virtual_sigstore::fulcio::{ISSUER, WORKFLOW};
use super::virtual_sigstore::{Content, Order, Signed, Sigstore};
use super::{Stage, forge};

/// A stage, an instance of Sigstore, and the images that it signs.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) sigstore: Sigstore,
}

/// How something is signed, and put beside its image.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Layout {
    /// A bundle as a referrer.
    Bundle,
    /// A layer of `.sig`.
    Legacy,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let scene = Self { stage: Stage::new().await, sigstore: Sigstore::new() };
        scene.enforce(&[keyless(&json!({}))]);
        scene
    }

    /// Judges by one policy with these authorities, and the instance's root as the TrustRoot `r`.
    pub(crate) fn enforce(&self, authorities: &[Value]) {
        self.enforce_on(&self.sigstore.trusted_root(), authorities);
    }

    pub(crate) fn enforce_on(&self, root: &Value, authorities: &[Value]) {
        let policy = self.stage.policy("keyless", &json!({ "authorities": authorities }));
        self.stage.enforce(&[policy, trust_root(root)]);
    }

    /// A new image, signed as `order` says.
    pub(crate) fn signed(&self, name: &str, order: &Order, layout: Layout) -> ImageDigest {
        self.signed_by(&self.sigstore, name, order, layout)
    }

    pub(crate) fn signed_by(&self, sigstore: &Sigstore, name: &str, order: &Order, layout: Layout) -> ImageDigest {
        let image = self.stage.push(name, "v1");
        let content = match layout {
            Layout::Bundle => Content::cosign_sign(image.digest()),
            Layout::Legacy => Content::simple_signing(image.digest()),
        };
        self.put(&image, &sigstore.sign(content, order), layout);
        image
    }

    pub(crate) fn put(&self, image: &ImageDigest, signed: &Signed, layout: Layout) {
        let registry = &self.stage.registry;
        match layout {
            Layout::Bundle => drop(forge::put_bundle(registry, image, &signed.bundle("0.3"))),
            Layout::Legacy => {
                let (layer, bytes) = signed.layer_parts();
                registry.put_blob(image.repository().path(), bytes.into());
                forge::put_signatures(registry, image, &[layer]);
            }
        }
    }

    /// What becomes of an image: nothing, where it is allowed, or the code of the refusal.
    pub(crate) async fn becomes(&self, image: &ImageDigest) -> String {
        let answered = self.stage.run(&[&image.to_string()]).await;
        let response = answered.response();
        if response["allowed"] == json!(true) {
            answered.assert_allowed();
            return String::new();
        }
        let code = answered.audited("reason");
        answered.assert_denied(&code);
        code
    }

    pub(crate) async fn assert(&self, what: &str, image: &ImageDigest, code: &str) {
        assert_eq!(self.becomes(image).await, code, "{what}");
    }
}

fn trust_root(root: &Value) -> String {
    json!({
        "apiVersion": "countersign.dev/v1alpha1", "kind": "TrustRoot", "metadata": { "name": "r" },
        "spec": { "trustedRoot": { "json": root.to_string() } },
    })
    .to_string()
}

/// An authority for the workflow, on the TrustRoot `r`, with what `more` changes in `keyless`.
pub(crate) fn keyless(more: &Value) -> Value {
    let mut keyless = json!({ "trustRootRef": "r", "identities": [{ "issuer": ISSUER, "subject": WORKFLOW }] });
    for (name, value) in more.as_object().unwrap() {
        keyless[name] = value.clone();
    }
    json!({ "name": "workflow", "keyless": keyless })
}
