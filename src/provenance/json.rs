//! A predicate as a tree. The parsing is serde_json's; a name that stands twice in one object, and more values than are
//! read, are errors.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::ReadError;
use crate::limits::{Exceeded, PREDICATE_VALUES, Scope};

/// Reads `text`, which is `what`, as an object.
pub(super) fn object(what: &'static str, text: &str) -> Result<Value, ReadError> {
    let value = json(what, text)?;
    if value.is_object() { Ok(value) } else { Err(ReadError::malformed(what, "it is no object")) }
}

/// Reads `text`, which is `what`, as any JSON value.
///
/// # Errors
/// When it is none, says a name twice in one object, or holds more than [`PREDICATE_VALUES`] values.
pub fn json(what: &'static str, text: &str) -> Result<Value, ReadError> {
    let left = Cell::new(PREDICATE_VALUES);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Tree { left: &left }.deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    match read {
        Ok(value) => Ok(value),
        Err(_) if left.get() == 0 => {
            Err(Exceeded::new("values of a predicate", PREDICATE_VALUES, Scope::Artifact).into())
        }
        Err(error) => Err(ReadError::malformed(what, error.to_string())),
    }
}

/// What stands at `path`, objects only; `null` is nothing.
pub(super) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    let found = path.iter().try_fold(value, |value, name| value.as_object()?.get(*name))?;
    (!found.is_null()).then_some(found)
}

/// The text at `path`, where it is one and not empty: builders write `""` for what they do not know.
pub(super) fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(value, path)?.as_str().filter(|text| !text.is_empty())
}

/// The time at `path`, in the form of RFC 3339.
pub(super) fn time(value: &Value, path: &[&str]) -> Option<Timestamp> {
    text(value, path)?.parse().ok()
}

/// The elements of the list at `path`; none where there is no list.
pub(super) fn list<'a>(value: &'a Value, path: &[&str]) -> Option<&'a [Value]> {
    at(value, path)?.as_array().map(Vec::as_slice)
}

/// What several places say alike: the value, if at least one says it and none says another.
pub(super) fn agreed<T: PartialEq>(said: impl IntoIterator<Item = Option<T>>) -> Option<T> {
    let mut said = said.into_iter().flatten();
    let first = said.next()?;
    said.all(|other| other == first).then_some(first)
}

/// The texts, numbers and booleans of the object at `path`, as texts; other values are left out.
pub(super) fn scalars(value: &Value, path: &[&str]) -> BTreeMap<String, String> {
    let entries = at(value, path).and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), scalar(value)?))).collect()
}

/// A text, number or boolean as a text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(value) => Some(value.clone()),
        Value::Array(_) | Value::Null | Value::Object(_) => None,
    }
}

struct Tree<'a> {
    /// Values that may still be read.
    left: &'a Cell<usize>,
}

impl Tree<'_> {
    fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        self.left.set(self.left.get().saturating_sub(1));
        if self.left.get() == 0 { Err(E::custom("too many values")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(Tree { left: self.left })? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Tree { left: self.left })?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_an_object_that_says_nothing_twice() {
        assert_eq!(object("x", r#"{"a":[1,-1,1.5,true,null,"b",{}]}"#).unwrap()["a"][5], "b");
        for (text, error) in [
            ("[]", "x: it is no object"),
            ("null", "x: it is no object"),
            ("", "x: EOF"),
            ("{} {}", "x: trailing characters"),
            (r#"{"a":1,"\u0061":2}"#, "x: a name stands twice"),
            (r#"{"a":{"b":1,"b":1}}"#, "x: a name stands twice"),
            (r#"{"a":1e999}"#, "x: number out of range"),
        ] {
            let found = object("x", text).unwrap_err().to_string();
            assert!(found.starts_with(error), "{text}: {found}");
        }
    }

    #[test]
    fn values_are_counted() {
        let of = |count: usize| format!("{{\"a\":[{}0]}}", "0,".repeat(count));
        assert!(object("x", &of(1000)).is_ok());
        let error = object("x", &of(PREDICATE_VALUES)).unwrap_err();
        assert_eq!(error.to_string(), format!("more than {PREDICATE_VALUES} values of a predicate"));
    }

    #[test]
    fn what_is_not_there_is_absent() {
        let value = object("x", r#"{"a":{"b":"c","n":null,"e":"","l":[1]},"t":"2025-01-02T03:04:05Z"}"#).unwrap();
        assert_eq!(text(&value, &["a", "b"]), Some("c"));
        for path in [&["a", "n"][..], &["a", "e"], &["a", "x"], &["a", "b", "c"], &["a", "l"], &["a"]] {
            assert_eq!(text(&value, path), None, "{path:?}");
        }
        assert_eq!(list(&value, &["a", "l"]).map(<[Value]>::len), Some(1));
        assert_eq!(list(&value, &["a"]), None);
        assert_eq!(time(&value, &["t"]), "2025-01-02T03:04:05Z".parse().ok());
        assert_eq!(time(&value, &["a", "b"]), None);
        assert_eq!(agreed([None, Some(1), Some(1)]), Some(1));
        assert_eq!(agreed([Some(1), Some(2)]), None);
        assert_eq!(agreed::<u8>([None]), None);
    }
}
