//! The trace that a caller is in.

use super::id::{SpanId, TraceId};

/// The span of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    /// Whether the caller records its spans.
    pub(super) is_sampled: bool,
}

impl Parent {
    /// What a `traceparent` says; none where it is none, which is then as if there were none.
    ///
    /// Source: <https://www.w3.org/TR/trace-context/#traceparent-header>
    pub(super) fn parse(header: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(header).ok()?.trim_matches([' ', '\t']).split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = TraceId::of(hex(parts.next()?, 32)?)?;
        let span = SpanId::of(u64::try_from(hex(parts.next()?, 16)?).ok()?)?;
        let flags = hex(parts.next()?, 2)?;
        // Later versions may say more behind what this one says; the last version is none.
        let more = parts.next().is_some();
        if version == 0xff || (version == 0 && more) {
            return None;
        }
        Some(Self { trace, span, is_sampled: flags & 1 == 1 })
    }
}

/// A number of so many hexadecimal digits in lower case.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == digits && text.bytes().all(is_digit)).then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_callers_say() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let read = |header: &str| Parent::parse(header.as_bytes());
        for (header, is_sampled) in [
            (format!("00-{trace}-00f067aa0ba902b7-01"), true),
            (format!("00-{trace}-00f067aa0ba902b7-00"), false),
            (format!("00-{trace}-00f067aa0ba902b7-03"), true),
            (format!(" 00-{trace}-00f067aa0ba902b7-01\t"), true),
            (format!("cc-{trace}-00f067aa0ba902b7-01"), true),
            (format!("cc-{trace}-00f067aa0ba902b7-01-what-will-be"), true),
        ] {
            let parent = read(&header).unwrap();
            assert_eq!(parent.trace.to_string(), trace, "{header}");
            assert_eq!(parent.span.bytes(), 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes(), "{header}");
            assert_eq!(parent.is_sampled, is_sampled, "{header}");
        }
        for header in [
            String::new(),
            "00".to_owned(),
            format!("00-{trace}-00f067aa0ba902b7"),
            format!("00-{trace}-00f067aa0ba902b7-01-more"),
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("0-{trace}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", trace.trim_end_matches('6')),
            format!("00-{trace}-+0f067aa0ba902b7-01"),
            format!("00-{trace}-00f067aa0ba902b7-1"),
            format!("00-{trace}-00f067aa0ba902b7-é"),
        ] {
            assert_eq!(read(&header), None, "{header}");
        }
        assert_eq!(Parent::parse(&[0xff; 55]), None);
    }
}
