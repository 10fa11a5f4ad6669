//! Text of others, made harmless: no line breaks, no control characters, nothing that moves a terminal's cursor or turns
//! the direction of writing (CWE-117, CWE-150).

/// What a user wrote, in backticks, at most `bytes` long. Everything beyond printable ASCII is escaped, so that letters
/// that only look alike can be told apart.
pub fn quoted(text: &str, bytes: usize) -> String {
    let inner = shortened(text, bytes.saturating_sub(2), |c, out| match c {
        '`' => out.extend(c.escape_unicode()),
        '\\' => out.push_str("\\\\"),
        ' '..='~' => out.push(c),
        _ => out.extend(c.escape_default()),
    });
    format!("`{inner}`")
}

/// What a stage or a policy's author says, on one line, at most `bytes` long.
pub fn plain(text: &str, bytes: usize) -> String {
    shortened(text, bytes, |c, out| {
        if c.is_control() || is_invisible(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    })
}

/// Characters that print nothing and change how others are printed: joiners, marks of direction, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

const ELLIPSIS: char = '…';

/// `text` with each character printed by `print`, cut before the first that would not fit.
fn shortened(text: &str, bytes: usize, print: impl Fn(char, &mut String)) -> String {
    let mut out = String::new();
    let mut cut = 0;
    for c in text.chars() {
        print(c, &mut out);
        if out.len() > bytes {
            out.truncate(cut);
            out.push(ELLIPSIS);
            return out;
        }
        if out.len() + ELLIPSIS.len_utf8() <= bytes {
            cut = out.len();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_users_write_is_made_harmless() {
        for (text, expected) in [
            ("nginx:1", "`nginx:1`"),
            ("", "``"),
            ("a`b\\c", "`a\\u{60}b\\\\c`"),
            ("a\nb\r\t", "`a\\nb\\r\\t`"),
            ("\u{1b}[31mred", "`\\u{1b}[31mred`"),
            ("ng\u{456}nx", "`ng\\u{456}nx`"),
            ("it's \"x\"", "`it's \"x\"`"),
        ] {
            assert_eq!(quoted(text, 100), expected);
        }
    }

    #[test]
    fn what_stages_say_stays_on_its_line() {
        for (text, expected) in [
            ("signed for `a` – «b»", "signed for `a` – «b»"),
            ("a\nb\u{7}\u{85}", "a\\nb\\u{7}\\u{85}"),
            ("\u{202e}evil\u{200b}", "\\u{202e}evil\\u{200b}"),
        ] {
            assert_eq!(plain(text, 100), expected);
        }
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(plain("abcdef", 6), "abcdef");
        assert_eq!(plain("abcdefg", 6), "abc…");
        assert_eq!(quoted("abcdefg", 8), "`abc…`");
        assert_eq!(quoted(&"a".repeat(200_000), 256).len(), 256);
        assert_eq!(plain("äöü\n", 6), "ä…", "never inside of an escape or a character");
    }

    proptest! {
        #[test]
        fn nothing_harmful_and_nothing_too_long_comes_out(text in "(?s).{0,60}", bytes in 5_usize..80) {
            for out in [quoted(&text, bytes), plain(&text, bytes)] {
                prop_assert!(out.len() <= bytes, "{out:?}");
                prop_assert!(!out.chars().any(char::is_control));
            }
            let quoted = quoted(&text, bytes);
            prop_assert_eq!(quoted.matches('`').count(), 2);
        }
    }
}
