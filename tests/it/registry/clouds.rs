//! Credentials of the clouds' registries, against services on loopback that hold a client to their protocols.

use countersign::cloud::{AwsSettings, AzureSettings, GoogleSettings, Secret, Settings};
use countersign::image::Repository;
use countersign::registry::{Chain, Client, Cloud, CloudKeys, Credential, Error, Keychain, Options};
use countersign::telemetry::CacheState;
use futures_util::future::join_all;

use super::Keys;
use crate::support::kms::{AwsDouble, AzureDouble, GoogleDouble, HeldKey, Kind};
use crate::support::{Fault, Faulty, Seen, TokenService, ample, registry};

const ECR: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/app";
const ACR: &str = "acme.azurecr.io/team/app";
const GAR: &str = "europe-west1-docker.pkg.dev/p/team/app";

fn repository(name: &str) -> Repository {
    name.parse().unwrap()
}

async fn aws() -> (AwsDouble, AwsSettings) {
    let double = AwsDouble::start(HeldKey::generate(Kind::P256)).await;
    let endpoint = Some(double.address().parse().unwrap());
    let settings = AwsSettings {
        region: Some(AwsDouble::REGION.to_owned()),
        ecr_endpoint: endpoint.clone(),
        ecr_public_endpoint: endpoint.clone(),
        sts_endpoint: endpoint,
        ..AwsSettings::default()
    };
    (double, settings)
}

async fn azure() -> (AzureDouble, AzureSettings) {
    let double = AzureDouble::start(HeldKey::generate(Kind::P256)).await;
    double.for_registries();
    let endpoint = Some(double.address().parse().unwrap());
    let settings = AzureSettings {
        registry_endpoint: endpoint.clone(),
        authority: endpoint.clone(),
        metadata_endpoint: endpoint,
        tenant_id: Some(AzureDouble::TENANT.to_owned()),
        client_id: Some(AzureDouble::CLIENT.to_owned()),
        ..AzureSettings::default()
    };
    (double, settings)
}

async fn google() -> (GoogleDouble, GoogleSettings) {
    let double = GoogleDouble::start(HeldKey::generate(Kind::P256), "EC_SIGN_P256_SHA256").await;
    double.for_registries();
    let settings =
        GoogleSettings { metadata_endpoint: Some(double.address().parse().unwrap()), ..GoogleSettings::default() };
    (double, settings)
}

fn file(folder: &tempfile::TempDir, text: &str) -> Option<std::path::PathBuf> {
    let path = folder.path().join("token");
    std::fs::write(&path, text).unwrap();
    Some(path)
}

fn of_aws(aws: AwsSettings) -> CloudKeys {
    CloudKeys::new(&Settings { aws, ..Settings::default() }, &[Cloud::Aws]).unwrap()
}

fn of_azure(azure: AzureSettings) -> CloudKeys {
    CloudKeys::new(&Settings { azure, ..Settings::default() }, &[Cloud::Azure]).unwrap()
}

fn of_google(google: GoogleSettings) -> CloudKeys {
    CloudKeys::new(&Settings { google, ..Settings::default() }, &[Cloud::Google]).unwrap()
}

async fn one(keys: &CloudKeys, name: &str) -> Credential {
    let found = keys.credentials(&repository(name)).await;
    let troubles = keys.troubles(&repository(name));
    let [credential] = found.try_into().unwrap_or_else(|_| panic!("{troubles:?}"));
    assert_eq!(troubles, [""; 0]);
    credential
}

/// Why there is none.
async fn trouble(keys: &CloudKeys, name: &str) -> String {
    assert!(keys.credentials(&repository(name)).await.is_empty());
    let [trouble] = keys.troubles(&repository(name)).try_into().unwrap();
    trouble
}

fn password(text: &str) -> Credential {
    Credential::basic("AWS", text).only_for(Cloud::Aws)
}

#[tokio::test]
async fn ecr_by_the_three_ways_of_aws() {
    let (double, settings) = aws().await;
    let folder = tempfile::tempdir().unwrap();
    let by_key = AwsSettings {
        access_key_id: Some(AwsDouble::ACCESS_KEY.to_owned()),
        secret_access_key: Some(Secret::new(AwsDouble::SECRET)),
        ..settings.clone()
    };
    assert!(one(&of_aws(by_key), ECR).await == password("ecr-5ecret-0"));

    let by_irsa = AwsSettings {
        web_identity_token_file: file(&folder, AwsDouble::WEB_TOKEN),
        role_arn: Some(AwsDouble::ROLE.to_owned()),
        ..settings.clone()
    };
    let keys = of_aws(by_irsa);
    assert!(one(&keys, ECR).await == password("ecr-5ecret-1"));
    assert!(one(&keys, "public.ecr.aws/acme/app").await == password("ecr-public-5ecret-1"), "the same role");

    let pod = tempfile::tempdir().unwrap();
    let by_pod = AwsSettings {
        container_endpoint: Some(format!("{}/v1/credentials", double.address()).parse().unwrap()),
        container_token_file: file(&pod, AwsDouble::POD_TOKEN),
        ..settings
    };
    assert!(one(&of_aws(by_pod), ECR).await == password("ecr-5ecret-2"));
}

const TOKEN: &str = "PUT /latest/api/token";

#[tokio::test]
async fn ecr_by_the_role_of_the_machine() {
    let (double, settings) = aws().await;
    let metadata = AwsSettings { metadata_endpoint: Some(double.address().parse().unwrap()), ..settings };
    let keys = of_aws(metadata.clone());
    assert!(keys.credentials(&repository("public.ecr.aws/acme/app")).await.is_empty(), "everybody may read there");
    assert!(keys.troubles(&repository("public.ecr.aws/acme/app")).is_empty());
    assert!(double.front.seen().is_empty(), "nobody is asked before it is needed");
    assert!(one(&keys, ECR).await == password("ecr-5ecret-1"));
    one(&keys, ECR).await;
    let lines: Vec<_> = double.front.seen().iter().map(Seen::line).collect();
    let roles = "GET /latest/meta-data/iam/security-credentials/";
    assert_eq!(lines, [TOKEN.to_owned(), roles.to_owned(), format!("{roles}node+role"), "POST /".to_owned()]);

    // Whatever else says who asks comes before it.
    let by_key = AwsSettings {
        access_key_id: Some(AwsDouble::ACCESS_KEY.to_owned()),
        secret_access_key: Some(Secret::new(AwsDouble::SECRET)),
        ..metadata.clone()
    };
    let by_pod = AwsSettings {
        container_endpoint: Some(format!("{}/v1/credentials", double.address()).parse().unwrap()),
        container_token: Some(Secret::new(AwsDouble::POD_TOKEN)),
        ..metadata.clone()
    };
    let folder = tempfile::tempdir().unwrap();
    let by_irsa = AwsSettings {
        web_identity_token_file: file(&folder, AwsDouble::WEB_TOKEN),
        role_arn: Some(AwsDouble::ROLE.to_owned()),
        ..metadata.clone()
    };
    for settings in [by_key, by_pod, by_irsa.clone()] {
        one(&of_aws(settings), ECR).await;
    }
    // One that fails is not replaced by it: the machine may be somebody else.
    file(&folder, "eyJ-wrong");
    assert!(trouble(&of_aws(by_irsa), ECR).await.ends_with("AWS STS refuses"));
    assert_eq!(double.front.count(TOKEN), 1);
}

/// The metadata service broken in every way: there is no credential, nothing of a secret is told, and nobody waits.
#[tokio::test]
async fn the_role_of_the_machine_broken_on_the_wire() {
    let (double, settings) = aws().await;
    let metadata = AwsSettings { metadata_endpoint: Some(double.address().parse().unwrap()), ..settings };
    let prefix = "the cloud gives no credentials for it: ";
    let nobody = "there are no credentials for AWS; set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, give the \
                  ServiceAccount a role (IRSA, Pod Identity), or let pods ask for the machine's \
                  (`httpPutResponseHopLimit` 2)";
    let no_role = "there are no credentials for AWS; the machine has no role: give it one, or the ServiceAccount (IRSA, \
                   Pod Identity)";
    let service = "the metadata service of AWS";
    let elsewhere = "http://127.0.0.1:1/".to_owned();
    let said = |rest: &str| format!("{service} {rest}");
    let of = |what: &str| format!("{what} of {service} is not what it has to be");
    let faults = |missing: &str, what: &str| {
        vec![
            (Fault::Status(400), said("answers with status 400")),
            (Fault::Status(401), said("refuses")),
            (Fault::Status(403), said("refuses")),
            (Fault::Status(404), missing.to_owned()),
            (Fault::Wait(429, "0".to_owned()), said("answers with status 429")),
            (Fault::Wait(503, "0".to_owned()), said("answers with status 503")),
            (Fault::Redirect(307, elsewhere.clone()), said("redirects, which is not followed")),
            (Fault::Huge, said("answers with more than 1048576 bytes")),
            (Fault::Endless, said("answers with more than 1048576 bytes")),
            (Fault::Gzip, of("the encoding of an answer")),
            (Fault::Replace(Vec::new()), of(what)),
            (Fault::Replace(vec![0xff, 0xfe, b'\n']), of(what)),
        ]
    };
    let requests = [
        (0, faults(nobody, "the token")),
        (1, faults(no_role, "the name of the role")),
        (2, faults(no_role, "the credentials")),
    ];
    for (number, faults) in requests {
        for (fault, expected) in faults {
            double.front.heal().nth(number, fault.clone());
            let found = trouble(&of_aws(metadata.clone()), ECR).await;
            assert_eq!(found, format!("{prefix}{expected}"), "request {number}: {fault:?}");
        }
        for fault in [Fault::Truncate, Fault::Reset, Fault::ResetInBody, Fault::Html, Fault::Hang] {
            double.front.heal().nth(number, fault.clone());
            let found = trouble(&of_aws(metadata.clone()), ECR).await;
            assert!(!found.contains("5ecret"), "request {number}: {fault:?}: {found}");
        }
        double.front.heal();
        one(&of_aws(metadata.clone()), ECR).await;
    }
    // Nobody there, as where the answers do not reach a pod: one request, and no other service hears of it.
    for fault in [Fault::Hang, Fault::Status(404), Fault::Status(405)] {
        double.front.heal().on(TOKEN, fault);
        assert_eq!(trouble(&of_aws(metadata.clone()), ECR).await, format!("{prefix}{nobody}"));
        assert_eq!(double.front.seen().len(), 1);
    }
    double.front.heal().on(TOKEN, Fault::Reset);
    assert_eq!(trouble(&of_aws(metadata.clone()), ECR).await, format!("{prefix}{nobody}"));
    // A name that leads elsewhere.
    double.front.heal();
    for role in ["../../api/token", "..", "a b", "a?b"] {
        double.role(Some(role));
        let expected = format!("{prefix}{}", of("the name of the role"));
        assert_eq!(trouble(&of_aws(metadata.clone()), ECR).await, expected, "{role}");
    }
    double.role(None);
    assert_eq!(trouble(&of_aws(metadata.clone()), ECR).await, format!("{prefix}{no_role}"));
    double.role(Some("node"));
    double.withholds("AssumeRoleUnauthorizedAccess");
    let expected = format!("{prefix}{service} refuses (AssumeRoleUnauthorizedAccess)");
    assert_eq!(trouble(&of_aws(metadata), ECR).await, expected);
}

#[tokio::test]
async fn acr_by_the_ways_of_azure() {
    let (double, settings) = azure().await;
    let folder = tempfile::tempdir().unwrap();
    let by_workload =
        AzureSettings { federated_token_file: file(&folder, AzureDouble::FEDERATED_TOKEN), ..settings.clone() };
    let keys = of_azure(by_workload);
    let first = one(&keys, ACR).await;
    assert_eq!(double.front.count("POST /oauth2/exchange"), 1);
    assert!(one(&keys, "acme.azurecr.io/other").await == first, "one token for the registry");
    assert_eq!(keys.uses(), CacheState { hits: 1, misses: 1, entries: 1 });
    assert_eq!(double.front.count("POST /oauth2/exchange"), 1);
    // The machine's own, without a token of its own.
    one(&of_azure(settings), ACR).await;
    assert_eq!(double.front.count("GET /metadata/identity"), 1);
}

#[tokio::test]
async fn gar_by_the_ways_of_google() {
    let (double, settings) = google().await;
    let expected = |number| {
        let token = format!("ya29.5ecret-{number}");
        Credential::basic("oauth2accesstoken", token).only_for(Cloud::Google)
    };
    let keys = of_google(settings.clone());
    assert!(one(&keys, GAR).await == expected(1));
    assert!(one(&keys, "gcr.io/p/app").await == expected(1), "one token for all of them");
    let folder = tempfile::tempdir().unwrap();
    let account = file(&folder, &double.service_account().to_string());
    assert!(one(&of_google(GoogleSettings { credentials_file: account, ..settings }), GAR).await == expected(2));
}

/// T79: no service of a cloud is asked for a look-alike, and it gets nothing.
#[tokio::test]
async fn t79_look_alikes_get_nothing() {
    let ((aws_double, aws), (azure_double, azure), (google_double, google)) =
        (aws().await, azure().await, google().await);
    let aws = AwsSettings {
        access_key_id: Some(AwsDouble::ACCESS_KEY.to_owned()),
        secret_access_key: Some(Secret::new(AwsDouble::SECRET)),
        metadata_endpoint: Some(aws_double.address().parse().unwrap()),
        ..aws
    };
    let by_role = AwsSettings { access_key_id: None, secret_access_key: None, ..aws.clone() };
    let by_role = Settings { aws: by_role, azure: azure.clone(), google: google.clone(), ..Settings::default() };
    let settings = Settings { aws, azure, google, ..Settings::default() };
    let keys = CloudKeys::new(&settings, &Cloud::ALL).unwrap();
    let by_role = CloudKeys::new(&by_role, &Cloud::ALL).unwrap();
    for name in [
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example/a",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com:8443/a",
        "acme.azurecr.io.evil.example/a",
        "evilazurecr.io/a",
        "gcr.io.evil.example/a",
        "evil-gcr.io/a",
        "evil.us-docker.pkg.dev/a",
        "127.0.0.1:5000/a",
        "app",
    ] {
        for keys in [&keys, &by_role] {
            assert!(keys.credentials(&repository(name)).await.is_empty(), "{name}");
            assert!(keys.renewed(&repository(name)).await.is_none(), "{name}");
            assert!(keys.troubles(&repository(name)).is_empty(), "{name}");
        }
    }
    for front in [&aws_double.front, &azure_double.front, &google_double.front] {
        assert!(front.seen().is_empty());
    }
    for name in [ECR, ACR, GAR] {
        one(&keys, name).await;
        one(&by_role, name).await;
    }
    // A cloud that is not used is not asked either.
    let none = CloudKeys::new(&settings, &[]).unwrap();
    assert!(none.credentials(&repository(ECR)).await.is_empty());
}

/// T79: a credential of a cloud goes neither to a registry elsewhere nor to a token service that one names.
#[tokio::test]
async fn t79_a_credential_stays_with_its_cloud() {
    let demo = registry().await;
    let service = TokenService::start().await;
    for asks in ["password", "token"] {
        let front = Faulty::in_front_of(&demo).await;
        if asks == "token" {
            front.asks_for_token(&service);
        } else {
            front.asks_for_password("AWS", "5ecret");
        }
        let keys = Keys(vec![Credential::basic("AWS", "5ecret").only_for(Cloud::Aws)]);
        let error = client().resolve(&front.image("app:v1"), &keys, ample()).await.unwrap_err();
        assert!(matches!(error, Error::Unasked(_)), "{error}");
        assert!(front.seen().iter().all(|seen| seen.header("authorization").is_none()));
        // The same credential, given for this registry, is taken.
        let keys = Keys(vec![Credential::basic("AWS", "5ecret")]);
        if asks == "password" {
            let error = client().resolve(&front.image("app:v1"), &keys, ample()).await.unwrap_err();
            assert!(matches!(error, Error::NotFound { .. }), "{error}");
        }
    }
    assert!(service.seen().iter().all(|seen| seen.header("authorization").is_none()));
}

fn client() -> Client {
    Client::new(Options::default()).unwrap()
}

#[tokio::test]
async fn many_who_ask_at_once_ask_once() {
    let (double, settings) = google().await;
    let keys = of_google(settings);
    let repository = repository(GAR);
    let found = join_all((0..20).map(|_| keys.credentials(&repository))).await;
    assert!(found.iter().all(|found| found.len() == 1));
    assert_eq!(double.front.seen().len(), 1);
    // It was obtained just now: a registry that refuses it does not make requests to the cloud.
    assert_eq!(keys.renewed(&repository).await.unwrap().len(), 1);
    assert_eq!(double.front.seen().len(), 1);
}

#[tokio::test]
async fn one_password_serves_a_region() {
    let (double, settings) = aws().await;
    let keys = of_aws(AwsSettings {
        access_key_id: Some(AwsDouble::ACCESS_KEY.to_owned()),
        secret_access_key: Some(Secret::new(AwsDouble::SECRET)),
        ..settings
    });
    one(&keys, ECR).await;
    one(&keys, ECR).await;
    assert_eq!(double.front.seen().len(), 1);
    // What signs for one region signs for no other.
    let found = trouble(&keys, "123456789012.dkr.ecr.us-east-1.amazonaws.com/app").await;
    assert!(found.ends_with("Amazon ECR refuses (SignatureDoesNotMatch)"), "{found}");
}

/// What is wrong is said, with nothing of a secret, and is not asked again at once.
#[tokio::test]
async fn failures_say_what_is_missing() {
    let (double, settings) = aws().await;
    assert_eq!(
        trouble(&of_aws(settings.clone()), ECR).await,
        "the cloud gives no credentials for it: there are no credentials for AWS; set `AWS_ACCESS_KEY_ID` and \
         `AWS_SECRET_ACCESS_KEY`, or give the ServiceAccount a role (IRSA, Pod Identity)"
    );
    let by_key = AwsSettings {
        access_key_id: Some(AwsDouble::ACCESS_KEY.to_owned()),
        secret_access_key: Some(Secret::new("another")),
        ..settings.clone()
    };
    let keys = of_aws(by_key.clone());
    let expected = "the cloud gives no credentials for it: Amazon ECR refuses (InvalidSignatureException)";
    assert_eq!(trouble(&keys, ECR).await, expected);
    let asked = double.front.seen().len();
    assert_eq!(trouble(&keys, ECR).await, expected);
    assert_eq!(double.front.seen().len(), asked);
    double.gives("AccessDeniedException");
    let right = AwsSettings { secret_access_key: Some(Secret::new(AwsDouble::SECRET)), ..by_key };
    let expected = "the cloud gives no credentials for it: Amazon ECR refuses (AccessDeniedException)";
    assert_eq!(trouble(&of_aws(right), ECR).await, expected);

    let (double, settings) = azure().await;
    let folder = tempfile::tempdir().unwrap();
    let wrong = AzureSettings { federated_token_file: file(&folder, "eyJ-wrong"), ..settings.clone() };
    let expected = "the cloud gives no credentials for it: Microsoft Entra ID refuses (invalid_client)";
    assert_eq!(trouble(&of_azure(wrong), ACR).await, expected);
    let expected = "the cloud gives no credentials for it: Azure Container Registry refuses (UNAUTHORIZED)";
    assert_eq!(trouble(&of_azure(settings.clone()), "other.azurecr.io/app").await, expected);
    double.front.on("/oauth2/exchange", Fault::Status(503));
    let expected = "the cloud gives no credentials for it: Azure Container Registry answers with status 503";
    assert_eq!(trouble(&of_azure(settings), ACR).await, expected);

    let (double, settings) = google().await;
    double.front.on("/computeMetadata/", Fault::Reset);
    assert!(trouble(&of_google(settings), GAR).await.contains("GOOGLE_APPLICATION_CREDENTIALS"));
}

#[tokio::test]
async fn a_chain_tries_one_after_the_other() {
    let (_double, settings) = google().await;
    let own = Credential::basic("u", "p");
    let chain =
        Chain::new(vec![std::sync::Arc::new(Keys(vec![own.clone()])), std::sync::Arc::new(of_google(settings))]);
    let found = chain.credentials(&repository(GAR)).await;
    assert_eq!(found.len(), 2);
    assert!(found[0] == own);
    assert_eq!(chain.renewed(&repository(GAR)).await.unwrap().len(), 2, "what cannot change stays");
    assert_eq!(chain.credentials(&repository("app")).await.len(), 1);
    assert!(chain.renewed(&repository("app")).await.is_none());
}
