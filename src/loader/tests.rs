//! Directories of policies as they change.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::*;
use crate::policy::{NoMatch, Policy, PolicyBody};

const KEY: &str = include_str!("../../tests/data/cosign/cosign.pub");

/// A directory of policies that a test changes.
struct Policies(TempDir);

impl Policies {
    fn new(files: &[(&str, &str)]) -> Self {
        let policies = Self(TempDir::new().unwrap());
        for (name, text) in files {
            policies.write(name, text);
        }
        policies
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let beside = self.path().join(format!(".{name}"));
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.path().join(name)).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).unwrap();
    }

    fn load(&self) -> Result<Loaded, LoadError> {
        load_dir(self.path(), NoMatch::Deny)
    }

    /// An error's message without the directory, which has another name in every run.
    fn error(&self) -> String {
        let error = self.load().expect_err("loads");
        error.to_string().replace(&self.path().display().to_string(), "DIR")
    }

    fn loader(&self) -> Loader {
        Loader::open(Settings::new(self.path(), NoMatch::Deny)).unwrap()
    }
}

fn fail(name: &str) -> String {
    format!(
        "apiVersion: countersign.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {{name: {name}}}\n\
         spec: {{images: [{{glob: 'ghcr.io/{name}/**'}}], authorities: [{{static: {{action: fail}}}}]}}\n"
    )
}

fn by_secret() -> String {
    fail("keys").replace("static: {action: fail}", "key: {secretRef: {name: keys}}")
}

fn secret() -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData: {{cosign.pub: {}}}\n",
        serde_json::to_string(KEY).unwrap()
    )
}

fn is_invalid(policy: &Policy) -> bool {
    match policy.body {
        PolicyBody::Compiled(_) => false,
        PolicyBody::Invalid(_) => true,
    }
}

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.set.policies().iter().map(|policy| policy.name.name()).collect()
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "some instant; no test asks which")]
    Instant::now()
}

#[test]
fn a_directory_is_its_documents() {
    let policies = Policies::new(&[
        ("a.yaml", &format!("{}---\n{}", fail("b"), fail("a"))),
        ("b.yml", &fail("c")),
        ("c.json", r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}"#),
        ("README.md", "not read: {"),
        (".hidden.yaml", "not read: {"),
        ("d.yaml.bak", "not read: {"),
    ]);
    fs::create_dir(policies.path().join("e.yaml")).unwrap();
    let loaded = policies.load().unwrap();
    assert_eq!(names(&loaded), ["a", "b", "c"]);
    assert_eq!(loaded.namespaces.len(), 1);
    assert_eq!(loaded.problems, []);
    let one = load_dir(&policies.path().join("b.yml"), NoMatch::Deny).unwrap();
    assert_eq!(names(&one), ["c"]);
}

#[test]
fn a_mounted_config_map_is_read_through_its_generation() {
    let policies = Policies::new(&[]);
    let root = policies.path().to_owned();
    let generation = |name: &str, text: &str| -> PathBuf {
        let directory = root.join(name);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("policy.yaml"), text).unwrap();
        directory
    };
    generation("..2026_01", &fail("old"));
    std::os::unix::fs::symlink("..2026_01", root.join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/policy.yaml", root.join("policy.yaml")).unwrap();
    let mut loader = policies.loader();
    assert_eq!(names(&policies.load().unwrap()), ["old"]);

    generation("..2026_02", &fail("new"));
    std::os::unix::fs::symlink("..2026_02", root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    loader.poll(now());
    let set = loader.policies().borrow().clone().unwrap();
    assert_eq!(set.policies()[0].name.name(), "new");
}

#[test]
fn what_cannot_be_read_as_a_whole_stops_the_start() {
    let large = format!("# {}\n", "x".repeat(crate::limits::POLICY_FILE_BYTES));
    let cases: [&[(&str, &str)]; 7] = [
        &[],
        &[("secret.yaml", &secret())],
        &[("a.yaml", &fail("a")), ("b.yaml", "a: [")],
        &[("a.yaml", &fail("a")), ("b.yaml", &large)],
        &[("a.yaml", &fail("a")), ("b.yaml", &fail("a"))],
        &[("a.yaml", &fail("a")), ("b.yaml", &format!("{}---\n{}", secret(), secret()))],
        &[("a.json", "{")],
    ];
    let mut report = String::new();
    for files in cases {
        let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        writeln!(report, "{names:?}: {}", Policies::new(files).error()).unwrap();
    }
    let latin = Policies::new(&[]);
    fs::write(latin.path().join("a.yaml"), b"# \xe4\n").unwrap();
    writeln!(report, "latin-1: {}", latin.error()).unwrap();
    insta::assert_snapshot!(report);
    let missing = load_dir(&latin.path().join("none"), NoMatch::Allow).unwrap_err();
    assert!(matches!(missing, LoadError::Read(ReadError::Io { .. })), "{missing}");
}

#[test]
fn a_document_that_does_not_compile_is_in_the_set() {
    let policies = Policies::new(&[
        ("a.yaml", &fail("a")),
        ("b.yaml", &fail("b").replace("action: fail", "action: maybe")),
        ("other.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"),
    ]);
    let loaded = policies.load().unwrap();
    let invalid: Vec<_> = loaded.set.policies().iter().map(is_invalid).collect();
    assert_eq!(invalid, [false, true]);
    let notes: Vec<_> = loaded.problems.iter().map(ToString::to_string).collect();
    let notes = notes.join("\n").replace(&policies.path().display().to_string(), "DIR");
    insta::assert_snapshot!(notes);
    let status = policies.loader().status().borrow().clone();
    assert_eq!((status.policies, status.invalid, status.generation), (2, 1, 1));
    assert_eq!(status.stale, None);
}

/// T86 with files: one broken policy among ten thousand refuses what it covers, and no other does.
#[test]
fn t86_one_broken_policy_among_ten_thousand() {
    let policies = Policies::new(&[]);
    for file in 0..10 {
        let mut text = String::new();
        for policy in 0..1000 {
            let policy = fail(&format!("p{}", file * 1000 + policy));
            writeln!(text, "{policy}---").unwrap();
        }
        policies.write(&format!("{file}.yaml"), &text.replace("name: p4711}", "name: p4711}\nspce: {}"));
    }
    let loaded = policies.load().unwrap();
    assert_eq!(loaded.set.policies().len(), 10_000);
    let invalid: Vec<_> = loaded.set.policies().iter().filter(|policy| is_invalid(policy)).collect();
    assert_eq!(invalid.len(), 1);
    assert_eq!(invalid[0].name.name(), "p4711");
    assert!(invalid[0].covers(&"ghcr.io/p4711/x".parse().unwrap()));
    assert!(!invalid[0].covers(&"ghcr.io/p4712/x".parse().unwrap()));
}

#[test]
fn a_change_makes_a_new_generation() {
    let policies = Policies::new(&[("a.yaml", &fail("a"))]);
    let mut loader = policies.loader();
    let (mut sets, mut status) = (loader.policies(), loader.status());
    let first = sets.borrow_and_update().clone().unwrap();
    status.mark_unchanged();

    loader.poll(now());
    assert!(!sets.has_changed().unwrap());
    assert!(!status.has_changed().unwrap(), "nothing new is to be told");
    assert!(status.borrow().read_at.is_some());

    policies.write("a.yaml", &format!("# the same\n{}", fail("a")));
    loader.poll(now());
    assert!(!sets.has_changed().unwrap(), "the same set stays in force");
    assert_eq!(status.borrow_and_update().generation, 1);

    policies.write("b.yaml", &fail("b"));
    loader.poll(now());
    assert!(sets.has_changed().unwrap());
    let second = sets.borrow_and_update().clone().unwrap();
    assert_eq!(second.policies().len(), 2);
    assert_eq!(first.policies().len(), 1, "who holds a generation keeps it");
    assert_ne!(first.revision(), second.revision());
    assert_eq!(status.borrow().revision, second.revision());
    assert_eq!(status.borrow().generation, 2);

    policies.remove("b.yaml");
    loader.poll(now());
    assert_eq!(sets.borrow().as_ref().unwrap().revision(), first.revision());
    assert_eq!(status.borrow().generation, 3);
}

/// A file that is written in its place is empty for a moment, and must not be taken for a set with a policy less.
#[test]
fn half_a_change_leaves_the_last_good_set() {
    let policies = Policies::new(&[("a.yaml", &fail("a")), ("b.yaml", &fail("b"))]);
    let mut loader = policies.loader();
    let (sets, status) = (loader.policies(), loader.status());
    policies.write("b.yaml", "");
    loader.poll_around(now(), || policies.write("b.yaml", &format!("# newer\n{}", fail("b"))));
    assert!(!sets.has_changed().unwrap());
    assert!(status.borrow().stale.as_ref().is_some_and(|reason| reason.contains("being changed")));
    loader.poll(now());
    assert_eq!(sets.borrow().as_ref().unwrap().policies().len(), 2);
    assert_eq!(status.borrow().stale, None);
}

#[test]
fn files_that_cannot_be_read_leave_the_last_good_set() {
    let policies = Policies::new(&[("a.yaml", &fail("a"))]);
    let mut loader = policies.loader();
    let sets = loader.policies();
    let mut status = loader.status();
    for (name, text) in [("b.yaml", "a: ["), ("b.yaml", fail("a").as_str()), ("a.yaml", "")] {
        policies.write(name, text);
        loader.poll(now());
        assert!(!sets.has_changed().unwrap(), "{text}");
        let stale = status.borrow_and_update().stale.clone();
        assert!(stale.is_some_and(|reason| !reason.is_empty()), "{text}");
        loader.poll(now());
        assert!(!status.has_changed().unwrap(), "it is told once");
        assert!(status.borrow().stale.is_some(), "and stays so");
        if name == "b.yaml" {
            policies.remove(name);
            loader.poll(now());
            assert_eq!(status.borrow_and_update().stale, None);
        }
    }
    // The directory itself goes and comes back as it was.
    policies.write("a.yaml", &fail("a"));
    loader.poll(now());
    assert_eq!(status.borrow_and_update().stale, None);
    let away = policies.path().with_extension("away");
    fs::rename(policies.path(), &away).unwrap();
    loader.poll(now());
    assert!(status.borrow_and_update().stale.is_some());
    fs::rename(&away, policies.path()).unwrap();
    loader.poll(now());
    assert_eq!(status.borrow_and_update().stale, None);
    assert!(!sets.has_changed().unwrap());
}

#[test]
fn a_secret_that_is_gone_breaks_its_policy_at_once() {
    let policies = Policies::new(&[("a.yaml", &by_secret()), ("keys.yaml", &secret()), ("b.yaml", &fail("b"))]);
    let mut loader = policies.loader();
    let sets = loader.policies();
    let invalid = || {
        let set = sets.borrow().clone().unwrap();
        set.policies()
            .iter()
            .filter(|policy| is_invalid(policy))
            .map(|policy| policy.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(invalid(), [""; 0]);

    policies.remove("keys.yaml");
    loader.poll(now());
    assert_eq!(invalid(), ["keys"]);
    assert_eq!(loader.status().borrow().stale, None, "the set says what the files say");

    policies.write("keys.yaml", &secret());
    loader.poll(now());
    assert_eq!(invalid(), [""; 0]);

    policies.write("keys.yaml", &secret().replace("BEGIN", "BEGUN"));
    loader.poll(now());
    assert_eq!(invalid(), ["keys"]);
}

#[tokio::test]
async fn a_running_loader_follows_the_files_and_ends() {
    let policies = Policies::new(&[("a.yaml", &fail("a"))]);
    let settings = Settings { interval: Duration::from_millis(1), ..Settings::new(policies.path(), NoMatch::Deny) };
    let loader = Loader::open(settings).unwrap();
    let (mut sets, mut status) = (loader.policies(), loader.status());
    let (stop, stopped) = oneshot::channel::<()>();
    let change = async {
        policies.write("b.yaml", &fail("b"));
        sets.wait_for(|set| set.as_ref().is_some_and(|set| set.policies().len() == 2)).await.unwrap();
        policies.write("b.yaml", "a: [");
        status.wait_for(|status| status.stale.is_some()).await.unwrap();
        stop.send(()).unwrap();
    };
    let run = loader.run(async {
        let _ = stopped.await;
    });
    tokio::join!(run, change);
    assert_eq!(sets.borrow().as_ref().unwrap().policies().len(), 2, "the last good set outlives the loader");
}
