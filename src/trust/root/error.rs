//! Why a root cannot be believed.

use std::fmt;

/// Why something is no trusted root, and which part of it is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseRootError {
    place: Option<(RootList, usize)>,
    fault: RootFault,
}

impl ParseRootError {
    pub(super) fn whole(fault: RootFault) -> Self {
        Self { place: None, fault }
    }

    pub(super) fn at(list: RootList, index: usize, fault: RootFault) -> Self {
        Self { place: Some((list, index)), fault }
    }

    /// The list and the entry of it, from 0, where one is to blame.
    pub fn place(&self) -> Option<(RootList, usize)> {
        self.place
    }

    /// What is wrong.
    pub fn fault(&self) -> &RootFault {
        &self.fault
    }
}

impl fmt::Display for ParseRootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((list, index)) => write!(f, "`{}[{index}]`: {}", list.as_str(), self.fault),
            None => self.fault.fmt(f),
        }
    }
}

impl std::error::Error for ParseRootError {}

/// The lists of a trusted root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootList {
    /// Authorities that issue signing certificates.
    CertificateAuthorities,
    /// Logs of issued certificates.
    CtLogs,
    /// Authorities that sign the time.
    TimestampAuthorities,
    /// Transparency logs.
    TransparencyLogs,
}

impl RootList {
    /// Its name in a `trusted_root.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CertificateAuthorities => "certificateAuthorities",
            Self::CtLogs => "ctlogs",
            Self::TimestampAuthorities => "timestampAuthorities",
            Self::TransparencyLogs => "tlogs",
        }
    }
}

/// What can be wrong with a trusted root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootFault {
    /// A certificate that cannot be read, or that cannot be an anchor.
    #[error("certificate {0} of the chain cannot be read")]
    Certificate(usize),
    /// A certificate is not issued by the one after it.
    #[error("certificate {0} of the chain is not issued by the next one; the root comes last")]
    ChainOrder(usize),
    /// Two entries with one log ID, which differ.
    #[error("another entry has the same log ID")]
    DuplicateLog,
    /// There is nothing in it.
    #[error("there is nothing to believe in it: no authority and no log")]
    Empty,
    /// A chain without a certificate.
    #[error("the chain has no certificate")]
    EmptyChain,
    /// It is not JSON of this shape.
    #[error("it is no `trusted_root.json`: {0}")]
    Json(String),
    /// A public key that cannot be read.
    #[error("the public key cannot be read")]
    Key,
    /// A log ID of another length than 32 bytes.
    #[error("the log ID has {0} bytes, not 32")]
    LogId(usize),
    /// A media type of something else, or of a version that is not known.
    #[error("the media type `{0}` is not that of a trusted root of version 0.1 or 0.2")]
    MediaType(String),
    /// A certificate authority with a certificate that may not issue others (RFC 5280, 4.2.1.9).
    #[error("certificate {0} of the chain is not that of an authority")]
    NotAnAuthority(usize),
    /// The PEM cannot be read.
    #[error("it is no PEM with `{0}` blocks")]
    Pem(&'static str),
    /// A ceiling was met.
    #[error("more than {ceiling} {what}")]
    TooMuch {
        /// What there is too much of, with its unit, in plural.
        what: &'static str,
        /// The ceiling.
        ceiling: usize,
    },
    /// A window that ends before it starts.
    #[error("the validity ends before it starts")]
    Window,
}
