//! Which crates are used, why, and what would change that.
//!
//! The first list of crates for this project named, among others, `sigstore`, `oci-client` and `prometheus`. Each was
//! tried on what it would have to do here before it was kept or replaced. What was measured stands below with what was
//! decided, so that it can be measured again.
//!
//! # Where the crates differ from the first list
//!
//! ## Verification: the `sigstore-*` family instead of `sigstore`
//!
//! Both come from the Sigstore organisation. Over the 70 published conformance cases for verifying bundles, offline:
//! `sigstore-verify` 0.15.1 was right in all 70; `sigstore` 0.14.0 was right in 50, and accepted 4 bundles that are
//! forged (an invalid signature in the log entry's promise, a checkpoint with another root hash, an invalid checkpoint
//! signature, a checkpoint with a foreign key hint). Its verifier leaves the inclusion proof and the promise of the log
//! unchecked, and so believes a time that nobody signed. A verifier that accepts a forgery is out, whatever else it
//! does well.
//!
//! The family is not 1.0 and changes with each minor version. So it is pinned exactly, wrapped inside
//! [`verify`](crate::verify), [`evidence`](crate::evidence) and [`trust`](crate::trust), and its types stay in private
//! fields; a test keeps its name out of every other module. What it lacks is ours, on aws-lc-rs: P-521, curves with
//! another hash than their own, evidence by a key with neither log nor timestamp, and cosign's older layout (`.sig`,
//! `.att`).
//!
//! *Would change our mind*: `sigstore` passing the same cases with no false accept and covering what the family does;
//! or the family accepting one forged case.
//!
//! ## Verifying signatures: the parts of `sigstore-verify`, in an order of our own
//!
//! The plan was to hand each bundle to `sigstore_verify::Verifier`. It has one place for certificates, one for logs and
//! one for timestamps, where real evidence has several: attestations in annotations with `intoto` 0.0.1 entries,
//! P-521 and SHA-256 under a P-384 key, RSA timestamp authorities, several promises in one certificate, entries that a
//! policy makes optional, thresholds of logs. It takes every certificate of an authority's chain for an anchor, whose
//! validity and constraints nobody checks, and it reads the clock. Each of these would have been a second path beside
//! it, and two paths to "verified" are one too many.
//!
//! So `verify` carries out the steps of the client specification itself, one file for each, in the specification's order
//! and for every layout alike, and takes their parts from others: bundles, checkpoints and bodies of entries from the
//! `sigstore-*` family, Merkle proofs from `sigstore-merkle`, paths from rustls-webpki, certificates and CMS from
//! RustCrypto's `x509-cert` and `cms`, every signature from aws-lc-rs. `Verifier` judges beside it in the tests: the
//! conformance suite has to end the same with both, and whatever it refuses of what both can read, we have to refuse.
//!
//! *Would change our mind*: a verifier in the family that takes its clock, its requirements and its parts as arguments.
//!
//! ## Reading registries: a client of our own instead of `oci-client`
//!
//! Admission reads from registries that the author of a Pod chooses. Against a hostile server on loopback, `oci-client`
//! 0.18.0 took a manifest of 256 MiB into memory (14 MiB resident before, 539 after): bodies are read whole and have no
//! ceiling. Its credentials are stored by registry, first come first kept, so that after one tenant's request the next
//! tenant's was sent with the first one's credentials. An error of the fallback tag, "too many requests" included,
//! became "there are no referrers"; pages after the first were not read; token realms were followed anywhere. Each of
//! these is a refusal or a leak on the admission path.
//!
//! Our client has four kinds of request for reading, a ceiling on every byte, tokens that serve only the credential and
//! repository they were obtained for, and different types for "not there" and "could not ask". Pushing, which the first
//! plan left to `oci-client`, is four more requests over the same connections, credentials and limits: a second client
//! beside it would have been a second set of rules for credentials, redirects and certificates.
//!
//! *Would change our mind*: ceilings on every body, credentials per request, and errors of referrers told apart from
//! absence.
//!
//! ## Metrics: `prometheus`, as listed
//!
//! Kept, with its default features off. It is released rarely and does what is needed. *Would change our mind*: a need
//! for exemplars or native histograms, which `prometheus-client` has.
//!
//! ## Traces: `prost`, and no SDK
//!
//! `opentelemetry` 0.33 with its SDK and its exporter over HTTP is 15 crates more (a second `rand` among them), and changes
//! incompatibly every few months. What it would do here is a bounded queue and a POST. So [`telemetry::trace`](crate::telemetry::trace)
//! writes OTLP itself, which is stable, by `prost` (3 crates, of which one is linked): the messages of `trace.proto` stand in
//! one file, and tests read what arrives by the published field numbers alone. *Would change our mind*: a need for its
//! metrics or logs, for gRPC, or for spans of libraries below us.
//!
//! # What a policy's own condition sees
//!
//! The input has policy-controller's shape, so that its policies run as they are: `authorityMatches`, and where the policy asks
//! for it `config` by platform, `spec`, `metadata` and `typemeta` of the object itself (of a Deployment, not of its pods).
//! Four things differ. `typemeta` is there for bare Pods too. An index's entries of the platform `unknown/unknown` are no
//! images, and have no place in `config`. Two different images for one platform are refused, where there the last one read would
//! be seen. And the object is looked at when an image is judged: an update that changes none of its images is not asked
//! again, so that a rule about objects that templates may break has to be about Pods.
//!
//! # What one tenant's conditions may take
//!
//! An `ImagePolicy` is written by whoever may write in a namespace, and its conditions run in the same process as everybody's.
//! Each run is bounded already; many of them are not one. So the CEL and CUE conditions of all policies of one namespace share
//! [`CONDITION_STEPS_PER_NAMESPACE`](crate::limits::CONDITION_STEPS_PER_NAMESPACE) in one request, counted and not timed, so
//! that the same request always ends the same way; what is left when they are spent does not hold (`condition_timeout`). And
//! however many requests of one namespace come at once, they have half of the threads that decide. The conditions of the
//! cluster's policies are counted each by itself.
//!
//! For the same reason the `ImagePolicy` objects of one namespace have a ceiling of their own ([`TENANT_POLICY_BYTES`](crate::limits::TENANT_POLICY_BYTES)),
//! and none together: what is beyond it counts as unreadable, which refuses that namespace's images and no other's.
//!
//! Rego has no place there: regorus looks at its clock between the steps of an evaluation, and a single step (a comprehension
//! over a large list, a comparison of large values) may take as long as it likes in between. In a policy of the cluster that is
//! its author's own harm. In a tenant's it would be everybody's. *Would change our mind*: an engine that counts its steps, or that
//! can be interrupted inside of one.
//!
//! # Other choices that are easy to undo and easy to get wrong
//!
//! | What | Choice | Instead of | Because |
//! |---|---|---|---|
//! | TLS and signatures | rustls on aws-lc-rs | OpenSSL, native-tls, ring, `rsa` | one stack to patch; P-521 and a P-384 check in about a third of ring's time; `rsa` leaks private operations by timing (RUSTSEC-2023-0071) |
//! | HTTP towards registries | reqwest, without HTTP/2, decompression, automatic redirects or cookies | its defaults | each of them acts on an attacker's word before our code sees it |
//! | HTTP towards the API server | HTTP/1.1 only | HTTP/2 | floods of frames (past advisories of h2); the API server is content with it |
//! | YAML | serde-saphyr | serde_yaml, serde_yml | the others are unmaintained or unsound |
//! | cosign's encrypted keys | scrypt and crypto_secretbox, with a list of allowed costs | the key code of `sigstore` | a cost that the file chooses is a denial of service |
//! | AdmissionReview | types of our own | kube's | kube's response starts as allowed |
//! | Time | jiff, as an argument | the clock where it is needed | a verdict that can be repeated |
//! | Link-time optimisation | the `dist` profile only | every release build | measured: minutes of processor time per rebuild for the same size |
//!
//! # How they are looked at again
//!
//! At every new version of a crate above, before the lock file changes:
//!
//! 1. The published conformance suites run whole, as far as what they try is carried out here; exceptions stand in a
//!    file with a reason, and an unexpected pass fails as an unexpected failure does.
//! 2. `tests/bypasses.rs` and the mutation tests run. For the `sigstore-*` family each sharp edge that is known has a
//!    test that says what it does today, so that a change of it is seen, not met.
//! 3. `tests/architecture.rs` shows what new crates came along, and `make deny` their licences and advisories.
//! 4. The reason in this chapter is read once more: does it still hold, and has the condition that would change it come
//!    true? The commit says so.
