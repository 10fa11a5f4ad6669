//! Other places than beside an image where its evidence may lie.

use std::fmt;

use super::{Unasked, UnaskedKind};
use crate::image::{Registry, Repository};

/// Where evidence about images lies that does not lie beside them: an entry of `source`, as policy-controller has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// In which repository; none where it is the image's own.
    pub place: Option<SourcePlace>,
    /// What stands before the tags `sha256-<hex>.sig` and `.att` there.
    pub tag_prefix: String,
    /// Secrets of the workload's namespace that hold the credentials for it, before any others.
    pub pull_secrets: Vec<String>,
}

/// A repository, or one for each image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourcePlace {
    /// The repository of the same path in this registry.
    Registry(Registry),
    /// This one, whatever the image.
    Repository(Repository),
}

impl Source {
    /// The repository that holds what is said about images of `image`.
    ///
    /// # Errors
    /// When it would have a name that no repository can have.
    pub fn repository(&self, image: &Repository) -> Result<Repository, Unasked> {
        match &self.place {
            None => Ok(image.clone()),
            Some(SourcePlace::Registry(registry)) => Repository::new(registry.clone(), image.path())
                .map_err(|error| Unasked::new(UnaskedKind::Refused, format!("`{registry}` for `{image}`: {error}"))),
            Some(SourcePlace::Repository(repository)) => Ok(repository.clone()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            None => f.write_str("the image's own repository")?,
            Some(SourcePlace::Registry(registry)) => write!(f, "`{}`", registry.as_str())?,
            Some(SourcePlace::Repository(repository)) => write!(f, "`{repository}`")?,
        }
        match self.tag_prefix.as_str() {
            "" => Ok(()),
            prefix => write!(f, " with the prefix `{prefix}`"),
        }
    }
}
