//! For whom certificates are issued.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

use der::asn1::{ObjectIdentifier, Utf8StringRef};
use x509_cert::ext::pkix::name::GeneralName;

/// One alternative name of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    kind: SubjectKind,
    value: String,
}

/// The kinds of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// A host.
    Dns,
    /// An email address.
    Email,
    /// An address of a host.
    Ip,
    /// A name of Fulcio's own kind, as of users of chat services.
    Other,
    /// A URI: workflows, SPIFFE IDs, service accounts.
    Uri,
}

/// <https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md#1361415726417--othername-san>
const USER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");

impl Subject {
    /// Takes the names that can be told as text. Others name nobody that a policy could ask for.
    pub(super) fn of(name: &GeneralName) -> Option<Self> {
        let (kind, value) = match name {
            GeneralName::DnsName(name) => (SubjectKind::Dns, name.as_str().to_owned()),
            GeneralName::IpAddress(bytes) => (SubjectKind::Ip, address(bytes.as_bytes())?.to_string()),
            GeneralName::OtherName(name) if name.type_id == USER_NAME => {
                (SubjectKind::Other, name.value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned())
            }
            GeneralName::Rfc822Name(name) => (SubjectKind::Email, name.as_str().to_owned()),
            GeneralName::UniformResourceIdentifier(name) => (SubjectKind::Uri, name.as_str().to_owned()),
            GeneralName::DirectoryName(_)
            | GeneralName::EdiPartyName(_)
            | GeneralName::OtherName(_)
            | GeneralName::RegisteredId(_) => return None,
        };
        Some(Self { kind, value })
    }

    /// What kind of name it is.
    pub fn kind(&self) -> SubjectKind {
        self.kind
    }

    /// The name.
    pub fn value(&self) -> &str {
        &self.value
    }

    #[cfg(test)]
    pub(crate) fn for_tests(kind: SubjectKind, value: &str) -> Self {
        Self { kind, value: value.to_owned() }
    }
}

/// The name, as a message may hold it: it is somebody else's text.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::evidence::one_line(&self.value))
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    let sixteen = || <[u8; 16]>::try_from(bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
    four.or_else(|_| sixteen()).ok()
}
