//! In which order to make nodes anew, so that the cluster stays alive.
//!
//! One node at a time, but for workers, of which a budget may be away. First who the others' first boot needs (names,
//! time), then balancers (those that hold nothing first), K3s servers (etcd keeps its quorum), nodes that nobody can
//! stand in for, workers, all others, and at last what goes. Every step is played through the elections of all virtual
//! addresses, with the configurations that are in force at that moment: half of them old, half of them new.

mod etcd;
mod order;
#[cfg(test)]
mod tests;
mod vip;
mod whole;

pub use etcd::Etcd;
pub use vip::{Election, Move, Range};
pub use whole::{served, whole};

use super::report::Verdict;
use super::traits::Traits;
use serde::Serialize;
use std::collections::BTreeSet;

/// The way from one build to the other.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Rollout {
    /// How many workers may be away at once.
    pub max_unavailable: usize,
    /// Steps in order.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The nodes, which may be done at once.
    pub nodes: Vec<String>,
    /// What happens to them.
    pub action: Verdict,
    /// What they are.
    pub kind: Kind,
    /// Why now.
    pub why: &'static str,
    /// What to do before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// What does it, where the Terraform module has the machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apply: Vec<String>,
    /// Where virtual addresses go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
    /// What is left of etcd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etcd: Option<Etcd>,
    /// What must be so before the next step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// What goes wrong all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What a node is in the order. The order is that of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Others ask it for names or time.
    Names,
    /// It may hold a virtual address.
    Balancer,
    /// A K3s server.
    Server,
    /// Nobody can stand in for it.
    Single,
    /// A K3s agent.
    Worker,
    /// Anything else.
    Other,
    /// It carries the virtual machines of all others.
    Host,
}

/// A node, changed or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Name.
    pub name: String,
    /// What happens to it.
    pub verdict: Verdict,
    /// What it does now.
    pub old: Option<Traits>,
    /// What it will do.
    pub new: Option<Traits>,
    /// Whether the Terraform module has it, before or after.
    pub made: bool,
    /// Whether the others' virtual machines run on it.
    pub host: bool,
    /// Whether others ask it for names or time.
    pub names: bool,
    /// What only it offers, as flows say it.
    pub only: Vec<String>,
}

/// Everything that the order depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Situation {
    /// All nodes by name.
    pub members: Vec<Member>,
    /// All virtual addresses.
    pub elections: Vec<Election>,
    /// How many workers may be away at once.
    pub max_unavailable: usize,
}

/// The order.
pub fn plan(situation: &Situation) -> Rollout {
    let mut state = State::new(situation);
    let mut queue = order::Queue::new(situation);
    let mut steps = Vec::new();
    loop {
        let held = |node: &str| state.vips.iter().filter(|vip| vip.holds(node)).count();
        let Some((members, kind)) = queue.next(situation.max_unavailable, held) else { break };
        steps.push(state.step(&members, kind));
    }
    Rollout { max_unavailable: situation.max_unavailable, steps }
}

/// The option that makes Terraform look at one machine and what it needs only.
fn target(node: &str) -> String {
    // Terraform's identifiers do not begin with a digit.
    let digit = node.starts_with(|c: char| c.is_ascii_digit());
    format!("-target=libvirt_domain.{}{node}", if digit { "_" } else { "" })
}

/// The cluster between two steps.
struct State<'a> {
    /// Virtual addresses with who holds them now.
    vips: Vec<vip::Holding<'a>>,
    /// Members of etcd.
    servers: BTreeSet<&'a str>,
    /// Whether it was said that the token changes.
    token_told: bool,
}

impl<'a> State<'a> {
    fn new(situation: &'a Situation) -> Self {
        let serves = |member: &&Member| member.old.as_ref().is_some_and(|traits| traits.server);
        Self {
            vips: situation.elections.iter().map(vip::Holding::new).collect(),
            servers: situation.members.iter().filter(serves).map(|member| member.name.as_str()).collect(),
            token_told: false,
        }
    }

    /// Does a step and says what comes of it.
    fn step(&mut self, members: &[&'a Member], kind: Kind) -> Step {
        let action = members.first().map_or(Verdict::Nothing, |member| member.verdict);
        let mut step = Step {
            nodes: members.iter().map(|member| member.name.clone()).collect(),
            action,
            kind,
            why: order::why(kind, action),
            before: Vec::new(),
            apply: Vec::new(),
            moves: Vec::new(),
            etcd: None,
            after: Vec::new(),
            warnings: Vec::new(),
        };
        let made: Vec<String> =
            members.iter().filter(|member| member.made).map(|member| target(&member.name)).collect();
        if !made.is_empty() {
            step.apply.push(format!("terraform apply {}", made.join(" ")));
        }
        for member in members.iter().copied() {
            if action != Verdict::Create {
                self.leave(member, &mut step);
            }
            if action != Verdict::Destroy {
                self.come(member, &mut step);
            }
        }
        step
    }

    /// The node goes away.
    fn leave(&mut self, member: &'a Member, step: &mut Step) {
        let name = &member.name;
        let old = member.old.clone().unwrap_or_default();
        let holds = self.vips.iter().any(|vip| vip.holds(name) && vip.others(name));
        if holds {
            step.before.push(format!("on {name}: systemctl stop keepalived"));
        }
        if old.server || old.agent {
            step.before.push(format!("kubectl drain {name} --ignore-daemonsets --delete-emptydir-data"));
            if step.action != Verdict::Restart {
                // K3s remembers the node's password, and etcd its member, until the node is deleted.
                step.before.push(format!("kubectl delete node {name}"));
            }
        }
        for vip in &mut self.vips {
            vip.leave(name, step);
        }
        if old.server {
            etcd::leave(name, &self.servers, step);
            if step.action != Verdict::Restart {
                self.servers.remove(name.as_str());
            }
        }
        for (container, folder) in old.lost.iter().filter(|_| step.action != Verdict::Restart) {
            step.warnings.push(format!(
                "`{container}` on `{name}` keeps its data in {folder}, on the root disk: save it before"
            ));
        }
        if member.host {
            step.warnings.push(format!(
                "all virtual machines run on `{name}`: made anew, it stops the whole cluster; what can be changed while it runs is better brought to it by hand"
            ));
        }
        for what in &member.only {
            step.warnings.push(format!("while `{name}` is away, nobody else offers {what}"));
        }
    }

    /// The node comes, or comes back.
    fn come(&mut self, member: &'a Member, step: &mut Step) {
        let name = &member.name;
        let new = member.new.clone().unwrap_or_default();
        for vip in &mut self.vips {
            vip.come(name, step);
        }
        if new.server {
            if new.starts_cluster && step.action != Verdict::Restart && !self.servers.is_empty() {
                step.warnings.push(etcd::second_cluster(name));
            }
            self.servers.insert(name);
        }
        let other = member.old.as_ref().is_some_and(|old| old.token.is_some() && old.token != new.token);
        if other && (new.server || new.agent) && !std::mem::replace(&mut self.token_told, true) {
            let warning = "K3s' token changes, and servers that know the old one let nobody in with the new one: rotate it \
                           on a running server first (`k3s token rotate`)";
            step.warnings.push(warning.to_owned());
        }
        if new.server || new.agent {
            let healthy = if new.longhorn { ", and Longhorn's volumes are healthy" } else { "" };
            step.after.push(format!("`kubectl get node {name}` says Ready{healthy}"));
        }
    }
}
