//! What has to be proved beside a signature, and how a policy changes it.
//!
//! # What follows from the trust root
//!
//! A certificate is judged at the time when it signed. What has to prove that time, and what else is asked for, follows
//! from what the *referenced* trust root holds: what it can prove, it has to prove.
//!
//! | The root holds | Log entry | Timestamp | What proves the time |
//! |---|---|---|---|
//! | transparency logs and timestamp authorities | required | checked if there | either: the promise of a Rekor v1 log, or a timestamp; an entry of Rekor v2 proves no time, so that it needs one |
//! | transparency logs alone | required | not looked at | the promise of a Rekor v1 log |
//! | timestamp authorities alone | not looked at | required | the timestamp |
//! | neither | not looked at | not looked at | nothing: the certificate has to be valid now |
//!
//! A root with logs of certificates asks for a promise of one of them in the certificate (SCT); one without asks for none.
//!
//! So this is what becomes of an image, by what lies beside its signature:
//!
//! | Beside the signature | Logs and authorities | Logs alone | Authorities alone |
//! |---|---|---|---|
//! | nothing | `log_entry_missing` | `log_entry_missing` | `timestamp_missing` |
//! | an entry of Rekor v1 | accepted | accepted | `timestamp_missing` |
//! | an entry of Rekor v2 | `signing_time_unproven` | `signing_time_unproven` | `timestamp_missing` |
//! | a timestamp | `log_entry_missing` | `log_entry_missing` | accepted |
//! | an entry of Rekor v1, a timestamp | accepted | accepted | accepted |
//! | an entry of Rekor v2, a timestamp | accepted | `signing_time_unproven` | accepted |
//!
//! # What holds everywhere
//!
//! - Whatever is there, and of a log or authority that the root knows, has to hold: a bad proof is never an absent one.
//! - What is there of others proves nothing and breaks nothing. Whoever could add it could also leave it out.
//! - Every proven time counts: the certificate, those above it and its authority have to have been valid at each.
//! - Two entries of one log are one log's word, and two timestamps of one authority are one authority's.
//! - Nobody's clock proves a time: the time that a log entry merely states counts for nothing.
//!
//! # Keys
//!
//! A key needs nothing beside its signature. Entries of the public-good logs are checked where there are some, and a
//! policy can ask for a log entry (`ctlog`) or a timestamp (`rfc3161timestamp`).
