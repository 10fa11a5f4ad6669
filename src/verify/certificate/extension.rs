//! What Fulcio writes into certificates.

use std::collections::BTreeMap;

use der::Decode;
use der::asn1::{ObjectIdentifier, Utf8StringRef};
use x509_cert::ext::Extension as X509Extension;

use super::VerifyError;

/// The extensions of Fulcio's arc that say something about the signer's build
/// (<https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md>). What each holds is the identity provider's word at
/// the time of issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extension {
    /// The commit of the build's configuration.
    BuildConfigDigest,
    /// The build's configuration, as the path of a workflow.
    BuildConfigUri,
    /// The commit of the instructions that ran.
    BuildSignerDigest,
    /// The instructions that ran, as the path of a reusable workflow.
    BuildSignerUri,
    /// What started the build.
    BuildTrigger,
    /// The deployment environment that the build targeted.
    DeploymentEnvironment,
    /// The name of the workflow of GitHub.
    GithubWorkflowName,
    /// Its ref.
    GithubWorkflowRef,
    /// Its repository, as `owner/name`.
    GithubWorkflowRepository,
    /// Its commit.
    GithubWorkflowSha,
    /// What started it.
    GithubWorkflowTrigger,
    /// The run.
    RunInvocationUri,
    /// Whose machine the build ran on.
    RunnerEnvironment,
    /// The commit of the source.
    SourceRepositoryDigest,
    /// The repository's identifier, which outlives its name.
    SourceRepositoryIdentifier,
    /// The identifier of its owner.
    SourceRepositoryOwnerIdentifier,
    /// Its owner.
    SourceRepositoryOwnerUri,
    /// The ref of the source.
    SourceRepositoryRef,
    /// The repository.
    SourceRepositoryUri,
    /// Who could read it.
    SourceRepositoryVisibility,
    /// The subject of the identity token as the provider wrote it.
    TokenSubject,
}

impl Extension {
    /// Every one.
    pub const ALL: [Self; 21] = [
        Self::BuildConfigDigest,
        Self::BuildConfigUri,
        Self::BuildSignerDigest,
        Self::BuildSignerUri,
        Self::BuildTrigger,
        Self::DeploymentEnvironment,
        Self::GithubWorkflowName,
        Self::GithubWorkflowRef,
        Self::GithubWorkflowRepository,
        Self::GithubWorkflowSha,
        Self::GithubWorkflowTrigger,
        Self::RunInvocationUri,
        Self::RunnerEnvironment,
        Self::SourceRepositoryDigest,
        Self::SourceRepositoryIdentifier,
        Self::SourceRepositoryOwnerIdentifier,
        Self::SourceRepositoryOwnerUri,
        Self::SourceRepositoryRef,
        Self::SourceRepositoryUri,
        Self::SourceRepositoryVisibility,
        Self::TokenSubject,
    ];

    /// The last number of its object identifier.
    pub const fn number(self) -> u32 {
        match self {
            Self::GithubWorkflowTrigger => 2,
            Self::GithubWorkflowSha => 3,
            Self::GithubWorkflowName => 4,
            Self::GithubWorkflowRepository => 5,
            Self::GithubWorkflowRef => 6,
            Self::BuildSignerUri => 9,
            Self::BuildSignerDigest => 10,
            Self::RunnerEnvironment => 11,
            Self::SourceRepositoryUri => 12,
            Self::SourceRepositoryDigest => 13,
            Self::SourceRepositoryRef => 14,
            Self::SourceRepositoryIdentifier => 15,
            Self::SourceRepositoryOwnerUri => 16,
            Self::SourceRepositoryOwnerIdentifier => 17,
            Self::BuildConfigUri => 18,
            Self::BuildConfigDigest => 19,
            Self::BuildTrigger => 20,
            Self::RunInvocationUri => 21,
            Self::SourceRepositoryVisibility => 22,
            Self::DeploymentEnvironment => 23,
            Self::TokenSubject => 24,
        }
    }

    /// Its name in policies and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BuildConfigDigest => "buildConfigDigest",
            Self::BuildConfigUri => "buildConfigURI",
            Self::BuildSignerDigest => "buildSignerDigest",
            Self::BuildSignerUri => "buildSignerURI",
            Self::BuildTrigger => "buildTrigger",
            Self::DeploymentEnvironment => "deploymentEnvironment",
            Self::GithubWorkflowName => "githubWorkflowName",
            Self::GithubWorkflowRef => "githubWorkflowRef",
            Self::GithubWorkflowRepository => "githubWorkflowRepository",
            Self::GithubWorkflowSha => "githubWorkflowSha",
            Self::GithubWorkflowTrigger => "githubWorkflowTrigger",
            Self::RunInvocationUri => "runInvocationURI",
            Self::RunnerEnvironment => "runnerEnvironment",
            Self::SourceRepositoryDigest => "sourceRepositoryDigest",
            Self::SourceRepositoryIdentifier => "sourceRepositoryIdentifier",
            Self::SourceRepositoryOwnerIdentifier => "sourceRepositoryOwnerIdentifier",
            Self::SourceRepositoryOwnerUri => "sourceRepositoryOwnerURI",
            Self::SourceRepositoryRef => "sourceRepositoryRef",
            Self::SourceRepositoryUri => "sourceRepositoryURI",
            Self::SourceRepositoryVisibility => "sourceRepositoryVisibility",
            Self::TokenSubject => "tokenSubject",
        }
    }
}

const ISSUER_V1: u32 = 1;
const ISSUER_V2: u32 = 8;
/// The first number whose extension holds a text in DER; those before it hold it as it is.
const FIRST_IN_DER: u32 = 8;
/// The last one that is known.
const LAST: u32 = Extension::TokenSubject.number();

/// Reads every extension of Fulcio's arc by its last number.
pub(super) fn read(all: &[X509Extension]) -> Result<BTreeMap<u32, String>, VerifyError> {
    let mut extensions = BTreeMap::new();
    for extension in all {
        let Some(number) = number(extension.extn_id) else {
            continue;
        };
        let bytes = extension.extn_value.as_bytes();
        let text = if number < FIRST_IN_DER {
            str::from_utf8(bytes).ok()
        } else {
            Utf8StringRef::from_der(bytes).ok().map(|text| text.as_str())
        };
        match text {
            Some(text) => {
                extensions.insert(number, text.to_owned());
            }
            // One that is not known may hold whatever it likes.
            None if number > LAST => {}
            None => {
                let detail = format!("its extension 1.3.6.1.4.1.57264.1.{number} holds no text");
                return Err(VerifyError::CertificateInvalid(detail));
            }
        }
    }
    Ok(extensions)
}

/// Who vouched for the subject. It stands in certificates in two forms; if they say different things, one of two readers
/// would be wrong.
pub(super) fn issuer(extensions: &BTreeMap<u32, String>) -> Result<Option<String>, VerifyError> {
    match (extensions.get(&ISSUER_V2), extensions.get(&ISSUER_V1)) {
        (Some(v2), Some(v1)) if v2 != v1 => {
            Err(VerifyError::CertificateInvalid("it names two different issuers".to_owned()))
        }
        (v2, v1) => Ok(v2.or(v1).cloned()),
    }
}

fn number(oid: ObjectIdentifier) -> Option<u32> {
    const ARC: [u32; 8] = [1, 3, 6, 1, 4, 1, 57264, 1];
    let mut arcs = oid.arcs();
    let same = ARC.iter().all(|arc| arcs.next() == Some(*arc));
    let number = arcs.next();
    number.filter(|_| same && arcs.next().is_none())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_and_names_are_each_of_one_extension() {
        let numbers: BTreeSet<_> = Extension::ALL.iter().map(|extension| extension.number()).collect();
        let names: BTreeSet<_> = Extension::ALL.iter().map(|extension| extension.as_str()).collect();
        assert_eq!((numbers.len(), names.len()), (Extension::ALL.len(), Extension::ALL.len()));
        // 1 and 8 are the issuer, 7 is no extension.
        assert_eq!(numbers, (2..=6).chain(9..=24).collect());
    }

    #[test]
    fn numbers_are_read_off_identifiers() {
        let number = |text| number(ObjectIdentifier::new_unwrap(text));
        assert_eq!(number("1.3.6.1.4.1.57264.1.12"), Some(12));
        assert_eq!(number("1.3.6.1.4.1.57264.1"), None);
        assert_eq!(number("1.3.6.1.4.1.57264.1.12.1"), None);
        assert_eq!(number("1.3.6.1.4.1.57264.2.12"), None);
    }

    #[test]
    fn t39_two_issuers_are_none() {
        let of =
            |pairs: &[(u32, &str)]| issuer(&pairs.iter().map(|(number, text)| (*number, (*text).to_owned())).collect());
        assert_eq!(of(&[(8, "a"), (1, "a")]), Ok(Some("a".to_owned())));
        assert_eq!(of(&[(8, "a")]), Ok(Some("a".to_owned())));
        assert_eq!(of(&[(1, "a")]), Ok(Some("a".to_owned())));
        assert_eq!(of(&[]), Ok(None));
        assert!(matches!(of(&[(8, "a"), (1, "b")]), Err(VerifyError::CertificateInvalid(_))));
    }
}
