//! Conditions that lie at an address.

use std::fmt;
use std::sync::Arc;

use url::Url;

use super::problem::one_line;
use crate::image::Digest;

/// A condition that lies at an address, as a policy names it: what is there counts only if its bytes have this sum, so that
/// whoever keeps it can take it away and not change it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemoteSource {
    sum: Digest,
    url: Url,
}

/// What is known of a condition that lies at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteState {
    /// What lies there. It cannot become another one.
    Known(Arc<str>),
    /// Nothing yet, and why.
    Unknown(String),
}

impl RemoteSource {
    /// The condition at `url` whose bytes have the SHA-256 `sum`, in hexadecimal.
    ///
    /// # Errors
    /// When the address is none over TLS, or holds a password; or the sum is none.
    pub(super) fn new(url: &str, sum: &str) -> Result<Self, (&'static str, String)> {
        let wrong = |why: &str| ("url", why.to_owned());
        let url =
            Url::parse(url).map_err(|_| wrong("is no address such as `https://policies.example.com/app.rego`"))?;
        if url.scheme() != "https" {
            return Err(wrong("is not fetched without TLS; the address has to begin with `https://`"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("holds credentials, which everybody may read who may read policies"));
        }
        let sum = format!("sha256:{}", sum.trim().to_ascii_lowercase());
        let sum = sum.parse().map_err(|_| ("sha256sum", "is no SHA-256 in 64 hexadecimal digits".to_owned()))?;
        Ok(Self { sum, url })
    }

    /// Where it lies.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What it is: equal for the same bytes, wherever they lie.
    pub fn sum(&self) -> Digest {
        self.sum
    }

    /// The condition that arrived as `bytes`.
    ///
    /// # Errors
    /// When they are others than the policy asks for, or no text.
    pub fn accept(&self, bytes: &[u8]) -> Result<Arc<str>, String> {
        let found = Digest::of(bytes);
        if found != self.sum {
            return Err(format!("there lies something else, with the SHA-256 {}", found.hex()));
        }
        str::from_utf8(bytes).map(Arc::from).map_err(|_| "what lies there is no text in UTF-8".to_owned())
    }
}

impl fmt::Display for RemoteSource {
    /// The address without its query, in which there may be a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        f.write_str(&one_line(url.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_a_sum() {
        let sum = Digest::of(b"true").hex();
        let source = RemoteSource::new("https://p.example/a?token=x#y", &sum.to_uppercase()).unwrap();
        assert_eq!(source.to_string(), "https://p.example/a");
        assert_eq!(source.accept(b"true").as_deref(), Ok("true"));
        assert!(source.accept(b"true ").unwrap_err().contains("something else"));
        let binary = RemoteSource::new("https://p.example/a", &Digest::of(b"\xff").hex()).unwrap();
        assert_eq!(binary.accept(b"\xff").unwrap_err(), "what lies there is no text in UTF-8");
        for (url, sum, field) in [
            ("http://p.example/a", sum.as_str(), "url"),
            ("file:///etc/passwd", &sum, "url"),
            ("https://u:p@p.example/a", &sum, "url"),
            ("https://u@p.example/a", &sum, "url"),
            ("p.example/a", &sum, "url"),
            ("https://p.example/a", "abc", "sha256sum"),
            ("https://p.example/a", "", "sha256sum"),
        ] {
            assert_eq!(RemoteSource::new(url, sum).unwrap_err().0, field, "{url} {sum}");
        }
    }
}
