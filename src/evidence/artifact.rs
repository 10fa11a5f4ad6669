//! One piece of evidence.

use super::{Bundle, Descriptor, Envelope, Material, Path, SignatureLayer, media_type};
use crate::image::Digest;
use crate::limits::Exceeded;

/// One piece of evidence as it was found: a layer of a `.sig` or `.att` manifest, or a referrer.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Where it was found.
    pub path: Path,
    /// The digest of the layer or bundle, or of the manifest where it came no further.
    pub digest: Digest,
    /// The manifest that names it, where it was found in a registry.
    pub manifest: Option<Digest>,
    /// What it holds, or why it could not be read.
    pub content: Result<Content, ArtifactError>,
}

impl Artifact {
    /// A layer of a `.sig` manifest whose bytes are `payload`. Whoever fetched them has compared them with the layer's
    /// digest. Where the manifest was found elsewhere, set [`Artifact::path`].
    pub fn from_signature_layer(layer: &Descriptor, payload: &[u8]) -> Self {
        let content = expect_type(layer, media_type::SIMPLE_SIGNING)
            .and_then(|()| SignatureLayer::new(layer, payload))
            .map(|layer| Content::Signature(Box::new(layer)));
        Self { path: Path::SignatureTag, digest: layer.digest, manifest: None, content }
    }

    /// A layer of an `.att` manifest whose bytes are `payload`.
    pub fn from_envelope_layer(layer: &Descriptor, payload: &[u8]) -> Self {
        let content = expect_type(layer, media_type::DSSE)
            .and_then(|()| Material::of(&layer.annotations))
            .and_then(|material| Envelope::with_material(payload, material))
            .map(|envelope| Content::Envelope(Box::new(envelope)));
        Self { path: Path::AttestationTag, digest: layer.digest, manifest: None, content }
    }

    /// A Sigstore bundle of a referrer, whose layer has the digest `digest` and the bytes `bytes`.
    pub fn from_bundle(digest: Digest, bytes: &[u8]) -> Self {
        Self {
            path: Path::Referrers,
            digest,
            manifest: None,
            content: Bundle::parse(bytes).map(|bundle| Content::Bundle(Box::new(bundle))),
        }
    }

    /// An artifact under `digest` that came no further than `error`.
    pub fn unreadable(path: Path, digest: Digest, error: ArtifactError) -> Self {
        Self { path, digest, manifest: None, content: Err(error) }
    }
}

/// The formats of evidence.
#[derive(Clone, Debug)]
pub enum Content {
    /// A Sigstore bundle: a signature, or an attestation in a DSSE envelope, with its verification material.
    Bundle(Box<Bundle>),
    /// A DSSE envelope of an `.att` layer.
    Envelope(Box<Envelope>),
    /// A simple-signing payload of a `.sig` layer with its annotations.
    Signature(Box<SignatureLayer>),
}

/// Why one artifact could not be read. Other artifacts count all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// A ceiling with the scope of an artifact was met.
    #[error("{0}")]
    LimitExceeded(#[from] Exceeded),
    /// It is not what its media type says.
    #[error("{what}: {detail}")]
    Malformed {
        /// The part that could not be read, as in `the payload`.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A format that is known by name and not verified, as in `a Notary Project signature`.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
}

impl ArtifactError {
    /// `what` cannot be read, because of `detail`.
    pub fn malformed(what: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Malformed { what, detail: one_line(&detail.to_string()) }
    }
}

/// Somebody else's text in a message: nothing that cannot be seen, and cut where it gets long (T94).
pub(crate) fn one_line(text: &str) -> String {
    const CHARS: usize = 200;
    let mut line = String::new();
    for character in text.chars().take(CHARS) {
        if matches!(character, '"' | '\'' | '\\') {
            line.push(character);
        } else {
            line.extend(character.escape_debug());
        }
    }
    if text.chars().nth(CHARS).is_some() {
        line.push('…');
    }
    line
}

fn expect_type(layer: &Descriptor, expected: &str) -> Result<(), ArtifactError> {
    if layer.media_type == expected {
        return Ok(());
    }
    Err(match media_type::foreign_signature(&layer.media_type) {
        Some(format) => ArtifactError::Unsupported(format),
        None => ArtifactError::malformed("the layer", format_args!("its media type is `{}`", layer.media_type)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_one_short_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m\u{202e}`c`\"\\"), "a\\nb\\u{1b}[31m\\u{202e}`c`\"\\");
        assert_eq!(one_line(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(one_line(&"é".repeat(201)), format!("{}…", "é".repeat(200)));
    }

    #[test]
    fn layers_are_taken_by_their_type() {
        let layer = |media_type: &str| {
            Descriptor::of(media_type, b"p").with_annotation("dev.cosignproject.cosign/signature", "AAAA")
        };
        let good = Artifact::from_signature_layer(&layer(media_type::SIMPLE_SIGNING), b"p");
        assert_eq!(good.path, Path::SignatureTag);
        assert_eq!(good.digest, Digest::of(b"p"));
        assert!(matches!(good.content, Ok(Content::Signature(_))));

        let error = |layer| Artifact::from_signature_layer(&layer, b"p").content.unwrap_err();
        assert_eq!(error(layer("application/jose+json")).to_string(), "a Notary Project signature is not supported");
        assert_eq!(
            error(layer(media_type::DSSE)).to_string(),
            "the layer: its media type is `application/vnd.dsse.envelope.v1+json`"
        );

        let envelope = br#"{"payload":"","payloadType":"t","signatures":[{"sig":"AAAA"}]}"#;
        let attestation = Artifact::from_envelope_layer(&layer(media_type::DSSE), envelope);
        assert_eq!(attestation.path, Path::AttestationTag);
        assert!(matches!(attestation.content, Ok(Content::Envelope(_))));
        let error = Artifact::from_envelope_layer(&layer(media_type::IN_TOTO), envelope).content.unwrap_err();
        assert_eq!(error.to_string(), "an in-toto statement without a signature is not supported");
    }
}
