//! Why nothing was signed.

use super::{GuardError, KeyError};
use crate::evidence::Path;
use crate::image::Digest;
use crate::limits::Exceeded;
use crate::registry::{Error, PushError};
use crate::sigstore::{ServiceError, TokenError};

/// Why an image was not signed or attested. Something may have been pushed all the same: what was, is harmless, since
/// it says only what the signer wanted to say.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The certificate cannot be used.
    #[error("the certificate that was issued cannot be used: {detail}")]
    Certificate {
        /// Why.
        detail: String,
    },
    /// Others keep writing the same tag.
    #[error("others keep writing `{name}`, and this signature does not stay; try again when they are done")]
    Contended {
        /// The tag, in canonical form.
        name: String,
    },
    /// The time is over.
    #[error("the services that take part in the signing did not answer in time")]
    Deadline,
    /// What was to be signed cannot be written as JSON.
    #[error("the signature cannot be written as JSON: {0}")]
    Encode(#[from] serde_json::Error),
    /// A file is one that is never signed.
    #[error(transparent)]
    File(#[from] GuardError),
    /// A tag that is to hold evidence holds something else.
    #[error("`{name}` holds something else than signatures or attestations, and is not overwritten")]
    Foreign {
        /// The tag, in canonical form.
        name: String,
    },
    /// A tag holds as much evidence as is ever read.
    #[error("`{name}` would hold {ceiling}, and then none of them would be read; remove some, or the tag")]
    Full {
        /// The tag, in canonical form.
        name: String,
        /// The ceiling.
        ceiling: Exceeded,
    },
    /// A tag that others had written before cannot be written anew.
    #[error("the registry does not let `{name}` be written again (HTTP {status}{}): its tags are immutable; let tags that match `sha256-*` change, or write bundles only with `--format bundle`", code.as_ref().map(|code| format!(", {code}")).unwrap_or_default())]
    Immutable {
        /// The tag, in canonical form.
        name: String,
        /// The HTTP status.
        status: u16,
        /// The error code of the distribution specification.
        code: Option<String>,
    },
    /// What was to be signed with all its images is an index that cannot be read.
    #[error("the index `{digest}` cannot be read, and its images are not signed: {detail}")]
    Index {
        /// Its digest.
        digest: Digest,
        /// What is wrong with it.
        detail: String,
    },
    /// The key did not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The log is one whose entries tags cannot carry.
    #[error("the tags of cosign 2 cannot carry entries of Rekor v2; write bundles, or name a log of Rekor v1")]
    LegacyLog,
    /// A directory cannot be written.
    #[error("cannot write the image layout `{directory}`: {error}")]
    Layout {
        /// The directory.
        directory: String,
        /// Why not.
        error: std::io::Error,
    },
    /// There is nothing to sign.
    #[error("the registry has no `{image}`; push it before signing it")]
    NotFound {
        /// The image as it was written.
        image: String,
    },
    /// The registry did not take it.
    #[error(transparent)]
    Push(#[from] PushError),
    /// The registry could not be asked.
    #[error(transparent)]
    Registry(#[from] Error),
    /// The image has another digest than it was said to have.
    #[error("`{image}` is `{found}` and not `{expected}`; the tag was moved, or the digest is another image's")]
    TagDigestMismatch {
        /// The image as it was written.
        image: String,
        /// What the registry has.
        found: Digest,
        /// What was given.
        expected: Digest,
    },
    /// The request for a certificate could not be made.
    #[error("the request for a certificate could not be made")]
    Request,
    /// A log or a timestamp authority did not do its part.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// There is no certificate for who signs.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// What is to be signed exceeds what is ever read.
    #[error("{0} would never be read")]
    TooLarge(#[from] Exceeded),
    /// What was copied is not whole where it was copied to.
    #[error("`{image}` is not what was copied: {detail}")]
    Uncopied {
        /// The exact name of the image at the destination.
        image: String,
        /// What is not there.
        detail: String,
    },
    /// What was to be pushed would not verify, such as a predicate that is nested too deeply; nothing was pushed.
    #[error("the evidence for {path} would not verify, and nothing was pushed: {detail}")]
    Unverifiable {
        /// Where it was to go.
        path: Path,
        /// What verification said.
        detail: String,
    },
    /// The bundle of a file would not verify; nothing was written.
    #[error("the bundle would not verify, and was not written: {detail}")]
    UnverifiableFile {
        /// What verification said.
        detail: String,
    },
    /// What was pushed is not what the registry has, or does not verify.
    #[error("what was pushed to {path} of `{image}` does not verify: {detail}")]
    Unverified {
        /// The exact name of the image.
        image: String,
        /// Where.
        path: Path,
        /// What verification said.
        detail: String,
    },
}
