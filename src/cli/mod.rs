//! The command line: one file for each subcommand.
//!
//! This module never decides anything; it reads arguments and files, calls what does the work, and says what came of it.

pub mod attest;
mod clock;
mod env;
mod file;
pub mod key;
mod outcome;
mod password;
pub mod policy;
pub mod registry_args;
pub mod sign;
mod signing_args;

pub use outcome::{Error, Exit, Outcome};
