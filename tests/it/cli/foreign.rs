//! `verify` where the only signature is one of the Notary Project.

use countersign::evidence::Descriptor;
use countersign::signer::SigningKey;
use serde_json::json;

use super::support::Place;
use crate::support::artifacts::{manifest, put_blob, put_manifest};
use crate::support::registry;

#[tokio::test(flavor = "multi_thread")]
async fn p27_verify_names_what_it_does_not_verify() {
    const NOTATION: &str = "application/vnd.cncf.notary.signature";
    let registry = registry().await;
    let image = registry.seed_image("app", "v1").unwrap();
    let layer = put_blob(&registry, "app", "application/jose+json", b"{}");
    let (kind, bytes) = registry.manifest("app", &image.digest().to_string()).unwrap();
    let more = json!({ "artifactType": NOTATION, "subject": Descriptor::of(kind, &bytes) });
    put_manifest(&registry, "app", None, &manifest(&[layer], more));
    let place = Place::new().with("cosign.pub", &SigningKey::generate().unwrap().public_pem());
    let shown = place.run(&["verify", &image.to_string(), "--key", "cosign.pub", "--explain"]);
    for said in [
        "--- exit 1",
        "evidence_unsupported: evidence is there in a format that is not verified",
        "- format: evidence_unsupported: a Notary Project signature is not supported",
        "sign with countersign or a current cosign",
    ] {
        assert!(shown.contains(said), "{said}\n{shown}");
    }
    registry.stop().await;
}
