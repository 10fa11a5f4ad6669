//! A sentence and a hint for every reason.

use crate::policy::DenyReason;

/// What `reason` means, in one sentence.
pub fn sentence(reason: DenyReason) -> &'static str {
    match reason {
        DenyReason::AlgorithmMismatch => "the signature was made with another algorithm than the policy asks for",
        DenyReason::AnnotationMismatch => "the signature does not carry the annotations that the policy asks for",
        DenyReason::AttestationMissing => "no attestation of the type that the policy asks for was found",
        DenyReason::AttestationStale => "what is attested is older than the policy allows",
        DenyReason::AuthorityNotValid => "it was signed at a time at which the authority does not count",
        DenyReason::CertificateExpired => "the certificate was not valid when the image was signed",
        DenyReason::CertificateInvalid => "the certificate of the signature does not hold",
        DenyReason::CertificateNotLogged => {
            "the certificate was not logged by a log that the policy's trust root knows"
        }
        DenyReason::CertificateUntrusted => "the certificate was issued by no authority of the policy's trust root",
        DenyReason::ConditionError => "it cannot be said whether a condition of the policy holds",
        DenyReason::ConditionFailed => "a condition of the policy does not hold",
        DenyReason::ConditionTimeout => "a condition of the policy was not done within its bounds",
        DenyReason::DeadlineExceeded => "the answer was not complete before the deadline of the request",
        DenyReason::DigestMismatch => "the registry sent other bytes than the digest names",
        DenyReason::EvidenceMalformed => "evidence is there and cannot be read",
        DenyReason::EvidenceUnsupported => "evidence is there in a format that is not verified",
        DenyReason::IdentityMismatch => "the image is signed, but by nobody whom the policy names",
        DenyReason::ImageMalformed => "the field holds no reference to an image",
        DenyReason::ImageNotFound => "the registry has no such image",
        DenyReason::ImageNotPinned => "the pod names a tag, which may move between the check and the pull",
        DenyReason::ImageRevoked => "the policy takes this image back, whatever its evidence",
        DenyReason::InternalError => "something went wrong inside countersign",
        DenyReason::KeyMismatch => "the image is signed, but not by a key of the policy",
        DenyReason::LimitExceeded => "something is larger or more than is read",
        DenyReason::LogEntryInvalid => "the transparency log entry beside the signature does not hold",
        DenyReason::LogEntryMissing => "the signature was not logged by a log that the policy's trust root knows",
        DenyReason::NoMatchingPolicy => "no policy covers the image",
        DenyReason::Overloaded => "more requests are in flight than are served",
        DenyReason::PoliciesUnavailable => "no policies are loaded",
        DenyReason::PolicyInvalid => "the policy that covers the image is broken",
        DenyReason::ProvenanceMismatch => "the provenance does not say what the policy asks for",
        DenyReason::ProvenanceSourceMismatch => {
            "the provenance names another source than the certificate of whoever signed it"
        }
        DenyReason::RegistryRateLimited => "the registry asks to wait",
        DenyReason::RegistryRefused => "the registry points to an address that is not followed",
        DenyReason::RegistryUnauthorized => "the registry refuses the credentials, or the lack of them",
        DenyReason::RegistryUnavailable => "the registry does not answer",
        DenyReason::RequestMalformed => "the request or its object cannot be understood",
        DenyReason::SbomViolation => "the bill of materials holds what the policy does not allow",
        DenyReason::SignatureInvalid => "a signature that names a key of the policy does not verify",
        DenyReason::SignatureMissing => "no signature of the image was found",
        DenyReason::SignatureStale => "the signature is older than the policy allows",
        DenyReason::SignerRevoked => "it is signed by somebody whom the policy takes back",
        DenyReason::SigningTimeUnproven => "nothing proves when the image was signed",
        DenyReason::StaticFail => "the policy refuses the image whatever its evidence",
        DenyReason::SubjectMismatch => "the signature is for another image",
        DenyReason::TestFailed => "the tests of the image did not pass",
        DenyReason::ThresholdNotMet => "fewer signers than the policy asks for have signed",
        DenyReason::TimestampInvalid => "the timestamp beside the signature does not hold",
        DenyReason::TimestampMissing => "no authority of the policy's trust root has stamped the signature",
        DenyReason::TrustRootStale => "the policy's trust root has ended or could not be had",
        DenyReason::TypeMismatch => "what is signed is of another type than is asked for",
        DenyReason::VulnerabilityFound => "a scan found what the policy does not accept",
    }
}

/// What to do about `reason`. The word `IMAGE` stands for the image.
pub fn hint(reason: DenyReason) -> Option<&'static str> {
    match reason {
        DenyReason::AlgorithmMismatch => Some(
            "sign with the algorithm of the policy's key, or name the one that was used in the policy's `hashAlgorithm`",
        ),
        DenyReason::AnnotationMismatch => {
            Some("sign again with the annotations: `countersign sign --key KEY -a NAME=VALUE IMAGE`")
        }
        DenyReason::AttestationMissing => {
            Some("attest it: `countersign attest --key KEY --type TYPE --predicate FILE IMAGE`")
        }
        DenyReason::AttestationStale => Some("make the attestation anew: build, scan or verify the image again"),
        DenyReason::AuthorityNotValid => {
            Some("sign again with a key that counts now, or change the times of the authority")
        }
        DenyReason::CertificateExpired => {
            Some("sign again; if it repeats, compare the clocks of the signer, the log and the timestamp authority")
        }
        DenyReason::CertificateInvalid => {
            Some("find out who issued the certificate, and sign again with one for code signing")
        }
        DenyReason::CertificateNotLogged => Some(
            "compare the logs of certificates in the trust root with the signer's instance, or set `insecureIgnoreSCT` where there is none",
        ),
        DenyReason::CertificateUntrusted => Some(
            "sign with the instance of Sigstore that the policy trusts, or add the signer's authority to the trust root",
        ),
        DenyReason::ConditionError => Some(
            "compare the condition with what the attestation holds: `countersign policy eval --type TYPE --policy FILE STATEMENT`",
        ),
        DenyReason::ConditionFailed => {
            Some("the finding is what the condition says; attest what it asks for, or change the condition")
        }
        DenyReason::ConditionTimeout => {
            Some("make the condition simpler: loops in loops over long lists take more than is allowed")
        }
        DenyReason::DeadlineExceeded => {
            Some("try again; if it repeats, see which registry is slow, or raise the webhook's `timeoutSeconds`")
        }
        DenyReason::DigestMismatch => {
            Some("the registry or something on the way to it changes what it serves: compare the image with its source")
        }
        DenyReason::EvidenceMalformed => {
            Some("find out who wrote the broken artifact, and sign again: `countersign sign --key KEY IMAGE`")
        }
        DenyReason::EvidenceUnsupported => {
            Some("sign with countersign or a current cosign: `countersign sign --key KEY IMAGE`")
        }
        DenyReason::IdentityMismatch => Some(
            "sign it from the workflow or account that the policy names, or add the signer's identity to the policy",
        ),
        DenyReason::ImageMalformed => Some("write it as `registry/repository:tag` or `registry/repository@sha256:…`"),
        DenyReason::ImageNotFound => Some("see whether the name is spelt right and the image was pushed: `IMAGE`"),
        DenyReason::ImageNotPinned => Some("name the digest, as in `IMAGE`, or let the mutating webhook do it"),
        DenyReason::ImageRevoked => Some("run another version: this one was taken back"),
        DenyReason::InternalError => Some("see countersign's log for this request"),
        DenyReason::KeyMismatch => Some(
            "sign it with the policy's key: `countersign sign --key KEY IMAGE`, or add the signer's key to the policy",
        ),
        DenyReason::LimitExceeded => Some("remove what is too much, or split it"),
        DenyReason::LogEntryInvalid => {
            Some("find out who wrote the broken entry, and sign again: `countersign sign --key KEY IMAGE`")
        }
        DenyReason::LogEntryMissing => Some(
            "sign again with a transparency log that is in the trust root, or make log entries optional in the policy",
        ),
        DenyReason::NoMatchingPolicy => {
            Some("add a policy whose glob matches the repository, or take the image from a repository that has one")
        }
        DenyReason::Overloaded => Some("try again; if it repeats, run more replicas"),
        DenyReason::PoliciesUnavailable => Some("countersign's log and `/readyz?verbose` say why"),
        DenyReason::PolicyInvalid => Some("correct the policy; `countersign policy check` names the field"),
        DenyReason::ProvenanceMismatch => {
            Some("compare the provenance with the policy: `cosign download attestation IMAGE` prints it")
        }
        DenyReason::ProvenanceSourceMismatch => {
            Some("take the provenance for forged until somebody knows better: a build may only speak of itself")
        }
        DenyReason::RegistryRateLimited => Some("try again later, or give countersign credentials with a higher limit"),
        DenyReason::RegistryRefused => {
            Some("see whether the registry's redirects and the realm of its challenge point where they should")
        }
        DenyReason::RegistryUnauthorized => Some("give countersign credentials that may pull from the repository"),
        DenyReason::RegistryUnavailable => {
            Some("try again; if it repeats, see whether countersign reaches the registry (name, proxy, network policy)")
        }
        DenyReason::RequestMalformed => Some(
            "correct the object; if its kind is unknown, the webhook's rules ask about too much or lack `matchPolicy: Equivalent`",
        ),
        DenyReason::SbomViolation => Some("replace what is named, or build the image without it"),
        DenyReason::SignatureInvalid => Some(
            "take the image for tampered with until somebody knows better; then sign again: `countersign sign --key KEY IMAGE`",
        ),
        DenyReason::SignatureMissing => Some("sign it: `countersign sign --key KEY IMAGE`"),
        DenyReason::SignatureStale => Some("sign again: `countersign sign --key KEY IMAGE`"),
        DenyReason::SignerRevoked => {
            Some("find out why it was taken back before you sign again with another key or identity")
        }
        DenyReason::SigningTimeUnproven => {
            Some("sign again with a timestamp authority or a Rekor v1 log that is in the trust root")
        }
        DenyReason::StaticFail => None,
        DenyReason::SubjectMismatch => Some("sign this very image: `countersign sign --key KEY IMAGE`"),
        DenyReason::TestFailed => Some("mend what the tests found, and build again"),
        DenyReason::ThresholdNotMet => {
            Some("have it signed by another of the policy's authorities: `countersign sign --key KEY IMAGE`")
        }
        DenyReason::TimestampInvalid => Some("find out who wrote the broken timestamp, and sign again"),
        DenyReason::TimestampMissing => Some("sign again with a timestamp authority that is in the trust root"),
        DenyReason::TrustRootStale => {
            Some("see whether countersign reaches the repository of the trust root, or give it a newer one")
        }
        DenyReason::TypeMismatch => {
            Some("an attestation is no signature, and neither stands for the other: `countersign sign --key KEY IMAGE`")
        }
        DenyReason::VulnerabilityFound => {
            Some("update what is named and scan again, or let the policy ignore it with a reason")
        }
    }
}

/// What to do about `reason`, where the image is known.
pub fn hint_for(reason: DenyReason, image: &str) -> Option<String> {
    hint(reason).map(|hint| hint.replace("IMAGE", image))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_and_hint() {
        let list: Vec<_> = DenyReason::ALL
            .into_iter()
            .map(|reason| {
                let hint = hint(reason).unwrap_or("–");
                format!("{reason}\n  {}\n  {hint}", sentence(reason))
            })
            .collect();
        insta::assert_snapshot!(list.join("\n"));
    }

    #[test]
    fn they_keep_to_the_house_style() {
        for reason in DenyReason::ALL {
            for text in [Some(sentence(reason)), hint(reason)].into_iter().flatten() {
                assert!(!text.ends_with('.'), "{text}");
                assert!(!text.contains('\n'), "{text}");
                assert!(text.starts_with(|c: char| c.is_lowercase()), "{text}");
            }
        }
    }
}
