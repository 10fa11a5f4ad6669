//! Signatures without a key, made by countersign with a real Fulcio, Rekor v1 and v2 and timestamp authority.

use std::path::Path;

use crate::support::cosign::{Cosign, KeyPair, Layout};
use crate::support::countersign::{countersign, countersign_alone};
use crate::support::keyless::{Flavour, Signer, blob, predicate};
use crate::support::process::{self, Outcome};
use crate::support::registry::{Image, Kind, Registry};
use crate::support::scratch;
use crate::support::sigstore::Sigstore;

const ALICE: &str = "alice@test.invalid";
const MALLORY: &str = "mallory@test.invalid";

#[test]
fn trust_show_reads_the_root() {
    let sigstore = Sigstore::shared();
    let shown = countersign_alone(&["trust", "show", "--trust-root", &sigstore.root().display().to_string()]);
    assert_eq!(shown.code(), 0, "{shown}");
    for part in ["CN=fulcio-root", "certificate log", "Rekor v2", "timestamps"] {
        assert!(shown.stdout.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn files_that_cosign_signed() {
    let sigstore = Sigstore::shared();
    for flavour in [Flavour::RekorV1, Flavour::RekorV2] {
        let file = blob("content");
        let bundle = flavour.sign_blob(sigstore, ALICE, &file).display().to_string();
        let verify = |file: &str, identity: &str, issuer: &str, root: &Path| {
            countersign_alone(&[
                "verify-bundle",
                file,
                "--bundle",
                &bundle,
                "--certificate-identity",
                identity,
                "--certificate-oidc-issuer",
                issuer,
                "--trusted-root",
                &root.display().to_string(),
            ])
        };
        let name = file.display().to_string();
        let (issuer, root) = (sigstore.issuer(), sigstore.root());
        let accepted = verify(&name, ALICE, issuer, root);
        assert_eq!(accepted.code(), 0, "{flavour:?}: {accepted}");
        refused(&verify(&name, MALLORY, issuer, root), "identity_mismatch");
        refused(&verify(&name, ALICE, "https://accounts.google.com", root), "identity_mismatch");
        refused(&verify(&name, ALICE, issuer, sigstore.other_root()), "log_entry_missing");
        refused(&verify(&name, ALICE, issuer, sigstore.other_authority_root()), "certificate_untrusted");
        refused(&verify(&blob("other content").display().to_string(), ALICE, issuer, root), "subject_mismatch");
    }
}

#[test]
fn files_that_countersign_signed() {
    let sigstore = Sigstore::shared();
    let (issuer, root) = (sigstore.issuer(), sigstore.root().display().to_string());
    let token = scratch::file(&scratch::folder("token"), "token", sigstore.token(ALICE)).display().to_string();
    for flavour in [Flavour::RekorV1, Flavour::RekorV2] {
        let config = flavour.config(sigstore).display().to_string();
        let name = format!("{flavour:?}").to_lowercase();
        let (file, other) = (blob(&name), blob("other content"));
        let path = file.display().to_string();
        let statement = predicate().display().to_string();
        let with = ["--identity-token", &token, "--signing-config", &config, "--trusted-root", &root];
        let about = ["--type", "custom", "--predicate", &statement];
        countersign_alone(&[&["sign-file", &path][..], &with].concat()).expect_success();
        countersign_alone(&[&["attest-file", &path][..], &about, &with].concat()).expect_success();
        let by = |identity: &str, arguments: &[&str]| {
            let who =
                ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer, "--trusted-root", &root];
            countersign_alone(&[&["verify-file"][..], arguments, &who].concat())
        };
        for (end, wanted, attests) in
            [(".sigstore.json", &[][..], false), (".att.sigstore.json", &["--type", "custom"][..], true)]
        {
            let bundle = Path::new(&format!("{path}{end}")).to_owned();
            flavour.verify_blob(sigstore, ALICE, &file, &bundle, attests).expect_success();
            for (email, file) in [(MALLORY, &file), (ALICE, &other)] {
                let seen = flavour.verify_blob(sigstore, email, file, &bundle, attests);
                assert!(!seen.succeeded(), "{flavour:?} {end}: {seen}");
            }
            let seen = by(ALICE, &[&[path.as_str()][..], wanted].concat());
            assert_eq!(seen.code(), 0, "{flavour:?} {end}: {seen}");
            refused(&by(MALLORY, &[&[path.as_str()][..], wanted].concat()), "identity_mismatch");
            let (other, bundle) = (other.display().to_string(), bundle.display().to_string());
            let changed = [&[other.as_str(), "--bundle", &bundle][..], wanted].concat();
            refused(&by(ALICE, &changed), "subject_mismatch");
        }
        // And what cosign says of files.
        let bundle = flavour.attest_blob(sigstore, ALICE, &file).display().to_string();
        let seen = by(ALICE, &[&path, "--bundle", &bundle, "--type", "custom"]);
        assert_eq!(seen.code(), 0, "{flavour:?}: {seen}");
        refused(&by(ALICE, &[&path, "--bundle", &bundle]), "type_mismatch");
    }
}

#[test]
fn services_that_flags_name() {
    let sigstore = Sigstore::shared();
    let file = blob("by flags");
    let path = file.display().to_string();
    let token = scratch::file(&scratch::folder("token"), "token", sigstore.token(ALICE)).display().to_string();
    let root = sigstore.root().display().to_string();
    let sign = |services: &[&str]| {
        let head = ["sign-file", &path, "--identity-token", &token, "--trusted-root", &root];
        countersign_alone(&[&head[..], services].concat())
    };
    let (fulcio, rekor) = (["--fulcio-url", sigstore.fulcio()], ["--rekor-url", sigstore.rekor_v1()]);
    sign(&[fulcio, rekor].concat()).expect_success();
    let bundle = Path::new(&format!("{path}.sigstore.json")).to_owned();
    Flavour::RekorV1.verify_blob(sigstore, ALICE, &file, &bundle, false).expect_success();
    for (given, missing) in [(&rekor, "--fulcio-url"), (&fulcio, "--rekor-url")] {
        let refused = sign(given);
        assert_eq!(refused.code(), 2, "{refused}");
        assert!(refused.stderr.contains(missing), "{refused}");
    }
}

#[test]
fn a_run_file_that_signs_with_an_identity() {
    let sigstore = Sigstore::shared();
    let registry = Registry::shared(Kind::Referrers);
    let image = registry.push("keyless/run", "v1");
    let folder = scratch::folder("run");
    let token = scratch::file(&folder, "token", sigstore.token(ALICE));
    let run = |name: &str, identity: &str| {
        let root = sigstore.root();
        let spec = serde_json::json!({
            "apiVersion": "countersign.dev/v1alpha1",
            "kind": "SigningRun",
            "metadata": {"name": "sign"},
            "spec": {
                "source": {"type": "docker", "spec": {"image": image.by_tag()}},
                "signing": {
                    "type": "keyless",
                    "spec": {"identityToken": token, "signingConfig": sigstore.config_v2(), "trustedRoot": root},
                },
                "uploadSignature": {"upload": true},
                "verification": {
                    "certificateIdentity": identity,
                    "certificateOidcIssuer": sigstore.issuer(),
                    "trustedRoot": root,
                },
            },
        });
        let file = scratch::file(&folder, name, spec.to_string()).display().to_string();
        countersign(&["run", "-f", &file], registry)
    };
    let done = run("run.yaml", ALICE);
    assert_eq!(done.code(), 0, "{done}");
    Flavour::RekorV2.verify(Cosign::V3, registry, sigstore, ALICE, &image.by_digest()).expect_success();
    let ended = run("other.yaml", MALLORY);
    assert_eq!(ended.code(), 1, "{ended}");
    assert!(ended.stderr.contains("ends at its step `verify`"), "{ended}");
}

fn refused(outcome: &Outcome, code: &str) {
    assert_eq!(outcome.code(), 1, "{outcome}");
    assert!(outcome.stderr.contains(&format!("{code}:")), "not `{code}`: {outcome}");
}

#[test]
fn images_that_countersign_signed() {
    let sigstore = Sigstore::shared();
    for kind in [Kind::Referrers, Kind::Tags] {
        let registry = Registry::shared(kind);
        for flavour in Flavour::ALL {
            let image = registry.push(&format!("keyless/{flavour:?}").to_lowercase(), "v1");
            sign_and_attest(registry, flavour.config(sigstore), &image, flavour.format());
            for cosign in Cosign::ALL {
                let image = image.by_digest();
                flavour.verify(cosign, registry, sigstore, ALICE, &image).expect_success();
                flavour.verify_attestation(cosign, registry, sigstore, ALICE, &image).expect_success();
                let stranger = flavour.verify(cosign, registry, sigstore, MALLORY, &image);
                assert!(!stranger.succeeded(), "{cosign:?} verified {flavour:?} for another\n{stranger}");
            }
        }
    }
}

#[test]
fn both_layouts_where_both_can_carry_the_proofs() {
    let sigstore = Sigstore::shared();
    let registry = Registry::shared(Kind::Referrers);
    let image = registry.push("keyless/both", "v1");
    let signed = sign_and_attest(registry, sigstore.config_v1(), &image, "both");
    assert!(signed.stdout.ends_with("(.sig, referrers)\n"), "{signed}");
    for flavour in [Flavour::Legacy, Flavour::RekorV1] {
        flavour.verify(Cosign::V3, registry, sigstore, ALICE, &image.by_digest()).expect_success();
        flavour.verify_attestation(Cosign::V3, registry, sigstore, ALICE, &image.by_digest()).expect_success();
    }
    // A tag has no room for an entry of Rekor v2.
    let image = registry.push("keyless/both", "v2");
    let signed = sign_and_attest(registry, sigstore.config_v2(), &image, "both");
    assert!(signed.stdout.ends_with("(referrers)\n"), "{signed}");
    let signer = Signer { registry, sigstore, config: sigstore.config_v2() };
    let refused = signer.run(&sigstore.token(ALICE), &["sign", &image.by_tag(), "--format", "legacy"]);
    assert_eq!(refused.code(), 2, "{refused}");
    assert!(refused.stderr.contains("Rekor v2"), "{refused}");
}

fn sign_and_attest(registry: &Registry, config: &Path, image: &Image, format: &str) -> Outcome {
    let sigstore = Sigstore::shared();
    let signer = Signer { registry, sigstore, config };
    let signed = signer.run(&sigstore.token(ALICE), &["sign", &image.by_tag(), "--format", format]);
    assert_eq!(signed.code(), 0, "{signed}");
    let file = predicate().display().to_string();
    let arguments = ["attest", &image.by_tag(), "--type", "custom", "--predicate", &file, "--format", format];
    let attested = signer.run(&sigstore.token(ALICE), &arguments);
    assert_eq!(attested.code(), 0, "{attested}");
    signed
}

/// Keys need no log. Where one is asked for, cosign finds the entry.
#[test]
fn images_that_a_key_signed_before_witnesses() {
    let sigstore = Sigstore::shared();
    let registry = Registry::shared(Kind::Referrers);
    let key = KeyPair::trusted();
    let private = key.private.display().to_string();
    for (name, config, layouts) in
        [("v1", sigstore.config_v1(), &Layout::ALL[..]), ("v2", sigstore.config_v2(), &[Layout::Bundle][..])]
    {
        let signer = Signer { registry, sigstore, config };
        let image = registry.push(&format!("witnessed/{name}"), "v1");
        let command = signer.command(&["sign", &image.by_tag(), "--key", &private]);
        process::run(command).expect_success();
        for layout in layouts {
            for cosign in Cosign::ALL {
                let seen = cosign.verify_logged(registry, key, sigstore, &image.by_digest(), *layout);
                assert!(seen.succeeded(), "{cosign:?} {name} {layout:?}: {seen}");
            }
        }
    }
}

/// Every token begins so.
const TOKEN_HEAD: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEi";

#[test]
fn identity_tokens_from_where_they_are_and_never_in_the_log() {
    let sigstore = Sigstore::shared();
    let registry = Registry::shared(Kind::Referrers);
    let signer = Signer { registry, sigstore, config: sigstore.config_v2() };
    let token = sigstore.token(ALICE);
    assert!(token.starts_with(TOKEN_HEAD), "{token}");
    let actions = format!("{}/actions?email={ALICE}", sigstore.issuer());
    let github = [("ACTIONS_ID_TOKEN_REQUEST_URL", actions.as_str()), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner")];
    for (name, variables) in [("environment", &[("SIGSTORE_ID_TOKEN", token.as_str())][..]), ("github", &github)] {
        let image = registry.push(&format!("tokens/{name}"), "v1");
        let mut command = signer.command(&["--log-level", "trace", "sign", &image.by_tag()]);
        command.envs(variables.iter().copied());
        let signed = process::run(command);
        assert_eq!(signed.code(), 0, "{name}: {signed}");
        assert!(!signed.stderr.contains(TOKEN_HEAD), "{name}: the token is in the log");
        Flavour::RekorV2.verify(Cosign::V3, registry, sigstore, ALICE, &image.by_digest()).expect_success();
    }

    let image = registry.push("tokens/none", "v1");
    let nobody = process::run(signer.command(&["sign", &image.by_tag()]));
    assert_eq!(nobody.code(), 2, "{nobody}");
    assert!(nobody.stderr.contains("neither a key to sign with nor an identity token"), "{nobody}");
    // Fulcio believes no token that its issuer has not signed.
    let forged = format!("{}x", token.trim_end_matches(char::is_alphanumeric));
    let refused = signer.run(&forged, &["sign", &image.by_tag()]);
    assert_eq!(refused.code(), 1, "{refused}");
    assert!(refused.stderr.contains("the certificate authority"), "{refused}");
    let tags = registry.crane(&["ls", &image.repository]);
    assert_eq!(tags.trim(), "v1", "nothing was signed");
}
