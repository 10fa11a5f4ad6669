//! What everything that signs has in common.

use std::time::Duration;

use tokio::time::Instant;

use super::key_ref::KeyRef;
use super::password::PasswordArgs;
use super::sigstore_args::SigstoreArgs;
use super::{Error, Exit, clock, kms};
use crate::evidence::UnaskedKind;
use crate::registry::{self, PushError};
use crate::signer::{Format, KeyError, Keyless, Sign, SignError, Signatory, Witnesses};
use crate::sigstore::{ServiceError, ServiceFault, TokenError};

/// Who signs.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SignatoryArgs {
    /// The private key, as `countersign key generate` or `cosign generate-key-pair` made it
    ///
    /// A file, `env://NAME` for a variable of the environment that holds the same, `k8s://NAMESPACE/NAME` for a Secret, or
    /// a key that signs where it is: `awskms://`, `azurekms://`, `gcpkms://`, `hashivault://`, `openbao://`. Without a key,
    /// an identity signs.
    #[arg(long, value_name = "KEY")]
    key: Option<KeyRef>,
    #[command(flatten)]
    password: PasswordArgs,
    /// Give up after so many seconds for one image or file
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    timeout: u16,
    #[command(flatten)]
    sigstore: SigstoreArgs,
}

/// Who signs, and the layouts in which.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SigningArgs {
    /// The layouts to write; verifiers differ in which they read
    #[arg(long, value_enum, default_value_t = FormatArg::Both)]
    format: FormatArg,
    #[command(flatten)]
    signatory: SignatoryArgs,
}

/// Who signs.
#[derive(Debug)]
pub(super) enum Signing {
    /// A key, before witnesses where there are any.
    Key(Box<dyn Sign>, Option<Witnesses>),
    /// An identity.
    Keyless(Box<Keyless>),
}

impl Signing {
    /// The same, as a request names it.
    pub(super) fn signatory(&self) -> Signatory<'_> {
        match self {
            Self::Key(key, None) => Signatory::Key(key.as_ref()),
            Self::Key(key, Some(witnesses)) => Signatory::KeyBefore(key.as_ref(), witnesses),
            Self::Keyless(keyless) => Signatory::Keyless(keyless),
        }
    }
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

impl SignatoryArgs {
    /// Who signs: the key, opened, or whoever has the identity.
    pub(super) async fn signing(&self) -> Result<Signing, Error> {
        let Some(key) = &self.key else {
            return Ok(Signing::Keyless(Box::new(self.sigstore.keyless(clock::now())?)));
        };
        let witnesses = self.sigstore.witnesses(clock::now())?;
        Ok(Signing::Key(key.open(&self.password).await?, witnesses))
    }

    /// The deadline of an image or a file with which is begun now.
    pub(super) fn deadline(&self) -> Instant {
        clock::deadline(Duration::from_secs(self.timeout.into()))
    }
}

impl SigningArgs {
    /// As [`SignatoryArgs::signing`].
    pub(super) async fn signing(&self) -> Result<Signing, Error> {
        self.signatory.signing().await
    }

    /// The layouts.
    pub(super) fn format(&self) -> Format {
        match self.format {
            FormatArg::Both => Format::Both,
            FormatArg::Legacy => Format::Legacy,
            FormatArg::Bundle => Format::Bundle,
        }
    }

    /// As [`SignatoryArgs::deadline`].
    pub(super) fn deadline(&self) -> Instant {
        self.signatory.deadline()
    }
}

/// Nothing was done, because of `error`.
pub(super) fn failed(what: &str, error: &SignError) -> Error {
    match exit(error) {
        Exit::Unavailable => Error::unavailable(format!("{what}: {error}")),
        Exit::Refused | Exit::Success | Exit::Usage => Error::usage(format!("{what}: {error}")),
    }
}

/// The exit code of a failure.
pub(super) fn exit(error: &SignError) -> Exit {
    match error {
        SignError::Contended { .. } | SignError::Uncopied { .. } | SignError::Unverified { .. } => Exit::Refused,
        SignError::Key(KeyError::Remote(error)) => kms::exit(error),
        SignError::Deadline => Exit::Unavailable,
        SignError::Certificate { .. }
        | SignError::Encode(_)
        | SignError::File(_)
        | SignError::Layout { .. }
        | SignError::Key(_)
        | SignError::LegacyLog
        | SignError::Request
        | SignError::TooLarge(_)
        | SignError::Unverifiable { .. }
        | SignError::UnverifiableFile { .. } => Exit::Usage,
        SignError::Foreign { .. }
        | SignError::Full { .. }
        | SignError::Immutable { .. }
        | SignError::Index { .. }
        | SignError::NotFound { .. }
        | SignError::TagDigestMismatch { .. } => Exit::Refused,
        SignError::Service(error) | SignError::Token(TokenError::Service(error)) => exit_of_service(error),
        SignError::Token(TokenError::File { .. } | TokenError::Malformed | TokenError::TooLong) => Exit::Usage,
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

fn exit_of_service(error: &ServiceError) -> Exit {
    match error.fault() {
        ServiceFault::Algorithm(_) => Exit::Usage,
        ServiceFault::Refused { .. } => Exit::Refused,
        ServiceFault::Malformed(_)
        | ServiceFault::Redirect
        | ServiceFault::Timeout
        | ServiceFault::TooLarge { .. }
        | ServiceFault::Unavailable(_)
        | ServiceFault::Unreachable(_) => Exit::Unavailable,
    }
}
