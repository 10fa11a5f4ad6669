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
    /// # Errors
    /// When it is empty, no expression, or compiles to more than [`limits::EXPRESSION_BYTES`].
    pub fn whole(expression: &str) -> Result<Self, ParseMatcherError> {
        if expression.is_empty() {
            return Err(ParseMatcherError::Empty);
        }
        let compile = |text: &str| RegexBuilder::new(text).size_limit(limits::EXPRESSION_BYTES).build();
        // The expression has to stand by itself: `a)|(b` would escape the group that anchors it.
        compile(expression).map_err(|error| ParseMatcherError::Expression(first_line(&error)))?;
        let anchored = compile(&format!(r"\A(?:{expression})\z"));
        let anchored = anchored.map_err(|error| ParseMatcherError::Expression(first_line(&error)))?;
        Ok(Self::Whole { written: expression.to_owned(), anchored })
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

    /// Whether it is an expression with a dot that is meant as one, as in `github.com`, and matches any character.
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
    let characters: Vec<char> = expression.chars().collect();
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
            '.' if !in_class && before.is_ascii_alphanumeric() && after.is_ascii_alphanumeric() => return true,
            _ => {}
        }
        before = character;
    }
    false
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
