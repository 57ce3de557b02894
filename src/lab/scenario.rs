//! What is tried, and what is foretold of it: pure, from the summary.

use super::life::Act;
use super::plan::Plan;
use super::result::{EventKind, Level};
use super::service::Daemon;
use super::systemd::restart;
use crate::diff::rollout::{Kind, Rollout};
use crate::model::summary::{Election, Fault, Outcome, Range, Summary, Vip};
use std::collections::{BTreeMap, BTreeSet};

/// Something to try.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it is about, for people.
    pub title: String,
    /// What to do.
    pub plot: Plot,
    /// Whether it belongs to the short list.
    pub short: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Plot {
    /// The lab has just been built: who takes the addresses?
    Start,
    /// Everything through the virtual addresses, from everybody who may.
    Reach,
    /// Every flow.
    Flows,
    /// Balancers to pods: directly, and with their own address.
    Pods,
    /// Things happen one after the other.
    Steps(Vec<Step>),
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// In words.
    pub what: String,
    /// What sort of thing.
    pub kind: EventKind,
    /// What is done.
    pub action: Action,
    /// What is foretold of each virtual address; nothing: it is waited for so long, and no more.
    pub told: Told,
}

/// What is foretold.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Of each virtual address, by name. Those that are to stay are looked at for so many milliseconds.
    Of(BTreeMap<String, Outcome>, u32),
    /// Nothing is: the next thing happens after so many milliseconds.
    Wait(u32),
    /// The addresses stay where they are; HAProxy notices within so many milliseconds.
    Backend(u32),
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Something is done to a daemon.
    Daemon(String, Daemon, Act),
    /// A machine's cables are pulled out, or put in again.
    Link(String, bool),
    /// A machine's cables lead nowhere, or to their bridges again; it does not notice.
    Partition(String, bool),
    /// A machine dies.
    Fell(String),
    /// A machine is switched on again.
    Raise(String),
    /// Nothing is done.
    Look,
    /// What answers on a machine does not any more, or does again.
    Stub(String, bool),
}

/// How long a virtual address that is to stay is looked at, beyond the time in which it could have moved.
const LOOK: f64 = 0.5;

/// Everything that can be tried with this cluster on a level.
pub fn all(plan: &Plan, level: Level) -> Vec<Scenario> {
    let own = if level == Level::Systemd { restart::scenarios(plan) } else { Vec::new() };
    scenarios(&plan.summary, &plan.rollout).into_iter().chain(own).collect()
}

/// Everything that can be tried with this cluster on any level.
pub fn scenarios(summary: &Summary, rollout: &Rollout) -> Vec<Scenario> {
    let mut all = vec![plain("start", "the lab starts", Plot::Start, true)];
    all.push(plain(
        "reach",
        "virtual addresses are reached by everybody who may, over all backends",
        Plot::Reach,
        true,
    ));
    all.push(plain("flows", "every flow works, or does not, as it must", Plot::Flows, true));
    if summary.pods.is_some() && summary.vips.iter().any(|vip| !vip.candidates.is_empty()) {
        all.push(plain("pods", "balancers reach pods with their own address, and back", Plot::Pods, false));
    }
    all.extend(backend(summary));
    let Some(cast) = Cast::new(summary) else { return all };
    let holder = cast.holder;
    for (daemon, act, how, short) in [
        (Daemon::Haproxy, Act::Kill, "killed", true),
        (Daemon::Haproxy, Act::Stop, "stopped", false),
        (Daemon::Haproxy, Act::Hang, "hung", false),
        (Daemon::Keepalived, Act::Kill, "killed", false),
        (Daemon::Keepalived, Act::Stop, "stopped", false),
    ] {
        all.push(cast.daemon(holder, daemon, act, how, short));
    }
    let steps = cast.broken(
        holder,
        Fault::Link,
        "loses its link",
        &|on| Action::Link(holder.to_owned(), on),
        "has its link again",
    );
    all.push(steps_of("link-down", format!("{holder} loses its link"), steps, false));
    all.push(steps_of("node-gone", format!("{holder} dies"), cast.death(holder), true));
    for other in cast.others() {
        all.push(steps_of(
            &format!("backup-gone-{other}"),
            format!("{other}, which holds nothing, dies"),
            cast.death(other),
            false,
        ));
    }
    all.extend(cast.both());
    let what = "is cut off from the others";
    let steps = cast.broken(
        holder,
        Fault::Partition,
        what,
        &|on| Action::Partition(holder.to_owned(), on),
        "is connected again",
    );
    all.push(steps_of("partition", format!("{holder} {what}, and does not notice"), steps, false));
    all.push(cast.flapping());
    all.push(cast.rolling(summary, rollout));
    all
}

fn plain(name: &str, title: &str, plot: Plot, short: bool) -> Scenario {
    Scenario { name: name.to_owned(), title: title.to_owned(), plot, short }
}

fn steps_of(name: &str, title: String, steps: Vec<Step>, short: bool) -> Scenario {
    Scenario { name: name.to_owned(), title, plot: Plot::Steps(steps), short }
}

/// How long HAProxy may take to notice that a backend is gone, in milliseconds: `inter 3s fastinter 1s fall 3`, as the library's
/// configuration says, is five seconds, of which the first three are for when it begins.
const GONE: u32 = 6_000;

/// And that it is back, `rise 2`: four seconds.
const BACK: u32 = 5_000;

/// A backend goes, and comes back.
fn backend(summary: &Summary) -> Option<Scenario> {
    let name = summary.vips.iter().flat_map(|vip| &vip.ports).find(|port| port.backends.len() > 1)?.backends.first()?;
    let step = |kind, on, what: String, wait| Step {
        what,
        kind,
        action: Action::Stub(name.clone(), on),
        told: Told::Backend(wait),
    };
    let steps = vec![
        step(EventKind::Fault, false, format!("what {name} serves is gone"), GONE),
        step(EventKind::Repair, true, format!("{name} serves again"), BACK),
    ];
    Some(steps_of("backend", format!("what {name} serves goes, and comes back"), steps, false))
}

/// Who plays.
struct Cast<'a> {
    vips: Vec<(&'a Vip, &'a Election)>,
    /// Who holds the first address when everything works.
    holder: &'a str,
}

impl<'a> Cast<'a> {
    fn new(summary: &'a Summary) -> Option<Self> {
        let vips: Vec<_> = summary.vips.iter().filter_map(|vip| Some((vip, vip.election.as_ref()?))).collect();
        let holder = vips.iter().find_map(|(_, election)| election.start.owners.first())?;
        Some(Self { vips, holder })
    }

    /// The other candidates, once each.
    fn others(&self) -> Vec<&'a str> {
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
    fn broken(
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

    fn daemon(&self, node: &str, daemon: Daemon, act: Act, how: &str, short: bool) -> Scenario {
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

    fn death(&self, node: &str) -> Vec<Step> {
        let step = |kind, action, what: &str, told| Step { what: format!("{node} {what}"), kind, action, told };
        vec![
            step(EventKind::Fault, Action::Fell(node.to_owned()), "dies", self.fails(node, Fault::Node)),
            step(EventKind::Repair, Action::Raise(node.to_owned()), "is back", self.works_again(node, Fault::Node)),
        ]
    }

    /// The holder dies, the next one dies, and they come back in that order.
    fn both(&self) -> Option<Scenario> {
        let (first, second) = (self.holder, *self.others().first()?);
        if self.others().len() > 1 {
            return None;
        }
        let pair = |election: &Election| {
            let found = election.pairs.iter().find(|pair| {
                pair.first.fault == Fault::Node
                    && pair.second.fault == Fault::Node
                    && pair.first.node == first
                    && pair.second.node == second
            });
            found.map(|pair| pair.then.clone())
        };
        let step = |kind, action, what: String, told| Step { what, kind, action, told };
        let alone = self.fails(first, Fault::Node);
        let steps = vec![
            step(EventKind::Fault, Action::Fell(first.to_owned()), format!("{first} dies"), alone.clone()),
            step(
                EventKind::Fault,
                Action::Fell(second.to_owned()),
                format!("{second} dies, too"),
                self.told(Fault::Node, pair),
            ),
            step(EventKind::Repair, Action::Raise(second.to_owned()), format!("{second} is back"), alone),
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
    fn flapping(&self) -> Scenario {
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
    fn rolling(&self, summary: &Summary, rollout: &Rollout) -> Scenario {
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
                step(EventKind::Fault, false, "is replaced: what it serves is gone", Told::Backend(GONE)),
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

fn failure<'a>(election: &'a Election, node: &str, fault: Fault) -> Option<&'a crate::model::summary::Failure> {
    election.failures.iter().find(|failure| failure.event.node == node && failure.event.fault == fault)
}

/// How long an address that is to stay has to be looked at, in milliseconds: as long as any move after such a fault takes.
fn patience(election: &Election, fault: Fault) -> u32 {
    let alike = election.failures.iter().filter(|failure| failure.event.fault == fault);
    let all = alike.flat_map(|failure| [&failure.then, &failure.back]);
    let longest = all.filter_map(|outcome| outcome.after).map(|Range { most, .. }| most).fold(1.0, f64::max);
    milliseconds(longest + LOOK)
}

/// Seconds as whole milliseconds.
pub(super) fn milliseconds(seconds: f64) -> u32 {
    // Between 0 and 50 days: neither sign nor size are lost.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = (seconds * 1000.0).clamp(0.0, f64::from(u32::MAX)).round() as u32;
    whole
}
