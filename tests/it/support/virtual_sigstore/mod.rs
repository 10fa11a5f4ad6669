//! A whole Sigstore in memory: a certificate authority, a log of certificates, both versions of Rekor, a timestamp
//! authority and the trusted root that names them. It does what it is told: every field of what it makes can be made
//! wrong, one at a time.
//!
//! It shares no code with what it tests but the crates for DER.

pub(crate) mod artifact;
pub(crate) mod certificate;
pub(crate) mod ct_log;
pub(crate) mod fulcio;
pub(crate) mod key;
pub(crate) mod merkle;
pub(crate) mod rekor_v1;
pub(crate) mod rekor_v2;
pub(crate) mod root;
pub(crate) mod tsa;

use jiff::{SignedDuration, Timestamp};

pub(crate) use artifact::{Content, Log, Order, Signed};
pub(crate) use certificate::{Certificate, Subject};
pub(crate) use ct_log::CtLog;
pub(crate) use fulcio::{Fulcio, Leaf};
pub(crate) use key::{Algorithm, Key};
pub(crate) use rekor_v1::RekorV1;
pub(crate) use rekor_v2::RekorV2;
pub(crate) use tsa::Tsa;

/// When everything happens, unless told otherwise.
pub(crate) fn noon() -> Timestamp {
    "2026-01-15T12:00:00Z".parse().unwrap()
}

/// `minutes` after [`noon`].
pub(crate) fn minutes(minutes: i64) -> Timestamp {
    noon() + SignedDuration::from_mins(minutes)
}

/// `days` after [`noon`].
pub(crate) fn days(days: i64) -> Timestamp {
    noon() + SignedDuration::from_hours(24 * days)
}

/// One instance of Sigstore.
pub(crate) struct Sigstore {
    pub(crate) fulcio: Fulcio,
    pub(crate) ct_log: CtLog,
    pub(crate) rekor_v1: RekorV1,
    pub(crate) rekor_v2: RekorV2,
    pub(crate) tsa: Tsa,
}

impl Sigstore {
    /// An instance with keys of its own.
    pub(crate) fn new() -> Self {
        Self::named("virtual")
    }

    /// One whose authorities have another name.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            fulcio: Fulcio::new(name),
            ct_log: CtLog::new(Algorithm::P256),
            rekor_v1: RekorV1::new("rekor.virtual.example"),
            rekor_v2: RekorV2::new("rekor2.virtual.example"),
            tsa: Tsa::new(name, Algorithm::P256),
        }
    }
}
