//! A line for each thing that was done, all VIPs taken together: the rows of every table.

use super::words;
use crate::lab::result::{Measured, Move, Predicted, Run, Scenario, Verdict, Watch};

/// One thing that was done in a scenario and what came of it, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// What was done; the scenario's title when that is all.
    pub what: String,
    /// The scenario's verdict when this is all of it; else whether everything came as foretold, and `None` when nothing was.
    pub verdict: Option<Verdict>,
    /// Who held the VIPs at the end: `loadbalancer2`, `api: lb1; ingress: lb2`; empty when none was watched.
    pub owners: String,
    /// How long they took to get there; empty when none moved.
    pub moved: String,
    /// How long they were to take; empty when nothing was foretold.
    pub predicted: String,
    /// The longest time that a VIP had no owner, in milliseconds; `None` when none was watched.
    pub without_ms: Option<u32>,
    /// The longest time that a VIP had more than one owner, in milliseconds; `None` when none was watched.
    pub several_ms: Option<u32>,
    /// Connections lost and begun; `None` when none were begun.
    pub lost: Option<(u32, u32)>,
}

/// The rows of a run, in order.
pub fn rows(run: &Run) -> Vec<Row<'_>> {
    run.scenarios.iter().flat_map(of).collect()
}

/// The rows of a scenario: at least one.
pub(super) fn of(scenario: &Scenario) -> Vec<Row<'_>> {
    let mut moments: Vec<u32> = moves(scenario).map(|(_, one)| one.since_ms).collect();
    moments.sort_unstable();
    moments.dedup();
    if moments.len() < 2 {
        let row = row(scenario, &moves(scenario).collect::<Vec<_>>());
        return vec![Row { verdict: Some(scenario.verdict()), ..row }];
    }
    let rows = moments.iter().map(|at| {
        let these: Vec<_> = moves(scenario).filter(|(_, one)| one.since_ms == *at).collect();
        Row { what: event(scenario, *at), ..row(scenario, &these) }
    });
    rows.collect()
}

/// What was done at a moment.
pub(super) fn event(scenario: &Scenario, at_ms: u32) -> String {
    let these = scenario.events.iter().filter(|event| event.at_ms == at_ms).map(|event| event.what.as_str());
    let these: Vec<&str> = these.collect();
    match (these.is_empty(), at_ms) {
        (true, 0) => "the start".to_owned(),
        (true, _) => format!("{} of it", words::seconds(at_ms)),
        (false, _) => these.join("; "),
    }
}

fn moves(scenario: &Scenario) -> impl Iterator<Item = (&Watch, &Move)> {
    scenario.vips.iter().flat_map(|watch| watch.moves.iter().map(move |one| (watch, one)))
}

fn row<'a>(scenario: &'a Scenario, moves: &[(&'a Watch, &'a Move)]) -> Row<'a> {
    let measured = || moves.iter().map(|(_, one)| &one.measured);
    let predicted = || moves.iter().filter_map(|(_, one)| one.predicted.as_ref());
    let agrees = moves.iter().filter_map(|(_, one)| one.agrees()).reduce(|a, b| a && b);
    let sum = |part: fn(&Measured) -> u32| measured().map(part).fold(0, u32::saturating_add);
    let sent = sum(|one| one.sent);
    Row {
        scenario,
        what: scenario.title.clone(),
        verdict: agrees.map(|agrees| if agrees { Verdict::Passed } else { Verdict::Failed }),
        owners: owners(moves),
        moved: spread(measured().filter_map(|one| one.moved_ms).map(|ms| (ms, ms))),
        predicted: foretold(predicted()),
        without_ms: measured().map(|one| one.without_ms).max(),
        several_ms: measured().map(|one| one.several_ms).max(),
        lost: (sent > 0).then(|| (sum(|one| one.lost), sent)),
    }
}

/// Who held the VIPs; named one by one when they were not together.
fn owners(moves: &[(&Watch, &Move)]) -> String {
    let Some((_, first)) = moves.first() else { return String::new() };
    if moves.iter().all(|(_, one)| one.measured.owners == first.measured.owners) {
        return words::holders(&first.measured.owners);
    }
    let each = moves.iter().map(|(watch, one)| format!("{}: {}", watch.vip, words::holders(&one.measured.owners)));
    each.collect::<Vec<_>>().join("; ")
}

fn foretold<'a>(predicted: impl Iterator<Item = &'a Predicted> + Clone) -> String {
    let stay = predicted.clone().all(|one| one.most_ms == 0);
    match predicted.clone().next() {
        None => String::new(),
        Some(one) if stay && one.owners.is_empty() => "nobody".to_owned(),
        Some(_) if stay => "stays".to_owned(),
        Some(_) => spread(predicted.filter(|one| one.most_ms > 0).map(|one| (one.least_ms, one.most_ms))),
    }
}

/// From the least to the most of several times; empty when there are none.
fn spread(times: impl Iterator<Item = (u32, u32)>) -> String {
    let ends = times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    ends.map_or_else(String::new, |(least, most)| words::range(least, most))
}
