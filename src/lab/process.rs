//! Processes of the sandbox as `/proc` shows them.

use std::collections::BTreeMap;
use std::fs;

/// Number of a process in the sandbox.
pub(super) type Pid = i32;

/// The parent of every process.
fn parents() -> BTreeMap<Pid, Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<Pid>().ok());
    pids.filter_map(|pid| Some((pid, stat(&pid.to_string())?.1))).collect()
}

/// State, parent and start time (in ticks since the system's start) of a process (proc_pid_stat(5)).
pub(super) fn stat(pid: &str) -> Option<(char, Pid, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets and may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let (state, parent) = (fields.next()?.chars().next()?, fields.next()?.parse().ok()?);
    Some((state, parent, fields.nth(17)?.parse().ok()?))
}

/// How long a process has been there, in milliseconds.
pub(super) fn age_ms(pid: Pid) -> Option<u32> {
    let (.., started) = stat(&pid.to_string())?;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    // Seconds with two digits after the point.
    let hundredths: u64 = uptime.split_whitespace().next()?.replace('.', "").parse().ok()?;
    let started = started.checked_mul(1000)? / rustix::param::clock_ticks_per_second();
    u32::try_from((hundredths * 10).saturating_sub(started)).ok()
}

/// Everything that descends from a process, in the order of their numbers; not the process itself.
pub(super) fn descendants(of: Pid) -> Vec<Pid> {
    let parents = parents();
    let descends = |pid: &Pid| {
        let mut at = *pid;
        // No chain is longer than there are processes.
        for _ in 0..parents.len() {
            match parents.get(&at) {
                Some(parent) if *parent == of => return true,
                Some(parent) => at = *parent,
                None => return false,
            }
        }
        false
    };
    parents.keys().copied().filter(descends).collect()
}

/// Whether it runs: it is there, and no zombie.
pub(super) fn runs(pid: Pid) -> bool {
    stat(&pid.to_string()).is_some_and(|(state, ..)| !matches!(state, 'Z' | 'X'))
}

/// The number that a process has in the innermost namespace that it is in.
pub(super) fn inner(pid: Pid) -> Option<Pid> {
    status(pid, "NSpid:")?.split_whitespace().last()?.parse().ok()
}

/// A field of `/proc/PID/status`.
pub(super) fn status(pid: Pid, field: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix(field)).map(|value| value.trim().to_owned())
}

/// Name of the program that it runs.
pub(super) fn name(pid: Pid) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// Sends a signal; whether there was somebody to get it.
pub(super) fn signal(pid: Pid, signal: rustix::process::Signal) -> bool {
    rustix::process::Pid::from_raw(pid).is_some_and(|pid| rustix::process::kill_process(pid, signal).is_ok())
}
