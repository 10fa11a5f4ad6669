//! Simple-signing payloads.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::ArtifactError;
use super::json::{StringOrOther, UniqueMap};
use crate::image::Digest;
use crate::limits::{Exceeded, PAYLOAD_ANNOTATIONS, Scope};

/// What a simple-signing payload says
/// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#simple-signing>; the format is
/// <https://github.com/containers/image/blob/main/docs/containers-signature.5.md>).
///
/// `critical.identity.docker-reference` is not read, as cosign does not: an image may be copied with its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimpleSigning {
    kind: String,
    digest: Digest,
    annotations: BTreeMap<String, String>,
}

impl SimpleSigning {
    /// The `critical.type` of cosign's signatures.
    pub const COSIGN: &str = "cosign container image signature";

    /// Reads a payload.
    ///
    /// # Errors
    /// When it is none, a name that is read stands twice, or a ceiling was met.
    pub fn parse(payload: &[u8]) -> Result<Self, ArtifactError> {
        let malformed = |detail: &dyn std::fmt::Display| ArtifactError::malformed("the simple-signing payload", detail);
        let wire: Wire = serde_json::from_slice(payload).map_err(|error| malformed(&error))?;
        let annotations = wire
            .optional
            .within()
            .ok_or_else(|| Exceeded::new("annotations of a signature payload", PAYLOAD_ANNOTATIONS, Scope::Artifact))?;
        Ok(Self {
            kind: wire.critical.kind,
            digest: wire.critical.image.digest.parse().map_err(|error| malformed(&error))?,
            annotations: annotations
                .into_iter()
                .filter_map(|(name, value)| match value {
                    StringOrOther::String(value) => Some((name, value)),
                    StringOrOther::Other => None,
                })
                .collect(),
        })
    }

    /// `critical.type`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// `critical.image.docker-manifest-digest`: the manifest that is signed.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The signed annotations (`optional`) that are strings; others, such as podman's numeric `timestamp`, are no
    /// annotations.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Wire {
    critical: Critical,
    #[serde(default)]
    optional: UniqueMap<StringOrOther, PAYLOAD_ANNOTATIONS>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "identity")]
    _identity: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = concat!(
        r#"{"critical":{"identity":{"docker-reference":"ghcr.io/a/b"},"image":{"docker-manifest-digest":"#,
        r#""sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"#,
        r#""type":"cosign container image signature"},"optional":{"a":"b"}}"#
    );

    #[test]
    fn reads_a_payload() {
        let payload = SimpleSigning::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(payload.kind(), SimpleSigning::COSIGN);
        assert_eq!(payload.digest(), Digest::of(b""));
        assert_eq!(payload.annotations()["a"], "b");
        for (optional, count) in [
            ("null", 0),
            ("{}", 0),
            (r#"{"a":"b","creator":"podman","timestamp":1700000000}"#, 2),
            (r#"{"a":null,"b":{"c":"d"}}"#, 0),
        ] {
            let text = GOOD.replace(r#"{"a":"b"}"#, optional);
            let payload = SimpleSigning::parse(text.as_bytes()).unwrap();
            assert_eq!(payload.annotations().len(), count, "{optional}");
        }
        let text = GOOD.replace(r#","optional":{"a":"b"}"#, "");
        assert!(SimpleSigning::parse(text.as_bytes()).is_ok());
    }

    #[test]
    fn refuses_what_is_none() {
        // T46
        for (from, to, expected) in [
            ("sha256:e3b0", "sha256:E3B0", "lower-case hex"),
            ("sha256:e3b0", "sha512:e3b0", "only sha256"),
            ("docker-manifest-digest", "digest", "missing field"),
            (r#""type":"#, r#""kind":"#, "missing field `type`"),
            (r#""type":"#, r#""type":"x","type":"#, "duplicate field `type`"),
            (
                r#""docker-manifest-digest":"#,
                r#""docker-manifest-digest":"x","docker-manifest-digest":"#,
                "duplicate field `docker-manifest-digest`",
            ),
            (r#""image":"#, r#""image":{"docker-manifest-digest":"x"},"image":"#, "duplicate field `image`"),
            (r#"{"critical":"#, r#"{"critical":{},"critical":"#, "missing field"),
            (r#"{"a":"b"}"#, r#"{"a":"b","a":"c"}"#, "a name stands twice"),
            (r#"{"a":"b"}"#, "[]", "invalid type"),
            (r#","optional":"#, r#","optional":{},"optional":"#, "duplicate field `optional`"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            let error = SimpleSigning::parse(text.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
        for text in ["", "{}", "[]", "null", "\"x\"", "{bad"] {
            assert!(SimpleSigning::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_annotations() {
        let with = |count: usize| {
            let optional = (0..count).map(|number| format!(r#""{number}":"""#)).collect::<Vec<_>>().join(",");
            SimpleSigning::parse(GOOD.replace(r#"{"a":"b"}"#, &format!("{{{optional}}}")).as_bytes())
        };
        assert!(with(PAYLOAD_ANNOTATIONS).is_ok());
        assert_eq!(
            with(PAYLOAD_ANNOTATIONS + 1).unwrap_err().to_string(),
            "more than 256 annotations of a signature payload"
        );
    }
}
