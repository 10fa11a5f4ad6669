//! The file that says how registries are reached, as `--registries` reads it.

use super::field::{Field, Object};
use super::own_file::read_one;
use super::problem::{Problem, quoted};
use crate::image::{Location, Registry};
use crate::limits;

/// The kind of the file's document. It is no resource of a cluster.
const KIND: &str = "Registries";

/// How registries are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registries {
    /// Places that are asked in the place of others.
    pub mirrors: Vec<MirrorEntry>,
    /// Registries that speak plain HTTP.
    pub plain_http: Vec<Registry>,
    /// Hosts on private addresses that others may name.
    pub private_hosts: Vec<Registry>,
    /// Requests in flight to one registry; none where nothing is said.
    pub requests_per_registry: Option<usize>,
}

/// A place that is asked in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorEntry {
    /// Whose images it has.
    pub prefix: Location,
    /// Where it has them.
    pub location: Location,
    /// Whether the registry itself is asked after it.
    pub falls_back: bool,
}

/// Reads the file, strictly.
///
/// # Errors
/// When the text cannot be read as a whole, or is no such file: everything that is wrong with it.
pub fn registries(text: &str) -> Result<Registries, Vec<Problem>> {
    read_one(text, KIND, "document about registries", read)
}

fn read(mut object: Object<'_>, problems: &mut Vec<Problem>) -> Option<Registries> {
    let mirrors = match object.take("mirrors") {
        None => Vec::new(),
        Some(field) => {
            let entries = field.list(problems).unwrap_or_default();
            if entries.len() > limits::MIRRORS {
                problems.push(field.problem(format!("has more than {} entries", limits::MIRRORS)));
            }
            entries.iter().filter_map(|entry| mirror(entry, problems)).collect()
        }
    };
    let plain_http = object.take("plainHTTP").map(|field| hosts(&field, problems)).unwrap_or_default();
    let private_hosts = object.take("privateHosts").map(|field| hosts(&field, problems)).unwrap_or_default();
    let requests_per_registry = object.take("requestsPerRegistry").and_then(|field| number(&field, problems));
    object.finish(problems);
    Some(Registries { mirrors, plain_http, private_hosts, requests_per_registry })
}

fn mirror(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<MirrorEntry> {
    let mut object = field.object(problems)?;
    let prefix = object.require("prefix", problems).and_then(|field| location(&field, problems));
    let place = object.require("location", problems).and_then(|field| location(&field, problems));
    // Whether what a mirror hides is looked for elsewhere is for whoever sets it up to say.
    let falls_back = object.require("fallback", problems).and_then(|field| fallback(&field, problems));
    object.finish(problems);
    let (prefix, place) = (prefix?, place?);
    if prefix == place {
        problems.push(field.problem("is a mirror of itself"));
        return None;
    }
    Some(MirrorEntry { prefix, location: place, falls_back: falls_back? })
}

fn fallback(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<bool> {
    match field.required_text(problems)? {
        "none" => Some(false),
        "upstream" => Some(true),
        other => {
            problems.push(field.problem(format!("{} is none of `none` and `upstream`", quoted(other))));
            None
        }
    }
}

fn location(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Location> {
    parsed(field, "`host[:port]` or `host[:port]/path`", problems)
}

fn hosts(field: &Field<'_>, problems: &mut Vec<Problem>) -> Vec<Registry> {
    let entries = field.list(problems).unwrap_or_default();
    entries.iter().filter_map(|entry| parsed(entry, "`host[:port]`", problems)).collect()
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    field: &Field<'_>,
    form: &str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let text = field.required_text(problems)?;
    match text.parse() {
        Ok(found) => Some(found),
        Err(why) => {
            problems.push(field.problem(format!("{} is not {form}: {why}", quoted(text))));
            None
        }
    }
}

fn number(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<usize> {
    let most = limits::MOST_REQUESTS_PER_REGISTRY;
    let number = field.json().and_then(|text| text.parse().ok()).filter(|number| (1..=most).contains(number));
    if number.is_none() {
        problems.push(field.problem(format!("is no number from 1 to {most}")));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: countersign.dev/v1alpha1\nkind: Registries\n";

    #[test]
    fn a_file_is_read() {
        let found = registries(&format!(
            "{HEAD}mirrors:\n- prefix: docker.io\n  location: mirror.corp:5000/hub\n  fallback: upstream\n\
             - {{prefix: ghcr.io/team, location: mirror.corp:5000/team, fallback: none}}\n\
             plainHTTP: [mirror.corp:5000]\nprivateHosts: [auth.corp]\nrequestsPerRegistry: 8\n"
        ))
        .unwrap();
        let mirror = |prefix: &str, location: &str, falls_back| MirrorEntry {
            prefix: prefix.parse().unwrap(),
            location: location.parse().unwrap(),
            falls_back,
        };
        let mirrors =
            [mirror("docker.io", "mirror.corp:5000/hub", true), mirror("ghcr.io/team", "mirror.corp:5000/team", false)];
        assert_eq!(found.mirrors, mirrors);
        assert_eq!(found.plain_http, ["mirror.corp:5000".parse().unwrap()]);
        assert_eq!(found.private_hosts, ["auth.corp".parse().unwrap()]);
        assert_eq!(found.requests_per_registry, Some(8));
        assert_eq!(registries(HEAD).unwrap(), Registries::default());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            ("mirror: []", "mirror: `mirror` is not a known field"),
            ("mirrors: [{location: a.b, fallback: none}]", "mirrors[0].prefix: is missing"),
            ("mirrors: [{prefix: a.b, location: c.d}]", "mirrors[0].fallback: is missing"),
            ("mirrors: [{prefix: a.b, location: c.d, fallback: yes}]", "mirrors[0].fallback: "),
            ("mirrors: [{prefix: a.b, location: c.d, fallback: none, insecure: true}]", "mirrors[0].insecure: "),
            ("mirrors: [{prefix: nginx, location: c.d, fallback: none}]", "mirrors[0].prefix: `nginx` is not"),
            ("mirrors: [{prefix: a.b, location: 'https://c.d', fallback: none}]", "mirrors[0].location: "),
            ("mirrors: [{prefix: a.b, location: a.b, fallback: none}]", "mirrors[0]: is a mirror of itself"),
            ("plainHTTP: ['a b']", "plainHTTP[0]: `a b` is not"),
            ("privateHosts: a.b", "privateHosts: "),
            ("requestsPerRegistry: 0", "requestsPerRegistry: is no number from 1"),
            ("requestsPerRegistry: many", "requestsPerRegistry: is no number from 1"),
        ] {
            let problems = registries(&format!("{HEAD}{text}\n")).unwrap_err();
            let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
            assert!(told.iter().any(|told| told.contains(expected)), "{text}: {told:?}");
        }
        assert!(registries("kind: Registries\n").is_err());
    }
}
