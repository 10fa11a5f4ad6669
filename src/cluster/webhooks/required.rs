//! What webhooks have to be asked about.

use std::fmt;

use super::asked::Rule;
use crate::policy::WORKLOAD_RESOURCES;

/// One operation on one resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Required {
    operation: &'static str,
    resource: &'static str,
    group: &'static str,
}

/// The only way in which a running Pod gets another container.
const EPHEMERAL: (&str, &str) = ("pods/ephemeralcontainers", "");
/// What holds images and may be changed.
const PODS: (&str, &str) = ("pods", "");
/// Our own group, and what is written in it.
const OWN: &str = "countersign.dev";
const OWN_RESOURCES: [&str; 3] = ["clusterimagepolicies", "imagepolicies", "trustroots"];

impl Required {
    /// About what has to be asked at `path`: what changes objects changes Pods alone.
    pub(super) fn at(path: &str) -> impl Iterator<Item = Self> {
        let changes = path == super::MUTATE;
        let workloads = WORKLOAD_RESOURCES.into_iter().filter(move |resource| !changes || *resource == PODS);
        operations(workloads.chain([EPHEMERAL]))
    }

    /// About which policies has to be asked.
    pub(super) fn own() -> impl Iterator<Item = Self> {
        operations(OWN_RESOURCES.into_iter().map(|resource| (resource, OWN)))
    }

    /// Whether one of `rules` is about it.
    pub(super) fn is_in(self, rules: &[Rule]) -> bool {
        let Self { operation, resource, group } = self;
        rules.iter().any(|rule| {
            if group == OWN {
                rule.asks_about_own(operation, resource)
            } else {
                rule.asks_about(operation, resource, group)
            }
        })
    }
}

/// Both by which images get into objects; ephemeral containers are never created with their resource.
fn operations(resources: impl Iterator<Item = (&'static str, &'static str)>) -> impl Iterator<Item = Required> {
    let both = resources
        .flat_map(|(resource, group)| ["CREATE", "UPDATE"].map(|operation| Required { operation, resource, group }));
    both.filter(|required| (required.operation, required.resource) != ("CREATE", EPHEMERAL.0))
}

impl fmt::Display for Required {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.operation, self.resource)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, " of {}", self.group) }
    }
}
