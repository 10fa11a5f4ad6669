//! Which kinds of custom resources name images.

use std::path::{Path, PathBuf};

use super::{Error, file};
use crate::api;
use crate::limits;
use crate::policy::WorkloadKinds;

/// Which kinds of custom resources name images.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct WorkloadKindsArgs {
    /// Know the kinds of custom resources in this file, and where they name images; read once
    ///
    /// It holds one document: `apiVersion: countersign.dev/v1alpha1`, `kind: WorkloadKinds`, and `kinds` with `group`,
    /// `versions`, `kind`, `resource`, and paths to pod specs (`podSpecs`) and to references of images (`images`), such as
    /// `/spec/steps/*/image`: JSON pointers in which `*` stands for every item of a list or value of a map. An object in
    /// which nothing stands at any of its paths is refused, unless its kind says `mayNameNone: true`.
    #[arg(long, value_name = "FILE")]
    workload_kinds: Option<PathBuf>,
}

impl WorkloadKindsArgs {
    /// What the file says.
    ///
    /// # Errors
    /// When the file cannot be read or used.
    pub(super) fn read(&self) -> Result<WorkloadKinds, Error> {
        self.workload_kinds.as_deref().map_or_else(|| Ok(WorkloadKinds::default()), read)
    }
}

/// What the file at `path` says.
///
/// # Errors
/// When it cannot be read or used.
pub(super) fn read(path: &Path) -> Result<WorkloadKinds, Error> {
    let what = "the file about kinds of workloads";
    let shown = path.display();
    let bytes = file::read(what, path, limits::WORKLOAD_KINDS_FILE_BYTES)?;
    let text = str::from_utf8(&bytes).map_err(|_| Error::usage(format!("{what} `{shown}` is no text in UTF-8")))?;
    api::workload_kinds(text).map_err(|problems| {
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        Error::usage(format!("{what} `{shown}`: {}", told.join("; ")))
    })
}
