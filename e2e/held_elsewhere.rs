//! Keys in the real transit engine of Vault: countersign signs with them, and both versions of the real cosign verify.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cosign::{Cosign, KeyPair, Layout};
use crate::support::countersign::countersign_with;
use crate::support::process::Daemon;
use crate::support::registry::{Kind, Registry};
use crate::support::{http, ports, scratch, tools};

const TOKEN: &str = "hvs.of-the-end-to-end-tests";

/// A transit engine with its keys.
struct Engine {
    _process: Daemon,
    address: String,
}

impl Engine {
    fn start() -> Self {
        let port = ports::free();
        let mut command = tools::command("transit");
        command.args(["-addr", &format!("127.0.0.1:{port}"), "-token", TOKEN]);
        let mut process = Daemon::start("transit", command);
        process.wait_until("listening", Duration::from_secs(10), || ports::open(port));
        Self { _process: process, address: format!("http://127.0.0.1:{port}") }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let headers = [("x-vault-token", TOKEN), ("x-vault-request", "true"), ("content-type", "application/json")];
        let body = if method == "GET" { Vec::new() } else { body.to_string().into_bytes() };
        let answer = http::send(method, &format!("{}/v1/transit/{path}", self.address), None, &headers, &body);
        serde_json::from_str(answer.text()).unwrap_or(Value::Null)
    }

    fn variables(&self) -> [(&str, &str); 2] {
        [("VAULT_ADDR", &self.address), ("VAULT_TOKEN", TOKEN)]
    }
}

/// ECDSA P-384 is signed over SHA-256 here, which the engine does and cosign expects.
#[test]
fn every_kind_of_key_signs_and_cosign_verifies() {
    let registry = Registry::shared(Kind::Referrers);
    let engine = Engine::start();
    for kind in ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"] {
        engine.ask("POST", &format!("keys/{kind}"), &json!({ "type": kind }));
        let key = format!("hashivault://{kind}");
        let run = |arguments: &[&str]| countersign_with(arguments, Some(registry), &engine.variables());
        let public = countersign_with(&["key", "public", "--key", &key], None, &engine.variables()).expect_success();
        let public = scratch::file(&scratch::folder("transit"), "key.pub", &public);
        let pair = KeyPair { private: public.clone(), public };

        let image = registry.push(&format!("transit/{kind}"), "v1").by_digest();
        run(&["sign", &image, "--key", &key]).expect_success();
        run(&["verify", &image, "--key", &key]).expect_success();
        for layout in Layout::ALL {
            for cosign in Cosign::ALL {
                cosign.verify(registry, &pair, &image, layout).expect_success();
                let stranger = cosign.verify(registry, KeyPair::foreign(), &image, layout);
                assert!(!stranger.succeeded(), "{cosign:?} verified {kind} with another key\n{stranger}");
            }
        }
    }
}

#[test]
fn a_rotated_key_signs_anew_and_the_old_signature_is_no_longer_its_own() {
    let registry = Registry::shared(Kind::Referrers);
    let engine = Engine::start();
    engine.ask("POST", "keys/rotated", &json!({ "type": "ecdsa-p256" }));
    let run = |arguments: &[&str]| countersign_with(arguments, Some(registry), &engine.variables());
    let key = "hashivault://rotated";
    let image = registry.push("transit/rotated", "v1").by_digest();
    run(&["sign", &image, "--key", key]).expect_success();
    run(&["verify", &image, "--key", key]).expect_success();
    engine.ask("POST", "keys/rotated/rotate", &json!({}));
    assert_eq!(engine.ask("GET", "keys/rotated", &Value::Null)["data"]["latest_version"], 2);
    let seen = run(&["verify", &image, "--key", key]);
    assert_eq!(seen.code(), 1, "{seen}");
    run(&["sign", &image, "--key", key]).expect_success();
    run(&["verify", &image, "--key", key]).expect_success();

    let seen = run(&["sign", &image, "--key", "hashivault://none"]);
    assert_eq!(seen.code(), 2, "{seen}");
    let wrong = [("VAULT_ADDR", engine.address.as_str()), ("VAULT_TOKEN", "hvs.another")];
    let seen = countersign_with(&["sign", &image, "--key", key], Some(registry), &wrong);
    assert_eq!(seen.code(), 3, "{seen}");
    engine.ask("POST", "keys/secret", &json!({ "type": "aes256-gcm96" }));
    let seen = run(&["sign", &image, "--key", "hashivault://secret"]);
    assert_eq!(seen.code(), 2, "{seen}");
}
