//! Keys of Azure (<https://learn.microsoft.com/en-us/azure/key-vault/general/about-keys-secrets-certificates>).

use std::fmt;

use super::{ParseKmsKeyError, text};

/// `azurekms://VAULT.vault.azure.net/KEY[/VERSION]`. Without a version it is the newest.
///
/// The host has to be one of Azure's: what a client shows it is worth a token to others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AzureKey {
    host: String,
    name: String,
    version: Option<String>,
}

/// The domains of key vaults and managed HSMs, by cloud.
const DOMAINS: [&str; 6] = [
    ".vault.azure.net",
    ".managedhsm.azure.net",
    ".vault.azure.cn",
    ".managedhsm.azure.cn",
    ".vault.usgovcloudapi.net",
    ".managedhsm.usgovcloudapi.net",
];

impl AzureKey {
    pub(super) fn parse(rest: &str) -> Result<Self, ParseKmsKeyError> {
        let fail = |why| Err(ParseKmsKeyError::Azure(why));
        let mut parts = rest.split('/');
        let [host, name] = [(); 2].map(|()| parts.next().unwrap_or_default());
        let version = parts.next();
        if parts.next().is_some() {
            return fail("there are more parts than a version");
        }
        let is_azure = DOMAINS.iter().any(|domain| {
            host.strip_suffix(domain).is_some_and(|vault| text::is_name(vault, b"-", 24) && text::is_host(vault))
        });
        if !is_azure {
            return fail("the host is no key vault of Azure");
        }
        if !text::is_name(name, b"-", 127) {
            return fail("the name of the key is not letters, digits and `-`");
        }
        if version.is_some_and(|version| !text::is_name(version, b"", 64)) {
            return fail("the version is not letters and digits");
        }
        Ok(Self { host: host.to_owned(), name: name.to_owned(), version: version.map(str::to_owned) })
    }

    /// The host of the vault.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The domain for which a token is asked: that of the vault, without its name.
    pub fn domain(&self) -> &str {
        self.host.split_once('.').map_or("", |(_, domain)| domain)
    }

    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version; none is the newest.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

impl fmt::Display for AzureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "azurekms://{}/{}", self.host, self.name)?;
        match &self.version {
            Some(version) => write!(f, "/{version}"),
            None => Ok(()),
        }
    }
}
