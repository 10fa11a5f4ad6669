//! The token of a timestamp (RFC 3161, RFC 5652): the crates `cms` and `der` read it.

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{BitString, GeneralizedTime, Int, ObjectIdentifier, OctetString, OctetStringRef, SetOfVec};
use der::{Any, Decode, Encode, Sequence};
use jiff::Timestamp;
use x509_cert::Certificate as X509;
use x509_cert::attr::Attribute;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::{Stamped, VerifyError};
use crate::limits::{CHAIN_CERTIFICATES, Exceeded, Scope};
use crate::trust::HashAlgorithm;
use crate::verify::key::Padding;

/// A token that was read. Nothing in it is believed.
pub(super) struct Token {
    info: TstInfo,
    info_der: Vec<u8>,
    signed: SignedData,
    signer: SignerInfo,
}

/// How a token is signed.
pub(super) struct Scheme {
    pub(super) hash: HashAlgorithm,
    pub(super) padding: Padding,
}

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

impl Token {
    /// Reads a `TimeStampResp`, or a token without the answer around it.
    pub(super) fn parse(der: &[u8]) -> Result<Self, VerifyError> {
        let unreadable = |_| VerifyError::timestamp("it cannot be read");
        let content = match TimeStampResp::from_der(der) {
            Ok(answer) => {
                // RFC 3161, 2.4.2: granted, or granted with modifications
                if answer.status.status > 1 {
                    return Err(VerifyError::timestamp("its authority did not grant it"));
                }
                let token = answer.token.ok_or_else(|| VerifyError::timestamp("it holds no token"))?;
                token.decode_as::<ContentInfo>().map_err(unreadable)?
            }
            Err(_) => ContentInfo::from_der(der).map_err(unreadable)?,
        };
        if content.content_type != SIGNED_DATA {
            return Err(VerifyError::timestamp("it is not signed"));
        }
        let signed = content.content.decode_as::<SignedData>().map_err(unreadable)?;
        if signed.encap_content_info.econtent_type != TST_INFO {
            return Err(VerifyError::timestamp("what is signed in it is no time"));
        }
        let info = signed.encap_content_info.econtent.as_ref();
        let info = info.ok_or_else(|| VerifyError::timestamp("it holds no time"))?;
        let info_der = info.decode_as::<OctetStringRef<'_>>().map_err(unreadable)?.as_bytes().to_vec();
        let info = TstInfo::from_der(&info_der).map_err(unreadable)?;
        // RFC 3161, 2.4.2: exactly one signer, that of the authority
        let [signer] = signed.signer_infos.0.as_slice() else {
            return Err(VerifyError::timestamp("it has not exactly one signer"));
        };
        let signer = signer.clone();
        Ok(Self { info, info_der, signed, signer })
    }

    /// The certificates that the token brings along, in DER.
    pub(super) fn certificates(&self) -> Result<Vec<Vec<u8>>, VerifyError> {
        let certificates = self.signed.certificates.as_ref().map(|set| set.0.as_slice()).unwrap_or_default();
        if certificates.len() > CHAIN_CERTIFICATES {
            let exceeded = Exceeded::new("certificates of a timestamp", CHAIN_CERTIFICATES, Scope::Artifact);
            return Err(VerifyError::Artifact(exceeded.into()));
        }
        let der = certificates.iter().filter_map(|certificate| match certificate {
            CertificateChoices::Certificate(certificate) => certificate.to_der().ok(),
            CertificateChoices::Other(_) => None,
        });
        Ok(der.collect())
    }

    /// Whether the token names this certificate as that of its signer.
    pub(super) fn is_signed_with(&self, certificate: &X509) -> bool {
        let tbs = &certificate.tbs_certificate;
        match &self.signer.sid {
            SignerIdentifier::IssuerAndSerialNumber(sid) => {
                sid.issuer == tbs.issuer && sid.serial_number == tbs.serial_number
            }
            SignerIdentifier::SubjectKeyIdentifier(sid) => {
                tbs.get::<SubjectKeyIdentifier>().is_ok_and(|id| id.is_some_and(|(_, id)| id == *sid))
            }
        }
    }

    /// Whether it is about what was `stamped`.
    pub(super) fn check_imprint(&self, stamped: Stamped<'_>) -> Result<(), VerifyError> {
        // RFC 3161, 2.4.2: version 1 is the only one
        if self.info.version != 1 {
            return Err(VerifyError::timestamp("its version is not 1"));
        }
        let imprint = &self.info.message_imprint;
        let hash = hash(imprint.hash_algorithm.oid)?;
        let found = imprint.hashed_message.as_bytes();
        let of_signature = digest::digest(algorithm(hash), stamped.signature).as_ref() == found;
        let of_envelope = hash == HashAlgorithm::Sha256
            && stamped.envelope.is_some_and(|envelope| envelope.as_bytes().as_slice() == found);
        if of_signature || of_envelope { Ok(()) } else { Err(VerifyError::timestamp("it is over something else")) }
    }

    /// How it is signed.
    pub(super) fn scheme(&self) -> Result<Scheme, VerifyError> {
        let padding = if self.signer.signature_algorithm.oid == RSASSA_PSS { Padding::Pss } else { Padding::Pkcs1 };
        Ok(Scheme { hash: hash(self.signer.digest_alg.oid)?, padding })
    }

    /// What is signed: attributes that hold the type of the token and its hash (RFC 5652, 5.3, 5.4 and 11).
    pub(super) fn signed_attributes(&self) -> Result<Vec<u8>, VerifyError> {
        let attributes = self.signer.signed_attrs.as_ref();
        let attributes = attributes.ok_or_else(|| VerifyError::timestamp("it has no signed attributes"))?;
        let content_type =
            only(attributes.iter(), CONTENT_TYPE).and_then(|value| value.decode_as::<ObjectIdentifier>().ok());
        if content_type != Some(TST_INFO) {
            return Err(VerifyError::timestamp("its attributes do not say that it is a time"));
        }
        let expected = digest::digest(algorithm(self.scheme()?.hash), &self.info_der);
        let found = only(attributes.iter(), MESSAGE_DIGEST);
        let found = found.and_then(|value| value.decode_as::<OctetStringRef<'_>>().ok());
        if found.is_none_or(|found| found.as_bytes() != expected.as_ref()) {
            return Err(VerifyError::timestamp("its attributes are about another time"));
        }
        // RFC 5652, 5.4: signed as a SET OF, and not under the tag that it has in the token
        let attributes: Vec<Attribute> = attributes.iter().cloned().collect();
        let set = SetOfVec::try_from(attributes).and_then(|set| set.to_der());
        set.map_err(|_| VerifyError::timestamp("its attributes cannot be read"))
    }

    /// The signature over the attributes.
    pub(super) fn signature(&self) -> &[u8] {
        self.signer.signature.as_bytes()
    }

    /// The time, in whole seconds.
    pub(super) fn time(&self) -> Result<Timestamp, VerifyError> {
        let seconds = i64::try_from(self.info.gen_time.to_unix_duration().as_secs()).ok();
        let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        time.ok_or_else(|| VerifyError::timestamp("its time is none"))
    }
}

/// The value of the only attribute of this type, where it has only one.
fn only<'a>(attributes: impl Iterator<Item = &'a Attribute>, oid: ObjectIdentifier) -> Option<&'a Any> {
    let mut found = attributes.filter(|attribute| attribute.oid == oid);
    let (attribute, another) = (found.next()?, found.next());
    match attribute.values.as_slice() {
        [value] if another.is_none() => Some(value),
        _ => None,
    }
}

fn hash(oid: ObjectIdentifier) -> Result<HashAlgorithm, VerifyError> {
    const HASHES: [(ObjectIdentifier, HashAlgorithm); 3] = [
        (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"), HashAlgorithm::Sha256),
        (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"), HashAlgorithm::Sha384),
        (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"), HashAlgorithm::Sha512),
    ];
    let hash = HASHES.into_iter().find(|(known, _)| *known == oid).map(|(_, hash)| hash);
    hash.ok_or_else(|| VerifyError::timestamp(format_args!("its hash {oid} is not supported")))
}

fn algorithm(hash: HashAlgorithm) -> &'static digest::Algorithm {
    match hash {
        HashAlgorithm::Sha256 => &SHA256,
        HashAlgorithm::Sha384 => &SHA384,
        HashAlgorithm::Sha512 => &SHA512,
    }
}

/// <https://datatracker.ietf.org/doc/html/rfc3161#section-2.4.2>
#[derive(Sequence)]
struct TimeStampResp {
    status: PkiStatusInfo,
    #[asn1(optional = "true")]
    token: Option<Any>,
}

#[derive(Sequence)]
struct PkiStatusInfo {
    status: u8,
    #[asn1(optional = "true")]
    text: Option<Vec<String>>,
    #[asn1(optional = "true")]
    failure: Option<BitString>,
}

#[derive(Sequence)]
struct TstInfo {
    version: u8,
    policy: ObjectIdentifier,
    message_imprint: MessageImprint,
    serial_number: Int,
    gen_time: GeneralizedTime,
    #[asn1(optional = "true")]
    accuracy: Option<Accuracy>,
    #[asn1(default = "no")]
    ordering: bool,
    #[asn1(optional = "true")]
    nonce: Option<Int>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    authority: Option<GeneralName>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

fn no() -> bool {
    false
}

#[derive(Sequence)]
struct MessageImprint {
    hash_algorithm: AlgorithmIdentifierOwned,
    hashed_message: OctetString,
}

#[derive(Sequence)]
struct Accuracy {
    #[asn1(optional = "true")]
    seconds: Option<u64>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    micros: Option<u16>,
}
