//! Everybody that wants the same address, as the election sees them.

use super::super::container::running;
use super::super::haproxy_config;
use super::super::keepalived::{Config, Instance, Lined, Script};
use super::super::written::Machine;
use super::{HAPROXY, asked};
use crate::model::cluster::{Cluster, Node, Vip};
use crate::model::profile::cluster::Protocol;
use crate::topology::vrrp::{self, Fault, Password, Seconds, Speaker, Tracker};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// One machine's instance that wants the address.
pub(super) struct Member<'a> {
    pub(super) machine: &'a Machine<'a>,
    pub(super) config: &'a Config,
    pub(super) instance: &'a Instance,
}

/// Everybody that wants an address.
pub(super) struct Wanted<'a> {
    /// The address.
    pub(super) address: Ipv4Addr,
    /// Addresses that the same instances hold as well.
    pub(super) others: Vec<Ipv4Addr>,
    /// The VIP, if it is declared.
    pub(super) vip: Option<&'a Vip>,
    /// One member per node, in the order of their names.
    pub(super) members: Vec<Member<'a>>,
    /// The same as speakers.
    pub(super) group: vrrp::Group,
    /// What can fail.
    pub(super) faults: Vec<Fault>,
}

impl Wanted<'_> {
    /// What people call it.
    pub(super) fn name(&self) -> String {
        match self.vip {
            Some(vip) => format!("`{}` (`{}`)", vip.name, self.address),
            None => format!("`{}`", self.address),
        }
    }
}

/// The groups, by address. Addresses that move together are one group.
pub(super) fn groups<'a>(cluster: &'a Cluster, configs: &'a [(Machine<'a>, Config)]) -> Vec<Wanted<'a>> {
    // Who wants an address: machine and instance by position. Of an address in two instances of a machine, which is
    // reported elsewhere, there is nothing more to say.
    let mut wanted: BTreeMap<Ipv4Addr, BTreeMap<usize, usize>> = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for (at, (_, config)) in configs.iter().enumerate() {
        for (number, instance) in config.instances.iter().enumerate() {
            for address in instance.addresses.iter().map(|one| one.address.value) {
                if wanted.entry(address).or_default().insert(at, number).is_some() {
                    twice.insert(address);
                }
            }
        }
    }
    wanted.retain(|address, _| !twice.contains(address));
    let mut groups: BTreeMap<&BTreeMap<usize, usize>, Vec<Ipv4Addr>> = BTreeMap::new();
    for (address, members) in &wanted {
        groups.entry(members).or_default().push(*address);
    }
    let mut found: Vec<Wanted<'a>> = groups
        .into_iter()
        .map(|(members, mut addresses)| {
            let address = addresses.remove(0);
            let members: Vec<Member<'a>> = members
                .iter()
                .filter_map(|(at, number)| {
                    let (machine, config) = configs.get(*at)?;
                    Some(Member { machine, config, instance: config.instances.get(*number)? })
                })
                .collect();
            let group = vrrp::Group::new(members.iter().map(speaker).collect());
            let balances = members.iter().any(|member| runs_haproxy(member.machine));
            let faults = Fault::ALL.into_iter().filter(|fault| balances || *fault != Fault::Haproxy).collect();
            let vip = cluster.vips.iter().find(|vip| vip.address.value == address);
            Wanted { address, others: addresses, vip, members, group, faults }
        })
        .collect();
    found.sort_by_key(|wanted| wanted.address);
    found
}

fn runs_haproxy(machine: &Machine<'_>) -> bool {
    machine.file(HAPROXY).is_some() || running(machine.node, "haproxy").is_some()
}

/// A machine's instance as the election sees it.
fn speaker(member: &Member<'_>) -> Speaker {
    let Member { machine, config, instance } = member;
    let interface = instance.interface.as_ref().map(|name| name.value.as_str());
    let card = machine.node.interfaces.iter().find(|card| Some(card.name.as_str()) == interface);
    let version = instance.version.or(config.version).map_or(2, |version| version.value);
    let advert = instance.advert.value;
    let master = instance.master.is_some_and(|state| state.value);
    let peers = instance.peers.as_ref().map(|peers| peers.value.iter().map(|peer| peer.value).collect::<Vec<_>>());
    let password = instance.auth_pass.as_ref().filter(|_| instance.auth_type.is_some());
    let unspecified = Ipv4Addr::UNSPECIFIED;
    Speaker {
        node: machine.node.name.clone(),
        segment: card.map(|card| card.network.value.clone()),
        address: instance.source.map_or_else(|| card.map_or(unspecified, |card| card.address.value), |own| own.value),
        router_id: instance.router_id.map_or(0, |id| id.value),
        priority: instance.priority.value,
        // Keepalived clears `nopreempt` where the initial state is MASTER.
        preempts: instance.nopreempt.is_none() || master,
        preempt_delay: instance.preempt_delay.filter(|_| !master).map_or(0.0, |delay| delay.value),
        version,
        advert: if version == 2 { advert.round().max(1.0) } else { advert },
        password: password.map(|password| Password(password.value.clone())),
        peers: peers.filter(|peers| !peers.is_empty() || instance.fault_no_peer),
        checks_source: config.checks_source,
        admits: admits(machine.node),
        trackers: trackers(member),
    }
}

/// Who the firewall, which is made from what the node listens on, lets VRRP in from.
fn admits(node: &Node) -> Vec<Ipv4Net> {
    let vrrp = node.listens.iter().filter(|listen| listen.protocol == Protocol::Vrrp);
    let mut nets: Vec<Ipv4Net> = Vec::new();
    for listen in vrrp {
        if listen.sources.is_empty() {
            nets.push(Ipv4Net::default());
        }
        nets.extend(listen.sources.iter());
    }
    nets
}

fn trackers(member: &Member<'_>) -> Vec<Tracker> {
    let ports = haproxy_ports(member.machine);
    let tracks = member.instance.tracks.iter();
    let tracked = tracks.filter_map(|track| Some((track, member.config.tracked(track)?)));
    tracked
        .map(|(track, script)| {
            let runs = |count: u32| f64::from(count) * script.interval;
            let noticing = |count: u32| match script.command {
                Some(_) => Seconds { least: runs(count.saturating_sub(1)), most: runs(count) },
                None => Seconds::NOW,
            };
            let watches_haproxy = watches_haproxy(member.machine, script, &ports);
            let witnesses = asked::witnesses(member.machine, script);
            // One that asks others waits for them; HAProxy refuses at once.
            let wait = if witnesses.is_empty() { 0.0 } else { asked::patience(member.machine, script) };
            Tracker {
                name: script.name.value.clone(),
                watches_haproxy,
                witnesses,
                weight: track.weight.unwrap_or(script.weight).value,
                detection: noticing(script.fall).plus(Seconds::exactly(wait)),
                hang: hang(member.machine, script).filter(|_| watches_haproxy),
                recovery: noticing(script.rise),
            }
        })
        .collect()
}

/// How long a script takes to find out that HAProxy is there and does not answer: one that asks for an answer waits for
/// it, and none is begun while another one waits (`vrrp_script_thread` of Keepalived). A connection alone shows nothing:
/// the kernel takes it.
fn hang(machine: &Machine<'_>, script: &Script) -> Option<Seconds> {
    let command = script.command.as_ref()?;
    let text = script_text(machine, &command.value);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#')).chain([command.value.as_str()]);
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    words.iter().find(|word| ["curl", "wget"].contains(&word.rsplit('/').next().unwrap_or_default()))?;
    let limit = |pair: &[&str]| match pair {
        ["-m" | "--max-time" | "-T", seconds] => seconds.parse::<f64>().ok(),
        _ => None,
    };
    let own = words.windows(2).find_map(limit).unwrap_or(f64::INFINITY);
    let wait = own.min(script.timeout.map_or(script.interval, |timeout| timeout.value));
    // One that waits until the next is due may or may not be over by then.
    let runs = wait / script.interval;
    let last = |apart: f64| f64::from(script.fall.saturating_sub(1)) * apart * script.interval + wait;
    Some(Seconds { least: last(runs.ceil()), most: last(runs.floor() + 1.0) + script.interval })
}

/// Ports that HAProxy listens on.
fn haproxy_ports(machine: &Machine<'_>) -> BTreeSet<u16> {
    let Some(file) = machine.file(HAPROXY) else { return BTreeSet::new() };
    let config = haproxy_config::read(&file.text);
    config.sections.iter().flat_map(haproxy_config::Section::binds).map(|bind| bind.ports.0).collect()
}

/// Whether a script or process is ill when HAProxy is: it names it, or asks a port of it.
fn watches_haproxy(machine: &Machine<'_>, script: &Script, ports: &BTreeSet<u16>) -> bool {
    let command = script.command.as_ref().map_or("", |command| command.value.as_str());
    let written = script_text(machine, command);
    // Numbers in addresses of others are no ports.
    let others = !asked::witnesses(machine, script).is_empty();
    let asks = |text: &str| {
        let numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
        text.contains("haproxy") || (!others && numbers.into_iter().any(|number| ports.contains(&number)))
    };
    script.processes.iter().any(|process| process.contains("haproxy"))
        || script.name.value.contains("haproxy")
        || [written.as_str(), command].into_iter().any(asks)
}

/// What stands in the script that a command starts, as the machine has it; a container may see it under another path, with the
/// same file name.
pub(super) fn script_text(machine: &Machine<'_>, command: &str) -> String {
    let program = command.split_whitespace().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let files = machine.baked.files.iter().filter(|(path, _)| path.rsplit('/').next() == Some(name));
    files.map(|(_, file)| &*file.text).collect::<Vec<_>>().join("\n")
}

/// Where the weight is written that counts for an instance when HAProxy fails; of a script that watches something else,
/// where there is no other.
pub(super) fn weight(member: &Member<'_>) -> Option<Lined<i32>> {
    let ports = haproxy_ports(member.machine);
    let tracks = member.instance.tracks.iter();
    let tracked = tracks.filter_map(|track| Some((track, member.config.tracked(track)?)));
    let weight = tracked.min_by_key(|(_, script)| !watches_haproxy(member.machine, script, &ports));
    weight.map(|(track, script)| track.weight.unwrap_or(script.weight))
}
