//! `match` of a policy as users write it.

use std::collections::BTreeSet;

use super::field::{Field, Object};
use super::problem::{Problem, listed, quoted};
use crate::policy::{Dialect, LabelRule, LabelSelector, ObjectRule, WORKLOAD_RESOURCES};

/// Reads the entries, any of which is enough; none means every object.
pub(super) fn read_all(
    field: &Field<'_>,
    dialect: Dialect,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Vec<ObjectRule> {
    let before = problems.len();
    let entries = field.list(problems).unwrap_or_default();
    let read = entries.iter().filter_map(|entry| read(entry, dialect, problems, warnings));
    let rules: Vec<ObjectRule> = read.collect();
    if problems.len() > before {
        // What it was to be about is not known: everything.
        return Vec::new();
    }
    let reaches_pods = |rule: &ObjectRule| {
        rule.resource == "pods" && rule.group.is_empty() && rule.version.as_ref().is_none_or(|version| version == "v1")
    };
    if !rules.is_empty() && !rules.iter().any(reaches_pods) {
        warnings.push(field.problem(
            "never reaches Pods: whoever makes one without a workload over it is not asked; add `resource: pods`",
        ));
    }
    rules
}

fn read(
    field: &Field<'_>,
    dialect: Dialect,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<ObjectRule> {
    let mut object = field.object(problems)?;
    let group = object.take("group").map_or(Some(""), |group| group.text(problems));
    let version = match (object.take("version"), dialect) {
        (Some(version), _) => version.required_text(problems),
        (None, Dialect::Countersign) => {
            problems.push(object.problem_at("version", "is missing; `*` means every version"));
            None
        }
        (None, Dialect::PolicyController) => Some(""),
    };
    let resource = object.require("resource", problems).and_then(|resource| {
        let text = resource.text(problems)?;
        // policy-controller knows all but the pod templates and replication controllers.
        let known = WORKLOAD_RESOURCES.map(|(name, _)| name);
        if known.contains(&text) {
            return Some(text);
        }
        problems.push(resource.problem(format!("{} is none of {}", quoted(text), listed(&known, " and "))));
        None
    });
    let selector = object.take("selector").map_or(Some(LabelSelector::default()), |selector| {
        warnings.push(
            selector.problem("hangs on labels, which whoever writes the object writes as well, and may leave out"),
        );
        read_selector(&selector, problems)
    });
    object.finish(problems);
    let (group, version, resource, selector) = (group?, version?, resource?, selector?);
    let is_served = WORKLOAD_RESOURCES.contains(&(resource, group)) && matches!(version, "*" | "v1");
    if !is_served {
        let home = WORKLOAD_RESOURCES.iter().find(|(name, _)| *name == resource).map_or("", |(_, group)| group);
        warnings.push(field.problem(format!(
            "never matches: {} are of the group {} and the version `v1` or `*`",
            quoted(resource),
            quoted(home)
        )));
    }
    Some(ObjectRule {
        group: group.to_owned(),
        version: (version != "*").then(|| version.to_owned()),
        resource: resource.to_owned(),
        selector,
    })
}

fn read_selector(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<LabelSelector> {
    let mut object = field.object(problems)?;
    let mut rules = Vec::new();
    let labels = object.take("matchLabels").and_then(|labels| labels.object(problems));
    for (key, value) in labels.into_iter().flat_map(Object::into_entries) {
        if let Some(value) = value.text(problems) {
            rules.push(LabelRule::In(key.to_owned(), BTreeSet::from([value.to_owned()])));
        }
    }
    for entry in object.take("matchExpressions").and_then(|list| list.list(problems)).unwrap_or_default() {
        rules.extend(read_expression(&entry, problems));
    }
    object.finish(problems);
    Some(LabelSelector(rules))
}

fn read_expression(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<LabelRule> {
    const OPERATORS: [&str; 4] = ["DoesNotExist", "Exists", "In", "NotIn"];
    let mut object = field.object(problems)?;
    let key = object.require("key", problems).and_then(|key| key.required_text(problems)).map(str::to_owned);
    let operator = object.require("operator", problems);
    let values = object.take("values");
    let listed_values: Option<BTreeSet<String>> = values.as_ref().map(|values| {
        let entries = values.list(problems).unwrap_or_default();
        entries.iter().filter_map(|value| value.text(problems)).map(str::to_owned).collect()
    });
    object.finish(problems);
    let operator = operator?;
    let wants_values = |values: Option<BTreeSet<String>>, problems: &mut Vec<Problem>| {
        let values = values.filter(|values| !values.is_empty());
        if values.is_none() {
            problems.push(operator.problem("needs `values`"));
        }
        values
    };
    match operator.text(problems)? {
        "DoesNotExist" | "Exists" if listed_values.is_some() => {
            problems.push(operator.problem("has no `values`"));
            None
        }
        "DoesNotExist" => Some(LabelRule::Absent(key?)),
        "Exists" => Some(LabelRule::Present(key?)),
        "In" => Some(LabelRule::In(key?, wants_values(listed_values, problems)?)),
        "NotIn" => Some(LabelRule::NotIn(key?, wants_values(listed_values, problems)?)),
        other => {
            problems.push(operator.problem(format!("{} is none of {}", quoted(other), listed(&OPERATORS, " and "))));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Compiled, Document, Resolved, STANDALONE_NAMESPACE, compile, parse};
    use crate::policy::PolicyBody;

    const GROUPS: [&str; 2] = ["policy.sigstore.dev/v1beta1", "countersign.dev/v1alpha1"];

    fn compiled(group: &str, matches: &str) -> Compiled {
        let text = format!(
            "---\n{{apiVersion: {group}, kind: ClusterImagePolicy, metadata: {{name: p}}, spec: {{images: [{{glob: a.io/**}}], \
             authorities: [{{static: {{action: fail}}}}], match: {matches}}}}}"
        );
        match parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}")).pop() {
            Some(Document::ClusterImagePolicy(document)) => compile(&document, &Resolved::new(STANDALONE_NAMESPACE)),
            other => panic!("{other:?}"),
        }
    }

    fn told(problems: &[Problem]) -> String {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn entries_are_read() {
        for group in GROUPS {
            let compiled = compiled(
                group,
                "[{version: v1, resource: pods}, {group: apps, version: '*', resource: deployments, selector: {matchLabels: {env: prod}, \
                 matchExpressions: [{key: a, operator: In, values: [b, c]}, {key: d, operator: NotIn, values: [e]}, \
                 {key: f, operator: Exists}, {key: g, operator: DoesNotExist}]}}]",
            );
            assert_eq!(told(&compiled.problems), "", "{group}");
            let [pods, deployments] = &compiled.policy.terms.objects[..] else { panic!("{compiled:?}") };
            assert_eq!((pods.group.as_str(), pods.version.as_deref()), ("", Some("v1")));
            assert_eq!((deployments.version.as_deref(), deployments.selector.0.len()), (None, 5));
            assert!(told(&compiled.warnings).contains("spec.match[1].selector: hangs on labels"));
            assert!(!told(&compiled.warnings).contains("never"), "{}", told(&compiled.warnings));
        }
        assert_eq!(compiled(GROUPS[0], "[]").policy.terms.objects, [], "an empty list means every kind");
    }

    #[test]
    fn what_cannot_be_read_is_about_every_object() {
        for (matches, expected) in [
            ("pods", "spec.match: has to be a list"),
            ("[pods]", "spec.match[0]: has to be a mapping"),
            ("[{version: v1}]", "spec.match[0].resource: is missing"),
            ("[{version: '', resource: pods}]", "spec.match[0].version: is empty"),
            ("[{version: v1, resource: services}]", "spec.match[0].resource: `services` is none of"),
            ("[{version: v1, resource: Pods}]", "spec.match[0].resource: `Pods` is none of"),
            ("[{version: v1, resource: pods, kind: Pod}]", "`kind` is not a known field"),
            ("[{version: v1, resource: pods, selector: {labels: {}}}]", "`labels` is not a known field"),
            (
                "[{version: v1, resource: pods, selector: {matchExpressions: [{key: a, operator: Gt}]}}]",
                "operator: `Gt` is none of",
            ),
            (
                "[{version: v1, resource: pods, selector: {matchExpressions: [{key: a, operator: In}]}}]",
                "operator: needs `values`",
            ),
            (
                "[{version: v1, resource: pods, selector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}]",
                "operator: has no `values`",
            ),
            // One that can be read does not narrow what the other was to cover.
            ("[{version: v1, resource: pods}, {version: v1, resource: x}]", "spec.match[1].resource"),
        ] {
            for group in GROUPS {
                let compiled = compiled(group, matches);
                assert!(told(&compiled.problems).contains(expected), "{matches}: {}", told(&compiled.problems));
                assert!(matches!(compiled.policy.body, PolicyBody::Invalid(_)));
                assert_eq!(compiled.policy.terms.objects, [], "{matches}");
            }
        }
        let problems = told(&compiled(GROUPS[1], "[{resource: pods}]").problems);
        assert!(problems.contains("spec.match[0].version: is missing; `*` means every version"), "{problems}");
    }

    #[test]
    fn entries_that_never_match_are_told() {
        for (group, matches, expected) in [
            (
                GROUPS[0],
                "[{resource: pods}]",
                "spec.match[0]: never matches: `pods` are of the group `` and the version",
            ),
            (GROUPS[1], "[{group: apps, version: v1, resource: pods}]", "spec.match[0]: never matches"),
            (
                GROUPS[1],
                "[{version: v1, resource: deployments}]",
                "never matches: `deployments` are of the group `apps`",
            ),
            (GROUPS[1], "[{group: apps, version: v1, resource: deployments}]", "spec.match: never reaches Pods"),
            (GROUPS[1], "[{group: apps, version: v1, resource: pods}]", "spec.match: never reaches Pods"),
        ] {
            let compiled = compiled(group, matches);
            assert_eq!(told(&compiled.problems), "", "{matches}");
            assert!(told(&compiled.warnings).contains(expected), "{matches}: {}", told(&compiled.warnings));
        }
    }
}
