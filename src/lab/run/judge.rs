//! What has to be so of an address, whatever was foretold of where it goes.

use super::super::bench::Bench;
use super::super::probe::Tried;
use super::super::result::{Assertion, HANDOVER_MS, Held, Move};
use super::super::scenario::CALM_MS;
use super::assertion;
use crate::model::summary::Vip;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// How long clients may take to notice that an address has moved: Linux believes a new owner one second after the last one
/// (`locktime`, arp(7)).
const NOTICE_MS: u32 = 1100;

/// A connection that is begun so shortly before the next thing happens may meet it: it says nothing about what was before.
const UNDER_WAY_MS: u32 = 250;

/// What was seen of an address.
pub(super) struct Seen<'a> {
    pub(super) vip: &'a Vip,
    pub(super) held: &'a [Held],
    pub(super) moves: &'a [Move],
    /// When each move's time is over.
    pub(super) ends: &'a [u32],
    /// Connections that were tried, by who tried them.
    pub(super) tried: &'a [(String, Vec<Tried>)],
}

pub(super) fn judge(bench: &Bench, seen: &Seen<'_>) -> Vec<Assertion> {
    let (mut several, mut unanswered, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
    let mut before_torn = false;
    for (one, until) in seen.moves.iter().zip(seen.ends) {
        let owners = one.predicted.as_ref().map(|predicted| &predicted.owners);
        let longest = longest_several(seen.held, one.since_ms, *until);
        // What is cut off from the others holds what it held: several are foretold, and clients see one of them.
        let torn = owners.is_some_and(|owners| owners.len() > 1);
        // When they are joined again, it takes as long as was foretold.
        let joined = one.predicted.as_ref().filter(|_| std::mem::replace(&mut before_torn, torn));
        let allowed = joined.map_or(HANDOVER_MS, |predicted| predicted.most_ms + predicted.tolerance_ms);
        if !torn && longest > allowed {
            several.push(format!("{longest} ms, from {:.1} s on", f64::from(one.since_ms) / 1000.0));
        }
        if owners.is_none_or(|owners| owners.len() != 1) {
            continue;
        }
        // Once it has moved, everything is answered, and by whoever holds it.
        let from = (one.since_ms + one.measured.moved_ms.unwrap_or(0) + NOTICE_MS).max(until.saturating_sub(CALM_MS));
        let meant = from..until.saturating_sub(UNDER_WAY_MS);
        let own: BTreeSet<Ipv4Addr> = one.measured.owners.iter().flat_map(|owner| cards(bench, owner)).collect();
        for (who, tried) in seen.tried {
            let last: Vec<&Tried> = tried.iter().filter(|one| meant.contains(&one.at_ms)).collect();
            let missed = last.iter().filter(|one| one.answer.is_none()).count();
            if missed > 0 || last.is_empty() {
                let (of, before) = (last.len(), f64::from(*until) / 1000.0);
                unanswered.push(format!("{who}: {missed} of {of} not, in the second before {before:.1} s"));
            }
            let answers = last.iter().filter_map(|one| one.answer.as_ref());
            let others: BTreeSet<Ipv4Addr> =
                answers.map(|answer| answer.seen).filter(|seen| !own.contains(seen)).collect();
            foreign.extend(others.iter().map(|seen| format!("backends saw {seen}")));
        }
    }
    let name = &seen.vip.name;
    let mut found = vec![assertion(format!("no two nodes hold {name} at once"), "never", &several)];
    if !seen.tried.is_empty() {
        found.push(assertion(format!("{name} is answered in the end"), "every connection", &unanswered));
        found.push(assertion(format!("{name} is answered by its holder"), "every time", &foreign));
    }
    found
}

fn cards(bench: &Bench, node: &str) -> Vec<Ipv4Addr> {
    let node = bench.plan.summary.nodes.iter().find(|one| one.name == node);
    node.into_iter().flat_map(|node| &node.interfaces).map(|card| card.address.addr()).collect()
}

/// The longest time without a break in which several nodes held an address.
fn longest_several(held: &[Held], since: u32, until: u32) -> u32 {
    let (mut at, mut longest, mut run) = (0, 0, 0);
    for one in held {
        let (from, to) = (at, at + one.for_ms);
        at = to;
        let overlap = to.min(until).saturating_sub(from.max(since));
        run = if one.owners.len() > 1 { run + overlap } else { 0 };
        longest = longest.max(run);
    }
    longest
}
