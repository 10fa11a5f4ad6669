//! Signatures of other kinds than those that are verified: recognised, and refused with a text that says so.

use countersign::evidence::Descriptor;
use countersign::image::ImageDigest;
use countersign::signer::Format;
use countersign::{demo, evidence};
use serde_json::json;

use crate::support::Stage;
use crate::support::artifacts::{index, manifest, put_blob, put_manifest};
use crate::support::forge::put_signatures;

const NOTATION: &str = "application/vnd.cncf.notary.signature";
const PGP: &str = "application/pgp-signature";

/// How a signature of another kind lies beside an image.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// A referrer whose list says its type.
    Referrer,
    /// The same, where the list does not say the type and the manifest has it as that of its config.
    Untyped,
    /// A layer under the tag `.sig`.
    SignatureTag,
}

/// Puts what is no signature that anybody verifies here beside `image`.
fn put(stage: &Stage, image: &ImageDigest, place: Place, kind: &str, layer_kind: &str, bytes: &[u8]) {
    let (registry, path) = (&stage.registry, image.repository().path());
    let layer = put_blob(registry, path, layer_kind, bytes);
    let (of, image_bytes) = registry.manifest(path, &image.digest().to_string()).unwrap();
    let subject = Descriptor::of(of, &image_bytes);
    match place {
        Place::Referrer => {
            put_manifest(
                registry,
                path,
                None,
                &manifest(&[layer], json!({ "artifactType": kind, "subject": subject })),
            );
        }
        Place::Untyped => {
            let config = put_blob(registry, path, kind, b"{}");
            let signature = manifest(&[layer], json!({ "config": config, "subject": subject }));
            let listed = put_manifest(registry, path, None, &signature);
            let tag = evidence::Path::Referrers.tag(image.digest());
            put_manifest(registry, path, Some(tag.as_str()), &index(&[listed]));
        }
        Place::SignatureTag => put_signatures(registry, image, &[layer]),
    }
}

#[tokio::test]
async fn h61_p27_signatures_of_other_kinds_are_named_and_refused() {
    let notation = json!({ "payload": "e30", "protected": "e30", "header": {}, "signature": "AA" }).to_string();
    let pgp = "-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0=\n-----END PGP SIGNATURE-----\n";
    let cases: [(&str, Place, &str, &str, &str); 7] = [
        ("a Notary Project signature", Place::Referrer, NOTATION, "application/jose+json", &notation),
        ("a Notary Project signature", Place::Referrer, NOTATION, "application/cose", &notation),
        ("a Notary Project signature", Place::Untyped, NOTATION, "application/jose+json", &notation),
        ("an OpenPGP signature", Place::Referrer, PGP, PGP, pgp),
        ("an OpenPGP signature", Place::Untyped, PGP, PGP, pgp),
        ("an OpenPGP signature", Place::SignatureTag, PGP, PGP, pgp),
        ("a CMS signature", Place::Referrer, "application/pkcs7-signature", "application/pkcs7-signature", "0"),
    ];
    let listing = Stage::new().await;
    let without = Stage::with(demo::Options { referrers: false, ..demo::Options::default() }).await;
    for (index, (name, place, kind, layer_kind, bytes)) in cases.into_iter().enumerate() {
        let stage = match place {
            Place::Referrer | Place::SignatureTag => &listing,
            Place::Untyped => &without,
        };
        let image = stage.push(&format!("app{index}"), "v1");
        put(stage, &image, place, kind, layer_kind, bytes.as_bytes());
        let answered = stage.run(&[&image.to_string()]).await;
        answered.assert_denied("evidence_unsupported");
        let message = answered.message();
        assert!(message.contains(&format!("{name} is not supported")), "{place:?}: {message}");
        assert!(message.contains("countersign sign"), "what to do about it: {message}");
        // It is no hindrance to a signature that counts.
        let beside = match place {
            Place::SignatureTag => Format::Bundle,
            Place::Referrer | Place::Untyped => Format::Legacy,
        };
        stage.sign(&image, beside);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
    // A referrer of no kind of signature is nothing to speak of.
    let image = listing.push("sbom", "v1");
    put(&listing, &image, Place::Referrer, "application/spdx+json", "application/spdx+json", b"{}");
    listing.run(&[&image.to_string()]).await.assert_denied("signature_missing");
}
