//! What is signed without a key is admitted by the identity that a policy names, at the real API server, and refused
//! where anything about it is another.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::codes;
use crate::support::cosign::CUSTOM_PREDICATE;
use crate::support::countersign::pod;
use crate::support::keyless::{Flavour, Signer, predicate};
use crate::support::registry::Image;
use crate::support::sigstore::Sigstore;
use crate::support::wait::poll;
use crate::support::world::World;

const ALICE: &str = "alice@test.invalid";
const MALLORY: &str = "mallory@test.invalid";

/// What a policy asks for, by the last part of the repository that it covers, and the code that it refuses with.
const CASES: [(&str, Option<&str>); 8] = [
    ("right", None),
    ("expression", None),
    ("attested", None),
    ("identity", Some(codes::IDENTITY_MISMATCH)),
    ("issuer", Some(codes::IDENTITY_MISMATCH)),
    ("part-of-it", Some(codes::IDENTITY_MISMATCH)),
    ("root", Some(codes::LOG_ENTRY_MISSING)),
    ("authority", Some(codes::CERTIFICATE_UNTRUSTED)),
];

#[test]
fn what_cosign_signed() {
    for flavour in Flavour::ALL {
        judged(&format!("cosign-{flavour:?}").to_lowercase(), |world, sigstore, act, image| match act {
            Act::Attest => flavour.attest(world.registry, sigstore, ALICE, &image.by_digest()),
            Act::Sign => flavour.sign(world.registry, sigstore, ALICE, &image.by_digest()),
        });
    }
}

#[test]
fn what_countersign_signed() {
    for flavour in Flavour::ALL {
        judged(&format!("countersign-{flavour:?}").to_lowercase(), |world, sigstore, act, image| {
            let signer = Signer { registry: world.registry, sigstore, config: flavour.config(sigstore) };
            let (name, file) = (image.by_digest(), predicate().display().to_string());
            let arguments = match act {
                Act::Attest => vec!["attest", &name, "--type", "custom", "--predicate", &file],
                Act::Sign => vec!["sign", &name],
            };
            let arguments = [&arguments[..], &["--format", flavour.format()]].concat();
            signer.run(&sigstore.token(ALICE), &arguments).expect_success();
        });
    }
}

/// What is done with an image.
#[derive(Clone, Copy, Debug)]
enum Act {
    Attest,
    Sign,
}

/// Signs an image in the repositories of all cases, and has each judged by its policy.
fn judged(name: &str, make: impl Fn(&World, &Sigstore, Act, &Image)) {
    let world = World::get();
    let sigstore = Sigstore::shared();
    let host = world.registry.host();
    let policies = CASES.map(|(case, _)| policy(sigstore, name, case, &format!("{host}/keyless/{name}/{case}")));
    world.gate.add(&format!("keyless-{name}"), &[&roots(sigstore, name)[..], &policies[..]].concat());
    let namespace = world.namespace();
    for (case, code) in CASES {
        let image = world.registry.push(&format!("keyless/{name}/{case}"), "v1");
        make(world, sigstore, if case == "attested" { Act::Attest } else { Act::Sign }, &image);
        poll("policy in force", Duration::from_secs(30), || {
            let outcome = namespace.dry_run(&pod(case, &[&image.by_tag()]));
            if outcome.stderr.contains(codes::NO_MATCHING_POLICY) { Err(outcome.to_string()) } else { Ok(()) }
        });
        match code {
            None => {
                namespace.admits(&pod(case, &[&image.by_tag()]));
            }
            Some(code) => namespace.denies(code, &pod(case, &[&image.by_tag()])),
        }
    }
    // Unsigned, under the policy that admits what is signed.
    let unsigned = world.registry.push(&format!("keyless/{name}/right"), "unsigned");
    namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));
}

fn policy(sigstore: &Sigstore, name: &str, case: &str, glob: &str) -> Value {
    let exact = |issuer: &str, subject: &str| json!({"issuer": issuer, "subject": subject});
    let issuer = sigstore.issuer();
    let right = exact(issuer, ALICE);
    let (identity, root) = match case {
        "right" | "attested" => (right, "root"),
        "expression" => (json!({"issuer": issuer, "subjectRegExp": "^[a-z]+@test\\.invalid$"}), "root"),
        "identity" => (exact(issuer, MALLORY), "root"),
        "issuer" => (exact("https://accounts.google.com", ALICE), "root"),
        "part-of-it" => (json!({"issuer": issuer, "subjectRegExp": "^alice$"}), "root"),
        "root" => (right, "other-root"),
        "authority" => (right, "other-authority"),
        other => panic!("no case `{other}`"),
    };
    let mut policy = json!({
        "apiVersion": "countersign.dev/v1alpha1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": format!("{name}-{case}")},
        "spec": {
            "images": [{"glob": glob}],
            "authorities": [{
                "name": "alice",
                "keyless": {"url": sigstore.fulcio(), "identities": [identity], "trustRootRef": format!("{name}-{root}")},
            }],
        },
    });
    if case == "attested" {
        policy["spec"]["authorities"][0]["attestations"] =
            json!([{"name": "tests", "predicateType": CUSTOM_PREDICATE}]);
    }
    policy
}

fn roots(sigstore: &Sigstore, name: &str) -> Vec<Value> {
    let root = |kind: &str, path: &Path| {
        json!({
            "apiVersion": "countersign.dev/v1alpha1",
            "kind": "TrustRoot",
            "metadata": {"name": format!("{name}-{kind}")},
            "spec": {"trustedRoot": {"json": std::fs::read_to_string(path).expect("a trusted root")}},
        })
    };
    vec![
        root("root", sigstore.root()),
        root("other-root", sigstore.other_root()),
        root("other-authority", sigstore.other_authority_root()),
    ]
}
