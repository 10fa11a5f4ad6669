//! What signing records hold.

use super::node::Schema;
use crate::limits;

/// `spec` of a SigningRecord: written once.
pub(super) fn spec() -> Schema {
    let digest = |what: &str| {
        Schema::text()
            .at_most_chars(limits::SCHEMA_DIGEST_CHARS)
            .rule("self.matches('^sha256:[0-9a-f]{64}$')", "is no digest such as `sha256:…` with 64 hexadecimal digits")
            .about(what)
    };
    let artifact = Schema::object([
        ("kind", Schema::one_of(&["file", "image"])),
        ("reference", Schema::text().about("The image as it was named, or the path of the file.")),
        ("digest", digest("What was signed.")),
        ("name", Schema::text()),
        ("version", Schema::text()),
    ])
    .require(&["digest", "kind"])
    .about("What was signed.");
    let signer = Schema::object([
        ("key", Schema::text().about("Where the key is held, or the fingerprint of its public half.")),
        ("issuer", Schema::text().about("Who vouched for the signer.")),
        ("subject", Schema::text().about("Who signed, as the certificate says.")),
    ])
    .about("Who signed.");
    let log = Schema::object([("index", Schema::integer(0)), ("url", Schema::text())]);
    Schema::object([
        ("artifact", artifact),
        ("signer", signer),
        ("what", Schema::text().about("What was made: a signature, or an attestation of which type.")),
        ("signedAt", Schema::time()),
        ("executionUrl", Schema::text().about("Where: the run that signed.")),
        ("reason", Schema::text().about("Why.")),
        ("log", log.about("Where a transparency log holds it.")),
        ("bundle", Schema::document().about("The signature itself, where it is not in the registry.")),
        ("previous", digest("The SHA-256 of the record before it for the same artifact.")),
    ])
    .require(&["artifact", "signedAt", "signer"])
    .rule("self == oldSelf", "a signing record is written once and never changed")
}
