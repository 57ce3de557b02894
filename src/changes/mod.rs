//! What a new build would change: two sides are read, compared and put in order, for `bake diff`.
//!
//! The other place beside `lib.rs` where phases meet. A side is an output on disk, which must be as its manifest says, or
//! a project that is compiled without being written; either way it is seen as the artefacts of its nodes, one node
//! at a time, so that memory does not grow with the cluster.

mod shared;
mod side;

pub use crate::diff::Report;
pub use side::Side;

use crate::diag::{Code, Diagnostic, Sink, suggest};
use crate::diff::{self, Change, Machine, Rollout, Topic, Traits, Verdict};
use crate::model::glob;
use crate::topology::vrrp::Password;
use crate::{Facts, check};
use side::Built;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is known of a node once both sides have been looked at.
#[derive(Default)]
struct Seen {
    /// Instance-ids of both sides.
    ids: [Option<String>; 2],
    traits: [Option<Traits>; 2],
    passwords: [BTreeMap<Ipv4Addr, Password>; 2],
    changes: Vec<Change>,
    /// Whether artefacts that count are others.
    content: bool,
    facts: [Option<Facts>; 2],
}

/// The nodes of either side that the patterns mean; all of them without patterns. A pattern that means nothing is an
/// error: a name mistyped in a script must not find everything as it was.
pub fn select(old: &Side<'_>, new: &Side<'_>, patterns: &[String], sink: &mut Sink) -> BTreeSet<String> {
    let names: BTreeSet<String> = old.nodes().into_iter().chain(new.nodes()).map(str::to_owned).collect();
    let names: Vec<String> = names.into_iter().collect();
    let (wanted, unmatched) = glob::select(patterns, &names);
    for pattern in unmatched {
        let mut found = Diagnostic::new(Code::UnknownName, format!("no node is called `{}`", pattern.escape_debug()));
        found.hint = suggest::hint(pattern, names.iter().map(String::as_str));
        sink.push(found);
    }
    wanted.into_iter().map(str::to_owned).collect()
}

/// Findings of both sides, apart: each points into its own sources.
pub type Sinks = [Sink; 2];

fn errors(sinks: &Sinks) -> usize {
    sinks.iter().map(Sink::errors).sum()
}

/// Compares two builds. `wanted` are the nodes that are asked about; `None` means that errors were reported, and then nothing
/// is known about what is the same either.
pub fn changes(
    old: &Side<'_>,
    new: &Side<'_>,
    wanted: &BTreeSet<String>,
    max_unavailable: usize,
    jobs: usize,
    sinks: &mut Sinks,
) -> Option<Report> {
    let before = errors(sinks);
    let names: Vec<&str> = old.nodes().into_iter().chain(new.nodes()).collect::<BTreeSet<_>>().into_iter().collect();
    let mut seen = look(old, new, &names, jobs, sinks);
    for (at, side) in [old, new].into_iter().enumerate() {
        let facts = seen.values_mut().filter_map(|seen| seen.facts[at].take()).collect();
        side.conclude(facts, &mut sinks[at]);
    }
    let ids =
        |at: usize| seen.iter().filter_map(|(name, seen)| Some(((*name).to_owned(), seen.ids[at].clone()?))).collect();
    let files = [old.shared(&ids(0), &mut sinks[0]), new.shared(&ids(1), &mut sinks[1])];
    let summaries = [shared::summary(old, &files[0], &mut sinks[0]), shared::summary(new, &files[1], &mut sinks[1])];
    let handovers = [shared::handover(old, &files[0], &mut sinks[0]), shared::handover(new, &files[1], &mut sinks[1])];
    if errors(sinks) > before {
        return None;
    }
    shared::roles(&summaries, &mut seen);
    let nodes: BTreeMap<String, diff::Node> = seen
        .iter()
        .filter(|(name, _)| wanted.contains(**name))
        .filter_map(|(name, seen)| Some(((*name).to_owned(), shared::node(name, seen, &handovers)?)))
        .collect();
    let shared = shared::changes(&files, &handovers, &seen, &nodes);
    let situation = shared::situation(&seen, &nodes, &summaries, &handovers, max_unavailable);
    let rollout = if nodes.is_empty() { Rollout::default() } else { diff::rollout::plan(&situation) };
    let mut counted: BTreeMap<Verdict, usize> = BTreeMap::new();
    for node in nodes.values() {
        *counted.entry(node.verdict).or_default() += 1;
    }
    let same = seen.keys().filter(|name| wanted.contains(**name) && !nodes.contains_key(**name)).count();
    if same > 0 {
        *counted.entry(Verdict::Nothing).or_default() += same;
    }
    let (old, new) = (old.name().to_owned(), new.name().to_owned());
    Some(Report { format: diff::FORMAT, old, new, summary: counted, nodes, shared, rollout })
}

/// Looks at all nodes on `jobs` threads; findings come in the order of the nodes.
fn look<'n>(
    old: &Side<'_>,
    new: &Side<'_>,
    names: &[&'n str],
    jobs: usize,
    sinks: &mut Sinks,
) -> BTreeMap<&'n str, Seen> {
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, (Sinks, Seen)>> = Mutex::default();
    let work = || loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(name) = names.get(index) else { return };
        let mut own = Sinks::default();
        let seen = see(old, new, name, &mut own);
        let Ok(mut done) = done.lock() else { return };
        done.insert(index, (own, seen));
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.min(names.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut all = BTreeMap::new();
    for (index, (own, seen)) in done.into_inner().unwrap_or_default() {
        sinks.iter_mut().zip(own).for_each(|(sink, own)| sink.append(own));
        if let Some(name) = names.get(index) {
            all.insert(*name, seen);
        }
    }
    all
}

/// Looks at one node. Artefacts that are the same byte for byte need not be understood.
fn see(old: &Side<'_>, new: &Side<'_>, name: &str, sinks: &mut Sinks) -> Seen {
    let mut seen = Seen::default();
    let before = errors(sinks);
    let [mut one, mut other] = [old.node(name, &mut sinks[0]), new.node(name, &mut sinks[1])];
    if errors(sinks) > before {
        return seen;
    }
    if let (Some(with), Some(without)) = (&one, &other)
        && with.gaps != without.gaps
    {
        let side = if with.gaps { old } else { new };
        let message =
            format!("`{}` was built without secrets (`--secrets omit`), and the other one with them", side.name());
        sinks[usize::from(without.gaps)].push(Diagnostic::new(Code::NotComparable, message));
        return seen;
    }
    let same = |one: &Built, other: &Built| one.files == other.files && one.entry.os == other.entry.os;
    let equal = one.as_ref().zip(other.as_ref()).is_some_and(|(one, other)| same(one, other));
    let mut machines = [Machine::default(), Machine::default()];
    for (at, (side, built)) in [(old, &mut one), (new, &mut other)].into_iter().enumerate() {
        let Some(built) = built else { continue };
        seen.facts[at] = built.facts.take();
        seen.ids[at] = Some(built.entry.instance_id.clone());
        // What cannot be read is no trouble where nothing has changed.
        let mut silent = Sink::default();
        let sink = if equal { &mut silent } else { &mut sinks[at] };
        let Some(machine) = side.machine(name, built, sink) else { continue };
        seen.traits[at] = Some(Traits::of(&machine));
        seen.passwords[at] = passwords(&machine);
        machines[at] = machine;
    }
    if equal || errors(sinks) > before {
        return seen;
    }
    seen.content = seen.ids[0] != seen.ids[1];
    seen.changes = diff::compare(&machines[0], &machines[1]);
    if let (Some(one), Some(other)) = (&one, &other)
        && seen.changes.is_empty()
    {
        seen.changes = diff::artefacts(&one.files, &other.files);
    }
    seen
}

/// The passwords of Keepalived's instances, by the addresses that they hold.
fn passwords(machine: &Machine) -> BTreeMap<Ipv4Addr, Password> {
    let Some(text) = machine.get(Topic::File, "/etc/keepalived/keepalived.conf").and_then(diff::Item::text) else {
        return BTreeMap::new();
    };
    let config = check::keepalived::read(text);
    let instances = config.instances.iter().filter_map(|instance| {
        let password = instance.auth_pass.as_ref().filter(|_| instance.auth_type.is_some())?;
        Some(instance.addresses.iter().map(|one| (one.address.value, Password(password.value.clone()))))
    });
    instances.flatten().collect()
}

impl Report {
    /// Replaces what must not be shown in every text: the last guard.
    #[must_use]
    pub fn redacted(mut self, redact: &dyn Fn(&str) -> String) -> Self {
        let clean = |changes: &mut Vec<Change>| {
            for change in changes {
                change.name = redact(&change.name);
                change.diff = change.diff.as_deref().map(redact);
                for field in &mut change.fields {
                    field.old = field.old.as_deref().map(redact);
                    field.new = field.new.as_deref().map(redact);
                }
            }
        };
        clean(&mut self.shared);
        for node in self.nodes.values_mut() {
            clean(&mut node.changes);
            clean(&mut node.handover);
        }
        self
    }
}
