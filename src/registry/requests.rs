//! How many requests were sent, what became of them, and how long they took.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::clock;
use super::host::Host;
use crate::telemetry::RegistryTimes;

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
    /// Nobody waited for its end: the deadline came first.
    CutOff,
    /// 5xx.
    Failed,
    /// 429.
    RateLimited,
    /// 401 or 403.
    Refused,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] =
        [Self::Answered, Self::Broken, Self::CutOff, Self::Failed, Self::RateLimited, Self::Refused];

    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Broken => "broken",
            Self::CutOff => "cut_off",
            Self::Failed => "failed",
            Self::RateLimited => "rate_limited",
            Self::Refused => "refused",
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// A blob, or whether it is there.
    Blob,
    /// A document at an address that somebody wrote down.
    Document,
    /// A manifest or an index.
    Manifest,
    /// What refers to a digest.
    Referrers,
    /// A token.
    Token,
    /// That something is stored or deleted.
    Write,
}

impl RequestKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Blob, Self::Document, Self::Manifest, Self::Referrers, Self::Token, Self::Write];

    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Document => "document",
            Self::Manifest => "manifest",
            Self::Referrers => "referrers",
            Self::Token => "token",
            Self::Write => "write",
        }
    }
}

/// A request on its way. It is counted when this ends, as cut off where nobody said what became of it.
pub(super) struct Sent<'a> {
    host: &'a Host,
    kind: RequestKind,
    times: Option<&'a RegistryTimes>,
    since: Instant,
    outcome: Option<Outcome>,
}

impl<'a> Sent<'a> {
    /// One to `host` that is sent now.
    pub(super) fn now(host: &'a Host, kind: RequestKind, times: Option<&'a RegistryTimes>) -> Self {
        Self { host, kind, times, since: clock::now(), outcome: Some(Outcome::CutOff) }
    }

    /// What became of it; none where it was none that counts.
    pub(super) fn became(&mut self, outcome: Option<Outcome>) {
        self.outcome = outcome;
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        let Some(outcome) = self.outcome else { return };
        self.host.count(outcome);
        if let Some(times) = self.times {
            times.took(self.kind.as_str(), outcome.as_str(), clock::now().saturating_duration_since(self.since));
        }
    }
}
