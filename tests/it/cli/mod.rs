//! The program: what it says, and how it ends.

mod commands;
mod conditions;
mod files;
mod keys;
mod policies;
mod provenance;
mod serving;
mod signing;
mod support;
mod usage;
mod verify_bundle;
