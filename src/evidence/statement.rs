//! In-toto statements.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ArtifactError;
use super::json::{AtMost, Nesting, StringOrOther, UniqueMap, nesting, null_as_default};
use crate::image::Digest;
use crate::limits::{EVIDENCE_DEPTH, Exceeded, PAYLOAD_ANNOTATIONS, STATEMENT_SUBJECTS, SUBJECT_DIGESTS, Scope};

/// An in-toto statement (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>): a claim of some type
/// about some artifacts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Statement(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: String,
    subjects: Vec<StatementSubject>,
    predicate_type: String,
    predicate: Box<RawValue>,
}

impl Statement {
    /// The `_type` of version 1.
    pub const V1: &str = "https://in-toto.io/Statement/v1";
    /// The `_type` of version 0.1, which cosign still writes.
    pub const V01: &str = "https://in-toto.io/Statement/v0.1";
    /// The predicate type that is reserved for signatures of images
    /// (<https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md>).
    pub const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

    /// The predicate type of verification summaries (<https://slsa.dev/spec/v1.1/verification_summary>).
    pub const VERIFICATION_SUMMARY: &str = "https://slsa.dev/verification_summary/v1";

    /// Reads a statement of version 1 or 0.1.
    ///
    /// # Errors
    /// When it is none, of another version, a name that is read stands twice, or a ceiling was met.
    pub fn parse(payload: &[u8]) -> Result<Self, ArtifactError> {
        let malformed = |detail: &dyn std::fmt::Display| ArtifactError::malformed("the in-toto statement", detail);
        let wire: Wire = serde_json::from_slice(payload).map_err(|error| malformed(&error))?;
        if wire.kind != Self::V1 && wire.kind != Self::V01 {
            return Err(malformed(&format_args!("its type is `{}`", wire.kind)));
        }
        if wire.predicate_type.is_empty() {
            return Err(malformed(&"it has no predicate type"));
        }
        let subjects = wire
            .subject
            .within()
            .ok_or_else(|| Exceeded::new("subjects of a statement", STATEMENT_SUBJECTS, Scope::Artifact))?;
        match nesting(&wire.predicate).map_err(|error| malformed(&error))? {
            Nesting::Within => {}
            Nesting::Exceeded => {
                return Err(Exceeded::new("levels of a predicate", EVIDENCE_DEPTH, Scope::Artifact).into());
            }
        }
        Ok(Self(Arc::new(Inner {
            kind: wire.kind,
            subjects: subjects.into_iter().map(WireSubject::read).collect::<Result<_, _>>()?,
            predicate_type: wire.predicate_type,
            predicate: wire.predicate,
        })))
    }

    /// Its `_type`: [`Statement::V1`] or [`Statement::V01`].
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The artifacts that it is about. There may be none, and then it is about none.
    pub fn subjects(&self) -> &[StatementSubject] {
        &self.0.subjects
    }

    /// Whether it is about commits of git and about nothing else: each subject is named under `gitCommit`, and none under
    /// `sha256`, as images are. (A commit is named by SHA-1, or by SHA-256 under the same name.)
    pub fn is_about_commits(&self) -> bool {
        let is_commit = |subject: &StatementSubject| {
            subject.digests.contains_key("gitCommit") && !subject.digests.contains_key("sha256")
        };
        !self.0.subjects.is_empty() && self.0.subjects.iter().all(is_commit)
    }

    /// What kind of claim it makes, compared byte for byte.
    pub fn predicate_type(&self) -> &str {
        &self.0.predicate_type
    }

    /// Where it stands in memory: equal for clones of one statement, as long as one of them lives.
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The claim, as JSON and byte for byte as it was signed; `null` where there is none. It is nested at most
    /// [`EVIDENCE_DEPTH`] deep.
    pub fn predicate_raw(&self) -> &str {
        self.0.predicate.get()
    }
}

/// One artifact that a [`Statement`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementSubject {
    name: String,
    digests: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl StatementSubject {
    /// What the signer calls it; cosign writes the repository, or nothing.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its digests in hex, by the name of the algorithm
    /// (<https://github.com/in-toto/attestation/blob/main/spec/v1/digest_set.md>).
    pub fn digests(&self) -> &BTreeMap<String, String> {
        &self.digests
    }

    /// Its annotations that are strings.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// Whether it names exactly `digest` under `sha256`, in lower-case hex. A match under another algorithm is none.
    pub fn is(&self, digest: Digest) -> bool {
        self.digests.get("sha256").is_some_and(|hex| *hex == digest.hex())
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Wire {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(default, deserialize_with = "null_as_default")]
    subject: AtMost<WireSubject, STATEMENT_SUBJECTS>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    #[serde(default = "null")]
    predicate: Box<RawValue>,
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct WireSubject {
    #[serde(default, deserialize_with = "null_as_default")]
    name: String,
    #[serde(default)]
    digest: UniqueMap<String, SUBJECT_DIGESTS>,
    #[serde(default)]
    annotations: UniqueMap<StringOrOther, PAYLOAD_ANNOTATIONS>,
}

impl WireSubject {
    fn read(self) -> Result<StatementSubject, Exceeded> {
        let exceeded = |what, ceiling| Exceeded::new(what, ceiling, Scope::Artifact);
        let annotations =
            self.annotations.within().ok_or_else(|| exceeded("annotations of a subject", PAYLOAD_ANNOTATIONS))?;
        Ok(StatementSubject {
            name: self.name,
            digests: self.digest.within().ok_or_else(|| exceeded("digests of a subject", SUBJECT_DIGESTS))?,
            annotations: annotations
                .into_iter()
                .filter_map(|(name, value)| match value {
                    StringOrOther::String(value) => Some((name, value)),
                    StringOrOther::Other => None,
                })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = concat!(
        r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"n","digest":{"sha256":"#,
        r#""e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"annotations":{"a":"b","c":1}}],"#,
        r#""predicateType":"https://example.com/p","predicate":{"b": 1, "a":[ ]}}"#
    );

    #[test]
    fn reads_a_statement() {
        let statement = Statement::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(statement.kind(), Statement::V1);
        assert_eq!(statement.predicate_type(), "https://example.com/p");
        assert_eq!(statement.predicate_raw(), r#"{"b": 1, "a":[ ]}"#);
        let [subject] = statement.subjects() else {
            panic!("one subject");
        };
        assert_eq!(subject.name(), "n");
        assert!(subject.is(Digest::of(b"")));
        assert!(!subject.is(Digest::of(b"x")));
        assert_eq!(subject.annotations().len(), 1);
        assert_eq!(subject.annotations()["a"], "b");

        // T49: an old version, and a predicate that is null or not there
        for (from, to, predicate) in [
            ("Statement/v1", "Statement/v0.1", r#"{"b": 1, "a":[ ]}"#),
            (r#"{"b": 1, "a":[ ]}"#, "null", "null"),
            (r#","predicate":{"b": 1, "a":[ ]}"#, "", "null"),
            (r#"{"b": 1, "a":[ ]}"#, r#""text""#, r#""text""#),
        ] {
            let text = GOOD.replace(from, to);
            let statement = Statement::parse(text.as_bytes()).unwrap();
            assert_eq!(statement.predicate_raw(), predicate, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_none() {
        // T43, T46, T49
        for (from, to, expected) in [
            ("Statement/v1", "Statement/v2", "its type is"),
            ("Statement/v1", "Statement/v1/", "its type is"),
            ("Statement/v1", "statement/v1", "its type is"),
            ("_type", "type", "missing field `_type`"),
            ("predicateType", "predicatetype", "missing field"),
            ("https://example.com/p", "", "it has no predicate type"),
            (r#""predicateType":"#, r#""predicateType":"x","predicateType":"#, "duplicate field `predicateType`"),
            (r#""predicate":"#, r#""predicate":{},"predicate":"#, "duplicate field `predicate`"),
            (r#""_type":"#, r#""_type":"https://in-toto.io/Statement/v1","_type":"#, "duplicate field `_type`"),
            (r#""subject":"#, r#""subject":[],"subject":"#, "duplicate field `subject`"),
            (r#""digest":"#, r#""digest":{},"digest":"#, "duplicate field `digest`"),
            (r#""sha256":"#, r#""sha256":"x","sha256":"#, "a name stands twice"),
            (r#"{"a":"b","c":1}"#, r#"{"a":"b","a":1}"#, "a name stands twice"),
            (r#""b": 1"#, r#""b": "\ud800""#, "unexpected end of hex escape"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            let error = Statement::parse(text.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
        for text in ["", "{}", "[]", "null", "[{}]", "{bad", "\u{feff}{}"] {
            assert!(Statement::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_subject_is_matched_under_sha256_alone() {
        // T43
        for (from, to) in [
            ("sha256", "SHA256"),
            ("sha256", "sha512"),
            ("sha256", "gitCommit"),
            ("e3b0c442", "E3B0C442"),
            ("e3b0c442", "sha256:e3b0c442"),
        ] {
            let text = GOOD.replace(from, to);
            let statement = Statement::parse(text.as_bytes()).unwrap();
            assert!(!statement.subjects()[0].is(Digest::of(b"")), "{text}");
        }
        let text = GOOD.replace(r#""digest":{"sha256":"#, r#""other":{"sha256":"#);
        let statement = Statement::parse(text.as_bytes()).unwrap();
        assert!(!statement.subjects()[0].is(Digest::of(b"")));
    }

    #[test]
    fn a_commit_is_no_image() {
        for (subjects, expected) in [
            (r#"[{"digest":{"gitCommit":"a"}}]"#, true),
            (
                r#"[{"name":"n","digest":{"gitCommit":"a","sha1":"a"},"annotations":{"sourceRefs":["refs/heads/main"]}}]"#,
                true,
            ),
            (r#"[{"digest":{"gitCommit":"a"}},{"digest":{"gitCommit":"b"}}]"#, true),
            (r#"[{"digest":{"gitCommit":"a","sha256":"b"}}]"#, false),
            (r#"[{"digest":{"gitCommit":"a"}},{"digest":{"sha256":"b"}}]"#, false),
            (r#"[{"digest":{"sha1":"a"}}]"#, false),
            (r#"[{"digest":{"GitCommit":"a"}}]"#, false),
            ("[]", false),
        ] {
            let (before, rest) = GOOD.split_once("[{").unwrap();
            let (_, after) = rest.split_once("}],").unwrap();
            let text = format!("{before}{subjects},{after}");
            assert_eq!(Statement::parse(text.as_bytes()).unwrap().is_about_commits(), expected, "{text}");
        }
    }

    #[test]
    fn counts_subjects_digests_and_levels() {
        // T64
        let error = |text: String| Statement::parse(text.as_bytes()).unwrap_err().to_string();
        let subjects = |count: usize| {
            let subject = r#"{"digest":{"sha256":"x"}}"#;
            GOOD.replace(r#""subject":[{"#, &format!(r#""subject":[{},{{"#, vec![subject; count].join(",")))
        };
        assert!(Statement::parse(subjects(STATEMENT_SUBJECTS - 1).as_bytes()).is_ok());
        assert_eq!(error(subjects(STATEMENT_SUBJECTS)), "more than 1024 subjects of a statement");
        assert_eq!(error(subjects(100_000)), "more than 1024 subjects of a statement");
        let digests = |count: usize| {
            let digests = (0..count).map(|number| format!(r#""{number}":"x","#)).collect::<String>();
            GOOD.replace(r#"{"sha256""#, &format!(r#"{{{digests}"sha256""#))
        };
        assert!(Statement::parse(digests(SUBJECT_DIGESTS - 1).as_bytes()).is_ok());
        assert_eq!(error(digests(SUBJECT_DIGESTS)), "more than 32 digests of a subject");
        assert_eq!(error(digests(100_000)), "more than 32 digests of a subject");
        let levels = |count: usize| GOOD.replace("[ ]", &format!("{}{}", "[".repeat(count), "]".repeat(count)));
        assert!(Statement::parse(levels(EVIDENCE_DEPTH - 1).as_bytes()).is_ok());
        assert_eq!(error(levels(EVIDENCE_DEPTH)), "more than 100 levels of a predicate");
    }
}
