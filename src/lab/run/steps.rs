//! Things that happen one after the other, and who holds which address meanwhile.

use super::super::bench::Bench;
use super::super::failure::Failure;
use super::super::probe::Tried;
use super::super::result::{
    self, Event, EventKind, Measured, Move, Predicted, Tries, Verdict, Watch, during, lost, moved,
};
use super::super::scenario::{Action, CALM_MS, Step, Told, milliseconds};
use super::super::service::Daemon;
use super::super::space::{run, within};
use super::super::watch::Watcher;
use super::super::{build, doubt, plan, process};
use super::clients::{Client, clients};
use super::{assertion, judge};
use crate::lab::result::Held;
use crate::model::summary::{Outcome, Range, Summary, Vip};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// How much later or earlier than foretold still agrees.
const TOLERANCE_MS: u32 = 1500;

fn addresses(summary: &Summary) -> Vec<Ipv4Addr> {
    summary.vips.iter().map(|vip| vip.address).collect()
}

fn candidates(summary: &Summary) -> BTreeSet<String> {
    summary.vips.iter().flat_map(|vip| &vip.candidates).map(|candidate| candidate.node.clone()).collect()
}

fn watch(bench: &Bench, epoch: Instant) -> Watcher {
    Watcher::start(candidates(&bench.plan.summary), &addresses(&bench.plan.summary), epoch)
}

/// Waits until every address is where it belongs when everything works; for a while.
pub(super) fn settle(bench: &Bench) {
    let summary = &bench.plan.summary;
    let watcher = watch(bench, Instant::now());
    let good = || {
        summary.vips.iter().all(|vip| {
            let Some(election) = &vip.election else { return true };
            let mut owners = election.start.owners.clone();
            owners.sort();
            watcher.owners(vip.address) == owners
        })
    };
    let begin = Instant::now();
    while !good() && begin.elapsed() < Duration::from_secs(12) {
        std::thread::sleep(Duration::from_millis(20));
    }
    watcher.finish().ok();
}

/// The lab has just been built.
pub(super) fn start(bench: &Bench, one: &mut result::Scenario) -> Result<(), Failure> {
    let watcher = watch(bench, Instant::now());
    let outcomes = bench.plan.summary.vips.iter().filter_map(|vip| {
        let mut outcome = vip.election.as_ref()?.start.clone();
        outcome.owners.sort();
        // The first election has begun: machines that boot are not looked at before all of them have.
        let age = outcome.owners.iter().map(|node| age_ms(bench, node)).min().unwrap_or(0);
        let less = |seconds: f64| (seconds - f64::from(age) / 1000.0).max(0.0);
        outcome.after = outcome.after.map(|Range { least, most }| Range { least: less(least), most: less(most) });
        Some((vip.name.clone(), outcome))
    });
    let told = Told::Of(outcomes.collect(), 0);
    one.events.push(Event { at_ms: 0, kind: EventKind::Step, what: "every machine is up".to_owned() });
    wait(bench, &watcher, &told, 0);
    finish(bench, watcher, &[Since { begin_ms: 0, at_ms: 0, told }], one, Vec::new())?;
    for watch in &one.vips {
        let owners = watch.held.last().map(|held| held.owners.clone()).unwrap_or_default();
        let wrong = if owners.len() == 1 { vec![] } else { vec![format!("{} hold it", owners.len())] };
        let what = format!("one node holds {} when everything works", watch.vip);
        one.assertions.push(assertion(what, owners.first().cloned().unwrap_or_default(), &wrong));
    }
    one.assertions.extend(doubt::doubts(bench).0);
    Ok(())
}

/// Things happen.
pub(super) fn steps(bench: &Bench, steps: &[Step], one: &mut result::Scenario) -> Result<(), Failure> {
    let epoch = Instant::now();
    let watcher = watch(bench, epoch);
    let clients = clients(bench, epoch);
    pause(CALM_MS);
    let mut told = Vec::new();
    for step in steps {
        let begin_ms = watcher.now_ms();
        if let Err(failure) = act(bench, &step.action) {
            one.assertions.push(assertion(&step.what, "done", &[failure.to_string()]));
        }
        // A machine is back when its daemons are: what is foretold counts from there, however long it takes to boot.
        let at_ms = match &step.action {
            Action::Raise(node) => watcher.now_ms().saturating_sub(age_ms(bench, node)).max(begin_ms),
            _ => begin_ms,
        };
        one.events.push(Event { at_ms, kind: step.kind, what: step.what.clone() });
        wait(bench, &watcher, &step.told, at_ms);
        told.push(Since { begin_ms, at_ms, told: step.told.clone() });
    }
    finish(bench, watcher, &told, one, clients)
}

/// For how long a machine's Keepalived has been there.
fn age_ms(bench: &Bench, node: &str) -> u32 {
    let first = bench.life.processes(node, Daemon::Keepalived).first().copied();
    first.and_then(process::age_ms).unwrap_or(0)
}

/// Something that was done, and what was foretold of it.
struct Since {
    /// When it was begun.
    begin_ms: u32,
    /// From when on what is foretold counts.
    at_ms: u32,
    told: Told,
}

fn pause(ms: u32) {
    std::thread::sleep(Duration::from_millis(u64::from(ms)));
}

/// Does what a step says.
fn act(bench: &Bench, action: &Action) -> Result<(), Failure> {
    let plan = &bench.plan;
    let cables = |node: &str, line: &dyn Fn(&plan::Cable) -> String| -> Result<(), Failure> {
        for cable in plan.cables_of(node) {
            let line = line(cable);
            within(&cable.far, || run("ip", &["-batch", "-"], &line).map(drop))?;
        }
        Ok(())
    };
    match action {
        Action::Daemon(node, daemon, act) => bench.life.act(plan, node, *daemon, *act),
        Action::Link(node, on) => {
            let state = if *on { "up" } else { "down" };
            cables(node, &|cable| format!("link set {} {state}\n", cable.port))
        }
        Action::Partition(node, joined) => cables(node, &|cable| match &cable.bridge {
            Some(bridge) if *joined => format!("link set {} master {bridge}\n", cable.port),
            _ => format!("link set {} nomaster\n", cable.port),
        }),
        Action::Fell(node) => {
            build::unplug(plan, node)?;
            bench.life.fell(plan, node)
        }
        Action::Raise(node) => {
            build::replug(plan, node)?;
            bench.life.raise(plan, node)?;
            bench.note()
        }
        Action::Look => Ok(()),
        Action::Stub(space, answers) => {
            bench.stubs.set(space, *answers);
            Ok(())
        }
    }
}

/// Waits until what is foretold has come, or is overdue, and a moment more.
fn wait(bench: &Bench, watcher: &Watcher, told: &Told, since: u32) {
    let (outcomes, patience) = match told {
        Told::Wait(ms) => return pause(*ms),
        // Until HAProxy has noticed, a connection may meet what is gone.
        Told::Backend(ms) => return pause(ms + CALM_MS),
        Told::Of(outcomes, patience) => (outcomes, *patience),
    };
    let address = |name: &str| bench.plan.summary.vips.iter().find(|vip| vip.name == name).map(|vip| vip.address);
    let latest = |outcome: &Outcome| outcome.after.map_or(patience, |after| milliseconds(after.most) + TOLERANCE_MS);
    let overdue = outcomes.values().map(latest).max().unwrap_or(0) + 500;
    loop {
        let passed = watcher.now_ms().saturating_sub(since);
        let so = |(name, outcome): (&String, &Outcome)| {
            let there = address(name).is_none_or(|address| watcher.owners(address) == outcome.owners);
            there && (outcome.after.is_some() || passed >= patience)
        };
        if outcomes.iter().all(so) || passed > overdue {
            return pause(CALM_MS);
        }
        pause(20);
    }
}

/// Writes down what was seen.
fn finish(
    bench: &Bench,
    watcher: Watcher,
    told: &[Since],
    one: &mut result::Scenario,
    clients: Vec<Client>,
) -> Result<(), Failure> {
    let summary = &bench.plan.summary;
    let held: Vec<(&Vip, Vec<Held>)> = summary.vips.iter().map(|vip| (vip, watcher.held(vip.address))).collect();
    let length = watcher.now_ms();
    one.length_ms = length;
    one.interval_ms = watcher.longest_ms();
    watcher.finish()?;
    let mut tried: BTreeMap<String, Vec<(String, Vec<Tried>)>> = BTreeMap::new();
    for client in clients {
        let (vip, (probe, all)) = (client.vip.clone(), client.finish(length)?);
        tried.entry(vip).or_default().push((format!("{} to {}", probe.from, probe.to), all));
        one.probes.push(probe);
    }
    // A step lasts until the next one begins: what plugging in and booting do is not its own.
    let ends: Vec<u32> = told.iter().skip(1).map(|next| next.begin_ms).chain([length]).collect();
    for (vip, held) in held {
        // What is counted is what the fastest one saw.
        let tries = one.probes.iter().find(|probe| probe.vip.as_ref() == Some(&vip.name));
        let tries = tries.map(|probe| probe.tries.clone()).unwrap_or_default();
        let moves = told.iter().zip(&ends).map(|(since, until)| Move {
            since_ms: since.at_ms,
            predicted: foretold(&since.told, vip),
            measured: measured(&held, &tries, since.at_ms, *until),
        });
        let moves: Vec<Move> = moves.collect();
        let seen = judge::Seen {
            vip,
            held: &held,
            moves: &moves,
            ends: &ends,
            tried: tried.get(&vip.name).map_or(&[], Vec::as_slice),
        };
        one.assertions.extend(judge::judge(bench, &seen));
        one.vips.push(Watch { vip: vip.name.clone(), held, moves });
    }
    if one.verdict() == Verdict::Failed {
        one.notes.extend(last_words(bench));
    }
    if one.interval_ms > 100 {
        let words = format!("This machine was busy: there were up to {} ms between two looks.", one.interval_ms);
        one.notes.push(words);
    }
    Ok(())
}

/// What every Keepalived said last, for whoever must find out why something is not as it was to be.
fn last_words(bench: &Bench) -> Vec<String> {
    let said = bench.plan.running(Daemon::Keepalived).map(|node| {
        let said = bench.life.said(node, Daemon::Keepalived);
        let told = said.iter().filter(|line| !line.contains("gratuitous ARP"));
        let last: Vec<&str> = told.rev().take(6).map(|line| doubt::words(line)).collect();
        format!("Keepalived on {node} said last: {}.", last.into_iter().rev().collect::<Vec<_>>().join("; "))
    });
    said.collect()
}

fn foretold(told: &Told, vip: &Vip) -> Option<Predicted> {
    let outcome = match told {
        Told::Of(outcomes, _) => outcomes.get(&vip.name)?.clone(),
        Told::Backend(_) => Outcome { owners: vip.election.as_ref()?.start.owners.clone(), after: None },
        Told::Wait(_) => return None,
    };
    let Range { least, most } = outcome.after.unwrap_or(Range { least: 0.0, most: 0.0 });
    let mut owners = outcome.owners;
    owners.sort();
    let (least_ms, most_ms) = (milliseconds(least), milliseconds(most));
    Some(Predicted { owners, least_ms, most_ms, tolerance_ms: TOLERANCE_MS })
}

fn measured(held: &[Held], tries: &[Tries], since: u32, until: u32) -> Measured {
    let (owners, moved_ms) = moved(held, since, until);
    let (sent, lost) = lost(tries, since, until);
    Measured {
        owners,
        moved_ms,
        without_ms: during(held, since, until, <[_]>::is_empty),
        several_ms: during(held, since, until, |owners| owners.len() > 1),
        sent,
        lost,
    }
}
