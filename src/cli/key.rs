//! `countersign key`

use std::ffi::OsString;
use std::path::PathBuf;

use super::password::{PasswordArgs, Purpose};
use super::{Error, Outcome, file};
use crate::signer::{PemType, SigningKey};

/// Make keys that sign images
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    Generate(GenerateArgs),
}

/// Make a new key pair: an encrypted private key that signs, and a public key for policies
///
/// The private key (ECDSA P-256) is written to PREFIX.key, readable by you alone, and encrypted under a password. The
/// public key is written to PREFIX.pub; give it to whoever verifies. cosign reads both.
#[derive(Clone, Debug, clap::Args)]
struct GenerateArgs {
    /// Where the keys go: PREFIX.key and PREFIX.pub
    #[arg(long, value_name = "PREFIX", default_value = "cosign")]
    output_key_prefix: PathBuf,
    #[command(flatten)]
    password: PasswordArgs,
    /// Replace key files that are there; what was signed with the old key no longer verifies with the new one
    #[arg(long)]
    force: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// When there is no password, or the files are there already or cannot be written.
#[expect(clippy::unused_async, reason = "every subcommand is run in the same way")]
pub async fn run(args: Args) -> Result<Outcome, Error> {
    match args.command {
        Command::Generate(args) => generate(&args),
    }
}

fn generate(args: &GenerateArgs) -> Result<Outcome, Error> {
    let [private, public] = [".key", ".pub"].map(|suffix| {
        let mut path = OsString::from(&args.output_key_prefix);
        path.push(suffix);
        PathBuf::from(path)
    });
    if !args.force
        && let Some(there) = [&private, &public].into_iter().find(|path| path.exists())
    {
        return Err(Error::usage(format!("`{}` is there already; `--force` replaces it", there.display())));
    }
    let password = args.password.read(Purpose::Choose)?;
    let key = SigningKey::generate().map_err(Error::usage)?;
    let pem = key.to_encrypted_pem(&password, PemType::default()).map_err(Error::usage)?;
    file::write_new("the private key", &private, pem.as_bytes(), 0o600, args.force)?;
    file::write_new("the public key", &public, key.public_pem().as_bytes(), 0o644, args.force)?;
    Ok(Outcome {
        data: format!("private key {}\npublic key {}\n", private.display(), public.display()),
        ..Outcome::default()
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use clap::Parser;

    use super::*;
    use crate::signer::Password;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: Args,
    }

    fn run_in(folder: &std::path::Path, more: &[&str]) -> Result<Outcome, Error> {
        let prefix = folder.join("k");
        let password = folder.join("password");
        std::fs::write(&password, "x\n").unwrap();
        let words = ["key", "generate", "--output-key-prefix", prefix.to_str().unwrap(), "--password-file"];
        let words = [&words[..], &[password.to_str().unwrap()], more].concat();
        let Command::Generate(args) = Program::parse_from(words).args.command;
        generate(&args)
    }

    #[test]
    fn makes_a_pair_that_opens() {
        let folder = tempfile::tempdir().unwrap();
        let outcome = run_in(folder.path(), &[]).unwrap();
        let [private, public] = ["k.key", "k.pub"].map(|name| folder.path().join(name));
        assert_eq!(outcome.data, format!("private key {}\npublic key {}\n", private.display(), public.display()));
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&private), 0o600);
        assert_eq!(mode(&public) & 0o600, 0o600);
        let pem = std::fs::read_to_string(&private).unwrap();
        let key = SigningKey::from_encrypted_pem(&pem, &Password::new(b"x".to_vec()).unwrap()).unwrap();
        assert_eq!(key.public_pem(), std::fs::read_to_string(&public).unwrap());

        let error = run_in(folder.path(), &[]).unwrap_err();
        assert!(error.to_string().ends_with("k.key` is there already; `--force` replaces it"), "{error}");
        assert_eq!(std::fs::read_to_string(&private).unwrap(), pem);
        assert!(run_in(folder.path(), &["--force"]).is_ok());
        assert_ne!(std::fs::read_to_string(&private).unwrap(), pem);
    }
}
