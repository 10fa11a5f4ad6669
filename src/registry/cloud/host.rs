//! Which cloud a registry is of: by the names that the clouds alone can have, and by nothing else.

use url::{Host, Url};

use crate::image::Registry;

/// A cloud that gives its workloads credentials for its registries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// Amazon ECR.
    Aws,
    /// Azure Container Registry.
    Azure,
    /// Google Artifact Registry and Container Registry.
    Google,
}

/// A registry of a cloud.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum CloudRegistry {
    /// Azure Container Registry, by the one label that is its name.
    Acr(String),
    /// Amazon ECR of an account in a region.
    Ecr(Ecr),
    /// Amazon's public registry.
    EcrPublic,
    /// Google's.
    Google,
}

/// Where in AWS a private registry is. The account is not a part of it: a token is for all that its owner may read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ecr {
    pub(super) region: String,
    /// The host of the region's interface.
    pub(super) api: String,
}

impl Cloud {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Aws, Self::Azure, Self::Google];

    /// Its name as an argument.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Google => "google",
        }
    }

    /// Whether a credential of this cloud may be sent to `url`: by TLS, to a host of its own.
    pub(in crate::registry) fn owns(self, url: &Url) -> bool {
        let Some(Host::Domain(host)) = url.host() else {
            return false;
        };
        let found = CloudRegistry::of_host(host);
        url.scheme() == "https" && url.port().is_none() && found.is_some_and(|found| found.cloud() == self)
    }
}

impl CloudRegistry {
    /// The registry of a cloud that `registry` is; none where it is any other. One with a port is none: the clouds have
    /// them on 443 alone.
    pub(super) fn of(registry: &Registry) -> Option<Self> {
        Self::of_host(registry.as_str())
    }

    fn of_host(host: &str) -> Option<Self> {
        // https://cloud.google.com/artifact-registry/docs/transition/gcr-repositories
        if host == "gcr.io" || is_below(host, ".gcr.io") || is_below(host, "-docker.pkg.dev") {
            return Some(Self::Google);
        }
        if host == "public.ecr.aws" {
            return Some(Self::EcrPublic);
        }
        // https://learn.microsoft.com/en-us/azure/container-registry/container-registry-concepts, with the two clouds of
        // states.
        for suffix in [".azurecr.io", ".azurecr.cn", ".azurecr.us"] {
            if is_below(host, suffix) {
                return Some(Self::Acr(host.to_owned()));
            }
        }
        Ecr::of_host(host).map(Self::Ecr)
    }

    pub(super) fn cloud(&self) -> Cloud {
        match self {
            Self::Acr(_) => Cloud::Azure,
            Self::Ecr(_) | Self::EcrPublic => Cloud::Aws,
            Self::Google => Cloud::Google,
        }
    }
}

impl Ecr {
    /// `ACCOUNT.dkr.ecr[-fips].REGION.amazonaws.com[.cn]`, or with both protocols `ACCOUNT.dkr-ecr[-fips].REGION.on.aws`
    /// (<https://docs.aws.amazon.com/general/latest/gr/ecr.html>).
    fn of_host(host: &str) -> Option<Self> {
        let (account, rest) = host.split_once('.')?;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (rest, dual) = match (rest.strip_prefix("dkr.ecr"), rest.strip_prefix("dkr-ecr")) {
            (Some(rest), _) => (rest, false),
            (None, Some(rest)) => (rest, true),
            (None, None) => return None,
        };
        let (rest, fips) = match rest.strip_prefix("-fips") {
            Some(rest) => (rest, "-fips"),
            None => (rest, ""),
        };
        let (region, domain) = rest.strip_prefix('.')?.split_once('.')?;
        let is_china = region.starts_with("cn-");
        let is_region = region.contains('-')
            && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let api = match (domain, dual, is_china) {
            ("amazonaws.com", false, false) if fips.is_empty() => format!("api.ecr.{region}.amazonaws.com"),
            ("amazonaws.com", false, false) => format!("ecr-fips.{region}.amazonaws.com"),
            ("amazonaws.com.cn", false, true) if fips.is_empty() => format!("api.ecr.{region}.amazonaws.com.cn"),
            ("on.aws", true, false) => format!("ecr{fips}.{region}.api.aws"),
            ("on.amazonwebservices.com.cn", true, true) if fips.is_empty() => {
                format!("ecr.{region}.api.amazonwebservices.com.cn")
            }
            _ => return None,
        };
        is_region.then(|| Self { region: region.to_owned(), api })
    }
}

/// Whether `host` is one label before `suffix`.
fn is_below(host: &str, suffix: &str) -> bool {
    host.strip_suffix(suffix).is_some_and(|label| !label.is_empty() && !label.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(host: &str) -> Option<CloudRegistry> {
        CloudRegistry::of(&host.parse().unwrap())
    }

    fn ecr(region: &str, api: &str) -> Option<CloudRegistry> {
        Some(CloudRegistry::Ecr(Ecr { region: region.to_owned(), api: api.to_owned() }))
    }

    #[test]
    fn the_hosts_of_the_clouds() {
        let rows = [
            ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1", "api.ecr.eu-central-1.amazonaws.com"),
            ("123456789012.DKR.ecr.us-east-1.amazonaws.com", "us-east-1", "api.ecr.us-east-1.amazonaws.com"),
            ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", "ecr-fips.us-east-1.amazonaws.com"),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", "api.ecr.cn-north-1.amazonaws.com.cn"),
            ("123456789012.dkr-ecr.us-west-2.on.aws", "us-west-2", "ecr.us-west-2.api.aws"),
        ];
        for (host, region, api) in rows {
            assert_eq!(of(host), ecr(region, api), "{host}");
        }
        for host in ["gcr.io", "eu.gcr.io", "us-docker.pkg.dev", "europe-west1-docker.pkg.dev"] {
            assert_eq!(of(host), Some(CloudRegistry::Google), "{host}");
        }
        assert_eq!(of("acme.azurecr.io"), Some(CloudRegistry::Acr("acme.azurecr.io".to_owned())));
        assert_eq!(of("acme-f3a1.azurecr.cn"), Some(CloudRegistry::Acr("acme-f3a1.azurecr.cn".to_owned())));
        assert_eq!(of("public.ecr.aws"), Some(CloudRegistry::EcrPublic));
    }

    /// T79: what only looks like a host of a cloud is none.
    #[test]
    fn t79_look_alikes_are_of_no_cloud() {
        for host in [
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com.cn",
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.co",
            "123456789012.dkr.ecr.eu-central-1.evil-amazonaws.com",
            "123456789012.dkr.ecr.evil.example.amazonaws.com",
            "123456789012.dkr.ecr.evil.amazonaws.com",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com:8443",
            "12345678901.dkr.ecr.eu-central-1.amazonaws.com",
            "1234567890123.dkr.ecr.eu-central-1.amazonaws.com",
            "a23456789012.dkr.ecr.eu-central-1.amazonaws.com",
            "x.123456789012.dkr.ecr.eu-central-1.amazonaws.com",
            "123456789012.dkrxecr.eu-central-1.amazonaws.com",
            "123456789012.dkr.ecrx.eu-central-1.amazonaws.com",
            "123456789012.dkr-ecr.us-west-2.amazonaws.com",
            "123456789012.dkr.ecr.us-west-2.on.aws",
            "ec2-1-2-3-4.eu-central-1.compute.amazonaws.com",
            "bucket.s3.amazonaws.com",
            "gcr.io.evil.example",
            "evilgcr.io",
            "evil-gcr.io",
            "a.b.gcr.io",
            "gcr.io:5000",
            "docker.pkg.dev",
            "evil.pkg.dev",
            "evil.us-docker.pkg.dev",
            "us-docker.pkg.dev.evil.example",
            "us-docker.pkg.device",
            "azurecr.io",
            "acme.azurecr.io.evil.example",
            "evilazurecr.io",
            "acme.westeurope.data.azurecr.io",
            "acme.azurecr.io:443",
            "public.ecr.aws.evil.example",
            "x.public.ecr.aws",
            "127.0.0.1:5000",
            "index.docker.io",
        ] {
            assert_eq!(of(host), None, "{host}");
        }
    }

    #[test]
    fn t79_a_credential_goes_to_its_own_cloud_by_tls() {
        let owns = |cloud: Cloud, url: &str| cloud.owns(&url.parse().unwrap());
        assert!(owns(Cloud::Google, "https://eu.gcr.io/v2/token"));
        assert!(owns(Cloud::Azure, "https://acme.azurecr.io/oauth2/token"));
        assert!(owns(Cloud::Aws, "https://public.ecr.aws/token/"));
        for (cloud, url) in [
            (Cloud::Google, "http://eu.gcr.io/v2/token"),
            (Cloud::Google, "https://eu.gcr.io:8443/v2/token"),
            (Cloud::Google, "https://acme.azurecr.io/oauth2/token"),
            (Cloud::Azure, "https://acme.azurecr.io.evil.example/oauth2/token"),
            (Cloud::Aws, "https://evil.example/token"),
            (Cloud::Aws, "https://127.0.0.1/token"),
        ] {
            assert!(!owns(cloud, url), "{url}");
        }
    }
}
