//! What the environment says.

use std::collections::BTreeMap;

use countersign::cloud::{self, SettingsError};
use countersign::kms::{Settings, VARIABLES, VaultLogin};

fn settings(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    Settings::from_environment(|name| variables.get(name).map(|value| (*value).to_owned()), None)
}

#[test]
fn nothing_set_is_nothing_known() {
    let settings = settings(&[]).unwrap();
    assert!(settings.aws.region.is_none() && settings.vault.address.is_none() && settings.vault.login.is_none());
}

#[test]
fn openbao_reads_its_own_variables_first() {
    let settings = settings(&[
        ("VAULT_ADDR", "https://vault.example.com"),
        ("VAULT_NAMESPACE", "shared"),
        ("VAULT_TOKEN", "a"),
        ("BAO_ADDR", "https://bao.example.com"),
        ("BAO_TOKEN_FILE", "/run/token"),
        ("TRANSIT_SECRET_ENGINE_PATH", "team"),
    ])
    .unwrap();
    assert_eq!(settings.vault.address.unwrap().to_string(), "https://vault.example.com/");
    assert_eq!(settings.open_bao.address.unwrap().to_string(), "https://bao.example.com/");
    assert_eq!(settings.open_bao.namespace.as_deref(), Some("shared"));
    assert_eq!(settings.open_bao.mount.as_deref(), Some("team"));
    assert!(matches!(settings.vault.login, Some(VaultLogin::Token(_))));
}

#[test]
fn the_logins_of_vault() {
    let login = |variables: &[(&str, &str)]| format!("{:?}", settings(variables).unwrap().vault.login.unwrap());
    assert_eq!(login(&[("VAULT_TOKEN", "s3cr3t")]), "Token(****)");
    assert_eq!(login(&[("VAULT_TOKEN_FILE", "/run/token")]), "TokenFile(\"/run/token\")");
    assert_eq!(
        login(&[("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID", "s3cr3t"), ("VAULT_AUTH_PATH", "team")]),
        "AppRole { mount: Some(\"team\"), role_id: \"r\", secret_id: **** }"
    );
    assert_eq!(
        login(&[("VAULT_KUBERNETES_ROLE", "r")]),
        "Kubernetes { mount: None, role: \"r\", token_file: \"/var/run/secrets/kubernetes.io/serviceaccount/token\" }"
    );
    let folder = tempfile::tempdir().unwrap();
    let home = |home| Settings::from_environment(|_| None, Some(home)).unwrap().vault.login;
    assert!(home(folder.path()).is_none());
    std::fs::write(folder.path().join(".vault-token"), "x").unwrap();
    assert!(matches!(home(folder.path()), Some(VaultLogin::TokenFile(path)) if path.ends_with(".vault-token")));
}

#[test]
fn addresses_are_checked() {
    for (name, value) in [
        ("VAULT_ADDR", "http://vault:8200"),
        ("VAULT_ADDR", "vault:8200"),
        ("AWS_ENDPOINT_URL", "http://10.0.0.1"),
        ("AWS_ENDPOINT_URL_KMS", "x"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.99/"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.com/"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.253"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254@evil.com/"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://10.0.0.1"),
        ("AZURE_AUTHORITY_HOST", "http://login.example.com"),
        ("GCE_METADATA_HOST", "evil.com"),
        ("GCE_METADATA_HOST", "metadata.google.internal@evil.com"),
        ("COUNTERSIGN_GCP_KMS_ENDPOINT", "ftp://x"),
        ("COUNTERSIGN_AZURE_VAULT_ENDPOINT", "https://user:password@x"),
    ] {
        let error = settings(&[(name, value)]).unwrap_err();
        assert!(matches!(&error, SettingsError::Endpoint { variable, .. } if variable == name), "{error}");
        assert!(!error.to_string().contains("password@"), "{error}");
    }
    let relative = settings(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x")]).unwrap();
    assert_eq!(relative.aws.container_endpoint.unwrap().to_string(), "http://169.254.170.2/v2/credentials/x");
    let both = settings(&[("AWS_ENDPOINT_URL", "https://a"), ("AWS_ENDPOINT_URL_KMS", "https://b")]).unwrap();
    assert_eq!(both.aws.kms_endpoint.unwrap().to_string(), "https://b/");
    assert_eq!(both.aws.sts_endpoint.unwrap().to_string(), "https://a/");
}

/// As the SDKs of AWS read them.
#[test]
fn the_metadata_service_of_aws() {
    let at = |variables: &[(&str, &str)]| settings(variables).unwrap().aws.metadata_endpoint.map(|at| at.to_string());
    let at = |variables: &[(&str, &str)]| at(variables).unwrap_or_default();
    let (off, mode) = ("AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    let own = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338/base");
    assert_eq!(at(&[]), "http://169.254.169.254/");
    assert_eq!(at(&[(mode, "IPv4"), (off, "False")]), "http://169.254.169.254/");
    assert_eq!(at(&[(mode, "IPv6")]), "http://[fd00:ec2::254]/");
    assert_eq!(at(&[(mode, "IPv6"), own]), "http://127.0.0.1:1338/base");
    assert_eq!(at(&[(off, "true"), own]), "");
    assert_eq!(at(&[(off, "TRUE")]), "");
    for (variable, value) in [(off, "1"), (off, "yes"), (mode, "6"), (mode, "dual")] {
        let error = settings(&[(variable, value)]).unwrap_err();
        assert!(matches!(error, SettingsError::Value { variable: named, .. } if named == variable), "{error}");
    }
}

#[test]
fn certificates_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let name = path.to_str().unwrap();
    for variable in ["COUNTERSIGN_KMS_CA_FILE", "VAULT_CACERT"] {
        for text in ["", "x", "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, text).unwrap();
            let error = settings(&[(variable, name)]).unwrap_err();
            assert!(matches!(error, SettingsError::File { .. }), "{error}");
        }
        assert!(settings(&[(variable, "/nowhere/ca.pem")]).is_err());
    }
}

/// The help lists what is read, and everything that is read.
#[test]
fn every_variable_is_listed() {
    let asked = std::cell::RefCell::new(std::collections::BTreeSet::new());
    for set in ["", "VAULT_ROLE_ID", "VAULT_KUBERNETES_ROLE"] {
        let variable = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            (name == set).then(|| "x".to_owned())
        };
        Settings::from_environment(variable, None).unwrap();
    }
    let asked: Vec<_> = asked.into_inner().into_iter().filter(|name| !name.starts_with("BAO_")).collect();
    let mut listed: Vec<_> = cloud::VARIABLES.iter().chain(VARIABLES).map(|(name, _)| (*name).to_owned()).collect();
    listed.sort();
    assert_eq!(asked, listed);
}
