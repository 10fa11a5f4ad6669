//! What trust roots may hold, beside `super::super::trust_root` that reads it.

use super::node::Schema;
use crate::limits;

/// `spec` of a TrustRoot.
pub(super) fn spec() -> Schema {
    Schema::object([
        ("remote", remote()),
        ("repository", repository()),
        ("sigstoreKeys", sigstore_keys()),
        ("trustedRoot", trusted_root()),
    ])
    .exactly_one(&["remote", "repository", "sigstoreKeys", "trustedRoot"])
}

fn targets(source: Schema) -> Schema {
    source.and([
        ("root", Schema::document().not_empty("is empty").about("`root.json` to begin with, in base64.")),
        ("targets", Schema::text().about("The directory of the targets; `targets` where nothing is said.")),
        ("trustedRootTarget", Schema::text().about("The target; `trusted_root.json` where nothing is said.")),
    ])
}

fn remote() -> Schema {
    let mirror = Schema::text()
        .rule("self.matches('^https?://')", "begins with `https://` or `http://`")
        .about("The address of the repository.");
    targets(Schema::object([("mirror", mirror)])).require(&["mirror", "root"]).about("A TUF repository.")
}

fn repository() -> Schema {
    let archive = Schema::document()
        .not_empty("is empty")
        .about("The repository as a tar archive compressed by gzip, in base64.");
    targets(Schema::object([("mirrorFS", archive)]))
        .require(&["mirrorFS", "root"])
        .about("A copy of a TUF repository, for places without a network.")
}

fn sigstore_keys() -> Schema {
    let subject = Schema::object([("commonName", Schema::text()), ("organization", Schema::text())]);
    let pem = |what: &str| Schema::text().at_most_chars(limits::SCHEMA_PEM_CHARS).not_empty("is empty").about(what);
    let authority = Schema::object([
        ("subject", subject),
        ("uri", Schema::text()),
        ("certChain", pem("The certificates in PEM, the root last; in base64, or as they are.")),
    ])
    .require(&["certChain"]);
    let log = Schema::object([
        ("baseURL", Schema::text()),
        ("hashAlgorithm", Schema::text().at_most_chars(limits::SCHEMA_WORD_CHARS)),
        ("publicKey", pem("The key in PEM; in base64, or as it is.")),
    ])
    .require(&["publicKey"]);
    Schema::object([
        ("certificateAuthorities", Schema::list(authority.clone()).about("Who issues the certificates of signers.")),
        ("tLogs", Schema::list(log.clone()).about("Transparency logs of signatures.")),
        ("ctLogs", Schema::list(log).about("Transparency logs of certificates.")),
        ("timestampAuthorities", Schema::list(authority).about("Who says when something was signed.")),
    ])
    .rule(
        "(has(self.certificateAuthorities) && self.certificateAuthorities.size() > 0) \
         || (has(self.timestampAuthorities) && self.timestampAuthorities.size() > 0)",
        "names neither a certificate authority nor a timestamp authority",
    )
    .about("The keys one by one.")
}

fn trusted_root() -> Schema {
    let reference = |what: &str| {
        Schema::object([
            ("name", Schema::name()),
            ("namespace", Schema::text().about("The controller's own namespace, and no other.")),
            (
                "key",
                Schema::text().not_empty("is empty").about("The entry; `trusted_root.json` where nothing is said."),
            ),
        ])
        .require(&["name"])
        .about(what)
    };
    Schema::object([
        ("json", Schema::document().not_empty("is empty").about("The document itself.")),
        ("configMapRef", reference("The ConfigMap that holds it.")),
        ("secretRef", reference("The Secret that holds it.")),
    ])
    .exactly_one(&["json", "configMapRef", "secretRef"])
    .about("A `trusted_root.json` of Sigstore.")
}
