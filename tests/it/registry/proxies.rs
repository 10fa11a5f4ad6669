//! A proxy between the client and registries, and what still holds then.

use countersign::cloud::{AwsSettings, AzureSettings, GoogleSettings, Secret, Settings};
use countersign::evidence::UnaskedKind;
use countersign::image::ImageRef;
use countersign::registry::{Anonymous, Client, Cloud, CloudKeys, Error, Keychain as _, Options};

use super::kind;
use crate::support::kms::{AwsDouble, AzureDouble, GoogleDouble, HeldKey, Kind};
use crate::support::{Fault, Faulty, Tunnels, ample, registry, tls};

const HOST: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

/// A registry of that name, which only a proxy finds.
async fn scene(name: &str) -> (countersign::demo::Running, Faulty, Tunnels, Options) {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    let authority = tls::Authority::new("a");
    let front = Faulty::with_tls(&demo, &authority.issue(name)).await;
    let tunnels = Tunnels::to(front.address()).await;
    let options = Options {
        root_certificates: vec![authority.certificate()],
        proxy: Some(tunnels.proxy("direct.invalid")),
        rest: std::time::Duration::ZERO,
        ..Options::default()
    };
    (demo, front, tunnels, options)
}

#[tokio::test]
async fn registries_are_reached_by_it_with_tls() {
    let (_demo, front, tunnels, options) = scene("registry.invalid").await;
    let client = Client::new(options).unwrap();
    let image: ImageRef = "registry.invalid/app:v1".parse().unwrap();
    client.resolve(&image, &Anonymous, ample()).await.unwrap();
    assert_eq!(tunnels.asked(), ["registry.invalid:443"]);
    assert_eq!(front.seen().len(), 1, "by one tunnel");
    // What is to be reached without it is, and so is this machine.
    let direct: ImageRef = "direct.invalid/app:v1".parse().unwrap();
    assert_eq!(kind(client.resolve(&direct, &Anonymous, ample()).await), UnaskedKind::Unavailable);
    let here = registry().await;
    here.seed_image("app", "v1").unwrap();
    let local = Faulty::in_front_of(&here).await;
    client.resolve(&local.image("app:v1"), &Anonymous, ample()).await.unwrap();
    assert_eq!(tunnels.asked().len(), 1);
    // Whoever is behind the proxy has to be who he is.
    let other: ImageRef = "other.invalid/app:v1".parse().unwrap();
    assert_eq!(kind(client.resolve(&other, &Anonymous, ample()).await), UnaskedKind::Unavailable);
}

/// T79: a registry behind a proxy points into the network no more than any other.
#[tokio::test]
async fn t79_a_registry_behind_it_points_nowhere_private() {
    let (_demo, front, tunnels, options) = scene("registry.invalid").await;
    let client = Client::new(options).unwrap();
    let image: ImageRef = "registry.invalid/app:v1".parse().unwrap();
    for to in [
        "https://169.254.169.254/latest",
        "https://10.0.0.1/v2/",
        "https://127.0.0.1:6443/api",
        "https://kubernetes.invalid/api",
        "http://registry.invalid/v2/",
    ] {
        front.heal().on("GET ", Fault::Redirect(307, to.to_owned()));
        assert_eq!(kind(client.resolve(&image, &Anonymous, ample()).await), UnaskedKind::Refused, "{to}");
        let realm = format!("Bearer realm=\"{to}\",service=\"x\"");
        front.heal().on("GET ", Fault::Challenge(realm));
        assert_eq!(kind(client.resolve(&image, &Anonymous, ample()).await), UnaskedKind::Refused, "{to}");
    }
    assert!(tunnels.asked().iter().all(|asked| asked == "registry.invalid:443"), "{:?}", tunnels.asked());
}

/// The credential of a cloud reaches the cloud's registry, by its own name and certificate, and nobody else.
#[tokio::test]
async fn t79_a_cloud_sees_its_credential_and_a_look_alike_does_not() {
    let double = AwsDouble::start(HeldKey::generate(Kind::P256)).await;
    let aws = AwsSettings {
        region: Some(AwsDouble::REGION.to_owned()),
        ecr_endpoint: Some(double.address().parse().unwrap()),
        access_key_id: Some(AwsDouble::ACCESS_KEY.to_owned()),
        secret_access_key: Some(Secret::new(AwsDouble::SECRET)),
        ..AwsSettings::default()
    };
    let keys = CloudKeys::new(&Settings { aws, ..Settings::default() }, &[Cloud::Aws]).unwrap();
    let look_alike = format!("{HOST}.evil.invalid");
    for (name, is_own) in [(HOST, true), (look_alike.as_str(), false)] {
        let (_demo, front, _tunnels, options) = scene(name).await;
        front.asks_for_password("AWS", "ecr-5ecret-0");
        let client = Client::new(options).unwrap();
        let image: ImageRef = format!("{name}/app:v1").parse().unwrap();
        let resolved = client.resolve(&image, &keys, ample()).await;
        if is_own {
            resolved.unwrap();
        } else {
            let Err(Error::Unasked(why)) = resolved else { panic!("{resolved:?}") };
            assert_eq!(why.kind(), UnaskedKind::Unauthorized, "{why}");
            assert!(front.seen().iter().all(|seen| seen.header("authorization").is_none()));
        }
    }
}

/// The services of a cloud at `address`, by their own names, which only a proxy finds; and what says so.
async fn services(address: std::net::SocketAddr, names: &[&str], direct: &str) -> (Faulty, Tunnels, Settings) {
    let authority = tls::Authority::new("a");
    let front = Faulty::with_tls_at(address, &authority.issue_for(names)).await;
    let tunnels = Tunnels::to(front.address()).await;
    let certificates = vec![authority.certificate()];
    let proxy = Some(tunnels.proxy(direct));
    (front, tunnels, Settings { certificates, proxy, ..Settings::default() })
}

/// How many credentials there are for an image, and why not.
async fn found(settings: &Settings, name: &str) -> (usize, Vec<String>) {
    let keys = CloudKeys::new(settings, &Cloud::ALL).unwrap();
    let repository = name.parse().unwrap();
    let found = keys.credentials(&repository).await.len();
    (found, keys.troubles(&repository))
}

#[tokio::test]
async fn services_of_clouds_are_reached_by_it_with_tls() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let asked = |tunnels: &Tunnels, names: &[&str]| {
        let expected: Vec<_> = names.iter().map(|name| format!("{name}:443")).collect();
        assert_eq!(tunnels.asked(), expected);
    };
    let (image, ours) = (format!("{HOST}/app"), (1, Vec::new()));

    let double = AwsDouble::start(HeldKey::generate(Kind::P256)).await;
    let names = ["sts.eu-central-1.amazonaws.com", "api.ecr.eu-central-1.amazonaws.com"];
    let (front, tunnels, settings) = services(double.front.address(), &names, "").await;
    let by_irsa = AwsSettings {
        web_identity_token_file: Some(file("aws", AwsDouble::WEB_TOKEN)),
        role_arn: Some(AwsDouble::ROLE.to_owned()),
        ..AwsSettings::default()
    };
    let irsa = Settings { aws: by_irsa, ..settings.clone() };
    assert_eq!(found(&irsa, &image).await, ours);
    asked(&tunnels, &names);
    // What the machine itself knows is asked on the machine.
    let by_role = AwsSettings { metadata_endpoint: Some(double.address().parse().unwrap()), ..AwsSettings::default() };
    assert_eq!(found(&Settings { aws: by_role, ..settings }, &image).await, ours);
    asked(&tunnels, &[names[0], names[1], names[1]]);
    assert_eq!((front.seen().len(), double.front.seen().len()), (3, 6));
    // Whoever is behind the proxy has to be who he is, and gets nothing otherwise.
    let (front, tunnels, other) = services(double.front.address(), &["other.invalid"], "").await;
    let (none, why) = found(&Settings { aws: irsa.aws.clone(), ..other }, &image).await;
    assert!(none == 0 && why[0].contains("AWS STS cannot be reached"), "{why:?}");
    assert!(!tunnels.asked().is_empty() && front.seen().is_empty());
    // What is listed is reached without it.
    let (_front, tunnels, direct) = services(double.front.address(), &names, "login.invalid").await;
    let elsewhere = AwsSettings { sts_endpoint: Some("https://sts.login.invalid".parse().unwrap()), ..irsa.aws };
    let (none, why) = found(&Settings { aws: elsewhere, ..direct }, &image).await;
    assert!(none == 0 && why[0].contains("AWS STS cannot be reached"), "{why:?}");
    assert!(tunnels.asked().is_empty());

    let double = AzureDouble::start(HeldKey::generate(Kind::P256)).await;
    double.for_registries();
    let names = ["login.microsoftonline.com", "acme.azurecr.io"];
    let (_front, tunnels, settings) = services(double.front.address(), &names, "").await;
    let azure = AzureSettings {
        tenant_id: Some(AzureDouble::TENANT.to_owned()),
        client_id: Some(AzureDouble::CLIENT.to_owned()),
        federated_token_file: Some(file("azure", AzureDouble::FEDERATED_TOKEN)),
        ..AzureSettings::default()
    };
    assert_eq!(found(&Settings { azure, ..settings }, "acme.azurecr.io/app").await, ours);
    asked(&tunnels, &names);

    let double = GoogleDouble::start(HeldKey::generate(Kind::P256), "EC_SIGN_P256_SHA256").await;
    double.for_registries();
    let names = ["sts.googleapis.com", "iamcredentials.googleapis.com"];
    let (_front, tunnels, settings) = services(double.front.address(), &names, "").await;
    let token = file("google", GoogleDouble::SUBJECT_TOKEN).display().to_string();
    let account = double.external_account(&token, &serde_json::json!({ "type": "text" }), true).to_string();
    let plain = double.address();
    let account = account.replace(&format!("{plain}/v1/token"), "https://sts.googleapis.com/v1/token");
    let account = account.replace(&plain, "https://iamcredentials.googleapis.com");
    let google = GoogleSettings { credentials_file: Some(file("account", &account)), ..GoogleSettings::default() };
    assert_eq!(found(&Settings { google, ..settings }, "europe-west1-docker.pkg.dev/p/app").await, ours);
    asked(&tunnels, &names);
}
