//! Which nodes are next, and why.

use super::{Kind, Member, Situation};
use crate::diff::report::Verdict;
use std::collections::{BTreeMap, VecDeque};

/// Nodes that are still to be done, in the order of their phases: what goes comes last, because until then it may be
/// used by those that were not made anew yet.
pub(super) struct Queue<'a>(BTreeMap<(bool, Kind), VecDeque<&'a Member>>);

impl<'a> Queue<'a> {
    pub(super) fn new(situation: &'a Situation) -> Self {
        let mut phases: BTreeMap<(bool, Kind), Vec<&Member>> = BTreeMap::new();
        for member in situation.members.iter().filter(|member| member.verdict != Verdict::Nothing) {
            phases.entry((member.verdict == Verdict::Destroy, kind(member, situation))).or_default().push(member);
        }
        for members in phases.values_mut() {
            // New ones first: they add to what there is. A server that would start a cluster of its own comes last:
            // until then there may be another one to do so.
            let starts = |member: &Member| member.new.as_ref().is_some_and(|new| new.starts_cluster);
            members.sort_by_key(|member| (rank(member.verdict), starts(member), member.name.as_str()));
        }
        Self(phases.into_iter().map(|(phase, members)| (phase, members.into())).collect())
    }

    /// The nodes of the next step and what they are; `None` when all is done. `held` says how many addresses a node
    /// holds: who holds the fewest is missed least.
    pub(super) fn next(&mut self, budget: usize, held: impl Fn(&str) -> usize) -> Option<(Vec<&'a Member>, Kind)> {
        let mut phase = self.0.first_entry()?;
        let (_, kind) = *phase.key();
        let members = phase.get_mut();
        let first = members.front()?.verdict;
        let mut step = Vec::new();
        if kind == Kind::Balancer {
            let same = members.iter().enumerate().filter(|(_, member)| member.verdict == first);
            let least = same.min_by_key(|(_, member)| held(&member.name)).map(|(at, _)| at);
            step.extend(least.and_then(|at| members.remove(at)));
        } else {
            let some = if matches!(kind, Kind::Worker | Kind::Other) { budget.max(1) } else { 1 };
            while step.len() < some && members.front().is_some_and(|member| member.verdict == first) {
                step.extend(members.pop_front());
            }
        }
        if members.is_empty() {
            phase.remove();
        }
        Some((step, kind))
    }
}

/// What is done first of one kind.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Create => 0,
        Verdict::Replace => 1,
        Verdict::Restart => 2,
        Verdict::Destroy | Verdict::Nothing => 3,
    }
}

/// What a node is. One that is several things is the most delicate of them.
fn kind(member: &Member, situation: &Situation) -> Kind {
    let does = |what: fn(&super::Traits) -> bool| [&member.old, &member.new].into_iter().flatten().any(what);
    if member.host {
        Kind::Host
    } else if situation.elections.iter().any(|election| election.wants(&member.name)) {
        Kind::Balancer
    } else if does(|traits| traits.server) {
        Kind::Server
    } else if member.names {
        Kind::Names
    } else if !member.only.is_empty() {
        Kind::Single
    } else if does(|traits| traits.agent) {
        Kind::Worker
    } else {
        Kind::Other
    }
}

/// Why these are next.
pub(super) fn why(kind: Kind, action: Verdict) -> &'static str {
    match (action, kind) {
        (Verdict::Destroy, _) => "what goes is last: until now somebody may have used it",
        (_, Kind::Names) => "every first boot needs names and the time",
        (_, Kind::Balancer) => "one balancer at a time, those that hold no address first",
        (_, Kind::Server) => "one K3s server at a time: etcd needs a majority",
        (_, Kind::Single) => "nobody can stand in for it, so it is alone in its step",
        (_, Kind::Worker) => "workers, no more at once than may be away",
        (_, Kind::Host) => "it carries all others, so it is alone in its step",
        (_, Kind::Other) => "nothing depends on it that bake knows of",
    }
}
