//! What signing records hold, beside [`crate::record::SigningRecord`].

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
        ("name", Schema::text().about("The repository of an image, the name of a file.")),
        ("version", Schema::text().about("The tag of an image, where one was given.")),
        ("digest", digest("Its digest.")),
    ])
    .require(&["digest", "kind", "name"])
    .about("What was signed.");
    let signer = Schema::object([
        ("key", Schema::text().about("The SHA-256 of the key's DER.")),
        ("identity", Schema::text().about("The subject of the certificate.")),
        ("issuer", Schema::text().about("The issuer that vouched for the subject.")),
    ])
    .about("Who signed, as the signer said; the evidence proves it.");
    let execution = Schema::object([
        ("platform", Schema::text().about("The platform, as in `GitHub Actions`.")),
        ("id", Schema::text().about("The execution's identifier there.")),
        ("url", Schema::text().about("Where it can be looked at.")),
        ("triggeredBy", Schema::text().about("Who or what began it.")),
    ])
    .about("What signed.");
    let entry = Schema::object([("index", Schema::integer(0)), ("url", Schema::text())]).require(&["index"]);
    Schema::object([
        ("artifact", artifact),
        ("action", Schema::one_of(&["attested", "copied", "signed", "verified"]).about("What was done with it.")),
        ("predicateType", Schema::text().about("The type of the predicate that was attested.")),
        ("signer", signer),
        ("time", Schema::time().about("When, by the clock of whoever signed.")),
        ("execution", execution),
        ("name", Schema::text().about("The name of the run or of the step.")),
        ("reason", Schema::text().about("Why, in words.")),
        (
            "evidence",
            Schema::list(Schema::text()).about("Where the evidence was put; nowhere where it was not uploaded."),
        ),
        ("logEntries", Schema::list(entry).about("The entries of transparency logs.")),
        ("bundle", Schema::open().about("The Sigstore bundle, where it is nowhere else.")),
        ("previous", digest("The hash of the record before this one about the same artifact; none for the first.")),
    ])
    .require(&["action", "artifact", "signer", "time"])
    .rule("self == oldSelf", "a signing record is written once and never changed")
}
