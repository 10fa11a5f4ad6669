//! Signing what lies in no registry: charts, archives of Java, manifests, tarballs, anything.

mod guard;
mod java;
mod name;
mod sign;

pub use guard::{GuardError, guard};
pub use name::FileName;
pub use sign::{FILE_SIGNATURE, FileAttestation, FileSignature, SignedBundle, SignedFile, attest_file, sign_file};
