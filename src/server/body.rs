//! Reading bodies within their ceilings.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::time::timeout;

use super::{Ceilings, Refusal};

/// The bytes of bodies that may be held at one time, over all requests.
#[derive(Clone, Debug)]
pub(super) struct Bytes {
    held: Arc<AtomicUsize>,
    ceiling: usize,
}

/// A body that was read to its end. Its bytes count as held as long as the hold lives.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    pub(super) hold: Hold,
}

/// Bytes that count as held.
#[derive(Debug)]
pub(super) struct Hold {
    of: Bytes,
    count: usize,
}

impl Bytes {
    pub(super) fn new(ceiling: usize) -> Self {
        Self { held: Arc::default(), ceiling }
    }

    /// Reads `body`. What it says about its length is believed only where it says too much; bytes count as they arrive,
    /// so that nobody holds what they did not send.
    pub(super) async fn read(&self, body: Body, ceilings: &Ceilings) -> Result<Held, Refusal> {
        let declared = body.size_hint().lower();
        if usize::try_from(declared).is_ok_and(|declared| declared <= ceilings.review_bytes) {
            let read = timeout(ceilings.body_read_time, self.gather(body, ceilings.review_bytes)).await;
            read.unwrap_or(Err(Refusal::BodyTime))
        } else {
            Err(Refusal::BodyTooLarge)
        }
    }

    async fn gather(&self, mut body: Body, ceiling: usize) -> Result<Held, Refusal> {
        let mut held = Held { bytes: Vec::new(), hold: Hold { of: self.clone(), count: 0 } };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::BodyBroken)?;
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > ceiling.saturating_sub(held.bytes.len()) {
                return Err(Refusal::BodyTooLarge);
            }
            held.hold.grow(data.len())?;
            held.bytes.extend_from_slice(&data);
        }
        Ok(held)
    }
}

impl Hold {
    fn grow(&mut self, by: usize) -> Result<(), Refusal> {
        let ceiling = self.of.ceiling;
        let grown = |held: usize| held.checked_add(by).filter(|sum| *sum <= ceiling);
        match self.of.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown) {
            Ok(_) => {
                self.count += by;
                Ok(())
            }
            Err(_) => Err(Refusal::Overloaded),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.of.held.fetch_sub(self.count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_dropped_is_held_no_more() {
        let bytes = Bytes::new(10);
        let ceilings = Ceilings::default();
        let first = bytes.read(Body::from("123456"), &ceilings).await.unwrap();
        assert_eq!(first.bytes, b"123456");
        assert_eq!(bytes.read(Body::from("12345"), &ceilings).await.unwrap_err(), Refusal::Overloaded);
        let second = bytes.read(Body::from("1234"), &ceilings).await.unwrap();
        drop((first, second));
        assert!(bytes.read(Body::from("1234567890"), &ceilings).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_ends_at_its_ceiling() {
        let bytes = Bytes::new(100);
        let ceilings = Ceilings { review_bytes: 4, ..Ceilings::default() };
        assert!(bytes.read(Body::from("1234"), &ceilings).await.is_ok());
        assert_eq!(bytes.read(Body::from("12345"), &ceilings).await.unwrap_err(), Refusal::BodyTooLarge);
    }
}
