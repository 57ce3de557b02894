//! The election of a VIP in words.

use super::super::Overview;
use super::configs;
use super::group::{Wanted, groups};
use crate::diag::{Code, Diagnostic, suggest};
use crate::topology::vrrp::{self, Event, Fault, Finding, Health, Trouble, findings};
use std::fmt::Write as _;

/// Who holds the VIP called `name` (or each VIP) after which failures, as a table.
///
/// # Errors
/// When no VIP has this name.
pub fn explain(overview: &Overview<'_>, name: Option<&str>) -> Result<String, Diagnostic> {
    let vips = &overview.cluster.vips;
    if let Some(name) = name
        && !vips.iter().any(|vip| vip.name == name)
    {
        let mut found = Diagnostic::new(Code::UnknownName, format!("no VIP is called `{}`", name.escape_debug()));
        found.hint = suggest::hint(name, vips.iter().map(|vip| vip.name.as_str()));
        return Err(found);
    }
    if vips.is_empty() {
        return Ok("The cluster declares no VIP.\n".to_owned());
    }
    let configs = configs(overview);
    let groups = groups(overview.cluster, &configs);
    let mut text = String::new();
    for vip in vips.iter().filter(|vip| name.is_none_or(|name| vip.name == name)) {
        if !text.is_empty() {
            text.push('\n');
        }
        let wanted =
            groups.iter().find(|group| group.address == vip.address.value || group.others.contains(&vip.address.value));
        let _ = write!(text, "{}: {} on the network {}", vip.name, vip.address, vip.network);
        match wanted {
            Some(wanted) => {
                let _ = writeln!(text, ", virtual router {}\n", vip.virtual_router_id);
                candidates(&mut text, wanted);
                stories(&mut text, wanted);
            }
            None => text.push_str("\n\nNo machine's Keepalived has this address: nobody will ever hold it.\n"),
        }
    }
    Ok(text)
}

const WELL: Health = Health::GOOD;
const ILL: Health = Health { haproxy: false, ..WELL };

fn candidates(text: &mut String, wanted: &Wanted<'_>) {
    let speakers = &wanted.group.speakers;
    let mut order: Vec<usize> = (0..speakers.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse((speakers[*at].priority, speakers[*at].address)));
    let shown = |health| {
        move |at: &usize| match speakers[*at].effective(health) {
            Some(priority) => priority.to_string(),
            None => "gives up".to_owned(),
        }
    };
    let rows = order.iter().map(|at| [speakers[*at].node.clone(), shown(WELL)(at), shown(ILL)(at)]).collect();
    table(text, ["candidate", "priority", "while its HAProxy is down"], rows);
    let start = wanted.group.start();
    match start.holders(&wanted.group).map(|speaker| speaker.node.as_str()).collect::<Vec<_>>().as_slice() {
        [one] => {
            let after = start.after.map(|after| format!(", {after} after the start")).unwrap_or_default();
            let _ = writeln!(text, "\nThe highest priority wins: {one} holds the VIP{after}.");
        }
        [] => text.push_str("\nNobody can hold the VIP.\n"),
        several => {
            let _ = writeln!(text, "\nThey do not hear each other: {} hold the VIP at once.", several.join(" and "));
        }
    }
    let preempts = speakers.iter().all(|speaker| speaker.preempts);
    text.push_str(if preempts {
        "A backup takes over from a lower priority, never from an equal one; the first holder gets the VIP back when it is well.\n\n"
    } else {
        "A backup takes over when the holder is silent or gives up, never because its own priority is higher.\n\n"
    });
}

fn stories(text: &mut String, wanted: &Wanted<'_>) {
    let all = findings(&wanted.group, &wanted.faults);
    let mut single = Vec::new();
    for one in all.iter().filter(|one| one.events.len() == 1) {
        single.push(row(wanted, one));
        let dies = one.events.iter().find(|event| event.fault == Fault::Haproxy);
        let hangs = dies.map(|event| Event { fault: Fault::Hung, ..*event });
        single.extend(hangs.map(|event| row(wanted, &vrrp::single(&wanted.group, event))));
    }
    single.extend((0..wanted.group.speakers.len()).map(|at| cut_off(wanted, at)));
    table(text, ["what fails", "VIP on", "after"], single);
    // Of two failures, those that end badly, and of the others those that the holder begins, told for machines and
    // HAProxy only: a lost link or a stopped Keepalived leaves the same to the rest as a dead machine.
    let holders = wanted.group.start().masters;
    let plain = |event: &Event| matches!(event.fault, Fault::Node | Fault::Haproxy);
    let telling = |one: &&Finding| match one.events.as_slice() {
        [first, second] if first.speaker != second.speaker => {
            one.trouble.is_some() || (holders.contains(&first.speaker) && one.events.iter().all(plain))
        }
        _ => false,
    };
    let pairs: Vec<[String; 3]> = all.iter().filter(telling).map(|one| row(wanted, one)).collect();
    if !pairs.is_empty() {
        text.push('\n');
        table(text, ["what fails, and what then", "VIP on", "after that"], pairs);
    }
}

/// One that nothing gets through to: two with the address do not see each other then, nor does anybody see both.
fn cut_off(wanted: &Wanted<'_>, at: usize) -> [String; 3] {
    let (apart, _) = wanted.group.partitioned(&wanted.group.start(), at);
    let holders: Vec<&str> = apart.holders(&wanted.group).map(|speaker| speaker.node.as_str()).collect();
    let (holder, stays) = match holders.as_slice() {
        [] => ("nobody".to_owned(), "-"),
        [one] => ((*one).to_owned(), "stays"),
        several => (format!("{}, each on its side", several.join(" and ")), "stays"),
    };
    let after = apart.after.map_or(stays.to_owned(), |after| after.to_string());
    [format!("{} is cut off from the rest", wanted.group.speakers[at].node), holder, after]
}

fn row(wanted: &Wanted<'_>, finding: &Finding) -> [String; 3] {
    let speakers = &wanted.group.speakers;
    let events =
        finding.events.iter().map(|event| event.fault.describe(&speakers[event.speaker].node).replace('`', ""));
    let holders: Vec<&str> = finding.end.holders(&wanted.group).map(|speaker| speaker.node.as_str()).collect();
    let holder = match finding.trouble {
        Some(Trouble::Useless) => format!("{}, WHICH DOES NOT SERVE", holders.join(", ")),
        Some(Trouble::Several) => format!("{} AT ONCE", holders.join(" AND ")),
        Some(Trouble::Nobody) => "NOBODY".to_owned(),
        None if holders.is_empty() => "nobody: none is left".to_owned(),
        None if !finding.end.health.iter().any(|health| health.serves()) => {
            format!("{}: none that serves is left", holders.join(", "))
        }
        None => holders.join(", "),
    };
    let stays = if holders.is_empty() { "-" } else { "stays" };
    let after = finding.end.after.map_or(stays.to_owned(), |after| after.to_string());
    [events.collect::<Vec<_>>().join(", then "), holder, after]
}

/// Columns as wide as their widest cell.
fn table(text: &mut String, head: [&str; 3], rows: Vec<[String; 3]>) {
    let mut all = vec![head.map(str::to_owned)];
    all.extend(rows);
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    for [a, b, c] in &all {
        let line = format!("  {a:first$}  {b:second$}  {c}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
}
