//! The text of a document as a tree that remembers its lines.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::Spanned;

/// One value of a document, whether it was written in YAML or in JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// The line where it stands, from 1; none where the parser does not say, as for JSON.
    pub(super) line: Option<u64>,
    /// The value.
    pub(super) value: Value,
}

/// What a [`Node`] holds.
#[derive(Clone, PartialEq)]
pub(super) enum Value {
    /// `true` or `false`, and no other spelling.
    Bool(bool),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order in which it was written. No key is there twice.
    Map(Vec<(String, Node)>),
    /// Nothing.
    Null,
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
}

impl Node {
    /// The value under `key`, where this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            Value::Bool(_) | Value::List(_) | Value::Null | Value::Number(_) | Value::Text(_) => None,
        }
    }

    /// The text, where this is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Bool(_) | Value::List(_) | Value::Map(_) | Value::Null | Value::Number(_) => None,
        }
    }
}

impl Value {
    /// What kind of value it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
            Self::Null => "null",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
        }
    }
}

/// Documents may be Secrets: their values are not printed.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// A node as the YAML parser gives it, with its line.
pub(super) struct YamlNode(pub(super) Node);

impl<'de> Deserialize<'de> for YamlNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content<Self>>::deserialize(deserializer)?;
        let line = Some(spanned.referenced.line()).filter(|line| *line > 0);
        Ok(Self(Node { line, value: spanned.value.value }))
    }
}

impl From<YamlNode> for Node {
    fn from(node: YamlNode) -> Self {
        node.0
    }
}

/// A node as the JSON parser gives it.
pub(super) struct JsonNode(pub(super) Node);

impl<'de> Deserialize<'de> for JsonNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let content = Content::<Self>::deserialize(deserializer)?;
        Ok(Self(Node { line: None, value: content.value }))
    }
}

impl From<JsonNode> for Node {
    fn from(node: JsonNode) -> Self {
        node.0
    }
}

/// A value whose children are read as `C`.
struct Content<C> {
    value: Value,
    children: PhantomData<C>,
}

impl<'de, C: Deserialize<'de> + Into<Node>> Deserialize<'de> for Content<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(ContentVisitor::<C>(PhantomData))?;
        Ok(Self { value, children: PhantomData })
    }
}

struct ContentVisitor<C>(PhantomData<C>);

impl<'de, C: Deserialize<'de> + Into<Node>> Visitor<'de> for ContentVisitor<C> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping, a list, a string, a number, a boolean or null")
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

    // The parsers' own errors would repeat the number, which may be a value of a Secret.
    fn visit_i128<E: de::Error>(self, _value: i128) -> Result<Value, E> {
        Err(E::custom("a number does not fit 64 bits"))
    }

    fn visit_u128<E: de::Error>(self, _value: u128) -> Result<Value, E> {
        Err(E::custom("a number does not fit 64 bits"))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number.map(Value::Number).ok_or_else(|| E::custom("a number has to be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element::<C>()? {
            nodes.push(node.into());
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        while let Some((key, node)) = map.next_entry::<String, C>()? {
            // The YAML parser refuses duplicates by itself; the JSON parser leaves it to its caller.
            if !names.insert(key.clone()) {
                return Err(de::Error::custom("a key is there twice in one mapping"));
            }
            entries.push((key, node.into()));
        }
        Ok(Value::Map(entries))
    }
}
