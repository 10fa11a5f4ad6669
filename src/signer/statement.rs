//! In-toto statements: what attestations and the new layout's signatures sign.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::Predicate;
use crate::evidence;
use crate::image::{Digest, ImageDigest};

/// The statement that `subject` is signed, with `annotations`, in cosign 3's form: no name, an empty predicate.
pub(super) fn signature(
    subject: &ImageDigest,
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<u8>, serde_json::Error> {
    let empty = RawValue::from_string("{}".to_owned())?;
    serde_json::to_vec(&Statement {
        statement_type: evidence::Statement::V1,
        subject: [Subject {
            name: None,
            digest: Sha256 { sha256: subject.digest().hex() },
            annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
        }],
        predicate_type: evidence::Statement::COSIGN_SIGN,
        predicate: &empty,
    })
}

/// The statement that `predicate` is true of `subject`.
pub(super) fn attestation(subject: &ImageDigest, predicate: &Predicate) -> Result<Vec<u8>, serde_json::Error> {
    let name = subject.repository().to_string();
    about(name, subject.digest(), predicate.predicate_type().as_str(), predicate.body())
}

/// The statement that `predicate`, of `predicate_type`, is true of the file `name` with `digest`.
pub(super) fn about_file(
    name: &str,
    digest: Digest,
    predicate_type: &str,
    predicate: &RawValue,
) -> Result<Vec<u8>, serde_json::Error> {
    about(name.to_owned(), digest, predicate_type, predicate)
}

fn about(
    name: String,
    digest: Digest,
    predicate_type: &str,
    predicate: &RawValue,
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Statement {
        statement_type: evidence::Statement::V1,
        subject: [Subject { name: Some(name), digest: Sha256 { sha256: digest.hex() }, annotations: None }],
        predicate_type,
        predicate,
    })
}

/// <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statement<'a> {
    #[serde(rename = "_type")]
    statement_type: &'static str,
    subject: [Subject<'a>; 1],
    predicate_type: &'a str,
    predicate: &'a RawValue,
}

#[derive(Serialize)]
struct Subject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    digest: Sha256,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a BTreeMap<String, String>>,
}

#[derive(Serialize)]
struct Sha256 {
    sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::PredicateType;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn subject() -> ImageDigest {
        ImageDigest::new("ghcr.io/a/b".parse().unwrap(), Digest::of(b""))
    }

    #[test]
    fn a_signature_is_cosigns_statement() {
        let text = |annotations: BTreeMap<String, String>| {
            String::from_utf8(signature(&subject(), &annotations).unwrap()).unwrap()
        };
        let tail = r#"],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}"#;
        let head = r#"{"_type":"https://in-toto.io/Statement/v1","subject":["#;
        assert_eq!(text(BTreeMap::new()), format!(r#"{head}{{"digest":{{"sha256":"{HEX}"}}}}{tail}"#));
        let annotations = [("b", "2"), ("a", "1")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(
            text(annotations),
            format!(r#"{head}{{"digest":{{"sha256":"{HEX}"}},"annotations":{{"a":"1","b":"2"}}}}{tail}"#)
        );
    }

    #[test]
    fn an_attestation_keeps_its_predicate() {
        let now = "2026-11-21T03:44:29Z".parse().unwrap();
        let predicate = Predicate::new(
            PredicateType::parse("https://example.com/scan").unwrap(),
            b"{ \"z\": 1.0, \"a\": [] }",
            now,
        )
        .unwrap();
        let text = String::from_utf8(attestation(&subject(), &predicate).unwrap()).unwrap();
        assert_eq!(
            text,
            format!(
                r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"ghcr.io/a/b","digest":{{"sha256":"{HEX}"}}}}],"predicateType":"https://example.com/scan","predicate":{{ "z": 1.0, "a": [] }}}}"#
            )
        );
    }
}
