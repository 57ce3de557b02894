//! Units: keys that systemd ignores, units of the image that are replaced, containers without their engine, services
//! that take the network away.

use super::text::{Table, entries, table, unknown};
use super::{BakedFile, BakedUnit, View};
use crate::diag::{Code, Diagnostic, Sink, suggest};
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
        for file in unit.text.iter().chain(unit.dropins.values()) {
            needs(view, name, file, sink);
            programs(view, name, file, sink);
        }
        template(view, name, unit, sink);
        if let Some(file) = &unit.text {
            broken(view, name, file, sink);
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

/// An enabled template: it starts its default instance, if it names one.
fn template(view: &View<'_>, name: &str, unit: &BakedUnit, sink: &mut Sink) {
    let (Some((stem, kind)), Some(file), Some(true), false) =
        (name.split_once("@."), &unit.text, unit.enabled, unit.mask)
    else {
        return;
    };
    let mut texts = std::iter::once(file).chain(unit.dropins.values());
    if !texts.any(|file| entries(&file.text).iter().any(|entry| entry.key == "DefaultInstance")) {
        let message = format!("`{name}` is a template: enabled, it starts nothing");
        let hint = format!(
            "enable an instance, `{stem}@NAME.{kind}`, or write `DefaultInstance=NAME` in the template's `[Install]`"
        );
        let origin = view.line(file, 0).or(unit.origin);
        sink.push(Diagnostic::new(Code::UnitTemplate, message).at(origin).hint(hint));
    }
}

/// A service without a command: systemd refuses to load it.
fn broken(view: &View<'_>, name: &str, file: &BakedFile, sink: &mut Sink) {
    let all = entries(&file.text);
    let says = |key: &str| all.iter().any(|entry| entry.section == "Service" && entry.key == key);
    let once = all.iter().any(|entry| entry.key == "Type" && entry.value == "oneshot");
    let enough = says("ExecStart") || ((once || says("RemainAfterExit")) && says("ExecStop")) || says("SuccessAction");
    if name.ends_with(".service") && !enough {
        let message = format!("`{name}` has no `ExecStart=`: systemd refuses it");
        let found = Diagnostic::new(Code::UnitBroken, message).at(view.line(file, 0));
        sink.push(found.hint("write `[Service]` with `ExecStart=/path/of/the/program`"));
    }
    for entry in all.iter().filter(|entry| entry.key == "ExecStart") {
        let program = program(&entry.value);
        if program.contains('/') && !program.starts_with(['/', '%', '$']) {
            let message = format!("`{program}` in `{name}` is no absolute path: systemd refuses the unit");
            let found = Diagnostic::new(Code::UnitBroken, message).at(view.line(file, entry.line));
            sink.push(found.hint("write the path from `/` on"));
        }
    }
}

/// The first word of a command, without systemd's signs before it.
fn program(command: &str) -> &str {
    command.trim_start_matches(['-', '@', '+', '!', ':', '|']).split_whitespace().next().unwrap_or_default()
}

/// Programs of the project that nobody writes. What the image brings is listed in `requires`.
fn programs(view: &View<'_>, name: &str, file: &BakedFile, sink: &mut Sink) {
    for entry in entries(&file.text).iter().filter(|entry| entry.key.starts_with("Exec")) {
        let path = program(&entry.value);
        let base = path.rsplit('/').next().unwrap_or_default();
        let own = ["/etc/", "/opt/", "/srv/"].iter().any(|folder| path.starts_with(folder));
        if !own || path.contains(['%', '$']) || view.node.requires.iter().any(|command| command.as_str() == base) {
            continue;
        }
        let storage = &view.part.config.storage;
        let Some(script) = view.baked.files.get(path) else {
            // Programs that are not text are files, too.
            let written = storage.files.iter().any(|file| file.path == path)
                || storage.links.iter().any(|link| link.path == path);
            if !written {
                let message = format!("`{name}` runs `{path}`, which nothing writes");
                let found = Diagnostic::new(Code::ProgramMissing, message).at(view.line(file, entry.line));
                let hint =
                    format!("write the file in a fragment (mode 0755), or list `{base}` in the role's `requires`");
                sink.push(found.hint(hint));
            }
            continue;
        };
        if script.mode.is_some_and(|mode| mode & 0o111 == 0) {
            let message =
                format!("`{name}` runs `{path}`, which may not be run: its mode is `{:04o}`", script.mode.unwrap_or(0));
            let mut found = Diagnostic::new(Code::ProgramMissing, message).at(view.line(file, entry.line));
            if let Some(origin) = script.origin {
                found = found.related(origin, "the file is written here");
            }
            sink.push(found.hint("write `mode: 0755`"));
        }
    }
}

/// Targets of systemd (systemd.special(7)) that units are wanted by.
const TARGETS: &[&str] = &[
    "basic.target",
    "bluetooth.target",
    "cloud-config.target",
    "cloud-init.target",
    "cryptsetup.target",
    "default.target",
    "emergency.target",
    "first-boot-complete.target",
    "getty.target",
    "graphical.target",
    "halt.target",
    "ignition-complete.target",
    "initrd.target",
    "kexec.target",
    "local-fs-pre.target",
    "local-fs.target",
    "machines.target",
    "multi-user.target",
    "network-online.target",
    "network-pre.target",
    "network.target",
    "nfs-client.target",
    "nss-lookup.target",
    "nss-user-lookup.target",
    "paths.target",
    "poweroff.target",
    "reboot.target",
    "remote-fs-pre.target",
    "remote-fs.target",
    "rescue.target",
    "rpcbind.target",
    "shutdown.target",
    "sleep.target",
    "slices.target",
    "sockets.target",
    "swap.target",
    "sysinit.target",
    "time-set.target",
    "time-sync.target",
    "timers.target",
    "umount.target",
];

/// Units that are needed and that nobody has, or that would start something that never happens.
fn needs(view: &View<'_>, name: &str, file: &BakedFile, sink: &mut Sink) {
    const SUFFIXES: &[&str] =
        &["automount", "device", "mount", "path", "scope", "service", "slice", "socket", "swap", "target", "timer"];
    let own = |unit: &str| {
        let container = unit.strip_suffix(".service").is_some_and(|stem| view.node.containers.contains_key(stem));
        container || view.baked.units.contains_key(unit)
    };
    for entry in entries(&file.text) {
        let strict = matches!(entry.key, "Requires" | "BindsTo" | "Requisite");
        let wanted = matches!(entry.key, "WantedBy" | "RequiredBy" | "UpheldBy");
        if !strict && !wanted && !matches!(entry.key, "After" | "Before" | "Wants" | "PartOf" | "Also") {
            continue;
        }
        for unit in entry.value.split_whitespace().filter(|unit| !unit.contains(['%', '$', '@'])) {
            let suffix = unit.rsplit_once('.').map_or("", |(_, suffix)| suffix);
            let target = suffix == "target" && wanted && !TARGETS.contains(&unit) && !own(unit);
            let known = || {
                let containers = view.node.containers.keys().map(|name| format!("{name}.service"));
                let all = VENDOR.iter().chain(TARGETS).map(|name| (*name).to_owned());
                all.chain(view.baked.units.keys().cloned()).chain(containers).collect::<Vec<_>>()
            };
            let near = |names: &[String]| suggest::nearest(unit, names.iter().map(String::as_str)).map(str::to_owned);
            let message = if !SUFFIXES.contains(&suffix) {
                format!("`{unit}` in `{name}` is no unit's name: systemd ignores it")
            } else if target {
                format!("`{name}` is wanted by `{unit}`, which nobody ever starts")
            } else if strict && !own(unit) && !VENDOR.contains(&unit) && near(&known()).is_some_and(|near| near != unit)
            {
                format!("`{name}` needs `{unit}`, which `{}` does not have", view.node.name)
            } else {
                continue;
            };
            let mut found = Diagnostic::new(Code::UnitMissing, message).at(view.line(file, entry.line));
            found.hint = near(&known()).map(|near| format!("did you mean `{near}`?"));
            sink.push(found);
        }
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
    if !file.text.contains("systemd-networkd") {
        return;
    }
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
