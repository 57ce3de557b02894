//! One role, two operating systems: the balancer built for AlmaLinux and for Flatcar, each applied by its own real
//! engine to the same root tree. What differs is a table with reasons, and everything in the table does differ.

use crate::cloud_init::acid::{base, compare};
use crate::support::{bake, repository, run, said};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Paths (a `/` at the end: with all below) that the two operating systems have differently, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("/etc/systemd/network/", "Flatcar's network is networkd's; EL's is rendered from network-config"),
    ("/etc/containers/", "containers are Podman quadlets on EL ..."),
    ("/etc/systemd/system/haproxy.service", "... and Docker units on Flatcar"),
    ("/etc/systemd/system/keepalived.service", "the same"),
    (
        "/etc/systemd/system/multi-user.target.wants/haproxy.service",
        "quadlets start by their `[Install]` section, without a link",
    ),
    ("/etc/systemd/system/multi-user.target.wants/keepalived.service", "the same"),
    ("/etc/systemd/timesyncd.conf.d/", "Flatcar asks the time with timesyncd ..."),
    ("/etc/chrony.conf", "... EL with chrony"),
    ("/etc/localtime", "cloud-init's link is absolute, Flatcar's relative; both name the same zone"),
    ("/etc/flatcar/", "when to restart for updates: Flatcar's own file"),
    ("/etc/sudoers.d/", "Flatcar's image has the rule for core, EL needs it"),
    ("/etc/systemd/system/firewalld.service", "masked on EL: it would reject what bake's table accepts"),
    ("/etc/systemd/system/nftables.service", "masked on EL: it flushes every table when it stops"),
    ("/etc/systemd/system/dnf-makecache.timer", "masked on EL: Flatcar has no packages"),
    ("group: wheel", "who may use sudo on EL; Flatcar's core needs no group for it"),
    ("gshadow: wheel", "the same"),
];

/// The repository's project with loadbalancer1 on another operating system, at the newest spec that Debian's engine knows.
fn project(scratch: &Path, os: &str) -> PathBuf {
    let root = scratch.join(os);
    fs::create_dir(&root).unwrap();
    for part in ["profiles", "butane", "secrets"] {
        assert!(run(Command::new("cp").arg("-r").arg(repository().join(part)).arg(&root)).status.success());
    }
    let profile = root.join("profiles/nodes/loadbalancer1.yaml");
    let text = fs::read_to_string(&profile).unwrap();
    assert!(text.contains("os: almalinux"));
    fs::write(&profile, text.replace("os: almalinux", &format!("os: {os}\nignition: 3.3.0"))).unwrap();
    let output = run(bake().arg("-C").arg(&root).args(["build", "--node", "loadbalancer1"]));
    assert!(output.status.success(), "{}", said(&output));
    root.join("dist/loadbalancer1")
}

fn reason(path: &str) -> Option<&'static str> {
    let named = |row: &str| {
        if row.ends_with('/') { path.starts_with(row) || path == row.trim_end_matches('/') } else { path == row }
    };
    DIFFERENT.iter().find(|(row, _)| named(row)).map(|(row, _)| *row)
}

#[test]
fn a_role_is_the_same_on_both_operating_systems() {
    let Some(base) = base() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let seed = project(scratch.path(), "almalinux");
    let ignition = project(scratch.path(), "flatcar").join("config.ign");
    let found = compare(&base, &ignition, &[&seed], scratch.path());

    let mut explained = BTreeSet::new();
    let mut open = Vec::new();
    for difference in &found.differences {
        let path = difference.lines().next().unwrap_or_default();
        match reason(path) {
            Some(row) => drop(explained.insert(row)),
            None => open.push(difference.as_str()),
        }
    }
    assert!(open.is_empty(), "differences that nothing explains:\n{}", open.join("\n"));
    let stale: Vec<&str> = DIFFERENT.iter().map(|(row, _)| *row).filter(|row| !explained.contains(row)).collect();
    assert!(stale.is_empty(), "these do not differ any more: {stale:?}");

    // What the role is about is there, and the same to the byte, mode and owner.
    for path in [
        "/etc/haproxy/haproxy.cfg",
        "/etc/keepalived/keepalived.conf",
        "/etc/keepalived/check-haproxy.sh",
        "/etc/sysctl.d/90-bake.conf",
        "/etc/nftables/bake.nft",
        "/etc/ssh/sshd_config.d/10-bake.conf",
        "/etc/systemd/system/keepalived.service.d/10-vips.conf",
        "/etc/systemd/system/bake-firewall.service",
        "/etc/systemd/system/multi-user.target.wants/bake-firewall.service",
        "/etc/hosts",
    ] {
        let (one, other) = (&found.ignition["nodes"][path], &found.cloud_init["nodes"][path]);
        assert!(!one.is_null() && one == other, "{path}: {one} {other}");
    }
}
