//! The real programs' own checkers on what was lowered.

use super::{file, files, fixture};
use crate::support::{engine, quadlet, said};
use bake::lower::cluster_parts;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn put(root: &Path, path: &str, text: &str) -> PathBuf {
    let path = root.join(path.trim_start_matches('/'));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

fn stub(root: &Path, path: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = put(root, path, "#!/bin/sh\n");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A root with this machine's own units and stubs for what the units run.
fn unit_root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("usr/lib/systemd")).unwrap();
    let to = root.path().join("usr/lib/systemd/system");
    assert!(Command::new("cp").arg("-r").arg("/usr/lib/systemd/system").arg(to).status().unwrap().success());
    for path in ["/usr/bin/docker", "/usr/bin/podman", "/usr/sbin/nft"] {
        stub(root.path(), path);
    }
    for name in ["docker", "other"] {
        put(root.path(), &format!("/etc/systemd/system/{name}.service"), "[Service]\nExecStart=/usr/bin/docker\n");
    }
    root
}

/// `systemd-analyze verify` exits with 0 for unknown keys: anything it says is a failure.
fn verify(root: &Path, units: &[PathBuf]) {
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--recursive-errors=no", "--root"]).arg(root).args(units);
    let output = command.output().unwrap();
    assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
}

#[test]
fn systemd_accepts_the_units() {
    if engine("systemd-analyze").is_none() {
        return;
    }
    let (cluster, _) = fixture::cluster();
    for node in &cluster.nodes {
        let root = unit_root();
        let parts = cluster_parts(node, &cluster);
        let units = parts.iter().flat_map(|part| &part.config.systemd.units);
        let paths: Vec<PathBuf> = units
            .filter_map(|unit| Some((&unit.name, unit.contents.as_ref()?)))
            .map(|(name, contents)| put(root.path(), &format!("/etc/systemd/system/{name}"), contents))
            .collect();
        assert!(!paths.is_empty());
        verify(root.path(), &paths);
    }
}

#[test]
fn systemd_refuses_a_broken_unit() {
    if engine("systemd-analyze").is_none() {
        return;
    }
    let root = unit_root();
    let path = put(root.path(), "/etc/systemd/system/x.service", "[Service]\nExecStart=/usr/bin/docker\nRestrat=no\n");
    assert!(std::panic::catch_unwind(|| verify(root.path(), &[path])).is_err(), "the check itself sees nothing");
}

/// Keys of `[Container]` in Podman 4.4's podman-systemd.unit(5), as far as bake may want them.
const QUADLET_KEYS: [&str; 22] = [
    "AddCapability",
    "AddDevice",
    "Annotation",
    "ContainerName",
    "DropCapability",
    "Environment",
    "EnvironmentFile",
    "EnvironmentHost",
    "Exec",
    "Group",
    "Image",
    "Label",
    "Network",
    "NoNewPrivileges",
    "Notify",
    "PodmanArgs",
    "PublishPort",
    "ReadOnly",
    "RunInit",
    "User",
    "VolatileTmp",
    "Volume",
];

#[test]
fn quadlets_use_only_keys_that_every_generator_knows() {
    let (cluster, _) = fixture::cluster();
    let mut seen = 0;
    for node in &cluster.nodes {
        for (path, text) in files(node, &cluster).iter().filter(|(path, _)| path.ends_with(".container")) {
            seen += 1;
            let section = text.split("[Container]\n").nth(1).unwrap().split("\n[").next().unwrap();
            for line in section.lines().filter(|line| !line.is_empty()) {
                let (key, _) = line.split_once('=').unwrap();
                assert!(QUADLET_KEYS.contains(&key), "{path}: {key}");
            }
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn podman_makes_services_of_the_quadlets() {
    let Some(generator) = quadlet() else { return };
    let (cluster, _) = fixture::cluster();
    for name in ["balancer2", "edge2"] {
        let folder = tempfile::tempdir().unwrap();
        let node = cluster.node(name).unwrap();
        for (path, text) in files(node, &cluster).iter().filter(|(path, _)| path.ends_with(".container")) {
            put(folder.path(), path.rsplit('/').next().unwrap(), text);
        }
        let output = Command::new(generator).arg("-dryrun").env("QUADLET_UNIT_DIRS", folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let services = String::from_utf8(output.stdout).unwrap();
        let root = unit_root();
        let mut paths = Vec::new();
        for service in services.split("\n---").map(|service| service.trim_start_matches("---")) {
            let (name, text) = service.split_once("---\n").unwrap();
            paths.push(put(root.path(), &format!("/etc/systemd/system/{name}"), text));
        }
        assert_eq!(paths.len(), node.containers.len(), "{services}");
        verify(root.path(), &paths);
        if name == "edge2" {
            // Still escaped for systemd, which reads this line next; nothing lost after the empty word.
            let words = r#" sh -c "echo $$HOME; date +%%s" ${BAKE_EMPTY} "it's" ${BAKE_SEMICOLON} "back\\slash""#;
            assert!(services.contains(words), "{services}");
            assert!(services.contains(r#"--env "GREETING=say \"hi\" to $$USER at 100%%""#), "{services}");
            assert!(services.contains("--user app:app"), "{services}");
        } else {
            assert!(services.contains(" --user 0 "), "{services}");
            assert!(services.contains("--tmpfs /run:mode=1777"), "{services}");
        }
    }
}

#[test]
fn nft_accepts_the_rulesets() {
    let Some(nft) = engine("nft") else { return };
    let (cluster, _) = fixture::cluster();
    let folder = tempfile::tempdir().unwrap();
    for node in &cluster.nodes {
        let path = put(folder.path(), &node.name, &file(&node.name, "/etc/nftables/bake.nft"));
        let output = Command::new("unshare").arg("-Urn").arg(&nft).args(["-c", "-f"]).arg(path).output().unwrap();
        assert!(output.status.success() && said(&output).is_empty(), "{}: {}", node.name, said(&output));
    }
}

#[test]
fn chrony_accepts_its_configuration() {
    let Some(chronyd) = engine("chronyd") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), "chrony.conf", &file("balancer2", "/etc/chrony.conf"));
    let output = Command::new(chronyd).arg("-p").arg("-f").arg(path).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("server 10.17.3.11 iburst"), "{}", said(&output));
}

#[test]
fn sudo_accepts_its_rule() {
    let Some(visudo) = engine("visudo") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), "bake", &file("balancer2", "/etc/sudoers.d/bake"));
    let output = Command::new(visudo).args(["-c", "-f"]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn sysctl_files_hold_one_setting_a_line() {
    let (cluster, _) = fixture::cluster();
    for node in &cluster.nodes {
        for (_, text) in files(node, &cluster).iter().filter(|(path, _)| path.starts_with("/etc/sysctl.d/")) {
            let keys: Vec<&str> = text.lines().skip(1).map(|line| line.split_once(" = ").unwrap().0).collect();
            let sorted: BTreeSet<&str> = keys.iter().copied().collect();
            assert!(keys.iter().copied().eq(sorted), "{}: {keys:?}", node.name);
        }
    }
}
