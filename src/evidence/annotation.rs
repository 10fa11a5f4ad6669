//! The annotations that cosign writes beside evidence. Nobody has signed them.

/// The signature in base64; empty where the layer is an envelope
/// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#properties>).
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// The signing certificate in PEM.
pub const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";

/// The certificate chain in PEM.
pub const CHAIN: &str = "dev.sigstore.cosign/chain";

/// Rekor's promise, as JSON of cosign's own form.
pub const REKOR_BUNDLE: &str = "dev.sigstore.cosign/bundle";

/// An RFC 3161 timestamp, as JSON of cosign's own form.
pub const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// The predicate type of the envelope in an `.att` layer.
pub const PREDICATE_TYPE: &str = "predicateType";

/// What a bundle's manifest says about its content: `dsse-envelope` or `message-signature`.
pub const BUNDLE_CONTENT: &str = "dev.sigstore.bundle.content";

/// The predicate type of the statement in a bundle.
pub const BUNDLE_PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";
