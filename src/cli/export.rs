//! `countersign export`

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::policy::suite;
use super::registry_args::RegistryArgs;
use super::{Error, Outcome, clock, file, signing_args};
use crate::image::ImageRef;
use crate::loader;
use crate::policy::NoMatch;
use crate::{limits, signer};

/// Save everything by which an image is judged: its evidence, the policies, and the trusted root
///
/// The package is a directory. `evidence/` is an OCI image layout with the manifest of the image and everything beside it,
/// without the layers; `policies/` are the documents, `trusted_root.json` the root where one is given, and `suite.yaml`
/// lets `policy test` judge the image, and the AdmissionReviews that are given, with no network. It holds what is decided
/// now, with the reason: whoever judges the package later finds the same, or learns that something was changed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign export ghcr.io/acme/app:1.2 package --policy policies/ --review denied.json
  countersign verify ghcr.io/acme/app:1.2 --offline package/evidence --policy package/policies
  countersign policy test package/suite.yaml")]
pub struct Args {
    /// The image, by tag or digest
    #[arg(value_name = "IMAGE")]
    image: ImageRef,
    /// The directory, which is made
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The policies, in this file or directory; may be given several times. They are copied as they are
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// A `trusted_root.json` to go with them
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
    /// A saved AdmissionReview; may be given several times
    #[arg(long, value_name = "FILE")]
    review: Vec<PathBuf>,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..))]
    timeout: u16,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Saves the package.
///
/// # Errors
/// When a file cannot be read or written, or the registry does not have the image.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    // What cannot be read is said before anything is written.
    let load = || loader::load_all(&args.policy, NoMatch::Deny).map_err(Error::usage);
    let problems = if args.policy.is_empty() { Vec::new() } else { load()?.problems };
    let mut reviews = Vec::new();
    for path in &args.review {
        reviews.push((path, file::read("the review", path, limits::REVIEW_BYTES)?));
    }
    if args.policy.is_empty() && !reviews.is_empty() {
        return Err(Error::usage("a review is judged by policies, and none is given").hint("`--policy` adds them"));
    }
    let client = args.registry.client()?;
    let keys = args.registry.keychain()?;
    let deadline = clock::deadline(Duration::from_secs(args.timeout.into()));
    let shown = args.directory.display();
    let cannot = |error: std::io::Error| Error::usage(format!("cannot write the package `{shown}`: {error}"));
    fs::create_dir_all(&args.directory).map_err(cannot)?;
    let saved = signer::save(&args.image, &args.directory.join("evidence"), &client, &keys, deadline)
        .await
        .map_err(|error| signing_args::failed("nothing is saved", &error))?;

    let (policies, suite_path) = (args.directory.join("policies"), args.directory.join("suite.yaml"));
    fs::create_dir_all(&policies).map_err(cannot)?;
    let mut count = 0_usize;
    for path in &args.policy {
        for path in documents(path).map_err(cannot)? {
            let bytes = file::read("the policies", &path, limits::POLICY_FILE_BYTES)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            fs::write(policies.join(format!("{count:03}-{name}")), bytes).map_err(cannot)?;
            count = count.saturating_add(1);
        }
    }
    if let Some(path) = &args.trusted_root {
        let bytes = file::read("the trusted root", path, limits::TRUSTED_ROOT_BYTES)?;
        fs::write(args.directory.join("trusted_root.json"), bytes).map_err(cannot)?;
    }
    let mut outcome = Outcome {
        data: format!("saved {} ({} beside it) to {shown}\n", saved.subject, saved.attached),
        notes: problems.iter().map(ToString::to_string).collect(),
        ..Outcome::default()
    };
    if count == 0 {
        outcome.notes.push("no policies are in the package; `--policy` adds them".to_owned());
        return Ok(outcome);
    }
    // The image under its digest: the package says what is true of it, whatever becomes of its tag.
    let pinned = args.image.pinned(saved.subject.digest());
    let mut cases = vec![json!({ "name": pinned, "image": pinned, "evidence": "evidence" })];
    for (index, (path, bytes)) in reviews.iter().enumerate() {
        let name = format!("review-{index}.json");
        fs::write(args.directory.join(&name), bytes).map_err(cannot)?;
        cases.push(json!({ "name": path.display().to_string(), "object": name, "evidence": "evidence" }));
    }
    let now = clock::now().to_string();
    let write = |cases: &[Value]| {
        let suite = json!({
            "apiVersion": "countersign.dev/v1alpha1",
            "kind": "PolicyTest",
            "policies": ["policies"],
            "now": now,
            "cases": cases,
        });
        let text = serde_json::to_string_pretty(&suite).map_err(Error::usage)?;
        fs::write(&suite_path, text).map_err(cannot)
    };
    write(&expecting(&cases, std::iter::repeat(json!("allow"))))?;
    let decided = suite::decided(&suite_path)?;
    write(&expecting(&cases, decided.iter().cloned()))?;
    for ((path, bytes), decided) in reviews.iter().zip(decided.iter().skip(1)) {
        let was_allowed = serde_json::from_slice::<Value>(bytes)
            .ok()
            .and_then(|review| review.pointer("/response/allowed")?.as_bool());
        let is_allowed = decided.get("verdict").and_then(Value::as_str) != Some("deny");
        if was_allowed.is_some_and(|was| was != is_allowed) {
            let word = if is_allowed { "allows" } else { "denies" };
            outcome.notes.push(format!(
                "`{}` was answered otherwise: what is saved {word} it, as the policies and the registry are now",
                path.display()
            ));
        }
    }
    Ok(outcome)
}

/// The cases, each with what is expected of it.
fn expecting(cases: &[Value], expected: impl Iterator<Item = Value>) -> Vec<Value> {
    let whole = cases.iter().zip(expected).map(|(case, expect)| {
        let mut case = case.clone();
        if let Some(fields) = case.as_object_mut() {
            fields.insert("expect".to_owned(), expect);
        }
        case
    });
    whole.collect()
}

/// The documents of a path, as the loader takes them.
fn documents(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let is_document = |path: &PathBuf| {
        let end = path.extension().and_then(|end| end.to_str());
        path.is_file() && matches!(end, Some("yaml" | "yml" | "json"))
    };
    let mut found = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    found.retain(is_document);
    found.sort();
    Ok(found)
}
