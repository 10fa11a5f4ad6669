//! What policies and authorities may ask besides, beside `super::super::terms` that reads it.

use super::attestation::{max_age, pattern};
use super::node::Schema;
use crate::limits;

/// What a policy may say besides what it covers and who may sign.
pub(super) fn of_policy() -> [(&'static str, Schema); 5] {
    let text = |what: &str| {
        Schema::text().at_most_chars(limits::POLICY_MESSAGE_BYTES).not_empty("is empty; leave it out").about(what)
    };
    [
        ("message", text("What is said to whoever is refused.")),
        (
            "runbook",
            text("The address of a page that says more, which refusals name.")
                .rule("self.matches('^https?://')", "is no address such as `https://…`"),
        ),
        ("revoked", revoked()),
        (
            "scope",
            Schema::one_of(&["everyPlatform", "image"])
                .about("Whether the index that a pod names is judged, or instead each of the images that it lists."),
        ),
        (
            "threshold",
            Schema::integer(1).about("How many of the authorities have to be satisfied, each by another signer."),
        ),
    ]
}

/// What an authority may ask of each signature.
pub(super) fn of_signatures() -> [(&'static str, Schema); 5] {
    let time = |what: &str| Schema::text().at_most_chars(limits::SCHEMA_WORD_CHARS).about(what);
    [
        ("annotations", Schema::map(pattern("What it has to be.")).about("What has to be signed beside the image.")),
        ("maxAge", max_age("How long ago it may have been signed, by the first time that is proven.")),
        ("notBefore", time("Since when it may have been signed: a day, or a time (RFC 3339).")),
        ("validFrom", time("Since when the authority counts: a day, or a time (RFC 3339).")),
        ("validUntil", time("Until when the authority counts: a day, or a time (RFC 3339).")),
    ]
}

fn revoked() -> Schema {
    let digest = Schema::text()
        .at_most_chars(limits::SCHEMA_DIGEST_CHARS)
        .rule("self.matches('^sha256:[0-9a-f]{64}$')", "is no digest such as `sha256:…`");
    let key = Schema::text().about("The SHA-256 of the key in DER, as in `sha256:…`, or the key in PEM.");
    Schema::object([
        ("keys", Schema::list(key).at_most(limits::SCHEMA_SHORT_LIST_ITEMS).about("Keys.")),
        ("identities", Schema::list(identity()).about("For whom certificates were issued: issuer, subject or both.")),
        ("digests", Schema::list(digest).about("Images, by the digest that pods name.")),
    ])
    .about("What counts no longer, whatever else is right about it.")
}

/// For whom a certificate is issued: issuer, subject or both.
pub(super) fn identity() -> Schema {
    Schema::object([
        ("issuer", Schema::text().filled().about("Who vouches for the signer.")),
        ("issuerRegExp", Schema::text().filled().about("The same as a regular expression.")),
        ("subject", Schema::text().filled().about("Who signed.")),
        ("subjectRegExp", Schema::text().filled().about("The same as a regular expression.")),
    ])
    .at_most_one(&["issuer", "issuerRegExp"])
    .at_most_one(&["subject", "subjectRegExp"])
}
