use super::*;
use crate::trust::PublicKey;

/// Keys that OpenSSL 3.0.19 wrote; the password is `x`.
macro_rules! data {
    ($name:literal) => {
        include_str!(concat!("../../../tests/data/keys/import/", $name, ".pem"))
    };
}

fn import(text: &str, password: &str) -> Result<SigningKey, KeyError> {
    SigningKey::import(text, || Ok(Password::new(password.into()).unwrap()))
}

fn refusal(text: &str, password: &str) -> PrivatePemError {
    let error = import(text, password).unwrap_err();
    if let KeyError::PrivatePem(error) = error { error } else { panic!("{error:?}") }
}

#[test]
fn reads_what_openssl_writes() {
    for (name, private, public) in [
        ("SEC1", data!("sec1-p256"), data!("p256.pub")),
        ("PKCS#8", data!("pkcs8-p256"), data!("p256.pub")),
        ("PBES2", data!("pbes2-p256"), data!("p256.pub")),
        ("PBES2 with scrypt", data!("scrypt-p256"), data!("p256.pub")),
        ("PKCS#8 P-384", data!("pkcs8-p384"), data!("p384.pub")),
        ("PKCS#8 P-521", data!("pkcs8-p521"), data!("p521.pub")),
        ("SEC1 P-521", data!("sec1-p521"), data!("p521.pub")),
        ("PKCS#8 Ed25519", data!("pkcs8-ed25519"), data!("ed25519.pub")),
        ("PKCS#8 RSA", data!("pkcs8-rsa"), data!("rsa.pub")),
        ("PKCS#1", data!("pkcs1-rsa"), data!("rsa.pub")),
    ] {
        let key = import(private, "x").unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(*key.public_key(), PublicKey::from_pem(public).unwrap(), "{name}");
    }
}

#[test]
fn asks_for_a_password_only_where_one_is_needed() {
    let never = || -> Result<Password, KeyError> { panic!("asked") };
    for text in [data!("sec1-p256"), data!("pkcs8-p256"), data!("pkcs1-rsa")] {
        assert!(SigningKey::import(text, never).is_ok());
    }
    // What is refused is refused before somebody types.
    assert!(SigningKey::import(data!("costly-p256"), never).is_err());
    assert!(SigningKey::import(data!("dek-info-p256"), never).is_err());
}

#[test]
fn says_why_not() {
    for text in [data!("pbes2-p256"), data!("scrypt-p256")] {
        for password in ["", "y", "xx"] {
            assert_eq!(refusal(text, password), PrivatePemError::WrongPassword, "{password:?}");
        }
    }
    assert!(matches!(refusal(data!("costly-p256"), "x"), PrivatePemError::Costs(_)));
    assert_eq!(refusal(data!("des3-p256"), "x"), PrivatePemError::Encryption);
    assert_eq!(refusal(data!("dek-info-p256"), "x"), PrivatePemError::DekInfo);
    assert_eq!(refusal(data!("p256.pub"), "x"), PrivatePemError::NotPrivateKey("PUBLIC KEY".to_owned()));
    assert_eq!(
        refusal(include_str!("../../../tests/data/keys/cosign-3.1.3.key"), "x"),
        PrivatePemError::AlreadyImported
    );
    for text in ["", "text", "-----BEGIN PRIVATE KEY-----"] {
        assert_eq!(refusal(text, "x"), PrivatePemError::NotPem, "{text:?}");
    }
    assert_eq!(refusal(&" ".repeat(limits::PRIVATE_KEY_BYTES + 1), "x"), PrivatePemError::TooLarge);
    assert_eq!(import(data!("pkcs1-rsa1024"), "x").unwrap_err(), KeyError::Unsupported);
    // A label that says what its contents are not.
    let mislabelled = data!("pkcs8-p256").replace("PRIVATE KEY", "RSA PRIVATE KEY");
    assert_eq!(import(&mislabelled, "x").unwrap_err(), KeyError::Unsupported);
}
