//! Conditions as users write them.

use super::field::{Field, Object};
use super::problem::{Problem, listed, quoted};
use super::{Reference, RemoteSource, RemoteState, Resolved};
use crate::policy::{Condition, Dialect, Included, Language};

/// A condition with its reference not yet followed.
#[derive(Clone, Debug)]
pub(super) struct ConditionSpec {
    language: Language,
    source: Source,
    /// Where its source, or the reference to it, stands.
    place: Problem,
    allow_empty: bool,
    /// What it sees besides, where it is the policy's own.
    included: Included,
    dialect: Dialect,
}

#[derive(Clone, Debug)]
enum Source {
    ConfigMap { reference: Reference, key: String },
    Data(Condition),
    Remote { source: Box<RemoteSource>, reference: Reference },
}

impl ConditionSpec {
    /// The same, in a policy of the tenant in `namespace`, who reaches into no other.
    pub(super) fn in_tenant(&mut self, tenant: &str) {
        match &mut self.source {
            Source::ConfigMap { reference: Reference::ConfigMap { namespace, .. }, .. } => {
                *namespace = Some(tenant.to_owned());
            }
            Source::ConfigMap { .. } | Source::Data(_) | Source::Remote { .. } => {}
        }
    }

    /// What it names.
    pub(super) fn reference(&self) -> Option<&Reference> {
        match &self.source {
            Source::ConfigMap { reference, .. } | Source::Remote { reference, .. } => Some(reference),
            Source::Data(_) => None,
        }
    }

    /// What it sees besides.
    pub(super) fn included(&self) -> Included {
        self.included
    }

    /// The condition itself. What is odd about it is among the warnings.
    pub(super) fn compile(&self, resolved: &Resolved, warnings: &mut Vec<Problem>) -> Result<Condition, Problem> {
        let condition = match &self.source {
            Source::ConfigMap { reference, key } => self.in_config_map(reference, key, resolved)?,
            Source::Data(condition) => condition.clone(),
            Source::Remote { source, reference } => self.at_address(source, reference, resolved)?,
        };
        let Some(empty) = condition.permissive().first().filter(|_| !self.allow_empty) else {
            return Ok(condition);
        };
        let finding = format!("asks for too little: it holds of {} too", quoted(empty));
        match self.dialect {
            Dialect::Countersign => {
                Err(self.problem(format!("{finding}; ask for what has to be there, or say `allowEmpty: true`")))
            }
            Dialect::PolicyController => {
                warnings.push(self.problem(format!("is permissive and {finding}")));
                Ok(condition)
            }
        }
    }

    fn in_config_map(&self, reference: &Reference, key: &str, resolved: &Resolved) -> Result<Condition, Problem> {
        let config_map = match reference {
            Reference::ConfigMap { namespace, name } => resolved.config_map(namespace.as_deref(), name),
            Reference::Kms(_) | Reference::Remote(_) | Reference::Secret { .. } | Reference::TrustRoot { .. } => None,
        };
        let Some(config_map) = config_map else {
            let mut problem = self.problem(format!("{reference} is not there"));
            problem.unresolved = Some(reference.clone());
            return Err(problem);
        };
        if let Some(problem) = config_map.problems().first() {
            return Err(self.problem(format!("{reference} cannot be read: {problem}")));
        }
        let source = config_map.data().get(key);
        let source = source.ok_or_else(|| self.problem(format!("{reference} has no entry {}", quoted(key))))?;
        Condition::compile(self.language, source)
            .map_err(|error| self.problem(format!("{} in {reference}: {error}", quoted(key))))
    }

    fn at_address(
        &self,
        source: &RemoteSource,
        reference: &Reference,
        resolved: &Resolved,
    ) -> Result<Condition, Problem> {
        let why = match resolved.remote(source) {
            Some(RemoteState::Known(text)) => {
                return Condition::compile(self.language, text)
                    .map_err(|error| self.problem(format!("{reference}: {error}")));
            }
            Some(RemoteState::Unknown(why)) => why.as_str(),
            None => "nobody has asked for it yet",
        };
        let message = format!("{reference} could not be fetched yet, and nothing passes before: {why}");
        Err(Problem { unresolved: Some(reference.clone()), ..self.problem(message) })
    }

    fn problem(&self, message: String) -> Problem {
        let mut problem = self.place.clone();
        problem.field.message = message;
        problem
    }
}

const SOURCES: [&str; 3] = ["data", "configMapRef", "remote"];

/// Reads a condition about one attestation, or, where it is the policy's own, about all that was found.
pub(super) fn read(
    field: &Field<'_>,
    dialect: Dialect,
    is_own: bool,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<ConditionSpec> {
    let mut object = field.object(problems)?;
    let language =
        object.require("type", problems).and_then(|field| read_language(&field, dialect, problems, warnings));
    let sources = SOURCES.map(|name| object.take(name));
    let allow_empty = match dialect {
        Dialect::Countersign => object.take("allowEmpty").and_then(|field| field.boolean(problems)).unwrap_or(false),
        Dialect::PolicyController => false,
    };
    let included = if is_own { read_included(&mut object, problems) } else { Included::default() };
    let source = match &sources {
        [Some(data), None, None] => read_data(data, language, problems).map(|source| (source, data)),
        [None, Some(reference), None] => read_reference(reference, problems).map(|source| (source, reference)),
        [None, None, Some(remote)] => read_remote(remote, problems).map(|source| (source, remote)),
        sources => {
            let there = sources.iter().flatten().count();
            let names = listed(&SOURCES, " or ");
            problems.push(object.problem(format!("exactly one of {names} is needed, {there} are there")));
            None
        }
    };
    object.finish(problems);
    let (source, place) = source?;
    Some(ConditionSpec { language: language?, source, place: place.problem(""), allow_empty, included, dialect })
}

/// What a policy's own condition sees besides what its authorities found.
fn read_included(object: &mut Object<'_>, problems: &mut Vec<Problem>) -> Included {
    let mut says = |name| object.take(name).and_then(|field| field.boolean(problems)).unwrap_or(false);
    Included {
        configs: says("fetchConfigFile"),
        object_meta: says("includeObjectMeta"),
        spec: says("includeSpec"),
        type_meta: says("includeTypeMeta"),
    }
}

fn read_language(
    field: &Field<'_>,
    dialect: Dialect,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<Language> {
    let text = field.text(problems)?;
    let language = Language::ALL.into_iter().find(|language| language.as_str() == text);
    match (language, dialect) {
        (None, _) => {
            let names = listed(&Language::ALL.map(Language::as_str), " and ");
            problems.push(field.problem(format!("{} is no language; there are {names}", quoted(text))));
        }
        (Some(Language::Cel), Dialect::PolicyController) => {
            warnings.push(field.problem("`cel` is not known to policy-controller"));
        }
        (Some(Language::Cel | Language::Cue | Language::Rego), _) => {}
    }
    language
}

fn read_data(field: &Field<'_>, language: Option<Language>, problems: &mut Vec<Problem>) -> Option<Source> {
    let text = field.text(problems)?;
    match Condition::compile(language?, text) {
        Ok(condition) => Some(Source::Data(condition)),
        Err(error) => {
            problems.push(field.problem(error.to_string()));
            None
        }
    }
}

fn read_reference(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Source> {
    let mut object: Object<'_> = field.object(problems)?;
    let name = object.require("name", problems).and_then(|field| field.required_text(problems));
    let key = object.require("key", problems).and_then(|field| field.required_text(problems));
    // It is always the controller's own, whatever stands here: policy-controller does not look at it either.
    if let Some(namespace) = object.take("namespace") {
        namespace.text(problems);
    }
    object.finish(problems);
    let reference = Reference::ConfigMap { namespace: None, name: name?.to_owned() };
    Some(Source::ConfigMap { reference, key: key?.to_owned() })
}

fn read_remote(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Source> {
    let mut object: Object<'_> = field.object(problems)?;
    let url = object.require("url", problems).and_then(|field| field.required_text(problems));
    let sum = object.require("sha256sum", problems).and_then(|field| field.required_text(problems));
    let source = url.zip(sum).and_then(|(url, sum)| {
        let wrong = |(name, why)| problems.push(object.problem_at(name, why));
        RemoteSource::new(url, sum).map_err(wrong).ok().map(Box::new)
    });
    object.finish(problems);
    let source = source?;
    Some(Source::Remote { reference: Reference::Remote(source.clone()), source })
}

#[cfg(test)]
mod tests {
    use crate::api::{Compiled, Document, Resolved, STANDALONE_NAMESPACE, compile, parse, references, revision};
    use crate::policy::{Included, NoMatch, PolicyBody};

    const KEY: &str = include_str!("../../tests/data/cosign/cosign.pub");

    fn document(group: &str, condition: &str, own: &str) -> String {
        let key = serde_json::Value::from(KEY);
        format!(
            "apiVersion: {group}\nkind: ClusterImagePolicy\nmetadata: {{name: p}}\nspec:\n  images: [{{glob: 'a.example/**'}}]\n  \
             authorities:\n  - key: {{data: {key}}}\n    attestations: [{{name: a, predicateType: custom, policy: {condition}}}]\n{own}"
        )
    }

    fn compiled(text: &str, data: Option<&str>) -> Compiled {
        let mut resolved = Resolved::new(STANDALONE_NAMESPACE);
        if let Some(data) = data {
            let map = format!("---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: m}}, data: {data}}}");
            let Some(Document::ConfigMap(map)) = parse(&map).unwrap().into_iter().next() else { panic!("a ConfigMap") };
            resolved.add_config_map(map);
        }
        let Some(Document::ClusterImagePolicy(policy)) = parse(text).unwrap().into_iter().next() else {
            panic!("a policy")
        };
        // What stands in a ConfigMap that is named is part of the revision, and nothing else is.
        let of = |resolved| revision([&*policy], resolved, NoMatch::Deny);
        let is_named = !references(&policy).is_empty() && data.is_some();
        assert_eq!(of(&resolved) != of(&Resolved::new(STANDALONE_NAMESPACE)), is_named, "{text}");
        compile(&policy, &resolved)
    }

    const OWN: &str = "countersign.dev/v1alpha1";
    const THEIRS: &str = "policy.sigstore.dev/v1beta1";

    #[test]
    fn conditions_are_read_where_they_stand() {
        for group in [OWN, THEIRS] {
            for (condition, data) in [
                ("{type: cel, data: 'predicate.x == 1'}", None),
                ("{type: cue, data: 'predicate: x: 1'}", None),
                ("{type: rego, data: \"package sigstore\\nisCompliant { input.predicate.x == 1 }\"}", None),
                ("{type: cue, configMapRef: {name: m, key: k}}", Some("{k: 'predicate: x: 1'}")),
                ("{type: cue, configMapRef: {name: m, key: k, namespace: elsewhere}}", Some("{k: 'predicate: x: 1'}")),
            ] {
                let own = format!("  policy: {}\n", condition.replace("predicate.x == 1", "authorityMatches.a.static"));
                let compiled = compiled(&document(group, condition, &own), data);
                assert_eq!(compiled.problems, [], "{condition}");
                assert!(compiled.policy.terms.condition.is_some());
            }
        }
    }

    #[test]
    fn wrong_conditions_make_the_policy_invalid() {
        const PATH: &str = "spec.authorities[0].attestations[0].policy";
        for (condition, data, expected) in [
            ("{}", None, ".type: is missing"),
            ("{type: cel}", None, ": exactly one of `data`, `configMapRef` or `remote` is needed, 0 are there"),
            (
                "{type: cel, data: a, configMapRef: {name: m, key: k}}",
                None,
                ": exactly one of `data`, `configMapRef` or `remote` is needed, 2 are there",
            ),
            ("{type: jmespath, data: a}", None, ".type: `jmespath` is no language; there are `cel`, `cue` and `rego`"),
            ("{type: cel, data: ''}", None, ".data: is empty"),
            ("{type: cel, data: 1}", None, ".data: has to be a string"),
            ("{type: cel, data: 'predicate.'}", None, ".data: line 1, column"),
            (
                "{type: cue, data: 'predicate: x: y'}",
                None,
                ".data: line 1, column 15: the reference `y` is not carried out",
            ),
            ("{type: rego, data: 'package a'}", None, ".data: a condition defines `isCompliant`"),
            (
                "{type: cel, data: 'predicate.x', fetchConfigFile: true}",
                None,
                ".fetchConfigFile: `fetchConfigFile` is not a known field",
            ),
            (
                "{type: cel, remote: {url: 'https://a.example/p', sha256sum: aa}}",
                None,
                ".remote.sha256sum: is no SHA-256 in 64 hexadecimal digits",
            ),
            ("{type: cel, remote: {url: 'https://a.example/p'}}", None, ".remote.sha256sum: is missing"),
            (
                "{type: cel, remote: {url: 'http://a.example/p', sha256sum: SUM}}",
                None,
                ".remote.url: is not fetched without TLS",
            ),
            ("{type: cel, remote: {url: 'https://a.example/p', sha256sum: SUM, x: y}}", None, ".remote.x: `x` is not"),
            (
                "{type: cel, remote: {url: 'https://a.example/p', sha256sum: SUM}}",
                None,
                ".remote: the condition at `https://a.example/p` could not be fetched yet, and nothing passes before: \
                 nobody has asked for it yet",
            ),
            ("{type: cue, configMapRef: {name: m}}", None, ".configMapRef.key: is missing"),
            ("{type: cue, configMapRef: {name: m, key: k}}", None, ".configMapRef: the ConfigMap `m` is not there"),
            (
                "{type: cue, configMapRef: {name: m, key: k}}",
                Some("{other: x}"),
                ".configMapRef: the ConfigMap `m` has no entry `k`",
            ),
            (
                "{type: cue, configMapRef: {name: m, key: k}}",
                Some("{k: 'a: b'}"),
                ".configMapRef: `k` in the ConfigMap `m`: line 1, column 4",
            ),
            (
                "{type: cue, configMapRef: {name: m, key: k}}",
                Some("{k: 1}"),
                ".configMapRef: the ConfigMap `m` cannot be read",
            ),
            ("{type: cel, data: 'true'}", None, ".data: asks for too little: it holds of `{}` too"),
            ("{type: cel, data: 'true', allowEmpty: 1}", None, ".allowEmpty: has to be a boolean"),
        ] {
            let condition = condition.replace("SUM", &crate::image::Digest::of(b"").hex());
            let compiled = compiled(&document(OWN, &condition, ""), data);
            let problems: Vec<_> = compiled.problems.iter().map(ToString::to_string).collect();
            let expected = format!("{PATH}{expected}");
            assert!(problems.iter().any(|problem| problem.starts_with(&expected)), "{condition}: {problems:?}");
            assert!(matches!(compiled.policy.body, PolicyBody::Invalid(_)), "{condition}");
        }
    }

    #[test]
    fn what_asks_for_nothing_is_told() {
        let condition = "{type: cel, data: 'true'}";
        let theirs = compiled(&document(THEIRS, condition, ""), None);
        assert_eq!(theirs.problems, []);
        assert!(theirs.warnings.iter().any(|warning| warning.to_string().contains("is permissive")), "{theirs:?}");
        let admitted = compiled(&document(OWN, "{type: cel, data: 'true', allowEmpty: true}", ""), None);
        assert_eq!(admitted.problems, []);
        let unknown = compiled(&document(THEIRS, "{type: cel, data: 'true', allowEmpty: true}", ""), None);
        assert!(unknown.problems[0].to_string().contains("`allowEmpty` is not a known field"));
    }

    #[test]
    fn what_a_condition_sees_is_read() {
        for group in [OWN, THEIRS] {
            for (name, value, expected) in [
                ("fetchConfigFile", "true", Included { configs: true, ..Included::default() }),
                ("includeSpec", "true", Included { spec: true, ..Included::default() }),
                ("includeObjectMeta", "true", Included { object_meta: true, ..Included::default() }),
                ("includeTypeMeta", "true", Included { type_meta: true, ..Included::default() }),
                ("includeTypeMeta", "false", Included::default()),
            ] {
                let own = format!("  policy: {{type: cel, data: 'authorityMatches.a.static', {name}: {value}}}\n");
                let compiled = compiled(&document(group, "{type: cel, data: 'predicate.x'}", &own), None);
                assert_eq!((compiled.problems, compiled.policy.terms.included), (vec![], expected), "{name}: {value}");
            }
            let own = "  policy: {type: cel, data: 'authorityMatches.a.static', includeSpec: 'true'}\n";
            let wrong = compiled(&document(group, "{type: cel, data: 'predicate.x'}", own), None);
            assert_eq!(wrong.problems[0].to_string(), "spec.policy.includeSpec: has to be a boolean, not a string");
        }
    }
}
