//! The ceilings of a controller that follows the API server, and is asked by it.

use std::time::Duration;

/// Time to connect to the API server. Scope: attempt; it is made again.
pub const API_CONNECT_TIME: Duration = Duration::from_secs(5);

/// Time until the API server begins to answer, and again until it has answered. Scope: request; it is made again.
pub const API_TIME: Duration = Duration::from_secs(15);

/// How long a watch lasts before it is opened again. Scope: watch. A connection that died silently is noticed after this
/// and [`API_TIME`].
pub const WATCH_TIME: Duration = Duration::from_secs(60);

/// How long a list is believed that a watch continues. Scope: collection; it is listed again when its watch ends the next
/// time. A watch does not tell what it never saw.
pub const API_RELIST_TIME: Duration = Duration::from_secs(900);

/// By how much longer at most, so that not everything is listed at once.
pub const API_RELIST_SPREAD: Duration = Duration::from_secs(300);

/// How often in a row a watch cannot be opened before its collection is listed again.
pub const API_WATCH_FAILURES: usize = 3;

/// The first wait before the API server is asked again; it doubles.
pub const API_WAIT: Duration = Duration::from_millis(100);

/// The longest wait before the API server is asked again.
pub const API_LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Objects of one page of a list.
pub const API_PAGE_OBJECTS: usize = 250;

/// Objects of one page of a list of what tenants write: each may have as many bytes as the API server allows.
pub const API_PAGE_TENANT_OBJECTS: usize = 25;

/// Bytes of one list with all its pages; of what tenants write, of one page. Scope: list; it counts as not listed.
pub const API_LIST_BYTES: usize = 64 << 20;

/// Bytes of the ImagePolicies of one namespace, as the API server sends them. Scope: namespace; the policies beyond count as
/// unreadable, and refuse every image of that namespace.
pub const TENANT_POLICY_BYTES: usize = 1 << 20;

/// Bytes of the Pods that a report keeps because conditions look at them. Scope: report; it is not made.
pub const REPORT_OBJECT_BYTES: usize = 256 << 20;

/// Pods whose images a report judges at once.
pub const REPORT_AT_ONCE: usize = 8;

/// Bytes of one event of a watch, or of one object. Scope: watch; its collection is listed again. etcd takes 1.5 MiB.
pub const API_EVENT_BYTES: usize = 8 << 20;

/// How often the Secret of the certificate and the webhook configurations are looked at, once the API server can ask.
pub const CERTIFICATE_SECRET_POLL: Duration = Duration::from_secs(10);

/// How long after its start a server is not ready because the webhook configurations are not there yet, or do not believe it.
/// After that it is, and tells of it: what cannot be seen from here (a proxy that answers for it) must not keep it away.
pub const WEBHOOK_FIRST_TIME: Duration = Duration::from_secs(60);

/// How long a start waits for the certificate that the replicas share. After that the server listens without it, so that
/// whoever watches it sees that it lives and is not ready.
pub const CERTIFICATE_FIRST_TIME: Duration = Duration::from_secs(10);

/// How long the API server is given to believe the next certificate before it is used.
pub const CERTIFICATE_SPREAD: Duration = Duration::from_secs(600);

/// How long it is told that a webhook configuration believed somebody else, after that was put right.
pub const WEBHOOK_FOREIGN_TOLD: Duration = Duration::from_secs(600);

/// Changes of the Secret of the certificate at one look. Scope: look; it is given up for now.
pub const CERTIFICATE_STEPS: usize = 8;

/// How long a pull secret, and what a ServiceAccount lists, is kept before it is read again. A registry that refuses what
/// it holds has it read again at once.
pub const PULL_SECRET_AGE: Duration = Duration::from_secs(300);

/// How long a pull secret is not read again whatever happens, so that refused credentials do not become requests.
pub const PULL_SECRET_REST: Duration = Duration::from_secs(10);

/// The time between two looks for pull secrets that get old. One that is used is read again, beside the requests that use
/// it, when half of [`PULL_SECRET_AGE`] is over.
pub const PULL_SECRET_LOOK: Duration = Duration::from_secs(30);

/// Pull secrets and ServiceAccounts that are kept. Scope: process; beyond, all are read again.
pub const PULL_SECRETS: usize = 4096;

/// Pull secrets of one workload. Scope: workload; the rest is not read.
pub const PULL_SECRETS_PER_WORKLOAD: usize = 16;

/// How long the Lease of the replica that writes for all lasts. Whoever sees no renewal for so long takes it.
pub const LEASE_TIME: Duration = Duration::from_secs(15);

/// How often it is renewed or looked at, and how long one look may take.
pub const LEASE_RENEW_TIME: Duration = Duration::from_secs(4);

/// How long after its last renewal its holder gives up, before others may take it.
pub const LEASE_GIVE_UP_TIME: Duration = Duration::from_secs(7);

/// How long after writing a status nothing is written to the same state of its object again: by then its watch shows it.
pub const STATUS_SETTLE_TIME: Duration = Duration::from_secs(30);

/// The first wait before a status is written again that could not be written; it doubles.
pub const STATUS_WAIT: Duration = Duration::from_secs(1);

/// The longest wait before a status is written again.
pub const STATUS_LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Failures in a row after which no other status is tried for now: the API server is away.
pub const STATUS_FAILURES: usize = 3;

/// Problems that the message of one condition tells. Scope: condition; how many more there are is told.
pub const CONDITION_PROBLEMS: usize = 5;

/// Characters of the message of one condition. Scope: condition; it ends with an ellipsis. Kubernetes takes 32768.
pub const CONDITION_CHARS: usize = 2048;

/// The longest note of an Event, in bytes: what `events.k8s.io/v1` takes. What is longer is cut.
pub const EVENT_NOTE_BYTES: usize = 1024;

/// The most that wait to be written as Events. What comes then is dropped and counted.
pub const EVENT_QUEUE: usize = 256;

/// The most Events that a replica remembers, so as to count repetitions instead of writing them again. Beyond, those that
/// happened the longest time ago are forgotten.
pub const EVENTS_REMEMBERED: usize = 1024;

/// How long an Event stands before a repetition is written whatever its number: well within the hour for which the API
/// server keeps Events by default.
pub const EVENT_REFRESH_TIME: Duration = Duration::from_secs(600);

/// How often one writing of an Event is tried while the API server does not answer or says that it is busy. Meanwhile
/// others wait, at most [`EVENT_QUEUE`].
pub const EVENT_TRIES: u32 = 5;

/// How long to wait before the second try, twice as long before each further one, and at most how long, whatever the API
/// server asks for.
pub const EVENT_WAIT: Duration = Duration::from_secs(1);
/// See [`EVENT_WAIT`].
pub const EVENT_LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long the log says nothing more of Events that cannot be written after it has said so once.
pub const EVENT_SILENCE: Duration = Duration::from_secs(600);

/// How many writes of Events may follow each other at once, in all and for the workloads of one namespace; and after which
/// time there is room for one more.
pub const EVENT_BURST: u32 = 50;
/// See [`EVENT_BURST`].
pub const EVENT_PAUSE: Duration = Duration::from_secs(1);
/// See [`EVENT_BURST`].
pub const EVENT_BURST_OF_NAMESPACE: u32 = 20;
/// See [`EVENT_BURST`].
pub const EVENT_PAUSE_OF_NAMESPACE: Duration = Duration::from_secs(6);

/// The time between two counts of namespaces, by the one replica that counts them.
pub const NAMESPACE_LOOK: Duration = Duration::from_secs(300);

/// Bytes of an error of the API server. Scope: answer; what it says is not told.
pub const API_ERROR_BYTES: usize = 64 << 10;
