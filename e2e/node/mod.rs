//! What only a cluster in which pods run can show.

mod changes;
mod faults;
mod pods;
mod signer;
mod tenants;
mod workloads;
