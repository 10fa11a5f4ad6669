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
//! # What a policy says openly
//!
//! An authority names the roots of its group (`trustRootRef`; a root of the other group is not looked at, and a name that
//! is not there breaks the policy). Without one, `keyless` stands on the public-good root. `ctlog` and `rfc3161timestamp`
//! ask for more, or, in `countersign.dev`, for less. The roots that are meant below:
//!
//! - *own*: that of the authority, `keyless.trustRootRef` or the public-good one;
//! - *named*: that of `ctlog.trustRootRef` or `rfc3161timestamp.trustRootRef`;
//! - *public-good*: the public-good one, for want of another.
//!
//! *required* has to be there and to hold; *optional* has to hold if it is there; *ignored* is not looked at.
//!
//! **The log entry**, by what the signer is judged by and what `ctlog` says:
//!
//! | The signer | no `ctlog` | `ctlog: {}` | `ctlog: {trustRootRef}` | `ctlog: {required: false}` | `ctlog: {insecureIgnoreTlog: true}` |
//! |---|---|---|---|---|---|
//! | root with logs and authorities | required: own | required: own | required: named | optional: own | ignored |
//! | root with logs | required: own | required: own | required: named | optional: own | ignored |
//! | root with authorities | ignored | required: public-good | required: named | optional: public-good | ignored |
//! | root with neither, or `ca-cert` | ignored | required: public-good | required: named | optional: public-good | ignored |
//! | key | optional: public-good | required: public-good | required: named | optional: public-good | ignored |
//!
//! **The timestamp**, where there is no `rfc3161timestamp`. The root of `ctlog` counts here if it has authorities and the
//! signer's has none:
//!
//! | The signer | no `ctlog` | `ctlog: {}` | `ctlog: {trustRootRef}` | `ctlog: {required: false}` | `ctlog: {insecureIgnoreTlog: true}` |
//! |---|---|---|---|---|---|
//! | root with logs and authorities | optional: own | optional: own | optional: own | optional: own | required: own |
//! | root with logs | ignored | ignored | optional: named | ignored | ignored |
//! | root with authorities | required: own | optional: own | optional: own | optional: own | required: own |
//! | root with neither, or `ca-cert` | ignored | optional: public-good | optional: named | optional: public-good | ignored |
//! | key | ignored | ignored | ignored | ignored | ignored |
//!
//! **The timestamp**, where there is `rfc3161timestamp`, whatever `ctlog` says:
//!
//! | The signer | `rfc3161timestamp: {}` | `rfc3161timestamp: {trustRootRef}` |
//! |---|---|---|
//! | root with logs and authorities | required: own | required: named |
//! | root with logs | required: public-good | required: named |
//! | root with authorities | required: own | required: named |
//! | root with neither, or `ca-cert` | required: public-good | required: named |
//! | key | required: public-good | required: named |
//!
//! What is optional can be left out and proves nothing then: where a certificate signed, and entries or timestamps are
//! looked at at all, one of them has to prove the time, else it is `signing_time_unproven`. Where neither is looked at, the
//! certificate has to be valid now.
//!
//! `ctlog.threshold` and `rfc3161timestamp.threshold` ask for so many different logs or authorities, not entries.
//! `insecureIgnoreSCT` looks at no promise in the certificate. An address (`url`) is never asked; that it is there counts as
//! `{}`.
//!
//! policy-controller looks at no log entry where there is an `rfc3161timestamp`, or a `trustRootRef` and no `ctlog`; here it
//! is asked for, if the root has logs. Whoever has evidence without one names a root without logs.
//!
//! # When a root is not there
//!
//! The roots of the public-good instance and of GitHub are built in, as they were when this version was made, and count
//! without any network. `serve --refresh-public-good` and `trust refresh --built-in public-good` ask `tuf-repo-cdn.sigstore.dev`
//! for newer ones, which needs the way to the internet that nothing else does; without it the built-in root goes on to
//! count, and the newest shards of logs are those that it knows.
//!
//! A TrustRoot that is missing, or is none, makes the policies that name it `policy_invalid`, and they refuse what they
//! cover. One that has ended, or whose repository could not be read yet, refuses with `trust_root_stale`; an authority of
//! the same policy that does not stand on it can still be satisfied.
//!
//! # Keys
//!
//! A key needs nothing beside its signature. Entries of the public-good logs are checked where there are some, and a
//! policy can ask for a log entry (`ctlog`) or a timestamp (`rfc3161timestamp`).
