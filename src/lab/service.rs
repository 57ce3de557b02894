//! HAProxy and Keepalived as a machine's units start them: the command, and what their container gives and takes.

use super::account::{Account, capability};
use super::images;
use super::unit::{entries, words};
use crate::diff::{Machine, Topic};

/// Where quadlets lie.
const QUADLETS: &str = "/etc/containers/systemd/";

/// The daemons that decide about virtual addresses, and the configuration that each reads when nothing says otherwise.
const DAEMONS: [(Daemon, &str, &str, &[&str]); 2] = [
    (
        Daemon::Haproxy,
        "haproxy",
        "/etc/haproxy/haproxy.cfg",
        &["haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"],
    ),
    (
        Daemon::Keepalived,
        "keepalived",
        "/etc/keepalived/keepalived.conf",
        &["keepalived", "-n", "-l", "-D", "-P", "-f", "/etc/keepalived/keepalived.conf"],
    ),
];

/// Which daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Daemon {
    /// HAProxy.
    Haproxy,
    /// Keepalived.
    Keepalived,
}

impl Daemon {
    /// Its name as a program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Haproxy => "haproxy",
            Self::Keepalived => "keepalived",
        }
    }

    /// Its name as people write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Haproxy => "HAProxy",
            Self::Keepalived => "Keepalived",
        }
    }
}

/// A daemon as a unit starts it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Service {
    /// Which one.
    pub daemon: Daemon,
    /// Name of the unit without `.service`.
    pub unit: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The container that it runs in; `None` where it runs on the machine itself.
    pub container: Option<Container>,
    /// Whom it runs as where there is no container.
    pub account: Account,
    /// Signal that stops it, without `SIG`; SIGTERM if nobody says another one.
    pub stop_signal: Option<String>,
    /// Folders that systemd makes for it below `/run`.
    pub runtime_directories: Vec<String>,
    /// Commands that systemd runs on the machine when it has ended, however that was.
    pub stop_post: Vec<Vec<String>>,
}

impl Service {
    /// Name of the signal that stops it.
    pub fn stop_signal(&self) -> &str {
        self.stop_signal.as_deref().unwrap_or("TERM")
    }
}

impl Service {
    /// Where a file that the daemon sees is on the machine.
    pub(super) fn on_machine(&self, inside: &str) -> String {
        let mut volumes = self.container.iter().flat_map(|container| &container.volumes);
        let mounted =
            volumes.find_map(|volume| Some(format!("{}{}", volume.host, inside.strip_prefix(&volume.inside)?)));
        mounted.unwrap_or_else(|| inside.to_owned())
    }
}

/// What a container gives to a daemon and takes from it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Container {
    /// Its image.
    pub image: String,
    /// Where that is; `None`: it is not stored here, and this machine's programs stand in.
    pub origin: Option<Origin>,
    /// The first words of its command, in place of the image's.
    pub entrypoint: Option<Vec<String>>,
    /// What the unit has after the image.
    pub arguments: Vec<String>,
    /// Folder that it starts in.
    pub folder: Option<String>,
    /// `user` or `user:group`, names or numbers; root if absent.
    pub user: Option<String>,
    /// Capabilities that are left, in lower case without `cap_`; all others are dropped.
    pub capabilities: Vec<String>,
    /// Folders of the machine that it sees.
    pub volumes: Vec<Volume>,
    /// Folders that are empty file systems in memory.
    pub tmpfs: Vec<String>,
    /// Whether its root cannot be written to.
    pub read_only: bool,
    /// Environment variables, as `NAME=value`.
    pub environment: Vec<String>,
    /// Limit of open files.
    pub open_files: Option<u64>,
}

impl Container {
    /// The folder that it starts from: its image's root, or this machine's.
    pub fn image_root(&self) -> String {
        self.origin.as_ref().map_or_else(images::machine, |origin| origin.root.clone())
    }
}

/// Where a container's image is.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Origin {
    /// Its root, as the machine sees it.
    pub root: String,
    /// The engine that it is from.
    pub engine: String,
    /// Folders that it wants to have outside of its root.
    pub volumes: Vec<String>,
}

/// A folder of the machine in a container.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Volume {
    /// Where it is on the machine.
    pub host: String,
    /// Where it is in the container.
    pub inside: String,
    /// Whether it may be written to.
    pub writable: bool,
}

/// The daemons that a machine runs, in the order in which they start: HAProxy must be there when Keepalived asks for it.
pub(super) fn services(machine: &Machine) -> Vec<Service> {
    let mut found: Vec<Service> = Vec::new();
    for (path, item) in machine.all(Topic::File) {
        let name = path.strip_prefix(QUADLETS).and_then(|file| file.strip_suffix(".container"));
        if let (Some(name), Some(text)) = (name, item.text()) {
            found.extend(quadlet(name, text));
        }
    }
    for (unit, item) in machine.all(Topic::Unit) {
        if let (Some(name), Some(text)) = (unit.strip_suffix(".service"), item.text()) {
            found.extend(docker(name, text));
        }
    }
    for (daemon, name, config, command) in DAEMONS {
        let runs = found.iter().any(|service| service.daemon == daemon);
        if !runs && machine.get(Topic::File, config).is_some() {
            found.push(bare(daemon, name, command.iter().map(|word| (*word).to_owned()).collect()));
        }
    }
    for service in &mut found {
        let prefix = format!("{}.service.d/", service.unit);
        for (_, item) in machine.all(Topic::DropIn).filter(|(name, _)| name.starts_with(&prefix)) {
            settings(service, item.text().unwrap_or_default());
        }
    }
    found.sort_by_key(|service| service.daemon);
    found
}

fn bare(daemon: Daemon, unit: &str, command: Vec<String>) -> Service {
    Service {
        daemon,
        unit: unit.to_owned(),
        command,
        container: None,
        account: Account::default(),
        stop_signal: None,
        runtime_directories: Vec::new(),
        stop_post: Vec::new(),
    }
}

/// The daemon that a container starts, and how this machine's program is started in its place. An image's own command is
/// that of the program that the unit is called after; so is one that only gets arguments.
fn daemon(unit: &str, container: &Container) -> Option<(Daemon, Vec<String>)> {
    let mut command = container.entrypoint.clone().unwrap_or_default();
    command.extend(container.arguments.iter().cloned());
    let first = command.first().filter(|first| !first.starts_with('-'));
    let program = first.map_or(unit, |first| first.rsplit('/').next().unwrap_or(first));
    let (daemon, name, _, own) = DAEMONS.into_iter().find(|(_, name, ..)| *name == program)?;
    if command.is_empty() {
        command = own.iter().map(|word| (*word).to_owned()).collect();
    } else if first.is_none() {
        command.insert(0, name.to_owned());
    }
    Some((daemon, command))
}

/// What `[Service]` says about the beginning and the end.
fn settings(service: &mut Service, text: &str) {
    for (section, key, value) in entries(text) {
        match (section.as_str(), key.as_str()) {
            ("Service", "ExecStopPost") => {
                let command = words(value.trim_start_matches(['-', '+', '!', '@', ':']), &service.unit);
                service.stop_post.extend((!command.is_empty()).then_some(command));
            }
            // An empty one takes back what the packaged unit says.
            ("Service", "ExecStart") if service.container.is_none() && !value.is_empty() => {
                service.command = words(value.trim_start_matches(['-', '+', '!', '@', ':']), &service.unit);
            }
            ("Service", "RuntimeDirectory") => service.runtime_directories.extend(words(&value, &service.unit)),
            ("Service", "KillSignal") if service.container.is_none() => bare_signal(&value, service),
            ("Service", key) => service.account.entry(key, &value, &service.unit),
            _ => {}
        }
    }
}

fn bare_signal(value: &str, service: &mut Service) {
    service.stop_signal = Some(value.trim_start_matches("SIG").to_owned());
}

/// The daemon that a quadlet starts; `None` if it is another program.
pub(super) fn quadlet(name: &str, text: &str) -> Option<Service> {
    let mut container = Container::default();
    let (mut args, mut group) = (Vec::new(), None);
    for (section, key, value) in entries(text) {
        let value_words = || words(&value, name);
        match (section.as_str(), key.as_str()) {
            ("Container", "Image") => container.image = value_words().concat(),
            ("Container", "Exec") => container.arguments = value_words(),
            ("Container", "Entrypoint") => container.entrypoint = Some(value_words()),
            ("Container", "WorkingDir") => container.folder = Some(value),
            ("Container", "User") => container.user = Some(value),
            ("Container", "Group") => group = Some(value),
            ("Container", "ReadOnly") => container.read_only = value == "true",
            ("Container", "AddCapability") => {
                container.capabilities.extend(value_words().iter().map(|one| capability(one)));
            }
            ("Container", "Volume") => container.volumes.extend(volume(&value_words().concat())),
            ("Container", "Tmpfs") => container.tmpfs.push(value),
            ("Container", "Environment") => container.environment.extend(value_words()),
            ("Container", "PodmanArgs") => args.extend(value_words()),
            _ => {}
        }
    }
    if let (Some(user), Some(group)) = (&mut container.user, group) {
        *user = format!("{user}:{group}");
    }
    let mut service = contained(name, container, &args)?;
    if let Some(container) = service.container.as_mut().filter(|container| container.read_only) {
        // podman-run(1), `--read-only-tmpfs`.
        for (place, mode) in [("/run", "755"), ("/tmp", "1777"), ("/var/tmp", "1777")] {
            if !container.tmpfs.iter().any(|own| own.split(':').next() == Some(place)) {
                container.tmpfs.push(format!("{place}:mode={mode}"));
            }
        }
    }
    settings(&mut service, text);
    Some(service)
}

/// The daemon in a container that is described, with `args` as options of `run`.
fn contained(name: &str, mut container: Container, args: &[String]) -> Option<Service> {
    let stop_signal = options(args, &mut container);
    let (daemon, command) = daemon(name, &container)?;
    let mut service = bare(daemon, name, command);
    service.container = Some(container);
    if let Some(signal) = stop_signal {
        bare_signal(&signal, &mut service);
    }
    Some(service)
}

fn docker(name: &str, text: &str) -> Option<Service> {
    let entries = entries(text);
    let start = entries
        .iter()
        .find(|(section, key, value)| section == "Service" && key == "ExecStart" && value.contains("docker run "))?;
    let mut service = run(name, &words(&start.2, name))?;
    settings(&mut service, text);
    Some(service)
}

/// The daemon that `docker run …` starts; `None` if it is another program.
pub(super) fn run(name: &str, all: &[String]) -> Option<Service> {
    let mut container = Container::default();
    let mut rest = all.iter().skip_while(|word| *word != "run").skip(1).peekable();
    let mut args: Vec<String> = Vec::new();
    while let Some(word) = rest.next_if(|word| word.starts_with("--")) {
        args.push(word.clone());
        let flag = matches!(word.as_str(), "--read-only" | "--rm" | "--detach") || word.contains('=');
        if !flag {
            args.extend(rest.next().cloned());
        }
    }
    container.image.clone_from(rest.next()?);
    container.arguments = rest.cloned().collect();
    contained(name, container, &args)
}

/// What wants a unit once it is enabled (`WantedBy=`).
pub(super) fn wanted_by(text: &str) -> Vec<String> {
    let entries = entries(text).into_iter();
    let wanted = entries.filter(|(section, key, _)| section == "Install" && key == "WantedBy");
    wanted.flat_map(|(_, _, value)| words(&value, "")).collect()
}

/// Options that `docker run` and `podman run` share; the signal that stops the container, if one of them says it.
fn options(args: &[String], container: &mut Container) -> Option<String> {
    let mut stop_signal = None;
    let mut args = args.iter();
    while let Some(word) = args.next() {
        let (name, own) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        if name == "--read-only" {
            container.read_only = true;
            continue;
        }
        let Some(value) = own.or_else(|| args.next().map(String::as_str)) else { break };
        match name {
            "--user" => container.user = Some(value.to_owned()),
            "--entrypoint" => container.entrypoint = Some(vec![value.to_owned()]),
            "--workdir" => container.folder = Some(value.to_owned()),
            "--cap-add" => container.capabilities.push(capability(value)),
            "--volume" => container.volumes.extend(volume(value)),
            "--tmpfs" => container.tmpfs.push(value.to_owned()),
            "--env" => container.environment.push(value.to_owned()),
            "--ulimit" => {
                let limit = value.strip_prefix("nofile=").map(|limits| limits.split(':').next().unwrap_or(limits));
                container.open_files = limit.and_then(|limit| limit.parse().ok()).or(container.open_files);
            }
            "--stop-signal" => stop_signal = Some(value.to_owned()),
            _ => {}
        }
    }
    stop_signal
}

fn volume(text: &str) -> Option<Volume> {
    let mut parts = text.split(':');
    let (host, inside) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let read_only = parts.next().unwrap_or_default().split(',').any(|option| option == "ro");
    Some(Volume { host, inside, writable: !read_only })
}
