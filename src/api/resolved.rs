//! What policies name, and what stands there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::authority::AuthoritySpec;
use super::canonical::write_bytes;
use super::condition::ConditionSpec;
use super::root::{Unusable, usable};
use super::{ConfigMap, PolicyDocument, RemoteSource, RemoteState, Secret, TrustRootDocument};
use crate::image::Digest;
use crate::trust::{
    BuiltInRoot, KeyState, KmsKey, ObjectKind, RootReference, RootSource, RootState, TrustedRoot, TufSource,
    TufSourceId,
};

/// The namespace that stands in for the controller's own where there is no cluster.
pub const STANDALONE_NAMESPACE: &str = "countersign-system";

/// Something outside a policy that the policy names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// A ConfigMap.
    ConfigMap {
        /// Its namespace; none means the controller's own.
        namespace: Option<String>,
        /// Its name.
        name: String,
    },
    /// A key in a key management service.
    Kms(Box<KmsKey>),
    /// A condition that lies at an address.
    Remote(Box<RemoteSource>),
    /// A Secret.
    Secret {
        /// Its namespace; none means the controller's own.
        namespace: Option<String>,
        /// Its name.
        name: String,
    },
    /// A TrustRoot. What it names in turn, says [`TrustRootDocument::reference`].
    TrustRoot {
        /// Its API group: that of the policy.
        group: String,
        /// Its name.
        name: String,
    },
}

impl Reference {
    /// The object in which a root lies.
    pub(super) fn of_root(place: &RootReference) -> Self {
        let (namespace, name) = (place.namespace.clone(), place.name.clone());
        match place.kind {
            ObjectKind::ConfigMap => Self::ConfigMap { namespace, name },
            ObjectKind::Secret => Self::Secret { namespace, name },
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, namespace, name) = match self {
            Self::ConfigMap { namespace, name } => ("ConfigMap", namespace.as_ref(), name),
            Self::Kms(key) => return write!(f, "the key `{key}`"),
            Self::Remote(source) => return write!(f, "the condition at `{source}`"),
            Self::Secret { namespace, name } => ("Secret", namespace.as_ref(), name),
            Self::TrustRoot { group: _, name } => ("TrustRoot", None, name),
        };
        match namespace {
            Some(namespace) => write!(f, "the {kind} `{namespace}/{name}`"),
            None => write!(f, "the {kind} `{name}`"),
        }
    }
}

/// Everything that `document` names outside itself, each once.
pub fn references(document: &PolicyDocument) -> Vec<Reference> {
    let mut references = Vec::new();
    let spec = document.spec();
    let own = spec.condition.as_ref().and_then(ConditionSpec::reference);
    for reference in spec.authorities.iter().flat_map(AuthoritySpec::references).chain(own) {
        if !references.contains(reference) {
            references.push(reference.clone());
        }
    }
    references
}

/// What stands where references point. What is not in it is not there.
///
/// TUF repositories and key management services are asked by somebody else, who adds what came of it
/// ([`Self::add_fetched`], [`Self::add_key`], [`Self::add_remote`]); one of which nothing is known was not asked yet.
#[derive(Clone, Debug)]
pub struct Resolved {
    built_in: BTreeMap<BuiltInRoot, RootState>,
    fetched: BTreeMap<TufSourceId, RootState>,
    keys: BTreeMap<KmsKey, KeyState>,
    parsed: Arc<Mutex<Parsed>>,
    remotes: BTreeMap<RemoteSource, RemoteState>,
    namespace: Option<String>,
    secrets: BTreeMap<(String, String), Secret>,
    config_maps: BTreeMap<(String, String), ConfigMap>,
    trust_roots: BTreeMap<(String, String), TrustRootDocument>,
}

/// Roots that were read, by the digest of their text.
type Parsed = BTreeMap<Digest, Result<Arc<TrustedRoot>, String>>;

impl Resolved {
    /// Nothing, seen from the controller's own namespace `namespace`.
    pub fn new(namespace: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), ..Self::unseen() }
    }

    /// Nothing, seen from nobody knows where: no namespace is the wrong one.
    pub fn unseen() -> Self {
        Self {
            built_in: BTreeMap::new(),
            fetched: BTreeMap::new(),
            keys: BTreeMap::new(),
            parsed: Arc::default(),
            remotes: BTreeMap::new(),
            namespace: None,
            secrets: BTreeMap::new(),
            config_maps: BTreeMap::new(),
            trust_roots: BTreeMap::new(),
        }
    }

    /// The controller's own namespace, where it is known.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
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

    /// Adds what is known of a key in a key management service.
    pub fn add_key(&mut self, key: KmsKey, state: KeyState) {
        self.keys.insert(key, state);
    }

    /// Adds what is known of a condition that lies at an address.
    pub fn add_remote(&mut self, source: RemoteSource, state: RemoteState) {
        self.remotes.insert(source, state);
    }

    /// Adds what is known of the root in a TUF repository.
    pub fn add_fetched(&mut self, source: &TufSource, state: RootState) {
        self.fetched.insert(source.id(), state);
    }

    /// Adds what is known of a newer version of a built-in root. Until then the built-in one counts.
    pub fn add_built_in(&mut self, which: BuiltInRoot, state: RootState) {
        self.built_in.insert(which, state);
    }

    /// The TrustRoots, by group and name.
    pub fn trust_roots(&self) -> impl Iterator<Item = &TrustRootDocument> {
        self.trust_roots.values()
    }

    /// The Secret `name` in `namespace`, or in the controller's own.
    pub(super) fn secret(&self, namespace: Option<&str>, name: &str) -> Option<&Secret> {
        self.secrets.get(&self.key(namespace, name))
    }

    /// The ConfigMap `name` in `namespace`, or in the controller's own.
    pub(super) fn config_map(&self, namespace: Option<&str>, name: &str) -> Option<&ConfigMap> {
        self.config_maps.get(&self.key(namespace, name))
    }

    /// The TrustRoot `name` of `group`.
    pub(super) fn trust_root(&self, group: &str, name: &str) -> Option<&TrustRootDocument> {
        self.trust_roots.get(&(group.to_owned(), name.to_owned()))
    }

    /// What is known of a key in a key management service; none where nobody has asked.
    pub(super) fn kms_key(&self, key: &KmsKey) -> Option<&KeyState> {
        self.keys.get(key)
    }

    /// What is known of a condition that lies at an address; none where nobody has asked.
    pub(super) fn remote(&self, source: &RemoteSource) -> Option<&RemoteState> {
        self.remotes.get(source)
    }

    /// What is known of the root in a TUF repository.
    pub(super) fn fetched(&self, source: &TufSource) -> RootState {
        let not_yet = || RootState::Unreachable("its repository was not read yet".to_owned());
        self.fetched.get(&source.id()).cloned().unwrap_or_else(not_yet)
    }

    /// A built-in root, or what is known of a newer version of it.
    pub(super) fn built_in(&self, which: BuiltInRoot) -> RootState {
        self.built_in.get(&which).cloned().unwrap_or_else(|| match TrustedRoot::built_in_once(which) {
            Ok(root) => RootState::Usable(root),
            Err(error) => RootState::Invalid(error.to_string()),
        })
    }

    /// The root of the public-good instance.
    pub(super) fn public_good(&self) -> Result<Arc<TrustedRoot>, Unusable> {
        usable(&self.built_in(BuiltInRoot::PublicGood)).map_err(|unusable| {
            let (Ok(why) | Err(why)) = unusable;
            Unusable::Stale(format!("the public-good trust root: {why}"))
        })
    }

    /// Reads a `trusted_root.json`: once, however many policies name it.
    pub(super) fn parse_root(&self, bytes: &[u8]) -> Result<Arc<TrustedRoot>, String> {
        let digest = Digest::of(bytes);
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        let parse = || TrustedRoot::parse(bytes).map(Arc::new).map_err(|error| error.to_string());
        parsed.entry(digest).or_insert_with(parse).clone()
    }

    /// Appends what stands behind `reference`, for fingerprints.
    pub(super) fn write(&self, reference: &Reference, to: &mut Vec<u8>) {
        match reference {
            Reference::ConfigMap { namespace, name } => match self.config_map(namespace.as_deref(), name) {
                None => to.push(b'-'),
                Some(config_map) => {
                    let data = config_map.data().iter().map(|(key, text)| (key, text.as_bytes()));
                    write_entries(config_map.problems().is_empty(), data, to);
                }
            },
            Reference::Kms(key) => match self.kms_key(key) {
                None => to.push(b'-'),
                Some(KeyState::Unusable(why)) => {
                    to.push(b'!');
                    write_bytes(why.as_bytes(), to);
                }
                Some(KeyState::Usable(key)) => {
                    to.push(b'+');
                    write_bytes(key.spki_der(), to);
                }
            },
            Reference::Remote(source) => match self.remote(source) {
                None => to.push(b'-'),
                // The document says its sum.
                Some(RemoteState::Known(_)) => to.push(b'+'),
                Some(RemoteState::Unknown(why)) => {
                    to.push(b'!');
                    write_bytes(why.as_bytes(), to);
                }
            },
            Reference::Secret { namespace, name } => match self.secret(namespace.as_deref(), name) {
                None => to.push(b'-'),
                Some(secret) => {
                    let data = secret.data().iter().map(|(key, bytes)| (key, bytes.expose()));
                    write_entries(secret.problems().is_empty(), data, to);
                }
            },
            Reference::TrustRoot { group, name } => match self.trust_root(group, name) {
                None => to.push(b'-'),
                Some(root) => {
                    write_bytes(root.fingerprint().as_bytes(), to);
                    match root.source() {
                        None | Some(RootSource::Given(_)) => {}
                        Some(RootSource::BuiltIn(which)) => write_state(&self.built_in(*which), to),
                        Some(RootSource::Referenced(place)) => self.write(&Reference::of_root(place), to),
                        Some(RootSource::Tuf(source)) => write_state(&self.fetched(source), to),
                    }
                }
            },
        }
    }

    /// Appends the newer versions of built-in roots, for fingerprints.
    pub(super) fn write_built_in(&self, to: &mut Vec<u8>) {
        for (which, state) in &self.built_in {
            write_bytes(which.as_str().as_bytes(), to);
            write_state(state, to);
        }
    }

    fn key(&self, namespace: Option<&str>, name: &str) -> (String, String) {
        (namespace.or(self.namespace()).unwrap_or_default().to_owned(), name.to_owned())
    }
}

fn write_entries<'a>(is_good: bool, data: impl Iterator<Item = (&'a String, &'a [u8])>, to: &mut Vec<u8>) {
    to.push(if is_good { b'+' } else { b'!' });
    for (key, bytes) in data {
        write_bytes(key.as_bytes(), to);
        write_bytes(Digest::of(bytes).as_bytes(), to);
    }
}

/// When a root ends counts as well: the same root with a later end is another generation.
fn write_state(state: &RootState, to: &mut Vec<u8>) {
    match state {
        RootState::Invalid(why) => {
            to.push(b'i');
            write_bytes(why.as_bytes(), to);
        }
        RootState::Stale { ended, why } => {
            to.push(b's');
            write_bytes(ended.to_string().as_bytes(), to);
            write_bytes(why.as_bytes(), to);
        }
        RootState::Unreachable(why) => {
            to.push(b'u');
            write_bytes(why.as_bytes(), to);
        }
        RootState::Usable(root) => {
            to.push(b'+');
            write_bytes(root.fingerprint().as_bytes(), to);
            write_bytes(root.expires().map(|expires| expires.to_string()).unwrap_or_default().as_bytes(), to);
        }
    }
}
