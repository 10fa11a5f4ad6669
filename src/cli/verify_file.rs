//! `countersign verify-file`

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::account::{Ledger, VerdictArgs};
use super::file_args::beside;
use super::predicate_args::predicate_type;
use super::signer_args::SignerArgs;
use super::verify_bundle::{self, Artifact, Refusal};
use super::{Error, Exit, Outcome, attest_file, file, sign_file};
use crate::evidence::Statement;
use crate::image::Digest;
use crate::limits;
use crate::record::{self, ArtifactKind};
use crate::signer::{FILE_SIGNATURE, PredicateType};
use crate::verify::{FileProof, VerifyError};

/// Say whether a file is signed, or attested, by whom you name
///
/// Asks for a signature of the file, as `sign-file` and `cosign sign-blob` make them. An attestation about the file is no
/// signature of it: `--type` asks for one.
///
/// Exits with 0 if it is accepted, 1 if not, and 2 if the arguments cannot be read.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign verify-file shop-1.2.3.tgz --key cosign.pub
  countersign verify-file shop-1.2.3.tgz --type cyclonedx --key cosign.pub
  countersign verify-file shop-1.2.3.tgz --key cosign.pub --signature-source record --record records.jsonl")]
pub struct Args {
    /// The file that was signed, or its digest (`sha256:…`)
    #[arg(value_name = "FILE_OR_DIGEST")]
    artifact: String,
    /// The bundle, or several, one on each line [default: FILE.sigstore.json, with --type FILE.att.sigstore.json]
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Ask for an attestation of this type: a URI, or a short name as `attest` has them
    #[arg(long = "type", value_name = "TYPE", value_parser = predicate_type)]
    predicate_type: Option<PredicateType>,
    /// Where bundles are taken from
    #[arg(long, value_enum, value_delimiter = ',', default_value = "file")]
    signature_source: Vec<Source>,
    /// The file of signing records, or their namespace (`k8s://NAMESPACE`)
    #[arg(long, value_name = "FILE_OR_NAMESPACE", required_if_eq("signature_source", "record"))]
    record: Option<Ledger>,
    #[command(flatten)]
    verdict: VerdictArgs,
    #[command(flatten)]
    signer: SignerArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Source {
    /// The file of `--bundle`
    File,
    /// The bundles in the records about this file
    Record,
}

/// Verifies the file.
///
/// # Errors
/// When a file cannot be read, or the arguments do not say who may have signed.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let rule = args.signer.rule()?;
    let artifact = Artifact::read(&args.artifact)?;
    let mut texts = Vec::new();
    for source in &args.signature_source {
        match source {
            Source::File => texts.push(file::read("the bundle", &bundle(&args)?, limits::EVIDENCE_BLOB_BYTES)?),
            Source::Record => {
                let ledger = args
                    .record
                    .as_ref()
                    .ok_or_else(|| Error::usage("the records are in no file; name it with `--record`"))?;
                let digest: Digest = artifact.sha256()?;
                let chain = ledger.read(Some(digest)).await?;
                let found = chain.of(digest).filter_map(|link| link.record.bundle.as_ref());
                texts.extend(found.map(|bundle| bundle.get().as_bytes().to_vec()));
            }
        }
    }
    let bundles: Vec<&[u8]> = texts.iter().flat_map(|text| verify_bundle::split(text)).collect();
    if bundles.len() > limits::BUNDLES_OF_A_FILE {
        let most = limits::BUNDLES_OF_A_FILE;
        return Err(Error::usage(format!("there are more than {most} bundles about `{}`", args.artifact)));
    }
    let wanted = args.predicate_type.as_ref().map(PredicateType::as_str);
    let judged = verify_bundle::judge(&bundles, &artifact.file()?, &rule, &|proof| is_wanted(proof, wanted));
    let outcome = verify_bundle::outcome(&judged);
    if outcome.exit == Exit::Success {
        let (name, version) = artifact.name();
        args.verdict
            .add([record::Artifact { kind: ArtifactKind::File, name, version, digest: artifact.sha256()? }])
            .await?;
    }
    Ok(outcome)
}

/// An attestation of the type that is asked for, or a signature where none is.
fn is_wanted(proof: &FileProof, wanted: Option<&str>) -> Result<(), Refusal> {
    let found = proof.statement().map(Statement::predicate_type);
    let is_it = match (wanted, found) {
        (Some(wanted), Some(found)) => wanted == found,
        (None, Some(found)) => found == FILE_SIGNATURE,
        (Some(_), None) => false,
        (None, None) => true,
    };
    if is_it {
        return Ok(());
    }
    let found = found.map_or_else(|| "a signature".to_owned(), |found| format!("an attestation of type `{found}`"));
    Err(Refusal::of(&VerifyError::TypeMismatch(format!("it is {found}"))))
}

fn bundle(args: &Args) -> Result<PathBuf, Error> {
    if let Some(path) = &args.bundle {
        return Ok(path.clone());
    }
    if args.artifact.starts_with("sha256:") {
        return Err(Error::usage("of a digest, it is not known where the bundle is").hint("name it with `--bundle`"));
    }
    let end = if args.predicate_type.is_some() { attest_file::END } else { sign_file::END };
    Ok(beside(Path::new(&args.artifact), end))
}
