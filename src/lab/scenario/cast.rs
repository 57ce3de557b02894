//! Who plays in a scenario, and what becomes of the virtual addresses when something happens to them.

use super::super::life::Act;
use super::super::notice::Notice;
use super::super::result::EventKind;
use super::super::service::Daemon;
use super::{Action, Scenario, Step, Told, milliseconds, steps_of};
use crate::diff::rollout::{Kind, Rollout};
use crate::model::summary::{Election, Event, Failure, Fault, Outcome, Pair, Range, Summary, Vip};
use std::collections::BTreeSet;

/// How long a virtual address that is to stay is looked at, beyond the time in which it could have moved.
const LOOK: f64 = 0.5;

/// Who plays.
pub(super) struct Cast<'a> {
    vips: Vec<(&'a Vip, &'a Election)>,
    /// Who holds the first address when everything works.
    pub(super) holder: &'a str,
}

impl<'a> Cast<'a> {
    pub(super) fn new(summary: &'a Summary) -> Option<Self> {
        let vips: Vec<_> = summary.vips.iter().filter_map(|vip| Some((vip, vip.election.as_ref()?))).collect();
        let holder = vips.iter().find_map(|(_, election)| election.start.owners.first())?;
        Some(Self { vips, holder })
    }

    /// The other candidates, once each.
    pub(super) fn others(&self) -> Vec<&'a str> {
        let mut found: Vec<&str> = Vec::new();
        for (vip, _) in &self.vips {
            for candidate in &vip.candidates {
                if candidate.node != self.holder && !found.contains(&candidate.node.as_str()) {
                    found.push(&candidate.node);
                }
            }
        }
        found
    }

    /// What is foretold of each address after a fault: what `of` finds, or else that it stays with whom holds it at the start.
    fn told(&self, fault: Fault, of: impl Fn(&Election) -> Option<Outcome>) -> Told {
        let outcome = |(vip, election): &(&Vip, &Election)| {
            let stays = || Outcome { owners: election.start.owners.clone(), after: None };
            let mut outcome = of(election).unwrap_or_else(stays);
            outcome.owners.sort();
            (vip.name.clone(), outcome)
        };
        let patience = self.vips.iter().map(|(_, election)| patience(election, fault)).max().unwrap_or(0);
        Told::Of(self.vips.iter().map(outcome).collect(), patience)
    }

    fn fails(&self, node: &str, fault: Fault) -> Told {
        self.told(fault, |election| failure(election, node, fault).map(|failure| failure.then.clone()))
    }

    fn works_again(&self, node: &str, fault: Fault) -> Told {
        self.told(fault, |election| failure(election, node, fault).map(|failure| failure.back.clone()))
    }

    /// Something breaks and is made whole again.
    pub(super) fn broken(
        &self,
        node: &str,
        fault: Fault,
        breaks: &str,
        action: &dyn Fn(bool) -> Action,
        again: &str,
    ) -> Vec<Step> {
        let step = |kind, on, what: &str, told| Step { what: format!("{node} {what}"), kind, action: action(on), told };
        vec![
            step(EventKind::Fault, false, breaks, self.fails(node, fault)),
            step(EventKind::Repair, true, again, self.works_again(node, fault)),
        ]
    }

    pub(super) fn daemon(&self, node: &str, daemon: Daemon, act: Act, how: &str, short: bool) -> Scenario {
        let fault = match (daemon, act) {
            (Daemon::Haproxy, Act::Hang) => Fault::Hung,
            (Daemon::Haproxy, _) => Fault::Haproxy,
            (Daemon::Keepalived, Act::Stop) => Fault::Keepalived,
            // Killed, it says nothing any more: to the others that is as if the machine had died.
            (Daemon::Keepalived, _) => Fault::Node,
        };
        let (program, title) = (daemon.program(), daemon.title());
        let end = if act == Act::Hang { Act::Resume } else { Act::Start };
        let step = |kind, act, what: String, told| Step {
            what,
            kind,
            action: Action::Daemon(node.to_owned(), daemon, act),
            told,
        };
        let is = if act == Act::Hang { "hangs" } else { "is" };
        let done = if act == Act::Hang { String::new() } else { format!(" {how}") };
        let steps = vec![
            step(EventKind::Fault, act, format!("{title} {is}{done} on {node}"), self.fails(node, fault)),
            step(EventKind::Repair, end, format!("{title} runs again on {node}"), self.works_again(node, fault)),
        ];
        steps_of(&format!("{program}-{how}"), format!("{title} {is}{done} on {node}"), steps, short)
    }

    pub(super) fn death(&self, node: &str) -> Vec<Step> {
        let step = |kind, action, what: &str, told| Step { what: format!("{node} {what}"), kind, action, told };
        vec![
            step(EventKind::Fault, Action::Fell(node.to_owned()), "dies", self.fails(node, Fault::Node)),
            step(EventKind::Repair, Action::Raise(node.to_owned()), "is back", self.works_again(node, Fault::Node)),
        ]
    }

    /// The holder dies, the next one dies, and they come back in that order.
    pub(super) fn both(&self) -> Option<Scenario> {
        let (first, second) = (self.holder, *self.others().first()?);
        if self.others().len() > 1 {
            return None;
        }
        let dies = |event: &Event, node: &str| event.fault == Fault::Node && event.node == node;
        let dead = |pair: &&Pair| dies(&pair.first, first) && dies(&pair.second, second);
        let told =
            |of: fn(&Pair) -> Outcome| self.told(Fault::Node, |election| election.pairs.iter().find(dead).map(of));
        let step = |kind, action, what: String, told| Step { what, kind, action, told };
        let steps = vec![
            step(
                EventKind::Fault,
                Action::Fell(first.to_owned()),
                format!("{first} dies"),
                self.fails(first, Fault::Node),
            ),
            step(
                EventKind::Fault,
                Action::Fell(second.to_owned()),
                format!("{second} dies, too"),
                told(|pair| pair.then.clone()),
            ),
            step(
                EventKind::Repair,
                Action::Raise(second.to_owned()),
                format!("{second} is back"),
                told(|pair| pair.back.clone()),
            ),
            step(
                EventKind::Repair,
                Action::Raise(first.to_owned()),
                format!("{first} is back"),
                self.works_again(first, Fault::Node),
            ),
        ];
        Some(steps_of("both-down", "all balancers die, and come back".to_owned(), steps, false))
    }

    /// A bad cable: down and up, five times.
    pub(super) fn flapping(&self) -> Scenario {
        let node = self.holder;
        let mut steps = Vec::new();
        for round in 1..=5 {
            let step = |kind, on, what: &str, told| Step {
                what: format!("the link of {node} {what} ({round})"),
                kind,
                action: Action::Link(node.to_owned(), on),
                told,
            };
            steps.push(step(EventKind::Fault, false, "goes", Told::Wait(700)));
            let last = if round == 5 { self.works_again(node, Fault::Link) } else { Told::Wait(700) };
            steps.push(step(EventKind::Repair, true, "comes back", last));
        }
        steps_of("flapping", format!("the link of {node} comes and goes"), steps, false)
    }

    /// Everything that a virtual address needs is replaced, in the order of `bake diff`. A backend that is back has time until the
    /// next one goes, but not more: the others serve.
    pub(super) fn rolling(&self, summary: &Summary, rollout: &Rollout, notice: Notice) -> Scenario {
        let ports = summary.vips.iter().flat_map(|vip| &vip.ports);
        let backends: BTreeSet<&String> = ports.flat_map(|port| &port.backends).collect();
        let backend = |node: &str| {
            let step = |kind, on, what: &str, told| Step {
                what: format!("{node} {what}"),
                kind,
                action: Action::Stub(node.to_owned(), on),
                told,
            };
            vec![
                step(EventKind::Fault, false, "is replaced: what it serves is gone", Told::Backend(notice.gone)),
                step(EventKind::Repair, true, "serves again", Told::Wait(1_000)),
            ]
        };
        let (mut order, mut steps): (Vec<&str>, Vec<Step>) = (Vec::new(), Vec::new());
        for (node, kind) in rollout.steps.iter().flat_map(|step| step.nodes.iter().map(|node| (node, step.kind))) {
            let all = match kind {
                Kind::Balancer => self.death(node),
                Kind::Server | Kind::Worker if backends.contains(node) => backend(node),
                _ => continue,
            };
            order.push(node);
            steps.extend(all);
        }
        steps_of("rolling", format!("{} are replaced, one after the other", order.join(", ")), steps, false)
    }
}

fn failure<'a>(election: &'a Election, node: &str, fault: Fault) -> Option<&'a Failure> {
    election.failures.iter().find(|failure| failure.event.node == node && failure.event.fault == fault)
}

/// How long an address that is to stay has to be looked at, in milliseconds: as long as any move after such a fault takes.
fn patience(election: &Election, fault: Fault) -> u32 {
    let alike = election.failures.iter().filter(|failure| failure.event.fault == fault);
    let all = alike.flat_map(|failure| [&failure.then, &failure.back]);
    let longest = all.filter_map(|outcome| outcome.after).map(|Range { most, .. }| most).fold(1.0, f64::max);
    milliseconds(longest + LOOK)
}
