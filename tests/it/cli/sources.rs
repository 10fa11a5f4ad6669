//! Run files carried out on each type of source, against a registry of that name that asks for the credentials of its kind.

use countersign::demo::{Options, Registry, Running};

use super::support::Place;
use crate::support::kms::{AwsDouble, HeldKey, Kind};
use crate::support::{Fault, Faulty, Tunnels, tls};

/// A registry that only a proxy finds, by TLS, and a place to sign in.
struct Scene {
    place: Place,
    demo: Running,
    front: Faulty,
    tunnels: Tunnels,
}

impl Scene {
    /// The registry is called `host`, asks for this name and password, and has the image `path:v1`.
    async fn new(host: &str, path: &str, name: &str, password: &str) -> Self {
        let demo = Registry::start(Options::default()).await.unwrap();
        demo.seed_image(path, "v1").unwrap();
        let authority = tls::Authority::new("a");
        let front = Faulty::with_tls(&demo, &authority.issue(host)).await;
        front.asks_for_password(name, password);
        let tunnels = Tunnels::to(front.address()).await;
        let ca = pem::encode(&pem::Pem::new("CERTIFICATE", authority.certificate().to_vec()));
        let place = Place::new().with("password", "x\n").with("ca.pem", &ca);
        let made = place.command(&["key", "generate", "--password-file", "password"]).output().unwrap();
        assert!(made.status.success());
        Self { place, demo, front, tunnels }
    }

    /// Carries out a run file with this source, and says what it printed.
    fn run(&self, source: &str, more: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        self.place.write(
            "run.yaml",
            &format!(
                "apiVersion: countersign.dev/v1alpha1\nkind: SigningRun\nmetadata: {{name: sign}}\nspec:\n  \
                 source: {source}\n  signing: {{type: cosign, spec: {{privateKey: cosign.key, passwordFile: password}}}}\n  \
                 uploadSignature: {{upload: true}}\n  verification: {{publicKey: cosign.pub}}\n{more}"
            ),
        );
        let mut command = self.place.command(&["run", "-f", "run.yaml", "--registry-ca", "ca.pem"]);
        command.env("HTTPS_PROXY", format!("http://{}", self.tunnels.address())).envs(variables.iter().copied());
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        if output.status.success() { Ok(out) } else { Err(err) }
    }

    /// The same with credentials for `host` in a docker configuration.
    fn run_with_file(&self, source: &str, host: &str, auth: &str) -> Result<String, String> {
        self.place.write("config.json", &format!(r#"{{"auths": {{"{host}": {{"auth": "{auth}"}}}}}}"#));
        self.run(source, "  credentials: {dockerConfig: config.json}\n", &[])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ecr_with_the_password_that_aws_gives() {
    let host = format!("123456789012.dkr.ecr.{}.amazonaws.com", AwsDouble::REGION);
    let aws = AwsDouble::start(HeldKey::generate(Kind::P256)).await;
    let scene = Scene::new(&host, "acme/app", "AWS", "ecr-5ecret-0").await;
    let digest =
        scene.demo.manifest("acme/app", "v1").map(|(_, bytes)| countersign::image::Digest::of(&bytes)).unwrap();
    let endpoint = aws.address();
    let variables = [
        ("AWS_REGION", AwsDouble::REGION),
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", AwsDouble::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", AwsDouble::SECRET),
    ];
    let source = |digest: &str| {
        let region = AwsDouble::REGION;
        format!(
            "{{type: ecr, spec: {{region: {region}, accountId: '123456789012', image: 'acme/app:v1', digest: '{digest}'}}}}"
        )
    };
    let done = scene.run(&source(&digest.to_string()), "", &variables).unwrap();
    assert!(done.starts_with(&format!("signed {host}/acme/app@{digest} (.sig, referrers)\n")), "{done}");
    assert!(done.contains("accepted"), "{done}");
    assert!(scene.tunnels.asked().iter().all(|asked| *asked == format!("{host}:443")));
    // The digest of an earlier step is another one (H6), and without AWS nobody is let in.
    let moved = scene.run(&source(&format!("sha256:{}", "1".repeat(64))), "", &variables).unwrap_err();
    assert!(moved.contains("the tag was moved"), "{moved}");
    let nobody = scene.run(&source(&digest.to_string()), "", &[]).unwrap_err();
    assert!(nobody.contains("refuses access"), "{nobody}");
}

#[tokio::test(flavor = "multi_thread")]
async fn acr_gar_docker_and_oci_with_a_docker_configuration() {
    // robot:5ecret
    let auth = "cm9ib3Q6NWVjcmV0";
    for (host, path, source) in [
        (
            "acme.azurecr.io",
            "app",
            "{type: acr, spec: {loginServer: acme.azurecr.io, subscriptionId: s, image: 'app:v1'}}",
        ),
        ("acme.azurecr.io", "app", "{type: acr, spec: {image: 'acme.azurecr.io/app:v1'}}"),
        (
            "us-east1-docker.pkg.dev",
            "acme/repo/app",
            "{type: gar, spec: {host: us-east1-docker.pkg.dev, projectId: acme, image: 'repo/app:v1'}}",
        ),
        ("registry.invalid", "acme/app", "{type: docker, spec: {image: 'registry.invalid/acme/app:v1'}}"),
        ("registry.invalid", "acme/app", "{type: oci, spec: {image: 'registry.invalid/acme/app:v1'}}"),
    ] {
        let scene = Scene::new(host, path, "robot", "5ecret").await;
        let done = scene.run_with_file(source, host, auth).unwrap();
        assert!(done.starts_with(&format!("signed {host}/{path}@sha256:")), "{source}: {done}");
        let stranger = scene.run_with_file(source, host, "cm9ib3Q6d3Jvbmc=").unwrap_err();
        assert!(stranger.contains("refuses access with 401"), "{source}: {stranger}");
    }
}

/// H10: who may read and not write learns what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn the_right_that_is_missing_is_named() {
    let scene = Scene::new("registry.invalid", "app", "robot", "5ecret").await;
    let source = "{type: docker, spec: {image: 'registry.invalid/app:v1'}}";
    scene.front.on("POST /v2/app/blobs/uploads/", Fault::Status(403));
    let refused = scene.run_with_file(source, "registry.invalid", "cm9ib3Q6NWVjcmV0").unwrap_err();
    assert!(refused.contains("refuses access with 403; it takes the rights to read and write there"), "{refused}");
    scene.front.heal();
    scene.run_with_file(source, "registry.invalid", "cm9ib3Q6NWVjcmV0").unwrap();
}

/// H3: a name on the command line and its password on stdin, for that registry alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_on_stdin_is_for_one_registry() {
    let demo = Registry::start(Options::default()).await.unwrap();
    demo.seed_image("app", "v1").unwrap();
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_password("robot", "5ecret");
    let image = front.image("app:v1").to_string();
    let place = Place::new().with("password", "x\n");
    assert!(place.command(&["key", "generate", "--password-file", "password"]).output().unwrap().status.success());
    let sign = |login: &str, stdin: &str| {
        let args = ["sign", &image, "--key", "cosign.key", "--password-file", "password", "--registry-login", login];
        place.run_with(&[&args[..], &["--registry-password-stdin", "--log-level", "trace"]].concat(), stdin)
    };
    let login = format!("{}=robot", front.address());
    let signed = sign(&login, "5ecret\n");
    assert!(signed.ends_with("--- exit 0\n") && !signed.contains("5ecret"), "{signed}");
    for (login, stdin) in [(login.as_str(), "wrong\n"), ("ghcr.io=robot", "5ecret\n")] {
        let refused = sign(login, stdin);
        assert!(refused.ends_with("--- exit 3\n") && refused.contains("refuses access with 401"), "{refused}");
    }
    for (login, stdin) in [(login.as_str(), ""), ("robot", "5ecret\n"), ("ghcr.io=", "5ecret\n")] {
        let wrong = sign(login, stdin);
        assert!(wrong.ends_with("--- exit 2\n"), "{wrong}");
    }
    assert!(place.run(&["sign", &image, "--registry-login", &login]).ends_with("--- exit 2\n"));
}
