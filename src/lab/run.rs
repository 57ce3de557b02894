//! Trying what was asked for.

mod asked;
mod clients;
mod judge;
mod steps;

use super::bench::Bench;
use super::failure::Failure;
use super::origin;
use super::result::{self, Assertion, Run, VERSION};
use super::scenario::{self, Plot, Scenario};
use crate::model::glob;
use std::time::Instant;

/// The word for the short list.
const SHORT: &str = "short";

/// Names of the scenarios that are meant.
///
/// # Errors
/// A name that means nothing.
pub fn chosen(all: &[Scenario], wanted: &[String]) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = all.iter().map(|one| one.name.clone()).collect();
    let patterns: Vec<String> = wanted.iter().filter(|word| *word != SHORT).cloned().collect();
    let short = patterns.len() < wanted.len();
    let (mut found, unmatched) = glob::select(&patterns, &names);
    if let Some(name) = unmatched.first() {
        let hint = crate::diag::suggest::hint(name, names.iter().map(String::as_str));
        return Err(Failure {
            message: format!("there is no scenario `{}`", name.escape_debug()),
            hint: hint.or_else(|| Some(format!("there are {}", names.join(", ")))),
        });
    }
    if short && patterns.is_empty() {
        found.clear();
    }
    let meant = |one: &&Scenario| found.contains(&one.name.as_str()) || (short && one.short);
    Ok(all.iter().filter(meant).map(|one| one.name.clone()).collect())
}

/// Tries everything that is wanted. `progress` hears what is tried now.
pub(super) fn all(bench: &Bench, wanted: &[String], progress: &dyn Fn(&str)) -> Result<Run, Failure> {
    let begin = Instant::now();
    let all = scenario::all(&bench.plan, bench.level);
    let names = chosen(&all, wanted)?;
    let mut found = result(bench);
    let mut tried = Vec::new();
    // Whatever is wanted, it begins with a lab in which everything works.
    let list = all.iter().filter(|one| one.plot == Plot::Start || names.contains(&one.name));
    for scenario in list {
        progress(&scenario.title);
        if scenario.plot != Plot::Start {
            steps::settle(bench);
        }
        let mut one = blank(scenario);
        match &scenario.plot {
            Plot::Start => steps::start(bench, &mut one)?,
            Plot::Reach => asked::reach(bench, &mut one),
            Plot::Flows => asked::flows(bench, &mut one, |_| true),
            Plot::Pods => asked::flows(bench, &mut one, |flow| flow.receivers.iter().any(|end| end.pod)),
            Plot::Steps(steps) => steps::steps(bench, steps, &mut one)?,
        }
        if scenario.plot == Plot::Start {
            found.topology = topology(bench, &one);
        }
        tried.push(one);
    }
    found.scenarios = tried;
    found.took_ms = u32::try_from(begin.elapsed().as_millis()).unwrap_or(u32::MAX);
    Ok(found)
}

fn blank(scenario: &Scenario) -> result::Scenario {
    result::Scenario {
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        length_ms: 0,
        interval_ms: 0,
        events: Vec::new(),
        vips: Vec::new(),
        probes: Vec::new(),
        assertions: Vec::new(),
        skipped: Vec::new(),
        notes: Vec::new(),
    }
}

/// An assertion that holds when nothing is `wrong`.
fn assertion(what: impl Into<String>, expected: impl Into<String>, wrong: &[String]) -> Assertion {
    let expected = expected.into();
    let more = if wrong.len() > 3 { format!("; and {} more", wrong.len() - 3) } else { String::new() };
    let seen = if wrong.is_empty() {
        expected.clone()
    } else {
        wrong.iter().take(3).cloned().collect::<Vec<_>>().join("; ") + &more
    };
    Assertion { what: what.into(), expected, seen, passed: wrong.is_empty(), why: String::new() }
}

/// What is known before anything is tried.
fn result(bench: &Bench) -> Run {
    let missing = bench.missing.iter().map(|(node, keys)| {
        format!("{node}: {} cannot be set for one network namespace, and was not tried.", keys.join(", "))
    });
    Run {
        version: VERSION,
        cluster: bench.plan.summary.name.clone(),
        level: bench.level,
        dist: bench.plan.dist.clone(),
        engines: origin::engines(bench),
        up_ms: bench.up_ms,
        down_ms: 0,
        took_ms: 0,
        topology: result::Topology {
            segments: Vec::new(),
            router: None,
            nodes: Vec::new(),
            clients: Vec::new(),
            vips: Vec::new(),
        },
        scenarios: Vec::new(),
        skipped: Vec::new(),
        notes: missing.chain(origin::notes(bench)).chain(bench.life.notes()).collect(),
    }
}

/// What was built, for drawing.
fn topology(bench: &Bench, start: &result::Scenario) -> result::Topology {
    use crate::model::summary::Kind;
    let summary = &bench.plan.summary;
    let attachments = |cards: &[crate::model::summary::Interface]| {
        let attachment = |card: &crate::model::summary::Interface| result::Attachment {
            interface: card.name.clone(),
            segment: card.network.clone(),
            address: card.address.addr(),
        };
        cards.iter().map(attachment).collect::<Vec<_>>()
    };
    let node = |node: &crate::model::summary::Node| result::Node {
        name: node.name.clone(),
        roles: node.roles.clone(),
        attachments: attachments(&node.interfaces),
        pods: node.pods.as_ref().map(|pods| pods.cidr),
    };
    let member = |one: &&crate::model::summary::Surrounding| one.kind == Kind::Member;
    result::Topology {
        segments: summary
            .networks
            .iter()
            .map(|network| result::Segment {
                name: network.name.clone(),
                cidr: network.cidr,
                mode: network.mode.to_string(),
                bridge: network.bridge.clone(),
            })
            .collect(),
        router: summary.nodes.iter().find(|node| node.router).map(node),
        nodes: summary.nodes.iter().filter(|node| !node.router).map(node).collect(),
        clients: summary
            .surroundings
            .iter()
            .filter(member)
            .map(|one| result::Node {
                name: one.interfaces.first().map_or("client".to_owned(), |card| super::plan::client(&card.network)),
                roles: Vec::new(),
                attachments: attachments(&one.interfaces),
                pods: None,
            })
            .collect(),
        vips: summary
            .vips
            .iter()
            .map(|vip| result::Vip {
                name: vip.name.clone(),
                address: vip.address,
                segment: vip.network.clone(),
                ports: vip.ports.iter().map(|port| port.port).collect(),
                candidates: vip.candidates.iter().map(|candidate| candidate.node.clone()).collect(),
                owners: start
                    .vips
                    .iter()
                    .find(|watch| watch.vip == vip.name)
                    .and_then(|watch| Some(watch.held.last()?.owners.clone()))
                    .unwrap_or_default(),
            })
            .collect(),
    }
}
