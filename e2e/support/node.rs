//! A whole cluster, in which pods really run: the control plane, kube-scheduler, kube-proxy, and nodes of containerd
//! and kubelet. All of it is in [namespaces](Space) of its own.
//!
//! There is no DNS in it. What pods have to reach listens at [`ADDRESS`].

use std::fs::{self, File};
use std::ops::Deref;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{Cluster, flag};
use super::front::Front;
use super::process::Daemon;
use super::registry::{Image, Kind, Registry};
use super::space::{Inside, Space};
use super::{ports, scratch, tools};

/// Where the API server, the first node and the registries are, for pods too.
pub(crate) const ADDRESS: &str = "10.255.0.1";
/// The address of the second node.
const SECOND: &str = "10.255.0.2";
/// How long a part may take to come up on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(90);
/// How long a pod may take to come up on a busy machine.
pub(crate) const POD_LIMIT: Duration = Duration::from_secs(90);

/// What a node is made of, by name or path, and the Debian package that has it.
const PROGRAMS: [(&str, &str); 8] = [
    ("containerd", "containerd"),
    ("containerd-shim-runc-v2", "containerd"),
    ("runc", "runc"),
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
    ("ip", "iproute2"),
    ("/usr/lib/cni/ptp", "containernetworking-plugins"),
    ("nsenter", "util-linux"),
];

/// The cluster, and everything that its tests share.
pub(crate) struct Node {
    space: Space,
    /// Its control plane.
    pub(crate) cluster: Cluster,
    /// A registry that the node pulls from, and pods reach.
    pub(crate) registry: Registry,
    /// Another, which asks for credentials and speaks TLS.
    pub(crate) locked: Registry,
    /// Another door to the first one, which may be in a bad mood.
    pub(crate) front: Front,
    workers: Vec<Worker>,
    _scheduler: Daemon,
    _proxy: Daemon,
    _lock: File,
}

/// A node of the cluster.
struct Worker {
    _containerd: Daemon,
    _kubelet: Daemon,
}

static SHARED: LazyLock<Node> = LazyLock::new(Node::start);
/// Who breaks what the others use is alone with it.
static TURN: RwLock<()> = RwLock::new(());

/// The shared cluster, used by one test, whose thread is in the cluster's network meanwhile.
pub(crate) struct Use {
    _inside: Inside,
    _turn: Turn,
}

/// Who may use the cluster, or what is as demanding.
pub(crate) enum Turn {
    Alone { _guard: RwLockWriteGuard<'static, ()> },
    Together { _guard: RwLockReadGuard<'static, ()> },
}

impl Turn {
    /// A time in which nobody uses the cluster, for a test that has one of its own; none where the machine allows no node
    /// and nobody demands one.
    pub(crate) fn without_cluster() -> Option<Self> {
        is_possible().then(Self::alone)
    }

    fn alone() -> Self {
        Self::Alone { _guard: TURN.write().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl Use {
    /// The cluster, together with other tests; nothing where the machine allows no node and nobody demands one.
    pub(crate) fn together() -> Option<Self> {
        Self::begin(|| Turn::Together { _guard: TURN.read().unwrap_or_else(PoisonError::into_inner) })
    }

    /// The cluster alone, for a test that disturbs others.
    pub(crate) fn alone() -> Option<Self> {
        Self::begin(Turn::alone)
    }

    fn begin(turn: impl FnOnce() -> Turn) -> Option<Self> {
        is_possible().then(|| {
            let turn = turn();
            Self { _inside: SHARED.space.enter(), _turn: turn }
        })
    }
}

impl Use {
    /// The cluster, for threads that outlive a borrow of this.
    #[expect(clippy::unused_self, reason = "who has no use of it may not have it")]
    pub(crate) fn whole(&self) -> &'static Node {
        &SHARED
    }
}

impl Deref for Use {
    type Target = Node;

    fn deref(&self) -> &Node {
        &SHARED
    }
}

/// Whether a test of pods can run here; said where it cannot.
fn is_possible() -> bool {
    match tools::level() {
        tools::Level::Node => true,
        tools::Level::ControlPlane(why) => {
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            scratch::say(&format!("NOT RUN, as no pod runs here: {test} ({why})"));
            false
        }
    }
}

/// Why this machine can run no node, if it cannot.
pub(super) fn impossible() -> Option<String> {
    if fs::metadata("/proc/self").map_or(true, |own| own.uid() != 0) {
        return Some("only root can make a node".to_owned());
    }
    let found = |program: &str| match program.starts_with('/') {
        true => Path::new(program).exists(),
        false => tools::PATH.split(':').any(|folder| Path::new(folder).join(program).exists()),
    };
    let missing = PROGRAMS.iter().filter(|(program, _)| !found(program));
    let missing: Vec<_> = missing.map(|(program, package)| format!("{program} (Debian's {package})")).collect();
    if !missing.is_empty() {
        return Some(format!("not installed: {}; `make e2e` installs them as root", missing.join(", ")));
    }
    Space::impossible()
}

impl Node {
    /// The cluster of this run, which a [`Use`] of it leads to.
    pub(super) fn shared() -> &'static Self {
        &SHARED
    }

    fn start() -> Self {
        let lock = only_one();
        let space = Space::new(&[ADDRESS, SECOND]);
        let inside = space.enter();
        let cluster = Cluster::start_at(ADDRESS);
        let registry = Registry::start_at(ADDRESS, Kind::Referrers);
        let mut node = Self {
            _scheduler: scheduler(&cluster),
            workers: Vec::new(),
            _proxy: proxy(&cluster, space.folder()),
            space,
            cluster,
            front: Front::start(ADDRESS, registry.host()),
            registry,
            locked: Registry::start_at(ADDRESS, Kind::ReferrersBearer),
            _lock: lock,
        };
        let pause = node.program("pause", "1");
        for (index, address) in [ADDRESS, SECOND].into_iter().enumerate() {
            node.workers.push(Worker::start(&node, index, address, &pause));
        }
        drop(inside);
        node
    }

    /// Kills the first container of a pod, as `kill -9` does.
    pub(crate) fn kill(&self, pod: &Value) {
        let on = pod["spec"]["nodeName"].as_str().expect("a node");
        let index = on.trim_start_matches("node-");
        let mut command = self.space.command("ctr");
        command.args(["--address", &format!("/run/containerd-{index}/containerd.sock"), "--namespace", "k8s.io"]);
        command.args(["task", "kill", "--signal", "SIGKILL", container(pod)]);
        super::process::run(command).expect_success();
    }

    /// How often the first container of a pod had to wait since it had used up its share of the processor.
    pub(crate) fn throttled(&self, pod: &Value) -> u64 {
        let group = format!("/sys/fs/cgroup/*/{}*/{}/cpu.stat", self.space.cgroup(), container(pod));
        let mut command = Command::new("find");
        command.args(["/sys/fs/cgroup", "-path", &group, "-exec", "cat", "{}", "+"]);
        let stat = super::process::run(command).expect_success();
        let count = stat.lines().find_map(|line| line.strip_prefix("nr_throttled ")?.parse().ok());
        count.unwrap_or_else(|| panic!("{group}: {stat}"))
    }

    /// Pushes an image of the program that workloads run, as no other push has made it. It is called `/app`.
    pub(crate) fn program(&self, repository: &str, tag: &str) -> Image {
        Self::program_in(&self.registry, repository, tag)
    }

    /// The same in another registry.
    pub(crate) fn program_in(registry: &Registry, repository: &str, tag: &str) -> Image {
        let root = scratch::folder("root");
        fs::copy(tools::path("app"), root.join("app")).expect("the program in its image");
        scratch::file(&root, "made-for", format!("{repository}:{tag}"));
        registry.give_entry_point(&registry.push_root(&root, repository, tag), "/app")
    }
}

impl Worker {
    fn start(node: &Node, index: usize, address: &str, pause: &Image) -> Self {
        let (space, cluster) = (&node.space, &node.cluster);
        let name = name(index);
        let folder = space.folder().join(&name);
        fs::create_dir_all(&folder).expect("a folder for the node");
        let run = |program: &str, arguments: &[String]| {
            let mut command = space.command(program);
            command.args(arguments);
            Daemon::start(&format!("{program}-{index}"), command)
        };
        let socket = format!("/run/containerd-{index}/containerd.sock");
        let config = containerd_config(node, &folder, index, pause);
        let mut containerd = run("containerd", &["--config".to_owned(), config.display().to_string()]);
        containerd.wait_until("listening", START_LIMIT, || containerd_answers(space, &socket));

        let kubeconfig = cluster.kubeconfig_for(&format!("system:node:{name}"), Some("system:nodes"));
        let config = kubelet_config(node, &folder, (index, address), &socket);
        let mut command = space.command(tools::path("hyperkube"));
        command.args(["kubelet", "--v=2"]).arg(flag("config", &config)).arg(flag("kubeconfig", &kubeconfig));
        command.arg(format!("--hostname-override={name}")).arg(format!("--node-ip={address}"));
        command.arg(format!("--root-dir=/var/lib/kubelet-{index}"));
        let mut kubelet = Daemon::start(&format!("kubelet-{index}"), command);
        kubelet.wait_until("ready", START_LIMIT, || {
            let path = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
            let told = cluster.kubectl(&["get", "node", &name, "-o", path]);
            told.succeeded() && told.stdout == "True"
        });
        Self { _containerd: containerd, _kubelet: kubelet }
    }
}

/// The id of the first container of a pod.
fn container(pod: &Value) -> &str {
    let id = pod["status"]["containerStatuses"][0]["containerID"].as_str().expect("a container");
    id.trim_start_matches("containerd://")
}

/// The name of a node.
pub(crate) fn name(index: usize) -> String {
    format!("node-{index}")
}

/// One such cluster at a time on a machine: others wait for it.
fn only_one() -> File {
    let path = std::env::temp_dir().join("countersign-e2e-node.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).expect("a file to lock");
    if file.try_lock().is_err() {
        scratch::say("another run has a cluster on this machine; waiting for its end");
        file.lock().expect("the lock of the machine's one cluster");
    }
    file
}

fn scheduler(cluster: &Cluster) -> Daemon {
    let kubeconfig = cluster.kubeconfig_for("system:kube-scheduler", None);
    let mut command = tools::kubernetes("kube-scheduler");
    for name in ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"] {
        command.arg(flag(name, &kubeconfig));
    }
    command.args(["--bind-address=127.0.0.1", "--leader-elect=false"]).arg(format!("--secure-port={}", ports::free()));
    Daemon::start("kube-scheduler", command)
}

/// kube-proxy, for both nodes: they have one network.
fn proxy(cluster: &Cluster, folder: &Path) -> Daemon {
    let config = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "bindAddress": ADDRESS,
        "healthzBindAddress": format!("127.0.0.1:{}", ports::free()),
        "metricsBindAddress": format!("127.0.0.1:{}", ports::free()),
        "clusterCIDR": "10.244.0.0/16",
        "clientConnection": {"kubeconfig": cluster.kubeconfig_for("system:kube-proxy", None)},
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    });
    let config = scratch::file(folder, "proxy.json", config.to_string());
    let mut command = tools::kubernetes("kube-proxy");
    command.arg(flag("config", &config)).arg(format!("--hostname-override={}", name(0)));
    Daemon::start("kube-proxy", command)
}

fn containerd_answers(space: &Space, socket: &str) -> bool {
    let mut command = space.command("ctr");
    command.args(["--address", socket, "version"]);
    super::process::run(command).succeeded()
}

fn containerd_config(node: &Node, folder: &Path, index: usize, pause: &Image) -> PathBuf {
    let (hosts, network) = (folder.join("hosts"), folder.join("network"));
    fs::create_dir_all(&network).expect("a folder for containerd");
    for registry in [&node.registry, &node.locked] {
        let host = registry.host();
        let reached = match registry.ca() {
            None => format!("[host.\"http://{host}\"]\n"),
            Some(ca) => format!("[host.\"https://{host}\"]\n  ca = {:?}\n", ca.display().to_string()),
        };
        let own = hosts.join(host);
        fs::create_dir_all(&own).expect("a folder for containerd");
        scratch::file(&own, "hosts.toml", format!("{reached}  capabilities = [\"pull\", \"resolve\"]\n"));
    }
    let plugin = json!({
        "type": "ptp",
        "ipMasq": false,
        "ipam": {
            "type": "host-local",
            "dataDir": format!("/run/containerd-{index}/addresses"),
            "ranges": [[{"subnet": format!("10.244.{index}.0/24")}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    });
    let list = json!({"cniVersion": "0.4.0", "name": "pods", "plugins": [plugin]});
    scratch::file(&network, "10-pods.conflist", list.to_string());
    let (hosts, network, pause) = (hosts.display(), network.display(), pause.by_tag());
    let config = format!(
        r#"version = 2
root = "/var/lib/containerd-{index}"
state = "/run/containerd-{index}"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "/run/containerd-{index}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{network}"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{hosts}"
"#
    );
    scratch::file(folder, "containerd.toml", config)
}

fn kubelet_config(node: &Node, folder: &Path, (index, address): (usize, &str), socket: &str) -> PathBuf {
    let authority = node.cluster.authority();
    let serving = authority.server("kubelet", &[address]);
    let config: Value = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": false,
        "failSwapOn": false,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}/{address}", node.space.cgroup()),
        "enforceNodeAllocatable": ["pods"],
        "address": address,
        "port": 10250,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": ports::free(),
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": authority.file()},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": serving.certificate,
        "tlsPrivateKeyFile": serving.key,
        "containerRuntimeEndpoint": format!("unix://{socket}"),
        // A kubelet removes the logs of pods that it does not know; here the other one's would be among them.
        "podLogsDir": format!("/var/log/pods-{index}"),
        "volumePluginDir": format!("/var/lib/kubelet-{index}/volume-plugins"),
        "makeIPTablesUtilChains": false,
        "resolvConf": "",
        "clusterDomain": "cluster.local",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "4s",
        "syncFrequency": "10s",
    });
    scratch::file(folder, "kubelet.json", config.to_string())
}
