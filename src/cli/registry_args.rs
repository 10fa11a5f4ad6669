//! What every command that asks registries takes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::time::Instant;

use super::docker_file::DockerFile;
use super::env::{self, Variable};
use super::{Error, clock, file, password};
use crate::api::{self, MirrorEntry, Registries};
use crate::cloud::{Proxy, Settings};
use crate::image::{Registry, Repository};
use crate::limits;
use crate::registry::{Chain, Client, Cloud, CloudKeys, Credential, DockerConfig, Keychain, Mirror, Options};

/// How registries are reached, and for how long they are asked.
#[derive(Clone, Debug, clap::Args)]
pub struct TimedRegistryArgs {
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    timeout: u16,
    #[command(flatten)]
    pub(super) registry: RegistryArgs,
}

impl TimedRegistryArgs {
    /// When whoever begins now gives up.
    pub(super) fn deadline(&self) -> Instant {
        clock::deadline(Duration::from_secs(self.timeout.into()))
    }
}

/// How registries are reached, and with which credentials.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Registries")]
pub struct RegistryArgs {
    /// Speak plain HTTP to this registry, where it does not speak TLS; may be given several times
    ///
    /// Registries on this machine (localhost, 127.0.0.1, [::1]) are always spoken to over plain HTTP where they do not
    /// speak TLS.
    #[arg(long, value_name = "HOST[:PORT]")]
    plain_http: Vec<Registry>,
    /// Trust the certificate authorities in this PEM file, beside the system's; may be given several times
    #[arg(long, value_name = "FILE")]
    registry_ca: Vec<PathBuf>,
    /// Let registries send the client to this host although its address is private; may be given several times
    ///
    /// A registry names the service that gives it tokens, and may redirect downloads. Unless the registry is on a
    /// private address itself, such a host on a private address is refused, since a hostile registry could reach into
    /// the network with it.
    #[arg(long, value_name = "HOST[:PORT]")]
    private_host: Vec<Registry>,
    /// Reach registries as this file says: mirrors, plain HTTP, private hosts, requests at once; read once
    ///
    /// It holds one document: `apiVersion: countersign.dev/v1alpha1`, `kind: Registries`, and `mirrors` with `prefix`,
    /// `location` and `fallback` (`upstream` or `none`), `plainHTTP`, `privateHosts`, `requestsPerRegistry`. Policies
    /// match the names of images as they are written. Mirrors are for reading: what is signed is resolved and written at
    /// the registry itself. HTTPS_PROXY and NO_PROXY are read as well.
    #[arg(long, value_name = "FILE")]
    registries: Option<PathBuf>,
    /// Take credentials from this file, which is like docker's config.json, or from the config.json in this directory
    ///
    /// Without it: config.json in the directory that DOCKER_CONFIG names, the file that REGISTRY_AUTH_FILE names, or
    /// ~/.docker/config.json, whichever is there first. Credential helpers are not run.
    #[arg(long, value_name = "PATH")]
    docker_config: Option<PathBuf>,
    /// Take this name, with the password that stdin holds, for the registry; before any other credentials
    ///
    /// No other registry gets it. The password of a key cannot be read from stdin then.
    #[arg(long, value_name = "HOST=NAME", value_parser = login, requires = "registry_password_stdin")]
    registry_login: Option<(Registry, String)>,
    /// Read the password for --registry-login from stdin; one line end at its end is not part of it
    #[arg(long, requires = "registry_login")]
    registry_password_stdin: bool,
    /// Take credentials for the registries of these clouds from what they give a workload; may be given several times
    ///
    /// Amazon ECR by an access key, IRSA, Pod Identity or the role of the machine, Azure Container Registry by a workload
    /// identity, an application or a managed identity, Google Artifact Registry by a file of credentials or the metadata
    /// service, as the environment says. They come after those of --docker-config, and are sent to the cloud's own hosts
    /// alone; no cloud is asked before an image of its registries is.
    #[arg(long, value_enum, value_name = "CLOUD", value_delimiter = ',', default_value = "auto")]
    cloud_credentials: Vec<CloudArg>,
}

/// Whose credentials are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CloudArg {
    /// Those of AWS and Google, and Azure's where the environment says who asks
    Auto,
    /// Nobody's
    None,
    /// Those of AWS
    Aws,
    /// Those of Azure
    Azure,
    /// Those of Google Cloud
    Google,
}

impl RegistryArgs {
    /// A client as the arguments describe it, which asks the registries themselves.
    ///
    /// # Errors
    /// When a file of certificate authorities cannot be read or holds none.
    pub fn client(&self) -> Result<Client, Error> {
        Client::new(Options { mirrors: Vec::new(), ..self.options()? }).map_err(Error::usage)
    }

    /// The same for who only reads: mirrors are asked in their place.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub fn reader(&self) -> Result<Client, Error> {
        Client::new(self.options()?).map_err(Error::usage)
    }

    /// What the client is told.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub fn options(&self) -> Result<Options, Error> {
        let mut root_certificates = Vec::new();
        for path in &self.registry_ca {
            root_certificates.extend(certificates(path)?);
        }
        let file = self.file()?;
        let mirrors = file.mirrors.into_iter().map(|mirror| {
            let MirrorEntry { prefix, location, falls_back } = mirror;
            Mirror { prefix, location, falls_back }
        });
        let defaults = Options::default();
        Ok(Options {
            root_certificates,
            plain_http: [self.plain_http.as_slice(), &file.plain_http].concat(),
            private_hosts: [self.private_host.as_slice(), &file.private_hosts].concat(),
            mirrors: mirrors.collect(),
            proxy: proxy()?,
            requests_per_registry: file.requests_per_registry.unwrap_or(defaults.requests_per_registry),
            ..defaults
        })
    }

    /// What the file says.
    fn file(&self) -> Result<Registries, Error> {
        let Some(path) = &self.registries else {
            return Ok(Registries::default());
        };
        let what = "the file about registries";
        let bytes = file::read(what, path, limits::REGISTRIES_FILE_BYTES)?;
        let text =
            std::str::from_utf8(&bytes).map_err(|_| Error::usage(format!("{what} `{}` is no text", path.display())))?;
        api::registries(text).map_err(|problems| {
            let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Error::usage(format!("{what} `{}`: {}", path.display(), told.join("; ")))
        })
    }

    /// The credentials: those of the command line, of the docker configuration, then those that a cloud gives this workload.
    ///
    /// # Errors
    /// When stdin or the file cannot be read, or the clouds' settings are wrong.
    pub fn keychain(&self) -> Result<Chain, Error> {
        let mut links: Vec<Arc<dyn Keychain>> = Vec::new();
        if let Some((registry, name)) = &self.registry_login {
            let password = password::from_stdin()?;
            let password = std::str::from_utf8(password.expose())
                .map_err(|_| Error::usage("the password of the registry is no text in UTF-8"))?;
            links.push(Arc::new(Login { registry: registry.clone(), credential: Credential::basic(name, password) }));
        }
        links.push(Arc::new(self.docker()?));
        links.push(Arc::new(self.clouds()?));
        Ok(Chain::new(links))
    }

    /// Whether a password for a registry is to be read from stdin, as nobody does who stays.
    pub(super) fn has_login(&self) -> bool {
        self.registry_login.is_some()
    }

    /// Those that a cloud gives this workload, by the clouds that were given, or else by what the environment says.
    ///
    /// # Errors
    /// When the environment says what cannot be, or `none` is given beside a cloud.
    pub fn clouds(&self) -> Result<CloudKeys, Error> {
        let settings = Settings::from_environment(env::text).map_err(Error::usage)?;
        let settings = Settings { proxy: proxy()?, ..settings };
        let mut clouds = Vec::new();
        for arg in &self.cloud_credentials {
            match arg {
                CloudArg::Auto => clouds.extend(of_environment(&settings)),
                CloudArg::Aws => clouds.push(Cloud::Aws),
                CloudArg::Azure => clouds.push(Cloud::Azure),
                CloudArg::Google => clouds.push(Cloud::Google),
                CloudArg::None if self.cloud_credentials.len() > 1 => {
                    return Err(Error::usage("`--cloud-credentials none` stands alone"));
                }
                CloudArg::None => {}
            }
        }
        CloudKeys::new(&settings, &clouds).map_err(Error::usage)
    }

    /// The docker configuration that was given, or else the first that is there.
    ///
    /// # Errors
    /// When a file that was given, or that is there, cannot be read.
    pub(super) fn docker(&self) -> Result<DockerFile, Error> {
        let open = |path: PathBuf| Ok(DockerFile::new(path.clone(), docker_config(&path)?));
        if let Some(path) = &self.docker_config {
            return open(if path.is_dir() { path.join("config.json") } else { path.clone() });
        }
        let found =
            default_paths(Variable::DockerConfig.path(), Variable::RegistryAuthFile.path(), Variable::Home.path())
                .into_iter()
                .find(|path| path.exists());
        found.map_or_else(|| Ok(DockerFile::default()), open)
    }
}

/// A credential of the command line, for one registry.
struct Login {
    registry: Registry,
    credential: Credential,
}

impl Keychain for Login {
    fn credentials<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        let is_it = repository.registry() == &self.registry;
        ready(if is_it { vec![self.credential.clone()] } else { Vec::new() }).boxed()
    }
}

/// `HOST=NAME`.
fn login(text: &str) -> Result<(Registry, String), String> {
    let (registry, name) = text.split_once('=').ok_or("a login is a registry and a name, as in `ghcr.io=robot`")?;
    if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) {
        return Err("the name is empty, or holds what no name can hold".to_owned());
    }
    Ok((registry.parse().map_err(|error| format!("`{registry}`: {error}"))?, name.to_owned()))
}

/// The proxy of the environment.
///
/// # Errors
/// When the environment names what is none.
pub(super) fn proxy() -> Result<Option<Proxy>, Error> {
    let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, env::text(name)?)));
    let Some((name, address)) = first(["HTTPS_PROXY", "https_proxy"]) else {
        return Ok(None);
    };
    let direct = first(["NO_PROXY", "no_proxy"]).map(|(_, direct)| direct).unwrap_or_default();
    Proxy::new(&address, &direct).map(Some).map_err(|why| Error::usage(format!("`{name}`: {why}")))
}

/// The clouds whose credentials are used where nobody says. The machines of AWS and Google say nothing about themselves in
/// the environment: their metadata service is asked, when an image of theirs is.
fn of_environment(settings: &Settings) -> Vec<Cloud> {
    let mut clouds = vec![Cloud::Google];
    if settings.aws.say_who_asks() || settings.aws.metadata_endpoint.is_some() {
        clouds.push(Cloud::Aws);
    }
    if settings.azure.say_who_asks() {
        clouds.push(Cloud::Azure);
    }
    clouds
}

fn default_paths(
    docker_config: Option<PathBuf>,
    registry_auth_file: Option<PathBuf>,
    home: Option<PathBuf>,
) -> Vec<PathBuf> {
    let docker = docker_config.map(|folder| folder.join("config.json"));
    let home = home.map(|folder| folder.join(".docker").join("config.json"));
    [docker, registry_auth_file, home].into_iter().flatten().collect()
}

pub(super) fn docker_config(path: &Path) -> Result<DockerConfig, Error> {
    let bytes = file::read("the docker configuration", path, limits::DOCKER_CONFIG_BYTES)?;
    DockerConfig::parse(&bytes)
        .map_err(|error| Error::usage(format!("the docker configuration `{}`: {error}", path.display())))
}

/// The certificates in a PEM file, of which there is at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = file::read("the certificate authorities", path, limits::CERTIFICATE_FILE_BYTES)?;
    let found = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::usage(format!("the certificate authorities `{}`: {error}", path.display())))?;
    if found.is_empty() {
        return Err(Error::usage(format!("`{}` holds no certificate in PEM", path.display())));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_file_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let args = RegistryArgs { docker_config: Some(path.clone()), ..RegistryArgs::default() };
        assert!(args.docker().is_err());
        std::fs::write(&path, "{}").unwrap();
        assert!(args.docker().is_ok());
        let directory = RegistryArgs { docker_config: Some(folder.path().to_owned()), ..RegistryArgs::default() };
        assert!(directory.docker().is_ok());
        std::fs::write(&path, "{").unwrap();
        assert!(args.docker().is_err());
    }

    #[test]
    fn the_paths_in_their_order() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(
            default_paths(path("/d"), path("/r.json"), path("/h")),
            [path("/d/config.json"), path("/r.json"), path("/h/.docker/config.json")].map(Option::unwrap)
        );
        assert!(default_paths(None, None, None).is_empty());
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let args = RegistryArgs { registry_ca: vec![path.clone()], ..RegistryArgs::default() };
        for (text, error) in [
            ("", "holds no certificate in PEM"),
            ("garbage", "holds no certificate in PEM"),
            ("-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n", "the certificate authorities"),
        ] {
            std::fs::write(&path, text).unwrap();
            let found = args.options().unwrap_err().to_string();
            assert!(found.contains(error), "{found}");
        }
        let ca = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&path, ca.cert.pem().repeat(2)).unwrap();
        assert_eq!(args.options().unwrap().root_certificates.len(), 2);
    }

    #[test]
    fn clouds_are_used_where_the_environment_says_who_asks() {
        let of = |variables: &[(&str, &str)]| {
            let value =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            of_environment(&Settings::from_environment(value).unwrap())
        };
        assert_eq!(of(&[]), [Cloud::Google, Cloud::Aws], "the machine's role");
        let off = ("AWS_EC2_METADATA_DISABLED", "true");
        assert_eq!(of(&[off]), [Cloud::Google]);
        for variable in ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"] {
            assert_eq!(of(&[off, (variable, "x")]), [Cloud::Google, Cloud::Aws]);
        }
        let pod = [off, ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials")];
        assert_eq!(of(&pod), [Cloud::Google, Cloud::Aws]);
        assert_eq!(of(&[off, ("AZURE_CLIENT_ID", "x")]), [Cloud::Google, Cloud::Azure]);
        let args = RegistryArgs { cloud_credentials: vec![CloudArg::None, CloudArg::Aws], ..RegistryArgs::default() };
        assert!(args.clouds().is_err());
    }
}
