//! Why a root could not be refreshed.

use jiff::Timestamp;

use super::files::{FileError, FileFault};
use super::{ArchiveError, MirrorError};
use crate::limits;
use crate::trust::{ParseRootError, RelativePathError};

/// Why a repository gave no root. What was held before stays, as long as it lasts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Metadata has ended, so that somebody may be holding newer metadata back (freeze).
    #[error("the {role} of the repository ended at {at}")]
    Expired {
        /// The role.
        role: String,
        /// When it ended.
        at: Timestamp,
    },
    /// A role counts one key twice.
    #[error("the role `{0}` lists one key twice")]
    KeyTwice(String),
    /// The target is not there, but those of the older layout are.
    #[error(
        "the repository has no target `{target}` but single files by usage ({usages}), a layout that is not read; \
         publish a `trusted_root.json`"
    )]
    LegacyTargets {
        /// The target that was asked for.
        target: String,
        /// The usages that are there.
        usages: String,
    },
    /// Metadata is not what such metadata is.
    #[error("the repository's metadata is malformed: {0}")]
    Malformed(String),
    /// The mirror gave no file, or too much of one.
    #[error("`{name}`: {error}")]
    Mirror {
        /// The file.
        name: String,
        /// Why.
        error: MirrorError,
    },
    /// Files do not belong together: a length, a hash or a version is not the one that was signed (mix and match).
    #[error("the repository's files do not belong together: {0}")]
    Mismatch(String),
    /// A file that has to be there is not.
    #[error("the repository is not whole: {0}")]
    Missing(String),
    /// The target is not in the repository.
    #[error("the repository has no target `{0}`")]
    NoTarget(String),
    /// Reading what the repository serves ended in a fault of this program.
    #[error("the refresh failed unexpectedly; the log of the program says where")]
    Panic,
    /// A name in the repository is refused.
    #[error("the repository's file name `{name}` is refused: {why}")]
    Path {
        /// The name.
        name: String,
        /// Why.
        why: RelativePathError,
    },
    /// A role has no keys.
    #[error("the repository has no role `{0}`")]
    Role(String),
    /// Metadata is older than what was seen before.
    #[error("the {role} of the repository went back from version {trusted} to {offered}")]
    Rollback {
        /// The role.
        role: String,
        /// The version that was seen.
        trusted: u64,
        /// The version that is offered.
        offered: u64,
    },
    /// A new root does not follow the one that is trusted.
    #[error("root version {offered} of the repository does not follow version {trusted}")]
    RootVersion {
        /// The version that is trusted.
        trusted: u64,
        /// The version that is offered.
        offered: u64,
    },
    /// Too few keys have signed.
    #[error("the {role} of the repository has {found} of {threshold} signatures that it needs")]
    Signatures {
        /// The role.
        role: String,
        /// Valid signatures of different keys.
        found: usize,
        /// Signatures that are needed.
        threshold: usize,
    },
    /// A role asks for no signature, or for more than it has keys.
    #[error("the role `{role}` asks for {threshold} signatures and has {keys} usable keys")]
    Threshold {
        /// The role.
        role: String,
        /// Signatures that are needed.
        threshold: usize,
        /// Keys that can sign.
        keys: usize,
    },
    /// The time for one refresh is over.
    #[error("the refresh took more than {} seconds", limits::ROOT_REFRESH_TIME.as_secs())]
    Timeout,
    /// The target is no trusted root.
    #[error("the target is refused: {0}")]
    TrustedRoot(#[from] ParseRootError),
}

/// What kind of failure a [`RefreshError`] is, which is what metrics and reasons tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshFailure {
    /// The repository was read, and refused.
    Invalid,
    /// The repository was read, and is too old.
    Stale,
    /// The repository could not be read.
    Unreachable,
}

impl RefreshFailure {
    /// Its name as a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Stale => "stale",
            Self::Unreachable => "unreachable",
        }
    }
}

impl RefreshError {
    /// What kind of failure it is.
    pub fn failure(&self) -> RefreshFailure {
        match self {
            Self::Expired { .. } => RefreshFailure::Stale,
            Self::Missing(_) | Self::Panic | Self::Timeout => RefreshFailure::Unreachable,
            Self::Mirror { error, .. } => match error {
                MirrorError::Client(_)
                | MirrorError::Redirect
                | MirrorError::Status(_)
                | MirrorError::Timeout
                | MirrorError::Unreachable(_) => RefreshFailure::Unreachable,
                MirrorError::Address | MirrorError::TooLarge { .. } => RefreshFailure::Invalid,
            },
            Self::Archive(_)
            | Self::KeyTwice(_)
            | Self::LegacyTargets { .. }
            | Self::Malformed(_)
            | Self::Mismatch(_)
            | Self::NoTarget(_)
            | Self::Path { .. }
            | Self::Role(_)
            | Self::Rollback { .. }
            | Self::RootVersion { .. }
            | Self::Signatures { .. }
            | Self::Threshold { .. }
            | Self::TrustedRoot(_) => RefreshFailure::Invalid,
        }
    }
}

impl From<sigstore_tuf::Error> for RefreshError {
    fn from(error: sigstore_tuf::Error) -> Self {
        use sigstore_tuf::Error as Tuf;
        let whole = line(&error);
        match error {
            Tuf::BadRootVersion { trusted, new } => Self::RootVersion { trusted, offered: new },
            Tuf::DuplicateSignature { role, .. } => Self::KeyTwice(line(&role)),
            Tuf::Expired { role, expires } => Self::Expired { role: line(&role), at: expires },
            Tuf::IntegrityMismatch(what) => Self::Mismatch(line(&what)),
            Tuf::Rollback { role, trusted, new } => Self::Rollback { role: line(&role), trusted, offered: new },
            Tuf::TargetNotFound(target) => Self::NoTarget(line(&target)),
            Tuf::ThresholdNotMet { role, found, threshold } => Self::Signatures { role: line(&role), found, threshold },
            Tuf::UnknownRole(role) => Self::Role(line(&role)),
            Tuf::Transport { message, source } => match source.and_then(|source| source.downcast::<FileError>().ok()) {
                Some(error) => Self::from(*error),
                None => Self::Missing(line(&message)),
            },
            Tuf::Json(error) => Self::Malformed(line(&error)),
            Tuf::Malformed(what) => Self::Malformed(line(&what)),
            Tuf::Crypto(_)
            | Tuf::EqualVersion { .. }
            | Tuf::Io { .. }
            | Tuf::NonIntegerNumber
            | Tuf::NotRefreshed
            | Tuf::UnsupportedScheme { .. }
            | Tuf::UnusableKey { .. } => Self::Malformed(whole),
            // The crate may add errors: what is not known is refused as malformed.
            _ => Self::Malformed(whole),
        }
    }
}

impl From<FileError> for RefreshError {
    fn from(error: FileError) -> Self {
        match error.fault {
            FileFault::Archive(error) => Self::Archive(error),
            FileFault::Mirror(inner) => Self::Mirror { name: error.name, error: inner },
            FileFault::Path(why) => Self::Path { name: error.name, why },
        }
    }
}

/// Text of the repository on one line, and not too much of it.
fn line(text: &impl ToString) -> String {
    text.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}
