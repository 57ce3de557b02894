//! Units: keys that systemd ignores, units of the image that are replaced, containers without their engine, services
//! that take the network away.

use super::text::{Table, entries, table, unknown};
use super::{BakedFile, BakedUnit, View};
use crate::diag::{Code, Diagnostic, Sink};
use std::sync::LazyLock;

/// What systemd knows.
pub(super) static KEYS: LazyLock<Table> = LazyLock::new(|| table(include_str!("tables/units.txt")));

/// Units that images bring and that people replace as a whole. A drop-in keeps what updates change in them.
const VENDOR: &[&str] = &[
    "NetworkManager.service",
    "chronyd.service",
    "cloud-config.service",
    "cloud-final.service",
    "cloud-init-local.service",
    "cloud-init.service",
    "containerd.service",
    "dbus.service",
    "docker.service",
    "docker.socket",
    "firewalld.service",
    "iscsid.service",
    "locksmithd.service",
    "nfs-server.service",
    "nftables.service",
    "podman.service",
    "rpcbind.service",
    "sshd.service",
    "sshd.socket",
    "systemd-journald.service",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-networkd-wait-online.service",
    "systemd-networkd.service",
    "systemd-resolved.service",
    "systemd-sysctl.service",
    "systemd-timesyncd.service",
    "systemd-tmpfiles-setup.service",
    "systemd-udevd.service",
    "update-engine.service",
];

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    for (name, unit) in &view.baked.units {
        for file in unit.text.iter().chain(unit.dropins.values()) {
            unknown(view, file, &KEYS, Code::UnitUnknownKey, "a unit", sink);
            restarts(view, name, file, sink);
        }
        if let Some(file) = &unit.text {
            shadows(view, name, unit, sink);
            container(view, name, unit, file, sink);
        }
    }
    for (path, file) in &view.baked.files {
        if file.text.starts_with("#!") {
            restarts(view, path, file, sink);
        }
    }
}

fn shadows(view: &View<'_>, name: &str, unit: &BakedUnit, sink: &mut Sink) {
    if VENDOR.contains(&name) {
        let message = format!("`{name}` replaces the image's own unit as a whole");
        let hint = "write what differs as a drop-in (`dropins:`); updates then keep reaching the rest";
        let origin = unit.text.as_ref().and_then(|file| view.line(file, 0)).or(unit.origin);
        sink.push(Diagnostic::new(Code::UnitShadowsVendor, message).at(origin).hint(hint));
    }
}

/// A unit that runs Docker must start after it and with it.
fn container(view: &View<'_>, name: &str, unit: &BakedUnit, file: &BakedFile, sink: &mut Sink) {
    let found = entries(&file.text);
    let Some(start) = found.iter().find(|entry| entry.key == "ExecStart" && runs_docker(&entry.value)) else { return };
    let dropins: Vec<_> = unit.dropins.values().flat_map(|dropin| entries(&dropin.text)).collect();
    let says = |keys: &[&str]| {
        let mut all = found.iter().chain(&dropins);
        all.any(|entry| {
            keys.contains(&entry.key) && entry.value.split_whitespace().any(|unit| unit == "docker.service")
        })
    };
    let lacks = match (says(&["After"]), says(&["Requires", "BindsTo", "Wants", "Requisite"])) {
        (true, true) => return,
        (false, true) => "After=docker.service",
        (true, false) => "Requires=docker.service",
        (false, false) => "Requires=docker.service` and `After=docker.service",
    };
    let message = format!("`{name}` runs a container, but does not wait for Docker");
    let found = Diagnostic::new(Code::ContainerOrder, message).at(view.line(file, start.line));
    sink.push(found.hint(format!("add `{lacks}` to its section `[Unit]`")));
}

fn runs_docker(command: &str) -> bool {
    let mut words = command.trim_start_matches(['-', '@', '+', '!', ':']).split_whitespace();
    words.next().is_some_and(|program| program.rsplit('/').next() == Some("docker"))
        && matches!(words.next(), Some("run" | "start"))
}

/// Restarting networkd takes away addresses that it did not set: the VIPs.
fn restarts(view: &View<'_>, name: &str, file: &BakedFile, sink: &mut Sink) {
    for (number, line) in file.text.lines().enumerate() {
        let bare = line.trim();
        let asks = bare.contains("systemctl") && ["restart", "stop"].iter().any(|verb| bare.contains(verb));
        if asks && bare.contains("systemd-networkd") && !bare.starts_with('#') {
            let message = format!("`{name}` restarts networkd, which takes away addresses that others set");
            let hint = "leave it out: networkd reads its files at boot; `networkctl reload` reads them again";
            sink.push(Diagnostic::new(Code::NetworkdRestart, message).at(view.line(file, number)).hint(hint));
        }
    }
}
