//! What `sign` and `attest` have in common.

use std::time::Duration;

use tokio::time::Instant;

use super::key_ref::KeyRef;
use super::password::{PasswordArgs, Purpose};
use super::{Error, Exit, clock};
use crate::evidence::UnaskedKind;
use crate::registry::{self, PushError};
use crate::signer::{Format, SignError, SigningKey};

/// The key that signs, and the layouts in which it does.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SigningArgs {
    /// The private key, as `countersign key generate` or `cosign generate-key-pair` made it
    ///
    /// A file, or `env://NAME` for a variable of the environment that holds the same.
    #[arg(long, value_name = "KEY")]
    key: KeyRef,
    #[command(flatten)]
    password: PasswordArgs,
    /// The layouts to write; verifiers differ in which they read
    #[arg(long, value_enum, default_value_t = FormatArg::Both)]
    format: FormatArg,
    /// Give up after so many seconds for one image
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    timeout: u16,
}

/// The layouts by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FormatArg {
    /// Both of the following, so that every verifier finds what it reads
    Both,
    /// Tags beside the image that end with .sig and .att: the default of cosign 2
    Legacy,
    /// Sigstore bundles that refer to the image: the default of cosign 3
    Bundle,
}

impl SigningArgs {
    /// The key, opened.
    pub(super) fn key(&self) -> Result<SigningKey, Error> {
        let text = self.key.read()?;
        let password = self.password.read(Purpose::Open)?;
        SigningKey::from_encrypted_pem(&text, &password).map_err(|error| self.key.failed(&error))
    }

    /// The layouts.
    pub(super) fn format(&self) -> Format {
        match self.format {
            FormatArg::Both => Format::Both,
            FormatArg::Legacy => Format::Legacy,
            FormatArg::Bundle => Format::Bundle,
        }
    }

    /// The deadline of an image with which is begun now.
    pub(super) fn deadline(&self) -> Instant {
        clock::deadline(Duration::from_secs(self.timeout.into()))
    }
}

/// The exit code of a failure.
pub(super) fn exit(error: &SignError) -> Exit {
    match error {
        SignError::Contended { .. } | SignError::Unverified { .. } => Exit::Refused,
        SignError::Encode(_) | SignError::Key(_) | SignError::TooLarge(_) | SignError::Unverifiable { .. } => {
            Exit::Usage
        }
        SignError::Foreign { .. }
        | SignError::Full { .. }
        | SignError::Immutable { .. }
        | SignError::Index { .. }
        | SignError::NotFound { .. }
        | SignError::TagDigestMismatch { .. } => Exit::Refused,
        SignError::Push(PushError::Rejected { .. }) => Exit::Refused,
        SignError::Registry(registry::Error::NotFound { .. }) => Exit::Refused,
        SignError::Push(PushError::Unasked(unasked)) | SignError::Registry(registry::Error::Unasked(unasked)) => {
            match unasked.kind() {
                UnaskedKind::Corrupt
                | UnaskedKind::Deadline
                | UnaskedKind::LimitExceeded
                | UnaskedKind::RateLimited { .. }
                | UnaskedKind::Refused
                | UnaskedKind::Unauthorized
                | UnaskedKind::Unavailable => Exit::Unavailable,
            }
        }
    }
}
