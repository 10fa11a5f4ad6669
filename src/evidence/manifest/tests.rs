use super::*;
use crate::image::Digest;

const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn descriptor(extra: &str) -> String {
    format!(r#"{{"mediaType":"m","digest":"{EMPTY}","size":0{extra}}}"#)
}

fn manifest(extra: &str) -> String {
    let descriptor = descriptor("");
    format!(r#"{{"schemaVersion":2,"config":{descriptor},"layers":[{descriptor}]{extra}}}"#)
}

fn index(extra: &str) -> String {
    let descriptor = descriptor(r#","artifactType":"a","annotations":{"x":"y"}"#);
    format!(r#"{{"schemaVersion":2,"manifests":[{descriptor}]{extra}}}"#)
}

#[test]
fn reads_a_manifest() {
    let subject = format!(
        r#","mediaType":"{}","artifactType":"t","subject":{},"annotations":{{"a":"b"}}"#,
        media_type::OCI_MANIFEST,
        descriptor("")
    );
    let read = Manifest::parse(manifest(&subject).as_bytes()).unwrap();
    assert_eq!(read.media_type(), media_type::OCI_MANIFEST);
    assert_eq!(read.artifact_type(), "t");
    assert_eq!(read.config().digest, Digest::of(b""));
    assert_eq!(read.layers().len(), 1);
    assert_eq!(read.subject().unwrap().digest, Digest::of(b""));
    assert_eq!(read.annotations()["a"], "b");
    assert!(read.unreadable().is_empty());

    let docker = format!(r#","mediaType":"{}""#, media_type::DOCKER_MANIFEST);
    let read = Manifest::parse(manifest(&docker).as_bytes()).unwrap();
    assert_eq!(read.media_type(), media_type::DOCKER_MANIFEST);

    // Without a media type the content says what it is, and the config's type is the artifact's.
    let read = Manifest::parse(manifest("").as_bytes()).unwrap();
    assert_eq!(read.media_type(), media_type::OCI_MANIFEST);
    assert_eq!(read.artifact_type(), "m");
}

#[test]
fn reads_an_index() {
    for (extra, expected) in [
        (String::new(), media_type::OCI_INDEX),
        (format!(r#","mediaType":"{}""#, media_type::DOCKER_LIST), media_type::DOCKER_LIST),
    ] {
        let read = Index::parse(index(&extra).as_bytes()).unwrap();
        assert_eq!(read.media_type(), expected);
        let [manifest] = read.manifests() else {
            panic!("one manifest");
        };
        assert_eq!(manifest.artifact_type.as_deref(), Some("a"));
        assert_eq!(manifest.annotations["x"], "y");
    }
    let empty = r#"{"schemaVersion":2,"manifests":[],"annotations":null}"#;
    assert!(Index::parse(empty.as_bytes()).unwrap().manifests().is_empty());
}

#[test]
fn a_document_is_one_of_both() {
    // T80, CVE-2021-41190
    assert_eq!(Manifest::parse(index("").as_bytes()), Err(ManifestError::IsIndex));
    assert_eq!(Index::parse(manifest("").as_bytes()), Err(ManifestError::IsManifest));
    let index_type = format!(r#","mediaType":"{}""#, media_type::OCI_INDEX);
    let manifest_type = format!(r#","mediaType":"{}""#, media_type::OCI_MANIFEST);
    for text in [manifest(r#","manifests":[]"#), index(r#","layers":[]"#), manifest(&index_type), index(&manifest_type)]
    {
        for error in [Manifest::parse(text.as_bytes()).unwrap_err(), Index::parse(text.as_bytes()).unwrap_err()] {
            assert!(matches!(error, ManifestError::Malformed(_)), "{text}: {error}");
        }
    }
}

#[test]
fn refuses_what_is_none() {
    for (text, expected) in [
        ("{}".into(), "its schema version is not 2"),
        (r#"{"schemaVersion":2}"#.into(), "it has no config"),
        (r#"{"schemaVersion":1,"fsLayers":[]}"#.into(), "Docker schema 1"),
        (manifest(r#","mediaType":"application/vnd.oci.artifact.manifest.v1+json""#), "is not supported"),
        (manifest(r#","schemaVersion":2"#), "duplicate field"),
        (manifest(r#","layers":[]"#), "duplicate field `layers`"),
        (manifest(r#","annotations":{"a":"b","a":"c"}"#), "a name stands twice"),
        (manifest(r#","subject":{}"#), "missing field"),
        (manifest("").replacen(EMPTY, "sha256:x", 1), "64 hex digits"),
        ("<html>".into(), "expected value"),
        (String::new(), "EOF"),
    ] {
        let error = Manifest::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let large = vec![b' '; MANIFEST_BYTES + 1];
    assert!(matches!(Manifest::parse(&large), Err(ManifestError::LimitExceeded(_))));
}

#[test]
fn a_descriptor_breaks_only_itself() {
    let good = descriptor("");
    for bad in [
        "{}".into(),
        "7".into(),
        good.replace("sha256", "sha512"),
        good.replace("e3b0", "E3B0"),
        good.replace(r#""size":0"#, r#""size":-1"#),
        good.replace(r#""size":0"#, r#""size":"0""#),
        descriptor(r#","annotations":{"a":1}"#),
        descriptor(r#","annotations":{"a":"1","a":"2"}"#),
        descriptor(r#","digest":"x""#),
    ] {
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{good},{bad},{good}]}}"#);
        let index = Index::parse(text.as_bytes()).unwrap();
        assert_eq!(index.manifests().len(), 2, "{bad}");
        assert_eq!(index.unreadable().len(), 1, "{bad}");
        assert_eq!(index.unreadable()[0].position, 1, "{bad}");
    }
}

#[test]
fn evidence_is_counted() {
    // T61
    let list = |count: usize, bad: usize| {
        let mut all = vec![descriptor(""); count];
        all.extend(vec!["{}".to_string(); bad]);
        all.join(",")
    };
    let config = descriptor("");
    let layers = |count, bad| {
        let layers = list(count, bad);
        Manifest::parse(format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layers}]}}"#).as_bytes()).unwrap()
    };
    assert_eq!(layers(199, 1).evidence_layers().unwrap().len(), 199);
    let error = layers(200, 1);
    let error = error.evidence_layers().unwrap_err();
    assert_eq!(error.scope(), Scope::Request);
    assert_eq!(error.to_string(), "more than 200 layers of evidence");
    let referrers = |count, bad| {
        let manifests = list(count, bad);
        Index::parse(format!(r#"{{"schemaVersion":2,"manifests":[{manifests}]}}"#).as_bytes()).unwrap()
    };
    assert_eq!(referrers(200, 0).referrers().unwrap().len(), 200);
    let error = referrers(150, 51);
    let error = error.referrers().unwrap_err();
    assert_eq!(error.scope(), Scope::Request);
    assert_eq!(error.to_string(), "more than 200 referrers");
}

#[test]
fn descriptors_are_counted_before_they_are_read() {
    // T61, T63
    let index = |count: usize| {
        Index::parse(format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, vec!["{}"; count].join(",")).as_bytes())
    };
    assert_eq!(index(DESCRIPTORS).unwrap().unreadable().len(), DESCRIPTORS);
    let error = index(DESCRIPTORS + 1).unwrap_err();
    assert_eq!(error.to_string(), "more than 4096 descriptors in a manifest");
    assert_eq!(index(1_000_000).unwrap_err(), error);
}
