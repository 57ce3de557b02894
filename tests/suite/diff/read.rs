//! What is read back of artefacts, against an independent reading of the same artefacts; and what is no artefact.

use crate::support::{Built, built};
use bake::Manifest;
use bake::diag::{Sink, Sources};
use bake::diff::{Baked, Machine, Topic, read};
use bake::load::{decode, yaml};
use bake::model::Spanned;
use bake::model::data::Data;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn data(text: &str) -> Result<Data, String> {
    let mut sources = Sources::default();
    let file = sources.add("", text);
    let document = yaml::Document::parse(file, text).map_err(|error| error.to_string())?;
    let data = decode::decode::<Spanned<Data>>(&document, &mut Sink::default());
    data.map(|data| data.value).ok_or_else(|| "no data".to_owned())
}

/// A node's artefacts, its operating system, and which lines of its files carry secrets.
type Node = (BTreeMap<String, Vec<u8>>, String, BTreeMap<String, Vec<usize>>);

fn node(built: &Built, name: &str) -> Node {
    let (project, node) = name.split_once('/').unwrap();
    let manifest = Manifest::parse(&fs::read(built.dist.join(project).join("manifest.json")).unwrap()).unwrap();
    let entry = &manifest.nodes[node];
    let file = |path: &String| (path.clone(), fs::read(built.dist.join(name).join(path)).unwrap());
    (entry.files.keys().map(file).collect(), entry.os.clone(), entry.secrets.clone().unwrap())
}

fn machine((files, os, secrets): &Node) -> Result<Machine, (String, String)> {
    read(&Baked { os, files, secrets: Some(secrets), yaml: &data })
}

/// Every regular file below a folder with its mode and contents, every link with its target.
fn walk(folder: &Path, prefix: &str, found: &mut BTreeMap<String, (String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let path = format!("{prefix}/{}", entry.file_name().to_str().unwrap());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            walk(&entry.path(), &path, found);
        } else if kind.is_file() {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            found.insert(path, (format!("{mode:04o}"), fs::read(entry.path()).unwrap()));
        }
    }
}

#[test]
fn every_artefact_is_understood_and_no_file_is_missed() {
    let Some(built) = built() else { return };
    let mut count = 0;
    for name in built.nodes() {
        let machine = machine(&node(built, &name)).unwrap_or_else(|(file, why)| panic!("{name}: {file}: {why}"));
        let mut expected = BTreeMap::new();
        walk(&built.trees.join(&name), "", &mut expected);
        // Told in other words: the host name, and the script whose lines are taken apart.
        let words = ["/etc/hostname", "/usr/local/libexec/bake-apply"];
        expected.retain(|path, _| !words.contains(&path.as_str()));
        let mut found = BTreeMap::new();
        for ((topic, path), item) in &machine.items {
            let Some(body) = &item.body else {
                // Fetched by the machine: the tree has a placeholder.
                if item.get("contents").is_some_and(|contents| contents.starts_with("from https://")) {
                    assert!(item.get("verification").is_some() && expected.remove(path).is_some(), "{name}: {path}");
                }
                continue;
            };
            let path = match topic {
                Topic::File => path.clone(),
                Topic::Unit | Topic::DropIn => format!("/etc/systemd/system/{path}"),
                _ => continue,
            };
            found.insert(path, (item.get("mode").unwrap_or("0644").to_owned(), body.bytes.clone()));
        }
        let names = |files: &BTreeMap<String, (String, Vec<u8>)>| files.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&found), names(&expected), "{name}");
        assert!(found == expected, "{name}: contents or modes differ");
        count += found.len();
        assert!(machine.get(Topic::Machine, "hostname").is_some() && machine.get(Topic::Machine, "os").is_some());
        assert!(machine.all(Topic::Interface).count() > 0, "{name}: no card");
        assert!(machine.all(Topic::Route).count() > 0, "{name}: no route");
    }
    assert!(count > 200, "{count} files");
}

/// What bake writes for a container, a secret and an account is found again whatever the operating system.
#[test]
fn what_people_look_for_is_there() {
    let Some(built) = built() else { return };
    let balancer = machine(&node(built, "microcloud/loadbalancer1")).unwrap();
    let image = |machine: &Machine, name: &str| machine.get(Topic::Container, name)?.get("image").map(str::to_owned);
    assert!(image(&balancer, "haproxy").unwrap().contains("haproxy@sha256:"));
    let unit = balancer.get(Topic::Unit, "haproxy.service").unwrap();
    assert_eq!(unit.get("enabled"), Some("yes"));
    assert_eq!(balancer.get(Topic::Unit, "firewalld.service").unwrap().get("masked"), Some("yes"));
    assert_eq!(balancer.get(Topic::User, "core").unwrap().get("groups"), Some("wheel"));
    let storage = machine(&node(built, "microcloud/storage1")).unwrap();
    let mounted: Vec<&str> = storage.all(Topic::Filesystem).filter_map(|(_, one)| one.get("path")).collect();
    assert!(mounted.contains(&"/var/lib/longhorn"), "{mounted:?}");
    assert!(format!("{balancer:?}{storage:?}").contains("(secret)"));
    assert!(!format!("{balancer:?}{storage:?}").contains("FAKE"), "a secret in a debug message");
}

/// Damaged artefacts end in an error or in another machine, never in a panic.
#[test]
fn damage_is_survived() {
    let Some(built) = built() else { return };
    let mut state = 7u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let mut refused = 0;
    for name in ["microcloud/loadbalancer1", "microcloud/storage1", "microcloud/postgresql1", "microcloud/hypervisor"] {
        let whole = node(built, name);
        for _ in 0..150 {
            let mut damaged = whole.clone();
            let at = random(damaged.0.len());
            let bytes = damaged.0.values_mut().nth(at).unwrap();
            for _ in 0..=random(3) {
                let (from, length) = (random(bytes.len()), random(40));
                match random(3) {
                    0 => drop(bytes.splice(from..(from + length).min(bytes.len()), [])),
                    1 => bytes.insert(from, u8::try_from(random(256)).unwrap()),
                    _ => bytes.truncate(from),
                }
            }
            refused += usize::from(machine(&damaged).is_err());
        }
    }
    assert!(refused > 50, "{refused} of 600");
}
