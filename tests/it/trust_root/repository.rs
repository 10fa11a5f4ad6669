//! A TUF repository that is made here: its keys, its metadata, and everything that can be wrong with it.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

pub(crate) const ROLES: [&str; 4] = ["root", "snapshot", "targets", "timestamp"];
/// Everything that does not say otherwise ends here.
pub(crate) const END: &str = "2030-01-01T00:00:00Z";

/// The files of a repository, by their path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Ed25519 keys, by the ID that metadata names them by.
pub(crate) type Keys = Vec<(String, Arc<Ed25519KeyPair>)>;

/// One state of a repository, not yet signed.
#[derive(Clone)]
pub(crate) struct Repository {
    /// Who may sign for a role, and how many have to.
    pub(crate) roles: BTreeMap<&'static str, (Keys, u64)>,
    pub(crate) versions: BTreeMap<&'static str, u64>,
    pub(crate) ends: BTreeMap<&'static str, &'static str>,
    /// The content of `trusted_root.json`.
    pub(crate) target: Vec<u8>,
    /// Under which name it is listed.
    pub(crate) name: &'static str,
    pub(crate) custom: Option<Value>,
}

impl Repository {
    pub(crate) fn new() -> Self {
        Self {
            roles: ROLES.into_iter().map(|role| (role, (keys(1), 1))).collect(),
            versions: ROLES.into_iter().map(|role| (role, 1)).collect(),
            ends: ROLES.into_iter().map(|role| (role, END)).collect(),
            target: trusted_root(),
            name: "trusted_root.json",
            custom: None,
        }
    }

    /// The same with the versions of `roles` raised by one.
    pub(crate) fn newer(&self, roles: &[&'static str]) -> Self {
        let mut newer = self.clone();
        for role in roles {
            *newer.versions.get_mut(role).unwrap() += 1;
        }
        newer
    }

    /// The root's metadata, signed by its own keys and those of `also`.
    pub(crate) fn root(&self, also: &Keys) -> Vec<u8> {
        let mut signers = self.roles["root"].0.clone();
        let ids: Vec<_> = signers.iter().map(|(id, _)| id.clone()).collect();
        signers.extend(also.iter().filter(|(id, _)| !ids.contains(id)).cloned());
        sign(&self.root_signed(), &signers)
    }

    pub(crate) fn root_signed(&self) -> Value {
        let all = self.roles.values().flat_map(|(keys, _)| keys);
        let known: serde_json::Map<_, _> = all.map(|(id, key)| (id.clone(), public(key))).collect();
        let roles: serde_json::Map<_, _> = self
            .roles
            .iter()
            .map(|(role, (keys, threshold))| {
                let ids: Vec<_> = keys.iter().map(|(id, _)| id).collect();
                ((*role).to_owned(), json!({ "keyids": ids, "threshold": threshold }))
            })
            .collect();
        let mut signed = self.head("root");
        signed["consistent_snapshot"] = json!(true);
        signed["keys"] = json!(known);
        signed["roles"] = json!(roles);
        signed
    }

    /// All files, each signed by whoever has to.
    pub(crate) fn files(&self) -> Files {
        let hash = hex(&self.target);
        let mut targets = self.head("targets");
        let mut target = json!({ "length": self.target.len(), "hashes": { "sha256": hash } });
        if let Some(custom) = &self.custom {
            target["custom"] = custom.clone();
        }
        targets["targets"] = json!({ self.name: target });
        let targets = sign(&targets, &self.roles["targets"].0);
        let snapshot = self.snapshot(&targets);
        let timestamp = self.timestamp(&snapshot);
        let version = |role| self.versions[role];
        Files::from([
            (format!("{}.root.json", version("root")), self.root(&Vec::new())),
            (format!("{}.targets.json", version("targets")), targets),
            (format!("{}.snapshot.json", version("snapshot")), snapshot),
            ("timestamp.json".to_owned(), timestamp),
            (format!("targets/{hash}.{}", self.name), self.target.clone()),
        ])
    }

    pub(crate) fn snapshot(&self, targets: &[u8]) -> Vec<u8> {
        let mut snapshot = self.head("snapshot");
        snapshot["meta"] = json!({ "targets.json": pin(self.versions["targets"], targets) });
        sign(&snapshot, &self.roles["snapshot"].0)
    }

    pub(crate) fn timestamp(&self, snapshot: &[u8]) -> Vec<u8> {
        let mut timestamp = self.head("timestamp");
        timestamp["meta"] = json!({ "snapshot.json": pin(self.versions["snapshot"], snapshot) });
        sign(&timestamp, &self.roles["timestamp"].0)
    }

    fn head(&self, role: &'static str) -> Value {
        json!({ "_type": role, "spec_version": "1.0.31", "version": self.versions[role], "expires": self.ends[role] })
    }
}

/// The root of the public-good instance, which is what these repositories hold.
pub(crate) fn trusted_root() -> Vec<u8> {
    sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT.as_bytes().to_vec()
}

/// The root of GitHub's instance, for a repository that has something newer.
pub(crate) fn other_trusted_root() -> Vec<u8> {
    sigstore_trust_root::SIGSTORE_GITHUB_TRUSTED_ROOT.as_bytes().to_vec()
}

pub(crate) fn keys(count: usize) -> Keys {
    let key = |_| {
        let key = Arc::new(Ed25519KeyPair::generate().unwrap());
        (hex(key.public_key().as_ref()), key)
    };
    (0..count).map(key).collect()
}

/// Metadata around `signed`. The canonical form has sorted keys, no spaces, and control characters as they are.
pub(crate) fn sign(signed: &Value, keys: &Keys) -> Vec<u8> {
    let canonical = signed.to_string().replace("\\u0000", "\0");
    let signatures: Vec<_> = keys
        .iter()
        .map(|(id, key)| json!({ "keyid": id, "sig": hex_of(key.sign(canonical.as_bytes()).as_ref()) }))
        .collect();
    json!({ "signed": signed, "signatures": signatures }).to_string().into_bytes()
}

/// The repository as policy-controller's `mirrorFS` holds it.
pub(crate) fn archive(files: &Files) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap());
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("repository/{name}"), &bytes[..]).unwrap();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&builder.into_inner().unwrap()).unwrap();
    encoder.finish().unwrap()
}

fn public(key: &Ed25519KeyPair) -> Value {
    let public = hex_of(key.public_key().as_ref());
    json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": public } })
}

fn pin(version: u64, bytes: &[u8]) -> Value {
    json!({ "version": version, "length": bytes.len(), "hashes": { "sha256": hex(bytes) } })
}

fn hex(bytes: &[u8]) -> String {
    hex_of(digest(&SHA256, bytes).as_ref())
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
