//! Every single failure and every pair of them.

use super::{Calm, Group, Health, Speaker};

/// Something that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The machine dies.
    Node,
    /// HAProxy dies.
    Haproxy,
    /// HAProxy hangs: it is there and does not answer.
    Hung,
    /// The link goes down.
    Link,
    /// Keepalived is stopped in good order.
    Keepalived,
}

impl Fault {
    /// What the rules are about. Not every check can see that HAProxy hangs, so that is only foretold.
    pub const ALL: [Self; 4] = [Self::Node, Self::Haproxy, Self::Link, Self::Keepalived];

    /// Notes that it has happened, or (`works`) that it is over.
    pub(super) fn apply(self, health: &mut Health, works: bool) {
        *match self {
            Self::Node => &mut health.node,
            Self::Haproxy => &mut health.haproxy,
            Self::Hung => &mut health.answers,
            Self::Link => &mut health.link,
            Self::Keepalived => &mut health.keepalived,
        } = works;
    }

    /// What happens, for example "`lb1` dies".
    pub fn describe(self, node: &str) -> String {
        match self {
            Self::Node => format!("`{node}` dies"),
            Self::Haproxy => format!("HAProxy fails on `{node}`"),
            Self::Hung => format!("HAProxy hangs on `{node}`"),
            Self::Link => format!("`{node}` loses its link"),
            Self::Keepalived => format!("Keepalived is stopped on `{node}`"),
        }
    }
}

/// A failure on one of the speakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Whose.
    pub speaker: usize,
    /// What.
    pub fault: Fault,
}

/// What is wrong with where the address ended up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Several hold it.
    Several,
    /// Nobody holds it, although somebody could.
    Nobody,
    /// Its holder cannot serve, although somebody else could.
    Useless,
}

/// A sequence of failures and what it leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What fails, one after the other; empty: nothing.
    pub events: Vec<Event>,
    /// How it was before the last one.
    pub before: Calm,
    /// How it ends.
    pub end: Calm,
    /// What is wrong with that.
    pub trouble: Option<Trouble>,
}

impl Calm {
    /// What is wrong with where the address is.
    pub fn trouble(&self) -> Option<Trouble> {
        let somebody = self.health.iter().any(|health| health.serves());
        let serving = self.masters.iter().any(|at| self.health[*at].serves());
        match self.masters.len() {
            0 if somebody => Some(Trouble::Nobody),
            1 if somebody && !serving => Some(Trouble::Useless),
            0 | 1 => None,
            _ => Some(Trouble::Several),
        }
    }

    /// The nodes that hold the address.
    pub fn holders<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = &'a Speaker> {
        self.masters.iter().filter_map(|at| group.speakers.get(*at))
    }
}

/// Pairs are tried for groups of at most so many speakers: nobody runs more balancers, and 64 pairs of pairs are enough.
const PAIRS: usize = 12;

/// Nothing, every single failure of these kinds and every pair, in this order.
pub fn findings(group: &Group, faults: &[Fault]) -> Vec<Finding> {
    let start = group.start();
    let mut all = vec![finding(Vec::new(), start.clone(), start)];
    let speakers = 0..group.speakers.len();
    let events: Vec<Event> =
        speakers.flat_map(|speaker| faults.iter().map(move |fault| Event { speaker, fault: *fault })).collect();
    let depth = if group.speakers.len() > PAIRS { 1 } else { 2 };
    let mut from = 0;
    for _ in 0..depth {
        let until = all.len();
        for at in from..until {
            let Finding { events: so_far, end: before, .. } = all[at].clone();
            for event in &events {
                if so_far.contains(event) {
                    continue;
                }
                let mut events = so_far.clone();
                events.push(*event);
                let end = group.after(&before, event.speaker, event.fault);
                all.push(finding(events, before.clone(), end));
            }
        }
        from = until;
    }
    all
}

/// A single failure when everything works.
pub fn single(group: &Group, event: Event) -> Finding {
    let start = group.start();
    let end = group.after(&start, event.speaker, event.fault);
    finding(vec![event], start, end)
}

fn finding(events: Vec<Event>, before: Calm, end: Calm) -> Finding {
    let trouble = end.trouble();
    Finding { events, before, end, trouble }
}
