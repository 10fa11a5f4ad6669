//! How long things take that are done elsewhere.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec};

/// How long requests to registries took. Clones count into the same place.
#[derive(Clone, Debug)]
pub struct RegistryTimes(pub(super) HistogramVec);

impl RegistryTimes {
    /// Counts a request of this `kind` with this `outcome`, labels of closed lists, that took `time`.
    pub fn took(&self, kind: &'static str, outcome: &'static str, time: Duration) {
        self.0.with_label_values(&[kind, outcome]).observe(time.as_secs_f64());
    }
}

/// How long it took to verify what was found about one image. Clones count into the same place.
#[derive(Clone, Debug)]
pub struct VerifyTimes(pub(super) Histogram);

impl VerifyTimes {
    /// One is being verified as long as the result lives.
    pub fn start(&self) -> impl Sized + Send + use<> {
        self.0.start_timer()
    }
}
