//! Conditions: what a policy's author writes in Rego, CEL or CUE about one statement, or about everything that was
//! found.
//!
//! A [`Condition`] is compiled once, when its policy is loaded, and run on an [`Input`] as often as there are
//! statements. It is only satisfied by an explicit yes: what is undefined, absent, of another type, unknown, or not done
//! within its bounds is no yes, and a panic of an engine is an error of this run alone.
//!
//! Its author may be hostile or careless, and so may the author of the predicate. CEL and CUE are counted in steps,
//! Rego is timed; sources and inputs are bounded ([`crate::limits`]). Neither engine is named in a public type.

mod cel;
mod cost;
mod cue;
mod input;
mod message;
mod rego;
mod rego_calls;
#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::Timestamp;
use nonempty::NonEmpty;
use serde_json::json;

pub(in crate::policy) use cost::Purse;
pub use input::Input;
pub(in crate::policy) use input::within;

use crate::limits::{CONDITION_SOURCE_BYTES, CONDITION_STEPS};

/// The language of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// The Common Expression Language (<https://github.com/google/cel-spec>).
    Cel,
    /// A part of CUE (<https://cuelang.org/docs/reference/spec/>), in which what is absent satisfies nothing.
    Cue,
    /// The language of the Open Policy Agent (<https://www.openpolicyagent.org/docs/policy-language>).
    Rego,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 3] = [Self::Cel, Self::Cue, Self::Rego];

    /// Its name, as in the field `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cel => "cel",
            Self::Cue => "cue",
            Self::Rego => "rego",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A condition that can be run. Cheap to clone.
#[derive(Clone)]
pub struct Condition(Arc<Compiled>);

struct Compiled {
    language: Language,
    source: String,
    program: Program,
    permissive: Vec<&'static str>,
}

enum Program {
    Cel(cel::Program),
    Cue(cue::Program),
    Rego(rego::Program),
}

/// What came of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It could not be said whether it holds, and so it does not.
    Error(String),
    /// It does not hold, and says why.
    Refused(NonEmpty<String>),
    /// It holds.
    Satisfied,
    /// It was not done within its bounds, and so it does not hold.
    Spent(String),
}

/// Why a source is no condition: one line, with the place where it is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConditionError(String);

/// Inputs that hold nothing. A condition that holds of one of them asks for nothing.
const EMPTY: [&str; 3] = ["{}", r#"{"predicate":{}}"#, r#"{"predicate":null}"#];

impl Condition {
    /// Compiles `source`.
    ///
    /// # Errors
    /// When it is no condition of that language, or of a part of it that is not carried out.
    pub fn compile(language: Language, source: &str) -> Result<Self, ConditionError> {
        if source.len() > CONDITION_SOURCE_BYTES {
            return Err(ConditionError(format!("has more than {CONDITION_SOURCE_BYTES} bytes")));
        }
        if source.trim().is_empty() {
            return Err(ConditionError("is empty".to_owned()));
        }
        let program = guarded(|| match language {
            Language::Cel => cel::Program::compile(source).map(Program::Cel),
            Language::Cue => cue::Program::compile(source).map(Program::Cue),
            Language::Rego => rego::Program::compile(source).map(Program::Rego),
        });
        let program = program.unwrap_or_else(|| Err("cannot be read: its parser failed".to_owned()));
        let mut compiled = Compiled {
            language,
            source: source.to_owned(),
            program: program.map_err(ConditionError)?,
            permissive: Vec::new(),
        };
        for empty in EMPTY {
            let input = Input::parse(empty).unwrap_or_else(|_| Input::new(json!({})));
            match compiled.program.run(&input, Timestamp::UNIX_EPOCH, CONDITION_STEPS).0 {
                Verdict::Error(error) if rego::is_unknown_function(&error) => return Err(ConditionError(error)),
                Verdict::Error(_) | Verdict::Refused(_) => {}
                Verdict::Satisfied => compiled.permissive.push(empty),
                Verdict::Spent(spent) => {
                    return Err(ConditionError(format!(
                        "does not end even where there is nothing to look at: {spent}"
                    )));
                }
            }
        }
        Ok(Self(Arc::new(compiled)))
    }

    /// Its language.
    pub fn language(&self) -> Language {
        self.0.language
    }

    /// Its source.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The inputs without content of which it holds. A condition of which there are any asks for too little.
    pub fn permissive(&self) -> &[&'static str] {
        &self.0.permissive
    }

    /// Whether it holds of `input` at the time `now`.
    pub fn check(&self, input: &Input, now: Timestamp) -> Verdict {
        self.0.program.run(input, now, CONDITION_STEPS).0
    }

    /// The same, paid from `purse`.
    pub(in crate::policy) fn check_for(&self, purse: &Purse, input: &Input, now: Timestamp) -> Verdict {
        let (verdict, steps) = self.0.program.run(input, now, purse.most());
        purse.pay(steps);
        verdict
    }
}

impl Program {
    /// What comes of it within `most` steps, and how many it took. Rego is timed and takes none.
    fn run(&self, input: &Input, now: Timestamp, most: u64) -> (Verdict, u64) {
        let run = guarded(|| match self {
            Self::Cel(program) => program.run(input.json(), most),
            Self::Cue(program) => program.run(input.json(), most),
            Self::Rego(program) => (program.run(input, now), 0),
        });
        run.unwrap_or_else(|| (Verdict::Error("the engine failed".to_owned()), most))
    }
}

/// What `work` gives; none where it panics.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        let parts = |condition: &Self| (condition.0.language, condition.0.source.clone());
        Arc::ptr_eq(&self.0, &other.0) || parts(self) == parts(other)
    }
}

impl Eq for Condition {}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("language", &self.0.language).field("source", &self.0.source).finish()
    }
}
