//! `sigstoreKeys`: a root written out key by key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::field::{Field, Object};
use super::super::problem::{Problem, quoted};
use crate::trust::{AuthorityKeys, LogKeys, RootList, SigstoreKeys, TrustedRoot};

/// Reads `sigstoreKeys`. Every entry of every list counts.
pub(super) fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<TrustedRoot> {
    let mut object = field.object(problems)?;
    let before = problems.len();
    let lists = [
        RootList::CertificateAuthorities,
        RootList::CtLogs,
        RootList::TimestampAuthorities,
        RootList::TransparencyLogs,
    ]
    .map(|list| (list, object.take(name(list))));
    let mut keys = SigstoreKeys::default();
    // The fields of each list that hold the PEM, for problems that are found when it is read.
    let mut places = Vec::new();
    for (list, field) in &lists {
        let entries = field.as_ref().and_then(|field| field.list(problems)).unwrap_or_default();
        for (index, entry) in entries.iter().enumerate() {
            let place = match list {
                RootList::CertificateAuthorities => authority(entry, &mut keys.certificate_authorities, problems),
                RootList::CtLogs => log(entry, &mut keys.ct_logs, problems),
                RootList::TimestampAuthorities => authority(entry, &mut keys.timestamp_authorities, problems),
                RootList::TransparencyLogs => log(entry, &mut keys.transparency_logs, problems),
            };
            places.extend(place.map(|place| (*list, index, place)));
        }
    }
    object.finish(problems);
    if problems.len() > before {
        return None;
    }
    match TrustedRoot::of_keys(&keys) {
        Ok(root) => Some(root),
        Err(error) => {
            let to_blame = error.place().and_then(|(list, index)| {
                places.iter().find(|(of, at, _)| (*of, *at) == (list, index)).map(|(_, _, place)| place)
            });
            problems.push(to_blame.unwrap_or(field).problem(error.fault().to_string()));
            None
        }
    }
}

/// What policy-controller calls the list.
fn name(list: RootList) -> &'static str {
    match list {
        RootList::CertificateAuthorities => "certificateAuthorities",
        RootList::CtLogs => "ctLogs",
        RootList::TimestampAuthorities => "timestampAuthorities",
        RootList::TransparencyLogs => "tLogs",
    }
}

/// Reads an authority, and returns the field with its chain.
fn authority<'a>(
    field: &Field<'a>,
    authorities: &mut Vec<AuthorityKeys>,
    problems: &mut Vec<Problem>,
) -> Option<Field<'a>> {
    let mut object = field.object(problems)?;
    let mut common_name = String::new();
    let mut organization = String::new();
    if let Some(mut subject) = object.take("subject").and_then(|subject| subject.object(problems)) {
        common_name = text(&mut subject, "commonName", problems);
        organization = text(&mut subject, "organization", problems);
        subject.finish(problems);
    }
    let uri = text(&mut object, "uri", problems);
    let place = object.require("certChain", problems);
    let chain = place.as_ref().and_then(|chain| pem(chain, problems)).unwrap_or_default();
    object.finish(problems);
    authorities.push(AuthorityKeys { chain, common_name, organization, uri });
    place
}

/// Reads a log, and returns the field with its key.
fn log<'a>(field: &Field<'a>, logs: &mut Vec<LogKeys>, problems: &mut Vec<Problem>) -> Option<Field<'a>> {
    let mut object = field.object(problems)?;
    let base_url = text(&mut object, "baseURL", problems);
    if let Some(hash) = object.take("hashAlgorithm") {
        check_hash(&hash, problems);
    }
    let place = object.require("publicKey", problems);
    let public_key = place.as_ref().and_then(|key| pem(key, problems)).unwrap_or_default();
    object.finish(problems);
    logs.push(LogKeys { base_url, public_key });
    place
}

fn text(object: &mut Object<'_>, name: &'static str, problems: &mut Vec<Problem>) -> String {
    object.take(name).and_then(|field| field.text(problems)).unwrap_or_default().to_owned()
}

/// PEM, in base64 as the Kubernetes API carries bytes, or as it is.
fn pem(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = field.required_text(problems)?;
    if text.trim_start().starts_with("-----BEGIN") {
        return Some(text.to_owned());
    }
    let compact: String = text.split_ascii_whitespace().collect();
    let decoded = STANDARD.decode(compact).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if decoded.is_none() {
        problems.push(field.problem("is neither PEM nor PEM in base64"));
    }
    decoded
}

/// The hash of a log's tree: every log of Sigstore has this one.
fn check_hash(field: &Field<'_>, problems: &mut Vec<Problem>) {
    let Some(text) = field.text(problems) else { return };
    if !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "sha256" | "sha-256" | "sha2_256") {
        problems.push(field.problem(format!("{} is not supported; logs hash by `sha-256`", quoted(text))));
    }
}
