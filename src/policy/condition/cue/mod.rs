//! Conditions in CUE: constraints that a value has to meet.
//!
//! This is the part of CUE that policies use: structs with nested and quoted labels, literals, the names of types,
//! comparisons, regular expressions, `&`, `|`, lists, and a few validators of the packages `list`, `strings` and
//! `struct`. Everything else is refused with its place, and never passed over.
//!
//! One thing differs from CUE on purpose: unification takes whatever is not there for satisfied, so that
//! `predicate: builder: id: "https://trusted"` holds of `{}`. Here a field has to be there, unless its label says `?`.

mod check;
mod lexer;
mod parser;

use serde_json::Value;

use super::Verdict;
use super::cost::Spent;
use super::message::refused;
use parser::Constraint;

/// Constraints on one value.
pub(super) struct Program(Constraint);

impl Program {
    /// Compiles `source`, or says on one line what is wrong with it.
    pub(super) fn compile(source: &str) -> Result<Self, String> {
        parser::parse(source).map(Self).map_err(|refusal| refusal.to_string())
    }

    /// Whether `input` meets them, and how many of `most` steps it took to know.
    pub(super) fn run(&self, input: &Value, most: u64) -> (Verdict, u64) {
        match check::check(&self.0, input, most) {
            Ok((misses, steps)) if misses.is_empty() => (Verdict::Satisfied, steps),
            Ok((misses, steps)) => (refused(misses, ""), steps),
            Err(Spent) => (Verdict::Spent(Spent::message(most)), most),
        }
    }
}

/// Where a source is none that is carried out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    place: Place,
    message: String,
    /// Whether it is CUE, as far as can be told, and a thing that CEL could say.
    is_beyond: bool,
}

/// A place in a source, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
}

impl Refusal {
    /// What stands at `place` is wrong.
    fn wrong(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), is_beyond: false }
    }

    /// What stands at `place` is not carried out.
    fn beyond(place: Place, what: &str) -> Self {
        Self { place, message: format!("{what} not carried out"), is_beyond: true }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}: {}", self.place.line, self.place.column, self.message)?;
        if self.is_beyond {
            f.write_str("; it can be said in CEL (`type: cel`)")?;
        }
        Ok(())
    }
}
