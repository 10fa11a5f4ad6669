//! What can be seen of a running countersign: the names of metrics, log fields and attributes of spans, in one place.
//!
//! Labels of metrics come from closed lists only ([`label`]), never from what a user or a registry wrote: an image name as
//! a label would give the sender of requests the memory of the monitoring system. Log lines may carry such text, escaped,
//! and never a secret.
//!
//! This module never decides anything, and starts nothing but the log.

pub mod attribute;
mod cache;
pub mod field;
pub mod label;
mod log;
mod maker;
mod metrics;
mod times;
pub mod trace;

pub use cache::{CacheState, CacheUses};
pub use log::{LogFormat, LogLevel, ParseLogLevelError, start_log};
pub use metrics::{Answered, MEDIA_TYPE, Metrics, MetricsError};
pub use times::{RegistryTimes, VerifyTimes};
