//! One collection, listed and then followed, and listed again from time to time.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use http::Request;
use kube::Client;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, timeout};

use super::clock;
use super::object::{Key, Object};
use super::place::Place;
use super::wire::{self, ApiError, Cut, Lines};
use crate::limits;

/// Follows a collection: a list, which is complete or none, and then every change.
///
/// What breaks off is taken up again where it ended, and listed again where the API server does not know any more what
/// happened since. A watch says nothing of what it missed, after etcd was restored say: so it is also listed again after some
/// failures in a row, when versions go back, and from time to time. Waiting for the next happening may be given up at any time, and begun again.
pub(super) struct Watcher {
    client: Client,
    place: Place,
    bounds: Bounds,
    state: State,
    /// How long to wait before anything is asked again.
    pause: Option<Duration>,
    /// How long to wait after the next trouble.
    patience: Duration,
    again: Again,
}

/// Whether all is to be listed again although a watch could go on.
struct Again {
    listed_at: Instant,
    /// How long a list is believed.
    after: Duration,
    /// How often in a row the watch could not be opened.
    failures: usize,
    is_due: bool,
    /// Whether that failed just now: then the watch goes on first.
    is_tried: bool,
}

impl Again {
    fn new() -> Self {
        // Each watch another time, so that the API server is not asked for everything at once.
        let spread = limits::API_RELIST_SPREAD.as_secs().max(1);
        let after = limits::API_RELIST_TIME + Duration::from_secs(RandomState::new().build_hasher().finish() % spread);
        Self { listed_at: clock::now(), after, failures: 0, is_due: false, is_tried: false }
    }

    fn listed(&mut self) {
        *self = Self { listed_at: clock::now(), after: self.after, failures: 0, is_due: false, is_tried: false };
    }

    /// A watch ended.
    fn ended(&mut self) {
        self.is_tried = false;
        self.is_due |= clock::now().duration_since(self.listed_at) >= self.after;
    }

    /// A watch could not be opened.
    fn failed(&mut self) {
        self.is_tried = false;
        self.failures = self.failures.saturating_add(1);
        self.is_due |= self.failures >= limits::API_WATCH_FAILURES;
    }
}

enum State {
    Listing,
    Watching { version: String, lines: Option<Lines> },
}

/// What happens to a collection.
#[derive(Debug)]
pub(super) enum Happening {
    /// An object is new, or changed.
    Applied(Object),
    /// Up to now nothing else happened than what was told.
    Confirmed,
    /// An object is gone.
    Deleted(Key),
    /// These are all objects.
    Listed(Vec<Object>),
    /// The API server has no such collection.
    NotThere,
    /// It is not known what happens.
    Trouble(String),
}

impl Watcher {
    pub(super) fn new(client: &Client, place: Place) -> Self {
        let (client, again) = (client.clone(), Again::new());
        Self {
            client,
            place,
            bounds: Bounds::TOGETHER,
            state: State::Listing,
            pause: None,
            patience: limits::API_WAIT,
            again,
        }
    }

    /// The same, but the objects of each namespace have a ceiling of their own.
    pub(super) fn bounded_by_namespace(self) -> Self {
        Self { bounds: Bounds::ByNamespace { spent: BTreeMap::new() }, ..self }
    }

    /// All objects, once.
    pub(super) async fn list(&self) -> Result<Vec<Object>, ApiError> {
        list(&self.client, &self.place, self.bounds.clone(), wire::get).await.map(|(objects, _)| objects)
    }

    /// The next happening.
    pub(super) async fn next(&mut self) -> Happening {
        loop {
            if let Some(pause) = self.pause {
                sleep(pause).await;
                self.pause = None;
            }
            match &mut self.state {
                State::Listing => match list(&self.client, &self.place, self.bounds.clone(), wire::get).await {
                    Ok((objects, version)) => return self.listed(objects, version),
                    Err(error) => return self.failed(error),
                },
                State::Watching { version: _, lines: None } if self.again.is_due && !self.again.is_tried => {
                    match list(&self.client, &self.place, self.bounds.clone(), wire::get).await {
                        Ok((objects, version)) => return self.listed(objects, version),
                        Err(error) => {
                            self.again.is_tried = true;
                            return self.failed(error);
                        }
                    }
                }
                State::Watching { version, lines: None } => match watch(&self.client, &self.place, version).await {
                    Ok(opened) => {
                        let was_away = self.again.is_due && self.again.failures > 0;
                        self.state = State::Watching { version: version.clone(), lines: Some(opened) };
                        self.patience = limits::API_WAIT;
                        self.again.failures = 0;
                        if !was_away {
                            return Happening::Confirmed;
                        }
                        // What happened in so long a time is still to come, and nobody says when that was all. A list does.
                        return match list(&self.client, &self.place, self.bounds.clone(), wire::get).await {
                            Ok((objects, version)) => self.listed(objects, version),
                            Err(error) => self.failed(error),
                        };
                    }
                    Err(ApiError::Expired) => self.state = State::Listing,
                    Err(error) => {
                        self.again.failed();
                        return self.failed(error);
                    }
                },
                State::Watching { version, lines: Some(open) } => {
                    let longest = limits::WATCH_TIME + limits::API_TIME;
                    match timeout(longest, open.next()).await {
                        Ok(Ok(Some(line))) => match read(&line) {
                            // This is another history: nobody told what is not in it any more.
                            Ok(event) if event.version().is_some_and(|newer| is_before(newer, version)) => {
                                self.state = State::Listing;
                            }
                            Ok(Event::Applied(object)) => {
                                version.clone_from(&object.version);
                                return Happening::Applied(object);
                            }
                            Ok(Event::Bookmark(newer)) => {
                                *version = newer;
                                return Happening::Confirmed;
                            }
                            Ok(Event::Deleted(object)) => {
                                *version = object.version;
                                return Happening::Deleted(object.key);
                            }
                            Ok(Event::Expired) => self.state = State::Listing,
                            // What it was is not known: a list will say.
                            Err(error) => {
                                self.state = State::Listing;
                                return self.failed(ApiError::Trouble(error));
                            }
                        },
                        // Opened again it would be sent again, and nothing after it would be seen.
                        Ok(Err(Cut::TooLong)) => {
                            self.state = State::Listing;
                            return self.failed(trouble("an event is too long to be read"));
                        }
                        // It ends by itself from time to time, and breaks where the API server does. Opening it again
                        // will tell which.
                        silent_or_over @ (Ok(Ok(None) | Err(Cut::Broken)) | Err(_)) => {
                            self.again.is_due |= silent_or_over.is_err();
                            self.state = State::Watching { version: std::mem::take(version), lines: None };
                            self.pause = Some(limits::API_WAIT);
                            self.again.ended();
                        }
                    }
                }
            }
        }
    }

    fn listed(&mut self, objects: Vec<Object>, version: String) -> Happening {
        self.state = State::Watching { version, lines: None };
        self.patience = limits::API_WAIT;
        self.again.listed();
        Happening::Listed(objects)
    }

    fn failed(&mut self, error: ApiError) -> Happening {
        self.pause = Some(self.patience);
        self.patience = (self.patience * 2).min(limits::API_LONGEST_WAIT);
        match error {
            ApiError::NotFound(_) => {
                self.state = State::Listing;
                Happening::NotThere
            }
            ApiError::Expired => {
                self.state = State::Listing;
                Happening::Trouble(error.to_string())
            }
            ApiError::Away { said: message, .. } | ApiError::Conflict(message) | ApiError::Trouble(message) => {
                Happening::Trouble(message)
            }
        }
    }
}

/// A page of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List<'a> {
    #[serde(default)]
    pub(super) metadata: ListMetadata,
    #[serde(borrow)]
    pub(super) items: Option<Vec<&'a RawValue>>,
}

/// What a page says of the whole.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListMetadata {
    #[serde(default)]
    resource_version: String,
    /// Where the next page begins; empty after the last.
    #[serde(default, rename = "continue")]
    pub(super) more: String,
}

/// How much of a list is taken.
#[derive(Clone, Debug)]
pub(super) enum Bounds {
    /// No more of all objects together than [`limits::API_LIST_BYTES`].
    Together { left: usize },
    /// Of each namespace as much as [`limits::TENANT_POLICY_BYTES`]; what is beyond is emptied.
    ByNamespace { spent: BTreeMap<String, usize> },
}

impl Bounds {
    /// Those of all objects together.
    pub(super) const TOGETHER: Self = Self::Together { left: limits::API_LIST_BYTES };

    /// Objects of a page.
    fn page(&self) -> usize {
        match self {
            Self::Together { .. } => limits::API_PAGE_OBJECTS,
            Self::ByNamespace { .. } => limits::API_PAGE_TENANT_OBJECTS,
        }
    }

    /// Bytes of the next page.
    fn ceiling(&self) -> usize {
        match self {
            Self::Together { left } => *left,
            Self::ByNamespace { .. } => limits::API_LIST_BYTES,
        }
    }

    /// A page had so many `bytes`.
    fn spend(&mut self, bytes: usize) {
        match self {
            Self::Together { left } => *left = left.saturating_sub(bytes),
            Self::ByNamespace { .. } => {}
        }
    }

    /// The object, or what may be kept of it.
    fn bound(&mut self, object: Object) -> Object {
        let Self::ByNamespace { spent } = self else {
            return object;
        };
        let spent = spent.entry(object.key.0.clone()).or_default();
        if *spent + object.json.len() > limits::TENANT_POLICY_BYTES {
            return object.emptied();
        }
        *spent += object.json.len();
        object
    }
}

/// Every object of `place`, asked for by `ask`, and the state in which these are all.
pub(super) async fn list(
    client: &Client,
    place: &Place,
    mut bounds: Bounds,
    ask: fn(&str) -> Result<Request<Vec<u8>>, ApiError>,
) -> Result<(Vec<Object>, String), ApiError> {
    let mut objects = Vec::new();
    let mut more = String::new();
    let page = bounds.page().to_string();
    loop {
        let mut parameters = vec![("limit", page.as_str())];
        if !more.is_empty() {
            parameters.push(("continue", &more));
        }
        let body = wire::read(client, ask(&place.query(&parameters))?, bounds.ceiling()).await?;
        bounds.spend(body.len());
        let list: List<'_> = serde_json::from_slice(&body).map_err(|_| trouble("a list cannot be read"))?;
        for item in list.items.unwrap_or_default() {
            objects.push(bounds.bound(Object::read(item).map_err(ApiError::Trouble)?));
        }
        if list.metadata.more.is_empty() {
            let version = list.metadata.resource_version;
            return if version.is_empty() { Err(trouble("a list has no version")) } else { Ok((objects, version)) };
        }
        more = list.metadata.more;
    }
}

async fn watch(client: &Client, place: &Place, version: &str) -> Result<Lines, ApiError> {
    let time = limits::WATCH_TIME.as_secs().to_string();
    let path = place.query(&[
        ("watch", "true"),
        ("allowWatchBookmarks", "true"),
        ("timeoutSeconds", &time),
        ("resourceVersion", version),
    ]);
    wire::open(client, wire::get(&path)?).await.map(Lines::new)
}

enum Event {
    Applied(Object),
    Bookmark(String),
    Deleted(Object),
    Expired,
}

impl Event {
    /// The version of the collection from which it comes.
    fn version(&self) -> Option<&str> {
        match self {
            Self::Applied(object) | Self::Deleted(object) => Some(&object.version),
            Self::Bookmark(version) => Some(version),
            Self::Expired => None,
        }
    }
}

/// Whether a version is an older one than `known`. Those that are no numbers cannot be compared.
fn is_before(version: &str, known: &str) -> bool {
    match (version.parse::<u64>(), known.parse::<u64>()) {
        (Ok(version), Ok(known)) => version < known,
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    what: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// `Status` of an event.
#[derive(Deserialize)]
struct Failed {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    message: String,
}

fn read(line: &[u8]) -> Result<Event, String> {
    let unreadable = |_| "an event cannot be read".to_owned();
    let line: Line<'_> = serde_json::from_slice(line).map_err(unreadable)?;
    match line.what {
        "ADDED" | "MODIFIED" => Object::read(line.object).map(Event::Applied),
        "BOOKMARK" => Object::read(line.object).map(|object| Event::Bookmark(object.version)),
        "DELETED" => Object::read(line.object).map(Event::Deleted),
        "ERROR" => {
            let failed: Failed = serde_json::from_str(line.object.get()).map_err(unreadable)?;
            if failed.code == 410 { Ok(Event::Expired) } else { Err(format!("a watch failed: {}", failed.message)) }
        }
        _ => Err("an event of an unknown type".to_owned()),
    }
}

fn trouble(message: &str) -> ApiError {
    ApiError::Trouble(message.to_owned())
}

#[cfg(test)]
mod tests;
