//! Signed with a certificate.

use std::sync::Arc;

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;

use super::Unopened;
use crate::limits::Budget;
use crate::trust::{ProofRule, Proofs, PublicKey, Requirement, TrustedRoot};
use crate::verify::beside;
use crate::verify::chain::{self, Ends, Usage};
use crate::verify::key::{self, Check};
use crate::verify::log::{Entries, Signed, SignedBy};
use crate::verify::{Certificate, FactKind, Held, ProvenTime, Signer, Step, VerifyError, sct};

/// Checks that an authority of `root` has issued the certificate, that it has signed, and what lies beside the signature:
/// the steps of <https://github.com/sigstore/architecture-docs/blob/main/client-spec.md#4-verification>, in their order.
/// For whom it was issued is for the policy to ask.
pub(super) fn check(
    unopened: &Unopened<'_>,
    root: &Arc<TrustedRoot>,
    proofs: &Proofs,
    now: Timestamp,
    budget: &mut Budget,
    held: &mut Held,
) -> Result<(Signer, FactKind), VerifyError> {
    let chain = unopened.presented.certificates()?;
    let Some((leaf, intermediates)) = chain.split_first() else {
        return Err(VerifyError::CertificateMissing);
    };
    let certificate = Certificate::parse(leaf)?;
    let signing = Signing { key: certificate.key(), leaf, intermediates, root, proofs, now };
    match signing.check(unopened, budget, held) {
        Ok(kind) => Ok((Signer::Certificate(Box::new(certificate)), kind)),
        Err(error) => {
            // What a certificate says that nobody known has issued is nobody's word.
            if held.steps.contains(&Step::Certificate) {
                held.signer = Some(Signer::Certificate(Box::new(certificate)));
            }
            Err(error)
        }
    }
}

/// A certificate that may have signed, and what it is held against.
struct Signing<'a> {
    key: &'a PublicKey,
    leaf: &'a CertificateDer<'a>,
    intermediates: &'a [CertificateDer<'a>],
    root: &'a TrustedRoot,
    proofs: &'a Proofs,
    now: Timestamp,
}

impl Signing<'_> {
    fn check(&self, unopened: &Unopened<'_>, budget: &mut Budget, held: &mut Held) -> Result<FactKind, VerifyError> {
        let Unopened { presented, message, claim } = unopened;
        let Self { key, leaf, intermediates, root, proofs, now } = *self;

        // Which of several signatures is the certificate's? Those of others beside it are nobody's here.
        let mut verified = None;
        for signature in presented.signatures() {
            let check = key::check_certified(key, message, signature, budget).map_err(VerifyError::Budget)?;
            if let Check::Holds(hash) = check {
                verified = Some((signature, hash));
                break;
            }
        }
        let Some((signature, hash)) = verified else {
            return Err(VerifyError::SignatureInvalid);
        };
        held.steps.push(Step::Signature);

        // "Establishing a Time for the Signature"
        beside::timestamps(presented, signature, &proofs.timestamp, now, budget, held)?;
        let entries = Entries::of(beside::entries(presented, &proofs.log_entry)?, &proofs.log_entry);
        beside::promises(&entries, now, budget, held)?;
        let ignored = |rule: &ProofRule| rule.requirement() == Requirement::Ignored;
        let at = match held.times.as_slice() {
            [] if ignored(&proofs.log_entry) && ignored(&proofs.timestamp) => vec![now],
            [] => {
                // Without an entry that is asked for there is no time either; say what is missing.
                let signed = Signed {
                    by: SignedBy::Certificate(leaf),
                    hash,
                    signature,
                    message,
                    envelope: presented.envelope(),
                };
                entries.bodies(&signed, &proofs.log_entry)?;
                return Err(VerifyError::SigningTimeUnproven);
            }
            times => times.iter().map(ProvenTime::time).collect(),
        };

        // "Certificate": a path at every time, and that it was logged
        let mut issuer = Vec::new();
        for time in at {
            issuer = issued(root, leaf, intermediates, time, budget)?;
        }
        held.steps.push(Step::Certificate);
        held.steps.extend(logged(leaf, &issuer, &proofs.sct, budget)?);

        // "Transparency Log Entry"
        entries.inclusions(&held.times, now, budget)?;
        let signed =
            Signed { by: SignedBy::Certificate(leaf), hash, signature, message, envelope: presented.envelope() };
        held.steps.extend(entries.bodies(&signed, &proofs.log_entry)?);
        held.entries = entries.named();

        // "Signature Verification": it has been; now what was signed
        claim(held)
    }
}

/// Finds an authority that has issued `leaf`, and that counted at `time`. One authority cannot lend its window to
/// another. Returns the key that signed the leaf.
fn issued(
    root: &TrustedRoot,
    leaf: &CertificateDer<'_>,
    brought: &[CertificateDer<'_>],
    time: Timestamp,
    budget: &mut Budget,
) -> Result<Vec<u8>, VerifyError> {
    let mut failed = VerifyError::CertificateUntrusted;
    for authority in root.certificate_authorities() {
        let own = authority.intermediates().iter().map(|certificate| certificate.der().clone());
        let intermediates: Vec<_> = own.chain(brought.iter().cloned()).collect();
        let ends = Ends { leaf, usage: Usage::CodeSigning, anchor: authority.anchor() };
        match chain::verify(&ends, &intermediates, time, budget) {
            Ok(issuer) if authority.window().contains(time) => return Ok(issuer),
            Ok(_) => failed = VerifyError::certificate_expired(time),
            Err(VerifyError::Budget(exceeded)) => return Err(VerifyError::Budget(exceeded)),
            // That another authority has issued it says nothing; every other error does.
            Err(VerifyError::CertificateUntrusted) => {}
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Whether the certificate was logged, as far as `rule` asks.
fn logged(leaf: &[u8], issuer: &[u8], rule: &ProofRule, budget: &mut Budget) -> Result<Option<Step>, VerifyError> {
    if rule.requirement() == Requirement::Ignored {
        return Ok(None);
    }
    let logs = rule.root().map(|root| root.ct_logs()).unwrap_or_default();
    let held = sct::count(leaf, issuer, logs, budget)?;
    if held < rule.threshold() {
        let detail = if held == 0 {
            "no known log has promised it".to_owned()
        } else {
            format!("only {held} logs have promised it")
        };
        return Err(VerifyError::CertificateNotLogged(detail));
    }
    Ok((held > 0).then_some(Step::CertificateLogged))
}
