//! A file on the command line that is to be signed or attested.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::account::{Account, Entry};
use super::delivery_args::{Format, logged, set_outputs};
use super::{Error, Outcome, file};
use crate::image::Digest;
use crate::limits;
use crate::record::{Action, Artifact, ArtifactKind, LogEntry};
use crate::signer::{FileName, SignedBundle, SignedFile};

/// Which file, and what it is called.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct FileArgs {
    /// The file, or its digest as `sha256:…`; a file of such a name is named with `./` before it
    #[arg(value_name = "FILE_OR_DIGEST")]
    artifact: String,
    /// The name of the artifact, which otherwise is what the file says of itself (a Helm chart, an archive of Java), or
    /// what its own name says
    #[arg(long, value_name = "NAME")]
    artifact_name: Option<String>,
    /// The version of the artifact
    #[arg(long, value_name = "VERSION", requires = "artifact_name")]
    artifact_version: Option<String>,
    /// Write the Sigstore bundle to this file
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// How to tell what was done
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

/// A file that was read.
pub(super) struct Loaded {
    bytes: Option<Vec<u8>>,
    digest: Digest,
    pub(super) name: FileName,
    bundle: PathBuf,
}

impl Loaded {
    /// What there is of it.
    pub(super) fn file(&self) -> SignedFile<'_> {
        match &self.bytes {
            Some(bytes) => SignedFile::Bytes(bytes),
            None => SignedFile::Digest(self.digest),
        }
    }
}

impl FileArgs {
    /// Reads the file. Where no bundle is named, it goes beside the file, with `end` after its name.
    pub(super) fn load(&self, end: &str) -> Result<Loaded, Error> {
        let given = self
            .artifact_name
            .as_ref()
            .map(|name| FileName { name: name.clone(), version: self.artifact_version.clone() });
        if self.artifact.starts_with("sha256:") {
            let digest =
                self.artifact.parse().map_err(|error| Error::usage(format!("`{}`: {error}", self.artifact)))?;
            let bundle = self.bundle.clone().ok_or_else(|| {
                Error::usage("of a digest, it is not known where the bundle goes").hint("name a file with `--bundle`")
            })?;
            let name = given.ok_or_else(|| {
                Error::usage("of a digest, it is not known what the file is called")
                    .hint("say it with `--artifact-name`")
            })?;
            return Ok(Loaded { bytes: None, digest, name, bundle });
        }
        let path = Path::new(&self.artifact);
        let bytes = file::read("the file", path, limits::SIGNED_FILE_BYTES)
            .map_err(|error| error.hint("give its digest instead, as `sha256:…`"))?;
        let name =
            given.unwrap_or_else(|| FileName::detect(&path.file_name().unwrap_or_default().to_string_lossy(), &bytes));
        let bundle = self.bundle.clone().unwrap_or_else(|| beside(path, end));
        Ok(Loaded { digest: Digest::of(&bytes), bytes: Some(bytes), name, bundle })
    }

    /// Writes the bundle, reads it back, records what was done and says it.
    pub(super) async fn finish(
        &self,
        loaded: &Loaded,
        signed: SignedBundle,
        account: &Account,
        action: Action,
        predicate_type: Option<String>,
    ) -> Result<Outcome, Error> {
        let SignedBundle { bundle, signer, log_entries } = signed;
        let mut text = bundle.clone();
        text.push(b'\n');
        file::replace("the bundle", &loaded.bundle, &text)?;
        if file::read("the bundle", &loaded.bundle, limits::EVIDENCE_BLOB_BYTES.saturating_add(1))? != text {
            return Err(Error::unavailable(format!("`{}` is not what was written to it", loaded.bundle.display())));
        }
        let Loaded { digest, name, .. } = loaded;
        let row = Row {
            done: action.as_str(),
            name: &name.name,
            version: name.version.as_deref(),
            digest: digest.to_string(),
            predicate_type: predicate_type.as_deref(),
            bundle: loaded.bundle.display().to_string(),
            log_entries: &log_entries,
        };
        let data = match self.output {
            Format::Json => format!("{}\n", serde_json::to_string_pretty(&row).map_err(Error::usage)?),
            Format::Text => {
                let version = name.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
                format!("{} {}{version} ({digest}): {}\n", row.done, name.name, row.bundle)
            }
        };
        set_outputs(&[("digest", row.digest.clone()), ("bundle", row.bundle.clone())], &[&row])?;
        let notes = log_entries.iter().map(|entry| logged(&name.name, entry)).collect();
        let mut outcome = Outcome { data, notes, ..Outcome::default() };
        let entry = Entry {
            artifact: Artifact {
                kind: ArtifactKind::File,
                name: name.name.clone(),
                version: name.version.clone(),
                digest: *digest,
            },
            action,
            predicate_type,
            signer,
            log_entries,
            evidence: Vec::new(),
            bundle: Some(bundle),
        };
        if let Err(error) = account.add(entry).await {
            outcome.messages.push(format!("the file is {}, and that is not recorded: {error}", action.as_str()));
            outcome.exit = error.exit();
        }
        Ok(outcome)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    done: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    predicate_type: Option<&'a str>,
    bundle: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    log_entries: &'a [LogEntry],
}

/// The path with `end` after it.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
