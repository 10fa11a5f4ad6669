//! What the environment says of Vault or OpenBao.

use std::path::PathBuf;

use rustls_pki_types::CertificateDer;

use crate::cloud::{Endpoint, Secret};

/// How one server is reached, and who asks.
#[derive(Clone, Debug, Default)]
pub struct VaultSettings {
    /// Where it is.
    pub address: Option<Endpoint>,
    /// The namespace.
    pub namespace: Option<String>,
    /// The path of the transit engine; none is `transit`.
    pub mount: Option<String>,
    /// Who asks.
    pub login: Option<VaultLogin>,
    /// Certificate authorities that are trusted for it, beside the others.
    pub certificates: Vec<CertificateDer<'static>>,
}

/// Who asks, and how that is shown.
#[derive(Clone, Debug)]
pub enum VaultLogin {
    /// By an AppRole (<https://developer.hashicorp.com/vault/docs/auth/approle>).
    AppRole {
        /// The path of the method; none is `approle`.
        mount: Option<String>,
        /// The role.
        role_id: String,
        /// Its secret.
        secret_id: Secret,
    },
    /// By the token of a ServiceAccount (<https://developer.hashicorp.com/vault/docs/auth/kubernetes>).
    Kubernetes {
        /// The path of the method; none is `kubernetes`.
        mount: Option<String>,
        /// The role.
        role: String,
        /// The file with the token, which is read again at each login.
        token_file: PathBuf,
    },
    /// By a token.
    Token(Secret),
    /// By a token in a file, as the login of the command line and the agent's sink write it; it is read each time.
    TokenFile(PathBuf),
}
