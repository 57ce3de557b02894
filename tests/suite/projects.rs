//! What holds for every cluster of the repository: its own and those below `examples/`.

use crate::support::{bake, projects, repository, run, said};
use bake::diag::{Sink, Sources};
use bake::load::project::{self, Project};
use bake::topology::vrrp::Fault;
use bake::world::disk::Disk;
use bake::{Plan, Request, plan};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

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
