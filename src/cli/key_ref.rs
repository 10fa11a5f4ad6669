//! References to private keys on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::{Error, env, file};
use crate::limits;
use crate::signer::KeyError;

/// Where a private key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyRef {
    /// `env://NAME`: the value of a variable of the environment.
    Env(String),
    /// A file.
    File(PathBuf),
}

impl KeyRef {
    /// The text of the key's file or variable.
    pub(super) fn read(&self) -> Result<String, Error> {
        let bytes = match self {
            Self::Env(name) => env::named(name)
                .ok_or_else(|| Error::usage(format!("{self}: the variable `{name}` is not set")))?
                .into_encoded_bytes(),
            Self::File(path) => file::read("the private key", path, limits::PRIVATE_KEY_BYTES)?,
        };
        String::from_utf8(bytes).map_err(|_| Error::usage(format!("{self} is no text")))
    }

    /// The key cannot be used, because of `error`.
    pub(super) fn failed(&self, error: &KeyError) -> Error {
        Error::usage(format!("{self}: {error}"))
    }
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the private key `env://{name}`"),
            Self::File(path) => write!(f, "the private key `{}`", path.display()),
        }
    }
}

impl FromStr for KeyRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("-----BEGIN") {
            return Err("a private key is never an argument: every user of the machine could read it".to_owned());
        }
        match text.split_once("://") {
            None => Ok(Self::File(text.into())),
            Some(("env", name)) if !name.is_empty() && !name.contains(['=', '\0']) => Ok(Self::Env(name.to_owned())),
            Some(("env", _)) => Err("`env://` is followed by the name of a variable".to_owned()),
            Some((scheme @ ("k8s" | "awskms" | "gcpkms" | "azurekms" | "hashivault" | "openbao"), _)) => {
                Err(format!("keys of `{scheme}://` are not supported yet; a file and `env://NAME` are"))
            }
            Some((scheme, _)) => Err(format!(
                "keys of `{}://` are not supported; a file and `env://NAME` are",
                scheme.chars().take(32).flat_map(char::escape_default).collect::<String>()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_variables() {
        for (text, expected) in [
            ("cosign.key", KeyRef::File("cosign.key".into())),
            ("/a/b:c", KeyRef::File("/a/b:c".into())),
            ("env://KEY", KeyRef::Env("KEY".to_owned())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for (text, part) in [
            ("env://", "name of a variable"),
            ("env://A=B", "name of a variable"),
            ("awskms:///alias/x", "`awskms://` are not supported yet"),
            ("gcpkms://x", "`gcpkms://` are not supported yet"),
            ("azurekms://x", "`azurekms://` are not supported yet"),
            ("hashivault://x", "`hashivault://` are not supported yet"),
            ("openbao://x", "`openbao://` are not supported yet"),
            ("k8s://a/b", "`k8s://` are not supported yet"),
            ("pkcs11:x://", "`pkcs11:x://` are not supported;"),
            ("https://x", "`https://` are not supported;"),
            ("-----BEGIN PRIVATE KEY-----", "never an argument"),
        ] {
            let error = text.parse::<KeyRef>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn says_what_is_missing_and_not_what_is_there() {
        let error = KeyRef::Env("COUNTERSIGN_TEST_NOT_SET".to_owned()).read().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the private key `env://COUNTERSIGN_TEST_NOT_SET`: the variable `COUNTERSIGN_TEST_NOT_SET` is not set"
        );
    }
}
