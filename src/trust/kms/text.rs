//! What names are made of.

/// Whether `text` has 1 to `most` characters, all of which are ASCII letters, digits or among `more`.
pub(super) fn is_name(text: &str, more: &[u8], most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
}

/// Whether `text` is a host name, perhaps with a port, in lower case.
pub(super) fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| {
        is_name(label, b"-", 63)
            && !label.starts_with('-')
            && !label.ends_with('-')
            && !label.bytes().any(|byte| byte.is_ascii_uppercase())
    };
    host.len() <= 253
        && host.split('.').all(is_label)
        && port.is_none_or(|port| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
        })
}

/// A scheme as messages print it.
pub(super) fn shown(scheme: &str) -> String {
    scheme.chars().take(32).flat_map(char::escape_default).collect()
}
