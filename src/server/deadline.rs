//! How long the API server waits, and how long the answer may take.

use std::time::Duration;

use crate::limits;

/// The time in which an answer has to be made for a request with the query string `query`: what the API server says it
/// waits (`?timeout=10s`), or the default, less a reserve for the way back.
///
/// Source: <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#timeouts>
pub(super) fn of_query(query: Option<&str>) -> Duration {
    let asked = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "timeout")
        .and_then(|(_, value)| go_duration(&value));
    let waits = asked.unwrap_or(limits::DEFAULT_DEADLINE).min(limits::LONGEST_DEADLINE);
    waits.saturating_sub(reserve(waits))
}

/// What is kept back of a wait of this length.
pub(super) fn reserve(waits: Duration) -> Duration {
    limits::DEADLINE_RESERVE.max(waits / 10)
}

/// A duration as Go writes it: `10s`, `1m30s`, `1.5s`. None for anything else, negative durations among it
/// (<https://pkg.go.dev/time#ParseDuration>).
fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = split_at(rest, |c| c != '.' && !c.is_ascii_digit())?;
        let (unit, after) = split_at(after, |c| c == '.' || c.is_ascii_digit())?;
        let seconds: f64 = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        sum = sum.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = after;
    }
    Some(sum)
}

/// The text before the first character for which `ends` holds, and the rest. None if the first part would be empty.
fn split_at(text: &str, ends: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    let at = text.find(ends).unwrap_or(text.len());
    let (first, rest) = text.split_at_checked(at)?;
    (!first.is_empty()).then_some((first, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_writes() {
        let rows = [
            ("10s", Some(10_000)),
            ("1m0s", Some(60_000)),
            ("1h2m3.5s", Some(3_723_500)),
            ("500ms", Some(500)),
            ("1.5s", Some(1_500)),
            (".5s", Some(500)),
            ("+2s", Some(2_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("2000us", Some(2)),
            ("2000µs", Some(2)),
            ("3000000ns", Some(3)),
            ("", None),
            ("+", None),
            ("10", None),
            ("s", None),
            ("-10s", None),
            ("10 s", None),
            ("1e3s", None),
            ("1.2.3s", None),
            (".s", None),
            ("infs", None),
            ("10sekunden", None),
            ("99999999999999999999999h", None),
        ];
        for (text, expected) in rows {
            assert_eq!(go_duration(text), expected.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn keeps_a_reserve_and_believes_no_more_than_the_longest() {
        let rows = [
            (None, 9_000),
            (Some(""), 9_000),
            (Some("timeout=10s"), 9_000),
            (Some("a=b&timeout=5s"), 4_500),
            (Some("timeout=2s"), 1_500),
            (Some("timeout=500ms"), 0),
            (Some("timeout=0s"), 0),
            (Some("timeout=30s"), 27_000),
            (Some("timeout=10h"), 27_000),
            (Some("timeout=soon"), 9_000),
            (Some("timeout=1%2e5s"), 1_000),
        ];
        for (query, expected) in rows {
            assert_eq!(of_query(query), Duration::from_millis(expected), "{query:?}");
        }
    }
}
