//! The object whose images are judged, for the conditions that look at it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::condition::within;
use crate::provenance::ReadError;

/// The object whose images are judged, as a text of which nothing is read before a condition asks for it, and then once.
/// There is none where images are judged by themselves. Cheap to clone.
#[derive(Clone, Default)]
pub struct ObjectText(Option<Arc<Text>>);

struct Text {
    /// A JSON document, and the names that lead through it to the object.
    json: Box<[u8]>,
    path: &'static [&'static str],
    metadata: OnceLock<Part>,
    spec: OnceLock<Part>,
}

/// A part of an object; none where it has none.
type Part = Result<Option<Value>, ReadError>;

impl ObjectText {
    /// The object to which the names in `path` lead through the document `json`.
    pub fn new(json: impl Into<Box<[u8]>>, path: &'static [&'static str]) -> Self {
        let (metadata, spec) = (OnceLock::new(), OnceLock::new());
        Self(Some(Arc::new(Text { json: json.into(), path, metadata, spec })))
    }

    /// Its metadata.
    pub(super) fn metadata(&self) -> Part {
        self.part(|text| text.metadata.get_or_init(|| value(text.member("metadata")?)).clone())
    }

    /// Its own specification, not that of its pods: of a Deployment the one with `replicas` and `template`. A PodTemplate
    /// has none, and its template stands where it stands in the others.
    pub(super) fn spec(&self) -> Part {
        let read = |text: &Text| match text.member("spec")? {
            Some(spec) => value(Some(spec)),
            None => Ok(value(text.member("template")?)?.map(|template| json!({ "template": template }))),
        };
        self.part(|text| text.spec.get_or_init(|| read(text)).clone())
    }

    /// Its kind and version, by their names in it.
    pub(super) fn type_meta(&self) -> Part {
        self.part(|text| {
            let mut fields = Map::new();
            for name in ["apiVersion", "kind"] {
                if let Some(value) = value(text.member(name)?)? {
                    fields.insert(name.to_owned(), value);
                }
            }
            Ok(Some(Value::Object(fields)))
        })
    }

    fn part(&self, read: impl FnOnce(&Text) -> Part) -> Part {
        self.0.as_deref().map_or(Ok(None), read)
    }
}

impl Text {
    /// The text of one member of the object.
    fn member(&self, name: &str) -> Result<Option<&str>, ReadError> {
        let mut text = str::from_utf8(&self.json).map_err(|_| malformed("it is not UTF-8"))?;
        for step in self.path {
            text = member(text, step)?.ok_or_else(|| malformed(format!("it has no `{step}`")))?;
        }
        member(text, name)
    }
}

fn value(text: Option<&str>) -> Part {
    text.map(|text| within("the object", text)).transpose()
}

/// The text of the member `name` of the object `text`. One that is there twice is an error.
fn member<'a>(text: &'a str, name: &str) -> Result<Option<&'a str>, ReadError> {
    struct Member<'n>(&'n str);
    impl<'de> Visitor<'de> for Member<'_> {
        type Value = Option<&'de RawValue>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                if name != self.0 {
                    map.next_value::<IgnoredAny>()?;
                } else if found.replace(map.next_value()?).is_some() {
                    return Err(A::Error::custom("a name stands twice"));
                }
            }
            Ok(found)
        }
    }
    let found = serde_json::Deserializer::from_str(text).deserialize_map(Member(name));
    let found = found.map_err(|error| malformed(error.to_string()))?;
    Ok(found.map(RawValue::get).filter(|text| *text != "null"))
}

fn malformed(detail: impl Into<String>) -> ReadError {
    ReadError::Malformed { what: "the object", detail: detail.into() }
}

impl PartialEq for ObjectText {
    fn eq(&self, other: &Self) -> bool {
        let parts = |object: &Self| object.0.as_ref().map(|text| (Arc::clone(text), text.path));
        match (parts(self), parts(other)) {
            (None, None) => true,
            (Some((one, path)), Some((other, other_path))) => one.json == other.json && path == other_path,
            (None, Some(_)) | (Some(_), None) => false,
        }
    }
}

impl Eq for ObjectText {}

impl fmt::Debug for ObjectText {
    /// Its length alone: values of environment variables may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("no object"),
            Some(text) => write!(f, "a text of {} bytes", text.json.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_where_they_stand() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"hostNetwork": true}});
        let review =
            json!({"kind": "AdmissionReview", "request": {"uid": "u", "object": pod, "oldObject": {"spec": 1}}});
        for object in [
            ObjectText::new(pod.to_string().into_bytes(), &[]),
            ObjectText::new(review.to_string().into_bytes(), &["request", "object"]),
        ] {
            assert_eq!(object.spec().unwrap(), Some(json!({"hostNetwork": true})));
            assert_eq!(object.metadata().unwrap(), Some(json!({"name": "a"})));
            assert_eq!(object.type_meta().unwrap(), Some(json!({"apiVersion": "v1", "kind": "Pod"})));
            assert_eq!(object.clone(), object);
        }
        let template = json!({"kind": "PodTemplate", "template": {"spec": {}}}).to_string();
        let template = ObjectText::new(template.into_bytes(), &[]);
        assert_eq!(template.spec().unwrap(), Some(json!({"template": {"spec": {}}})));
        assert_eq!(template.metadata().unwrap(), None);
        assert_ne!(template, ObjectText::default());
    }

    #[test]
    fn without_an_object_there_are_no_parts() {
        let none = ObjectText::default();
        assert_eq!((none.spec().unwrap(), none.metadata().unwrap(), none.type_meta().unwrap()), (None, None, None));
    }

    #[test]
    fn what_cannot_be_read_is_no_absence() {
        for json in [r#"{"spec":{"a":1,"a":2}}"#, r#"{"spec":{},"spec":{}}"#, r#"{"spec":{}"#, "[]", "\u{fffd}"] {
            assert!(ObjectText::new(json.as_bytes(), &[]).spec().is_err(), "{json}");
        }
        assert!(ObjectText::new(b"{\"spec\":\"\xff\"}".as_slice(), &[]).spec().is_err());
        assert!(ObjectText::new(b"{\"request\":{}}".as_slice(), &["request", "object"]).spec().is_err());
        let shown = format!("{:?}", ObjectText::new(br#"{"spec":{"env":"secret"}}"#.as_slice(), &[]));
        assert_eq!(shown, "a text of 25 bytes");
    }
}
