//! What is asked once: who reaches whom.

use super::super::answer::Answer;
use super::super::bench::{Bench, each};
use super::super::ping::ping;
use super::super::plan::{ECHO, space_of};
use super::super::probe::ask;
use super::super::result::{self, Skipped};
use super::super::space::within;
use super::super::watch::local;
use super::assertion;
use crate::model::profile::cluster::{FlowVerdict, NatPolicy, Protocol};
use crate::model::summary::{End, Flow, Summary};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

/// How long an answer may take: longer than the first retransmission.
const PATIENCE: Duration = Duration::from_millis(1800);

/// Connections for each backend, so that a fair balancer reaches all of them.
const TURNS: usize = 6;

/// Which of some nodes holds an address now.
fn holder<'a>(address: Ipv4Addr, mut candidates: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    candidates.find(|node| within(node, || Ok(local())).is_ok_and(|held| held.contains(&address)))
}

/// Everything through the virtual addresses, from everybody who may.
pub(super) fn reach(bench: &Bench, one: &mut result::Scenario) {
    let summary = &bench.plan.summary;
    for vip in &summary.vips {
        let holder = holder(vip.address, vip.candidates.iter().map(|candidate| &candidate.node));
        let own: BTreeSet<Ipv4Addr> = summary
            .nodes
            .iter()
            .filter(|node| Some(&node.name) == holder)
            .flat_map(|node| node.interfaces.iter().map(|card| card.address.addr()))
            .collect();
        for port in &vip.ports {
            let senders = senders(&summary.flows, &vip.name, port.port);
            if senders.is_empty() {
                one.skipped.push(Skipped {
                    what: format!("{} on port {}", vip.name, port.port),
                    why: "no flow says who must reach it".to_owned(),
                    required: false,
                });
            }
            for sender in senders {
                let space = space_of(summary, sender);
                let to = SocketAddrV4::new(vip.address, port.port);
                let turns: Vec<usize> = (0..TURNS * port.backends.len().max(1)).collect();
                let answers = each(&turns, |_| ask(&space, false, to, PATIENCE).ok().flatten());
                let mut counts: BTreeMap<String, u32> = BTreeMap::new();
                let mut wrong = Vec::new();
                let missed = answers.iter().filter(|answer| answer.is_none()).count();
                if missed > 0 {
                    wrong.push(format!("{missed} of {} without an answer", answers.len()));
                }
                for answer in answers.iter().flatten() {
                    *counts.entry(answer.name.clone()).or_default() += 1;
                    if !own.contains(&answer.seen) {
                        wrong.push(format!("{} saw {}", answer.name, answer.seen));
                    }
                }
                let idle = port.backends.iter().filter(|name| !counts.contains_key(*name));
                wrong.extend(idle.map(|name| format!("{name} got nothing")));
                let shares: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
                let what = format!("{} reaches {} ({to}) over all backends", called(sender), port.name);
                one.assertions.push(assertion(what, shares.join(", "), &wrong));
            }
        }
    }
}

/// Who must reach a port of a virtual address.
fn senders<'a>(flows: &'a [Flow], vip: &str, port: u16) -> Vec<&'a End> {
    let meant = |flow: &&Flow| {
        flow.must == FlowVerdict::Work
            && flow.port == Some(port)
            && flow.receivers.iter().any(|end| end.vip.as_deref() == Some(vip))
    };
    let mut found: Vec<&End> = Vec::new();
    for sender in flows.iter().filter(meant).flat_map(|flow| &flow.senders) {
        if !found.contains(&sender) {
            found.push(sender);
        }
    }
    found
}

/// What came of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Came {
    Answer(Answer),
    Pong,
    Nothing,
}

/// Flows, pair by pair, against what is foretold of each.
pub(super) fn flows(bench: &Bench, one: &mut result::Scenario, meant: impl Fn(&Flow) -> bool) {
    for flow in bench.plan.summary.flows.iter().filter(|flow| meant(flow)) {
        let name = format!("{} to {} {}", flow.from, flow.to, service(flow));
        if flow.protocol == Protocol::Vrrp || flow.to == "services" {
            let why = "elections are tried by themselves; there is no kube-proxy here".to_owned();
            one.skipped.push(Skipped { what: name, why, required: false });
            continue;
        }
        let pairs: Vec<(usize, usize)> = pairs(&bench.plan.summary, flow);
        let came = each(&pairs, |(from, to)| try_pair(bench, &flow.senders[*from], &flow.receivers[*to], flow));
        let tried = pairs.iter().zip(&came);
        let mut wrong: Vec<String> = tried.filter_map(|(pair, came)| differs(bench, flow, *pair, came)).collect();
        // What is foretold must also be what was asked for.
        let stopped = pairs.iter().filter(|pair| stop(flow, **pair).is_some()).count();
        let asked = match flow.must {
            FlowVerdict::Work if stopped > 0 => Some("the model says that it does not work"),
            FlowVerdict::Fail if stopped < pairs.len() => Some("the model says that it works, and it must not"),
            _ => None,
        };
        wrong.extend(asked.map(str::to_owned));
        if pairs.is_empty() {
            wrong.push("there is nobody to try it with".to_owned());
        }
        let (verb, kept) = match flow.must {
            FlowVerdict::Work if flow.nat == NatPolicy::Never => ("works", ", sender kept"),
            FlowVerdict::Work => ("works", ""),
            FlowVerdict::Fail => ("is stopped", ""),
        };
        let plural = if pairs.len() == 1 { "pair" } else { "pairs" };
        let mut result = assertion(name, format!("{verb} for {} {plural}{kept}", pairs.len()), &wrong);
        result.why = flow.reason.clone().unwrap_or_default();
        one.assertions.push(result);
    }
}

/// Why a pair is foretold not to work.
fn stop(flow: &Flow, (sender, receiver): (usize, usize)) -> Option<&str> {
    let stopped = flow.stopped.iter().find(|stop| (stop.sender, stop.receiver) == (sender, receiver));
    stopped.map(|stop| stop.why.as_str())
}

/// How what came of a pair differs from what was foretold.
fn differs(bench: &Bench, flow: &Flow, pair: (usize, usize), came: &Came) -> Option<String> {
    let (sender, receiver) = (flow.senders.get(pair.0)?, flow.receivers.get(pair.1)?);
    let words = format!("{} to {}", called(sender), called(receiver));
    match (stop(flow, pair), came) {
        (None, Came::Nothing) => Some(format!("{words}: no answer")),
        (Some(why), Came::Answer(_) | Came::Pong) => Some(format!("{words}: works, although {why}")),
        (None, Came::Answer(answer)) if flow.nat == NatPolicy::Never && receiver.vip.is_none() => {
            let own = addresses(bench, sender).contains(&answer.seen);
            (!own).then(|| format!("{words}: arrives from {}", answer.seen))
        }
        _ => None,
    }
}

/// The pairs that are tried. A virtual address is where it is: of its candidates only the holder counts.
fn pairs(summary: &Summary, flow: &Flow) -> Vec<(usize, usize)> {
    let held = |end: &End| {
        let nodes = flow.receivers.iter().filter(|other| other.address == end.address);
        end.vip.is_none() || holder(end.address, nodes.filter_map(|end| end.node.as_ref())) == end.node.as_ref()
    };
    let receivers: Vec<usize> = (0..flow.receivers.len()).filter(|at| held(&flow.receivers[*at])).collect();
    let all = (0..flow.senders.len()).flat_map(|from| receivers.iter().map(move |to| (from, *to)));
    let space = |end: &End| space_of(summary, end);
    all.filter(|(from, to)| space(&flow.senders[*from]) != space(&flow.receivers[*to])).collect()
}

fn try_pair(bench: &Bench, sender: &End, receiver: &End, flow: &Flow) -> Came {
    let space = space_of(&bench.plan.summary, sender);
    let asked = |udp, port| {
        let found = ask(&space, udp, SocketAddrV4::new(receiver.address, port), PATIENCE).ok().flatten();
        found.map_or(Came::Nothing, Came::Answer)
    };
    match (flow.protocol, flow.port) {
        (Protocol::Tcp, Some(port)) => asked(false, port),
        (Protocol::Udp, Some(port)) => asked(true, port),
        _ => {
            let [.., third, fourth] = receiver.address.octets();
            let pong = ping(&space, receiver.address, u16::from_be_bytes([third, fourth]), PATIENCE).unwrap_or(false);
            match (pong, receiver.pod) {
                // A pod also says whom it sees.
                (true, true) => asked(false, ECHO),
                (true, false) => Came::Pong,
                (false, _) => Came::Nothing,
            }
        }
    }
}

fn addresses(bench: &Bench, end: &End) -> BTreeSet<Ipv4Addr> {
    let node = bench.plan.summary.nodes.iter().find(|node| Some(&node.name) == end.node.as_ref() && !end.pod);
    let cards = node.into_iter().flat_map(|node| node.interfaces.iter().map(|card| card.address.addr()));
    cards.chain([end.address]).collect()
}

fn service(flow: &Flow) -> String {
    match flow.port {
        Some(port) => format!("{} {port}", flow.protocol),
        None => flow.protocol.to_string(),
    }
}

fn called(end: &End) -> String {
    match (&end.node, &end.network) {
        (Some(node), _) if end.pod => format!("a pod of {node}"),
        (Some(node), _) => node.clone(),
        (None, Some(network)) => format!("a client on {network}"),
        (None, None) => end.address.to_string(),
    }
}
