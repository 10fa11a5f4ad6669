//! `attestations[].provenance` as users write it.

use std::collections::BTreeMap;

use super::level;
use super::value::{repository, take_max_age, take_text, take_versions, text};
use crate::api::field::{Field, Object};
use crate::api::node::Value;
use crate::api::problem::{Problem, quoted};
use crate::policy::{DependencyRule, ParameterRule, ParameterValue, ProvenanceRule};

/// Reads what provenance has to say.
pub(super) fn read(
    field: &Field<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<ProvenanceRule> {
    let before = problems.len();
    let mut object = field.object(problems)?;
    let mut rule = ProvenanceRule {
        builder: take_text(&mut object, "builder", problems, warnings),
        build_type: take_text(&mut object, "buildType", problems, warnings),
        trigger: take_text(&mut object, "trigger", problems, warnings),
        max_age: take_max_age(&mut object, problems),
        ..ProvenanceRule::default()
    };
    if let Some(source) = object.take("source") {
        read_source(&source, &mut rule, problems, warnings);
    }
    if let Some(workflow) = object.take("workflow") {
        read_workflow(&workflow, &mut rule, problems, warnings);
    }
    // The same by the name of SLSA v0.2.
    match (object.take("resolvedDependencies"), object.take("materials")) {
        (Some(_), Some(materials)) => problems.push(materials.problem("means `resolvedDependencies`; leave one out")),
        (Some(field), None) | (None, Some(field)) => read_dependencies(&field, &mut rule, problems, warnings),
        (None, None) => {}
    }
    rule.external_parameters = take_parameters(&mut object, "externalParameters", problems, warnings);
    rule.internal_parameters = take_parameters(&mut object, "internalParameters", problems, warnings);
    rule.build_level = object.take("buildLevel").and_then(|field| level::build(&field, problems, warnings));
    object.finish(problems);
    if problems.len() > before {
        return None;
    }
    if rule == ProvenanceRule::default() {
        problems.push(field.problem("asks for nothing; leave it out, or name what provenance has to say"));
        return None;
    }
    if rule.builder.is_none() && rule.build_level.is_none() {
        warnings
            .push(field.problem("names no `builder`: provenance of any builder is enough, as its signer states it"));
    }
    Some(rule)
}

fn read_source(field: &Field<'_>, rule: &mut ProvenanceRule, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
    let Some(mut object) = field.object(problems) else {
        return;
    };
    let before = problems.len();
    rule.repository = object.take("repository").and_then(|field| repository(&field, problems, warnings));
    rule.reference = take_text(&mut object, "ref", problems, warnings);
    rule.branch = take_text(&mut object, "branch", problems, warnings);
    rule.tag = take_text(&mut object, "tag", problems, warnings);
    rule.versioned_tag = take_versions(&mut object, "versionedTag", problems);
    rule.commit = take_text(&mut object, "commit", problems, warnings);
    rule.source_level = object.take("level").and_then(|field| level::source(&field, problems, warnings));
    let has_tag = rule.tag.is_some() || rule.versioned_tag.is_some();
    if rule.branch.is_some() && has_tag {
        problems.push(object.problem("a build is of a branch or of a tag; nothing satisfies both"));
    }
    let is_there = has_tag || [&rule.reference, &rule.branch, &rule.commit].iter().any(|part| part.is_some());
    if !is_there && rule.source_level.is_none() && rule.repository.is_none() && problems.len() == before {
        problems.push(object.problem("asks for nothing; leave it out, or name what the source has to be"));
    }
    if rule.repository.is_none() && (has_tag || rule.branch.is_some() || rule.reference.is_some()) {
        warnings.push(object.problem("names no `repository`: a branch or tag of any repository is enough"));
    }
    object.finish(problems);
}

fn read_workflow(
    field: &Field<'_>,
    rule: &mut ProvenanceRule,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) {
    let Some(mut object) = field.object(problems) else {
        return;
    };
    let before = problems.len();
    rule.workflow_path = take_text(&mut object, "path", problems, warnings);
    if let Some(inputs) = object.take("inputs").and_then(|inputs| inputs.object(problems)) {
        for (name, field) in inputs.into_entries() {
            if let Some(text) = text(&field, problems, warnings) {
                rule.workflow_inputs.insert(name.to_owned(), text);
            }
        }
    }
    if rule.workflow_path.is_none() && rule.workflow_inputs.is_empty() && problems.len() == before {
        problems.push(object.problem("asks for nothing; leave it out, or name what the workflow has to be"));
    }
    object.finish(problems);
}

fn read_dependencies(
    field: &Field<'_>,
    rule: &mut ProvenanceRule,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) {
    let Some(mut object) = field.object(problems) else {
        return;
    };
    rule.only_from = take_text(&mut object, "onlyFrom", problems, warnings);
    for entry in object.take("include").and_then(|field| field.list(problems)).unwrap_or_default() {
        let Some(mut object) = entry.object(problems) else {
            continue;
        };
        let uri = take_text(&mut object, "uri", problems, warnings);
        let mut digests = BTreeMap::new();
        if let Some(digest) = object.take("digest").and_then(|field| field.object(problems)) {
            for (name, field) in digest.into_entries() {
                if let Some(hex) = field.required_text(problems) {
                    digests.insert(name.to_owned(), hex.to_owned());
                }
            }
        }
        object.finish(problems);
        if uri.is_none() && digests.is_empty() {
            problems.push(entry.problem("names neither `uri` nor `digest`"));
        }
        rule.includes.push(DependencyRule { uri, digests });
    }
    object.finish(problems);
    if rule.only_from.is_none() && rule.includes.is_empty() {
        problems.push(field.problem("names neither `include` nor `onlyFrom`"));
    }
}

fn take_parameters(
    object: &mut Object<'_>,
    name: &'static str,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Vec<ParameterRule> {
    let Some(field) = object.take(name) else {
        return Vec::new();
    };
    let entries = field.list(problems).unwrap_or_default();
    if field.is_empty_list() {
        problems.push(field.problem("is empty; leave it out, or name a parameter"));
    }
    let mut rules = Vec::new();
    for entry in entries {
        let Some(mut object) = entry.object(problems) else {
            continue;
        };
        let pointer = object.require("path", problems).and_then(|path| pointer(&path, problems));
        let value = object.require("value", problems).and_then(|field| value(&field, problems, warnings));
        object.finish(problems);
        if let (Some(pointer), Some(value)) = (pointer, value) {
            rules.push(ParameterRule { pointer, value });
        }
    }
    rules
}

fn value(field: &Field<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Option<ParameterValue> {
    match field.value() {
        Value::Bool(value) => Some(ParameterValue::Exact((*value).into())),
        Value::Number(value) => Some(ParameterValue::Exact(value.clone().into())),
        // An empty text is a value like others here.
        Value::Text(text) => Some(ParameterValue::Exact(text.clone().into())),
        Value::List(_) | Value::Map(_) | Value::Null => text(field, problems, warnings).map(ParameterValue::Text),
    }
}

/// A JSON pointer (RFC 6901, 3).
fn pointer(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = field.required_text(problems)?;
    let escapes = text.split('~').skip(1).all(|behind| behind.starts_with(['0', '1']));
    if text.starts_with('/') && escapes {
        return Some(text.to_owned());
    }
    problems.push(field.problem(format!("{} is no JSON pointer such as `/workflow/ref`", quoted(text))));
    None
}
