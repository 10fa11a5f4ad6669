//! The program: what it says, and how it ends.

mod commands;
mod conditions;
mod keys;
mod policies;
mod serving;
mod signing;
mod support;
mod usage;
mod verify_bundle;
