//! What the virtual Sigstore makes, judged by somebody else: `sigstore-verify` itself.

use countersign::image::Digest;
use sigstore_trust_root::TrustedRoot;
use sigstore_types::{Bundle, Sha256Hash};
use sigstore_verify::{VerificationPolicy, Verifier};

use crate::support::virtual_sigstore::fulcio::{ISSUER, WORKFLOW};
use crate::support::virtual_sigstore::{Content, Log, Order, Signed, Sigstore};

fn judge(sigstore: &Sigstore, signed: &Signed, version: &str, digest: &[u8; 32], skip_log: bool) -> Result<(), String> {
    let root = TrustedRoot::from_json(&sigstore.trusted_root().to_string()).unwrap();
    let verifier = Verifier::new(&root).unwrap();
    let bundle = Bundle::from_json(&signed.bundle(version).to_string()).map_err(|error| error.to_string())?;
    let policy = VerificationPolicy::new(WORKFLOW, ISSUER);
    let policy = if skip_log { policy.skip_tlog_unsafe() } else { policy };
    verifier.verify(Sha256Hash::new(*digest), &bundle, &policy).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn what_it_signs_is_accepted() {
    let sigstore = Sigstore::new();
    let image = Digest::of(b"image");
    let v1_as = |kind, version| Order { log: Log::V1As(kind, version), ..Order::v1() };
    for (name, content, order, version) in [
        ("v1 in 0.3", Content::cosign_sign(image), Order::v1(), "0.3"),
        ("v1 in 0.2", Content::cosign_sign(image), Order::v1(), "0.2"),
        ("v1 in 0.1", Content::cosign_sign(image), Order::v1(), "0.1"),
        ("intoto", Content::cosign_sign(image), v1_as("intoto", "0.0.2"), "0.1"),
        ("v2", Content::cosign_sign(image), Order::v2(), "0.3"),
        ("time alone", Content::cosign_sign(image), Order::stamped(), "0.3"),
        ("bytes in v1", Content::Bytes(b"image".to_vec()), Order::v1(), "0.3"),
        ("bytes in v2", Content::Bytes(b"image".to_vec()), Order::v2(), "0.3"),
    ] {
        let signed = sigstore.sign(content, &order);
        let judged = judge(&sigstore, &signed, version, image.as_bytes(), order.log == Log::None);
        assert_eq!(judged, Ok(()), "{name}");
        // Another instance has made none of it.
        let other = judge(&Sigstore::new(), &signed, version, image.as_bytes(), order.log == Log::None);
        assert!(other.is_err(), "{name}");
    }
}
