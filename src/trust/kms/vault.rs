//! Keys of Vault and OpenBao (<https://developer.hashicorp.com/vault/api-docs/secret/transit>).

use std::fmt;

use super::{ParseKmsKeyError, text};

/// `hashivault://KEY` or `openbao://KEY`: a key of a transit engine. Where the server and the engine are is no part of it.
/// It is the newest version of the key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultKey {
    kind: VaultKind,
    name: String,
}

/// Which of the two it is. They speak the same protocol, and are found by different variables of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VaultKind {
    /// OpenBao.
    OpenBao,
    /// HashiCorp Vault.
    Vault,
}

impl VaultKind {
    /// The scheme of its references.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::OpenBao => "openbao",
            Self::Vault => "hashivault",
        }
    }
}

impl VaultKey {
    pub(super) fn parse(kind: VaultKind, rest: &str) -> Result<Self, ParseKmsKeyError> {
        let is_end = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let bytes = rest.as_bytes();
        // As cosign reads it: it begins and ends with a letter, a digit or `_`.
        if !text::is_name(rest, b"_-.", 128) || !is_end(bytes.first()) || !is_end(bytes.last()) {
            return Err(ParseKmsKeyError::Vault);
        }
        Ok(Self { kind, name: rest.to_owned() })
    }

    /// Which of the two it is.
    pub fn kind(&self) -> VaultKind {
        self.kind
    }

    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.kind.scheme(), self.name)
    }
}
