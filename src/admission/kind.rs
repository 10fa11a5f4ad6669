//! The kinds of objects that name images, and where.

use std::fmt;

use crate::{explain, limits};

/// A kind of object that names images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    Pod,
    PodTemplate,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
}

/// Group, version and kind, as objects and reviews name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupVersionKind<'a> {
    pub(super) group: &'a str,
    pub(super) version: &'a str,
    pub(super) kind: &'a str,
}

impl<'a> GroupVersionKind<'a> {
    /// From the two fields of an object.
    pub(super) fn of_object(api_version: &'a str, kind: &'a str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self { group, version, kind }
    }
}

impl fmt::Display for GroupVersionKind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.group.is_empty() { "" } else { "/" };
        let name = format!("{}{separator}{} {}", self.group, self.version, self.kind);
        f.write_str(&explain::quoted(&name, limits::PRINTED_NAME_BYTES))
    }
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::CronJob,
        Self::DaemonSet,
        Self::Deployment,
        Self::Job,
        Self::Pod,
        Self::PodTemplate,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::StatefulSet,
    ];

    /// The kind with this name. Only the version that is served today is known: with `matchPolicy: Equivalent` the API
    /// server converts every other one, and without a conversion nobody knows where a strange version keeps its images.
    pub(super) fn named(name: GroupVersionKind<'_>) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(super) fn name(self) -> GroupVersionKind<'static> {
        let (group, kind, _) = self.names();
        GroupVersionKind { group, version: "v1", kind }
    }

    /// The resource under which the API server serves it.
    pub(super) fn resource(self) -> &'static str {
        let (_, _, resource) = self.names();
        resource
    }

    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::CronJob => ("batch", "CronJob", "cronjobs"),
            Self::DaemonSet => ("apps", "DaemonSet", "daemonsets"),
            Self::Deployment => ("apps", "Deployment", "deployments"),
            Self::Job => ("batch", "Job", "jobs"),
            Self::Pod => ("", "Pod", "pods"),
            Self::PodTemplate => ("", "PodTemplate", "podtemplates"),
            Self::ReplicaSet => ("apps", "ReplicaSet", "replicasets"),
            Self::ReplicationController => ("", "ReplicationController", "replicationcontrollers"),
            Self::StatefulSet => ("apps", "StatefulSet", "statefulsets"),
        }
    }

    /// The way from the object to its pod spec.
    pub(super) fn spec_path(self) -> &'static [Step] {
        match self {
            Self::Pod => &[Step::Spec],
            Self::PodTemplate => &[Step::Template, Step::Spec],
            Self::CronJob => &[Step::Spec, Step::JobTemplate, Step::Spec, Step::Template, Step::Spec],
            Self::DaemonSet
            | Self::Deployment
            | Self::Job
            | Self::ReplicaSet
            | Self::ReplicationController
            | Self::StatefulSet => &[Step::Spec, Step::Template, Step::Spec],
        }
    }

    /// Whether the object may come without a pod spec. A replication controller's template is optional
    /// (<https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/replication-controller-v1/>), and such
    /// a one makes no pods.
    pub(super) fn may_lack_template(self) -> bool {
        match self {
            Self::ReplicationController => true,
            Self::CronJob
            | Self::DaemonSet
            | Self::Deployment
            | Self::Job
            | Self::Pod
            | Self::PodTemplate
            | Self::ReplicaSet
            | Self::StatefulSet => false,
        }
    }
}

/// One field on the way to a pod spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    JobTemplate,
    Spec,
    Template,
}

impl Step {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::JobTemplate => "jobTemplate",
            Self::Spec => "spec",
            Self::Template => "template",
        }
    }
}

/// Whether objects of this kind come with subresources and have no place for an image: a binding, an eviction, a scale.
/// Their versions differ in other things only.
pub(super) fn has_no_place_for_images(name: GroupVersionKind<'_>) -> bool {
    matches!((name.group, name.kind), ("", "Binding") | ("autoscaling", "Scale") | ("policy", "Eviction"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::WORKLOAD_RESOURCES;

    #[test]
    fn every_resource_that_is_asked_about_has_a_kind() {
        let known = Kind::ALL.map(|kind| (kind.resource(), kind.name().group));
        assert_eq!(known, WORKLOAD_RESOURCES);
    }

    #[test]
    fn a_kind_is_known_by_group_version_and_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::named(kind.name()), Some(kind));
        }
        for (api_version, kind) in [
            ("v2", "Pod"),
            ("apps/v1beta1", "Deployment"),
            ("extensions/v1beta1", "Deployment"),
            ("batch/v1beta1", "CronJob"),
            ("apps/v1", "Pod"),
            ("v1", "Deployment"),
            ("v1", "pod"),
            ("v1", "PodList"),
            ("", ""),
        ] {
            let name = GroupVersionKind::of_object(api_version, kind);
            assert_eq!(Kind::named(name), None, "{api_version} {kind}");
        }
    }
}
