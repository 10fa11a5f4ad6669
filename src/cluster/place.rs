//! Where objects are in the API.

use url::form_urlencoded::Serializer;

/// A collection of objects, or what of it a selector picks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The path, as in `/api/v1/namespaces/a/secrets`.
    path: String,
    /// Which objects of it; all where there is none.
    fields: Option<String>,
}

impl Place {
    /// The objects `plural` of one group and version, in `namespace` or everywhere. The core group is empty.
    pub(super) fn new(group: &str, version: &str, plural: &str, namespace: Option<&str>) -> Self {
        let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let path = match namespace {
            Some(namespace) => format!("{root}/namespaces/{}/{plural}", segment(namespace)),
            None => format!("{root}/{plural}"),
        };
        Self { path, fields: None }
    }

    /// The same, of the objects that `fields` pick alone, as in `metadata.name=a`.
    pub(super) fn only(mut self, fields: impl Into<String>) -> Self {
        self.fields = Some(fields.into());
        self
    }

    /// The path of one object.
    pub(super) fn object(&self, name: &str) -> String {
        format!("{}/{}", self.path, segment(name))
    }

    /// The collection with what is asked about it.
    pub(super) fn query(&self, parameters: &[(&str, &str)]) -> String {
        let path = format!("{}?", self.path);
        let start = path.len();
        let mut query = Serializer::for_suffix(path, start);
        if let Some(fields) = &self.fields {
            query.append_pair("fieldSelector", fields);
        }
        query.extend_pairs(parameters);
        query.finish()
    }
}

/// A name as one segment of a path: names are RFC 1123, and whatever is not must not reach another path.
fn segment(name: &str) -> String {
    let mut segment = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    // A path of dots would name another place.
    if segment.bytes().all(|byte| byte == b'.') { segment.replace('.', "%2E") } else { segment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_path() {
        let secrets = Place::new("", "v1", "secrets", Some("a"));
        assert_eq!(secrets.object("b"), "/api/v1/namespaces/a/secrets/b");
        let policies = Place::new("countersign.dev", "v1alpha1", "clusterimagepolicies", None);
        assert_eq!(policies.query(&[("limit", "9")]), "/apis/countersign.dev/v1alpha1/clusterimagepolicies?limit=9");
        let one = secrets.only("metadata.name=x");
        assert_eq!(one.query(&[]), "/api/v1/namespaces/a/secrets?fieldSelector=metadata.name%3Dx");
    }

    #[test]
    fn a_name_stays_in_its_segment() {
        let secrets = Place::new("", "v1", "secrets", Some("a/../kube-system"));
        assert_eq!(secrets.object("../x?y#z"), "/api/v1/namespaces/a%2F..%2Fkube-system/secrets/..%2Fx%3Fy%23z");
        assert_eq!(secrets.object(".."), "/api/v1/namespaces/a%2F..%2Fkube-system/secrets/%2E%2E");
    }
}
