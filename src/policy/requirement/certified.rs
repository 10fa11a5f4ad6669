//! Whether provenance speaks of the build whose identity signed it.

use super::provenance::said;
use crate::policy::{Denial, DenyReason};
use crate::provenance::{Source, SourceRepository};
use crate::verify::{Certificate, Extension, Signer};

/// Holds the source that provenance names against the one that the signer's certificate names, as far as both name one:
/// a CI system tells the certificate authority itself for which repository, reference and commit it runs
/// (<https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md>), so that one build cannot speak of another's source.
pub(super) fn check(source: &Source, signer: &Signer) -> Result<(), Denial> {
    let certificate = match signer {
        Signer::Certificate(certificate) => certificate,
        Signer::Key => return Ok(()),
    };
    let certified = [repository(certificate), either(certificate, REFERENCE), either(certificate, COMMIT)];
    if source.is_contradictory && certified.iter().any(Option::is_some) {
        let finding = "the provenance says different things about the source, and the certificate names one";
        return Err(Denial::new(DenyReason::ProvenanceSourceMismatch, finding));
    }
    let [repository, reference, commit] = certified;
    // A name of a repository that cannot be read is nobody's.
    let is_same = |text: &str| SourceRepository::parse(text).as_ref() == source.repository.as_ref();
    if let (Some(certified), Some(found)) = (&repository, &source.repository)
        && !is_same(certified)
    {
        return mismatch("source.repository", found.as_str(), certified);
    }
    for (field, certified, found) in
        [("source.ref", reference, &source.reference), ("source.commit", commit, &source.commit)]
    {
        if let (Some(certified), Some(found)) = (certified, found)
            && certified != *found
        {
            return mismatch(field, found, &certified);
        }
    }
    Ok(())
}

/// The extension of today, and the one that GitHub's first certificates have.
type Pair = (Extension, Extension);

const REFERENCE: Pair = (Extension::SourceRepositoryRef, Extension::GithubWorkflowRef);
const COMMIT: Pair = (Extension::SourceRepositoryDigest, Extension::GithubWorkflowSha);

fn either(certificate: &Certificate, (new, old): Pair) -> Option<String> {
    certificate.extension(new).or_else(|| certificate.extension(old)).map(str::to_owned)
}

fn repository(certificate: &Certificate) -> Option<String> {
    let old =
        || certificate.extension(Extension::GithubWorkflowRepository).map(|name| format!("https://github.com/{name}"));
    certificate.extension(Extension::SourceRepositoryUri).map(str::to_owned).or_else(old)
}

fn mismatch(field: &str, found: &str, certified: &str) -> Result<(), Denial> {
    let finding = format!("{}, the certificate says `{certified}`", said(field, Some(found)));
    Err(Denial::new(DenyReason::ProvenanceSourceMismatch, finding))
}
