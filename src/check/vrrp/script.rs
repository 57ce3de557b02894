//! What Keepalived runs: whether it is there, may be run, and sees what it asks for.

use super::super::container::{beneath, reads, running};
use super::super::keepalived::{Config, Instance, Lined};
use super::super::written::Machine;
use super::CONF;
use crate::diag::{Code, Severity, Sink};
use crate::model::profile::container::Container;
use std::collections::BTreeSet;

/// Programs that look at the processes or services around them, of which a container shows its own only.
const OUTSIDE: &[&str] = &["systemctl", "pidof", "pgrep", "killall", "ps", "journalctl", "docker", "podman"];

/// Where an image or an operating system has its programs.
const SYSTEM: &[&str] = &["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/"];

/// Users that every system has.
const SYSTEM_USERS: &[&str] = &["root", "nobody", "core"];

/// What a container needs to run Keepalived, and why.
const CAPABILITIES: &[(&str, &str)] = &[
    ("NET_ADMIN", "it could not add the address"),
    ("NET_RAW", "it could not send adverts"),
    ("SETUID", "its scripts would never run, without a word"),
    ("SETGID", "its scripts would never run, without a word"),
];

pub(super) fn check(machine: &Machine<'_>, config: &Config, sink: &mut Sink) {
    let inside = running(machine.node, "keepalived");
    let room = Room { machine, inside };
    if let Some(container) = inside {
        capabilities(machine, config, container, sink);
    }
    let mut commands: BTreeSet<&Lined<String>> =
        config.scripts.iter().filter_map(|script| script.command.as_ref()).collect();
    commands.extend(config.instances.iter().flat_map(|instance| &instance.notifies));
    if let Some(first) = commands.first()
        && !config.script_security
    {
        let message = "scripts run without `enable_script_security`: Keepalived would run one that anybody may write";
        let found = machine.finding(CONF, first.line, Code::VrrpScript, message);
        let mut found = found.hint("write `enable_script_security` and `script_user root` in `global_defs`");
        found.severity = Severity::Warning;
        sink.push(found);
    }
    for command in &commands {
        room.command(command, sink);
    }
    if !commands.is_empty() {
        users(machine, config, inside.is_some(), sink);
    }
    if let Some(container) = inside {
        configuration(machine, config, container, sink);
    }
    for script in &config.scripts {
        if let Some(timeout) = script.timeout.filter(|timeout| timeout.value > script.interval) {
            let message = format!(
                "`{}` may take `{}` s, longer than the `{}` s between two runs",
                script.name.value, timeout.value, script.interval
            );
            let mut found = machine.finding(CONF, timeout.line, Code::VrrpScript, message);
            found.severity = Severity::Warning;
            sink.push(found.hint(format!("write `timeout {}`", script.interval)));
        }
        if script.command.is_none() && inside.is_some() {
            let message = format!(
                "`{}` watches {}, and the container of Keepalived does not see processes of others",
                script.name.value,
                crate::diag::suggest::list(script.processes.iter().map(String::as_str))
            );
            let hint = "ask for the service itself with a `vrrp_script`";
            sink.push(machine.finding(CONF, script.name.line, Code::VrrpScript, message).hint(hint));
        }
    }
    for instance in &config.instances {
        tracked(machine, config, instance, sink);
    }
}

fn capabilities(machine: &Machine<'_>, config: &Config, container: &Container, sink: &mut Sink) {
    for (name, why) in CAPABILITIES {
        let scripts = config.scripts.iter().any(|script| script.command.is_some());
        let has = container.capabilities.iter().any(|own| own.trim_start_matches("CAP_") == *name);
        if !has && (scripts || !name.starts_with("SET")) {
            let message = format!("the container of Keepalived lacks the capability `{name}`: {why}");
            let line = config.instances.first().map_or(1, |instance| instance.name.line);
            let mut found = machine.finding(CONF, line, Code::VrrpContainer, message);
            let list = container.capabilities.first().or(container.command.first());
            found.span = list.map(|word| word.span).or(found.span);
            sink.push(found.hint(format!("add `{name}` to the container's `capabilities`")));
        }
    }
}

/// Who runs the scripts.
fn users(machine: &Machine<'_>, config: &Config, inside: bool, sink: &mut Sink) {
    let own = config.scripts.iter().filter_map(|script| script.user.as_ref());
    let named: Vec<&Lined<String>> = own.chain(&config.script_user).collect();
    if config.script_user.is_none() && config.scripts.iter().any(|one| one.command.is_some() && one.user.is_none()) {
        let line = config.scripts.first().map_or(1, |script| script.name.line);
        let message =
            "nobody is named to run the scripts: Keepalived looks for a user `keepalived_script`, and takes its own";
        let mut found = machine.finding(CONF, line, Code::VrrpScript, message);
        found.severity = Severity::Warning;
        sink.push(found.hint("write `script_user root`, or another user, in `global_defs`"));
    }
    // Of an image's users nothing is known.
    for user in named.into_iter().filter(|_| !inside) {
        let known = SYSTEM_USERS.contains(&user.value.as_str()) || machine.baked.users.contains_key(&user.value);
        if !known {
            let message = format!("there is no user `{}` to run scripts: Keepalived disables them", user.value);
            let found = machine.finding(CONF, user.line, Code::VrrpScript, message);
            sink.push(found.hint("write `script_user root`, or declare the user in a fragment (`passwd: users:`)"));
        }
    }
}

/// The file that the container's Keepalived reads: without one it starts, and does nothing.
fn configuration(machine: &Machine<'_>, config: &Config, container: &Container, sink: &mut Sink) {
    let Some((wanted, host)) = reads(container) else { return };
    if host.is_some_and(|host| machine.file(&host).is_some()) {
        return;
    }
    let line = config.instances.first().map_or(1, |instance| instance.name.line);
    let message = format!("Keepalived reads `{}`, which none of its volumes holds: it would do nothing", wanted.value);
    let found = machine.finding(CONF, line, Code::VrrpContainer, message).at(wanted.span);
    sink.push(
        found
            .related(machine.span(CONF, line), format!("`{CONF}` is written here"))
            .hint("mount the folder of the file, and name it in the command as the container sees it"),
    );
}

fn tracked(machine: &Machine<'_>, config: &Config, instance: &Instance, sink: &mut Sink) {
    for track in &instance.tracks {
        let name = &track.name;
        let Some(script) = config.tracked(track) else {
            let message = format!(
                "`{}` tracks `{}`, which is not defined: Keepalived ignores it",
                instance.name.value, name.value
            );
            let known = config.scripts.iter().map(|script| script.name.value.as_str());
            let mut found = machine.finding(CONF, name.line, Code::VrrpScript, message);
            found.hint = crate::diag::suggest::hint(&name.value, known);
            sink.push(found);
            continue;
        };
        let weight = track.weight.unwrap_or(script.weight);
        if weight.value != 0 && config.grouped.contains(&instance.name.value) {
            let message = format!(
                "the weight `{}` has no effect: `{}` is in a `vrrp_sync_group`",
                weight.value, instance.name.value
            );
            let hint = "write no weight, or `sync_group_tracking_weight` in the group";
            sink.push(machine.finding(CONF, weight.line, Code::VrrpScript, message).hint(hint));
        }
    }
}

/// Where scripts run.
struct Room<'a> {
    machine: &'a Machine<'a>,
    inside: Option<&'a Container>,
}

impl Room<'_> {
    fn command(&self, command: &Lined<String>, sink: &mut Sink) {
        let program = command.value.split_whitespace().next().unwrap_or_default();
        let found = |message: String| self.machine.finding(CONF, command.line, Code::VrrpScript, message);
        if let Some(outside) = self.sees_outside(&command.value) {
            sink.push(
                found(outside)
                    .hint("ask for the service itself, for example `wget -q -T 1 -O /dev/null http://127.0.0.1:8404/`"),
            );
        }
        if !program.starts_with('/') {
            let message = format!("the script `{program}` is not named by its whole path");
            sink.push(found(message).hint("write the path from `/` on"));
            return;
        }
        let Some(path) = self.on_host(program) else {
            if !SYSTEM.iter().any(|folder| program.starts_with(folder)) {
                let message = format!("`{program}` is not in the container of Keepalived: none of its volumes has it");
                sink.push(found(message).hint("mount the folder that holds it"));
            }
            return;
        };
        let Some(file) = self.machine.file(&path) else {
            if !SYSTEM.iter().any(|folder| path.starts_with(folder)) {
                let message = format!("the script `{path}` does not exist: no fragment writes it");
                sink.push(found(message).hint("add it to a fragment's `storage.files`, with mode 0755"));
            }
            return;
        };
        let mode = file.mode.unwrap_or(0o644);
        let message = if mode & 0o111 == 0 {
            format!("the script `{path}` cannot be run: its mode is `{mode:04o}`")
        } else if mode & 0o022 != 0 {
            format!("Keepalived refuses the script `{path}`: others may write it (mode `{mode:04o}`)")
        } else {
            String::new()
        };
        if !message.is_empty() {
            let mut found = found(message).hint("write `mode: 0755`");
            if let Some(origin) = file.origin {
                found = found.related(origin, "the file is written here");
            }
            sink.push(found);
        }
        if let Some(outside) = self.sees_outside(&code(&file.text)) {
            let mut found = found(outside).hint("ask for the service itself in the script");
            if let Some(origin) = file.origin {
                found = found.related(origin, "the script is written here");
            }
            sink.push(found);
        }
    }

    /// The path on the machine; `None` if it is one of the image.
    fn on_host(&self, path: &str) -> Option<String> {
        let Some(container) = self.inside else { return Some(path.to_owned()) };
        beneath(container, path)
    }

    /// What a text runs that sees nothing in a container.
    fn sees_outside(&self, text: &str) -> Option<String> {
        self.inside?;
        let mut words = text.split(|c: char| c.is_whitespace() || ";&|()`$\"'".contains(c));
        let word = words.find(|word| OUTSIDE.contains(&word.rsplit('/').next().unwrap_or(word)))?;
        Some(format!("`{word}` sees nothing in the container of Keepalived: the services run outside"))
    }
}

/// A shell script without its comments.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
}
