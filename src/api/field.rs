//! Reads the fields of a document by name, and keeps account of their paths and of what is wrong with them.

use super::node::{Node, Value};
use super::problem::{Problem, listed, quoted};

/// One field that is there.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    node: &'a Node,
    path: String,
}

impl<'a> Field<'a> {
    /// The whole document.
    pub(super) fn root(node: &'a Node) -> Self {
        Self { node, path: String::new() }
    }

    /// The path, as in `spec.authorities[0].key`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The line where it stands.
    pub(super) fn line(&self) -> Option<u64> {
        self.node.line
    }

    /// A problem with this field.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        let path = if self.path.is_empty() { "document" } else { &self.path };
        Problem::new(path, self.node.line, message)
    }

    fn is_null(&self) -> bool {
        self.node.value == Value::Null
    }

    /// Whether it is a list without entries.
    pub(super) fn is_empty_list(&self) -> bool {
        match &self.node.value {
            Value::List(entries) => entries.is_empty(),
            Value::Bool(_) | Value::Map(_) | Value::Null | Value::Number(_) | Value::Text(_) => false,
        }
    }

    /// What it holds, as JSON.
    pub(super) fn json(&self) -> Option<String> {
        serde_json::to_string(self.node).ok()
    }

    /// Whether it is a mapping without entries.
    pub(super) fn is_empty_map(&self) -> bool {
        match &self.node.value {
            Value::Map(entries) => entries.is_empty(),
            Value::Bool(_) | Value::List(_) | Value::Null | Value::Number(_) | Value::Text(_) => false,
        }
    }

    /// What it holds.
    pub(super) fn value(&self) -> &'a Value {
        &self.node.value
    }

    /// The boolean, where it is one.
    pub(super) fn boolean(&self, problems: &mut Vec<Problem>) -> Option<bool> {
        match self.node.value {
            Value::Bool(value) => Some(value),
            Value::List(_) | Value::Map(_) | Value::Null | Value::Number(_) | Value::Text(_) => {
                problems.push(self.mismatch("a boolean"));
                None
            }
        }
    }

    /// The fields, where it is a mapping.
    pub(super) fn object(&self, problems: &mut Vec<Problem>) -> Option<Object<'a>> {
        match &self.node.value {
            Value::Map(entries) => Some(Object { field: self.clone(), entries, known: Vec::new() }),
            Value::Bool(_) | Value::List(_) | Value::Null | Value::Number(_) | Value::Text(_) => {
                problems.push(self.mismatch("a mapping"));
                None
            }
        }
    }

    /// The entries, where it is a list.
    pub(super) fn list(&self, problems: &mut Vec<Problem>) -> Option<Vec<Self>> {
        match &self.node.value {
            Value::List(entries) => {
                let entries = entries
                    .iter()
                    .enumerate()
                    .map(|(index, node)| Self { node, path: format!("{}[{index}]", self.path) });
                Some(entries.collect())
            }
            Value::Bool(_) | Value::Map(_) | Value::Null | Value::Number(_) | Value::Text(_) => {
                problems.push(self.mismatch("a list"));
                None
            }
        }
    }

    /// The text, where it is one.
    pub(super) fn text(&self, problems: &mut Vec<Problem>) -> Option<&'a str> {
        let text = self.node.as_text();
        if text.is_none() {
            problems.push(self.mismatch("a string"));
        }
        text
    }

    /// The text, where it is one and not empty.
    pub(super) fn required_text(&self, problems: &mut Vec<Problem>) -> Option<&'a str> {
        let text = self.text(problems)?;
        if text.is_empty() {
            problems.push(self.problem("is empty"));
            return None;
        }
        Some(text)
    }

    /// The text, where it is one that can stand in a message.
    pub(super) fn label(&self, problems: &mut Vec<Problem>) -> Option<&'a str> {
        let text = self.text(problems)?;
        if text.chars().any(char::is_control) {
            problems.push(self.problem("holds a control character"));
            return None;
        }
        Some(text)
    }

    /// That it has to be `wanted` and is something else.
    pub(super) fn mismatch(&self, wanted: &str) -> Problem {
        match self.node.value {
            Value::Null => {
                self.problem(format!("has to be {wanted} and has no value; leave the field out or give it one"))
            }
            Value::Bool(_) | Value::List(_) | Value::Map(_) | Value::Number(_) | Value::Text(_) => {
                let kind = self.node.value.kind();
                self.problem(format!("has to be {wanted}, not {kind}"))
            }
        }
    }
}

/// Unknown fields of one mapping that are reported one by one.
const UNKNOWN_FIELDS: usize = 10;

/// A mapping whose fields are taken by name; what nobody took is unknown.
#[derive(Debug)]
#[must_use = "`finish` reports the unknown fields"]
pub(super) struct Object<'a> {
    field: Field<'a>,
    entries: &'a [(String, Node)],
    known: Vec<&'static str>,
}

impl<'a> Object<'a> {
    /// The field `name`, which is known from here on, where it is there.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Field<'a>> {
        self.known.push(name);
        #[cfg(test)]
        taken::note(&self.field.path, name);
        let (_, node) = self.entries.iter().find(|(key, _)| key == name)?;
        Some(Field { node, path: self.path_of(name) })
    }

    /// Whether the field `name` is there, without knowing it from here on.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _)| key == name)
    }

    /// The field `name`, where it is there and not null: in the API server's own kinds null means nothing.
    pub(super) fn take_value(&mut self, name: &'static str) -> Option<Field<'a>> {
        self.take(name).filter(|field| !field.is_null())
    }

    /// The field `name`; that it is not there is a problem.
    pub(super) fn require(&mut self, name: &'static str, problems: &mut Vec<Problem>) -> Option<Field<'a>> {
        let field = self.take(name);
        if field.is_none() {
            let path = self.path_of(name);
            problems.push(Problem::new(path, self.field.line(), "is missing"));
        }
        field
    }

    /// A problem with the mapping itself.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        self.field.problem(message)
    }

    /// A problem with the field `name`, which need not be there.
    pub(super) fn problem_at(&self, name: &str, message: impl Into<String>) -> Problem {
        let line = self.entries.iter().find(|(key, _)| key == name);
        let line = line.map_or(self.field.line(), |(_, node)| node.line);
        Problem::new(self.path_of(name), line, message)
    }

    /// Every entry, for mappings whose keys are the users' own.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        let field = self.field;
        self.entries.iter().map(move |(key, node)| {
            let path = join(field.path(), key);
            (key.as_str(), Field { node, path })
        })
    }

    /// Reports the fields that nobody took: each of the first, and how many more there are.
    pub(super) fn finish(self, problems: &mut Vec<Problem>) {
        let unknown = || self.entries.iter().filter(|(key, _)| !self.known.iter().any(|known| known == key));
        let hint = listed(&self.known, " and ");
        for (key, node) in unknown().take(UNKNOWN_FIELDS) {
            let message = format!("{} is not a known field; known are {hint}", quoted(key));
            problems.push(Problem::new(self.path_of(key), node.line, message));
        }
        let more = unknown().skip(UNKNOWN_FIELDS).count();
        if more > 0 {
            problems.push(self.problem(format!("{more} more fields are not known")));
        }
    }

    fn path_of(&self, key: &str) -> String {
        join(self.field.path(), key)
    }
}

/// The path of `key` below `path`. A key that could not be read in a path is shortened and put in brackets.
fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty()
        && key.len() <= 64
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    match (path.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{}]", quoted(key)),
    }
}

/// The names that were asked for while something was read, by the path of the mapping: what the reader knows.
#[cfg(test)]
pub(super) mod taken {
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};

    /// Names by paths.
    pub(in super::super) type Taken = BTreeMap<String, BTreeSet<&'static str>>;

    thread_local! {
        static TAKEN: RefCell<Taken> = const { RefCell::new(Taken::new()) };
    }

    pub(super) fn note(path: &str, name: &'static str) {
        TAKEN.with_borrow_mut(|taken| taken.entry(path.to_owned()).or_default().insert(name));
    }

    /// What was asked for while `read` ran.
    pub(in super::super) fn during<T>(read: impl FnOnce() -> T) -> (T, Taken) {
        TAKEN.with_borrow_mut(BTreeMap::clear);
        let value = read();
        (value, TAKEN.take())
    }
}
