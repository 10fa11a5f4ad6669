//! The house rules that the compiler cannot hold, checked on the source itself.
//!
//! The import table of the crate stands here as [`TABLE`]. Every file under `src/` is read as Rust tokens, so that
//! comments, doc comments and strings are not code while the arguments of macros are; each path in it (`crate::…`,
//! `super::…`, the first name of a foreign path) is compared with the row of its module. Tests inside `src/` keep the
//! same row: what needs more modules than its own row gives is an integration test. The only rule that tests are free
//! of is the one about the identifier `allowed`.
//!
//! What an edge costs: a row changes in a commit of its own that says why.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use source::{File, Name, module_path};

#[path = "architecture/checked.rs"]
mod checked;
#[path = "architecture/source.rs"]
mod source;

// ------------------------------------------------------------------------------------------------ the table

/// One row: a top-level module, what it may import, and what it may not say.
struct Row {
    module: &'static str,
    /// Modules of the crate; `a::b` opens only that module or item of `a`.
    may_import: &'static [&'static str],
    words: Words,
}

/// What the files of a module may not name.
#[derive(Clone, Copy, PartialEq)]
enum Words {
    /// Everything may be named.
    Any,
    /// Pure: no async, no clock, no input or output, no logging, no Kubernetes.
    Core,
    /// As [`Words::Core`], but the types and derives of `kube` and `k8s_openapi`.
    CoreKnowingKubernetes,
    NoKube,
    NoKubeNoReqwest,
}

const fn row(module: &'static str, may_import: &'static [&'static str], words: Words) -> Row {
    Row { module, may_import, words }
}

/// Every top-level module, also those that are still to come. A row imports only from rows above it, which is what
/// keeps the crate free of cycles.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    // core
    row("limits", &[], Words::Core),
    row("image", &["limits"], Words::Core),
    row("evidence", &["image", "limits"], Words::Core),
    row("trust", &["image", "limits"], Words::Core),
    row("verify", &["image", "limits", "evidence", "trust"], Words::Core),
    row("provenance", &["image", "limits", "evidence", "verify"], Words::Core),
    row("policy", &["image", "limits", "evidence", "trust", "verify", "provenance"], Words::Core),
    row("record", &["image", "limits"], Words::Core),
    // translation
    row("api", &["image", "limits", "trust", "verify", "policy", "record"], Words::CoreKnowingKubernetes),
    row("explain", &["image", "limits", "evidence", "trust", "verify", "policy", "record"], Words::Core),
    row("admission", &["image", "limits", "policy", "explain"], Words::CoreKnowingKubernetes),
    // edges; telemetry stands here because they count what they do
    row("telemetry", &[], Words::Any),
    row("cloud", &["limits"], Words::NoKube),
    row("registry", &["image", "limits", "evidence", "telemetry", "cloud"], Words::NoKube),
    row("sigstore", &["limits", "evidence", "trust", "telemetry"], Words::NoKube),
    row("kms", &["limits", "evidence", "trust", "telemetry", "cloud"], Words::NoKube),
    row("demo", &["image", "limits"], Words::NoKube),
    // shell
    row("loader", &["limits", "trust", "policy", "api", "cloud", "registry", "sigstore", "kms", "telemetry"], Words::NoKube),
    row("cluster", &["image", "limits", "trust", "policy", "api", "explain", "registry", "loader", "record", "telemetry"], Words::Any),
    row("gate", &[
        "image", "limits", "evidence", "trust", "verify", "policy", "admission::request", "admission::Request",
        "admission::Exemption", "registry", "telemetry",
    ], Words::NoKubeNoReqwest),
    row("signer", &["image", "limits", "evidence", "trust", "verify", "provenance", "record", "registry", "sigstore", "kms", "telemetry"], Words::NoKube),
    row("audit", &["image", "policy", "admission", "explain", "cluster", "gate", "telemetry"], Words::Any),
    row("server", &["limits", "admission", "api", "policy", "explain", "loader", "gate", "telemetry"], Words::Any),
    // prose: it links to the code and runs none of it
    row("manual", &[], Words::Core),
    row("cli", &[
        "image", "limits", "evidence", "trust", "verify", "provenance", "policy", "record", "api", "explain", "admission",
        "telemetry", "cloud", "registry", "sigstore", "kms", "demo", "loader", "cluster", "gate", "signer", "audit", "server", "manual",
    ], Words::Any),
];

/// Crates that a core module may not name, each with all crates of its family (`tokio` and `tokio_…`).
const CORE_CRATES: &[&str] = &["tokio", "reqwest", "hyper", "axum", "tower", "kube", "k8s_openapi", "tracing"];
/// Parts of the standard library that a core module may not name. Addresses come from `core::net`.
const CORE_STD: &[&str] = &["env", "fs", "net", "process"];
/// Names that a core module may not say at all: what the time is comes in as a value.
const CORE_NAMES: &[&str] = &["SystemTime", "Instant", "async", "await", "disallowed_methods", "disallowed_types"];
/// What of `kube` is not a type or a derive.
const KUBE_AT_WORK: &[&[&str]] =
    &[&["kube", "client"], &["kube", "runtime"], &["kube", "Client"], &["kube", "Config"], &["kube", "config"]];
/// Its admission types start as allowed; ours, in `admission::response`, replace them everywhere.
const KUBE_ADMISSION: &[&str] = &["kube", "core", "admission"];

/// Foreign crates with a home: the module paths under which they may be named.
const HOMES: &[(&str, &[&[&str]])] = &[
    ("cms", &[&["verify"]]),
    ("prost", &[&["telemetry", "trace"]]),
    ("sigstore_merkle", &[&["verify"]]),
    ("sigstore_types", &[&["evidence"], &["verify"]]),
    ("sigstore_trust_root", &[&["trust"], &["verify"], &["sigstore"]]),
    ("sigstore_tuf", &[&["sigstore"]]),
    ("sigstore_verify", &[&["verify"]]),
    ("tls_codec", &[&["verify"]]),
    ("regorus", &[&["policy", "condition"]]),
    ("cel", &[&["policy", "condition"]]),
];

/// The only file that can say that an object is allowed.
const SAYS_ALLOWED: &str = "admission/response.rs";

// ------------------------------------------------------------------------------------------------ the rules

#[test]
fn every_file_keeps_to_the_row_of_its_module() {
    let mut broken = Vec::new();
    for (path, source) in sources() {
        broken.extend(broken_rules(&path, &source));
    }
    assert!(broken.is_empty(), "{} broken rules\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn the_table_has_no_cycle() {
    let broken = out_of_order(TABLE);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn files_are_short() {
    let mut lengths: Vec<(usize, String)> = sources().map(|(path, source)| (source.lines().count(), path)).collect();
    lengths.sort();
    let at = |percent: usize| lengths[(lengths.len() - 1) * percent / 100].0;
    let long: Vec<_> = lengths.iter().filter(|(lines, _)| *lines > 800).collect();
    assert!(long.is_empty(), "above 800 lines with their tests; split by noun: {long:?}");
    assert!(at(50) <= 200, "the median file of src/ has {} lines, at most 200", at(50));
    assert!(at(90) <= 500, "nine of ten files of src/ have up to {} lines, at most 500", at(90));
}

#[test]
fn every_profile_unwinds() {
    let broken = profiles_that_may_abort(&read("Cargo.toml"));
    assert!(broken.is_empty(), "a panic in one request must stay a deny of that request: {broken:?}");
    let config = fs::read_to_string(root().join(".cargo/config.toml")).unwrap_or_default();
    assert!(!config.contains("panic"), ".cargo/config.toml may not change what a panic does");
}

#[test]
fn banned_crates_are_not_locked() {
    let banned = banned_crates();
    for name in
        ["openssl", "openssl-sys", "native-tls", "ring", "rsa", "serde_yml", "serde_yaml", "libyml", "yaml-rust"]
    {
        assert!(banned.contains(name), "deny.toml no longer bans `{name}`");
    }
    let broken = banned_in_lock(&read("Cargo.lock"), &banned);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The lock file also lists optional crates that nothing turns on; this asks cargo what is really built here.
#[test]
#[expect(clippy::disallowed_methods, reason = "cargo says by this variable which cargo runs the tests")]
fn banned_crates_are_not_built() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--offline", "--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let built: BTreeSet<String> = tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(built.len() > 50, "cargo tree printed {} crates: is its format still the same?", built.len());
    let broken: Vec<_> = built.intersection(&banned_crates()).cloned().collect();
    assert!(broken.is_empty(), "banned by deny.toml and built: {broken:?}");
}

/// All that one file of `src/` does against the rules, one line each. `path` is relative to `src/`.
fn broken_rules(path: &str, source: &str) -> Vec<String> {
    let module = module_path(path);
    let file = match File::read(source, &module) {
        Ok(file) => file,
        Err(error) => return vec![format!("src/{path}: cannot be read as Rust tokens: {error}")],
    };
    let mut broken = BTreeSet::new();
    let mut report = |line: usize, what: String| {
        broken.insert((line, what));
    };
    let row = module.first().map(|top| TABLE.iter().find(|row| row.module == top));
    match row {
        Some(None) => report(1, format!("`{}` is not in the table; a new module takes its row first", module[0])),
        Some(Some(row)) => {
            for name in &file.names {
                if let Some(what) = broken_import(row, name).or_else(|| broken_words(row, name)) {
                    report(name.line, what);
                }
            }
        }
        None => {
            for name in &file.names {
                if let Some(what) = broken_root(path, name) {
                    report(name.line, what);
                }
            }
            if path == "main.rs" && source.lines().count() >= 40 {
                report(1, "main.rs has 40 lines or more; what it does belongs into `cli`".to_owned());
            }
        }
    }
    for name in &file.names {
        if let Some(what) = broken_home(&module, name) {
            report(name.line, what);
        }
        if name.ends_with("allowed") && !name.in_test && path != SAYS_ALLOWED {
            report(name.line, format!("says `allowed`; only src/{SAYS_ALLOWED} may"));
        }
        if name.is_macro && name.ends_with("include") {
            report(name.line, "includes code that is not read by this test; make it a module".to_owned());
        }
    }
    for (line, text) in &file.literals {
        if path != SAYS_ALLOWED && text.replace(['\\', ' '], "").contains("\"allowed\":") {
            report(*line, format!("writes an `allowed` field into JSON; only src/{SAYS_ALLOWED} may"));
        }
    }
    for (line, attribute) in &file.attributes {
        match attribute.as_str() {
            "allow" => report(*line, "switches a lint off by `allow`; say `expect` with a reason".to_owned()),
            "path" => report(*line, "moves a module by `path`; a module stands where its name says".to_owned()),
            _ => {}
        }
    }
    broken.into_iter().map(|(line, what)| format!("src/{path}:{line}: {what}")).collect()
}

/// The import of a module of this crate that the row does not give.
fn broken_import(row: &Row, name: &Name) -> Option<String> {
    let target = name.in_crate()?;
    let Some(top) = target.first() else {
        // `pub(crate)` names the root too, and imports nothing.
        return name.in_use.then(|| "imports the crate root; name the module that defines what is wanted".to_owned());
    };
    if top == row.module {
        return None;
    }
    if !TABLE.iter().any(|row| row.module == top) {
        return Some(format!("`crate::{top}` is not in the table; items come from the module that defines them"));
    }
    let opened = row.may_import.iter().any(|open| open.split("::").eq(target.iter().take(open.split("::").count())));
    (!opened).then(|| {
        let may = if row.may_import.is_empty() { "nothing".to_owned() } else { row.may_import.join(", ") };
        format!("`{}` may not import `{}`; it may import {may}", row.module, target.join("::"))
    })
}

/// A foreign name that the row forbids.
fn broken_words(row: &Row, name: &Name) -> Option<String> {
    let may_not = || Some(format!("`{}` may not name `{}`", row.module, name.path.join("::")));
    let of = |family: &str| name.is_of_crate(family);
    match row.words {
        Words::Any => {}
        Words::NoKube => {
            if of("kube") {
                return may_not();
            }
        }
        Words::NoKubeNoReqwest => {
            if of("kube") || of("reqwest") {
                return may_not();
            }
        }
        Words::Core | Words::CoreKnowingKubernetes => {
            let kubernetes = row.words == Words::CoreKnowingKubernetes;
            let types = |family: &str| kubernetes && (family == "kube" || family == "k8s_openapi");
            if CORE_CRATES.iter().any(|family| of(family) && !types(family))
                || KUBE_AT_WORK.iter().any(|work| name.starts_with(work))
                || of("kube_client")
                || of("kube_runtime")
            {
                return may_not();
            }
            if name.is_of_crate("std") && (name.path.len() == 1 || CORE_STD.contains(&name.path[1].as_str())) {
                return may_not();
            }
            if name.path.iter().any(|part| CORE_NAMES.contains(&part.as_str())) {
                return may_not();
            }
            if name.path.len() > 1 && name.ends_with("now") {
                return Some(format!("`{}` may not read a clock by `{}`", row.module, name.path.join("::")));
            }
        }
    }
    None
}

/// A foreign crate outside of its home.
fn broken_home(module: &[String], name: &Name) -> Option<String> {
    if name.starts_with(KUBE_ADMISSION) {
        return Some("names the admission types of kube, which start as allowed; ours are in `admission`".to_owned());
    }
    let first = name.foreign()?;
    let Some((_, homes)) = HOMES.iter().find(|(name, _)| *name == first) else {
        return first
            .starts_with("sigstore_")
            .then(|| format!("`{first}` has no home in the table; give it one where it is needed"));
    };
    let at_home = homes.iter().any(|home| home.len() <= module.len() && home.iter().zip(module).all(|(a, b)| a == b));
    let homes: Vec<_> = homes.iter().map(|home| home.join("::")).collect();
    (!at_home).then(|| format!("`{first}` may be named only in {}", homes.join(", ")))
}

/// What the two roots may not do: `lib.rs` declares modules and re-exports nothing, `main.rs` calls the CLI.
fn broken_root(path: &str, name: &Name) -> Option<String> {
    if name.declares_module && !TABLE.iter().any(|row| name.ends_with(row.module)) {
        return Some(format!("`{}` is not in the table; a new module takes its row first", name.path.join("::")));
    }
    if path == "lib.rs" && name.in_use {
        return Some(format!("lib.rs imports `{}`; it only declares modules", name.path.join("::")));
    }
    if path == "main.rs" && name.starts_with(&["countersign"]) && !name.starts_with(&["countersign", "cli"]) {
        return Some(format!("main.rs names `{}`; it may only name `countersign::cli`", name.path.join("::")));
    }
    None
}

/// The rows that import from below themselves: every cycle has at least one.
fn out_of_order(table: &[Row]) -> Vec<String> {
    let mut broken = Vec::new();
    for (place, row) in table.iter().enumerate() {
        for import in row.may_import {
            let top = import.split("::").next().unwrap_or_default();
            if !table[..place].iter().any(|above| above.module == top) {
                broken.push(format!("`{}` imports `{top}`, which does not stand above it", row.module));
            }
        }
    }
    broken
}

/// The profiles that do not say `panic = "unwind"` and inherit from none that does, and every other value of `panic`.
fn profiles_that_may_abort(manifest: &str) -> Vec<String> {
    let mut unwinds = BTreeMap::from([("dev", false), ("release", false)]);
    let mut broken = Vec::new();
    let mut profile = None;
    for line in manifest.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            profile = header.strip_prefix("profile.");
            if let Some(name) = profile.filter(|name| !name.contains('.')) {
                unwinds.entry(name).or_default();
            }
            if header == "profile" {
                broken.push("`[profile]`: give each profile a section of its own".to_owned());
            }
        } else if let (Some(name), Some((key, value))) = (profile, line.split_once('=')) {
            match (key.trim(), value.trim()) {
                // A profile that inherits is as good as its parent, which is checked itself.
                ("panic", "\"unwind\"") | ("inherits", _) => drop(unwinds.insert(name, true)),
                ("panic", _) => broken.push(format!("`{name}`: {line}")),
                _ => {}
            }
        }
    }
    let silent = unwinds.into_iter().filter(|(_, unwinds)| !unwinds);
    broken.extend(silent.map(|(name, _)| format!("`{name}` does not say panic = \"unwind\"")));
    broken
}

/// Banned packages in the text of a lock file, and packages that are not from a registry.
fn banned_in_lock(lock: &str, banned: &BTreeSet<String>) -> Vec<String> {
    // cargo locks an optional crate as soon as a feature mentions it weakly (`ring?/alloc`), also when nothing turns
    // it on. `banned_crates_are_not_built` holds that nothing does.
    const NAMED_BUT_NEVER_ON: &[(&str, &str)] = &[("ring", "rustls-webpki")];

    let mut broken = Vec::new();
    for package in lock.split("[[package]]").skip(1) {
        let field = |key: &str| {
            package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'))
        };
        let name = field("name").unwrap_or_default();
        let is_from_registry = field("source").map_or(name == "countersign", |source| source.starts_with("registry+"));
        if !is_from_registry {
            broken.push(format!("`{name}` is not from a registry"));
        }
        let quoted = package.lines().filter_map(|line| line.trim().strip_prefix('"')?.split(['"', ' ']).next());
        for dependency in quoted.filter(|dependency| banned.contains(*dependency)) {
            if !NAMED_BUT_NEVER_ON.contains(&(dependency, name)) {
                broken.push(format!("`{name}` depends on `{dependency}`, which deny.toml bans"));
            }
        }
    }
    broken
}

/// The names that `deny.toml` bans: one place for both checks.
fn banned_crates() -> BTreeSet<String> {
    let names = read("deny.toml");
    let names =
        names.lines().filter_map(|line| line.trim().strip_prefix("{ crate = \"")?.split('"').next().map(str::to_owned));
    names.collect()
}

/// Every Rust file under `src/`: its path from there, and its text.
fn sources() -> impl Iterator<Item = (String, String)> {
    let src = root().join("src");
    let mut files = rust_files(&src);
    files.sort();
    assert!(!files.is_empty(), "no Rust file under src/");
    files.into_iter().map(move |file| {
        let path = file.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
        let text = fs::read_to_string(&file).unwrap();
        (path, text)
    })
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => rust_files(&path),
            false => Vec::from_iter(path.extension().is_some_and(|extension| extension == "rs").then_some(path)),
        })
        .collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
