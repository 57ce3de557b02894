//! The first process of a sandbox: builds the lab, tries what was asked for, and is its end.

use super::bench::Bench;
use super::failure::Failure;
use super::images;
use super::plan::Plan;
use super::result::Run;
use super::run;
use super::sandbox::{Outside, Request};
use super::systemd;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::sync::{Mutex, mpsc};

/// What the inside tells the outside, one a line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// What is tried now: the title of a scenario.
    Begun(String),
    /// The lab is up, after so many milliseconds.
    Up(u32),
    /// What was found.
    Found(Box<Run>),
    /// It cannot go on.
    Failed(String, Option<String>),
}

/// The outside says this when the lab shall stay up without it.
pub const STAY: &str = "stay";

/// Says something to the outside.
pub fn tell(word: &Word) {
    static TELLING: Mutex<()> = Mutex::new(());
    let _one = TELLING.lock();
    if let Ok(text) = serde_json::to_string(word) {
        let mut out = std::io::stdout();
        out.write_all((text + "\n").as_bytes()).and_then(|()| out.flush()).ok();
    }
}

/// Does what was asked for. Returns when everything is done or nobody listens any more: the sandbox ends with this process.
pub fn main(mut request: Request, plan: Plan) {
    // Signals of the terminal are for the outside.
    rustix::process::setsid().ok();
    hurry();
    if let Err(failure) = images::receive(&std::io::stdin(), &mut request.images) {
        return tell(&Word::Failed(failure.message, failure.hint));
    }
    let outside = Outside::open();
    let name = request.name.clone();
    let (end, ended) = mpsc::channel::<()>();
    let listener = end.clone();
    std::thread::spawn(move || {
        let mut stays = false;
        for line in std::io::stdin().lines().map_while(Result::ok) {
            stays |= line == STAY;
        }
        if !stays {
            listener.send(()).ok();
        }
    });
    std::thread::spawn(move || {
        let stays = match work(request, plan) {
            Ok(stays) => stays,
            Err(failure) => {
                tell(&Word::Failed(failure.message, failure.hint));
                None
            }
        };
        match stays {
            // Up until somebody ends it: the machines live as long as this does.
            Some(bench) => loop {
                std::thread::park();
                let _ = &bench;
            },
            None => end.send(()).ok(),
        }
    });
    ended.recv().ok();
    // What cannot be taken away here is left to `bake lab down`, which then must know of it.
    if systemd::cgroup::forget(&name).is_ok() {
        outside.forget(&name);
    }
}

/// Everything in the lab comes before other work of this machine: seconds are counted here, and a busy machine is no slow
/// cluster. Kernels that share time by session (sched(7), autogroups) look at that of the session first.
#[allow(clippy::disallowed_methods)] // a file of the kernel's, which takes no other way
fn hurry() {
    rustix::process::setpriority_process(None, -10).ok();
    std::fs::write("/proc/self/autogroup", "-10").ok();
}

fn work(request: Request, plan: Plan) -> Result<Option<Bench>, Failure> {
    let bench = Bench::build(plan, request.level, &request.name, request.images)?;
    tell(&Word::Up(bench.up_ms));
    let Some(wanted) = &request.test else { return Ok(Some(bench)) };
    let found = run::all(&bench, wanted, &|title| tell(&Word::Begun(title.to_owned())))?;
    tell(&Word::Found(Box::new(found)));
    Ok(None)
}
