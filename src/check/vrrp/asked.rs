//! Scripts that ask others whether anybody is there: whom, and how long they wait.

use super::super::keepalived::Script;
use super::super::written::Machine;
use super::group::script_text;
use std::net::Ipv4Addr;

/// Programs that ask an address.
const PROGRAMS: [&str; 4] = ["ping", "arping", "fping", "ping4"];

/// Words before a number of seconds after which nobody is waited for any more (ping(8), sleep(1), timeout(1)).
const LIMITS: [&str; 4] = ["-W", "-w", "sleep", "timeout"];

/// What a script consists of, without comments: its command, and what stands in the file that this starts.
fn words(machine: &Machine<'_>, script: &Script) -> Vec<String> {
    let command = script.command.as_ref().map_or("", |command| command.value.as_str());
    let text = script_text(machine, command);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#')).chain([command]);
    let apart = |c: char| c.is_whitespace() || "\"'=;()|&`".contains(c);
    lines.flat_map(|line| line.split(apart)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The addresses that a script asks, but for the machine's own; empty if it asks nobody.
pub(super) fn witnesses(machine: &Machine<'_>, script: &Script) -> Vec<Ipv4Addr> {
    let words = words(machine, script);
    if !words.iter().any(|word| PROGRAMS.contains(&word.rsplit('/').next().unwrap_or_default())) {
        return Vec::new();
    }
    let own = |address: &Ipv4Addr| machine.node.interfaces.iter().any(|card| card.address.value == *address);
    let addresses = words.iter().filter_map(|word| word.parse::<Ipv4Addr>().ok());
    let mut found: Vec<Ipv4Addr> = addresses.filter(|address| !address.is_loopback() && !own(address)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Seconds for which it waits for an answer, in one run.
pub(super) fn patience(machine: &Machine<'_>, script: &Script) -> f64 {
    let words = words(machine, script);
    let limits = words.windows(2).filter(|pair| LIMITS.contains(&pair[0].as_str()));
    let own = limits.filter_map(|pair| pair[1].parse::<f64>().ok()).fold(f64::INFINITY, f64::min);
    own.min(script.timeout.map_or(script.interval, |timeout| timeout.value))
}
