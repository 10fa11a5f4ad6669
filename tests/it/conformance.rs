//! The published conformance suite of Sigstore clients, whole and without exceptions.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use countersign::evidence::Bundle;
use countersign::limits::Budget;
use countersign::policy::{Identity, Matcher};
use countersign::trust::{Anchor, HashAlgorithm, ProofRule, Proofs, PublicKey, TrustedRoot};
use countersign::verify::{File, Signer, verify_file};
use jiff::Timestamp;
use sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;
use sigstore_types::DerPublicKey;
use sigstore_verify::{Policy, PublicKeyVerificationPolicy, VerificationPolicy};

use crate::support::vectors;

/// Who signed what does not say otherwise.
const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// One case: a folder. It has to be rejected if its name ends in `_fail`.
struct Case {
    name: String,
    bundle: String,
    artifact: Vec<u8>,
    identity: String,
    issuer: String,
    key: Option<String>,
    root: String,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let line = |name: &str, default: &str| text(name).map_or_else(|| default.to_owned(), |it| it.trim().to_owned());
        let artifact = fs::read(folder.join("artifact"));
        Self {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            bundle: text("bundle.sigstore.json").unwrap(),
            artifact: artifact.unwrap_or_else(|_| fs::read(folder.parent().unwrap().join("a.txt")).unwrap()),
            identity: line("identity", IDENTITY),
            issuer: line("issuer", ISSUER),
            key: text("key.pub"),
            root: text("trusted_root.json").unwrap_or_else(|| SIGSTORE_PRODUCTION_TRUSTED_ROOT.to_owned()),
        }
    }

    fn is_good(&self) -> bool {
        !self.name.ends_with("_fail")
    }
}

/// What we say.
fn ours(case: &Case) -> Result<(), String> {
    let bundle = Bundle::parse(case.bundle.as_bytes()).map_err(|error| error.to_string())?;
    let root = Arc::new(TrustedRoot::parse(&case.root).map_err(|error| error.to_string())?);
    let anchor = match &case.key {
        Some(pem) => {
            let key = PublicKey::from_pem(pem).map_err(|error| error.to_string())?;
            let proofs = Proofs { sct: ProofRule::ignored(), ..Proofs::derived_from(&root) };
            Anchor::key(key, HashAlgorithm::Sha256, proofs)
        }
        None => Anchor::keyless(Arc::clone(&root), Proofs::derived_from(&root)),
    };
    let identity = Identity {
        issuer: Some(Matcher::exact(&case.issuer).unwrap()),
        subject: Matcher::exact(&case.identity).unwrap(),
        extensions: Vec::new(),
    };
    let file = File::of_bytes(&case.artifact);
    let proof = verify_file(&bundle, &file, &anchor, now(), &mut Budget::per_image());
    match proof.map_err(|error| error.to_string())?.signer() {
        Signer::Certificate(certificate) if identity.matches(certificate) => Ok(()),
        Signer::Certificate(certificate) => Err(format!("{:?}", certificate.subjects())),
        Signer::Key => Ok(()),
    }
}

/// Later than every case was made, as every later day is.
fn now() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().unwrap()
}

/// What `sigstore-verify` says, of which ours has to be no laxer.
fn sigstore_verify(case: &Case) -> Result<(), String> {
    let bundle = sigstore_types::Bundle::from_json(&case.bundle).map_err(|error| error.to_string())?;
    let root = sigstore_trust_root::TrustedRoot::from_json(&case.root).map_err(|error| error.to_string())?;
    let policy: Box<dyn Policy> = match &case.key {
        Some(pem) => {
            let key = DerPublicKey::from_pem(pem).map_err(|error| error.to_string())?;
            Box::new(PublicKeyVerificationPolicy::new(key))
        }
        None => Box::new(VerificationPolicy::new(case.identity.as_str(), case.issuer.as_str())),
    };
    let verified = sigstore_verify::verify(case.artifact.as_slice(), &bundle, policy.as_ref(), &root);
    verified.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn every_case_ends_as_its_name_says() {
    let Some(folder) = vectors::folder() else {
        vectors::say("conformance: ABSENT");
        return;
    };
    let folders = fs::read_dir(folder.join("sigstore-conformance")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    let cases: Vec<_> = folders.iter().map(|folder| Case::read(folder)).collect();

    let (mut accepts, mut rejects, mut wrong) = (0, 0, Vec::new());
    for case in &cases {
        let judged = ours(case);
        if judged.is_ok() != sigstore_verify(case).is_ok() {
            wrong.push(format!("{}: sigstore-verify says otherwise", case.name));
        }
        match (case.is_good(), judged) {
            (true, Ok(())) => accepts += 1,
            (false, Err(_)) => rejects += 1,
            (_, judged) => wrong.push(format!("{}: {judged:?}", case.name)),
        }
    }
    let good = cases.iter().filter(|case| case.is_good()).count();
    vectors::say(&format!("conformance: accepts {accepts}/{good} rejects {rejects}/{}", cases.len() - good));
    assert!(wrong.is_empty(), "{wrong:#?}");
}
