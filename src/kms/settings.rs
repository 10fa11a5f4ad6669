//! What the environment says: where services are, and who asks.

use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;

use super::{VaultLogin, VaultSettings};
use crate::cloud::{self, AwsSettings, AzureSettings, Environment, GoogleSettings, Proxy, Secret, SettingsError};

/// Where services are, and who asks.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Certificate authorities that are trusted beside the system's.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The proxy by which the services of clouds are reached. Vault and OpenBao are not: they are at home.
    pub proxy: Option<Proxy>,
    /// Those of AWS.
    pub aws: AwsSettings,
    /// Those of Azure.
    pub azure: AzureSettings,
    /// Those of Google Cloud.
    pub google: GoogleSettings,
    /// Those of OpenBao.
    pub open_bao: VaultSettings,
    /// Those of Vault.
    pub vault: VaultSettings,
}

/// Every variable of the environment that is read beside those of the clouds ([`cloud::VARIABLES`]), with what it says.
/// Where `VAULT_` stands, `BAO_` is read before it for OpenBao.
pub const VARIABLES: &[(&str, &str)] = &[
    ("TRANSIT_SECRET_ENGINE_PATH", "mount of the transit engine; `transit` if not set"),
    ("VAULT_ADDR", "where Vault is"),
    ("VAULT_AUTH_PATH", "mount of the login; `approle` or `kubernetes` if not set"),
    ("VAULT_CACERT", "file with the certificate authority of Vault"),
    ("VAULT_KUBERNETES_ROLE", "role for the login with the ServiceAccount's token"),
    ("VAULT_KUBERNETES_TOKEN_FILE", "file with that token, where it is not the usual one"),
    ("VAULT_NAMESPACE", "namespace of Vault"),
    ("VAULT_ROLE_ID", "AppRole for the login"),
    ("VAULT_SECRET_ID", "secret of the AppRole"),
    ("VAULT_SECRET_ID_FILE", "file with the secret of the AppRole"),
    ("VAULT_TOKEN", "token for Vault"),
    ("VAULT_TOKEN_FILE", "file with that token, as an agent writes it; ~/.vault-token if not set"),
];

/// Where the token of the ServiceAccount lies in a pod.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

impl Settings {
    /// What the environment says, in which `variable` looks one up, and `home` is the user's folder. It says no proxy: that
    /// one is the registries', too.
    ///
    /// # Errors
    /// When a variable says what is no address, or names a file of certificates that holds none.
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
        home: Option<&Path>,
    ) -> Result<Self, SettingsError> {
        let cloud::Settings { certificates, proxy, aws, azure, google } = cloud::Settings::from_environment(&variable)?;
        let environment = Environment::new(&variable);
        let open_bao = vault(&environment, &["BAO_", "VAULT_"], home)?;
        Ok(Self { certificates, proxy, aws, azure, google, open_bao, vault: vault(&environment, &["VAULT_"], home)? })
    }
}

fn vault(
    environment: &Environment<'_>,
    prefixes: &[&str],
    home: Option<&Path>,
) -> Result<VaultSettings, SettingsError> {
    // The first prefix with which the variable is set.
    let name = |name: &str| {
        let mut names = prefixes.iter().map(|prefix| format!("{prefix}{name}"));
        names.find(|name| environment.text(name).is_some()).unwrap_or_else(|| format!("VAULT_{name}"))
    };
    Ok(VaultSettings {
        address: environment.endpoint(&name("ADDR"))?,
        namespace: environment.text(&name("NAMESPACE")),
        mount: environment.text("TRANSIT_SECRET_ENGINE_PATH"),
        login: vault_login(environment, &name, home)?,
        certificates: environment.certificates(&name("CACERT"))?,
    })
}

/// A token before a login, as Vault's own command line takes it, and what the user left behind last.
fn vault_login(
    environment: &Environment<'_>,
    name: &impl Fn(&str) -> String,
    home: Option<&Path>,
) -> Result<Option<VaultLogin>, SettingsError> {
    if let Some(token) = environment.secret(&name("TOKEN")) {
        return Ok(Some(VaultLogin::Token(token)));
    }
    if let Some(path) = environment.path(&name("TOKEN_FILE")) {
        return Ok(Some(VaultLogin::TokenFile(path)));
    }
    let mount = environment.text(&name("AUTH_PATH"));
    if let Some(role_id) = environment.text(&name("ROLE_ID")) {
        let secret_id = match (environment.secret(&name("SECRET_ID")), environment.path(&name("SECRET_ID_FILE"))) {
            (Some(secret), _) => Some(secret),
            (None, Some(path)) => Some(environment.secret_file(&name("SECRET_ID_FILE"), &path)?),
            (None, None) => None,
        };
        // Some roles are bound to addresses and have no secret.
        let secret_id = secret_id.unwrap_or_else(|| Secret::new(""));
        return Ok(Some(VaultLogin::AppRole { mount, role_id, secret_id }));
    }
    if let Some(role) = environment.text(&name("KUBERNETES_ROLE")) {
        let token_file =
            environment.path(&name("KUBERNETES_TOKEN_FILE")).unwrap_or_else(|| PathBuf::from(SERVICE_ACCOUNT_TOKEN));
        return Ok(Some(VaultLogin::Kubernetes { mount, role, token_file }));
    }
    Ok(home.map(|home| home.join(".vault-token")).filter(|path| path.exists()).map(VaultLogin::TokenFile))
}
