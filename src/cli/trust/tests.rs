use std::fs;

use super::*;

async fn shown(text: &str, output: Format) -> Result<Outcome, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root");
    fs::write(&path, text).unwrap();
    show(ShowArgs { trust_root: Some(path), output }).await
}

/// The built-in root, as a file.
fn root_json() -> String {
    BuiltInRoot::PublicGood.json().to_owned()
}

#[tokio::test]
async fn the_built_in_roots_are_shown() {
    let outcome = show(ShowArgs { trust_root: None, output: Format::Table }).await.unwrap();
    insta::assert_snapshot!(outcome.data);
    assert_eq!(outcome.exit, Exit::Success);
}

#[tokio::test]
async fn json_has_the_whole_keys() {
    let outcome = shown(&root_json(), Format::Json).await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&outcome.data).unwrap();
    let id = json[0]["transparencyLogs"][0]["id"].as_str().unwrap();
    assert_eq!(id.len(), 64);
}

#[tokio::test]
async fn what_is_no_root_is_said() {
    let object = |spec: &str| {
        format!("apiVersion: countersign.dev/v1alpha1\nkind: TrustRoot\nmetadata: {{name: acme}}\nspec: {spec}\n")
    };
    for (text, expected) in [
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n".to_owned(), "holds no trust root"),
        ("{\"mediaType\": \"x\"}".to_owned(), "the media type `x` is not that of a trusted root"),
        (object("{}"), "TrustRoot acme: spec: exactly one of"),
        (object("{trustedRoot: {configMapRef: {name: roots}}}"), "TrustRoot acme is in another object, `roots`"),
        (
            object(&format!("{{remote: {{mirror: 'https://m.example.com', root: {}}}}}", bootstrap())),
            "TrustRoot acme is on the network, which `trust show` never asks",
        ),
    ] {
        let error = shown(&text, Format::Table).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.exit(), Exit::Usage);
    }
}

fn bootstrap() -> String {
    let repository = repository_of(BuiltInRoot::PublicGood).unwrap();
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &repository.bootstrap)
}
