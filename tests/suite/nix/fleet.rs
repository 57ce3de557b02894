//! Many machines and several builders.

use super::lab::{Lab, copy, lab, system};
use crate::support::{repository, run, said};
use bake::world::{Kind, World as _};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[path = "../../../benches/generate.rs"]
mod generate;

/// A flake with a cluster of so many machines, `shards` parts of it among the nodes.
fn flake(lab: &Lab, nodes: usize, shards: usize) -> PathBuf {
    let flake = lab.scratch.path().join(format!("fleet-{nodes}-{shards}"));
    let world = generate::cluster(nodes);
    for entry in world.walk("").unwrap() {
        let path = flake.join(&entry.path);
        if matches!(entry.kind, Kind::File { .. }) && !entry.path.starts_with("secrets/") {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, world.read(&entry.path).unwrap()).unwrap();
        }
    }
    copy(&repository().join("nix"), &flake.join("nix"));
    for file in ["Cargo.toml", "Cargo.lock"] {
        fs::copy(repository().join(file), flake.join(file)).unwrap();
    }
    let text = fs::read_to_string(repository().join("flake.nix")).unwrap();
    fs::write(flake.join("flake.nix"), text.replace("shards = 4;", &format!("shards = {shards};"))).unwrap();
    flake
}

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

/// The figures of docs/performance.md:
/// `cargo build --release && BAKE=target/release/bake cargo test --test suite figures_of_nix -- --ignored --nocapture`
#[test]
#[ignore = "measures for minutes"]
fn figures_of_nix() {
    let program =
        std::env::var_os("BAKE").map_or(PathBuf::from(env!("CARGO_BIN_EXE_bake")), |path| repository().join(path));
    let Some(lab) = Lab::new().map(|lab| lab.with_program(&program)) else { return };
    let lab = &lab;
    let timed = |what: &str, nodes: usize, work: &mut dyn FnMut()| {
        let begun = Instant::now();
        work();
        println!("{nodes:6} nodes  {what:40} {:8.2} s", begun.elapsed().as_secs_f64());
    };
    for nodes in [12, 100, 1_000, 10_000] {
        let flake = flake(lab, nodes, 4);
        let evaluate = |attribute: &str| {
            let output = run(&mut lab.about(&flake, "eval", &[&format!("path:.#{attribute}.drvPath")]));
            assert!(output.status.success(), "{}", said(&output));
        };
        timed("copy the flake, evaluate `cluster`", nodes, &mut || evaluate("cluster"));
        timed("evaluate `worker1`", nodes, &mut || evaluate("worker1"));
        timed("flake show", nodes, &mut || {
            assert!(run(&mut lab.about(&flake, "flake show", &["path:."])).status.success());
        });
        let all = format!("legacyPackages.{}", system());
        timed("evaluate every node and shard", nodes, &mut || {
            drop(lab.eval(&flake, &all, "set: map (one: one.drvPath) (builtins.attrValues set)"));
        });
        timed("build `cluster`", nodes, &mut || drop(lab.build(&flake, &["cluster"], &[])));
        timed("build `worker1`", nodes, &mut || drop(lab.build(&flake, &["worker1"], &[])));
        timed("build four shards", nodes, &mut || {
            drop(lab.build(&flake, &["shard-0", "shard-1", "shard-2", "shard-3"], &[]));
        });
        if nodes <= 100 {
            let names = lab.eval(&flake, &all, "builtins.attrNames");
            let names: Vec<&str> = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            timed("build every node by itself", nodes, &mut || drop(lab.build(&flake, &names, &[])));
        }
        let profile = flake.join("profiles/nodes/worker2.yaml");
        let text = fs::read_to_string(&profile).unwrap();
        fs::write(&profile, text.replace("10.17.4.25", "10.17.4.35")).unwrap();
        timed("one node changed: build `cluster`", nodes, &mut || drop(lab.build(&flake, &["cluster"], &[])));
        fs::write(&profile, text).unwrap();
    }
}
