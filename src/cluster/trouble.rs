//! How it is with the certificate and the webhook configurations.

use std::time::Duration;

use tokio::sync::watch;

use crate::limits;
use crate::telemetry::field;

/// How it is with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What is wrong; none where nothing is.
    pub trouble: Option<String>,
    /// Whether the API server was ever able to ask, as far as can be seen from here: each configuration was there, and
    /// believed what is served.
    pub can_ask: bool,
}

/// Told where it changes, and logged then.
#[derive(Debug, Default)]
pub(super) struct Trouble(watch::Sender<Standing>);

impl Trouble {
    /// Follows it.
    pub(super) fn subscribe(&self) -> watch::Receiver<Standing> {
        self.0.subscribe()
    }

    /// How long to wait before the next look: not long while the API server cannot ask yet.
    pub(super) fn pause(&self) -> Duration {
        if self.0.borrow().can_ask { limits::CERTIFICATE_SECRET_POLL } else { limits::API_LONGEST_WAIT }
    }

    /// Tells what is wrong now, and whether the API server can ask all the same.
    pub(super) fn tell(&self, trouble: Option<String>, can_ask: bool) {
        self.0.send_if_modified(|told| {
            let before = told.clone();
            let is_new = told.trouble != trouble;
            if let (true, Some(trouble)) = (is_new, &trouble) {
                tracing::error!(
                    { field::EVENT } = "certificate",
                    { field::DETAIL } = trouble,
                    "the certificate or the webhook configurations are not as they have to be"
                );
            }
            *told = Standing { trouble, can_ask: before.can_ask || can_ask };
            *told != before
        });
    }
}
