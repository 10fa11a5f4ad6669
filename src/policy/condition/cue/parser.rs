//! The grammar of the part of CUE that is carried out.

use regex::{Regex, RegexBuilder};

use super::lexer::{Token, Word, tokens};
use super::{Place, Refusal};
use crate::limits::{CONDITION_DEPTH, REGEX_BYTES, REGEX_CHARS};
use crate::policy::condition::message::quoted;

/// What a value has to be.
#[derive(Clone, Debug)]
pub(super) enum Constraint {
    /// Every one of these.
    All(Vec<Constraint>),
    /// Anything that is there.
    Any,
    /// In this relation to a number or text.
    Compare(Relation, Literal),
    /// This value.
    Exactly(Literal),
    /// Of this kind.
    Kind(Kind),
    /// A list that begins with these, and goes on with any number of others, where it may.
    List(Vec<Constraint>, Option<Box<Constraint>>),
    /// A text that matches, or does not.
    Matches { written: String, regex: Regex, expected: bool },
    /// One of these.
    OneOf(Vec<Constraint>),
    /// A struct with at least these fields.
    Struct(Vec<FieldRule>),
    /// What a validator of a package says.
    Validator(Validator),
}

/// What one field of a struct has to be.
#[derive(Clone, Debug)]
pub(super) struct FieldRule {
    pub(super) name: String,
    /// Whether it need not be there.
    pub(super) is_optional: bool,
    pub(super) constraint: Constraint,
}

/// A value as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Bool(bool),
    Float(f64),
    Int(i128),
    Null,
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Float,
    Int,
    Number,
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Not,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Validator {
    Contains(String),
    HasPrefix(String),
    HasSuffix(String),
    MaxFields(usize),
    MaxItems(usize),
    MaxRunes(usize),
    MinFields(usize),
    MinItems(usize),
    MinRunes(usize),
}

/// Reads a whole source: the fields that a value has to have.
pub(super) fn parse(source: &str) -> Result<Constraint, Refusal> {
    let tokens = tokens(source)?;
    let mut parser = Parser { tokens: &tokens, at: 0, imports: Vec::new() };
    parser.preamble()?;
    let fields = parser.fields(0, None)?;
    Ok(Constraint::Struct(fields))
}

/// The packages with validators.
const PACKAGES: [&str; 3] = ["list", "strings", "struct"];

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    imports: Vec<String>,
}

impl Parser<'_> {
    fn preamble(&mut self) -> Result<(), Refusal> {
        if self.is_word("package") && matches!(self.ahead(1), Word::Identifier(_)) {
            self.at += 2;
            self.commas();
        }
        while self.is_word("import") && !matches!(self.ahead(1), Word::Mark(":" | "?")) {
            self.at += 1;
            if self.eat("(") {
                while !self.eat(")") {
                    self.import()?;
                    self.commas();
                }
            } else {
                self.import()?;
            }
            self.commas();
        }
        Ok(())
    }

    fn import(&mut self) -> Result<(), Refusal> {
        let place = self.place();
        match self.next() {
            Word::Text(package) if PACKAGES.contains(&package.as_str()) => {
                self.imports.push(package);
                Ok(())
            }
            Word::Text(package) => {
                let what = format!("the package {} is", quoted(&package));
                Err(Refusal::beyond(place, &what))
            }
            Word::End | Word::Float(_) | Word::Identifier(_) | Word::Int(_) | Word::Mark(_) => {
                Err(Refusal::wrong(place, "the name of a package is missing"))
            }
        }
    }

    /// Fields up to `close`, or to the end.
    fn fields(&mut self, depth: usize, close: Option<&'static str>) -> Result<Vec<FieldRule>, Refusal> {
        let mut fields = Vec::new();
        loop {
            self.commas();
            let place = self.place();
            if let Some(close) = close
                && self.eat(close)
            {
                return Ok(fields);
            }
            if *self.ahead(0) == Word::End {
                return match close {
                    None => Ok(fields),
                    Some(close) => Err(Refusal::wrong(place, format!("`{close}` is missing"))),
                };
            }
            // Structs are open here: a value may always have more fields.
            if self.eat("...") {
                if !matches!(self.ahead(0), Word::Mark("," | "}") | Word::End) {
                    return Err(Refusal::beyond(place, "constraints on all other fields are"));
                }
                continue;
            }
            fields.push(self.field(depth)?);
            if !self.is_mark(",") && !close.is_some_and(|close| self.is_mark(close)) && *self.ahead(0) != Word::End {
                return Err(self.unexpected());
            }
        }
    }

    fn field(&mut self, depth: usize) -> Result<FieldRule, Refusal> {
        let place = self.place();
        let depth = deeper(depth, place)?;
        let name = match self.ahead(0).clone() {
            Word::Identifier(name)
                if matches!(name.as_str(), "for" | "if" | "let")
                    && !matches!(self.ahead(1), Word::Mark(":" | "?" | "!")) =>
            {
                let what = format!("`{name}` is");
                return Err(Refusal::beyond(place, &what));
            }
            Word::Identifier(name) if name.starts_with(['_', '#']) => {
                return Err(Refusal::beyond(place, "hidden fields and definitions are"));
            }
            Word::Identifier(name) | Word::Text(name) => name,
            Word::Mark("[") => return Err(Refusal::beyond(place, "constraints on all fields of a pattern are")),
            Word::Mark("(") => return Err(Refusal::beyond(place, "computed labels are")),
            Word::End | Word::Float(_) | Word::Int(_) | Word::Mark(_) => return Err(self.unexpected()),
        };
        self.at += 1;
        let is_optional = self.eat("?");
        if !is_optional {
            // `!` says that the field has to be there, and here it always has.
            self.eat("!");
        }
        if !self.eat(":") {
            return Err(match self.ahead(0) {
                Word::Mark("," | "}" | ".") | Word::End => Refusal::beyond(place, "a value without a label is"),
                Word::Float(_) | Word::Identifier(_) | Word::Int(_) | Word::Mark(_) | Word::Text(_) => {
                    Refusal::wrong(self.place(), "`:` is missing")
                }
            });
        }
        let is_label = |word: &Word| matches!(word, Word::Identifier(_) | Word::Text(_));
        let goes_on = is_label(self.ahead(0))
            && match (self.ahead(1), self.ahead(2)) {
                (Word::Mark(":"), _) | (Word::Mark("?" | "!"), Word::Mark(":")) => true,
                (
                    Word::End | Word::Float(_) | Word::Identifier(_) | Word::Int(_) | Word::Mark(_) | Word::Text(_),
                    _,
                ) => false,
            };
        let constraint = if goes_on { Constraint::Struct(vec![self.field(depth)?]) } else { self.disjunction(depth)? };
        Ok(FieldRule { name, is_optional, constraint })
    }

    fn disjunction(&mut self, depth: usize) -> Result<Constraint, Refusal> {
        let mut options = Vec::new();
        loop {
            // Which one is the default makes no difference to a value that is there.
            self.eat("*");
            options.push(self.conjunction(depth)?);
            if !self.eat("|") {
                break;
            }
        }
        Ok(one_or(options, Constraint::OneOf))
    }

    fn conjunction(&mut self, depth: usize) -> Result<Constraint, Refusal> {
        let mut parts = vec![self.unary(depth)?];
        while self.eat("&") {
            parts.push(self.unary(depth)?);
        }
        Ok(one_or(parts, Constraint::All))
    }

    fn unary(&mut self, depth: usize) -> Result<Constraint, Refusal> {
        let place = self.place();
        let relation = match self.ahead(0) {
            Word::Mark("<") => Relation::Less,
            Word::Mark("<=") => Relation::LessOrEqual,
            Word::Mark(">") => Relation::Greater,
            Word::Mark(">=") => Relation::GreaterOrEqual,
            Word::Mark("!=") => Relation::Not,
            Word::Mark(mark @ ("=~" | "!~")) => {
                let expected = *mark == "=~";
                self.at += 1;
                return self.regex(expected);
            }
            Word::Mark("==") => return Err(Refusal::beyond(place, "`==` is")),
            Word::End | Word::Float(_) | Word::Identifier(_) | Word::Int(_) | Word::Mark(_) | Word::Text(_) => {
                return self.primary(depth);
            }
        };
        self.at += 1;
        let operand = self.place();
        match (relation, self.literal()?) {
            (Relation::Not, Some(literal)) => Ok(Constraint::Compare(relation, literal)),
            (_, Some(literal @ (Literal::Float(_) | Literal::Int(_) | Literal::Text(_)))) => {
                Ok(Constraint::Compare(relation, literal))
            }
            (_, Some(Literal::Bool(_) | Literal::Null)) => {
                Err(Refusal::wrong(operand, "only numbers and texts can be compared"))
            }
            (_, None) => Err(Refusal::beyond(operand, "comparing with anything but a value written out is")),
        }
    }

    fn regex(&mut self, expected: bool) -> Result<Constraint, Refusal> {
        let place = self.place();
        let Word::Text(written) = self.next() else {
            return Err(Refusal::beyond(place, "a regular expression that is not written out is"));
        };
        if written.chars().count() > REGEX_CHARS {
            return Err(Refusal::wrong(
                place,
                format!("the regular expression has more than {REGEX_CHARS} characters"),
            ));
        }
        let regex = RegexBuilder::new(&written).size_limit(REGEX_BYTES).build();
        let regex =
            regex.map_err(|_| Refusal::wrong(place, format!("{} is no regular expression", quoted(&written))))?;
        Ok(Constraint::Matches { written, regex, expected })
    }

    fn primary(&mut self, depth: usize) -> Result<Constraint, Refusal> {
        let place = self.place();
        if let Some(literal) = self.literal()? {
            return Ok(Constraint::Exactly(literal));
        }
        let depth = deeper(depth, place)?;
        match self.next() {
            Word::Identifier(name) => self.named(&name, place),
            Word::Mark("(") => {
                let inner = self.disjunction(depth)?;
                if self.eat(")") { Ok(inner) } else { Err(self.unexpected()) }
            }
            Word::Mark("[") => self.list(depth),
            Word::Mark("{") => self.fields(depth, Some("}")).map(Constraint::Struct),
            Word::End | Word::Float(_) | Word::Int(_) | Word::Mark(_) | Word::Text(_) => {
                self.at = self.at.saturating_sub(1);
                Err(self.unexpected())
            }
        }
    }

    fn named(&mut self, name: &str, place: Place) -> Result<Constraint, Refusal> {
        let constraint = match name {
            "_" => Constraint::Any,
            "bool" => Constraint::Kind(Kind::Bool),
            "float" => Constraint::Kind(Kind::Float),
            "int" => Constraint::Kind(Kind::Int),
            "number" => Constraint::Kind(Kind::Number),
            "string" => Constraint::Kind(Kind::Text),
            package if self.imports.iter().any(|known| known == package) && self.eat(".") => {
                return self.validator(package, place);
            }
            other => {
                let what = format!("the reference {} is", quoted(other));
                return Err(Refusal::beyond(place, &what));
            }
        };
        Ok(constraint)
    }

    fn validator(&mut self, package: &str, place: Place) -> Result<Constraint, Refusal> {
        let name = match self.next() {
            Word::Identifier(name) => format!("{package}.{name}"),
            Word::End | Word::Float(_) | Word::Int(_) | Word::Mark(_) | Word::Text(_) => package.to_owned(),
        };
        let argument = if self.eat("(") { self.literal()? } else { None };
        if argument.is_some() && !self.eat(")") {
            return Err(self.unexpected());
        }
        let validator = match (name.as_str(), argument) {
            ("strings.Contains", Some(Literal::Text(text))) => Some(Validator::Contains(text)),
            ("strings.HasPrefix", Some(Literal::Text(text))) => Some(Validator::HasPrefix(text)),
            ("strings.HasSuffix", Some(Literal::Text(text))) => Some(Validator::HasSuffix(text)),
            (name, Some(Literal::Int(count))) => usize::try_from(count).ok().and_then(|count| match name {
                "list.MaxItems" => Some(Validator::MaxItems(count)),
                "list.MinItems" => Some(Validator::MinItems(count)),
                "strings.MaxRunes" => Some(Validator::MaxRunes(count)),
                "strings.MinRunes" => Some(Validator::MinRunes(count)),
                "struct.MaxFields" => Some(Validator::MaxFields(count)),
                "struct.MinFields" => Some(Validator::MinFields(count)),
                _ => None,
            }),
            (_, Some(Literal::Bool(_) | Literal::Float(_) | Literal::Null | Literal::Text(_)) | None) => None,
        };
        let what = format!("{} used in this way is", quoted(&name));
        validator.map(Constraint::Validator).ok_or_else(|| Refusal::beyond(place, &what))
    }

    /// The elements of a list, behind its `[`.
    fn list(&mut self, depth: usize) -> Result<Constraint, Refusal> {
        let mut elements = Vec::new();
        let mut others = None;
        loop {
            self.commas();
            if self.eat("]") {
                return Ok(Constraint::List(elements, others));
            }
            let place = self.place();
            if others.is_some() {
                return Err(Refusal::wrong(place, "nothing can stand behind `...` in a list"));
            }
            if self.eat("...") {
                let any = matches!(self.ahead(0), Word::Mark("," | "]"));
                others = Some(Box::new(if any { Constraint::Any } else { self.disjunction(depth)? }));
            } else if self.is_word("for") || self.is_word("if") {
                return Err(Refusal::beyond(place, "comprehensions are"));
            } else {
                elements.push(self.disjunction(depth)?);
            }
            if !self.is_mark(",") && !self.is_mark("]") {
                return Err(self.unexpected());
            }
        }
    }

    /// A value that is written out, where one stands next.
    fn literal(&mut self) -> Result<Option<Literal>, Refusal> {
        let is_negative = self.is_mark("-");
        let literal = match self.ahead(usize::from(is_negative)).clone() {
            Word::Float(number) => Literal::Float(if is_negative { -number } else { number }),
            Word::Int(number) => Literal::Int(if is_negative { -number } else { number }),
            _ if is_negative => return Err(Refusal::wrong(self.place(), "a number is missing behind `-`")),
            Word::Identifier(name) => match name.as_str() {
                "false" => Literal::Bool(false),
                "null" => Literal::Null,
                "true" => Literal::Bool(true),
                _ => return Ok(None),
            },
            Word::Text(text) => Literal::Text(text),
            Word::End | Word::Mark(_) => return Ok(None),
        };
        self.at += 1 + usize::from(is_negative);
        Ok(Some(literal))
    }

    fn unexpected(&self) -> Refusal {
        let place = self.place();
        match self.ahead(0) {
            Word::End => Refusal::wrong(place, "the source ends too early"),
            Word::Mark(mark @ ("." | "(" | "-" | "+" | "/" | "=" | "*" | "==" | "&&" | "||" | "?" | "!")) => {
                let what = format!("`{mark}` here is");
                Refusal::beyond(place, &what)
            }
            Word::Mark(mark) => Refusal::wrong(place, format!("`{mark}` cannot stand here")),
            Word::Identifier(name) | Word::Text(name) => {
                Refusal::wrong(place, format!("{} cannot stand here", quoted(name)))
            }
            Word::Float(_) | Word::Int(_) => Refusal::wrong(place, "a number cannot stand here"),
        }
    }

    fn ahead(&self, by: usize) -> &Word {
        self.tokens.get(self.at + by).map_or(&Word::End, |token| &token.word)
    }

    fn place(&self) -> Place {
        let token = self.tokens.get(self.at).or(self.tokens.last());
        token.map_or(Place { line: 1, column: 1 }, |token| token.place)
    }

    fn next(&mut self) -> Word {
        let word = self.ahead(0).clone();
        self.at += 1;
        word
    }

    fn is_mark(&self, mark: &str) -> bool {
        matches!(self.ahead(0), Word::Mark(next) if *next == mark)
    }

    fn is_word(&self, name: &str) -> bool {
        matches!(self.ahead(0), Word::Identifier(next) if next == name)
    }

    fn eat(&mut self, mark: &str) -> bool {
        let is_next = self.is_mark(mark);
        self.at += usize::from(is_next);
        is_next
    }

    fn commas(&mut self) {
        while self.eat(",") {}
    }
}

fn deeper(depth: usize, place: Place) -> Result<usize, Refusal> {
    if depth >= CONDITION_DEPTH {
        return Err(Refusal::wrong(place, format!("is nested deeper than {CONDITION_DEPTH} levels")));
    }
    Ok(depth + 1)
}

/// The one part, or what `several` makes of them.
fn one_or(mut parts: Vec<Constraint>, several: fn(Vec<Constraint>) -> Constraint) -> Constraint {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            several(parts)
        }
        None => several(parts),
    }
}
