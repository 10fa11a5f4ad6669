//! What stands beside a signature in the annotations of a layer.

use std::collections::BTreeMap;

use super::ArtifactError;
use super::annotation::{CERTIFICATE, CHAIN, REKOR_BUNDLE, TIMESTAMP};
use crate::limits::{CHAIN_CERTIFICATES, Exceeded, Scope};

/// The proofs beside a signature, as found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Material {
    certificate: Option<String>,
    chain: Option<String>,
    rekor_bundle: Option<String>,
    timestamp: Option<String>,
}

impl Material {
    /// Takes the annotations that cosign writes; an empty one is none, as cosign takes it.
    pub(super) fn of(annotations: &BTreeMap<String, String>) -> Result<Self, ArtifactError> {
        let annotation = |name: &str| annotations.get(name).filter(|text| !text.is_empty()).cloned();
        let chain = annotation(CHAIN);
        let certificates = chain.as_deref().map_or(0, |chain| chain.matches("-----BEGIN ").count());
        if certificates > CHAIN_CERTIFICATES {
            return Err(Exceeded::new("certificates of a chain", CHAIN_CERTIFICATES, Scope::Artifact).into());
        }
        Ok(Self {
            certificate: annotation(CERTIFICATE),
            chain,
            rekor_bundle: annotation(REKOR_BUNDLE),
            timestamp: annotation(TIMESTAMP),
        })
    }

    /// The signing certificate in PEM.
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// The certificate chain in PEM.
    pub fn chain(&self) -> Option<&str> {
        self.chain.as_deref()
    }

    /// Rekor's promise: JSON of cosign's own form.
    pub fn rekor_bundle(&self) -> Option<&str> {
        self.rekor_bundle.as_deref()
    }

    /// An RFC 3161 timestamp: JSON of cosign's own form.
    pub fn timestamp(&self) -> Option<&str> {
        self.timestamp.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_taken_as_found() {
        let annotations = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect::<BTreeMap<_, _>>()
        };
        let material =
            Material::of(&annotations(&[(REKOR_BUNDLE, "not read yet"), (CERTIFICATE, ""), ("other", "x")])).unwrap();
        assert_eq!(material.rekor_bundle(), Some("not read yet"));
        assert_eq!(material.certificate(), None);

        // T65
        let certificate = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        assert!(Material::of(&annotations(&[(CHAIN, &certificate.repeat(10))])).is_ok());
        let error = Material::of(&annotations(&[(CHAIN, &certificate.repeat(11))])).unwrap_err();
        assert_eq!(error.to_string(), "more than 10 certificates of a chain");
    }
}
