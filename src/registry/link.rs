//! `Link: <…>; rel="next"`: the next page of a list (RFC 8288).

use http::HeaderMap;
use http::header::LINK;

/// The target of the first link to the next page.
pub(super) fn next(headers: &HeaderMap) -> Option<&str> {
    headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(next_of)
}

fn next_of(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        // The parameters reach to the `,` before the next link; one in quotes is not looked for, since no target of a
        // registry's has one and a wrong cut only ends the search.
        let (parameters, after) = after.split_once(',').unwrap_or((after, ""));
        let is_next = parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').split(' ').any(|kind| kind.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target.trim());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_next_page() {
        let rows = [
            (r#"</v2/a/referrers/d?n=1>; rel="next""#, Some("/v2/a/referrers/d?n=1")),
            ("</a>;rel=next", Some("/a")),
            (r#"</a>; REL="prev next"; title=x"#, Some("/a")),
            (r#"</a>; rel="prev", </b>; rel="next""#, Some("/b")),
            (r#"</a>; rel="prev""#, None),
            ("</a>", None),
            ("</a; rel=next", None),
            ("next", None),
            ("", None),
        ];
        for (text, target) in rows {
            let headers: HeaderMap = [(LINK, text.parse().unwrap())].into_iter().collect();
            assert_eq!(next(&headers), target, "{text}");
        }
    }
}
