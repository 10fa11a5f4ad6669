//! The objects that a policy is about.

use std::collections::{BTreeMap, BTreeSet};

use super::Workload;

/// Objects of one resource, as an entry of `match` names them. The semantics are policy-controller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRule {
    /// The API group, to the letter; empty for the core group.
    pub group: String,
    /// The version, to the letter; none for every version.
    pub version: Option<String>,
    /// The resource, as in `deployments`.
    pub resource: String,
    /// What the labels of the object itself have to be; not those of its pod template.
    pub selector: LabelSelector,
}

impl ObjectRule {
    /// Whether `workload` is one of those. One of no kind is one of which nothing is known, as outside a cluster, and may be
    /// any.
    pub fn matches(&self, workload: &Workload) -> bool {
        workload.kind.is_empty()
            || (self.group == workload.group
                && self.version.as_ref().is_none_or(|version| *version == workload.version)
                && self.resource == resource(&workload.kind)
                && self.selector.matches(&workload.labels))
    }
}

/// The resource of a kind. The plural of every kind that makes pods ends in `s` and nothing else.
fn resource(kind: &str) -> String {
    format!("{}s", kind.to_ascii_lowercase())
}

/// What labels have to be: all of it
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(pub Vec<LabelRule>);

/// What one label has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelRule {
    /// It is not there.
    Absent(String),
    /// It is there and one of these.
    In(String, BTreeSet<String>),
    /// It is not there, or none of these.
    NotIn(String, BTreeSet<String>),
    /// It is there.
    Present(String),
}

impl LabelSelector {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|rule| match rule {
            LabelRule::Absent(key) => !labels.contains_key(key),
            LabelRule::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            LabelRule::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
            LabelRule::Present(key) => labels.contains_key(key),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(group: &str, kind: &str, labels: &[(&str, &str)]) -> Workload {
        Workload {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..Workload::default()
        }
    }

    fn rule(group: &str, version: Option<&str>, resource: &str, labels: Vec<LabelRule>) -> ObjectRule {
        let (group, version) = (group.to_owned(), version.map(str::to_owned));
        ObjectRule { group, version, resource: resource.to_owned(), selector: LabelSelector(labels) }
    }

    #[test]
    fn objects_are_matched_by_their_resource() {
        let deployments = |version| rule("apps", version, "deployments", vec![]);
        for (rule, workload, matches) in [
            (deployments(None), workload("apps", "Deployment", &[]), true),
            (deployments(Some("v1")), workload("apps", "Deployment", &[]), true),
            (deployments(Some("v1beta1")), workload("apps", "Deployment", &[]), false),
            (deployments(Some("V1")), workload("apps", "Deployment", &[]), false),
            (deployments(None), workload("extensions", "Deployment", &[]), false),
            (deployments(None), workload("", "Deployment", &[]), false),
            (deployments(None), workload("apps", "StatefulSet", &[]), false),
            (rule("", None, "pods", vec![]), workload("", "Pod", &[]), true),
            (rule("", None, "pod", vec![]), workload("", "Pod", &[]), false),
            (rule("", None, "podtemplates", vec![]), workload("", "PodTemplate", &[]), true),
            (rule("", None, "replicationcontrollers", vec![]), workload("", "ReplicationController", &[]), true),
            (rule("batch", None, "cronjobs", vec![]), workload("batch", "CronJob", &[]), true),
            // Nothing is known of it: in doubt it is meant.
            (deployments(Some("v9")), Workload::default(), true),
        ] {
            assert_eq!(rule.matches(&workload), matches, "{rule:?} {workload:?}");
        }
    }

    #[test]
    fn labels_are_the_objects_own() {
        let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<BTreeSet<_>>();
        let key = || "env".to_owned();
        for (labels, absent, among, not_among, present) in [
            (&[][..], true, false, true, false),
            (&[("env", "prod")], false, true, false, true),
            (&[("env", "dev")], false, false, true, true),
            (&[("env", "")], false, false, true, true),
            (&[("Env", "prod")], true, false, true, false),
        ] {
            for (selector, expected) in [
                (LabelRule::Absent(key()), absent),
                (LabelRule::In(key(), values(&["prod", "stage"])), among),
                (LabelRule::NotIn(key(), values(&["prod", "stage"])), not_among),
                (LabelRule::Present(key()), present),
            ] {
                let rule = rule("", None, "pods", vec![selector]);
                assert_eq!(rule.matches(&workload("", "Pod", labels)), expected, "{rule:?} {labels:?}");
            }
        }
        let both = rule("", None, "pods", vec![LabelRule::Present(key()), LabelRule::Absent("x".to_owned())]);
        assert!(both.matches(&workload("", "Pod", &[("env", "a")])));
        assert!(!both.matches(&workload("", "Pod", &[("env", "a"), ("x", "")])), "all of it holds");
    }
}
