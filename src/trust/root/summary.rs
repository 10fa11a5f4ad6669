//! What a root believes, as data for people and programs.

use jiff::Timestamp;
use serde::Serialize;

use super::{RootCertificate, RootLog, TrustedRoot, Window};
use crate::image::Digest;
use crate::trust::KeyAlgorithm;

/// What a root believes, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RootSummary {
    /// The root's fingerprint.
    pub fingerprint: String,
    /// When the repository that it came from says that it ends.
    pub expires: Option<Timestamp>,
    /// Authorities that issue signing certificates.
    pub certificate_authorities: Vec<AuthoritySummary>,
    /// Logs of issued certificates.
    pub ct_logs: Vec<LogSummary>,
    /// Authorities that sign the time.
    pub timestamp_authorities: Vec<AuthoritySummary>,
    /// Transparency logs.
    pub transparency_logs: Vec<LogSummary>,
}

/// One authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthoritySummary {
    /// The subject of the certificate that is believed.
    pub anchor: String,
    /// Its SHA-256.
    pub anchor_digest: String,
    /// When the first certificate of the chain ends by itself.
    pub certificates_end: Option<Timestamp>,
    /// The subjects of the certificates before the anchor.
    pub chain: Vec<String>,
    /// The end of the window in which it counts.
    pub end: Option<Timestamp>,
    /// The start of the window in which it counts.
    pub start: Option<Timestamp>,
    /// Where it answers.
    pub uri: String,
}

/// One log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogSummary {
    /// The algorithm of its key; none where it is not supported, so that nothing of this log is believed.
    pub algorithm: Option<&'static str>,
    /// Where it answers.
    pub base_url: String,
    /// The end of the window in which it counts.
    pub end: Option<Timestamp>,
    /// The log ID, in hex.
    pub id: String,
    /// Whether it is certainly a log of Rekor v2.
    pub is_rekor_v2: bool,
    /// The start of the window in which it counts.
    pub start: Option<Timestamp>,
}

impl RootSummary {
    pub(super) fn of(root: &TrustedRoot) -> Self {
        let authorities = root.certificate_authorities.iter();
        let timestamp_authorities = root.timestamp_authorities.iter();
        Self {
            fingerprint: root.fingerprint.to_string(),
            expires: root.expires,
            certificate_authorities: authorities
                .map(|authority| summary(authority.chain(), authority.uri(), authority.window()))
                .collect(),
            ct_logs: root.ct_logs.iter().map(|log| LogSummary { is_rekor_v2: false, ..LogSummary::of(log) }).collect(),
            timestamp_authorities: timestamp_authorities
                .map(|authority| summary(authority.chain(), authority.uri(), authority.window()))
                .collect(),
            transparency_logs: root.transparency_logs.iter().map(LogSummary::of).collect(),
        }
    }
}

impl LogSummary {
    fn of(log: &RootLog) -> Self {
        Self {
            algorithm: log.algorithm().map(name),
            base_url: log.base_url().to_owned(),
            end: log.window().end(),
            id: Digest::from_bytes(*log.id()).hex(),
            is_rekor_v2: log.is_rekor_v2(),
            start: log.window().start(),
        }
    }
}

fn summary<'a>(chain: impl Iterator<Item = &'a RootCertificate>, uri: &str, window: Window) -> AuthoritySummary {
    let mut chain: Vec<_> = chain.collect();
    let certificates_end = chain.iter().filter_map(|certificate| certificate.validity().end()).min();
    let anchor = chain.pop();
    AuthoritySummary {
        anchor: anchor.map(|anchor| anchor.subject().to_owned()).unwrap_or_default(),
        anchor_digest: anchor.map(|anchor| Digest::of(anchor.der()).to_string()).unwrap_or_default(),
        certificates_end,
        chain: chain.into_iter().map(|certificate| certificate.subject().to_owned()).collect(),
        end: window.end(),
        start: window.start(),
        uri: uri.to_owned(),
    }
}

fn name(algorithm: KeyAlgorithm) -> &'static str {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => "ECDSA P-256",
        KeyAlgorithm::EcdsaP384 => "ECDSA P-384",
        KeyAlgorithm::EcdsaP521 => "ECDSA P-521",
        KeyAlgorithm::Ed25519 => "Ed25519",
        KeyAlgorithm::Rsa => "RSA",
    }
}
