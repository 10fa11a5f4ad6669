//! How verifiers of images were bypassed before, and what stops each of these here.
//!
//! Each advisory of a peer is a case that runs against countersign at every change. Where the last column says
//! *bypasses*, the case is a test in `tests/bypasses.rs` that carries the advisory's number as its name: CVE-2022-35929
//! is `cve_2022_35929_…`, GHSA-fx35-mq7g-6g98 is `ghsa_fx35_mq7g_6g98_…`. The number behind it (T41) is the row of the
//! fault list that `tests/faults.rs` holds, where the same cause is tried in all its shapes.
//!
//! A test of this kind asserts the verdict and the exact code, and has a twin that differs in one thing and is allowed:
//! otherwise it could pass because everything is refused.
//!
//! # What was satisfied by nothing, or by something else
//!
//! | Advisory | What went wrong there | What stops it here | Where |
//! |---|---|---|---|
//! | CVE-2022-35930 (policy-controller) | an image with a signature passed a policy that demands an attestation | "all" and "any" are taken over lists that cannot be empty; an attestation rule looks at attestations only | bypasses, T41 |
//! | CVE-2022-35929 (cosign) | any signed attestation passed where one of a certain type was demanded | the predicate type of the verified statement is compared to the letter | bypasses, T41, T42 |
//! | CVE-2026-39395 (cosign) | a payload that could not be read counted as success | parsing comes before a fact exists; an unreadable payload is a rejection, and a rejection satisfies nothing | bypasses, T46 |
//! | CVE-2026-31830 (sigstore-ruby) | the result of comparing the subject was ignored | a fact is made after the comparison, by the only constructor; there is no result to ignore | bypasses, T43 |
//! | CVE-2022-36056 (cosign) | a log entry that does not hold, or cannot be read, counted as success | a proof that is there and does not hold rejects the signature beside it; it never counts as absent | bypasses |
//! | CVE-2026-44310 (gitsign) | a panic ended with exit code 0, read as "verified" | a panic is a refusal; no code path makes "allowed" out of an unwound request | bypasses, T92 |
//!
//! # Whose key, which image
//!
//! | Advisory | What went wrong there | What stops it here | Where |
//! |---|---|---|---|
//! | GHSA-fx35-mq7g-6g98 (cosign) | a public key inside the artifact was used to verify it | keys come from policies; what the artifact brings along is at most a hint that is never followed | bypasses, T54 |
//! | CVE-2022-47633 (Kyverno) | the tag was resolved twice, and the registry answered differently | a tag is resolved once per request, its bytes are hashed, and that digest is verified and pinned | bypasses, T31 |
//! | CVE-2023-47630 (Kyverno) | the digest was taken from what the registry said about itself | digests are computed from bytes; headers are not believed | bypasses, T31, T80 |
//! | GHSA-2r43-6962-xcw5 (Kyverno) | what was verified under a tag was remembered under the tag | a tag is resolved anew for each request; what is remembered is remembered under digests | bypasses, T31 |
//! | CVE-2023-33959 (notation-go) | a registry made the client verify another artifact | a manifest is fetched by digest and hashed; the signed payload must name the digest of the image | bypasses, T31 |
//! | kyverno#16336 | the validating half believed an annotation that users can write | `/validate` relies on nothing that `/mutate` did, and reads no annotation | bypasses, T33 |
//! | CVE-2024-23332 (notation) | an older image, validly signed, under the newest tag | not stopped: it is allowed by design, and [stated](super::threat_model) | bypasses, T35 |
//!
//! # What was not looked at
//!
//! | Advisory | What went wrong there | What stops it here | Where |
//! |---|---|---|---|
//! | CVE-2023-34091 (Kyverno) | an object with a `deletionTimestamp` was skipped | exemptions are a closed list, and this is not among them | bypasses, T15 |
//! | CVE-2025-46342 (Kyverno) | a selector of namespaces that failed skipped the rule | nothing is decided by labels of namespaces ([why](super::install)); a selector that cannot be read makes its policy invalid, about every object | bypasses, T17 |
//! | CVE-2021-41087 (in-toto-go) | patterns meant different things in different places | one parser of globs, anchored at both ends, a table of good and bad | bypasses, T25 |
//!
//! # Too much
//!
//! | Advisory | What went wrong there | What stops it here | Where |
//! |---|---|---|---|
//! | CVE-2023-46737 (cosign) | any number of signatures was read | ceilings on layers, referrers, pages and signature checks ([`limits`](crate::limits)); meeting one denies | bypasses, T61 |
//! | CVE-2024-29902, CVE-2024-29903 (cosign) | large attachments and manifests exhausted the memory | every body is read up to its ceiling, announced or not | bypasses, T62, T63 |
//! | CVE-2023-42813, -42814, -42815, -42816 (Kyverno) | unbounded manifests and signatures | the same | bypasses, T61, T62, T63 |
//! | CVE-2024-45395 (sigstore-go) | unbounded log entries, timestamps and subjects | lists are counted before their entries are decoded | bypasses, T64 |
//! | CVE-2023-33957, CVE-2023-33958, CVE-2023-25656 (notation) | many signatures, many attempts, memory | the same | bypasses, T61 |
//! | CVE-2026-23881, CVE-2025-47281, CVE-2026-41485 (Kyverno) | one request took the controller down | a panic and an exhausted budget are refusals of one request | bypasses, T82, T92 |
//! | RUSTSEC-2022-0055 (axum-core) | no limit on request bodies | a limit of our own before anything is parsed | bypasses, T03 |
//! | RUSTSEC-2024-0336, RUSTSEC-2024-0399 (rustls) | a client could make the server loop or panic | a version that is not affected, a time limit on handshakes, panics contained per connection | faults, T95 |
//! | RUSTSEC-2023-0034, 2024-0003, 2024-0332, 2026-0258 (h2) | floods of HTTP/2 frames | the webhook speaks HTTP/1.1 only | faults, T95 |
//!
//! # Where a registry sends its client
//!
//! | Advisory | What went wrong there | What stops it here | Where |
//! |---|---|---|---|
//! | CVE-2025-27403 (Ratify) | a cloud token went to a host that is not that cloud's | credentials belong to one registry and never leave its host | bypasses, T78 |
//! | CVE-2026-48978, GHSA-vh4v-2xq2-g5cg, CVE-2026-50151 (oras-go) | token realms and redirects led to private addresses, with credentials | realms and redirects are checked before anything is sent; credentials do not follow to other hosts | bypasses, T77, T78 |
//!
//! # Crates that are not linked
//!
//! RUSTSEC-2023-0071 (`rsa`), RUSTSEC-2025-0067 (`libyml`), RUSTSEC-2025-0068 (`serde_yml`), RUSTSEC-2024-0320
//! (`yaml-rust`): banned by `deny.toml`, held by `tests/architecture.rs`.
//!
//! # Waiting for what they are about
//!
//! These have their case as soon as there is something to bypass: until then the feature does not exist, and evidence
//! of that kind satisfies nothing.
//!
//! | Advisory | About | Row |
//! |---|---|---|
//! | CVE-2022-23649, CVE-2026-22703 (cosign), CVE-2024-53267 (sigstore-java), CVE-2024-51746 (gitsign) | a log entry of something else | T51, T52, T53 |
//! | CVE-2026-24122 (cosign) | an expired intermediate certificate | T55 |
//! | CVE-2026-49834 (sigstore-go) | a threshold that counted entries, not logs | T56 |
//! | CVE-2026-54787 (sigstore-go) | the window in which a key is valid | T57 |
//! | CVE-2026-48816 (sigstore-js) | a time that nobody signed | T58 |
//! | CVE-2024-54140 (sigstore-java) | the signature of a checkpoint | T59 |
//! | CVE-2026-39984 (timestamp-authority), RUSTSEC-2026-0044, -0046, -0047, -0048 (aws-lc) | which certificate of a timestamp counts | T60 |
//! | RUSTSEC-2023-0053, RUSTSEC-2026-0049, -0098, -0099, -0104 (rustls-webpki) | building paths of certificates | T65 |
//! | CVE-2024-47534, CVE-2022-29173, CVE-2026-23991, -23992, -24686 (go-tuf), CVE-2026-24137 (Sigstore) | TUF repositories | T73, T74, T75, T76 |
//! | kyverno#17173, kyverno#17130 | caches of verdicts | T32, T34 |
//! | CVE-2025-29778 (Kyverno), CVE-2026-22772 (Fulcio) | expressions about identities | T36 |
//! | CVE-2024-48921, GHSA-gg4x-fgg2-h9w9 (Kyverno) | exceptions | T18 |
//! | CVE-2026-22039, -41068, -41323, -40868, -4789 (Kyverno) | policies that make HTTP requests | T79 |
//! | GHSA-r2xv-vpr2-42m9 (slsa-verifier) | another statement presented as provenance | T44 |
//! | CVE-2024-51491 (notation-go) | a disk that is full | T87 |
