//! The layers of a `.sig` manifest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ArtifactError, Descriptor, Material, annotation};

/// A layer of a `.sig` manifest: a payload, the signature over exactly its bytes, and the proofs beside it
/// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLayer {
    payload: Vec<u8>,
    signature: Vec<u8>,
    material: Material,
}

impl SignatureLayer {
    /// Takes the signature from the annotations of `layer`, and `payload` as its bytes. What the payload says is not
    /// read before the signature over it was verified.
    ///
    /// # Errors
    /// When there is no signature, it is no base64 or empty, or a ceiling was met.
    pub fn new(layer: &Descriptor, payload: &[u8]) -> Result<Self, ArtifactError> {
        let malformed = |detail: &str| ArtifactError::malformed("the signature", detail);
        let text =
            layer.annotations.get(annotation::SIGNATURE).ok_or_else(|| malformed("its annotation is missing"))?;
        // What `cosign attach signature` takes from a file may be broken into lines; Go's decoder skips their ends, and
        // signers rely on it.
        let text = text.replace(['\r', '\n'], "");
        let signature = STANDARD.decode(text).map_err(|_| malformed("it is no base64"))?;
        if signature.is_empty() {
            return Err(malformed("it is empty"));
        }
        Ok(Self { payload: payload.to_vec(), signature, material: Material::of(&layer.annotations)? })
    }

    /// The signed bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signature over [`SignatureLayer::payload`].
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The proofs beside the signature.
    pub fn material(&self) -> &Material {
        &self.material
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_in_the_annotation() {
        let layer = |text: &str| {
            SignatureLayer::new(&Descriptor::of("t", b"p").with_annotation(annotation::SIGNATURE, text), b"p")
        };
        let good = layer("+/8=").unwrap();
        assert_eq!(good.signature(), [0xfb, 0xff]);
        assert_eq!(good.payload(), b"p");
        assert_eq!(layer("+/\n8=\r\n"), Ok(good));
        for (text, detail) in [
            ("", "it is empty"),
            ("\n", "it is empty"),
            ("-_8=", "it is no base64"),
            ("+/8", "it is no base64"),
            ("+/9=", "it is no base64"),
            ("+/8= ", "it is no base64"),
        ] {
            assert_eq!(layer(text), Err(ArtifactError::malformed("the signature", detail)), "{text:?}");
        }
        assert_eq!(
            SignatureLayer::new(&Descriptor::of("t", b"p"), b"p"),
            Err(ArtifactError::malformed("the signature", "its annotation is missing"))
        );
    }
}
