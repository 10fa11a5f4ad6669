//! Every algorithm with every hash, and everything that can be wrong with a signature: one table, in which a cell that is
//! missing shows.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P521_SHA256_ASN1_SIGNING, ECDSA_P521_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};

use super::*;
use crate::trust::ParseKeyError;

/// What is wrong with a signature or its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// A number of the signature is the order of the group, or above.
    AboveOrder,
    /// Any byte of it.
    BitFlip,
    Empty,
    /// Over a hash that the policy does not take.
    Hash,
    /// Another key of the same kind.
    Key,
    /// Over another message.
    Message,
    /// The numbers alone, as JOSE has them.
    NotDer,
    /// RSA-PSS, where PKCS #1 v1.5 is meant.
    Padding,
    /// A key with which anything verifies.
    SmallOrderKey,
    Trailing,
    Truncated,
    /// A number of the signature is zero.
    Zero,
}

const ALL: [Wrong; 12] = [
    Wrong::AboveOrder,
    Wrong::BitFlip,
    Wrong::Empty,
    Wrong::Hash,
    Wrong::Key,
    Wrong::Message,
    Wrong::NotDer,
    Wrong::Padding,
    Wrong::SmallOrderKey,
    Wrong::Trailing,
    Wrong::Truncated,
    Wrong::Zero,
];

/// Whether that can be wrong with a signature by such a key at all.
fn can_be(wrong: Wrong, algorithm: KeyAlgorithm) -> bool {
    match wrong {
        Wrong::AboveOrder
        | Wrong::BitFlip
        | Wrong::Empty
        | Wrong::Key
        | Wrong::Message
        | Wrong::Trailing
        | Wrong::Truncated
        | Wrong::Zero => true,
        Wrong::Hash => algorithm != KeyAlgorithm::Ed25519,
        Wrong::NotDer => !matches!(algorithm, KeyAlgorithm::Ed25519 | KeyAlgorithm::Rsa),
        Wrong::Padding => algorithm == KeyAlgorithm::Rsa,
        Wrong::SmallOrderKey => algorithm == KeyAlgorithm::Ed25519,
    }
}

/// A key with one hash that a policy asks for.
struct Row {
    name: String,
    key: PublicKey,
    /// The same kind of key, of somebody else.
    other_key: PublicKey,
    hash: HashAlgorithm,
    good: Vec<u8>,
    /// The key's signature over a hash that is not taken.
    other_hash: Option<Vec<u8>>,
    /// The key's signature with the other padding.
    other_padding: Option<Vec<u8>>,
}

/// The public keys of two owners, and signatures of the first over `a message` with SHA-256, SHA-384 and SHA-512. Made with
/// OpenSSL; the library signs with one hash for each of these curves.
type Vectors = (&'static str, &'static str, [&'static str; 3]);

const P256: Vectors = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+484x3DqfrNVec+TZz2qdbSQG7EBtg0t+jceKTBhm6Zi/Ae8KdHStTqJfvcE2iboShb8g5gvS0tbDyszsYZMQA==",
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDNUyy5vAF2OTxbk9NhC2/raolzS0qG/k6fRfusdmlhQHYuzA/4z+NbS89RpG8qoJ/7mkgGwaT9phsKzF69Ab2A==",
    [
        "MEQCIG6vM3MrAeYRYAvQ6MBIm5l+cchfOGezWCWJkcHKuDQtAiBwFsUdLoLOcKkm2MKNqGIKlIeGnEafUbhZs4uDVGlEVw==",
        "MEUCIGMMHI6ZIaxiSrhu6Perb94VmNAg9Hn03y6E+KCrWXQZAiEAgiDEJgQCNubN5J9uMWhCQTrRIb2YG/0yBVo+lQAuE/Y=",
        "MEUCIDumiQsHJwlw+oWueQj4Fw4aZCx4FKzcV1UR5682YYBwAiEA4/STzJ5SAG4bLKJ9Vpnsnf70hUJsEu/seJFFZpPxQDo=",
    ],
);
const P384: Vectors = (
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE31v/8UyA0dKrfcTkqg2wzMlyR2DrGjR+r1Eq8Cacv3KVz/SuFQJ7QseQnVHuHKCk5/w3/Jy8FvJLzQqkrpSf9+6wT68Ifspo15PvJRf4nOsPBJSqB52WCrd/UiAxVUut",
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEN4EaTCeF7wyt/QFVHiB5NIjQdYHLGEnBt0/qQ6CZsu4fSsjc57LiY4lxt9rBzTRmryONuPB4tTDyCWQ3T4AwBQWoQS/YKnAtlrJcNrYmSuYXfvfWMcwsFBqhz+5tlZ0V",
    [
        "MGUCMFKGRX9RQEEU+badJkU2TqWOaBt7VbOUKtMj7a4acTUDFpa8rko4MQsk1TwrRxXSQgIxAPJwwd3s9AB+dEO+lq9c3heKGDBbs8+xwsobfv7TA1fIuSw0sdnDr/m83/Ol/tvUNw==",
        "MGUCMQD1Zpv9/SxP0qt7my4JfW6AKujBrlDT1hJ69qqNIz7E3Ve3p9dTsEZgZbUkmWxgwyMCMFdu5G5W1RGANzhEuKnrtS/s5WktjkLedMV26TbxVQ+a4IYGdMUmVmO4ztotOjAciA==",
        "MGUCMED/xzPuoMOzhq02/rMw+DQrpyARiJtSd+1hLOhQ6KMtN2CZpZkrqtAOC9fYCj13tQIxAP8TSgGknCcGp7yz+3dsDcub9FDPmJMmGBAnLiYnwOklqF7WVorHETMI1IcATpQCsw==",
    ],
);

/// The orders of the groups (FIPS 186-4, D.1.2), big-endian.
const P384_ORDER: &str =
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";
const P521_ORDER: &str = "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409";

fn rows() -> &'static [Row] {
    static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
        let mut rows = of_vectors("P-256", &P256);
        rows.extend(of_vectors("P-384", &P384));
        rows.extend(p521());
        rows.push(ed25519());
        for (name, size) in
            [("RSA 2048", KeySize::Rsa2048), ("RSA 3072", KeySize::Rsa3072), ("RSA 4096", KeySize::Rsa4096)]
        {
            rows.extend(rsa(name, size));
        }
        rows
    });
    &ROWS
}

/// The place of a hash that a policy with this one does not take; the curve's own is taken beside SHA-256.
fn refused(hash: HashAlgorithm, key: KeyAlgorithm) -> usize {
    match (hash, key) {
        (HashAlgorithm::Sha256, KeyAlgorithm::EcdsaP521) | (HashAlgorithm::Sha512, _) => 1,
        (HashAlgorithm::Sha256 | HashAlgorithm::Sha384, _) => 2,
    }
}

fn of_hashes(name: &str, key: &PublicKey, other_key: &PublicKey, signatures: &[Vec<u8>; 3]) -> Vec<Row> {
    let row = |(index, hash): (usize, HashAlgorithm)| Row {
        name: format!("{name} with {hash:?}"),
        key: key.clone(),
        other_key: other_key.clone(),
        hash,
        good: signatures[index].clone(),
        other_hash: Some(signatures[refused(hash, key.algorithm())].clone()),
        other_padding: None,
    };
    HASHES.into_iter().enumerate().map(row).collect()
}

fn of_vectors(name: &str, (key, other, signatures): &Vectors) -> Vec<Row> {
    let key_of = |text: &str| PublicKey::from_der(&STANDARD.decode(text).unwrap()).unwrap();
    of_hashes(name, &key_of(key), &key_of(other), &signatures.map(|text| STANDARD.decode(text).unwrap()))
}

fn p521() -> Vec<Row> {
    let algorithms: [&'static EcdsaSigningAlgorithm; 3] =
        [&ECDSA_P521_SHA256_ASN1_SIGNING, &ECDSA_P521_SHA384_ASN1_SIGNING, &ECDSA_P521_SHA512_ASN1_SIGNING];
    let pkcs8 = EcdsaKeyPair::generate(algorithms[0]).unwrap().to_pkcs8v1().unwrap();
    let pair = |algorithm| EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap();
    let signatures = algorithms.map(|algorithm| Signer::Ecdsa(pair(algorithm)).sign(MESSAGE));
    let key = Signer::Ecdsa(pair(algorithms[0])).public_key();
    of_hashes("P-521", &key, &Signer::ecdsa(algorithms[0]).public_key(), &signatures)
}

fn ed25519() -> Row {
    let signer = || Signer::Ed25519(Ed25519KeyPair::generate().unwrap());
    let owner = signer();
    Row {
        name: "Ed25519".to_owned(),
        key: owner.public_key(),
        other_key: signer().public_key(),
        hash: HashAlgorithm::Sha256,
        good: owner.sign(MESSAGE),
        other_hash: None,
        other_padding: None,
    }
}

fn rsa(name: &str, size: KeySize) -> Vec<Row> {
    let pair = RsaKeyPair::generate(size).unwrap();
    let key_of = |pair: &RsaKeyPair| PublicKey::from_der(pair.public_key().as_der().unwrap().as_ref()).unwrap();
    let other = key_of(&RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    let sign = |encoding: &'static dyn RsaEncoding| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), MESSAGE, &mut signature).unwrap();
        signature
    };
    let pkcs1: [&'static dyn RsaEncoding; 3] = [&RSA_PKCS1_SHA256, &RSA_PKCS1_SHA384, &RSA_PKCS1_SHA512];
    let pss: [&'static dyn RsaEncoding; 3] = [&RSA_PSS_SHA256, &RSA_PSS_SHA384, &RSA_PSS_SHA512];
    let rows = of_hashes(name, &key_of(&pair), &other, &pkcs1.map(sign));
    rows.into_iter().zip(pss).map(|(row, pss)| Row { other_padding: Some(sign(pss)), ..row }).collect()
}

impl Row {
    /// The signatures that are wrong in this way; none where it is not the signature that is wrong.
    fn broken(&self, wrong: Wrong) -> Vec<Vec<u8>> {
        let good = &self.good;
        match wrong {
            Wrong::AboveOrder | Wrong::NotDer | Wrong::Zero => self.with_numbers(wrong),
            Wrong::BitFlip => {
                let step = if good.len() > 200 { 7 } else { 1 };
                let flipped = |at: usize| {
                    let mut broken = good.clone();
                    broken[at] ^= 1 << (at % 8);
                    broken
                };
                (0..good.len()).step_by(step).map(flipped).collect()
            }
            Wrong::Empty => vec![Vec::new()],
            Wrong::Hash => self.other_hash.iter().cloned().collect(),
            Wrong::Padding => self.other_padding.iter().cloned().collect(),
            Wrong::Trailing => vec![[good, &[0][..]].concat(), [good.as_slice(), good].concat()],
            Wrong::Truncated => vec![good[..good.len() - 1].to_vec(), good[1..].to_vec(), good[..1].to_vec()],
            Wrong::Key | Wrong::Message | Wrong::SmallOrderKey => Vec::new(),
        }
    }

    /// The signature with other numbers in it, or in another form.
    fn with_numbers(&self, wrong: Wrong) -> Vec<Vec<u8>> {
        let order = match self.key.algorithm() {
            KeyAlgorithm::EcdsaP256 => unhex(P256_ORDER),
            KeyAlgorithm::EcdsaP384 => unhex(P384_ORDER),
            KeyAlgorithm::EcdsaP521 => unhex(P521_ORDER),
            KeyAlgorithm::Ed25519 | KeyAlgorithm::Rsa => {
                let byte = if wrong == Wrong::Zero { 0 } else { 0xff };
                return vec![vec![byte; self.good.len()]];
            }
        };
        let width = order.len();
        let order = if order[0] & 0x80 == 0 { order } else { [&[0][..], &order].concat() };
        let (r, s) = numbers(&self.good);
        let zero = vec![0];
        if wrong == Wrong::AboveOrder {
            vec![
                der(&order, &order),
                der(&r, &order),
                der(&order, &s),
                der(&r, &add(&s, &order)),
                der(&add(&r, &order), &s),
            ]
        } else if wrong == Wrong::NotDer {
            vec![[fixed(&r, width), fixed(&s, width)].concat(), r]
        } else {
            vec![der(&zero, &zero), der(&r, &zero), der(&zero, &s)]
        }
    }

    fn holds(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        let anchor = Anchor::key(key.clone(), self.hash, Proofs::beside_key());
        check_message(&anchor, message, signature) != Check::Fails
    }

    /// Whether what is wrong is refused.
    fn refuses(&self, wrong: Wrong) -> bool {
        match wrong {
            Wrong::Key => !self.holds(&self.other_key, MESSAGE, &self.good),
            Wrong::Message => !self.holds(&self.key, b"a massage", &self.good),
            Wrong::SmallOrderKey => small_order(&self.key) == Err(ParseKeyError::Weak),
            Wrong::AboveOrder
            | Wrong::BitFlip
            | Wrong::Empty
            | Wrong::Hash
            | Wrong::NotDer
            | Wrong::Padding
            | Wrong::Trailing
            | Wrong::Truncated
            | Wrong::Zero => {
                let broken = self.broken(wrong);
                !broken.is_empty() && broken.iter().all(|signature| !self.holds(&self.key, MESSAGE, signature))
            }
        }
    }
}

/// The same kind of key, which is the neutral element of its group (RFC 8032, 5.1).
fn small_order(key: &PublicKey) -> Result<PublicKey, ParseKeyError> {
    let mut der = key.spki_der().to_vec();
    let start = der.len() - 32;
    der[start..].fill(0);
    der[start] = 1;
    PublicKey::from_der(&der)
}

/// T60b, T60c: each cell is refused, and each row has the good signature from which it differs.
#[test]
fn t60b_every_algorithm_and_everything_that_can_be_wrong_with_it() {
    let mut cells = 0;
    for row in rows() {
        assert!(row.holds(&row.key, MESSAGE, &row.good), "{}", row.name);
        for wrong in ALL.into_iter().filter(|wrong| can_be(*wrong, row.key.algorithm())) {
            assert!(row.refuses(wrong), "{}: {wrong:?}", row.name);
            cells += 1;
        }
    }
    // Three curves and three sizes of RSA with three hashes each, and Ed25519.
    assert_eq!((rows().len(), cells), (19, 9 * 10 + 9 * 10 + 9));
}
