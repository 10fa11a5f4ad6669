//! Predicate types as users write them.

use url::Url;

use super::field::Field;
use super::problem::{Problem, quoted};

/// The short names that cosign and policy-controller know, with what they stand for.
const SHORT_NAMES: [(&str, &str); 10] = [
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("link", "https://in-toto.io/Link/v1"),
    ("openvex", "https://openvex.dev/ns"),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
];

/// The predicate type by which cosign's bundles say that they are signatures.
const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// Reads a short name or a URI.
pub(super) fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = field.required_text(problems)?;
    if let Some((_, predicate_type)) = SHORT_NAMES.iter().find(|(short, _)| *short == text) {
        return Some((*predicate_type).to_owned());
    }
    if text == SIGNATURE {
        problems.push(
            field.problem(
                "this type is a signature, not an attestation; an authority without `attestations` asks for it",
            ),
        );
        return None;
    }
    if Url::parse(text).is_ok() && !text.contains(char::is_whitespace) {
        return Some(text.to_owned());
    }
    problems.push(field.problem(format!(
        "{} is neither a URI nor a known short name such as `slsaprovenance1`, `spdxjson` or `custom`",
        quoted(text)
    )));
    None
}
