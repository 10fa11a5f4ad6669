//! Simple-signing payloads: what the old layout signs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::image::ImageDigest;

/// The payload that says that `subject` is signed, with `annotations`. The same input makes the same bytes.
///
/// The identity is the repository: cosign ignores it, and the `policy.json` of podman and CRI-O compares it.
pub(super) fn payload(
    subject: &ImageDigest,
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Payload {
        critical: Critical {
            identity: Identity { docker_reference: subject.repository().to_string() },
            image: Image { docker_manifest_digest: subject.digest().to_string() },
            kind: "cosign container image signature",
        },
        // cosign writes `null` where there are none.
        optional: Some(annotations).filter(|annotations| !annotations.is_empty()),
    })
}

#[derive(Serialize)]
struct Payload<'a> {
    critical: Critical,
    optional: Option<&'a BTreeMap<String, String>>,
}

#[derive(Serialize)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Identity {
    #[serde(rename = "docker-reference")]
    docker_reference: String,
}

#[derive(Serialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    docker_manifest_digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Digest;

    #[test]
    fn is_cosigns_bytes() {
        let subject = ImageDigest::new("ghcr.io/a/b".parse().unwrap(), Digest::of(b""));
        let text = |annotations: &[(&str, &str)]| {
            let annotations =
                annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            String::from_utf8(payload(&subject, &annotations).unwrap()).unwrap()
        };
        let critical = concat!(
            r#"{"critical":{"identity":{"docker-reference":"ghcr.io/a/b"},"#,
            r#""image":{"docker-manifest-digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"#,
            r#""type":"cosign container image signature"},"#
        );
        assert_eq!(text(&[]), format!(r#"{critical}"optional":null}}"#));
        assert_eq!(text(&[("b", "2"), ("a", "\"1\"")]), format!(r#"{critical}"optional":{{"a":"\"1\"","b":"2"}}}}"#));
    }
}
