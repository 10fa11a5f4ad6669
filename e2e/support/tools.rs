//! Where the programs are that `e2e/tools/build` made, and the level that they make possible.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use super::{node, scratch};

/// Where programs of the machine are looked for.
pub(crate) const PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// A command that runs the program `name`, with nothing of this program's environment: no credentials, proxies or
/// settings of whoever runs the tests reach it.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(path(name));
    isolate(&mut command);
    command
}

/// A command that runs `component` of the Kubernetes binary.
pub(crate) fn kubernetes(component: &str) -> Command {
    let mut command = command("hyperkube");
    command.arg(component);
    command
}

/// Gives `command` an empty environment with a home of this run.
pub(crate) fn isolate(command: &mut Command) {
    static HOME: LazyLock<PathBuf> = LazyLock::new(|| scratch::folder("home"));
    command.env_clear().env("HOME", &*HOME).env("PATH", PATH);
}

/// What this machine allows.
pub(crate) enum Level {
    /// All but pods: the reason is why there can be no node.
    ControlPlane(String),
    /// Everything: pods really run.
    Node,
}

/// What this machine allows; said once, at the head of a run. Continuous integration (`CI` in the environment) takes
/// nothing less than a node.
pub(crate) fn level() -> &'static Level {
    static LEVEL: LazyLock<Level> = LazyLock::new(|| {
        let Some(why) = node::impossible() else {
            scratch::say(
                "level node: pods run, in a cluster with registries, cosign 2 and 3, Helm 3 and 4 and a private Sigstore",
            );
            return Level::Node;
        };
        scratch::say(&format!("level control-plane: no pod runs, because {why}; everything else is real"));
        #[expect(clippy::disallowed_methods, reason = "how much has to be possible is the caller's to say")]
        let demanded = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        assert!(!demanded, "`CI` is set, and there it has to be level node: {why}");
        Level::ControlPlane(why)
    });
    &LEVEL
}

/// Where the program `name` is, or the folder of another project's files.
pub(crate) fn path(name: &str) -> &'static Path {
    static TOOLS: LazyLock<Result<BTreeMap<String, PathBuf>, String>> = LazyLock::new(locate);
    level();
    match &*TOOLS {
        Ok(tools) => tools.get(name).unwrap_or_else(|| panic!("`{name}` is not a program of e2e/tools/build")),
        Err(message) => panic!("{message}"),
    }
}

fn locate() -> Result<BTreeMap<String, PathBuf>, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/tools/build");
    let hint = "`make e2e` builds what is missing";
    let output = Command::new(&script)
        .arg("--locate")
        .output()
        .map_err(|error| format!("could not run {}: {error}; {hint}", script.display()))?;
    let tools: BTreeMap<_, _> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, path)| (name.to_owned(), PathBuf::from(path)))
        .collect();
    let missing: Vec<_> = tools.iter().filter(|(_, path)| !path.exists()).map(|(name, _)| name.as_str()).collect();
    if !missing.is_empty() {
        return Err(format!("not built: {}; {hint}", missing.join(", ")));
    }
    if !output.status.success() {
        return Err(format!("{} failed; {hint}\n{}", script.display(), String::from_utf8_lossy(&output.stderr)));
    }
    Ok(tools)
}
