//! First processes: of a machine (`lab first`), and of a container on it (`lab contain`).

use super::failure::Failure;
use super::images::{self, Identity};
use super::root::{self, Layers};
use super::service::{Container, Service};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, WaitOptions, setrlimit, wait};
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set, set_no_new_privs};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Where programs are looked for when nobody says otherwise, as both engines have it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the first process of a machine needs to know.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Birth {
    /// Folder of the machine in the sandbox: the baked tree is in `tree` below it.
    pub home: String,
    /// Host name.
    pub hostname: String,
    /// Folders below `/run` that its services have.
    pub runtime: Vec<String>,
}

/// Becomes the first process of a machine: makes its root, says so, and takes in orphans until its standard input ends.
///
/// # Errors
/// What could not be made.
pub fn machine(request: &str) -> Result<(), Failure> {
    let birth: Birth = serde_json::from_str(request).map_err(|error| Failure::new(error.to_string()))?;
    let tree = format!("{}/tree", birth.home);
    let root = root::assemble(&Layers { tree: Some(&tree), image: "/", scratch: &birth.home, fresh: true })?;
    root::share(&root)?;
    root::own(&root)?;
    root::pivot(&root)?;
    rustix::system::sethostname(birth.hostname.as_bytes())
        .map_err(|error| Failure::new(format!("cannot set the host name: {error}")))?;
    for folder in &birth.runtime {
        fs::create_dir_all(format!("/run/{folder}")).map_err(Failure::io("make a folder below /run"))?;
    }
    let mut out = std::io::stdout();
    out.write_all(b"ready\n").and_then(|()| out.flush()).map_err(Failure::io("say that the machine is there"))?;
    tend();
    Ok(())
}

/// Takes in orphans until standard input ends. A zombie would count as alive for whoever asks with signal 0.
fn tend() {
    let input = std::io::stdin();
    loop {
        let mut watched = [PollFd::new(&input, PollFlags::IN)];
        let second = Timespec { tv_sec: 1, tv_nsec: 0 };
        let ready = poll(&mut watched, Some(&second)).unwrap_or(0);
        while matches!(wait(WaitOptions::NOHANG), Ok(Some(_))) {}
        if ready > 0 && input.lock().read(&mut [0; 64]).unwrap_or(0) == 0 {
            return;
        }
    }
}

/// Becomes a daemon, in its container if it has one.
///
/// # Errors
/// Why it cannot be started.
pub fn contain(request: &str) -> Result<(), Failure> {
    let service = serde_json::from_str(request).map_err(|error| Failure::new(error.to_string()))?;
    become_daemon(&service, &|| ())
}

/// Becomes a daemon; `ready` is said just before, when it has everything.
///
/// # Errors
/// Why it cannot be started.
pub(super) fn become_daemon(service: &Service, ready: &dyn Fn()) -> Result<(), Failure> {
    let before = if service.container.is_none() { account(service)? } else { Vec::new() };
    let words: Vec<&String> = before.iter().chain(&service.command).collect();
    let Some((program, arguments)) = words.split_first().filter(|_| !service.command.is_empty()) else {
        return Err(Failure::new(format!("neither `{}` nor its image has a command", service.unit)));
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(variables(service));
    if let Some(container) = &service.container {
        let identity = identity(container)?;
        root::container(service, container)?;
        if container.origin.is_some() {
            if !container.environment.iter().any(|pair| pair.starts_with("HOME=")) {
                command.env("HOME", identity.as_ref().map_or("/root", |identity| &identity.home));
            }
            command.current_dir(container.folder.as_deref().unwrap_or("/"));
        }
        restrict(container)?;
        if let Some(identity) = identity {
            command.uid(identity.user).gid(identity.group);
        }
    }
    ready();
    Err(Failure::new(format!("cannot run `{program}`: {}", command.exec())))
}

/// Whom it runs as on the machine itself.
fn account(service: &Service) -> Result<Vec<String>, Failure> {
    let passwd = fs::read_to_string("/etc/passwd").map_err(Failure::io("read the users"))?;
    service.account.command(&passwd).map_err(|why| {
        let failure = Failure::new(format!("{why}, whom `{}` runs as", service.unit));
        failure.hint("users that are baked exist on level `systemd` only; or install the package that brings it")
    })
}

/// The variables that a daemon has, and whatever else is run in its container.
pub(super) fn variables(service: &Service) -> impl Iterator<Item = (&str, &str)> {
    let own = service.container.iter().flat_map(|container| &container.environment);
    std::iter::once(("PATH", PATH)).chain(own.filter_map(|pair| pair.split_once('=')))
}

/// Whom it runs as in a container. A name that only its image would know is nobody's where that is not stored here.
fn identity(container: &Container) -> Result<Option<Identity>, Failure> {
    let Some(name) = &container.user else { return Ok(None) };
    let found = images::identity(&container.image_root(), name);
    if found.is_none() && container.origin.is_some() {
        return Err(Failure::new(format!("the image `{}` has no user or group `{name}`", container.image)));
    }
    Ok(found)
}

/// Takes away what the container does not have: capabilities, new privileges, open files without limit.
fn restrict(container: &Container) -> Result<(), Failure> {
    let failed = |what: &'static str| move |error: rustix::io::Errno| Failure::new(format!("cannot {what}: {error}"));
    if let Some(limit) = container.open_files {
        let limits = Rlimit { current: Some(limit), maximum: Some(limit) };
        setrlimit(Resource::Nofile, limits).map_err(failed("limit open files"))?;
    }
    for (name, capability) in CapabilitySet::all().iter_names() {
        if !container.capabilities.iter().any(|kept| kept.eq_ignore_ascii_case(name)) {
            remove_capability_from_bounding_set(capability).map_err(failed("drop a capability"))?;
        }
    }
    set_no_new_privs(true).map_err(failed("refuse new privileges"))
}
