//! Trusted roots of Sigstore: whom to believe that a certificate, a log entry or a timestamp is what it says.
//!
//! A root is read and checked once, when it is made; whoever holds a [`TrustedRoot`] holds one that
//! `sigstore-verify` takes. What that crate lacks lies beside it: certificate authorities with their intermediates told
//! apart from the certificate that is believed, the signing certificate of timestamp authorities, keys of algorithms that
//! it does not know, and when the repository that the root came from says that it ends.

mod authority;
mod certificate;
mod error;
mod keys;
mod log;
mod read;
mod source;
mod state;
mod summary;
mod window;

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use crate::image::Digest;

pub use authority::{CertificateAuthority, TimestampAuthority};
pub use certificate::RootCertificate;
pub use error::{ParseRootError, RootFault, RootList};
pub use keys::{AuthorityKeys, LogKeys, SigstoreKeys};
pub use log::RootLog;
pub use source::{
    BuiltInRoot, ObjectKind, RelativePath, RelativePathError, RootReference, RootSource, TufArchive, TufMirror,
    TufMirrorError, TufPlace, TufSource, TufSourceId,
};
pub use state::RootState;
pub use summary::{AuthoritySummary, LogSummary, RootSummary};
pub use window::Window;

/// The keys and certificates of one Sigstore instance
/// (<https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto>).
#[derive(Clone, Debug)]
pub struct TrustedRoot {
    certificate_authorities: Vec<CertificateAuthority>,
    ct_logs: Vec<RootLog>,
    expires: Option<Timestamp>,
    fingerprint: Digest,
    timestamp_authorities: Vec<TimestampAuthority>,
    transparency_logs: Vec<RootLog>,
}

impl TrustedRoot {
    /// Reads a `trusted_root.json`.
    ///
    /// # Errors
    /// When it is none, holds something that cannot be believed, or exceeds a ceiling.
    pub fn parse(json: impl AsRef<[u8]>) -> Result<Self, ParseRootError> {
        read::root(json.as_ref())
    }

    /// Makes a root of certificates and keys that were written out one by one, as in `sigstoreKeys` of a `TrustRoot`.
    /// They count at all times: this form has no windows.
    ///
    /// # Errors
    /// When one of them cannot be believed; the error names it.
    pub fn of_keys(keys: &SigstoreKeys) -> Result<Self, ParseRootError> {
        keys.root()
    }

    /// A root that is built into the program. It may be old: it knows the logs and authorities of its day.
    ///
    /// # Errors
    /// Never, unless the program was built with a broken one; a test reads each.
    pub fn built_in(which: BuiltInRoot) -> Result<Self, ParseRootError> {
        Self::parse(which.json())
    }

    /// The same root, read once for the whole program.
    ///
    /// # Errors
    /// As [`TrustedRoot::built_in`].
    pub fn built_in_once(which: BuiltInRoot) -> Result<Arc<Self>, ParseRootError> {
        type Once = OnceLock<Result<Arc<TrustedRoot>, ParseRootError>>;
        static GITHUB: Once = OnceLock::new();
        static PUBLIC_GOOD: Once = OnceLock::new();
        let once = match which {
            BuiltInRoot::GitHub => &GITHUB,
            BuiltInRoot::PublicGood => &PUBLIC_GOOD,
        };
        once.get_or_init(|| Self::built_in(which).map(Arc::new)).clone()
    }

    /// The built-in root of the public-good instance.
    ///
    /// # Errors
    /// As [`TrustedRoot::built_in`].
    pub fn public_good() -> Result<Self, ParseRootError> {
        Self::built_in(BuiltInRoot::PublicGood)
    }

    /// The same root, which ends at `expires`: the earliest end of the metadata that vouched for it.
    #[must_use]
    pub fn with_expiry(mut self, expires: Timestamp) -> Self {
        self.expires = Some(expires);
        self
    }

    /// When the repository that it came from says that it ends; never for one that was given or is built in.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Whether it has ended at `now`. TUF counts metadata as valid up to and including its last moment.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires < now)
    }

    /// The authorities that issue signing certificates.
    pub fn certificate_authorities(&self) -> &[CertificateAuthority] {
        &self.certificate_authorities
    }

    /// The logs of issued certificates (RFC 6962).
    pub fn ct_logs(&self) -> &[RootLog] {
        &self.ct_logs
    }

    /// The authorities that sign the time (RFC 3161), also those whose keys `sigstore-verify` does not know.
    pub fn timestamp_authorities(&self) -> &[TimestampAuthority] {
        &self.timestamp_authorities
    }

    /// The transparency logs, of both versions of Rekor.
    pub fn transparency_logs(&self) -> &[RootLog] {
        &self.transparency_logs
    }

    /// Whether a signature can be proved by a transparency log.
    pub fn has_transparency_logs(&self) -> bool {
        !self.transparency_logs.is_empty()
    }

    /// Whether certificates can be proved to be logged.
    pub fn has_ct_logs(&self) -> bool {
        !self.ct_logs.is_empty()
    }

    /// Whether a time can be proved by a timestamp authority.
    pub fn has_timestamp_authorities(&self) -> bool {
        !self.timestamp_authorities.is_empty()
    }

    /// Whether a log is certainly one of Rekor v2, which proves no time. See [`RootLog::is_rekor_v2`].
    pub fn has_rekor_v2_logs(&self) -> bool {
        self.transparency_logs.iter().any(RootLog::is_rekor_v2)
    }

    /// Equal exactly if the same is believed: authorities, logs, their windows and order. When a repository says that
    /// the root ends does not belong to it.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// What is believed, and until when.
    pub fn summary(&self) -> RootSummary {
        RootSummary::of(self)
    }
}

#[cfg(test)]
mod tests;
