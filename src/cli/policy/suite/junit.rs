//! What came of suites, as continuous integration reads it: the XML that JUnit made common.

use super::report::Tested;

/// One `testsuite` for each suite, in the order in which they were given.
pub(super) fn xml(tested: &[Tested]) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    xml.push_str(&format!("<testsuites{}>\n", counts(tested)));
    for cases in tested.chunk_by(|a, b| a.suite == b.suite) {
        let name = cases.first().map(|case| text(&case.suite)).unwrap_or_default();
        xml.push_str(&format!("  <testsuite name=\"{name}\"{}>\n", counts(cases)));
        for case in cases {
            let title = text(&case.name);
            xml.push_str(&format!("    <testcase classname=\"{name}\" name=\"{title}\""));
            if case.passed() {
                xml.push_str("/>\n");
                continue;
            }
            let message = text(&format!("expected {}, found {}", case.expected(), case.found()));
            let reasons = text(&case.reasons().join("\n"));
            xml.push_str(&format!(">\n      <failure message=\"{message}\">{reasons}</failure>\n    </testcase>\n"));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn counts(tested: &[Tested]) -> String {
    let failures = tested.iter().filter(|tested| !tested.passed()).count();
    format!(" tests=\"{}\" failures=\"{failures}\" errors=\"0\"", tested.len())
}

/// A text in an attribute or element. What XML 1.0 cannot hold at all becomes U+FFFD.
fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            control if control.is_control() && control < ' ' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn nothing_breaks_out_of_a_text() {
        assert_eq!(text("a<b>&\"'\n\u{1b}\u{0}é"), "a&lt;b&gt;&amp;&quot;&apos;&#10;\u{fffd}\u{fffd}é");
    }
}
