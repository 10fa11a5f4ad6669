//! A network, mounts and processes apart from those of the machine: what is done to them ends with them.
//!
//! A node changes its machine: it makes interfaces, rules, mounts and processes that outlive whoever started them. Here
//! it does so in namespaces that one process holds. When that process ends, the kernel ends everything else in it and
//! takes the rest away; nothing has to be undone, however the run ended.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::process::{self, Daemon};
use super::{scratch, tools};

/// Namespaces of a run.
pub(crate) struct Space {
    _holder: Daemon,
    holder: u32,
    folder: PathBuf,
    cgroup: String,
}

/// Holds the namespaces, as their first process. `$1` is the folder, `$2` the control group; the rest are addresses.
const HOLDER: &str = r#"
set -eu
folder=$1 group=$2
shift 2
read -r pid _ </proc/self/stat
for hierarchy in $(awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts); do
  # Each address is a node's, which ends whatever else it finds in its group.
  for own in "$group" "${@/#/$group/}"; do
    mkdir -p "$hierarchy/$own"
    # A new group of version 1 may use no processor and no memory until it is told which.
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$hierarchy/$file" ] || cat "$hierarchy/$file" >"$hierarchy/$own/$file"
    done
  done
done
mount -t proc proc /proc
ip link set lo up
for address; do ip address add "$address/32" dev lo; done
# Where Services are is settled by rules; that there is a way to them at all, by this.
ip route add 10.96.0.0/16 dev lo src "$1"
mkdir "$folder/var-lib" "$folder/var-log"
mount --bind "$folder/var-lib" /var/lib
mount --bind "$folder/var-log" /var/log
mount -t tmpfs tmpfs /run
# What the kubelet would set for the whole machine is, to its eyes, set already.
for knob in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file=/proc/sys/${knob%=*}
  [ -e "$file" ] || continue
  echo "${knob#*=}" >"/run/${knob//\//-}"
  mount --bind "/run/${knob//\//-}" "$file"
done
mount --make-rshared /
echo "$pid" >"$folder/holder.new"
mv "$folder/holder.new" "$folder/holder"
# The shell collects whatever else ends here.
while :; do sleep 1000 & wait $!; done
"#;

impl Space {
    /// Makes new namespaces, whose loopback interface has `addresses` too.
    pub(crate) fn new(addresses: &[&str]) -> Self {
        let (folder, cgroup) = (scratch::folder("node"), process::cgroup());
        let mut command = unshare();
        command.args(["bash", "-c", HOLDER, "holder"]).arg(&folder).arg(&cgroup).args(addresses);
        let mut holder = Daemon::start("namespaces", command);
        let file = folder.join("holder");
        holder.wait_until("apart", Duration::from_secs(30), || file.exists());
        let pid = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()).expect("a process id");
        Self { _holder: holder, holder: pid, folder, cgroup }
    }

    /// Why this machine has no such namespaces, if it has none.
    pub(crate) fn impossible() -> Option<String> {
        let mut command = unshare();
        command.arg("true");
        let outcome = process::run(command);
        (!outcome.succeeded()).then(|| format!("namespaces cannot be made: {}", outcome.stderr.trim()))
    }

    /// Moves this thread, and whatever it starts from now on, into the network; until the answer is dropped.
    pub(crate) fn enter(&self) -> Inside {
        let before = File::open("/proc/thread-self/ns/net").expect("this thread's network");
        move_to(&File::open(format!("/proc/{}/ns/net", self.holder)).expect("the network of the node"));
        Inside { before }
    }

    /// A command that runs `program` in these namespaces.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("nsenter");
        tools::isolate(&mut command);
        command
            .arg(format!("--target={}", self.holder))
            .args(["--net", "--mount", "--pid", "--"])
            .arg(program.as_ref());
        command
    }

    /// The folder of what belongs to these namespaces.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The control group for what runs here.
    pub(crate) fn cgroup(&self) -> &str {
        &self.cgroup
    }
}

/// While it lives, its thread is in another network than its program.
#[must_use]
pub(crate) struct Inside {
    before: File,
}

impl Drop for Inside {
    fn drop(&mut self) {
        move_to(&self.before);
    }
}

fn move_to(network: &File) {
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).expect("a thread in another network");
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    tools::isolate(&mut command);
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--propagation", "private"]);
    command
}
