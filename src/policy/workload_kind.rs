//! Kinds of objects that name images: those that every cluster has, and those that are configured.

use std::collections::BTreeSet;

use crate::image::PointerPattern;
use crate::limits;

/// The resources of every cluster whose objects name images, each with its group; all are of the version `v1`.
pub const WORKLOAD_RESOURCES: [(&str, &str); 9] = [
    ("cronjobs", "batch"),
    ("daemonsets", "apps"),
    ("deployments", "apps"),
    ("jobs", "batch"),
    ("pods", ""),
    ("podtemplates", ""),
    ("replicasets", "apps"),
    ("replicationcontrollers", ""),
    ("statefulsets", "apps"),
];

/// A kind of custom resource, and where its objects name images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadKind {
    /// The API group.
    pub group: String,
    /// The versions of which this is true.
    pub versions: Vec<String>,
    /// The kind, as in `Rollout`.
    pub kind: String,
    /// The resource under which the API server serves it, as in `rollouts`.
    pub resource: String,
    /// Where pod specs stand.
    pub pod_specs: Vec<PointerPattern>,
    /// Where references of images stand.
    pub images: Vec<PointerPattern>,
    /// Whether there are objects of it in which nothing stands at any of these places.
    pub may_name_none: bool,
}

/// Kinds of custom resources that can be told apart, and whose places can be found. There may be none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadKinds(Vec<WorkloadKind>);

impl WorkloadKinds {
    /// These kinds.
    ///
    /// # Errors
    /// When one of them cannot be used: its index, and why.
    pub fn new(kinds: Vec<WorkloadKind>) -> Result<Self, (usize, WorkloadKindError)> {
        let mut names = BTreeSet::new();
        for (index, kind) in kinds.iter().enumerate() {
            if index >= limits::WORKLOAD_KINDS {
                return Err((index, WorkloadKindError::TooMany));
            }
            check(kind).map_err(|error| (index, error))?;
            for version in &kind.versions {
                let (group, version) = (kind.group.as_str(), version.as_str());
                // A kind begins with a capital letter and a resource never does.
                let is_new = names.insert((group, version, kind.kind.as_str()))
                    && names.insert((group, version, kind.resource.as_str()));
                if !is_new {
                    return Err((index, WorkloadKindError::Twice));
                }
            }
        }
        Ok(Self(kinds))
    }

    /// The kind of this name, if it is one of them.
    pub fn named(&self, group: &str, version: &str, kind: &str) -> Option<&WorkloadKind> {
        let is_named = |known: &&WorkloadKind| {
            known.kind == kind && known.group == group && known.versions.iter().any(|known| known == version)
        };
        self.0.iter().find(is_named)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &WorkloadKind> {
        self.0.iter()
    }
}

fn check(kind: &WorkloadKind) -> Result<(), WorkloadKindError> {
    // The groups of Kubernetes' own workloads have no dot, and those of custom resources always have one
    // (<https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/>).
    if !kind.group.contains('.') || !kind.group.split('.').all(is_label) || kind.group.len() > limits::GROUP_BYTES {
        return Err(WorkloadKindError::Group);
    }
    // Whoever could not change a policy any more, could not loosen one.
    if kind.group == "countersign.dev" {
        return Err(WorkloadKindError::OwnGroup);
    }
    let versions: BTreeSet<_> = kind.versions.iter().collect();
    let is_version = |version: &String| is_label(version) && version.starts_with(|c: char| c.is_ascii_lowercase());
    if versions.is_empty() || versions.len() != kind.versions.len() || !kind.versions.iter().all(is_version) {
        return Err(WorkloadKindError::Versions);
    }
    let is_kind = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.len() <= limits::LABEL_BYTES
            && name.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if !is_kind(&kind.kind) {
        return Err(WorkloadKindError::Kind);
    }
    if !is_label(&kind.resource) {
        return Err(WorkloadKindError::Resource);
    }
    let paths: Vec<_> = kind.pod_specs.iter().chain(&kind.images).collect();
    if paths.is_empty() {
        return Err(WorkloadKindError::NoPlace);
    }
    if paths.len() > limits::WORKLOAD_KIND_PATHS || kind.versions.len() > limits::WORKLOAD_KIND_PATHS {
        return Err(WorkloadKindError::TooManyPlaces);
    }
    for (index, path) in paths.iter().enumerate() {
        if let Some(other) = paths.iter().take(index).find(|other| other.meets(path)) {
            return Err(WorkloadKindError::Overlap(other.to_string(), path.to_string()));
        }
    }
    Ok(())
}

/// Whether it is a label of RFC 1123, as Kubernetes asks.
fn is_label(text: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    bytes.len() <= limits::LABEL_BYTES
        && is_edge(bytes.first())
        && is_edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// Why a kind cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadKindError {
    /// The group is none of a custom resource.
    #[error("`group` has to be the group of a custom resource, which has a dot; Kubernetes' own kinds are known")]
    Group,
    /// The kind is none.
    #[error("`kind` has to be a name like `Rollout`")]
    Kind,
    /// No path to a place.
    #[error("`podSpecs` or `images` has to say where images are named")]
    NoPlace,
    /// Two paths to the same place.
    #[error("`{0}` and `{1}` can lead to the same place, or to one inside of the other")]
    Overlap(String, String),
    /// The objects are ours.
    #[error("`group` is that of countersign, whose objects name no images that run")]
    OwnGroup,
    /// The resource is none.
    #[error("`resource` has to be a name in the plural, like `rollouts`")]
    Resource,
    /// More kinds than [`limits::WORKLOAD_KINDS`].
    #[error("there are more than {} kinds", limits::WORKLOAD_KINDS)]
    TooMany,
    /// More versions or paths than [`limits::WORKLOAD_KIND_PATHS`].
    #[error("it has more than {} paths or versions", limits::WORKLOAD_KIND_PATHS)]
    TooManyPlaces,
    /// The kind or resource is there already.
    #[error("a version of this kind or resource is there already")]
    Twice,
    /// The versions are none.
    #[error("`versions` has to name versions like `v1alpha1`, each once")]
    Versions,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout() -> WorkloadKind {
        WorkloadKind {
            group: "argoproj.io".to_owned(),
            versions: vec!["v1alpha1".to_owned(), "v1".to_owned()],
            kind: "Rollout".to_owned(),
            resource: "rollouts".to_owned(),
            pod_specs: vec!["/spec/template/spec".parse().unwrap()],
            images: vec!["/spec/steps/*/image".parse().unwrap()],
            may_name_none: false,
        }
    }

    /// Changes one thing about a good kind.
    type Change = fn(&mut WorkloadKind);

    #[test]
    fn a_kind_is_found_by_its_whole_name() {
        let later = WorkloadKind { versions: vec!["v2".to_owned()], may_name_none: true, ..rollout() };
        let kinds = WorkloadKinds::new(vec![rollout(), later.clone()]).unwrap();
        assert_eq!(kinds.named("argoproj.io", "v1", "Rollout"), Some(&rollout()));
        assert_eq!(kinds.named("argoproj.io", "v2", "Rollout"), Some(&later));
        for (group, version, kind) in [
            ("argoproj.io", "v3", "Rollout"),
            ("argoproj.io", "v1", "rollout"),
            ("argoproj.io", "v1", "Rollouts"),
            ("apps", "v1", "Rollout"),
            ("", "", ""),
        ] {
            assert_eq!(kinds.named(group, version, kind), None, "{group} {version} {kind}");
        }
        assert_eq!(WorkloadKinds::default().named("argoproj.io", "v1", "Rollout"), None);
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let rows: [(Change, WorkloadKindError); 17] = [
            (|kind| kind.group.clear(), WorkloadKindError::Group),
            (|kind| kind.group = "apps".to_owned(), WorkloadKindError::Group),
            (|kind| kind.group = "Argoproj.io".to_owned(), WorkloadKindError::Group),
            (|kind| kind.group = ".io".to_owned(), WorkloadKindError::Group),
            (|kind| kind.group = "countersign.dev".to_owned(), WorkloadKindError::OwnGroup),
            (|kind| kind.versions.clear(), WorkloadKindError::Versions),
            (|kind| kind.versions.push("v1".to_owned()), WorkloadKindError::Versions),
            (|kind| kind.versions.push("*".to_owned()), WorkloadKindError::Versions),
            (|kind| kind.kind = "rollout".to_owned(), WorkloadKindError::Kind),
            (|kind| kind.kind = "Roll out".to_owned(), WorkloadKindError::Kind),
            (|kind| kind.resource = "Rollouts".to_owned(), WorkloadKindError::Resource),
            (|kind| kind.resource = "rollouts/status".to_owned(), WorkloadKindError::Resource),
            (|kind| kind.resource = "*".to_owned(), WorkloadKindError::Resource),
            (
                |kind| {
                    kind.pod_specs.clear();
                    kind.images.clear();
                },
                WorkloadKindError::NoPlace,
            ),
            (
                |kind| {
                    kind.images =
                        (0..=limits::WORKLOAD_KIND_PATHS).map(|n| format!("/a/{n}").parse().unwrap()).collect();
                },
                WorkloadKindError::TooManyPlaces,
            ),
            (
                |kind| kind.images = vec!["/spec/template/*/image".parse().unwrap()],
                WorkloadKindError::Overlap("/spec/template/spec".to_owned(), "/spec/template/*/image".to_owned()),
            ),
            (
                |kind| kind.images = vec!["/spec/template/spec".parse().unwrap()],
                WorkloadKindError::Overlap("/spec/template/spec".to_owned(), "/spec/template/spec".to_owned()),
            ),
        ];
        for (change, expected) in rows {
            let mut kind = rollout();
            change(&mut kind);
            assert_eq!(WorkloadKinds::new(vec![rollout(), kind.clone()]), Err((1, expected)), "{kind:?}");
        }
    }

    #[test]
    fn kinds_can_be_told_apart() {
        let other = |kind: &str, resource: &str| WorkloadKind {
            kind: kind.to_owned(),
            resource: resource.to_owned(),
            ..rollout()
        };
        for twice in [rollout(), other("Rollout", "others"), other("Other", "rollouts")] {
            assert_eq!(WorkloadKinds::new(vec![rollout(), twice]), Err((1, WorkloadKindError::Twice)));
        }
        let many = |count: usize| (0..count).map(|n| other(&format!("K{n}"), &format!("k{n}s"))).collect();
        assert!(WorkloadKinds::new(many(limits::WORKLOAD_KINDS)).is_ok());
        let error = WorkloadKinds::new(many(limits::WORKLOAD_KINDS + 1));
        assert_eq!(error, Err((limits::WORKLOAD_KINDS, WorkloadKindError::TooMany)));
    }
}
