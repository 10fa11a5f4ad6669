//! The names of the fields of log lines. One fact has one name wherever it is logged.

/// What kind of line it is: `verdict`, `admission`, `certificate`, `policies`, `connection`, `panic`, `shutdown`.
pub const EVENT: &str = "event";
/// The uid of the admission request, as the API server gave it.
pub const UID: &str = "uid";
/// The path of the webhook: `validate` or `mutate`.
pub const ENDPOINT: &str = "endpoint";
/// The operation of the admission request.
pub const OPERATION: &str = "operation";
/// The kind of the object.
pub const KIND: &str = "kind";
/// The namespace of the object.
pub const NAMESPACE: &str = "namespace";
/// The name of the object.
pub const NAME: &str = "name";
/// Who asked the API server.
pub const USER: &str = "user";
/// The image, as the object names it.
pub const IMAGE: &str = "image";
/// The digest that was judged.
pub const DIGEST: &str = "digest";
/// Where the object names the image.
pub const FIELD: &str = "field";
/// `allow` or `deny`.
pub const DECISION: &str = "decision";
/// The code of the first reason of a refusal, of what a policy that only warns would refuse, or that no policy covers an
/// image that was admitted.
pub const REASON: &str = "reason";
/// The policy that refuses, or that only warns and would.
pub const POLICY: &str = "policy";
/// The generation of policies that decided.
pub const REVISION: &str = "revision";
/// The trace of the request, where it has one.
pub const TRACE_ID: &str = "trace_id";
/// What exactly happened, in words.
pub const DETAIL: &str = "detail";
