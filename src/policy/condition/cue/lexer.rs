//! The words of CUE (<https://cuelang.org/docs/reference/spec/#lexical-elements>).

use super::{Place, Refusal};
use crate::policy::condition::message::quoted;

/// One word, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) place: Place,
    pub(super) word: Word,
}

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// The end of the source.
    End,
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A name.
    Identifier(String),
    /// A whole number.
    Int(i128),
    /// An operator or a bracket. The end of a line where something ended is a comma.
    Mark(&'static str),
    /// A text.
    Text(String),
}

/// Every mark, the longer ones first.
const MARKS: [&str; 29] = [
    "...", "=~", "!~", "!=", "==", "<=", ">=", "&&", "||", "{", "}", "[", "]", "(", ")", ":", ",", "?", "!", "|", "&",
    "<", ">", "*", "-", ".", "=", "+", "/",
];

/// The words of `source`, of which the last is [`Word::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Refusal> {
    let mut lexer = Lexer { rest: source, place: Place { line: 1, column: 1 } };
    let mut tokens: Vec<Token> = Vec::new();
    loop {
        let before = lexer.place;
        if lexer.skip() && ends(tokens.last()) {
            tokens.push(Token { place: before, word: Word::Mark(",") });
        }
        let place = lexer.place;
        let word = lexer.word()?;
        let is_end = word == Word::End;
        if is_end && ends(tokens.last()) {
            tokens.push(Token { place, word: Word::Mark(",") });
        }
        tokens.push(Token { place, word });
        if is_end {
            return Ok(tokens);
        }
    }
}

/// Whether something may end with this word.
fn ends(token: Option<&Token>) -> bool {
    match token.map(|token| &token.word) {
        Some(Word::Mark(mark)) => matches!(*mark, ")" | "]" | "}" | "?" | "..."),
        Some(Word::Float(_) | Word::Identifier(_) | Word::Int(_) | Word::Text(_)) => true,
        Some(Word::End) | None => false,
    }
}

struct Lexer<'a> {
    rest: &'a str,
    place: Place,
}

impl<'a> Lexer<'a> {
    /// Passes over white space and comments; whether a line ended.
    fn skip(&mut self) -> bool {
        let mut ended = false;
        while let Some(next) = self.rest.chars().next() {
            if next == '\n' {
                ended = true;
            } else if self.rest.starts_with("//") {
                let comment = self.rest.find('\n').unwrap_or(self.rest.len());
                self.take(comment);
                continue;
            } else if !matches!(next, ' ' | '\t' | '\r') {
                break;
            }
            self.take(next.len_utf8());
        }
        ended
    }

    fn word(&mut self) -> Result<Word, Refusal> {
        let place = self.place;
        let Some(first) = self.rest.chars().next() else {
            return Ok(Word::End);
        };
        let raw = self.rest.len() - self.rest.trim_start_matches('#').len();
        if first == '"' || (raw > 0 && self.rest.get(raw..).is_some_and(|rest| rest.starts_with('"'))) {
            return self.text(raw).map(Word::Text);
        }
        if first == '\'' || (raw > 0 && self.rest.get(raw..).is_some_and(|rest| rest.starts_with('\''))) {
            return Err(Refusal::beyond(place, "bytes are"));
        }
        if first.is_ascii_digit() {
            return self.number();
        }
        if first.is_alphabetic() || matches!(first, '_' | '$' | '#') {
            let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#');
            if self.rest.starts_with("_|_") {
                return Err(Refusal::beyond(place, "`_|_` is"));
            }
            let length = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
            return Ok(Word::Identifier(self.take(length).to_owned()));
        }
        if let Some(mark) = MARKS.iter().find(|mark| self.rest.starts_with(**mark)) {
            self.take(mark.len());
            return Ok(Word::Mark(mark));
        }
        let what = format!("{} is", quoted(&first.to_string()));
        Err(Refusal::beyond(place, &what))
    }

    /// A text between as many `#` as stand before it. Only `\` and as many `#` begin an escape in it.
    fn text(&mut self, raw: usize) -> Result<String, Refusal> {
        let start = self.place;
        self.take(raw);
        if self.rest.starts_with("\"\"\"") {
            return Err(Refusal::beyond(start, "texts of several lines are"));
        }
        self.take(1);
        let hashes = "#".repeat(raw);
        let mut text = String::new();
        loop {
            let place = self.place;
            let Some(next) = self.rest.chars().next().filter(|next| *next != '\n') else {
                return Err(Refusal::wrong(start, "the text does not end on its line"));
            };
            self.take(next.len_utf8());
            if next == '"' && self.rest.starts_with(&hashes) {
                self.take(raw);
                return Ok(text);
            }
            if next == '\\' && self.rest.starts_with(&hashes) {
                self.take(raw);
                text.push(self.escape(place)?);
            } else {
                text.push(next);
            }
        }
    }

    fn escape(&mut self, place: Place) -> Result<char, Refusal> {
        let kind = self.rest.chars().next().unwrap_or('\n');
        self.take(kind.len_utf8().min(self.rest.len()));
        let digits = match kind {
            '"' | '\\' | '/' | '\'' => return Ok(kind),
            'a' => return Ok('\u{7}'),
            'b' => return Ok('\u{8}'),
            'f' => return Ok('\u{c}'),
            'n' => return Ok('\n'),
            'r' => return Ok('\r'),
            't' => return Ok('\t'),
            'v' => return Ok('\u{b}'),
            '(' => return Err(Refusal::beyond(place, "interpolation is")),
            'u' => 4,
            'U' => 8,
            _ => {
                let hint = "in a regular expression write `\\\\.`, or the text as `#\"…\"#`";
                return Err(Refusal::wrong(place, format!("there is no such escape; {hint}")));
            }
        };
        let written = self.rest.get(..digits).filter(|written| written.bytes().all(|b| b.is_ascii_hexdigit()));
        let character = written.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        let character = character.ok_or_else(|| Refusal::wrong(place, "there is no such character"))?;
        self.take(digits);
        Ok(character)
    }

    fn number(&mut self) -> Result<Word, Refusal> {
        let place = self.place;
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        let mut length = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        if let Some(written) = self.rest.get(..length)
            && written.ends_with(['e', 'E'])
            && self.rest.get(length..).is_some_and(|rest| rest.starts_with(['+', '-']))
        {
            let exponent = self.rest.get(length + 1..).unwrap_or_default();
            length += 1 + exponent.find(|c: char| !c.is_ascii_digit()).unwrap_or(exponent.len());
        }
        let written = self.take(length).replace('_', "");
        let is_decimal = written.bytes().all(|b| b.is_ascii_digit()) && (written == "0" || !written.starts_with('0'));
        if is_decimal {
            return written.parse().map(Word::Int).map_err(|_| Refusal::wrong(place, "the number is too large"));
        }
        let is_float = written.contains(['.', 'e', 'E'])
            && written.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
        match written.parse::<f64>() {
            Ok(number) if is_float && number.is_finite() => Ok(Word::Float(number)),
            Ok(_) | Err(_) => Err(Refusal::beyond(place, "a number of this form is")),
        }
    }

    /// Takes the next `length` bytes, which end between characters.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        for character in taken.chars() {
            if character == '\n' {
                self.place = Place { line: self.place.line + 1, column: 1 };
            } else {
                self.place.column += 1;
            }
        }
        self.rest = rest;
        taken
    }
}
