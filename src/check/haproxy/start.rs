//! What keeps HAProxy from starting or from doing what its settings say.

use super::super::container::{beneath, reads};
use super::super::haproxy_config::{Kind, Line, Section};
use super::Proxy;
use crate::diag::{Code, Severity, Sink};
use std::collections::BTreeMap;

/// Settings that look into HTTP, and do nothing where bytes are passed on unseen.
const HTTP: &[&[&str]] = &[
    &["option", "forwardfor"],
    &["option", "http-server-close"],
    &["option", "httplog"],
    &["option", "httpclose"],
    &["http-request"],
    &["http-response"],
];

/// Descriptors that HAProxy opens besides two per connection.
const DESCRIPTORS: u32 = 100;

/// Passwords of examples.
const KNOWN: &[&str] = &["admin", "password", "12345678", "haproxy", "stats", "changeme", "1234"];

pub(super) fn check(proxy: &Proxy<'_>, sink: &mut Sink) {
    for section in proxy.config.of(Kind::Global) {
        global(proxy, section, sink);
    }
    for section in &proxy.config.sections {
        error_files(proxy, section, sink);
        if section.kind.listens() || section.kind.serves() || section.kind == Kind::Defaults {
            mode(proxy, section, sink);
        }
        stats(proxy, section, sink);
        log(proxy, section, sink);
    }
    configuration(proxy, sink);
    names(proxy, sink);
}

/// The file that the container's HAProxy reads.
fn configuration(proxy: &Proxy<'_>, sink: &mut Sink) {
    let Some((wanted, host)) = proxy.inside.and_then(reads) else { return };
    // A folder is read as a whole.
    let prefix = |host: &str| format!("{}/", host.trim_end_matches('/'));
    let holds = |host: String| {
        let mut paths = proxy.machine.baked.files.keys();
        paths.any(|path| *path == host || path.starts_with(&prefix(&host)))
    };
    if !host.is_some_and(holds) {
        let message = format!("HAProxy reads `{}`, which none of its volumes holds", wanted.value);
        let found = proxy.found(1, Code::HaproxyStart, message).at(wanted.span);
        let found = found.related(proxy.machine.span(super::CONF, 1), format!("`{}` is written here", super::CONF));
        sink.push(found.hint("mount its folder, and name the file in the command as the container sees it"));
    }
}

/// Logs that go where nobody listens.
fn log(proxy: &Proxy<'_>, section: &Section, sink: &mut Sink) {
    let Some(container) = proxy.inside else { return };
    for line in section.lines.iter().filter(|line| line.word(0) == "log" && line.word(1).starts_with('/')) {
        if beneath(container, line.word(1)).is_none() {
            let message = format!("`{}` is not in the container of HAProxy: its log is lost", line.word(1));
            let mut found = proxy.found(line.number, Code::HaproxyStart, message);
            found.severity = Severity::Warning;
            sink.push(found.hint("write `log stdout format raw local0`: the journal has it then"));
        }
    }
}

fn global(proxy: &Proxy<'_>, section: &Section, sink: &mut Sink) {
    let Some(container) = proxy.spec() else { return };
    // The units of packages and extensions run it in the foreground (`-Ws`).
    let foreground =
        proxy.beside.is_some() || container.command.iter().any(|word| matches!(word.as_str(), "-db" | "-W" | "-Ws"));
    for line in &section.lines {
        let (message, hint) = match line.word(0) {
            "daemon" => ("`daemon` sends HAProxy into the background: its container ends at once", "remove the line"),
            "user" | "group" | "uid" | "gid" | "chroot" if proxy.is_ordinary() => (
                "only root may change user or root: HAProxy runs as an ordinary user here and gives up",
                "remove the line",
            ),
            _ => continue,
        };
        let mut found = proxy.found(line.number, Code::HaproxyStart, message).hint(hint);
        if line.word(0) == "daemon" && foreground {
            let message = "`daemon` is overruled by the command: HAProxy must stay in the foreground";
            message.clone_into(&mut found.message);
            found.severity = Severity::Warning;
        }
        if let Some(user) = proxy.user().filter(|_| line.word(0) != "daemon") {
            found = found.related(user.span, format!("it runs as `{user}`"));
        }
        sink.push(found);
    }
    if let Some(line) = section.lines.iter().find(|line| line.word(0) == "ulimit-n") {
        let message = "`ulimit-n` overrules what HAProxy computes from `maxconn`, and fails where the limit is lower";
        let found = proxy.found(line.number, Code::HaproxyLimits, message);
        sink.push(found.hint("remove the line; the container's `open_files` is the limit"));
    }
    let maxconn = section.lines.iter().rev().find(|line| line.word(0) == "maxconn");
    if maxconn.is_none() && container.open_files.is_none() {
        let message = "neither `maxconn` nor the container's `open_files` is set: HAProxy takes memory for as many \
                       connections as the system allows files";
        sink.push(
            proxy
                .found(section.line, Code::HaproxyLimits, message)
                .hint("write `maxconn 6000` or what the memory holds"),
        );
    }
    if let (Some(line), Some(limit)) = (maxconn, &container.open_files)
        && let Ok(connections) = line.word(1).parse::<u32>()
    {
        let needed = connections.saturating_mul(2).saturating_add(DESCRIPTORS);
        if needed > limit.value {
            let message =
                format!("`maxconn {connections}` needs about `{needed}` open files, and it may open `{limit}`");
            let found = proxy.found(line.number, Code::HaproxyLimits, message);
            let found = found.related(limit.span, "its limit");
            sink.push(found.hint(format!(
                "write `maxconn {}` or a higher `open_files`",
                limit.value.saturating_sub(DESCRIPTORS) / 2
            )));
        }
    }
}

fn error_files(proxy: &Proxy<'_>, section: &Section, sink: &mut Sink) {
    for line in section.lines.iter().filter(|line| line.word(0) == "errorfile") {
        let path = line.word(2);
        let host = match proxy.inside {
            None => Some(path.to_owned()),
            Some(container) => beneath(container, path),
        };
        if host.is_none_or(|host| proxy.machine.file(&host).is_none()) {
            let message = format!("the error file `{path}` does not exist: HAProxy refuses to start without it");
            sink.push(
                proxy
                    .found(line.number, Code::HaproxyStart, message)
                    .hint("write the file in a fragment, or remove the line"),
            );
        }
    }
}

fn mode(proxy: &Proxy<'_>, section: &Section, sink: &mut Sink) {
    let plain = match section.kind {
        Kind::Defaults => !section.lines.iter().any(|line| line.begins(&["mode", "http"])),
        _ => proxy.config.is_tcp(section),
    };
    let looks = |line: &&Line| HTTP.iter().any(|words| line.begins(words));
    for line in section.lines.iter().filter(|_| plain).filter(looks) {
        let setting = line.words.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(" ");
        let message = format!("`{setting}` does nothing in `mode tcp`: HAProxy does not look into the bytes");
        sink.push(proxy.found(line.number, Code::HaproxyMode, message).hint("remove the line, or write `mode http`"));
    }
}

fn stats(proxy: &Proxy<'_>, section: &Section, sink: &mut Sink) {
    let binds = section.binds();
    let open = binds.iter().find(|bind| bind.address.is_none_or(|address| !address.is_loopback()));
    let lines = || section.lines.iter().filter(|line| line.word(0) == "stats");
    let shows = lines().find(|line| matches!(line.word(1), "enable" | "uri" | "admin"));
    let password = lines().find(|line| line.word(1) == "auth");
    for line in lines().filter(|line| line.word(1) == "socket") {
        let place = line.word(2);
        let local = place.starts_with('/') || place.starts_with("unix@") || place.contains("127.0.0.1:");
        let wide =
            line.after("mode").and_then(|mode| u32::from_str_radix(mode, 8).ok()).is_some_and(|mode| mode & 6 != 0);
        let who = match (local, wide) {
            (false, _) => "everybody who gets there",
            (true, true) => "every account of the machine",
            _ => continue,
        };
        let admin = line.after("level") == Some("admin");
        let what = if admin { "switch servers off" } else { "read its state" };
        let message = format!("the socket `{place}` lets {who} {what}");
        sink.push(proxy.found(line.number, Code::HaproxyStats, message).hint("write a path with `mode 600`"));
    }
    if let (Some(line), Some(bind), None) = (shows, open, password) {
        let address = bind.address.map_or("every address".to_owned(), |address| format!("`{address}`"));
        let message =
            format!("`{}` shows its statistics to everybody on {address}, port `{}`", section.name, bind.ports.0);
        let found = proxy.found(line.number, Code::HaproxyStats, message);
        let found = found.related(proxy.machine.span(super::CONF, bind.line), "it listens here");
        sink.push(found.hint("bind them to `127.0.0.1` and use a tunnel"));
    }
    if let Some(line) = password
        && let Some((_, password)) = line.word(2).split_once(':')
        && (password.len() < 8 || KNOWN.contains(&password))
    {
        let message = format!(
            "the password of the statistics in `{}` is short or one of those that everybody tries",
            section.name
        );
        sink.push(
            proxy
                .found(line.number, Code::HaproxyStats, message)
                .hint("bind the statistics to `127.0.0.1`, or take a secret"),
        );
    }
}

/// Nothing may have the name of something else.
fn names(proxy: &Proxy<'_>, sink: &mut Sink) {
    let mut fronts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut backs: BTreeMap<&str, usize> = BTreeMap::new();
    for section in &proxy.config.sections {
        let mut first = None;
        if section.kind.listens() {
            first = fronts.insert(&section.name, section.line);
        }
        if section.kind.serves() {
            first = backs.insert(&section.name, section.line).or(first);
        }
        if let Some(first) = first {
            let message = format!("two sections are called `{}`", section.name);
            let found = proxy.found(section.line, Code::HaproxyDuplicate, message);
            sink.push(found.related(proxy.machine.span(super::CONF, first), "the other one is here"));
        }
        let mut servers: BTreeMap<String, usize> = BTreeMap::new();
        for server in section.servers() {
            let place = server.port.map_or(server.host.clone(), |port| format!("{}:{port}", server.host));
            for name in [server.name, place] {
                if let Some(first) = servers.insert(name.clone(), server.line) {
                    let message = format!("the server `{name}` is listed twice in `{}`", section.name);
                    let found = proxy.found(server.line, Code::HaproxyDuplicate, message);
                    sink.push(found.related(proxy.machine.span(super::CONF, first), "it is listed here first"));
                    break;
                }
            }
        }
    }
}
