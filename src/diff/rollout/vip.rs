//! Who holds a virtual address while nodes go and come.

use super::Step;
use crate::topology::vrrp::{Calm, Fault, Group, Seconds, Speaker};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Everybody that wants a virtual address, before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct Election {
    /// Name of the address.
    pub vip: String,
    /// Who takes part now.
    pub old: Vec<Speaker>,
    /// Who will.
    pub new: Vec<Speaker>,
}

impl Election {
    /// Whether the node takes part, now or later.
    pub(super) fn wants(&self, node: &str) -> bool {
        self.old.iter().chain(&self.new).any(|speaker| speaker.node == node)
    }
}

/// A virtual address goes from one node to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Move {
    /// Its name.
    pub vip: String,
    /// Who had it.
    pub from: Vec<String>,
    /// Who has it then; nobody: it does not answer.
    pub to: Vec<String>,
    /// How long it does not answer, if Keepalived is stopped before; absent if there is no gap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<Range>,
    /// The same if the machine is switched off as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap_unannounced: Option<Range>,
    /// How long after the node is up it takes the address, from one that serves it until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_after: Option<Range>,
}

/// Seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Range {
    /// At least.
    pub least: f64,
    /// At most.
    pub most: f64,
}

impl From<Seconds> for Range {
    fn from(seconds: Seconds) -> Self {
        let round = |value: f64| (value * 1000.0).round() / 1000.0;
        Self { least: round(seconds.least), most: round(seconds.most) }
    }
}

impl Range {
    /// `0.6 s` or `2.6 to 3.6 s`.
    pub fn words(self) -> String {
        Seconds { least: self.least, most: self.most }.to_string()
    }
}

/// A virtual address at a moment.
pub(super) struct Holding<'a> {
    election: &'a Election,
    /// Who takes part, as configured at this moment.
    speakers: BTreeMap<&'a str, &'a Speaker>,
    /// Who holds it.
    holders: BTreeSet<&'a str>,
}

impl<'a> Holding<'a> {
    /// As it is before the first step.
    pub(super) fn new(election: &'a Election) -> Self {
        let speakers = election.old.iter().map(|speaker| (speaker.node.as_str(), speaker)).collect();
        let mut holding = Self { election, speakers, holders: BTreeSet::new() };
        let (group, _) = holding.group();
        holding.keep(&group.start(), &holding.names());
        holding
    }

    /// Whether the node holds it now.
    pub(super) fn holds(&self, node: &str) -> bool {
        self.holders.contains(node)
    }

    /// Whether anybody else could.
    pub(super) fn others(&self, node: &str) -> bool {
        self.speakers.keys().any(|other| *other != node)
    }

    fn names(&self) -> Vec<&'a str> {
        self.speakers.keys().copied().collect()
    }

    fn keep(&mut self, calm: &Calm, names: &[&'a str]) {
        self.holders = calm.masters.iter().filter_map(|at| names.get(*at).copied()).collect();
    }

    /// The election of this moment, at rest.
    fn group(&self) -> (Group, Calm) {
        let group = Group::new(self.speakers.values().map(|speaker| (*speaker).clone()).collect());
        let mut calm = group.start();
        let names = self.names();
        calm.masters = (0..names.len()).filter(|at| self.holders.contains(names[*at])).collect();
        calm.after = None;
        (group, calm)
    }

    fn holders(&self) -> Vec<String> {
        self.holders.iter().map(|name| (*name).to_owned()).collect()
    }

    /// The node goes away.
    pub(super) fn leave(&mut self, node: &str, step: &mut Step) {
        let names = self.names();
        let Some(at) = names.iter().position(|name| *name == node) else { return };
        let (group, calm) = self.group();
        let (stopped, killed) = (group.after(&calm, at, Fault::Keepalived), group.after(&calm, at, Fault::Node));
        let from = self.holders();
        let held = self.holds(node);
        let shared = self.holders.len() > 1;
        self.keep(&stopped, &names);
        self.holders.remove(node);
        self.speakers.remove(node);
        if held {
            let gap = |calm: &Calm| calm.after.filter(|_| !shared).map(Range::from);
            let (vip, to) = (self.election.vip.clone(), self.holders());
            if to.is_empty() {
                step.warnings.push(format!("nobody else can hold `{vip}`: it does not answer while `{node}` is away"));
            }
            step.moves.push(Move {
                vip,
                from,
                to,
                gap: gap(&stopped),
                gap_unannounced: gap(&killed),
                taken_after: None,
            });
        }
    }

    /// The node comes, as it will be.
    pub(super) fn come(&mut self, node: &'a str, step: &mut Step) {
        let Some(speaker) = self.election.new.iter().find(|speaker| speaker.node == node) else { return };
        let from = self.holders();
        self.speakers.insert(node, speaker);
        let names = self.names();
        let Some(at) = names.iter().position(|name| *name == node) else { return };
        let (group, mut calm) = self.group();
        if let Some(health) = calm.health.get_mut(at) {
            health.node = false;
        }
        let back = group.repaired(&calm, at, Fault::Node);
        self.keep(&back, &names);
        let (vip, to) = (self.election.vip.clone(), self.holders());
        if to.len() > 1 {
            step.warnings.push(self.split(&group, &names, at));
        }
        if to != from {
            let taken_after = back.after.map(Range::from);
            step.moves.push(Move { vip, from, to, gap: None, gap_unannounced: None, taken_after });
        }
    }

    /// Why several hold it, and what to do.
    fn split(&self, group: &Group, names: &[&str], new: usize) -> String {
        let (vip, node) = (&self.election.vip, names.get(new).copied().unwrap_or_default());
        let others: Vec<usize> =
            (0..names.len()).filter(|at| *at != new && self.holders.contains(names[*at])).collect();
        let why = others.iter().find_map(|other| {
            let (one, two) = (group.speakers.get(new)?, group.speakers.get(*other)?);
            let here = group.deaf(new, *other).map(|why| why.describe(one, two));
            here.or_else(|| group.deaf(*other, new).map(|why| why.describe(two, one)))
        });
        let others: Vec<String> =
            others.iter().filter_map(|at| names.get(*at)).map(|name| format!("`{name}`")).collect();
        let others = others.join(" and ");
        format!(
            "`{node}` and {others} both hold `{vip}` once `{node}` is up ({}): stop Keepalived on {others} at that moment, and leave it stopped until its turn",
            why.unwrap_or_else(|| "they do not hear each other".to_owned())
        )
    }
}
