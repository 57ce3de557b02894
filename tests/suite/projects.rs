//! What holds for every cluster of the repository: its own and those below `examples/`.

use crate::support::{bake, projects, repository, run, said};
use bake::diag::{Sink, Sources};
use bake::load::project::{self, Project};
use bake::topology::vrrp::Fault;
use bake::world::disk::Disk;
use bake::{Plan, Request, plan};
use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

fn read(root: &Path) -> Project {
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let project = project::load(&Disk::open(root).unwrap(), "profiles", &mut sources, &mut sink);
    project.unwrap_or_else(|| panic!("{}: {:?}", root.display(), sink.finish()))
}

fn planned(root: &Path) -> Plan {
    plan(&Disk::open(root).unwrap(), &Request { profiles: "profiles".to_owned(), nodes: Vec::new() })
}

#[test]
fn every_cluster_checks_and_builds_without_a_word() {
    let scratch = tempfile::tempdir().unwrap();
    for (name, root) in projects() {
        let output = run(bake().arg("-C").arg(&root).args(["check", "--strict"]));
        assert!(output.status.success() && said(&output).is_empty(), "{name}: {}", said(&output));
        let output =
            run(bake().arg("-C").arg(&root).args(["build", "--quiet", "--out"]).arg(scratch.path().join(&name)));
        assert!(output.status.success() && said(&output).is_empty(), "{name}: {}", said(&output));
    }
}

#[test]
fn what_is_accepted_says_why() {
    for (name, root) in projects() {
        for allowance in read(&root).allowances {
            assert!(allowance.allow.reason.split_whitespace().count() > 5, "{name}: {:?}", allowance.allow);
        }
    }
}

/// Every VIP has somebody else to go to whatever happens to its holder, and the table of `bake explain vip` says whom.
#[test]
fn every_vip_moves_whatever_fails() {
    for (name, root) in projects() {
        let plan = planned(&root);
        let shown = said(&run(bake().arg("-C").arg(&root).args(["explain", "vip"])));
        let vips: Vec<String> = read(&root).cluster.vips.iter().map(|vip| vip.name.clone()).collect();
        assert!(!vips.is_empty(), "{name}");
        for vip in vips {
            let (group, findings) = plan.election(&vip).unwrap();
            assert!(group.speakers.len() >= 2, "{name}: {vip} has nowhere to go");
            let first = group.speakers.iter().max_by_key(|speaker| speaker.priority).unwrap();
            let mut moves = 0;
            for finding in &findings {
                assert!(finding.trouble.is_none(), "{name}: {vip}: {finding:?}");
                let [event] = finding.events.as_slice() else { continue };
                let failed = &group.speakers[event.speaker];
                let holders: Vec<&str> = finding.end.holders(&group).map(|speaker| speaker.node.as_str()).collect();
                assert!(holders.len() == 1 && holders[0] != failed.node, "{name}: {vip}: {finding:?}");
                assert_eq!(holders[0] == first.node, failed.node != first.node, "{name}: {vip}: {finding:?}");
                moves += usize::from(failed.node == first.node);
            }
            assert_eq!(moves, Fault::ALL.len(), "{name}: {vip}");
            assert!(shown.contains(&format!("{} holds the VIP", first.node)), "{name}: {shown}");
        }
    }
}

/// The clusters may run side by side on one LAN, each behind a hypervisor of its own.
#[test]
fn clusters_do_not_get_in_each_others_way() {
    let mut macs = BTreeMap::new();
    let mut addresses: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
    let mut ids = BTreeMap::new();
    for (project, root) in projects() {
        let cluster = read(&root).cluster;
        let lan = cluster.profile.networks["lan"].cidr.value;
        let mut claim = |address: Ipv4Addr, who: String| {
            if lan.contains(&address) {
                let other = addresses.insert(address, who.clone());
                assert!(other.is_none(), "{address} is {who} and {other:?}");
            }
        };
        for node in &cluster.nodes {
            let who = format!("{project}/{}", node.name);
            for card in &node.interfaces {
                claim(card.address.value, who.clone());
                if let Some(mac) = card.mac {
                    let other = macs.insert(mac.value, who.clone());
                    assert!(other.is_none(), "{mac} is {who} and {other:?}");
                }
            }
        }
        for vip in &cluster.vips {
            let who = format!("{project}/{}", vip.name);
            claim(vip.address.value, who.clone());
            let bridge = cluster.profile.networks[&vip.network].bridge.value.clone();
            let other = ids.insert((bridge, vip.virtual_router_id.value), who.clone());
            assert!(other.is_none(), "the virtual router id of {who} is that of {other:?}");
        }
    }
    assert!(macs.len() > 30 && addresses.len() > 10 && ids.len() > 4);
}

/// What docs/clusters.md says was written wrong: put back where it was, and found by the rule that is named there.
#[test]
fn what_was_written_wrong_is_found() {
    let keepalived = fs::read_to_string(repository().join("butane/files/keepalived.conf.j2")).unwrap();
    let wrong: &[(&str, &str, &str, &str, &str)] = &[
        ("microcloud", "profiles/roles/loadbalancer.yaml", "default: 0", "default: -10", "vrrp-no-failover"),
        ("microcloud", "profiles/cluster.yaml", "mode: open", "mode: nat", "flow-blocked"),
        ("microcloud", "profiles/nodes/storage1.yaml", "root_disk: 16 GiB", "root_disk: 10 GiB", "disk-small"),
        (
            "vip-trio",
            "profiles/nodes/loadbalancer1.yaml",
            "network: vip, address: 10.17.5.21",
            "network: lan, address: 192.168.0.77",
            "address-outside-network",
        ),
        ("vip-trio", "butane/files/keepalived.conf.j2", "state BACKUP", "state MASTER", "vrrp-state"),
        ("vip-trio", "secrets/vrrp_password", "FAKEvrrp", "1234", "weak-secret"),
        ("vip-trio", "profiles/roles/dual-homed.yaml", "via: 10.17.5.1", "via: 10.17.3.1", "flow-blocked"),
        (
            "lan-bridge",
            "butane/files/keepalived.conf.j2",
            "interface {{ vip.interface }}",
            "interface br0",
            "vrrp-interface",
        ),
        (
            "lan-bridge",
            "butane/files/keepalived.conf.j2",
            "{% for vip in node.vips %}\n\nvrrp",
            "{% for vip in node.vips + node.vips %}\n\nvrrp",
            "vrrp-address",
        ),
        (
            "lan-bridge",
            "profiles/nodes/k8s-api-lb2.yaml",
            "roles: [base, loadbalancer]\n",
            "roles: [base]\n",
            "vip-alone",
        ),
        (
            "traefik-edge",
            "profiles/nodes/loadbalancer1.yaml",
            "roles: [base, traefik-edge, sites]",
            "roles: [base, traefik-edge, sites, guide]",
            "next-hop-unreachable",
        ),
    ];
    let text = fs::read_to_string(repository().join("docs/clusters.md")).unwrap();
    for (name, file, from, to, code) in wrong {
        let scratch = tempfile::tempdir().unwrap();
        for part in ["profiles", "butane", "secrets", "examples"] {
            assert!(
                run(Command::new("cp").arg("-r").arg(repository().join(part)).arg(scratch.path())).status.success()
            );
        }
        let root =
            if *name == "microcloud" { scratch.path().to_owned() } else { scratch.path().join("examples").join(name) };
        let path = root.join(file);
        if !path.exists() {
            // The library's: a file of the project's own takes its place.
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &keepalived).unwrap();
        }
        if *code == "next-hop-unreachable" {
            let role =
                "description: the guide\nroutes:\n  - {to: 10.42.9.0/24, via: 10.17.4.25, on_link: true, reason: x}\n";
            fs::write(root.join("profiles/roles/guide.yaml"), role).unwrap();
        }
        let before = fs::read_to_string(&path).unwrap();
        assert!(before.contains(from), "{name}: {file} has no `{from}`");
        fs::write(&path, before.replace(from, to)).unwrap();
        let found: Vec<&str> = planned(&root).check(1).iter().map(|found| found.code.id()).collect();
        assert!(found.contains(code), "{name}: {file}: {from}: {found:?}");
        let told = text.lines().any(|line| line.contains(&format!("`{code}`")) && line.contains(name));
        assert!(told, "docs/clusters.md: {name}, {code}");
    }
}

/// The acceptance of the guide that traefik-edge is made from.
#[test]
fn the_edge_reaches_pods_without_nat() {
    let root = repository().join("examples/traefik-edge");
    for (to, arrives) in [
        ("10.17.4.25", "has the address"),
        ("10.42.9.206", "arrived at the pod"),
        ("10.42.9.206:8080", "arrived at the pod"),
    ] {
        let output = run(bake().arg("-C").arg(&root).args(["explain", "route", "10.17.3.13", to]));
        let text = said(&output);
        assert!(output.status.success() && text.contains(arrives), "{text}");
        assert!(text.contains("works; the receiver sees the sender's own address"), "{text}");
        assert!(!text.contains("rewrit") && !text.contains("masquerad"), "{text}");
    }
    // One route to all pods, to the router: none of the guide's next hops on another link.
    let cluster = read(&root).cluster;
    for node in cluster.with_role("traefik-edge") {
        let routes: Vec<String> =
            node.routes.iter().map(|route| format!("{} via {}", route.destination, route.gateway)).collect();
        assert!(routes.contains(&"10.42.0.0/16 via 10.17.3.1".to_owned()), "{routes:?}");
        assert!(node.routes.iter().all(|route| !route.on_link), "{routes:?}");
    }
}
