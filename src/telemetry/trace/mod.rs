//! Traces: what one admission spent its time on, as spans sent to a collector by OTLP.
//!
//! ```text
//! Tracer::admission ─▶ Span ─▶ span, request ─▶ …      a bounded queue ─▶ Exporter ─▶ POST /v1/traces
//! ```
//!
//! A span is that of the work that runs inside it ([`Span::carry`]): [`span`] and [`request`] make their children of
//! whatever span is at hand, and nothing where there is none, which is where traces are off or the request is not sampled.
//! A span ends when it is dropped. It is put into a queue then, or counted as dropped where the queue is full: nobody who
//! is traced ever waits for the collector, or fails by it.
//!
//! Values of spans are codes of closed lists and names of objects and images; never a credential, and of an address
//! neither user nor query.

mod clock;
mod exporter;
mod id;
mod otlp;
mod parent;
mod sampler;
mod settings;
mod span;

pub use exporter::Exporter;
pub use id::TraceId;
pub use sampler::Sampler;
pub use settings::{Ceilings, Settings, SettingsError, VARIABLES};
pub use span::{Span, Tracer, at_hand, request, span};
