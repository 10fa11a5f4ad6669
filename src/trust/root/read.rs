//! Reading a `trusted_root.json`.

use aws_lc_rs::digest::{Context, SHA256};
use sigstore_trust_root::{CertificateTransparencyLog, TimeRange, TransparencyLog};

use super::{
    CertificateAuthority, ParseRootError, RootFault, RootList, RootLog, TimestampAuthority, TrustedRoot, Window,
};
use crate::image::Digest;
use crate::limits;

/// <https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto>, `media_type`.
pub(super) const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
const MEDIA_TYPES: &[&str] = &[
    MEDIA_TYPE,
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
];

pub(super) fn root(json: &[u8]) -> Result<TrustedRoot, ParseRootError> {
    if json.len() > limits::TRUSTED_ROOT_BYTES {
        return Err(too_much("bytes of a `trusted_root.json`", limits::TRUSTED_ROOT_BYTES));
    }
    let malformed = |why: String| ParseRootError::whole(RootFault::Json(why));
    let text = str::from_utf8(json).map_err(|_| malformed("it is no UTF-8 text".to_owned()))?;
    let inner = sigstore_trust_root::TrustedRoot::from_json(text).map_err(|error| malformed(one_line(&error)))?;
    checked(&inner)
}

/// Checks every part, so that nothing that `sigstore-verify` would refuse comes through.
fn checked(inner: &sigstore_trust_root::TrustedRoot) -> Result<TrustedRoot, ParseRootError> {
    if !MEDIA_TYPES.contains(&inner.media_type.as_str()) {
        let media_type = inner.media_type.chars().filter(|character| !character.is_control()).take(100).collect();
        return Err(ParseRootError::whole(RootFault::MediaType(media_type)));
    }
    let lengths = [
        (inner.certificate_authorities.len(), "certificate authorities"),
        (inner.ctlogs.len(), "logs of certificates"),
        (inner.timestamp_authorities.len(), "timestamp authorities"),
        (inner.tlogs.len(), "transparency logs"),
    ];
    if let Some((_, what)) = lengths.iter().find(|(length, _)| *length > limits::TRUSTED_ROOT_ENTRIES) {
        return Err(too_much(what, limits::TRUSTED_ROOT_ENTRIES));
    }
    if lengths.iter().all(|(length, _)| *length == 0) {
        return Err(ParseRootError::whole(RootFault::Empty));
    }

    let transparency_logs = logs(RootList::TransparencyLogs, &inner.tlogs)?;
    let ct_logs = logs(RootList::CtLogs, &inner.ctlogs)?;
    let certificate_authorities = each(RootList::CertificateAuthorities, &inner.certificate_authorities, |entry| {
        let chain = entry.cert_chain.certificates.iter().map(|certificate| certificate.raw_bytes.as_bytes());
        CertificateAuthority::new(chain, &entry.uri, window(entry.valid_for)?)
    })?;
    let timestamp_authorities = each(RootList::TimestampAuthorities, &inner.timestamp_authorities, |entry| {
        let chain = entry.cert_chain.certificates.iter().map(|certificate| certificate.raw_bytes.as_bytes());
        TimestampAuthority::new(chain, entry.uri.as_deref().unwrap_or_default(), window(entry.valid_for)?)
    })?;
    let fingerprint = fingerprint(&certificate_authorities, &ct_logs, &timestamp_authorities, &transparency_logs);
    Ok(TrustedRoot {
        certificate_authorities,
        ct_logs,
        expires: None,
        fingerprint,
        timestamp_authorities,
        transparency_logs,
    })
}

fn each<T, U>(
    list: RootList,
    entries: &[T],
    read: impl Fn(&T) -> Result<U, RootFault>,
) -> Result<Vec<U>, ParseRootError> {
    let entries = entries.iter().enumerate();
    entries.map(|(index, entry)| read(entry).map_err(|fault| ParseRootError::at(list, index, fault))).collect()
}

/// What both kinds of logs have.
trait LogEntry {
    fn log(&self) -> Result<RootLog, RootFault>;
}

impl LogEntry for TransparencyLog {
    fn log(&self) -> Result<RootLog, RootFault> {
        let key = &self.public_key;
        RootLog::new(
            key.raw_bytes.as_bytes(),
            false,
            self.log_id.key_id.as_bytes(),
            &self.base_url,
            window(key.valid_for)?,
        )
    }
}

impl LogEntry for CertificateTransparencyLog {
    fn log(&self) -> Result<RootLog, RootFault> {
        let key = &self.public_key;
        let is_pkcs1 = key.key_details.as_str().starts_with("PKCS1_RSA");
        RootLog::new(
            key.raw_bytes.as_bytes(),
            is_pkcs1,
            self.log_id.key_id.as_bytes(),
            &self.base_url,
            window(key.valid_for)?,
        )
    }
}

/// Reads the logs, each once.
fn logs<T: LogEntry>(list: RootList, entries: &[T]) -> Result<Vec<RootLog>, ParseRootError> {
    let mut logs: Vec<RootLog> = Vec::with_capacity(entries.len());
    for (index, log) in each(list, entries, LogEntry::log)?.into_iter().enumerate() {
        match logs.iter().find(|other| other.id() == log.id()) {
            Some(other) if *other == log => {}
            Some(_) => return Err(ParseRootError::at(list, index, RootFault::DuplicateLog)),
            None => logs.push(log),
        }
    }
    Ok(logs)
}

fn window(range: Option<TimeRange>) -> Result<Window, RootFault> {
    let Some(range) = range else { return Ok(Window::ALWAYS) };
    Window::new(Some(range.start), range.end).ok_or(RootFault::Window)
}

fn too_much(what: &'static str, ceiling: usize) -> ParseRootError {
    ParseRootError::whole(RootFault::TooMuch { what, ceiling })
}

fn one_line(error: &impl std::fmt::Display) -> String {
    error.to_string().chars().map(|character| if character.is_control() { ' ' } else { character }).take(200).collect()
}

/// Hashes all that is believed, each part with its length before it.
fn fingerprint(
    authorities: &[CertificateAuthority],
    ct_logs: &[RootLog],
    timestamp_authorities: &[TimestampAuthority],
    transparency_logs: &[RootLog],
) -> Digest {
    let mut context = Context::new(&SHA256);
    let mut part = |bytes: &[u8]| {
        context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(bytes);
    };
    for authority in authorities {
        part(b"certificate authority");
        part(authority.window().to_string().as_bytes());
        authority.chain().for_each(|certificate| part(certificate.der()));
    }
    for authority in timestamp_authorities {
        part(b"timestamp authority");
        part(authority.window().to_string().as_bytes());
        authority.chain().for_each(|certificate| part(certificate.der()));
    }
    for (kind, logs) in [("log of certificates", ct_logs), ("transparency log", transparency_logs)] {
        for log in logs {
            for bytes in [kind.as_bytes(), log.id(), log.key(), log.base_url().as_bytes()] {
                part(bytes);
            }
            part(log.window().to_string().as_bytes());
        }
    }
    let mut sum = [0; 32];
    sum.copy_from_slice(context.finish().as_ref());
    Digest::from_bytes(sum)
}
