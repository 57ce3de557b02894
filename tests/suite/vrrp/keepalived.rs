//! The real Keepalived agrees: the same files, in namespaces, with what was foretold.

use super::{planned, project};
use crate::support::{engine, repository, root, run, said};
use bake::topology::vrrp::Fault;
use std::path::Path;
use std::process::Command;

/// How far the real time may be from the foretold one.
const TOLERANCE: f64 = 1.5;

/// Name, changes, what fails on the holder.
const SCENARIOS: &[(&str, &str, Fault)] = &[
    ("weight", "", Fault::Haproxy),
    ("node", "", Fault::Node),
    ("link", "", Fault::Link),
    ("stop", "", Fault::Keepalived),
    ("fault", WITHOUT_WEIGHT, Fault::Haproxy),
    ("tie", TIE, Fault::Haproxy),
];

/// No weight: an ill master gives up and says so.
const WITHOUT_WEIGHT: &str = "=== profiles/roles/balancer.yaml (changed)\n-  vrrp_weight: -60\n+  vrrp_weight: 0\n";

/// What the gap and the weight make equal.
const TIE: &str = "=== profiles/roles/balancer.yaml (changed)\n-  vrrp_weight: -60\n+  vrrp_weight: -10\n\
    === profiles/nodes/lb1.yaml (changed)\n-{default: 150}\n+{default: 110}\n";

/// A connection is enough to see that HAProxy is gone, and takes no program that may be missing.
const SCRIPT: &str = "=== butane/files/check.sh\n#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/8404\n";

#[test]
fn the_real_keepalived_does_what_was_foretold() {
    if !root() || ["keepalived", "haproxy", "unshare", "ip"].iter().any(|name| engine(name).is_none()) {
        return;
    }
    let results: Vec<Result<String, String>> = std::thread::scope(|scope| {
        let started: Vec<_> = SCENARIOS.iter().map(|scenario| scope.spawn(move || play(*scenario))).collect();
        started.into_iter().map(|thread| thread.join().expect("thread")).collect()
    });
    let told: Vec<String> = results.iter().map(|result| result.clone().unwrap_or_else(|wrong| wrong)).collect();
    eprintln!("{}", told.join("\n"));
    assert!(results.iter().all(Result::is_ok), "{}", told.join("\n"));
}

/// Foretells and plays one scenario.
fn play((name, changes, fault): (&str, &str, Fault)) -> Result<String, String> {
    let plan = planned(project(&format!("{SCRIPT}{changes}")));
    let (group, findings) = plan.election("api").expect("a VIP");
    let holder = group.speakers.iter().position(|speaker| speaker.node == "lb1").expect("lb1");
    let told = findings
        .iter()
        .find(|one| matches!(one.events.as_slice(), [event] if event.speaker == holder && event.fault == fault));
    let end = &told.expect("a single failure").end;
    let owner = end.holders(&group).map(|speaker| speaker.node.as_str()).collect::<Vec<_>>().join("+");
    let limit = end.after.map_or(9.0, |after| after.most + 4.0);

    let scratch = tempfile::tempdir().expect("scratch");
    for node in ["lb1", "lb2"] {
        let baked = plan.baked(node).expect("a node");
        for (path, file) in baked
            .files
            .iter()
            .filter(|(path, _)| path.starts_with("/etc/keepalived") || path.starts_with("/etc/haproxy"))
        {
            write(&scratch.path().join(node).join(path.trim_start_matches('/')), &file.text, file.mode);
        }
    }
    let word = match fault {
        Fault::Node => "node",
        Fault::Haproxy => "haproxy",
        Fault::Link => "link",
        Fault::Keepalived => "keepalived",
    };
    let script = repository().join("tests/engines/vrrp.sh");
    let mut command = Command::new(script);
    command.arg(scratch.path()).args([word, "10.0.0.100", &format!("{limit:.0}")]);
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
