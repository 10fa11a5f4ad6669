//! What only a cluster in which pods run can show.

mod changes;
mod faults;
mod pods;
mod tenants;
mod workloads;
