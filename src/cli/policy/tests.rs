//! What `policy check` and `policy match` print.

use clap::Parser;
use tempfile::TempDir;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// What a command line printed, and its exit code.
struct Printed {
    stdout: String,
    stderr: String,
    code: u8,
}

fn run_line(arguments: &[&str]) -> Printed {
    let line = std::iter::once(&"policy").chain(arguments);
    let (stdout, messages, exit) = match run(&Line::try_parse_from(line).unwrap().command) {
        Ok(outcome) => (outcome.data, [outcome.messages, outcome.notes].concat(), outcome.exit),
        Err(error) => (String::new(), vec![error.to_string()], error.exit()),
    };
    let stderr = messages.iter().map(|message| format!("{message}\n")).collect();
    Printed { stdout, stderr, code: exit.code() }
}

/// Runs `policy check` over files in a directory that reads as `DIR` in what is printed.
fn check_files(files: &[(&str, &str)], options: &[&str]) -> Printed {
    let directory = TempDir::new().unwrap();
    let name = directory.path().display().to_string();
    let mut arguments = vec!["check"];
    arguments.extend(options);
    let paths: Vec<_> = files
        .iter()
        .map(|(name, text)| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        })
        .collect();
    arguments.extend(paths.iter().map(String::as_str));
    let outcome = run_line(&arguments);
    Printed { stdout: outcome.stdout.replace(&name, "DIR"), stderr: outcome.stderr.replace(&name, "DIR"), ..outcome }
}

fn shown(outcome: &Printed) -> String {
    format!("exit {}\n--- stdout\n{}--- stderr\n{}", outcome.code, outcome.stdout, outcome.stderr)
}

const GOOD: &str = include_str!("../../../config/samples/key-inline.yaml");
const WITH_SECRETS: &str = include_str!("../../../config/samples/key-secret.yaml");

const BROKEN: &str = "\
apiVersion: countersign.dev/v1alpha1
kind: ClusterImagePolicy
metadata:
  name: broken
spec:
  images:
    - glob: ghcr.io/a/b*
    - glob: ghcr.io/a/b:v1
  authorities:
    - name: k
      key:
        data: nothing
    - static:
        action: pass
      attestation: []
  mode: warn
";

#[test]
fn a_right_policy() {
    let outcome = check_files(&[("good.yaml", GOOD)], &[]);
    assert_eq!(shown(&outcome), "exit 0\n--- stdout\n1 valid, 0 invalid\n--- stderr\n");
    let outcome = check_files(&[("secrets.yaml", WITH_SECRETS)], &[]);
    assert_eq!(shown(&outcome), "exit 0\n--- stdout\n1 valid, 0 invalid\n--- stderr\n");
}

#[test]
fn a_wrong_policy() {
    let outcome = check_files(&[("good.yaml", GOOD), ("broken.yaml", BROKEN)], &[]);
    assert_eq!(outcome.code, 1);
    insta::assert_snapshot!(shown(&outcome));
    let outcome = check_files(&[("broken.yaml", BROKEN)], &["-o", "json"]);
    assert_eq!(outcome.code, 1);
    insta::assert_snapshot!(shown(&outcome));
}

#[test]
fn a_policy_whose_secret_is_elsewhere() {
    let policy = WITH_SECRETS.split("---").next().unwrap();
    let outcome = check_files(&[("policy.yaml", policy)], &[]);
    assert_eq!(outcome.code, 0);
    insta::assert_snapshot!(shown(&outcome));
}

/// A condition at an address is fetched only where that is asked for, and one that cannot be had is a problem then.
#[test]
fn a_policy_whose_condition_is_elsewhere() {
    let sum = crate::image::Digest::of(b"").hex();
    let policy = format!(
        "{GOOD}  policy: {{type: cel, remote: {{url: 'https://127.0.0.1:1/p.cel?t=5ecret', sha256sum: {sum}}}}}\n"
    );
    let outcome = check_files(&[("p.yaml", &policy)], &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stdout);
    let said =
        "the condition at `https://127.0.0.1:1/p.cel` was not fetched, and so was not checked; `--fetch` does both";
    assert!(outcome.stdout.contains(said), "{}", outcome.stdout);
    let outcome = check_files(&[("p.yaml", &policy)], &["--fetch"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stdout);
    assert!(outcome.stdout.contains("`127.0.0.1:1` lies where it is not asked"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("(warning)") && !outcome.stdout.contains("5ecret"), "{}", outcome.stdout);
}

#[test]
fn a_wrong_secret() {
    let secrets = WITH_SECRETS.replacen("BEGIN PUBLIC KEY", "BEGIN PRIVATE KEY", 1).replacen(
        "END PUBLIC KEY",
        "END PRIVATE KEY",
        1,
    );
    let outcome = check_files(&[("a.yaml", &secrets), ("b.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {}\n")], &[]);
    assert_eq!(outcome.code, 1);
    insta::assert_snapshot!(shown(&outcome));
}

#[test]
fn a_secret_with_the_private_key_in_it() {
    let beside = "stringData:\n  cosign.key: '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----'\n";
    let outcome = check_files(&[("a.yaml", &WITH_SECRETS.replacen("stringData:\n", beside, 1))], &[]);
    let expected = "and holds 2, among them a private key, which no verifier should be able to read";
    assert!(outcome.code == 1 && outcome.stdout.contains(expected), "{}", outcome.stdout);
}

/// A single glob, and all policies of a file.
#[test]
fn what_covers_an_image() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("p.yaml");
    std::fs::write(&path, format!("{GOOD}---\n{BROKEN}")).unwrap();
    let path = path.to_str().unwrap();
    let outcome = run_line(&["match", path, "ghcr.io/acme/app:v1"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (
            0,
            "\
ghcr.io/acme/app:v1
POLICY      MODE     GLOB
broken      warn     its globs cannot be read, so it covers everything
key-inline  enforce  ghcr.io/acme/**
"
        )
    );
    assert!(outcome.stderr.contains("ClusterImagePolicy broken"), "{}", outcome.stderr);
    std::fs::write(path, GOOD).unwrap();
    let outcome = run_line(&["match", path, "nginx"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, "index.docker.io/library/nginx:latest\n"));
    assert_eq!(run_line(&["match", "none.yaml", "nginx"]).code, 2);
    assert!(Line::try_parse_from(["policy", "match", "nginx"]).is_err(), "a file or a glob is needed");
    assert!(Line::try_parse_from(["policy", "match", "--glob", "a", "p.yaml", "nginx"]).is_err(), "not both");
}

#[test]
fn what_policies_ask_for_in_words() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("p.yaml");
    std::fs::write(&path, format!("{WITH_SECRETS}---\n{BROKEN}")).unwrap();
    let outcome = run_line(&["explain", path.to_str().unwrap()]);
    assert_eq!(outcome.code, 1);
    let name = directory.path().display().to_string();
    insta::assert_snapshot!(shown(&Printed { stderr: outcome.stderr.replace(&name, "DIR"), ..outcome }));
    std::fs::write(&path, "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n").unwrap();
    assert_eq!(run_line(&["explain", path.to_str().unwrap()]).code, 2);
}

#[test]
fn the_same_name_twice() {
    let outcome = check_files(&[("a.yaml", GOOD), ("b.yaml", GOOD)], &[]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stdout.contains("another object of this kind has the same name"), "{}", outcome.stdout);
}

#[test]
fn what_is_no_policy_document() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n";
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n";
    let files = [("a.yaml", deployment), ("b.yaml", "a: ["), ("c.yaml", ""), ("d.txt", GOOD)];
    let outcome = check_files(&files, &[]);
    assert_eq!(outcome.code, 2);
    insta::assert_snapshot!(shown(&outcome));
    let outcome = check_files(&[("secret.yaml", secret)], &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (2, "there is no policy in these files\n"));
    let outcome = run_line(&["check", "does/not/exist.yaml"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert!(Line::try_parse_from(["policy", "check"]).is_err(), "a file is needed");
}

#[test]
fn globs_and_images() {
    let table = [
        ("ghcr.io/acme/**", "ghcr.io/acme/app:v1", 0, "ghcr.io/acme/app:v1\n"),
        ("docker.io/**", "nginx", 0, "index.docker.io/library/nginx:latest\n"),
        ("ghcr.io/acme/*", "ghcr.io/acme/team/app", 1, "ghcr.io/acme/team/app:latest\n"),
        ("ghcr.io/acme/app:v1", "ghcr.io/acme/app:v1", 1, "ghcr.io/acme/app:v1\n"),
        ("ghcr.io/a?", "ghcr.io/ab", 2, ""),
        ("ghcr.io/**", "ghcr.io/UPPER", 2, ""),
    ];
    for (glob, image, code, stdout) in table {
        let outcome = run_line(&["match", "--glob", glob, image]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (code, stdout), "{glob} {image}");
        assert_eq!(
            outcome.stderr.is_empty(),
            code != 2 && !glob.ends_with(":v1"),
            "{glob} {image}: {}",
            outcome.stderr
        );
    }
}
