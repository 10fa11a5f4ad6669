//! Certificates, with whatever is asked for in them.

use std::time::Duration;

use der::asn1::{BitString, Ia5String, ObjectIdentifier, OctetString, Utf8StringRef};
use der::{Any, Decode, Encode};
use jiff::Timestamp;
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::certificate::{CertificateInner, TbsCertificateInner, Version};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::constraints::name::{GeneralSubtree, NameConstraints};
use x509_cert::ext::pkix::name::{GeneralName, OtherName};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};

use super::Key;

/// Code signing (RFC 5280, 4.2.1.12).
pub(crate) const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
/// Time stamping (RFC 3161, 2.3).
pub(crate) const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
/// Signed certificate timestamps (RFC 6962, 3.3).
pub(crate) const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";

/// A certificate to be issued.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    /// As RFC 4514 writes names.
    pub(crate) subject: String,
    pub(crate) serial: u32,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// Whether it may issue others, and over how many further authorities.
    pub(crate) authority: Option<Option<u8>>,
    /// The extended key usages; none leaves the extension out.
    pub(crate) usages: Vec<&'static str>,
    pub(crate) names: Vec<Subject>,
    /// Names that those below it may not leave (DNS).
    pub(crate) permitted_dns: Option<String>,
    /// Further extensions with their values.
    pub(crate) extensions: Vec<(String, Vec<u8>)>,
}

/// An alternative name of the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Dns(String),
    Email(String),
    /// With the object identifier that Fulcio uses for user names.
    Other(String),
    Uri(String),
}

impl Certificate {
    /// One of an authority.
    pub(crate) fn authority(subject: &str, not_before: Timestamp, not_after: Timestamp) -> Self {
        Self {
            subject: subject.to_owned(),
            serial: 1,
            not_before,
            not_after,
            authority: Some(None),
            usages: Vec::new(),
            names: Vec::new(),
            permitted_dns: None,
            extensions: Vec::new(),
        }
    }

    /// What is signed.
    pub(crate) fn tbs(&self, spki: &[u8], issuer_name: &str, issuer: &Key) -> TbsCertificateInner {
        let mut extensions = Vec::new();
        if let Some(path_len_constraint) = self.authority {
            let constraints = BasicConstraints { ca: true, path_len_constraint };
            extensions.push(extension("2.5.29.19", true, constraints.to_der().unwrap()));
        }
        let usage = if self.authority.is_some() { KeyUsages::KeyCertSign } else { KeyUsages::DigitalSignature };
        extensions.push(extension("2.5.29.15", true, KeyUsage(usage.into()).to_der().unwrap()));
        if !self.usages.is_empty() {
            let usages = ExtendedKeyUsage(self.usages.iter().map(|oid| oid.parse().unwrap()).collect());
            // RFC 3161, 2.3: critical in certificates that sign times; harmless in others.
            let critical = self.usages.contains(&TIME_STAMPING);
            extensions.push(extension("2.5.29.37", critical, usages.to_der().unwrap()));
        }
        if !self.names.is_empty() {
            let names = SubjectAltName(self.names.iter().map(Subject::general_name).collect());
            extensions.push(extension("2.5.29.17", true, names.to_der().unwrap()));
        }
        if let Some(domain) = &self.permitted_dns {
            let base = GeneralName::DnsName(Ia5String::new(domain).unwrap());
            let permitted_subtrees = Some(vec![GeneralSubtree { base, minimum: 0, maximum: None }]);
            let constraints = NameConstraints { permitted_subtrees, excluded_subtrees: None };
            extensions.push(extension("2.5.29.30", true, constraints.to_der().unwrap()));
        }
        extensions.extend(self.extensions.iter().map(|(oid, value)| extension(oid, false, value.clone())));
        TbsCertificateInner {
            version: Version::V3,
            serial_number: SerialNumber::new(&self.serial.to_be_bytes()).unwrap(),
            signature: issuer.signature_algorithm(),
            issuer: name(issuer_name),
            validity: Validity { not_before: time(self.not_before), not_after: time(self.not_after) },
            subject: name(&self.subject),
            subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(spki).unwrap(),
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(extensions),
        }
    }

    /// The certificate in DER.
    pub(crate) fn issue(&self, spki: &[u8], issuer_name: &str, issuer: &Key) -> Vec<u8> {
        seal(self.tbs(spki, issuer_name, issuer), issuer)
    }
}

/// Signs `tbs`.
pub(crate) fn seal(tbs: TbsCertificateInner, issuer: &Key) -> Vec<u8> {
    let signature = issuer.sign(&tbs.to_der().unwrap());
    let certificate: CertificateInner = CertificateInner {
        tbs_certificate: tbs,
        signature_algorithm: issuer.signature_algorithm(),
        signature: BitString::from_bytes(&signature).unwrap(),
    };
    certificate.to_der().unwrap()
}

/// An extension with `value` inside.
pub(crate) fn extension(oid: &str, critical: bool, value: Vec<u8>) -> Extension {
    Extension { extn_id: oid.parse().unwrap(), critical, extn_value: OctetString::new(value).unwrap() }
}

/// A text in DER.
pub(crate) fn utf8(text: &str) -> Vec<u8> {
    Utf8StringRef::new(text).unwrap().to_der().unwrap()
}

/// A name as RFC 4514 writes it; Fulcio leaves the subject empty.
fn name(text: &str) -> Name {
    if text.is_empty() { Name::default() } else { text.parse().unwrap() }
}

impl Subject {
    fn general_name(&self) -> GeneralName {
        match self {
            Self::Dns(text) => GeneralName::DnsName(Ia5String::new(text).unwrap()),
            Self::Email(text) => GeneralName::Rfc822Name(Ia5String::new(text).unwrap()),
            Self::Other(text) => GeneralName::OtherName(OtherName {
                type_id: ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7"),
                value: Any::from_der(&utf8(text)).unwrap(),
            }),
            Self::Uri(text) => GeneralName::UniformResourceIdentifier(Ia5String::new(text).unwrap()),
        }
    }
}

fn time(time: Timestamp) -> Time {
    let since_epoch = Duration::from_secs(u64::try_from(time.as_second()).unwrap());
    Time::GeneralTime(der::asn1::GeneralizedTime::from_unix_duration(since_epoch).unwrap())
}
