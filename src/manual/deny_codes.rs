//! Every reason for a refusal, and what to do about it.
//!
//! A code is what countersign says in the deny message, in the audit annotation, in Events, in `verify --output json`
//! and as the label of its metrics. It is never renamed and never given a new meaning.
//!
//! Four classes say what the client may do. **Policy** and **Evidence** (403): the same request will be refused again
//! until a policy or the evidence changes. **Malformed** (400): the request must change. **Unavailable** (503): it is
//! not known whether the image would be allowed; a later try may know, and the answer says when, where that is known.
//!
//! Of many failures the message says the most useful first; `countersign verify` shows them all.
//!
//! Under this line each code has a heading, its class and status, what it means, and what to do. A test compares the
//! headings and classes with the list in the code.
//!
//! # `algorithm_mismatch`
//!
//! Evidence, 403.
//!
//! The signature was made with another algorithm than the policy's key or `hashAlgorithm` asks for.
//!
//! *What to do*: Sign again with the algorithm of the policy, or change the policy's `hashAlgorithm` if the signer is
//! right.
//!
//! # `annotation_mismatch`
//!
//! Evidence, 403.
//!
//! The image is signed by somebody whom the policy names, and the signed payload lacks an annotation that the authority
//! asks for, or gives it another value. Only what was signed counts: what a registry keeps beside a signature is nobody's
//! word.
//!
//! *What to do*: Sign again with the annotations, `countersign sign -a NAME=VALUE`. Attestations carry none; ask for what they say
//! instead.
//!
//! # `attestation_missing`
//!
//! Evidence, 403.
//!
//! A policy demands an attestation, and none of its predicate type, signed by one of its authorities, is there. A
//! signature of the image does not replace it, nor does an attestation of another type.
//!
//! *What to do*: Attest the digest that the message names, with the predicate type that the policy names to the letter.
//!
//! # `attestation_stale`
//!
//! Evidence, 403.
//!
//! An attestation holds but for its age: the build, the scan or the verification that it is about ended longer ago than
//! the policy's `maxAge`, lies in the future, or does not say when it was.
//!
//! *What to do*: Build, scan or verify again, and attest it. A scheduled scan keeps running images fresh.
//! # `authority_not_valid`
//!
//! Evidence, 403.
//!
//! The proven time of the signature lies before the authority's `validFrom` or behind its `validUntil`. When a key is
//! replaced, what the old one signed in its time stays valid, and what it signs later does not.
//!
//! *What to do*: Sign again with the key that counts now. If the times of the authority are wrong, change them.
//!
//! # `certificate_expired`
//!
//! Evidence, 403.
//!
//! The certificate that signed, or one of those above it up to the root, was not valid at a time at which the signature is
//! proved to have been made, or its authority no longer counted then. What is valid today says nothing about it.
//!
//! *What to do*: Sign again. If it repeats, compare the clocks of the signer, the log and the timestamp authority.
//!
//! # `certificate_invalid`
//!
//! Evidence, 403.
//!
//! The certificate that signed cannot be read, names two different issuers, is not for code signing, uses an algorithm that
//! is too weak, or breaks a rule of the authorities above it (path length, names, key usage).
//!
//! *What to do*: Find out who issued it. Certificates of Fulcio never look like this.
//!
//! # `certificate_not_logged`
//!
//! Evidence, 403.
//!
//! The trust root of the policy knows logs of certificates, and none of them has promised to log this one, or the promise
//! does not hold.
//!
//! *What to do*: Compare the `ctlogs` of the trust root with the signer's instance. An authority that logs nothing has a trust root
//! without such logs, or the policy says `insecureIgnoreSCT`.
//!
//! # `certificate_untrusted`
//!
//! Evidence, 403.
//!
//! The certificate that signed leads to no authority of the policy's trust root: it comes from another instance of
//! Sigstore, or from somebody who calls himself one.
//!
//! *What to do*: Sign with the instance that the policy trusts, or reference another trust root in the policy.
//!
//! # `condition_error`
//!
//! Evidence, 403.
//!
//! A condition of the policy (`policy`, in Rego, CEL or CUE) neither holds nor fails: it asks for a field that is not
//! there, uses a value as what it is not, or calls a function that fails. What cannot be said is not satisfied.
//!
//! *What to do*: Run it on the statement: `countersign policy eval`. Ask whether a field is there before you use it. A
//! policy's own condition sees the image's configuration only with `fetchConfigFile`, and the object only with
//! `includeSpec`, `includeObjectMeta` and `includeTypeMeta`.
//!
//! # `condition_failed`
//!
//! Evidence, 403.
//!
//! The signer is right, and a condition of the policy does not hold. The finding has every message of the condition: those
//! of the set `deny`, the errors of `isCompliant`, or each field that a CUE constraint is not met by.
//!
//! *What to do*: Build again so that it holds, or change the condition.
//!
//! # `condition_timeout`
//!
//! Evidence, 403.
//!
//! A condition of the policy was stopped. CEL and CUE are counted in steps, so that they always stop at the same place;
//! Rego has half a second. All conditions of the `ImagePolicy` objects of one namespace have a number of steps together in
//! one request.
//!
//! *What to do*: Make the condition simpler, above all its loops in loops over long lists.
//!
//! # `deadline_exceeded`
//!
//! Unavailable, 503.
//!
//! The time that the API server gives its webhook was nearly over before everything was known. What was verified until
//! then did not suffice.
//!
//! *What to do*: Try again. If it stays: look for a slow registry, or raise the webhook's `timeoutSeconds`.
//!
//! # `digest_mismatch`
//!
//! Evidence, 403.
//!
//! The registry's bytes do not hash to the digest that they were asked for by.
//!
//! *What to do*: Look at the registry or at what stands between: a proxy, a cache, a broken disk. Pull the image by
//! digest elsewhere and compare.
//!
//! # `evidence_malformed`
//!
//! Evidence, 403.
//!
//! Evidence is there and cannot be read: not the JSON, the base64 or the structure that its type demands. Other
//! evidence counted beside it, and did not suffice. The same is said of an image's configuration and of an object that a
//! condition looks at and that cannot be read, or that says one name twice; and of an index with two different images for
//! one platform, or with none, where a condition looks at their configurations.
//!
//! *What to do*: Find what wrote it; the finding names the artifact. Sign again and remove the broken one.
//!
//! # `evidence_unsupported`
//!
//! Evidence, 403.
//!
//! Evidence is there in a format that this version does not verify.
//!
//! *What to do*: Sign in a format that is verified: simple signing or a DSSE envelope under cosign's tags, or a
//! Sigstore bundle.
//!
//! # `identity_mismatch`
//!
//! Evidence, 403.
//!
//! Everything about the signature holds, but the certificate was issued to somebody whom the policy does not name, or
//! by an issuer that it does not name. The finding says to whom.
//!
//! *What to do*: Compare the finding with the policy's `identities`: expressions have to match the whole text. Sign from where the
//! policy says, or add the identity if it is one of yours.
//!
//! # `image_malformed`
//!
//! Malformed, 400.
//!
//! A field of the object does not hold a reference to an image: its syntax is invalid, it is empty, or it is no string.
//!
//! *What to do*: Correct the field that `causes` names. `countersign image parse REFERENCE` says what is wrong.
//!
//! # `image_not_found`
//!
//! Evidence, 403.
//!
//! The registry says that it has no such image.
//!
//! *What to do*: Check the name and the tag. Some registries answer so to clients that may not see the image: check the
//! pull secrets too.
//!
//! # `image_not_pinned`
//!
//! Policy, 403.
//!
//! The Pod names a tag, which may move between this check and the pull.
//!
//! *What to do*: Name the digest, or let `/mutate` write it: this code means that it was not called or could not
//! resolve the tag.
//!
//! # `image_revoked`
//!
//! Policy, 403.
//!
//! The digest of the image is in the policy's `revoked.digests`. Its signatures are as good as before, and count for
//! nothing.
//!
//! *What to do*: Run another version. Whoever keeps the policy knows why this one was taken back.
//!
//! # `internal_error`
//!
//! Unavailable, 503.
//!
//! Something went wrong inside countersign. It is counted and logged with the request's uid, and nothing was admitted
//! because of it.
//!
//! *What to do*: Try again. If it stays, report it with the log line.
//!
//! # `key_mismatch`
//!
//! Evidence, 403.
//!
//! The image is signed, but by none of the policy's keys.
//!
//! *What to do*: Compare the key of the signer with the policy's. After a rotation both belong into the policy until
//! all images are signed anew.
//!
//! # `limit_exceeded`
//!
//! Evidence, 403.
//!
//! Something is larger or more than is read; the finding says what, and the ceiling. Nothing is read in part and
//! believed.
//!
//! *What to do*: Remove what is too much: old signatures, foreign artifacts beside the image. The ceilings stand in
//! [`limits`](crate::limits).
//!
//! # `log_entry_invalid`
//!
//! Evidence, 403.
//!
//! An entry of a transparency log stands beside the signature and does not hold: it is malformed, not promised by its
//! log, or about something else. Present and bad is never the same as absent.
//!
//! *What to do*: Sign again. If the entry was not touched, it may be an attempt to pass off another entry.
//!
//! # `log_entry_missing`
//!
//! Evidence, 403.
//!
//! The trust root of the policy knows transparency logs, and the signature has no entry of any of them, or of fewer
//! different ones than the policy asks for.
//!
//! *What to do*: Sign again without switching the log off, or say in the policy that no entry is needed.
//!
//! # `no_matching_policy`
//!
//! Policy, 403.
//!
//! No policy covers the image, and what no policy covers is denied.
//!
//! *What to do*: Write a policy for its repository, or choose another rule for what no policy covers. `countersign
//! policy match` tries a glob.
//!
//! # `overloaded`
//!
//! Unavailable, 503.
//!
//! More requests are in flight than are served; this one was refused unread.
//!
//! *What to do*: Try again after the time that the answer names. If it stays: more replicas.
//!
//! # `policies_unavailable`
//!
//! Unavailable, 503.
//!
//! No policies are loaded yet, none can be loaded, or the last good ones are older than `--policies-max-age`, as the API server
//! could not be asked for so long. No list of policies is not the same as an empty list.
//!
//! *What to do*: Look at `/readyz?verbose` and at the log for what stands in the way.
//!
//! # `policy_invalid`
//!
//! Policy, 403.
//!
//! A policy covers the image and is broken: a field that is not understood or not carried out, a key that cannot be
//! read, a Secret that is gone, a condition at an address that could not be fetched yet. It denies what it matches until it is mended, and never vanishes.
//!
//! *What to do*: The finding names the field. `countersign policy check FILE` says the same before it is applied.
//!
//! # `provenance_mismatch`
//!
//! Evidence, 403.
//!
//! A signer that the policy believes attested how the image was built, or what was verified about it before, and it is not
//! what the policy asks for: another builder, source, branch, tag, workflow, trigger, parameter or dependency. A field that
//! the provenance does not state, or states in two ways, is not what is asked for either.
//!
//! *What to do*: The finding names the field and what it says. Build from what the policy asks for, or correct the policy.
//!
//! # `provenance_source_mismatch`
//!
//! Evidence, 403.
//!
//! The provenance is signed with a certificate that says for which repository, ref and commit the identity provider issued
//! it, and the provenance names another source: a build of one project that speaks of another.
//!
//! *What to do*: Look into it before anything else: an honest builder does not do this. If the builder signs centrally for many
//! projects, name it by an identity whose certificates carry no source.
//!
//! # `registry_rate_limited`
//!
//! Unavailable, 503.
//!
//! The registry asks to wait.
//!
//! *What to do*: Try again after the time that the answer names. Give countersign credentials: anonymous limits are
//! low.
//!
//! # `registry_refused`
//!
//! Unavailable, 503.
//!
//! The registry points to an address that is not followed: a token realm or a redirect to a private address, to plain
//! HTTP or to another scheme.
//!
//! *What to do*: If the registry is yours and means it, correct its external address, or list its host.
//!
//! # `registry_unauthorized`
//!
//! Unavailable, 503.
//!
//! The registry refuses the credentials, or the lack of them.
//!
//! *What to do*: Check the pull secrets of the workload and the credentials of countersign: reading signatures needs
//! the right to pull.
//!
//! # `registry_unavailable`
//!
//! Unavailable, 503.
//!
//! The registry does not answer as one: its name does not resolve, no connection, a certificate that is not trusted, an
//! error of its own.
//!
//! *What to do*: The finding says which. A private certificate authority is given by configuration; plain HTTP only
//! works for loopback and for listed hosts.
//!
//! # `request_malformed`
//!
//! Malformed, 400.
//!
//! The request or its object cannot be understood. An object that was asked about and is not understood is not let
//! through. Of a [custom resource](super::custom_resources) the finding says which field is not as the configured path has it.
//!
//! *What to do*: Check what sends it. If the API server does, its version may be newer than this countersign knows, or the
//! paths that are configured for a custom resource are not those of its version.
//!
//! # `sbom_violation`
//!
//! Evidence, 403.
//!
//! The bill of materials is not in the format that the policy asks for, or lists a package that it forbids, or one that is
//! under no licence that it allows. What cannot be told, such as a version that cannot be compared, counts against it.
//!
//! *What to do*: The finding names the packages. Replace them and build again.
//!
//! # `signature_invalid`
//!
//! Evidence, 403.
//!
//! A signature names the policy's key and does not verify with it: it, or what it signs, was changed.
//!
//! *What to do*: Sign again, and find out what changed it.
//!
//! # `signature_missing`
//!
//! Evidence, 403.
//!
//! Every place was asked and has no signature of this digest.
//!
//! *What to do*: Sign the digest that the message names; a signature of an index does not cover its children, nor the
//! reverse.
//!
//! # `signature_stale`
//!
//! Evidence, 403.
//!
//! The proven time of the signature is longer ago than the authority's `maxAge`, or before its `notBefore`.
//!
//! *What to do*: Sign again, as part of a release or on a schedule.
//!
//! # `signer_revoked`
//!
//! Evidence, 403.
//!
//! The key or the identity that signed is in the policy's `revoked`. Nothing it signed counts, whenever that was.
//!
//! *What to do*: Find out why it was taken back, look at what it signed, and sign what is good with another key or identity.
//!
//! # `signing_time_unproven`
//!
//! Evidence, 403.
//!
//! A certificate is judged at the time when it signed, and nobody who is trusted has said when that was: no promise of a
//! Rekor v1 log, and no RFC 3161 timestamp. Entries of Rekor v2 prove no time.
//!
//! *What to do*: Sign again with a timestamp authority that is in the trust root.
//!
//! # `static_fail`
//!
//! Policy, 403.
//!
//! The policy refuses the image whatever its evidence; its author's message stands in the finding.
//!
//! *What to do*: Ask the policy's author.
//!
//! # `subject_mismatch`
//!
//! Evidence, 403.
//!
//! A signature verifies, and is for another image.
//!
//! *What to do*: It was copied here with or without intent. Sign this digest.
//!
//! # `test_failed`
//!
//! Evidence, 403.
//!
//! A test result is attested and is not `PASSED`, or lists failed tests. A later result that failed counts more than an
//! earlier one that passed.
//!
//! *What to do*: Mend what the tests found, build again, and attest the new image's tests.
//! # `threshold_not_met`
//!
//! Evidence, 403.
//!
//! The policy asks for signatures of several of its authorities, each by another signer, and fewer are there. One signer who
//! satisfies two authorities counts once; two names in one certificate are one signer.
//!
//! *What to do*: Have it signed by another of the authorities; the finding names those that are satisfied.
//!
//! # `timestamp_invalid`
//!
//! Evidence, 403.
//!
//! An RFC 3161 timestamp lies beside the signature, of an authority that the trust root knows, and does not hold: it is over
//! something else, not signed by the authority, or of a time at which the authority did not count.
//!
//! *What to do*: Find what wrote it; the finding names the artifact. Sign again.
//!
//! # `timestamp_missing`
//!
//! Evidence, 403.
//!
//! The policy asks for RFC 3161 timestamps, and there is none of an authority that the trust root knows, or of fewer
//! different ones than it asks for.
//!
//! *What to do*: Sign again with a timestamp authority that is in the trust root.
//!
//! # `trust_root_stale`
//!
//! Unavailable, 503.
//!
//! The trust root of the policy comes from a repository whose metadata has ended, and no newer one could be had: what it
//! knew may have been revoked since. Or the repository could not be read yet, so that there is no root to verify with.
//!
//! *What to do*: See whether countersign reaches the repository; the finding says why not. Or give the policy a newer
//! root.
//!
//! # `type_mismatch`
//!
//! Evidence, 403.
//!
//! What is signed is of another type than is asked for: an attestation where a signature is needed, or the reverse.
//!
//! *What to do*: Sign the image itself, or attest what the policy demands.
//!
//! # `vulnerability_found`
//!
//! Evidence, 403.
//!
//! The latest scan by one of the policy's signers found a vulnerability that is worse than the policy accepts, of unknown
//! severity, or not ignored by it any longer.
//!
//! *What to do*: The finding names the first of them. Update the packages, build and scan again; or add an entry with a
//! reason and an end to the policy's `ignore`.
