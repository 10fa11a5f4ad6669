//! What can be measured: every metric, the alerts of the chart, and what is protected by nothing.
//!
//! `/metrics` of each replica answers Prometheus, by HTTPS on the port of the webhook. `metrics.serviceMonitor`,
//! `metrics.podMonitor`, `metrics.prometheusRule` and `metrics.dashboard` of the chart bring what scrapes it, the alerts
//! below, and a dashboard for Grafana. Each replica counts for itself: sum over totals, and take the `max` or `min` of the
//! others.
//!
//! # Metrics
//!
//! Labels come from closed lists, so that nobody who may send a request can make series: there is none with the name of an
//! image, a Pod, a namespace or a policy. That is in the log, which has a line for every verdict, in the audit annotations,
//! in Events, and in the conditions of each policy (`kubectl get clusterimagepolicies`). A `code` or a `reason` is one of
//! the [codes](super::deny_codes) of refusals, or the reason for which nothing had to be judged. A test compares this table
//! with the code.
//!
//! <!-- metrics -->
//!
//! | Metric | Type | Labels | What it is |
//! |---|---|---|---|
//! | `countersign_admission_duration_seconds` | histogram | `endpoint`: `admit_policy`, `mutate`, `validate` | Time from the headers of a request for admission to its answer. |
//! | `countersign_admission_requests_total` | counter | `decision`: `allow`, `deny`, `none`; `endpoint`: `admit_policy`, `mutate`, `validate`; `operation`: none, `CONNECT`, `CREATE`, `DELETE`, `UPDATE`; `reason`: a code | Requests for admission, by webhook, operation, decision and the code of the reason. |
//! | `countersign_authority_expiry_seconds` | gauge |  | Time until the next authority of a policy ends (`validUntil`); infinite without one. |
//! | `countersign_cache_entries` | gauge | `cache`: `cloud_credentials`, `pull_secrets`, `registry_tokens`, `service_accounts` | What is kept now. |
//! | `countersign_cache_hits_total` | counter | `cache`: `cloud_credentials`, `pull_secrets`, `registry_tokens`, `service_accounts` | Times that what was kept served, a failure of just now included. |
//! | `countersign_cache_misses_total` | counter | `cache`: `cloud_credentials`, `pull_secrets`, `registry_tokens`, `service_accounts` | Times that somebody waited until it was got. |
//! | `countersign_certificate_expiry_seconds` | gauge |  | Time until the webhook's certificate expires. |
//! | `countersign_certificate_refused_total` | counter |  | Certificates found on disk that could not be used. |
//! | `countersign_connections` | gauge |  | Open connections. |
//! | `countersign_connections_broken_total` | counter | `why`: `handshake`, `handshake_time`, `http`, `slow` | Connections that were cut off. |
//! | `countersign_events_total` | counter | `outcome`: `dropped`, `failed`, `limited`, `repeated`, `written` | Events about refusals and warnings, by what became of them. |
//! | `countersign_image_results_total` | counter | `code`: a code; `result`: `allow`, `deny` | Images judged, by result and the code of the first reason. |
//! | `countersign_kms_key_age_seconds` | gauge |  | The longest time since a key held elsewhere was read; 0 where none was. |
//! | `countersign_kms_keys` | gauge | `state`: `unusable`, `usable` | Keys held elsewhere that policies name, by state. |
//! | `countersign_leader` | gauge |  | 1 while this replica writes the status of policies for all. |
//! | `countersign_namespaces` | gauge | `state`: `left_out`, `protected`, `unlabelled` | Namespaces by whether their images are judged, counted by the replica that leads; 0 at the others. |
//! | `countersign_panics_total` | counter |  | Panics that became a refusal of one request. |
//! | `countersign_policies` | gauge | `state`: `invalid`, `valid` | Policies in use, by state. |
//! | `countersign_policies_age_seconds` | gauge |  | Time since the policies were last read. |
//! | `countersign_policies_ended` | gauge |  | Policies whose authorities have all ended (`validUntil`): what is signed now satisfies none of them. |
//! | `countersign_policies_permissive` | gauge | `why`: `empty_condition`, `static_pass`, `warn_mode` | Policies that let through what they seem to refuse, by why. |
//! | `countersign_policies_stale` | gauge |  | 1 while the newest policies cannot be used. |
//! | `countersign_ready` | gauge |  | 1 while `/readyz` says that this replica should be asked, else 0. |
//! | `countersign_registry_request_duration_seconds` | histogram | `kind`: `blob`, `document`, `manifest`, `referrers`, `token`, `write`; `outcome`: `answered`, `broken`, `cut_off`, `failed`, `rate_limited`, `refused` | Time from sending a request to a registry or a token service to the last byte of its answer. |
//! | `countersign_registry_requests_total` | counter | `outcome`: `answered`, `broken`, `cut_off`, `failed`, `rate_limited`, `refused` | Requests sent to registries and their token services, by what became of them. |
//! | `countersign_remote_conditions` | gauge | `state`: `unusable`, `usable` | Conditions at addresses that policies name, by state. |
//! | `countersign_requests_in_flight` | gauge |  | Requests for admission that are being judged. |
//! | `countersign_shed_total` | counter | `ceiling`: `bytes`, `descriptors`, `requests` | Requests refused unread or unjudged under load, and times that no connection could be taken. |
//! | `countersign_status_writes_total` | counter | `outcome`: `conflict`, `failed`, `written` | Writes of the status of policies. |
//! | `countersign_trace_spans_total` | counter | `outcome`: `dropped`, `exported`, `failed`, `rejected` | Spans of traces, by what became of them. |
//! | `countersign_trust_root_age_seconds` | gauge |  | The longest time since a repository vouched for its trust root; 0 where none has. |
//! | `countersign_trust_root_expiry_seconds` | gauge |  | Time until the first trust root ends, if its repository does not vouch for it again; infinite without one. |
//! | `countersign_trust_roots` | gauge | `state`: `invalid`, `stale`, `unreachable`, `usable` | Trust roots in repositories on the network, by state. |
//! | `countersign_verify_duration_seconds` | histogram |  | Time to verify what was found about one image, waiting for a free core included. |
//! | `countersign_webhook_configuration_trouble` | gauge |  | 1 while a webhook configuration is missing, asks about less than it should, does not believe the certificate, or cannot be kept up. |
//!
//! <!-- metrics -->
//!
//! A registry is asked as a part of an admission, so that `countersign_registry_request_duration_seconds` says what an
//! admission waited for: the time of one request with its answer, without the wait for a turn and between repetitions.
//! `cut_off` is what did not answer before the deadline of the admission; its time is that until the deadline.
//!
//! What is kept: tokens of registries, the credentials that clouds give, pull secrets, and what ServiceAccounts list; what
//! is read again in the background counts neither as hit nor as miss. Neither evidence nor verdicts are kept: every
//! admission asks the registry and verifies what it finds. Trust roots, keys and conditions that are held elsewhere are
//! kept fresh in the background, and nobody waits for them; their metrics are states and ages.
//!
//! # Alerts
//!
//! | Alert | When | What to do |
//! |---|---|---|
//! | `CountersignDown` | for 2 minutes no replica was scraped, or none was ready | [When nothing is admitted](super::install#when-nothing-is-admitted) |
//! | `CountersignNotReady` | for 5 minutes a replica was scraped and was not ready | `/readyz?verbose` of that replica says which check fails |
//! | `CountersignSlow` | one of a hundred admissions takes more than 80 % of `webhook.timeoutSeconds` | Look whether registries (`countersign_registry_request_duration_seconds`) or cores (`countersign_verify_duration_seconds`) are slow |
//! | `CountersignCertificateExpires` | the certificate ends within 7 days, or a new one cannot be used | `/readyz?verbose` and the log say why it is not renewed |
//! | `CountersignPoliciesStale` | for 5 minutes the policies could not be read, or nothing was heard of them for 10 | The log says which list or file cannot be read. The last good policies stay for `policies.maxAgeSeconds` |
//! | `CountersignPoliciesInvalid` | a policy is broken for 5 minutes; it refuses what it covers | `kubectl get clusterimagepolicies`, and the message of its condition `Ready` |
//! | `CountersignTrustRootStale` | a trust root ends within 2 days, or was refused or not read for 30 minutes | `kubectl get trustroots`, and the message of the condition |
//! | `CountersignKeysStale` | a key in a key management service, or a condition at an address, cannot be read | `/readyz?verbose` says which, and why |
//! | `CountersignAuthorityEnds` | the `validUntil` of an authority comes within 7 days, or that of all authorities of one policy has passed | Add the next authority before; what was signed in time stays good |
//! | `CountersignWarnsOnly` | for `metrics.prometheusRule.warnModeDays` there was a policy with `mode: warn` | Look at what it would refuse (`countersign_image_results_total{result="allow", code!=""}`), then enforce it |
//! | `CountersignWebhookConfigurationDrifts` | a webhook configuration is missing, asks about less than it should, or is not kept up | [Who may touch it](super::install#who-may-touch-it); `helm upgrade` brings it back |
//! | `CountersignRegistryErrors` | for 10 minutes registries do not answer, answer with errors, or ask to be left alone | The log and the refusals name the registry; [Registries](super::registries) |
//! | `CountersignDeniesMore` | five times as many images are refused as the day before; not on the first day | By `code`: a changed policy, a key that was replaced, or somebody who tries |
//! | `CountersignOverloaded` | requests are refused unread | More replicas (`autoscaling.enabled`), or more memory |
//! | `CountersignPanics` | something inside panicked | The request was refused. Please report it, with the line of the log |
//!
//! # What nothing protects
//!
//! There are no objects for exceptions: nothing exempts one image or one Pod, and no label or annotation that a Pod's
//! author writes does. What lets images in unverified is written down in a policy or in the values of the chart, and each
//! of it can be counted:
//!
//! | What | Where it is seen |
//! |---|---|
//! | namespaces about which nobody is asked | `countersign_namespaces{state="unlabelled"}` have no label that asks for protection, those with `state="left_out"` are excluded by `namespaces.exclude`, or are the release's own and `kube-system` |
//! | a webhook configuration that was changed or deleted | `countersign_webhook_configuration_trouble` |
//! | images that no policy covers, with `noMatch` other than `deny` | `countersign_image_results_total{result="allow", code="no_matching_policy"}` |
//! | policies in warn mode | `countersign_policies_permissive{why="warn_mode"}`; what they would refuse is `countersign_image_results_total{result="allow"}` with its code |
//! | policies with `static: {action: pass}` that suffices | `countersign_policies_permissive{why="static_pass"}` |
//! | conditions that hold of nothing (`allowEmpty`) | `countersign_policies_permissive{why="empty_condition"}` |
//! | objects of which nothing is judged: `kubectl exec`, deletions, images that are not changed, mirror Pods of their nodes | `countersign_admission_requests_total{decision="allow"}` with their `reason` |
//!
//! Namespaces are counted by the replica that leads, from a list every few minutes, by the labels that they have and the
//! values of the chart; whether the API server really asks about them says the line below. Which Pods run there unverified
//! nobody here counts: `countersign report -A` says it when asked.
