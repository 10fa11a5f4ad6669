//! Signing and verifying without a key, by the real cosign and by countersign, with the private Sigstore.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cosign::Cosign;
use super::countersign::program;
use super::process::{self, Outcome};
use super::registry::Registry;
use super::scratch;
use super::sigstore::Sigstore;

/// How evidence without a key looks, by what wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// The tags of cosign 2, with a promise of Rekor v1.
    Legacy,
    /// A bundle of cosign 3, with a promise and an inclusion proof of Rekor v1.
    RekorV1,
    /// A bundle of cosign 3, with an inclusion proof of Rekor v2 and a timestamp.
    RekorV2,
}

impl Flavour {
    /// Each of them.
    pub(crate) const ALL: [Self; 3] = [Self::Legacy, Self::RekorV1, Self::RekorV2];

    /// The version of cosign that writes it.
    fn cosign(self) -> Cosign {
        match self {
            Self::Legacy => Cosign::V2,
            Self::RekorV1 | Self::RekorV2 => Cosign::V3,
        }
    }

    /// Whether it is a bundle.
    fn is_bundle(self) -> bool {
        match self {
            Self::Legacy => false,
            Self::RekorV1 | Self::RekorV2 => true,
        }
    }

    /// What countersign calls the layout.
    pub(crate) fn format(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::RekorV1 | Self::RekorV2 => "bundle",
        }
    }

    /// The services with which it is made.
    pub(crate) fn config(self, sigstore: &Sigstore) -> &Path {
        match self {
            Self::Legacy | Self::RekorV1 => sigstore.config_v1(),
            Self::RekorV2 => sigstore.config_v2(),
        }
    }

    /// Signs the image, which is named by its digest, with cosign as the holder of `email`.
    pub(crate) fn sign(self, registry: &Registry, sigstore: &Sigstore, email: &str, image: &str) {
        let mut command = self.cosign().command(Some(registry));
        command.args(["sign", "-y"]);
        self.run(command, sigstore, email, image);
    }

    /// Attaches a custom predicate to the image, which is named by its digest, with cosign as the holder of `email`.
    pub(crate) fn attest(self, registry: &Registry, sigstore: &Sigstore, email: &str, image: &str) {
        let mut command = self.cosign().command(Some(registry));
        command.args(["attest", "-y", "--type", "custom", "--predicate"]).arg(predicate());
        self.run(command, sigstore, email, image);
    }

    fn run(self, mut command: Command, sigstore: &Sigstore, email: &str, image: &str) {
        command.args(["--identity-token", &sigstore.token(email)]);
        match self {
            Self::Legacy => {
                command.args(["--fulcio-url", sigstore.fulcio(), "--rekor-url", sigstore.rekor_v1()]);
                sigstore.known_to_cosign2(&mut command);
            }
            Self::RekorV1 | Self::RekorV2 => {
                command.arg("--signing-config").arg(self.config(sigstore));
                command.arg("--trusted-root").arg(sigstore.root());
            }
        }
        command.arg(image);
        process::run(command).expect_success();
    }

    /// Signs a file with cosign 3 as the holder of `email`, and gives the bundle.
    pub(crate) fn sign_blob(self, sigstore: &Sigstore, email: &str, file: &Path) -> PathBuf {
        let bundle = scratch::folder("bundle").join("bundle.json");
        let mut command = Cosign::V3.command(None);
        command.args(["sign-blob", "-y", "--identity-token", &sigstore.token(email)]);
        command.arg("--signing-config").arg(self.config(sigstore)).arg("--trusted-root").arg(sigstore.root());
        command.arg("--bundle").arg(&bundle).arg(file);
        process::run(command).expect_success();
        bundle
    }

    /// Attests a custom predicate about a file with cosign 3 as the holder of `email`, and gives the bundle.
    pub(crate) fn attest_blob(self, sigstore: &Sigstore, email: &str, file: &Path) -> PathBuf {
        let bundle = scratch::folder("bundle").join("attestation.json");
        let mut command = Cosign::V3.command(None);
        command.args(["attest-blob", "-y", "--identity-token", &sigstore.token(email), "--type", "custom"]);
        command.arg("--predicate").arg(predicate());
        command.arg("--signing-config").arg(self.config(sigstore)).arg("--trusted-root").arg(sigstore.root());
        command.arg("--bundle").arg(&bundle).arg(file);
        process::run(command).expect_success();
        bundle
    }

    /// Verifies with cosign 3 a bundle about a file, of its signature or of a custom attestation, for `email`.
    pub(crate) fn verify_blob(
        self,
        sigstore: &Sigstore,
        email: &str,
        file: &Path,
        bundle: &Path,
        attests: bool,
    ) -> Outcome {
        let mut command = Cosign::V3.command(None);
        if attests {
            command.args(["verify-blob-attestation", "--type", "custom"]);
        } else {
            command.arg("verify-blob");
        }
        command.args(["--certificate-identity", email, "--certificate-oidc-issuer", sigstore.issuer()]);
        command.arg("--trusted-root").arg(sigstore.root()).arg("--bundle").arg(bundle);
        if self == Self::RekorV2 {
            command.arg("--use-signed-timestamps");
        }
        command.arg(file);
        process::run(command)
    }

    /// Verifies the image with `cosign`, which is told for whom the certificate has to be.
    pub(crate) fn verify(
        self,
        cosign: Cosign,
        registry: &Registry,
        sigstore: &Sigstore,
        email: &str,
        image: &str,
    ) -> Outcome {
        let mut command = cosign.command(Some(registry));
        command.args(["verify", "--certificate-identity", email, "--certificate-oidc-issuer", sigstore.issuer()]);
        self.verification(cosign, command, sigstore, image)
    }

    /// Verifies a custom attestation of the image as [`Flavour::verify`] verifies its signature.
    pub(crate) fn verify_attestation(
        self,
        cosign: Cosign,
        registry: &Registry,
        sigstore: &Sigstore,
        email: &str,
        image: &str,
    ) -> Outcome {
        let mut command = cosign.command(Some(registry));
        command.args(["verify-attestation", "--type", "custom", "--certificate-identity", email]);
        command.args(["--certificate-oidc-issuer", sigstore.issuer()]);
        self.verification(cosign, command, sigstore, image)
    }

    fn verification(self, cosign: Cosign, mut command: Command, sigstore: &Sigstore, image: &str) -> Outcome {
        command.arg(format!("--new-bundle-format={}", self.is_bundle()));
        match (cosign, self) {
            (Cosign::V2, Self::Legacy) => sigstore.known_to_cosign2(&mut command),
            (Cosign::V2, Self::RekorV1 | Self::RekorV2) | (Cosign::V3, _) => {
                command.arg("--trusted-root").arg(sigstore.root());
            }
        }
        if self == Self::RekorV2 {
            command.arg("--use-signed-timestamps");
        }
        command.arg(image);
        process::run(command)
    }
}

/// Who signs with countersign, and with whom.
pub(crate) struct Signer<'a> {
    /// The registry of the image.
    pub(crate) registry: &'a Registry,
    /// The services.
    pub(crate) sigstore: &'a Sigstore,
    /// Which of them.
    pub(crate) config: &'a Path,
}

impl Signer<'_> {
    /// Runs a command of `countersign` that signs, with these arguments before those that say who signs: the identity
    /// of `token`.
    pub(crate) fn run(&self, token: &str, arguments: &[&str]) -> Outcome {
        let file = scratch::file(&scratch::folder("token"), "token", token);
        let mut command = self.command(arguments);
        command.arg("--identity-token").arg(file);
        process::run(command)
    }

    /// The command, which does not say yet who signs.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.args(arguments).args(["--plain-http", self.registry.host()]);
        command.arg("--signing-config").arg(self.config).arg("--trusted-root").arg(self.sigstore.root());
        command
    }
}

/// A file with a predicate.
pub(crate) fn predicate() -> PathBuf {
    scratch::file(&scratch::folder("predicate"), "predicate.json", r#"{"tests":"passed"}"#)
}

/// A file with content of its own, to be signed.
pub(crate) fn blob(content: &str) -> PathBuf {
    let path = scratch::file(&scratch::folder("blob"), "blob", content);
    assert!(fs::metadata(&path).is_ok());
    path
}
