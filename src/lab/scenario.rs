//! What is tried, and what is foretold of it: pure, from the summary.

mod cast;

use super::life::Act;
use super::plan::Plan;
use super::result::{EventKind, Level};
use super::service::Daemon;
use super::systemd::restart;
use super::{notice, notice::Notice};
use crate::model::summary::{Fault, Outcome, Summary};
use cast::Cast;
use std::collections::BTreeMap;

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

/// How long is looked before something is done, and after an address is where it was to go, in milliseconds.
pub(super) const CALM_MS: u32 = 1_750;

/// How long a machine takes to come back, in milliseconds, roughly.
const BOOT_MS: u64 = 2_000;

impl Scenario {
    /// How long it takes, in milliseconds, if everything goes as foretold; roughly.
    pub fn length_ms(&self) -> u64 {
        let Plot::Steps(steps) = &self.plot else { return BOOT_MS };
        let one = |step: &Step| {
            let boots = if matches!(step.action, Action::Raise(_)) { BOOT_MS } else { 0 };
            boots
                + u64::from(match &step.told {
                    Told::Wait(ms) => *ms,
                    Told::Backend(ms) => *ms + CALM_MS,
                    Told::Of(outcomes, patience) => {
                        let comes =
                            |outcome: &Outcome| outcome.after.map_or(*patience, |after| milliseconds(after.most));
                        outcomes.values().map(comes).max().unwrap_or(0) + CALM_MS
                    }
                })
        };
        u64::from(CALM_MS) + steps.iter().map(one).sum::<u64>()
    }
}

/// Everything that can be tried with this cluster on a level.
pub fn all(plan: &Plan, level: Level) -> Vec<Scenario> {
    let (summary, notice) = (&plan.summary, notice::slowest(plan));
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
    all.extend(backend(summary, notice));
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
    all.push(steps_of("partition", format!("{holder} {what}, with its link up"), steps, false));
    all.push(cast.flapping());
    all.push(cast.rolling(summary, &plan.rollout, notice));
    if level == Level::Systemd {
        all.extend(restart::scenarios(plan));
    }
    all
}

fn plain(name: &str, title: &str, plot: Plot, short: bool) -> Scenario {
    Scenario { name: name.to_owned(), title: title.to_owned(), plot, short }
}

fn steps_of(name: &str, title: String, steps: Vec<Step>, short: bool) -> Scenario {
    Scenario { name: name.to_owned(), title, plot: Plot::Steps(steps), short }
}

/// A backend goes, and comes back.
fn backend(summary: &Summary, notice: Notice) -> Option<Scenario> {
    let name = summary.vips.iter().flat_map(|vip| &vip.ports).find(|port| port.backends.len() > 1)?.backends.first()?;
    let step = |kind, on, what: String, wait| Step {
        what,
        kind,
        action: Action::Stub(name.clone(), on),
        told: Told::Backend(wait),
    };
    let steps = vec![
        step(EventKind::Fault, false, format!("what {name} serves is gone"), notice.gone),
        step(EventKind::Repair, true, format!("{name} serves again"), notice.back),
    ];
    Some(steps_of("backend", format!("what {name} serves goes, and comes back"), steps, false))
}

/// Seconds as whole milliseconds.
pub(super) fn milliseconds(seconds: f64) -> u32 {
    // Between 0 and 50 days: neither sign nor size are lost.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = (seconds * 1000.0).clamp(0.0, f64::from(u32::MAX)).round() as u32;
    whole
}
