//! `countersign policy convert`

mod connaisseur;
mod harness;
mod kyverno;
mod policy_controller;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::super::{Error, Outcome, file};
use crate::{api, limits};

/// The arguments of `policy convert`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl get clusterimagepolicies.policy.sigstore.dev -o yaml | countersign policy convert --from policy-controller -
  countersign policy convert --from kyverno verify-images.yaml > policies/verify-images.yaml

What cannot be expressed, and what is not the same, stands above each policy as a comment. Read them: a comment that
begins with `looser:` tells of something that was asked for and is not any more.")]
pub struct ConvertArgs {
    /// Whose policies they are
    #[arg(long, value_enum, value_name = "WHAT")]
    pub from: From,
    /// The file; `-` reads stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Whose policies can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum From {
    /// ClusterImagePolicy and TrustRoot of policy.sigstore.dev
    PolicyController,
    /// ClusterPolicy with verifyImages, and ImageValidatingPolicy
    Kyverno,
    /// The configuration of Connaisseur: validators and policy
    Connaisseur,
    /// The YAML of a Harness pipeline or step that verifies a signature or provenance
    Harness,
}

/// What one policy became.
#[derive(Debug, Default)]
struct Converted {
    /// What to know about it.
    notes: Vec<String>,
    /// The object; none where there is nothing to write.
    object: Option<Value>,
}

impl Converted {
    /// A policy with its notes.
    fn policy(name: &str, spec: &Map<String, Value>, notes: Vec<String>) -> Self {
        let object = json!({
            "apiVersion": "countersign.dev/v1alpha1",
            "kind": "ClusterImagePolicy",
            "metadata": {"name": object_name(name)},
            "spec": spec,
        });
        Self { notes, object: Some(object) }
    }

    /// Something for which there is no policy.
    fn nothing(note: String) -> Self {
        Self { notes: vec![note], object: None }
    }
}

/// Converts the policies of a file.
///
/// # Errors
/// When the file cannot be read, or holds nothing that can be converted.
pub(super) fn run(args: &ConvertArgs) -> Result<Outcome, Error> {
    let shown = args.file.display();
    let bytes = file::read_or_stdin("the policies", &args.file, limits::POLICY_FILE_BYTES)?;
    let text = str::from_utf8(&bytes).map_err(|_| Error::usage(format!("`{shown}` is no text in UTF-8")))?;
    let documents: Vec<Value> = api::values(text).map_err(|error| Error::usage(format!("`{shown}`: {error}")))?;
    let convert = match args.from {
        From::Connaisseur => connaisseur::convert,
        From::Harness => harness::convert,
        From::Kyverno => kyverno::convert,
        From::PolicyController => policy_controller::convert,
    };
    let converted: Vec<Converted> = documents.iter().flat_map(convert).collect();
    if converted.iter().all(|converted| converted.object.is_none()) {
        let notes = converted.into_iter().flat_map(|converted| converted.notes).collect::<Vec<_>>().join("; ");
        let why = if notes.is_empty() { String::new() } else { format!(": {notes}") };
        return Err(Error::usage(format!("`{shown}` holds nothing that can be converted{why}")));
    }
    let mut outcome = Outcome { data: print(&converted), ..Outcome::default() };
    let notes = converted.iter().map(|converted| converted.notes.len()).sum::<usize>();
    if notes > 0 {
        outcome.notes.push(format!("{notes} comments in the output say what is not the same"));
    }
    Ok(outcome)
}

/// The documents, each with its notes as comments before it.
fn print(converted: &[Converted]) -> String {
    let texts = converted.iter().map(|converted| {
        let mut text: String = converted.notes.iter().map(|note| format!("# {}\n", comment(note))).collect();
        if let Some(object) = &converted.object {
            text.push_str(&api::yaml(object));
        }
        text
    });
    texts.collect::<Vec<_>>().join("---\n")
}

/// A note on one line: what others wrote must not end the comment.
fn comment(note: &str) -> String {
    note.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

/// A name that an object can have.
fn object_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let name: String = name.to_ascii_lowercase().chars().map(plain).take(200).collect();
    match name.trim_matches('-') {
        "" => "converted".to_owned(),
        name => name.to_owned(),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// Puts a field into a mapping.
fn put(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

/// The same, of a mapping inside.
fn put_in(object: &mut Value, inside: &str, name: &str, value: Value) {
    if let Some(object) = object.get_mut(inside) {
        put(object, name, value);
    }
}

/// `spec` with these globs and authorities.
fn spec(globs: &[String], authorities: Vec<Value>, warn: bool) -> Map<String, Value> {
    let mut spec = Map::new();
    spec.insert("images".to_owned(), globs.iter().map(|glob| json!({"glob": glob})).collect());
    spec.insert("authorities".to_owned(), authorities.into());
    if warn {
        spec.insert("mode".to_owned(), json!("warn"));
    }
    spec
}

/// Authorities, and how many of them have to be satisfied.
struct Attestors {
    authorities: Vec<Value>,
    threshold: usize,
}

impl Attestors {
    /// Any one of `authorities`.
    fn any(authorities: Vec<Value>) -> Self {
        Self { authorities, threshold: 1 }
    }
}

/// A policy for each of `sets`, since all of them have to be satisfied; the notes stand above the first.
fn policies(title: &str, globs: &[String], sets: Vec<Attestors>, warn: bool, mut notes: Vec<String>) -> Vec<Converted> {
    let several = sets.len() > 1;
    let policies = sets.into_iter().enumerate().map(|(index, set)| {
        let name = if several { format!("{title}-{}", index + 1) } else { title.to_owned() };
        let mut spec = spec(globs, set.authorities, warn);
        if set.threshold > 1 {
            spec.insert("threshold".to_owned(), json!(set.threshold));
        }
        Converted::policy(&name, &spec, std::mem::take(&mut notes))
    });
    policies.collect()
}

/// The keys of `pem`, each by itself: here an authority has one.
fn keys(pem: &str) -> Vec<String> {
    const BEGIN: &str = "-----BEGIN ";
    let blocks = pem.split(BEGIN).skip(1).map(|block| format!("{BEGIN}{}\n", block.trim_end()));
    blocks.collect()
}

/// An authority for a key by its PEM, a reference to a Secret (`k8s://namespace/name`) or to a key held elsewhere.
fn by_key(name: &str, key: &str, notes: &mut Vec<String>) -> Vec<Value> {
    let key = key.trim();
    if let Some(secret) = key.strip_prefix("k8s://") {
        let (namespace, secret) = secret.rsplit_once('/').unwrap_or(("", secret));
        return vec![json!({"name": name, "key": {"secretRef": secret_reference(namespace, secret, notes)}})];
    }
    if ["awskms://", "azurekms://", "gcpkms://", "hashivault://"].iter().any(|scheme| key.starts_with(scheme)) {
        return vec![json!({"name": name, "key": {"kms": key}})];
    }
    let keys = keys(key);
    if keys.is_empty() {
        notes.push(format!("`{name}` names a key that is neither PEM nor a reference, and is left out"));
    }
    let several = keys.len() > 1;
    let named = |index: usize| if several { format!("{name}-{}", index + 1) } else { name.to_owned() };
    keys.iter().enumerate().map(|(index, key)| json!({"name": named(index), "key": {"data": key}})).collect()
}

/// Where a Secret has to be.
fn secret_reference(namespace: &str, name: &str, notes: &mut Vec<String>) -> Value {
    let from = if namespace.is_empty() { String::new() } else { format!(" from `{namespace}`") };
    notes.push(format!(
        "the Secret `{name}` has to be copied{from} into countersign's own namespace, with the public key as its only entry"
    ));
    json!({"name": name})
}
