//! What conditions have to say, made fit for one line each: their texts come from the authors of policies and, through
//! these, from the authors of predicates.

use nonempty::NonEmpty;

use super::Verdict;
use crate::evidence::one_line;
use crate::limits::{CONDITION_MESSAGE_CHARS, CONDITION_MESSAGES};

/// One message on one line, cut where it gets long.
pub(super) fn line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line: String = words
        .chars()
        .take(CONDITION_MESSAGE_CHARS)
        .map(|character| if character.is_control() || is_invisible(character) { '\u{fffd}' } else { character })
        .collect();
    if words.chars().nth(CONDITION_MESSAGE_CHARS).is_some() {
        line.push('…');
    }
    line
}

/// What turns the direction of a text, or takes no room in it.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A refusal that lists `messages`, of which there may be none.
pub(super) fn refused(messages: Vec<String>, otherwise: &str) -> Verdict {
    let count = messages.len();
    let mut told: Vec<_> = messages.into_iter().take(CONDITION_MESSAGES).collect();
    if count > CONDITION_MESSAGES {
        told.push(format!("and {} more", count - CONDITION_MESSAGES));
    }
    Verdict::Refused(NonEmpty::from_vec(told).unwrap_or_else(|| NonEmpty::new(otherwise.to_owned())))
}

/// A text of somebody else's in backticks.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", one_line(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stay_on_their_line() {
        assert_eq!(line("a\n  b\u{1b}[31m\u{202e}c"), "a b\u{fffd}[31m\u{fffd}c");
        assert_eq!(line(&"é".repeat(CONDITION_MESSAGE_CHARS + 1)).chars().count(), CONDITION_MESSAGE_CHARS + 1);
        let Verdict::Refused(messages) = refused(vec!["x".to_owned(); CONDITION_MESSAGES + 2], "") else {
            panic!("refused");
        };
        assert_eq!(messages.len(), CONDITION_MESSAGES + 1);
        assert_eq!(messages.last(), "and 2 more");
        assert_eq!(refused(Vec::new(), "no"), Verdict::Refused(NonEmpty::new("no".to_owned())));
    }
}
