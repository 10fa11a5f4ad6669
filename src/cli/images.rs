//! `countersign images`

use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

use super::print::table;
use super::workload_kinds_args::WorkloadKindsArgs;
use super::{Error, Outcome, file};
use crate::admission::Object;
use crate::api;
use crate::limits;

/// List every image that a manifest would run
///
/// Reads Kubernetes objects (YAML, several with `---` between them, or JSON; Lists and AdmissionReviews too) and prints
/// every image of every container, init container, ephemeral container and image volume, with the place where it
/// stands. These are the images that the admission webhook looks at.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign images deployment.yaml
  helm template chart/ | countersign images -
  countersign images --workload-kinds kinds.yaml rollout.yaml
  countersign images -o name deployment.yaml | xargs countersign verify --key cosign.pub")]
pub struct Args {
    /// The manifest; `-` reads stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    kinds: WorkloadKindsArgs,
    /// How to print what was found
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line for each image, for people
    Table,
    /// One JSON object for each image, in a list
    Json,
    /// One reference a line, each once
    Name,
}

/// One image of one object.
#[derive(Serialize)]
struct Found {
    /// Kind and name.
    object: String,
    kind: &'static str,
    container: String,
    pointer: String,
    image: String,
    canonical: String,
}

/// Lists the images.
///
/// # Errors
/// When the file cannot be read or holds no objects, or an object of a kind that names images cannot be understood.
pub fn run(args: &Args) -> Result<Outcome, Error> {
    let shown = args.file.display();
    let bytes = file::read_or_stdin("the manifest", &args.file, limits::POLICY_FILE_BYTES)?;
    let text = str::from_utf8(&bytes).map_err(|_| Error::usage(format!("`{shown}` is no text in UTF-8")))?;
    let objects = api::objects(text).map_err(|error| Error::usage(format!("`{shown}`: {error}")))?;
    if objects.is_empty() {
        return Err(Error::usage(format!("`{shown}` holds no Kubernetes object")));
    }
    let kinds = args.kinds.read()?;
    let mut found = Vec::new();
    let mut notes = Vec::new();
    for object in objects {
        let kind = api::one_line(&object.kind);
        let line = object.line.map(|line| format!(":{line}")).unwrap_or_default();
        if !Object::is_known(&object.api_version, &object.kind, &kinds) {
            let version = api::one_line(&object.api_version);
            notes.push(format!(
                "{shown}{line}: `{kind}` of `{version}` is not known to name images, and is passed over"
            ));
            continue;
        }
        let named = match object.name.as_str() {
            "" => kind,
            name => format!("{kind}/{}", api::one_line(name)),
        };
        let parsed = Object::parse(&object.json, &kinds)
            .map_err(|denial| Error::usage(format!("{shown}{line}: {named}: {}", denial.finding)))?;
        for missing in parsed.missing_images() {
            let place = missing.pointer.field_path();
            notes.push(format!("{shown}{line}: {named}: `{place}` names no image"));
        }
        found.extend(parsed.images().iter().map(|image| Found {
            object: named.clone(),
            kind: image.kind.as_str(),
            container: image.container.clone(),
            pointer: format!("{}{}", object.pointer, image.pointer),
            image: image.image.written().to_owned(),
            canonical: image.image.canonical(),
        }));
    }
    Ok(Outcome { data: print(args.output, &found)?, notes, ..Outcome::default() })
}

fn print(format: Format, found: &[Found]) -> Result<String, Error> {
    match format {
        Format::Json => {
            let json = serde_json::to_string_pretty(found).map_err(Error::usage)?;
            Ok(format!("{json}\n"))
        }
        Format::Name => {
            let mut names: Vec<_> = found.iter().map(|found| format!("{}\n", found.image)).collect();
            let mut seen = std::collections::BTreeSet::new();
            names.retain(|name| seen.insert(name.clone()));
            Ok(names.concat())
        }
        Format::Table => {
            let head = ["IMAGE", "OBJECT", "CONTAINER", "POINTER"].map(str::to_owned);
            let rows = found.iter().map(|found| {
                let container = api::one_line(&found.container);
                [found.image.clone(), found.object.clone(), container, found.pointer.clone()]
            });
            let rows: Vec<_> = [head].into_iter().chain(rows).collect();
            Ok(table(&rows))
        }
    }
}
