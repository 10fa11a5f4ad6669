//! Strict readers of JSON, beside what serde's derive gives.
//!
//! Derived readers refuse a key that comes twice among those they know. These add what is missing where a review may be
//! forged: an object is never read from an array, a map refuses every key that comes twice, and a list stops growing at
//! its ceiling (the rest is read over, and the overflow is known).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::limits;

/// A string, borrowed from the input where it has no escapes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text, or nothing where there is none.
pub(super) fn text<'t>(value: &'t Option<Text<'_>>) -> &'t str {
    value.as_ref().map_or("", Text::as_str)
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A JSON object read by the derived reader of `T`, which alone would take an array of its fields as well.
#[derive(Clone, Debug, Default)]
pub(super) struct Strict<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Strict<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Strict<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Strict)
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// A list, or `null` for an empty one, of at most [`limits::OBJECT_LIST_ENTRIES`].
#[derive(Clone, Debug)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    pub(super) overflow: bool,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new(), overflow: false }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(List::default())
            }
            fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
                Ok(List::default())
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                deserializer.deserialize_seq(self)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = List::default();
                while list.items.len() < limits::OBJECT_LIST_ENTRIES {
                    match seq.next_element()? {
                        Some(item) => list.items.push(item),
                        None => return Ok(list),
                    }
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    list.overflow = true;
                }
                Ok(list)
            }
        }
        deserializer.deserialize_option(ListVisitor(PhantomData))
    }
}

/// A map of strings, or `null` for an empty one, of at most [`limits::OBJECT_LIST_ENTRIES`]. A key that comes twice is
/// an error.
#[derive(Clone, Debug, Default)]
pub(super) struct Strings<'a> {
    entries: BTreeMap<Text<'a>, Text<'a>>,
    pub(super) overflow: bool,
}

impl Strings<'_> {
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(&Text(Cow::Borrowed(key)))
    }

    pub(super) fn to_owned(&self) -> BTreeMap<String, String> {
        let entries = self.entries.iter();
        entries.map(|(key, value)| (key.as_str().to_owned(), value.as_str().to_owned())).collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Strings<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringsVisitor;
        impl<'de> Visitor<'de> for StringsVisitor {
            type Value = Strings<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Strings::default())
            }
            fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Strings::default())
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                deserializer.deserialize_map(self)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut strings = Strings::default();
                while let Some((key, value)) = map.next_entry::<Text<'de>, Text<'de>>()? {
                    if strings.entries.len() >= limits::OBJECT_LIST_ENTRIES {
                        strings.overflow = true;
                    } else if strings.entries.insert(key, value).is_some() {
                        return Err(A::Error::custom("the same key twice in one object"));
                    }
                }
                Ok(strings)
            }
        }
        deserializer.deserialize_option(StringsVisitor)
    }
}

/// Whether `text` nests deeper than [`limits::REVIEW_DEPTH`]. What is read over is read without recursion, so this
/// guards a promise, not the stack.
pub(super) fn is_too_deep(text: &str) -> bool {
    let opening = |byte: &u8| matches!(byte, b'{' | b'[');
    // Most reviews are decided by counting, which is many times faster than following the strings.
    if text.as_bytes().iter().filter(|byte| opening(byte)).count() <= limits::REVIEW_DEPTH {
        return false;
    }
    let mut depth = 0_usize;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => loop {
                match bytes.next() {
                    Some(b'\\') => {
                        bytes.next();
                    }
                    Some(b'"') | None => break,
                    Some(_) => {}
                }
            },
            b'{' | b'[' => {
                depth += 1;
                if depth > limits::REVIEW_DEPTH {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(json: &str) -> Result<usize, String> {
        serde_json::from_str::<Strings<'_>>(json)
            .map(|strings| strings.entries.len())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_map_refuses_a_key_that_comes_twice() {
        assert_eq!(strings(r#"{"a":"1","b":"1"}"#), Ok(2));
        assert_eq!(strings("null"), Ok(0));
        for bad in
            [r#"{"a":"1","a":"1"}"#, r#"{"a":"1","\u0061":"2"}"#, r#"{"a":1}"#, r#"{"a":null}"#, r#"[["a","1"]]"#]
        {
            assert!(strings(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_ends_at_its_ceiling_and_says_so() {
        let json = |length: usize| format!("[{}]", vec!["\"x\""; length].join(","));
        for (length, kept, overflow) in [
            (0, 0, false),
            (limits::OBJECT_LIST_ENTRIES, limits::OBJECT_LIST_ENTRIES, false),
            (limits::OBJECT_LIST_ENTRIES + 1, limits::OBJECT_LIST_ENTRIES, true),
        ] {
            let json = json(length);
            let list: List<Text<'_>> = serde_json::from_str(&json).unwrap();
            assert_eq!((list.items.len(), list.overflow), (kept, overflow));
        }
        assert!(serde_json::from_str::<List<Text<'_>>>("{}").is_err());
        assert!(serde_json::from_str::<List<Text<'_>>>(r#""x""#).is_err());
    }

    #[test]
    fn an_object_is_not_read_from_an_array() {
        #[derive(serde::Deserialize)]
        struct Pair {
            a: u8,
        }
        assert_eq!(serde_json::from_str::<Strict<Pair>>(r#"{"a":1}"#).unwrap().0.a, 1);
        assert!(serde_json::from_str::<Pair>("[1]").is_ok(), "the derive alone takes it");
        assert!(serde_json::from_str::<Strict<Pair>>("[1]").is_err());
        assert!(serde_json::from_str::<Strict<Pair>>(r#"{"a":1,"a":1}"#).is_err());
    }

    #[test]
    fn depth_is_counted_outside_of_strings() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_too_deep(&nested(limits::REVIEW_DEPTH)));
        assert!(is_too_deep(&nested(limits::REVIEW_DEPTH + 1)));
        assert!(is_too_deep(&nested(10_000)));
        let flat = format!("[{}]", vec!["{}"; 1000].join(","));
        assert!(!is_too_deep(&flat));
        let quoted = format!(r#"["{}\"{}"]"#, "[".repeat(200), "[".repeat(200));
        assert!(!is_too_deep(&quoted));
        let behind = format!(r#"["]]]]\"]]]",{}"#, nested(limits::REVIEW_DEPTH));
        assert!(is_too_deep(&behind));
    }
}
