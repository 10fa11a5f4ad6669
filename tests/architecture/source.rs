//! Reads a Rust file as names: which paths it says, and where.
//!
//! Nothing here knows the rules, and nothing is resolved: a name counts as it is written.

use proc_macro2::{Delimiter, LexError, Spacing, TokenStream, TokenTree};

/// What one file says.
#[derive(Default)]
pub(crate) struct File {
    pub(crate) names: Vec<Name>,
    /// The literals outside of tests, each with the `:` that follows it.
    pub(crate) literals: Vec<(usize, String)>,
    /// `allow(…)` and `path = …` in attributes.
    pub(crate) attributes: Vec<(usize, String)>,
}

/// A path as it is written.
pub(crate) struct Name {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    /// The module that it is written in, inline modules included.
    here: Vec<String>,
    pub(crate) in_use: bool,
    pub(crate) in_test: bool,
    pub(crate) is_macro: bool,
    pub(crate) declares_module: bool,
}

impl Name {
    /// The path from the crate root, if it is one of this crate's as written.
    pub(crate) fn in_crate(&self) -> Option<Vec<String>> {
        let mut base = match self.path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.here.clone(),
            _ => return None,
        };
        let leading = self.path.iter().take_while(|part| matches!(part.as_str(), "crate" | "self" | "super"));
        let ups = leading.clone().filter(|part| *part == "super").count();
        base.truncate(base.len().saturating_sub(ups));
        base.extend(self.path.iter().skip(leading.count()).cloned());
        Some(base)
    }

    /// The foreign crate that the path may start with. A single word is a local name, except in `use`.
    pub(crate) fn foreign(&self) -> Option<&str> {
        let first = self.path.first()?;
        let foreign = !matches!(first.as_str(), "crate" | "self" | "super") && (self.in_use || self.path.len() > 1);
        foreign.then_some(first)
    }

    /// Whether the path starts with the crate `family`, or with one named `family_…`.
    pub(crate) fn is_of_crate(&self, family: &str) -> bool {
        let rest = self.foreign().and_then(|first| first.strip_prefix(family));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    }

    pub(crate) fn starts_with(&self, prefix: &[&str]) -> bool {
        self.foreign().is_some() && self.path.len() >= prefix.len() && self.path.iter().zip(prefix).all(|(a, b)| a == b)
    }

    pub(crate) fn ends_with(&self, last: &str) -> bool {
        self.path.last().is_some_and(|part| part == last)
    }
}

impl File {
    /// Reads the text of the file that is `module`.
    pub(crate) fn read(source: &str, module: &[String]) -> Result<Self, LexError> {
        let mut file = Self::default();
        file.scan(&lex(source.parse()?), module, false);
        Ok(file)
    }

    fn scan(&mut self, tokens: &[Token], here: &[String], in_test: bool) {
        let mut in_test = in_test;
        // From `#[cfg(test)]` to the end of the item that it stands on.
        let mut test_item = false;
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let test = in_test || test_item;
            let place = Place { here, in_test: test, in_use: false };
            match (token, tokens.get(at + 1), tokens.get(at + 2)) {
                (Token::Mark('#'), Some(Token::Group(Delimiter::Bracket, inner)), _) => {
                    test_item |= is_cfg_test(inner);
                    self.attribute(inner, place);
                    at += 2;
                }
                (Token::Mark('#'), Some(Token::Mark('!')), Some(Token::Group(Delimiter::Bracket, inner))) => {
                    in_test |= is_cfg_test(inner);
                    self.attribute(inner, place);
                    at += 3;
                }
                (Token::Name(line, keyword), Some(Token::Name(_, name)), next) if keyword == "mod" => {
                    let mut inside = here.to_vec();
                    inside.push(name.clone());
                    if let Some(Token::Group(Delimiter::Brace, body)) = next {
                        self.scan(body, &inside, test);
                    }
                    self.push(inside, *line, place).declares_module = true;
                    test_item = false;
                    at += 3;
                }
                // `use<'a>` in a return type captures lifetimes and imports nothing.
                (Token::Name(_, keyword), Some(Token::Name(..) | Token::PathSep | Token::Group(..)), _)
                    if keyword == "use" =>
                {
                    at = self.tree(tokens, at + 1, &[], place.in_use());
                }
                (Token::Name(_, keyword), Some(Token::Name(_, next)), _) if keyword == "extern" && next == "crate" => {
                    at = self.tree(tokens, at + 2, &[], place.in_use());
                }
                // After `>` a path goes on, `<T as Trait>::Item`, and its first word is not a crate.
                (Token::PathSep, ..) if at > 0 && matches!(tokens.get(at - 1), Some(Token::Mark('>'))) => {
                    at = self.tree(tokens, at, &["<_>".to_owned()], place);
                }
                (Token::Name(..) | Token::PathSep, ..) => at = self.tree(tokens, at, &[], place),
                (Token::Group(delimiter, inner), ..) => {
                    self.scan(inner, here, test);
                    test_item &= *delimiter != Delimiter::Brace;
                    at += 1;
                }
                (Token::Literal(line, text), next, _) => {
                    if !test {
                        let colon = if matches!(next, Some(Token::Mark(':'))) { ":" } else { "" };
                        self.literals.push((*line, format!("{text}{colon}")));
                    }
                    at += 1;
                }
                (Token::Mark(mark), ..) => {
                    test_item &= *mark != ';';
                    at += 1;
                }
            }
        }
    }

    fn attribute(&mut self, inner: &[Token], place: Place<'_>) {
        for (at, token) in inner.iter().enumerate() {
            match (token, inner.get(at + 1)) {
                (Token::Name(line, name), Some(Token::Group(..))) if name == "allow" => {
                    self.attributes.push((*line, name.clone()));
                }
                (Token::Name(line, name), Some(Token::Mark('='))) if name == "path" => {
                    self.attributes.push((*line, name.clone()));
                }
                // `cfg_attr(…, allow(…))`
                (Token::Group(_, nested), _) => self.attribute(nested, place),
                _ => {}
            }
        }
        self.scan(inner, place.here, place.in_test);
    }

    /// Reads the path that starts at `at`, with all branches of its `{…}`, and says where it ends: always after `at`.
    fn tree(&mut self, tokens: &[Token], at: usize, prefix: &[String], place: Place<'_>) -> usize {
        let mut path = prefix.to_vec();
        let mut line = 0;
        let mut at = at;
        if matches!(tokens.get(at), Some(Token::PathSep)) {
            at += 1;
        }
        loop {
            match tokens.get(at) {
                Some(Token::Name(here, name)) => {
                    line = *here;
                    path.push(name.strip_prefix("r#").unwrap_or(name).to_owned());
                    at += 1;
                    if matches!(tokens.get(at), Some(Token::PathSep)) {
                        at += 1;
                        continue;
                    }
                }
                Some(Token::Group(Delimiter::Brace, inner)) => {
                    for branch in inner.split(|token| matches!(token, Token::Mark(','))).filter(|b| !b.is_empty()) {
                        self.tree(branch, 0, &path, place);
                    }
                    if !place.in_use {
                        self.scan(inner, place.here, place.in_test);
                    }
                    return at + 1;
                }
                // `*` in `use`, `<` of a turbofish: the path ends before it.
                _ => {}
            }
            break;
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let is_macro = matches!(tokens.get(at), Some(Token::Mark('!')));
        self.push(path, line, place).is_macro = is_macro;
        at
    }

    fn push(&mut self, path: Vec<String>, line: usize, place: Place<'_>) -> &mut Name {
        let Place { here, in_test, in_use } = place;
        let here = here.to_vec();
        self.names.push(Name { path, line, here, in_use, in_test, is_macro: false, declares_module: false });
        self.names.last_mut().unwrap()
    }
}

/// `verify/fact.rs` is `verify::fact`, `gate/mod.rs` is `gate`, the two roots are the empty path.
pub(crate) fn module_path(path: &str) -> Vec<String> {
    let mut parts: Vec<_> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    let top = parts.len() == 1;
    if parts.last().is_some_and(|last| last == "mod" || (top && (last == "lib" || last == "main"))) {
        parts.pop();
    }
    parts
}

/// Where a path stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    here: &'a [String],
    in_test: bool,
    in_use: bool,
}

impl Place<'_> {
    fn in_use(self) -> Self {
        Self { in_use: true, ..self }
    }
}

/// A token as far as the rules need it, with its line: `::` is one token, doc comments are none.
enum Token {
    Group(Delimiter, Vec<Token>),
    Literal(usize, String),
    Mark(char),
    Name(usize, String),
    PathSep,
}

fn lex(stream: TokenStream) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let inner = lex(group.stream());
                if is_doc(&inner) {
                    while matches!(tokens.last(), Some(Token::Mark('#' | '!'))) {
                        tokens.pop();
                    }
                } else if group.delimiter() == Delimiter::None {
                    tokens.extend(inner);
                } else {
                    tokens.push(Token::Group(group.delimiter(), inner));
                }
            }
            TokenTree::Ident(ident) => tokens.push(Token::Name(line, ident.to_string())),
            TokenTree::Literal(literal) => tokens.push(Token::Literal(line, literal.to_string())),
            TokenTree::Punct(mark) => {
                let joint = mark.as_char() == ':' && mark.spacing() == Spacing::Joint;
                let colon = |next: &TokenTree| matches!(next, TokenTree::Punct(next) if next.as_char() == ':');
                if joint && trees.next_if(colon).is_some() {
                    tokens.push(Token::PathSep);
                } else {
                    tokens.push(Token::Mark(mark.as_char()));
                }
            }
        }
    }
    tokens
}

fn is_doc(attribute: &[Token]) -> bool {
    matches!(attribute, [Token::Name(_, doc), Token::Mark('='), Token::Literal(..)] if doc == "doc")
}

fn is_cfg_test(attribute: &[Token]) -> bool {
    matches!(attribute, [Token::Name(_, cfg), Token::Group(_, inner)]
        if cfg == "cfg" && matches!(inner.as_slice(), [Token::Name(_, test)] if test == "test"))
}
