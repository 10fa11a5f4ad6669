//! Trusted roots of Sigstore.

use sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;

/// The keys and certificates of one Sigstore instance
/// (<https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto>).
#[derive(Clone, Debug)]
pub struct TrustedRoot {
    inner: sigstore_trust_root::TrustedRoot,
}

impl TrustedRoot {
    /// The root of the public-good instance that is built in. It may be old: it knows the logs of its day.
    ///
    /// # Errors
    /// Never, unless the program was built with a broken one; a test reads it.
    pub fn public_good() -> Result<Self, ParseRootError> {
        Self::parse(SIGSTORE_PRODUCTION_TRUSTED_ROOT)
    }

    /// Reads a `trusted_root.json`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(json: &str) -> Result<Self, ParseRootError> {
        let inner =
            sigstore_trust_root::TrustedRoot::from_json(json).map_err(|error| ParseRootError(error.to_string()))?;
        Ok(Self { inner })
    }

    /// The crate's own root.
    pub(crate) fn inner(&self) -> &sigstore_trust_root::TrustedRoot {
        &self.inner
    }
}

/// Why a text is no trusted root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no trusted root: {0}")]
pub struct ParseRootError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_root_knows_logs() {
        let root = TrustedRoot::public_good().unwrap();
        assert!(!root.inner().tlogs.is_empty());
        assert!(TrustedRoot::parse("{}").is_err());
    }
}
