//! A predicate on the command line.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{Error, file};
use crate::limits;
use crate::signer::{Predicate, PredicateError, PredicateType};

/// What is attested.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PredicateArgs {
    /// The type of the predicate: a URI, or a short name
    ///
    /// Short names are custom, slsaprovenance (v0.2), slsaprovenance1 (v1), spdx, spdxjson, cyclonedx, vuln (cosign's),
    /// vulns (in-toto's), openvex, link, test-result, scai and vsa. What has to stand in a predicate of a known type is
    /// checked.
    #[arg(long = "type", value_name = "TYPE", value_parser = predicate_type)]
    predicate_type: PredicateType,
    /// The file with the predicate: a JSON object, which is signed as it is; under `custom` any text
    #[arg(long, value_name = "FILE")]
    predicate: PathBuf,
}

impl PredicateArgs {
    /// The predicate.
    pub(super) fn read(&self, now: Timestamp) -> Result<Predicate, Error> {
        read(self.predicate_type.clone(), &self.predicate, now)
    }
}

/// The predicate in a file.
pub(super) fn read(predicate_type: PredicateType, path: &std::path::Path, now: Timestamp) -> Result<Predicate, Error> {
    let bytes = file::read("the predicate", path, limits::PREDICATE_BYTES)?;
    Predicate::new(predicate_type, &bytes, now).map_err(|error| Error::usage(format!("`{}`: {error}", path.display())))
}

pub(super) fn predicate_type(text: &str) -> Result<PredicateType, PredicateError> {
    PredicateType::parse(text)
}
