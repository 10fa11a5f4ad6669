//! The command line: one file for each subcommand.
//!
//! A subcommand reads arguments and files, calls what does the work, and says what came of it: data to stdout, what is
//! said about it to stderr, and an exit code ([`Exit`]).
//!
//! This module never decides anything. It is the only one that reads the environment, in one file of it.

mod account;
pub mod artifacts;
pub mod ask;
pub mod attest;
pub mod attest_file;
mod clock;
mod cluster_args;
pub mod copy;
pub mod crd;
mod delivery_args;
mod digest_args;
mod docker_file;
mod env;
pub mod export;
mod file;
mod file_args;
mod git_checkout;
mod identity_args;
pub mod image;
pub mod images;
mod judged_by;
pub mod key;
mod key_ref;
mod key_secret;
mod kms;
mod log;
mod origin_args;
mod outcome;
mod password;
pub mod policy;
pub mod policy_eval;
mod predicate_args;
mod print;
pub mod provenance;
pub mod quickstart;
pub mod registry_args;
pub mod report;
pub mod run;
mod runtime;
pub mod serve;
pub mod ship;
mod shown_provenance;
pub mod sign;
pub mod sign_file;
mod signer_args;
mod signing_args;
mod sigstore_args;
mod source_args;
pub mod tree;
pub mod trust;
pub mod uninstall_webhooks;
pub mod verify;
pub mod verify_bundle;
pub mod verify_file;
mod workload_kinds_args;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use log::LogArgs;
pub use outcome::{Error, Exit, Outcome};

/// Admit container images into Kubernetes by their signatures, and make these signatures
///
/// countersign lets an image run in a cluster only if its signatures and attestations say so. It runs as an admission
/// webhook (`serve`), and it is a tool for whoever builds, signs and verifies images.
#[derive(Debug, Parser)]
#[command(
    name = "countersign",
    version,
    after_help = HINTS,
    after_long_help = format!("{EXAMPLES}\n{}\n{EXIT_CODES}\n\n{HINTS}", env::help()),
    max_term_width = 100,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: LogArgs,
}

const HINTS: &str = "`countersign COMMAND --help` says more about a command, and shows examples.";

const EXIT_CODES: &str = "Exit codes:
  0  accepted, or done
  1  rejected
  2  wrong usage, or input that cannot be read
  3  a registry or another service could not be asked";

const EXAMPLES: &str = "Examples:
  countersign key generate
  countersign sign ghcr.io/acme/app:1.2 --key cosign.key
  countersign verify ghcr.io/acme/app:1.2 --key cosign.pub
  countersign serve --policies policies/
";

/// The subcommands, in the order in which somebody meets them.
#[derive(Debug, Subcommand)]
enum Command {
    Quickstart(quickstart::Args),
    Key(key::Args),
    /// As `key generate`, by the name that cosign has for it
    #[command(hide = true)]
    GenerateKeyPair(key::GenerateArgs),
    Sign(sign::Args),
    Attest(attest::Args),
    Ship(Box<ship::Args>),
    Verify(verify::Args),
    VerifyBundle(verify_bundle::Args),
    SignFile(sign_file::Args),
    AttestFile(attest_file::Args),
    VerifyFile(verify_file::Args),
    #[command(subcommand)]
    Provenance(provenance::Command),
    Run(run::RunArgs),
    #[command(subcommand)]
    Convert(run::Convert),
    Tree(tree::Args),
    #[command(subcommand)]
    Artifacts(artifacts::Command),
    Custody(artifacts::CustodyArgs),
    Copy(copy::Args),
    Export(export::Args),
    Serve(serve::Args),
    Ask(ask::Args),
    Report(Box<report::Args>),
    #[command(subcommand)]
    Policy(policy::Command),
    Crd(crd::Args),
    UninstallWebhooks(uninstall_webhooks::Args),
    Trust(trust::Args),
    Images(images::Args),
    Image(image::Args),
}

/// Runs the process: its arguments and its streams.
pub fn main() -> ExitCode {
    // Not locked: other threads log to stderr.
    run(std::env::args_os(), &mut anstream::stdout(), &mut anstream::stderr()).code().into()
}

/// Runs one command line. Data goes to `out`, and all else to `err`; both drop colours where they are no terminals.
pub fn run(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return print::usage(&error, out, err),
    };
    let done = cli.log.start(cli.command.log_level()).and_then(|()| dispatch(cli.command, out, err));
    match done {
        Ok(outcome) => print::outcome(&outcome, out, err),
        Err(error) => print::error(&error, err),
    }
}

fn dispatch(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> Result<Outcome, Error> {
    match command {
        Command::Artifacts(command) => runtime::start()?.block_on(artifacts::run(command)),
        Command::Ask(args) => runtime::start()?.block_on(ask::run(args)),
        Command::Attest(args) => runtime::start()?.block_on(attest::run(args)),
        Command::AttestFile(args) => runtime::start()?.block_on(attest_file::run(args)),
        Command::Crd(args) => Ok(crd::run(args)),
        Command::Convert(command) => run::convert(&command),
        Command::Copy(args) => runtime::start()?.block_on(copy::run(args)),
        Command::Custody(args) => runtime::start()?.block_on(artifacts::custody(args)),
        Command::Export(args) => runtime::start()?.block_on(export::run(args)),
        Command::Image(args) => Ok(image::run(&args)),
        Command::Images(args) => images::run(&args),
        Command::GenerateKeyPair(args) => runtime::start()?.block_on(key::generate(args)),
        Command::Key(args) => runtime::start()?.block_on(key::run(args)),
        Command::Policy(command) => policy::run(&command),
        Command::Provenance(command) => provenance::run(&command),
        Command::Quickstart(args) => runtime::start()?.block_on(quickstart::run(args)),
        Command::Report(args) => runtime::start()?.block_on(report::run(*args)),
        Command::Run(args) => run::run(&args, out, err),
        Command::Serve(args) => serve::run(args, err),
        Command::Ship(args) => runtime::start()?.block_on(ship::run(*args)),
        Command::Sign(args) => runtime::start()?.block_on(sign::run(args)),
        Command::SignFile(args) => runtime::start()?.block_on(sign_file::run(args)),
        Command::Tree(args) => runtime::start()?.block_on(tree::run(args)),
        Command::Trust(args) => runtime::start()?.block_on(trust::run(args)),
        Command::UninstallWebhooks(args) => runtime::start()?.block_on(uninstall_webhooks::run(args)),
        Command::Verify(args) => runtime::start()?.block_on(verify::run(args)),
        Command::VerifyBundle(args) => verify_bundle::run(&args),
        Command::VerifyFile(args) => runtime::start()?.block_on(verify_file::run(args)),
    }
}

impl Command {
    /// How much is logged where nobody says: a server tells of every verdict, a tool only of trouble.
    fn log_level(&self) -> crate::telemetry::LogLevel {
        match self {
            Self::Serve(_) => crate::telemetry::LogLevel::Info,
            Self::Artifacts(_)
            | Self::Ask(_)
            | Self::Attest(_)
            | Self::AttestFile(_)
            | Self::Crd(_)
            | Self::Convert(_)
            | Self::Copy(_)
            | Self::Custody(_)
            | Self::Export(_)
            | Self::Image(_)
            | Self::Images(_)
            | Self::GenerateKeyPair(_)
            | Self::Key(_)
            | Self::Policy(_)
            | Self::Provenance(_)
            | Self::Quickstart(_)
            | Self::Report(_)
            | Self::Run(_)
            | Self::Ship(_)
            | Self::Sign(_)
            | Self::SignFile(_)
            | Self::Tree(_)
            | Self::Trust(_)
            | Self::UninstallWebhooks(_)
            | Self::Verify(_)
            | Self::VerifyBundle(_)
            | Self::VerifyFile(_) => crate::telemetry::LogLevel::Warn,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
