//! The whole way of an admission: the routes, the gate, the registry client and a registry.

mod conditions;
mod foreign;
mod included;
mod keyless;
mod rules;
mod sweep;
mod told;
mod webhooks;
