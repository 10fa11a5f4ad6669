//! The whole way of an admission: the routes, the gate, the registry client and a registry.

mod conditions;
mod included;
mod keyless;
mod rules;
mod sweep;
mod webhooks;
