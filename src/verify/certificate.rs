//! Signing certificates.

mod extension;
mod subject;

use std::collections::BTreeMap;

use der::{Decode, Encode};
use jiff::Timestamp;
use x509_cert::Certificate as X509;
use x509_cert::ext::pkix::{KeyUsage, SubjectAltName};
use x509_cert::time::Time;

pub use extension::Extension;
pub use subject::{Subject, SubjectKind};

use super::VerifyError;
use super::chain::Usage;
use crate::limits::{CERTIFICATE_BYTES, CERTIFICATE_NAMES, Exceeded, Scope};
use crate::trust::{PublicKey, Window};

/// What a signing certificate says (RFC 5280,
/// <https://github.com/sigstore/fulcio/blob/main/docs/certificate-specification.md>). Inside a fact it is the word of an
/// authority that the policy believes; and it is for whoever reads it to know whom it has to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    extensions: BTreeMap<u32, String>,
    issuer: Option<String>,
    key: PublicKey,
    subjects: Vec<Subject>,
    validity: Window,
}

impl Certificate {
    /// Reads it. What it says is the word of nobody yet.
    pub(crate) fn parse(der: &[u8]) -> Result<Self, VerifyError> {
        limit(der)?;
        let invalid = |what: &str| VerifyError::CertificateInvalid(what.to_owned());
        let certificate = X509::from_der(der).map_err(|_| invalid("it cannot be read"))?;
        if !Usage::CodeSigning.is_of(&certificate) {
            return Err(invalid("it is not for code signing"));
        }
        let tbs = certificate.tbs_certificate;
        let all = tbs.extensions.as_deref().unwrap_or_default();
        // RFC 5280, 4.2: of two readers of something that stands there twice each might take another one.
        if all
            .iter()
            .enumerate()
            .any(|(index, one)| all.iter().skip(index + 1).any(|other| other.extn_id == one.extn_id))
        {
            return Err(invalid("an extension stands in it twice"));
        }
        let usage = tbs.get::<KeyUsage>().map_err(|_| invalid("its key usage cannot be read"))?;
        if usage.is_some_and(|(_, usage)| !usage.digital_signature()) {
            return Err(invalid("its key is not for signatures"));
        }
        let spki = tbs.subject_public_key_info.to_der().map_err(|_| invalid("its key cannot be read"))?;
        let key = PublicKey::from_der(&spki).map_err(|error| VerifyError::certificate_invalid(&error))?;
        let names = tbs.get::<SubjectAltName>().map_err(|_| invalid("its alternative names cannot be read"))?;
        let names = names.map(|(_, names)| names.0).unwrap_or_default();
        if names.len() > CERTIFICATE_NAMES {
            return Err(exceeded("alternative names of a certificate", CERTIFICATE_NAMES));
        }
        let subjects: Vec<_> = names.iter().filter_map(Subject::of).collect();
        if let Some(what) = subjects.iter().find_map(Subject::wrong_form) {
            return Err(invalid(&what));
        }
        let extensions = extension::read(all)?;
        let validity = Window::new(time(tbs.validity.not_before), time(tbs.validity.not_after));
        Ok(Self {
            der: der.to_vec(),
            issuer: extension::issuer(&extensions)?,
            extensions,
            key,
            subjects,
            validity: validity.ok_or_else(|| invalid("it ends before it begins"))?,
        })
    }

    /// The DER bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Who vouched for the subject: the issuer of the identity token. Certificates of other authorities than Fulcio do
    /// not say.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// For whom it was issued: every alternative name. The common name is none (RFC 6125, 6.4.4).
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// What it says about the signer's build, where it does.
    pub fn extension(&self, extension: Extension) -> Option<&str> {
        self.extensions.get(&extension.number()).map(String::as_str)
    }

    /// Every extension of Fulcio's arc that holds a text, by its last number.
    pub fn extensions(&self) -> &BTreeMap<u32, String> {
        &self.extensions
    }

    /// The key that it certifies.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// When it is valid.
    pub fn validity(&self) -> Window {
        self.validity
    }
}

/// Whether `der` is no longer than is read.
pub(super) fn limit(der: &[u8]) -> Result<(), VerifyError> {
    if der.len() > CERTIFICATE_BYTES {
        return Err(exceeded("bytes of a certificate", CERTIFICATE_BYTES));
    }
    Ok(())
}

fn exceeded(what: &'static str, ceiling: usize) -> VerifyError {
    VerifyError::Artifact(Exceeded::new(what, ceiling, Scope::Artifact).into())
}

fn time(time: Time) -> Option<Timestamp> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
impl Certificate {
    /// One that was issued to `subject` by the word of `issuer`, for tests of what stands above verification.
    pub(crate) fn for_tests(issuer: &str, subject: &str, validity: Window) -> Self {
        let pem = include_str!("../../tests/data/cosign/cosign.pub");
        Self {
            der: Vec::new(),
            extensions: BTreeMap::from([(Extension::BuildTrigger.number(), "push".to_owned())]),
            issuer: Some(issuer.to_owned()),
            key: PublicKey::from_pem(pem).unwrap(),
            subjects: vec![Subject::for_tests(SubjectKind::Uri, subject)],
            validity,
        }
    }

    /// The same, which says `text` in `extension`.
    pub(crate) fn with_extension(mut self, extension: Extension, text: &str) -> Self {
        self.extensions.insert(extension.number(), text.to_owned());
        self
    }
}
