//! How untrusted JSON is read: what is too much is noticed while it is read and never stored, and what may not be said
//! twice is refused (RFC 8259, 4, leaves the meaning of a repeated name open, and two readers that choose differently
//! see two documents).
//!
//! The parsing itself is serde_json's.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits::EVIDENCE_DEPTH;

/// A list of which at most `N` elements are stored; the rest is skipped, and [`AtMost::within`] says so.
#[derive(Clone, Debug)]
pub(super) struct AtMost<T, const N: usize> {
    items: Vec<T>,
    exceeded: bool,
}

impl<T, const N: usize> AtMost<T, N> {
    /// The elements, or nothing where there were more than `N`.
    pub(super) fn within(self) -> Option<Vec<T>> {
        (!self.exceeded).then_some(self.items)
    }
}

impl<T, const N: usize> Default for AtMost<T, N> {
    fn default() -> Self {
        Self { items: Vec::new(), exceeded: false }
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for AtMost<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Items<T, N> {
            type Value = AtMost<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = AtMost::default();
                while list.items.len() < N {
                    match seq.next_element()? {
                        Some(item) => list.items.push(item),
                        None => return Ok(list),
                    }
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    list.exceeded = true;
                }
                Ok(list)
            }
        }

        deserializer.deserialize_seq(Items(PhantomData))
    }
}

/// An object of which at most `N` members are stored, and in which no name may stand twice. `null` is an empty one, as
/// Go writes maps that are not there.
#[derive(Clone, Debug)]
pub(super) struct UniqueMap<V, const N: usize> {
    members: BTreeMap<String, V>,
    exceeded: bool,
}

impl<V, const N: usize> UniqueMap<V, N> {
    /// The members, or nothing where there were more than `N`.
    pub(super) fn within(self) -> Option<BTreeMap<String, V>> {
        (!self.exceeded).then_some(self.members)
    }
}

impl<V, const N: usize> Default for UniqueMap<V, N> {
    fn default() -> Self {
        Self { members: BTreeMap::new(), exceeded: false }
    }
}

impl<'de, V: Deserialize<'de>, const N: usize> Deserialize<'de> for UniqueMap<V, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<V, const N: usize>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>, const N: usize> Visitor<'de> for Members<V, N> {
            type Value = UniqueMap<V, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(UniqueMap::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut unique = UniqueMap::default();
                while unique.members.len() < N {
                    match map.next_entry()? {
                        Some((name, value)) => {
                            if unique.members.insert(name, value).is_some() {
                                return Err(A::Error::custom("a name stands twice"));
                            }
                        }
                        None => return Ok(unique),
                    }
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    unique.exceeded = true;
                }
                Ok(unique)
            }
        }

        deserializer.deserialize_any(Members(PhantomData))
    }
}

/// Reads `null` as the default, as Go's encoder writes lists and maps that are not there.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A string, or any other value, which is skipped.
#[derive(Clone, Debug)]
pub(super) enum StringOrOther {
    /// A string.
    String(String),
    /// Any other value.
    Other,
}

impl<'de> Deserialize<'de> for StringOrOther {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if !raw.get().starts_with('"') {
            return Ok(Self::Other);
        }
        serde_json::from_str(raw.get()).map(Self::String).map_err(D::Error::custom)
    }
}

/// A string that is not kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnyString;

impl<'de> Deserialize<'de> for AnyString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Skip;

        impl Visitor<'_> for Skip {
            type Value = AnyString;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, _: &str) -> Result<AnyString, E> {
                Ok(AnyString)
            }
        }

        deserializer.deserialize_str(Skip)
    }
}

/// How deep a value may be nested.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Nesting {
    /// Not deeper than [`EVIDENCE_DEPTH`].
    Within,
    /// Deeper.
    Exceeded,
}

/// Walks through `raw`, which serde_json skipped unread so far, with nothing kept.
///
/// # Errors
/// When it holds what is no JSON, such as half a surrogate pair.
pub(super) fn nesting(raw: &RawValue) -> Result<Nesting, serde_json::Error> {
    let exceeded = Cell::new(false);
    let walk = Walk { depth: 0, exceeded: &exceeded };
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    match walk.deserialize(&mut deserializer) {
        Ok(()) => Ok(Nesting::Within),
        Err(_) if exceeded.get() => Ok(Nesting::Exceeded),
        Err(error) => Err(error),
    }
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    depth: usize,
    exceeded: &'a Cell<bool>,
}

impl Walk<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= EVIDENCE_DEPTH {
            self.exceeded.set(true);
            return Err(E::custom("nested too deep"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while map.next_key_seed(inner)?.is_some() {
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_stops_at_its_ceiling() {
        let list = |text| serde_json::from_str::<AtMost<u8, 2>>(text).unwrap().within();
        assert_eq!(list("[]"), Some(vec![]));
        assert_eq!(list("[1,2]"), Some(vec![1, 2]));
        assert_eq!(list("[1,2,3]"), None);
        assert!(serde_json::from_str::<AtMost<u8, 2>>("{}").is_err());
    }

    #[test]
    fn a_map_stops_at_its_ceiling_and_takes_no_name_twice() {
        let map = |text| serde_json::from_str::<UniqueMap<u8, 2>>(text);
        assert_eq!(map("{}").unwrap().within().unwrap().len(), 0);
        assert_eq!(map("null").unwrap().within().unwrap().len(), 0);
        assert_eq!(map(r#"{"a":1,"b":2}"#).unwrap().within().unwrap().len(), 2);
        assert!(map(r#"{"a":1,"b":2,"c":3}"#).unwrap().within().is_none());
        assert!(map(r#"{"a":1,"a":1}"#).is_err());
        assert!(map(r#"{"a":1,"\u0061":1}"#).is_err());
        assert!(map("[]").is_err());
    }

    #[test]
    fn nesting_is_counted_and_its_text_read() {
        let raw = |text: &str| serde_json::from_str::<Box<RawValue>>(text).unwrap();
        let nested = |depth: usize| raw(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        assert_eq!(nesting(&nested(EVIDENCE_DEPTH)).unwrap(), Nesting::Within);
        assert_eq!(nesting(&nested(EVIDENCE_DEPTH + 1)).unwrap(), Nesting::Exceeded);
        assert_eq!(nesting(&nested(100_000)).unwrap(), Nesting::Exceeded);
        assert!(nesting(&raw(r#"{"a":"\ud800"}"#)).is_err());
        assert_eq!(nesting(&raw("null")).unwrap(), Nesting::Within);
    }
}
