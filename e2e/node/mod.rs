//! What only a cluster in which pods run can show.

mod changes;
mod ends;
mod faults;
mod pods;
mod releases;
mod signer;
mod starved;
mod tenants;
mod workloads;
