//! The media and artifact types by which evidence and what carries it are known.

/// An OCI image manifest (<https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md>).
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An OCI image index (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md>).
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The config of an OCI image.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// A Docker image manifest of schema version 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The config of a Docker image.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// The empty descriptor's type, whose content is `{}`
/// (<https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor>).
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// A Sigstore bundle of version 0.1.
pub const BUNDLE_V01: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";

/// A Sigstore bundle of version 0.2.
pub const BUNDLE_V02: &str = "application/vnd.dev.sigstore.bundle+json;version=0.2";

/// A Sigstore bundle of version 0.3
/// (<https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto>).
pub const BUNDLE_V03: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The older spelling of [`BUNDLE_V03`].
pub const BUNDLE_V03_OLD: &str = "application/vnd.dev.sigstore.bundle+json;version=0.3";

/// A simple-signing payload
/// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#simple-signing>).
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The artifact type of cosign's experimental signatures as OCI 1.1 referrers; their layers are those of `.sig`.
pub const COSIGN_SIGNATURE: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

/// A DSSE envelope (<https://github.com/secure-systems-lab/dsse/blob/master/envelope.md>).
pub const DSSE: &str = "application/vnd.dsse.envelope.v1+json";

/// An in-toto statement: the payload type of the envelopes that are read
/// (<https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md>).
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Whether `media_type` is that of a Sigstore bundle of a known version.
pub fn is_bundle(media_type: &str) -> bool {
    matches!(media_type, BUNDLE_V01 | BUNDLE_V02 | BUNDLE_V03 | BUNDLE_V03_OLD)
}

/// The name of a signature format that is known and not verified, if `media_type` (of a layer, a config, or an
/// artifact) is of one.
pub fn foreign_signature(media_type: &str) -> Option<&'static str> {
    Some(match media_type {
        "application/vnd.cncf.notary.signature"
        | "application/vnd.cncf.notary.v2.signature"
        | "application/jose+json"
        | "application/cose" => "a Notary Project signature",
        "application/pgp-signature" | "application/pgp-encrypted" => "an OpenPGP signature",
        "application/vnd.docker.distribution.manifest.v1+prettyjws" => "a Docker schema 1 signature",
        "application/pkcs7-signature" | "application/cms" => "a CMS signature",
        IN_TOTO => "an in-toto statement without a signature",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_and_foreign_signatures_are_told_apart() {
        for known in [BUNDLE_V01, BUNDLE_V02, BUNDLE_V03, BUNDLE_V03_OLD] {
            assert!(is_bundle(known), "{known}");
            assert_eq!(foreign_signature(known), None, "{known}");
        }
        assert!(!is_bundle("application/vnd.dev.sigstore.bundle.v0.4+json"));
        assert_eq!(foreign_signature("application/vnd.cncf.notary.signature"), Some("a Notary Project signature"));
        assert_eq!(foreign_signature(SIMPLE_SIGNING), None);
    }
}
