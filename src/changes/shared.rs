//! What is about all machines together: the summary, the hand-over, and what the order of steps depends on.

use super::{Seen, Side};
use crate::diag::{Code, Diagnostic, Sink};
use crate::diff::handover::{self, Handover};
use crate::diff::rollout::{Election, Member, Situation, served};
use crate::diff::{self, Change, Machine, Topic, Verdict};
use crate::emit;
use crate::model::summary::{self, Summary};
use crate::topology::summary::restored;
use crate::topology::vrrp::Speaker;
use std::collections::{BTreeMap, BTreeSet};

/// The summary of a side; an output without one is none that can be put in order.
pub(super) fn summary(side: &Side<'_>, files: &BTreeMap<String, Vec<u8>>, sink: &mut Sink) -> Option<Summary> {
    let Some(bytes) = files.get("cluster.json") else {
        let message = format!("`{}` has no `cluster.json`: who may hold which address is not known", side.name());
        sink.push(Diagnostic::new(Code::NotComparable, message).hint("build it again with this bake"));
        return None;
    };
    match emit::summary::parse(bytes) {
        Ok(summary) if summary.format == summary::FORMAT => Some(summary),
        Ok(other) => {
            let message = format!(
                "`{}/cluster.json` has format {}; this bake reads {}",
                side.name(),
                other.format,
                summary::FORMAT
            );
            sink.push(Diagnostic::new(Code::NotComparable, message).hint("build it again with this bake"));
            None
        }
        Err(why) => {
            sink.push(side.damaged(&format!("`cluster.json` is not understood: {why}")));
            None
        }
    }
}

/// What a side tells the hypervisor. A build of some nodes may have nothing to tell.
pub(super) fn handover(side: &Side<'_>, files: &BTreeMap<String, Vec<u8>>, sink: &mut Sink) -> Handover {
    let Some(bytes) = files.get("terraform/main.tf.json") else { return Handover::default() };
    handover::read(&String::from_utf8_lossy(bytes)).unwrap_or_else(|why| {
        sink.push(side.damaged(&format!("`terraform/main.tf.json` is not understood: {why}")));
        Handover::default()
    })
}

/// Roles are in the summary, not in a node's artefacts.
pub(super) fn roles(summaries: &[Option<Summary>; 2], all: &mut BTreeMap<&str, Seen>) {
    let of = |at: usize| -> BTreeMap<&str, String> {
        let nodes = summaries[at].iter().flat_map(|summary| &summary.nodes);
        nodes.map(|node| (node.name.as_str(), node.roles.join(", "))).collect()
    };
    let mut sides = [of(0), of(1)];
    for (name, seen) in all {
        let mut machines = [Machine::default(), Machine::default()];
        for (at, machine) in machines.iter_mut().enumerate().filter(|(at, _)| seen.ids[*at].is_some()) {
            if let Some(roles) = sides[at].remove(name) {
                machine.item(Topic::Machine, "roles").set("names", roles);
            }
        }
        seen.changes.splice(0..0, diff::compare(&machines[0], &machines[1]));
    }
}

/// A node that is not as it was; `None` if it is.
pub(super) fn node(name: &str, seen: &Seen, handovers: &[Handover; 2]) -> Option<diff::Node> {
    let nothing = Machine::default();
    let [before, after] = [0, 1].map(|at| handovers[at].machines.get(name));
    let handover = diff::compare(before.unwrap_or(&nothing), after.unwrap_or(&nothing));
    if seen.changes.is_empty() && handover.is_empty() && !seen.content {
        return None;
    }
    let there = (seen.ids[0].is_some(), seen.ids[1].is_some());
    let (verdict, because) = diff::verdict(there, seen.content, &handover);
    let made = before.is_some() || after.is_some() || handovers.iter().all(|one| one.machines.is_empty());
    let lost = seen.traits[0].as_ref().map(|traits| traits.lost.as_slice()).unwrap_or_default();
    let warnings = diff::warnings(verdict, &handover, lost, made);
    let mut changes = seen.changes.clone();
    if matches!(verdict, Verdict::Create | Verdict::Destroy) {
        // Everything is: what it holds is in the build.
        for change in &mut changes {
            change.diff = None;
        }
    }
    Some(diff::Node { verdict, because, changes, handover, warnings })
}

/// What changes in the files about all machines, beyond what the nodes say themselves.
pub(super) fn changes(
    files: &[BTreeMap<String, Vec<u8>>; 2],
    handovers: &[Handover; 2],
    seen: &BTreeMap<&str, Seen>,
    nodes: &BTreeMap<String, diff::Node>,
) -> Vec<Change> {
    let mut changes = diff::compare(&handovers[0].shared, &handovers[1].shared);
    // Instance-ids follow from the nodes' contents.
    let ids: BTreeMap<&str, String> = seen
        .iter()
        .flat_map(|(name, seen)| seen.ids.iter().flatten().map(move |id| (id.as_str(), format!("{name}-ID"))))
        .collect();
    let plain = |own: usize| -> BTreeMap<String, Vec<u8>> {
        let differ = files[own].iter().filter(|(path, bytes)| files[1 - own].get(*path) != Some(*bytes));
        differ.map(|(path, bytes)| (path.clone(), without_ids(bytes, &ids))).collect()
    };
    let told = !changes.is_empty() || nodes.values().any(|node| node.verdict != Verdict::Nothing);
    let mut rest = diff::artefacts(&plain(0), &plain(1));
    if told {
        for change in &mut rest {
            change.diff = None;
        }
    }
    changes.extend(rest);
    changes
}

/// A text with other names for instance-ids. They stand alone between blanks, quotation marks and slashes, or before the
/// ending of a file's name.
fn without_ids(bytes: &[u8], ids: &BTreeMap<&str, String>) -> Vec<u8> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '/');
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    for piece in text.split_inclusive(ends) {
        let word = piece.trim_end_matches(ends);
        let stem = word.rsplit_once('.').map_or(word, |(stem, _)| stem);
        let id = if ids.contains_key(word) { word } else { stem };
        plain.push_str(ids.get(id).map_or(id, String::as_str));
        plain.push_str(&piece[id.len()..]);
    }
    plain.into_bytes()
}

/// Everything that the order of steps depends on.
pub(super) fn situation(
    seen: &BTreeMap<&str, Seen>,
    nodes: &BTreeMap<String, diff::Node>,
    summaries: &[Option<Summary>; 2],
    handovers: &[Handover; 2],
    max_unavailable: usize,
) -> Situation {
    let member = |(name, seen): (&&str, &Seen)| Member {
        name: (*name).to_owned(),
        verdict: nodes.get(*name).map_or(Verdict::Nothing, |node| node.verdict),
        made: handovers.iter().any(|one| one.machines.contains_key(*name)),
        old: seen.traits[0].clone(),
        new: seen.traits[1].clone(),
        host: summaries.iter().flatten().any(|one| one.networks.iter().any(|net| net.host.as_deref() == Some(*name))),
        names: summaries.iter().flatten().any(|summary| served(summary, name).0),
        only: summaries[0].as_ref().map(|summary| served(summary, name).1).unwrap_or_default(),
    };
    let vips: BTreeSet<&String> = summaries.iter().flatten().flat_map(|one| &one.vips).map(|vip| &vip.name).collect();
    let election = |vip: &&String| Election {
        vip: (*vip).clone(),
        old: speakers(summaries[0].as_ref(), vip, seen, 0),
        new: speakers(summaries[1].as_ref(), vip, seen, 1),
    };
    Situation {
        members: seen.iter().map(member).collect(),
        elections: vips.iter().map(election).collect(),
        max_unavailable,
    }
}

/// Who takes part in the election of a VIP, on one side.
fn speakers(summary: Option<&Summary>, vip: &str, seen: &BTreeMap<&str, Seen>, at: usize) -> Vec<Speaker> {
    let vip = summary.and_then(|summary| summary.vips.iter().find(|own| own.name == vip));
    let all = vip
        .into_iter()
        .flat_map(|vip| vip.election.iter().flat_map(|election| &election.speakers).map(move |own| (vip, own)));
    all.map(|(vip, made)| {
        let known = seen.get(made.node.as_str()).map(|seen| &seen.passwords[at]);
        restored(made, known.and_then(|known| known.get(&vip.address)).cloned())
    })
    .collect()
}
