//! Who must be told that a file is new: programs of the image that have read their configuration before it was written.

use super::Work;

/// What is done.
enum Reaction {
    /// A command, before systemd reads its units again.
    Run(&'static str),
    /// What systemctl does to a service, afterwards.
    Tell(&'static str, &'static str),
}
use Reaction::{Run, Tell};

/// Restarts it if it runs.
const RESTART: &str = "try-restart";
/// Lets it read its configuration if it runs, by a restart if there is no other way.
const RELOAD: &str = "try-reload-or-restart";

/// Files (or folders, with a `/` at the end), and what is done when one of them is written.
const REACTIONS: &[(&[&str], Reaction)] = &[
    (&["/etc/pki/ca-trust/source/"], Run("update-ca-trust")),
    (&["/etc/sysusers.d/"], Run("systemd-sysusers")),
    (&["/etc/tmpfiles.d/"], Run("systemd-tmpfiles --create")),
    (&["/etc/udev/"], Run("udevadm control --reload")),
    (&["/etc/udev/"], Run("udevadm trigger")),
    (&["/etc/audit/rules.d/"], Run("augenrules --load")),
    (&["/etc/modules-load.d/", "/etc/modprobe.d/"], Run("systemctl restart systemd-modules-load.service")),
    (&["/etc/systemd/system.conf", "/etc/systemd/system.conf.d/"], Run("systemctl daemon-reexec")),
    (&["/etc/systemd/journald.conf", "/etc/systemd/journald.conf.d/"], Tell(RESTART, "systemd-journald.service")),
    (&["/etc/systemd/logind.conf", "/etc/systemd/logind.conf.d/"], Tell(RESTART, "systemd-logind.service")),
    (&["/etc/systemd/resolved.conf", "/etc/systemd/resolved.conf.d/"], Tell(RESTART, "systemd-resolved.service")),
    (
        &["/etc/NetworkManager/NetworkManager.conf", "/etc/NetworkManager/conf.d/"],
        Tell(RELOAD, "NetworkManager.service"),
    ),
    (&["/etc/firewalld/"], Tell(RELOAD, "firewalld.service")),
    (&["/etc/sysconfig/nftables.conf", "/etc/nftables/"], Tell(RESTART, "nftables.service")),
    (&["/etc/chrony.conf", "/etc/chrony.d/", "/etc/chrony.keys"], Tell(RESTART, "chronyd.service")),
    (&["/etc/rsyslog.conf", "/etc/rsyslog.d/"], Tell(RESTART, "rsyslog.service")),
    (&["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/"], Tell(RELOAD, "sshd.service")),
    (&["/etc/multipath.conf", "/etc/multipath/"], Tell(RESTART, "multipathd.service")),
    (&["/etc/iscsi/"], Tell(RESTART, "iscsid.service")),
    (&["/etc/exports", "/etc/exports.d/"], Tell(RELOAD, "nfs-server.service")),
];

pub(super) fn lower(work: &mut Work<'_>) {
    let out = &mut work.out;
    let mut paths: Vec<&str> = out.write_files.iter().map(|file| file.path.as_str()).collect();
    let links = out.prepare.places.iter().filter(|place| matches!(place.kind, super::place::Kind::Link { .. }));
    paths.extend(links.map(|link| link.path.as_str()));
    paths.extend(out.apply.appends.iter().map(|(_, path)| path.as_str()));
    let meant = |path: &str, named: &str| if named.ends_with('/') { path.starts_with(named) } else { path == named };
    for (named, reaction) in REACTIONS {
        if named.iter().any(|named| paths.iter().any(|path| meant(path, named))) {
            match reaction {
                Run(command) => out.apply.settings.push(command),
                Tell(verb, unit) => out.apply.services.push((verb, unit)),
            }
        }
    }
    let own = |path: &&str| {
        *path == "/etc/sysctl.conf" || path.strip_suffix(".conf").is_some_and(|path| path.starts_with("/etc/sysctl.d/"))
    };
    out.apply.sysctls = paths.into_iter().filter(own).map(str::to_owned).collect();
    out.apply.sysctls.sort();
}
