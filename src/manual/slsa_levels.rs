//! The levels of SLSA: what reaches each, and how a policy asks for it.
//!
//! # Who can say a level
//!
//! A level is what somebody knows of a builder or of a source, and not what a statement says of itself: whoever can write
//! a statement could write a level into it. So countersign never reads a level out of a provenance. The policy says which
//! builders it knows and what each reaches, or asks for the signed summary of somebody who looked.
//!
//! | Level (<https://slsa.dev/spec/v1.1/levels>) | How a policy asks for it |
//! |---|---|
//! | Build L1: there is provenance | an attestation of `slsaprovenance1` or `slsaprovenance`, with any field of `provenance` |
//! | Build L2: the platform signed it, not a developer | `provenance.builder`, by an authority that is the platform's: its key, or the identity of its workflow |
//! | Build L3: nobody who builds reaches the platform's key | `provenance.buildLevel: {minimum: 3, builders: […]}`: the policy's own table of builders, each with who signs for it and the level that it reaches; both have to be the same |
//! | Source L1: there is version control | `provenance.source.repository` and `commit` |
//! | Source L2 and L3: its history stays, its rules are enforced | `provenance.source.level: {minimum: 3, verifier: …}`: a verification summary about the same repository and commit, by whoever watches over them |
//! | Source L4: two people reviewed every change | the same with `minimum: 4`. It is a property of the source, and no builder can attest it |
//!
//! What others have verified as a whole, `verificationSummary` asks for, with the levels that it has to name.
//!
//! # What a build in a cluster needs for each
//!
//! | Level | What has to be so | What countersign brings | What is left to you |
//! |---|---|---|---|
//! | Build L1 | whoever builds says how | `attest --type slsaprovenance1`, `ship`, `provenance generate`: a predicate from the CI system's own variables | to run it after the push |
//! | Build L2 | the platform makes the statement and signs it, on a machine that is not a developer's | the signing Job (`charts/countersign-signer`), which signs by its own ServiceAccount or with a key that the build's accounts cannot read | that the platform, and not the build, starts the Job and fills in its run file |
//! | Build L3 | the build cannot reach the key, nor another build | the Job is a Pod of its own, and the guard of build namespaces, both below | that builds run on nodes, or in sandboxes, that are made for one build and destroyed after it |
//!
//! # Build L3: isolation
//!
//! The level asks for two things: that no build can reach what signs its provenance, and that no build can reach another
//! build, at the same time or later (<https://slsa.dev/spec/v1.1/requirements#isolated>).
//!
//! **What signs is apart from what builds.** The signing Job
//!
//! - runs one program, countersign, from an image that can be named by digest (`image.digest`); no code of the build is in it. What it signs it
//!   takes by digest from the registry, or as a file, which it hashes and never runs;
//! - is new for each run and leaves nothing: `restartPolicy: Never`, a deadline, `ttlSecondsAfterFinished`, a read-only root,
//!   an `emptyDir` for workspace;
//! - keeps the key in the namespace of its release. Its Role names this one Secret, its account alone is bound to it, and
//!   nothing mounts it: the key is read through the API when it is needed. Without a key (`run.signing.type: keyless`) there is
//!   a token of ten minutes, for one audience;
//! - lets nothing in over the network.
//!
//! What an `initContainers` entry fetches runs in the same Pod: let it fetch, and not build.
//!
//! **Builds are apart from the node and the key.** `builds.enabled` of the chart `countersign` brings a policy for namespaces
//! labelled `countersign.dev/build=true`, which the manual describes under [builds](super::install#builds). With it no Pod of
//! a build reaches its node by way of Kubernetes, nor reads a Secret that signs as volume or variable. Who may read Secrets
//! through the API is for RBAC: give the accounts of builds no `get` or `list` of Secrets where the key is, and let no build
//! run in that namespace, for whoever may start Pods there can use the Job's account.
//!
//! **Builds are apart from each other.** This is the platform's, and nothing in an admission webhook can stand for it: two
//! Pods on one node share its kernel. What helps: a Pod for each build and no workspace that outlives it, caches that are
//! looked up by what they hold and not by a name that another build can write, a RuntimeClass with a sandbox, nodes that one
//! build uses and that go after it. Where the platform has none of this it reaches L2, and a policy's table should say so.
//!
//! # Who writes the table
//!
//! `buildLevel.builders` is a judgement about platforms, made by whoever looks at them and reviewed like a policy. The recipe
//! `build-level` has one (`config/samples/`). An entry with an `identity` joins the builder that a statement names with who
//! signed it: a statement about a good builder, signed by somebody else, has no level. So does one whose authority has a key,
//! where that key signs for nobody but the platform.
