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

impl SubjectKind {
    /// The kind in messages.
    fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "host",
            Self::Email => "email address",
            Self::Ip => "address of a host",
            Self::Other => "name of a user",
            Self::Uri => "URI",
        }
    }
}

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

    /// Whether the name has the form that names of its kind have. No text has the form of two kinds, so that whoever is
    /// certified under one of them is never taken for somebody of another: an address of email for the workflow at a URI
    /// (T38).
    fn is_well_formed(&self) -> bool {
        let text = self.value.as_str();
        if text.parse::<IpAddr>().is_ok() {
            return self.kind == SubjectKind::Ip;
        }
        match self.kind {
            SubjectKind::Dns => is_host(text),
            // RFC 5321, 4.1.2, without what is quoted
            SubjectKind::Email => text.split_once('@').is_some_and(|(local, host)| {
                !local.is_empty() && !local.contains([':', ' ']) && !local.contains(char::is_control) && is_host(host)
            }),
            SubjectKind::Ip => false,
            // As Fulcio puts it together: the user, and the domain of his issuer.
            SubjectKind::Other => {
                text.rsplit_once('!').is_some_and(|(user, host)| !user.is_empty() && is_host(host))
                    && !text.contains(['@', ':'])
            }
            // RFC 3986, 3.1
            SubjectKind::Uri => text.split_once(':').is_some_and(|(scheme, _)| {
                scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                    && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
            }),
        }
    }

    /// What it should have been, where it is not.
    pub(super) fn wrong_form(&self) -> Option<String> {
        (!self.is_well_formed()).then(|| format!("its alternative name `{self}` is no {}", self.kind.as_str()))
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

/// RFC 1123, 2.1, with the `*` and `_` that names in certificates have too.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '*'))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    let sixteen = || <[u8; 16]>::try_from(bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
    four.or_else(|_| sixteen()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t38_no_text_is_a_name_of_two_kinds() {
        use SubjectKind::{Dns, Email, Ip, Other, Uri};
        let kinds = [Dns, Email, Ip, Other, Uri];
        for (text, of) in [
            ("ci.example.com", Some(Dns)),
            ("*.example.com", Some(Dns)),
            ("somebody@example.com", Some(Email)),
            ("some+body/x!y@mail.example.com", Some(Email)),
            ("192.0.2.1", Some(Ip)),
            ("fe80::1", Some(Ip)),
            ("somebody!chat.example.com", Some(Other)),
            ("https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1", Some(Uri)),
            ("spiffe://cluster.local/ns/ci/sa/builder", Some(Uri)),
            ("mailto:somebody@example.com", Some(Uri)),
            ("urn:uuid:1", Some(Uri)),
            ("https://x!y", Some(Uri)),
            ("", None),
            ("two words", None),
            ("@example.com", None),
            ("somebody@", None),
            ("one@two@example.com", None),
            ("!example.com", None),
            ("//example.com/a", None),
            ("1a:b", None),
            ("https://github.com/acme/app@example.com\n", Some(Uri)),
        ] {
            let found: Vec<_> =
                kinds.into_iter().filter(|kind| Subject::for_tests(*kind, text).is_well_formed()).collect();
            assert_eq!(found, Vec::from_iter(of), "{text:?}");
        }
        let forged = Subject::for_tests(Email, "https://github.com/acme/app");
        assert_eq!(
            forged.wrong_form().as_deref(),
            Some("its alternative name `https://github.com/acme/app` is no email address")
        );
    }
}
