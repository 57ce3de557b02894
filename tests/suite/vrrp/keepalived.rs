//! The real Keepalived agrees: the same files, in namespaces, with what was foretold.

use super::{Files, planned, project};
use crate::support::{engine, repository, root, run, said};
use bake::topology::vrrp::{Event, Fault, single};
use std::path::Path;
use std::process::Command;

/// How far the real time may be from the foretold one.
const TOLERANCE: f64 = 1.5;

/// Name, changes to `vip.project`, what fails on the holder.
const SCENARIOS: &[(&str, &str, Fault)] = &[
    ("weight", "", Fault::Haproxy),
    ("node", "", Fault::Node),
    ("link", "", Fault::Link),
    ("stop", "", Fault::Keepalived),
    ("fault", WITHOUT_WEIGHT, Fault::Haproxy),
    ("tie", TIE, Fault::Haproxy),
    ("hung", WITHOUT_WEIGHT, Fault::Hung),
    ("hung, and asked for an answer", ASKS, Fault::Hung),
];

/// A check that is ill when no answer comes, every second, without a weight.
const ASKS: &str = "=== butane/files/check.sh\n#!/bin/sh\nexec wget -q -T 1 -O /dev/null http://127.0.0.1:8404/healthz\n\
    === profiles/roles/balancer.yaml (changed)\n-  vrrp_weight: -60\n+  vrrp_weight: 0\n\
    === butane/files/keepalived.conf.j2 (changed)\n-    interval 2\n+    interval 1\n";

/// No weight: an ill master gives up and says so.
const WITHOUT_WEIGHT: &str = "=== profiles/roles/balancer.yaml (changed)\n-  vrrp_weight: -60\n+  vrrp_weight: 0\n";

/// What the gap and the weight make equal.
const TIE: &str = "=== profiles/roles/balancer.yaml (changed)\n-  vrrp_weight: -60\n+  vrrp_weight: -10\n\
    === profiles/nodes/lb1.yaml (changed)\n-{default: 150}\n+{default: 110}\n";

/// A name, the balancers' priorities, the weight of the health check, and what happens.
type Variant = (&'static str, [(&'static str, u8); 2], i32, Fault);

/// The repository's own cluster with these priorities and this weight: as its document has them (110 - 10 = 100, a tie
/// that leaves the VIP on the ill one) and as they are put right. The holder comes first.
const MICROCLOUD: &[Variant] = &[
    ("microcloud as it is written", [("loadbalancer2", 110), ("loadbalancer1", 100)], -10, Fault::Haproxy),
    ("microcloud as it is written, a dead machine", [("loadbalancer2", 110), ("loadbalancer1", 100)], -10, Fault::Node),
    ("microcloud", [("loadbalancer1", 150), ("loadbalancer2", 100)], 0, Fault::Haproxy),
    ("microcloud, stopped", [("loadbalancer1", 150), ("loadbalancer2", 100)], 0, Fault::Keepalived),
    ("microcloud with a weight", [("loadbalancer1", 150), ("loadbalancer2", 100)], -60, Fault::Haproxy),
];

/// A connection is enough to see that HAProxy is gone, and takes no program that may be missing.
const SCRIPT: &str = "=== butane/files/check.sh\n#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/8404\n";

#[test]
fn the_real_keepalived_does_what_was_foretold() {
    if !root() || ["keepalived", "haproxy", "unshare", "ip", "wget"].iter().any(|name| engine(name).is_none()) {
        return;
    }
    let small = SCENARIOS.iter().map(|(name, changes, fault)| Scene {
        name,
        files: project(&if *changes == ASKS { ASKS.to_owned() } else { format!("{SCRIPT}{changes}") }),
        nodes: ["lb1", "lb2"],
        fault: *fault,
    });
    let scenes: Vec<Scene> = small.chain(MICROCLOUD.iter().map(microcloud)).collect();
    // A few at a time: each of them is two machines with everything they run.
    let mut results: Vec<Result<String, String>> = Vec::new();
    for some in scenes.chunks(6) {
        results.extend(std::thread::scope(|scope| {
            let started: Vec<_> = some.iter().map(|scene| scope.spawn(move || play(scene))).collect();
            started.into_iter().map(|thread| thread.join().expect("thread")).collect::<Vec<_>>()
        }));
    }
    let told: Vec<String> = results.iter().map(|result| result.clone().unwrap_or_else(|wrong| wrong)).collect();
    eprintln!("{}", told.join("\n"));
    assert!(results.iter().all(Result::is_ok), "{}", told.join("\n"));
}

/// What is played.
struct Scene {
    name: &'static str,
    files: Files,
    /// Who holds the VIP at first, and the other one.
    nodes: [&'static str; 2],
    fault: Fault,
}

fn microcloud((name, nodes, weight, fault): &Variant) -> Scene {
    let mut files = crate::asis::project("");
    let change = |files: &mut Files, path: String, from: &str, to: String| {
        let text = files.get_mut(&path).unwrap_or_else(|| panic!("no {path}"));
        assert!(text.contains(from), "{path}: {from}");
        *text = text.replace(from, &to);
    };
    for (node, priority) in nodes {
        let now = if *node == "loadbalancer1" { "default: 150" } else { "default: 100" };
        change(&mut files, format!("profiles/nodes/{node}.yaml"), now, format!("default: {priority}"));
    }
    change(&mut files, "profiles/roles/loadbalancer.yaml".to_owned(), "default: 0", format!("default: {weight}"));
    // There are no backends here to answer, and one balancer alone would give up; the lab plays that.
    change(&mut files, "profiles/roles/loadbalancer.yaml".to_owned(), "default: true", "default: false".to_owned());
    // It writes to the first process, which is the script that plays.
    files.insert("butane/files/notify.sh.j2".to_owned(), "#!/bin/sh\n".to_owned());
    files.insert("butane/files/check-haproxy.sh".to_owned(), SCRIPT.split_once('\n').expect("a head").1.to_owned());
    Scene { name, files, nodes: [nodes[0].0, nodes[1].0], fault: *fault }
}

/// Foretells and plays one scene.
fn play(scene: &Scene) -> Result<String, String> {
    let Scene { name, nodes, fault, .. } = scene;
    let plan = planned(scene.files.clone());
    let (group, findings) = plan.election("api").expect("a VIP");
    let at = |node: &str| group.speakers.iter().position(|speaker| speaker.node == node).expect("a candidate");
    let holder = at(nodes[0]);
    let told = findings
        .iter()
        .find(|one| matches!(one.events.as_slice(), [event] if event.speaker == holder && event.fault == *fault));
    let end = match fault {
        Fault::Hung => single(&group, Event { speaker: holder, fault: *fault }).end,
        _ => told.expect("a single failure").end.clone(),
    };
    // The script calls the first holder lb1.
    let called = |node: &str| if node == nodes[0] { "lb1" } else { "lb2" };
    let owner = end.holders(&group).map(|speaker| called(&speaker.node)).collect::<Vec<_>>().join("+");
    let limit = end.after.map_or(9.0, |after| after.most + 4.0);

    let scratch = tempfile::tempdir().expect("scratch");
    for node in nodes {
        let baked = plan.baked(node).expect("a node");
        for (path, file) in baked
            .files
            .iter()
            .filter(|(path, _)| path.starts_with("/etc/keepalived") || path.starts_with("/etc/haproxy"))
        {
            write(&scratch.path().join(called(node)).join(path.trim_start_matches('/')), &file.text, file.mode);
        }
    }
    let word = match fault {
        Fault::Node => "node",
        Fault::Haproxy => "haproxy",
        Fault::Hung => "hung",
        Fault::Link => "link",
        Fault::Keepalived => "keepalived",
    };
    let vip = if nodes[0] == "lb1" { "10.0.0.100" } else { "192.168.0.32" };
    let script = repository().join("tests/engines/vrrp.sh");
    let mut command = Command::new(script);
    command.arg(scratch.path()).args([word, vip, &format!("{limit:.0}")]);
    for (name, node) in ["LB1", "LB2"].into_iter().zip(nodes) {
        command.env(name, group.speakers[at(node)].address.to_string());
    }
    let output = run(&mut command);
    let said = said(&output);
    let (real, took) = said.trim().split_once(' ').unwrap_or((said.trim(), "-"));
    let foretold = end.after.map_or("stays".to_owned(), |after| after.to_string());
    let line = format!("{name}: foretold {owner} ({foretold}), real {real} ({took} s)");
    let close = match (end.after, took.parse::<f64>()) {
        (None, Err(_)) => true,
        (Some(after), Ok(took)) => (after.least - TOLERANCE..=after.most + TOLERANCE).contains(&took),
        _ => false,
    };
    if real == owner && close {
        return Ok(line);
    }
    let log = |node: &str| std::fs::read_to_string(scratch.path().join(node).join("log")).unwrap_or_default();
    let own = std::fs::read_to_string(scratch.path().join("log")).unwrap_or_default();
    Err(format!("{line}\n{own}\nlb1:\n{}\nlb2:\n{}", log("lb1"), log("lb2")))
}

fn write(path: &Path, text: &str, mode: Option<u32>) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
    std::fs::write(path, text).expect("file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode.unwrap_or(0o644))).expect("mode");
}
