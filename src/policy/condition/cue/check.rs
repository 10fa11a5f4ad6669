//! Holds a value against constraints.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::parser::{Constraint, FieldRule, Kind, Literal, Relation, Validator};
use crate::limits::CONDITION_MESSAGES;
use crate::policy::condition::cost::{Spent, Steps};
use crate::policy::condition::message::quoted;

/// Where `value` does not meet `constraint`, nowhere where it does; and how many of `most` steps it took to know.
pub(super) fn check(constraint: &Constraint, value: &Value, most: u64) -> Result<(Vec<String>, u64), Spent> {
    let mut checker = Checker { steps: Steps::new(most), path: Vec::new(), misses: Vec::new() };
    checker.check(constraint, value)?;
    Ok((checker.misses, most.saturating_sub(checker.steps.left())))
}

struct Checker {
    steps: Steps,
    path: Vec<String>,
    misses: Vec<String>,
}

impl Checker {
    fn check(&mut self, constraint: &Constraint, value: &Value) -> Result<(), Spent> {
        self.steps.spend(1)?;
        match constraint {
            Constraint::All(parts) => parts.iter().try_for_each(|part| self.check(part, value))?,
            Constraint::Any => {}
            Constraint::Compare(relation, literal) => {
                self.text(value)?;
                if !compares(*relation, value, literal) {
                    self.miss(&format!("is {}, and has to be {} {}", say(value), relation.as_str(), literal.say()));
                }
            }
            Constraint::Exactly(literal) => {
                self.text(value)?;
                if !literal.is(value) {
                    self.miss(&format!("is {}, not {}", say(value), literal.say()));
                }
            }
            Constraint::Kind(kind) => {
                if !kind.is(value) {
                    self.miss(&format!("is {}, not {}", say(value), kind.as_str()));
                }
            }
            Constraint::List(elements, others) => self.list(elements, others.as_deref(), value)?,
            Constraint::Matches { written, regex, expected } => {
                self.text(value)?;
                let matches = value.as_str().is_some_and(|text| regex.is_match(text) == *expected);
                if !matches {
                    let verb = if *expected { "has to match" } else { "must not match" };
                    self.miss(&format!("is {}, and {verb} {}", say(value), quoted(written)));
                }
            }
            Constraint::OneOf(options) => self.one_of(options, value)?,
            Constraint::Struct(fields) => self.fields(fields, value)?,
            Constraint::Validator(validator) => {
                self.text(value)?;
                if !validator.holds(value) {
                    self.miss(&format!("does not meet `{}`", validator.say()));
                }
            }
        }
        Ok(())
    }

    fn fields(&mut self, fields: &[FieldRule], value: &Value) -> Result<(), Spent> {
        let Some(object) = value.as_object() else {
            self.miss(&format!("is {}, not an object", say(value)));
            return Ok(());
        };
        for field in fields {
            self.path.push(field.name.clone());
            match object.get(&field.name) {
                Some(value) => self.check(&field.constraint, value)?,
                None if field.is_optional => {}
                None => self.miss("is missing"),
            }
            self.path.pop();
        }
        Ok(())
    }

    fn list(&mut self, elements: &[Constraint], others: Option<&Constraint>, value: &Value) -> Result<(), Spent> {
        let Some(list) = value.as_array() else {
            self.miss(&format!("is {}, not a list", say(value)));
            return Ok(());
        };
        let fits = if others.is_some() { list.len() >= elements.len() } else { list.len() == elements.len() };
        if !fits {
            let least = if others.is_some() { "at least " } else { "" };
            self.miss(&format!("has {} elements, and has to have {least}{}", list.len(), elements.len()));
            return Ok(());
        }
        for (index, element) in list.iter().enumerate() {
            if let Some(constraint) = elements.get(index).or(others) {
                self.path.push(format!("[{index}]"));
                self.check(constraint, element)?;
                self.path.pop();
            }
        }
        Ok(())
    }

    fn one_of(&mut self, options: &[Constraint], value: &Value) -> Result<(), Spent> {
        let before = std::mem::take(&mut self.misses);
        let mut holds = false;
        for option in options {
            self.check(option, value)?;
            holds = self.misses.is_empty();
            self.misses.clear();
            if holds {
                break;
            }
        }
        self.misses = before;
        if !holds {
            self.miss(&format!("is {}, which is none of what it may be", say(value)));
        }
        Ok(())
    }

    /// Pays for looking at a value that may be a text.
    fn text(&mut self, value: &Value) -> Result<(), Spent> {
        self.steps.text(value.as_str().unwrap_or_default())
    }

    fn miss(&mut self, what: &str) {
        // As many as are told, and one that says that there are more.
        if self.misses.len() > CONDITION_MESSAGES {
            return;
        }
        let mut path = String::new();
        for part in &self.path {
            if !path.is_empty() && !part.starts_with('[') {
                path.push('.');
            }
            path.push_str(part);
        }
        let path = if path.is_empty() { "the input".to_owned() } else { quoted(&path) };
        self.misses.push(format!("{path} {what}"));
    }
}

/// A value in a message: itself where it is small, else its kind.
fn say(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Bool(_) | Value::Null | Value::Number(_) => format!("`{value}`"),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => quoted(text),
    }
}

impl Literal {
    /// Whether a value is exactly this. As in CUE, `1` and `1.0` differ.
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Bool(own), Value::Bool(value)) => own == value,
            (Self::Float(own), Value::Number(number)) => {
                number.is_f64() && number.as_f64().is_some_and(|number| number.total_cmp(own) == Ordering::Equal)
            }
            (Self::Int(own), Value::Number(number)) => whole(number) == Some(*own),
            (Self::Null, Value::Null) => true,
            (Self::Text(own), Value::String(text)) => own == text,
            (Self::Bool(_) | Self::Float(_) | Self::Int(_) | Self::Null | Self::Text(_), _) => false,
        }
    }

    fn say(&self) -> String {
        match self {
            Self::Bool(value) => format!("`{value}`"),
            Self::Float(number) => format!("`{number}`"),
            Self::Int(number) => format!("`{number}`"),
            Self::Null => "`null`".to_owned(),
            Self::Text(text) => quoted(text),
        }
    }
}

/// A number that was written without fraction and exponent.
fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn compares(relation: Relation, value: &Value, literal: &Literal) -> bool {
    let order = match (literal, value) {
        (Literal::Text(own), Value::String(text)) => Some(text.as_str().cmp(own)),
        (Literal::Int(own), Value::Number(number)) => match whole(number) {
            Some(number) => Some(number.cmp(own)),
            None => own.to_string().parse().ok().and_then(|own: f64| number.as_f64()?.partial_cmp(&own)),
        },
        (Literal::Float(own), Value::Number(number)) => number.as_f64().and_then(|number| number.partial_cmp(own)),
        (Literal::Bool(_) | Literal::Float(_) | Literal::Int(_) | Literal::Null | Literal::Text(_), _) => None,
    };
    match relation {
        Relation::Greater => order == Some(Ordering::Greater),
        Relation::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Relation::Less => order == Some(Ordering::Less),
        Relation::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        // `!=null` holds of all that is there and not null; a text is no other number, though: CUE compares like with
        // like.
        Relation::Not => match (literal, value) {
            (Literal::Null, value) => !value.is_null(),
            (Literal::Bool(own), Value::Bool(value)) => own != value,
            (Literal::Bool(_) | Literal::Float(_) | Literal::Int(_) | Literal::Text(_), _) => {
                matches!(order, Some(Ordering::Less | Ordering::Greater))
            }
        },
    }
}

impl Relation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Greater => "more than",
            Self::GreaterOrEqual => "at least",
            Self::Less => "less than",
            Self::LessOrEqual => "at most",
            Self::Not => "other than",
        }
    }
}

impl Kind {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Bool => value.is_boolean(),
            Self::Float => value.is_f64(),
            Self::Int => value.as_number().is_some_and(|number| whole(number).is_some()),
            Self::Number => value.is_number(),
            Self::Text => value.is_string(),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "a boolean",
            Self::Float => "a number with a fraction",
            Self::Int => "a whole number",
            Self::Number => "a number",
            Self::Text => "a text",
        }
    }
}

impl Validator {
    fn holds(&self, value: &Value) -> bool {
        let text = value.as_str();
        let (fields, items) = (value.as_object().map(serde_json::Map::len), value.as_array().map(Vec::len));
        match self {
            Self::Contains(part) => text.is_some_and(|text| text.contains(part.as_str())),
            Self::HasPrefix(prefix) => text.is_some_and(|text| text.starts_with(prefix.as_str())),
            Self::HasSuffix(suffix) => text.is_some_and(|text| text.ends_with(suffix.as_str())),
            Self::MaxFields(most) => fields.is_some_and(|fields| fields <= *most),
            Self::MaxItems(most) => items.is_some_and(|items| items <= *most),
            Self::MaxRunes(most) => text.is_some_and(|text| text.chars().count() <= *most),
            Self::MinFields(least) => fields.is_some_and(|fields| fields >= *least),
            Self::MinItems(least) => items.is_some_and(|items| items >= *least),
            Self::MinRunes(least) => text.is_some_and(|text| text.chars().count() >= *least),
        }
    }

    fn say(&self) -> String {
        match self {
            Self::Contains(part) => format!("strings.Contains({})", quoted(part).replace('`', "\"")),
            Self::HasPrefix(prefix) => format!("strings.HasPrefix({})", quoted(prefix).replace('`', "\"")),
            Self::HasSuffix(suffix) => format!("strings.HasSuffix({})", quoted(suffix).replace('`', "\"")),
            Self::MaxFields(most) => format!("struct.MaxFields({most})"),
            Self::MaxItems(most) => format!("list.MaxItems({most})"),
            Self::MaxRunes(most) => format!("strings.MaxRunes({most})"),
            Self::MinFields(least) => format!("struct.MinFields({least})"),
            Self::MinItems(least) => format!("list.MinItems({least})"),
            Self::MinRunes(least) => format!("strings.MinRunes({least})"),
        }
    }
}
