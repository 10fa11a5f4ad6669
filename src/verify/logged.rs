//! Where everybody can look up what was signed.

use std::fmt;

/// An entry of a known transparency log that was found to be about a signature: the public record of its signing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    base_url: String,
    index: i64,
    is_rekor_v2: bool,
}

impl LogEntry {
    /// The only constructor. `base_url` is what the trust root says of the log.
    pub(super) fn assertion(base_url: &str, index: i64, is_rekor_v2: bool) -> Self {
        Self { base_url: base_url.trim_end_matches('/').to_owned(), index, is_rekor_v2 }
    }

    /// Its number in the log, by the word of the log.
    pub fn index(&self) -> i64 {
        self.index
    }
}

/// The address at which Rekor v1 shows the entry; Rekor v2 shows tiles, and no entry by itself.
impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base_url, index, is_rekor_v2 } = self;
        match (base_url.as_str(), is_rekor_v2) {
            ("", _) => write!(f, "entry {index}"),
            (_, false) => write!(f, "{base_url}/api/v1/log/entries?logIndex={index}"),
            (_, true) => write!(f, "entry {index} of {base_url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_shown_where_its_log_shows_it() {
        for (base_url, is_rekor_v2, expected) in [
            ("https://rekor.example/", false, "https://rekor.example/api/v1/log/entries?logIndex=7"),
            ("https://log.example", true, "entry 7 of https://log.example"),
            ("", false, "entry 7"),
        ] {
            assert_eq!(LogEntry::assertion(base_url, 7, is_rekor_v2).to_string(), expected);
        }
    }
}
