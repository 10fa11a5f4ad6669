//! Documents as bytes that are equal exactly if the documents say the same, whatever their layout.

use super::node::{Node, Value};
use crate::image::Digest;

/// The fingerprint of a document. Of `metadata` only the name counts, and `status` not at all: both change without
/// anybody changing the document.
pub(super) fn fingerprint(node: &Node) -> Digest {
    let mut bytes = Vec::new();
    for key in ["apiVersion", "kind"] {
        write_optional(node.get(key), &mut bytes);
    }
    let name = node.get("metadata").and_then(|metadata| metadata.get("name"));
    write_optional(name, &mut bytes);
    if let Value::Map(entries) = &node.value {
        let rest =
            entries.iter().filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "status"));
        write_map(rest, &mut bytes);
    }
    Digest::of(&bytes)
}

/// Appends `bytes` with their length before them, so that no two lists of parts read the same.
pub(super) fn write_bytes(bytes: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    to.extend_from_slice(bytes);
}

fn write_optional(node: Option<&Node>, to: &mut Vec<u8>) {
    match node {
        Some(node) => write(node, to),
        None => to.push(b'-'),
    }
}

fn write(node: &Node, to: &mut Vec<u8>) {
    match &node.value {
        Value::Bool(value) => to.extend_from_slice(if *value { b"t" } else { b"f" }),
        Value::List(nodes) => {
            to.push(b'[');
            for node in nodes {
                write(node, to);
            }
            to.push(b']');
        }
        Value::Map(entries) => write_map(entries.iter(), to),
        Value::Null => to.push(b'0'),
        Value::Number(number) => {
            to.push(b'n');
            write_bytes(number.to_string().as_bytes(), to);
        }
        Value::Text(text) => {
            to.push(b's');
            write_bytes(text.as_bytes(), to);
        }
    }
}

fn write_map<'a>(entries: impl Iterator<Item = &'a (String, Node)>, to: &mut Vec<u8>) {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    to.push(b'{');
    for (key, node) in entries {
        write_bytes(key.as_bytes(), to);
        write(node, to);
    }
    to.push(b'}');
}
