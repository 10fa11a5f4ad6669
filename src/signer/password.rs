//! Passwords.

use std::fmt;

use zeroize::Zeroizing;

use crate::limits::{self, Exceeded, Scope};

/// The password of an encrypted private key. Never printed, and wiped from memory when dropped.
///
/// Where it comes from is the caller's: the command line reads it from the environment, a file, a terminal or a pipe,
/// and never from an argument, which every user of the machine could read.
#[derive(Clone)]
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// A password from its bytes, which are taken as they are. An empty one is legal, as it is for cosign.
    ///
    /// # Errors
    /// When it has more than [`limits::PASSWORD_BYTES`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, Exceeded> {
        let bytes = Zeroizing::new(bytes);
        if bytes.len() > limits::PASSWORD_BYTES {
            return Err(Exceeded::new("bytes of a password", limits::PASSWORD_BYTES, Scope::Artifact));
        }
        Ok(Self(bytes))
    }

    /// A password from a file or a pipe: the bytes without the one line end that editors and `echo` leave behind.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_line(mut bytes: Vec<u8>) -> Result<Self, Exceeded> {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        Self::new(bytes)
    }

    /// Whether both are the same; for asking twice on a terminal.
    pub fn is_same_as(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }

    /// The password itself, for a Secret that keeps it beside the key.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_printed() {
        let password = Password::new(b"hunter2".to_vec()).unwrap();
        assert_eq!(format!("{password} {password:?} {password:#?}"), "**** **** ****");
    }

    #[test]
    fn loses_one_line_end() {
        for (line, expected) in
            [("", ""), ("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("a\r", "a\r")]
        {
            let password = Password::from_line(line.into()).unwrap();
            assert_eq!(password.as_bytes(), expected.as_bytes(), "{line:?}");
        }
    }

    #[test]
    fn has_a_ceiling() {
        assert!(Password::new(vec![b'a'; limits::PASSWORD_BYTES]).is_ok());
        assert!(Password::new(vec![b'a'; limits::PASSWORD_BYTES + 1]).is_err());
    }

    #[test]
    fn is_compared() {
        let [a, b] = ["a", "b"].map(|text| Password::new(text.into()).unwrap());
        assert!(a.is_same_as(&a.clone()));
        assert!(!a.is_same_as(&b));
    }
}
