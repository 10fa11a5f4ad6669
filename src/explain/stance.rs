//! What policies say of themselves, in words.

use super::quoted;
use crate::limits::PRINTED_NAME_BYTES;
use crate::policy::Leniency;

/// Why a policy is permissive, on one line. It stands in the status of the policy and in what is printed about it.
pub fn leniency(leniency: &Leniency) -> String {
    let name = |name: &str| quoted(name, PRINTED_NAME_BYTES);
    match leniency {
        Leniency::EmptyCondition { of: Some((authority, attestation)), input } => {
            let (authority, attestation) = (name(authority), name(attestation));
            format!(
                "the condition of the attestation {attestation} of {authority} asks for nothing: it holds of `{input}`"
            )
        }
        Leniency::EmptyCondition { of: None, input } => {
            format!("its own condition asks for nothing: it holds of `{input}`")
        }
        Leniency::StaticPass { authority } => {
            format!("the authority {} is satisfied by every image, unseen", name(authority))
        }
        Leniency::WarnMode => "its mode is `warn`: what does not satisfy it is allowed with a warning".to_owned(),
    }
}
