//! A stand-in for Docker and Podman on a machine whose systemd is real (`lab engine`): it runs what the image says or, where
//! that is not stored here, this machine's program in its place, with the arguments, mounts, user and capabilities that the
//! unit asks for. No image is ever pulled.

use super::image;
use crate::lab::daemons::{LISTENING, STOP, signal, until};
use crate::lab::doubt::listening;
use crate::lab::failure::Failure;
use crate::lab::first;
use crate::lab::images;
use crate::lab::process;
use crate::lab::root::OWN;
use crate::lab::sandbox::place;
use crate::lab::service::{self, Daemon, Service};
use rustix::process::Signal;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Where it is written down which containers there are: a [`Note`] each.
const CONTAINERS: &str = "/run/bake-lab-containers";

/// Where quadlets lie.
const QUADLETS: &str = "/etc/containers/systemd";

/// Where systemd hears from its services (sd_notify(3)).
const NOTIFY: &str = "/run/systemd/notify";

/// Does what an engine is asked to.
///
/// # Errors
/// What went wrong, or is not understood.
pub fn engine(words: &[String]) -> Result<(), Failure> {
    let last = words.last().map(String::as_str).unwrap_or_default();
    match words.first().map(String::as_str) {
        Some("run") => {
            let all: Vec<String> = std::iter::once("docker".to_owned()).chain(words.iter().cloned()).collect();
            let name = option(words, "--name").ok_or_else(|| Failure::new("a container without `--name`"))?;
            let service = service::run(name, &all).ok_or_else(|| Failure::new(unknown(last)))?;
            start(name, service, "contain")
        }
        Some("quadlet") => {
            let text = fs::read_to_string(last).map_err(Failure::io(&format!("read `{last}`")))?;
            let name = Path::new(last).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let service = service::quadlet(name, &text).ok_or_else(|| Failure::new(unknown(last)))?;
            start(name, service, "notify")
        }
        Some("contain") => contain(last, false),
        Some("notify") => contain(last, true),
        Some("generate") => generate(last),
        Some("stop") => {
            let wanted = note(last).map_or(Signal::TERM, |note| signal(note.service.stop_signal()));
            stop(last, wanted)
        }
        Some("rm") => {
            stop(last, Signal::KILL).ok();
            fs::remove_file(file(last)).ok();
            Ok(())
        }
        Some("kill") => {
            let wanted = option(words, "--signal").map_or(Signal::KILL, signal);
            let pid = running(last).ok_or_else(|| Failure::new(format!("no container `{last}` runs")))?;
            process::signal(pid, wanted);
            Ok(())
        }
        Some("exec") => {
            let name = words.get(1).map(String::as_str).unwrap_or_default();
            let pid = running(name).ok_or_else(|| Failure::new(format!("no container `{name}` runs")))?;
            let mut command = Command::new(place("nsenter"));
            command.args(["--target", &pid.to_string(), "--mount", "--pid", "--"]).args(&words[2..]);
            // It has the container's variables, by which its programs are found.
            command.env_clear();
            if let Some(note) = note(name) {
                command.envs(first::variables(&note.service));
            }
            Err(Failure::new(format!("cannot run `nsenter`: {}", command.exec())))
        }
        other => Err(Failure::new(format!("the lab's stand-in has no `{}`", other.unwrap_or_default()))),
    }
}

fn unknown(what: &str) -> String {
    format!("the lab has no program in the place of `{what}`: it runs HAProxy and Keepalived")
}

fn option<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word == name || word.starts_with(&format!("{name}=")))?;
    words[at].split_once('=').map(|(_, value)| value).or_else(|| words.get(at + 1).map(String::as_str))
}

fn file(name: &str) -> String {
    format!("{CONTAINERS}/{name}")
}

/// What is written down of a container.
#[derive(serde::Serialize, serde::Deserialize)]
struct Note {
    /// Its first process, as the machine numbers it.
    pid: process::Pid,
    /// What it runs.
    service: Service,
}

fn note(name: &str) -> Option<Note> {
    serde_json::from_slice(&fs::read(file(name)).ok()?).ok()
}

/// The first process of a container that runs.
fn running(name: &str) -> Option<process::Pid> {
    let pid = note(name)?.pid;
    // Its number may be somebody else's by now: the first process of a namespace below this one is not.
    (process::runs(pid) && process::inner(pid) == Some(1) && pid != 1).then_some(pid)
}

/// Becomes what waits for a container's end, as the engine's own process does.
fn start(name: &str, service: Service, verb: &str) -> Result<(), Failure> {
    if running(name).is_some() {
        return Err(Failure::new(format!("there is a container called `{name}` already")));
    }
    // Engines take a while for a container: HAProxy listens before Keepalived is there to ask, as on level `daemons`.
    if service.daemon == Daemon::Keepalived {
        until(LISTENING, || !listening().is_empty());
    }
    let service = images::applied(&Service { unit: name.to_owned(), ..service })?;
    let request = serde_json::to_string(&service).map_err(|error| Failure::new(error.to_string()))?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]);
    command.arg(format!("{OWN}/bake")).args(["lab", "engine", verb, &request]);
    // What a container says goes through a pipe, as it does with the engines: systemd's own socket cannot be opened anew.
    let mut log = Command::new("cat").stdin(Stdio::piped()).spawn().map_err(Failure::io("run `cat`"))?;
    let pipe = log.stdin.take().map(OwnedFd::from).ok_or_else(|| Failure::new("there is no pipe"))?;
    let other = pipe.try_clone().map_err(Failure::io("share a pipe"))?;
    command.stdin(Stdio::null()).stdout(Stdio::from(pipe)).stderr(Stdio::from(other));
    Err(Failure::new(format!("cannot run `unshare`: {}", command.exec())))
}

/// Becomes the first process of a container. systemd hears of it when it has everything that the unit gives.
fn contain(request: &str, notifies: bool) -> Result<(), Failure> {
    let service: Service = serde_json::from_str(request).map_err(|error| Failure::new(error.to_string()))?;
    // The link is read as the machine's own `/proc` shows it.
    let own = fs::read_link("/proc/self").map_err(Failure::io("find the own number"))?;
    fs::create_dir_all(CONTAINERS).map_err(Failure::io("make a folder"))?;
    let pid = own.to_str().and_then(|pid| pid.parse().ok()).ok_or_else(|| Failure::new("no number of its own"))?;
    let note = serde_json::to_string(&Note { pid, service: service.clone() });
    let note = note.map_err(|error| Failure::new(error.to_string()))?;
    fs::write(file(&service.unit), note).map_err(Failure::io("note a container"))?;
    let connect = || UnixDatagram::unbound().and_then(|socket| socket.connect(NOTIFY).map(|()| socket));
    let notify = if notifies { Some(connect().map_err(Failure::io("tell systemd"))?) } else { None };
    first::become_daemon(&service, &|| {
        if let Some(socket) = &notify {
            socket.send(b"READY=1").ok();
        }
    })
}

/// Ends a container: with its signal and, if that does not help, by force.
fn stop(name: &str, signal: Signal) -> Result<(), Failure> {
    if !Path::new(&file(name)).exists() {
        return Err(Failure::new(format!("there is no container `{name}`")));
    }
    let Some(pid) = running(name) else { return Ok(()) };
    process::signal(pid, signal);
    let begin = Instant::now();
    while process::runs(pid) {
        if begin.elapsed() > STOP {
            process::signal(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Makes units of the machine's quadlets (systemd.generator(7)).
fn generate(folder: &str) -> Result<(), Failure> {
    let failed = || Failure::io("make a unit of a quadlet");
    for entry in fs::read_dir(QUADLETS).into_iter().flatten().flatten() {
        let path = entry.path();
        let (Some(name), Some("container")) =
            (path.file_stem().and_then(|name| name.to_str()), path.extension().and_then(|end| end.to_str()))
        else {
            continue;
        };
        let text = fs::read_to_string(&path).map_err(failed())?;
        let unit = format!("{name}.service");
        let quadlet = image::quadlet(name, &path.to_string_lossy(), &text);
        fs::write(format!("{folder}/{unit}"), quadlet).map_err(failed())?;
        for target in service::wanted_by(&text) {
            let wants = format!("{folder}/{target}.wants");
            fs::create_dir_all(&wants).map_err(failed())?;
            std::os::unix::fs::symlink(format!("../{unit}"), format!("{wants}/{unit}")).map_err(failed())?;
        }
    }
    Ok(())
}
