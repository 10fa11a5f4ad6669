//! The real cosign, in the two major versions that are in use, signing with a key and without any network service.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use super::process::{self, Outcome};
use super::registry::Registry;
use super::sigstore::Sigstore;
use super::{scratch, tools};

/// The password of every key that the tests make.
pub(crate) const PASSWORD: &str = "of the end-to-end tests";

/// What `cosign attest --type custom` writes as the predicate type.
pub(crate) const CUSTOM_PREDICATE: &str = "https://cosign.sigstore.dev/attestation/v1";

/// A key pair in cosign's files.
#[derive(Clone, Debug)]
pub(crate) struct KeyPair {
    /// The encrypted private key.
    pub(crate) private: PathBuf,
    /// The public key, PEM.
    pub(crate) public: PathBuf,
}

impl KeyPair {
    /// The key pair whose files are called `PREFIX.key` and `PREFIX.pub`.
    pub(crate) fn at(prefix: &Path) -> Self {
        Self { private: prefix.with_extension("key"), public: prefix.with_extension("pub") }
    }

    /// The key that the tests' policies trust, made by cosign.
    pub(crate) fn trusted() -> &'static Self {
        static TRUSTED: LazyLock<KeyPair> = LazyLock::new(|| Cosign::V3.generate_key_pair());
        &TRUSTED
    }

    /// A key that no policy trusts, made by cosign.
    pub(crate) fn foreign() -> &'static Self {
        static FOREIGN: LazyLock<KeyPair> = LazyLock::new(|| Cosign::V2.generate_key_pair());
        &FOREIGN
    }

    /// The public key, PEM.
    pub(crate) fn public_pem(&self) -> String {
        std::fs::read_to_string(&self.public).expect("the public key")
    }
}

/// A major version of cosign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cosign {
    /// Writes tags beside the image: `sha256-….sig` and `sha256-….att`.
    V2,
    /// Writes Sigstore bundles as referrers, or under the fallback tag.
    V3,
}

/// Where evidence is looked for by cosign, which unlike countersign has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Sigstore bundles.
    Bundle,
    /// The tags `.sig` and `.att`.
    Tags,
}

impl Layout {
    /// Both layouts.
    pub(crate) const ALL: [Self; 2] = [Self::Bundle, Self::Tags];
}

impl Cosign {
    /// Both versions.
    pub(crate) const ALL: [Self; 2] = [Self::V2, Self::V3];

    /// The layout in which this version signs.
    pub(crate) fn layout(self) -> Layout {
        match self {
            Self::V2 => Layout::Tags,
            Self::V3 => Layout::Bundle,
        }
    }

    /// The version that reads this layout and nothing else when it is told to. The other one also finds the other
    /// layout by itself, so that it cannot say what is not there.
    pub(crate) fn strict_reader(layout: Layout) -> Self {
        match layout {
            Layout::Bundle => Self::V2,
            Layout::Tags => Self::V3,
        }
    }

    /// Makes a key pair.
    pub(crate) fn generate_key_pair(self) -> KeyPair {
        let prefix = scratch::folder("key").join("cosign");
        let mut command = self.command(None);
        command.args(["generate-key-pair", "--output-key-prefix"]).arg(&prefix);
        process::run(command).expect_success();
        KeyPair::at(&prefix)
    }

    /// Signs the image, which is named by its digest.
    pub(crate) fn sign(self, registry: &Registry, key: &KeyPair, image: &str) {
        let mut command = self.command(Some(registry));
        command.args(["sign", "-y", "--key"]).arg(&key.private);
        self.stay_offline(&mut command);
        command.arg(image);
        process::run(command).expect_success();
    }

    /// Attaches a custom predicate to the image, which is named by its digest.
    pub(crate) fn attest(self, registry: &Registry, key: &KeyPair, image: &str) {
        let predicate = scratch::file(&scratch::folder("predicate"), "predicate.json", r#"{"tests":"passed"}"#);
        let mut command = self.command(Some(registry));
        command.args(["attest", "-y", "--type", "custom", "--predicate"]).arg(predicate);
        command.arg("--key").arg(&key.private);
        self.stay_offline(&mut command);
        command.arg(image);
        process::run(command).expect_success();
    }

    /// Verifies the image's signature with a public key, looking in one layout.
    pub(crate) fn verify(self, registry: &Registry, key: &KeyPair, image: &str, layout: Layout) -> Outcome {
        let mut command = self.command(Some(registry));
        command.arg("verify");
        self.verification(command, key, image, layout)
    }

    /// Verifies a custom attestation of the image with a public key, looking in one layout.
    pub(crate) fn verify_attestation(self, registry: &Registry, key: &KeyPair, image: &str, layout: Layout) -> Outcome {
        let mut command = self.command(Some(registry));
        command.args(["verify-attestation", "--type", "custom"]);
        self.verification(command, key, image, layout)
    }

    fn verification(self, mut command: Command, key: &KeyPair, image: &str, layout: Layout) -> Outcome {
        let bundle = layout == Layout::Bundle;
        command.arg("--key").arg(&key.public).arg("--insecure-ignore-tlog=true");
        command.arg(format!("--new-bundle-format={bundle}"));
        command.arg("--trusted-root").arg(empty_trusted_root());
        command.arg(image);
        process::run(command)
    }

    /// Verifies the image's signature with a public key and the entry of a log of the private Sigstore.
    pub(crate) fn verify_logged(
        self,
        registry: &Registry,
        key: &KeyPair,
        sigstore: &Sigstore,
        image: &str,
        layout: Layout,
    ) -> Outcome {
        let mut command = self.command(Some(registry));
        command.arg("verify").arg("--key").arg(&key.public);
        command.arg(format!("--new-bundle-format={}", layout == Layout::Bundle));
        command.arg("--trusted-root").arg(sigstore.root());
        command.arg(image);
        process::run(command)
    }

    /// cosign, told nothing yet but how to reach `registry`.
    pub(super) fn command(self, registry: Option<&Registry>) -> Command {
        static TUF: LazyLock<PathBuf> = LazyLock::new(|| scratch::folder("tuf"));
        let mut command = tools::command(match self {
            Self::V2 => "cosign2",
            Self::V3 => "cosign3",
        });
        command.env("COSIGN_PASSWORD", PASSWORD).env("TUF_ROOT", &*TUF);
        if let Some(registry) = registry {
            registry.open_for(&mut command);
        }
        command
    }

    fn stay_offline(self, command: &mut Command) {
        match self {
            Self::V2 => command.arg("--tlog-upload=false"),
            Self::V3 => command.arg("--signing-config").arg(empty_signing_config()),
        };
    }
}

/// A signing configuration that names no service.
fn empty_signing_config() -> &'static Path {
    static EMPTY: LazyLock<PathBuf> = LazyLock::new(|| {
        let path = scratch::folder("signing-config").join("empty.json");
        let mut command = Cosign::V3.command(None);
        command.args(["signing-config", "create", "--out"]).arg(&path);
        process::run(command).expect_success();
        path
    });
    &EMPTY
}

/// A trusted root that trusts nobody. Without one cosign would ask a public service for it.
fn empty_trusted_root() -> &'static Path {
    static EMPTY: LazyLock<PathBuf> = LazyLock::new(|| {
        let root = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;
        scratch::file(&scratch::folder("trusted-root"), "trusted_root.json", root)
    });
    &EMPTY
}
