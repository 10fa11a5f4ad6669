//! What may lie behind a proxy.

use core::net::IpAddr;

use tokio::net::lookup_host;
use url::{Host, Url};

use super::barred::Barred;
use super::zone::{Reach, Zone, authority};
use crate::evidence::{Unasked, UnaskedKind};

/// Holds what lies behind the proxy against `reach`. The proxy looks names up by itself, so that what it would reach is
/// known only where this machine finds the same name; one that it does not find is not followed.
///
/// # Errors
/// When the address is not one to go to, or not known.
pub(super) async fn check(reach: Reach, to: &Url, barred: &Barred) -> Result<(), Unasked> {
    if reach == Reach::Anywhere {
        return Ok(());
    }
    let refuse = |why: &str| {
        let name = authority(to);
        Err(Unasked::new(UnaskedKind::Refused, format!("`{name}` {why}: list the host as private if it is right")))
    };
    let addresses: Vec<IpAddr> = match to.host() {
        None => return refuse("is no host"),
        Some(Host::Ipv4(address)) => vec![address.into()],
        Some(Host::Ipv6(address)) => vec![address.into()],
        Some(Host::Domain(name)) => match lookup_host((name, 0)).await {
            Ok(found) => found.map(|address| address.ip()).collect(),
            Err(_) => Vec::new(),
        },
    };
    let is_barred = |address: &IpAddr| to.port_or_known_default().is_some_and(|port| barred.has(*address, port));
    // What an image names is asked by its name: where only the proxy knows it, it is the proxy that says where it leads.
    if addresses.is_empty() && reach == Reach::Named {
        return Ok(());
    }
    if addresses.is_empty() {
        return refuse("has no address here, and where the proxy would find it is not known");
    }
    if addresses.iter().all(|address| reach.covers(Zone::of(*address)) && !is_barred(address)) {
        Ok(())
    } else {
        refuse("lies at an address that is not followed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guard holds behind a proxy as well.
    #[tokio::test]
    async fn t79_what_a_registry_names_behind_a_proxy() {
        let barred = Barred::new(&["8.8.4.4:443".parse().unwrap()]);
        let checked = async |reach, url: &str| check(reach, &url.parse().unwrap(), &barred).await;
        assert_eq!(checked(Reach::FromPublic, "https://8.8.8.8/t").await, Ok(()));
        assert_eq!(checked(Reach::FromPublic, "https://8.8.4.4:8443/t").await, Ok(()));
        assert_eq!(checked(Reach::Anywhere, "https://nowhere.invalid/t").await, Ok(()), "an administrator said so");
        for url in [
            "https://169.254.169.254/t",
            "https://10.0.0.1/t",
            "https://127.0.0.1/t",
            "https://localhost/t",
            "https://8.8.4.4/t",
            "https://[::ffff:169.254.169.254]/t",
            "https://nowhere.invalid/t",
        ] {
            let refused = checked(Reach::FromPublic, url).await.unwrap_err();
            assert_eq!(refused.kind(), UnaskedKind::Refused, "{url}: {refused}");
        }
    }
}
