//! Signed with a managed key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::Unopened;
use crate::image::Digest;
use crate::limits::Budget;
use crate::trust::{HashAlgorithm, Proofs, PublicKey};
use crate::verify::beside;
use crate::verify::key::{self, Check};
use crate::verify::log::{Entries, Signed, SignedBy};
use crate::verify::presented::Presented;
use crate::verify::{FactKind, Held, Signer, Step, VerifyError};

/// Checks that the key has signed it, and what lies beside the signature
/// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>,
/// <https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md>).
///
/// An envelope may carry the signatures of several signers; one that verifies with the key is enough, as
/// <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md> has it for a threshold of one, and it is in vain
/// to break the others. No key ID is looked at.
pub(super) fn check(
    unopened: &Unopened<'_>,
    (key, hash): (&PublicKey, HashAlgorithm),
    proofs: &Proofs,
    now: Timestamp,
    budget: &mut Budget,
    held: &mut Held,
) -> Result<(Signer, FactKind), VerifyError> {
    let Unopened { presented, message, claim } = unopened;
    // What a certificate signed is another signer's, whoever has certified which key.
    if presented.names_only_a_certificate() {
        return Err(VerifyError::KeyMismatch);
    }
    let mut verified = None;
    for signature in presented.signatures() {
        let check = key::check(key, hash, message, signature, budget).map_err(VerifyError::Budget)?;
        if let Check::Holds(hash) = check {
            verified = Some((signature, hash));
            break;
        }
    }
    let Some((signature, hash)) = verified else {
        // Nothing is chosen by the hint, but it says whether a signature was meant to be by this key.
        return Err(if presented.key_hint() == Some(&hint(key.fingerprint())) {
            VerifyError::SignatureInvalid
        } else {
            VerifyError::KeyMismatch
        });
    };
    held.signer = Some(Signer::Key);
    held.steps.push(Step::Signature);
    let kind = claim(held)?;
    let signed = Signed { by: SignedBy::Key(key), hash, signature, message, envelope: presented.envelope() };
    match check_beside(presented, &signed, proofs, now, budget, held) {
        Ok(()) => Ok((Signer::Key, kind)),
        Err(error) => {
            held.kind = Some(kind);
            Err(error)
        }
    }
}

/// Checks what lies beside the signature, as far as `proofs` ask.
fn check_beside(
    presented: &Presented<'_>,
    signed: &Signed<'_>,
    proofs: &Proofs,
    now: Timestamp,
    budget: &mut Budget,
    held: &mut Held,
) -> Result<(), VerifyError> {
    beside::timestamps(presented, signed.signature, &proofs.timestamp, now, budget, held)?;
    let entries = Entries::of(beside::entries(presented, &proofs.log_entry)?, &proofs.log_entry);
    beside::promises(&entries, now, budget, held)?;
    entries.inclusions(&held.times, now, budget)?;
    held.steps.extend(entries.bodies(signed, &proofs.log_entry)?);
    held.entries = entries.named();
    Ok(())
}

/// <https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md>: the hint is the key's fingerprint in base64.
fn hint(fingerprint: Digest) -> String {
    STANDARD.encode(fingerprint.as_bytes())
}
