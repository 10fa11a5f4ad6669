//! Names become addresses only where they may be reached.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::zone::{Reach, Zone};

/// Looks names up with the system's resolver and leaves out the addresses that a [`Reach`] does not allow: a name of
/// the internet can point to the metadata service just as well as the address itself.
#[derive(Debug)]
pub(super) struct Guarded(pub(super) Reach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (within, beyond): (Vec<_>, Vec<_>) = found.partition(|address| reach.covers(Zone::of(address.ip())));
            if within.is_empty() && !beyond.is_empty() {
                return Err(Forbidden.into());
            }
            let addresses: Addrs = Box::new(within.into_iter());
            Ok(addresses)
        })
    }
}

/// Every address of a name lies where it is not followed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name has only addresses that are not followed")]
pub(super) struct Forbidden;
