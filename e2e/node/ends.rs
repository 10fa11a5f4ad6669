//! However a run ends, nothing of it is left: no process, namespace, mount, rule, address, control group or folder.
//!
//! A run of this very program, with a cluster of its own, is ended as users and machines do it, and looked for afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::countersign::pod;
use crate::support::node::{Turn, Use};
use crate::support::process::{self, Daemon, REAPER_NAME, signal};
use crate::support::scratch;
use crate::support::wait::{poll, until};

/// How long a run may take to come up or to its end on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);
/// The variable that says to this program that it is the run to be ended: in this folder they tell each other how far they
/// are.
const VICTIM: &str = "COUNTERSIGN_E2E_VICTIM";
/// A pod runs.
const RUNS: &str = "runs";
/// The test may go on, and panics.
const PANIC: &str = "panic";
/// The run has no cluster: it is the next one after a run that was ended.
const NEXT: &str = "next";

#[test]
fn whatever_ends_a_run_nothing_of_it_is_left() {
    #[expect(clippy::disallowed_methods, reason = "it is this test that says it, to another run of this program")]
    if let Some(folder) = std::env::var_os(VICTIM) {
        return be_ended(Path::new(&folder));
    }
    let Some(_turn) = Turn::without_cluster() else { return };
    let before = Machine::seen();

    for name in ["INT", "TERM"] {
        let mut victim = Victim::start();
        let traces = victim.traces();
        signal(name, &[victim.run.id()]);
        assert!(!victim.run.wait(LIMIT).success(), "{name}");
        poll(&format!("end of everything after SIG{name}"), LIMIT, || nothing_of(&traces, &victim, &before));
    }

    // A test that panics ends its run. The logs are kept, and nothing else.
    let mut victim = Victim::start();
    let traces = victim.traces();
    scratch::file(&victim.folder, PANIC, "");
    assert_eq!(victim.run.wait(LIMIT).code(), Some(101));
    poll("end of everything but logs", LIMIT, || {
        let folders = victim.left_folders();
        let [kept] = folders.as_slice() else { return Err(format!("{folders:?}")) };
        let has = |name: &str| directories(kept, 1).iter().any(|folder| folder.join(name).exists());
        if has("var-lib") || !has("kubelet-0.log") || !kept.join(scratch::FAILED).exists() {
            return Err(format!("{:?}", directories(kept, 2)));
        }
        nothing_but_folders(&traces, &before)
    });

    // Should who cleans up be killed, too, then the next run does it.
    let mut victim = Victim::start();
    let traces = victim.traces();
    signal("KILL", &[victim.reaper(), victim.run.id()]);
    victim.run.wait(LIMIT);
    assert_ne!(traces.left(), Vec::<String>::new(), "who cleans up was not killed");
    scratch::file(&victim.folder, NEXT, "");
    process::run_with(this_program(&victim.folder), "", LIMIT).expect_success();
    poll("end of everything after the next run", LIMIT, || nothing_of(&traces, &victim, &before));
}

/// The other side: has a pod run, and waits for whatever comes.
fn be_ended(folder: &Path) {
    if folder.join(NEXT).exists() {
        process::run(Command::new("true")).expect_success();
        return;
    }
    let node = Use::together().expect("a machine that can have a node");
    let image = node.program("victim", "v1");
    let namespace = node.cluster.namespace();
    namespace.admits(&pod("victim", &[&image.by_tag()]));
    namespace.becomes_ready("victim");
    scratch::file(folder, RUNS, "");
    let panics = folder.join(PANIC);
    until(LIMIT * 2, Duration::from_millis(100), || panics.exists().then_some(()));
    panic!("it was told to");
}

/// A run that is to be ended. Everything that it writes goes below its folder.
struct Victim {
    run: Daemon,
    folder: PathBuf,
}

impl Victim {
    /// Starts it, and waits until a pod runs in its cluster.
    fn start() -> Self {
        let folder = scratch::folder("victim");
        let mut run = Daemon::start("victim", this_program(&folder));
        let runs = folder.join(RUNS);
        run.wait_until("so far that a pod runs", LIMIT, || runs.exists());
        Self { run, folder }
    }

    /// What it has on this machine.
    fn traces(&self) -> Traces {
        let all = Process::all();
        let mut family = BTreeSet::from([self.run.id()]);
        // Parents do not always come first.
        while let Some(child) =
            all.iter().find(|process| family.contains(&process.parent) && !family.contains(&process.id))
        {
            family.insert(child.id);
        }
        let processes: Vec<_> = all.into_iter().filter(|process| family.contains(&process.id)).collect();
        let own = Process::namespaces_of("self");
        let namespaces = processes.iter().flat_map(|process| &process.namespaces);
        let namespaces: BTreeSet<_> = namespaces.filter(|namespace| !own.contains(*namespace)).cloned().collect();
        // A node and a pod, each in networks and trees of processes of their own.
        for name in ["app", "containerd", "containerd-shim", "hyperkube"] {
            assert!(processes.iter().any(|process| process.name.starts_with(name)), "no {name} in {processes:?}");
        }
        for kind in ["mnt:", "net:", "pid:"] {
            assert!(namespaces.iter().filter(|namespace| namespace.starts_with(kind)).count() > 1, "{namespaces:?}");
        }
        Traces { processes, namespaces, group: process::cgroup_of(self.run.id()), folder: self.folder.clone() }
    }

    /// The process that cleans up after it.
    fn reaper(&self) -> u32 {
        let is_reaper = |process: &&Process| {
            let arguments = fs::read(format!("/proc/{}/cmdline", process.id)).unwrap_or_default();
            process.parent == self.run.id() && arguments.split(|byte| *byte == 0).nth(3) == Some(REAPER_NAME.as_bytes())
        };
        Process::all().iter().find(is_reaper).expect("a process that cleans up").id
    }

    /// What is left of the folders of its runs.
    fn left_folders(&self) -> Vec<PathBuf> {
        directories(&temporary(&self.folder), 1)
    }
}

/// A run of this test alone, with nothing that its caller may have put between it and signals.
fn this_program(folder: &Path) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=INT,TERM").arg(std::env::current_exe().expect("this program"));
    command.args(["--exact", "node::ends::whatever_ends_a_run_nothing_of_it_is_left", "--nocapture"]);
    fs::create_dir_all(temporary(folder)).expect("a folder");
    command.env(VICTIM, folder).env("TMPDIR", temporary(folder));
    command
}

/// Where a run has its folder, and the lock by which there is only one cluster.
fn temporary(folder: &Path) -> PathBuf {
    folder.join("tmp")
}

/// A process, as it stands in `/proc`.
#[derive(Debug)]
struct Process {
    id: u32,
    /// With the id, it names a process for ever.
    started: String,
    name: String,
    parent: u32,
    namespaces: BTreeSet<String>,
}

impl Process {
    /// Those of this machine that run: one that has ended and was not asked how holds nothing.
    fn all() -> Vec<Self> {
        let ids = fs::read_dir("/proc").expect("processes").flatten();
        ids.filter_map(|entry| Self::read(entry.file_name().to_str()?.parse().ok()?)).collect()
    }

    fn read(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // Between brackets stands the name, whatever is in it.
        let (head, rest) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        (fields.first()? != &"Z").then_some(())?;
        Some(Self {
            id,
            started: (*fields.get(19)?).to_owned(),
            name: head.split_once('(')?.1.to_owned(),
            parent: fields.get(1)?.parse().ok()?,
            namespaces: Self::namespaces_of(&id.to_string()),
        })
    }

    /// `KIND:[NUMBER]` of each that it is in.
    fn namespaces_of(process: &str) -> BTreeSet<String> {
        let kinds = ["cgroup", "ipc", "mnt", "net", "pid", "uts"];
        let links = kinds.iter().filter_map(|kind| fs::read_link(format!("/proc/{process}/ns/{kind}")).ok());
        links.map(|link| link.display().to_string()).collect()
    }
}

/// What a run had on this machine.
struct Traces {
    processes: Vec<Process>,
    namespaces: BTreeSet<String>,
    group: String,
    folder: PathBuf,
}

impl Traces {
    /// What of it is still there. A network, with its addresses and rules, is there as long as a process or a mount holds
    /// it, and so are mounts.
    fn left(&self) -> Vec<String> {
        let alive = Process::all();
        let same = |one: &Process, other: &Process| one.id == other.id && one.started == other.started;
        let processes = alive.iter().filter(|process| {
            self.processes.iter().any(|known| same(known, process)) || !process.namespaces.is_disjoint(&self.namespaces)
        });
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        let folder = self.folder.display().to_string();
        let is_ours = |line: &&str| {
            line.contains(&folder) || self.namespaces.iter().any(|namespace| line.contains(namespace.as_str()))
        };
        let mounts = mounts.lines().filter(is_ours).map(str::to_owned);
        let groups = directories(Path::new("/sys/fs/cgroup"), 2).into_iter();
        let groups = groups.filter(|group| group.ends_with(&self.group)).map(|group| group.display().to_string());
        processes.map(|process| format!("{process:?}")).chain(mounts).chain(groups).collect()
    }
}

/// The folders in `folder`, and those in them, as `depth` says.
fn directories(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders: Vec<_> = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).collect();
    let folders = folders.into_iter().map(|entry| entry.path());
    folders
        .flat_map(|folder| {
            let below = if depth > 1 { directories(&folder, depth - 1) } else { Vec::new() };
            std::iter::once(folder).chain(below)
        })
        .collect()
}

/// What a node changes that does not keep to itself.
#[derive(Debug, PartialEq)]
struct Machine {
    addresses: String,
    routes: String,
    rules: String,
}

impl Machine {
    fn seen() -> Self {
        let say = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            command.env("PATH", crate::support::tools::PATH).args(arguments);
            process::run(command).expect_success()
        };
        Self {
            addresses: say("ip", &["-brief", "address"]),
            routes: say("ip", &["route"]),
            rules: say("nft", &["--stateless", "list", "ruleset"]),
        }
    }
}

fn nothing_of(traces: &Traces, victim: &Victim, before: &Machine) -> Result<(), String> {
    let folders = victim.left_folders();
    if folders.is_empty() { nothing_but_folders(traces, before) } else { Err(format!("{folders:?}")) }
}

fn nothing_but_folders(traces: &Traces, before: &Machine) -> Result<(), String> {
    let (left, now) = (traces.left(), Machine::seen());
    if left.is_empty() && now == *before { Ok(()) } else { Err(format!("{left:#?}\n{before:?}\n{now:?}")) }
}
