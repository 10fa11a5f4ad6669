//! What an attestation says: a predicate and its type.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::predicate_kind::{CUSTOM, Kind, SPDX};
use crate::evidence::Statement;
use crate::limits;

/// A predicate type: a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredicateType(String);

impl PredicateType {
    /// Reads a short name, as in `slsaprovenance1`, or any URI, which is kept as it is written.
    ///
    /// # Errors
    /// When the text is neither, or the type that is reserved for signatures.
    pub fn parse(text: &str) -> Result<Self, PredicateError> {
        if let Some(kind) = Kind::named(text) {
            return Ok(Self(kind.uri.to_owned()));
        }
        if text == Statement::COSIGN_SIGN {
            return Err(PredicateError::Reserved);
        }
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !printable || url::Url::parse(text).is_err() {
            return Err(PredicateError::Type(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PredicateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A predicate: a JSON object of a stated type.
#[derive(Debug)]
pub struct Predicate {
    predicate_type: PredicateType,
    body: Box<RawValue>,
}

impl Predicate {
    /// Makes a predicate of what a file holds. Where the type is `custom`, the file may hold any text, and becomes
    /// `{"Data": …, "Timestamp": …}` as cosign writes it, with `now` as the time; SPDX may be in its form of lines, and is
    /// one text then. Under any other type it has to be a JSON object, and is kept byte for byte.
    ///
    /// # Errors
    /// When the file is too large, no text (`custom`) or no JSON object (any other type), or the type is known and what
    /// has to stand in it is not there.
    pub fn new(predicate_type: PredicateType, file: &[u8], now: Timestamp) -> Result<Self, PredicateError> {
        if file.len() > limits::PREDICATE_BYTES {
            return Err(PredicateError::TooLarge);
        }
        let text = std::str::from_utf8(file).map_err(|_| PredicateError::NotText)?;
        let body = if predicate_type.as_str() == CUSTOM {
            custom(text, now)?
        } else if predicate_type.as_str() == SPDX && text.trim_start().starts_with("SPDXVersion:") {
            serde_json::value::to_raw_value(text).map_err(|error| PredicateError::NotJson(error.to_string()))?
        } else {
            let body: Box<RawValue> =
                serde_json::from_str(text).map_err(|error| PredicateError::NotJson(error.to_string()))?;
            if !body.get().starts_with('{') {
                return Err(PredicateError::NotObject);
            }
            if let Some(kind) = Kind::of(predicate_type.as_str()) {
                let value =
                    serde_json::from_str(body.get()).map_err(|error| PredicateError::NotJson(error.to_string()))?;
                if let Some(missing) = kind.missing(&value) {
                    return Err(PredicateError::Missing { predicate_type: kind.uri, missing });
                }
            }
            body
        };
        Ok(Self { predicate_type, body })
    }

    /// The type.
    pub fn predicate_type(&self) -> &PredicateType {
        &self.predicate_type
    }

    /// The body.
    pub(super) fn body(&self) -> &RawValue {
        &self.body
    }
}

fn custom(text: &str, now: Timestamp) -> Result<Box<RawValue>, PredicateError> {
    #[derive(Serialize)]
    struct Custom<'a> {
        #[serde(rename = "Data")]
        data: &'a str,
        #[serde(rename = "Timestamp")]
        timestamp: String,
    }
    serde_json::value::to_raw_value(&Custom { data: text, timestamp: super::seconds(now) })
        .map_err(|error| PredicateError::NotJson(error.to_string()))
}

/// Why there is no predicate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredicateError {
    /// The type is known, and what has to stand in it is not there.
    #[error("a predicate of type `{predicate_type}` needs {missing}")]
    Missing {
        /// The type.
        predicate_type: &'static str,
        /// What it needs.
        missing: String,
    },
    /// The file is no JSON.
    #[error("the predicate is no JSON: {0}")]
    NotJson(String),
    /// The file is JSON, but no object.
    #[error("the predicate is no JSON object")]
    NotObject,
    /// The file is no UTF-8.
    #[error("the predicate is no UTF-8 text")]
    NotText,
    /// [`Statement::COSIGN_SIGN`]: an attestation of this type would pass for a signature.
    #[error(
        "the predicate type `{}` is reserved for signatures; `countersign sign` makes them",
        Statement::COSIGN_SIGN
    )]
    Reserved,
    /// The file is larger than [`limits::PREDICATE_BYTES`].
    #[error("a predicate has at most {} bytes", limits::PREDICATE_BYTES)]
    TooLarge,
    /// The type is no URI.
    #[error(
        "the predicate type `{0}` is neither a short name such as `spdxjson` nor a URI, as in `https://slsa.dev/provenance/v1`"
    )]
    Type(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_custom_or_a_uri() {
        for (text, uri) in [
            ("custom", CUSTOM),
            ("spdx", SPDX),
            ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
            (CUSTOM, CUSTOM),
            ("https://Example.com/a b", ""),
            ("https://Example.com/A", "https://Example.com/A"),
            ("urn:example:scan", "urn:example:scan"),
            ("", ""),
            ("slsa", ""),
            ("/provenance/v1", ""),
            ("https://", ""),
            ("https://a/\n", ""),
        ] {
            match PredicateType::parse(text) {
                Ok(parsed) => assert_eq!(parsed.as_str(), uri, "{text:?}"),
                Err(error) => {
                    assert_eq!(uri, "", "{text:?}");
                    assert_eq!(error, PredicateError::Type(text.to_owned()));
                }
            }
        }
        assert_eq!(PredicateType::parse(Statement::COSIGN_SIGN), Err(PredicateError::Reserved));
    }

    #[test]
    fn bodies() {
        let now: Timestamp = "2026-11-21T03:44:29.75Z".parse().unwrap();
        let body = |name: &str, file: &[u8]| {
            Predicate::new(PredicateType::parse(name).unwrap(), file, now)
                .map(|predicate| predicate.body().get().to_owned())
        };
        let uri = "https://example.com/scan";
        // Kept as it is, spaces and order and all.
        assert_eq!(body(uri, b" {\"x\":1,  \"a\":2.50}\n").unwrap(), "{\"x\":1,  \"a\":2.50}");
        assert_eq!(
            body("custom", b"{\"x\":1}\n").unwrap(),
            r#"{"Data":"{\"x\":1}\n","Timestamp":"2026-11-21T03:44:29Z"}"#
        );
        assert_eq!(body("custom", b"").unwrap(), r#"{"Data":"","Timestamp":"2026-11-21T03:44:29Z"}"#);
        assert_eq!(body(uri, b"[1]"), Err(PredicateError::NotObject));
        assert_eq!(body(uri, b"1"), Err(PredicateError::NotObject));
        // Of a known type, what has to be there is; the rest is kept as it is.
        let bom = b"{\"bomFormat\":\"CycloneDX\", \"specVersion\":\"1.6\",\n \"x\":1.50}";
        assert_eq!(body("cyclonedx", bom).unwrap().as_bytes(), bom);
        assert!(matches!(body("cyclonedx", b"{}"), Err(PredicateError::Missing { .. })));
        assert_eq!(body("spdx", b"SPDXVersion: SPDX-2.3\n").unwrap(), "\"SPDXVersion: SPDX-2.3\\n\"");
        for bad in [&b""[..], b"text", b"{", b"{} {}", b"{\"a\":}"] {
            assert!(matches!(body(uri, bad), Err(PredicateError::NotJson(_))), "{bad:?}");
        }
        assert_eq!(body("custom", b"\xff"), Err(PredicateError::NotText));
        assert_eq!(body(uri, b"\xff"), Err(PredicateError::NotText));
        assert_eq!(body(uri, &vec![b' '; limits::PREDICATE_BYTES + 1]), Err(PredicateError::TooLarge));
    }
}
