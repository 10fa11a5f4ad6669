//! The subcommands.

pub mod policy;
