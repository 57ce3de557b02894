//! `cluster.json`: what it says of the cluster, and that it agrees with everybody else who says it.

use crate::support::{bake, repository, run, said};
use bake::emit::summary::parse;
use bake::model::summary::{FORMAT, Kind, Origin, Summary};
use bake::topology::summary::restored as restored_speaker;
use bake::world::disk::Disk;
use bake::{Request, plan};
use std::collections::BTreeSet;

fn summary() -> (String, Summary) {
    let disk = Disk::open(repository()).unwrap();
    let plan = plan(&disk, &Request { profiles: "profiles".to_owned(), nodes: Vec::new() });
    let artifact = plan.summary().expect("a summary");
    assert_eq!((artifact.path.as_str(), artifact.secret), ("cluster.json", false));
    let parsed = parse(&artifact.bytes).expect("what was written can be read");
    (String::from_utf8(artifact.bytes).unwrap(), parsed)
}

#[test]
fn it_says_who_is_where() {
    let (text, made) = summary();
    assert_eq!((made.format, made.name.as_str()), (FORMAT, "microcloud"));
    let network = |name: &str| made.networks.iter().find(|network| network.name == name).unwrap();
    assert_eq!(network("k3s").libvirt, "kube_network_03");
    assert_eq!(network("k3s").host.as_deref(), Some("hypervisor"));
    assert_eq!(made.nodes.iter().filter(|node| node.build).count(), 12);
    let router = made.nodes.iter().find(|node| node.router).unwrap();
    assert!(router.build && router.forwards && router.routes.iter().any(|route| route.to.to_string() == "0.0.0.0/0"));
    let member = made.surroundings.iter().filter(|one| one.kind == Kind::Member).count();
    assert_eq!(member, made.networks.len(), "one client for each network");
    // Read by people, too.
    assert!(text.lines().all(|line| line.len() < 160), "long lines");
}

#[test]
fn it_foretells_what_explain_does() {
    let (_, made) = summary();
    for vip in &made.vips {
        let election = vip.election.as_ref().expect("an election");
        assert_eq!(election.start.owners, ["loadbalancer1"]);
        for failure in &election.failures {
            let other = if failure.event.node == "loadbalancer1" { "loadbalancer2" } else { "loadbalancer1" };
            assert_eq!(failure.then.owners, [other], "{:?}", failure.event);
            assert_eq!(failure.back.owners, ["loadbalancer1"], "{:?}", failure.event);
            let moved = failure.event.node == "loadbalancer1";
            assert_eq!(failure.back.after.is_some_and(|after| after.most > 2.0), moved, "{:?}", failure.event);
        }
        assert_eq!(election.pairs.len(), 2 * 4 * 4);
        // Nothing but the password is lost on the way.
        let disk = Disk::open(repository()).unwrap();
        let plan = plan(&disk, &Request { profiles: "profiles".to_owned(), nodes: Vec::new() });
        let (group, _) = plan.election(&vip.name).unwrap();
        let restored = election.speakers.iter().zip(&group.speakers);
        let restored: Vec<_> = restored.map(|(made, own)| restored_speaker(made, own.password.clone())).collect();
        assert_eq!(restored, group.speakers);
    }
}

#[test]
fn it_says_which_traffic_works() {
    let (_, made) = summary();
    let origins: BTreeSet<Origin> = made.flows.iter().map(|flow| flow.origin).collect();
    assert_eq!(origins.len(), 4);
    for flow in &made.flows {
        let fails = flow.must.as_str() == "fail";
        assert_eq!(flow.works, !fails, "{} -> {}", flow.from, flow.to);
        assert!(!flow.senders.is_empty() && !flow.receivers.is_empty(), "{} -> {}", flow.from, flow.to);
        assert!(flow.stopped.iter().all(|pair| pair.sender < flow.senders.len() && !pair.why.is_empty()));
    }
}

#[test]
fn no_secret_is_in_it() {
    let (text, _) = summary();
    for file in std::fs::read_dir(repository().join("secrets")).unwrap() {
        let value = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains(value.trim()), "a secret");
    }
}

#[test]
fn a_build_of_some_nodes_has_it_too_and_verify_knows_it() {
    let scratch = tempfile::tempdir().unwrap();
    let dist = scratch.path().join("dist");
    let (all, _) = summary();
    let build = run(bake().current_dir(repository()).args(["build", "--node", "master1", "--out"]).arg(&dist));
    assert!(build.status.success(), "{}", said(&build));
    assert_eq!(std::fs::read_to_string(dist.join("cluster.json")).unwrap(), all);
    std::fs::write(dist.join("cluster.json"), all + " ").unwrap();
    let verify = run(bake().arg("verify").arg(&dist));
    assert_eq!(verify.status.code(), Some(1));
    assert!(said(&verify).contains("`cluster.json` has"), "{}", said(&verify));
}
