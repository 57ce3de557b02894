//! HAProxy and Keepalived as a machine's units start them: the command, and what their container gives and takes.

use super::account::Account;
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
    /// Signal that stops it.
    pub stop_signal: String,
    /// Folders that systemd makes for it below `/run`.
    pub runtime_directories: Vec<String>,
    /// Commands that systemd runs on the machine when it has ended, however that was.
    pub stop_post: Vec<Vec<String>>,
}

/// What a container gives to a daemon and takes from it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Container {
    /// Its image.
    pub image: String,
    /// User and group; root if absent.
    pub user: Option<(u32, u32)>,
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
        stop_signal: "TERM".to_owned(),
        runtime_directories: Vec::new(),
        stop_post: Vec::new(),
    }
}

/// The daemon that a command starts. An image's own command is that of the program that the unit is called after.
fn daemon(unit: &str, command: &[String]) -> Option<(Daemon, Vec<String>)> {
    let program = command.first().map_or(unit, |first| first.rsplit('/').next().unwrap_or(first));
    let (daemon, _, _, own) = DAEMONS.into_iter().find(|(_, name, ..)| *name == program)?;
    let own = || own.iter().map(|word| (*word).to_owned()).collect();
    Some((daemon, if command.is_empty() { own() } else { command.to_vec() }))
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
    value.trim_start_matches("SIG").clone_into(&mut service.stop_signal);
}

/// The daemon that a quadlet starts; `None` if it is another program.
pub(super) fn quadlet(name: &str, text: &str) -> Option<Service> {
    let mut container = Container::default();
    let (mut command, mut args, mut group) = (Vec::new(), Vec::new(), None);
    for (section, key, value) in entries(text) {
        let value_words = || words(&value, name);
        match (section.as_str(), key.as_str()) {
            ("Container", "Image") => container.image = value_words().concat(),
            ("Container", "Exec") => command = value_words(),
            ("Container", "User") => container.user = value.parse().ok().map(|user| (user, 0)),
            ("Container", "Group") => group = value.parse().ok(),
            ("Container", "ReadOnly") => container.read_only = value == "true",
            ("Container", "AddCapability") => {
                container.capabilities.extend(value_words().iter().map(|one| bare_cap(one)));
            }
            ("Container", "Volume") => container.volumes.extend(volume(&value_words().concat())),
            ("Container", "Tmpfs") => container.tmpfs.push(value),
            ("Container", "Environment") => container.environment.extend(value_words()),
            ("Container", "PodmanArgs") => args.extend(value_words()),
            _ => {}
        }
    }
    if let (Some(user), Some(group)) = (&mut container.user, group) {
        user.1 = group;
    }
    let (daemon, command) = daemon(name, &command)?;
    let mut service = bare(daemon, name, command);
    options(&args, &mut container, &mut service);
    service.container = Some(container);
    settings(&mut service, text);
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
    let command: Vec<String> = rest.cloned().collect();
    let (daemon, command) = daemon(name, &command)?;
    let mut service = bare(daemon, name, command);
    options(&args, &mut container, &mut service);
    service.container = Some(container);
    Some(service)
}

/// What wants a unit once it is enabled (`WantedBy=`).
pub(super) fn wanted_by(text: &str) -> Vec<String> {
    let entries = entries(text).into_iter();
    let wanted = entries.filter(|(section, key, _)| section == "Install" && key == "WantedBy");
    wanted.flat_map(|(_, _, value)| words(&value, "")).collect()
}

/// Options that `docker run` and `podman run` share.
fn options(args: &[String], container: &mut Container, service: &mut Service) {
    let mut args = args.iter();
    while let Some(word) = args.next() {
        let (name, own) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        if name == "--read-only" {
            container.read_only = true;
            continue;
        }
        let Some(value) = own.or_else(|| args.next().map(String::as_str)) else { break };
        match name {
            "--user" => {
                let (user, group) = value.split_once(':').unwrap_or((value, "0"));
                container.user = user.parse().ok().zip(group.parse().ok());
            }
            "--cap-add" => container.capabilities.push(bare_cap(value)),
            "--volume" => container.volumes.extend(volume(value)),
            "--tmpfs" => container.tmpfs.push(value.to_owned()),
            "--env" => container.environment.push(value.to_owned()),
            "--ulimit" => {
                let limit = value.strip_prefix("nofile=").map(|limits| limits.split(':').next().unwrap_or(limits));
                container.open_files = limit.and_then(|limit| limit.parse().ok()).or(container.open_files);
            }
            "--stop-signal" => bare_signal(value, service),
            _ => {}
        }
    }
}

fn bare_cap(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    lower.strip_prefix("cap_").map_or_else(|| lower.clone(), str::to_owned)
}

fn volume(text: &str) -> Option<Volume> {
    let mut parts = text.split(':');
    let (host, inside) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let read_only = parts.next().unwrap_or_default().split(',').any(|option| option == "ro");
    Some(Volume { host, inside, writable: !read_only })
}
