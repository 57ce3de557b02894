//! The cluster as a graph: what is traced, what rules make of it, and whether the kernel agrees.
//!
//! A case is `tests/cases/topology/<name>.case`: first lines `- old => new` that change the texts of `base.project`,
//! then sections `=== path` as in `tests/cases/profiles`. What flows and routes report stands beside it in
//! `<name>.expected`, empty where the rule must not fire; `BLESS=1` rewrites that.

#[path = "topology/kernel.rs"]
mod kernel;
#[path = "topology/large.rs"]
mod large;

use crate::profiles::{report, world};
use crate::support::repository;
use bake::diag::{Code, Diagnostic, Sink, Sources};
use bake::load::project::{self, Project};
use bake::model::profile::cluster::Protocol;
use bake::topology::{Packet, Topology, Trace};
use bake::world::World;
use bake::world::disk::Disk;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Reads a project; it must be right.
fn load(world: &dyn World) -> (Sources, Project) {
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let project = project::load(world, "profiles", &mut sources, &mut sink);
    assert_eq!(report(&sources, &sink.finish()), "");
    (sources, project.unwrap())
}

/// The repository's own cluster, with some text of its profiles changed.
fn microcloud(changes: &[(&str, &str)]) -> (Sources, Project) {
    let folder = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args(["profiles", "butane", "secrets"].map(|name| repository().join(name)))
        .arg(folder.path())
        .status();
    assert!(copied.unwrap().success());
    let profiles = ["cluster.yaml", "roles/hypervisor.yaml", "roles/k3s-node.yaml", "roles/loadbalancer.yaml"];
    let profiles = profiles.map(|name| folder.path().join("profiles").join(name));
    for (old, new) in changes {
        let mut found = false;
        for path in &profiles {
            let text = std::fs::read_to_string(path).unwrap();
            found |= text.contains(old);
            std::fs::write(path, text.replace(old, new)).unwrap();
        }
        assert!(found, "{old}");
    }
    load(&Disk::open(folder.path()).unwrap())
}

/// What flows and routes report.
fn check(project: &Project) -> Vec<Diagnostic> {
    let topology = Topology::new(&project.cluster);
    let mut sink = Sink::default();
    bake::check::flows::check(&project.cluster, &topology, &mut sink);
    bake::check::routes::check(&project.cluster, &topology, &mut sink);
    sink.finish()
}

fn connection(topology: &Topology<'_>, from: &str, to: &str, protocol: Protocol, port: Option<u16>) -> Trace {
    let end = |text: &str| *topology.named(text).first().unwrap_or_else(|| panic!("nobody is {text}"));
    topology.trace(&Packet { from: end(from), to: end(to), protocol, port })
}

#[test]
fn the_repositorys_cluster_has_no_findings() {
    let (sources, project) = microcloud(&[]);
    assert_eq!(report(&sources, &check(&project)), "");
}

fn folder() -> PathBuf {
    repository().join("tests/cases/topology")
}

#[test]
fn cases() {
    let bless = std::env::var("BLESS").is_ok();
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap_or_default();
    let base = read("base.project");
    let names: BTreeSet<String> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut fired = BTreeSet::new();
    let mut silent = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in names.iter().filter_map(|name| name.strip_suffix(".case")) {
        let text = read(&format!("{case}.case"));
        let (head, sections) = text
            .split_once("\n=== ")
            .map_or((text.as_str(), String::new()), |(head, rest)| (head, format!("\n=== {rest}")));
        let mut changed = base.clone();
        for (old, new) in head.lines().filter_map(|line| line.strip_prefix("- ")?.split_once(" => ")) {
            let (old, new) = (old.replace("\\n", "\n"), new.replace("\\n", "\n"));
            assert!(changed.contains(&old), "{case}: the base has no `{old}`");
            changed = changed.replace(&old, &new);
        }
        let (sources, project) = load(&world(&[&changed, &sections]));
        let found = check(&project);
        fired.extend(found.iter().map(|one| one.code.id()));
        for one in &found {
            assert!(one.span.is_some(), "{case}: {}", one.message);
            assert!(!one.message.ends_with('.'), "{case}: {}", one.message);
        }
        let actual = report(&sources, &found);
        if actual.is_empty() {
            silent.insert(case);
        }
        let expected = format!("{case}.expected");
        if bless {
            std::fs::write(folder().join(&expected), &actual).unwrap();
        } else if read(&expected) != actual || !names.contains(&expected) {
            wrong.push(format!("{case}: expected\n{}but got\n{actual}", read(&expected)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let rules: BTreeSet<&str> = RULES.iter().map(|code| code.id()).collect();
    assert_eq!(fired, rules, "every rule fires in some case");
    for rule in rules {
        let quiet = format!("{rule}-ok");
        assert!(silent.contains(quiet.as_str()), "no case `{quiet}` in which `{rule}` stays silent");
    }
}

/// The rules of this room.
const RULES: &[Code] = &[
    Code::FlowBlocked,
    Code::FlowOpen,
    Code::FlowRewritten,
    Code::BackendUnreachable,
    Code::ServerUnreachable,
    Code::JoinUnreachable,
    Code::ListenUnreachable,
    Code::NextHopUnreachable,
    Code::NextHopNoRouter,
    Code::NoWayBack,
    Code::ReversePathDrop,
    Code::DuplicateDefault,
    Code::PodRouteUnpinned,
];

#[test]
fn ways_are_told_hop_by_hop() {
    let (sources, project) = microcloud(&[]);
    let topology = Topology::new(&project.cluster);
    let tell = |from: &str, to: &str| {
        let target = bake::topology::explain::Target::read(to);
        let (from, to) = (topology.named(from), topology.named(&target.place));
        bake::topology::explain::route(&topology, &sources, &from, &to, &target)
    };
    let text = tell("loadbalancer1", "master1:6443");
    for part in [
        "tcp 6443 from `loadbalancer1` to `master1`: 192.168.0.30 -> 10.17.4.21",
        "loadbalancer1  route 10.17.4.0/24 via 192.168.0.40, eth0 (declared)  [profiles/roles/loadbalancer.yaml:",
        "hypervisor     route 10.17.4.0/24 directly, virbr_kube03 (its own network)",
        "master1        firewall lets it in: `k3s-api`  [profiles/roles/k3s-server.yaml:",
        "\nback\n  master1        route 0.0.0.0/0 via 10.17.4.1, eth0",
        "works; the receiver sees the sender's own address",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let text = tell("lan", "postgresql1:5432");
    assert!(text.contains("does not work: private addresses such as `10.17.3.14` are not routed"), "{text}");
    let text = tell("role:worker", "vip:ingress:443");
    assert!(text.contains("6 of 6 pairs work") || text.contains("pairs work; this is one"), "{text}");
}

#[test]
fn a_connection_keeps_or_loses_its_sender() {
    let (_, project) = microcloud(&[]);
    let topology = Topology::new(&project.cluster);
    let seen = |from: &str, to: &str| {
        let trace = connection(&topology, from, to, Protocol::Icmp, None);
        assert!(trace.works(), "{from} {to}: {:?}", topology.failure(&trace));
        (trace.source.to_string(), trace.seen.to_string())
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    // Flannel knows the pods, and nobody rewrites anything between the cluster's networks.
    assert_eq!(seen("loadbalancer1", "10.42.3.10"), pair("192.168.0.30", "192.168.0.30"));
    assert_eq!(seen("10.42.3.10", "10.42.5.10"), pair("10.42.3.10", "10.42.3.10"));
    assert_eq!(seen("10.42.3.10", "postgresql1"), pair("10.42.3.10", "10.17.4.24"));
    assert_eq!(seen("worker1", "10.42.5.10"), pair("10.42.3.0", "10.42.3.0"));
    assert_eq!(seen("worker1", "203.0.113.9"), pair("10.17.4.24", "192.168.0.1"));
}
