//! A timestamp authority (RFC 3161).

use std::time::Duration;

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{GeneralizedTime, Int, ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Decode, Encode, Sequence};
use jiff::Timestamp;
use spki::AlgorithmIdentifierOwned;
use x509_cert::attr::Attribute;

use super::certificate::TIME_STAMPING;
use super::fulcio::Authority;
use super::{Algorithm, Certificate, Key, days};

const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const SHA384: &str = "2.16.840.1.101.3.4.2.2";
const SHA512: &str = "2.16.840.1.101.3.4.2.3";
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";

pub(crate) struct Tsa {
    pub(crate) root: Authority,
    pub(crate) signer: Authority,
}

/// What a token says, each field to be made wrong.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    pub(crate) time: Timestamp,
    /// The bytes that are stamped.
    pub(crate) message: Vec<u8>,
    /// Instead of the hash of those bytes.
    pub(crate) imprint: Option<Vec<u8>>,
    /// The type of what is signed.
    pub(crate) content_type: &'static str,
    /// Instead of the hash of what is signed.
    pub(crate) message_digest: Option<Vec<u8>>,
    /// The content type among the signed attributes.
    pub(crate) signed_content_type: Option<&'static str>,
    /// What the answer says: 0 is granted.
    pub(crate) status: u8,
    /// The certificates in the token.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// How often the signer signs it.
    pub(crate) signers: usize,
    /// How many seconds the time may be wrong by.
    pub(crate) accuracy: Option<u8>,
    /// Whether its times are in the order of its tokens.
    pub(crate) ordering: bool,
    /// A number of whoever asked.
    pub(crate) nonce: Option<u8>,
}

impl Tsa {
    pub(crate) fn new(name: &str, algorithm: Algorithm) -> Self {
        let root = Certificate::authority(&format!("CN={name} time root,O=virtual"), days(-365), days(3650));
        let root = Authority::root(root, Key::p256());
        let signer = Certificate {
            authority: None,
            usages: vec![TIME_STAMPING],
            serial: 3,
            ..Certificate::authority(&format!("CN={name} time,O=virtual"), days(-300), days(3000))
        };
        let signer = root.authority(signer, Key::new(algorithm));
        Self { root, signer }
    }

    /// The chain as trusted roots have it, the root last.
    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        vec![self.signer.der.clone(), self.root.der.clone()]
    }

    /// What a good token over `message` says.
    pub(crate) fn stamp(&self, message: &[u8], time: Timestamp) -> Stamp {
        Stamp {
            time,
            message: message.to_vec(),
            imprint: None,
            content_type: TST_INFO,
            message_digest: None,
            signed_content_type: Some(TST_INFO),
            status: 0,
            certificates: vec![self.signer.der.clone()],
            signers: 1,
            accuracy: None,
            ordering: false,
            nonce: None,
        }
    }

    /// The answer with a token over `message`.
    pub(crate) fn sign(&self, message: &[u8], time: Timestamp) -> Vec<u8> {
        self.answer(&self.stamp(message, time))
    }

    /// The answer with the token that `stamp` describes.
    pub(crate) fn answer(&self, stamp: &Stamp) -> Vec<u8> {
        let hash = self.signer.key.hash();
        let hash_oid = if hash == &aws_lc_rs::digest::SHA384 {
            SHA384
        } else if hash == &aws_lc_rs::digest::SHA512 {
            SHA512
        } else {
            SHA256
        };
        let since_epoch = Duration::from_secs(u64::try_from(stamp.time.as_second()).unwrap());
        let info = TstInfo {
            version: 1,
            policy: ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.2"),
            message_imprint: MessageImprint {
                hash_algorithm: algorithm(SHA256),
                hashed_message: OctetString::new(
                    stamp.imprint.clone().unwrap_or_else(|| super::key::sha256(&stamp.message)),
                )
                .unwrap(),
            },
            serial_number: Int::new(&[7]).unwrap(),
            gen_time: GeneralizedTime::from_unix_duration(since_epoch).unwrap(),
            accuracy: stamp.accuracy.map(|seconds| Accuracy { seconds }),
            ordering: stamp.ordering.then_some(true),
            nonce: stamp.nonce.map(|nonce| Int::new(&[nonce]).unwrap()),
        };
        let info = info.to_der().unwrap();
        let digest = aws_lc_rs::digest::digest(hash, &info).as_ref().to_vec();
        let digest = OctetString::new(stamp.message_digest.clone().unwrap_or(digest)).unwrap();
        let mut attributes = vec![attribute(MESSAGE_DIGEST, &digest)];
        if let Some(content_type) = stamp.signed_content_type {
            attributes.push(attribute(CONTENT_TYPE, &ObjectIdentifier::new_unwrap(content_type)));
        }
        let attributes = SetOfVec::try_from(attributes).unwrap();
        let signature = self.signer.key.sign(&attributes.to_der().unwrap());
        let certificate = x509_cert::Certificate::from_der(&self.signer.der).unwrap();
        let signer = |serial: Option<u8>| SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: certificate.tbs_certificate.issuer.clone(),
                serial_number: match serial {
                    Some(serial) => x509_cert::serial_number::SerialNumber::new(&[serial]).unwrap(),
                    None => certificate.tbs_certificate.serial_number.clone(),
                },
            }),
            digest_alg: algorithm(hash_oid),
            signed_attrs: Some(attributes.clone()),
            signature_algorithm: self.signer.key.signature_algorithm(),
            signature: OctetString::new(signature.clone()).unwrap(),
            unsigned_attrs: None,
        };
        let further = (1..stamp.signers).map(|index| signer(Some(100 + u8::try_from(index).unwrap())));
        let signers: Vec<_> = std::iter::once(signer(None)).chain(further).take(stamp.signers).collect();
        let certificates = stamp
            .certificates
            .iter()
            .map(|der| CertificateChoices::Certificate(x509_cert::Certificate::from_der(der).unwrap()));
        let certificates: Vec<_> = certificates.collect();
        let data = SignedData {
            version: CmsVersion::V3,
            digest_algorithms: SetOfVec::try_from(vec![algorithm(hash_oid)]).unwrap(),
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: ObjectIdentifier::new_unwrap(stamp.content_type),
                econtent: Some(Any::encode_from(&OctetString::new(info).unwrap()).unwrap()),
            },
            certificates: (!certificates.is_empty()).then(|| CertificateSet::try_from(certificates).unwrap()),
            crls: None,
            signer_infos: SignerInfos::try_from(signers).unwrap(),
        };
        let token = ContentInfo {
            content_type: ObjectIdentifier::new_unwrap(SIGNED_DATA),
            content: Any::encode_from(&data).unwrap(),
        };
        let granted = stamp.status < 2;
        let answer = Answer {
            status: Status { status: stamp.status },
            token: granted.then(|| Any::encode_from(&token).unwrap()),
        };
        answer.to_der().unwrap()
    }
}

fn algorithm(oid: &str) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: ObjectIdentifier::new_unwrap(oid), parameters: None }
}

fn attribute<T: der::Tagged + der::EncodeValue>(oid: &str, value: &T) -> Attribute {
    let values = SetOfVec::try_from(vec![Any::encode_from(value).unwrap()]).unwrap();
    Attribute { oid: ObjectIdentifier::new_unwrap(oid), values }
}

/// RFC 3161, 2.4.2, without names and extensions.
#[derive(Sequence)]
struct TstInfo {
    version: u8,
    policy: ObjectIdentifier,
    message_imprint: MessageImprint,
    serial_number: Int,
    gen_time: GeneralizedTime,
    #[asn1(optional = "true")]
    accuracy: Option<Accuracy>,
    #[asn1(optional = "true")]
    ordering: Option<bool>,
    #[asn1(optional = "true")]
    nonce: Option<Int>,
}

#[derive(Sequence)]
struct Accuracy {
    seconds: u8,
}

#[derive(Sequence)]
struct MessageImprint {
    hash_algorithm: AlgorithmIdentifierOwned,
    hashed_message: OctetString,
}

#[derive(Sequence)]
struct Status {
    status: u8,
}

#[derive(Sequence)]
struct Answer {
    status: Status,
    #[asn1(optional = "true")]
    token: Option<Any>,
}
