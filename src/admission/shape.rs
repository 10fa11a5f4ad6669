//! What is read of an object: the fields that name images, and those that say who runs them.
//!
//! One shape fits every kind, since no two of them use one of these names for different things; [`Kind`] says which way
//! through it leads to the pod spec. Everything else in an object is read over.

use serde::Deserialize;

use super::json::{List, Strict, Strings, Text};
use super::kind::{Kind, Step};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shape<'a> {
    #[serde(borrow)]
    pub(super) api_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) metadata: Option<Strict<Metadata<'a>>>,
    #[serde(borrow)]
    spec: Option<Strict<Spec<'a>>>,
    #[serde(borrow)]
    template: Option<Strict<Holder<'a>>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) namespace: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) uid: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) owner_references: List<Strict<OwnerReference<'a>>>,
    #[serde(borrow, default)]
    pub(super) labels: Strings<'a>,
    #[serde(borrow, default)]
    pub(super) annotations: Strings<'a>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnerReference<'a> {
    #[serde(borrow)]
    pub(super) api_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) uid: Option<Text<'a>>,
    pub(super) controller: Option<bool>,
}

/// A pod spec, or what holds one further down.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec<'a> {
    #[serde(borrow, default)]
    pub(super) containers: List<Strict<Container<'a>>>,
    #[serde(borrow, default)]
    pub(super) init_containers: List<Strict<Container<'a>>>,
    #[serde(borrow, default)]
    pub(super) ephemeral_containers: List<Strict<Container<'a>>>,
    #[serde(borrow, default)]
    pub(super) volumes: List<Strict<Volume<'a>>>,
    #[serde(borrow, default)]
    pub(super) image_pull_secrets: List<Strict<Reference<'a>>>,
    #[serde(borrow)]
    pub(super) service_account_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) service_account: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) node_name: Option<Text<'a>>,
    #[serde(borrow)]
    template: Option<Box<Strict<Holder<'a>>>>,
    #[serde(borrow)]
    job_template: Option<Box<Strict<Holder<'a>>>>,
}

/// A template: a spec with metadata.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Holder<'a> {
    #[serde(borrow)]
    spec: Option<Strict<Spec<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Container<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) image: Option<Text<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Volume<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) image: Option<Strict<ImageSource<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ImageSource<'a> {
    #[serde(borrow)]
    pub(super) reference: Option<Text<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Reference<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
}

impl<'a> Shape<'a> {
    /// The pod spec of an object of this kind.
    pub(super) fn pod_spec(&self, kind: Kind) -> Option<&Spec<'a>> {
        let mut steps = kind.spec_path().iter();
        let mut spec = match steps.next()? {
            Step::Spec => &self.spec.as_ref()?.0,
            Step::Template => {
                steps.next();
                self.template.as_ref()?.0.spec()?
            }
            Step::JobTemplate => return None,
        };
        // Every template on the way is followed by its spec.
        for step in steps {
            spec = match step {
                Step::JobTemplate => spec.job_template.as_ref()?.0.spec()?,
                Step::Template => spec.template.as_ref()?.0.spec()?,
                Step::Spec => spec,
            };
        }
        Some(spec)
    }

    /// Whether a list is longer than is read.
    pub(super) fn overflows(&self, kind: Kind) -> bool {
        let metadata = self.metadata.as_ref().map(|metadata| &metadata.0);
        metadata.is_some_and(Metadata::overflows) || self.pod_spec(kind).is_some_and(Spec::overflows)
    }
}

impl Metadata<'_> {
    /// Whether it has more labels or annotations than are read.
    pub(super) fn overflows(&self) -> bool {
        self.labels.overflow || self.annotations.overflow
    }
}

impl Spec<'_> {
    /// Whether one of its lists is longer than is read.
    pub(super) fn overflows(&self) -> bool {
        self.containers.overflow
            || self.init_containers.overflow
            || self.ephemeral_containers.overflow
            || self.volumes.overflow
            || self.image_pull_secrets.overflow
    }
}

impl<'a> Holder<'a> {
    fn spec(&self) -> Option<&Spec<'a>> {
        self.spec.as_ref().map(|spec| &spec.0)
    }
}
