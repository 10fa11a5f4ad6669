//! The ceilings of who asks for the owners of workloads, on which Events are written.

use std::time::Duration;

/// How many owners are followed from the object that a workload names to the top. Those of Kubernetes are two deep.
pub const OWNER_DEPTH: usize = 3;

/// How long the API server may take to say who owns a ReplicaSet or Job. Scope: question; beyond, its Event is on the object
/// that the workload names.
pub const OWNER_TIME: Duration = Duration::from_secs(5);

/// The most owners that a replica remembers; beyond, those are forgotten that would be asked for again first.
pub const OWNERS_REMEMBERED: usize = 1024;

/// How long it is remembered who owns an object, and that this could not be read.
pub const OWNER_KEPT: Duration = Duration::from_secs(600);
/// See [`OWNER_KEPT`].
pub const OWNER_FAILURE_KEPT: Duration = Duration::from_secs(60);

/// How many questions for owners may follow each other at once, and after which time there is room for one more. Beyond, an
/// Event is on the object that the workload names.
pub const OWNER_BURST: u32 = 50;
/// See [`OWNER_BURST`].
pub const OWNER_PAUSE: Duration = Duration::from_secs(1);
