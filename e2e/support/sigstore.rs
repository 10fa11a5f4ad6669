//! A private Sigstore: an issuer of identity tokens, Fulcio, a certificate transparency log, Rekor in both versions and
//! a timestamp authority, with the files by which signers and verifiers know them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use pem::Pem;
use pkcs8::PrivateKeyInfo;
use pkcs8::pkcs5::pbes2;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::cluster::Cluster;
use super::process::{self, Daemon};
use super::{http, ports, scratch, tools};

/// How long a service may take to come up on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// The password of the key that Fulcio reads, which has to be encrypted.
const PASSWORD: &str = "fulcio";

/// A running private Sigstore. Its parts end when it is dropped.
pub(crate) struct Sigstore {
    _daemons: Vec<Daemon>,
    issuer: String,
    fulcio: String,
    rekor_v1: String,
    root: PathBuf,
    other_root: PathBuf,
    other_authority_root: PathBuf,
    chain: PathBuf,
    ct: PathBuf,
    rekor_v1_key: PathBuf,
    config_v1: PathBuf,
    config_v2: PathBuf,
}

impl Sigstore {
    /// The one private Sigstore that the tests of a run share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Sigstore> = LazyLock::new(Sigstore::start);
        &SHARED
    }

    /// Who issues the identity tokens, as certificates name it.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The address of Fulcio.
    pub(crate) fn fulcio(&self) -> &str {
        &self.fulcio
    }

    /// The address of Rekor v1.
    pub(crate) fn rekor_v1(&self) -> &str {
        &self.rekor_v1
    }

    /// The `trusted_root.json` with everything in it.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A `trusted_root.json` of the same form in which every key is another.
    pub(crate) fn other_root(&self) -> &Path {
        &self.other_root
    }

    /// A `trusted_root.json` in which the authority of the certificates is another, and the rest the same.
    pub(crate) fn other_authority_root(&self) -> &Path {
        &self.other_authority_root
    }

    /// The `signing_config.json` with Rekor v1 and no timestamp authority.
    pub(crate) fn config_v1(&self) -> &Path {
        &self.config_v1
    }

    /// The `signing_config.json` with Rekor v2 and the timestamp authority.
    pub(crate) fn config_v2(&self) -> &Path {
        &self.config_v2
    }

    /// Tells cosign 2 whom to believe while it signs.
    pub(crate) fn known_to_cosign2(&self, command: &mut Command) {
        command.env("SIGSTORE_ROOT_FILE", &self.chain).env("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", &self.ct);
        command.env("SIGSTORE_REKOR_PUBLIC_KEY", &self.rekor_v1_key);
    }

    /// A new identity token for the holder of this address.
    pub(crate) fn token(&self, email: &str) -> String {
        let answer = http::send("GET", &format!("{}/token?email={email}", self.issuer), None, &[], b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().to_owned()
    }

    fn start() -> Self {
        Self::start_at("127.0.0.1", None)
    }

    /// Starts one at another address of this machine, whose Fulcio believes the ServiceAccounts of `cluster` too.
    pub(crate) fn start_at(address: &str, cluster: Option<&Cluster>) -> Self {
        let folder = scratch::folder("sigstore");
        let ports: [u16; 10] = std::array::from_fn(|_| ports::free());
        let [issuer, ct, trillian, fulcio, fulcio_grpc, metrics, rekor_v1, rekor_v2, rekor_v2_grpc, tsa] = ports;
        let rekor_v2_metrics = ports::free();
        let keys = Keys::make(&folder);
        let listener = |port: u16| format!("{address}:{port}");
        let at = |port: u16| format!("http://{}", listener(port));

        let mut oidc = Service::start("oidc", &format!("{}/keys", at(issuer)), |command| {
            command.args(["-addr", &listener(issuer)]);
        });
        let mut log = Service::start("ctstack", &format!("{}/healthz", at(ct)), |command| {
            command.args(["-rpc", &listener(trillian), "-http", &listener(ct)]);
            command.arg("-roots").arg(&keys.root).arg("-key").arg(&keys.ct.private);
        });
        let mut stamps = Service::start("tsa", &format!("{}/ping", at(tsa)), |command| {
            command.args(["serve", "--host", address, "--port", &tsa.to_string()]);
            command.args(["--timestamp-signer", "memory", "--disable-ntp-monitoring"]);
        });
        let mut tiles = Service::start("rekor2", &format!("{}/healthz", at(rekor_v2)), |command| {
            command.args(["serve", "--http-address", address, "--http-port", &rekor_v2.to_string()]);
            command.args(["--grpc-port", &rekor_v2_grpc.to_string()]);
            command.args(["--http-metrics-port", &rekor_v2_metrics.to_string()]);
            // The origin of its checkpoints, by which the trusted root knows it.
            command.args(["--hostname", address]).arg("--storage-dir").arg(folder.join("tiles"));
            command.arg("--signer-filepath").arg(&keys.rekor_v2.private);
            command.args(["--checkpoint-interval", "100ms", "--batch-max-age", "50ms"]);
        });
        oidc.wait();
        log.wait();
        let mut authority = Service::start("fulcio", &format!("{}/healthz", at(fulcio)), |command| {
            command.args(["serve", "--host", address, "--port", &fulcio.to_string()]);
            // Its own front looks for it at `localhost`.
            command.args(["--grpc-host", "127.0.0.1", "--grpc-port", &fulcio_grpc.to_string()]);
            command.args(["--metrics-port", &metrics.to_string()]);
            command.arg("--legacy-unix-domain-socket").arg(folder.join("fulcio.sock"));
            command.args(["--ca", "fileca", "--fileca-watch=false", "--fileca-key-passwd", PASSWORD]);
            command.arg("--fileca-cert").arg(&keys.chain).arg("--fileca-key").arg(&keys.intermediate);
            command.arg("--ct-log-url").arg(format!("{}/ct", at(ct)));
            command.arg("--ct-log-public-key-path").arg(&keys.ct.public);
            command.arg("--config-path").arg(scratch::file(&folder, "fulcio.yaml", issuers(&at(issuer), cluster)));
        });
        let mut rekor = Service::start("rekor1", &format!("{}/ping", at(rekor_v1)), |command| {
            command.args(["serve", "--host", address, "--port", &rekor_v1.to_string()]);
            command.args(["--rekor_server.address", address, "--trillian_log_server.address", address]);
            command.args(["--trillian_log_server.port", &trillian.to_string()]);
            command.arg("--rekor_server.signer").arg(&keys.rekor_v1.private);
            command.args(["--rekor_server.hostname", "rekor.test.invalid"]);
            command.args(["--enable_retrieve_api=false", "--enable_attestation_storage=false"]);
        });
        for service in [&mut stamps, &mut tiles, &mut authority, &mut rekor] {
            service.wait();
        }
        let stamp = format!("{}/api/v1/timestamp", at(tsa));
        let chain = http::send("GET", &format!("{stamp}/certchain"), None, &[], b"");
        let stamps_chain = scratch::file(&folder, "tsa.pem", chain.body());

        let services = Urls {
            address,
            issuer: &at(issuer),
            fulcio: &at(fulcio),
            ct: &format!("{}/ct", at(ct)),
            rekor_v1: &at(rekor_v1),
            rekor_v2: &at(rekor_v2),
            tsa: &stamp,
        };
        let root = services.trusted_root(&folder.join("trusted_root.json"), &keys.chain, &keys, &stamps_chain);
        let folder_of_others = scratch::folder("other-sigstore");
        let others = Keys::make(&folder_of_others);
        let other_stamps = other_stamps(&folder_of_others);
        let root_of_others = |name: &str, logs: &Keys, stamps: &Path| {
            services.trusted_root(&folder_of_others.join(name), &others.chain, logs, stamps)
        };
        let other_root = root_of_others("all.json", &others, &other_stamps);
        let other_authority_root = root_of_others("authority.json", &keys, &stamps_chain);
        Self {
            config_v1: services.signing_config(&folder.join("v1.json"), 1),
            config_v2: services.signing_config(&folder.join("v2.json"), 2),
            issuer: at(issuer),
            fulcio: at(fulcio),
            rekor_v1: at(rekor_v1),
            root,
            other_root,
            other_authority_root,
            chain: keys.chain,
            ct: keys.ct.public,
            rekor_v1_key: keys.rekor_v1.public,
            _daemons: [authority, rekor, tiles, stamps, log, oidc].into_iter().map(|service| service.daemon).collect(),
        }
    }
}

/// A service that was started.
struct Service {
    daemon: Daemon,
    sign_of_life: String,
}

impl Service {
    fn start(name: &str, sign_of_life: &str, arguments: impl FnOnce(&mut Command)) -> Self {
        let mut command = tools::command(name);
        arguments(&mut command);
        Self { daemon: Daemon::start(name, command), sign_of_life: sign_of_life.to_owned() }
    }

    fn wait(&mut self) {
        let url = &self.sign_of_life;
        self.daemon.wait_until("up", START_LIMIT, || {
            http::try_send("GET", url, None, &[], b"").is_ok_and(|answer| answer.status == 200)
        });
    }
}

/// Where the services are.
struct Urls<'a> {
    address: &'a str,
    issuer: &'a str,
    fulcio: &'a str,
    ct: &'a str,
    rekor_v1: &'a str,
    rekor_v2: &'a str,
    tsa: &'a str,
}

/// Since when all of it counts.
const START: &str = "start-time=2024-01-01T00:00:00Z";

impl Urls<'_> {
    fn trusted_root(&self, path: &Path, chain: &Path, keys: &Keys, stamps: &Path) -> PathBuf {
        let Self { address, issuer: _, fulcio, ct, rekor_v1, rekor_v2, tsa } = self;
        let mut command = cosign();
        command.args(["trusted-root", "create", "--out"]).arg(path);
        command.arg("--fulcio").arg(format!("url={fulcio},certificate-chain={},{START}", chain.display()));
        command.arg("--ctfe").arg(format!("url={ct},public-key={},{START}", keys.ct.public.display()));
        let (v1, v2) = (keys.rekor_v1.public.display(), keys.rekor_v2.public.display());
        command.arg("--rekor").arg(format!("url={rekor_v1},public-key={v1},{START}"));
        command.arg("--rekor").arg(format!("url={rekor_v2},public-key={v2},{START},origin={address}"));
        command.arg("--tsa").arg(format!("url={tsa},certificate-chain={},{START}", stamps.display()));
        process::run(command).expect_success();
        path.to_owned()
    }

    fn signing_config(&self, path: &Path, version: u8) -> PathBuf {
        let service = |url: &str, version: u8| format!("url={url},api-version={version},{START},operator=test.invalid");
        let mut command = cosign();
        command.args(["signing-config", "create", "--out"]).arg(path);
        command.arg("--fulcio").arg(service(self.fulcio, 1)).arg("--oidc-provider").arg(service(self.issuer, 1));
        command.args(["--rekor-config", "ANY", "--rekor"]);
        if version == 1 {
            command.arg(service(self.rekor_v1, 1));
        } else {
            command.arg(service(self.rekor_v2, 2));
            command.args(["--tsa-config", "ANY", "--tsa"]).arg(service(self.tsa, 1));
        }
        process::run(command).expect_success();
        path.to_owned()
    }
}

fn cosign() -> Command {
    tools::command("cosign3")
}

/// Whose tokens Fulcio believes. In JSON the names would be others.
fn issuers(issuer: &str, cluster: Option<&Cluster>) -> String {
    let entry = |issuer: &str, kind: &str| {
        [
            format!("  {issuer}:"),
            format!("    issuer-url: {issuer}"),
            "    client-id: sigstore".to_owned(),
            format!("    type: {kind}"),
            "    description: test".to_owned(),
            "    contact: test".to_owned(),
        ]
    };
    let mut lines = vec!["oidc-issuers:".to_owned()];
    lines.extend(entry(issuer, "email"));
    if let Some(cluster) = cluster {
        lines.extend(entry(cluster.issuer(), "kubernetes"));
        let authority = fs::read_to_string(cluster.authority().file()).expect("the authority of the cluster");
        lines.push("    ca-cert: |".to_owned());
        lines.extend(authority.lines().map(|line| format!("      {line}")));
    }
    lines.join("\n")
}

/// The keys of one instance, in files.
struct Keys {
    /// The certificate of the authority.
    root: PathBuf,
    /// The intermediate's certificate and the authority's.
    chain: PathBuf,
    /// The intermediate's key, encrypted.
    intermediate: PathBuf,
    ct: Pair,
    rekor_v1: Pair,
    rekor_v2: Pair,
}

struct Pair {
    private: PathBuf,
    public: PathBuf,
}

impl Keys {
    fn make(folder: &Path) -> Self {
        let (root, root_key) = authority("fulcio-root", BasicConstraints::Constrained(1), &[]);
        let root_pem = root.self_signed(&root_key).expect("a certificate").pem();
        let usages = [ExtendedKeyUsagePurpose::CodeSigning];
        let (intermediate, key) = authority("fulcio-intermediate", BasicConstraints::Constrained(0), &usages);
        let intermediate_pem = intermediate.signed_by(&key, &Issuer::new(root, root_key)).expect("a certificate").pem();
        Self {
            root: scratch::file(folder, "root.pem", &root_pem),
            chain: scratch::file(folder, "chain.pem", format!("{intermediate_pem}{root_pem}")),
            intermediate: scratch::file(folder, "intermediate.key", encrypted(&key.serialize_der())),
            ct: Pair::p256(folder, "ct"),
            rekor_v1: Pair::p256(folder, "rekor1"),
            rekor_v2: Pair::ed25519(folder, "rekor2"),
        }
    }
}

impl Pair {
    fn p256(folder: &Path, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        Self {
            private: scratch::file(folder, &format!("{name}.key"), key.serialize_pem()),
            public: scratch::file(folder, &format!("{name}.pub"), key.public_key_pem()),
        }
    }

    fn ed25519(folder: &Path, name: &str) -> Self {
        let key = Ed25519KeyPair::generate().expect("a key");
        // Go reads no version 2.
        let private = key.to_pkcs8v1().expect("the private key");
        let public: PublicKeyX509Der<'_> = key.public_key().as_der().expect("the public key");
        Self {
            private: scratch::file(
                folder,
                &format!("{name}.key"),
                pem::encode(&Pem::new("PRIVATE KEY", private.as_ref())),
            ),
            public: scratch::file(
                folder,
                &format!("{name}.pub"),
                pem::encode(&Pem::new("PUBLIC KEY", public.as_ref())),
            ),
        }
    }
}

fn authority(
    name: &str,
    constraints: BasicConstraints,
    usages: &[ExtendedKeyUsagePurpose],
) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "test.invalid");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = usages.to_vec();
    params.use_authority_key_identifier_extension = true;
    (params, KeyPair::generate().expect("a key"))
}

/// A chain of a timestamp authority that never signed anything.
fn other_stamps(folder: &Path) -> PathBuf {
    let (root, root_key) = authority("tsa-root", BasicConstraints::Constrained(0), &[]);
    let root_pem = root.self_signed(&root_key).expect("a certificate").pem();
    let (mut leaf, key) = authority("tsa", BasicConstraints::Unconstrained, &[ExtendedKeyUsagePurpose::TimeStamping]);
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let leaf_pem = leaf.signed_by(&key, &Issuer::new(root, root_key)).expect("a certificate").pem();
    scratch::file(folder, "tsa.pem", format!("{leaf_pem}{root_pem}"))
}

/// The key as PKCS#8, encrypted with PBES2.
fn encrypted(pkcs8: &[u8]) -> String {
    let info = PrivateKeyInfo::try_from(pkcs8).expect("a private key");
    let parameters = pbes2::Parameters::pbkdf2_sha256_aes256cbc(2048, &[1; 16], &[2; 16]).expect("parameters");
    let encrypted = info.encrypt_with_params(parameters, PASSWORD).expect("an encrypted key");
    pem::encode(&Pem::new("ENCRYPTED PRIVATE KEY", encrypted.as_bytes()))
}
