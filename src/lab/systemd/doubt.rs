//! What would make a machine with systemd look well that is not: units that failed, are not enabled or are started again and again,
//! files that the engine did not write, cards that nobody configured, daemons that something else started.

use super::control::Control;
use super::{Machines, Seed};
use crate::lab::life::Life as _;
use crate::lab::process;
use crate::lab::result::Assertion;
use crate::lab::tree::Tree;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// Something to look at: what, what is to be seen, and why.
type Look = (&'static str, &'static str, &'static str, fn(&Machines, &Control, &Tree) -> Vec<String>);

const LOOKS: &[Look] = &[
    ("no unit has failed", "none", "", |_, control, _| control.units("failed")),
    ("nothing is still being started", "nothing", "", |_, control, _| control.units("activating")),
    ("every file is as it was baked", "all of them", "the engine wrote it, not bake", |_, control, tree| {
        unwritten(control, tree)
    }),
    ("the engine did all of its work", "everything", "", |_, control, tree| undone(control, tree)),
    ("every unit that is to be enabled is, and has been started", "all of them", "", |_, control, tree| {
        idle(control, tree)
    }),
    ("no daemon had to be started again", "none", "", |_, control, tree| again(control, tree)),
    ("every daemon runs in its own unit", "all of them", "systemd started it, and can stop it", strangers),
    ("every card was configured by the system's own network manager", "all of them", "", |_, control, tree| {
        cards(control, tree)
    }),
];

/// Looks at all machines that booted.
pub(super) fn doubts(machines: &Machines, all: &[(Control, &Tree)]) -> Vec<Assertion> {
    let names: Vec<&str> = all.iter().map(|(control, _)| control.node.as_str()).collect();
    let look = |(what, expected, why, find): &Look| {
        let found = all.iter().flat_map(|(control, tree)| {
            find(machines, control, tree).into_iter().map(|wrong| format!("{wrong} on {}", control.node))
        });
        let wrong: Vec<String> = found.collect();
        let shown = wrong.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
        let more = if wrong.len() > 4 { format!(", and {} more", wrong.len() - 4) } else { String::new() };
        Assertion {
            what: format!("{what} ({})", names.join(", ")),
            expected: (*expected).to_owned(),
            seen: if wrong.is_empty() { (*expected).to_owned() } else { shown + &more },
            passed: wrong.is_empty() && !names.is_empty(),
            why: (*why).to_owned(),
        }
    };
    LOOKS.iter().map(look).collect()
}

/// Files and links that are not on the machine as they were baked.
fn unwritten(control: &Control, tree: &Tree) -> Vec<String> {
    let root = format!("/proc/{}/root", control.first);
    // Engines and systemd write these themselves, after what was baked.
    let theirs = |path: &str| path == "/etc/hostname" || path == "/etc/machine-id";
    let files = tree.files.iter().filter(|(path, file)| {
        let place = format!("{root}{path}");
        let mode = fs::metadata(&place).map(|data| data.permissions().mode() & 0o7777).ok();
        !theirs(path) && (fs::read(&place).ok().as_ref() != Some(&file.bytes) || mode != Some(file.mode))
    });
    let links = tree.links.iter().filter(|(path, to)| {
        fs::read_link(format!("{root}{path}")).ok().is_none_or(|target| target.as_os_str() != to.as_str())
    });
    files.map(|(path, _)| path).chain(links.map(|(path, _)| path)).map(|path| format!("`{path}`")).collect()
}

/// What cloud-init and bake's own last step say about themselves. Ignition's end was seen before systemd's beginning.
fn undone(control: &Control, tree: &Tree) -> Vec<String> {
    let root = format!("/proc/{}/root", control.first);
    let read = |path: &str| fs::read_to_string(format!("{root}{path}")).unwrap_or_default();
    match Seed::of(tree) {
        Some(Seed::Ignition(_)) => {
            let ran = !read("/etc/.ignition-result.json").is_empty();
            if ran { vec![] } else { vec!["Ignition has left no result".to_owned()] }
        }
        Some(Seed::NoCloud(_)) => {
            let mut wrong = Vec::new();
            let result = read("/var/lib/bake/result");
            if result.trim() != "ok" {
                wrong.push(format!("the first boot ended with `{}`", result.trim()));
            }
            let said = read("/run/cloud-init/result.json");
            let said: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
            let errors = said.pointer("/v1/errors").and_then(serde_json::Value::as_array);
            match errors {
                None => wrong.push("cloud-init has left no result".to_owned()),
                Some(errors) => wrong.extend(errors.iter().map(ToString::to_string)),
            }
            wrong
        }
        None => vec!["nothing to provision it with".to_owned()],
    }
}

fn idle(control: &Control, tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for unit in &tree.enabled {
        let property = |name: &str| control.property(unit, name);
        let (enabled, active) = (property("UnitFileState"), property("ActiveState"));
        // A unit that a generator made is enabled by its being there.
        if !["enabled", "generated", "static"].contains(&enabled.as_str()) {
            wrong.push(format!("`{unit}` is {}", if enabled.is_empty() { "not there" } else { &enabled }));
        } else if active != "active" && property("Result") != "success" {
            wrong.push(format!("`{unit}` is {active}"));
        } else if active != "active" && !ran(control, unit) {
            wrong.push(format!("`{unit}` has not been started"));
        }
    }
    wrong
}

/// Whether a unit that does not run has run.
fn ran(control: &Control, unit: &str) -> bool {
    // A condition that does not hold is the unit's own word.
    !control.property(unit, "ExecMainStartTimestamp").is_empty() || control.property(unit, "ConditionResult") == "no"
}

fn again(control: &Control, tree: &Tree) -> Vec<String> {
    let units = tree.services.iter().map(|service| format!("{}.service", service.unit));
    let often = units.map(|unit| (control.property(&unit, "NRestarts"), unit)).filter(|(times, _)| times != "0");
    often.map(|(times, unit)| format!("`{unit}`, {times} times")).collect()
}

fn strangers(machines: &Machines, control: &Control, tree: &Tree) -> Vec<String> {
    let outside = |service: &&crate::lab::service::Service| {
        let unit = format!("/{}.service", service.unit);
        let all = machines.processes(&control.node, service.daemon);
        let inside = |pid: &process::Pid| {
            let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
            groups.lines().any(|line| line.starts_with("0::") && line.contains(&unit))
        };
        all.is_empty() || !all.iter().all(inside)
    };
    tree.services.iter().filter(outside).map(|service| service.daemon.title().to_owned()).collect()
}

/// Cards of which the network manager does not say that it has configured them with what was baked.
fn cards(control: &Control, tree: &Tree) -> Vec<String> {
    let networkd = matches!(Seed::of(tree), Some(Seed::Ignition(_)));
    let state = |card: &str| {
        if networkd {
            // `networkctl list` has it in its last column.
            let shown = control.run(&["networkctl", "--no-legend", "--no-pager", "list", card]).unwrap_or_default();
            shown.split_whitespace().last() == Some("configured")
        } else {
            let words = ["nmcli", "--terse", "--fields", "GENERAL.STATE,GENERAL.CONNECTION", "device", "show", card];
            let shown = control.run(&words).unwrap_or_default();
            shown.contains("GENERAL.STATE:100 (connected)") && !shown.contains("externally")
        }
    };
    tree.cards.iter().filter(|card| !state(&card.name)).map(|card| format!("`{}`", card.name)).collect()
}
