//! Globs over repositories.

use std::collections::BTreeSet;
use std::fmt;

use crate::image::Repository;
use crate::limits;

/// A glob that matches repositories: the language of policy-controller, with its dead corners made live.
///
/// `*` stands for any characters but `/`, `**` for any characters; everything else stands for itself. The whole name
/// must match, registry included. `docker.io/` and `index.docker.io/` mean the same registry.
#[derive(Clone, Debug)]
pub struct Pattern {
    written: String,
    dialect: Dialect,
    tokens: Vec<Token>,
}

/// Whose globs they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `countersign.dev`: a glob is about repositories; one with a tag or digest part is refused.
    Countersign,
    /// `policy.sigstore.dev`: a glob is held against `repository@digest`; one that names a tag never matches there,
    /// and does not here.
    PolicyController,
}

impl Pattern {
    /// Compiles `glob`.
    ///
    /// # Errors
    /// When it is empty or too long, has a character that globs do not have, or, in `countersign.dev`, a tag or digest.
    pub fn parse(glob: &str, dialect: Dialect) -> Result<Self, ParsePatternError> {
        if glob.is_empty() {
            return Err(ParsePatternError::Empty);
        }
        if glob.chars().count() > limits::GLOB_CHARS {
            return Err(ParsePatternError::TooLong);
        }
        // The characters that policy-controller accepts (pkg/apis/glob): no `?`, `[…]`, `{…}` or `!`.
        if let Some(bad) = glob.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_:/*.@".contains(*c))) {
            return Err(ParsePatternError::Character(bad));
        }
        if dialect == Dialect::Countersign && names_tag_or_digest(glob) {
            return Err(ParsePatternError::NotRepository);
        }
        Ok(Self { written: glob.to_owned(), dialect, tokens: tokens(&complete(glob)).collect() })
    }

    /// Whether it matches `repository`.
    pub fn matches(&self, repository: &Repository) -> bool {
        let name = repository.to_string();
        matches(&self.tokens, &name)
            || match self.dialect {
                Dialect::Countersign => false,
                // What policy-controller holds a glob against, with a digest that only wildcards can match.
                Dialect::PolicyController => matches(&self.tokens, &with_any_digest(&name)),
            }
    }

    /// What every name that it matches begins with.
    pub(super) fn prefix(&self) -> String {
        let literal = self.tokens.iter().map_while(|token| match token {
            Token::Character(character) => Some(*character),
            Token::Anything | Token::Component => None,
        });
        literal.collect()
    }

    /// Whether there is no repository that it matches: it names a tag or one digest, or no registry. What is covered is
    /// known by repository alone, so that such a glob covers nothing.
    pub fn is_dead(&self) -> bool {
        match self.dialect {
            Dialect::Countersign => !may_name(&self.tokens),
            Dialect::PolicyController => !may_name(&self.tokens) && !may_name_any_digest(&self.tokens),
        }
    }

    /// The glob as written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

/// Stands where a digest's hex digits would: 64 characters that no glob can spell, so that only wildcards match them.
const ANY_DIGEST: &str = "################################################################";

/// The longest that a glob is held against: the name of a repository, with a digest behind it.
pub(super) fn with_any_digest(repository: &str) -> String {
    format!("{repository}@sha256:{ANY_DIGEST}")
}

/// Whether a glob has a part behind the repository. A `:` before the last `/` belongs to a port.
fn names_tag_or_digest(glob: &str) -> bool {
    let last = glob.rfind('/').map_or(0, |slash| slash + 1);
    glob.contains('@') || glob.get(last..).is_some_and(|component| component.contains(':'))
}

/// A glob as it is read: the two literals that policy-controller completes, and Docker Hub by its canonical name.
fn complete(glob: &str) -> String {
    match glob {
        "*" => "index.docker.io/library/*".to_owned(),
        "*/*" => "index.docker.io/*/*".to_owned(),
        other => {
            other.strip_prefix("docker.io/").map_or_else(|| other.to_owned(), |rest| format!("index.docker.io/{rest}"))
        }
    }
}

/// A piece of a glob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// `**`
    Anything,
    /// Any other character.
    Character(char),
    /// `*`
    Component,
}

fn tokens(glob: &str) -> impl Iterator<Item = Token> {
    let mut characters = glob.chars().peekable();
    std::iter::from_fn(move || {
        Some(match characters.next()? {
            '*' if characters.next_if_eq(&'*').is_some() => Token::Anything,
            '*' => Token::Component,
            other => Token::Character(other),
        })
    })
}

/// Whether `tokens` stand for the whole of `text`: every way of reading it is followed at once, so that it takes no longer
/// than both lengths multiplied.
fn matches(tokens: &[Token], text: &str) -> bool {
    // Whether the text so far may be what the first `index` tokens stand for.
    let mut reached = vec![false; tokens.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    skip_wildcards(tokens, &mut reached);
    for character in text.chars() {
        let mut next = vec![false; reached.len()];
        for (index, token) in tokens.iter().enumerate() {
            let goes_to = match token {
                _ if reached.get(index) != Some(&true) => continue,
                Token::Anything => index,
                Token::Character(wanted) if *wanted == character => index + 1,
                Token::Component if character != '/' => index,
                Token::Character(_) | Token::Component => continue,
            };
            if let Some(state) = next.get_mut(goes_to) {
                *state = true;
            }
        }
        skip_wildcards(tokens, &mut next);
        if !next.contains(&true) {
            return false;
        }
        reached = next;
    }
    reached.last() == Some(&true)
}

/// A wildcard may stand for nothing.
fn skip_wildcards(tokens: &[Token], reached: &mut [bool]) {
    let mut before = false;
    for (index, state) in reached.iter_mut().enumerate() {
        *state |= before;
        before = *state && matches!(tokens.get(index), Some(Token::Anything | Token::Component));
    }
}

/// Whether some repository may match: there is a `/` between registry and path, a `:` stands only in the registry, and
/// there is no `@`. Says yes where it does not know.
fn may_name(tokens: &[Token]) -> bool {
    let is = |wanted: char| move |token: &Token| *token == Token::Character(wanted);
    let slash = tokens.iter().position(is('/')).unwrap_or(tokens.len());
    let port = tokens.iter().rposition(is(':'));
    let behind_port = tokens.iter().skip(port.map_or(0, |port| port + 1));
    let has_path = behind_port.into_iter().any(|token| *token == Token::Anything || is('/')(token));
    has_path && port.is_none_or(|port| port < slash) && !tokens.iter().any(is('@'))
}

/// Whether some repository may match together with every digest, as policy-controller writes it behind the name. Goes
/// backwards through what stands there, and keeps account of how much of the glob may be left.
fn may_name_any_digest(tokens: &[Token]) -> bool {
    let mut left: BTreeSet<usize> = BTreeSet::from([tokens.len()]);
    for character in format!("@sha256:{ANY_DIGEST}").chars().rev() {
        let mut next = BTreeSet::new();
        // A wildcard may stand for nothing: what is before it is tried as well.
        let mut reachable: Vec<usize> = left.into_iter().collect();
        while let Some(end) = reachable.pop() {
            let Some(last) = end.checked_sub(1) else { continue };
            match tokens.get(last) {
                Some(Token::Anything | Token::Component) => {
                    next.insert(end);
                    reachable.push(last);
                }
                Some(Token::Character(wanted)) if *wanted == character => {
                    next.insert(last);
                }
                Some(Token::Character(_)) | None => {}
            }
        }
        left = next;
    }
    left.into_iter().any(|end| tokens.get(..end).is_some_and(may_name))
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written && self.dialect == other.dialect
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Why a text is no glob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParsePatternError {
    /// A character that globs do not have.
    #[error("a glob has letters, digits and `-_:/*.@`, not `{}`", .0.escape_default())]
    Character(char),
    /// The text is empty.
    #[error("the glob is empty")]
    Empty,
    /// It names a tag or a digest.
    #[error("a glob is about repositories: a tag or digest in it could be dodged by naming the other; leave it out")]
    NotRepository,
    /// The text exceeds [`crate::limits::GLOB_CHARS`].
    #[error("a glob has at most 512 characters")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(glob: &str, repository: &str) -> bool {
        let pattern = Pattern::parse(glob, Dialect::PolicyController).unwrap_or_else(|error| panic!("{glob}: {error}"));
        pattern.matches(&repository.parse().unwrap())
    }

    #[test]
    fn globs_match_whole_names() {
        let table = [
            // glob, repository, matches
            ("**", "ghcr.io/a/b", true),
            ("*", "nginx", true),
            ("*", "a/nginx", false),
            ("*", "ghcr.io/a", false),
            ("*/*", "a/nginx", true),
            ("*/*", "ghcr.io/a/b", false),
            ("ghcr.io/**", "ghcr.io/a/b/c", true),
            ("ghcr.io/**", "ghcr.io.evil.example/a", false),
            ("ghcr.io/*", "ghcr.io/a", true),
            ("ghcr.io/*", "ghcr.io/a/b", false),
            ("ghcr.io/a/b", "ghcr.io/a/b", true),
            ("ghcr.io/a/b", "ghcr.io/a/bad", false),
            ("ghcr.io/a/b*", "ghcr.io/a/b", true),
            ("ghcr.io/a/b*", "ghcr.io/a/bad", true),
            ("ghcr.io/app*", "ghcr.io/app-evil/x", false),
            ("ghcr.io/a.b/c", "ghcr.io/axb/c", false),
            ("ghcr.io/a/b@*", "ghcr.io/a/b", true),
            ("ghcr.io/a/b@sha256:*", "ghcr.io/a/b", true),
            ("ghcr.io/a/b:v1*", "ghcr.io/a/b", false),
            ("ghcr.io/a/b@sha256:0*", "ghcr.io/a/b", false),
            ("localhost:5000**", "localhost:5000/a/b", true),
            ("ghcr.io/a/", "ghcr.io/a/b", false),
            ("docker.io/**", "nginx", true),
            ("docker.io/library/nginx", "nginx", true),
            ("index.docker.io/library/nginx", "docker.io/nginx", true),
            ("index.docker.io/**", "ghcr.io/a", false),
            ("nginx", "nginx", false), // a glob without a registry is not completed, as in policy-controller
            ("localhost:5000/**", "localhost:5000/a/b", true),
            ("localhost:5000/**", "localhost:5001/a/b", false),
            ("127.0.0.1:*/**", "127.0.0.1:4242/a/b", true),
            ("127.0.0.1:*/**", "127.0.0.1.evil.example/a/b", false),
            ("**/app", "ghcr.io/x/y/app", true),
            ("**/app", "ghcr.io/x/y/myapp", false),
        ];
        for (glob, repository, expected) in table {
            assert_eq!(matches(glob, repository), expected, "{glob} on {repository}");
        }
    }

    proptest! {
        /// The same by another way: regular expressions, as policy-controller compiles globs to.
        #[test]
        fn globs_are_what_their_expressions_are(glob in "[ab/*.:]{0,12}", name in "[ab/.:]{0,12}") {
            let tokens: Vec<_> = tokens(&glob).collect();
            let expression: String = tokens.iter().map(|token| match token {
                Token::Anything => "(?s:.*)".to_owned(),
                Token::Character(character) => regex::escape(&character.to_string()),
                Token::Component => "[^/]*".to_owned(),
            }).collect();
            let expected = regex::Regex::new(&format!(r"\A(?:{expression})\z")).unwrap().is_match(&name);
            prop_assert_eq!(super::matches(&tokens, &name), expected);
        }
    }

    #[test]
    fn refuses_what_is_no_glob() {
        use ParsePatternError::{Character, Empty, NotRepository, TooLong};
        let long = "a".repeat(513);
        let bad = [
            ("", Empty),
            ("ghcr.io/a?", Character('?')),
            ("ghcr.io/[ab]", Character('[')),
            ("!ghcr.io/a", Character('!')),
            ("ghcr.io/a b", Character(' ')),
            ("ghcr.io/{a,b}", Character('{')),
            ("ghcr.io/ä", Character('ä')),
            (&long, TooLong),
        ];
        for (glob, expected) in bad {
            for dialect in [Dialect::Countersign, Dialect::PolicyController] {
                assert_eq!(Pattern::parse(glob, dialect), Err(expected), "{glob}");
            }
        }
        for glob in ["ghcr.io/a/b:v1", "ghcr.io/a/b@*", "ghcr.io/a/b:*"] {
            assert_eq!(Pattern::parse(glob, Dialect::Countersign), Err(NotRepository), "{glob}");
        }
    }

    #[test]
    fn a_glob_that_never_matches_is_known() {
        let is_dead = |glob| Pattern::parse(glob, Dialect::PolicyController).unwrap().is_dead();
        for dead in [
            "ghcr.io/a/b:v1*",
            "ghcr.io/a/b:*",
            "ghcr.io/**:v1",
            "ghcr.io/a/b@sha256:00",
            "ghcr.io/a/b@sha256:0*",
            "ghcr.io/a@b/**",
            "ghcr.io/*:5000/**",
            "nginx",
            "nginx:*",
            "a*",
        ] {
            assert!(is_dead(dead), "{dead}");
        }
        for live in [
            "*",
            "*/*",
            "**",
            "ghcr.io/a/b*",
            "ghcr.io/a/b@*",
            "ghcr.io/a/b@sha256:*",
            "ghcr.io/a/b@sha*",
            "ghcr.io/a/*:*",
            "**:*",
            "localhost:5000/**",
            "localhost:5000**",
            "*:5000/a",
        ] {
            assert!(!is_dead(live), "{live}");
        }
    }
}
