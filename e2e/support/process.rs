//! Processes that never outlive the run, and commands with a time limit.
//!
//! Every process gets a process group of its own. Groups end when their owner is dropped (so also when a test
//! panics) and, should the test program itself be killed, when the [reaper](Reaper) sees its pipe close. Should the
//! reaper be killed as well, the next run ends what bears the [mark](MARK) of a run that is gone.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use super::scratch;
use super::wait::until;

/// How long a command may take when its caller names no other limit.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
/// How often a state is looked at that is waited for.
const POLL: Duration = Duration::from_millis(20);

/// A process that runs until it is stopped or dropped.
pub(crate) struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts `command`, with its output in the log `NAME.log` of the run.
    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        let log = scratch::folder("log").join(format!("{name}.log"));
        let output = File::create(&log).expect("a log file");
        let errors = output.try_clone().expect("a second handle of the log file");
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = spawn(&mut command);
        Self { name: name.to_owned(), child, log }
    }

    /// Waits until `ready` says so; panics with the end of the log if the process ends first or `limit` runs out.
    pub(crate) fn wait_until(&mut self, what: &str, limit: Duration, mut ready: impl FnMut() -> bool) {
        let ended = until(limit, POLL, || match ready() {
            true => Some(None),
            false => self.child.try_wait().expect("the state of a child").map(Some),
        });
        match ended {
            Some(None) => {}
            Some(Some(status)) => panic!("{} ended ({status}) before it was {what}\n{}", self.name, self.log_tail()),
            None => panic!("{} was not {what} in {limit:?}\n{}", self.name, self.log_tail()),
        }
    }

    /// Everything that the process has written so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Tells the process to end, and waits until it has; panics when that takes longer than `limit`.
    pub(crate) fn terminate(&mut self, limit: Duration) {
        signal("TERM", &[self.id()]);
        self.wait(limit);
    }

    /// Waits until the process has ended; panics when that takes longer than `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        let ended = until(limit, POLL, || self.child.try_wait().expect("the state of a child"));
        ended.unwrap_or_else(|| panic!("{} did not end in {limit:?}\n{}", self.name, self.log_tail()))
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.iter().skip(lines.len().saturating_sub(30)).copied().collect::<Vec<_>>();
        format!("{}:\n{}", self.log.display(), tail.join("\n"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Sends a signal to processes, all at once.
pub(crate) fn signal(name: &str, processes: &[u32]) {
    let mut kill = Command::new("bash");
    kill.args(["-c", r#"kill "-$0" "$@""#, name]).args(processes.iter().map(u32::to_string));
    assert!(kill.status().is_ok_and(|status| status.success()), "bash could not send a signal");
}

/// What a command left behind when it had ended.
pub(crate) struct Outcome {
    line: String,
    status: ExitStatus,
    /// What it wrote to its standard output.
    pub(crate) stdout: String,
    /// What it wrote to its standard error.
    pub(crate) stderr: String,
}

impl Outcome {
    /// Whether it ended with status 0.
    pub(crate) fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// Its exit status; panics if a signal ended it.
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by signal {:?}\n{self}", self.status.signal()))
    }

    /// Its standard output, if it succeeded; panics with everything known if not.
    pub(crate) fn expect_success(self) -> String {
        assert!(self.succeeded(), "a command failed\n{self}");
        self.stdout
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, status, stdout, stderr } = self;
        write!(f, "$ {line}\n{status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// Runs `command` to its end with nothing to read.
pub(crate) fn run(command: Command) -> Outcome {
    run_with(command, "", COMMAND_LIMIT)
}

/// Runs `command` to its end with `input` to read; panics when that takes longer than `limit`.
pub(crate) fn run_with(mut command: Command, input: &str, limit: Duration) -> Outcome {
    let line = line_of(&command);
    // Files rather than pipes: nothing has to be drained while the command runs.
    let mut stdin = tempfile::tempfile().expect("a file for the input");
    stdin.write_all(input.as_bytes()).expect("the input written");
    stdin.rewind().expect("the input rewound");
    let stdout = tempfile::tempfile().expect("a file for the output");
    let stderr = tempfile::tempfile().expect("a file for the errors");
    command
        .stdin(stdin)
        .stdout(stdout.try_clone().expect("a second handle of the output"))
        .stderr(stderr.try_clone().expect("a second handle of the errors"));
    let mut child = spawn(&mut command);
    let status = until(limit, Duration::from_millis(3), || child.try_wait().expect("the state of a child"));
    end(&mut child);
    let (stdout, stderr) = (text_of(stdout), text_of(stderr));
    let Some(status) = status else {
        panic!("a command took longer than {limit:?}\n$ {line}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
    };
    Outcome { line, status, stdout, stderr }
}

/// Ends every process group that is on its list when the test program is gone, however it went.
///
/// A destructor does not run when a program is killed, and statics are never dropped at all. The reaper is a shell
/// that reads the groups from a pipe: when this program ends, the pipe closes, and it ends what is left. Only then
/// does it remove the folder of the run, unless a test failed.
struct Reaper {
    _process: Child,
    pipe: ChildStdin,
}

/// What the reaper is called, as the first of its arguments.
pub(crate) const REAPER_NAME: &str = "reaper";

/// The variable that says to which run a process belongs, by the process id of the test program.
const MARK: &str = "COUNTERSIGN_E2E_RUN";

/// What the name of a run's control group begins with; the process id of the test program follows.
const CGROUP: &str = "countersign-e2e-";

/// Ends every process of a run whose test program is gone, and removes its control groups, and its folder if nothing
/// failed. A folder says whose it is, as other systems may write into the same place whose processes cannot be seen.
const SWEEP: &str = r#"
grep -lz "^$1=" /proc/[0-9]*/environ 2>/dev/null | while read -r file; do
  owner=$(tr '\0' '\n' <"$file" | sed -n "s/^$1=//p")
  [ -n "$owner" ] && [ ! -e "/proc/$owner" ] && kill -KILL "$(cut -d / -f 3 <<<"$file")"
done
find /sys/fs/cgroup -maxdepth 2 -type d -name "$2*" | while read -r group; do
  [ ! -e "/proc/${group##*-}" ] || continue
  for ((tries = 0; tries < 50; tries++)); do
    find "$group" -name cgroup.procs -exec cat {} + | xargs -r kill -KILL
    find "$group" -depth -type d -exec rmdir {} \;
    [ -e "$group" ] || break
    sleep 0.1
  done
done
for folder in "$3"/countersign-e2e-*/; do
  read -r owner space 2>/dev/null <"$folder/$4" || continue
  [ "$space" = "$(readlink /proc/self/ns/pid)" ] && [ ! -e "/proc/$owner" ] && [ ! -e "$folder/$5" ] || continue
  for ((tries = 0; tries < 50; tries++)); do
    rm -rf "$folder" && break
    sleep 0.1
  done
done
"#;

const REAPER: &str = r#"
trap '' HUP INT TERM
declare -A groups cgroups
while read -r verb what; do
  case $verb in
    add) groups[$what]=1 ;;
    del) unset "groups[$what]" ;;
    cgroup) cgroups[$what]=1 ;;
  esac
done
for group in "${!groups[@]}"; do kill -KILL -- "-$group" 2>/dev/null; done
# A control group can be removed when the last of its processes is gone.
for name in "${!cgroups[@]}"; do
  for ((tries = 0; tries < 100; tries++)); do
    left=$(find /sys/fs/cgroup -depth -type d -path "*/$name*" -print -exec rmdir {} \; 2>/dev/null)
    [ -n "$left" ] || break
    sleep 0.1
  done
done
# What a node kept of images tells nothing about a failure. Who was killed just now may still be writing.
for ((tries = 0; tries < 100; tries++)); do
  if [ -e "$1/$2" ]; then rm -rf "$1"/node-*/var-lib; else rm -rf "$1"; fi && break
  sleep 0.1
done
"#;

static REAPER_PIPE: LazyLock<Mutex<Reaper>> = LazyLock::new(|| {
    let mut sweep = Command::new("bash");
    sweep.args(["-c", SWEEP, "sweep", MARK, CGROUP]).arg(std::env::temp_dir()).args([scratch::OWNER, scratch::FAILED]);
    assert!(sweep.stderr(Stdio::null()).status().is_ok(), "bash could not look for what earlier runs left behind");
    let mut reaper = Command::new("bash");
    reaper.arg("-c").arg(REAPER).arg(REAPER_NAME).arg(scratch::run()).arg(scratch::FAILED);
    reaper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut child = reaper.spawn().expect("bash, which the tests need to clean up after themselves");
    let pipe = child.stdin.take().expect("the pipe to the reaper");
    Mutex::new(Reaper { _process: child, pipe })
});

impl Reaper {
    fn tell(verb: &str, what: impl fmt::Display) {
        let mut reaper = REAPER_PIPE.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(reaper.pipe, "{verb} {what}").expect("the reaper listens");
    }
}

/// The control group of this run, which is removed after it from every hierarchy.
pub(crate) fn cgroup() -> String {
    let name = cgroup_of(std::process::id());
    Reaper::tell("cgroup", &name);
    name
}

/// What the control group of a run is called whose test program has this id.
pub(crate) fn cgroup_of(run: u32) -> String {
    format!("{CGROUP}{run}")
}

fn spawn(command: &mut Command) -> Child {
    LazyLock::force(&REAPER_PIPE);
    let child = command
        .env(MARK, std::process::id().to_string())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("could not start `{}`: {error}", line_of(command)));
    Reaper::tell("add", child.id());
    child
}

/// Ends the whole group of `child`, whether it is still running or not, and collects it.
fn end(child: &mut Child) {
    // While the child is not collected its id cannot be given to another process, nor the group's.
    if child.try_wait().is_ok_and(|status| status.is_none()) {
        kill(child.id());
        let _ = child.wait();
    }
    Reaper::tell("del", child.id());
}

/// Kills a process group. The standard library can only kill one process, and `unsafe` is not for tests.
fn kill(group: u32) {
    let kill =
        Command::new("bash").args(["-c", r#"kill -KILL -- "-$0""#, &group.to_string()]).stderr(Stdio::null()).status();
    assert!(kill.is_ok(), "bash could not send a signal");
}

fn text_of(mut file: File) -> String {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("what a command wrote");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn line_of(command: &Command) -> String {
    let environment: BTreeMap<_, _> = command.get_envs().collect();
    environment
        .into_iter()
        .filter(|(name, _)| *name != "HOME" && *name != "PATH" && *name != MARK)
        .filter_map(|(name, value)| Some(format!("{}={}", name.display(), value?.display())))
        .chain(std::iter::once(command.get_program().display().to_string()))
        .chain(command.get_args().map(|argument| argument.display().to_string()))
        .collect::<Vec<_>>()
        .join(" ")
}
