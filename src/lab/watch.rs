//! Who holds which address: looked at many times a second in every candidate's namespace.

use super::failure::Failure;
use super::space::enter;
use crate::lab::result::Held;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What one namespace has held: moments in milliseconds at which that changed.
type Changes = Vec<(u32, BTreeSet<Ipv4Addr>)>;

/// Looks at who holds which of some addresses, until it is stopped.
#[derive(Debug)]
pub(super) struct Watcher {
    epoch: Instant,
    stop: Arc<AtomicBool>,
    seen: BTreeMap<String, Arc<Mutex<Seen>>>,
    threads: Vec<JoinHandle<Result<(), Failure>>>,
}

#[derive(Debug, Default)]
struct Seen {
    changes: Changes,
    /// The last look, and the longest time between two.
    last_ms: Option<u32>,
    longest_ms: u32,
}

impl Watcher {
    /// Begins to look at `addresses` in `spaces`.
    pub(super) fn start(spaces: impl IntoIterator<Item = String>, addresses: &[Ipv4Addr], epoch: Instant) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut seen, mut threads) = (BTreeMap::new(), Vec::new());
        for space in spaces {
            let own = Arc::new(Mutex::new(Seen::default()));
            seen.insert(space.clone(), Arc::clone(&own));
            let (addresses, stop) = (addresses.to_vec(), Arc::clone(&stop));
            threads.push(std::thread::spawn(move || {
                enter(&space)?;
                while !stop.load(Ordering::Relaxed) {
                    look(&addresses, epoch, &own);
                    std::thread::sleep(PAUSE);
                }
                Ok(())
            }));
        }
        Self { epoch, stop, seen, threads }
    }

    /// Milliseconds since the beginning.
    pub(super) fn now_ms(&self) -> u32 {
        u32::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u32::MAX)
    }

    /// Who holds an address, as of the last look.
    pub(super) fn owners(&self, address: Ipv4Addr) -> Vec<String> {
        let holds = |seen: &Arc<Mutex<Seen>>| {
            let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.changes.last().is_some_and(|(_, held)| held.contains(&address))
        };
        self.seen.iter().filter(|(_, seen)| holds(seen)).map(|(space, _)| space.clone()).collect()
    }

    /// Who has held an address from the beginning until now.
    pub(super) fn held(&self, address: Ipv4Addr) -> Vec<Held> {
        let mut moments: BTreeMap<u32, Vec<(String, bool)>> = BTreeMap::new();
        for (space, seen) in &self.seen {
            let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            for (at, held) in &seen.changes {
                moments.entry(*at).or_default().push((space.clone(), held.contains(&address)));
            }
        }
        let end = self.now_ms();
        let mut owners: BTreeSet<String> = BTreeSet::new();
        let (mut found, mut since): (Vec<Held>, u32) = (Vec::new(), 0);
        let mut push = |until: u32, since: &mut u32, owners: &BTreeSet<String>| {
            let owners: Vec<String> = owners.iter().cloned().collect();
            let for_ms = until.saturating_sub(*since);
            *since = until;
            match found.last_mut() {
                Some(last) if last.owners == owners => last.for_ms += for_ms,
                _ if for_ms == 0 => {}
                _ => found.push(Held { for_ms, owners }),
            }
        };
        for (at, changes) in moments {
            // The first look stands for the time before it.
            let begin = since == 0 && owners.is_empty() && at <= 200;
            if !begin {
                push(at, &mut since, &owners);
            }
            for (space, holds) in changes {
                if holds {
                    owners.insert(space);
                } else {
                    owners.remove(&space);
                }
            }
        }
        push(end, &mut since, &owners);
        found
    }

    /// The longest time between two looks, in milliseconds.
    pub(super) fn longest_ms(&self) -> u32 {
        let longest = |seen: &Arc<Mutex<Seen>>| seen.lock().unwrap_or_else(PoisonError::into_inner).longest_ms;
        self.seen.values().map(longest).max().unwrap_or(0)
    }

    /// Ends it.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap_or_else(|_| Err(Failure::new("a watch ended early")))?;
        }
        Ok(())
    }
}

fn look(addresses: &[Ipv4Addr], epoch: Instant, seen: &Mutex<Seen>) {
    let held: BTreeSet<Ipv4Addr> = local().intersection(&addresses.iter().copied().collect()).copied().collect();
    let now = u32::try_from(epoch.elapsed().as_millis()).unwrap_or(u32::MAX);
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(last) = seen.last_ms {
        seen.longest_ms = seen.longest_ms.max(now - last);
    }
    seen.last_ms = Some(now);
    if seen.changes.last().is_none_or(|(_, before)| *before != held) {
        seen.changes.push((now, held));
    }
}

/// The addresses that the namespace of the calling thread has, as the kernel's table of local routes shows them:
/// a line with the address, and below it `/32 host LOCAL`.
pub(super) fn local() -> BTreeSet<Ipv4Addr> {
    let text = fs::read_to_string("/proc/thread-self/net/fib_trie").unwrap_or_default();
    let mut found = BTreeSet::new();
    let mut last: Option<Ipv4Addr> = None;
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line == "/32 host LOCAL" {
            found.extend(last);
        }
    }
    found
}
