//! Starting the log.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, fmt as text};

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// What it does, step by step.
    Debug,
    /// Only what needs somebody.
    Error,
    /// Verdicts and changes of state.
    Info,
    /// Everything.
    Trace,
    /// What may need somebody.
    Warn,
}

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Not a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseLogLevelError;

impl fmt::Display for ParseLogLevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not one of `error`, `warn`, `info`, `debug`, `trace`")
    }
}

impl std::error::Error for ParseLogLevelError {}

impl FromStr for LogLevel {
    type Err = ParseLogLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "debug" => Ok(Self::Debug),
            "error" => Ok(Self::Error),
            "info" => Ok(Self::Info),
            "trace" => Ok(Self::Trace),
            "warn" => Ok(Self::Warn),
            _ => Err(ParseLogLevelError),
        }
    }
}

/// Starts the log of the process, to stderr. Only countersign's own lines are written: what libraries log at the finer
/// levels may hold headers and bodies. A second start changes nothing.
pub fn start_log(level: LogLevel, format: LogFormat) {
    let filter = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Warn => LevelFilter::WARN,
    };
    let filter = Targets::new().with_target(env!("CARGO_CRATE_NAME"), filter);
    let lines = match format {
        LogFormat::Json => text::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Text => text::layer().with_writer(anstream::stderr).boxed(),
    };
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_in_any_case() {
        assert_eq!("WARN".parse(), Ok(LogLevel::Warn));
        assert_eq!("trace".parse(), Ok(LogLevel::Trace));
        assert_eq!("verbose".parse::<LogLevel>(), Err(ParseLogLevelError));
        assert_eq!("".parse::<LogLevel>(), Err(ParseLogLevelError));
    }
}
