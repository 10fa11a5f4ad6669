//! Every watch, side by side.

use std::sync::Arc;

use futures_util::future::{join, join_all};
use kube::Client;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Access;
use super::definition::{self, Definition};
use super::events::{self, EventWriter, Events};
use super::hub::Hub;
use super::object::Object;
use super::source::{Necessity, Source};
use super::status::StatusWriter;
use super::watcher::{Happening, Watcher};
use super::wire::{self, ApiError};
use crate::limits;
use crate::loader::{Documents, Observed, Roots};
use crate::telemetry::Metrics;

/// Follows everything in a cluster that policies are made of.
pub struct Watches {
    access: Access,
    hub: Arc<Hub>,
}

impl Watches {
    /// Watches that are still to run.
    pub fn new(access: Access) -> Self {
        Self { access, hub: Arc::new(Hub::new()) }
    }

    /// What they see.
    pub fn observed(&self) -> watch::Receiver<Observed> {
        self.hub.observed()
    }

    /// Writes the status of what is watched; `roots` says what trust roots are worth.
    pub fn status_writer(&self, roots: Roots) -> StatusWriter {
        StatusWriter::new(&self.access, Arc::clone(&self.hub), roots)
    }

    /// Writes Events, some about what is watched; `instance` is the name of this replica.
    pub fn events(&self, instance: impl Into<String>, metrics: &Arc<Metrics>) -> (Events, EventWriter) {
        events::events(&self.access, Arc::clone(&self.hub), instance.into(), metrics)
    }

    /// Reads everything once, as the watches would see it first.
    ///
    /// # Errors
    /// When anything of it cannot be read: all that cannot, and why.
    pub async fn read(&self) -> Result<Documents, String> {
        let all = Source::ALL.map(|source| async move {
            let one = self.one(source);
            match source.necessity() {
                Necessity::BuiltIn => one.read("v1").await,
                Necessity::Optional | Necessity::Required => one.read_custom().await,
            }
        });
        let failed: Vec<_> = join_all(all).await.into_iter().filter_map(Result::err).map(|e| e.to_string()).collect();
        if !failed.is_empty() {
            return Err(failed.join("; "));
        }
        let Observed { documents, confirmed_at: _, trouble } = self.hub.look();
        match (documents, trouble) {
            (Some(documents), None) => Ok(documents),
            (_, trouble) => Err(trouble.unwrap_or_else(|| "not everything was listed".to_owned())),
        }
    }

    fn one(&self, source: Source) -> One<'_> {
        One { client: &self.access.client, namespace: &self.access.namespace, hub: &self.hub, source }
    }

    /// Runs for ever.
    pub async fn run(self) {
        let all = Source::ALL.map(|source| {
            let watch = self.one(source);
            async move {
                match source.necessity() {
                    Necessity::BuiltIn => watch.built_in().await,
                    Necessity::Optional | Necessity::Required => watch.custom().await,
                }
            }
        });
        join(self.hub.show(), join_all(all)).await;
    }
}

/// What is told of a definition whose objects go with it.
const LEAVING: &str = "is being deleted";
/// What is told of a definition without objects that could be asked for.
const UNSERVED: &str = "is defined and not served";

/// The watch of one source.
#[derive(Clone, Copy)]
struct One<'a> {
    client: &'a Client,
    namespace: &'a str,
    hub: &'a Hub,
    source: Source,
}

impl One<'_> {
    /// Follows objects of a kind that is always there.
    async fn built_in(self) {
        let mut watcher = Watcher::new(self.client, self.source.place("v1", self.namespace));
        loop {
            match watcher.next().await {
                Happening::Applied(object) => self.hub.applied(self.source, object),
                Happening::Confirmed => self.hub.confirmed(self.source),
                Happening::Deleted(key) => self.hub.deleted(self.source, &key),
                Happening::Listed(objects) => self.hub.listed(self.source, &objects),
                Happening::NotThere => self.hub.trouble(self.source, format!("{} are not there", self.source.name())),
                Happening::Trouble(trouble) => self.hub.trouble(self.source, trouble),
            }
        }
    }

    /// Follows a definition, and its objects while it is there.
    async fn custom(self) {
        let (tell, told) = watch::channel(None);
        join(self.definition(&tell), self.objects(told)).await;
    }

    async fn definition(self, tell: &watch::Sender<Option<Definition>>) {
        let only = format!("metadata.name={}", self.source.name());
        let mut watcher = Watcher::new(self.client, definition::place().only(only));
        let read = |object: Option<&Object>| object.map_or(Ok(Definition::Absent), Definition::read);
        loop {
            let found = match watcher.next().await {
                Happening::Applied(object) => read(Some(&object)),
                Happening::Confirmed => {
                    self.hub.definition_confirmed(self.source);
                    continue;
                }
                Happening::Deleted(_) => Ok(Definition::Absent),
                Happening::Listed(objects) => read(objects.first()),
                Happening::NotThere => Err("definitions are not there".to_owned()),
                Happening::Trouble(trouble) => Err(trouble),
            };
            match found {
                Ok(found) => {
                    match &found {
                        Definition::Absent => self.hub.undefined(self.source),
                        Definition::Leaving => self.hub.unserved(self.source, LEAVING),
                        Definition::Served(version) => self.hub.defined(self.source, version),
                        Definition::Unserved => self.hub.unserved(self.source, UNSERVED),
                    }
                    tell.send_if_modified(|told| {
                        let is_new = told.as_ref() != Some(&found);
                        *told = Some(found);
                        is_new
                    });
                }
                Err(trouble) => self.hub.definition_trouble(self.source, trouble),
            }
        }
    }

    async fn objects(self, mut told: watch::Receiver<Option<Definition>>) {
        loop {
            let definition = told.borrow_and_update().clone();
            let followed = async {
                match definition {
                    Some(Definition::Served(version)) => self.follow(&version).await,
                    Some(Definition::Absent | Definition::Leaving | Definition::Unserved) | None => {
                        std::future::pending::<()>().await;
                    }
                }
            };
            tokio::select! {
                () = followed => {}
                changed = told.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    /// What follows its objects at `version`.
    fn watcher(self, version: &str) -> Watcher {
        let watcher = Watcher::new(self.client, self.source.place(version, self.namespace));
        if self.source.is_bounded_by_namespace() { watcher.bounded_by_namespace() } else { watcher }
    }

    /// Reads its objects at `version`, once.
    async fn read(self, version: &str) -> Result<(), ApiError> {
        let objects = self.watcher(version).list().await?;
        self.hub.listed(self.source, &objects);
        Ok(())
    }

    /// Reads its definition, and its objects where there may be some, once.
    async fn read_custom(self) -> Result<(), ApiError> {
        let mut definition = self.ask_definition().await?;
        if let Definition::Served(version) = &definition {
            self.read(version).await?;
            // Objects go with their definition, one by one: those of one that leaves may not be all.
            definition = self.ask_definition().await?;
        }
        match definition {
            Definition::Absent => self.hub.undefined(self.source),
            Definition::Leaving => self.hub.unserved(self.source, LEAVING),
            Definition::Served(version) => self.hub.defined(self.source, &version),
            Definition::Unserved => self.hub.unserved(self.source, UNSERVED),
        }
        Ok(())
    }

    /// Follows the objects of a definition at `version`.
    async fn follow(self, version: &str) {
        let mut watcher = self.watcher(version);
        loop {
            match watcher.next().await {
                Happening::Applied(object) => self.hub.applied(self.source, object),
                Happening::Confirmed => self.hub.confirmed(self.source),
                Happening::Deleted(key) => {
                    self.unless_leaving().await;
                    self.hub.deleted(self.source, &key);
                }
                Happening::Listed(objects) => {
                    if self.hub.knows_more_than(self.source, &objects) {
                        self.unless_leaving().await;
                    }
                    self.hub.listed(self.source, &objects);
                }
                Happening::NotThere => self.hub.trouble(self.source, format!("{} are not there", self.source.name())),
                Happening::Trouble(trouble) => self.hub.trouble(self.source, trouble),
            }
        }
    }

    /// Returns if the definition is there to stay. Whoever deletes a definition deletes its objects with it, one by one:
    /// nobody has decided that there are to be no policies. Then this waits until the watch of the definition ends it.
    async fn unless_leaving(self) {
        let mut pause = limits::API_WAIT;
        loop {
            match self.ask_definition().await {
                Ok(Definition::Served(_)) => return,
                Ok(Definition::Absent | Definition::Leaving | Definition::Unserved) => {
                    self.hub.unserved(self.source, LEAVING);
                }
                Err(error) => self.hub.trouble(self.source, error.to_string()),
            }
            sleep(pause).await;
            pause = (pause * 2).min(limits::API_LONGEST_WAIT);
        }
    }

    async fn ask_definition(self) -> Result<Definition, ApiError> {
        let request = wire::get(&definition::place().object(self.source.name()))?;
        let body = match wire::read(self.client, request, limits::API_EVENT_BYTES).await {
            Ok(body) => body,
            Err(ApiError::NotFound(_)) => return Ok(Definition::Absent),
            Err(error) => return Err(error),
        };
        let text = str::from_utf8(&body).map_err(|_| ApiError::Trouble("a definition is no UTF-8".to_owned()))?;
        Definition::of(text).map_err(ApiError::Trouble)
    }
}
