//! The image that a machine starts from: this machine's programs, and an `/etc` as a fresh image has it. It is the upper
//! layer of the machine's root, so that nothing of this machine's own configuration is seen.

use super::Seed;
use crate::lab::failure::Failure;
use crate::lab::root::OWN;
use crate::lab::tree::Tree;
use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev, mknodat, setxattr};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

/// Folders of this machine that a fresh one has empty.
const EMPTY: &[&str] = &[
    "/boot",
    "/etc/NetworkManager/system-connections",
    "/etc/chrony",
    "/etc/cloud/cloud.cfg.d",
    "/etc/containers",
    "/etc/cron.d",
    "/etc/cron.daily",
    "/etc/cron.hourly",
    "/etc/docker",
    "/etc/haproxy",
    "/etc/init.d",
    "/etc/keepalived",
    "/etc/modules-load.d",
    "/etc/netplan",
    "/etc/network",
    "/etc/nftables",
    "/etc/rc0.d",
    "/etc/rc1.d",
    "/etc/rc2.d",
    "/etc/rc3.d",
    "/etc/rc4.d",
    "/etc/rc5.d",
    "/etc/rc6.d",
    "/etc/rcS.d",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/sysctl.d",
    "/etc/systemd",
    "/etc/tmpfiles.d",
    "/etc/udev",
    "/etc/wireguard",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/srv",
    "/usr/lib/sysctl.d",
    "/var/cache",
    "/var/lib/NetworkManager",
    "/var/lib/bake",
    "/var/lib/chrony",
    "/var/lib/cloud",
    "/var/lib/docker",
    "/var/lib/containers",
    "/var/lib/systemd",
    "/var/log",
    "/var/tmp",
];

/// Files of this machine that a fresh one does not have.
const ABSENT: &[&str] = &[
    "/etc/chrony.conf",
    "/etc/crontab",
    "/etc/fstab",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/machine-id",
    "/etc/resolv.conf",
    "/etc/sysctl.conf",
    "/usr/sbin/policy-rc.d",
    "/var/lib/dbus/machine-id",
];

/// Units of the machine's console and of first questions, for which there is nobody.
const MASKED: &[&str] = &[
    "console-getty.service",
    "e2scrub_reap.service",
    "getty-static.service",
    "getty@.service",
    "systemd-firstboot.service",
];

/// What the image of each system enables, as lines of systemd.preset(5): before systemd's own list, `90-systemd.preset`.
/// Extensions of the system are not there: a package's daemons are in their place.
const FLATCAR: &str =
    "disable systemd-sysext.service\nenable systemd-networkd.service\nenable systemd-networkd-wait-online.service\n";
const ALMALINUX: &str = "disable systemd-networkd*\ndisable systemd-network-generator.service\n\
                         enable NetworkManager.service\nenable NetworkManager-wait-online.service\n\
                         enable NetworkManager-dispatcher.service\nenable cloud-init-local.service\n\
                         enable cloud-init.service\nenable cloud-config.service\nenable cloud-final.service\n\
                         enable dbus.socket\n";

/// The last word, as both images have it: a unit that nobody enables does not start. Other distributions start everything.
const NOTHING_ELSE: &str = "disable *\n";

/// What cloud-init is told beside its seed: that this is AlmaLinux, where the seed is, and to leave disks alone.
const CLOUD: &str = "datasource_list: [NoCloud]\nsystem_info: {distro: almalinux}\ngrowpart: {mode: \"off\"}\n\
                     resize_rootfs: false\nssh_genkeytypes: [ed25519]\nssh: {emit_keys_to_console: false}\n";

/// cloud-init's second stage, ordered as on AlmaLinux: after D-Bus and NetworkManager. Debian's runs before both, and cannot set
/// the host name as that distribution does.
const SECOND_STAGE: &str = "[Unit]\nDescription=cloud-init once there is a network, ordered as on AlmaLinux\n\
                            Wants=cloud-init-local.service\nConditionPathExists=!/etc/cloud/cloud-init.disabled\n\
                            After=cloud-init-local.service NetworkManager.service NetworkManager-wait-online.service\n\
                            Before=network-online.target sshd.service systemd-user-sessions.service\n\
                            [Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutSec=0\n\
                            ExecStart=/usr/bin/cloud-init init\n[Install]\nWantedBy=cloud-init.target\n";

/// The engine's daemon, which has nothing to do here.
const DOCKER: &str = "[Unit]\nDescription=Stand-in for Docker, made by bake lab\n[Service]\nType=oneshot\n\
                      RemainAfterExit=yes\nExecStart=/bin/true\n";

/// Kernel settings in the order in which they are made.
pub(super) type Settings = Vec<(String, String)>;

fn failed(path: &str) -> impl FnOnce(std::io::Error) -> Failure + use<> {
    Failure::io(&format!("write `{path}`"))
}

/// Makes the image of a machine in `upper`, which becomes the upper layer of its root. `settings` are the kernel settings of
/// the system itself, not of what was baked.
///
/// # Errors
/// What cannot be written.
pub(super) fn make(upper: &str, tree: &Tree, seed: &Seed<'_>, settings: &Settings) -> Result<(), Failure> {
    for folder in EMPTY {
        empty(upper, folder)?;
    }
    for file in ABSENT {
        absent(upper, file)?;
    }
    // A unit of a package here is not the unit that was baked, and would hide that there is none.
    for service in tree.services.iter().filter(|service| service.container.is_some()) {
        for folder in ["/usr/lib/systemd/system", "/lib/systemd/system"] {
            absent(upper, &format!("{folder}/{}.service", service.unit))?;
        }
    }
    for folder in ["/home", "/var/tmp", "/etc/ssh/sshd_config.d", "/etc/systemd/system", "/etc/nftables"] {
        folder_at(upper, folder)?;
    }
    let preset = |text: &str| {
        put(upper, "/etc/systemd/system-preset/80-image.preset", text, 0o644)?;
        put(upper, "/etc/systemd/system-preset/99-default.preset", NOTHING_ELSE, 0o644)
    };
    for unit in MASKED {
        symlink("/dev/null", format!("{upper}/etc/systemd/system/{unit}")).map_err(failed(unit))?;
    }
    put(upper, "/etc/machine-id", "uninitialized\n", 0o444)?;
    put(upper, "/usr/lib/sysctl.d/50-image.conf", &sysctls(settings), 0o644)?;
    for engine in ["docker", "podman"] {
        let script = format!("#!/bin/sh\nexec {OWN}/bake lab engine \"$@\"\n");
        put(upper, &format!("/usr/bin/{engine}"), &script, 0o755)?;
    }
    match seed {
        Seed::Ignition(_) => {
            preset(FLATCAR)?;
            put(upper, "/etc/cloud/cloud-init.disabled", "", 0o644)?;
            put(upper, "/usr/lib/systemd/system/docker.service", DOCKER, 0o644)
        }
        Seed::NoCloud(files) => {
            preset(ALMALINUX)?;
            put(upper, "/etc/cloud/cloud.cfg.d/99_lab.cfg", CLOUD, 0o644)?;
            put(upper, "/etc/systemd/system/cloud-init.service", SECOND_STAGE, 0o644)?;
            let generator = format!("#!/bin/sh\nexec {OWN}/bake lab engine generate \"$1\"\n");
            put(upper, "/etc/systemd/system-generators/podman-system-generator", &generator, 0o755)?;
            for (name, bytes) in files {
                let path = format!("/var/lib/cloud/seed/nocloud/{name}");
                put(upper, &path, "", 0o600)?;
                fs::write(format!("{upper}{path}"), bytes).map_err(failed(&path))?;
            }
            Ok(())
        }
    }
}

/// Lines of sysctl.d(5). A default is for cards that are there already, too, as distributions write it.
fn sysctls(settings: &Settings) -> String {
    let line = |(key, value): &(String, String)| match key.split_once(".conf.default.") {
        Some((before, after)) => {
            format!("{key} = {value}\n{before}.conf.*.{after} = {value}\n-{before}.conf.all.{after}\n")
        }
        None => format!("{key} = {value}\n"),
    };
    settings.iter().map(line).collect()
}

fn folder_at(upper: &str, path: &str) -> Result<(), Failure> {
    let target = format!("{upper}{path}");
    fs::create_dir_all(&target).map_err(failed(&target))
}

fn put(upper: &str, path: &str, text: &str, mode: u32) -> Result<(), Failure> {
    let target = format!("{upper}{path}");
    fs::create_dir_all(Path::new(&target).parent().unwrap_or(Path::new("/"))).map_err(failed(&target))?;
    // A file that was to be absent is there after all.
    fs::remove_file(&target).ok();
    fs::write(&target, text).map_err(failed(&target))?;
    fs::set_permissions(&target, fs::Permissions::from_mode(mode)).map_err(failed(&target))
}

/// A folder that hides what this machine has in its place, if it has anything there.
fn empty(upper: &str, path: &str) -> Result<(), Failure> {
    let Ok(own) = fs::metadata(path) else { return Ok(()) };
    let target = format!("{upper}{path}");
    fs::create_dir_all(&target).map_err(failed(&target))?;
    fs::set_permissions(&target, fs::Permissions::from_mode(own.permissions().mode() & 0o7777))
        .map_err(failed(&target))?;
    setxattr(&target, "trusted.overlay.opaque", b"y", XattrFlags::empty()).map_err(|error| {
        Failure::new(format!("cannot hide `{path}` of this machine: {error}"))
            .hint("the kernel must have extended attributes in memory (CONFIG_TMPFS_XATTR)")
    })
}

/// A mark that hides a file of this machine.
fn absent(upper: &str, path: &str) -> Result<(), Failure> {
    let hidden = |error: rustix::io::Errno| Failure::new(format!("cannot hide `{path}` of this machine: {error}"));
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    // On a system whose `/lib` is a link, that is the other name of the same file.
    let folder = Path::new(path).parent().and_then(|parent| parent.canonicalize().ok());
    let (Some(folder), Some(name)) = (folder, Path::new(path).file_name()) else { return Ok(()) };
    let target = format!("{upper}{}", folder.join(name).display());
    fs::create_dir_all(format!("{upper}{}", folder.display())).map_err(failed(&target))?;
    if fs::symlink_metadata(&target).is_ok() {
        return Ok(());
    }
    mknodat(CWD, &target, FileType::CharacterDevice, Mode::empty(), makedev(0, 0)).map_err(hidden)
}

/// A stand-in for the unit that Podman's generator makes of a quadlet (podman-systemd.unit(5)): its own sections, and what
/// starts and stops a container.
pub(super) fn quadlet(name: &str, path: &str, text: &str) -> String {
    let mut unit = format!("# Made by bake lab from {path}, in place of Podman's generator.\n");
    let mut container = false;
    for line in text.lines() {
        if line.trim_start().starts_with('[') {
            container = line.trim() == "[Container]";
        }
        if !container {
            let _ = writeln!(unit, "{line}");
        }
    }
    let _ = write!(
        unit,
        "\n[Unit]\nSourcePath={path}\n[Service]\nType=notify\nNotifyAccess=all\nKillMode=mixed\nSyslogIdentifier={name}\n\
         ExecStart={OWN}/bake lab engine quadlet {path}\nExecStop=/usr/bin/podman stop {name}\n\
         ExecStopPost=-/usr/bin/podman rm --force {name}\n"
    );
    unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quadlet_becomes_a_unit() {
        let text = "[Unit]\nAfter=x.service\n[Container]\nImage=i\n[Service]\nRestart=always\n[Install]\nWantedBy=y\n";
        let unit = quadlet("n", "/etc/containers/systemd/n.container", text);
        for line in ["After=x.service", "Restart=always", "Type=notify", "ExecStop=/usr/bin/podman stop n"] {
            assert!(unit.lines().any(|own| own == line), "{line}: {unit}");
        }
        assert!(!unit.contains("Image=") && !unit.contains("[Container]"), "{unit}");
    }

    #[test]
    fn a_default_is_for_cards_that_are_there_too() {
        let settings = vec![("net.ipv4.conf.default.rp_filter".to_owned(), "1".to_owned())];
        let expected =
            "net.ipv4.conf.default.rp_filter = 1\nnet.ipv4.conf.*.rp_filter = 1\n-net.ipv4.conf.all.rp_filter\n";
        assert_eq!(sysctls(&settings), expected);
    }
}
