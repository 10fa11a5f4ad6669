//! `countersign run` and `countersign convert`

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Error, Exit, Outcome, file};
use crate::api::{self, RunSource, SigningRun};
use crate::limits;

/// Carry out a run file: sign, attest and verify as it says
///
/// What the companion Job runs. The file (`kind: SigningRun`) names a source (an image in a registry, by the fields of its
/// kind, or a file), the key, what is attested and whether anything is uploaded. Each of its steps is a command of this
/// program, which `--dry-run` prints.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:
  apiVersion: countersign.dev/v1alpha1
  kind: SigningRun
  metadata: {name: sign-app}
  spec:
    source: {type: ecr, spec: {region: eu-west-1, accountId: '123456789012', image: 'app:1.2'}}
    signing: {type: cosign, spec: {privateKey: 'k8s://signing/cosign'}}
    uploadSignature: {upload: true}
    provenance: {enabled: true, builderId: 'https://ci.example/'}
    attestations: [{type: spdxjson, predicate: bom.spdx.json}]
    verification: {publicKey: cosign.pub}
    record: records.jsonl

Who signs is one of:
    signing: {type: cosign, spec: {privateKey: cosign.key, passwordFile: password}}
    signing: {type: secretManager, spec: {key: 'hashivault://cosign'}}
    signing: {type: keyless, spec: {signingConfig: signing_config.json, trustedRoot: trusted_root.json}}")]
pub struct RunArgs {
    /// The run file; `-` reads stdin
    #[arg(short, long = "filename", value_name = "FILE")]
    file: PathBuf,
    /// Print the commands that it comes to, and run none
    #[arg(long)]
    dry_run: bool,
    /// Registries that are spoken to over plain HTTP, as everywhere
    #[arg(long, value_name = "HOST[:PORT]")]
    plain_http: Vec<String>,
    /// Certificate authorities of registries, as everywhere
    #[arg(long, value_name = "FILE")]
    registry_ca: Vec<PathBuf>,
    /// Hosts on private addresses to which registries may send, as everywhere
    #[arg(long, value_name = "HOST[:PORT]")]
    private_host: Vec<String>,
}

impl RunArgs {
    /// How registries are reached, as every command takes it.
    fn registry(&self, run: &SigningRun) -> Vec<String> {
        let authorities: Vec<_> = self.registry_ca.iter().map(|path| path.display().to_string()).collect();
        let flags = [
            ("--plain-http", self.plain_http.as_slice()),
            ("--private-host", &self.private_host),
            ("--registry-ca", &authorities),
            ("--docker-config", run.docker_config.as_slice()),
        ];
        flags
            .into_iter()
            .flat_map(|(flag, values)| values.iter().flat_map(|value| [flag.to_owned(), value.clone()]))
            .collect()
    }
}

/// Turn what other tools have into our files
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Convert {
    /// Print the run file of every signing step (`SscaArtifactSigning`) of a Harness pipeline
    Harness(HarnessArgs),
}

/// What `convert harness` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct HarnessArgs {
    /// The pipeline, or the step, in YAML; `-` reads stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Carries out the run file, one step after the other; the first that fails ends it.
///
/// # Errors
/// When the file cannot be read.
pub fn run(args: &RunArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Outcome, Error> {
    let text = read(&args.file)?;
    let run = api::signing_run(&text).map_err(|problems| wrong(&args.file, &problems))?;
    let commands = commands(&run, args);
    if args.dry_run {
        let lines = commands.iter().map(|command| format!("countersign {}\n", command.join(" ")));
        return Ok(Outcome { data: lines.collect(), ..Outcome::default() });
    }
    for command in &commands {
        let words = std::iter::once("countersign".to_owned()).chain(command.iter().cloned()).map(OsString::from);
        let exit = super::run(words, out, err);
        if exit != Exit::Success {
            let step = command.first().map(String::as_str).unwrap_or_default();
            let message = format!("the run `{}` ends at its step `{step}`", run.name);
            return Ok(Outcome { exit, messages: vec![message], ..Outcome::default() });
        }
    }
    Ok(Outcome::default())
}

/// Converts.
///
/// # Errors
/// When the file cannot be read, or has nothing that can be converted.
pub fn convert(command: &Convert) -> Result<Outcome, Error> {
    match command {
        Convert::Harness(args) => {
            let text = read(&args.file)?;
            let files = api::harness_signing_steps(&text).map_err(|problems| wrong(&args.file, &problems))?;
            let texts: Vec<_> = files.iter().map(|file| file.text.as_str()).collect();
            let data = texts.join("---\n");
            Ok(Outcome { data, notes: files.into_iter().flat_map(|file| file.notes).collect(), ..Outcome::default() })
        }
    }
}

fn read(path: &Path) -> Result<String, Error> {
    let bytes = file::read_or_stdin("the file", path, limits::POLICY_FILE_BYTES)?;
    String::from_utf8(bytes).map_err(|_| Error::usage(format!("`{}` is no text in UTF-8", path.display())))
}

fn wrong(path: &Path, problems: &[api::Problem]) -> Error {
    let shown = path.display();
    let problems = problems.iter().map(|problem| {
        let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{shown}{line}: {problem}")
    });
    Error::usage(problems.collect::<Vec<_>>().join("; "))
}

/// The commands that a run file comes to.
fn commands(run: &SigningRun, args: &RunArgs) -> Vec<Vec<String>> {
    let signing = words(&run.signing);
    let mut record = vec!["--name".to_owned(), run.name.clone()];
    if let Some(path) = &run.record {
        record.extend(["--record".to_owned(), path.clone()]);
    }
    match &run.source {
        RunSource::File { path, name, version } => {
            of_file(run, path, name.as_ref(), version.as_ref(), &signing, &record)
        }
        RunSource::Image { image, digest } => {
            of_image(run, image, digest.as_ref(), &[signing, record].concat(), &args.registry(run))
        }
    }
}

/// Where it is written that it was verified.
fn verdict(run: &SigningRun) -> Vec<String> {
    let record = run.record.iter();
    record.flat_map(|path| ["--record-verdict", path, "--name", &run.name].map(str::to_owned)).collect()
}

/// Flags as they stand on a command line.
fn words(flags: &[(&'static str, String)]) -> Vec<String> {
    flags.iter().flat_map(|(flag, value)| [format!("--{flag}"), value.clone()]).collect()
}

fn of_file(
    run: &SigningRun,
    path: &str,
    name: Option<&String>,
    version: Option<&String>,
    signing: &[String],
    record: &[String],
) -> Vec<Vec<String>> {
    let mut about = vec![path.to_owned()];
    for (flag, value) in [("--artifact-name", name), ("--artifact-version", version)] {
        about.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value.clone()]));
    }
    let bundle = run.bundle.iter().flat_map(|path| ["--bundle".to_owned(), path.clone()]).collect::<Vec<_>>();
    let mut commands = vec![[&["sign-file".to_owned()], &about[..], &bundle, signing, record].concat()];
    for (index, (kind, predicate)) in run.attestations.iter().enumerate() {
        let what = ["--type".to_owned(), kind.clone(), "--predicate".to_owned(), predicate.clone()];
        // The one beside the file is the first's.
        let to = if index == 0 {
            Vec::new()
        } else {
            vec!["--bundle".to_owned(), format!("{path}.att.{index}.sigstore.json")]
        };
        commands.push([&["attest-file".to_owned()], &about[..], &what, &to, signing, record].concat());
    }
    if !run.verification.is_empty() {
        let command = ["verify-file", path].map(str::to_owned);
        commands.push([&command[..], &words(&run.verification), &bundle, &verdict(run)].concat());
    }
    commands
}

fn of_image(
    run: &SigningRun,
    image: &str,
    digest: Option<&String>,
    shared: &[String],
    registry: &[String],
) -> Vec<Vec<String>> {
    let mut common = vec![format!("--upload={}", run.upload)];
    for (flag, value) in [("--digest", digest), ("--format", run.format.as_ref())] {
        common.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value.clone()]));
    }
    common.extend(shared.iter().chain(registry).cloned());
    let bundle = run.bundle.iter().flat_map(|path| ["--bundle".to_owned(), path.clone()]);
    let annotations = run.annotations.iter().flat_map(|(name, value)| ["-a".to_owned(), format!("{name}={value}")]);
    let mut first = match &run.provenance {
        None => vec!["sign".to_owned(), image.to_owned()],
        Some(flags) => {
            let flags = flags
                .iter()
                .map(|(flag, value)| if value.is_empty() { format!("--{flag}") } else { format!("--{flag}={value}") });
            ["ship".to_owned(), image.to_owned()].into_iter().chain(flags).collect()
        }
    };
    first.extend(annotations.chain(bundle));
    first.extend_from_slice(&common);
    let mut commands = vec![first];
    for (index, (kind, predicate)) in run.attestations.iter().enumerate() {
        let mut command = vec!["attest".to_owned(), image.to_owned()];
        command.extend(["--type".to_owned(), kind.clone(), "--predicate".to_owned(), predicate.clone()]);
        command.push("--replace".to_owned());
        if let Some(path) = &run.bundle {
            command.extend(["--bundle".to_owned(), format!("{path}.{}", index.saturating_add(1))]);
        }
        command.extend_from_slice(&common);
        commands.push(command);
    }
    if !run.verification.is_empty() {
        let mut command = ["verify", image].map(str::to_owned).to_vec();
        command.extend(words(&run.verification));
        if !run.upload {
            let source = run.bundle.as_ref().map(|path| ["--bundle".to_owned(), path.clone()]);
            let record = run.record.as_ref().map(|path| ["--record".to_owned(), path.clone()]);
            command.extend(source.or(record).into_iter().flatten());
        }
        command.extend(verdict(run));
        command.extend_from_slice(registry);
        commands.push(command);
    }
    commands
}
