//! The published conformance suite of Sigstore clients, whole and without exceptions.

use std::fs;
use std::path::Path;

use sigstore_trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use sigstore_types::{Bundle, DerPublicKey};
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

/// What `sigstore-verify` says, of which ours has to be no laxer.
fn sigstore_verify(case: &Case) -> Result<(), String> {
    let bundle = Bundle::from_json(&case.bundle).map_err(|error| error.to_string())?;
    let root = TrustedRoot::from_json(&case.root).map_err(|error| error.to_string())?;
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
        eprintln!("conformance: ABSENT");
        return;
    };
    let folders = fs::read_dir(folder.join("sigstore-conformance")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    let cases: Vec<_> = folders.iter().map(|folder| Case::read(folder)).collect();

    let (mut accepts, mut rejects, mut wrong) = (0, 0, Vec::new());
    for case in &cases {
        match (case.is_good(), sigstore_verify(case)) {
            (true, Ok(())) => accepts += 1,
            (false, Err(_)) => rejects += 1,
            (_, judged) => wrong.push(format!("{}: {judged:?}", case.name)),
        }
    }
    let good = cases.iter().filter(|case| case.is_good()).count();
    eprintln!("conformance: accepts {accepts}/{good} rejects {rejects}/{}", cases.len() - good);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
