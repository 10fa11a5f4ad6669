//! Which requests are traced.

use super::id::TraceId;
use super::parent::Parent;

/// Which requests are traced: this share of them, and instead, of those whose caller is traced itself, all of whose spans
/// the caller records and no others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    ratio: f64,
    follows: bool,
}

impl Sampler {
    /// Takes this share, from 0 to 1, of the requests whose caller is not traced, and does with others as the caller does.
    pub fn following(ratio: f64) -> Option<Self> {
        Self::new(ratio, true)
    }

    /// Takes this share, from 0 to 1, of all requests.
    pub fn of_all(ratio: f64) -> Option<Self> {
        Self::new(ratio, false)
    }

    fn new(ratio: f64, follows: bool) -> Option<Self> {
        (0.0..=1.0).contains(&ratio).then_some(Self { ratio, follows })
    }

    /// The same, with this share.
    pub(super) fn with_ratio(self, ratio: f64) -> Option<Self> {
        Self::new(ratio, self.follows)
    }

    /// Whether a request of this trace is taken. Whoever samples traces by their names takes the same ones
    /// (<https://opentelemetry.io/docs/specs/otel/trace/sdk/#traceidratiobased>).
    pub(super) fn takes(self, trace: TraceId, parent: Option<&Parent>) -> bool {
        if let (true, Some(parent)) = (self.follows, parent) {
            return parent.is_sampled;
        }
        let [.., a, b, c, d, _, _, _, _] = trace.bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) < self.ratio * (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::trace::id::SpanId;

    fn takes(sampler: Option<Sampler>, low: u64, parent: Option<bool>) -> bool {
        let trace = TraceId::of(u128::from(low) | 1 << 127).unwrap();
        let parent = parent.map(|is_sampled| Parent { trace, span: SpanId::of(1).unwrap(), is_sampled });
        sampler.unwrap().takes(trace, parent.as_ref())
    }

    #[test]
    fn a_share_of_those_that_nobody_traces() {
        let (none, quarter, all) = (Sampler::following(0.0), Sampler::following(0.25), Sampler::following(1.0));
        let edge = 1 << 62;
        for (low, of_quarter) in [(0, true), (edge - 1, true), (edge, false), (u64::MAX, false)] {
            assert!(!takes(none, low, None) && takes(all, low, None), "{low:x}");
            assert_eq!(takes(quarter, low, None), of_quarter, "{low:x}");
            // The caller's word goes first.
            for is_sampled in [false, true] {
                for sampler in [none, quarter, all] {
                    assert_eq!(takes(sampler, low, Some(is_sampled)), is_sampled, "{low:x}");
                }
                assert_eq!(takes(Sampler::of_all(0.25), low, Some(is_sampled)), of_quarter, "{low:x}");
            }
        }
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Sampler::following(bad), None, "{bad}");
        }
    }
}
