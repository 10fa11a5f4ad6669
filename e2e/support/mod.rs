//! What the tests stand on: real programs, started on loopback and ended with the run.

pub(crate) mod cluster;
pub(crate) mod codes;
pub(crate) mod cosign;
pub(crate) mod countersign;
pub(crate) mod front;
pub(crate) mod http;
pub(crate) mod installed;
pub(crate) mod inventory;
pub(crate) mod keyless;
pub(crate) mod load;
pub(crate) mod manifests;
pub(crate) mod mirror;
pub(crate) mod node;
pub(crate) mod pki;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod registry;
pub(crate) mod relay;
pub(crate) mod replicas;
pub(crate) mod scratch;
pub(crate) mod server;
pub(crate) mod sigstore;
pub(crate) mod space;
pub(crate) mod tools;
pub(crate) mod wait;
pub(crate) mod world;
