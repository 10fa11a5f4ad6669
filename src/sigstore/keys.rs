//! What a TUF root says about its keys, beyond what `sigstore-tuf` checks.

use std::collections::{BTreeMap, BTreeSet};

use sigstore_tuf::{Delegations, Key, RoleKeys, Root};

use super::RefreshError;

/// The roles that every root has (TUF 1.0.34, 4.3).
const ROLES: [&str; 4] = ["root", "snapshot", "targets", "timestamp"];

/// Checks that every threshold of `root` can be what it says: at least one, and so many different keys.
///
/// The crate counts names of keys, and takes names as they are written: one key under two names would count twice.
pub(super) fn check_root(root: &Root) -> Result<(), RefreshError> {
    for role in ROLES {
        let keys = root.role(role).ok_or_else(|| RefreshError::Role(role.to_owned()))?;
        check(role, keys, &root.keys)?;
    }
    Ok(())
}

/// The same for the roles that targets delegate to.
pub(super) fn check_delegations(delegations: &Delegations) -> Result<(), RefreshError> {
    for role in &delegations.roles {
        check(&role.name, &role.role_keys(), &delegations.keys)?;
    }
    Ok(())
}

fn check(role: &str, keys: &RoleKeys, known: &BTreeMap<String, Key>) -> Result<(), RefreshError> {
    let role = || role.replace(char::is_control, "?");
    if keys.threshold == 0 {
        return Err(RefreshError::Threshold { role: role(), threshold: 0, keys: keys.keyids.len() });
    }
    let mut ids = BTreeSet::new();
    let mut contents = BTreeSet::new();
    for id in &keys.keyids {
        // A key of an algorithm that is not known cannot sign, and counts for nothing.
        let content = known.get(id).and_then(|key| key.verification_key().ok());
        let twice = !ids.insert(id) || content.is_some_and(|key| !contents.insert(key.as_bytes().to_vec()));
        if twice {
            return Err(RefreshError::KeyTwice(role()));
        }
    }
    if contents.len() < keys.threshold {
        return Err(RefreshError::Threshold { role: role(), threshold: keys.threshold, keys: contents.len() });
    }
    Ok(())
}
