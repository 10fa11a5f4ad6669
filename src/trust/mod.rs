//! What is believed before looking: public keys, authorities and logs, and what has to be proved beside a signature.
//!
//! An [`Anchor`] says who may have signed and what must be proved beside the signature. It is made from policies; two
//! anchors that mean the same have the same [`AnchorId`], by which facts and policies find each other.
//!
//! This module never verifies anything and never fetches a root.

mod anchor;
mod kms;
mod proofs;
mod public_key;
mod root;

pub use anchor::{Anchor, AnchorId, Believed};
pub use kms::{AwsKey, AzureKey, GoogleKey, KeyHost, KeyState, KmsKey, ParseKmsKeyError, VaultKey, VaultKind};
pub use proofs::{ProofRule, Proofs, Requirement};
pub use public_key::{HashAlgorithm, KeyAlgorithm, ParseKeyError, PublicKey};
pub use root::{
    AuthorityKeys, AuthoritySummary, BuiltInRoot, CertificateAuthority, LogKeys, LogSummary, ObjectKind,
    ParseRootError, RelativePath, RelativePathError, RootCertificate, RootFault, RootList, RootLog, RootReference,
    RootSource, RootState, RootSummary, SigstoreKeys, TimestampAuthority, TrustedRoot, TufArchive, TufMirror,
    TufMirrorError, TufPlace, TufSource, TufSourceId, Window,
};
