use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

// Made with OpenSSL, and their private keys thrown away.
const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDNUyy5vAF2OTxbk9NhC2/raolzS0qG/k6fRfusdmlhQHYuzA/4z+NbS89RpG8qoJ/7mkgGwaT9phsKzF69Ab2A==";
const SECP384R1: &str = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEN4EaTCeF7wyt/QFVHiB5NIjQdYHLGEnBt0/qQ6CZsu4fSsjc57LiY4lxt9rBzTRmryONuPB4tTDyCWQ3T4AwBQWoQS/YKnAtlrJcNrYmSuYXfvfWMcwsFBqhz+5tlZ0V";
const SECP521R1: &str = "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAyVNUTDQbdCKH6x2pAdW+QUvMJuIBF0Hd8oj44a/kX/e1iLVccIrxhDoEYE/hGnkPkLjoeFCd2byoVOtCcazSfUMBfGlp9gA0QZybdOJMSNe11YjYvkgmydt1OwOF/qWVfW51YQc/hso6htuYOCTeTxqfRZauZuNAEEKnNcQGFzsOvk8=";
const ED: &str = "MCowBQYDK2VwAyEA0xOlBHlZGS7xppcAbMAelhRiiGl4LcuoJXLGpGRrVdc=";
const RSA2048: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1aEKI42mbBKf6afyRXH1xplYIxn8C9XMl8z3oxZx2gvpYrv/n4hCo5h3s26Dzqd/K+oit/Y7s9IrudZPlNLhHb85haaeYT9NTIKm2rEPelqti19Q9aOwFNNxYoF+kKkcmkJDFaSHUQH/e/VRwwob+JxANPHw8u2hymhD7P6vBHXdfKXyGOSt2oSTm2PNaDATOxuOF2c9bBFD6Pa5swJLrth6rrDBA0m3v6TXoWPv2iWJQhNHzcYh+zwKOvUcgKgIzg7w8V9o6cEeQGMpDMzRYZK/48Z25dcyR2oFDZ2u3WGywQWz/HVAphEAefPcNgJxR5lr9eQSr86glaoF4L2r9wIDAQAB";
const SECP224R1: &str =
    "ME4wEAYHKoZIzj0CAQYFK4EEACEDOgAEKrVwGP9LzXESPW2MJslLWHHFJ4WgJ1C56uLtDshSuuc+DUcAKZuyMJ7ryeYFWkF0xK7LQyzDhug=";
const SECP256K1: &str = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAElkY6WRxcnmD54Ph8h+GsPTVNv6ysffAxZJySeJdAZ/Z5t8i+Lzz8ENAoTIvUruMQjVZZsrb0slySWDxjftM9HA==";
const BRAINPOOLP256R1: &str = "MFowFAYHKoZIzj0CAQYJKyQDAwIIAQEHA0IABIhJlq/zbp/+c/DRo16AW+GLFe0vn8qK1U+UZaBJHgR7YWs6l9lO1WlU5qnTyNs7v3LiIing62bLqrnRZN0rzkA=";
const P256C: &str = "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACDNUyy5vAF2OTxbk9NhC2/raolzS0qG/k6fRfusdmlhQ=";
const P256E: &str = "MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABAzVMsubwBdjk8W5PTYQtv62qJc0tKhv5On0X7rHZpYUB2LswP+M/jW0vPUaRvKqCf+5pIBsGk/aYbCsxevQG9g=";
const RSA1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDC4QOicbg471l8OvKTCm58VtoqwzrimjftaxoQyFAbunHJRA+1QRQafNsBwPEg5epAQUZFYWi2pq9U1sJCrqhzDPa230A6hUCdB3NiHNC8UL3RymEAISoH6kdLSYN50Z+WC85gUmqATFu/H7rAxlAIQ61Y5oDANE1Wgw5udfDc1QIDAQAB";
const PSS: &str = "MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBALGlICAuWKg+w7mhcZZ2HA0qKElSB5XAJPEIc7qJz1UjvEBfXH0LD3eIRDfF20Qug9shpv5jDSAxLf97pEZwjxq0Wa28iZNJlpAjh9fFfrVU1Yn6y7UlM1bRqrU1SB66wa1dYr/s14vCDMPzawBWDGgFpGsoV3zoLCN1mpVdhcB3lg2/VI2rOt1fxAkFMepmTyYWuQmu5SHaN59hdpKLYAQOcgxsxHUR3c6mW76a9QvuVCIB2IKPuqqhKbJHO+Um2hOhbLovt2vgva6GicHdYjfRbTXtSIpus6k2RT1IXxnzwbbO3u1rtK1Cwn6ATv0J2aOiwqg1FwTtpZ53ztNjvp0CAwEAAQ==";
const X25519: &str = "MCowBQYDK2VuAyEAprnOWlZYpU595+uDU6ip8dwwYM71eX98UUlXq6MbUHs=";
const ED448: &str = "MEMwBQYDK2VxAzoAAkgoAcBgg/zGezU7//rjnA1EJLh+f1sUChgchaOjreLDJbpa1Pm+VkcGaxfnh7aspF0CQGFo0/aA";

fn unhex(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}

fn pem(body: &str) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}

#[test]
fn reads_each_algorithm() {
    for (body, algorithm) in [
        (P256, KeyAlgorithm::EcdsaP256),
        (SECP384R1, KeyAlgorithm::EcdsaP384),
        (SECP521R1, KeyAlgorithm::EcdsaP521),
        (ED, KeyAlgorithm::Ed25519),
        (RSA2048, KeyAlgorithm::Rsa),
    ] {
        let key = PublicKey::from_pem(&pem(body)).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(STANDARD.encode(key.spki_der()), body);
        assert_eq!(key.fingerprint(), Digest::of(key.spki_der()));
        assert_eq!(PublicKey::from_der(key.spki_der()).as_ref(), Ok(&key));
        // Only the first block counts.
        let two = format!("{}{}", pem(body), pem(RSA1024));
        assert_eq!(PublicKey::from_pem(&two), Ok(key));
    }
}

#[test]
fn refuses_weak_and_foreign_keys() {
    // T55: P-224 and small RSA; curves, encodings and algorithms that no signer here uses.
    for (body, error) in [
        (SECP224R1, ParseKeyError::Unsupported),
        (SECP256K1, ParseKeyError::Unsupported),
        (BRAINPOOLP256R1, ParseKeyError::Unsupported),
        (P256C, ParseKeyError::Unsupported),
        (P256E, ParseKeyError::Malformed),
        (RSA1024, ParseKeyError::Unsupported),
        (PSS, ParseKeyError::Unsupported),
        (X25519, ParseKeyError::Unsupported),
        (ED448, ParseKeyError::Unsupported),
    ] {
        assert_eq!(PublicKey::from_pem(&pem(body)), Err(error), "{body}");
    }
}

#[test]
fn refuses_points_of_small_order() {
    // T60b. With such a key and a signature of S = 0, one message in eight verifies whatever it says; the library is
    // asked whether each entry of the list is one.
    use aws_lc_rs::signature::UnparsedPublicKey;
    let prefix = STANDARD.decode(ED).unwrap()[..12].to_vec();
    for (index, y) in SMALL_ORDER.into_iter().enumerate() {
        for sign in [0, 0x80] {
            let mut key: Vec<u8> = unhex(y);
            key[31] |= sign;
            let forged = (0..=255u8).any(|message| {
                let mut signature = [0; 64];
                signature[0] = 1;
                UnparsedPublicKey::new(&ED25519, &key).verify(&[message], &signature).is_ok()
            });
            let der = [prefix.clone(), key].concat();
            assert_eq!(PublicKey::from_der(&der), Err(ParseKeyError::Weak), "{y} {sign}");
            // The library itself refuses those that are not reduced.
            if sign == 0 && index < 5 {
                assert!(forged, "{y} is a point of small order");
            }
        }
    }
}

#[test]
fn refuses_what_is_no_key() {
    let der = STANDARD.decode(P256).unwrap();
    for end in 0..der.len() {
        assert!(PublicKey::from_der(&der[..end]).is_err(), "{end} bytes");
    }
    let longer = [&der[..], &[0]].concat();
    assert_eq!(PublicKey::from_der(&longer), Err(ParseKeyError::Malformed));
    // A point that is not on the curve.
    let mut off = der.clone();
    off[90] ^= 1;
    assert_eq!(PublicKey::from_der(&off), Err(ParseKeyError::Malformed));
    for text in ["", "key", "-----BEGIN PUBLIC KEY-----", P256] {
        assert_eq!(PublicKey::from_pem(text), Err(ParseKeyError::NotPem), "{text}");
    }
    for (tag, message) in [
        (
            "EC PRIVATE KEY",
            "the PEM block is a `EC PRIVATE KEY`, not a `PUBLIC KEY`; a private key belongs to its signer alone",
        ),
        (
            "RSA PUBLIC KEY",
            "the PEM block is a `RSA PUBLIC KEY`, not a `PUBLIC KEY`; convert it with `openssl rsa -RSAPublicKey_in -pubout`",
        ),
        (
            "CERTIFICATE",
            "the PEM block is a `CERTIFICATE`, not a `PUBLIC KEY`; take its key out with `openssl x509 -noout -pubkey`",
        ),
    ] {
        let text = pem(P256).replace("PUBLIC KEY", tag);
        assert_eq!(PublicKey::from_pem(&text).unwrap_err().to_string(), message);
    }
    let long = "x".repeat(PUBLIC_KEY_BYTES + 1);
    assert!(matches!(PublicKey::from_pem(&long), Err(ParseKeyError::LimitExceeded(_))));
}
