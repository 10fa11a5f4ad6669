//! How an image has to be built.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nonempty::NonEmpty;

use super::{
    AnchoredRegex, BuildLevelRule, MaxAge, ParameterRule, SourceLevelRule, TextPattern, TextRule, VersionRange,
    certified,
};
use crate::policy::{Denial, DenyReason};
use crate::provenance::{Dependency, Provenance, SourceRepository};
use crate::verify::Signer;

/// What SLSA provenance has to say. What is none is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProvenanceRule {
    /// Who built.
    pub builder: Option<TextRule>,
    /// How.
    pub build_type: Option<TextRule>,
    /// From which repository.
    pub repository: Option<NonEmpty<RepositoryRule>>,
    /// From which reference in full, as in `refs/heads/main`.
    pub reference: Option<TextRule>,
    /// From which branch.
    pub branch: Option<TextRule>,
    /// From which tag.
    pub tag: Option<TextRule>,
    /// From a tag of this range of versions.
    pub versioned_tag: Option<VersionRange>,
    /// From which commit.
    pub commit: Option<TextRule>,
    /// By which workflow file.
    pub workflow_path: Option<TextRule>,
    /// With which inputs of the workflow.
    pub workflow_inputs: BTreeMap<String, TextRule>,
    /// Started by what.
    pub trigger: Option<TextRule>,
    /// What has to be among the resolved dependencies.
    pub includes: Vec<DependencyRule>,
    /// Where every resolved dependency has to come from; there has to be one.
    pub only_from: Option<TextRule>,
    /// What the user's parameters have to be.
    pub external_parameters: Vec<ParameterRule>,
    /// What the builder's parameters have to be.
    pub internal_parameters: Vec<ParameterRule>,
    /// How well it has to be protected, by what the policy knows of builders.
    pub build_level: Option<BuildLevelRule>,
    /// How well its source has to be protected, by the word of somebody else.
    pub source_level: Option<SourceLevelRule>,
    /// How long ago the build may have ended.
    pub max_age: Option<MaxAge>,
}

/// A repository, or several at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryRule {
    /// This one.
    Exact(SourceRepository),
    /// One whose name matches as a whole, in the form `github.com/acme/app`.
    Regex(AnchoredRegex),
    /// This one, or one below it.
    Under(SourceRepository),
}

/// A dependency that has to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependencyRule {
    /// Where it comes from.
    pub uri: Option<TextRule>,
    /// Its digests, by the name of the algorithm.
    pub digests: BTreeMap<String, String>,
}

impl RepositoryRule {
    fn matches(&self, repository: &SourceRepository) -> bool {
        match self {
            Self::Exact(exact) => exact == repository,
            Self::Regex(regex) => regex.matches(repository.as_str()),
            Self::Under(above) => TextPattern::Prefix(above.as_str().to_owned()).matches(repository.as_str()),
        }
    }
}

impl DependencyRule {
    fn matches(&self, found: &Dependency) -> bool {
        let uri = self.uri.as_ref().is_none_or(|rule| found.uri.as_deref().is_some_and(|uri| rule.matches(uri)));
        uri && self.digests.iter().all(|(name, hex)| found.digests.get(name) == Some(hex))
    }
}

impl ProvenanceRule {
    pub(super) fn check(&self, found: &Provenance, signer: &Signer, now: Timestamp) -> Result<(), Denial> {
        let source = &found.source;
        certified::check(source, signer)?;
        let workflow = &found.workflow;
        text("builder", self.builder.as_ref(), found.builder.as_deref())?;
        text("buildType", self.build_type.as_ref(), found.build_type.as_deref())?;
        if self.asks_for_source() && source.is_contradictory {
            return mismatch("the provenance says different things about the source".to_owned());
        }
        if let Some(rules) = &self.repository {
            let repository = source.repository.as_ref();
            if !repository.is_some_and(|repository| rules.iter().any(|rule| rule.matches(repository))) {
                return mismatch(said("source.repository", repository.map(SourceRepository::as_str)));
            }
        }
        text("source.ref", self.reference.as_ref(), source.reference.as_deref())?;
        text("source.branch", self.branch.as_ref(), source.branch.as_deref())?;
        text("source.tag", self.tag.as_ref(), source.tag.as_deref())?;
        if let Some(range) = &self.versioned_tag
            && !source.tag.as_deref().is_some_and(|tag| range.matches_tag(tag))
        {
            let said = said("source.tag", source.tag.as_deref());
            return mismatch(format!("{said}, a version of `{range}` is asked for"));
        }
        text("source.commit", self.commit.as_ref(), source.commit.as_deref())?;
        text("workflow.path", self.workflow_path.as_ref(), workflow.path.as_deref())?;
        for (name, rule) in &self.workflow_inputs {
            text(&format!("workflow.inputs.{name}"), Some(rule), workflow.inputs.get(name).map(String::as_str))?;
        }
        text("trigger", self.trigger.as_ref(), found.trigger.as_deref())?;
        self.check_dependencies(&found.dependencies)?;
        let parameters = [
            ("externalParameters", &self.external_parameters, &found.external_parameters),
            ("internalParameters", &self.internal_parameters, &found.internal_parameters),
        ];
        for (name, rules, parameters) in parameters {
            if let Some(missed) = rules.iter().find(|rule| !rule.holds(parameters)) {
                return mismatch(format!("`{name}` at `{}` is not what is asked for", missed.pointer));
            }
        }
        if let Some(rule) = &self.build_level {
            rule.check(found.builder.as_deref(), signer)?;
        }
        self.max_age.map_or(Ok(()), |age| age.check("the build", found.finished_on, now))
    }

    fn asks_for_source(&self) -> bool {
        self.repository.is_some()
            || self.source_level.is_some()
            || self.versioned_tag.is_some()
            || [&self.reference, &self.branch, &self.tag, &self.commit].iter().any(|rule| rule.is_some())
    }

    fn check_dependencies(&self, found: &[Dependency]) -> Result<(), Denial> {
        if !self.includes.iter().all(|wanted| found.iter().any(|found| wanted.matches(found))) {
            return mismatch("a dependency that is asked for is not among `resolvedDependencies`".to_owned());
        }
        let Some(rule) = &self.only_from else {
            return Ok(());
        };
        if found.is_empty() {
            return mismatch("`resolvedDependencies` lists nothing".to_owned());
        }
        let is_from = |found: &Dependency| found.uri.as_deref().is_some_and(|uri| rule.matches(uri));
        found.iter().find(|found| !is_from(found)).map_or(Ok(()), |other| {
            let uri = said("resolvedDependencies", other.uri.as_deref());
            mismatch(format!("{uri}, only {rule} is asked for"))
        })
    }
}

/// Whether the `field`, of which a statement says `found`, is what `rule` asks for.
pub(super) fn text(field: &str, rule: Option<&TextRule>, found: Option<&str>) -> Result<(), Denial> {
    match rule {
        Some(rule) if !found.is_some_and(|found| rule.matches(found)) => {
            mismatch(format!("{}, {rule} is asked for", said(field, found)))
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) fn mismatch(finding: String) -> Result<(), Denial> {
    Err(Denial::new(DenyReason::ProvenanceMismatch, finding))
}

pub(super) fn said(field: &str, found: Option<&str>) -> String {
    found.map_or_else(|| format!("`{field}` is not stated"), |found| format!("`{field}` is `{found}`"))
}
