//! The webhook's certificate, made by the replicas themselves and kept in a Secret that they share.

mod secret;

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::place::Place;
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

/// Makes a certificate.
pub type Make = Box<dyn Fn() -> Result<MadeCertificate, String> + Send + Sync>;

/// Keeps the certificate of all replicas: makes the first, makes the next when two thirds of its time are over, and tells
/// the API server whom to believe before the next is used.
///
/// ```text
/// made ──2/3 of its time──▶ the next is made, and believed too ──some minutes──▶ the next is used, the last still believed
/// ```
///
/// Every replica does the same at any time: the API server takes a change only from who saw the last one.
pub struct CertificateKeeper {
    client: Client,
    namespace: String,
    secret: String,
    webhooks: Vec<String>,
    make: Make,
    trouble: watch::Sender<Option<String>>,
}

impl CertificateKeeper {
    /// Keeps it in the Secret `secret` of the controller's namespace, for the webhook configurations named `webhooks`.
    pub fn new(access: &Access, secret: impl Into<String>, webhooks: Vec<String>, make: Make) -> Self {
        Self {
            client: access.client.clone(),
            namespace: access.namespace.clone(),
            secret: secret.into(),
            webhooks,
            make,
            trouble: watch::Sender::new(None),
        }
    }

    /// What is wrong; none where nothing is.
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.subscribe()
    }

    /// The certificate to begin with. This waits until the API server can be asked.
    pub async fn first(&self) -> MadeCertificate {
        loop {
            match self.look().await {
                Ok(certificate) => return certificate,
                Err(error) => self.tell(Some(error.to_string())),
            }
            sleep(limits::API_LONGEST_WAIT).await;
        }
    }

    /// Looks again and again, and hands on what is to be used from then on.
    pub async fn keep(self, mut used: MadeCertificate, hand_on: impl Fn(&MadeCertificate)) {
        loop {
            let trouble = match self.look().await {
                Ok(certificate) => {
                    if certificate != used {
                        tracing::info!(
                            { field::EVENT } = "certificate",
                            "served from now on: the certificate in the Secret"
                        );
                        hand_on(&certificate);
                        used = certificate;
                    }
                    self.believe().await.err()
                }
                Err(error) => Some(error),
            };
            self.tell(trouble.map(|error| error.to_string()));
            sleep(limits::CERTIFICATE_SECRET_POLL).await;
        }
    }

    fn tell(&self, trouble: Option<String>) {
        self.trouble.send_if_modified(|told| {
            let is_new = *told != trouble;
            if let (true, Some(trouble)) = (is_new, &trouble) {
                tracing::error!(
                    { field::EVENT } = "certificate",
                    { field::DETAIL } = trouble,
                    "the certificate or the webhook configurations cannot be kept up"
                );
            }
            *told = trouble;
            is_new
        });
    }

    /// Takes the step that is due, until none is, and gives the certificate to use.
    async fn look(&self) -> Result<MadeCertificate, ApiError> {
        // Each step makes the next one possible; replicas that race take a few more.
        for _ in 0..limits::CERTIFICATE_STEPS {
            let now = clock::timestamp();
            let make = || (self.make)().map_err(ApiError::Trouble);
            let (step, written) = match self.read().await? {
                Seen::Empty(state) => {
                    let first = Stored::first(make()?, now).in_place_of(state);
                    (Step::MakeFirst, self.replace(&first).await)
                }
                Seen::Nothing => (Step::MakeFirst, self.create(&Stored::first(make()?, now)).await),
                Seen::Stored(stored) => {
                    let step = Step::due(Some(&stored), now);
                    let changed = match step {
                        Step::MakeFirst => stored.anew(make()?, now),
                        Step::None => return Ok(stored.current),
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
            Ok(body) => Stored::read(&body).map_err(ApiError::Trouble),
            Err(ApiError::NotFound(_)) => Ok(Seen::Nothing),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, stored: &Stored) -> Result<(), ApiError> {
        let object = stored.object(&self.namespace, &self.secret);
        wire::write(&self.client, "POST", &self.place().query(&[]), wire::JSON, &object).await
    }

    async fn replace(&self, stored: &Stored) -> Result<(), ApiError> {
        let object = stored.object(&self.namespace, &self.secret);
        wire::write(&self.client, "PUT", &self.place().object(&self.secret), wire::JSON, &object).await
    }

    /// Has the API server believe every authority that is in use, or may be soon.
    async fn believe(&self) -> Result<(), ApiError> {
        let Seen::Stored(stored) = self.read().await? else {
            return Ok(());
        };
        let bundle = stored.bundle();
        let mut trouble = None;
        for name in &self.webhooks {
            // There may be one of each kind, or of one of them.
            let mutating = self.believe_in("mutatingwebhookconfigurations", name, &bundle).await?;
            let validating = self.believe_in("validatingwebhookconfigurations", name, &bundle).await?;
            if mutating.is_none() && validating.is_none() {
                trouble = Some(format!("there is no webhook configuration `{name}`"));
            }
            let narrowed = [mutating, validating].iter().flatten().find_map(Configuration::narrowed);
            trouble = narrowed.map(|why| format!("the webhook configuration `{name}` is narrowed: {why}")).or(trouble);
        }
        trouble.map_or(Ok(()), |trouble| Err(ApiError::Trouble(trouble)))
    }

    /// Keeps up the one of this name, and gives what it was; none where there is none.
    async fn believe_in(&self, plural: &str, name: &str, bundle: &str) -> Result<Option<Configuration>, ApiError> {
        let path = Place::new("admissionregistration.k8s.io", "v1", plural, None).object(name);
        let body = match wire::read(&self.client, wire::get(&path)?, limits::API_EVENT_BYTES).await {
            Ok(body) => body,
            Err(ApiError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let configuration: Configuration = serde_json::from_slice(&body)
            .map_err(|_| ApiError::Trouble(format!("the webhook configuration `{name}` cannot be read")))?;
        let patch = configuration.patch(bundle);
        if !patch.is_empty() {
            wire::write(&self.client, "PATCH", &path, wire::JSON_PATCH, &Value::Array(patch)).await?;
            tracing::info!(
                { field::EVENT } = "certificate",
                { field::NAME } = name,
                "{plural} believe the certificate"
            );
        }
        Ok(Some(configuration))
    }
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    webhooks: Vec<Webhook>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    name: String,
    client_config: ClientConfig,
    #[serde(default)]
    failure_policy: String,
    #[serde(default)]
    object_selector: Map<String, Value>,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    operations: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientConfig {
    #[serde(default)]
    ca_bundle: String,
}

impl Webhook {
    /// Whether objects are judged there: what is asked about policies is a courtesy.
    fn judges(&self) -> bool {
        self.name != POLICIES
    }

    fn asks_about(&self, operation: &str, resource: &str) -> bool {
        let names = |list: &[String], name: &str| list.iter().any(|listed| listed == name || listed == "*");
        self.rules.iter().any(|rule| names(&rule.operations, operation) && names(&rule.resources, resource))
    }
}

/// The webhook that tells authors what is wrong with their policies.
const POLICIES: &str = "policies.countersign.dev";

impl Configuration {
    /// By what less is asked than has to be, whoever changed it; none where nothing is.
    fn narrowed(&self) -> Option<String> {
        if !self.webhooks.iter().any(Webhook::judges) {
            return Some("it has no webhook that judges".to_owned());
        }
        for webhook in self.webhooks.iter().filter(|webhook| webhook.judges()) {
            let name = &webhook.name;
            if webhook.failure_policy != "Fail" {
                return Some(format!("`{name}` does not say `failurePolicy: Fail`"));
            }
            if !webhook.object_selector.is_empty() {
                return Some(format!("`{name}` has an `objectSelector`, so labels of an object exempt it"));
            }
            for (operation, resource) in
                [("CREATE", "pods"), ("UPDATE", "pods"), ("UPDATE", "pods/ephemeralcontainers")]
            {
                if !webhook.asks_about(operation, resource) {
                    return Some(format!("`{name}` is not asked about {operation} of {resource}"));
                }
            }
        }
        None
    }

    /// What has to change so that each webhook believes `bundle`, in base64. Each change first tests that its webhook
    /// still stands where it was seen.
    fn patch(&self, bundle: &str) -> Vec<Value> {
        let differing =
            self.webhooks.iter().enumerate().filter(|(_, webhook)| webhook.client_config.ca_bundle != bundle);
        let changes = differing.flat_map(|(at, webhook)| {
            [
                json!({"op": "test", "path": format!("/webhooks/{at}/name"), "value": webhook.name}),
                json!({"op": "add", "path": format!("/webhooks/{at}/clientConfig/caBundle"), "value": bundle}),
            ]
        });
        changes.collect()
    }
}

/// When two thirds of the time from `now` to `not_after` are over.
fn two_thirds(now: Timestamp, not_after: Timestamp) -> Timestamp {
    let third = SignedDuration::from_secs(now.duration_until(not_after).as_secs() / 3);
    not_after.checked_sub(third).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration() -> Value {
        json!({"webhooks": [
            {
                "name": "validate.countersign.dev", "clientConfig": {}, "failurePolicy": "Fail", "objectSelector": {},
                "rules": [{"operations": ["CREATE", "UPDATE"], "resources": ["pods", "pods/ephemeralcontainers"]}],
            },
            {"name": "policies.countersign.dev", "clientConfig": {}, "failurePolicy": "Ignore", "rules": []},
        ]})
    }

    fn narrowed(pointer: &str, value: Value) -> Option<String> {
        let mut configuration = configuration();
        *configuration.pointer_mut(pointer).unwrap() = value;
        serde_json::from_value::<Configuration>(configuration).unwrap().narrowed()
    }

    #[test]
    fn h69_a_configuration_that_asks_about_less_is_told() {
        let rows = [
            ("/webhooks/0/failurePolicy", json!("Ignore"), "failurePolicy"),
            ("/webhooks/0/objectSelector", json!({"matchLabels": {"a": "b"}}), "objectSelector"),
            ("/webhooks/0/rules/0/operations", json!(["CREATE"]), "UPDATE of pods"),
            ("/webhooks/0/rules/0/resources", json!(["pods"]), "UPDATE of pods/ephemeralcontainers"),
            ("/webhooks/0/rules", json!([]), "CREATE of pods"),
            ("/webhooks", json!([]), "no webhook"),
        ];
        for (pointer, value, why) in rows {
            let told = narrowed(pointer, value).unwrap();
            assert!(told.contains(why), "{told}");
        }
        assert_eq!(narrowed("/webhooks/0/name", json!("validate.countersign.dev")), None);
        assert_eq!(narrowed("/webhooks/0/rules/0/resources", json!(["*"])), None);
    }
}
