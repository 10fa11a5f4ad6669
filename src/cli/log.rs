//! How much is logged, and how.

use clap::{Args, ValueEnum};

use super::Error;
use super::env::Variable;
use crate::telemetry::{self, LogFormat, LogLevel};

/// The arguments about logging, which every subcommand takes.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogArgs {
    /// How much to log to stderr [default: info for serve, warn for all else]
    #[arg(long, global = true, value_enum, value_name = "LEVEL", hide_possible_values = false)]
    log_level: Option<Level>,
    /// How to log
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

impl LogArgs {
    /// Starts logging, as much as the arguments say, or else the environment, or else `default`.
    ///
    /// # Errors
    /// When `LOG_LEVEL` is no level.
    pub(super) fn start(self, default: LogLevel) -> Result<(), Error> {
        let level = match (self.log_level, Variable::LogLevel.value().filter(|value| !value.is_empty())) {
            (Some(level), _) => level.into(),
            (None, Some(text)) => {
                let text = text.to_string_lossy();
                let name = Variable::LogLevel.name();
                text.parse().map_err(|error| Error::usage(format!("{name} is `{}`, {error}", text.escape_debug())))?
            }
            (None, None) => default,
        };
        let format = match self.log_format {
            Format::Json => LogFormat::Json,
            Format::Text => LogFormat::Text,
        };
        telemetry::start_log(level, format);
        Ok(())
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Error => Self::Error,
            Level::Info => Self::Info,
            Level::Trace => Self::Trace,
            Level::Warn => Self::Warn,
        }
    }
}
