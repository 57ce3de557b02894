//! The order of units at boot: a cycle makes systemd drop a unit of its choice.

use super::{BakedUnit, View, text::entries};
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::profile::node::Os;
use std::collections::{BTreeMap, BTreeSet};

/// What images bring: the first starts after the second (bootup(7); cloud-init's own units).
const VENDOR: &[(&str, &str)] = &[
    ("sysinit.target", "local-fs.target"),
    ("sysinit.target", "systemd-modules-load.service"),
    ("sysinit.target", "systemd-sysctl.service"),
    ("sysinit.target", "systemd-tmpfiles-setup.service"),
    ("local-fs.target", "local-fs-pre.target"),
    ("basic.target", "sysinit.target"),
    ("basic.target", "sockets.target"),
    ("multi-user.target", "basic.target"),
    ("systemd-networkd.service", "network-pre.target"),
    ("NetworkManager.service", "network-pre.target"),
    ("network.target", "systemd-networkd.service"),
    ("network.target", "NetworkManager.service"),
    ("network.target", "network-pre.target"),
    ("network-online.target", "network.target"),
    ("docker.service", "basic.target"),
    ("docker.service", "network-online.target"),
    ("remote-fs.target", "remote-fs-pre.target"),
];

/// cloud-init on EL.
const CLOUD: &[(&str, &str)] = &[
    ("network-pre.target", "cloud-init-local.service"),
    ("network-online.target", "cloud-init.service"),
    ("cloud-init.service", "network.target"),
    ("cloud-config.service", "network-online.target"),
    ("cloud-config.service", "cloud-init.service"),
    ("cloud-final.service", "cloud-config.service"),
    ("cloud-final.service", "multi-user.target"),
    ("cloud-init.target", "cloud-final.service"),
];

/// Who starts after whom.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Reports one cycle, if there is any.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    let mut graph = Graph::new();
    let mut add = |later: &str, earlier: &str| {
        graph.entry(later.to_owned()).or_default().insert(earlier.to_owned());
    };
    let cloud = if view.node.os == Os::Flatcar { &[] } else { CLOUD };
    for (later, earlier) in VENDOR.iter().chain(cloud) {
        add(later, earlier);
    }
    let quadlets = view.baked.files.iter().filter_map(|(path, file)| {
        let name = path.strip_prefix("/etc/containers/systemd/")?.strip_suffix(".container")?;
        Some((
            format!("{name}.service"),
            BakedUnit { text: Some(file.clone()), origin: file.origin, ..BakedUnit::default() },
        ))
    });
    let quadlets: BTreeMap<String, BakedUnit> = quadlets.collect();
    let own = view.baked.units.iter().chain(&quadlets).filter(|(_, unit)| !unit.mask);
    for (name, unit) in own {
        edges(name, unit, &mut add);
    }
    let Some(cycle) = cycle(&graph) else { return };
    let mine = |name: &&String| view.baked.units.get(*name).or_else(|| quadlets.get(*name));
    let origin = cycle.iter().find_map(|name| mine(&name)).and_then(|unit| {
        unit.text.as_ref().or(unit.dropins.values().next()).and_then(|file| file.origin).or(unit.origin)
    });
    let list: Vec<String> = cycle.iter().chain(cycle.first()).map(|name| format!("`{name}`")).collect();
    let message = format!("units wait for each other: {}", list.join(" after "));
    let hint = "take one of the orders out (`After=`, `Before=`, `WantedBy=`)";
    sink.push(Diagnostic::new(Code::UnitCycle, message).at(origin).hint(hint));
}

fn edges(name: &str, unit: &BakedUnit, add: &mut impl FnMut(&str, &str)) {
    let texts = unit.text.iter().chain(unit.dropins.values());
    let found: Vec<_> = texts.flat_map(|file| entries(&file.text)).collect();
    let defaults = !found.iter().any(|entry| entry.key == "DefaultDependencies" && is_no(&entry.value));
    let target = name.ends_with(".target");
    for entry in &found {
        for other in entry.value.split_whitespace() {
            match (entry.section, entry.key) {
                ("Unit", "After") => add(name, other),
                ("Unit", "Before") => add(other, name),
                // A target starts after what it pulls in (systemd.target(5)).
                ("Install", "WantedBy" | "RequiredBy") if defaults && other.ends_with(".target") => add(other, name),
                ("Unit", "Wants" | "Requires") if target && defaults => add(name, other),
                _ => {}
            }
        }
    }
    if defaults && unit.text.is_some() {
        match name.rsplit('.').next() {
            Some("service") => {
                add(name, "basic.target");
                add(name, "sysinit.target");
            }
            Some("timer" | "socket" | "path") => add(name, "sysinit.target"),
            _ => {}
        }
    }
}

fn is_no(value: &str) -> bool {
    matches!(value, "no" | "false" | "0" | "off")
}

/// One cycle, each unit after the next one.
fn cycle(graph: &Graph) -> Option<Vec<String>> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in graph.keys() {
        // Units on the way from `start`, each with what it still has to look at.
        let mut way: Vec<(&str, Vec<&str>)> = Vec::new();
        let next = |name: &str| -> Vec<&str> { graph.get(name).into_iter().flatten().map(String::as_str).collect() };
        if !done.contains(start.as_str()) {
            way.push((start, next(start)));
        }
        while let Some((name, rest)) = way.last_mut() {
            let Some(other) = rest.pop() else {
                done.insert(name);
                way.pop();
                continue;
            };
            if let Some(at) = way.iter().position(|(name, _)| *name == other) {
                return Some(way[at..].iter().map(|(name, _)| (*name).to_owned()).collect());
            }
            if !done.contains(other) {
                way.push((other, next(other)));
            }
        }
    }
    None
}
