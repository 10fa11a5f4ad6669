//! What `sign` and `attest` have in common.

use std::time::Duration;

use tokio::time::Instant;

use super::key_ref::KeyRef;
use super::password::PasswordArgs;
use super::{Error, Exit, clock, kms};
use crate::evidence::UnaskedKind;
use crate::registry::{self, PushError};
use crate::signer::{Format, KeyError, Sign, SignError};

/// The key that signs, and the layouts in which it does.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SigningArgs {
    /// The private key, as `countersign key generate` or `cosign generate-key-pair` made it
    ///
    /// A file, `env://NAME` for a variable of the environment that holds the same, `k8s://NAMESPACE/NAME` for a Secret, or
    /// a key that signs where it is: `awskms://`, `azurekms://`, `gcpkms://`, `hashivault://`, `openbao://`.
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
    pub(super) async fn key(&self) -> Result<Box<dyn Sign>, Error> {
        self.key.open(&self.password).await
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
        SignError::Key(KeyError::Remote(error)) => kms::exit(error),
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
