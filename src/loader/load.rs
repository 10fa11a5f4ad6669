//! One generation from files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Account, Elsewhere, Origin, ReadError, TextFile, read};
use crate::api::{
    self, Document, DocumentError, Namespace, PolicyDocument, Problem, Reference, RemoteSource, Resolved,
    STANDALONE_NAMESPACE,
};
use crate::limits;
use crate::policy::{NoMatch, PolicyName, PolicySet};
use crate::trust::KmsKey;

/// Where policies come from, and how they are taken.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A directory, or one file.
    pub path: PathBuf,
    /// What happens to images that no policy covers.
    pub no_match: NoMatch,
    /// The controller's own namespace, in which the Secrets are that policies name.
    pub namespace: String,
    /// How often the files are looked at.
    pub interval: Duration,
    /// What is known of what lies elsewhere.
    pub elsewhere: Elsewhere,
}

impl Settings {
    /// The files at `path`, looked at every [`limits::POLICY_POLL`], with the namespace that stands in where there is
    /// no cluster.
    pub fn new(path: impl Into<PathBuf>, no_match: NoMatch) -> Self {
        let (namespace, interval) = (STANDALONE_NAMESPACE.to_owned(), limits::POLICY_POLL);
        Self { path: path.into(), no_match, namespace, interval, elsewhere: Elsewhere::default() }
    }
}

/// What was loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The policies. Broken ones are among them, and refuse what they cover.
    pub set: Arc<PolicySet>,
    /// The Namespaces that stand in for the cluster's.
    pub namespaces: Vec<Namespace>,
    /// What is wrong with single documents.
    pub problems: Vec<Note>,
    /// What is not wrong and worth a second look.
    pub warnings: Vec<Note>,
    /// What became of each policy and trust root.
    pub accounts: Vec<Account>,
}

/// Something about one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file, or the resource of the cluster.
    pub file: String,
    /// The kind and name of the object, as in `ClusterImagePolicy keys`.
    pub object: String,
    /// What is to be said, about which field.
    pub problem: Problem,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.problem.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}", self.object, self.problem)
    }
}

/// Why nothing was loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file holds no documents that can be read.
    #[error("`{file}`: {error}")]
    Document {
        /// The file.
        file: String,
        /// What is wrong with its text.
        error: DocumentError,
    },
    /// Two objects of the same kind have the same name, and nobody could say which one counts.
    #[error("{object} is there twice, the second time in `{file}`")]
    Duplicate {
        /// The kind and name.
        object: String,
        /// The file of the second.
        file: String,
    },
    /// There is no policy at all. An empty set may be a directory that is not mounted yet, and is never taken for a
    /// decision to have none.
    #[error("`{path}` holds no policy; one is needed, if only one that covers nothing")]
    NoPolicy {
        /// What was read.
        path: String,
    },
    /// The files cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// All files together exceed [`limits::POLICY_DOCUMENTS`].
    #[error("there are more than {} documents", limits::POLICY_DOCUMENTS)]
    TooManyDocuments,
    /// The files changed between two looks, [`limits::POLICY_FILES_REST`] apart.
    #[error("the files are being changed; replace a file by renaming another one to it")]
    Unsettled,
}

/// Reads the policies at `path` once, with the settings of a program that runs without a cluster.
///
/// # Errors
/// As [`load`].
pub fn load_dir(path: &Path, no_match: NoMatch) -> Result<Loaded, LoadError> {
    load(&Settings::new(path, no_match))
}

/// Reads the policies once.
///
/// # Errors
/// When the files cannot be read as a whole, or hold no policy. What is wrong inside one document is no error: the
/// policy is in the set, and refuses what it covers.
pub fn load(settings: &Settings) -> Result<Loaded, LoadError> {
    from_files(&read(&settings.path)?, settings)
}

/// Reads the policies of several files or directories once, as one set, with the settings of a program that runs without
/// a cluster.
///
/// # Errors
/// As [`load`].
pub fn load_all(paths: &[PathBuf], no_match: NoMatch) -> Result<Loaded, LoadError> {
    load_all_by(paths, no_match, &Elsewhere::default())
}

/// The same, by what is known of what lies elsewhere.
///
/// # Errors
/// As [`load`].
pub fn load_all_by(paths: &[PathBuf], no_match: NoMatch, elsewhere: &Elsewhere) -> Result<Loaded, LoadError> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(read(path)?);
    }
    let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    let settings = Settings::new(shown.join("`, `"), no_match);
    from_files(&files, &Settings { elsewhere: elsewhere.clone(), ..settings })
}

/// The generation that `files` make.
pub(super) fn from_files(files: &[TextFile], settings: &Settings) -> Result<Loaded, LoadError> {
    let mut documents = Vec::new();
    for file in files {
        let parsed = api::parse(&file.text).map_err(|error| LoadError::Document { file: file.name.clone(), error })?;
        let origin = Origin { place: file.name.clone(), generation: 0 };
        documents.extend(parsed.into_iter().map(|document| (origin.clone(), document)));
        if documents.len() > limits::POLICY_DOCUMENTS {
            return Err(LoadError::TooManyDocuments);
        }
    }
    let loaded = from_documents(documents, &settings.namespace, settings.no_match, &settings.elsewhere)?;
    if loaded.set.policies().is_empty() {
        let path = settings.path.display().to_string();
        return Err(LoadError::NoPolicy { path });
    }
    Ok(loaded)
}

/// The generation that `documents` make, each with where it stands. There need not be any policy.
pub(super) fn from_documents(
    documents: impl IntoIterator<Item = (Origin, Document)>,
    namespace: &str,
    no_match: NoMatch,
    elsewhere: &Elsewhere,
) -> Result<Loaded, LoadError> {
    let mut documents = Documents::read(documents, namespace)?;
    let Named { keys, remotes } = documents.named();
    elsewhere.roots.fill(&mut documents.resolved);
    elsewhere.keys.fill(keys, &mut documents.resolved);
    elsewhere.remotes.fill(remotes, &mut documents.resolved);
    let mut problems = documents.problems;
    let mut warnings = Vec::new();
    let mut policies = Vec::new();
    let roots = documents.resolved.trust_roots().filter_map(|root| {
        let origin = documents.roots.get(&(root.group().to_owned(), root.name().to_owned()))?;
        Some(Account::trust_root(origin, root))
    });
    let mut accounts: Vec<_> = roots.collect();
    for (origin, document) in &documents.policies {
        let compiled = api::compile(document, &documents.resolved);
        accounts.push(Account::policy(origin, document, &compiled));
        let note = |problem| Note {
            file: origin.place.clone(),
            object: describe(document.kind(), &document.name().to_string()),
            problem,
        };
        problems.extend(compiled.problems.into_iter().map(note));
        warnings.extend(compiled.warnings.into_iter().map(note));
        policies.push(compiled.policy);
    }
    let all = documents.policies.iter().map(|(_, document)| document);
    let revision = api::revision(all, &documents.resolved, no_match);
    Ok(Loaded {
        set: Arc::new(PolicySet::new(policies, no_match, revision)),
        namespaces: documents.namespaces,
        problems,
        warnings,
        accounts,
    })
}

/// What policies name elsewhere.
#[derive(Default)]
struct Named {
    keys: BTreeSet<KmsKey>,
    remotes: BTreeSet<RemoteSource>,
}

/// Every document, by its use.
struct Documents {
    policies: Vec<(Origin, PolicyDocument)>,
    /// Where each TrustRoot stands, by group and name.
    roots: BTreeMap<(String, String), Origin>,
    resolved: Resolved,
    namespaces: Vec<Namespace>,
    problems: Vec<Note>,
    names: BTreeSet<PolicyName>,
}

impl Documents {
    fn read(all: impl IntoIterator<Item = (Origin, Document)>, namespace: &str) -> Result<Self, LoadError> {
        let mut documents = Self {
            policies: Vec::new(),
            roots: BTreeMap::new(),
            resolved: Resolved::new(namespace),
            namespaces: Vec::new(),
            problems: Vec::new(),
            names: BTreeSet::new(),
        };
        let mut left = limits::POLICY_DOCUMENTS;
        for (origin, document) in all {
            // One tenant with too many would freeze the policies of all: whoever watches bounds them by namespace.
            if !is_of_tenant(&document) {
                left = left.checked_sub(1).ok_or(LoadError::TooManyDocuments)?;
            }
            documents.add(&origin, document)?;
        }
        Ok(documents)
    }

    fn add(&mut self, origin: &Origin, document: Document) -> Result<(), LoadError> {
        let file = &origin.place;
        let object = match &document {
            Document::ClusterImagePolicy(policy) => describe(policy.kind(), &policy.name().to_string()),
            Document::ConfigMap(config_map) => describe("ConfigMap", config_map.name()),
            Document::Namespace(namespace) => describe("Namespace", namespace.name()),
            Document::Other(other) => describe(&other.kind, &other.name),
            Document::Secret(secret) => describe("Secret", secret.name()),
            Document::TrustRoot(root) => describe("TrustRoot", root.name()),
        };
        let is_new = match document {
            Document::ClusterImagePolicy(policy) => {
                // What is wrong with a policy is told when it is compiled.
                let is_new = !policy.is_named() || self.names.insert(policy.name().clone());
                self.policies.push((origin.clone(), *policy));
                is_new
            }
            Document::ConfigMap(config_map) => {
                self.note(file, &object, config_map.problems());
                self.resolved.add_config_map(config_map)
            }
            Document::Namespace(namespace) => {
                self.note(file, &object, namespace.problems());
                self.namespaces.push(namespace);
                true
            }
            Document::Other(other) => {
                let problem = Problem::new("kind", other.line, "is of no use here and is not read");
                self.note(file, &object, &[problem]);
                true
            }
            Document::Secret(secret) => {
                self.note(file, &object, secret.problems());
                self.resolved.add_secret(secret)
            }
            Document::TrustRoot(root) => {
                self.note(file, &object, root.problems());
                self.roots.insert((root.group().to_owned(), root.name().to_owned()), origin.clone());
                self.resolved.add_trust_root(*root)
            }
        };
        if is_new {
            return Ok(());
        }
        Err(LoadError::Duplicate { object: format!("the {object}"), file: file.clone() })
    }

    /// What the policies name elsewhere.
    fn named(&self) -> Named {
        let mut named = Named::default();
        // One that is broken decides nothing: what it names, or a tenant names who may not, is not asked for.
        let whole = self.policies.iter().filter(|(_, document)| document.problems().is_empty());
        for reference in whole.flat_map(|(_, document)| api::references(document)) {
            match reference {
                Reference::Kms(key) => {
                    named.keys.insert(*key);
                }
                Reference::Remote(source) => {
                    named.remotes.insert(*source);
                }
                Reference::ConfigMap { .. } | Reference::Secret { .. } | Reference::TrustRoot { .. } => {}
            }
        }
        named
    }

    fn note(&mut self, file: &str, object: &str, problems: &[Problem]) {
        self.problems.extend(problems.iter().map(|problem| Note {
            file: file.to_owned(),
            object: object.to_owned(),
            problem: problem.clone(),
        }));
    }
}

fn is_of_tenant(document: &Document) -> bool {
    matches!(document, Document::ClusterImagePolicy(policy) if policy.name().namespace().is_some())
}

/// The kind and name of an object on one line.
pub(crate) fn describe(kind: &str, name: &str) -> String {
    let kind = api::one_line(kind);
    if name.is_empty() { kind } else { format!("{kind} {}", api::one_line(name)) }
}
