//! The names of what spans say. Where OpenTelemetry has a name, it is that
//! (<https://opentelemetry.io/docs/specs/semconv/>); ours begin with `countersign.`, and are called as in log lines.

/// The image, as the object names it.
pub const IMAGE: &str = "container.image.name";
/// The digest that is judged, with its repository.
pub const DIGEST: &str = "countersign.digest";
/// `allow`, `deny` or `none`.
pub const DECISION: &str = "countersign.decision";
/// The code of the reason of a refusal, of an exemption, or of a failure.
pub const REASON: &str = "countersign.reason";
/// The operation of the admission request.
pub const OPERATION: &str = "countersign.operation";
/// The kind of the object.
pub const KIND: &str = "countersign.kind";
/// The uid of the admission request, as the API server gave it.
pub const UID: &str = "countersign.uid";
/// The generation of policies that decides.
pub const REVISION: &str = "countersign.revision";
/// The namespace of the object.
pub const NAMESPACE: &str = "k8s.namespace.name";
/// Why a request failed, by a word of a closed list or a status of HTTP.
pub const ERROR_TYPE: &str = "error.type";
/// The method of a request.
pub const HTTP_METHOD: &str = "http.request.method";
/// The path of a route of ours.
pub const HTTP_ROUTE: &str = "http.route";
/// The status of an answer.
pub const HTTP_STATUS: &str = "http.response.status_code";
/// Who is asked.
pub const SERVER_ADDRESS: &str = "server.address";
/// At which port.
pub const SERVER_PORT: &str = "server.port";
/// What is asked for, without user and query: those hold tokens and signatures.
pub const URL_FULL: &str = "url.full";
/// How it is asked.
pub const URL_SCHEME: &str = "url.scheme";
