//! Everything that was seen, put together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::clock;
use super::object::{Key, Object};
use super::place::Place;
use super::source::{Necessity, Source};
use crate::api::{self, Document, PolicyDocument};
use crate::explain::Subject;
use crate::limits;
use crate::loader::{Documents, Observed, Watched};
use crate::policy::PolicyName;
use crate::telemetry::field;

/// What all watches have seen.
pub(super) struct Hub {
    seen: Mutex<Seen>,
    changed: Notify,
    shown: watch::Sender<Observed>,
}

struct Seen {
    slots: BTreeMap<Source, Slot>,
    /// Whether it was known once of every source what there is.
    complete: bool,
    /// What was shown last, until a document changes.
    documents: Option<Documents>,
}

/// What was seen of one source.
struct Slot {
    known: BTreeMap<Key, Known>,
    /// Whether every object was seen once.
    complete: bool,
    /// At which version its objects are asked for, where there is a definition.
    api_version: Option<String>,
    /// Since when there is a definition; none where there is none, or that is not known.
    defined_at: Option<Instant>,
    /// Whether there is no definition, and no object was ever seen.
    absent: bool,
    /// Of the definition and of the list: when it was last confirmed, and why it is not known any more.
    definition: Standing,
    list: Standing,
    /// Why the objects are as they were before the definition went.
    frozen: Option<String>,
}

/// Why a tenant's policy is not read.
const BEYOND: &str = "the ImagePolicies of its namespace have more bytes together than are read; fewer or smaller ones are \
                      read again within minutes";

/// What is known of one object.
struct Known {
    /// How long it is as the API server sends it; 0 where it was too much.
    bytes: usize,
    document: Arc<Document>,
    generation: u64,
    stored: Stored,
}

/// What is stored of an object beside what it asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    /// What the API server calls it.
    pub(super) uid: String,
    /// Names the state in which it is.
    pub(super) version: String,
    /// The conditions of its status.
    pub(super) conditions: Arc<[Value]>,
}

impl Known {
    /// Whether policies made of `other` are the same.
    fn says_the_same(&self, other: &Self) -> bool {
        self.generation == other.generation && self.document.says_the_same(&other.document)
    }
}

#[derive(Default)]
struct Standing {
    confirmed_at: Option<Instant>,
    trouble: Option<String>,
}

impl Hub {
    pub(super) fn new() -> Self {
        let slot = |source| {
            let slot = Slot {
                known: BTreeMap::new(),
                complete: false,
                api_version: None,
                defined_at: None,
                absent: false,
                definition: Standing::default(),
                list: Standing::default(),
                frozen: None,
            };
            (source, slot)
        };
        let seen = Seen { slots: Source::ALL.into_iter().map(slot).collect(), complete: false, documents: None };
        Self { seen: Mutex::new(seen), changed: Notify::new(), shown: watch::Sender::new(Observed::default()) }
    }

    /// What is shown to whoever makes policies of it.
    pub(super) fn observed(&self) -> watch::Receiver<Observed> {
        self.shown.subscribe()
    }

    /// Shows what was seen, for ever. Many changes at once are shown together.
    pub(super) async fn show(&self) {
        loop {
            self.changed.notified().await;
            let observed = self.look();
            self.shown.send_replace(observed);
        }
    }

    /// There is a definition of `source`, whose objects are asked for at `version`.
    pub(super) fn defined(&self, source: Source, version: &str) {
        self.update(source, |slot| {
            slot.absent = false;
            // A definition that came back says nothing of objects that were known: their list will.
            slot.frozen = slot.frozen.take().filter(|_| slot.complete);
            slot.api_version = Some(version.to_owned());
            slot.defined_at = slot.defined_at.or_else(|| Some(clock::now()));
            slot.definition.confirm()
        });
    }

    /// What was said of the definition of `source` is still so.
    pub(super) fn definition_confirmed(&self, source: Source) {
        self.update(source, |slot| slot.definition.confirm());
    }

    /// There is no definition of `source`: where its objects were known, they stay as they were.
    pub(super) fn undefined(&self, source: Source) {
        self.update(source, |slot| {
            slot.absent = !slot.complete;
            slot.defined_at = None;
            slot.frozen = (slot.complete || source.necessity() == Necessity::Required)
                .then(|| format!("{} is not defined", source.name()));
            slot.definition.confirm()
        });
    }

    /// There is a definition of `source` whose objects cannot be asked for, and `why`: where they were known, they stay as
    /// they were, and where not, nobody knows what there is.
    pub(super) fn unserved(&self, source: Source, why: &str) {
        self.update(source, |slot| {
            slot.absent = false;
            slot.defined_at = slot.defined_at.or_else(|| Some(clock::now()));
            slot.frozen = Some(format!("{} {why}", source.name()));
            slot.definition.confirm()
        });
    }

    /// Nothing is known of the definition of `source`.
    pub(super) fn definition_trouble(&self, source: Source, trouble: String) {
        self.update(source, |slot| slot.definition.fail(trouble));
    }

    /// These are all objects of `source`.
    pub(super) fn listed(&self, source: Source, objects: &[Object]) {
        let known = objects.iter().filter_map(|object| Some((object.key.clone(), read(source, object)?)));
        let known: BTreeMap<_, _> = known.collect();
        self.update(source, |slot| {
            let is_same = slot.complete
                && slot.known.len() == known.len()
                && known.iter().all(|(key, now)| slot.known.get(key).is_some_and(|before| before.says_the_same(now)));
            slot.known = known;
            slot.complete = true;
            slot.frozen = None;
            slot.list.confirm();
            !is_same
        });
    }

    /// An object of `source` is new, or changed.
    pub(super) fn applied(&self, source: Source, object: Object) {
        let object = if source.is_bounded_by_namespace() { self.within_namespace(source, object) } else { object };
        let known = read(source, &object);
        self.update(source, |slot| {
            slot.list.confirm();
            match known {
                Some(known) => {
                    // A status or a label is no change: whoever writes a status must not have everything read again.
                    let is_same = slot.known.get(&object.key).is_some_and(|before| before.says_the_same(&known));
                    slot.known.insert(object.key.clone(), known);
                    !is_same
                }
                None => slot.known.remove(&object.key).is_some(),
            }
        });
    }

    /// The object, or what is left of it where the objects of its namespace are too much with it.
    fn within_namespace(&self, source: Source, object: Object) -> Object {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let from = (object.key.0.clone(), String::new());
        let known = seen.slots.get(&source).into_iter().flat_map(|slot| slot.known.range(&from..));
        let others = known.take_while(|(key, _)| key.0 == from.0).filter(|(key, _)| **key != object.key);
        let bytes: usize = others.map(|(_, known)| known.bytes).sum();
        if bytes + object.json.len() > limits::TENANT_POLICY_BYTES { object.emptied() } else { object }
    }

    /// An object of `source` is gone.
    pub(super) fn deleted(&self, source: Source, key: &Key) {
        self.update(source, |slot| {
            slot.known.remove(key);
            slot.list.confirm();
            true
        });
    }

    /// Nothing else happened to `source`.
    pub(super) fn confirmed(&self, source: Source) {
        self.update(source, |slot| slot.list.confirm());
    }

    /// Nothing is known of the objects of `source`.
    pub(super) fn trouble(&self, source: Source, trouble: String) {
        self.update(source, |slot| slot.list.fail(trouble));
    }

    /// Whether an object is known that is not among `objects`.
    pub(super) fn knows_more_than(&self, source: Source, objects: &[Object]) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.slots.get(&source).into_iter().flat_map(|slot| slot.known.keys());
        let mut known = known.filter(|key| !objects.iter().any(|object| object.key == **key));
        known.next().is_some()
    }

    /// Where the object `key` of a custom resource is, and how it is stored, if it is of this `generation`.
    pub(super) fn stored(&self, resource: &str, key: &Key, generation: u64) -> Option<(Place, Stored)> {
        let source = Source::ALL.into_iter().find(|source| source.name() == resource)?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = seen.slots.get(&source)?;
        let known = slot.known.get(key).filter(|known| known.generation == generation)?;
        Some((source.place_in(slot.api_version.as_deref()?, &key.0), known.stored.clone()))
    }

    /// The object of `policy`; none where it is not known any more.
    pub(super) fn object_of(&self, policy: &PolicyName) -> Option<Subject> {
        let is_it = |source: &Source| {
            source.is_policies()
                && source.group() == policy.group()
                && (*source == Source::TenantPolicies) == policy.namespace().is_some()
        };
        let source = Source::ALL.into_iter().find(is_it)?;
        let key = (policy.namespace().unwrap_or_default().to_owned(), policy.name().to_owned());
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = seen.slots.get(&source)?;
        let api_version = format!("{}/{}", source.group(), slot.api_version.as_deref()?);
        let uid = slot.known.get(&key)?.stored.uid.clone();
        let (namespace, name) = key;
        Some(Subject { api_version, kind: source.kind().to_owned(), namespace, name, uid })
    }

    /// Changes what was seen of `source`; the change says whether documents are others than before.
    fn update(&self, source: Source, change: impl FnOnce(&mut Slot) -> bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = seen.slots.get_mut(&source)
            && change(slot)
        {
            seen.documents = None;
        }
        drop(seen);
        self.changed.notify_one();
    }

    /// What was seen up to now.
    pub(super) fn look(&self) -> Observed {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let trouble = seen.slots.iter().find_map(|(source, slot)| slot.trouble(*source));
        seen.complete = seen.complete || seen.slots.iter().all(|(source, slot)| slot.is_complete(*source));
        if !seen.complete {
            return Observed { documents: None, confirmed_at: None, trouble };
        }
        if seen.documents.is_none() {
            let documents = seen.slots.iter().flat_map(|(source, slot)| {
                slot.known.values().map(|known| Watched {
                    resource: source.name(),
                    generation: known.generation,
                    document: Arc::clone(&known.document),
                })
            });
            seen.documents = Some(documents.collect());
        }
        let confirmed_at = seen.slots.iter().filter_map(|(source, slot)| slot.confirmed_at(*source)).min();
        Observed { documents: seen.documents.clone(), confirmed_at, trouble }
    }
}

impl Slot {
    /// Whether it is known what there is.
    fn is_complete(&self, source: Source) -> bool {
        match source.necessity() {
            Necessity::BuiltIn | Necessity::Required => self.complete,
            Necessity::Optional => self.complete || self.absent,
        }
    }

    fn trouble(&self, source: Source) -> Option<String> {
        let frozen = self.frozen.clone();
        let trouble = frozen.or_else(|| self.list.trouble.clone()).or_else(|| self.definition.trouble.clone());
        match trouble {
            None if !self.is_complete(source) => Some(format!("{} were not listed yet", source.name())),
            trouble => trouble,
        }
    }

    /// When it was last known that nothing else is there.
    fn confirmed_at(&self, source: Source) -> Option<Instant> {
        let list = if self.complete { self.list.confirmed_at } else { self.defined_at };
        match source.necessity() {
            Necessity::BuiltIn => list,
            Necessity::Optional | Necessity::Required => {
                [list, self.definition.confirmed_at].into_iter().flatten().min()
            }
        }
    }
}

impl Standing {
    fn confirm(&mut self) -> bool {
        *self = Self { confirmed_at: Some(clock::now()), trouble: None };
        false
    }

    fn fail(&mut self, trouble: String) -> bool {
        self.trouble = Some(trouble);
        false
    }
}

/// The document of an object. A policy that cannot be read is there all the same, and refuses every image; whatever else
/// cannot be read is not there for those that name it.
fn read(source: Source, object: &Object) -> Option<Known> {
    let conditions = match source.necessity() {
        Necessity::BuiltIn => Vec::new(),
        Necessity::Optional | Necessity::Required => object.conditions(),
    };
    let stored = Stored { uid: object.uid.clone(), version: object.version.clone(), conditions: conditions.into() };
    let (bytes, generation) = (object.json.len(), object.generation);
    read_document(source, object).map(|document| Known { bytes, document, generation, stored })
}

fn read_document(source: Source, object: &Object) -> Option<Arc<Document>> {
    let version = match source.necessity() {
        Necessity::BuiltIn => "v1",
        // Objects of definitions say it themselves.
        Necessity::Optional | Necessity::Required => "",
    };
    let (namespace, name) = &object.key;
    let namespace = Some(namespace.as_str()).filter(|namespace| !namespace.is_empty());
    let (line, why) = if object.is_emptied() {
        (None, BEYOND.to_owned())
    } else {
        match api::parse_object(&object.json, version, source.kind()) {
            Ok(document) => return Some(Arc::new(document)),
            Err(error) => (error.line(), error.message().to_owned()),
        }
    };
    tracing::error!(
        { field::EVENT } = "policies",
        { field::KIND } = source.kind(),
        { field::NAME } = name,
        { field::DETAIL } = why,
        "an object cannot be read"
    );
    source.is_policies().then(|| {
        let policy = PolicyDocument::unreadable(source.group(), namespace, name, line, &why);
        Arc::new(Document::ClusterImagePolicy(Box::new(policy)))
    })
}

#[cfg(test)]
mod tests;
