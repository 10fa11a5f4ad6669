//! The webhook configurations by which the API server asks: that they are there, believe the certificate, and ask about no
//! less than was installed.

mod asked;
mod found;
mod required;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use kube::Client;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use super::place::Place;
use super::trouble::{Standing, Trouble};
use super::wire::{self, ApiError};
use super::{Access, NamespaceCount};
use crate::limits;
use crate::policy::{WorkloadKind, WorkloadKinds};
use crate::telemetry::field;
pub use asked::WebhookAddress;
use asked::{ClientConfig, Rule};
use found::{Asked, Found};
use required::Required;

/// The configurations of this installation.
pub struct Webhooks {
    client: Client,
    names: Vec<String>,
    scope: Scope,
    kinds: WorkloadKinds,
}

/// The namespaces that have to be asked about, and where.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Those with a label alone.
    pub(super) labelled: bool,
    /// All but these.
    pub(super) left_out: BTreeSet<String>,
    /// Where to ask, if that is known, and the controller's own namespace.
    pub(super) address: Option<WebhookAddress>,
    pub(super) own: String,
    /// The conditions under which alone there has to be asked.
    pub(super) conditions: BTreeSet<MatchCondition>,
}

/// A condition under which the API server asks: what does not meet it is admitted unseen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct MatchCondition {
    /// What it is called.
    pub name: String,
    /// The condition, in CEL.
    pub expression: String,
}

impl Webhooks {
    /// Those of these names: about all namespaces, or those with a label, but never about `left_out`, `kube-system` and the
    /// controller's own.
    pub fn new(access: &Access, names: Vec<String>, labelled: bool, left_out: &[String]) -> Self {
        let always = ["kube-system", access.namespace.as_str()].map(str::to_owned);
        let left_out = left_out.iter().cloned().chain(always).collect();
        let own = access.namespace.clone();
        let scope = Scope { labelled, left_out, address: None, own, conditions: BTreeSet::new() };
        Self { client: access.client.clone(), names, scope, kinds: WorkloadKinds::default() }
    }

    /// The same, of which what validates has to ask about custom resources of these kinds as well.
    #[must_use]
    pub fn knowing(mut self, kinds: &WorkloadKinds) -> Self {
        self.kinds = kinds.clone();
        self
    }

    /// Counts the namespaces that are asked about.
    pub fn namespaces(&self) -> NamespaceCount {
        NamespaceCount::new(self.client.clone(), self.scope.clone())
    }

    /// The same that may ask under these conditions alone.
    pub fn asking_under(mut self, conditions: &[MatchCondition]) -> Self {
        self.scope.conditions.extend(conditions.iter().cloned());
        self
    }

    /// The same that have to ask at this address.
    pub fn asking_at(mut self, address: WebhookAddress) -> Self {
        self.scope.address = Some(address);
        self
    }

    /// Has each of them believe the authorities of `bundle`, where there is one.
    ///
    /// # Errors
    /// When that fails.
    pub(super) async fn keep_up(&self, bundle: Option<Bundle<'_>>) -> Result<Found, ApiError> {
        let mut missing = None;
        let mut narrowed = None;
        let mut believe = true;
        let mut foreign = None;
        let mut asked = BTreeMap::new();
        for name in &self.names {
            // There may be one of each kind, or of one of them.
            let mutating = self.look("mutatingwebhookconfigurations", name, bundle).await?;
            let validating = self.look("validatingwebhookconfigurations", name, bundle).await?;
            if mutating.is_none() && validating.is_none() {
                missing = Some(format!("there is no webhook configuration `{name}`"));
            }
            let found = [mutating.zip(Some(MUTATE)), validating.zip(Some(VALIDATE))];
            let found: Vec<_> = found.into_iter().flatten().collect();
            if let Some(bundle) = bundle {
                believe &= found.iter().all(|(configuration, _)| configuration.believes(bundle));
                let is_foreign = found.iter().any(|(configuration, _)| configuration.believes_others(bundle));
                foreign = is_foreign.then(|| name.clone()).or(foreign);
            }
            asked.extend(found.iter().flat_map(|(configuration, _)| configuration.asked(name)));
            let why = found.iter().find_map(|(configuration, path)| configuration.narrowed(&self.scope, path));
            let why = why.or_else(|| {
                let mut judging = found.iter().filter(|(_, path)| *path == VALIDATE);
                judging.find_map(|(configuration, _)| configuration.leaves_out(&self.kinds))
            });
            narrowed = why.map(|why| format!("the webhook configuration `{name}` is narrowed: {why}")).or(narrowed);
        }
        Ok(Found { missing, narrowed, believe, foreign, asked })
    }

    /// The one of this kind and name as it was found; it believes `bundle` from now on. None where there is none.
    async fn look(
        &self,
        plural: &str,
        name: &str,
        bundle: Option<Bundle<'_>>,
    ) -> Result<Option<Configuration>, ApiError> {
        let path = Place::new("admissionregistration.k8s.io", "v1", plural, None).object(name);
        let body = match wire::read(&self.client, wire::get(&path)?, limits::API_EVENT_BYTES).await {
            Ok(body) => body,
            Err(ApiError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let configuration: Configuration = serde_json::from_slice(&body)
            .map_err(|_| ApiError::Trouble(format!("the webhook configuration `{name}` cannot be read")))?;
        let patch = bundle.map(|bundle| configuration.patch(bundle)).unwrap_or_default();
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

/// Whom to believe, in base64 as configurations have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bundle<'a> {
    /// From now on.
    pub(super) now: &'a str,
    /// Before, if that is known.
    pub(super) before: Option<&'a str>,
}

/// Looks at the configurations where somebody else says whom they believe.
pub struct WebhookWatch {
    webhooks: Webhooks,
    trouble: Trouble,
}

impl WebhookWatch {
    /// Looks at these.
    pub fn new(webhooks: Webhooks) -> Self {
        Self { webhooks, trouble: Trouble::default() }
    }

    /// How they are.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.trouble.subscribe()
    }

    /// Looks again and again, also whether they believe who serves at `address`.
    pub async fn keep(self, address: SocketAddr) {
        loop {
            let (trouble, can_ask) = match self.webhooks.keep_up(None).await {
                Ok(found) => found.standing_at(address).await,
                Err(error) => (Some(error.to_string()), false),
            };
            self.trouble.tell(trouble, can_ask);
            sleep(self.trouble.pause()).await;
        }
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
    namespace_selector: Selector,
    #[serde(default)]
    object_selector: Map<String, Value>,
    #[serde(default)]
    match_conditions: Vec<MatchCondition>,
    #[serde(default)]
    match_policy: String,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Selector {
    match_labels: Map<String, Value>,
    match_expressions: Vec<Expression>,
}

#[derive(Deserialize)]
struct Expression {
    key: String,
    operator: String,
    #[serde(default)]
    values: Vec<String>,
}

/// The label that the API server keeps on each namespace, with its name.
const NAME: &str = "kubernetes.io/metadata.name";
/// The label by which a namespace asks for protection.
pub(super) const ENFORCE: &str = "countersign.dev/enforce";
/// The one of policy-controller.
pub(super) const INCLUDE: &str = "policy.sigstore.dev/include";
/// Where objects are changed, and where they are judged.
const MUTATE: &str = "/mutate";
const VALIDATE: &str = "/validate";
/// The webhook that tells authors what is wrong with their policies.
const POLICIES: &str = "policies.countersign.dev";
/// What the names of webhooks end with that are asked about namespaces with policy-controller's label.
const INCLUDED: &str = "-included.countersign.dev";

impl Expression {
    fn is(&self, key: &str, operator: &str, values: &[&str]) -> bool {
        self.key == key && self.operator == operator && self.values == values
    }
}

impl Selector {
    /// Whether it selects every namespace of `scope`: by the label of a webhook that is asked about those that are
    /// `included`, or of one that is not.
    fn selects(&self, scope: &Scope, included: bool) -> bool {
        let is_expected = |expression: &Expression| {
            let leaves_out = expression.key == NAME
                && expression.operator == "NotIn"
                && expression.values.iter().all(|name| scope.left_out.contains(name));
            let by_label = scope.labelled
                && if included {
                    expression.is(INCLUDE, "In", &["true"]) || expression.is(ENFORCE, "NotIn", &["true"])
                } else {
                    expression.is(ENFORCE, "In", &["true"])
                };
            leaves_out || by_label
        };
        self.match_labels.is_empty() && self.match_expressions.iter().all(is_expected)
    }
}

impl Webhook {
    /// Whether objects are judged there: what is asked about policies is a courtesy.
    fn judges(&self) -> bool {
        self.name != POLICIES
    }

    /// Whether it is asked about namespaces with policy-controller's label.
    fn is_included(&self) -> bool {
        self.name.ends_with(INCLUDED)
    }

    fn asks_about_custom(&self, operation: &str, kind: &WorkloadKind) -> bool {
        self.rules.iter().any(|rule| rule.asks_about_custom(operation, kind))
    }
}

impl Configuration {
    /// By what less is asked than has to be at `path`, whoever changed it; none where nothing is.
    fn narrowed(&self, scope: &Scope, path: &str) -> Option<String> {
        let judging = || self.webhooks.iter().filter(|webhook| webhook.judges());
        if !judging().any(|webhook| !webhook.is_included()) {
            return Some("it has no webhook that judges".to_owned());
        }
        if scope.labelled && !judging().any(Webhook::is_included) {
            return Some(format!("it has no webhook for namespaces with the label {INCLUDE}"));
        }
        for webhook in judging() {
            let name = &webhook.name;
            if !webhook.client_config.asks_at(path, scope.address.as_ref(), &scope.own) {
                let of = scope.address.as_ref().map(|address| format!(" of {address}")).unwrap_or_default();
                return Some(format!("`{name}` is asked elsewhere than at `{path}`{of}"));
            }
            if webhook.failure_policy != "Fail" {
                return Some(format!("`{name}` does not say `failurePolicy: Fail`"));
            }
            if !webhook.object_selector.is_empty() {
                return Some(format!("`{name}` has an `objectSelector`, so labels of an object exempt it"));
            }
            if let Some(other) = webhook.match_conditions.iter().find(|it| !scope.conditions.contains(it)) {
                return Some(format!(
                    "the `matchConditions` of `{name}` hold `{}`, so there are objects that it is not asked about",
                    other.name
                ));
            }
            if !["", "Equivalent"].contains(&webhook.match_policy.as_str()) {
                return Some(format!(
                    "`{name}` does not say `matchPolicy: Equivalent`, so it is not asked about other versions"
                ));
            }
            if !webhook.namespace_selector.selects(scope, webhook.is_included()) {
                return Some(format!(
                    "the `namespaceSelector` of `{name}` leaves out namespaces that are to be protected"
                ));
            }
            if let Some(left_out) = Required::at(path).find(|required| !required.is_in(&webhook.rules)) {
                return Some(format!("`{name}` is not asked about {left_out}"));
            }
        }
        if path == VALIDATE { self.forgets_policies(scope) } else { None }
    }

    /// How authors of policies are no longer told what is wrong with them; none where they are.
    fn forgets_policies(&self, scope: &Scope) -> Option<String> {
        let Some(webhook) = self.webhooks.iter().find(|webhook| !webhook.judges()) else {
            return Some(format!("it has no webhook `{POLICIES}`, so nobody is told what is wrong with a policy"));
        };
        if !webhook.client_config.asks_at("/admit-policy", scope.address.as_ref(), &scope.own) {
            return Some(format!("`{POLICIES}` is asked elsewhere than at `/admit-policy`"));
        }
        let Selector { match_labels, match_expressions } = &webhook.namespace_selector;
        let is_for_all = match_labels.is_empty()
            && match_expressions.is_empty()
            && webhook.object_selector.is_empty()
            && webhook.match_conditions.is_empty();
        if !is_for_all {
            return Some(format!(
                "`{POLICIES}` has a selector or `matchConditions`, so it is not asked about all policies"
            ));
        }
        let left_out = Required::own().find(|required| !required.is_in(&webhook.rules))?;
        Some(format!("`{POLICIES}` is not asked about {left_out}"))
    }

    /// Which of `kinds` is not asked about; none where all are.
    fn leaves_out(&self, kinds: &WorkloadKinds) -> Option<String> {
        for webhook in self.webhooks.iter().filter(|webhook| webhook.judges()) {
            for kind in kinds.iter() {
                let left_out = ["CREATE", "UPDATE"].into_iter().find(|on| !webhook.asks_about_custom(on, kind));
                if let Some(operation) = left_out {
                    let (name, group, resource) = (&webhook.name, &kind.group, &kind.resource);
                    return Some(format!("`{name}` is not asked about {operation} of {resource} of {group}"));
                }
            }
        }
        None
    }

    /// How the webhooks of the configuration `name` ask, each with who does.
    fn asked(&self, name: &str) -> impl Iterator<Item = (Asked, String)> {
        self.webhooks.iter().filter_map(move |webhook| {
            let ClientConfig { ca_bundle, .. } = &webhook.client_config;
            let asked = Asked { host: webhook.client_config.host()?, bundle: ca_bundle.clone() };
            Some((asked, format!("`{}` in `{name}`", webhook.name)))
        })
    }

    /// Whether each webhook believes `bundle`.
    fn believes(&self, bundle: Bundle<'_>) -> bool {
        self.webhooks.iter().all(|webhook| webhook.client_config.ca_bundle == bundle.now)
    }

    /// Whether a webhook believes what is not, and was not, `bundle`. One that believes nobody yet believes no others.
    fn believes_others(&self, bundle: Bundle<'_>) -> bool {
        self.webhooks.iter().map(|webhook| webhook.client_config.ca_bundle.as_str()).any(|believed| {
            !believed.is_empty() && believed != bundle.now && bundle.before.is_none_or(|before| believed != before)
        })
    }

    /// What has to change so that each webhook believes `bundle`. Each change first tests that its webhook
    /// still stands where it was seen.
    fn patch(&self, bundle: Bundle<'_>) -> Vec<Value> {
        let bundle = bundle.now;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(labelled: bool) -> Scope {
        let own = "countersign-system".to_owned();
        let address = Some("countersign".parse().unwrap());
        let left_out = ["kube-system", "countersign-system"].map(str::to_owned).into();
        let condition =
            |expression: &str| MatchCondition { name: "known".to_owned(), expression: expression.to_owned() };
        let conditions = [condition("a == 'b'"), condition("c")].into();
        Scope { labelled, left_out, address, own, conditions }
    }

    /// As the chart makes it: `config/webhook` is compared with what it makes of its defaults.
    fn configuration(labelled: bool) -> Value {
        installed("ValidatingWebhookConfiguration", labelled)
    }

    fn installed(kind: &str, labelled: bool) -> Value {
        let manifests = include_str!("../../config/webhook/manifests.yaml");
        let all: Vec<Value> = serde_saphyr::from_multiple(manifests).unwrap();
        let mut found = all.into_iter().find(|object| object["kind"] == kind).unwrap();
        if !labelled {
            let webhooks = found["webhooks"].as_array_mut().unwrap();
            webhooks.retain(|webhook| !webhook["name"].as_str().unwrap().ends_with(INCLUDED));
            webhooks[0]["namespaceSelector"]["matchExpressions"].as_array_mut().unwrap().truncate(1);
        }
        found
    }

    fn narrowed(configuration: Value, labelled: bool) -> Option<String> {
        serde_json::from_value::<Configuration>(configuration).unwrap().narrowed(&scope(labelled), VALIDATE)
    }

    /// What is told where the value at `pointer` is another one.
    fn changed(labelled: bool, pointer: &str, value: Value) -> Option<String> {
        let mut configuration = configuration(labelled);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match configuration.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => configuration.pointer_mut(parent).unwrap()[name] = value,
        }
        narrowed(configuration, labelled)
    }

    #[test]
    fn h69_a_configuration_that_asks_about_less_is_told() {
        let expression =
            |key: &str, operator: &str, value: &str| json!([{"key": key, "operator": operator, "values": [value]}]);
        let selector = "/webhooks/0/namespaceSelector/matchExpressions";
        for labelled in [true, false] {
            assert_eq!(narrowed(configuration(labelled), labelled), None);
            for (pointer, value, why) in [
                ("/webhooks/0/failurePolicy", json!("Ignore"), "failurePolicy"),
                ("/webhooks/0/objectSelector", json!({"matchLabels": {"a": "b"}}), "objectSelector"),
                ("/webhooks/0/matchConditions", json!([{"name": "a", "expression": "false"}]), "matchConditions"),
                ("/webhooks/0/namespaceSelector/matchLabels", json!({"a": "b"}), "namespaceSelector"),
                (selector, expression(NAME, "NotIn", "prod"), "namespaceSelector"),
                (selector, expression(NAME, "In", "kube-system"), "namespaceSelector"),
                (selector, expression(ENFORCE, "NotIn", "true"), "namespaceSelector"),
                (selector, expression(ENFORCE, "In", "false"), "namespaceSelector"),
                (selector, expression("a", "DoesNotExist", ""), "namespaceSelector"),
                ("/webhooks/0/rules/0/operations", json!(["CREATE"]), "UPDATE of pods"),
                ("/webhooks/0/rules/0/resources", json!(["pods"]), "CREATE of podtemplates"),
                ("/webhooks/0/matchPolicy", json!("Exact"), "matchPolicy"),
                ("/webhooks/0/rules", json!([]), "CREATE of "),
                ("/webhooks/0/rules/0/resources", json!(["*"]), "UPDATE of pods/ephemeralcontainers"),
                ("/webhooks/0/rules/0/scope", json!("Cluster"), "CREATE of pods"),
                ("/webhooks/0/rules/0/apiGroups", json!(["apps"]), "CREATE of pods"),
                ("/webhooks/0/rules/0/apiVersions", json!(["v1beta1"]), "CREATE of pods"),
                ("/webhooks/0/clientConfig/service/name", json!("other"), "elsewhere"),
                ("/webhooks/0/clientConfig/service/namespace", json!("other"), "elsewhere"),
                ("/webhooks/0/clientConfig/service/path", json!("/mutate"), "elsewhere"),
                ("/webhooks/0/clientConfig/service/port", json!(8443), "elsewhere"),
                ("/webhooks/0/clientConfig", json!({"url": "https://a.example/validate"}), "elsewhere"),
                ("/webhooks", json!([]), "no webhook"),
            ] {
                let told = changed(labelled, pointer, value.clone());
                assert!(told.as_ref().is_some_and(|told| told.contains(why)), "{pointer} {value}: {told:?}");
            }
            // Each operation on each resource counts, as does what is asked about policies.
            let whole = configuration(labelled);
            let last = whole["webhooks"].as_array().unwrap().len() - 1;
            let mut left_out = 0;
            for (at, webhook) in whole["webhooks"].as_array().unwrap().iter().enumerate() {
                for (of, rule) in webhook["rules"].as_array().unwrap().iter().enumerate() {
                    for list in ["operations", "resources"] {
                        for (index, one) in rule[list].as_array().unwrap().iter().enumerate() {
                            let mut fewer = whole.clone();
                            fewer["webhooks"][at]["rules"][of][list].as_array_mut().unwrap().remove(index);
                            let (told, one) = (narrowed(fewer, labelled), one.as_str().unwrap());
                            let name = webhook["name"].as_str().unwrap();
                            let is_told = told.as_ref().is_some_and(|told| told.contains(one) && told.contains(name));
                            assert!(is_told, "{name}: {one}: {told:?}");
                            left_out += 1;
                        }
                    }
                }
            }
            assert_eq!(left_out, if labelled { 37 } else { 21 });
            let mut fewer = whole.clone();
            fewer["webhooks"].as_array_mut().unwrap().remove(last);
            assert!(narrowed(fewer, labelled).is_some_and(|told| told.contains(POLICIES)));
            for (field, value, why) in [
                ("clientConfig/service/path", json!("/validate"), "elsewhere"),
                ("clientConfig/service/name", json!("other"), "elsewhere"),
                ("namespaceSelector", json!({"matchLabels": {"a": "b"}}), "selector"),
                ("objectSelector", json!({"matchLabels": {"a": "b"}}), "selector"),
                ("matchConditions", json!([{"name": "a", "expression": "false"}]), "selector"),
                ("rules/0/scope", json!("Namespaced"), "CREATE of "),
                ("rules/0/apiVersions", json!(["v1"]), "CREATE of "),
            ] {
                let told = changed(labelled, &format!("/webhooks/{last}/{field}"), value);
                let is_told = told.as_ref().is_some_and(|told| told.contains(why) && told.contains(POLICIES));
                assert!(is_told, "{field}: {told:?}");
            }
            assert_eq!(changed(labelled, &format!("/webhooks/{last}/failurePolicy"), json!("Fail")), None);
            // What changes objects is asked about pods alone.
            let mutating = installed("MutatingWebhookConfiguration", labelled);
            let mutating: Configuration = serde_json::from_value(mutating).unwrap();
            assert_eq!(mutating.narrowed(&scope(labelled), MUTATE), None);
            let told = mutating.narrowed(&scope(labelled), VALIDATE);
            assert!(told.is_some_and(|told| told.contains("elsewhere")));
            // A condition is known by what it says.
            let conditions = "/webhooks/0/matchConditions";
            let condition = |name: &str, expression: &str| json!([{"name": name, "expression": expression}]);
            assert_eq!(changed(labelled, conditions, condition("known", "a == 'b'")), None);
            for (name, expression) in [("known", "false"), ("other", "c")] {
                let told = changed(labelled, conditions, condition(name, expression));
                assert!(told.is_some_and(|told| told.contains("matchConditions")), "{name} {expression}");
            }
            // Who asks about more has narrowed nothing.
            assert_eq!(changed(labelled, selector, json!([])), None);
            assert_eq!(changed(labelled, "/webhooks/0/rules/0/resources", json!(["*/*"])), None);
            let all = json!([{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}]);
            for at in [0, last] {
                assert_eq!(changed(labelled, &format!("/webhooks/{at}/rules"), all.clone()), None);
            }
            assert_eq!(changed(labelled, "/webhooks/0/rules/0/scope", json!("*")), None);
        }
        // By label, where all were to be asked about; and without policy-controller's label, where it was to count.
        assert!(narrowed(configuration(true), false).unwrap().contains("namespaceSelector"));
        assert!(narrowed(configuration(false), true).unwrap().contains(INCLUDE));
        // A release that is not called `countersign` says its name before those of its webhooks.
        let mut second = configuration(true);
        for at in [0, 1] {
            let name = second["webhooks"][at]["name"].as_str().unwrap();
            second["webhooks"][at]["name"] = json!(format!("second-countersign.{name}"));
        }
        assert_eq!(narrowed(second, true), None);
    }

    const NEW: Bundle<'_> = Bundle { now: "bmV3", before: None };
    const OLD: Bundle<'_> = Bundle { now: "b2xk", before: None };

    #[test]
    fn h69_who_has_others_believed_is_told() {
        let with = |bundle: &str| {
            let mut text = configuration(true);
            text["webhooks"][1]["clientConfig"]["caBundle"] = json!(bundle);
            serde_json::from_value::<Configuration>(text).unwrap()
        };
        let renewed = Bundle { now: "bmV3", before: Some("b2xk") };
        for (found, bundle, is_foreign) in [
            ("", NEW, false),
            ("bmV3", NEW, false),
            ("b2xk", NEW, true),
            ("b2xk", renewed, false),
            ("ZXZpbA==", renewed, true),
            ("bmV3", renewed, false),
        ] {
            assert_eq!(with(found).believes_others(bundle), is_foreign, "{found} {bundle:?}");
        }
    }

    #[test]
    fn custom_resources_that_are_not_asked_about_are_told() {
        let kind = WorkloadKind {
            group: "argoproj.io".to_owned(),
            versions: vec!["v1alpha1".to_owned(), "v1".to_owned()],
            kind: "Rollout".to_owned(),
            resource: "rollouts".to_owned(),
            pod_specs: vec!["/spec/template/spec".parse().unwrap()],
            images: vec![],
            may_name_none: false,
        };
        let kinds = WorkloadKinds::new(vec![kind]).unwrap();
        let left_out = |rule: Value| {
            let mut configuration = configuration(false);
            configuration["webhooks"][0]["rules"].as_array_mut().unwrap().push(rule);
            serde_json::from_value::<Configuration>(configuration).unwrap().leaves_out(&kinds)
        };
        let rule = |group: &str, version: &str, operations: Value, resource: &str| {
            left_out(json!({
                "apiGroups": [group], "apiVersions": [version], "operations": operations, "resources": [resource],
            }))
        };
        let both = || json!(["CREATE", "UPDATE"]);
        assert_eq!(rule("argoproj.io", "v1", both(), "rollouts"), None);
        assert_eq!(rule("*", "*", json!(["*"]), "*"), None);
        let create = "`validate.countersign.dev` is not asked about CREATE of rollouts of argoproj.io";
        let update = "`validate.countersign.dev` is not asked about UPDATE of rollouts of argoproj.io";
        for (told, expected) in [
            (rule("apps", "v1", both(), "rollouts"), create),
            (rule("argoproj.io", "v2", both(), "rollouts"), create),
            (rule("argoproj.io", "v1", both(), "rollouts/status"), create),
            (rule("argoproj.io", "v1", json!(["CREATE"]), "rollouts"), update),
        ] {
            assert_eq!(told.as_deref(), Some(expected));
        }
        let none = serde_json::from_value::<Configuration>(configuration(true)).unwrap();
        assert_eq!(none.leaves_out(&WorkloadKinds::default()), None);
        assert_eq!(none.leaves_out(&kinds).as_deref(), Some(create));
    }

    #[test]
    fn whom_to_believe_is_changed_where_it_differs() {
        let mut text = configuration(true);
        text["webhooks"][1]["clientConfig"]["caBundle"] = json!("bmV3");
        let configuration: Configuration = serde_json::from_value(text.clone()).unwrap();
        assert!(!configuration.believes(NEW), "two webhooks have none");
        let patch = configuration.patch(NEW);
        let paths: Vec<_> = patch.iter().map(|change| change["path"].as_str().unwrap()).collect();
        assert_eq!(
            paths,
            [
                "/webhooks/0/name",
                "/webhooks/0/clientConfig/caBundle",
                "/webhooks/2/name",
                "/webhooks/2/clientConfig/caBundle"
            ]
        );
        for at in [0, 2] {
            text["webhooks"][at]["clientConfig"]["caBundle"] = json!("bmV3");
        }
        let configuration: Configuration = serde_json::from_value(text).unwrap();
        assert!(configuration.believes(NEW) && !configuration.believes(OLD));
        assert!(configuration.patch(NEW).is_empty());
    }
}
