//! `bake init`: projects of one's own, made as a new user makes them.

use crate::support::{bake, projects, python, repository, run, said};
use bake::init::{Draft, examples, marks};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs `bake` in a folder, without a terminal, and expects that it ends like this; what it said.
fn ends(folder: &Path, arguments: &[&str], status: i32) -> String {
    let output = run(bake().current_dir(folder).args(arguments).stdin(Stdio::null()));
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// Every file below a folder by path, with its mode and contents.
fn tree(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                found.insert(name, (mode, fs::read(&path).unwrap()));
            }
        }
    }
    found
}

fn text(folder: &Path, path: &str) -> String {
    fs::read_to_string(folder.join(path)).unwrap()
}

#[test]
fn every_cluster_can_be_started_from() {
    let names: BTreeSet<String> = projects().into_iter().map(|(name, _)| name).collect();
    assert_eq!(examples().iter().map(|example| example.name.to_owned()).collect::<BTreeSet<_>>(), names);
    for (name, root) in projects() {
        let scratch = tempfile::tempdir().unwrap();
        let (own, theirs) = (scratch.path().join("own"), scratch.path().join("theirs"));
        ends(scratch.path(), &["init", "--from", &name, "own"], 0);
        assert_eq!(ends(&own, &["check", "--strict"], 0), "", "{name}");
        assert_eq!(ends(&own, &["build", "--quiet"], 0), "", "{name}");
        ends(&root, &["build", "--quiet", "--out", theirs.to_str().unwrap()], 0);
        let (mut own, mut theirs) = (tree(&own.join("dist")), tree(&theirs));
        // Only where files came from differs.
        assert!(own.remove("manifest.json").is_some() && theirs.remove("manifest.json").is_some());
        assert_eq!(own.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{name}");
        for (path, file) in &own {
            assert!(theirs[path] == *file, "{name}: {path} differs from the example's");
        }
    }
}

#[test]
fn what_is_written_stands_alone_and_keeps_its_secrets() {
    for (name, _) in projects() {
        let scratch = tempfile::tempdir().unwrap();
        let before = fs::read_dir(scratch.path()).unwrap().count();
        let said = ends(scratch.path(), &["init", "--from", &name], 0);
        assert_eq!(before, 0);
        let files = tree(scratch.path());
        for (path, (mode, bytes)) in &files {
            assert_eq!(*mode, if path.starts_with("secrets/") { 0o600 } else { 0o644 }, "{name}: {path}");
            let text = String::from_utf8_lossy(bytes);
            assert!(!text.contains("../../../") && !text.contains("\nlibrary:"), "{name}: {path} leads out");
            if let Some(schema) =
                text.lines().next().and_then(|line| line.strip_prefix("# yaml-language-server: $schema="))
            {
                let from = scratch.path().join(path);
                assert!(from.parent().unwrap().join(schema).is_file(), "{name}: {path}: {schema}");
            }
        }
        assert!(said.contains("no machine must boot"), "{said}");
        let secrets: Vec<&String> = files.keys().filter(|path| path.starts_with("secrets/")).collect();
        assert!(secrets.len() >= 3 && secrets.iter().all(|path| said.contains(*path)), "{name}: {said}");
        assert!(text(scratch.path(), ".gitignore").lines().any(|line| line == "/secrets/"));
        let readme = text(scratch.path(), "README.md");
        assert!(readme.starts_with(&format!("# {name}\n")) && secrets.iter().all(|path| readme.contains(*path)));
    }
}

/// What build.rs put into the program is what the repository has.
#[test]
fn marks_are_whole() {
    for example in examples() {
        assert!(example.summary.ends_with('.') && example.summary.len() < 200, "{example:?}");
        let draft = Draft::from_example(example.name).unwrap();
        let questions = draft.questions();
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for file in draft.files().iter().filter(|file| file.path.starts_with("profiles/")) {
            let text = String::from_utf8(file.bytes.clone()).unwrap();
            assert_eq!(
                marks::find(&text).len(),
                text.matches("# change(").count() - text.matches("`# change(").count(),
                "{}",
                file.path
            );
            for mark in marks::find(&text) {
                values.entry(mark.key).or_default().insert(mark.value);
            }
            let secrets = text.lines().filter(|line| line.contains(": file:")).count();
            let marked = questions.iter().filter(|question| question.secret && question.place.0 == file.path).count();
            assert_eq!(secrets, marked, "{}: every secret is asked for", file.path);
        }
        assert!(values.values().all(|values| values.len() == 1), "{}: {values:?}", example.name);
        let keys: BTreeSet<&String> = questions.iter().map(|question| &question.key).collect();
        assert_eq!(keys, values.keys().collect(), "{}: every mark is explained once", example.name);
        for key in
            ["name", "domain", "ssh_key", "lan", "gateway", "bridge", "flatcar_image", "almalinux_image", "k3s_token"]
        {
            assert!(keys.contains(&key.to_owned()), "{}: {key}", example.name);
        }
    }
}

#[test]
fn values_of_the_command_line() {
    let scratch = tempfile::tempdir().unwrap();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEZBS0UtS0VZLVJFUExBQ0UtTUUtMDAwMDAwMDAwMDAx you@example.org";
    let ssh = format!("ssh_key={key}");
    let set = ["--set", "gateway=172.16.7.254", "--set", "lan=172.16.0.0/21", "--set", "name=home", "--set", &ssh];
    let mut arguments = vec!["init", "--from", "lan-bridge", "--format", "json", "mine"];
    arguments.extend(set);
    arguments.extend(["--set", "domain=home.arpa", "--set", "bridge=br1", "--set", "api_address=172.16.0.60"]);
    let report: Value = serde_json::from_str(&ends(scratch.path(), &arguments, 0)).unwrap();
    let mine = scratch.path().join("mine");
    let written: BTreeSet<String> =
        report["written"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect();
    assert_eq!(written, tree(&mine).into_keys().collect());
    let fakes: Vec<&str> =
        report["fakes"].as_array().unwrap().iter().map(|fake| fake["key"].as_str().unwrap()).collect();
    assert_eq!(fakes, ["core_password_hash", "k3s_token", "vrrp_password"]);
    assert_eq!(ends(&mine, &["check", "--strict"], 0), "");
    ends(&mine, &["build"], 0);
    let cluster = text(&mine, "profiles/cluster.yaml");
    for line in [
        "name: home ",
        "domain: home.arpa ",
        "cidr: 172.16.0.0/21 ",
        "gateway: 172.16.7.254 ",
        "bridge: br1 ",
        "address: 172.16.0.60 ",
        "- 172.16.7.254 ",
        key,
    ] {
        assert!(cluster.contains(line), "{line}: {cluster}");
    }
    let host = text(&mine, "profiles/nodes/hypervisor.yaml");
    assert!(host.contains("name: br1 ") && host.contains("address: 172.16.0.42 "), "{host}");
    let left: Vec<String> = tree(&mine.join("profiles"))
        .into_iter()
        .filter(|(_, (_, bytes))| {
            String::from_utf8_lossy(bytes).contains("192.168.0.")
                || String::from_utf8_lossy(bytes).contains("kube.internal")
        })
        .map(|(path, _)| path)
        .collect();
    // The address in a reason moved along with the network, then the address itself went elsewhere.
    assert!(left.iter().all(|path| path == "cluster.yaml") && !cluster.contains("192.168.0."), "{left:?}");
}

#[test]
fn what_is_wrong_is_refused_and_nothing_is_written() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("mine.txt"), "").unwrap();
    let said = ends(scratch.path(), &["init"], 1);
    assert!(
        said.contains("error[output-unwritable]: `.` is not empty") && said.contains("bake init my-cluster"),
        "{said}"
    );
    for (arguments, status, expected) in [
        (&["--from", "vip-duo"][..], 2, "no cluster is called `vip-duo`; known here: `microcloud`"),
        (&["--set", "nmae=x"], 2, "no value is called `nmae`; did you mean `name`?"),
        (&["--set", "name"], 2, "`--set name` is not `KEY=VALUE`"),
        (&["--set", "name= "], 2, "`name` takes one line of text"),
        (&["--set", "k3s_token=abc"], 2, "`k3s_token` is a secret: write it to `secrets/k3s_token` afterwards"),
        (&["--set", "lan=10.0.0.1"], 2, "`10.0.0.1` is no network such as `192.168.0.0/24`"),
        (&["--set", "lan=10.0.0.1/24"], 2, "the network is `10.0.0.0/24`"),
        (&["--set", "lan=10.0.0.0/28"], 2, "has no room for the counterpart of `192.168.0.32`"),
        (&["--set", "domain=not a domain"], 1, "profiles/cluster.yaml:"),
        (&["--set", "gateway=10.0.0.1"], 1, "error[address-outside-network]"),
        (&["--set", "lan=10.17.3.0/24"], 1, "error["),
        (&["--set", "ssh_key=mine"], 1, "this is not a public SSH key"),
    ] {
        let mut all = vec!["init", "new"];
        all.extend(arguments);
        let said = ends(scratch.path(), &all, status);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "nothing was written");
}

#[test]
fn lists_for_people_and_programs() {
    let scratch = tempfile::tempdir().unwrap();
    let said = ends(scratch.path(), &["init", "--list"], 0);
    let names: Vec<&str> = said.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["microcloud", "lan-bridge", "traefik-edge", "vip-trio"]);
    let all: Value = serde_json::from_str(&ends(scratch.path(), &["init", "--list", "--format", "json"], 0)).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 4);
    let said = ends(scratch.path(), &["init", "--list", "--from", "vip-trio"], 0);
    assert!(said.contains("[192.168.0.0/24]") && said.contains("vrrp_password"), "{said}");
    let arguments = ["init", "--list", "--from", "vip-trio", "--format", "json"];
    let values: Value = serde_json::from_str(&ends(scratch.path(), &arguments, 0)).unwrap();
    let token = values.as_array().unwrap().iter().find(|value| value["key"] == "k3s_token").unwrap();
    assert_eq!((&token["secret"], &token["value"]), (&json!(true), &json!("secrets/k3s_token")));
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

/// Runs `bake` on a terminal.
fn on_terminal(folder: &Path, arguments: &[&str], answers: &Value) -> Option<(i32, String)> {
    let script: PathBuf = repository().join("tests/suite/init/terminal.py");
    let mut command = Command::new(python()?);
    command.arg(script).arg(answers.to_string()).arg(env!("CARGO_BIN_EXE_bake")).args(arguments);
    let output = run(command.current_dir(folder).env("TERM", "dumb"));
    Some((output.status.code().unwrap(), said(&output)))
}

#[test]
fn a_new_user_at_a_terminal() {
    let scratch = tempfile::tempdir().unwrap();
    let answers = json!([
        ["name of the cluster [vip-trio]: ", "home"],
        ["DNS domain of the machines [kube.internal]: ", "not a domain"],
        ["DNS domain of the machines [kube.internal]: ", "home.arpa"],
        ["time zone [Europe/Madrid]: ", ""],
        ["nobody owns this one [ssh-ed25519 ", ""],
        ["your LAN; addresses in it move along [192.168.0.0/24]: ", "192.168.178.0/24"],
        ["address there [192.168.178.1]: ", ""],
        ["bridge to it [br0]: ", ""],
        ["image of Flatcar Container Linux, a path or a URL [", "/srv/images/flatcar.img"],
        ["image of AlmaLinux 9", ""],
        ["mkpasswd", ""],
        [
            "lets a machine join the cluster (openssl rand -hex 32) [a fake; what you type is not shown]: ",
            "typed-in-the-dark"
        ],
        ["password of PostgreSQL's superuser", ""],
        ["keeps other clusters out", ""],
        ["the hypervisor's, where the VPN ends", ""],
        ["the hypervisor's address on the LAN [192.168.178.41]: ", "192.168.178.9"],
        ["network card below the bridge (ip link) [eno1]: ", "enp3s0"],
        ["Ethernet address of that card [02:00:00:00:00:41]: ", "x"],
        ["Ethernet address of that card [02:00:00:00:00:41]: ", "02:00:00:12:34:56"],
        ["laptop's WireGuard", ""],
    ]);
    let Some((status, said)) = on_terminal(scratch.path(), &["init", "--from", "vip-trio"], &answers) else { return };
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("error: `not a domain` is not a DNS domain"), "{said}");
    assert!(!said.contains("typed-in-the-dark"), "a secret is not shown: {said}");
    assert!(said.contains("bake check && bake build"), "{said}");
    let root = scratch.path();
    assert_eq!(text(root, "secrets/k3s_token"), "typed-in-the-dark\n");
    assert!(!said.contains("secrets/k3s_token") && said.contains("secrets/vrrp_password"), "{said}");
    let cluster = text(root, "profiles/cluster.yaml");
    assert!(cluster.contains("source: /srv/images/flatcar.img\n") && cluster.contains("name: home "), "{cluster}");
    assert!(text(root, "profiles/nodes/hypervisor.yaml").contains("address: 192.168.178.9 "));
    assert!(text(root, "profiles/nodes/hypervisor.yaml").contains("mac: \"02:00:00:12:34:56\""));
    assert_eq!(ends(root, &["check", "--strict"], 0), "");
    ends(root, &["build"], 0);
    ends(root, &["verify"], 0);
}

#[test]
fn a_new_user_who_leaves() {
    let scratch = tempfile::tempdir().unwrap();
    let answers = json!([["name of the cluster", "home"], ["DNS domain", null]]);
    let Some((status, said)) = on_terminal(scratch.path(), &["init", "new"], &answers) else { return };
    assert!(status == 2 && said.contains("nothing was written"), "{said}");
    let answers = json!([]);
    let Some((status, said)) = on_terminal(scratch.path(), &["init", "--yes", "yes"], &answers) else { return };
    assert!(status == 0 && scratch.path().join("yes/profiles").is_dir(), "{said}");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
}
