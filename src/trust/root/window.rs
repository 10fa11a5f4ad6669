//! When a key or an authority counts.

use std::fmt;

use jiff::Timestamp;

/// The times at which signatures of a key or authority count, both ends included (`TimeRange` of
/// <https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_common.proto>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Window {
    /// All times.
    pub const ALWAYS: Self = Self { start: None, end: None };

    /// From `start` to `end`, where there are such; none if it ended before it started.
    pub fn new(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<Self> {
        let reversed = start.zip(end).is_some_and(|(start, end)| end < start);
        (!reversed).then_some(Self { start, end })
    }

    /// The first moment.
    pub fn start(&self) -> Option<Timestamp> {
        self.start
    }

    /// The last moment.
    pub fn end(&self) -> Option<Timestamp> {
        self.end
    }

    /// Whether `time` is in it.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time <= end)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.start, self.end) {
            (None, None) => f.write_str("always"),
            (None, Some(end)) => write!(f, "until {end}"),
            (Some(start), None) => write!(f, "since {start}"),
            (Some(start), Some(end)) => write!(f, "{start} to {end}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_belong_to_it() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (start, end) = (at("2024-01-01T00:00:00Z"), at("2025-01-01T00:00:00Z"));
        let window = Window::new(Some(start), Some(end)).unwrap();
        for (time, inside) in [
            (start, true),
            (end, true),
            (at("2023-12-31T23:59:59.999Z"), false),
            (at("2025-01-01T00:00:00.001Z"), false),
        ] {
            assert_eq!(window.contains(time), inside, "{time}");
        }
        assert!(Window::ALWAYS.contains(start));
        assert_eq!(Window::new(Some(end), Some(start)), None);
        assert_eq!(Window::new(Some(start), None).unwrap().to_string(), "since 2024-01-01T00:00:00Z");
    }
}
