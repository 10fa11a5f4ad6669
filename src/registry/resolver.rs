//! Names become addresses only where they may be reached.

use core::net::IpAddr;
use std::collections::BTreeSet;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::zone::{Reach, Zone, plain};

/// Looks names up with the system's resolver and leaves out the addresses that a [`Reach`] does not allow: a name of
/// the internet can point to the metadata service just as well as the address itself.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) reach: Reach,
    /// What is barred at the port that is asked; an administrator who says where means it.
    pub(super) barred: Arc<BTreeSet<IpAddr>>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, barred) = (self.reach, Arc::clone(&self.barred));
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (within, beyond): (Vec<_>, Vec<_>) = found.partition(|address| reach.covers(Zone::of(address.ip())));
            // Whoever is called as the API server is, among other things, is no registry.
            let is_barred = reach != Reach::Anywhere && within.iter().any(|one| barred.contains(&plain(one.ip())));
            if is_barred || (within.is_empty() && !beyond.is_empty()) {
                return Err(Forbidden.into());
            }
            let addresses: Addrs = Box::new(within.into_iter());
            Ok(addresses)
        })
    }
}

/// Every address of a name lies where it is not followed, or one of them is barred.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name has only addresses that are not followed")]
pub(super) struct Forbidden;
