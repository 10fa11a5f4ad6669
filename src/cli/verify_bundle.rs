//! `countersign verify-bundle`

use std::path::{Path, PathBuf};

use super::print::table;
use super::signer_args::SignerArgs;
use super::{Error, Exit, Outcome, clock, file};
use crate::evidence::Bundle;
use crate::explain;
use crate::image::Digest;
use crate::limits::{self, Budget};
use crate::policy::{DenyReason, SignerRule};
use crate::signer::FileName;
use crate::trust::HashAlgorithm;
use crate::verify::{File, FileProof, Signer, VerifyError, verify_file};

/// Say whether a Sigstore bundle proves who signed a file
///
/// Verifies offline, at the time of signing: what has expired since counts. A certificate needs what the trust root can
/// prove (a log entry, a time); a key needs nothing beside it, and what is there has to hold.
///
/// Exits with 0 if a bundle of the file is accepted, 1 if none is, and 2 if the arguments cannot be read.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign verify-bundle app.tar.gz --bundle app.sigstore.json --certificate-identity somebody@example.com \\
    --certificate-oidc-issuer https://accounts.google.com
  countersign verify-bundle sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 \\
    --bundle attestations.jsonl --key cosign.pub")]
pub struct Args {
    /// The file that was signed, or its digest (`sha256:…`, `sha512:…`)
    #[arg(value_name = "FILE_OR_DIGEST")]
    artifact: String,
    /// The bundle, or several, one on each line
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    #[command(flatten)]
    signer: SignerArgs,
}

/// Verifies the bundles.
///
/// # Errors
/// When a file cannot be read, or the arguments do not say who may have signed.
pub fn run(args: &Args) -> Result<Outcome, Error> {
    let signer = args.signer.rule()?;
    let artifact = Artifact::read(&args.artifact)?;
    let text = file::read("the bundle", &args.bundle, limits::EVIDENCE_BLOB_BYTES)?;
    let bundles = split(&text);
    if bundles.len() > limits::BUNDLES_OF_A_FILE {
        let ceiling = limits::BUNDLES_OF_A_FILE;
        return Err(Error::usage(format!("`{}` has more than {ceiling} bundles", args.bundle.display())));
    }
    Ok(outcome(&judge(&bundles, &artifact.file()?, &signer, &|_| Ok(()))))
}

/// A file on the command line, or its digest.
pub(super) struct Artifact {
    written: String,
    content: Content,
}

enum Content {
    Bytes(Vec<u8>),
    Digest(HashAlgorithm, Vec<u8>),
}

impl Artifact {
    /// Reads the file, unless it is a digest.
    pub(super) fn read(written: &str) -> Result<Self, Error> {
        let content = match digest(written)? {
            Some((hash, digest)) => Content::Digest(hash, digest),
            None => Content::Bytes(
                file::read("the file", Path::new(written), limits::SIGNED_FILE_BYTES)
                    .map_err(|error| error.hint("give its digest instead, as `sha256:…`"))?,
            ),
        };
        Ok(Self { written: written.to_owned(), content })
    }

    /// What bundles have to be about.
    pub(super) fn file(&self) -> Result<File<'_>, Error> {
        match &self.content {
            Content::Bytes(bytes) => Ok(File::of_bytes(bytes)),
            Content::Digest(hash, digest) => File::of_digest(*hash, digest)
                .ok_or_else(|| Error::usage(format!("`{}` is not as long as such a digest is", self.written))),
        }
    }

    /// What it says it is called, and its version; of a digest, the digest.
    pub(super) fn name(&self) -> (String, Option<String>) {
        match &self.content {
            Content::Bytes(bytes) => {
                let file = Path::new(&self.written).file_name().unwrap_or_default();
                let FileName { name, version } = FileName::detect(&file.to_string_lossy(), bytes);
                (name, version)
            }
            Content::Digest(..) => (self.written.clone(), None),
        }
    }

    /// Its SHA-256.
    pub(super) fn sha256(&self) -> Result<Digest, Error> {
        match &self.content {
            Content::Bytes(bytes) => Ok(Digest::of(bytes)),
            Content::Digest(..) => {
                self.written.parse().map_err(|error| Error::usage(format!("`{}`: {error}", self.written)))
            }
        }
    }
}

/// Judges each bundle: its signature, who signed, and what `accepts` asks beside that.
pub(super) fn judge(
    bundles: &[&[u8]],
    file: &File<'_>,
    signer: &SignerRule,
    accepts: &dyn Fn(&FileProof) -> Result<(), Refusal>,
) -> Vec<Result<FileProof, Refusal>> {
    let now = clock::now();
    let mut budget = Budget::per_image();
    bundles
        .iter()
        .map(|bundle| {
            let bundle = Bundle::parse(bundle).map_err(|error| Refusal::of(&error.into()))?;
            let proof = verify_file(&bundle, file, &signer.anchor, now, &mut budget);
            let proof = proof.map_err(|error| Refusal::of(&error))?;
            if !signer.accepts(proof.signer()) {
                return Err(Refusal::of_identity(proof.signer()));
            }
            accepts(&proof).map(|()| proof)
        })
        .collect()
}

/// Why a bundle was not accepted.
pub(super) struct Refusal {
    reason: DenyReason,
    finding: String,
}

impl Refusal {
    pub(super) fn of(error: &VerifyError) -> Self {
        Self { reason: DenyReason::from(error), finding: error.to_string() }
    }

    fn of_identity(signer: &Signer) -> Self {
        Self { reason: DenyReason::IdentityMismatch, finding: format!("signed by {}", shown(signer)) }
    }
}

/// What is said of them.
pub(super) fn outcome(judged: &[Result<FileProof, Refusal>]) -> Outcome {
    let mut outcome = Outcome { exit: Exit::Refused, ..Outcome::default() };
    let head = ["BUNDLE", "VERDICT", "CODE", "SIGNER", "TIME", "LOG ENTRY", "PREDICATE TYPE"].map(str::to_owned);
    let mut rows = vec![head];
    for (index, judged) in judged.iter().enumerate() {
        let number = (index + 1).to_string();
        rows.push(match judged {
            Ok(proof) => {
                outcome.exit = Exit::Success;
                let times: Vec<_> = proof.times().iter().map(|time| time.time().to_string()).collect();
                let predicate = proof.statement().map(|statement| escaped(statement.predicate_type()));
                let signer = shown(proof.signer());
                let entries: Vec<_> = proof.entries().iter().map(|entry| escaped(&entry.to_string())).collect();
                let [times, entries] = [times, entries].map(|all| all.join(", "));
                [number, "accepted".into(), String::new(), signer, times, entries, predicate.unwrap_or_default()]
            }
            Err(refusal) => {
                let code = refusal.reason.code();
                outcome.messages.push(format!("bundle {number}: {code}: {}", refusal.finding));
                [number, "rejected".into(), code.into(), String::new(), String::new(), String::new(), String::new()]
            }
        });
    }
    if judged.is_empty() {
        outcome.messages.push("the file holds no bundle".to_owned());
    }
    if outcome.exit == Exit::Success {
        // What else is in the file is no matter of whoever asked about one signature.
        outcome.notes.append(&mut outcome.messages);
    } else if let Some(Err(first)) = judged.first() {
        outcome.hints.extend(explain::hint(first.reason).map(of_files));
    }
    outcome.data = table(&rows);
    outcome
}

/// A hint about images, as one about files.
fn of_files(hint: &str) -> String {
    let words = [
        ("IMAGE", "FILE"),
        ("countersign sign ", "countersign sign-file "),
        ("countersign attest ", "countersign attest-file "),
    ];
    words.into_iter().fold(hint.to_owned(), |hint, (image, file)| hint.replace(image, file))
}

/// A digest, if `text` is one. A file of such a name is named with `./` before it.
fn digest(text: &str) -> Result<Option<(HashAlgorithm, Vec<u8>)>, Error> {
    let Some((hash, hex)) = [("sha256:", HashAlgorithm::Sha256), ("sha512:", HashAlgorithm::Sha512)]
        .into_iter()
        .find_map(|(prefix, hash)| Some((hash, text.strip_prefix(prefix)?)))
    else {
        return Ok(None);
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = hex.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? * 16 + digit(low)?),
        _ => None,
    });
    let bytes: Option<Vec<u8>> = bytes.collect();
    let bytes = bytes.ok_or_else(|| Error::usage(format!("`{text}` is no digest in hex")))?;
    Ok(Some((hash, bytes)))
}

/// The bundles of a file: the whole of it, or one on each line.
pub(super) fn split(text: &[u8]) -> Vec<&[u8]> {
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    // One bundle may be spread over lines; of several, each line is one.
    let is_lines = lines.len() > 1
        && lines.iter().all(|line| line.trim_ascii().starts_with(b"{") && line.trim_ascii().ends_with(b"}"));
    if is_lines { lines } else { vec![text] }
}

/// Who signed, in one line.
fn shown(signer: &Signer) -> String {
    match signer {
        Signer::Key => "the key".to_owned(),
        Signer::Certificate(certificate) => {
            let names: Vec<_> = certificate.subjects().iter().take(3).map(ToString::to_string).collect();
            let issuer = certificate.issuer().map(|issuer| format!(" ({})", escaped(issuer))).unwrap_or_default();
            format!("{}{issuer}", names.join(", "))
        }
    }
}

/// Somebody else's text on a terminal.
fn escaped(text: &str) -> String {
    explain::quoted(text, limits::IMAGE_REFERENCE_BYTES).trim_matches('`').to_owned()
}
