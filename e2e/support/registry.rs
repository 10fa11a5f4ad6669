//! Real registries: one that has the referrers API and one that has not, behind each kind of access.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::http::{self, Answer};
use super::pki::Authority;
use super::process::{self, Daemon};
use super::{ports, scratch, tools};

/// The credentials that every registry with a lock on it asks for, and their bcrypt line for distribution.
const USER: &str = "u";
const PASSWORD: &str = "p";
const HTPASSWD: &str = "u:$2a$04$CmvJgwFStLKcHpQaYwQuD.FmTaLyzi.v7RhoVEFnGw3KXuU8y39D.\n";

/// The manifests that a request by hand understands.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

/// A registry as it is met in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Referrers API, plain HTTP, open to all.
    Referrers,
    /// Referrers API, TLS, a user name and a password with each request.
    ReferrersBasic,
    /// Referrers API, TLS, a token fetched for a user name and a password.
    ReferrersBearer,
    /// No referrers API, plain HTTP, open to all.
    Tags,
    /// No referrers API, TLS, a user name and a password with each request.
    TagsBasic,
}

impl Kind {
    /// Every kind of registry.
    pub(crate) const ALL: [Self; 5] =
        [Self::Referrers, Self::ReferrersBasic, Self::ReferrersBearer, Self::Tags, Self::TagsBasic];

    /// Whether it answers `/v2/<name>/referrers/<digest>`.
    pub(crate) fn has_referrers(self) -> bool {
        matches!(self, Self::Referrers | Self::ReferrersBasic | Self::ReferrersBearer)
    }

    fn is_locked(self) -> bool {
        matches!(self, Self::ReferrersBasic | Self::ReferrersBearer | Self::TagsBasic)
    }
}

/// A running registry.
pub(crate) struct Registry {
    daemon: Daemon,
    kind: Kind,
    host: String,
    authority: Option<Authority>,
    docker_config: PathBuf,
}

/// An image in a registry.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// `host/repository`.
    pub(crate) repository: String,
    /// The tag under which it was pushed.
    pub(crate) tag: String,
    /// The digest of its manifest, `sha256:…`.
    pub(crate) digest: String,
}

impl Image {
    /// `host/repository:tag`.
    pub(crate) fn by_tag(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }

    /// `host/repository@sha256:…`.
    pub(crate) fn by_digest(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }

    /// `host/repository:tag@sha256:…`, which is what a Pod says after it was pinned.
    pub(crate) fn pinned(&self) -> String {
        format!("{}:{}@{}", self.repository, self.tag, self.digest)
    }

    /// `host/repository:sha256-….suffix`, where cosign keeps what belongs to the image.
    pub(crate) fn attached(&self, suffix: &str) -> String {
        format!("{}:{}{suffix}", self.repository, self.digest.replace(':', "-"))
    }
}

impl Registry {
    /// The one registry of this kind that the tests of a run share.
    pub(crate) fn shared(kind: Kind) -> &'static Self {
        static SHARED: [LazyLock<Registry>; 5] = [
            LazyLock::new(|| Registry::start(Kind::Referrers)),
            LazyLock::new(|| Registry::start(Kind::ReferrersBasic)),
            LazyLock::new(|| Registry::start(Kind::ReferrersBearer)),
            LazyLock::new(|| Registry::start(Kind::Tags)),
            LazyLock::new(|| Registry::start(Kind::TagsBasic)),
        ];
        let index = Kind::ALL.iter().position(|known| *known == kind).expect("a kind of ALL");
        &SHARED[index]
    }

    /// Starts a registry for one test alone, which may end it.
    pub(crate) fn start(kind: Kind) -> Self {
        Self::start_at("127.0.0.1", kind)
    }

    /// The same, at another address of this machine.
    pub(crate) fn start_at(address: &str, kind: Kind) -> Self {
        let host = format!("{address}:{}", ports::free());
        let authority = kind.is_locked().then(|| Authority::new("registry-ca"));
        let command = match kind {
            Kind::Referrers | Kind::ReferrersBasic | Kind::ReferrersBearer => testreg(kind, &host, authority.as_ref()),
            Kind::Tags | Kind::TagsBasic => distribution(&host, authority.as_ref()),
        };
        let mut daemon = Daemon::start(&format!("registry-{kind:?}").to_lowercase(), command);
        daemon.wait_until("listening", Duration::from_secs(20), || ports::answers(&host));
        let auths = match kind.is_locked() {
            true => json!({"auths": {&host: {"auth": BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"))}}}),
            false => json!({}),
        };
        let docker_config = scratch::folder("docker");
        scratch::file(&docker_config, "config.json", auths.to_string());
        Self { daemon, kind, host, authority, docker_config }
    }

    /// `ADDRESS:PORT`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The kind of registry that this is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The folder with the `config.json` that opens this registry.
    pub(crate) fn docker_config(&self) -> &Path {
        &self.docker_config
    }

    /// The file with the certificate authority of its server certificate; absent over plain HTTP.
    pub(crate) fn ca(&self) -> Option<&Path> {
        self.authority.as_ref().map(Authority::file)
    }

    /// Ends the registry: from now on its port refuses connections.
    pub(crate) fn stop(self) {
        drop(self.daemon);
    }

    /// Sets what a Go program needs to reach this registry.
    pub(crate) fn open_for(&self, command: &mut Command) {
        command.env("DOCKER_CONFIG", &self.docker_config);
        if let Some(ca) = self.ca() {
            command.env("SSL_CERT_FILE", ca);
        }
    }

    /// Pushes an image that no other push has made, as `repository:tag`.
    pub(crate) fn push(&self, repository: &str, tag: &str) -> Image {
        let root = scratch::folder("image");
        let mut content = [0; 16];
        aws_lc_rs::rand::fill(&mut content).expect("random bytes");
        scratch::file(&root, "content", hex(&content));
        self.push_root(&root, repository, tag)
    }

    /// Pushes an image with the root file system `root`, as `repository:tag`.
    pub(crate) fn push_root(&self, root: &Path, repository: &str, tag: &str) -> Image {
        let layer = scratch::folder("layer").join("layer.tar");
        let mut tar = Command::new("tar");
        tar.args(["--owner=0", "--group=0", "--mtime=@0", "-C"]).arg(root).arg("-cf").arg(&layer).arg(".");
        process::run(tar).expect_success();
        let repository = format!("{}/{repository}", self.host);
        let layer = layer.display().to_string();
        let name = format!("{repository}:{tag}");
        let pushed = self.crane(&["append", "--oci-empty-base", "-f", &layer, "-t", &name]);
        Image { repository, tag: tag.to_owned(), digest: digest_in(&pushed) }
    }

    /// Gives the image a program to start, as the user 65532.
    pub(crate) fn give_entry_point(&self, image: &Image, program: &str) -> Image {
        let name = image.by_tag();
        let platform = ["--set-platform", "linux/amd64"];
        let arguments = ["mutate", &name, "--entrypoint", program, "--user", "65532:65532", "-t", &name];
        Image { digest: digest_in(&self.crane(&[&arguments[..], &platform].concat())), ..image.clone() }
    }

    /// The same image under `tag`, with a label that makes it another one.
    pub(crate) fn labelled(&self, image: &Image, tag: &str) -> Image {
        let name = format!("{}:{tag}", image.repository);
        let label = format!("tag={tag}");
        let printed = self.crane(&["mutate", &image.by_digest(), "--label", &label, "-t", &name]);
        Image { digest: digest_in(&printed), tag: tag.to_owned(), ..image.clone() }
    }

    /// Runs `crane` against this registry and gives what it printed.
    pub(crate) fn crane(&self, arguments: &[&str]) -> String {
        let mut crane = tools::command("crane");
        crane.args(arguments);
        self.open_for(&mut crane);
        process::run(crane).expect_success()
    }

    /// Sends one request of the distribution API to this registry, which must be open to all.
    pub(crate) fn request(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Answer {
        assert!(!self.kind.is_locked(), "only open registries are written to by hand");
        let url = if path.starts_with("http") { path.to_owned() } else { format!("http://{}{path}", self.host) };
        http::send(method, &url, None, &[("content-type", content_type), ("accept", MANIFESTS)], body)
    }

    /// Stores `bytes` as a blob of `repository` and gives its descriptor.
    pub(crate) fn put_blob(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        let upload = self.request("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"");
        let place = upload.header("location").expect("the place of the upload");
        let join = if place.contains('?') { '&' } else { '?' };
        let stored = self.request("PUT", &format!("{place}{join}digest={digest}"), "application/octet-stream", bytes);
        assert_eq!(stored.status, 201, "{}", stored.text());
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// Stores `manifest` under `reference`, or under its own digest, and gives that digest.
    pub(crate) fn put_manifest(&self, repository: &str, reference: Option<&str>, manifest: &Value) -> String {
        let bytes = manifest.to_string();
        let digest = digest(bytes.as_bytes());
        let path = format!("/v2/{repository}/manifests/{}", reference.unwrap_or(&digest));
        let media_type = manifest.get("mediaType").and_then(Value::as_str).expect("a manifest with its media type");
        let stored = self.request("PUT", &path, media_type, bytes.as_bytes());
        assert_eq!(stored.status, 201, "{}", stored.text());
        digest
    }
}

/// The digest of the image that crane says it pushed.
fn digest_in(printed: &str) -> String {
    printed.trim().rsplit_once('@').expect("crane prints the digest").1.to_owned()
}

/// `sha256:…` of these bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn address_of(host: &str) -> &str {
    host.split_once(':').map_or(host, |(address, _)| address)
}

fn testreg(kind: Kind, host: &str, authority: Option<&Authority>) -> Command {
    let mut command = tools::command("testreg");
    command.args(["-addr", host]);
    if let Some(authority) = authority {
        let leaf = authority.server("registry", &[address_of(host)]);
        command.arg("-tls-cert").arg(&leaf.certificate).arg("-tls-key").arg(&leaf.key);
        command.args(["-auth", &format!("{USER}:{PASSWORD}")]);
    }
    if kind == Kind::ReferrersBearer {
        command.arg("-bearer");
    }
    command
}

fn distribution(host: &str, authority: Option<&Authority>) -> Command {
    let folder = scratch::folder("distribution");
    let mut http = json!({"addr": host, "secret": "one process needs no shared secret"});
    // The configuration is YAML, of which JSON is a part.
    let mut config = json!({
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": true}},
        "storage": {"inmemory": {}, "delete": {"enabled": true}},
    });
    if let Some(authority) = authority {
        let leaf = authority.server("registry", &[address_of(host)]);
        http["tls"] = json!({"certificate": leaf.certificate, "key": leaf.key});
        let file = scratch::file(&folder, "htpasswd", HTPASSWD);
        config["auth"] = json!({"htpasswd": {"realm": "test", "path": file}});
    }
    config["http"] = http;
    let mut command = tools::command("distribution");
    command.arg("serve").arg(scratch::file(&folder, "config.yaml", config.to_string()));
    command
}
