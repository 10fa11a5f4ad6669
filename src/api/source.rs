//! `source` of an authority as users write it.

use super::core_objects::object_name;
use super::field::Field;
use super::problem::{Problem, quoted};
use crate::image::Tag;
use crate::policy::{Source, SourcePlace};

/// Reads where an authority's evidence lies; none where beside the image. As in policy-controller there is at most one
/// place, and it stands in the place of the image's own.
pub(super) fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Source> {
    let entries = field.list(problems)?;
    if entries.len() > 1 {
        problems.push(field.problem("holds several places; only one can be asked, add another authority"));
    }
    let entry = entries.first()?;
    let before = problems.len();
    let mut object = entry.object(problems)?;
    let place = object.take("oci").and_then(|oci| place(&oci, problems));
    let tag_prefix = object.take("tagPrefix").and_then(|prefix| {
        let text = prefix.text(problems)?;
        let is_prefix = text.len() <= Tag::LONGEST_PREFIX && (text.is_empty() || text.parse::<Tag>().is_ok());
        if !is_prefix {
            problems.push(prefix.problem(format!("{} cannot stand at the beginning of a tag", quoted(text))));
        }
        is_prefix.then(|| text.to_owned())
    });
    let mut pull_secrets = Vec::new();
    for entry in object.take("signaturePullSecrets").and_then(|secrets| secrets.list(problems)).unwrap_or_default() {
        let Some(mut secret) = entry.object(problems) else {
            continue;
        };
        pull_secrets.extend(secret.require("name", problems).and_then(|name| object_name(&name, problems)));
        secret.finish(problems);
    }
    object.finish(problems);
    let source = Source { place, tag_prefix: tag_prefix.unwrap_or_default(), pull_secrets };
    if source == Source::default() && problems.len() == before {
        problems.push(entry.problem("names nothing; leave it out, or name `oci`"));
    }
    Some(source)
}

/// A repository, or a registry alone.
fn place(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<SourcePlace> {
    let text = field.required_text(problems)?;
    let place = if text.contains('/') {
        text.parse().map(SourcePlace::Repository)
    } else {
        text.parse().map(SourcePlace::Registry)
    };
    place.map_err(|error| problems.push(field.problem(format!("{}: {error}", quoted(text))))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Compiled, Document, Resolved, STANDALONE_NAMESPACE, compile, parse};

    fn compiled(group: &str, source: &str) -> Compiled {
        let key = serde_json::to_string(include_str!("../../tests/data/cosign/cosign.pub")).unwrap();
        let text = format!(
            "---\n{{apiVersion: {group}, kind: ClusterImagePolicy, metadata: {{name: p}}, spec: {{images: [{{glob: a.io/**}}], \
             authorities: [{{key: {{data: {key}}}, source: {source}}}]}}}}"
        );
        match parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}")).pop() {
            Some(Document::ClusterImagePolicy(document)) => compile(&document, &Resolved::new(STANDALONE_NAMESPACE)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sources_are_read_in_both_groups() {
        let registry = |text: &str| Some(SourcePlace::Registry(text.parse().unwrap()));
        let repository = |text: &str| Some(SourcePlace::Repository(text.parse().unwrap()));
        for group in ["policy.sigstore.dev/v1beta1", "countersign.dev/v1alpha1"] {
            for (source, place, prefix, secrets) in [
                ("[{oci: ghcr.io/acme/signatures}]", repository("ghcr.io/acme/signatures"), "", &[][..]),
                ("[{oci: 'localhost:5000'}]", registry("localhost:5000"), "", &[]),
                ("[{oci: docker.io/acme/s}]", repository("index.docker.io/acme/s"), "", &[]),
                ("[{tagPrefix: prod-}]", None, "prod-", &[]),
                (
                    "[{oci: ghcr.io/s, tagPrefix: x, signaturePullSecrets: [{name: a}, {name: b}]}]",
                    repository("ghcr.io/s"),
                    "x",
                    &["a", "b"],
                ),
            ] {
                let compiled = compiled(group, source);
                assert_eq!(compiled.problems, [], "{source}");
                let authority = compiled.policy.authorities().next().unwrap();
                let expected = Source {
                    place,
                    tag_prefix: prefix.to_owned(),
                    pull_secrets: secrets.iter().map(|name| (*name).to_owned()).collect(),
                };
                assert_eq!(authority.terms.source, Some(expected), "{source}");
            }
            let none = compiled(group, "[]");
            assert_eq!((none.problems.len(), &none.policy.authorities().next().unwrap().terms.source), (0, &None));
        }
    }

    #[test]
    fn what_is_no_source_is_told() {
        for (source, expected) in [
            ("ghcr.io/a", "source: has to be a list"),
            ("[ghcr.io/a]", "source[0]: has to be a mapping"),
            ("[{}]", "source[0]: names nothing"),
            ("[{oci: ''}]", "source[0].oci: is empty"),
            ("[{oci: ghcr.io/A}]", "source[0].oci: `ghcr.io/A`"),
            ("[{oci: 'ghcr.io/a:v1'}]", "source[0].oci"),
            ("[{oci: 'https://ghcr.io/a'}]", "source[0].oci"),
            ("[{oci: ghcr.io/a}, {oci: ghcr.io/b}]", "source: holds several places"),
            ("[{tagPrefix: -a}]", "source[0].tagPrefix: `-a` cannot stand at the beginning"),
            ("[{tagPrefix: 'a/b'}]", "source[0].tagPrefix"),
            (&format!("[{{tagPrefix: {}}}]", "a".repeat(54)), "source[0].tagPrefix"),
            ("[{oci: a.io/b, signaturePullSecrets: [a]}]", "signaturePullSecrets[0]: has to be a mapping"),
            ("[{oci: a.io/b, signaturePullSecrets: [{}]}]", "signaturePullSecrets[0].name: is missing"),
            ("[{oci: a.io/b, repository: c}]", "`repository` is not a known field"),
        ] {
            let compiled = compiled("policy.sigstore.dev/v1beta1", source);
            let told: Vec<_> = compiled.problems.iter().map(ToString::to_string).collect();
            assert!(told.join("\n").contains(expected), "{source}: {told:?}");
            assert_eq!(compiled.policy.authorities().count(), 0, "{source}");
        }
    }
}
