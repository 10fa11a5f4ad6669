//! Files of our own, which hold one document: suites and run files.

use super::document::{DocumentError, nodes};
use super::field::{Field, Object};
use super::node::Value;
use super::policy_document::COUNTERSIGN_GROUP;
use super::problem::Problem;

/// Reads the one document of `text`, which is of our group and of `kind`; `what` says in messages what a file holds one
/// of. The fields beside `apiVersion` and `kind` are `read`'s.
///
/// # Errors
/// When the text cannot be read, or is no such document: everything that is wrong with it.
pub(super) fn read_one<T>(
    text: &str,
    kind: &str,
    what: &str,
    read: impl FnOnce(Object<'_>, &mut Vec<Problem>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let document = |error: DocumentError| vec![Problem::new("document", error.line(), error.message())];
    let nodes: Vec<_> = nodes(text).map_err(document)?.into_iter().filter(|node| node.value != Value::Null).collect();
    let [node] = &nodes[..] else {
        return Err(vec![Problem::new("document", None, format!("a file holds one {what}, not {}", nodes.len()))]);
    };
    let mut problems = Vec::new();
    let found = Field::root(node).object(&mut problems).and_then(|mut object| {
        let version = format!("{COUNTERSIGN_GROUP}/v1alpha1");
        for (name, expected) in [("apiVersion", version.as_str()), ("kind", kind)] {
            if let Some(field) = object.require(name, &mut problems)
                && field.text(&mut problems).is_some_and(|text| text != expected)
            {
                problems.push(field.problem(format!("has to be `{expected}`")));
            }
        }
        read(object, &mut problems)
    });
    match found {
        Some(found) if problems.is_empty() => Ok(found),
        Some(_) | None => Err(problems),
    }
}
