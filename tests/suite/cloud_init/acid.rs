//! The acid test: the same config through the real Ignition and, lowered, through the real cloud-init leaves the same
//! tree. What may differ is a table with reasons.

use super::fixture;
use crate::support;
use bake::emit::cloud_config::seed;
use bake::model::Part;
use bake::model::ignition::Filesystem;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Paths (a `/` at the end: with all below; a `*`: whatever follows) that may differ, and why.
const PERMITTED: &[(&str, &str)] = &[
    ("/var/lib/bake/", "bake's own notes: that the preparation worked, and the result"),
    ("/usr/local/libexec/", "bake-apply, which Ignition does not need"),
    ("/var/lib/cloud/", "cloud-init's own state"),
    ("/etc/cloud/", "the seed's place and the settings of this test"),
    ("/etc/.ignition-result.json", "Ignition's own report"),
    ("/etc/.pwd.lock", "left by useradd, which cloud-init runs inside the tree"),
    ("/etc/systemd/system-preset/", "Ignition enables by preset, bake-apply directly: the links are compared"),
    ("/home/core/.ssh/", "keys: `authorized_keys.d/ignition` here, `authorized_keys` there; compared on their own"),
    ("/root/.ssh/", "cloud-init makes an empty `authorized_keys` for root"),
    ("/etc/ssh/ssh_host_*", "host keys, made by cloud-init here and by sshd's own unit elsewhere"),
    ("/etc/ssh/sshd_config.d/", "cloud-init states that passwords do not log in; Flatcar's image says so already"),
    ("/etc/ssh/sshd_config", "the same, by cloud-init versions that do not know drop-ins"),
    ("/etc/network/", "rendered from network-config; Ignition's network files are files of the config"),
    ("/etc/sysconfig/", "rendered from network-config"),
    ("/etc/NetworkManager/", "rendered from network-config"),
    ("/etc/netplan/", "rendered from network-config"),
    ("/etc/udev/rules.d/", "names of network cards, from network-config"),
    ("/etc/resolv.conf", "resolvers, from network-config"),
    ("/etc/locale.conf", "cloud-init writes the default locale"),
    ("/etc/default/locale", "cloud-init writes the default locale"),
    ("/etc/hostname", "contents compared on their own: hostnamectl, which here is a stub, decides about the mode"),
    ("/etc/passwd", "compared by account"),
    ("/etc/passwd-", "a backup"),
    ("/etc/group", "compared by group"),
    ("/etc/group-", "a backup"),
    ("/etc/shadow", "compared by account"),
    ("/etc/shadow-", "a backup"),
    ("/etc/gshadow", "compared by group"),
    ("/etc/gshadow-", "a backup"),
    ("/etc/subuid-", "a backup"),
    ("/etc/subgid-", "a backup"),
    ("/srv/suid", "special mode bits, which Ignition drops in configs below 3.6.0; compared on its own"),
    ("/srv/data", "the mount point; only Ignition's stage `mount`, which does not run here, makes it"),
];

/// The accounts' fields that may differ, and why.
const PERMITTED_PASSWORDS: &[(&str, &str)] =
    &[("*", "no password"), ("!", "no password, locked"), ("!*", "no password, locked")];

/// Both trees and the differences that are not permitted.
pub(crate) struct Comparison {
    /// What Ignition left: `nodes` by path, `accounts` by table and name.
    pub(crate) ignition: Value,
    /// What cloud-init left after the first boot.
    pub(crate) cloud_init: Value,
    /// Differences that no row permits, each with both sides.
    pub(crate) differences: Vec<String>,
}

/// The root tree to start from; `None` where an engine is missing.
pub(crate) fn base() -> Option<PathBuf> {
    if !support::root() {
        return None;
    }
    for engine in ["debootstrap", "ignition", "unshare"] {
        support::engine(engine)?;
    }
    support::python()?;
    let output = support::run(&mut Command::new(support::repository().join("tests/engines/base.sh")));
    if !output.status.success() {
        support::skip(&format!("no base tree could be made:\n{}", support::said(&output)));
        return None;
    }
    Some(PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim()))
}

fn apply(script: &str, arguments: &[&Path], work: &Path) {
    let script = support::repository().join("tests/engines/apply").join(script);
    let output = support::run(Command::new(&script).args(arguments));
    let logs =
        ["ignition.log", "output1", "status1"].map(|name| fs::read_to_string(work.join(name)).unwrap_or_default());
    assert!(output.status.success(), "{}\n{}", support::said(&output), logs.join("\n"));
}

fn tree(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a tree")).expect("JSON")
}

/// Applies an Ignition config and a seed folder to the same tree, each by its engine, and compares the results.
/// `work` keeps what the engines said.
pub(crate) fn compare(base: &Path, ignition: &Path, seeds: &[&Path], work: &Path) -> Comparison {
    let (by_ignition, by_cloud_init) = (work.join("ignition"), work.join("cloud-init"));
    for folder in [&by_ignition, &by_cloud_init] {
        fs::create_dir_all(folder).expect("a folder");
    }
    apply("ignition.sh", &[base, ignition, &by_ignition], &by_ignition);
    let arguments: Vec<&Path> = [base, by_cloud_init.as_path()].into_iter().chain(seeds.iter().copied()).collect();
    apply("cloud-init.sh", &arguments, &by_cloud_init);
    let (ignition, cloud_init) = (tree(&by_ignition.join("tree.json")), tree(&by_cloud_init.join("tree1.json")));
    let mut differences = nodes(&ignition, &cloud_init);
    differences.extend(accounts(&ignition, &cloud_init));
    Comparison { ignition, cloud_init, differences }
}

fn keys<'a>(a: &'a Value, b: &'a Value) -> BTreeSet<&'a str> {
    let keys = |value: &'a Value| value.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    keys(a).chain(keys(b)).collect()
}

fn nodes(a: &Value, b: &Value) -> Vec<String> {
    let (a, b) = (&a["nodes"], &b["nodes"]);
    let permitted = |path: &str| {
        PERMITTED.iter().any(|(named, _)| match named.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None if named.ends_with('/') => path.starts_with(named) || path == named.trim_end_matches('/'),
            None => path == *named,
        })
    };
    let differing = keys(a, b).into_iter().filter(|path| a[path] != b[path] && !permitted(path));
    differing.map(|path| format!("{path}\n  Ignition   {}\n  cloud-init {}", a[path], b[path])).collect()
}

fn accounts(a: &Value, b: &Value) -> Vec<String> {
    let (a, b) = (&a["accounts"], &b["accounts"]);
    let none = |row: &Value| PERMITTED_PASSWORDS.iter().any(|(hash, _)| row[0] == *hash);
    let mut found = Vec::new();
    for table in ["passwd", "group", "shadow", "gshadow"] {
        for name in keys(&a[table], &b[table]) {
            let (x, y) = (&a[table][name], &b[table][name]);
            let both_locked = table == "shadow" && none(x) && none(y);
            if x != y && !both_locked {
                found.push(format!("{table}: {name}\n  Ignition   {x}\n  cloud-init {y}"));
            }
        }
    }
    found
}

/// A content as `tree.py` shows it.
fn digest(text: &str) -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(text).iter().take(8).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Writes the documents as a seed folder.
pub(super) fn seed_folder(folder: PathBuf, documents: &bake::model::cloud::CloudInit) -> PathBuf {
    let seed = seed("lb1", documents);
    fs::create_dir(&folder).expect("a folder");
    for (name, text) in
        [("user-data", seed.user_data), ("meta-data", seed.meta_data), ("network-config", seed.network_config)]
    {
        fs::write(folder.join(name), text).expect("written");
    }
    folder
}

#[test]
fn both_engines_leave_the_same_tree() {
    let Some(base) = base() else { return };
    let part = fixture::part();
    let (documents, found) = fixture::lowered(&part, &fixture::node());
    assert!(found.is_empty(), "{found:?}");

    let scratch = tempfile::tempdir().expect("scratch folder");
    let ignition = scratch.path().join("config.ign");
    fs::write(&ignition, support::ignition_json(&part.config).to_string()).expect("written");
    // The first boot, a second boot with the same content, and one with other content on the same disks.
    let mut changed = documents.clone();
    changed.user_data.comments.push("other content".to_owned());
    let seeds = [("first", &documents), ("again", &documents), ("changed", &changed)]
        .map(|(name, documents)| seed_folder(scratch.path().join(name), documents));
    let seeds: Vec<&Path> = seeds.iter().map(PathBuf::as_path).collect();
    let Comparison { ignition, cloud_init, differences } = compare(&base, &ignition, &seeds, scratch.path());
    let said = |name: &str| fs::read_to_string(scratch.path().join("cloud-init").join(name)).unwrap_or_default();

    for boot in ["1", "2", "3"] {
        let status = said(&format!("status{boot}"));
        assert!(
            status.contains("status: done"),
            "boot {boot}: {status}\n{}\n{}",
            said(&format!("output{boot}")),
            said(&format!("stages{boot}"))
        );
        let log = said(&format!("log{boot}"));
        let complaints: Vec<&str> =
            log.lines().filter(|line| line.contains("WARNING") || line.contains("ERROR")).collect();
        assert!(complaints.is_empty(), "boot {boot}: {}", complaints.join("\n"));
    }
    assert!(differences.is_empty(), "{}\n\n{}", differences.join("\n"), said("output1"));

    // What the table permits, compared by its meaning.
    for tree in [&ignition, &cloud_init] {
        assert_eq!(
            tree["nodes"]["/etc/systemd/system/multi-user.target.wants/echo@a.service"]["target"],
            "/etc/systemd/system/echo@.service"
        );
        assert_eq!(tree["nodes"]["/etc/hard"]["same_as"], json!(["/etc/hard", "/etc/hashed"]));
        assert_eq!(tree["nodes"]["/etc/localtime"]["target"], "../usr/share/zoneinfo/Europe/Madrid");
        assert_eq!(
            tree["accounts"]["passwd"]["games"][5], "/bin/sh",
            "an account of the image is changed, not skipped"
        );
    }
    let hostname = (&ignition["nodes"]["/etc/hostname"]["content"], &cloud_init["nodes"]["/etc/hostname"]["content"]);
    assert!(!hostname.0.is_null() && hostname.0 == hostname.1, "{hostname:?}");
    let (keys, other) = ("/home/core/.ssh/authorized_keys.d/ignition", "/home/core/.ssh/authorized_keys");
    let keys = (&ignition["nodes"][keys], &cloud_init["nodes"][other]);
    for what in ["kind", "mode", "owner"] {
        assert!(!keys.0[what].is_null() && keys.0[what] == keys.1[what], "{what} of the keys: {keys:?}");
    }
    // Ignition 2.14 and cloud-init 22.4 collect keys in a set and write them in any order.
    let user = part.config.passwd.users.iter().find(|user| user.name == "core").expect("core");
    let [one, other] = user.ssh_authorized_keys.as_slice() else { panic!("two keys") };
    let orders = [[one, other], [other, one]].map(|[a, b]| json!(digest(&format!("{a}\n{b}\n"))));
    assert!(orders.contains(&keys.0["content"]) && orders.contains(&keys.1["content"]), "{keys:?}");
    assert_eq!(cloud_init["nodes"]["/srv/suid"]["mode"], "6755");
    assert_eq!(cloud_init["nodes"]["/srv/suid"]["owner"], "app:app");
    assert_eq!(cloud_init["nodes"]["/var/lib/bake/result"]["mode"], "0644");
    let pieces = |path: &&String| path.starts_with("/var/lib/bake/append/");
    let pieces: Vec<&String> = cloud_init["nodes"].as_object().expect("nodes").keys().filter(pieces).collect();
    let done = pieces.iter().all(|piece| piece.contains(".done"));
    assert!(pieces.len() == 2 && done, "a piece that was appended does not stay: {pieces:?}");
    // A second boot changes nothing; other content changes nothing but cloud-init's own state.
    let of = |name: &str| tree(&scratch.path().join("cloud-init").join(name));
    assert_eq!(nodes(&cloud_init, &of("tree2.json")), Vec::<String>::new());
    assert_eq!(nodes(&cloud_init, &of("tree3.json")), Vec::<String>::new());

    // The empty disk was formatted once and never again.
    assert!(said("data1").contains("TYPE=ext4") && said("data1").contains("LABEL=data"), "{}", said("data1"));
    assert_eq!(said("data1"), said("data3"));

    // The end of the first boot, in order; nothing of it on the second.
    let calls = said("calls1");
    let expected = [
        "mount -t ext4 -o noatime /dev/disk/by-id/virtio-data /srv/data",
        "systemctl restart systemd-modules-load.service",
        "sysctl --quiet --system",
        "sysctl --quiet --load /etc/sysctl.d/90-bake.conf",
        "systemctl daemon-reload",
        "systemctl stop locksmithd.service",
        "systemctl disable chrony.service",
        "systemctl stop chrony.service",
        "systemctl enable late.service haproxy.service echo@a.service spare@.service guard.service srv-data.mount",
        "systemctl restart guard.service",
        "systemctl try-restart chronyd.service",
        "systemctl try-restart ssh.service",
        "systemctl start srv-data.mount",
        "systemctl start --no-block haproxy.service late.service echo@a.service spare@one.service keepalived.service",
    ];
    let mut rest = calls.as_str();
    for call in expected {
        let at =
            rest.find(&format!("{call}\n")).unwrap_or_else(|| panic!("`{call}` is missing or too early:\n{calls}"));
        rest = &rest[at + call.len()..];
    }
    assert!(!said("calls2").contains("daemon-reload"), "{}", said("calls2"));
}

/// A disk that holds something else than the config says is left alone, and the machine says so.
#[test]
fn data_is_never_formatted() {
    let Some(base) = base() else { return };
    let scratch = tempfile::tempdir().expect("scratch folder");
    let work = scratch.path().join("work");
    fs::create_dir(&work).expect("a folder");
    let of = |format: &str, label: &str| {
        let mut part = Part::default();
        part.config.storage.filesystems.push(Filesystem {
            device: "/dev/disk/by-id/virtio-data".to_owned(),
            format: Some(format.to_owned()),
            label: Some(label.to_owned()),
            path: Some("/srv/data".to_owned()),
            ..Filesystem::default()
        });
        fixture::lowered(&part, &fixture::node()).0
    };
    let seeds = [("ext4", "data"), ("ext4", "other"), ("vfat", "data")]
        .map(|(format, label)| seed_folder(scratch.path().join(format!("{format}-{label}")), &of(format, label)));
    let arguments: Vec<&Path> = [base.as_path(), &work].into_iter().chain(seeds.iter().map(PathBuf::as_path)).collect();
    apply("cloud-init.sh", &arguments, &work);
    let said = |name: &str| fs::read_to_string(work.join(name)).unwrap_or_default();
    assert!(said("status1").contains("status: done") && said("data1").contains("LABEL=data"), "{}", said("output1"));
    for (boot, word) in [(2, "has another label than other"), (3, "holds 'ext4', not vfat")] {
        assert_eq!(said("data1"), said(&format!("data{boot}")));
        assert!(said(&format!("status{boot}")).contains("status: error"), "{}", said(&format!("status{boot}")));
        let output = said(&format!("output{boot}"));
        assert!(output.contains(word), "{output}");
        assert!(output.contains("bake-apply: failed: look at what was prepared"), "{output}");
    }
}
