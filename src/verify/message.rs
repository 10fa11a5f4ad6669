//! The bytes that a signature covers.

use std::borrow::Cow;
use std::cell::OnceCell;

use aws_lc_rs::digest::{self, Digest, SHA256, SHA384, SHA512};
use sigstore_types::SignatureContent;

use crate::evidence::Content;
use crate::trust::HashAlgorithm;

/// The bytes that the signatures of one artifact cover. They are put together once and hashed once with each hash,
/// however many keys are tried: whoever may push beside an image must not be able to have megabytes hashed a thousand
/// times.
pub(super) struct Message<'a> {
    bytes: Option<Cow<'a, [u8]>>,
    sha256: OnceCell<Digest>,
    sha384: OnceCell<Digest>,
    sha512: OnceCell<Digest>,
}

impl<'a> Message<'a> {
    /// What is signed of `content`; nothing of it where it is of a kind that is never verified.
    pub(super) fn of(content: &'a Content) -> Self {
        Self::new(match content {
            Content::Bundle(bundle) => match &bundle.inner().content {
                SignatureContent::DsseEnvelope(envelope) => Cow::Owned(envelope.pae()),
                SignatureContent::MessageSignature(_) | _ => Cow::Borrowed(&[]),
            },
            Content::Envelope(envelope) => Cow::Owned(envelope.signed_bytes()),
            Content::Signature(layer) => Cow::Borrowed(layer.payload()),
        })
    }

    /// These bytes.
    pub(super) fn new(bytes: Cow<'a, [u8]>) -> Self {
        Self { bytes: Some(bytes), ..Self::unknown() }
    }

    /// Bytes of which only this hash is known.
    pub(super) fn hashed(hash: HashAlgorithm, digest: &[u8]) -> Self {
        let message = Self::unknown();
        let (cell, algorithm) = message.cell(hash);
        if let Ok(digest) = Digest::import_less_safe(digest, algorithm) {
            let _ = cell.set(digest);
        }
        message
    }

    fn unknown() -> Self {
        Self { bytes: None, sha256: OnceCell::new(), sha384: OnceCell::new(), sha512: OnceCell::new() }
    }

    /// The bytes, where they are known.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }

    /// Their hash, where it can be known.
    pub(super) fn digest(&self, hash: HashAlgorithm) -> Option<&Digest> {
        let (cell, algorithm) = self.cell(hash);
        match (cell.get(), &self.bytes) {
            (Some(digest), _) => Some(digest),
            (None, Some(bytes)) => Some(cell.get_or_init(|| digest::digest(algorithm, bytes))),
            (None, None) => None,
        }
    }

    fn cell(&self, hash: HashAlgorithm) -> (&OnceCell<Digest>, &'static digest::Algorithm) {
        match hash {
            HashAlgorithm::Sha256 => (&self.sha256, &SHA256),
            HashAlgorithm::Sha384 => (&self.sha384, &SHA384),
            HashAlgorithm::Sha512 => (&self.sha512, &SHA512),
        }
    }
}
