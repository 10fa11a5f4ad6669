//! The fuzz targets of what lies beside a signature: its certificate, and the time that somebody else has signed. Each is
//! verified with a signature that holds, so that whatever is accepted was accepted for what was made of the bytes.

#![expect(unreachable_pub, reason = "the packages that include this file call them from outside")]

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::evidence::Bundle;
use countersign::limits::Budget;
use countersign::trust::{
    Anchor, AuthorityKeys, HashAlgorithm, ProofRule, Proofs, PublicKey, SigstoreKeys, TrustedRoot,
};
use countersign::verify::{File, verify_file};
use serde_json::{Value, json};

const FILE: &[u8] = b"countersign";
const SIGNATURE: &str =
    "MEYCIQDs3rKjXwRSa7xmBKxkQGACLmD319IdqyVgmz2+QttX1AIhALmLLj+jZznTsq5adHEnYq5aqlorxVEWxw6wu6UWwmCk";
const KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGm4SHW4d2WdTQjMr23YmjBmJ9NDc
1LBx8GQuaL6hmsKsJO7I1DNy248x5o4I1liDbINmqdiuWD4Funj1PetPIw==
-----END PUBLIC KEY-----
";

/// A timestamp of the signature. Only one time was ever signed, whatever is changed around it.
pub fn timestamp_token(bytes: &[u8]) {
    let authority = AuthorityKeys {
        chain: include_str!("../data/timestamps/authority.pem").to_owned(),
        ..AuthorityKeys::default()
    };
    let keys = SigstoreKeys { timestamp_authorities: vec![authority], ..SigstoreKeys::default() };
    let root = Arc::new(TrustedRoot::of_keys(&keys).unwrap());
    let ignored = ProofRule::ignored;
    let proofs = Proofs { log_entry: ignored(), sct: ignored(), timestamp: ProofRule::required(root) };
    let anchor = Anchor::key(PublicKey::from_pem(KEY).unwrap(), HashAlgorithm::Sha256, proofs);
    let material = json!({
        "publicKey": { "hint": "" },
        "timestampVerificationData": { "rfc3161Timestamps": [{ "signedTimestamp": STANDARD.encode(bytes) }] },
    });
    if let Some(times) = times(&material, &anchor) {
        assert_eq!(times, ["2026-11-27T23:00:12Z"]);
    } else {
        assert_ne!(bytes, include_bytes!("../data/timestamps/token.der"), "the token itself holds");
    }
}

/// A signing certificate. No authority that is known has issued one for this signature.
pub fn certificate(bytes: &[u8]) {
    let root = Arc::new(TrustedRoot::public_good().unwrap());
    let anchor = Anchor::keyless(Arc::clone(&root), Proofs::derived_from(&root));
    let material = json!({ "certificate": { "rawBytes": STANDARD.encode(bytes) } });
    assert_eq!(times(&material, &anchor), None);
}

/// The proven times of the signature with `material` beside it; none where it does not hold.
fn times(material: &Value, anchor: &Anchor) -> Option<Vec<String>> {
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": material,
        "messageSignature": { "signature": SIGNATURE },
    });
    let bundle = Bundle::parse(bundle.to_string().as_bytes()).ok()?;
    let now = "2027-01-01T00:00:00Z".parse().unwrap();
    let proof = verify_file(&bundle, &File::of_bytes(FILE), anchor, now, &mut Budget::per_image()).ok()?;
    Some(proof.times().iter().map(|time| time.time().to_string()).collect())
}
