//! The registry with its images, and the program under measurement.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::demo;
use countersign::registry::{Anonymous, Client, Options};
use countersign::signer::{self, Before, Format, SignRequest, Signatory, SigningKey};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

/// A signed image.
pub(crate) struct Image {
    /// By its tag.
    pub(crate) tag: String,
    /// By its tag and digest, as `/mutate` leaves it.
    pub(crate) pinned: String,
}

/// A registry full of signed images, a policy that trusts their key, and a certificate.
pub(crate) struct Workshop {
    registry: demo::Running,
    images: Vec<Image>,
    folder: tempfile::TempDir,
    authority: CertificateDer<'static>,
}

impl Workshop {
    /// Signs `count` images in the layout of cosign 2, as the figures of the reference were measured.
    pub(crate) async fn set_up(count: usize) -> Self {
        let registry = demo::Registry::start(demo::Options::default()).await.expect("a registry");
        let key = SigningKey::generate().expect("a key");
        let client = Client::new(Options::default()).expect("a client");
        let mut images = Vec::new();
        for index in 0..count {
            let path = format!("bench/app-{index}");
            let image = registry.seed_image(&path, "v1").expect("an image");
            let tag = format!("{}/{path}:v1", registry.address());
            let request = SignRequest {
                image: &tag.parse().expect("a reference"),
                digest: None,
                signatory: Signatory::Key(&key),
                annotations: &Default::default(),
                format: Format::Legacy,
                before: Before::Replace,
                now: jiff::Timestamp::now(),
            };
            let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
            let _signed = signer::sign(&request, &client, &Anonymous, deadline).await.expect("a signature");
            images.push(Image { pinned: format!("{tag}@{}", image.digest()), tag });
        }
        let folder = tempfile::tempdir().expect("a folder");
        let authority = certificates(folder.path());
        fs::create_dir(folder.path().join("policies")).expect("a folder");
        let policy = policy(registry.address(), &key.public_pem());
        fs::write(folder.path().join("policies/policy.yaml"), policy).expect("a file");
        Self { registry, images, folder, authority }
    }

    pub(crate) fn image(&self, index: usize) -> &Image {
        &self.images[index]
    }

    /// The requests that the registry has answered.
    pub(crate) fn registry_requests(&self) -> usize {
        usize::try_from(self.registry.requests()).expect("a count")
    }

    /// What a client of the program has to trust.
    pub(crate) fn tls(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).expect("an authority");
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

/// Writes `tls.crt` and `tls.key` for loopback into `folder`, and returns their authority.
fn certificates(folder: &Path) -> CertificateDer<'static> {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).expect("an authority").der().clone();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).expect("parameters");
    let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");
    fs::write(folder.join("tls.crt"), leaf.pem()).expect("a file");
    fs::write(folder.join("tls.key"), key.serialize_pem()).expect("a file");
    authority
}

fn policy(registry: SocketAddr, key: &str) -> String {
    let key: String = key.lines().map(|line| format!("          {line}\n")).collect();
    format!(
        "apiVersion: countersign.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {{name: bench}}\nspec:\n  images:\n    \
         - glob: \"{registry}/**\"\n  authorities:\n    - name: ci\n      key:\n        data: |\n{key}"
    )
}

/// `countersign serve` as a process.
pub(crate) struct Served {
    child: Child,
    address: SocketAddr,
    start_to_ready: Duration,
}

impl Served {
    /// Starts the program and waits until it is ready.
    pub(crate) async fn start(workshop: &Workshop) -> Self {
        let folder = workshop.folder.path();
        let addr_file = folder.join("address");
        let start = Instant::now();
        let child = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"])
            .arg("--policies")
            .arg(folder.join("policies"))
            .arg("--tls-cert")
            .arg(folder.join("tls.crt"))
            .arg("--tls-key")
            .arg(folder.join("tls.key"))
            .arg("--addr-file")
            .arg(&addr_file)
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let client =
            reqwest::Client::builder().tls_backend_preconfigured(workshop.tls()).no_proxy().build().expect("a client");
        let address = loop {
            let written = fs::read_to_string(&addr_file).ok().and_then(|text| text.trim().parse::<SocketAddr>().ok());
            if let Some(address) = written {
                let ready = client.get(format!("https://{address}/readyz")).send().await;
                if ready.is_ok_and(|answer| answer.status().is_success()) {
                    break address;
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        Self { child, address, start_to_ready: start.elapsed() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn start_to_ready(&self) -> Duration {
        self.start_to_ready
    }

    /// `VmRSS` in units of 10^6 bytes.
    pub(crate) fn resident_megabytes(&self) -> f64 {
        let status = fs::File::open(format!("/proc/{}/status", self.child.id())).expect("a running process");
        let line = BufReader::new(status).lines().map_while(Result::ok).find(|line| line.starts_with("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        kibibytes.expect("VmRSS") * 1024.0 / 1e6
    }

    /// Processor time, of all threads, in user and system mode.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("a running process");
        // The name in parentheses may hold spaces; fields are counted behind it (proc(5): utime is field 14).
        let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
        let ticks = |index: usize| fields[index].parse::<u64>().expect("ticks");
        // The kernel counts in ticks of a hundredth of a second (USER_HZ), whatever its own clock.
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Its size in units of 10^6 bytes.
pub(crate) fn binary_megabytes() -> f64 {
    let bytes = fs::metadata(program()).expect("the program").len();
    f64::from(u32::try_from(bytes).expect("a program below 4 GB")) / 1e6
}

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_countersign"))
}
