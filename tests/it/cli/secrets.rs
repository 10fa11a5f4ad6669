//! No secret is told, whatever is logged: each command that handles one, with everything traced.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::demo::{Options, Registry};

use super::support::Place;
use crate::signer::services::{Fate, Services};
use crate::support::Faulty;
use crate::support::kms::{GoogleDouble, HeldKey, Kind};

const PASSWORD: &str = "correct horse 5ecret staple";
const USER: &str = "robot";
const REGISTRY_PASSWORD: &str = "registry-5ecret";

/// A place, and the texts that nobody may be told.
struct Scene {
    place: Place,
    secrets: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        let pem =
            |name: &str| fs::read_to_string(format!("{}/tests/data/keys/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let place = Place::new()
            .with("password", &format!("{PASSWORD}\n"))
            .with("wrong", "wrong-5ecret\n")
            .with("plain.pem", &pem("import/pkcs8-p256.pem"))
            .with("note", "seen")
            .with("chart.tgz", "no chart")
            .with("bom.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#);
        let mut scene = Self { place, secrets: vec![PASSWORD.to_owned(), "wrong-5ecret".to_owned()] };
        scene.secrets.push(REGISTRY_PASSWORD.to_owned());
        scene.secrets.push(STANDARD.encode(format!("{USER}:{REGISTRY_PASSWORD}")));
        scene.hide(&pem("import/pkcs8-p256.pem"));
        scene.runs(&["key", "generate", "--password-file", "password"], 0);
        scene.hide(&fs::read_to_string(scene.place.path().join("cosign.key")).unwrap());
        scene
    }

    /// Every line of a private key is a secret.
    fn hide(&mut self, pem: &str) {
        self.secrets.extend(pem.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned));
    }

    fn runs(&self, args: &[&str], expected: i32) {
        self.runs_with(args, &[], expected);
    }

    fn runs_with(&self, args: &[&str], variables: &[(&str, &str)], expected: i32) {
        let mut command = self.place.command(&[args, &["--log-level", "trace"]].concat());
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(expected), "{args:?}: {err}");
        for secret in &self.secrets {
            assert!(!out.contains(secret) && !err.contains(secret), "{args:?} tells `{secret}`: {out}{err}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_takes_a_key_or_a_password_tells_neither() {
    let demo = Registry::start(Options::default()).await.unwrap();
    demo.seed_image("app", "v1").unwrap();
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_password(USER, REGISTRY_PASSWORD);
    let image = front.image("app:v1").to_string();
    let scene = Scene::new();
    let auth = STANDARD.encode(format!("{USER}:{REGISTRY_PASSWORD}"));
    scene
        .place
        .write(".docker/config.json", &format!(r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#, front.address()));
    let key = ["--key", "cosign.key", "--password-file", "password"];
    let by_key = |args: &[&str]| scene.runs(&[args, &key].concat(), 0);

    scene.runs(&["generate-key-pair", "--output-key-prefix", "again", "--password-file", "password"], 0);
    let import = ["key", "import", "--key", "plain.pem", "--output-key-prefix", "imported"];
    scene.runs(&[&import[..], &key[2..]].concat(), 0);
    by_key(&["key", "public"]);
    by_key(&["key", "inspect"]);
    scene.runs(&["key", "inspect", "--key", "cosign.key", "--password-file", "wrong"], 1);
    scene.runs(&["key", "public", "--key", "cosign.key", "--password-file", "wrong"], 2);
    by_key(&["sign", &image]);
    by_key(&["sign", &image, "--upload=false", "--bundle", "b.json", "--record", "r.jsonl"]);
    scene.runs(&["sign", &image, "--key", "cosign.key", "--password-file", "wrong"], 2);
    let text = fs::read_to_string(scene.place.path().join("cosign.key")).unwrap();
    let variables = [("KEY", text.as_str()), ("COSIGN_PASSWORD", PASSWORD)];
    scene.runs_with(&["sign", &image, "--key", "env://KEY"], &variables, 0);
    scene.runs_with(&["sign", &image, "--key", "env://KEY"], &[("KEY", &text), ("COUNTERSIGN_PASSWORD", PASSWORD)], 0);
    by_key(&["attest", &image, "--type", "custom", "--predicate", "note"]);
    by_key(&["ship", &image, "--sbom", "bom.json", "--builder-id", "https://b.example/"]);
    by_key(&["sign-file", "chart.tgz"]);
    by_key(&["attest-file", "chart.tgz", "--type", "custom", "--predicate", "note"]);
    scene.place.write(
        "run.yaml",
        &format!(
            "apiVersion: countersign.dev/v1alpha1\nkind: SigningRun\nmetadata: {{name: s}}\nspec:\n  \
             source: {{type: docker, spec: {{image: '{image}'}}}}\n  \
             signing: {{type: cosign, spec: {{privateKey: cosign.key, passwordFile: password}}}}\n  \
             uploadSignature: {{upload: true}}\n  verification: {{publicKey: cosign.pub}}\n"
        ),
    );
    scene.runs(&["run", "-f", "run.yaml"], 0);
    let copy = front.image("mirror/app:v1").to_string();
    scene.runs(&["copy", &image, &copy], 0);
    scene.runs(&["verify", &copy, "--key", "cosign.pub"], 0);
    scene.runs(&["verify", &copy, "--key", "cosign.key"], 2);
    scene.runs(&["tree", &image, "--key", "cosign.pub"], 0);
    scene.runs(&["custody", &image, "--record", "r.jsonl", "--key", "cosign.pub"], 0);
    scene.runs(&["export", &image, "package"], 0);
}

/// The token of each provider reaches the certificate authority, and nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn identity_tokens_are_shown_to_the_authority_alone() {
    let services = Services::start(|_| Fate::Answer).await;
    let metadata = GoogleDouble::start(HeldKey::generate(Kind::P256), "EC_SIGN_P256_SHA256").await;
    let demo = Registry::start(Options::default()).await.unwrap();
    demo.seed_image("app", "v1").unwrap();
    let image = format!("{}/app:v1", demo.address());
    let token = "eyJhbGciOiJSUzI1NiJ9.5ecret-token.signature";
    let mut scene = Scene::new();
    scene.place.write("root.json", &services.sigstore.trusted_root().to_string());
    scene.place.write("token", token);
    scene.secrets.extend([token.to_owned(), GoogleDouble::IDENTITY.to_owned()]);
    let at = services.address();
    let sign = ["sign", &image, "--fulcio-url", at, "--rekor-url", at, "--trusted-root", "root.json"];
    let host = metadata.front.address().to_string();
    let google = [("GCE_METADATA_HOST", host.as_str())];
    scene.runs(&[&sign[..], &["--identity-token", "token"]].concat(), 0);
    scene.runs_with(&sign, &[("SIGSTORE_ID_TOKEN", token)], 0);
    scene.runs_with(&sign, &google, 0);
    scene.runs_with(&[&sign[..], &["--identity-provider", "google"]].concat(), &google, 0);
    let sign_file = [&["sign-file", "chart.tgz"], &sign[2..]].concat();
    scene.runs_with(&sign_file, &google, 0);
    let of_google = format!("Bearer {}", GoogleDouble::IDENTITY);
    let given = format!("Bearer {token}");
    assert_eq!(services.tokens(), [&given, &given, &of_google, &of_google, &of_google].map(String::clone));

    // Who is named has to be there: nobody else is asked in its place.
    for provider in ["github-actions", "environment", "service-account"] {
        scene.runs_with(&[&sign[..], &["--identity-provider", provider]].concat(), &google, 2);
    }
    metadata.front.on("/identity", crate::support::Fault::Status(404));
    scene.runs_with(&sign, &google, 1);
    assert_eq!(services.tokens().len(), 5);
}
