//! Promises of Rekor v1: signed entry timestamps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;

use super::entry::Entry;
use super::{Log, VerifyError};
use crate::limits::Budget;
use crate::verify::key;

/// Checks the promise of `entry`, if it has one: that its log has signed it, with a key that was the log's at that time.
/// Returns the time, which the promise covers.
///
/// <https://github.com/sigstore/architecture-docs/blob/main/client-spec.md#4-verification>, the signed entry timestamp.
pub(super) fn check(
    entry: &Entry,
    log: &Log<'_>,
    now: Timestamp,
    budget: &mut Budget,
) -> Result<Option<Timestamp>, VerifyError> {
    let Some(promise) = &entry.promise else {
        return Ok(None);
    };
    let time = entry.time.ok_or_else(|| VerifyError::log_entry("its promise has no time"))?;
    if !log.root.window().contains(time) {
        return Err(VerifyError::log_entry(format_args!("the key of its log was not in use at {time}")));
    }
    // RFC 8785: the names are in order, the strings are base64 and hex, and the numbers are integers.
    let promised = Promised {
        body: STANDARD.encode(&entry.body),
        integrated_time: time.as_second(),
        log_id: entry.log.iter().map(|byte| format!("{byte:02x}")).collect(),
        log_index: entry.index,
    };
    let promised = serde_json::to_vec(&promised).map_err(VerifyError::log_entry)?;
    if !key::is_of_log(&log.key, &promised, promise, budget).map_err(VerifyError::Budget)? {
        return Err(VerifyError::log_entry("its log has not signed the promise"));
    }
    if time > now {
        return Err(VerifyError::log_entry(format_args!("its time {time} is in the future")));
    }
    Ok(Some(time))
}

/// In the order of RFC 8785, in which it is signed.
#[derive(Serialize)]
struct Promised {
    body: String,
    #[serde(rename = "integratedTime")]
    integrated_time: i64,
    #[serde(rename = "logID")]
    log_id: String,
    #[serde(rename = "logIndex")]
    log_index: i64,
}
