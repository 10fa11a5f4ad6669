//! Help, and wrong usage.

use super::support::Place;

#[test]
fn help() {
    let place = Place::new();
    let commands: [&[&str]; 31] = [
        &["-h"],
        &["--help"],
        &["quickstart", "--help"],
        &["serve", "--help"],
        &["ask", "--help"],
        &["report", "--help"],
        &["verify", "--help"],
        &["verify-bundle", "--help"],
        &["sign", "--help"],
        &["attest", "--help"],
        &["ship", "--help"],
        &["sign-file", "--help"],
        &["attest-file", "--help"],
        &["verify-file", "--help"],
        &["provenance", "generate", "--help"],
        &["run", "--help"],
        &["convert", "harness", "--help"],
        &["tree", "--help"],
        &["artifacts", "list", "--help"],
        &["artifacts", "show", "--help"],
        &["custody", "--help"],
        &["copy", "--help"],
        &["export", "--help"],
        &["key", "--help"],
        &["key", "generate", "--help"],
        &["policy", "--help"],
        &["policy", "check", "--help"],
        &["policy", "match", "--help"],
        &["images", "--help"],
        &["image", "--help"],
        &["image", "parse", "--help"],
    ];
    let shown: Vec<_> = commands.iter().map(|args| place.run(args)).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn wrong_usage() {
    let place = Place::new();
    let commands: [&[&str]; 15] = [
        &[],
        &["sirve"],
        &["serve"],
        &["serve", "--policies", "p", "--listen", "8443"],
        &["serve", "--policies", "p", "--tls-cert", "tls.crt"],
        &["serve", "--policies", "p", "--tls-cert", "a", "--tls-key", "b", "--tls-san", "c"],
        &["verify", "a.example/b"],
        &["verify", "--key", "k.pub"],
        &["verify", "a.example/b", "--key", "k.pub", "--policy", "p.yaml"],
        &["verify", "a.example/B", "--key", "k.pub"],
        &["image", "parse", "--log-level", "loud", "a"],
        &["images", "a.yaml", "-o", "xml"],
        &["uninstall-webhooks"],
        &["custody", "sha256:aa", "--record", "r.jsonl"],
        &["custody", "a.example/B"],
    ];
    let shown: Vec<_> = commands.iter().map(|args| place.run(args)).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn version() {
    let shown = Place::new().run(&["--version"]);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(shown, format!("$ countersign --version\n--- stdout\ncountersign {version}\n--- exit 0\n"));
}

#[test]
fn a_log_level_in_the_environment_is_read_strictly() {
    let place = Place::new();
    for (level, code) in [("debug", 0), ("", 0), ("loud", 2)] {
        let output = place.command(&["image", "parse", "a"]).env("LOG_LEVEL", level).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{level}");
    }
    let output = place.command(&["image", "parse", "a"]).env("LOG_LEVEL", "loud").output().unwrap();
    let expected = "error: LOG_LEVEL is `loud`, not one of `error`, `warn`, `info`, `debug`, `trace`\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
    // The argument wins.
    let mut command = place.command(&["image", "parse", "a", "--log-level", "warn"]);
    assert!(command.env("LOG_LEVEL", "loud").output().unwrap().status.success());
}
