//! Content digests.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};

/// A SHA-256 digest of a manifest or blob, printed as `sha256:<64 lower-case hex digits>`.
///
/// Other algorithms of the OCI image specification are refused: no registry in use stores manifests under them, and
/// every evidence layout names its subject by SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut sum = [0; 32];
        sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(sum)
    }

    /// A digest from its 32 raw bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 lower-case hex digits, without the algorithm.
    pub fn hex(&self) -> String {
        let mut hex = String::with_capacity(64);
        for byte in self.0 {
            for nibble in [byte >> 4, byte & 0x0f] {
                hex.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        hex
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    /// Parses the one canonical spelling; upper-case hex is refused as the OCI image specification does
    /// (<https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#sha-256>).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (algorithm, hex) = text.split_once(':').ok_or(ParseDigestError::NoAlgorithm)?;
        if algorithm != "sha256" {
            return Err(ParseDigestError::UnsupportedAlgorithm);
        }
        if hex.len() != 64 {
            return Err(ParseDigestError::Length);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = pair.iter().try_fold(0, |value, digit| Ok((value << 4) | nibble(*digit)?))?;
        }
        Ok(Self(bytes))
    }
}

fn nibble(digit: u8) -> Result<u8, ParseDigestError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(ParseDigestError::NotLowerHex),
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseDigestError {
    /// The hex part has another length than 64.
    #[error("a sha256 digest has 64 hex digits")]
    Length,
    /// There is no `:` between algorithm and hex.
    #[error("a digest starts with its algorithm, as in `sha256:…`")]
    NoAlgorithm,
    /// A character is not in `0-9a-f`.
    #[error("a digest is written in lower-case hex")]
    NotLowerHex,
    /// The algorithm is not sha256.
    #[error("only sha256 digests are supported")]
    UnsupportedAlgorithm,
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn prints_what_it_parsed() {
        let digest: Digest = EMPTY.parse().unwrap();
        assert_eq!(digest.to_string(), EMPTY);
        assert_eq!(digest, Digest::of(b""));
    }

    #[test]
    fn refuses_what_is_no_digest() {
        let bad = [
            ("", ParseDigestError::NoAlgorithm),
            ("e3b0c442", ParseDigestError::NoAlgorithm),
            ("sha256:", ParseDigestError::Length),
            (EMPTY.strip_suffix('5').unwrap(), ParseDigestError::Length),
            (&format!("{EMPTY}0"), ParseDigestError::Length),
            (&EMPTY.to_uppercase(), ParseDigestError::UnsupportedAlgorithm),
            (&EMPTY.replace("e3b0", "E3B0"), ParseDigestError::NotLowerHex),
            (&EMPTY.replace("e3b0", "../."), ParseDigestError::NotLowerHex),
            (&EMPTY.replace("sha256", "sha512"), ParseDigestError::UnsupportedAlgorithm),
        ];
        for (text, expected) in bad {
            assert_eq!(text.parse::<Digest>(), Err(expected), "{text}");
        }
    }
}
