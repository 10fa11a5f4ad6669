//! `countersign key`

use std::ffi::OsString;
use std::path::PathBuf;

use super::key_ref::{Found, KeyRef, SecretRef};
use super::password::{PasswordArgs, Purpose};
use super::{Error, Exit, Outcome, file, key_secret};
use crate::signer::{KeyError, KeyKind, Password, PemType, PrivatePemError, SigningKey};
use crate::trust::{KeyAlgorithm, PublicKey};

/// Make, import and look at keys that sign images
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    Generate(GenerateArgs),
    Import(ImportArgs),
    /// Print the public key of a private key, as policies and cosign read it
    Public(OpenArgs),
    /// Say of a private key what it is and whether the password opens it
    ///
    /// The exit code is 0 if it does, 1 if the password is wrong, and 2 if it is no private key.
    Inspect(OpenArgs),
}

/// Make a new key pair: an encrypted private key that signs, and a public key for policies
///
/// The private key is written to PREFIX.key, readable by you alone, and encrypted under a password. The public key is
/// written to PREFIX.pub; give it to whoever verifies. cosign reads both.
///
/// In a cluster, a Secret can hold all three instead. Then the public key is printed.
#[derive(Clone, Debug, clap::Args)]
pub struct GenerateArgs {
    /// A Secret that gets the keys and the password instead of files; nobody can change it afterwards
    #[arg(value_name = "k8s://NAMESPACE/NAME", conflicts_with = "output_key_prefix")]
    secret: Option<SecretRef>,
    /// The kind of key; whatever reads signatures reads those of ecdsa-p256
    #[arg(long, value_enum, default_value_t = KindArg::EcdsaP256)]
    kind: KindArg,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    password: PasswordArgs,
}

/// Import a private key that another tool made
///
/// It may be PKCS#8, plain or encrypted (PBES2), PKCS#1 or SEC1, as OpenSSL and others write them in PEM files. It is
/// written to PREFIX.key, encrypted under a password as cosign encrypts it, and its public key to PREFIX.pub.
#[derive(Clone, Debug, clap::Args)]
struct ImportArgs {
    /// The private key to import: a file, or `env://NAME` for a variable of the environment
    #[arg(long, value_name = "KEY")]
    key: KeyRef,
    /// If that key is encrypted, read its password from this file; without it, it is that of the new file
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    password: PasswordArgs,
}

/// Where a pair of keys goes.
#[derive(Clone, Debug, clap::Args)]
struct OutputArgs {
    /// Where the keys go: PREFIX.key and PREFIX.pub
    #[arg(long, value_name = "PREFIX", default_value = "cosign")]
    output_key_prefix: PathBuf,
    /// The label of the private key's file
    #[arg(long, value_enum, default_value_t = PemTypeArg::Sigstore)]
    pem_type: PemTypeArg,
    /// Replace key files that are there; what was signed with the old key no longer verifies with the new one
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Debug, clap::Args)]
struct OpenArgs {
    /// The private key: a file, or any other that `sign --key` takes
    #[arg(long, value_name = "KEY")]
    key: KeyRef,
    #[command(flatten)]
    password: PasswordArgs,
}

/// The kinds by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum KindArg {
    EcdsaP256,
    EcdsaP384,
    EcdsaP521,
    Ed25519,
    #[value(name = "rsa-2048")]
    Rsa2048,
    #[value(name = "rsa-3072")]
    Rsa3072,
    #[value(name = "rsa-4096")]
    Rsa4096,
}

/// The labels by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PemTypeArg {
    /// ENCRYPTED SIGSTORE PRIVATE KEY
    Sigstore,
    /// ENCRYPTED COSIGN PRIVATE KEY, which old versions of cosign and Tekton Chains read
    Cosign,
}

/// Runs the subcommand.
///
/// # Errors
/// When there is no password, a key cannot be read, or the files are there already or cannot be written.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    match args.command {
        Command::Generate(args) => generate(args).await,
        Command::Import(args) => import(&args).await,
        Command::Public(args) => public(&args).await,
        Command::Inspect(args) => inspect(&args).await,
    }
}

/// Makes a key pair.
///
/// # Errors
/// As [`run`].
pub async fn generate(args: GenerateArgs) -> Result<Outcome, Error> {
    if args.secret.is_none() {
        args.output.check()?;
    }
    let password = args.password.read(Purpose::Choose)?;
    let key = SigningKey::generate_of(args.kind.into()).map_err(Error::usage)?;
    let Some(secret) = &args.secret else {
        return args.output.write(&key, &password);
    };
    let pem = key.to_encrypted_pem(&password, args.output.pem_type.into()).map_err(Error::usage)?;
    key_secret::create(secret, &pem, &key.public_pem(), &password, args.output.force).await?;
    // The public key goes to whoever verifies, who should not read the Secret.
    Ok(Outcome { data: key.public_pem(), ..Outcome::default() })
}

async fn import(args: &ImportArgs) -> Result<Outcome, Error> {
    args.output.check()?;
    let text = args.key.read().await?;
    let mut new = None;
    let key = SigningKey::import(&text, || -> Result<_, Failure> {
        if let Some(path) = &args.from_password_file {
            return Ok(super::password::from_file(path)?);
        }
        let password = args.password.read(Purpose::Open)?;
        new = Some(password.clone());
        Ok(password)
    });
    let key = key.map_err(|failure| match failure {
        Failure::Key(error) => args.key.failed(&error),
        Failure::Password(error) => error,
    })?;
    let password = match new {
        Some(password) => password,
        None => args.password.read(Purpose::Choose)?,
    };
    args.output.write(&key, &password)
}

async fn public(args: &OpenArgs) -> Result<Outcome, Error> {
    let key = args.open().await?.map_err(|error| args.key.failed(&error))?;
    Ok(Outcome { data: key.to_pem(), ..Outcome::default() })
}

async fn inspect(args: &OpenArgs) -> Result<Outcome, Error> {
    match args.open().await? {
        Ok(key) => {
            let algorithm = match key.algorithm() {
                KeyAlgorithm::EcdsaP256 => "ECDSA P-256",
                KeyAlgorithm::EcdsaP384 => "ECDSA P-384",
                KeyAlgorithm::EcdsaP521 => "ECDSA P-521",
                KeyAlgorithm::Ed25519 => "Ed25519",
                KeyAlgorithm::Rsa => "RSA",
            };
            let data = format!("algorithm {algorithm}\npublic key {}\n", key.fingerprint());
            Ok(Outcome { data, ..Outcome::default() })
        }
        Err(error) if error.is_wrong_password() => Ok(Outcome {
            messages: vec![args.key.failed(&error).to_string()],
            exit: Exit::Refused,
            ..Outcome::default()
        }),
        Err(error) => Err(args.key.failed(&error)),
    }
}

impl OpenArgs {
    /// The public half of the key, or why there is none.
    async fn open(&self) -> Result<Result<PublicKey, KeyError>, Error> {
        match self.key.find().await? {
            Found::Private { text, password } => {
                Ok(open(&text, &self.password, password.as_ref())?.map(|key| key.public_key().clone()))
            }
            Found::Remote(key) => Ok(Ok(key.public_key().clone())),
        }
    }
}

/// Opens a key of cosign's format or of another tool, with the password `beside` it if there is one.
fn open(text: &str, password: &PasswordArgs, beside: Option<&Password>) -> Result<Result<SigningKey, KeyError>, Error> {
    let read = || password.or(beside.cloned(), Purpose::Open);
    match SigningKey::import(text, || -> Result<_, Failure> { Ok(read()?) }) {
        Ok(key) => Ok(Ok(key)),
        Err(Failure::Key(KeyError::PrivatePem(PrivatePemError::AlreadyImported))) => {
            Ok(SigningKey::from_encrypted_pem(text, &read()?))
        }
        Err(Failure::Key(error)) => Ok(Err(error)),
        Err(Failure::Password(error)) => Err(error),
    }
}

/// Why a key was not imported.
enum Failure {
    Key(KeyError),
    Password(Error),
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Password(error)
    }
}

impl OutputArgs {
    fn paths(&self) -> [PathBuf; 2] {
        [".key", ".pub"].map(|suffix| {
            let mut path = OsString::from(&self.output_key_prefix);
            path.push(suffix);
            PathBuf::from(path)
        })
    }

    /// Refuses before a password is asked for.
    fn check(&self) -> Result<(), Error> {
        match self.paths().iter().find(|path| !self.force && path.exists()) {
            Some(there) => Err(Error::usage(format!("`{}` is there already; `--force` replaces it", there.display()))),
            None => Ok(()),
        }
    }

    fn write(&self, key: &SigningKey, password: &Password) -> Result<Outcome, Error> {
        let [private, public] = self.paths();
        let pem = key.to_encrypted_pem(password, self.pem_type.into()).map_err(Error::usage)?;
        file::write_new("the private key", &private, pem.as_bytes(), 0o600, self.force)?;
        file::write_new("the public key", &public, key.public_pem().as_bytes(), 0o644, self.force)?;
        Ok(Outcome {
            data: format!("private key {}\npublic key {}\n", private.display(), public.display()),
            ..Outcome::default()
        })
    }
}

impl From<KindArg> for KeyKind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::EcdsaP256 => Self::EcdsaP256,
            KindArg::EcdsaP384 => Self::EcdsaP384,
            KindArg::EcdsaP521 => Self::EcdsaP521,
            KindArg::Ed25519 => Self::Ed25519,
            KindArg::Rsa2048 => Self::Rsa2048,
            KindArg::Rsa3072 => Self::Rsa3072,
            KindArg::Rsa4096 => Self::Rsa4096,
        }
    }
}

impl From<PemTypeArg> for PemType {
    fn from(pem_type: PemTypeArg) -> Self {
        match pem_type {
            PemTypeArg::Sigstore => Self::Sigstore,
            PemTypeArg::Cosign => Self::Cosign,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use clap::Parser;

    use super::*;

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
        run_words(&words)
    }

    fn run_words(words: &[&str]) -> Result<Outcome, Error> {
        crate::cli::runtime::start().unwrap().block_on(run(Program::parse_from(words).args))
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

    fn data(name: &str) -> String {
        format!("{}/tests/data/keys/{name}", env!("CARGO_MANIFEST_DIR"))
    }

    fn password_file(folder: &std::path::Path, name: &str, text: &str) -> String {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn imports_and_shows() {
        let folder = tempfile::tempdir().unwrap();
        let x = password_file(folder.path(), "x", "x\n");
        let y = password_file(folder.path(), "y", "y\n");
        for (name, more) in [
            ("sec1-p256", &["--password-file", &x][..]),
            ("pbes2-p256", &["--password-file", &x]),
            ("scrypt-p256", &["--password-file", &y, "--from-password-file", &x]),
        ] {
            let prefix = folder.path().join(name).display().to_string();
            let key = data(&format!("import/{name}.pem"));
            let imported =
                run_words(&[&["key", "import", "--key", &key, "--output-key-prefix", &prefix], more].concat());
            assert!(imported.is_ok(), "{name}: {imported:?}");
            let public = std::fs::read_to_string(data("import/p256.pub.pem")).unwrap();
            assert_eq!(std::fs::read_to_string(format!("{prefix}.pub")).unwrap(), public, "{name}");
            let shown = run_words(&["key", "public", "--key", &format!("{prefix}.key"), more[0], more[1]]).unwrap();
            assert_eq!(shown.data, public, "{name}");
        }
    }

    #[test]
    fn inspects() {
        let folder = tempfile::tempdir().unwrap();
        let x = password_file(folder.path(), "x", "x\n");
        let y = password_file(folder.path(), "y", "y\n");
        let inspect = |name: &str, password: &str| {
            run_words(&["key", "inspect", "--key", &data(name), "--password-file", password])
        };
        for name in ["cosign-3.1.3.key", "import/pbes2-p256.pem"] {
            let good = inspect(name, &x).unwrap();
            assert!(good.data.starts_with("algorithm ECDSA P-256\npublic key sha256:"), "{}", good.data);
            assert_eq!(good.exit, Exit::Success);
            let wrong = inspect(name, &y).unwrap();
            assert_eq!((wrong.exit, wrong.data.as_str()), (Exit::Refused, ""), "{name}");
        }
        for name in ["import/p256.pub.pem", "import/dek-info-p256.pem", "import/des3-p256.pem", "none"] {
            assert!(inspect(name, &x).is_err(), "{name}");
        }
    }
}
