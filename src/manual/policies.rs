//! What policies can ask, by what somebody wants to be sure of.
//!
//! # What a signature says, and what it does not
//!
//! A signature says who had an image in his hands, and that it is still the same image. It does not say that the image is
//! good: a build system that was taken over signs what it was made to build, and a library with a hole in it is signed
//! like any other. So ask beside the signature for where the image comes from (`provenance`), for what is in it (`sbom`),
//! for what was found in it (`vulnerabilities`, `test`), and keep keys where nobody can copy them (`kms`) or have none
//! (`keyless`).
//!
//! # Recipes
//!
//! Each is a file in `config/samples/`, compiled and judged by a test.
//!
//! | What is wanted | Recipe |
//! |---|---|
//! | signed with a key: written out, in a Secret | `key-inline`, `key-secret` |
//! | signed by a workflow, a pipeline, a ServiceAccount, without keys | `keyless-github`, `keyless-gitlab`, `keyless-kubernetes` |
//! | by a Sigstore of one's own | `own-sigstore` |
//! | attested, not only signed; both | `attestation-by-key`, `signature-and-provenance` |
//! | only by our own build system | `our-build-system` |
//! | only from the main branch, only tagged releases | `main-branch-only`, `tagged-releases` |
//! | only on our base image | `hardened-base` |
//! | an SBOM, nothing critical, tests that passed; all of it | `sbom-required`, `no-critical-vulnerabilities`, `tests-passed`, `release-gate` |
//! | a [level of SLSA](super::slsa_levels) | `build-level` |
//! | the word of somebody who verified it | `verified-elsewhere` |
//! | two people, a promotion, every platform | `two-person`, `promoted`, `every-platform` |
//! | fresh, rotated, taken back | `fresh-signatures`, `rotation`, `revoked` |
//! | images of others, nothing else, nothing from there | `third-party`, `deny-all-but`, `deny-registry` |
//! | a cluster without a way out | `air-gap` |
//! | a tenant's own policy | `tenant` |
//! | what no field says: CEL, CUE, Rego; kept elsewhere; over all that was found; over the pod | `cel`, `cue-in-config-map`, `rego-deny-set`, `rego-is-compliant`, `remote-condition`, `over-all-authorities`, `not-as-root` |
//! | to try a policy out, to come from policy-controller | `warn-mode`, `migration` |
//!
//! # To replace a key
//!
//! Authorities are alternatives, so that both keys count for a while:
//!
//! 1. Write the new key into the policy as another authority beside the old one, and apply it.
//! 2. Sign with the new key. What ran before goes on; what is new is signed with either.
//! 3. Write the policy as it shall be, without the old key or with `validUntil` at it, and hold it against what runs:
//!    `kubectl get pods -A -o yaml > running.yaml`, then `countersign images running.yaml`, and for its images
//!    `countersign verify --policy next.yaml IMAGE…`. Without a network, `countersign export` saves the evidence and
//!    `countersign policy test` judges it (`object: running.yaml`).
//! 4. Apply it when nothing is refused any more. Should something be, apply the one before again: nothing else changed.
//!
//! A key that was stolen is another matter: `revoked.keys` takes back everything that it signed, at once.
//!
//! # To try a policy out
//!
//! `mode: warn` refuses nothing, and is no gate. Whoever creates something reads what would have been refused; the policy's
//! status says that it is permissive, and so do `policy check` and `policy explain`. Use the same policy in staging, where
//! it enforces, and let it enforce in production when nobody is warned any more.
//!
//! # Conditions
//!
//! A condition sees the statement of an attestation (`predicateType`, `predicate`, `subject`), or, as the policy's own
//! (`spec.policy`), everything that satisfied its authorities under `authorityMatches`, and where it asks for them `config`,
//! `spec`, `metadata` and `typemeta`. It is satisfied by an explicit yes only: what is absent, undefined, in error or not
//! done in time is none. One that holds of an empty statement asks for nothing and is refused, unless it says `allowEmpty`.
//!
//! - **CEL**: one expression, true or false. It is counted in steps.
//! - **CUE**: structs, lists, comparisons, regular expressions, disjunctions, types. What is absent satisfies nothing, other
//!   than in CUE. Everything else is refused with its place. It is counted in steps.
//! - **Rego**: version 1 or 0; `isCompliant` of the package `sigstore`, or a set `deny` in any package. It is timed. In a
//!   tenant's `ImagePolicy` there is none: what nothing interrupts between two steps could hold up everybody.
//!
//! # What is not as in policy-controller
//!
//! What the reference of both groups says is carried out, but for these:
//!
//! - Every layout is read and all that is found counts, whatever `signatureFormat` says.
//! - A policy that is broken stays and refuses what it covers.
//! - Regular expressions match the whole text. A glob is about repositories; `docker.io/` and `index.docker.io/` are one.
//! - `ca-cert` works, with `data` or `secretRef`; it is no key, and so has no `kms`. What a trust root can prove it has to
//!   prove: [`super::required_proofs`].
//! - In CUE an absent field satisfies nothing. `if`, `for` and most packages, `time` among them, are refused; say it in CEL.
//! - A policy has at least one authority. There is no `fail-on-empty-authorities`.
//! - The `namespace` of a `secretRef` is left out or countersign's own, where the Secret has to be (not `cosign-system`).
//! - What cannot exist makes the policy invalid: a name that no Secret can have, a key that its KMS cannot have. Keys of AWS may
//!   be named by id and alias too.
//! - `hashAlgorithm: sha224` is refused: the cryptographic library has no signatures over it.
//! - An image that an update leaves as it is is not asked about again.
