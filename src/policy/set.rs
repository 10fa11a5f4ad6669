//! One generation of policies.

use std::fmt;
use std::sync::Arc;

use nonempty::NonEmpty;

use super::index::Index;
use super::{Authority, Included, Pattern, PinRule, Plan, PolicyTerms, Workload};
use crate::image::{Digest, ImageUse, Repository};

/// One generation of compiled policies with everything they trust. It never changes; a refreshed key makes a new one,
/// so that no request ever sees two generations.
#[derive(Clone, Debug)]
pub struct PolicySet {
    policies: Vec<Policy>,
    index: Index,
    no_match: NoMatch,
    revision: String,
}

impl PolicySet {
    /// A set of `policies`, and what happens to images that none of them covers. `revision` names the generation in
    /// audit annotations; equal sets have equal revisions.
    pub fn new(mut policies: Vec<Policy>, no_match: NoMatch, revision: Digest) -> Self {
        policies.sort_by(|a, b| a.name.cmp(&b.name));
        let revision = revision.hex().chars().take(12).collect();
        let index = Index::of(&policies);
        Self { policies, index, no_match, revision }
    }

    /// The policies, by name.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The numbers of those that cover `repository`. It takes as long as there are such, and not as there are policies.
    pub(super) fn covering(&self, repository: &Repository) -> Vec<usize> {
        self.index.covering(&self.policies, repository)
    }

    /// What happens to images that no policy covers.
    pub fn no_match(&self) -> NoMatch {
        self.no_match
    }

    /// Names the generation.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Says, before anything is asked, which policies cover each image.
    pub fn plan(self: &Arc<Self>, workload: &Workload, images: &NonEmpty<ImageUse>, pin: PinRule) -> Plan {
        Plan::new(Arc::clone(self), workload, images, pin)
    }
}

/// What happens to images that no policy covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMatch {
    /// They are allowed. The administrator says so; it is never the default.
    Allow,
    /// They are denied (`no_matching_policy`).
    Deny,
    /// They are allowed with a warning.
    Warn,
}

/// One policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: PolicyName,
    /// The repositories that it covers.
    pub coverage: Coverage,
    /// Whether it refuses or warns.
    pub mode: Mode,
    /// What it asks for, or why that is not known.
    pub body: PolicyBody,
    /// What it says besides.
    pub terms: PolicyTerms,
}

impl Policy {
    /// Whether it covers images of `repository`.
    pub fn covers(&self, repository: &Repository) -> bool {
        match &self.coverage {
            Coverage::Everything => true,
            Coverage::Matching(patterns) => patterns.iter().any(|pattern| pattern.matches(repository)),
        }
    }

    /// Whether it is about `workload`: a tenant's only about those of its namespace, and any only about the objects that
    /// it names.
    pub fn is_about(&self, workload: &Workload) -> bool {
        let is_here = self.name.namespace().is_none_or(|namespace| namespace == workload.namespace);
        is_here && self.terms.is_about(workload)
    }

    /// What its condition sees besides what the authorities find; nothing where it is broken or has none.
    pub fn included(&self) -> Included {
        match (&self.body, &self.terms.condition) {
            (PolicyBody::Compiled(_), Some(_)) => self.terms.included,
            (PolicyBody::Compiled(_), None) | (PolicyBody::Invalid(_), _) => Included::default(),
        }
    }

    /// The authorities; none where the policy is broken.
    pub fn authorities(&self) -> impl Iterator<Item = &Authority> {
        let authorities = match &self.body {
            PolicyBody::Compiled(authorities) => Some(authorities),
            PolicyBody::Invalid(_) => None,
        };
        authorities.into_iter().flatten()
    }
}

/// The name of a policy, with the API group where two groups may use the same name. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyName(Arc<Names>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Names {
    namespace: Option<String>,
    group: String,
    name: String,
}

impl PolicyName {
    /// The policy `name` of the API group `group`.
    pub fn new(group: impl Into<String>, name: impl Into<String>) -> Self {
        Self(Arc::new(Names { namespace: None, group: group.into(), name: name.into() }))
    }

    /// The policy `name` of the API group `group` in the namespace `namespace`, about whose workloads alone it is.
    pub fn in_namespace(group: impl Into<String>, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        let namespace = Some(namespace.into());
        Self(Arc::new(Names { namespace, group: group.into(), name: name.into() }))
    }

    /// The namespace of a tenant's policy; none for a policy of the cluster.
    pub fn namespace(&self) -> Option<&str> {
        self.0.namespace.as_deref()
    }

    /// The name of the object.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The API group of the object.
    pub fn group(&self) -> &str {
        &self.0.group
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace() {
            None => f.write_str(self.name()),
            Some(namespace) => write!(f, "{namespace}/{}", self.name()),
        }
    }
}

/// The repositories that a policy covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Every repository: the policy's patterns could not be read, and a broken policy never vanishes.
    Everything,
    /// Those that one of the patterns matches.
    Matching(NonEmpty<Pattern>),
}

/// Whether a policy refuses or warns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What does not satisfy it is refused.
    Enforce,
    /// What does not satisfy it is allowed with a warning.
    Warn,
}

/// What a policy asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyBody {
    /// One of these authorities, or several (`PolicyTerms::threshold`).
    Compiled(NonEmpty<Authority>),
    /// Nothing that could be understood: it refuses what it covers.
    Invalid(NonEmpty<FieldError>),
}

/// What is wrong with one field of a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldError {
    /// The field, as in `spec.authorities[0].key.data`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl FieldError {
    /// `message` about the field at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}
