//! Run files: what the companion Job signs, as `countersign run` reads them.

use std::collections::BTreeMap;

use super::core_objects::Metadata;
use super::field::{Field, Object};
use super::own_file::read_one;
use super::problem::{Problem, quoted};

/// The kind of a run file. It is no resource of a cluster.
const KIND: &str = "SigningRun";

/// What is to be signed, with what, and what is done with the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningRun {
    /// Its name, for the record.
    pub name: String,
    /// What is signed.
    pub source: RunSource,
    /// Who signs, as the flags of the commands that sign say it.
    pub signing: Flags,
    /// Whether the signature is pushed beside the image. By default it is not, and is kept in bundle and record.
    pub upload: bool,
    /// The layouts.
    pub format: Option<String>,
    /// What is signed with it.
    pub annotations: BTreeMap<String, String>,
    /// Whether provenance is attested, and the flags of it.
    pub provenance: Option<BTreeMap<String, String>>,
    /// What else is attested: type and file.
    pub attestations: Vec<(String, String)>,
    /// The flags with which what was done is verified at the end, as others will; none where it is not.
    pub verification: Flags,
    /// The file of signing records.
    pub record: Option<String>,
    /// The file of the bundle.
    pub bundle: Option<String>,
    /// The file of the registries' credentials.
    pub docker_config: Option<String>,
}

/// Flags of a command with their values, in their order.
pub type Flags = Vec<(&'static str, String)>;

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunSource {
    /// A file of the workspace.
    File {
        /// Its path.
        path: String,
        /// Its name, where it is not to be found out.
        name: Option<String>,
        /// Its version.
        version: Option<String>,
    },
    /// An image.
    Image {
        /// Its name, whatever the fields were that made it.
        image: String,
        /// Its digest, from an earlier step.
        digest: Option<String>,
    },
}

/// Reads a run file, strictly.
///
/// # Errors
/// When the text cannot be read, or is no run file: everything that is wrong with it.
pub fn signing_run(text: &str) -> Result<SigningRun, Vec<Problem>> {
    read_one(text, KIND, "run", read)
}

fn read(mut object: Object<'_>, problems: &mut Vec<Problem>) -> Option<SigningRun> {
    let name = Metadata::take(&mut object, problems).name;
    let mut spec = object.require("spec", problems)?.object(problems)?;
    object.finish(problems);

    let source = spec.require("source", problems).and_then(|field| read_source(&field, problems));
    let signing = spec.require("signing", problems).and_then(|field| read_signing(&field, problems));
    let upload = spec.take("uploadSignature").and_then(|field| {
        let mut object = field.object(problems)?;
        let upload = object.take("upload").and_then(|field| field.boolean(problems));
        object.finish(problems);
        upload
    });
    let provenance = spec.take("provenance").and_then(|field| read_provenance(&field, problems));
    let attestations = spec.take("attestations").map(|field| read_attestations(&field, problems)).unwrap_or_default();
    let verification =
        spec.take("verification").and_then(|field| read_verification(&field, problems)).unwrap_or_default();
    let annotations = spec.take("annotations").map(|field| read_texts(&field, problems)).unwrap_or_default();
    let format = spec.take("format").and_then(|field| {
        let text = field.text(problems)?;
        if !matches!(text, "both" | "legacy" | "bundle") {
            problems.push(field.problem(format!("{} is none of `both`, `legacy` and `bundle`", quoted(text))));
        }
        Some(text.to_owned())
    });
    let record = take(&mut spec, "record", problems);
    let bundle = take(&mut spec, "bundle", problems);
    let docker_config = spec.take("credentials").and_then(|field| {
        let mut object = field.object(problems)?;
        let path = object.require("dockerConfig", problems).and_then(|field| plain(&field, problems));
        object.finish(problems);
        path
    });
    let upload = upload.unwrap_or(false);
    let is_image = matches!(source, Some(RunSource::Image { .. }));
    if is_image && !upload && record.is_none() && bundle.is_none() {
        let message =
            "is not set, so the signature would be kept nowhere; set `uploadSignature.upload`, `record` or `bundle`";
        problems.push(spec.problem_at("uploadSignature", message));
    }
    if !is_image && (provenance.is_some() || !annotations.is_empty() || upload) {
        let message = "is a file: `uploadSignature.upload`, `provenance` and `annotations` are for images";
        problems.push(spec.problem_at("source", message));
    }
    spec.finish(problems);
    Some(SigningRun {
        name,
        source: source?,
        signing: signing?,
        upload,
        format,
        annotations,
        provenance,
        attestations,
        verification,
        record,
        bundle,
        docker_config,
    })
}

/// The source by its type, with the fields that its registry has.
fn read_source(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<RunSource> {
    let mut object = field.object(problems)?;
    let kind = object.require("type", problems).and_then(|field| plain(&field, problems));
    let spec = object.require("spec", problems);
    object.finish(problems);
    let (kind, field) = (kind?, spec?);
    let mut spec = field.object(problems)?;
    let source = match kind.as_str() {
        "local" => {
            let path = require(&mut spec, "artifactPath", problems);
            let name = take(&mut spec, "artifactName", problems);
            let version = take(&mut spec, "artifactVersion", problems);
            if version.is_some() && name.is_none() {
                problems.push(spec.problem_at("artifactVersion", "is there without an `artifactName`"));
            }
            path.map(|path| RunSource::File { path, name, version })
        }
        "docker" | "oci" => {
            let image = require(&mut spec, "image", problems);
            of_image(&mut spec, image, problems)
        }
        "ecr" => {
            let region = require(&mut spec, "region", problems);
            let account = require(&mut spec, "accountId", problems);
            let image = require(&mut spec, "image", problems);
            let fips = spec.take("fips").and_then(|field| field.boolean(problems)).unwrap_or(false);
            let image = region.zip(account).zip(image).and_then(|((region, account), image)| {
                let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
                if !is_account {
                    problems.push(spec.problem_at("accountId", "is no account: those are 12 digits"));
                    return None;
                }
                let service = if fips { "ecr-fips" } else { "ecr" };
                let end = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                Some(below(&format!("{account}.dkr.{service}.{region}.{end}"), &image))
            });
            of_image(&mut spec, image, problems)
        }
        "acr" => {
            // Kept for whoever reads the file: nothing is asked of the subscription.
            take(&mut spec, "subscriptionId", problems);
            let server = take(&mut spec, "loginServer", problems);
            let image = require(&mut spec, "image", problems);
            let image = image.map(|image| server.map_or(image.clone(), |server| below(&server, &image)));
            let image = image.filter(|image| {
                // Without a host it would be an image of Docker Hub.
                let has_host = image.split_once('/').is_some_and(|(host, _)| host.contains('.'));
                if !has_host {
                    let message = "names no registry: give `loginServer`, as in `acme.azurecr.io`";
                    problems.push(spec.problem_at("image", message));
                }
                has_host
            });
            of_image(&mut spec, image, problems)
        }
        "gar" => {
            let host = require(&mut spec, "host", problems);
            let project = require(&mut spec, "projectId", problems);
            let image = require(&mut spec, "image", problems);
            let image = host.zip(project).zip(image);
            let image = image.map(|((host, project), image)| below(&host, &below(&project, &image)));
            of_image(&mut spec, image, problems)
        }
        other => {
            let known = "`docker`, `ecr`, `acr`, `gar`, `oci` and `local`";
            problems.push(field.problem(format!("{} is no type of source; known are {known}", quoted(other))));
            return None;
        }
    };
    spec.finish(problems);
    source
}

/// `path` below `host`, unless it stands there already.
fn below(host: &str, path: &str) -> String {
    let host = host.trim_end_matches('/');
    if path.strip_prefix(host).is_some_and(|rest| rest.starts_with('/')) {
        path.to_owned()
    } else {
        format!("{host}/{path}")
    }
}

fn of_image(spec: &mut Object<'_>, image: Option<String>, problems: &mut Vec<Problem>) -> Option<RunSource> {
    let digest = take(spec, "digest", problems);
    let image = image?;
    // As some forms of other products have it: `repository/@sha256:…`.
    if image.contains("/@") {
        let fixed = image.replace("/@", "@");
        problems.push(spec.problem_at("image", format!("has a `/` before the `@`; write {}", quoted(&fixed))));
        return None;
    }
    if let Err(error) = image.parse::<crate::image::ImageRef>() {
        problems.push(spec.problem_at("image", format!("{} is no image: {error}", quoted(&image))));
        return None;
    }
    if let Some(digest) = &digest
        && let Err(error) = digest.parse::<crate::image::Digest>()
    {
        problems.push(spec.problem_at("digest", error.to_string()));
        return None;
    }
    Some(RunSource::Image { image, digest })
}

/// The fields of every way to sign that say who sees the signatures.
const WITNESSES: [(&str, &str); 4] = [
    ("rekorUrl", "rekor-url"),
    ("signingConfig", "signing-config"),
    ("timestampServerUrl", "timestamp-server-url"),
    ("trustedRoot", "trusted-root"),
];

/// The fields of signing with an identity, besides.
const IDENTITY: [(&str, &str); 2] = [("fulcioUrl", "fulcio-url"), ("identityProvider", "identity-provider")];

/// Who signs.
fn read_signing(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Flags> {
    let mut object = field.object(problems)?;
    let kind = object.require("type", problems).and_then(|field| plain(&field, problems));
    // An identity may need no word more.
    let spec = match kind.as_deref() {
        Some("keyless") => object.take("spec"),
        Some(_) | None => object.require("spec", problems),
    };
    object.finish(problems);
    let kind = kind?;
    let Some(spec) = spec else {
        return (kind == "keyless").then(Flags::new);
    };
    let mut spec = spec.object(problems)?;
    let mut flags = Flags::new();
    match kind.as_str() {
        "cosign" => {
            let key = spec.require("privateKey", problems);
            if let Some(key) = &key
                && key.text(problems).is_some_and(|text| text.contains("PRIVATE KEY"))
            {
                problems.push(key.problem("is a private key; name a file, `env://NAME` or `k8s://NAMESPACE/NAME`"));
                return None;
            }
            flags.push(("key", key.and_then(|key| plain(&key, problems))?));
            flags.extend(take(&mut spec, "passwordFile", problems).map(|path| ("password-file", path)));
            if spec.take("password").is_some() {
                let message = "is never in a run file; name a file with `passwordFile`, or set `COUNTERSIGN_PASSWORD`";
                problems.push(spec.problem_at("password", message));
            }
        }
        "secretManager" => flags.push(("key", require(&mut spec, "key", problems)?)),
        "keyless" => {
            if let Some(token) = take(&mut spec, "identityToken", problems) {
                // Every JSON Web Token begins so.
                if token.starts_with("eyJ") {
                    problems.push(spec.problem_at("identityToken", "is a token; name a file that holds it"));
                    return None;
                }
                flags.push(("identity-token", token));
            }
            flags.extend(flags_of(&mut spec, &IDENTITY, problems));
        }
        other => {
            let known = "`cosign`, `keyless` and `secretManager`";
            problems.push(field.problem(format!("{} is no way to sign; there are {known}", quoted(other))));
            return None;
        }
    }
    flags.extend(flags_of(&mut spec, &WITNESSES, problems));
    spec.finish(problems);
    Some(flags)
}

/// The fields that say by whom what was done has to be signed.
const VERIFICATION: [(&str, &str); 6] = [
    ("certificateIdentity", "certificate-identity"),
    ("certificateIdentityRegexp", "certificate-identity-regexp"),
    ("certificateOidcIssuer", "certificate-oidc-issuer"),
    ("certificateOidcIssuerRegexp", "certificate-oidc-issuer-regexp"),
    ("publicKey", "key"),
    ("trustedRoot", "trusted-root"),
];

fn read_verification(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Flags> {
    let mut object = field.object(problems)?;
    let flags = flags_of(&mut object, &VERIFICATION, problems);
    object.finish(problems);
    if flags.iter().all(|(flag, _)| *flag == "trusted-root") {
        problems.push(field.problem("names nobody; `publicKey` or `certificateIdentity` says who has to have signed"));
        return None;
    }
    Some(flags)
}

/// The flags that fields come to.
fn flags_of(object: &mut Object<'_>, fields: &[(&'static str, &'static str)], problems: &mut Vec<Problem>) -> Flags {
    fields.iter().filter_map(|(name, flag)| Some((*flag, take(object, name, problems)?))).collect()
}

/// The flags of `ship` that say the same, by the names of the fields.
const PROVENANCE_FIELDS: [(&str, &str); 14] = [
    ("accountId", "account-id"),
    ("branch", "source-branch"),
    ("buildType", "build-type"),
    ("builderId", "builder-id"),
    ("commitSha", "source-commit"),
    ("finishedOn", "finished-on"),
    ("invocationId", "invocation-id"),
    ("pipelineExecutionId", "execution-id"),
    ("pipelineIdentifier", "pipeline-id"),
    ("repositoryURL", "source-repository"),
    ("startedOn", "started-on"),
    ("tag", "source-tag"),
    ("triggerType", "trigger-type"),
    ("triggeredBy", "triggered-by"),
];

fn read_provenance(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<BTreeMap<String, String>> {
    let mut object = field.object(problems)?;
    let enabled = object.require("enabled", problems).and_then(|field| field.boolean(problems)).unwrap_or(false);
    let mut flags = BTreeMap::new();
    for (name, flag) in PROVENANCE_FIELDS {
        if let Some(text) = take(&mut object, name, problems) {
            flags.insert(flag.to_owned(), text);
        }
    }
    if object.take("harnessCompat").and_then(|field| field.boolean(problems)) == Some(true) {
        flags.insert("harness-compat".to_owned(), String::new());
    }
    object.finish(problems);
    enabled.then_some(flags)
}

fn read_attestations(field: &Field<'_>, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in field.list(problems).unwrap_or_default() {
        let Some(mut object) = entry.object(problems) else {
            continue;
        };
        let kind = require(&mut object, "type", problems);
        let predicate = require(&mut object, "predicate", problems);
        object.finish(problems);
        found.extend(kind.zip(predicate));
    }
    found
}

fn read_texts(field: &Field<'_>, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let Some(object) = field.object(problems) else {
        return BTreeMap::new();
    };
    object.into_entries().filter_map(|(name, field)| Some((name.to_owned(), plain(&field, problems)?))).collect()
}

fn require(object: &mut Object<'_>, name: &'static str, problems: &mut Vec<Problem>) -> Option<String> {
    object.require(name, problems).and_then(|field| plain(&field, problems))
}

fn take(object: &mut Object<'_>, name: &'static str, problems: &mut Vec<Problem>) -> Option<String> {
    object.take(name).and_then(|field| plain(&field, problems))
}

/// A text in one line that is no flag: what it becomes is an argument.
fn plain(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = field.required_text(problems)?;
    if text.starts_with('-') || text.chars().any(char::is_control) {
        problems.push(field.problem("begins with `-`, or holds what cannot be seen"));
        return None;
    }
    Some(text.to_owned())
}
