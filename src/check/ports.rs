//! Ports that a program's own file names, and that the firewall knows nothing of: one fact, stated twice.

use super::{BakedFile, View};
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::profile::cluster::Protocol;

/// A file that names a port, with the key and what reads it.
struct Named {
    path: &'static str,
    key: &'static str,
    program: &'static str,
    protocol: Protocol,
}

/// Files by the beginning of their path.
const NAMED: &[Named] = &[
    Named { path: "/etc/ssh/sshd_config", key: "Port", program: "sshd", protocol: Protocol::Tcp },
    Named { path: "/etc/postgresql/postgresql.conf", key: "port", program: "PostgreSQL", protocol: Protocol::Tcp },
    Named { path: "/etc/rancher/k3s/config.yaml", key: "https-listen-port", program: "K3s", protocol: Protocol::Tcp },
    Named { path: "/etc/chrony", key: "port", program: "Chrony", protocol: Protocol::Udp },
];

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    for (path, file) in &view.baked.files {
        for named in NAMED.iter().filter(|named| path.starts_with(named.path)) {
            look(view, named, file, sink);
        }
    }
}

fn look(view: &View<'_>, named: &Named, file: &BakedFile, sink: &mut Sink) {
    for (number, line) in file.text.lines().enumerate() {
        let mut words = line.split(|c: char| c.is_whitespace() || "=:".contains(c)).filter(|word| !word.is_empty());
        if words.next() != Some(named.key) {
            continue;
        }
        let Some(port) = words.next().and_then(|word| word.parse::<u16>().ok()).filter(|port| *port != 0) else {
            continue;
        };
        let opens = |listen: &&crate::model::cluster::Listen| {
            let covers = listen.ports.is_none_or(|(first, last)| (first..=last).contains(&port));
            listen.protocol == named.protocol && covers
        };
        if view.node.listens.iter().any(|listen| opens(&listen)) {
            continue;
        }
        let Named { program, protocol, .. } = named;
        let message = format!(
            "{program} listens on {protocol} port `{port}`, and the firewall of `{}` lets nobody in",
            view.node.name
        );
        let found = Diagnostic::new(Code::PortClosed, message).at(view.line(file, number));
        let hint = if *protocol == Protocol::Tcp { String::new() } else { format!("protocol: {protocol}, ") };
        sink.push(found.hint(format!(
            "write the same port in `listens` (`- {{name: ..., {hint}port: {port}, from: [...]}}`) as here"
        )));
    }
}
