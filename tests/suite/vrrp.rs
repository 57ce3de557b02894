//! Rules about Keepalived and HAProxy: `tests/cases/check/{vrrp,haproxy}-*.txt` change the project in `vip.project`.
//! `<code>-fires.txt` gives the code and nothing else, and says it as in `<code>-fires.expected` (`BLESS=1` rewrites
//! that); `<code>-quiet.txt` gives nothing.
//!
//! A section is a whole file, or `=== path (changed)`: lines with `-` are replaced by the lines with `+` that follow.

#[path = "vrrp/keepalived.rs"]
mod keepalived;

use crate::profiles::report;
use crate::support::{bake, repository, run, said};
use bake::diag::Code;
use bake::world::memory::MemoryWorld;
use bake::{Plan, Request, plan};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

fn folder() -> PathBuf {
    repository().join("tests/cases/check")
}

type Files = BTreeMap<String, String>;

fn sections(text: &str) -> Vec<(String, String)> {
    let parts = format!("\n{text}");
    let sections = parts.split("\n=== ").skip(1).map(|part| part.split_once('\n').unwrap_or((part, "")));
    sections.map(|(head, body)| (head.to_owned(), format!("{}\n", body.trim_end_matches('\n')))).collect()
}

/// The base with the changes of a case.
fn project(case: &str) -> Files {
    let base = std::fs::read_to_string(folder().join("vip.project")).expect("vip.project");
    let mut files: Files = sections(&base).into_iter().collect();
    for (head, body) in sections(case) {
        match head.strip_suffix(" (changed)") {
            Some(path) => {
                let file = files.get_mut(path).unwrap_or_else(|| panic!("no file {path}"));
                *file = changed(path, file, &body);
            }
            None => drop(files.insert(head, body)),
        }
    }
    files
}

/// `text` with the lines of a changed section: those with `-` are replaced by the lines with `+` that follow. Changes
/// are apart by empty lines.
pub fn changed(path: &str, text: &str, changes: &str) -> String {
    let mut text = text.to_owned();
    for change in changes.split("\n\n") {
        let lines = |sign| -> String {
            change.lines().filter_map(|line| line.strip_prefix(sign)).map(|line| format!("{line}\n")).collect()
        };
        let old = lines('-');
        // What is written within a line is replaced there.
        let (old, new) = if text.contains(&old) {
            (old, lines('+'))
        } else {
            (old.trim_end().to_owned(), lines('+').trim_end().to_owned())
        };
        assert!(text.contains(&old), "{path} has no such lines:\n{old}");
        text = text.replacen(&old, &new, 1);
    }
    text
}

fn planned(files: Files) -> Plan {
    let mut world = MemoryWorld::new();
    for (path, text) in files {
        match path.strip_prefix("env ") {
            Some(name) => world.env(name, text.trim_end()),
            None => world.file(path, text),
        };
    }
    plan(&world, &Request { profiles: "profiles".to_owned(), nodes: Vec::new() })
}

/// Whether this file has the cases of a rule.
pub fn covers(code: Code) -> bool {
    code.is_rule() && (code.id().starts_with("vrrp-") || code.id().starts_with("haproxy-"))
}

#[test]
fn every_rule_has_a_case_that_fires_and_one_that_does_not() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = String::new();
    let mut seen = 0;
    for code in Code::ALL.iter().copied().filter(|code| covers(*code)) {
        let (fires, quiet) = code.example().expect("a rule has an example");
        let plan = planned(project(quiet));
        let shown = report(&plan.sources, &plan.check(1));
        if !shown.is_empty() {
            let _ = writeln!(wrong, "--- {} is not quiet\n{shown}", code.id());
        }
        let plan = planned(project(fires));
        let found = plan.check(1);
        let shown = report(&plan.sources, &found);
        if found.is_empty() || found.iter().any(|one| one.code != code) {
            let _ = writeln!(wrong, "--- {} does not fire alone\n{shown}", code.id());
        }
        assert!(!shown.contains("-fak"), "{}: shows a secret", code.id());
        let path = folder().join(format!("{}-fires.expected", code.id()));
        if bless {
            std::fs::write(&path, &shown).expect("case");
        } else if std::fs::read_to_string(&path).unwrap_or_default() != shown {
            let _ = writeln!(wrong, "--- {}\n{shown}", path.display());
        }
        seen += 1;
    }
    assert!(wrong.is_empty(), "BLESS=1 accepts:\n{wrong}");
    assert!(seen >= 24, "{seen} rules");
}

/// The wrong values of the documents that the examples are made from.
#[test]
fn what_the_documents_have_wrong_is_found() {
    let codes = |case: &str| {
        let plan = planned(project(case));
        let found = plan.check(1);
        (found.iter().map(|one| one.code.id()).collect::<Vec<_>>(), report(&plan.sources, &found))
    };
    let role = "=== profiles/roles/balancer.yaml (changed)\n-  vrrp_weight: -60\n+  vrrp_weight: -10\n";
    let priority = |node: &str, from: u8, to: u8| {
        format!("=== profiles/nodes/{node}.yaml (changed)\n-{{default: {from}}}\n+{{default: {to}}}\n")
    };
    let third = "=== profiles/nodes/lb3.yaml\nos: almalinux\nroles: [balancer]\ninterfaces:\n  \
        - {name: eth0, network: lan, address: 10.0.0.13, mac: \"52:54:00:00:00:13\"}\nvrrp_priority: {default: 100}\n";
    let trio = format!("{role}{third}{}{}", priority("lb1", 150, 120), priority("lb2", 100, 110));
    let (found, shown) = codes(&trio);
    assert_eq!(found, ["vrrp-no-failover"; 2], "{shown}");
    assert!(
        shown.contains("its priority `120` with the weight `-10` is `110`, equal to the `110` of `lb2`"),
        "{shown}"
    );
    let inverted = format!("{role}{}{}", priority("lb1", 150, 100), priority("lb2", 100, 110));
    assert!(codes(&inverted).1.contains("when HAProxy fails on `lb2`"), "{}", codes(&inverted).1);
    assert_eq!(codes("=== env VRRP_PASSWORD\nabcd\n").0, ["weak-secret"]);
    let literal = "=== butane/files/keepalived.conf.j2 (changed)\n-\"{{ secrets.vrrp_password }}\"\n+abcd\n";
    assert!(codes(literal).0.contains(&"vrrp-auth"), "{}", codes(literal).1);
}

/// Who asks only the other balancer gives up when that one dies.
#[test]
fn a_script_that_asks_the_wrong_ones_is_found() {
    let found = |others: &str| {
        let case = format!(
            "=== butane/files/check.sh\n#!/bin/sh\nwget -q -T 1 -O /dev/null http://127.0.0.1:8404/ || exit 1\n\
             for one in {others}; do ping -c 1 -W 1 $one && exit 0; done\nexit 1\n=== profiles/roles/balancer.yaml (changed)\n-  vrrp_weight: -60\n+  vrrp_weight: 0\n"
        );
        let plan = planned(project(&case));
        report(&plan.sources, &plan.check(1))
    };
    // Its own address does not count.
    let shown = found("10.0.0.11 10.0.0.12");
    assert!(shown.contains("is held by nobody, although a healthy node is left"), "{shown}");
    assert!(shown.contains("let the script ask somebody else as well"), "{shown}");
    assert_eq!(found("10.0.0.11 10.0.0.12 10.0.0.254"), "");
}

#[test]
fn the_election_is_explained_in_words() {
    let bake = |args: &[&str]| {
        let output = run(bake().current_dir(repository()).arg("explain").args(args));
        (output.status.code(), said(&output))
    };
    let (status, text) = bake(&["vip", "api"]);
    assert_eq!(status, Some(0), "{text}");
    for part in [
        "api: 192.168.0.32 on the network lan, virtual router 51",
        "loadbalancer1  150       gives up",
        "The highest priority wins: loadbalancer1 holds the VIP, 3.4 s after the start.",
        "HAProxy fails on loadbalancer1          loadbalancer2  1.6 to 2.6 s",
        "HAProxy hangs on loadbalancer1          loadbalancer2  2.6 to 4.6 s",
        "Keepalived is stopped on loadbalancer1  loadbalancer2  0.6 s",
        "loadbalancer1 is cut off from the rest  loadbalancer2  2.6 to 3.6 s",
        "loadbalancer2 is cut off from the rest  loadbalancer1  stays",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(!text.contains("ingress: "));
    assert!(bake(&["vip"]).1.contains("ingress: "));
    let (status, text) = bake(&["vip", "ingres"]);
    assert!(status == Some(1) && text.contains("did you mean `ingress`?"), "{text}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    /// Whatever stands in the templates, the rules and the election have an answer and do not panic.
    #[test]
    fn damaged_configurations_do_not_panic(which in 0usize..2, at in 0usize..2048, cut in 0usize..24, piece in 0usize..12) {
        const PIECES: &[&str] = &["", "{", "}", "\"", " 99999999999999 ", "é", "\n", " nan ", "-", " 0 ", ":", " # "];
        let mut files = project("");
        let path = ["butane/files/keepalived.conf.j2", "butane/files/haproxy.cfg.j2"][which];
        let text = files[path].clone();
        let mut start = at % text.len();
        let mut end = (start + cut).min(text.len());
        while !text.is_char_boundary(start) { start -= 1; }
        while !text.is_char_boundary(end) { end += 1; }
        files.insert(path.to_owned(), format!("{}{}{}", &text[..start], PIECES[piece], &text[end..]));
        let plan = planned(files);
        let shown = report(&plan.sources, &plan.check(1));
        proptest::prop_assert!(!shown.contains("-fak"));
        proptest::prop_assert!(plan.explain_vip(None).is_ok());
    }
}
