//! How a command ends.

use std::fmt;

/// The exit code of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: done, or accepted.
    #[default]
    Success,
    /// 1: refused, or rejected.
    Refused,
    /// 2: wrong usage, or input that cannot be read.
    Usage,
    /// 3: a service that is needed cannot be asked.
    Unavailable,
}

impl Exit {
    /// The code.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Unavailable => 3,
        }
    }
}

/// What a command has to say when it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Outcome {
    /// For stdout: the data that was asked for. Ends with a line end, unless it is empty.
    pub data: String,
    /// For stderr: what is wrong, one message each; where nothing is, what a person should know.
    pub messages: Vec<String>,
    /// For stderr: what a person should know although it is not what is wrong.
    pub notes: Vec<String>,
    /// For stderr: what to do about it.
    pub hints: Vec<String>,
    /// The exit code.
    pub exit: Exit,
}

/// Why a command did nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Error {
    /// Input that cannot be read, or arguments that make no sense together.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string(), hint: None }
    }

    /// A service that is needed cannot be asked, or the machine does not give what is needed.
    pub fn unavailable(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Unavailable, message: message.to_string(), hint: None }
    }

    /// The same error, and what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What to do about it.
    pub fn what_to_do(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
