//! Level `daemons`: HAProxy and Keepalived are started directly, on a machine that has a root, a network and a first
//! process, but no systemd.

use super::build;
use super::doubt::listening;
use super::failure::Failure;
use super::first::Birth;
use super::life::{Act, Life};
use super::plan::Plan;
use super::process::{self, Pid};
use super::root::OWN;
use super::service::{Daemon, Service};
use super::space::{enter, run, within};
use super::tree::Tree;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where machines are kept.
const MACHINES: &str = "/run/lab";

/// How long a machine may take to have a root.
const BIRTH: Duration = Duration::from_secs(10);

/// How long a daemon may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a container may take to end before it is killed (`--stop-timeout`, as both engines have it).
pub(super) const STOP: Duration = Duration::from_secs(10);

/// How long HAProxy may take to listen before it is left alone.
pub(super) const LISTENING: Duration = Duration::from_secs(2);

/// The machines that are on.
#[derive(Debug, Default)]
pub struct Daemons {
    on: Mutex<BTreeMap<String, Machine>>,
}

#[derive(Debug)]
struct Machine {
    /// `unshare`, whose child is the first process; its standard input holds the machine up.
    child: Child,
    first: Pid,
    running: BTreeMap<Daemon, Running>,
}

/// A daemon that was started.
#[derive(Debug)]
struct Running {
    /// `nsenter`, whose descendants are the daemon.
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until something is so.
pub(super) fn until(patience: Duration, so: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    while !so() {
        if begin.elapsed() > patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

impl Life for Daemons {
    fn raise(&self, plan: &Plan, node: &str) -> Result<(), Failure> {
        let Some(tree) = plan.trees.get(node) else { return Ok(()) };
        let machine = birth(node, tree)?;
        held(&self.on).insert(node.to_owned(), machine);
        build::configure(plan, node)?;
        for service in &tree.services {
            self.start(node, service)?;
        }
        Ok(())
    }

    fn fell(&self, _plan: &Plan, node: &str) -> Result<(), Failure> {
        let Some(mut machine) = held(&self.on).remove(node) else {
            return Err(Failure::new(format!("`{node}` is off")));
        };
        process::signal(machine.first, Signal::KILL);
        let reaped = machine
            .child
            .wait()
            .and_then(|_| machine.running.values_mut().try_for_each(|running| running.child.wait().map(drop)));
        reaped.map_err(Failure::io("wait for a machine's end"))
    }

    fn act(&self, plan: &Plan, node: &str, daemon: Daemon, act: Act) -> Result<(), Failure> {
        let service = plan.trees.get(node).and_then(|tree| tree.service(daemon));
        let service = service.ok_or_else(|| Failure::new(format!("`{node}` has no {}", daemon.title())))?;
        let all = self.processes(node, daemon);
        let Some(main) = all.first().copied() else {
            if act == Act::Start {
                return self.start(node, service);
            }
            return Err(Failure::new(format!("{} does not run on `{node}`", daemon.title())));
        };
        match act {
            Act::Start => Err(Failure::new(format!("{} runs on `{node}` already", daemon.title()))),
            Act::Hang | Act::Resume => {
                let signal = if act == Act::Hang { Signal::STOP } else { Signal::CONT };
                for pid in all {
                    process::signal(pid, signal);
                }
                Ok(())
            }
            Act::Stop => {
                let wanted = signal(service.stop_signal());
                let Some(first) = service.container.as_ref().and_then(|_| self.container(node, daemon)) else {
                    process::signal(main, wanted);
                    return self.ended(node, service);
                };
                // Whatever an image starts first gets the signal, and has to pass it on.
                process::signal(first, wanted);
                if !until(STOP, || self.gone(node, daemon)) {
                    process::signal(first, Signal::KILL);
                }
                self.ended(node, service)
            }
            Act::Die => Err(Failure::new("nothing starts daemons again on level `daemons`")),
            Act::Kill => {
                // The first process of a container takes the others with it; elsewhere each has to be met.
                for pid in all {
                    process::signal(pid, Signal::KILL);
                }
                self.ended(node, service)
            }
        }
    }

    fn processes(&self, node: &str, daemon: Daemon) -> Vec<Pid> {
        let all = self.parent(node, daemon).map(process::descendants).unwrap_or_default();
        let named = |pid: &Pid| process::name(*pid).starts_with(daemon.program()) && process::runs(*pid);
        let first = all.iter().copied().find(named);
        // What it started itself (scripts) descends from it.
        first.map_or_else(Vec::new, |first| std::iter::once(first).chain(process::descendants(first)).collect())
    }

    fn said(&self, node: &str, daemon: Daemon) -> Vec<String> {
        let on = held(&self.on);
        let running = on.get(node).and_then(|machine| machine.running.get(&daemon));
        running.map(|running| held(&running.said).clone()).unwrap_or_default()
    }

    fn first(&self, node: &str) -> Option<Pid> {
        held(&self.on).get(node).map(|machine| machine.first)
    }
}

/// A signal by its name, with or without `SIG`; how units stop what they name no signal for, otherwise.
pub(super) fn signal(name: &str) -> Signal {
    match name.trim_start_matches("SIG") {
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "HUP" => Signal::HUP,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        "KILL" => Signal::KILL,
        _ => Signal::TERM,
    }
}

impl Daemons {
    /// The first process of a daemon's container.
    fn container(&self, node: &str, daemon: Daemon) -> Option<Pid> {
        let parent = self.parent(node, daemon)?;
        process::descendants(parent).into_iter().find(|pid| process::inner(*pid) == Some(1))
    }

    /// What waits for a daemon: all of its processes descend from that.
    fn parent(&self, node: &str, daemon: Daemon) -> Option<Pid> {
        let on = held(&self.on);
        Pid::try_from(on.get(node)?.running.get(&daemon)?.child.id()).ok()
    }

    /// Starts a daemon in the machine's namespaces.
    fn start(&self, node: &str, service: &Service) -> Result<(), Failure> {
        let first = self.first(node).ok_or_else(|| Failure::new(format!("`{node}` is off")))?;
        let request = serde_json::to_string(service).map_err(|error| Failure::new(error.to_string()))?;
        let target = first.to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &target, "--mount", "--pid", "--uts", "--"]);
        if service.container.is_some() {
            command.args(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]);
        }
        command.args([&format!("{OWN}/bake"), "lab", "contain", &request]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let doing = format!("start {} on `{node}`", service.daemon.title());
        let mut child = within(node, || command.spawn().map_err(Failure::io(&doing)))?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
            child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        ];
        for stream in streams.into_iter().flatten() {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    held(&said).push(line);
                }
            });
        }
        if let Some(machine) = held(&self.on).get_mut(node) {
            machine.running.insert(service.daemon, Running { child, said });
        }
        let decided = || !self.processes(node, service.daemon).is_empty() || self.gone(node, service.daemon);
        if until(PATIENCE, decided) && !self.gone(node, service.daemon) {
            if service.daemon == Daemon::Haproxy {
                // Where an engine starts containers one after the other, it listens before Keepalived is there to ask.
                within(node, || Ok(until(LISTENING, || !listening().is_empty())))?;
            }
            return Ok(());
        }
        let said = self.said(node, service.daemon);
        let last = said.iter().rev().take(3).rev().cloned().collect::<Vec<_>>().join("; ");
        Err(Failure::new(format!("{} did not start on `{node}`: {last}", service.daemon.title())))
    }

    /// Whether a daemon that was started has ended.
    fn gone(&self, node: &str, daemon: Daemon) -> bool {
        let mut on = held(&self.on);
        let running = on.get_mut(node).and_then(|machine| machine.running.get_mut(&daemon));
        running.is_none_or(|running| !matches!(running.child.try_wait(), Ok(None)))
    }

    /// Waits for a daemon's end, and does what its unit does then.
    fn ended(&self, node: &str, service: &Service) -> Result<(), Failure> {
        if !until(PATIENCE, || self.gone(node, service.daemon)) {
            return Err(Failure::new(format!("{} on `{node}` does not end", service.daemon.title())));
        }
        let first = self.first(node).map(|first| first.to_string()).unwrap_or_default();
        for words in &service.stop_post {
            let mut arguments = vec!["--target", first.as_str(), "--mount", "--pid", "--uts", "--"];
            arguments.extend(words.iter().map(String::as_str));
            // As the `-` before it says, it may fail: the address is gone already.
            within(node, || Ok(run("nsenter", &arguments, "").ok()))?;
        }
        Ok(())
    }
}

/// Writes the baked tree and starts a first process over it.
fn birth(node: &str, tree: &Tree) -> Result<Machine, Failure> {
    let home = format!("{MACHINES}/{node}");
    fs::remove_dir_all(&home).ok();
    write(&format!("{home}/tree"), tree)?;
    let runtime = tree.services.iter().flat_map(|service| service.runtime_directories.clone()).collect();
    let birth = Birth { home, hostname: tree.hostname.clone(), runtime };
    let request = serde_json::to_string(&birth).map_err(|error| Failure::new(error.to_string()))?;
    let doing = format!("start the machine `{node}`");
    let spawn = || {
        enter(node)?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]);
        command.args(["--propagation", "private", "/proc/1/exe", "lab", "first", &request]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(Failure::io(&doing))
    };
    let mut child = std::thread::scope(|scope| scope.spawn(spawn).join())
        .unwrap_or_else(|_| Err(Failure::new("a thread ended early")))?;
    let mut said = String::new();
    let ready = child
        .stdout
        .as_mut()
        .is_some_and(|stream| BufReader::new(stream).read_line(&mut said).is_ok_and(|_| said == "ready\n"));
    if !ready {
        let mut why = String::new();
        child.stderr.take().map(|mut stream| stream.read_to_string(&mut why).ok());
        return Err(Failure::new(format!("cannot start the machine `{node}`: {}", why.trim())));
    }
    let parent = Pid::try_from(child.id()).unwrap_or_default();
    let first =
        until_some(BIRTH, || process::descendants(parent).into_iter().find(|pid| process::inner(*pid) == Some(1)));
    let first = first.ok_or_else(|| Failure::new(format!("the machine `{node}` has no first process")))?;
    Ok(Machine { child, first, running: BTreeMap::new() })
}

fn until_some<T>(patience: Duration, find: impl Fn() -> Option<T>) -> Option<T> {
    let mut found = None;
    let begin = Instant::now();
    while found.is_none() && begin.elapsed() < patience {
        found = find();
    }
    found
}

fn failed(path: &str) -> impl FnOnce(std::io::Error) -> Failure + use<> {
    Failure::io(&format!("write `{path}`"))
}

/// Writes a tree below `root`.
fn write(root: &str, tree: &Tree) -> Result<(), Failure> {
    fs::create_dir_all(root).map_err(failed(root))?;
    for (path, mode) in &tree.directories {
        let target = format!("{root}{path}");
        fs::create_dir_all(&target).map_err(failed(&target))?;
        fs::set_permissions(&target, fs::Permissions::from_mode(*mode)).map_err(failed(&target))?;
    }
    let parent = |target: &str| {
        let parent = Path::new(target).parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(failed(target))
    };
    for (path, file) in &tree.files {
        let target = format!("{root}{path}");
        parent(&target)?;
        fs::write(&target, &file.bytes).map_err(failed(&target))?;
        fs::set_permissions(&target, fs::Permissions::from_mode(file.mode)).map_err(failed(&target))?;
    }
    for (path, to) in &tree.links {
        let target = format!("{root}{path}");
        parent(&target)?;
        symlink(to, &target).map_err(failed(&target))?;
    }
    Ok(())
}
