//! What a text has to be.

use std::fmt;

use nonempty::NonEmpty;
use regex::Regex;

use crate::limits::{REGEX_BYTES, REGEX_CHARS};

/// A text has to be one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRule(pub NonEmpty<TextPattern>);

/// A text, or several at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextPattern {
    /// This text.
    Exact(String),
    /// This text, or one that goes on behind it after the end of a path segment.
    Prefix(String),
    /// A text that matches as a whole.
    Regex(AnchoredRegex),
}

impl TextRule {
    /// Whether `text` is one of them.
    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(text))
    }
}

impl TextPattern {
    /// Whether `text` is it.
    ///
    /// A prefix ends where a path segment does: at the end, before `/`, or before the `@` of a reference, which is only
    /// behind a path (`https://github.com@evil.example` is another host). `…/build.yml@refs/tags/v1` is no prefix of
    /// `…/build.yml@refs/tags/v1evil`.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Prefix(prefix) => text.strip_prefix(prefix.as_str()).is_some_and(|rest| {
                let has_path = prefix.split_once("://").map_or(prefix.as_str(), |(_, rest)| rest).contains('/');
                rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/') || (has_path && rest.starts_with('@'))
            }),
            Self::Regex(regex) => regex.matches(text),
        }
    }
}

impl fmt::Display for TextRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&words.join(" or "))
    }
}

impl fmt::Display for TextPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => write!(f, "`{text}`"),
            Self::Prefix(prefix) => write!(f, "`{prefix}` and what is below it"),
            Self::Regex(regex) => write!(f, "what matches `{}`", regex.written),
        }
    }
}

/// A regular expression that a text has to match as a whole, in linear time.
#[derive(Clone, Debug)]
pub struct AnchoredRegex {
    written: String,
    compiled: Regex,
}

impl AnchoredRegex {
    /// Compiles `written`.
    ///
    /// # Errors
    /// What is wrong with it, on one line.
    pub fn new(written: &str) -> Result<Self, String> {
        if written.chars().count() > REGEX_CHARS {
            return Err(format!("has more than {REGEX_CHARS} characters"));
        }
        let compile = |text: &str| regex::RegexBuilder::new(text).size_limit(REGEX_BYTES).build();
        // By itself first, so that a parenthesis too much cannot leave the group around it.
        let compiled = compile(written).and_then(|_| compile(&format!(r"\A(?:{written})\z")));
        let compiled = compiled.map_err(|error| {
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default();
            format!("is no regular expression: {}", last.strip_prefix("error: ").unwrap_or(last))
        })?;
        Ok(Self { written: written.to_owned(), compiled })
    }

    /// Whether it matches `text` as a whole.
    pub fn matches(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }

    /// Whether it matches whatever the text is.
    pub fn matches_anything(&self) -> bool {
        // An empty text is no text of anything.
        ["x", "https://a.example/b@refs/heads/c"].iter().all(|text| self.matches(text))
    }
}

impl PartialEq for AnchoredRegex {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for AnchoredRegex {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t47_a_prefix_ends_where_a_path_segment_does() {
        let builder = "https://github.com/acme/builders/.github/workflows/build.yml";
        for (prefix, text, matches) in [
            (format!("{builder}@refs/tags/v1"), format!("{builder}@refs/tags/v1"), true),
            (format!("{builder}@refs/tags/v1"), format!("{builder}@refs/tags/v1/x"), true),
            (format!("{builder}@refs/tags/v1"), format!("{builder}@refs/tags/v1evil"), false),
            (format!("{builder}@refs/tags/v1"), format!("{builder}@refs/tags/v1.0.0"), false),
            (builder.into(), format!("{builder}@refs/heads/main"), true),
            (builder.into(), format!("{builder}.evil@refs/heads/main"), false),
            ("https://github.com/acme".into(), "https://github.com/acme-evil/x".into(), false),
            ("https://github.com/acme/".into(), "https://github.com/acme/x".into(), true),
            ("https://github.com".into(), "https://github.com@evil.example/x".into(), false),
            ("https://github.com".into(), "https://github.com.evil.example/x".into(), false),
            ("https://github.com".into(), "https://github.com/x".into(), true),
        ] {
            assert_eq!(TextPattern::Prefix(prefix.clone()).matches(&text), matches, "{prefix} of {text}");
        }
    }

    #[test]
    fn a_regular_expression_matches_the_whole() {
        let regex = |text| AnchoredRegex::new(text).unwrap();
        for text in ["main", "main|dev", "(?m)^main$"] {
            assert!(regex(text).matches("main"), "{text}");
            for other in ["main\nevil", "evil\nmain", "xmain", "mainx"] {
                assert!(!regex(text).matches(other), "{text} on {other}");
            }
        }
        assert!(regex(".*").matches_anything() && regex(".+").matches_anything());
        assert!(!regex("v.*").matches_anything());
        for text in ["(", "a)|(?:b", "(?x)a # b", "a{1000000}", &"a".repeat(REGEX_CHARS + 1)] {
            let error = AnchoredRegex::new(text).unwrap_err();
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
