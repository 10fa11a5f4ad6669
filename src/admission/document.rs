//! What Kubernetes asks about our own resources.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::limits;

/// A review of one of our own resources. Admitting one admits no image: it is a courtesy to its author, who learns at
/// once what is wrong.
#[derive(Clone, Debug)]
pub struct DocumentReview {
    uid: String,
    json: Option<String>,
    is_unchanged: bool,
}

/// What was found in a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The kind and name, as in `ClusterImagePolicy keys`.
    pub object: String,
    /// What is wrong: the path of the field, and the message.
    pub problems: Vec<(String, String)>,
    /// What is worth a second look.
    pub warnings: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: String,
    kind: String,
    #[serde(borrow)]
    request: Option<Asked<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    uid: String,
    operation: String,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    old_object: Option<&'a RawValue>,
}

impl DocumentReview {
    /// Reads an AdmissionReview of `admission.k8s.io/v1`.
    ///
    /// # Errors
    /// When it is none that could be answered; the text says why.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let review: Review<'_> =
            serde_json::from_slice(body).map_err(|error| format!("the body cannot be read: {error}"))?;
        if review.kind != "AdmissionReview" || review.api_version != "admission.k8s.io/v1" {
            return Err("the body is no AdmissionReview of `admission.k8s.io/v1`".to_owned());
        }
        let request = review.request.ok_or("the review has no request")?;
        if request.uid.is_empty() || request.uid.len() > limits::REVIEW_UID_BYTES {
            return Err("the request has no uid, or one that is too long".to_owned());
        }
        let stored = matches!(request.operation.as_str(), "CREATE" | "UPDATE");
        Ok(Self {
            uid: request.uid,
            json: request.object.filter(|_| stored).map(|object| object.get().to_owned()),
            is_unchanged: spec(request.object).is_some_and(|new| spec(request.old_object).as_ref() == Some(&new)),
        })
    }

    /// What the answer has to repeat.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The object as it would be stored; none where nothing would be.
    pub fn json(&self) -> Option<&str> {
        self.json.as_deref()
    }

    /// Whether what its author wrote is as it was: then it is not held against whoever changes a label or takes off a
    /// finalizer that there is something wrong with it.
    pub fn is_unchanged(&self) -> bool {
        self.is_unchanged
    }
}

fn spec(object: Option<&RawValue>) -> Option<Value> {
    let mut object: Value = serde_json::from_str(object?.get()).ok()?;
    object.get_mut("spec").map(Value::take)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn review(operation: &str, object: &Value, old: &Value) -> Result<DocumentReview, String> {
        let request = json!({"uid": "u", "operation": operation, "object": object, "oldObject": old});
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        DocumentReview::parse(review.to_string().as_bytes())
    }

    #[test]
    fn an_object_is_unchanged_if_its_spec_is() {
        let object = |spec: &Value, labels: &Value| json!({"metadata": {"labels": labels}, "spec": spec});
        let (a, b) = (object(&json!({"x": [1, 2]}), &json!({})), object(&json!({"x": [1, 2]}), &json!({"l": "1"})));
        let c = object(&json!({"x": [2, 1]}), &json!({}));
        assert!(review("UPDATE", &a, &b).unwrap().is_unchanged());
        assert!(!review("UPDATE", &a, &c).unwrap().is_unchanged());
        assert!(!review("CREATE", &a, &Value::Null).unwrap().is_unchanged());
        assert!(!review("UPDATE", &json!({}), &json!({})).unwrap().is_unchanged(), "without a spec nothing is known");
        assert_eq!(review("DELETE", &Value::Null, &a).unwrap().json(), None);
    }

    #[test]
    fn what_is_no_review_is_refused() {
        for body in [
            "",
            "{}",
            r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#,
            r#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE"}}"#,
            r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"","operation":"CREATE"}}"#,
            r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","uid":"v","operation":"CREATE"}}"#,
        ] {
            assert!(DocumentReview::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
