//! What policies name, and what stands there.

use std::collections::BTreeMap;
use std::fmt;

use super::canonical::write_bytes;
use super::{ConfigMap, PolicyDocument, Secret, TrustRootDocument};
use crate::image::Digest;

/// The namespace that stands in for the controller's own where there is no cluster.
pub const STANDALONE_NAMESPACE: &str = "countersign-system";

/// Something outside a policy that the policy names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// A Secret.
    Secret {
        /// Its namespace; none means the controller's own.
        namespace: Option<String>,
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { namespace: Some(namespace), name } => write!(f, "the Secret `{namespace}/{name}`"),
            Self::Secret { namespace: None, name } => write!(f, "the Secret `{name}`"),
        }
    }
}

/// Everything that `document` names outside itself.
pub fn references(document: &PolicyDocument) -> Vec<Reference> {
    let authorities = document.spec().authorities.iter();
    authorities.filter_map(|authority| authority.secret()).cloned().collect()
}

/// What stands where references point. What is not in it is not there.
#[derive(Clone, Debug)]
pub struct Resolved {
    namespace: String,
    secrets: BTreeMap<(String, String), Secret>,
    config_maps: BTreeMap<(String, String), ConfigMap>,
    trust_roots: BTreeMap<(String, String), TrustRootDocument>,
}

impl Resolved {
    /// Nothing, seen from the controller's own namespace `namespace`.
    pub fn new(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            secrets: BTreeMap::new(),
            config_maps: BTreeMap::new(),
            trust_roots: BTreeMap::new(),
        }
    }

    /// The controller's own namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Adds a Secret. One without a namespace is in the controller's own. Returns whether it is the only one of its
    /// name: of two, neither could be told to be the right one.
    pub fn add_secret(&mut self, secret: Secret) -> bool {
        let key = self.key(secret.namespace(), secret.name());
        self.secrets.insert(key, secret).is_none()
    }

    /// Adds a ConfigMap, as [`Self::add_secret`] does.
    pub fn add_config_map(&mut self, config_map: ConfigMap) -> bool {
        let key = self.key(config_map.namespace(), config_map.name());
        self.config_maps.insert(key, config_map).is_none()
    }

    /// Adds a TrustRoot. Returns whether it is the only one of its group and name.
    pub fn add_trust_root(&mut self, root: TrustRootDocument) -> bool {
        let key = (root.group().to_owned(), root.name().to_owned());
        self.trust_roots.insert(key, root).is_none()
    }

    /// The TrustRoots, by group and name.
    pub fn trust_roots(&self) -> impl Iterator<Item = &TrustRootDocument> {
        self.trust_roots.values()
    }

    /// The Secret `name` in `namespace`, or in the controller's own.
    pub(super) fn secret(&self, namespace: Option<&str>, name: &str) -> Option<&Secret> {
        self.secrets.get(&self.key(namespace, name))
    }

    /// Appends what stands behind `reference`, for fingerprints.
    pub(super) fn write(&self, reference: &Reference, to: &mut Vec<u8>) {
        let Reference::Secret { namespace, name } = reference;
        match self.secret(namespace.as_deref(), name) {
            None => to.push(b'-'),
            Some(secret) => {
                to.push(if secret.problems().is_empty() { b'+' } else { b'!' });
                for (key, bytes) in secret.data() {
                    write_bytes(key.as_bytes(), to);
                    write_bytes(Digest::of(bytes.expose()).as_bytes(), to);
                }
            }
        }
    }

    fn key(&self, namespace: Option<&str>, name: &str) -> (String, String) {
        (namespace.unwrap_or(&self.namespace).to_owned(), name.to_owned())
    }
}
