//! `remote` and `repository`: roots from TUF repositories.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::field::{Field, Object};
use super::super::problem::{Problem, quoted};
use crate::limits;
use crate::trust::{RelativePath, TufArchive, TufMirror, TufPlace, TufSource};

/// Reads `remote`.
pub(super) fn read_remote(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<TufSource> {
    let mut object = field.object(problems)?;
    let mirror = object.require("mirror", problems).and_then(|mirror| {
        let parsed = mirror.required_text(problems)?.parse::<TufMirror>();
        parsed.map_err(|error| problems.push(mirror.problem(error.to_string()))).ok()
    });
    read(object, mirror.map(TufPlace::Mirror), problems)
}

/// Reads `repository`.
pub(super) fn read_repository(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<TufSource> {
    let mut object = field.object(problems)?;
    let archive = object.require("mirrorFS", problems).and_then(|archive| {
        let bytes = base64(&archive, problems)?;
        // Some tools put base64 around what the Kubernetes API puts base64 around.
        let bytes = if bytes.starts_with(GZIP) { bytes } else { decode(&bytes).unwrap_or(bytes) };
        if bytes.len() > limits::TUF_ARCHIVE_BYTES {
            problems.push(archive.problem(format!("has more than {} bytes", limits::TUF_ARCHIVE_BYTES)));
            return None;
        }
        if !bytes.starts_with(GZIP) {
            problems.push(archive.problem("is no tar archive compressed by gzip, in base64"));
            return None;
        }
        Some(TufPlace::Archive(TufArchive(Arc::from(bytes))))
    });
    read(object, archive, problems)
}

/// RFC 1952, 2.3.1.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Reads what both have.
fn read(mut object: Object<'_>, place: Option<TufPlace>, problems: &mut Vec<Problem>) -> Option<TufSource> {
    let bootstrap = object.require("root", problems).and_then(|root| {
        let bytes = base64(&root, problems)?;
        if bytes.len() > limits::TUF_ROOT_BYTES {
            problems.push(root.problem(format!("has more than {} bytes", limits::TUF_ROOT_BYTES)));
            return None;
        }
        if !is_signed_root(&bytes) {
            problems.push(root.problem("is no signed `root.json` of a TUF repository, in base64"));
            return None;
        }
        Some(Arc::from(bytes))
    });
    let targets = path(&mut object, "targets", "targets", problems);
    let target = path(&mut object, "trustedRootTarget", "trusted_root.json", problems);
    object.finish(problems);
    Some(TufSource { bootstrap: bootstrap?, place: place?, target: target?, targets: targets? })
}

fn path(
    object: &mut Object<'_>,
    name: &'static str,
    default: &str,
    problems: &mut Vec<Problem>,
) -> Option<RelativePath> {
    let field = object.take(name);
    let text = match &field {
        Some(field) => Some(field.text(problems)?).filter(|text| !text.is_empty()).unwrap_or(default),
        None => default,
    };
    match text.parse() {
        Ok(path) => Some(path),
        Err(error) => {
            problems.push(object.problem_at(name, format!("{} is refused: {error}", quoted(text))));
            None
        }
    }
}

/// Whether the bytes say that they are a root with signatures; whether these hold is seen when it is used.
fn is_signed_root(bytes: &[u8]) -> bool {
    let document: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    document.is_some_and(|document| {
        let is_root = document.pointer("/signed/_type").and_then(serde_json::Value::as_str) == Some("root");
        is_root && document.get("signatures").and_then(serde_json::Value::as_array).is_some_and(|list| !list.is_empty())
    })
}

fn base64(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Vec<u8>> {
    let decoded = decode(field.required_text(problems)?.as_bytes());
    if decoded.is_none() {
        problems.push(field.problem("is no base64"));
    }
    decoded
}

/// Base64, which may be broken into lines.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let compact: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(compact).ok()
}
