//! What a transparency log gives back for a signature, as bundles and tags carry it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An entry of a log, in the form of bundles
/// (<https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_rekor.proto>). It is the log's word: nothing in
/// it was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
pub struct LogEntry {
    #[serde(default)]
    pub(super) log_index: Integer,
    pub(super) log_id: LogId,
    pub(super) kind_version: KindVersion,
    #[serde(default, skip_serializing_if = "Integer::is_zero")]
    pub(super) integrated_time: Integer,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) inclusion_promise: Option<Promise>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) inclusion_proof: Option<InclusionProof>,
    pub(super) canonicalized_body: String,
    /// Where it can be looked at.
    #[serde(skip)]
    pub(super) url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
pub(super) struct LogId {
    pub(super) key_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct KindVersion {
    pub(super) kind: String,
    pub(super) version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
pub(super) struct Promise {
    pub(super) signed_entry_timestamp: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
pub(super) struct InclusionProof {
    #[serde(default)]
    pub(super) log_index: Integer,
    pub(super) root_hash: String,
    pub(super) tree_size: Integer,
    #[serde(default)]
    pub(super) hashes: Vec<String>,
    pub(super) checkpoint: Checkpoint,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Checkpoint {
    pub(super) envelope: String,
}

/// A number that JSON of protocol buffers writes as text, so that no reader rounds it
/// (<https://protobuf.dev/programming-guides/json/>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Integer(pub(super) i64);

impl Integer {
    fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

impl Serialize for Integer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "an integer")]
        enum Wire {
            Number(i64),
            Text(String),
        }
        match Wire::deserialize(deserializer)? {
            Wire::Number(number) => Ok(Self(number)),
            Wire::Text(text) => text.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

impl LogEntry {
    /// Whether the log has promised to take it at a time: what tags beside an image can carry. Logs of Rekor v2 do not.
    pub fn has_promise(&self) -> bool {
        self.inclusion_promise.is_some()
    }

    /// The promise as an annotation of a tag's layer
    /// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#properties>, `bundle`); none without one,
    /// or where the ID of the log is no base64.
    pub fn annotation(&self) -> Option<String> {
        #[derive(Serialize)]
        struct Annotation<'a> {
            #[serde(rename = "SignedEntryTimestamp")]
            promise: &'a str,
            #[serde(rename = "Payload")]
            payload: Payload<'a>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Payload<'a> {
            body: &'a str,
            integrated_time: i64,
            log_index: i64,
            #[serde(rename = "logID")]
            log_id: String,
        }
        let promise = self.inclusion_promise.as_ref()?;
        let log_id = STANDARD.decode(&self.log_id.key_id).ok()?;
        serde_json::to_string(&Annotation {
            promise: &promise.signed_entry_timestamp,
            payload: Payload {
                body: &self.canonicalized_body,
                integrated_time: self.integrated_time.0,
                log_index: self.log_index.0,
                log_id: log_id.iter().map(|byte| format!("{byte:02x}")).collect(),
            },
        })
        .ok()
    }

    /// Its place in the log.
    pub fn index(&self) -> u64 {
        u64::try_from(self.log_index.0).unwrap_or_default()
    }

    /// Where it can be looked at, if the log has a place for that.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = r#"{"logIndex":"7","logId":{"keyId":"AQI="},"kindVersion":{"kind":"hashedrekord","version":"0.0.2"},
        "integratedTime":"0","inclusionPromise":null,"inclusionProof":{"logIndex":"7","rootHash":"AA==","treeSize":"9",
        "hashes":["AQ=="],"checkpoint":{"envelope":"log"}},"canonicalizedBody":"e30="}"#;

    #[test]
    fn an_entry_of_rekor_v2_is_written_as_it_came() {
        let entry: LogEntry = serde_json::from_str(V2).unwrap();
        assert!(!entry.has_promise());
        assert_eq!(entry.annotation(), None);
        assert_eq!(
            serde_json::to_string(&entry).unwrap(),
            concat!(
                r#"{"logIndex":"7","logId":{"keyId":"AQI="},"kindVersion":{"kind":"hashedrekord","version":"0.0.2"},"#,
                r#""inclusionProof":{"logIndex":"7","rootHash":"AA==","treeSize":"9","hashes":["AQ=="],"#,
                r#""checkpoint":{"envelope":"log"}},"canonicalizedBody":"e30="}"#
            )
        );
    }

    #[test]
    fn a_promise_is_cosigns_annotation() {
        let mut entry: LogEntry = serde_json::from_str(V2).unwrap();
        entry.integrated_time = Integer(1_700_000_000);
        entry.inclusion_promise = Some(Promise { signed_entry_timestamp: "MEU=".to_owned() });
        assert_eq!(
            entry.annotation().unwrap(),
            concat!(
                r#"{"SignedEntryTimestamp":"MEU=","Payload":{"body":"e30=","integratedTime":1700000000,"#,
                r#""logIndex":7,"logID":"0102"}}"#
            )
        );
        entry.log_id.key_id = "*".to_owned();
        assert_eq!(entry.annotation(), None);
    }

    #[test]
    fn numbers_come_as_text_or_as_numbers() {
        for (text, number) in
            [("\"12\"", Some(12)), ("12", Some(12)), ("\"-1\"", Some(-1)), ("\"x\"", None), ("{}", None)]
        {
            assert_eq!(serde_json::from_str::<Integer>(text).ok(), number.map(Integer), "{text}");
        }
    }
}
