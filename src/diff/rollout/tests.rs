//! Orders of small clusters.

use super::*;
use crate::topology::vrrp::{Password, Speaker};
use std::net::Ipv4Addr;

fn member(name: &str, verdict: Verdict) -> Member {
    let there = |not: Verdict| (verdict != not).then(Traits::default);
    Member {
        name: name.to_owned(),
        verdict,
        old: there(Verdict::Create),
        new: there(Verdict::Destroy),
        made: true,
        host: false,
        names: false,
        only: Vec::new(),
    }
}

fn server(name: &str, verdict: Verdict) -> Member {
    let mut member = member(name, verdict);
    for traits in [&mut member.old, &mut member.new].into_iter().flatten() {
        traits.server = true;
    }
    member
}

fn worker(name: &str, verdict: Verdict) -> Member {
    let mut member = member(name, verdict);
    for traits in [&mut member.old, &mut member.new].into_iter().flatten() {
        traits.agent = true;
    }
    member
}

fn speaker(node: &str, priority: u8) -> Speaker {
    let last = node.bytes().last().unwrap_or_default();
    Speaker {
        node: node.to_owned(),
        segment: Some("lan".to_owned()),
        address: Ipv4Addr::new(10, 0, 0, last),
        router_id: 51,
        priority,
        preempts: true,
        preempt_delay: 0.0,
        version: 2,
        advert: 1.0,
        password: None,
        peers: None,
        checks_source: false,
        admits: vec![ipnet::Ipv4Net::default()],
        trackers: Vec::new(),
    }
}

fn election(vip: &str, old: &[(&str, u8)], new: &[(&str, u8)]) -> Election {
    let speakers = |all: &[(&str, u8)]| all.iter().map(|(node, priority)| speaker(node, *priority)).collect();
    Election { vip: vip.to_owned(), old: speakers(old), new: speakers(new) }
}

fn planned(members: Vec<Member>, elections: Vec<Election>, max_unavailable: usize) -> Rollout {
    plan(&Situation { members, elections, max_unavailable })
}

fn order(rollout: &Rollout) -> Vec<String> {
    rollout.steps.iter().map(|step| format!("{} {}", step.action.as_str(), step.nodes.join("+"))).collect()
}

fn replaced(names: &[&str]) -> Vec<Member> {
    names.iter().map(|name| member(name, Verdict::Replace)).collect()
}

#[test]
fn the_backup_comes_before_the_owner() {
    let same = [("lb1", 150), ("lb2", 100)];
    let rollout = planned(replaced(&["lb1", "lb2"]), vec![election("api", &same, &same)], 9);
    assert_eq!(order(&rollout), ["replace lb2", "replace lb1"]);
    assert!(rollout.steps[0].moves.is_empty());
    let [away, back] = rollout.steps[1].moves.as_slice() else { panic!("{:?}", rollout.steps[1].moves) };
    assert_eq!((away.from.as_slice(), away.to.as_slice()), (&["lb1".to_owned()][..], &["lb2".to_owned()][..]));
    // (256 - 100) / 256 s when it is announced, two to three adverts more when not.
    assert_eq!(away.gap.map(Range::words), Some("0.6 s".to_owned()));
    assert_eq!(away.gap_unannounced.map(Range::words), Some("2.6 to 3.6 s".to_owned()));
    assert_eq!((back.gap, back.taken_after.map(Range::words)), (None, Some("2.4 to 3.4 s".to_owned())));
}

#[test]
fn of_several_owners_the_one_with_fewest_addresses_is_next() {
    let elections = [
        election("a", &[("lb1", 150), ("lb2", 100), ("lb3", 50)], &[("lb1", 150), ("lb2", 100), ("lb3", 50)]),
        election("b", &[("lb1", 150), ("lb2", 100), ("lb3", 50)], &[("lb1", 150), ("lb2", 100), ("lb3", 50)]),
        election("c", &[("lb1", 50), ("lb2", 150), ("lb3", 100)], &[("lb1", 50), ("lb2", 150), ("lb3", 100)]),
    ];
    let rollout = planned(replaced(&["lb1", "lb2", "lb3"]), elections.to_vec(), 1);
    assert_eq!(order(&rollout), ["replace lb3", "replace lb2", "replace lb1"]);
}

#[test]
fn who_does_not_understand_the_other_is_warned_of() {
    let mut changed = election("api", &[("lb1", 150), ("lb2", 100)], &[("lb1", 150), ("lb2", 100)]);
    for (speakers, password) in [(&mut changed.old, "old"), (&mut changed.new, "new")] {
        for one in speakers {
            one.password = Some(Password(password.to_owned()));
        }
    }
    let rollout = planned(replaced(&["lb1", "lb2"]), vec![changed], 1);
    let warning = rollout.steps[0].warnings.join("\n");
    assert!(warning.contains("both hold `api`") && warning.contains("different passwords"), "{warning}");
    assert!(!warning.contains("`old`") && !warning.contains("`new`"), "{warning}");
    // The other one goes without a gap, and afterwards there is one holder again.
    assert_eq!(rollout.steps[1].moves[0].gap, None);
    assert_eq!(rollout.steps[1].moves.last().map(|one| one.to.len()), Some(1));
}

#[test]
fn the_only_balancer_leaves_nobody() {
    let rollout = planned(replaced(&["lb1"]), vec![election("api", &[("lb1", 150)], &[("lb1", 150)])], 1);
    assert!(rollout.steps[0].before.is_empty(), "stopping Keepalived first gains nothing");
    assert!(rollout.steps[0].warnings[0].contains("nobody else can hold `api`"), "{:?}", rollout.steps[0].warnings);
    assert_eq!(rollout.steps[0].moves[0].to, [""; 0]);
}

#[test]
fn a_candidate_that_comes_or_goes() {
    let (old, new) = ([("lb1", 150), ("lb2", 100)], [("lb2", 100), ("lb3", 200)]);
    let members = vec![member("lb1", Verdict::Destroy), member("lb3", Verdict::Create)];
    let rollout = planned(members, vec![election("api", &old, &new)], 1);
    assert_eq!(order(&rollout), ["create lb3", "destroy lb1"]);
    assert_eq!(rollout.steps[0].moves[0].to, ["lb3"]);
    assert!(rollout.steps[1].moves.is_empty(), "it holds nothing any more");
}

#[test]
fn etcd_keeps_its_majority_or_it_is_said() {
    for (servers, action, expected, warned) in [
        (1, Verdict::Replace, (0, 1, 0), true),
        (1, Verdict::Restart, (1, 1, 0), true),
        // A member that is deleted first is none that is missing.
        (2, Verdict::Replace, (1, 1, 1), false),
        (2, Verdict::Restart, (2, 2, 1), true),
        (3, Verdict::Replace, (2, 2, 2), false),
        (3, Verdict::Restart, (3, 2, 2), false),
        (5, Verdict::Replace, (4, 3, 4), false),
        (5, Verdict::Restart, (5, 3, 4), false),
    ] {
        let names: Vec<String> = (1..=servers).map(|number| format!("m{number}")).collect();
        let rollout = planned(names.iter().map(|name| server(name, action)).collect(), Vec::new(), 9);
        assert_eq!(rollout.steps.len(), servers, "one at a time");
        for step in &rollout.steps {
            let etcd = step.etcd.expect("etcd");
            assert_eq!((etcd.members, etcd.quorum, etcd.working), expected, "{servers} {action:?}");
            assert_eq!(!step.warnings.is_empty(), warned, "{servers} {action:?}: {:?}", step.warnings);
        }
    }
}

#[test]
fn who_would_start_a_second_cluster_is_last_and_warned_of() {
    let mut members =
        vec![server("m1", Verdict::Replace), server("m2", Verdict::Replace), server("m3", Verdict::Replace)];
    if let Some(new) = &mut members[0].new {
        new.starts_cluster = true;
    }
    let rollout = planned(members, Vec::new(), 1);
    assert_eq!(order(&rollout), ["replace m2", "replace m3", "replace m1"]);
    assert!(rollout.steps[2].warnings[0].contains("cluster-init"));
}

#[test]
fn kinds_have_their_order_and_workers_their_budget() {
    let mut names = member("zz-names", Verdict::Replace);
    names.names = true;
    let mut single = member("yy-db", Verdict::Replace);
    single.only = vec!["role:db tcp/5432".to_owned()];
    let mut host = member("aa-host", Verdict::Replace);
    host.host = true;
    let mut members = vec![names, single, host, member("bb-other", Verdict::Replace), server("m1", Verdict::Replace)];
    members.extend(replaced(&["lb1"]));
    members.extend((1..=5).map(|number| worker(&format!("w{number}"), Verdict::Replace)));
    members.extend([worker("w6", Verdict::Create), worker("w7", Verdict::Destroy), worker("w8", Verdict::Nothing)]);
    let rollout = planned(members, vec![election("api", &[("lb1", 1), ("lb9", 2)], &[("lb1", 1), ("lb9", 2)])], 2);
    let expected = [
        "replace zz-names",
        "replace lb1",
        "replace m1",
        "replace yy-db",
        "create w6",
        "replace w1+w2",
        "replace w3+w4",
        "replace w5",
        "replace bb-other",
        "replace aa-host",
        "destroy w7",
    ];
    assert_eq!(order(&rollout), expected);
    assert_eq!(rollout.steps[5].apply, ["terraform apply -target=libvirt_domain.w1 -target=libvirt_domain.w2"]);
}

#[test]
fn ten_thousand_workers_are_put_in_order_at_once() {
    let members = (0..10_000).map(|number| worker(&format!("w{number}"), Verdict::Replace)).collect();
    assert_eq!(planned(members, Vec::new(), 100).steps.len(), 100);
}
