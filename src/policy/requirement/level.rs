//! How well a build and its source have to be protected.

use nonempty::NonEmpty;

use super::TextRule;
use super::provenance::{mismatch, said, text};
use super::summary::is_as_good;
use crate::policy::{Denial, Identity};
use crate::provenance::{SourceRepository, VerificationSummary};
use crate::verify::Signer;

/// Which level of SLSA's build track has to be reached. What builder reaches which is in the policy's own table and never
/// taken from a statement: whoever can write one could write a level into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildLevelRule {
    /// The level, from 1 to 3.
    pub minimum: u8,
    /// The builders that are known.
    pub builders: NonEmpty<BuilderRule>,
}

/// One builder that a policy knows: who it says it is, and who signs for it. Both have to be so (H81): anybody may name
/// himself after somebody else's builder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuilderRule {
    /// Its name (`builder.id`).
    pub builder: TextRule,
    /// For whom the certificate is issued that signs for it; none where it signs with a key of the authority.
    pub signer: Option<Identity>,
    /// The level that it reaches.
    pub level: u8,
}

impl BuilderRule {
    fn is(&self, builder: &str, signer: &Signer) -> bool {
        let is_signer = match (signer, &self.signer) {
            (Signer::Certificate(certificate), Some(identity)) => identity.matches(certificate),
            (Signer::Key, None) => true,
            (Signer::Certificate(_), None) | (Signer::Key, Some(_)) => false,
        };
        is_signer && self.builder.matches(builder)
    }
}

impl BuildLevelRule {
    /// Whether `builder`, for whom `signer` signed, reaches the level.
    pub(super) fn check(&self, builder: Option<&str>, signer: &Signer) -> Result<(), Denial> {
        let known = self.builders.iter().filter(|rule| builder.is_some_and(|builder| rule.is(builder, signer)));
        match known.map(|rule| rule.level).max() {
            Some(level) if level >= self.minimum => Ok(()),
            Some(level) => {
                mismatch(format!("{} of level {level}, {} is asked for", said("builder", builder), self.minimum))
            }
            None => mismatch(format!(
                "{}, and `buildLevel.builders` has no such one with this signer",
                said("builder", builder)
            )),
        }
    }
}

/// Which level of SLSA's source track has to be reached, by the word of whoever verified it: a verification summary beside
/// the provenance, of a signer of the same authority, about the repository and the commit that the provenance names, and
/// perhaps about the image as well
/// (<https://slsa.dev/spec/v1.1/verification_summary>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLevelRule {
    /// The level, from 1 to 4.
    pub minimum: u8,
    /// Who has verified it (`verifier.id`).
    pub verifier: TextRule,
}

impl SourceLevelRule {
    /// Whether `summary` says it of `commit` in `repository`. `commits` are those that the summary is about.
    pub(in crate::policy) fn check(
        &self,
        summary: &VerificationSummary,
        repository: Option<&SourceRepository>,
        commit: Option<&str>,
        commits: &[&str],
    ) -> Result<(), Denial> {
        if !summary.is_passed {
            return mismatch("the verification of the source is not `PASSED`".to_owned());
        }
        text("source.level: verifier.id", Some(&self.verifier), summary.verifier.as_deref())?;
        let about = summary.source();
        if about.is_none() || about.as_ref() != repository {
            return mismatch("the verification of the source is about another repository".to_owned());
        }
        if !commit.is_some_and(|commit| commits.contains(&commit)) {
            return mismatch("the verification of the source is about another commit".to_owned());
        }
        let wanted = format!("SLSA_SOURCE_LEVEL_{}", self.minimum);
        if !summary.levels.iter().any(|level| is_as_good(level, &wanted)) {
            return mismatch(format!("`{wanted}` is not among the levels of the source"));
        }
        Ok(())
    }
}
