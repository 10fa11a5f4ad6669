//! Where passwords come from.

use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::env::Variable;
use super::{Error, file};
use crate::limits;
use crate::signer::Password;

/// Where the password of a private key comes from. There is no flag for the password itself: every user of the machine
/// could read it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PasswordArgs {
    /// Read the key's password from this file; one line end at its end is not part of it
    ///
    /// Without it, the password is the value of COUNTERSIGN_PASSWORD or COSIGN_PASSWORD, what the file that
    /// COUNTERSIGN_PASSWORD_FILE names holds, or is asked for on the terminal, or read from a pipe.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// What the password is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A new key gets it: on a terminal it is asked for twice.
    Choose,
    /// A key is opened with it.
    Open,
}

impl PasswordArgs {
    /// The password from a file that was named, else `beside`, which lies with the key, else as [`Self::read`] finds it.
    pub(super) fn or(&self, beside: Option<Password>, purpose: Purpose) -> Result<Password, Error> {
        match beside {
            Some(password) if self.password_file.is_none() => Ok(password),
            Some(_) | None => self.read(purpose),
        }
    }

    /// The password from the first source that there is.
    pub(super) fn read(&self, purpose: Purpose) -> Result<Password, Error> {
        if let Some(path) = &self.password_file {
            return from_file(path);
        }
        for variable in [Variable::CountersignPassword, Variable::CosignPassword] {
            if let Some(value) = variable.value() {
                return Password::new(value.into_vec())
                    .map_err(|error| Error::usage(format!("`{}`: {error}", variable.name())));
            }
        }
        if let Some(path) = Variable::CountersignPasswordFile.path() {
            return from_file(&path);
        }
        let stdin = io::stdin();
        if stdin.is_terminal() { from_terminal(purpose) } else { from_pipe(stdin.lock()) }
    }
}

/// The password that a file holds.
pub(super) fn from_file(path: &Path) -> Result<Password, Error> {
    let bytes = file::read("the password file", path, limits::PASSWORD_BYTES)?;
    Password::from_line(bytes).map_err(Error::usage)
}

/// The password of something else than a key, which a pipe holds.
pub(super) fn from_stdin() -> Result<Password, Error> {
    from_pipe(io::stdin().lock())
}

fn from_terminal(purpose: Purpose) -> Result<Password, Error> {
    let ask = |prompt: &str| {
        let text = rpassword::prompt_password(prompt)
            .map_err(|error| Error::usage(format!("cannot ask for the password: {error}")))?;
        Password::new(text.into_bytes()).map_err(Error::usage)
    };
    let password = ask("password of the private key: ")?;
    match purpose {
        Purpose::Open => Ok(password),
        Purpose::Choose if ask("the same password again: ")?.is_same_as(&password) => Ok(password),
        Purpose::Choose => Err(Error::usage("the passwords are not the same")),
    }
}

/// A pipe that holds nothing at all gives no password: a key that is made in a job without one must not end up
/// unprotected. An empty line is an empty password.
fn from_pipe(pipe: impl io::Read) -> Result<Password, Error> {
    // The line end is not counted.
    let bytes = file::read_bounded(pipe, limits::PASSWORD_BYTES + 2)
        .map_err(|error| Error::usage(format!("cannot read the password: {error}")))?
        .ok_or_else(|| Error::usage(format!("a password has at most {} bytes", limits::PASSWORD_BYTES)))?;
    if bytes.is_empty() {
        return Err(Error::usage(format!(
            "there is no password: set `{}` or give `--password-file`",
            Variable::CountersignPassword.name()
        )));
    }
    Password::from_line(bytes).map_err(Error::usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.into()).unwrap()
    }

    #[test]
    fn a_pipe_gives_a_line() {
        assert!(from_pipe(&b"x\n"[..]).unwrap().is_same_as(&password("x")));
        assert!(from_pipe(&b"\n"[..]).unwrap().is_same_as(&password("")));
        let error = from_pipe(io::empty()).unwrap_err();
        assert_eq!(error.to_string(), "there is no password: set `COUNTERSIGN_PASSWORD` or give `--password-file`");
        assert!(from_pipe(vec![b'a'; limits::PASSWORD_BYTES + 3].as_slice()).is_err());
        assert!(from_pipe(vec![b'a'; limits::PASSWORD_BYTES + 1].as_slice()).is_err());
    }

    #[test]
    fn a_file_gives_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "x\n").unwrap();
        let args = PasswordArgs { password_file: Some(path) };
        assert!(args.read(Purpose::Open).unwrap().is_same_as(&password("x")));
        let args = PasswordArgs { password_file: Some(folder.path().join("none")) };
        assert!(args.read(Purpose::Open).is_err());
    }
}
