//! The predicates whose form is known: their short names, and what has to stand in them.
//!
//! Only what has to be there is checked. Whatever else a predicate holds is signed as it is.

use serde_json::Value;

/// A predicate of a known type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// The names that stand for the type on the command line; none for further versions.
    pub(super) names: &'static [&'static str],
    /// The type.
    pub(super) uri: &'static str,
    /// What has to stand in it.
    fields: &'static [(&'static [&'static str], Wanted)],
}

/// What has to stand in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// A list.
    List,
    /// An object.
    Object,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A text that is not empty.
    Text,
    /// A text that begins so.
    TextOf(&'static str),
}

/// `custom` holds any text.
pub(super) const CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";
/// SPDX: as JSON, or in its older form of lines, which then is one text.
pub(super) const SPDX: &str = "https://spdx.dev/Document";

use Wanted::{List, Object, OneOf, Text, TextOf};

/// Every known type.
pub(super) const KINDS: &[Kind] = &[
    Kind { names: &["custom"], uri: CUSTOM, fields: &[] },
    Kind {
        names: &["slsaprovenance", "slsaprovenance02"],
        uri: "https://slsa.dev/provenance/v0.2",
        fields: &[(&["builder", "id"], Text), (&["buildType"], Text)],
    },
    Kind {
        names: &["slsaprovenance1"],
        uri: "https://slsa.dev/provenance/v1",
        fields: &[
            (&["buildDefinition", "buildType"], Text),
            (&["buildDefinition", "externalParameters"], Object),
            (&["runDetails", "builder", "id"], Text),
        ],
    },
    Kind { names: &["spdxjson", "spdx"], uri: SPDX, fields: &[] },
    Kind {
        names: &["cyclonedx"],
        uri: "https://cyclonedx.org/bom",
        fields: &[(&["bomFormat"], OneOf(&["CycloneDX"])), (&["specVersion"], Text)],
    },
    Kind {
        names: &["vuln"],
        uri: "https://cosign.sigstore.dev/attestation/vuln/v1",
        fields: &[
            (&["scanner", "uri"], Text),
            (&["metadata", "scanStartedOn"], Text),
            (&["metadata", "scanFinishedOn"], Text),
        ],
    },
    Kind {
        names: &["vulns"],
        uri: "https://in-toto.io/attestation/vulns/v0.2",
        fields: &[(&["scanner", "uri"], Text), (&["scanner", "result"], List), (&["metadata"], Object)],
    },
    Kind {
        names: &[],
        uri: "https://in-toto.io/attestation/vulns/v0.1",
        fields: &[(&["scanner", "uri"], Text), (&["scanner", "result"], List), (&["metadata"], Object)],
    },
    Kind {
        names: &["openvex"],
        uri: "https://openvex.dev/ns",
        fields: &[(&["@context"], TextOf("https://openvex.dev/ns")), (&["statements"], List)],
    },
    Kind {
        names: &[],
        uri: "https://openvex.dev/ns/v0.2.0",
        fields: &[(&["@context"], TextOf("https://openvex.dev/ns")), (&["statements"], List)],
    },
    Kind { names: &["link"], uri: "https://in-toto.io/Link/v1", fields: &[(&["name"], Text)] },
    Kind {
        names: &["test-result"],
        uri: "https://in-toto.io/attestation/test-result/v0.1",
        fields: &[(&["result"], OneOf(&["PASSED", "WARNED", "FAILED"])), (&["configuration"], List)],
    },
    Kind { names: &["scai"], uri: "https://in-toto.io/attestation/scai/v0.3", fields: &[(&["attributes"], List)] },
    Kind {
        names: &["vsa"],
        uri: "https://slsa.dev/verification_summary/v1",
        fields: &[
            (&["verifier", "id"], Text),
            (&["timeVerified"], Text),
            (&["resourceUri"], Text),
            (&["policy"], Object),
            (&["verificationResult"], OneOf(&["PASSED", "FAILED"])),
            (&["verifiedLevels"], List),
        ],
    },
];

impl Kind {
    /// The type with this short name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.names.contains(&name))
    }

    /// The type with this URI.
    pub(super) fn of(uri: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.uri == uri)
    }

    /// What is missing of `body`, as in `buildDefinition.buildType, which has to be a text`.
    pub(super) fn missing(&self, body: &Value) -> Option<String> {
        if self.uri == SPDX {
            // Version 2 says it in a field; version 3 is linked data.
            let is_version_2 = TextOf("SPDX-").is(body.get("spdxVersion"));
            let is_version_3 = body.get("@context").is_some() && List.is(body.get("@graph"));
            return (!is_version_2 && !is_version_3).then(|| "`spdxVersion`, which begins with `SPDX-`".to_owned());
        }
        self.fields.iter().find_map(|(path, wanted)| {
            let found = path.iter().try_fold(body, |value, name| value.get(name));
            (!wanted.is(found)).then(|| format!("`{}`, which has to be {}", path.join("."), wanted.shown()))
        })
    }
}

impl Wanted {
    fn is(self, value: Option<&Value>) -> bool {
        match (self, value) {
            (_, None) => false,
            (List, Some(value)) => value.is_array(),
            (Object, Some(value)) => value.is_object(),
            (OneOf(texts), Some(value)) => value.as_str().is_some_and(|text| texts.contains(&text)),
            (Text, Some(value)) => value.as_str().is_some_and(|text| !text.is_empty()),
            (TextOf(prefix), Some(value)) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
        }
    }

    fn shown(self) -> String {
        match self {
            List => "a list".to_owned(),
            Object => "an object".to_owned(),
            OneOf(texts) => format!("one of `{}`", texts.join("`, `")),
            Text => "a text".to_owned(),
            TextOf(prefix) => format!("a text that begins with `{prefix}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_types_are_there_once() {
        let mut names: Vec<_> = KINDS.iter().flat_map(|kind| kind.names).collect();
        let mut uris: Vec<_> = KINDS.iter().map(|kind| kind.uri).collect();
        let (all_names, all_uris) = (names.len(), uris.len());
        names.sort();
        names.dedup();
        uris.sort_unstable();
        uris.dedup();
        assert_eq!((names.len(), uris.len()), (all_names, all_uris));
        assert!(uris.iter().all(|uri| *uri != "https://sigstore.dev/cosign/sign/v1"));
    }

    #[test]
    fn what_has_to_be_there() {
        let provenance = json!({
            "buildDefinition": {"buildType": "https://b", "externalParameters": {}, "more": [1.50]},
            "runDetails": {"builder": {"id": "https://b"}},
        });
        let rows = [
            ("slsaprovenance1", provenance.clone(), ""),
            ("slsaprovenance1", json!({}), "`buildDefinition.buildType`, which has to be a text"),
            (
                "slsaprovenance1",
                json!({"buildDefinition": {"buildType": "x", "externalParameters": []}}),
                "`buildDefinition.externalParameters`, which has to be an object",
            ),
            ("slsaprovenance", json!({"builder": {"id": "b"}, "buildType": "t"}), ""),
            (
                "slsaprovenance02",
                json!({"builder": {"id": ""}, "buildType": "t"}),
                "`builder.id`, which has to be a text",
            ),
            ("spdxjson", json!({"spdxVersion": "SPDX-2.3"}), ""),
            ("spdxjson", json!({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}), ""),
            ("spdx", json!({"bomFormat": "CycloneDX"}), "`spdxVersion`, which begins with `SPDX-`"),
            ("cyclonedx", json!({"bomFormat": "CycloneDX", "specVersion": "1.6"}), ""),
            (
                "cyclonedx",
                json!({"bomFormat": "cyclonedx", "specVersion": "1.6"}),
                "`bomFormat`, which has to be one of `CycloneDX`",
            ),
            ("vuln", json!({"scanner": {"uri": "s"}, "metadata": {"scanStartedOn": "x", "scanFinishedOn": "y"}}), ""),
            (
                "vulns",
                json!({"scanner": {"uri": "s", "result": {}}, "metadata": {}}),
                "`scanner.result`, which has to be a list",
            ),
            ("openvex", json!({"@context": "https://openvex.dev/ns/v0.2.0", "statements": []}), ""),
            (
                "openvex",
                json!({"@context": "https://example.com", "statements": []}),
                "`@context`, which has to be a text that begins with `https://openvex.dev/ns`",
            ),
            ("link", json!({"name": "build"}), ""),
            ("test-result", json!({"result": "PASSED", "configuration": []}), ""),
            (
                "test-result",
                json!({"result": "passed", "configuration": []}),
                "`result`, which has to be one of `PASSED`, `WARNED`, `FAILED`",
            ),
            ("scai", json!({"attributes": []}), ""),
            (
                "vsa",
                json!({"verifier": {"id": "v"}, "timeVerified": "t", "resourceUri": "r", "policy": {},
                "verificationResult": "PASSED", "verifiedLevels": []}),
                "",
            ),
            ("custom", json!({}), ""),
        ];
        for (name, body, missing) in rows {
            let kind = Kind::named(name).unwrap();
            assert_eq!(kind.missing(&body).unwrap_or_default(), missing, "{name}: {body}");
            assert_eq!(Kind::of(kind.uri), Some(kind));
        }
    }
}
