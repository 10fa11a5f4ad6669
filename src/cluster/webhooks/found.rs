//! How webhook configurations were found, and whether who asks by them believes what is served.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::cluster::probe::probe;

/// How the configurations were found.
#[derive(Debug)]
pub(in crate::cluster) struct Found {
    /// That one of them is not there.
    pub(super) missing: Option<String>,
    /// That one of them asks about less than it has to.
    pub(super) narrowed: Option<String>,
    /// Whether all that are there believed the bundle before anything was changed.
    pub(in crate::cluster) believe: bool,
    /// One that somebody had believe something else.
    pub(in crate::cluster) foreign: Option<String>,
    /// Every way in which they ask, with one webhook that does.
    pub(super) asked: BTreeMap<Asked, String>,
}

/// How a webhook asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    /// Under which name.
    pub(super) host: String,
    /// Whom it believes, in base64.
    pub(super) bundle: String,
}

/// What the names of Services end with. No public authority vouches for such a name.
const SERVICE: &str = ".svc";

impl Asked {
    /// Whether it can be known here whom it believes. Without a bundle it is the authorities of the API server's own machine,
    /// and who they are cannot be seen from here; of a Service they know nothing.
    fn is_known(&self) -> bool {
        !self.bundle.is_empty() || self.host.ends_with(SERVICE)
    }
}

impl Found {
    /// What is wrong with them, or that one would not believe who serves at `address`; and whether the API server can ask
    /// there.
    pub(in crate::cluster) async fn standing_at(self, address: SocketAddr) -> (Option<String>, bool) {
        // What was just changed is not what was found.
        let unbelieved = if self.believe { self.unbelieved_at(address).await } else { None };
        let can_ask = self.missing.is_none() && unbelieved.is_none();
        (self.narrowed.or(self.missing).or(unbelieved), can_ask)
    }

    async fn unbelieved_at(&self, address: SocketAddr) -> Option<String> {
        for (asked, webhook) in self.asked.iter().filter(|(asked, _)| asked.is_known()) {
            let Asked { host, bundle } = asked;
            if let Err(why) = probe(address, host, bundle).await {
                return Some(format!(
                    "the API server would not believe what is served here as `{host}`, by the `caBundle` of {webhook}: {why}"
                ));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(missing: Option<&str>, narrowed: Option<&str>, believe: bool, bundle: &str) -> Found {
        let asked = Asked { host: "countersign.countersign-system.svc".to_owned(), bundle: bundle.to_owned() };
        Found {
            missing: missing.map(str::to_owned),
            narrowed: narrowed.map(str::to_owned),
            believe,
            foreign: None,
            asked: BTreeMap::from([(asked, "`a`".to_owned())]),
        }
    }

    #[tokio::test]
    async fn who_asks_about_less_can_ask_and_who_is_not_there_or_believes_others_cannot() {
        let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
        for (found, trouble, can_ask) in [
            // What was just changed believes.
            (found(None, None, false, ""), None, true),
            (found(None, Some("less"), false, ""), Some("less"), true),
            (found(Some("gone"), None, false, ""), Some("gone"), false),
            (found(Some("gone"), Some("less"), true, ""), Some("less"), false),
            (found(None, Some("less"), true, ""), Some("less"), false),
        ] {
            let standing = found.standing_at(nobody).await;
            assert_eq!((standing.0.as_deref(), standing.1), (trouble, can_ask));
        }
        let (trouble, can_ask) = found(None, None, true, "").standing_at(nobody).await;
        assert!(trouble.unwrap().starts_with("the API server would not believe what is served here"));
        assert!(!can_ask);
    }

    #[test]
    fn whom_the_machine_of_the_api_server_believes_is_not_known() {
        for (host, bundle, is_known) in [
            ("countersign.countersign-system.svc", "b3Vycw==", true),
            ("countersign.countersign-system.svc", "", true),
            ("hook.example", "b3Vycw==", true),
            ("hook.example", "", false),
            ("192.0.2.1", "", false),
        ] {
            let asked = Asked { host: host.to_owned(), bundle: bundle.to_owned() };
            assert_eq!(asked.is_known(), is_known, "{asked:?}");
        }
    }
}
