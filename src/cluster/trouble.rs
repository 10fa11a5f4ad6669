//! What is wrong with something that is kept up.

use tokio::sync::watch;

use crate::telemetry::field;

/// Told where it changes, and logged then.
#[derive(Debug)]
pub(super) struct Trouble(watch::Sender<Option<String>>);

impl Default for Trouble {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Trouble {
    /// Follows it: none while nothing is wrong.
    pub(super) fn subscribe(&self) -> watch::Receiver<Option<String>> {
        self.0.subscribe()
    }

    /// Tells what is wrong now.
    pub(super) fn tell(&self, trouble: Option<String>) {
        self.0.send_if_modified(|told| {
            let is_new = *told != trouble;
            if let (true, Some(trouble)) = (is_new, &trouble) {
                tracing::error!(
                    { field::EVENT } = "certificate",
                    { field::DETAIL } = trouble,
                    "the certificate or the webhook configurations are not as they have to be"
                );
            }
            *told = trouble;
            is_new
        });
    }
}
