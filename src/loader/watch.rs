//! Generation after generation, as the files change.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::thread;

use aws_lc_rs::digest;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::load::from_files;
use super::{Elsewhere, LoadError, Loaded, Settings, Status, TextFile, clock, read};
use crate::limits;
use crate::policy::PolicySet;

/// Reads the files again and again and publishes what they say.
#[derive(Debug)]
pub struct Loader {
    settings: Settings,
    seen: Option<Seen>,
    policies: watch::Sender<Option<Arc<PolicySet>>>,
    status: watch::Sender<Status>,
}

impl Loader {
    /// Loads the first generation.
    ///
    /// # Errors
    /// As [`load`](super::load): a program without policies does not start.
    pub fn open(settings: Settings) -> Result<Self, LoadError> {
        let files = read(&settings.path)?;
        let seen = Seen { files: fingerprint(&files), elsewhere: settings.elsewhere.version() };
        let loaded = from_files(&files, &settings)?;
        Ok(Self {
            settings,
            seen: Some(seen),
            policies: watch::Sender::new(Some(Arc::clone(&loaded.set))),
            status: watch::Sender::new(Status::of(1, &loaded)),
        })
    }

    /// The set in force. It is there from the beginning, and never goes away again.
    pub fn policies(&self) -> watch::Receiver<Option<Arc<PolicySet>>> {
        self.policies.subscribe()
    }

    /// How fresh it is.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// What is known of what lies elsewhere.
    pub fn elsewhere(&self) -> &Elsewhere {
        &self.settings.elsewhere
    }

    /// Looks at the files at once and then at every interval, and whenever something elsewhere changes, until `shutdown` ends. Reading
    /// and compiling is one blocking call at a time, away from the threads that serve.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut elsewhere = self.settings.elsewhere.changes();
        let mut ticks = interval(self.settings.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = tokio::select! {
                () = &mut shutdown => return,
                now = ticks.tick() => now,
                () = elsewhere.next() => clock::now(),
            };
            let settings = self.settings.clone();
            let seen = self.seen;
            #[expect(
                clippy::disallowed_methods,
                reason = "one blocking call at a time, bounded by the limits of files: thousands of policies must not \
                          hold up the threads that answer admissions"
            )]
            let attempt = tokio::task::spawn_blocking(move || attempt(&settings, seen, rest)).await;
            match attempt {
                Ok(attempt) => self.apply(attempt, now),
                Err(_) => {
                    self.seen = None;
                    self.stale("reading the policies failed unexpectedly".to_owned());
                }
            }
        }
    }

    /// Looks at the files once; it is `now`.
    pub fn poll(&mut self, now: Instant) {
        self.poll_around(now, rest);
    }

    /// The same with something else in place of the rest before the second look.
    pub(super) fn poll_around(&mut self, now: Instant, rest: impl FnOnce()) {
        let attempt = attempt(&self.settings, self.seen, rest);
        self.apply(attempt, now);
    }

    fn apply(&mut self, attempt: Attempt, now: Instant) {
        match attempt {
            Attempt::Failed(seen, error) => {
                self.seen = seen;
                self.stale(error.to_string());
            }
            Attempt::Loaded(seen, loaded) => {
                self.seen = Some(seen);
                self.publish(&loaded, now);
            }
            // The files say what they said. Where that made a set, it is fresh; where it was an error, it still is one.
            Attempt::Unchanged => {
                self.status.send_if_modified(|status| {
                    if status.stale.is_none() {
                        status.read_at = Some(now);
                    }
                    false
                });
            }
        }
    }

    /// Publishes what was loaded. Where it says the same as the set in force, that one stays, and with it whatever is
    /// kept per generation.
    fn publish(&self, loaded: &Loaded, now: Instant) {
        let (generation, revision) = {
            let status = self.status.borrow();
            (status.generation, status.revision.clone())
        };
        let is_new = revision != loaded.set.revision();
        if is_new {
            self.policies.send_replace(Some(Arc::clone(&loaded.set)));
        }
        self.status.send_replace(Status { read_at: Some(now), ..Status::of(generation + u64::from(is_new), loaded) });
    }

    fn stale(&self, reason: String) {
        self.status.send_if_modified(|status| {
            let is_new = status.stale.as_ref() != Some(&reason);
            status.stale = Some(reason);
            is_new
        });
    }
}

/// What a set was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    files: Fingerprint,
    /// [`Elsewhere::version`].
    elsewhere: [u64; 3],
}

/// SHA-256 over the names and texts of all files.
type Fingerprint = [u8; 32];

/// What came of one look at the files.
enum Attempt {
    /// The set in force stays. There is a fingerprint where the files could be read, and it need not be tried again
    /// before they change.
    Failed(Option<Seen>, LoadError),
    Loaded(Seen, Box<Loaded>),
    /// The files, and what lies elsewhere, are those that were seen last.
    Unchanged,
}

/// Looks at the files, and where they changed a second time, after a `rest`.
fn attempt(settings: &Settings, seen: Option<Seen>, rest: impl FnOnce()) -> Attempt {
    // Before the documents are compiled: what changes meanwhile is another change.
    let elsewhere = settings.elsewhere.version();
    let files = match read(&settings.path) {
        Ok(files) => files,
        Err(error) => return Attempt::Failed(None, error.into()),
    };
    let now = Seen { files: fingerprint(&files), elsewhere };
    if seen == Some(now) {
        return Attempt::Unchanged;
    }
    // Whoever writes a file in its place has an empty or half a file first, which may read like a set with fewer policies.
    rest();
    match read(&settings.path) {
        Ok(again) if again == files => {}
        Ok(_) => return Attempt::Failed(None, LoadError::Unsettled),
        Err(error) => return Attempt::Failed(None, error.into()),
    }
    match from_files(&files, settings) {
        Ok(loaded) => Attempt::Loaded(now, Box::new(loaded)),
        Err(error) => Attempt::Failed(Some(now), error),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is waited for is that nothing happens, on a thread for blocking work"
)]
fn rest() {
    thread::sleep(limits::POLICY_FILES_REST);
}

fn fingerprint(files: &[TextFile]) -> Fingerprint {
    let mut context = digest::Context::new(&digest::SHA256);
    for file in files {
        for part in [&file.name, &file.text] {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            context.update(&length.to_be_bytes());
            context.update(part.as_bytes());
        }
    }
    let mut sum = [0; 32];
    sum.copy_from_slice(context.finish().as_ref());
    sum
}
