//! The ceilings of conditions.

use std::time::Duration;

/// Bytes of the source of a condition. Scope: policy; invalid.
pub const CONDITION_SOURCE_BYTES: usize = 64 << 10;

/// Bytes of a CEL expression. Scope: policy; invalid. Long chains of operators are trees of their own depth, which are
/// taken apart recursively.
pub const CEL_SOURCE_BYTES: usize = 16 << 10;

/// Levels of a CUE constraint, and of brackets in CEL and Rego. Scope: policy; invalid. Each is a level of the stack.
pub const CONDITION_DEPTH: usize = 64;

/// Square and curly brackets in each other in Rego. Scope: policy; invalid. The parser takes twice the time for each.
pub const REGO_BRACKETS: usize = 10;

/// Levels of the evaluation of a CEL expression. Scope: policy; invalid. Each takes some 50 KiB of a stack of 2 MiB, in
/// optimised builds too.
pub const CEL_LEVELS: usize = 24;

/// Bytes of what a condition is run on: one predicate, or what all authorities found. Scope: artifact; the condition
/// does not hold. An SBOM of a large image has some 4 MiB.
pub const CONDITION_INPUT_BYTES: usize = 8 << 20;

/// Bytes of the configuration of one image. Scope: request; denied. The ceiling of containers/image; those in use have some
/// KiB.
pub const IMAGE_CONFIG_BYTES: usize = 4 << 20;

/// Steps of one run of a CEL or CUE condition: evaluated parts of it, and values and blocks of text that they look at.
/// Scope: artifact; the condition does not hold. A million steps take about 0.1 s.
pub const CONDITION_STEPS: u64 = 5_000_000;

/// Time for one run of a Rego condition, which is the only one that is not counted in steps. Scope: artifact; the
/// condition does not hold.
pub const REGO_TIME: Duration = Duration::from_millis(500);

/// Bytes that one call of a function of Rego may take or give. Scope: artifact; the condition does not hold.
pub const REGO_CALL_BYTES: usize = 8 << 20;

/// Messages of a condition that are told one by one.
pub const CONDITION_MESSAGES: usize = 50;

/// Characters of one message of a condition; the rest is cut off.
pub const CONDITION_MESSAGE_CHARS: usize = 300;

/// Time to fetch a condition that lies at an address. Scope: that attempt; it fails. Attempts are repeated as those of keys
/// are ([`super::KEY_RETRY_FIRST`], [`super::KEY_REFRESH_INTERVAL`]), and end with the first that succeeds.
pub const REMOTE_CONDITION_TIME: Duration = Duration::from_secs(15);

/// Steps of all CEL and CUE conditions of the policies of one namespace in one request. Scope: request; what is left of them
/// does not hold. Twice what one run may take, so that one tenant's conditions end in about a second.
pub const CONDITION_STEPS_PER_NAMESPACE: u64 = 10_000_000;
