mod matrix;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::testing::Signer;
use super::*;
use crate::trust::{Anchor, Believed, Proofs};

const MESSAGE: &[u8] = b"a message";

/// The order of the group of P-256 (FIPS 186-4, D.1.2.3).
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// The order of the group of Ed25519 (RFC 8032, 5.1), little-endian.
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn unhex(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}

fn by(anchor: &Anchor, message: &Message<'_>, signature: &[u8], budget: &mut Budget) -> Result<Check, Exceeded> {
    let Believed::Key { key, hash } = anchor.believed() else { panic!("a key") };
    check(key, *hash, message, signature, budget)
}

fn check_message(anchor: &Anchor, message: &[u8], signature: &[u8]) -> Check {
    let message = Message::new(Cow::Borrowed(message));
    by(anchor, &message, signature, &mut Budget::per_image()).unwrap()
}

fn holds(anchor: &Anchor, signature: &[u8]) -> bool {
    check_message(anchor, MESSAGE, signature) != Check::Fails
}

#[test]
fn each_algorithm_signs_and_verifies() {
    for (name, signer, hash) in Signer::every() {
        let anchor = signer.anchor(*hash);
        let signature = signer.sign(MESSAGE);
        assert!(holds(&anchor, &signature), "{name}");
        assert_eq!(check_message(&anchor, b"another", &signature), Check::Fails, "{name}");
        assert_eq!(check_message(&anchor, b"", &signature), Check::Fails, "{name}");
        // T60b: every byte, what is longer or shorter, and nothing at all
        for at in 0..signature.len() {
            for bit in [0x01, 0x80] {
                let mut broken = signature.clone();
                broken[at] ^= bit;
                assert!(!holds(&anchor, &broken), "{name}: byte {at} ^ {bit:#x}");
            }
        }
        assert!(!holds(&anchor, &[]), "{name}");
        assert!(!holds(&anchor, &signature[..signature.len() - 1]), "{name}");
        assert!(!holds(&anchor, &[&signature[..], &[0]].concat()), "{name}");
        assert!(!holds(&anchor, &[&[0], &signature[..]].concat()), "{name}");
        assert!(!holds(&anchor, &vec![0; signature.len()]), "{name}");
        assert!(!holds(&anchor, &vec![0xff; signature.len()]), "{name}");
    }
}

#[test]
fn no_key_takes_a_signature_of_another() {
    // T60c: RSA with an ECDSA signature, and every other pair
    for (name, signer, _) in Signer::every() {
        let signature = signer.sign(MESSAGE);
        for (other, another, hash) in Signer::every() {
            assert_eq!(holds(&another.anchor(*hash), &signature), name == other, "{name} by {other}");
        }
    }
}

#[test]
fn the_policys_hash_and_the_curves_own_count() {
    // Made with OpenSSL over `a message`, with SHA-256, SHA-384, SHA-512.
    let p384 = (
        "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE31v/8UyA0dKrfcTkqg2wzMlyR2DrGjR+r1Eq8Cacv3KVz/SuFQJ7QseQnVHuHKCk5/w3/Jy8FvJLzQqkrpSf9+6wT68Ifspo15PvJRf4nOsPBJSqB52WCrd/UiAxVUut",
        [
            "MGUCMFKGRX9RQEEU+badJkU2TqWOaBt7VbOUKtMj7a4acTUDFpa8rko4MQsk1TwrRxXSQgIxAPJwwd3s9AB+dEO+lq9c3heKGDBbs8+xwsobfv7TA1fIuSw0sdnDr/m83/Ol/tvUNw==",
            "MGUCMQD1Zpv9/SxP0qt7my4JfW6AKujBrlDT1hJ69qqNIz7E3Ve3p9dTsEZgZbUkmWxgwyMCMFdu5G5W1RGANzhEuKnrtS/s5WktjkLedMV26TbxVQ+a4IYGdMUmVmO4ztotOjAciA==",
            "MGUCMED/xzPuoMOzhq02/rMw+DQrpyARiJtSd+1hLOhQ6KMtN2CZpZkrqtAOC9fYCj13tQIxAP8TSgGknCcGp7yz+3dsDcub9FDPmJMmGBAnLiYnwOklqF7WVorHETMI1IcATpQCsw==",
        ],
    );
    let key = PublicKey::from_der(&STANDARD.decode(p384.0).unwrap()).unwrap();
    // T60c: what a policy asks for, and whether signatures with each hash are taken
    for (policy, taken) in [
        (HashAlgorithm::Sha256, [true, true, false]),
        (HashAlgorithm::Sha384, [false, true, false]),
        (HashAlgorithm::Sha512, [false, false, true]),
    ] {
        let anchor = Anchor::key(key.clone(), policy, Proofs::beside_key());
        for ((signature, hash), taken) in p384.1.into_iter().zip(HASHES).zip(taken) {
            let signature = STANDARD.decode(signature).unwrap();
            let message = Message::new(Cow::Borrowed(MESSAGE));
            let mut budget = Budget::per_image();
            let checked = by(&anchor, &message, &signature, &mut budget).unwrap();
            let refused = check_refused_hashes(&key, policy, &message, &signature, &mut budget).unwrap();
            let (expected, other) =
                if taken { (Check::Holds(hash), Check::Fails) } else { (Check::Fails, Check::Holds(hash)) };
            assert_eq!((checked, refused), (expected, other), "{policy:?} {hash:?}");
        }
    }
}

#[test]
fn ecdsa_numbers_are_checked() {
    // T60b: (r, s) = 0, ≥ n, and encodings that are not DER
    let signer = Signer::p256();
    let anchor = signer.anchor(HashAlgorithm::Sha256);
    let good = signer.sign(MESSAGE);
    let (r, s) = numbers(&good);
    assert!(holds(&anchor, &der(&r, &s)), "the test's own encoder");
    let order = [&[0][..], &unhex(P256_ORDER)].concat();
    let zero = [0].to_vec();
    let one = [1].to_vec();
    for (name, signature) in [
        ("(0, 0)", der(&zero, &zero)),
        ("(r, 0)", der(&r, &zero)),
        ("(0, s)", der(&zero, &s)),
        ("(1, 1)", der(&one, &one)),
        ("(n, n)", der(&order, &order)),
        ("(r, n)", der(&r, &order)),
        ("(r, s + n)", der(&r, &add(&s, &order))),
        ("(r + n, s)", der(&add(&r, &order), &s)),
        ("(s, r)", der(&s, &r)),
        ("r with a needless zero", der(&[&[0][..], &r].concat(), &s)),
        ("trailing bytes inside", {
            let mut bytes = der(&r, &s);
            bytes.push(0);
            bytes[1] += 1;
            bytes
        }),
        ("a length in two bytes", [&[0x30, 0x81][..], &good[1..]].concat()),
        ("an indefinite length", [&[0x30, 0x80][..], &good[2..], &[0, 0]].concat()),
        ("r and s alone", [fixed(&r, 32), fixed(&s, 32)].concat()),
    ] {
        assert!(!holds(&anchor, &signature), "{name}");
    }
}

#[test]
fn ed25519_takes_no_second_spelling() {
    // RFC 8032, 5.1.7: S below the order of the group. Adding the order is the one way to spell it otherwise.
    let signer = Signer::Ed25519(aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap());
    let anchor = signer.anchor(HashAlgorithm::Sha256);
    let good = signer.sign(MESSAGE);
    assert!(holds(&anchor, &good));
    let mut carry = 0u16;
    let mut other = good.clone();
    for (byte, order) in other[32..].iter_mut().zip(unhex(ED25519_ORDER)) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    assert!(!holds(&anchor, &other));
    // A policy's hash is none of Ed25519's.
    for hash in HASHES {
        assert!(holds(&signer.anchor(hash), &good));
    }
}

#[test]
fn checks_are_paid() {
    let signer = Signer::p256();
    let anchor = signer.anchor(HashAlgorithm::Sha256);
    let signature = signer.sign(MESSAGE);
    let message = Message::new(Cow::Borrowed(MESSAGE));
    let mut budget = Budget::of_signature_checks(1);
    assert!(matches!(by(&anchor, &message, &signature, &mut budget), Ok(Check::Holds(_))));
    assert!(by(&anchor, &message, &signature, &mut budget).is_err());

    // Two hashes are two checks.
    let (_, p384, _) = &Signer::every()[1];
    let mut budget = Budget::of_signature_checks(5);
    let anchor = p384.anchor(HashAlgorithm::Sha256);
    assert_eq!(by(&anchor, &message, &signature, &mut budget), Ok(Check::Fails));
    assert_eq!(budget.signature_checks_left(), 3);

    // Ed25519 pays for every megabyte that it hashes again.
    let (_, ed25519, _) = &Signer::every()[4];
    let long = Message::new(Cow::Owned(vec![0; 1 << 20]));
    let mut budget = Budget::of_signature_checks(20);
    let anchor = ed25519.anchor(HashAlgorithm::Sha256);
    assert_eq!(by(&anchor, &long, &signature, &mut budget), Ok(Check::Fails));
    assert_eq!(budget.signature_checks_left(), 11);
}

/// The two numbers of a signature.
fn numbers(signature: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let start = if signature[1] & 0x80 == 0 { 2 } else { 3 };
    let length = usize::from(signature[start + 1]);
    let r = signature[start + 2..start + 2 + length].to_vec();
    let s = signature[start + 4 + length..].to_vec();
    (r, s)
}

fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let mut inner = vec![0x02, length(r)];
    inner.extend(r);
    inner.extend([0x02, length(s)]);
    inner.extend(s);
    let head = if inner.len() < 0x80 { vec![0x30] } else { vec![0x30, 0x81] };
    [&head[..], &[length(&inner)], &inner[..]].concat()
}

fn fixed(number: &[u8], width: usize) -> Vec<u8> {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let number = &number[start..];
    [&vec![0; width - number.len()][..], number].concat()
}

/// Big-endian addition, with a leading zero where the sum would be negative.
fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let width = a.len().max(b.len()) + 1;
    let at = |number: &[u8], index: usize| {
        number.len().checked_sub(index + 1).map_or(0, |position| u16::from(number[position]))
    };
    let mut carry = 0;
    let mut sum: Vec<u8> = (0..width)
        .map(|index| {
            let digit = at(a, index) + at(b, index) + carry;
            carry = digit >> 8;
            u8::try_from(digit & 0xff).unwrap()
        })
        .collect();
    sum.reverse();
    while sum.len() > 1 && sum[0] == 0 && sum[1] < 0x80 {
        sum.remove(0);
    }
    sum
}
