//! A lab that is built: the plan, its machines, and who answers.

use super::build;
use super::daemons::Daemons;
use super::failure::Failure;
use super::images::{self, Wanted};
use super::life::Life;
use super::plan::Plan;
use super::result::Level;
use super::stub::Stubs;
use super::systemd::Machines;
use rustix::mount::{MountFlags, mount};
use std::fs;
use std::time::Instant;

/// A lab.
pub struct Bench {
    /// What was to be built.
    pub plan: Plan,
    /// How machines live.
    pub life: Box<dyn Life>,
    /// How much of a machine is real.
    pub level: Level,
    /// Who answers.
    pub(super) stubs: Stubs,
    /// How long building took, in milliseconds.
    pub up_ms: u32,
    /// Kernel settings that cannot be made here, by machine.
    pub missing: Vec<(String, Vec<String>)>,
    /// Images that containers name.
    pub(super) images: Vec<Wanted>,
}

/// Where the inside keeps what the outside may want to know: the machines' first processes.
pub const MACHINES: &str = "/run/lab/machines.json";

impl Bench {
    /// Builds the lab called `name` in the namespaces of the calling process.
    ///
    /// # Errors
    /// What cannot be built.
    pub fn build(mut plan: Plan, level: Level, name: &str, mut images: Vec<Wanted>) -> Result<Self, Failure> {
        let begin = Instant::now();
        mount("tmpfs", "/run", "tmpfs", MountFlags::empty(), Some(c"mode=755"))
            .map_err(|error| Failure::new(format!("cannot mount tmpfs on /run: {error}")))?;
        fs::create_dir_all("/run/lab").map_err(Failure::io("make /run/lab"))?;
        images::lay(&mut plan, &mut images)?;
        build::lay(&plan)?;
        let life: Box<dyn Life> = match level {
            Level::Daemons => Box::new(Daemons::default()),
            Level::Systemd => Box::new(Machines::new(name)?),
        };
        // Everything around the machines first: whoever starts finds a network.
        let around: Vec<&String> = plan.spaces.keys().filter(|space| !plan.trees.contains_key(*space)).collect();
        for result in each(&around, |space| build::configure(&plan, space)) {
            result?;
        }
        let machines: Vec<&String> = plan.trees.keys().collect();
        // Those that decide nothing first.
        let (balancers, others): (Vec<&String>, Vec<&String>) =
            machines.into_iter().partition(|name| !plan.trees[*name].services.is_empty());
        let mut stubs = Stubs::default();
        for group in [others, balancers] {
            for result in each(&group, |name| life.raise(&plan, name)) {
                result?;
            }
            // HAProxy asks its backends at once, and believes the first answer: they are there before it is.
            stubs
                .add(&plan.stubs, &|space| group.contains(&&space.to_owned()) || around.contains(&&space.to_owned()))?;
        }
        let up_ms = u32::try_from(begin.elapsed().as_millis()).unwrap_or(u32::MAX);
        let bench = Self { plan, life, level, stubs, up_ms, missing: Vec::new(), images };
        bench.note()?;
        Ok(bench)
    }

    /// Writes down the machines' first processes.
    pub(super) fn note(&self) -> Result<(), Failure> {
        let firsts = self.plan.trees.keys().filter_map(|name| Some((name.clone(), self.life.first(name)?)));
        let firsts: std::collections::BTreeMap<String, i32> = firsts.collect();
        let text = serde_json::to_string(&firsts).map_err(|error| Failure::new(error.to_string()))?;
        fs::write(MACHINES, text).map_err(Failure::io("note the machines"))
    }
}

/// Does something for everybody at once; the results in order.
pub(super) fn each<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = all.iter().map(|one| scope.spawn(|| work(one))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}
