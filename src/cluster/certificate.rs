//! The webhook's certificate, made by the replicas themselves and kept in a Secret that they share.

mod secret;

use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use super::place::Place;
use super::trouble::{Standing, Trouble};
use super::webhooks::{Bundle, Webhooks};
use super::wire::{self, ApiError};
use super::{Access, clock};
use crate::limits;
use crate::telemetry::field;
use secret::{Seen, Step, Stored};

/// A certificate with its key and the authority that signed it, all in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct MadeCertificate {
    /// The authority.
    pub authority: String,
    /// The certificate.
    pub chain: String,
    /// Its key.
    pub key: Zeroizing<String>,
    /// When its time is over.
    pub not_after: Timestamp,
}

/// Looks at a certificate, and says what is wrong with it.
pub type CheckMade = Box<dyn Fn(&MadeCertificate) -> Result<(), String> + Send + Sync>;

/// Who makes certificates.
pub struct Maker {
    /// Makes one.
    pub make: Box<dyn Fn() -> Result<MadeCertificate, String> + Send + Sync>,
    /// Whether the parts of one can be read and belong together, whatever the time is; else what is wrong.
    pub check: CheckMade,
}

/// Keeps the certificate of all replicas: makes the first, makes the next when two thirds of its time are over, and tells
/// the API server whom to believe before the next is used.
///
/// ```text
/// made ──2/3 of its time──▶ the next is made, and believed too ──some minutes──▶ the next is used, the last still believed
/// ```
///
/// The next is used when it was read back from every webhook configuration that its authority is believed. Until then the
/// last stays, up to the end of its time, and that is told.
///
/// Where the Secret is deleted, emptied or damaged, what is in use is put back at once, and the next is made, so that nobody
/// has to believe anything new at once, and what was thrown away is renewed.
///
/// Every replica does the same at any time: the API server takes a change only from who saw the last one.
pub struct CertificateKeeper {
    client: Client,
    namespace: String,
    secret: String,
    webhooks: Webhooks,
    maker: Maker,
    trouble: Trouble,
}

impl CertificateKeeper {
    /// Keeps it in the Secret `secret` of the controller's namespace, and keeps up `webhooks`.
    pub fn new(access: &Access, secret: impl Into<String>, webhooks: Webhooks, maker: Maker) -> Self {
        Self {
            client: access.client.clone(),
            namespace: access.namespace.clone(),
            secret: secret.into(),
            webhooks,
            maker,
            trouble: Trouble::default(),
        }
    }

    /// How it is with it and the webhook configurations.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.trouble.subscribe()
    }

    /// The certificate to begin with; none where it cannot be had at once, for which [`Self::standing`] says why.
    pub async fn first(&self) -> Option<MadeCertificate> {
        let first = match timeout(limits::CERTIFICATE_FIRST_TIME, self.look(None, None)).await {
            Ok(first) => first.map_err(|error| error.to_string()),
            Err(_) => Err("the API server cannot be asked for the certificate in time".to_owned()),
        };
        first.map_err(|error| self.trouble.tell(Some(error), false)).ok()
    }

    /// Looks again and again, and hands on what is to be used from then on by who listens at `address`. What it serves is
    /// verified there, as the API server would.
    pub async fn keep(
        self,
        mut used: Option<MadeCertificate>,
        address: SocketAddr,
        hand_on: impl Fn(&MadeCertificate),
    ) {
        let mut known = Known::default();
        loop {
            let (trouble, can_ask) = match self.look(known.believed(), used.as_ref()).await {
                Ok(certificate) => {
                    if used.as_ref() != Some(&certificate) {
                        tracing::info!(
                            { field::EVENT } = "certificate",
                            "served from now on: the certificate in the Secret"
                        );
                        hand_on(&certificate);
                        used = Some(certificate);
                    }
                    self.believe(&mut known, address).await
                }
                Err(error) => {
                    known.is_believed = false;
                    (Some(error.to_string()), false)
                }
            };
            self.trouble.tell(trouble, can_ask);
            sleep(self.trouble.pause()).await;
        }
    }

    /// Takes the step that is due, until none is, and gives the certificate to use. Every configuration was found to
    /// believe the bundle `believed` at the last look; `used` is served by this replica.
    async fn look(&self, believed: Option<&str>, used: Option<&MadeCertificate>) -> Result<MadeCertificate, ApiError> {
        // Each step makes the next one possible; replicas that race take a few more.
        for _ in 0..limits::CERTIFICATE_STEPS {
            let now = clock::timestamp();
            let make = || (self.maker.make)().map_err(ApiError::Trouble);
            let (step, written) = match self.read().await? {
                Seen::Lost { state, damage } => {
                    if let Some(damage) = damage {
                        tracing::error!(
                            { field::EVENT } = "certificate",
                            { field::DETAIL } = damage,
                            "the Secret of the certificate cannot be used"
                        );
                    }
                    let (step, stored) = match used.filter(|used| now < used.not_after) {
                        None => (Step::MakeFirst, Stored::first(make()?, now)),
                        Some(used) => (Step::PutBack, Stored::first(used.clone(), now).with_next(make()?, now)),
                    };
                    (step, self.replace(&stored.in_place_of(state)).await)
                }
                Seen::Nothing => (Step::MakeSecret, self.create().await),
                Seen::Stored(stored) => {
                    let step = Step::due(Some(&stored), now, believed == Some(stored.bundle().as_str()));
                    let changed = match step {
                        Step::MakeFirst => stored.anew(make()?, now),
                        Step::MakeSecret | Step::None | Step::PutBack => return Ok(stored.current),
                        Step::PrepareNext => stored.with_next(make()?, now),
                        Step::UseNext => stored.use_next(now),
                    };
                    (step, self.replace(&changed).await)
                }
            };
            match written {
                Ok(()) => tracing::info!({ field::EVENT } = "certificate", "{}", step.done()),
                Err(ApiError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ApiError::Trouble(format!("the Secret `{}` changes all the time", self.secret)))
    }

    fn place(&self) -> Place {
        Place::new("", "v1", "secrets", Some(&self.namespace))
    }

    async fn read(&self) -> Result<Seen, ApiError> {
        let request = wire::get(&self.place().object(&self.secret))?;
        match wire::read(&self.client, request, limits::API_EVENT_BYTES).await.map(Zeroizing::new) {
            Ok(body) => Stored::read(&body, &self.maker.check).map_err(ApiError::Trouble),
            Err(ApiError::NotFound(_)) => Ok(Seen::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Makes the Secret, with nothing in it: whoever fills it first has filled it for all. It is applied, because the API
    /// server knows its name then, and can hold the right to it.
    async fn create(&self) -> Result<(), ApiError> {
        let object = secret::empty(&self.namespace, &self.secret);
        let path = format!("{}?fieldManager=countersign", self.place().object(&self.secret));
        wire::write(&self.client, "PATCH", &path, wire::APPLY, &object).await
    }

    async fn replace(&self, stored: &Stored) -> Result<(), ApiError> {
        let object = stored.object(&self.namespace, &self.secret);
        wire::write(&self.client, "PUT", &self.place().object(&self.secret), wire::JSON, &object).await
    }

    /// Has the API server believe every authority that is in use, or may be soon, and tells what is wrong, also with what is
    /// served at `address`; and whether it can ask there.
    async fn believe(&self, known: &mut Known, address: SocketAddr) -> (Option<String>, bool) {
        known.is_believed = false;
        let stored = match self.read().await {
            Ok(Seen::Stored(stored)) => stored,
            Ok(Seen::Lost { .. } | Seen::Nothing) => return (None, false),
            Err(error) => return (Some(error.to_string()), false),
        };
        let bundle = stored.bundle();
        let found = self.webhooks.keep_up(Some(Bundle { now: &bundle, before: known.bundle.as_deref() })).await;
        let now = clock::timestamp();
        let (trouble, can_ask) = match found {
            Ok(found) => {
                // Another replica may just have renewed the certificate, and told the API server.
                if let Some(name) = &found.foreign
                    && self.is_still(&bundle).await
                {
                    known.foreign = Some((name.clone(), now));
                }
                known.is_believed = found.believe;
                known.bundle = Some(bundle);
                found.standing_at(address).await
            }
            Err(error) => (Some(error.to_string()), false),
        };
        let trouble = trouble.or_else(|| known.foreign_since(now));
        if !known.is_believed && stored.is_waiting(now) {
            let why = trouble.as_deref().unwrap_or("a webhook configuration had another `caBundle`");
            return (Some(format!("the next certificate is not used, because it is not believed yet: {why}")), can_ask);
        }
        (trouble, can_ask)
    }

    async fn is_still(&self, bundle: &str) -> bool {
        matches!(self.read().await, Ok(Seen::Stored(stored)) if stored.bundle() == bundle)
    }
}

/// What is known of the webhook configurations from the last looks at them.
#[derive(Default)]
struct Known {
    /// Whom each was told to believe.
    bundle: Option<String>,
    /// Whether each was found to believe that, without a change.
    is_believed: bool,
    /// The one that somebody had believe others, and when that was put right.
    foreign: Option<(String, Timestamp)>,
}

impl Known {
    /// The bundle that every one was found to believe at the last look.
    fn believed(&self) -> Option<&str> {
        self.bundle.as_deref().filter(|_| self.is_believed)
    }

    /// That others were believed, for some time after it was put right: long enough to be seen.
    fn foreign_since(&self, now: Timestamp) -> Option<String> {
        let (name, at) = self.foreign.as_ref()?;
        let is_recent = now.duration_since(*at).unsigned_abs() < limits::WEBHOOK_FOREIGN_TOLD;
        let text = || {
            format!(
                "the webhook configuration `{name}` had another `caBundle` at {at}: somebody else was believed; it was put right"
            )
        };
        is_recent.then(text)
    }
}

/// When two thirds of the time from `now` to `not_after` are over.
fn two_thirds(now: Timestamp, not_after: Timestamp) -> Timestamp {
    let third = SignedDuration::from_secs(now.duration_until(not_after).as_secs() / 3);
    not_after.checked_sub(third).unwrap_or(now)
}
