//! Level `systemd`: a machine boots its own systemd, from the root that the real Ignition or cloud-init makes of what was
//! baked. The balancers do; the other machines live as on level [`daemons`](super::daemons).

pub mod boot;
pub mod cgroup;
mod control;
mod doubt;
pub mod engine;
mod ignition;
mod image;
mod possible;
pub(super) mod restart;

use super::daemons::Daemons;
use super::failure::Failure;
use super::life::{Act, Life};
use super::plan::Plan;
use super::process::{self, Pid};
use super::result::{Assertion, Engine};
use super::service::Daemon;
use super::space::enter;
use super::tree::Tree;
use boot::Boot;
use control::Control;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use possible::possible;

/// Where machines are kept.
const MACHINES: &str = "/run/lab";

/// How long a machine may take to boot.
const BOOT: Duration = Duration::from_secs(120);

/// How long a daemon may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a machine is provisioned with.
enum Seed<'a> {
    /// An Ignition config.
    Ignition(&'a [u8]),
    /// The files of a NoCloud seed by name.
    NoCloud(Vec<(&'a str, &'a [u8])>),
}

impl<'a> Seed<'a> {
    /// What was baked for a machine.
    fn of(tree: &'a Tree) -> Option<Self> {
        let file = |name: &str| tree.artefacts.get(name).map(|file| file.bytes.as_slice());
        if let Some(config) = file("config.ign") {
            return Some(Self::Ignition(config));
        }
        let names = ["user-data", "meta-data", "network-config"];
        let files: Vec<(&str, &[u8])> = names.into_iter().filter_map(|name| Some((name, file(name)?))).collect();
        (!files.is_empty()).then_some(Self::NoCloud(files))
    }

    /// Name of the engine that applies it.
    fn engine(&self) -> &'static str {
        match self {
            Self::Ignition(_) => "Ignition",
            Self::NoCloud(_) => "cloud-init",
        }
    }
}

/// Whether a machine boots its own systemd: those that decide about addresses do.
fn boots(tree: &Tree) -> bool {
    !tree.services.is_empty()
}

/// The unit of a daemon.
fn unit_of(tree: &Tree, daemon: Daemon) -> String {
    let name = tree.service(daemon).map_or(daemon.program(), |service| &service.unit);
    format!("{name}.service")
}

/// The machines that are on.
pub(super) struct Machines {
    lab: String,
    on: Mutex<BTreeMap<String, Machine>>,
    others: Daemons,
}

struct Machine {
    /// `unshare`, whose child is systemd.
    child: Child,
    first: Pid,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Machines {
    /// None yet; their control groups are called after the lab.
    ///
    /// # Errors
    /// When those cannot be made.
    pub(super) fn new(lab: &str) -> Result<Self, Failure> {
        cgroup::begin(lab)?;
        Ok(Self { lab: lab.to_owned(), on: Mutex::default(), others: Daemons::default() })
    }

    /// Whether it is one of those with systemd, which then is asked about it.
    fn control(&self, node: &str) -> Option<Control> {
        held(&self.on).get(node).map(|machine| Control { first: machine.first, node: node.to_owned() })
    }

    /// Gives it a disk if it has none, and starts it.
    fn start(&self, plan: &Plan, node: &str, tree: &Tree) -> Result<Machine, Failure> {
        let home = format!("{MACHINES}/{node}");
        let seed =
            Seed::of(tree).ok_or_else(|| Failure::new(format!("there is nothing to provision `{node}` with")))?;
        // One that comes back has the disk that it had.
        if !Path::new(&home).exists() {
            // What is set there beyond what was baked is the system's own.
            let all = plan.spaces.get(node).map(|space| space.sysctls.clone()).unwrap_or_default();
            let baked = |key: &String| tree.sysctls.iter().any(|(own, _)| own == key);
            let settings = all.into_iter().filter(|(key, _)| !baked(key)).collect();
            boot::disk(&home, tree, &seed, &settings)?;
        }
        let group = cgroup::make(&self.lab, node)?;
        let name = tree.hostname.clone();
        let hostname = if name.is_empty() { "localhost".to_owned() } else { name };
        let request = Boot { home: home.clone(), group, second: false, hostname };
        let request = serde_json::to_string(&request).map_err(|error| Failure::new(error.to_string()))?;
        let said = format!("{home}/boot.log");
        let log = fs::File::create(&said).map_err(Failure::io("make a log"))?;
        let spawn = || {
            enter(node)?;
            // Nothing here speaks IPv6; waiting for routers would only cost time.
            for conf in ["all", "default"] {
                fs::write(format!("/proc/sys/net/ipv6/conf/{conf}/disable_ipv6"), "1").ok();
            }
            let mut command = Command::new("/proc/1/exe");
            command.args(["lab", "boot", &request]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
            command.spawn().map_err(Failure::io(&format!("start the machine `{node}`")))
        };
        let mut child = std::thread::scope(|scope| scope.spawn(spawn).join())
            .unwrap_or_else(|_| Err(Failure::new("a thread ended early")))?;
        let parent = Pid::try_from(child.id()).unwrap_or_default();
        let begin = Instant::now();
        loop {
            let systemd = |pid: &Pid| process::inner(*pid) == Some(1) && process::name(*pid) == "systemd";
            if let Some(first) = process::descendants(parent).into_iter().find(systemd) {
                return Ok(Machine { child, first });
            }
            let ended = child.try_wait().map_err(Failure::io("wait for a machine"))?.is_some();
            if ended || begin.elapsed() > BOOT {
                child.kill().ok();
                let why = fs::read_to_string(&said).unwrap_or_default();
                return Err(Failure::new(format!("the machine `{node}` does not boot: {}", why.trim())));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Life for Machines {
    fn raise(&self, plan: &Plan, node: &str) -> Result<(), Failure> {
        let Some(tree) = plan.trees.get(node).filter(|tree| boots(tree)) else {
            return self.others.raise(plan, node);
        };
        let machine = self.start(plan, node, tree)?;
        let control = Control { first: machine.first, node: node.to_owned() };
        held(&self.on).insert(node.to_owned(), machine);
        control.booted(BOOT)?;
        let late = |daemon: Daemon| {
            control.until(PATIENCE, || !self.processes(node, daemon).is_empty()).then_some(()).ok_or_else(|| {
                let said = control.journal(&unit_of(tree, daemon)).join("; ");
                Failure::new(format!("{} does not run on `{node}` after its boot: {said}", daemon.title()))
            })
        };
        tree.services.iter().try_for_each(|service| late(service.daemon))
    }

    fn fell(&self, plan: &Plan, node: &str) -> Result<(), Failure> {
        if !plan.trees.get(node).is_some_and(boots) {
            return self.others.fell(plan, node);
        }
        let Some(mut machine) = held(&self.on).remove(node) else {
            return Err(Failure::new(format!("`{node}` is off")));
        };
        process::signal(machine.first, Signal::KILL);
        machine.child.wait().map(drop).map_err(Failure::io("wait for a machine's end"))
    }

    fn act(&self, plan: &Plan, node: &str, daemon: Daemon, act: Act) -> Result<(), Failure> {
        let (Some(control), Some(tree)) = (self.control(node), plan.trees.get(node)) else {
            return self.others.act(plan, node, daemon, act);
        };
        let unit = unit_of(tree, daemon);
        let all = self.processes(node, daemon);
        if all.is_empty() != (act == Act::Start) {
            let (title, so) = (daemon.title(), if all.is_empty() { "does not run" } else { "runs already" });
            return Err(Failure::new(format!("{title} {so} on `{node}`")));
        }
        let signal = |signal| {
            for pid in &all {
                process::signal(*pid, signal);
            }
        };
        match act {
            Act::Hang => signal(Signal::STOP),
            Act::Resume => signal(Signal::CONT),
            Act::Stop => drop(control.systemctl(&["stop", &unit])?),
            Act::Start => {
                // Ten deaths in a scenario are no crash loop.
                control.systemctl(&["reset-failed", &unit]).ok();
                control.systemctl(&["start", &unit])?;
            }
            Act::Die => {
                signal(Signal::KILL);
                // It comes back as its unit says, not because somebody asks for it.
                let again = || self.processes(node, daemon).first().is_some_and(|pid| !all.contains(pid));
                if !control.until(PATIENCE, again) {
                    let why = control.property(&unit, "Result");
                    let message = format!("systemd did not start {} again on `{node}` ({why})", daemon.title());
                    return Err(Failure::new(message));
                }
            }
            Act::Kill => {
                signal(Signal::KILL);
                // Its unit would start it again; that is a scenario of its own.
                control.systemctl(&["stop", &unit])?;
            }
        }
        let wanted = |so: bool| control.until(PATIENCE, || self.processes(node, daemon).is_empty() != so);
        let done = match act {
            Act::Stop | Act::Kill => wanted(false),
            Act::Start => wanted(true),
            Act::Die | Act::Hang | Act::Resume => true,
        };
        if done {
            return Ok(());
        }
        Err(Failure::new(format!("{} on `{node}`: {}", daemon.title(), control.journal(&unit).join("; "))))
    }

    fn processes(&self, node: &str, daemon: Daemon) -> Vec<Pid> {
        let Some(control) = self.control(node) else { return self.others.processes(node, daemon) };
        let named = |pid: &Pid| process::name(*pid).starts_with(daemon.program()) && process::runs(*pid);
        let first = process::descendants(control.first).into_iter().find(named);
        first.map_or_else(Vec::new, |first| std::iter::once(first).chain(process::descendants(first)).collect())
    }

    fn said(&self, node: &str, daemon: Daemon) -> Vec<String> {
        let Some(control) = self.control(node) else { return self.others.said(node, daemon) };
        control.journal(&format!("{}.service", daemon.program()))
    }

    fn first(&self, node: &str) -> Option<Pid> {
        held(&self.on).get(node).map(|machine| machine.first).or_else(|| self.others.first(node))
    }

    fn doubts(&self, plan: &Plan) -> Vec<Assertion> {
        let machines = plan.trees.iter().filter_map(|(node, tree)| Some((self.control(node)?, tree)));
        doubt::doubts(self, &machines.collect::<Vec<_>>())
    }

    fn engines(&self, plan: &Plan) -> Vec<Engine> {
        possible::engines(plan)
    }

    fn notes(&self) -> Vec<String> {
        let all = held(&self.on);
        let notes = all.keys().flat_map(|node| {
            let notes = fs::read_to_string(format!("{MACHINES}/{node}/notes")).unwrap_or_default();
            notes.lines().map(|note| format!("{node}: {note}")).collect::<Vec<_>>()
        });
        notes.collect()
    }
}
