//! Carries a signature or an attestation from a key or an identity to the registry, and verifies what arrived.
//!
//! [`sign`] and [`attest`] resolve the image once and speak about its digest from then on. They write the layouts that
//! cosign 2 and 3 write and read: a layer under the tag `.sig` or `.att`, and a Sigstore bundle that refers to the image.
//! Who signs with an identity gets a certificate for a key that lasts for one image; logs and timestamp authorities give
//! what proves the signature. Concurrent signers lose nothing. At the end the registry is asked as an admission asks it, and what it says goes
//! through [`crate::verify`], the code that admits: nothing is called signed because a push succeeded.
//!
//! This module never prints, logs or stores a private key or a password, never takes either from an argument of the
//! command line, and never overwrites what it does not understand.

mod bundle;
mod ci;
mod copy;
mod credential;
mod delivery;
mod encrypted_pem;
mod envelope;
mod error;
mod file;
mod key;
mod keyless;
mod legacy;
mod older;
mod origin;
mod password;
mod predicate;
mod predicate_kind;
mod private_pem;
mod referrer;
mod remote;
mod request;
mod sign;
mod simple_signing;
mod statement;
mod store;
mod subject;
mod tag;
mod witnesses;

pub use ci::{Ci, Lookup, Platform};
pub use copy::{Copied, Saved, copy, save};
pub use credential::Signatory;
pub use delivery::{attest, attest_unattached, sign, sign_unattached};
pub use encrypted_pem::{EncryptedPemError, PemType};
pub use error::SignError;
pub use file::{
    FILE_SIGNATURE, FileAttestation, FileName, FileSignature, GuardError, SignedBundle, SignedFile, attest_file, guard,
    sign_file,
};
pub use key::{KeyError, KeyKind, SigningKey};
pub use keyless::Keyless;
pub use origin::{Origin, OriginError};
pub use password::Password;
pub use predicate::{Predicate, PredicateError, PredicateType};
pub use private_pem::PrivatePemError;
pub use remote::is_verified_by_default;
pub use request::{AttestRequest, Before, Format, Kept, PushedEvidence, SignRequest, Signed, Unattached};
pub use sign::Sign;
pub use subject::members;
pub use witnesses::Witnesses;

/// A time as RFC 3339 with seconds, as cosign writes it.
fn seconds(time: jiff::Timestamp) -> String {
    jiff::Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}
