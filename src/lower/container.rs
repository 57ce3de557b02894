//! Containers to Docker units (Flatcar) and Podman quadlets (EL).
//!
//! Both say the same: the host's network, no capability but those asked for, no new privileges, a read-only root,
//! output to the journal, started again whatever ends it. The service is called like the container on both.
//!
//! A user other than 0 gets his capabilities from Podman but not from Docker: a container that binds ports below
//! 1024 on both runs as user 0, or its role sets `net.ipv4.ip_unprivileged_port_start`.

use super::assemble::Assembly;
use super::unit::{UnitText, command, literal};
use crate::model::cluster::{Cluster, Node};
use crate::model::ignition::Unit;
use crate::model::profile::container::{Container, Volume};
use crate::model::profile::node::Os;
use crate::model::{Part, Spanned};
use std::fmt::Display;

const DOCKER: &str = "/usr/bin/docker";
const PODMAN: &str = "/usr/bin/podman";
/// Seconds that the engine gets to tidy up after the container has stopped.
const TIDY: u16 = 15;

/// The node's containers as services. Podman's generator makes the service from a file on EL; it cannot be enabled
/// like other units and starts at boot because of its `[Install]` section.
pub fn part(node: &Node, _cluster: &Cluster) -> Part {
    let mut part = Assembly::new(node.span);
    for (name, container) in &node.containers {
        let span = container.span;
        if node.os == Os::Flatcar {
            let contents = Some(docker(node, name, container));
            let enabled = Some(container.enabled);
            part.unit(Unit { name: format!("{name}.service"), contents, enabled, ..Unit::default() }, span);
        } else {
            let path = format!("/etc/containers/systemd/{name}.container");
            part.file(&path, 0o644, &quadlet(node, container), span);
        }
    }
    part.finish()
}

/// The unit for Docker, which Flatcar has in its image.
///
/// `docker run` stays in the foreground: detached, systemd would watch a client that ends at once.
fn docker(node: &Node, name: &str, container: &Container) -> String {
    let mut text = UnitText::new(&node.name);
    let after = with(&["docker.service", "network-online.target"], &container.after);
    text.section("Unit")
        .set("Description", literal(&container.description))
        .list("After", &after)
        // Docker itself starts at boot only if something asks for more than its socket.
        .set("Requires", "docker.service")
        .list("Wants", &with(&["network-online.target"], &container.wants));
    text.section("Service").set("ExecStartPre", format!("-{DOCKER} rm --force {}", command(&[name])));
    text.lines("ExecStart", &docker_run(name, container));
    reload(&mut text, container, DOCKER, &command(&[name]));
    text.set("ExecStop", format!("{DOCKER} stop {}", command(&[name])));
    // Pulling the image belongs to the start and takes as long as it takes.
    ending(&mut text, container, 0);
    text.finish()
}

/// `docker run`, one option a line.
fn docker_run(name: &str, container: &Container) -> Vec<String> {
    let mut lines = vec![format!("{DOCKER} run --name {}", command(&[name]))];
    let mut add = |words: &[&str]| lines.push(command(words));
    // The client's output is the unit's, hence in the journal already; a second driver would write it twice.
    add(&["--log-driver", "none"]);
    add(&["--network", "host"]);
    if !container.writable {
        add(&["--read-only"]);
    }
    for folder in &container.tmpfs {
        add(&["--tmpfs", &tmpfs(folder)]);
    }
    add(&["--cap-drop", "all"]);
    for capability in &container.capabilities {
        add(&["--cap-add", &bare(capability)]);
    }
    add(&["--security-opt", "no-new-privileges"]);
    if let Some(user) = &container.user {
        add(&["--user", user]);
    }
    if let Some(limit) = &container.open_files {
        add(&["--ulimit", &format!("nofile={limit}:{limit}")]);
    }
    if let Some(signal) = &container.stop_signal {
        add(&["--stop-signal", signal]);
    }
    add(&["--stop-timeout", &container.stop_timeout.to_string()]);
    for volume in &container.volumes {
        add(&["--volume", &mount(volume, "ro", "rw")]);
    }
    for (key, value) in &container.environment {
        add(&["--env", &format!("{key}={value}")]);
    }
    if let Some(file) = &container.environment_file {
        add(&["--env-file", file]);
    }
    add(&[&container.image]);
    if !container.command.is_empty() {
        lines.push(command(&values(&container.command)));
    }
    lines
}

/// The quadlet (podman-systemd.unit(5)), with keys that Podman 4.4 has: its generator drops the whole file for one
/// key that it does not know. What came later stands in `PodmanArgs=`.
fn quadlet(node: &Node, container: &Container) -> String {
    let mut text = UnitText::new(&node.name);
    text.section("Unit")
        .set("Description", literal(&container.description))
        .list("After", &values(&container.after))
        .list("Wants", &values(&container.wants));
    text.section("Container")
        .set("Image", raw(&container.image))
        .set("ContainerName", "%N")
        .set("Network", "host")
        .set("ReadOnly", !container.writable)
        .set("DropCapability", "all");
    for capability in &container.capabilities {
        text.set("AddCapability", format!("CAP_{}", bare(capability)));
    }
    text.set("NoNewPrivileges", "true");
    user(&mut text, container);
    for volume in &container.volumes {
        text.set("Volume", raw(&mount(volume, "ro,z", "rw,z")));
    }
    for (key, value) in &container.environment {
        text.set("Environment", command(&[format!("{key}={value}")]));
    }
    if let Some(file) = &container.environment_file {
        text.set("EnvironmentFile", raw(file));
    }
    for words in podman_args(container) {
        text.set("PodmanArgs", command(&words));
    }
    let (words, variables) = carried(&container.command);
    if !words.is_empty() {
        text.set("Exec", words);
    }
    text.section("Service");
    for variable in variables {
        text.set("Environment", command(&[variable]));
    }
    reload(&mut text, container, PODMAN, "%N");
    // The start includes pulling the image, for which the default of 90 seconds may be too short.
    ending(&mut text, container, 300);
    text.finish()
}

/// Words that Podman's generator loses on their way to systemd, and variables that bring them there: it forgets
/// all that follows an empty word, and takes the quotes off a lone `;`, which then separates commands.
const LOST: [(&str, &str); 2] = [("", "BAKE_EMPTY"), (";", "BAKE_SEMICOLON")];

/// A program's words for `Exec=`, and the variables that the service must have for them.
fn carried(words: &[Spanned<String>]) -> (String, Vec<String>) {
    let lost = |word: &str| LOST.iter().find(|(lost, _)| *lost == word).map(|(_, name)| format!("${{{name}}}"));
    let pieces: Vec<String> =
        words.iter().map(|word| lost(word).unwrap_or_else(|| command(&[word.as_str()]))).collect();
    let needed = LOST.iter().filter(|(lost, _)| words.iter().any(|word| word.value == *lost));
    (pieces.join(" "), needed.map(|(word, name)| format!("{name}={word}")).collect())
}

/// `User=` and `Group=` take numbers only in Podman 4.4; names go past the generator.
fn user(text: &mut UnitText, container: &Container) {
    let Some((user, group)) = container.user.as_ref().and_then(|user| numbers(user)) else { return };
    text.set("User", user);
    if let Some(group) = group {
        text.set("Group", group);
    }
}

/// `uid` or `uid:gid`, if those are numbers.
fn numbers(user: &str) -> Option<(u32, Option<u32>)> {
    match user.split_once(':') {
        Some((user, group)) => Some((user.parse().ok()?, Some(group.parse().ok()?))),
        None => Some((user.parse().ok()?, None)),
    }
}

fn podman_args(container: &Container) -> Vec<Vec<String>> {
    let mut args: Vec<Vec<String>> = Vec::new();
    let mut add = |option: &str, value: String| args.push(vec![option.to_owned(), value]);
    if let Some(user) = container.user.as_ref().filter(|user| numbers(user).is_none()) {
        add("--user", user.value.clone());
    }
    for folder in &container.tmpfs {
        add("--tmpfs", tmpfs(folder));
    }
    if let Some(limit) = &container.open_files {
        add("--ulimit", format!("nofile={limit}:{limit}"));
    }
    if let Some(signal) = &container.stop_signal {
        add("--stop-signal", signal.value.clone());
    }
    add("--stop-timeout", container.stop_timeout.to_string());
    if container.capabilities.iter().any(|capability| bare(capability) == "NET_ADMIN") {
        // SELinux lets no ordinary container change the host's addresses and routes (container_selinux(8)).
        add("--security-opt", "label=disable".to_owned());
    }
    args
}

/// The check, then the signal: systemd gives up at the first command that fails.
fn reload(text: &mut UnitText, container: &Container, engine: &str, name: &str) {
    let Some(signal) = &container.reload_signal else { return };
    if !container.reload_check.is_empty() {
        text.set("ExecReload", format!("{engine} exec {name} {}", command(&values(&container.reload_check))));
    }
    text.set("ExecReload", format!("{engine} kill --signal {} {name}", command(&[signal.as_str()])));
}

/// How the service ends and comes back.
fn ending(text: &mut UnitText, container: &Container, start_timeout: u16) {
    text.set("Restart", "always")
        .set("RestartSec", 5)
        .set("TimeoutStartSec", start_timeout)
        .set("TimeoutStopSec", u32::from(container.stop_timeout) + u32::from(TIDY));
    // Ended by SIGTERM is ended as asked; the engine reports it as a number.
    text.set("SuccessExitStatus", 143);
    if container.enabled {
        text.section("Install").set("WantedBy", "multi-user.target");
    }
}

/// In-memory folders are writable for every user of the container, as `/tmp` is, unless options say otherwise.
fn tmpfs(folder: &str) -> String {
    if folder.contains(':') { folder.to_owned() } else { format!("{folder}:mode=1777") }
}

fn mount(volume: &Volume, read_only: &str, writable: &str) -> String {
    let options = if volume.writable { writable } else { read_only };
    format!("{}:{}:{options}", volume.host, volume.container)
}

/// A capability without the prefix that some write.
fn bare(capability: &str) -> String {
    let upper = capability.to_ascii_uppercase();
    upper.strip_prefix("CAP_").map_or_else(|| upper.clone(), str::to_owned)
}

/// `text` in a quadlet key that becomes one word of `ExecStart=` as it is.
fn raw(text: &str) -> String {
    literal(text).replace('$', "$$")
}

fn values<T: Display>(words: &[T]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn with<T: Display>(first: &[&str], more: &[T]) -> Vec<String> {
    let mut all: Vec<String> = first.iter().map(ToString::to_string).collect();
    for name in values(more) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}
