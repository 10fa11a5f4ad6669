//! How often what is kept is of use.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often what is kept served, and how often it had to be got.
#[derive(Debug, Default)]
pub struct CacheUses {
    hits: AtomicU64,
    misses: AtomicU64,
}

/// A cache at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheState {
    /// How often what was kept served so far.
    pub hits: u64,
    /// How often it had to be got so far.
    pub misses: u64,
    /// How much is kept now.
    pub entries: usize,
}

impl CacheUses {
    /// What was kept served.
    pub fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// It had to be got.
    pub fn missed(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts so far, of a cache that keeps so many `entries`.
    pub fn state(&self, entries: usize) -> CacheState {
        let [hits, misses] = [&self.hits, &self.misses].map(|count| count.load(Ordering::Relaxed));
        CacheState { hits, misses, entries }
    }
}
