//! From a process of the lab to systemd as a machine's first one (`lab boot`), in two steps: into the machine's control group
//! and namespaces, and then its root, what Ignition makes of it, and systemd.

use super::image::Settings;
use super::{Seed, cgroup, ignition, image};
use crate::lab::failure::Failure;
use crate::lab::root::{self, Layers};
use crate::lab::tree::Tree;
use rustix::mount::{MountFlags, mount, mount_bind, mount_move, mount_remount};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where systemd is.
pub(super) const SYSTEMD: [&str; 2] = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"];

/// What both steps need to know.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Boot {
    /// Folder of the machine in the sandbox.
    pub home: String,
    /// Its control group.
    pub group: PathBuf,
    /// Whether the namespaces are there already.
    pub second: bool,
    /// Host name of a machine whose name is not in its files.
    pub hostname: String,
}

/// A disk as it is before the first boot, in the machine's folder.
///
/// # Errors
/// What cannot be written.
pub(super) fn disk(home: &str, tree: &Tree, seed: &Seed<'_>, settings: &Settings) -> Result<(), Failure> {
    let upper = format!("{home}/upper");
    image::make(&upper, tree, seed, settings)?;
    if let Seed::Ignition(config) = seed {
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(format!("{home}/config.ign"));
        file.and_then(|mut file| file.write_all(config)).map_err(Failure::io("write the config"))?;
    }
    Ok(())
}

/// Becomes systemd.
///
/// # Errors
/// What could not be made.
pub fn boot(request: &str) -> Result<(), Failure> {
    let boot: Boot = serde_json::from_str(request).map_err(|error| Failure::new(error.to_string()))?;
    if boot.second { machine(&boot) } else { apart(boot) }
}

fn apart(boot: Boot) -> Result<(), Failure> {
    cgroup::enter(&boot.group)?;
    let request =
        serde_json::to_string(&Boot { second: true, ..boot }).map_err(|error| Failure::new(error.to_string()))?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]);
    command.args(["--propagation", "private", "/proc/1/exe", "lab", "boot", &request]);
    Err(Failure::new(format!("cannot run `unshare`: {}", command.exec())))
}

fn step<T>(doing: &str, done: rustix::io::Result<T>) -> Result<T, Failure> {
    done.map_err(|error| Failure::new(format!("cannot {doing}: {error}")))
}

fn machine(boot: &Boot) -> Result<(), Failure> {
    let root = root::assemble(&Layers { tree: None, image: "/", scratch: &boot.home, fresh: true })?;
    root::share(&root)?;
    root::own(&root)?;
    let config = format!("{}/config.ign", boot.home);
    if let Ok(bytes) = fs::read(&config) {
        let notes = ignition::apply(&bytes, &root, &format!("{}/ignition", boot.home))?;
        // Ignition runs in the first boot only.
        fs::remove_file(&config).map_err(Failure::io("remove the config"))?;
        fs::write(format!("{}/notes", boot.home), notes.join("\n")).map_err(Failure::io("write a note"))?;
    }
    kernel(&root)?;
    root::pivot(&root)?;
    rustix::system::sethostname(boot.hostname.as_bytes())
        .map_err(|error| Failure::new(format!("cannot set the host name: {error}")))?;
    // The lab comes before other work (`inside`); its machines have their own priorities, the usual ones.
    rustix::process::setpriority_process(None, 0)
        .map_err(|error| Failure::new(format!("cannot set a priority: {error}")))?;
    let program = SYSTEMD.iter().find(|path| Path::new(path).exists());
    let mut command = Command::new(program.ok_or_else(|| Failure::new("there is no systemd"))?);
    command.args(["--log-target=console", "--show-status=no", "--unit=multi-user.target"]);
    command.env_clear().env("container", "bake-lab").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    Err(Failure::new(format!("cannot run systemd: {}", command.exec())))
}

/// The kernel's file systems as systemd wants them in a container: control groups of its own, terminals, and of the kernel's
/// settings only those of the network to write to, since all others are this machine's.
fn kernel(root: &str) -> Result<(), Failure> {
    let none = MountFlags::empty();
    let place = |path: &str| format!("{root}/{path}");
    step("mount cgroup2", mount("cgroup2", place("sys/fs/cgroup"), "cgroup2", none, None))?;
    for folder in ["dev/pts", "dev/shm", "net"] {
        fs::create_dir_all(place(folder)).map_err(Failure::io("make a folder"))?;
    }
    step("mount devpts", mount("devpts", place("dev/pts"), "devpts", none, Some(c"newinstance,ptmxmode=0666")))?;
    symlink("pts/ptmx", place("dev/ptmx"))
        .and_then(|()| symlink("/proc/self/fd", place("dev/fd")))
        .and_then(|()| fs::write(place("dev/console"), ""))
        .map_err(Failure::io("make a device"))?;
    step("bind net", mount_bind(place("proc/sys/net"), place("net")))?;
    step("bind sys", mount_bind(place("proc/sys"), place("proc/sys")))?;
    step("keep sys", mount_remount(place("proc/sys"), MountFlags::BIND | MountFlags::RDONLY, c""))?;
    step("move net", mount_move(place("net"), place("proc/sys/net")))?;
    fs::remove_dir(place("net")).map_err(Failure::io("remove a folder"))
}
