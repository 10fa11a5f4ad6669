//! Who a certificate must be for.

use std::fmt;

use regex::{Regex, RegexBuilder};

use crate::limits;
use crate::verify::{Certificate, Extension};

/// One identity that a keyless authority accepts: an issuer, a subject, and what else the certificate must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The OIDC issuer that vouched for the subject. None asks for no issuer: certificates of one's own authority name
    /// none. Where one is asked for, a certificate without one is not meant (T39).
    pub issuer: Option<Matcher>,
    /// The subject: matches if any subject alternative name of the certificate does.
    pub subject: Matcher,
    /// What the certificate must say about the signer's build; all of it.
    pub extensions: Vec<(Extension, Matcher)>,
}

impl Identity {
    /// Whether `certificate` was issued for this identity.
    pub fn matches(&self, certificate: &Certificate) -> bool {
        let issuer = match (&self.issuer, certificate.issuer()) {
            (None, _) => true,
            (Some(matcher), Some(issuer)) => matcher.matches(issuer),
            (Some(_), None) => false,
        };
        issuer
            && certificate.subjects().iter().any(|subject| self.subject.matches(subject.value()))
            && self
                .extensions
                .iter()
                .all(|(extension, matcher)| certificate.extension(*extension).is_some_and(|text| matcher.matches(text)))
    }

    /// Whether whoever is `other` is this one too; says no where it does not know.
    pub fn covers(&self, other: &Self) -> bool {
        let issuer = match (&self.issuer, &other.issuer) {
            (None, _) => true,
            (Some(own), Some(others)) => own.covers(others),
            (Some(_), None) => false,
        };
        let says = |extension: &Extension, wanted: &Matcher| {
            other.extensions.iter().any(|(known, matcher)| known == extension && wanted.covers(matcher))
        };
        issuer
            && self.subject.covers(&other.subject)
            && self.extensions.iter().all(|(extension, wanted)| says(extension, wanted))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subject {}", self.subject)?;
        if let Some(issuer) = &self.issuer {
            write!(f, ", issuer {issuer}")?;
        }
        self.extensions.iter().try_for_each(|(extension, matcher)| write!(f, ", {} {matcher}", extension.as_str()))
    }
}

/// What a text must be: exactly another, or wholly matched by an expression.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// This text, to the letter.
    Exact(String),
    /// A text that the expression matches from its first to its last character, whatever anchors it has itself. In an
    /// expression that is not anchored users mean a part of the text, and attackers bring the rest
    /// (CVE-2026-22772).
    Whole {
        /// The expression as written.
        written: String,
        /// The expression, anchored at both ends.
        anchored: Regex,
    },
}

impl Matcher {
    /// Exactly `text`.
    ///
    /// # Errors
    /// When it is empty: an empty identity is nobody.
    pub fn exact(text: impl Into<String>) -> Result<Self, ParseMatcherError> {
        let text = text.into();
        if text.is_empty() { Err(ParseMatcherError::Empty) } else { Ok(Self::Exact(text)) }
    }

    /// Whatever `expression` matches as a whole. Matching takes time linear in the text.
    ///
    /// A `.` between two letters or digits is a dot here: whoever writes `github.com` means that name, and anybody may have
    /// `githubXcom` (T36).
    ///
    /// # Errors
    /// When it is empty, no expression, or compiles to more than [`limits::EXPRESSION_BYTES`].
    pub fn whole(expression: &str) -> Result<Self, ParseMatcherError> {
        Self::anchored(expression, &with_dots(expression))
    }

    /// The same to the letter, where a `.` matches any character: for what is taken back, of which nobody wants less than
    /// was written.
    ///
    /// # Errors
    /// As [`Self::whole`].
    pub fn whole_as_written(expression: &str) -> Result<Self, ParseMatcherError> {
        Self::anchored(expression, expression)
    }

    fn anchored(written: &str, expression: &str) -> Result<Self, ParseMatcherError> {
        if written.is_empty() {
            return Err(ParseMatcherError::Empty);
        }
        let compile = |text: &str| {
            let regex = RegexBuilder::new(text).size_limit(limits::EXPRESSION_BYTES).build();
            regex.map_err(|error| ParseMatcherError::Expression(first_line(&error)))
        };
        // The expression has to stand by itself: `a)|(b` would escape the group that anchors it.
        compile(written)?;
        let anchored = compile(&format!(r"\A(?:{expression})\z"))?;
        Ok(Self::Whole { written: written.to_owned(), anchored })
    }

    /// Whether `text` is what is asked for.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Whole { anchored, .. } => anchored.is_match(text),
        }
    }

    /// Whether every text that `other` matches is matched; says no where it does not know.
    pub fn covers(&self, other: &Self) -> bool {
        match other {
            Self::Exact(text) => self.matches(text),
            Self::Whole { .. } => self == other || self.matches_everything(),
        }
    }

    /// Whether it is an expression with a dot that is meant as one, as in `github.com`, and is written as any character.
    pub fn has_open_dot(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            Self::Whole { written, .. } => has_open_dot(written),
        }
    }

    /// Whether it is an expression without anchors of its own, of which its author may believe that it matches a part.
    pub fn is_unanchored(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            Self::Whole { written, .. } => !(written.starts_with('^') && written.ends_with('$')),
        }
    }

    /// Whether it is an expression that anybody's text matches.
    pub fn matches_everything(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            // A text of an alphabet that nobody's identity has.
            Self::Whole { anchored, .. } => anchored.is_match("\u{1F512} nobody \u{1F512}"),
        }
    }
}

/// Whether `expression` has a `.` between two letters or digits that no `\` stands before: as its author wrote a name in
/// it, and forgot that the `.` matches any character.
pub fn has_open_dot(expression: &str) -> bool {
    !open_dots(expression).is_empty()
}

/// `expression`, in which those match a dot.
fn with_dots(expression: &str) -> String {
    let mut open = open_dots(expression).into_iter().peekable();
    let mut shut = String::with_capacity(expression.len());
    for (index, character) in expression.chars().enumerate() {
        if open.next_if_eq(&index).is_some() {
            shut.push('\\');
        }
        shut.push(character);
    }
    shut
}

/// Where they stand, counted in characters.
fn open_dots(expression: &str) -> Vec<usize> {
    let characters: Vec<char> = expression.chars().collect();
    let mut open = Vec::new();
    let mut in_class = false;
    let mut is_escaped = false;
    let mut before = ' ';
    for (index, character) in characters.iter().copied().enumerate() {
        if is_escaped {
            // `\d.` is no name, and neither is `\..`.
            (is_escaped, before) = (false, ' ');
            continue;
        }
        let after = characters.get(index.saturating_add(1)).copied().unwrap_or(' ');
        match character {
            '\\' => is_escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '.' if !in_class && before.is_ascii_alphanumeric() && after.is_ascii_alphanumeric() => open.push(index),
            _ => {}
        }
        before = character;
    }
    open
}

fn first_line(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(_) = error {
        return "it compiles to more than is allowed".to_owned();
    }
    error.to_string().lines().last().unwrap_or("no expression").trim().to_owned()
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b)) | (Self::Whole { written: a, .. }, Self::Whole { written: b, .. }) => {
                a == b
            }
            (Self::Exact(_), Self::Whole { .. }) | (Self::Whole { .. }, Self::Exact(_)) => false,
        }
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => write!(f, "`{text}`"),
            Self::Whole { written, .. } => write!(f, "matching `{written}`"),
        }
    }
}

/// Why a text is no matcher.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseMatcherError {
    /// The text is empty.
    #[error("an empty identity is nobody")]
    Empty,
    /// The text is no regular expression.
    #[error("no regular expression: {0}")]
    Expression(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t36_an_expression_matches_the_whole_text_or_nothing() {
        let issuer = Matcher::whole("https://accounts.example.com").unwrap();
        let table = [
            ("https://accounts.example.com", true),
            ("https://accounts.example.com.evil", false),
            ("https://accounts.example.com/", false),
            ("xhttps://accounts.example.com", false),
            ("https://accounts.example.com\n", false),
            ("https://accounts.example.com\nhttps://evil", false),
            ("HTTPS://accounts.example.com", false),
        ];
        for (text, expected) in table {
            assert_eq!(issuer.matches(text), expected, "{text:?}");
        }
        let either = Matcher::whole("good|^also").unwrap();
        for (text, expected) in [("good", true), ("also", true), ("goodbye", false), ("also-not", false)] {
            assert_eq!(either.matches(text), expected, "{text:?}");
        }
    }

    #[test]
    fn t36_a_dot_in_a_name_is_a_dot() {
        let host = Matcher::whole("https://accounts.example.com").unwrap();
        assert!(host.matches("https://accounts.example.com"));
        for other in
            ["https://accountsXexample.com", "https://accounts.example-com", "https://accounts.example\u{e9}com"]
        {
            assert!(!host.matches(other), "{other}");
            assert!(Matcher::whole_as_written("https://accounts.example.com").unwrap().matches(other), "{other}");
        }
        assert_eq!(host.to_string(), "matching `https://accounts.example.com`");
        // Where it is no part of a name it is what it is everywhere.
        for (expression, text) in [
            ("a.*b", "aXXb"),
            ("a.+", "aX"),
            (".a", "Xa"),
            ("(a).b", "aXb"),
            ("a[.]b", "a.b"),
            (r"v\d.x", "v1Xx"),
            (r"a\.b.c", "a.b.c"),
            ("a.{3}b", "aXYZb"),
        ] {
            assert!(Matcher::whole(expression).unwrap().matches(text), "{expression}");
        }
        // The dot is one in the middle of a group, a choice and a word of other scripts too.
        for (expression, other) in [("(a.b|c.d)e", "cXde"), ("1.2", "1x2"), (r"a\.b.c", "a.bXc")] {
            assert!(!Matcher::whole(expression).unwrap().matches(other), "{expression}");
        }
    }

    #[test]
    fn t37_what_is_no_matcher_is_refused() {
        assert_eq!(Matcher::exact(""), Err(ParseMatcherError::Empty));
        assert_eq!(Matcher::whole(""), Err(ParseMatcherError::Empty));
        for bad in ["(", "a)|(b", "[", "(?<x", "\\"] {
            assert!(matches!(Matcher::whole(bad), Err(ParseMatcherError::Expression(_))), "{bad}");
        }
    }

    #[test]
    fn t68_an_expression_that_grows_without_bounds_is_refused() {
        let bad = "(?:(?:(?:(?:a{100}){100}){100}){100})";
        assert!(matches!(Matcher::whole(bad), Err(ParseMatcherError::Expression(_))));
    }

    #[test]
    fn an_expression_for_everybody_is_known() {
        for everybody in [".*", ".+", "^.*$", "(?s).*"] {
            assert!(Matcher::whole(everybody).unwrap().matches_everything(), "{everybody}");
        }
        assert!(!Matcher::whole("^https://github.com/.*$").unwrap().matches_everything());
        for open in ["https://github.com/x", r"\.example.com", "v1.2", "[a.b]c.d"] {
            assert!(has_open_dot(open), "{open}");
        }
        for shut in [r"https://github\.com/.*", "a.*b", "a.+", "[a.b]", r"v\d.x", ".", r"a\\.b", ""] {
            assert!(!has_open_dot(shut), "{shut}");
        }
        assert!(Matcher::whole("https://github.com/.*").unwrap().is_unanchored());
        assert!(!Matcher::whole("^https://github.com/.*$").unwrap().is_unanchored());
    }

    #[test]
    fn one_identity_covers_another() {
        let exact = |text: &str| Matcher::exact(text).unwrap();
        let whole = |text: &str| Matcher::whole(text).unwrap();
        let of = |issuer: Option<Matcher>, subject: Matcher, extensions: Vec<(Extension, Matcher)>| Identity {
            issuer,
            subject,
            extensions,
        };
        let tag = || vec![(Extension::SourceRepositoryRef, exact("refs/tags/v1"))];
        let (i, s) = (|| Some(exact("i")), || exact("s"));
        for (wide, narrow, expected) in [
            (of(i(), s(), vec![]), of(i(), s(), vec![]), true),
            (of(i(), s(), vec![]), of(i(), s(), tag()), true),
            (of(i(), s(), tag()), of(i(), s(), vec![]), false),
            (of(i(), s(), tag()), of(i(), s(), tag()), true),
            (of(None, s(), vec![]), of(i(), s(), vec![]), true),
            (of(i(), s(), vec![]), of(None, s(), vec![]), false),
            (of(i(), whole("s|t"), vec![]), of(i(), s(), vec![]), true),
            (of(i(), s(), vec![]), of(i(), whole("s|t"), vec![]), false),
            (of(i(), whole(".*"), vec![]), of(i(), whole("s|t"), vec![]), true),
            (of(i(), whole("s.*"), vec![]), of(i(), whole("s|t"), vec![]), false),
            (of(i(), whole("s|t"), vec![]), of(i(), whole("s|t"), vec![]), true),
            (of(Some(exact("j")), s(), vec![]), of(i(), s(), vec![]), false),
        ] {
            assert_eq!(wide.covers(&narrow), expected, "{wide} covers {narrow}");
        }
    }
}
