//! The ceilings of traces. Whatever meets one is lost to whoever looks at traces, and counted; nothing that is judged
//! waits for it. Where it is not said otherwise, the numbers are OpenTelemetry's defaults
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).

use std::time::Duration;

/// Spans that wait to be sent. What comes then is dropped and counted.
pub const SPAN_QUEUE: usize = 2048;

/// Spans of one request to the collector.
pub const SPANS_AT_ONCE: usize = 512;

/// For how long spans wait for others.
pub const SPAN_DELAY: Duration = Duration::from_secs(5);

/// Characters of one value of a span. What is longer is cut. Ours: the longest name of an image is shorter.
pub const SPAN_TEXT_CHARS: usize = 2048;

/// How long one request to the collector may take.
pub const SPAN_REQUEST_TIME: Duration = Duration::from_secs(10);

/// How often a request to the collector is repeated that may go better the next time. Ours: the queue fills meanwhile.
pub const SPAN_RETRIES: usize = 3;

/// The first wait before it is; it doubles.
pub const SPAN_RETRY_WAIT: Duration = Duration::from_secs(1);

/// The longest wait before it is, whatever the collector asks for.
pub const SPAN_LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Bytes of an answer of the collector. What is longer is not read. Ours: it holds a number and a sentence.
pub const SPAN_ANSWER_BYTES: usize = 64 << 10;

/// How long the last spans may take when the process ends. Ours: within what Kubernetes gives the pod after the last answer.
pub const SPAN_FLUSH_TIME: Duration = Duration::from_secs(3);
