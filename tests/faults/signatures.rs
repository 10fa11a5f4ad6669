//! Signatures, and whose key counts.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::evidence::annotation;
use countersign::signer::{Format, SigningKey};
use serde_json::{Value, json};

use crate::support::Stage;
use crate::support::forge::{
    SIGN, bundle, payload, put_bundle, put_signatures, signature_layer, signed_envelope, signed_layer, statement,
};

/// T54: an artifact brings its own key or certificate along.
#[tokio::test]
async fn t54_only_the_policys_key_counts() {
    let stage = Stage::new().await;
    let attacker = SigningKey::generate().unwrap();
    let certificate = rcgen::generate_simple_self_signed(["ci.example".to_owned()]).unwrap();

    // The old layout, with a certificate, a chain, or a log entry that names the attacker's key.
    let body = json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": { "hash": { "algorithm": "sha256", "value": "00".repeat(32) } },
            "signature": { "content": "AAAA", "publicKey": { "content": STANDARD.encode(attacker.public_pem()) } },
        },
    });
    let promise = json!({
        "SignedEntryTimestamp": STANDARD.encode(b"nobody"),
        "Payload": { "body": STANDARD.encode(body.to_string()), "integratedTime": 1, "logIndex": 1, "logID": "00".repeat(32) },
    });
    for (name, value) in [
        (annotation::CERTIFICATE, certificate.cert.pem()),
        (annotation::CHAIN, certificate.cert.pem()),
        (annotation::REKOR_BUNDLE, promise.to_string()),
        ("dev.sigstore.cosign/publicKey", attacker.public_pem()),
    ] {
        let image = stage.push("app", "v1");
        let text = payload(image.digest()).to_string();
        let layer = signed_layer(&stage.registry, "app", &attacker, text.as_bytes()).with_annotation(name, value);
        put_signatures(&stage.registry, &image, &[layer]);
        stage.run(&[&image.to_string()]).await.assert_denied("key_mismatch");
        stage.sign(&image, Format::Legacy);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }

    // A bundle whose material is the attacker's, or that only says it is ours.
    let own_key = |image| bundle(&attacker, &signed_envelope(&attacker, statement(SIGN, image).to_string().as_bytes()));
    type Change<'c> = &'c dyn Fn(&mut Value);
    let changes: [(Change<'_>, &str); 4] = [
        (&|_| {}, "key_mismatch"),
        (&|material| material["publicKey"] = json!({}), "key_mismatch"),
        (
            &|material| {
                material["publicKey"]["hint"] = json!(STANDARD.encode(stage.key.public_key().fingerprint().as_bytes()));
            },
            "signature_invalid",
        ),
        (
            &|material| {
                material["publicKey"].take();
                material["certificate"] = json!({ "rawBytes": STANDARD.encode(certificate.cert.der()) });
            },
            "key_mismatch",
        ),
    ];
    for (change, code) in changes {
        let image = stage.push("app", "v1");
        let mut bundle = own_key(image.digest());
        change(&mut bundle["verificationMaterial"]);
        put_bundle(&stage.registry, &image, &bundle);
        stage.run(&[&image.to_string()]).await.assert_denied(code);
        stage.sign(&image, Format::Bundle);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// T54: another key signed; it is the policy that says whose counts.
#[tokio::test]
async fn t54_a_key_that_no_policy_names_proves_nothing() {
    for format in [Format::Legacy, Format::Bundle, Format::Both] {
        let stage = Stage::new().await;
        let another = SigningKey::generate().unwrap();
        let image = stage.push("app", "v1");
        stage.sign_with(&another, &image, format);
        stage.run(&[&image.to_string()]).await.assert_denied("key_mismatch");
        let theirs = stage.policy("theirs", &json!({ "authorities": [{ "key": { "data": another.public_pem() } }] }));
        stage.enforce(&[theirs]);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// T60b: one changed byte, wherever it is.
#[tokio::test]
async fn t60b_every_byte_of_a_signature_counts() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    let text = payload(image.digest()).to_string();
    let good = stage.key.sign(text.as_bytes()).unwrap();
    for at in 0..good.len() {
        for flip in [0x01, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            put_signatures(&stage.registry, &image, &[signature_layer(&stage.registry, "app", text.as_bytes(), &bad)]);
            stage.run(&[&image.to_string()]).await.assert_denied("key_mismatch");
        }
    }
    for at in (0..text.len()).step_by(16) {
        let mut bad = text.clone().into_bytes();
        bad[at] ^= 0x01;
        put_signatures(&stage.registry, &image, &[signature_layer(&stage.registry, "app", &bad, &good)]);
        stage.run(&[&image.to_string()]).await.assert_denied("key_mismatch");
    }
    put_signatures(&stage.registry, &image, &[signature_layer(&stage.registry, "app", text.as_bytes(), &good)]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// T60b: numbers that are none, and other spellings of one signature.
#[tokio::test]
async fn t60b_signatures_that_are_none() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    let text = payload(image.digest()).to_string();
    let good = stage.key.sign(text.as_bytes()).unwrap();
    // The order of P-256 (FIPS 186-5 names SP 800-186, 3.2.1.3), with the byte that keeps it positive.
    let order = [
        &[0x00, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
        &[0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51],
    ]
    .concat();
    let integer = |bytes: &[u8]| [&[0x02, u8::try_from(bytes.len()).unwrap()][..], bytes].concat();
    let pair = |r: &[u8], s: &[u8]| {
        let inner = [integer(r), integer(s)].concat();
        [&[0x30, u8::try_from(inner.len()).unwrap()][..], &inner].concat()
    };
    let long_form = [&[0x30, 0x81][..], &good[1..]].concat();
    let rows = [
        pair(&[0], &[0]),
        pair(&[0], &[1]),
        pair(&[1], &[0]),
        pair(&[1], &[1]),
        pair(&order, &[1]),
        pair(&[1], &order),
        pair(&[0xff], &[0xff]),
        long_form,
        [&good[..], &[0]].concat(),
        good[..good.len() - 1].to_vec(),
        vec![0; 64],
        vec![0],
        good.repeat(2),
    ];
    for bad in rows {
        put_signatures(&stage.registry, &image, &[signature_layer(&stage.registry, "app", text.as_bytes(), &bad)]);
        stage.run(&[&image.to_string()]).await.assert_denied("key_mismatch");
    }
    for unreadable in ["", " ", "not base64", "AAA", "AA=AA="] {
        let layer = signature_layer(&stage.registry, "app", text.as_bytes(), b"x");
        put_signatures(&stage.registry, &image, &[layer.with_annotation(annotation::SIGNATURE, unreadable)]);
        stage.run(&[&image.to_string()]).await.assert_denied("evidence_malformed");
    }
    put_signatures(&stage.registry, &image, &[signature_layer(&stage.registry, "app", text.as_bytes(), &good)]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// T60b: a key of Ed25519 in a small subgroup takes signatures that nobody made. No policy takes such a key.
#[tokio::test]
async fn t60b_a_key_of_small_order_is_no_key() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    // SubjectPublicKeyInfo of RFC 8410 around the neutral element, and around a point of order 8.
    let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let of_order_8 = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ];
    for point in [neutral, [0; 32], of_order_8] {
        let pem = pem::encode(&pem::Pem::new("PUBLIC KEY", [&head[..], &point].concat()));
        stage.enforce(&[stage.policy("p", &json!({ "authorities": [{ "key": { "data": pem } }] }))]);
        let text = payload(image.digest()).to_string();
        let forged = [&point[..], &[0; 32]].concat();
        put_signatures(&stage.registry, &image, &[signature_layer(&stage.registry, "app", text.as_bytes(), &forged)]);
        stage.run(&[&image.to_string()]).await.assert_denied("policy_invalid");
    }
    let good = Ed25519KeyPair::generate().unwrap();
    enforce_der(&stage, good.public_key().as_der().unwrap().as_ref(), None);
    let text = payload(image.digest()).to_string();
    let signature = good.sign(text.as_bytes());
    let layer = signature_layer(&stage.registry, "app", text.as_bytes(), signature.as_ref());
    put_signatures(&stage.registry, &image, &[layer]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// T60c: a signature of one algorithm held against a key of another.
#[tokio::test]
async fn t60c_algorithms_are_not_mixed() {
    let stage = Stage::new().await;
    let random = SystemRandom::new();
    let image = stage.push("app", "v1");
    let text = payload(image.digest()).to_string();
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let mut by_rsa = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut by_rsa).unwrap();
    let made = [
        (stage.key.public_key().spki_der().to_vec(), stage.key.sign(text.as_bytes()).unwrap()),
        (
            p384.public_key().as_der().unwrap().as_ref().to_vec(),
            p384.sign(&random, text.as_bytes()).unwrap().as_ref().to_vec(),
        ),
        (rsa.public_key().as_der().unwrap().as_ref().to_vec(), by_rsa),
        (ed25519.public_key().as_der().unwrap().as_ref().to_vec(), ed25519.sign(text.as_bytes()).as_ref().to_vec()),
    ];
    for (n, (key, _)) in made.iter().enumerate() {
        enforce_der(&stage, key, None);
        for (m, (_, signature)) in made.iter().enumerate() {
            put_signatures(
                &stage.registry,
                &image,
                &[signature_layer(&stage.registry, "app", text.as_bytes(), signature)],
            );
            let answered = stage.run(&[&image.to_string()]).await;
            if n == m {
                answered.assert_allowed();
            } else {
                answered.assert_denied("key_mismatch");
            }
        }
    }
    // The hash is the policy's or the curve's own, and no other.
    let (rsa, signature) = &made[2];
    put_signatures(&stage.registry, &image, &[signature_layer(&stage.registry, "app", text.as_bytes(), signature)]);
    for (hash, code) in
        [("sha256", None), ("sha384", Some("algorithm_mismatch")), ("sha512", Some("algorithm_mismatch"))]
    {
        enforce_der(&stage, rsa, Some(hash));
        let answered = stage.run(&[&image.to_string()]).await;
        match code {
            None => answered.assert_allowed(),
            Some(code) => answered.assert_denied(code),
        };
    }
}

/// One policy: images have to be signed by the key with this DER, over this hash.
fn enforce_der(stage: &Stage, der: &[u8], hash: Option<&str>) {
    let mut key = json!({ "data": pem::encode(&pem::Pem::new("PUBLIC KEY", der)) });
    if let Some(hash) = hash {
        key["hashAlgorithm"] = json!(hash);
    }
    stage.enforce(&[stage.policy("p", &json!({ "authorities": [{ "key": key }] }))]);
}
