//! How many requests were sent, and what became of them.

use std::collections::BTreeMap;

/// The requests that a [`super::Client`] sent since it was made, by host and outcome. Hosts are registries, their token
/// services and the places to which they redirect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    by: BTreeMap<(String, Outcome), u64>,
}

impl Requests {
    pub(super) fn add(&mut self, host: &str, outcome: Outcome, count: u64) {
        if count > 0 {
            let sum = self.by.entry((host.to_owned(), outcome)).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// The number of all requests.
    pub fn total(&self) -> u64 {
        self.by.values().sum()
    }

    /// The number of requests to each host with each outcome, in the order of their names. Zeros are left out.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Outcome, u64)> {
        self.by.iter().map(|((host, outcome), count)| (host.as_str(), *outcome, *count))
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// 2xx, 3xx, or a 4xx that is none of the others: the host answered.
    Answered,
    /// No answer, or one that broke off.
    Broken,
    /// 5xx.
    Failed,
    /// 429.
    RateLimited,
    /// 401 or 403.
    Refused,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [Self::Answered, Self::Broken, Self::Failed, Self::RateLimited, Self::Refused];

    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Broken => "broken",
            Self::Failed => "failed",
            Self::RateLimited => "rate_limited",
            Self::Refused => "refused",
        }
    }
}
