//! The sandbox around a lab, seen from outside: how it begins, how it is found again, and how it ends.
//!
//! Everything that a lab makes is inside network, mount, process and IPC namespaces of its own. Its first process is bake
//! itself; when that ends, however it ends, the kernel kills every process in there, and with them go namespaces, bridges,
//! cables, mounts and files in memory. Outside there are a small file that says which process it is and, where machines boot
//! systemd, a control group, which whoever ends the lab takes away.

use super::failure::Failure;
use super::images::{self, Wanted};
use super::plan::Plan;
use super::process::{self, Pid};
use super::result::Level;
use super::service::{Daemon, Service};
use super::systemd;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the inside is asked to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// Name of the lab.
    pub name: String,
    /// The output that is rehearsed, an absolute path.
    pub dist: PathBuf,
    /// How much of a machine is real.
    pub level: Level,
    /// What to try; `None`: nothing, the lab stays up.
    pub test: Option<Vec<String>>,
    /// Images that its containers name.
    pub images: Vec<Wanted>,
}

/// A sandbox that has begun.
#[derive(Debug)]
pub struct Sandbox {
    /// The process that holds it; its standard output is what the first process in it says.
    pub child: Child,
    /// What is known of it.
    pub state: State,
    /// Where that one listens; it ends when nobody holds this any more.
    pub listens: UnixStream,
}

/// What the outside knows of a lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// Name of the lab.
    pub name: String,
    /// The output that it rehearses.
    pub dist: PathBuf,
    /// The process that holds the sandbox, and when it was started: another one with its number is not meant.
    pub pid: Pid,
    /// In ticks since the system's start.
    pub started: u64,
}

/// Programs that a lab needs, with the Debian package that has each.
const PROGRAMS: [(&str, &str); 6] = [
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("ip", "iproute2"),
    ("bridge", "iproute2"),
    ("nft", "nftables"),
    ("openssl", "openssl"),
];

/// Programs that a daemon of this machine needs, in the same way.
fn programs(daemon: Daemon) -> &'static [(&'static str, &'static str)] {
    match daemon {
        Daemon::Haproxy => &[("haproxy", "haproxy")],
        // Its scripts ask HAProxy how it is, and others whether they are there.
        Daemon::Keepalived => &[("keepalived", "keepalived"), ("wget", "wget"), ("ping", "iputils-ping")],
    }
}

/// Where programs are.
const PLACES: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Where a program is.
pub(super) fn place(program: &str) -> PathBuf {
    let mut places = PLACES.iter().map(|place| PathBuf::from(place).join(program));
    places.find(|path| path.exists()).unwrap_or_else(|| PathBuf::from(program))
}

/// Whether this machine has a program.
pub(super) fn installed(program: &str) -> bool {
    place(program).is_absolute()
}

/// Whether who asks may build a lab.
///
/// # Errors
/// When he may not.
pub fn allowed() -> Result<(), Failure> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(Failure::new("a lab needs root: it makes namespaces, bridges and filters").hint("run it with `sudo`"))
}

/// What is missing on this machine for the lab of a plan; nothing if it can be built. What is from an image need not be here.
///
/// # Errors
/// Everything that is missing, at once.
pub fn possible(plan: &Plan, images: &[Wanted]) -> Result<(), Failure> {
    let stored = |service: &Service| {
        let container = service.container.as_ref();
        images.iter().any(|one| one.stored.is_some() && container.is_some_and(|own| own.image == one.reference))
    };
    let services = plan.trees.values().flat_map(|tree| &tree.services).filter(|service| !stored(service));
    let daemons: BTreeSet<Daemon> = services.map(|service| service.daemon).collect();
    let needed = PROGRAMS.iter().chain(daemons.into_iter().flat_map(programs));
    let missing: Vec<&(&str, &str)> = needed.filter(|(program, _)| !installed(program)).collect();
    if !missing.is_empty() {
        let programs: Vec<String> = missing.iter().map(|(program, _)| format!("`{program}`")).collect();
        let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
        packages.dedup();
        return Err(Failure::new(format!("a lab needs {}, which this machine does not have", programs.join(", ")))
            .hint(format!("on Debian: `apt-get install {}`", packages.join(" "))));
    }
    let namespaces = ["net", "mnt", "pid", "uts", "ipc"];
    let missing: Vec<&str> =
        namespaces.into_iter().filter(|name| !PathBuf::from(format!("/proc/self/ns/{name}")).exists()).collect();
    if !missing.is_empty() {
        let message = format!("this kernel has no namespaces of the kinds {}", missing.join(", "));
        return Err(Failure::new(message).hint("a lab needs a kernel with CONFIG_NAMESPACES"));
    }
    Ok(())
}

/// The folder with what is known of labs.
fn folder() -> PathBuf {
    PathBuf::from("/run/bake-lab")
}

fn file(name: &str) -> PathBuf {
    folder().join(format!("{name}.json"))
}

/// What is known of the lab called `name`.
pub fn find(name: &str) -> Option<State> {
    serde_json::from_slice(&fs::read(file(name)).ok()?).ok()
}

/// The labs that there are, up or left behind.
pub fn all() -> Vec<State> {
    let entries = fs::read_dir(folder()).into_iter().flatten().flatten();
    let mut found: Vec<State> =
        entries.filter_map(|entry| serde_json::from_slice(&fs::read(entry.path()).ok()?).ok()).collect();
    found.sort_by(|a: &State, b| a.name.cmp(&b.name));
    found
}

impl State {
    /// Whether its process is still there.
    pub fn up(&self) -> bool {
        process::stat(&self.pid.to_string()).is_some_and(|(state, _, started)| state != 'Z' && started == self.started)
    }

    /// The sandbox's first process, seen from outside.
    pub fn first(&self) -> Option<Pid> {
        process::descendants(self.pid).into_iter().find(|pid| process::inner(*pid) == Some(1))
    }
}

/// Starts a sandbox, with pipes from the first process in it and a socket to it, and hands it the images.
///
/// # Errors
/// When there is a lab of that name already, or the system refuses.
pub fn start(request: Request) -> Result<Sandbox, Failure> {
    if let Some(state) = find(&request.name).filter(State::up) {
        return Err(Failure::new(format!("there is a lab called `{}` already (process {})", state.name, state.pid))
            .hint(format!("`bake lab down --name {}`, or take another name with `--name`", state.name)));
    }
    let program = std::env::current_exe().map_err(Failure::io("find bake itself"))?;
    let text = serde_json::to_string(&request).map_err(|error| Failure::new(error.to_string()))?;
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["--propagation", "private", "--"]).arg(program).args(["lab", "inside", &text]);
    let (listens, far) = UnixStream::pair().map_err(Failure::io("make a socket"))?;
    command.stdin(OwnedFd::from(far)).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Signals of the terminal are for the outside: when it ends, the inside notices, and leaves nothing behind.
    command.process_group(0);
    let mut child = command.spawn().map_err(Failure::io("run `unshare`"))?;
    let pid = Pid::try_from(child.id()).unwrap_or_default();
    let started = process::stat(&pid.to_string()).map_or(0, |(_, _, started)| started);
    let state = State { name: request.name, dist: request.dist, pid, started };
    if let Err(failure) = remember(&state).and_then(|()| images::hand(&listens, &request.images)) {
        child.kill().and_then(|()| child.wait().map(drop)).ok();
        forget(&state.name);
        return Err(failure);
    }
    Ok(Sandbox { child, state, listens })
}

fn remember(state: &State) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(format!("cannot write `{}`: {error}", file(&state.name).display()));
    fs::create_dir_all(folder()).map_err(failed)?;
    let text = serde_json::to_string(state).map_err(|error| Failure::new(error.to_string()))?;
    let new = folder().join(format!(".{}.new", state.name));
    fs::write(&new, text + "\n").and_then(|()| fs::rename(&new, file(&state.name))).map_err(failed)
}

/// Forgets a lab: its file goes, and the folder with the last one.
pub fn forget(name: &str) {
    fs::remove_file(file(name)).ok();
    fs::remove_file(folder().join(format!(".{name}.new"))).ok();
    fs::remove_dir(folder()).ok();
}

/// What the inside of a sandbox, which has a `/run` of its own, still sees of the one outside.
#[derive(Debug)]
pub struct Outside(Option<OwnedFd>);

impl Outside {
    /// To be called while `/run` is still the outside's.
    pub fn open() -> Self {
        Self(rustix::fs::open("/run", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok())
    }

    /// Forgets a lab as [`forget`] does: whoever started it ended without a word, and takes nothing away any more.
    pub fn forget(&self, name: &str) {
        let Some(run) = &self.0 else { return };
        for file in [format!("bake-lab/{name}.json"), format!("bake-lab/.{name}.new")] {
            rustix::fs::unlinkat(run, file, AtFlags::empty()).ok();
        }
        rustix::fs::unlinkat(run, "bake-lab", AtFlags::REMOVEDIR).ok();
    }
}

/// Ends a lab and forgets it; whether it was up.
///
/// # Errors
/// When its process does not end.
pub fn end(state: &State) -> Result<bool, Failure> {
    let up = state.up();
    if up {
        // The kernel kills the first process with it (`--kill-child`), and everything with that.
        let first = state.first();
        process::signal(state.pid, Signal::KILL);
        let begin = Instant::now();
        let remains = || state.up() || first.is_some_and(process::runs);
        while remains() {
            if begin.elapsed() > Duration::from_secs(10) {
                return Err(Failure::new(format!("process {} of the lab `{}` does not end", state.pid, state.name)));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    systemd::cgroup::forget(&state.name)?;
    forget(&state.name);
    Ok(up)
}

/// The machines of the lab whose first process is `first`, with their own first processes as the sandbox numbers them.
pub fn machines(first: Pid) -> BTreeMap<String, Pid> {
    let machines = fs::read(format!("/proc/{first}/root{}", super::bench::MACHINES)).unwrap_or_default();
    serde_json::from_slice(&machines).unwrap_or_default()
}

/// Options of nsenter(1) that lead to a machine of the lab whose first process is `first`.
///
/// # Errors
/// When there is no such machine.
pub fn enter(first: Pid, node: &str) -> Result<Vec<String>, Failure> {
    let inside = format!("/proc/{first}/root");
    let machines = machines(first);
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut found = words(&format!("--target {first} --net --mount --pid --ipc -- nsenter"));
    if let Some(pid) = machines.get(node) {
        found.extend(words(&format!("--target {pid} --net --mount --pid --uts --ipc --")));
    } else if PathBuf::from(format!("{inside}/run/netns/{node}")).exists() {
        found.extend(words(&format!("--net=/run/netns/{node} --")));
    } else {
        let names = fs::read_dir(format!("{inside}/run/netns")).into_iter().flatten().flatten();
        let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        let hint = crate::diag::suggest::hint(node, names.iter().map(String::as_str));
        return Err(Failure { message: format!("the lab has no machine `{node}`"), hint });
    }
    Ok(found)
}
