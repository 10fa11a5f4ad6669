//! Every ceiling of the program, on one page.
//!
//! Each has a unit (in its name or its type), a source (why this number), a scope, and says what happens when it is
//! met. There are two scopes, and they fail differently:
//!
//! - [`Scope::Artifact`]: one artifact of one image is too large or too deep. That artifact is rejected with
//!   `limit_exceeded` and the others count, so that an attacker who can push beside an image cannot switch its honest
//!   evidence off.
//! - [`Scope::Request`]: the image or the request as a whole asks for too much. It is denied.
//!
//! Nothing is ever truncated: what exceeds a ceiling is not read in part and believed.
//!
//! Those of conditions, custom resources, owners and traces stand on pages of their own, below this one.

mod api_server;
mod budget;
mod conditions;
mod custom_resources;
mod owners;
mod traces;

use std::time::Duration;

pub use api_server::*;
pub use budget::{Budget, Exceeded, Scope};
pub use conditions::*;
pub use custom_resources::*;
pub use owners::*;
pub use traces::*;

// ------------------------------------------------------------------------------------------------ admission requests

/// Bytes of an AdmissionReview. Scope: request; answered with HTTP 413. The API server's own ceiling for an object is
/// 3 MiB (`--max-request-body-bytes` of the aggregator, etcd's 1.5 MiB), and a review carries two objects.
pub const REVIEW_BYTES: usize = 8 << 20;

/// Nesting depth of an AdmissionReview. Scope: request; malformed. `serde_json`'s own recursion limit.
pub const REVIEW_DEPTH: usize = 128;

/// Bytes of the uid of a review. Scope: request; malformed. The API server's are UUIDs of 36 characters.
pub const REVIEW_UID_BYTES: usize = 256;

/// Entries of one list or map of an object that is read: containers, volumes, labels, a user's groups. Scope: request;
/// denied. Kubernetes sets no limit but the size of the object; this bounds the memory that a small body can ask for.
pub const OBJECT_LIST_ENTRIES: usize = 4096;

/// Images of one object, before equal ones are merged. Scope: request; denied. Kubernetes sets no limit; a Pod of
/// several hundred containers is an attack or a mistake.
pub const IMAGES_PER_REQUEST: usize = 512;

/// Different images of one object that have to be looked up. Scope: request; denied.
pub const DISTINCT_IMAGES_PER_REQUEST: usize = 64;

/// Bytes of an image reference. Scope: request; malformed. The name has at most 255, the tag 128, the digest 71.
pub const IMAGE_REFERENCE_BYTES: usize = 1024;

/// The deadline of a request where the API server names none with `?timeout=`. Kubernetes' own default.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// The longest deadline that is believed: Kubernetes refuses webhooks with a longer one.
pub const LONGEST_DEADLINE: Duration = Duration::from_secs(30);

/// What is kept back of a deadline, so that the answer arrives before the API server gives up: this or a tenth,
/// whichever is more.
pub const DEADLINE_RESERVE: Duration = Duration::from_millis(500);

/// What of a request's time is kept for verification when the registries are asked: this or a fifth, whichever is less.
/// A path that never answers must not take the time in which the others' evidence is verified. Scope: request.
pub const VERIFICATION_RESERVE: Duration = Duration::from_secs(1);

/// Bytes of a deny message. Scope: the answer; the rest is counted and left out politely, and `status.details.causes`
/// has them all up to [`DENY_CAUSES`].
pub const DENY_MESSAGE_BYTES: usize = 4096;

/// Causes in `status.details.causes`. Scope: the answer; the rest is counted.
pub const DENY_CAUSES: usize = 100;

/// Bytes of a name that a user chose, as messages print it. Scope: that name; the rest is left out. A Kubernetes name
/// has at most 253.
pub const PRINTED_NAME_BYTES: usize = 256;

/// Bytes of a finding, as messages print it. Scope: that finding; the rest is left out.
pub const PRINTED_FINDING_BYTES: usize = 512;

/// Reasons that are named for one refused image. Scope: the answer; the rest is counted.
pub const DENY_REASONS_PER_IMAGE: usize = 4;

/// Bytes of one audit annotation. Scope: the answer; the rest is counted. The API server sets no limit, and its log keeps
/// them for every request.
pub const AUDIT_ANNOTATION_BYTES: usize = 1024;

/// What `retryAfterSeconds` says where nobody knows better. Short, since clients of the API server wait that long up to
/// ten times before they tell their user why the image was refused
/// (<https://github.com/kubernetes/client-go/blob/v0.36.3/rest/with_retry.go>).
pub const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The longest `retryAfterSeconds`, whatever a registry asks for; the message says how long it asked. For the same reason.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3);

/// Characters of one admission warning. Source: the API server truncates longer ones
/// (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response>).
pub const WARNING_CHARS: usize = 120;

/// Bytes of all warnings of one answer; the API server drops what is beyond. Same source.
pub const WARNINGS_BYTES: usize = 4096;

// ------------------------------------------------------------------------------------------------------------ server

/// Bytes of the headers of a request. Scope: connection; answered with HTTP 431.
pub const HEADER_BYTES: usize = 32 << 10;

/// Time a client has to send its headers. Scope: connection; it is closed.
pub const HEADER_READ_TIME: Duration = Duration::from_secs(5);

/// Time a client has to send its body. Scope: request; answered with HTTP 408.
pub const BODY_READ_TIME: Duration = Duration::from_secs(10);

/// Time for a TLS handshake. Scope: connection; it is closed.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// Time that a connection may stay without a request. Scope: connection; it is closed. Longer than the 90 s for which
/// the API server keeps one, so that it is the API server that closes and no request is lost.
pub const IDLE_TIME: Duration = Duration::from_secs(120);

/// Time in which a client has to take some of its answer. Scope: connection; it is closed.
pub const WRITE_TIME: Duration = Duration::from_secs(10);

/// Header lines of a request. Scope: connection; answered with HTTP 431.
pub const HEADER_LINES: usize = 100;

/// Open connections. Scope: server; further ones wait in the listener's backlog. From half of it on, none is kept for a
/// second request.
pub const CONNECTIONS: usize = 1024;

/// Admission requests in flight. Scope: server; further ones are shed with a reasoned deny (`overloaded`).
pub const REQUESTS_IN_FLIGHT: usize = 256;

/// Bytes of request bodies in flight. Scope: server; further ones are shed.
pub const BODY_BYTES_IN_FLIGHT: usize = 64 << 20;

/// Time for requests in flight to finish when the server stops. Scope: server; then they are cut off. As long as any
/// client waits.
pub const DRAIN_TIME: Duration = LONGEST_DEADLINE;

/// How often certificate files are looked at.
pub const CERTIFICATE_POLL: Duration = Duration::from_secs(5);

// ---------------------------------------------------------------------------------------------------------- registry

/// Bytes of a manifest or index. Scope: artifact. The distribution specification asks registries to take at least
/// 4 MiB (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests>).
pub const MANIFEST_BYTES: usize = 4 << 20;

/// Bytes of one blob of evidence (payload, envelope, bundle). Scope: artifact. cosign's ceiling for attachments is
/// 128 MiB; Kyverno's for bundles 10 MB; large SBOMs reach some MiB.
pub const EVIDENCE_BLOB_BYTES: usize = 16 << 20;

/// Bytes of evidence fetched for one image. Scope: request; denied.
pub const EVIDENCE_BYTES_PER_IMAGE: usize = 64 << 20;

/// Layers of a `.sig` or `.att` manifest. Scope: request; denied. cosign reads at most 1000 (CVE-2023-46737).
pub const EVIDENCE_LAYERS: usize = 200;

/// Referrers of an image that may be evidence. Scope: request; denied. Kyverno reads at most 50.
pub const REFERRERS: usize = 200;

/// Pages of the referrers API. Scope: request; denied.
pub const REFERRER_PAGES: usize = 16;

/// Bytes of an error body or a token answer. Scope: that answer; cut off.
pub const SMALL_ANSWER_BYTES: usize = 64 << 10;

/// Bytes of a `WWW-Authenticate` header. Scope: that answer; the challenge is refused.
pub const CHALLENGE_BYTES: usize = 8 << 10;

/// Bytes of a bearer token. Scope: that answer; the token is refused.
pub const TOKEN_BYTES: usize = 32 << 10;

/// Redirects of one registry request. Scope: that request; it fails.
pub const REDIRECTS: usize = 5;

/// Repetitions of one registry request after 429, 5xx or a broken connection. Scope: that request.
pub const RETRIES: usize = 2;

/// Requests in flight to one registry. Scope: registry; further ones wait until their deadline.
pub const REQUESTS_PER_REGISTRY: usize = 32;

/// The most that may be configured in its place.
pub const MOST_REQUESTS_PER_REGISTRY: usize = 1024;

/// Mirrors that may be configured. Scope: program; it does not start.
pub const MIRRORS: usize = 256;

/// Bytes of the file that says how registries are reached. Scope: program; it does not start.
pub const REGISTRIES_FILE_BYTES: usize = 1 << 20;

/// How long a registry that just failed is not asked again; its reason is repeated meanwhile.
pub const REGISTRY_REST: Duration = Duration::from_secs(5);

/// Time to connect to a registry, TLS included. Scope: that request; unreachable.
pub const CONNECT_TIME: Duration = Duration::from_secs(3);

/// The longest life that is believed of a registry token that states its own.
pub const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// The life of a registry token that states none, which the token specification sets
/// (<https://distribution.github.io/distribution/spec/auth/token/>).
pub const UNSTATED_TOKEN_LIFE: Duration = Duration::from_secs(60);

/// Registry tokens that are kept. Scope: process; the expired and then any others are forgotten.
pub const TOKENS: usize = 10_000;

/// Credentials that are tried for one repository. Scope: request; the others are not tried.
pub const CREDENTIALS_PER_REPOSITORY: usize = 16;

/// Hosts whose state (connections in flight, rest, what was learned) is kept. Scope: process; idle ones are forgotten.
pub const HOSTS: usize = 1024;

/// How long it is remembered that a registry has no referrers API, so that the steady state spends no request on it.
pub const NO_REFERRERS_MEMORY: Duration = Duration::from_secs(300);

/// The first wait before a request is repeated where the registry does not say how long; it doubles each time.
pub const RETRY_WAIT: Duration = Duration::from_millis(50);

/// Time that an idle connection to a registry is kept open.
pub const IDLE_CONNECTION_TIME: Duration = Duration::from_secs(60);

// ---------------------------------------------------------------------------------------------------------- evidence

/// Log entries of one bundle. Scope: artifact. sigstore-go allows 32 (CVE-2024-45395).
pub const LOG_ENTRIES: usize = 32;

/// Timestamps of one bundle. Scope: artifact. sigstore-go allows 32 (CVE-2024-45395).
pub const TIMESTAMPS: usize = 32;

/// Subjects of one statement. Scope: artifact. sigstore-go allows 1024 (CVE-2024-45395).
pub const STATEMENT_SUBJECTS: usize = 1024;

/// Digests of one subject. Scope: artifact. sigstore-go allows 32 (CVE-2024-45395).
pub const SUBJECT_DIGESTS: usize = 32;

/// Certificates of one chain. Scope: artifact.
pub const CHAIN_CERTIFICATES: usize = 10;

/// Bytes of a file whose bundle is verified on the command line. Scope: request; its digest is asked for instead.
pub const SIGNED_FILE_BYTES: usize = 1 << 30;

/// Bundles in one file on the command line. Scope: request; refused.
pub const BUNDLES_OF_A_FILE: usize = 100;

/// Bytes of one certificate of evidence. Scope: artifact. Those of Fulcio have less than 2 KiB.
pub const CERTIFICATE_BYTES: usize = 16 << 10;

/// Alternative names of one signing certificate. Scope: artifact. Fulcio writes one.
pub const CERTIFICATE_NAMES: usize = 64;

/// Signed certificate timestamps of one certificate. Scope: artifact. Fulcio has one embedded.
pub const CERTIFICATE_PROMISES: usize = 8;

/// Bytes of one RFC 3161 timestamp. Scope: artifact. Those in use have 1 to 6 KiB, by the certificates in them.
pub const TIMESTAMP_BYTES: usize = 64 << 10;

/// Hashes of one inclusion proof. Scope: artifact. As many as a log index has bits.
pub const INCLUSION_HASHES: usize = 64;

/// Signatures of one checkpoint. Scope: artifact. That of the log, and those of witnesses.
pub const CHECKPOINT_SIGNATURES: usize = 32;

/// Annotations of one signature payload. Scope: artifact.
pub const PAYLOAD_ANNOTATIONS: usize = 256;

/// Signatures of one DSSE envelope. Scope: artifact. Signers write one; the ceiling is that of log entries.
pub const ENVELOPE_SIGNATURES: usize = 32;

/// Layers of a manifest, or manifests of an index, of any kind. Scope: request; denied. Images have at most some hundreds;
/// what 4 MiB of empty ones would take in memory is a hundred times that.
pub const DESCRIPTORS: usize = 4_096;

/// Annotations of one descriptor or manifest. Scope: that descriptor, or the manifest. cosign writes at most six.
pub const DESCRIPTOR_ANNOTATIONS: usize = 1024;

/// Nesting depth of a predicate. Scope: artifact. Below `serde_json`'s recursion limit of 128, so that whoever reads
/// the predicate later never meets that one.
pub const EVIDENCE_DEPTH: usize = 100;

/// Values (texts, lists, objects) of a predicate whose content a policy asks about. Scope: artifact. An SBOM of a large
/// image has some 100,000.
pub const PREDICATE_VALUES: usize = 1_000_000;

/// How far a time that an attestation claims may lie ahead of ours. Scope: that attestation; its age does not hold.
pub const CLAIMED_TIME_AHEAD: Duration = Duration::from_secs(300);

// ---------------------------------------------------------------------------------------------------------- policies

/// Bytes of one file of policies. Scope: file; the set is not loaded.
pub const POLICY_FILE_BYTES: usize = 4 << 20;

/// Bytes of all files of one set of policies. Scope: set; it is not loaded.
pub const POLICY_SET_BYTES: usize = 64 << 20;

/// How long changed files have to stay as they are before they are read as policies. Scope: set; the last good one stays.
pub const POLICY_FILES_REST: Duration = Duration::from_millis(50);

/// Documents of one set, without a cluster's ImagePolicies, which [`TENANT_POLICY_BYTES`] bounds. Scope: set; it is not loaded.
pub const POLICY_DOCUMENTS: usize = 20_000;

/// How old policies may get while the cluster cannot be asked, where nobody says. Scope: set; then it is no longer in
/// force, and what would need it is refused.
pub const POLICIES_AGE: Duration = Duration::from_secs(3600);

/// Problems of one document that its author is told of. Scope: answer; the rest is counted.
pub const PROBLEMS_TOLD: usize = 20;

/// How often files of policies are looked at.
pub const POLICY_POLL: Duration = Duration::from_millis(750);

/// Values (texts, lists, mappings) of one file of policies. Scope: file; the set is not loaded. A policy has about 20.
pub const POLICY_FILE_NODES: usize = 1_000_000;

/// Values that the aliases of one YAML file stand for, all together. Scope: file; the set is not loaded. What
/// "billion laughs" multiplies.
pub const POLICY_ALIASED_NODES: usize = 10_000;

/// Places where the policies that cover one image look for its evidence (`source`). Scope: request; denied. One is usual.
pub const PLACES_PER_IMAGE: usize = 16;

/// Images behind one index that a policy of every platform judges. Scope: request; denied. The largest official images
/// have 12.
pub const PLATFORMS_PER_IMAGE: usize = 16;

/// Nesting depth of a document. Scope: file; the set is not loaded. A policy needs about 8.
pub const POLICY_DEPTH: usize = 48;

/// Bytes that a regular expression compiles to. Scope: policy; invalid. Every identity that may sign is matched with it.
pub const EXPRESSION_BYTES: usize = 1 << 20;

// What follows bounds what the API server takes of custom resources: it refuses whatever has more, as it refuses rules
// whose cost it cannot bound (https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints).

/// Entries of a list of a custom resource for which nothing else is said. Scope: object; refused by the API server.
pub const SCHEMA_LIST_ITEMS: usize = 64;

/// Entries of a list of plain values, such as ignored vulnerabilities. Scope: object; refused by the API server.
pub const SCHEMA_LONG_LIST_ITEMS: usize = 1_024;

/// Entries of a list that stands in lists of lists, such as the Secrets of a source. Scope: object; refused by the API
/// server.
pub const SCHEMA_SHORT_LIST_ITEMS: usize = 8;

/// Globs of one policy. Scope: object; refused by the API server.
pub const SCHEMA_GLOBS: usize = 256;

/// Authorities of one policy. Scope: object; refused by the API server.
pub const SCHEMA_AUTHORITIES: usize = 32;

/// Attestations of one authority. Scope: object; refused by the API server.
pub const SCHEMA_ATTESTATIONS: usize = 32;

/// Characters of a text of a custom resource for which nothing else is said. Scope: object; refused by the API server.
pub const SCHEMA_TEXT_CHARS: usize = 2_048;

/// Characters of a single word, such as a duration. Scope: object; refused by the API server.
pub const SCHEMA_WORD_CHARS: usize = 64;

/// Characters of a digest in hexadecimal with its algorithm. Scope: object; refused by the API server.
pub const SCHEMA_DIGEST_CHARS: usize = 80;

/// Characters of the name of an object, which is a DNS subdomain (RFC 1123). Scope: object; refused by the API server.
pub const SCHEMA_NAME_CHARS: usize = 253;

/// Characters of a chain of certificates in a custom resource. Scope: object; refused by the API server.
pub const SCHEMA_PEM_CHARS: usize = 128 << 10;

/// Characters of a document in a custom resource. Scope: object; refused by the API server. etcd takes 1.5 MiB.
pub const SCHEMA_DOCUMENT_CHARS: usize = 1 << 20;

/// Characters of a glob. Scope: policy; invalid.
pub const GLOB_CHARS: usize = 512;

/// Characters of a regular expression. Scope: policy; invalid.
pub const REGEX_CHARS: usize = 4096;

/// Bytes of a compiled regular expression. Scope: policy; invalid.
pub const REGEX_BYTES: usize = 1 << 20;

/// Bytes of a policy's `message`, and of its `runbook`. Scope: policy; invalid. Both are part of every refusal.
pub const POLICY_MESSAGE_BYTES: usize = 256;

/// Authorities of a policy with a threshold. Scope: policy; invalid. Giving each another signer goes as deep.
pub const THRESHOLD_AUTHORITIES: usize = 64;

/// Bytes of a public key in PEM. Scope: policy; invalid.
pub const PUBLIC_KEY_BYTES: usize = 16 << 10;

// ------------------------------------------------------------------------------------------------------------ signer

/// Bytes of a file with an encrypted private key. Scope: that file; refused. The largest that cosign writes, an RSA
/// key of 4096 bits, has 5 KB.
pub const PRIVATE_KEY_BYTES: usize = 64 << 10;

/// Iterations of PBKDF2 with which an imported private key is encrypted. Scope: that key; refused. OpenSSL does 2048 by
/// default, and OWASP's advice of 2023 is 1,300,000 at most.
pub const PBKDF2_ITERATIONS: u32 = 10_000_000;

/// Bytes of memory that scrypt needs for an imported private key (128 N r, RFC 7914). Scope: that key; refused. OpenSSL
/// uses 16 MiB by default.
pub const SCRYPT_BYTES: u64 = 256 << 20;

/// The parallelism p of scrypt for an imported private key, which multiplies its time. Scope: that key; refused. OpenSSL
/// uses 1 by default.
pub const SCRYPT_PARALLELISM: u16 = 16;

/// Bytes of a password. Scope: that password; refused.
pub const PASSWORD_BYTES: usize = 4096;

// ------------------------------------------------------------------------------------------- registries of the clouds

/// Time to get a credential for a registry of a cloud. Scope: that credential; the registry is asked without.
pub const CLOUD_TOKEN_TIME: Duration = Duration::from_secs(3);

/// How long such a credential is used at most, whatever it says of itself.
pub const CLOUD_TOKEN_LIFE: Duration = Duration::from_secs(12 * 3600);

/// How long before its end it is not used any more, so that it does not end on the way; and clocks differ.
pub const CLOUD_TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// How long a cloud that gave no credential is not asked again, nor one whose credential a registry refuses.
pub const CLOUD_TOKEN_REST: Duration = Duration::from_secs(20);

/// The time between two looks for credentials that end soon.
pub const CLOUD_TOKEN_LOOK: Duration = Duration::from_secs(30);

/// Registries of clouds whose credentials are kept. Scope: process; beyond, all are asked for again.
pub const CLOUD_REGISTRIES: usize = 256;

// --------------------------------------------------------------------------------------------------------------- kms

/// Bytes of a reference to a key in a key management service. Scope: policy, or command; refused. An alias of AWS has at
/// most 256 characters.
pub const KMS_REFERENCE_BYTES: usize = 1024;

/// Bytes of an answer of a key management service or of what gives credentials for it. Scope: that answer; refused. Vault
/// lists every version of a key at once, and 4096 bits have 800 bytes in PEM.
pub const KMS_ANSWER_BYTES: usize = 1 << 20;

/// Time for one request to such a service. Scope: that request; it fails.
pub const KMS_REQUEST_TIME: Duration = Duration::from_secs(15);

/// Time for one request to the metadata service of AWS, as its SDKs have it: it answers from the machine itself, or not at
/// all where its answers do not reach a pod. Scope: that request; there is no such service.
pub const AWS_METADATA_TIME: Duration = Duration::from_secs(1);

/// Time to read a key or to have it sign, credentials included. Scope: that key; it fails.
pub const KMS_TIME: Duration = Duration::from_secs(60);

/// How long a key that a policy names counts after it was last read, while its service cannot be asked. After that the
/// policy refuses.
pub const KEY_AGE: Duration = Duration::from_secs(3600);

/// How long a program that starts waits for the keys that policies name. Those that are not read by then are read beside
/// it.
pub const KEY_FIRST_TIME: Duration = Duration::from_secs(10);

/// The time between two readings of such a key. A key that was taken away counts no longer than this.
pub const KEY_REFRESH_INTERVAL: Duration = Duration::from_secs(300);

/// The time to the first reading after one that failed; it doubles up to [`KEY_REFRESH_INTERVAL`].
pub const KEY_RETRY_FIRST: Duration = Duration::from_secs(5);

/// Bytes of a file with a credential: a key of a service account, a token, a Secret's value. Scope: that file; refused.
pub const CREDENTIAL_BYTES: usize = 64 << 10;

/// Pages of the versions of a key of Google Cloud, with 100 each. Scope: that key; refused.
pub const KMS_VERSION_PAGES: usize = 10;

/// Bytes of a docker configuration. Scope: that file; refused. Kubernetes allows a Secret 1 MiB.
pub const DOCKER_CONFIG_BYTES: usize = 1 << 20;

/// Bytes of a file of certificate authorities. Scope: that file; refused. A whole system's has 250 KB.
pub const CERTIFICATE_FILE_BYTES: usize = 4 << 20;

/// Bytes of a predicate. Scope: that file; refused. In base64 it fits into [`EVIDENCE_BLOB_BYTES`].
pub const PREDICATE_BYTES: usize = 10 << 20;

/// Images that one index may hold to be signed with all of them. Scope: that signing; refused. The most that are in use
/// have some twenty.
pub const IMAGES_OF_AN_INDEX: usize = 128;

/// Bytes of an unpacked archive that are looked through for its name. Scope: that archive; its file's name is taken.
pub const ARCHIVE_BYTES: usize = 64 << 20;

/// Files of an archive that are looked through for its name. Scope: that archive; its file's name is taken.
pub const ARCHIVE_ENTRIES: usize = 20_000;

/// Bytes of the file in an archive that says its name. Scope: that archive; its file's name is taken.
pub const ARCHIVE_FILE_BYTES: usize = 1 << 20;

/// Bytes of one file of a checkout of git. Scope: that file; refused. The list of packed references may be long.
pub const GIT_FILE_BYTES: usize = 64 << 20;

/// Bytes of one blob that is copied from one repository to another. Scope: that copy; it ends. The largest layers in use
/// have some GiB.
pub const COPIED_BLOB_BYTES: usize = 64 << 30;

/// Bytes of a blob that are held in memory while it is copied.
pub const COPIED_PART_BYTES: usize = 16 << 20;

/// How often a tag that others write at the same time is read, extended and written again. Scope: that tag; signing
/// fails. Each round costs the slowest signer one loss, so this is about how many may sign one image at once.
pub const TAG_WRITES: usize = 32;

/// How often a tag is read again after it was written, [`TAG_SETTLE_PAUSE`] apart. A signer that had read the tag before
/// may overwrite it meanwhile; what it needs for that, one request, is less than these reads and pauses take.
pub const TAG_SETTLE_READS: usize = 3;

/// The pause before each of [`TAG_SETTLE_READS`], and at most the pause before a tag is written again.
pub const TAG_SETTLE_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of one signing record. Scope: that record; refused. It may hold a bundle, in which a predicate of
/// [`PREDICATE_BYTES`] stands in base64.
pub const RECORD_BYTES: usize = 24 << 20;

/// Bytes of a file of signing records. Scope: that file; refused.
pub const RECORD_FILE_BYTES: usize = 512 << 20;

/// Signing records of one file or namespace. Scope: that file or namespace; refused.
pub const RECORDS: usize = 100_000;

/// Signing records in one answer of the API server. Scope: none; more answers are asked for.
pub const RECORDS_OF_A_PAGE: usize = 50;

/// Bytes of such an answer; etcd takes no object of more than 1.5 MiB. Scope: that list; refused.
pub const RECORDS_PAGE_BYTES: usize = 96 << 20;

/// How often a signing record is added anew because another was faster. Scope: that record; it is not added.
pub const RECORD_ATTEMPTS: usize = 100;

// -------------------------------------------------------------------------------------------------- signing services

/// Bytes of a `signing_config.json`. Scope: that file; refused. The public-good instance's has 2 KB.
pub const SIGNING_CONFIG_BYTES: usize = 1 << 20;

/// Services in one list of a `signing_config.json`. Scope: that file; refused. One for each year and operator is what the
/// lists in use hold.
pub const SIGNING_SERVICES: usize = 64;

/// Services of one kind that one signature is taken to. Scope: signing fails. Each is a request, and an entry in the
/// bundle, which holds [`LOG_ENTRIES`] at most.
pub const SIGNING_SERVICES_USED: usize = 8;

/// Bytes of an answer of Fulcio, Rekor or whoever gives out identity tokens. Scope: that request; signing fails. A chain
/// of three certificates has 5 KB, a log entry about as much.
pub const SIGNING_ANSWER_BYTES: usize = 1 << 20;

/// Bytes of an identity token. Scope: that token; refused. GitHub's have 2 KB; HTTP servers take headers of 8 to 32 KB.
pub const IDENTITY_TOKEN_BYTES: usize = 16 << 10;

/// The time for one request to a signing service. Scope: that request; it is tried again. Rekor v2 answers when the entry
/// is in a signed tree, which may take several seconds.
pub const SIGNING_REQUEST_TIME: Duration = Duration::from_secs(30);

/// How often a signing service is asked that is overloaded or cannot be reached. Scope: signing fails.
pub const SIGNING_ATTEMPTS: u32 = 3;

/// The pause before a signing service is asked again, doubled each time.
pub const SIGNING_PAUSE: Duration = Duration::from_millis(200);

/// How far ahead of the beginning of a signing its proofs may claim to be, when they are verified before the push: the
/// signing itself takes time, and the clocks of the services differ. Scope: that signature; refused.
pub const SIGNING_TIME_AHEAD: Duration = Duration::from_secs(300);

// ------------------------------------------------------------------------------------------------------- trust roots

/// Bytes of a `trusted_root.json`. Scope: trust root; invalid. The largest in use (GitHub's) has 23 KiB.
pub const TRUSTED_ROOT_BYTES: usize = 1 << 20;

/// Entries of one list of a trusted root (logs, authorities). Scope: trust root; invalid. Each is tried in turn when
/// evidence is verified, so that this bounds the work for one signature. GitHub's root has 6.
pub const TRUSTED_ROOT_ENTRIES: usize = 64;

/// Bytes of one certificate of a trusted root. Scope: trust root; invalid. Those in use have 1 KiB.
pub const ROOT_CERTIFICATE_BYTES: usize = 16 << 10;

/// Bytes of a compressed TUF repository in a document (`mirrorFS`). Scope: trust root; invalid. An object of the
/// Kubernetes API has 1.5 MiB at most.
pub const TUF_ARCHIVE_BYTES: usize = 2 << 20;

/// Bytes of the same when unpacked. Scope: trust root; invalid: a gzip bomb grows a thousandfold.
pub const TUF_UNPACKED_BYTES: usize = 16 << 20;

/// Files of a TUF repository in a document. Scope: trust root; invalid.
pub const TUF_FILES: usize = 1024;

/// Bytes of the name of a file of a TUF repository. Scope: trust root; refused.
pub const TUF_NAME_BYTES: usize = 512;

/// Bytes of one root of a TUF repository. Scope: refresh; it fails. python-tuf's own ceiling, as the next three.
pub const TUF_ROOT_BYTES: usize = 512_000;

/// Bytes of the timestamp of a TUF repository. Scope: refresh; it fails.
pub const TUF_TIMESTAMP_BYTES: usize = 16 << 10;

/// Bytes of the snapshot of a TUF repository. Scope: refresh; it fails.
pub const TUF_SNAPSHOT_BYTES: usize = 2_000_000;

/// Bytes of the targets of a TUF repository, delegated ones too. Scope: refresh; it fails.
pub const TUF_TARGETS_BYTES: usize = 5_000_000;

/// Rotations of a TUF root that one refresh follows. Scope: refresh; it fails. python-tuf's and go-tuf's own ceiling.
pub const TUF_ROOT_ROTATIONS: u32 = 256;

/// Delegations of a TUF repository that are searched for one target. Scope: refresh; it fails.
pub const TUF_DELEGATIONS: u32 = 32;

/// Time for one refresh of a trust root, all files together. Scope: refresh; it fails. An endless or dripping answer
/// ends here at the latest.
pub const ROOT_REFRESH_TIME: Duration = Duration::from_secs(60);

/// The time before a task that keeps a root or a key fresh and has ended in a fault of this program begins anew.
pub const KEEPER_RESTART: Duration = Duration::from_secs(10);

/// The longest time between two refreshes of a trust root. policy-controller's default.
pub const ROOT_REFRESH_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// The shortest time between two refreshes of a trust root, and the first after a failure; it doubles up to
/// [`ROOT_RETRY_INTERVAL`].
pub const ROOT_RETRY_FIRST: Duration = Duration::from_secs(60);

/// The longest time between two refreshes of a trust root while they fail.
pub const ROOT_RETRY_INTERVAL: Duration = Duration::from_secs(3600);

// -------------------------------------------------------------------------------------------------------------- CPU

/// Signature checks for one image. Scope: request; denied. One P-521 check costs about 0.4 ms.
pub const SIGNATURE_CHECKS_PER_IMAGE: u32 = 2_000;

/// Bytes that are hashed for the price of one signature check, where they cannot be hashed once for all checks
/// (Ed25519). A check of P-256 costs about as much.
pub const SIGNED_BYTES_PER_CHECK: usize = 128 << 10;

/// Rejections that are kept for one image, to explain a denial. Further ones are dropped; that the budget was used up is
/// always kept.
pub const REJECTIONS_PER_IMAGE: usize = 1_000;
