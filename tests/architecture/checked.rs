//! The checker, checked: small sources that break one rule, or look as if they did.

use std::collections::BTreeSet;

use super::{Words, banned_in_lock, broken_rules, out_of_order, profiles_that_may_abort, row};

/// What is wrong with `source` as the file `path`, without the place.
fn found(path: &str, source: &str) -> Vec<String> {
    let lines = broken_rules(path, source);
    lines
        .iter()
        .map(|line| line.splitn(3, ": ").last().unwrap_or_default().to_owned().replacen(&format!("src/{path}"), "", 1))
        .collect()
}

#[test]
fn imports_are_found_in_every_spelling() {
    for source in [
        "use crate::policy::Plan;",
        "use crate::{image::ImageRef, policy::{self, Plan}};",
        "use crate::{self as c, policy as p};",
        "use super::super::policy;",
        "use self::super::super::policy::Plan;",
        "fn f(plan: crate::policy::Plan) {}",
        "fn f() { check!(a, crate::policy::Plan::new()) }",
        "macro_rules! m { () => { $crate::policy::Plan } }",
        "mod inner { use super::super::super::policy; }",
        "#[cfg(test)] mod tests { use crate::policy::Plan; }",
        "impl crate::policy::Plan<u8> for X {}",
        "type X = <u8 as crate::policy::Plan>::Y;",
        "use r#crate_like::x; use crate::r#policy::Plan;",
    ] {
        let found = found("verify/fact.rs", source);
        assert!(found.iter().any(|what| what.contains("`verify` may not import `policy")), "{source}: {found:?}");
    }
}

#[test]
fn what_is_no_import_is_left_alone() {
    for source in [
        "use crate::evidence::{self, Evidence}; use crate::verify::fact::Fact;",
        "use super::*; use super::bundle::Bundle; use self::inner::X;",
        "pub(crate) fn f() {} pub(super) fn g() {} pub(in crate::verify) fn h() {}",
        "mod inner { use super::super::bundle; use super::Fact; }",
        "/// [`crate::policy::Plan`] and \"allowed\": true\n//! x\nfn f() {}",
        "// use crate::policy::Plan;\n/* crate::policy */ const X: &str = \"crate::policy::Plan\";",
        "fn f(policy: u8, x: ::core::net::IpAddr) -> impl Sized + use<> { policy::<u8>() }",
        "fn f() { Vec::<u8>::new(); let tokio = 1; let kube = tokio; }",
        "use std::collections::BTreeMap; use core::net::IpAddr; use std::time::Duration;",
    ] {
        assert_eq!(found("verify/fact.rs", source), [""; 0], "{source}");
    }
}

#[test]
fn the_crate_root_is_no_way_around() {
    for (path, source) in
        [("limits.rs", "use super::*;"), ("verify/mod.rs", "use crate::*;"), ("verify/fact.rs", "use crate as c;")]
    {
        assert!(found(path, source)[0].contains("imports the crate root"), "{source}");
    }
    assert!(found("verify/fact.rs", "use crate::Thing;")[0].contains("`crate::Thing` is not in the table"));
}

#[test]
fn a_row_can_open_a_part_of_a_module() {
    for source in ["use crate::admission::request::Request;", "use crate::admission::{Exemption, Request};"] {
        assert_eq!(found("gate/mod.rs", source), [""; 0], "{source}");
    }
    for source in ["use crate::admission::response::Response;", "use crate::admission;", "use crate::admission::*;"] {
        assert!(found("gate/mod.rs", source)[0].contains("`gate` may not import `admission"), "{source}");
    }
}

#[test]
fn forbidden_words_are_found() {
    for (path, source) in [
        ("image/mod.rs", "use tokio::sync::watch;"),
        ("image/mod.rs", "use tokio as t;"),
        ("image/mod.rs", "extern crate reqwest;"),
        ("image/mod.rs", "fn f() { ::tracing::info!(\"x\") }"),
        ("image/mod.rs", "#[tracing::instrument] fn f() {}"),
        ("image/mod.rs", "use hyper_util::rt;"),
        ("image/mod.rs", "use std::{collections::BTreeMap, net::{IpAddr}};"),
        ("image/mod.rs", "fn f() { std::env::var(\"X\") }"),
        ("image/mod.rs", "use std as s;"),
        ("image/mod.rs", "use std::time::{Duration, SystemTime};"),
        ("image/mod.rs", "fn f(at: Instant) {}"),
        ("image/mod.rs", "fn f() { jiff::Timestamp::now() }"),
        ("image/mod.rs", "async fn f() {}"),
        ("image/mod.rs", "#[expect(clippy::disallowed_methods, reason = \"x\")] fn f() {}"),
        ("api/mod.rs", "use tokio::sync::watch;"),
        ("api/mod.rs", "use kube::Client;"),
        ("api/mod.rs", "use kube::runtime::watcher;"),
        ("registry/mod.rs", "use kube::Client;"),
        ("gate/mod.rs", "use reqwest::Url;"),
    ] {
        let found = found(path, source);
        assert!(found.iter().any(|what| what.contains("may not")), "{source}: {found:?}");
    }
    assert_eq!(found("api/mod.rs", "use kube::CustomResource; use k8s_openapi::api::core::v1::Pod;"), [""; 0]);
    assert_eq!(found("server/mod.rs", "use tokio::net::TcpListener; use std::time::Instant;"), [""; 0]);
}

#[test]
fn foreign_crates_stay_at_home() {
    for (path, source, good) in [
        ("verify/bundle.rs", "use sigstore_verify::Verifier;", true),
        ("evidence/bundle.rs", "use sigstore_types::Bundle;", true),
        ("trust/mod.rs", "use sigstore_trust_root::TrustedRoot;", true),
        ("policy/condition/rego.rs", "use regorus::Engine;", true),
        ("evidence/bundle.rs", "use sigstore_verify::Verifier;", false),
        ("trust/mod.rs", "fn f(x: sigstore_types::Bundle) {}", false),
        ("policy/pattern.rs", "use cel::Program;", false),
        ("cli/mod.rs", "use sigstore_trust_root::TrustedRoot;", false),
        ("cli/mod.rs", "use sigstore_sign::Signer;", false),
        ("admission/mod.rs", "use kube::core::{admission::AdmissionResponse};", false),
    ] {
        assert_eq!(found(path, source).is_empty(), good, "{source} in {path}");
    }
}

#[test]
fn one_file_says_allowed() {
    for source in [
        "fn f() { x.allowed = true }",
        "struct R { allowed: bool }",
        "fn f() { json!({\"allowed\": true}) }",
        r#"const X: &str = "{\"allowed\": true}";"#,
    ] {
        assert_eq!(found("admission/response.rs", source), [""; 0], "{source}");
        assert!(found("server/mod.rs", source).iter().any(|what| what.contains("allowed")), "{source}");
    }
    assert_eq!(found("server/mod.rs", "#[cfg(test)] mod tests { fn f() { assert!(x.allowed) } }"), [""; 0]);
    assert_eq!(
        found("server/mod.rs", "fn f() { x.pointer(\"/response/allowed\"); deny(\"not allowed: {}\") }"),
        [""; 0]
    );
    assert_eq!(found("server/mod.rs", "#[cfg(test)] fn t() { x.allowed } fn f() { x.allowed }").len(), 1);
}

#[test]
fn attributes_and_roots_are_checked() {
    for (path, source) in [
        ("gate/mod.rs", "#[allow(dead_code)] fn f() {}"),
        ("gate/mod.rs", "#![allow(dead_code)]"),
        ("gate/mod.rs", "#[cfg_attr(test, allow(dead_code))] fn f() {}"),
        ("gate/mod.rs", "#[path = \"x.rs\"] mod y;"),
        ("gate/mod.rs", "include!(\"x.rs\");"),
        ("lib.rs", "pub use crate::image::ImageRef;"),
        ("lib.rs", "pub mod utils;"),
        ("main.rs", "fn main() { countersign::server::run() }"),
        ("utils/mod.rs", "fn f() {}"),
        ("image/mod.rs", "fn f( {"),
    ] {
        assert!(!found(path, source).is_empty(), "{source}");
    }
    assert_eq!(found("lib.rs", "//! The story.\npub mod image; pub mod cli;"), [""; 0]);
    assert_eq!(found("main.rs", "fn main() -> std::process::ExitCode { countersign::cli::run() }"), [""; 0]);
}

#[test]
fn tables_profiles_and_locks_are_checked() {
    let cycle = [row("a", &["b"], Words::Any), row("b", &["a"], Words::Any)];
    assert_eq!(out_of_order(&cycle).len(), 1);

    let good = "[lints.clippy]\npanic = \"deny\"\n[profile.dev]\npanic = \"unwind\"\n[profile.dev.package.x]\nopt-level = 3\n\
                [profile.release]\npanic = \"unwind\" # why\n[profile.dist]\ninherits = \"release\"\n";
    assert_eq!(profiles_that_may_abort(good), [""; 0]);
    for (from, to) in [
        ("[profile.dev]\npanic = \"unwind\"", "[profile.dev]\npanic = \"abort\""),
        ("[profile.dev]\n", "[profile.x]\n"),
        ("inherits = \"release\"", "lto = true"),
        ("inherits = \"release\"", "inherits = \"release\"\npanic = 'abort'"),
        ("[profile.dist]\n", "[profile]\n"),
    ] {
        assert!(good.contains(from) && !profiles_that_may_abort(&good.replace(from, to)).is_empty(), "{to}");
    }

    let banned = BTreeSet::from(["ring".to_owned(), "rsa".to_owned()]);
    let lock = |name: &str, dependency: &str, source: &str| {
        format!(
            "[[package]]\nname = \"{name}\"\nsource = \"{source}\"\ndependencies = [\n \"{dependency} 0.17.14\",\n]\n"
        )
    };
    let registry = "registry+https://registry.example/index";
    assert_eq!(banned_in_lock(&lock("rustls-webpki", "ring", registry), &banned), [""; 0]);
    assert_eq!(banned_in_lock(&lock("x", "ring", registry), &banned).len(), 1);
    assert_eq!(banned_in_lock(&lock("rustls-webpki", "rsa", registry), &banned).len(), 1);
    assert_eq!(banned_in_lock(&lock("x", "y", "git+https://example.com/x"), &banned), ["`x` is not from a registry"]);
}
