//! What attestations may be asked for, beside `super::super::requirement` that reads it.

use super::node::Schema;
use super::{Scope, policy, terms};
use crate::limits;

const KINDS: [&str; 5] = ["provenance", "sbom", "test", "verificationSummary", "vulnerabilities"];

/// One entry of `attestations`.
pub(super) fn attestation(scope: Scope) -> Schema {
    Schema::object([
        ("name", Schema::text().not_empty("is empty").about("What messages call it.")),
        (
            "predicateType",
            Schema::text()
                .not_empty("is empty")
                .rule(
                    "self != 'https://sigstore.dev/cosign/sign/v1'",
                    "this type is a signature; an authority without `attestations` asks for it",
                )
                .about("A URI, or a short name such as `slsaprovenance1`, `spdxjson` or `vuln`."),
        ),
        ("policy", policy::condition(scope)),
        (
            "select",
            Schema::one_of(&["all", "any", "latest"])
                .about("Which of several count; the latest for scans and tests, any otherwise."),
        ),
        ("provenance", provenance()),
        ("sbom", sbom()),
        (
            "test",
            Schema::object([("result", Schema::one_of(&["passed"]))]).require(&["result"]).about("What tests found."),
        ),
        ("verificationSummary", summary()),
        ("vulnerabilities", vulnerabilities()),
    ])
    .require(&["name", "predicateType"])
    .at_most_one(&KINDS)
}

/// A text to compare with, in any of its forms.
pub(super) fn pattern(what: &str) -> Schema {
    Schema::any()
        .about(&format!("{what} A text, a mapping with one of `exact`, `prefix` and `regExp`, or a list of these."))
}

pub(super) fn max_age(what: &str) -> Schema {
    Schema::text()
        .at_most_chars(limits::SCHEMA_WORD_CHARS)
        .rule("self.matches('^([0-9]+[wdhms])+$')", "is no time such as `90m`, `24h` or `30d`")
        .about(what)
}

fn versions(what: &str) -> Schema {
    Schema::text().not_empty("is empty").about(what)
}

fn provenance() -> Schema {
    let source = Schema::object([
        ("repository", pattern("Where the source is.")),
        ("ref", pattern("The reference that was built, as in `refs/heads/main`.")),
        ("branch", pattern("The branch that was built.")),
        ("tag", pattern("The tag that was built.")),
        ("versionedTag", versions("The range of semantic versions that the tag has to be in, as in `>=1.2, <2`.")),
        ("commit", pattern("The commit that was built.")),
        ("level", source_level()),
    ]);
    let workflow = Schema::object([
        ("path", pattern("The file of the workflow.")),
        ("inputs", Schema::map(Schema::any()).about("What was given to it, by name.")),
    ]);
    let parameters = |what: &str| {
        let parameter = Schema::object([
            (
                "path",
                Schema::text()
                    .at_most_chars(limits::SCHEMA_NAME_CHARS)
                    .rule("self.startsWith('/')", "is no JSON pointer such as `/workflow/ref`")
                    .about("A JSON pointer."),
            ),
            ("value", Schema::any().about("What stands there: a value, a pattern of texts, or a list of these.")),
        ])
        .require(&["path", "value"]);
        Schema::list(parameter).not_empty("leave it out, or name a parameter").about(what)
    };
    Schema::object([
        ("builder", pattern("Who built it. A prefix ends at the end of a path segment.")),
        ("buildType", pattern("How it was built.")),
        ("trigger", pattern("What started the build, as in `push`.")),
        ("maxAge", max_age("How long ago the build may have finished.")),
        ("source", source),
        ("workflow", workflow),
        ("resolvedDependencies", dependencies()),
        ("materials", dependencies()),
        ("externalParameters", parameters("Parameters that the caller of the build gave.")),
        ("internalParameters", parameters("Parameters that the builder gave.")),
        ("buildLevel", build_level()),
    ])
    .at_most_one(&["resolvedDependencies", "materials"])
    .about("Where it comes from, as SLSA provenance says.")
}

/// The level of a build, by what the policy itself knows of builders.
fn build_level() -> Schema {
    let builder = Schema::object([
        ("builder", pattern("What it calls itself in provenance.")),
        (
            "identity",
            terms::identity().about("For whom the certificate is issued that signs for it; where there is none, it signs with the authority's key."),
        ),
        ("level", Schema::integer(1).about("The level that it reaches, up to 3.")),
    ])
    .require(&["builder", "level"]);
    Schema::object([
        ("minimum", Schema::integer(1).about("The level that is asked for, up to 3.")),
        ("builders", Schema::list(builder).not_empty("is empty, and nothing would satisfy it").about("The builders that are known.")),
    ])
    .require(&["builders", "minimum"])
    .about("The level of SLSA's build track, by the policy's own table. What a statement says of its level counts for nothing.")
}

fn source_level() -> Schema {
    Schema::object([
        ("minimum", Schema::integer(1).about("The level that is asked for, up to 4.")),
        ("verifier", pattern("Who has verified it.")),
    ])
    .require(&["minimum", "verifier"])
    .about("The level of SLSA's source track, by a verification summary beside the provenance about the same commit.")
}

fn dependencies() -> Schema {
    let include = Schema::object([
        ("uri", pattern("Where it is.")),
        ("digest", Schema::map(Schema::text()).about("Its digests by their algorithms.")),
    ]);
    Schema::object([
        ("include", Schema::list(include).about("What has to be among them.")),
        ("onlyFrom", pattern("Where each of them has to come from.")),
    ])
    .about("What went into the build.")
}

fn vulnerabilities() -> Schema {
    let ignored = Schema::object([
        ("id", Schema::text().filled().about("As the scanner names it, as in `CVE-2024-3094`.")),
        ("reason", Schema::text().filled().about("Why it does not matter.")),
        ("until", Schema::text().about("When it matters again: a day, or a time (RFC 3339).")),
    ])
    .require(&["id", "reason"]);
    Schema::object([
        (
            "maximumSeverity",
            Schema::one_of(&["none", "negligible", "low", "medium", "high", "critical"])
                .about("The worst that is accepted; `none` accepts nothing."),
        ),
        ("onlyFixable", Schema::boolean().about("Whether only what has a fix counts.")),
        ("ignore", Schema::list(ignored).at_most(limits::SCHEMA_LONG_LIST_ITEMS).about("What does not matter.")),
        ("maxAge", max_age("How long ago the scan may have been.")),
    ])
    .require(&["maximumSeverity"])
    .about("What scans may have found.")
}

fn sbom() -> Schema {
    let package = Schema::object([
        (
            "purl",
            Schema::text()
                .at_most_chars(limits::SCHEMA_NAME_CHARS)
                .rule("self.startsWith('pkg:')", "is no package URL such as `pkg:npm/lodash`"),
        ),
        ("name", Schema::text().filled()),
        ("versions", versions("The versions that are meant, as in `<2.17`; every version where there is none.")),
    ])
    .exactly_one(&["purl", "name"]);
    Schema::object([
        ("format", Schema::one_of(&["cyclonedx", "spdx"])),
        ("forbiddenPackages", Schema::list(package).about("What must not be in it.")),
        (
            "allowedLicenses",
            Schema::list(Schema::text())
                .at_most(limits::SCHEMA_LONG_LIST_ITEMS)
                .not_empty("nothing would satisfy it")
                .about("The licences that packages may have."),
        ),
    ])
    .about("What the bill of materials may say.")
}

fn summary() -> Schema {
    Schema::object([
        ("verifier", pattern("Who verified it.")),
        ("resourceUri", pattern("What was verified.")),
        ("levels", Schema::list(Schema::text().filled()).about("The levels that it has to have, all of them.")),
        ("maxAge", max_age("How long ago it may have been verified.")),
    ])
    .require(&["verifier"])
    .about("What somebody else verified, as a verification summary says.")
}
