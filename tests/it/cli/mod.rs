//! The program: what it says, and how it ends.

mod accounts;
mod commands;
mod conditions;
mod files;
mod followed;
mod foreign;
mod hardship;
mod keys;
mod policies;
mod provenance;
mod runs;
mod secrets;
mod serving;
mod signing;
mod sources;
mod starting;
mod support;
mod traces;
mod usage;
mod verify_bundle;
mod verify_keyless;
