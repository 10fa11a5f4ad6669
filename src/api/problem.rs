//! What is wrong with a document, or worth a second look.

use std::fmt;

use super::Reference;
use crate::policy::FieldError;

/// Something about one field of a document, with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, and what is to be said about it.
    pub field: FieldError,
    /// The line of the text, from 1; none where it is not known, as for JSON.
    pub line: Option<u64>,
    /// The reference that could not be followed, where that is all that is wrong: the document may still be right
    /// where the other object is.
    pub unresolved: Option<Reference>,
}

impl Problem {
    /// `message` about the field at `path`, which stands on `line`.
    pub fn new(path: impl Into<String>, line: Option<u64>, message: impl Into<String>) -> Self {
        Self { field: FieldError::new(path, message), line, unresolved: None }
    }

    /// The same place, with `message` to be said about it.
    #[must_use]
    pub(super) fn saying(&self, message: impl Into<String>) -> Self {
        Self::new(self.field.path.clone(), self.line, message)
    }

    /// The field `name` in this place, with `message` to be said about it.
    #[must_use]
    pub(super) fn saying_of(&self, name: &str, message: impl Into<String>) -> Self {
        Self::new(format!("{}.{name}", self.field.path), self.line, message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.field.fmt(f)
    }
}

/// The longest piece of a user's text that a message repeats, in characters.
const QUOTED_CHARS: usize = 80;

/// A user's text on one line and of bounded length.
pub fn one_line(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars().take(QUOTED_CHARS) {
        match character {
            '`' => line.push('\''),
            control if control.is_control() => line.extend(control.escape_default()),
            other => line.push(other),
        }
    }
    if text.chars().nth(QUOTED_CHARS).is_some() {
        line.push('…');
    }
    line
}

/// A user's text in backticks, on one line and of bounded length.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", one_line(text))
}

/// Several names for a message, with `last` before the last one: `` `a`, `b` or `c` ``.
pub(super) fn listed(names: &[&str], last: &str) -> String {
    let mut list = String::new();
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            list.push_str(if index + 1 == names.len() { last } else { ", " });
        }
        list.push_str(&quoted(name));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_stays_on_one_line() {
        assert_eq!(quoted("a\nb`\u{1b}[31m"), r"`a\nb'\u{1b}[31m`");
        assert_eq!(quoted(&"a".repeat(81)), format!("`{}…`", "a".repeat(80)));
    }

    #[test]
    fn names_are_listed() {
        assert_eq!(listed(&["a"], " or "), "`a`");
        assert_eq!(listed(&["a", "b"], " or "), "`a` or `b`");
        assert_eq!(listed(&["a", "b", "c"], " or "), "`a`, `b` or `c`");
    }
}
