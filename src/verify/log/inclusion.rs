//! Inclusion proofs and checkpoints, of both versions of Rekor.

use jiff::Timestamp;
use sigstore_merkle::{hash_leaf, verify_inclusion_proof};
use url::Url;

use super::entry::{Entry, Inclusion};
use super::{Log, VerifyError};
use crate::limits::Budget;
use crate::verify::key;

/// Checks the inclusion proof of `entry`, if it has one: that the path leads from the entry to the root
/// (RFC 6962, 2.1.1), that the log has signed this root as its checkpoint (<https://c2sp.org/tlog-checkpoint>), and that
/// its key was in use at `times`, when the signature was made. Without any time it must have been in use before `now`.
pub(super) fn check(
    entry: &Entry,
    log: &Log<'_>,
    times: &[Timestamp],
    now: Timestamp,
    budget: &mut Budget,
) -> Result<(), VerifyError> {
    let Some(inclusion) = &entry.inclusion else {
        return Ok(());
    };
    let checkpoint = &inclusion.checkpoint;
    let path = if entry.is_rekor_v2() {
        // The proof's own index, size and root are nobody's word; Rekor v2 has one tree, and its checkpoint the rest.
        let index = u64::try_from(entry.index).map_err(|_| VerifyError::log_entry("its index is negative"))?;
        Path { index, size: checkpoint.tree_size() }
    } else {
        if *checkpoint.root_hash() != inclusion.root || checkpoint.tree_size() != inclusion.size {
            return Err(VerifyError::log_entry("its inclusion proof is for another tree than its checkpoint"));
        }
        Path { index: inclusion.index, size: inclusion.size }
    };
    let leaf = hash_leaf(&entry.body);
    verify_inclusion_proof(&leaf, path.index, path.size, &inclusion.hashes, checkpoint.root_hash())
        .map_err(|error| VerifyError::log_entry(format_args!("its inclusion proof does not hold: {error}")))?;
    signed(entry, inclusion, log, budget)?;

    // A key that its log has given up signs nothing any more, whoever has it now.
    let window = log.root.window();
    if let Some(time) = times.iter().find(|time| !window.contains(**time)) {
        return Err(VerifyError::log_entry(format_args!("the key of its log was not in use at {time}")));
    }
    if times.is_empty() && window.start().is_some_and(|start| start > now) {
        return Err(VerifyError::log_entry("the key of its log is not in use yet"));
    }
    Ok(())
}

struct Path {
    index: u64,
    size: u64,
}

/// Whether the log of the entry has signed the checkpoint: this log and no other, under the name that the checkpoint
/// begins with. Signatures of others beside it, as of witnesses, count for nothing.
fn signed(entry: &Entry, inclusion: &Inclusion, log: &Log<'_>, budget: &mut Budget) -> Result<(), VerifyError> {
    let checkpoint = &inclusion.checkpoint;
    let origin = checkpoint.origin();
    // Rekor v1 adds the number of the tree to the name.
    let name = if entry.is_rekor_v2() { origin } else { origin.split(" - ").next().unwrap_or(origin) };
    if entry.is_rekor_v2()
        && let Some(host) = host(log.root.base_url())
        && host != name
    {
        return Err(VerifyError::log_entry("its checkpoint has the name of another log"));
    }
    let hint = entry.log.first_chunk::<4>();
    for signature in checkpoint.signatures() {
        if signature.name != name || Some(signature.key_id.as_bytes()) != hint {
            continue;
        }
        let bytes = signature.signature.as_bytes();
        let message = checkpoint.signed_data();
        if key::is_of_log(&log.key, message, bytes, budget).map_err(VerifyError::Budget)? {
            return Ok(());
        }
    }
    Err(VerifyError::log_entry("its log has not signed the checkpoint"))
}

/// The host under which the root knows the log.
fn host(base_url: &str) -> Option<String> {
    Url::parse(base_url).ok()?.host_str().map(str::to_owned)
}
