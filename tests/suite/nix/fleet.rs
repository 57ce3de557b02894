//! Many machines and several builders.

use super::generated::flake;
use super::lab::{Lab, copy, lab, system};
use crate::support::repository;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Every file below a folder with its contents.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn two_builders_share_the_shards_of_a_cluster() {
    let Some(lab) = lab() else { return };
    let flake = flake(lab, 100, 8);
    let shards: Vec<String> = (0..8).map(|shard| format!("shard-{shard}")).collect();
    let shards: Vec<&str> = shards.iter().map(String::as_str).collect();
    let whole = lab.build(&flake, &["cluster"], &[]).remove(0);
    // Nothing is built here: each builder is a store of its own, to which inputs are copied and outputs back.
    let stores = ["one", "two"].map(|name| lab.scratch.path().join("builders").join(name));
    let builders = stores.iter().map(|store| format!("local?root={} {} - 2 1", store.display(), system()));
    let builders = builders.collect::<Vec<_>>().join(" ; ");
    let built = lab.build(&flake, &shards, &["--builders", &builders, "--max-jobs", "0"]);
    let whole = files(&whole);
    let mut nodes = BTreeMap::new();
    let mut shares = [0; 2];
    for shard in &built {
        let inner = shard.strip_prefix(&lab.store).unwrap();
        for (store, share) in stores.iter().zip(&mut shares) {
            if store.join(inner).is_dir() {
                *share += 1;
                assert_eq!(lab.hash(&store.join(inner)), lab.hash(shard));
            }
        }
        nodes.extend(files(shard).into_iter().filter(|(path, _)| path.contains('/')));
    }
    assert!(shares.iter().all(|share| *share > 0) && shares.iter().sum::<usize>() >= 8, "{shares:?}");
    let shared = |path: &str| path.starts_with("terraform/") || path.starts_with("libvirt/") || !path.contains('/');
    let expected: BTreeMap<_, _> = whole.into_iter().filter(|(path, _)| !shared(path)).collect();
    assert_eq!(nodes.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(nodes == expected, "shards differ from the whole");
    // What one builder has made, the other makes as well.
    let again = lab.build(&flake, &shards, &["--rebuild", "--builders", "", "--max-jobs", "1"]);
    assert_eq!(again, built);
}

/// The derivations of the cluster and of every node.
fn derivations(lab: &Lab, flake: &Path) -> BTreeMap<String, Value> {
    let system = system();
    let mut found = BTreeMap::new();
    for set in ["packages", "legacyPackages"] {
        let paths = lab.eval(flake, &format!("{set}.{system}"), "builtins.mapAttrs (_: one: one.drvPath)");
        found.extend(paths.as_object().unwrap().clone());
    }
    found
}

#[test]
fn what_an_edit_of_one_node_rebuilds() {
    let Some(lab) = lab() else { return };
    let edited = lab.scratch.path().join("edited");
    copy(repository(), &edited);
    let profile = edited.join("profiles/nodes/worker2.yaml");
    let text = fs::read_to_string(&profile).unwrap();
    assert!(text.contains("10.17.4.25"), "{text}");
    let documentation = edited.join("docs/performance.md");
    fs::write(&documentation, "nothing is built from this\n").unwrap();
    let before = derivations(lab, &lab.flake);
    assert_eq!(derivations(lab, &edited), before, "documentation builds nothing");
    fs::write(&profile, text.replace("10.17.4.25", "10.17.4.35")).unwrap();
    let after = derivations(lab, &edited);
    let changed: Vec<&String> =
        before.iter().filter(|(name, path)| after[*name] != **path).map(|(name, _)| name).collect();
    // The project is one input of each: a node's configuration may say something about any other, and bake finds out what
    // in milliseconds. (The program that people get brings this cluster along for `bake init`, so it is another one.)
    assert_eq!(changed, before.keys().collect::<Vec<_>>());
    // But nothing is compiled for it: what builds the machines is the same.
    let builder = |flake: &Path| lab.eval(flake, &format!("packages.{}.cluster", system()), "cluster: cluster.builder");
    assert_eq!(builder(&edited), builder(&lab.flake));
    // What comes out differs where the address is known: routes and filters, DNS, backends, who may connect.
    let nodes: Vec<&str> = before.keys().map(String::as_str).filter(|name| !name.starts_with("shard-")).collect();
    let nodes: Vec<&str> = nodes.into_iter().filter(|name| !matches!(*name, "bake" | "default" | "cluster")).collect();
    let hash =
        |flake: &Path| -> Vec<String> { lab.build(flake, &nodes, &[]).iter().map(|output| lab.hash(output)).collect() };
    let (old, new) = (hash(&lab.flake), hash(&edited));
    let differ: Vec<&str> =
        nodes.iter().zip(old.iter().zip(&new)).filter(|(_, (a, b))| a != b).map(|(n, _)| *n).collect();
    let expected = ["hypervisor", "infra-cluster", "loadbalancer1", "loadbalancer2", "postgresql1", "worker2"];
    assert_eq!(differ, expected);
}
