//! Keys held elsewhere, against services on loopback that hold a client to their protocols.

mod aws;
mod azure;
mod faults;
mod google;
mod policies;
mod settings;
mod vault;

use countersign::cloud::Secret;
use countersign::kms::{Client, KmsError, RemoteKey, Settings};
use countersign::trust::{KmsKey, PublicKey};

use crate::support::ample;

fn client(settings: Settings) -> Client {
    Client::new(settings).unwrap()
}

async fn open(client: &Client, key: &str) -> Result<RemoteKey, KmsError> {
    let key: KmsKey = key.parse().unwrap();
    client.open(&key, ample()).await
}

/// Has `key` of `client` sign, which the client checks with the public key that it was given, and that one with the true
/// one.
async fn signs(client: &Client, key: &str, public: &PublicKey) -> RemoteKey {
    let remote = open(client, key).await.unwrap();
    assert_eq!(remote.public_key(), public);
    let signature = remote.sign(b"message", ample()).await.unwrap();
    assert!(!signature.is_empty());
    remote
}

fn secret(text: &str) -> Option<Secret> {
    Some(Secret::new(text))
}

/// A file that holds `text`, for as long as its folder is kept.
fn file(folder: &tempfile::TempDir, text: &str) -> std::path::PathBuf {
    let path = folder.path().join("credential");
    std::fs::write(&path, text).unwrap();
    path
}
