//! `bake lab`.

use super::args::{LabExec, LabLevel, LabUp, LabVerb};
use super::settings::{Settings, Volume};
use super::show::Show;
use super::{Outcome, found, rehearse};
use crate::lab::failure::Failure;
use crate::lab::images::{Wanted, stored};
use crate::lab::inside::{STAY, Word};
use crate::lab::result::Level;
use crate::lab::sandbox::{self, Request, Sandbox, State};
use crate::lab::scenario::{self, Scenario};
use crate::lab::{first, inside, systemd};
use crate::world::disk::Disk;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command};

type Done = Result<Outcome, Failure>;

pub(super) fn run(settings: &Settings, show: &Show, verb: &LabVerb) -> Outcome {
    let done = match verb {
        LabVerb::Up(args) => up(settings, show, args),
        LabVerb::Down(args) => down(show, args.name.as_deref()),
        LabVerb::Status(args) => status(show, args.name.as_deref()),
        LabVerb::Exec(args) => exec(args),
        LabVerb::Test(args) => return rehearse::run(settings, show, args),
        LabVerb::Report(args) => return found::again(settings, show, args),
        LabVerb::Inside(args) => return within(&args.request),
        LabVerb::First(args) => first::machine(&args.request).map(|()| Outcome::Done),
        LabVerb::Boot(args) => systemd::boot::boot(&args.request).map(|()| Outcome::Done),
        LabVerb::Engine(args) => systemd::engine::engine(&args.words).map(|()| Outcome::Done),
        LabVerb::Contain(args) => first::contain(&args.request).map(|()| Outcome::Done),
    };
    done.unwrap_or_else(|failure| fail(show, &failure))
}

pub(super) fn fail(show: &Show, failure: &Failure) -> Outcome {
    show.note(&format!("error: {failure}"));
    Outcome::Failed
}

/// The first process of the sandbox. It reads the output before `/run` is its own.
fn within(request: &str) -> Outcome {
    let request: Result<Request, _> = serde_json::from_str(request);
    let planned = request.map_err(|error| Failure::new(error.to_string())).and_then(|request| {
        let plan = planned(&request.dist)?;
        Ok((request, plan))
    });
    match planned {
        Ok((request, plan)) => inside::main(request, plan),
        Err(failure) => inside::tell(&Word::Failed(failure.message, failure.hint)),
    }
    Outcome::Done
}

fn planned(dist: &Path) -> Result<crate::lab::plan::Plan, Failure> {
    let missing = || {
        Failure::new(format!("`{}` is no output of `bake build`", dist.display()))
            .hint("build first: `bake build`; a lab rehearses what was built")
    };
    let disk = Disk::open(dist).map_err(|_| missing())?;
    crate::rehearsal(&disk)
}

/// What to start, and what can be tried: the output is looked at first, so that what is wrong with it is said before
/// anything is made.
pub(super) fn request(
    settings: &Settings,
    show: &Show,
    folder: &Path,
    name: Option<&str>,
    level: LabLevel,
    test: Option<&[String]>,
) -> Result<(Request, Vec<Scenario>), Failure> {
    sandbox::allowed()?;
    let folder = settings.path(folder);
    let plan = planned(&folder)?;
    let level = match level {
        LabLevel::Daemons => Level::Daemons,
        LabLevel::Systemd => Level::Systemd,
    };
    let all = scenario::all(&plan, level);
    let test = test.map(|wanted| crate::lab::run::chosen(&all, wanted)).transpose()?;
    let mut images = stored::find(&plan);
    sandbox::possible(&plan, &images)?;
    if level == Level::Systemd {
        systemd::possible(&plan)?;
    }
    let dist = folder.canonicalize().map_err(|error| Failure::new(format!("`{}`: {error}", folder.display())))?;
    let own = match (name, &test) {
        (Some(name), _) => name.to_owned(),
        (None, None) => plan.summary.name.clone(),
        // Tests do not get in each other's way.
        (None, Some(_)) => format!("{}-test-{}", plan.summary.name, std::process::id()),
    };
    if own.contains(['/', '\0']) || own.starts_with('.') {
        return Err(Failure::new(format!("`{}` cannot be the name of a lab", own.escape_debug())));
    }
    stored::take(&mut images, &|text| show.progress(text))?;
    Ok((Request { name: own, dist, level, test, images }, all))
}

/// Words of the inside, until `heard` says that one was the last.
///
/// # Errors
/// What the inside fails of, or that it ended before its last word.
pub(super) fn listen(child: &mut Child, mut heard: impl FnMut(Word) -> bool) -> Result<(), Failure> {
    let Some(stream) = child.stdout.take() else { return Ok(()) };
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Word::Failed(message, hint)) => return Err(Failure { message, hint }),
            Ok(word) => {
                if heard(word) {
                    return Ok(());
                }
            }
            Err(error) => return Err(Failure::new(format!("the sandbox says what cannot be understood: {error}"))),
        }
    }
    let mut said = String::new();
    if let Some(mut stream) = child.stderr.take() {
        stream.read_to_string(&mut said).ok();
    }
    Err(Failure::new(format!("the sandbox ended early: {}", said.trim())))
}

fn up(settings: &Settings, show: &Show, args: &LabUp) -> Done {
    let (request, _) = request(settings, show, &args.folder, args.name.as_deref(), args.level, None)?;
    let absent: Vec<String> =
        request.images.iter().filter(|image| image.stored.is_none()).map(Wanted::absence).collect();
    let Sandbox { mut child, state, mut listens } = sandbox::start(request)?;
    let mut took = 0;
    let heard = listen(&mut child, |word| match word {
        Word::Up(ms) => {
            took = ms;
            true
        }
        _ => false,
    });
    let stayed = heard.and_then(|()| {
        listens.write_all(format!("{STAY}\n").as_bytes()).map_err(Failure::io("tell the sandbox to stay"))
    });
    if let Err(failure) = stayed {
        sandbox::end(&state)?;
        child.wait().ok();
        return Err(failure);
    }
    if settings.volume > Volume::Quiet {
        for absence in absent {
            show.note(&format!("note: this machine's program runs, since {absence}"));
        }
        show.note(&format!("the lab `{}` is up after {took} ms", state.name));
    }
    Ok(Outcome::Done)
}

fn down(show: &Show, name: Option<&str>) -> Done {
    let all = chosen(name)?;
    if all.is_empty() {
        show.note("there is no lab");
    }
    for state in all {
        let up = sandbox::end(&state)?;
        show.note(&format!("the lab `{}` is {}", state.name, if up { "down" } else { "gone; it was not up any more" }));
    }
    Ok(Outcome::Done)
}

/// The labs that are meant: the one of a name, or all.
fn chosen(name: Option<&str>) -> Result<Vec<State>, Failure> {
    let all = sandbox::all();
    let Some(name) = name else { return Ok(all) };
    let found: Vec<State> = all.iter().filter(|state| state.name == name).cloned().collect();
    if found.is_empty() {
        let names: Vec<String> = all.iter().map(|state| format!("`{}`", state.name)).collect();
        let hint = if names.is_empty() { "there is none".to_owned() } else { format!("there is {}", names.join(", ")) };
        return Err(Failure::new(format!("no lab is called `{name}`")).hint(hint));
    }
    Ok(found)
}

fn one(name: Option<&str>) -> Result<State, Failure> {
    let mut all = chosen(name)?;
    all.retain(State::up);
    match (all.pop(), all.is_empty()) {
        (Some(state), true) => Ok(state),
        (None, _) => Err(Failure::new("no lab is up").hint("`bake lab up`")),
        _ => Err(Failure::new("several labs are up").hint("say which with `--name`")),
    }
}

/// What is up: each lab, its machines, and which of them holds which virtual address.
fn status(show: &Show, name: Option<&str>) -> Done {
    let all = chosen(name)?;
    if all.is_empty() {
        show.note("there is no lab");
    }
    for state in all {
        let Some(first) = state.first().filter(|_| state.up()) else {
            show.result(&format!("{}  dead; `bake lab down` forgets it\n", state.name));
            continue;
        };
        let mut text = format!("{}  up  {}\n", state.name, state.dist.display());
        let machines = sandbox::machines(first);
        let vips = planned(&state.dist).map(|plan| plan.summary.vips).unwrap_or_default();
        for node in machines.keys() {
            let held = held(first, node)?;
            let own: Vec<&str> =
                vips.iter().filter(|vip| held.contains(&vip.address)).map(|vip| vip.name.as_str()).collect();
            let own = if own.is_empty() { String::new() } else { format!("  holds {}", own.join(", ")) };
            let _ = writeln!(text, "  {node}{own}");
        }
        show.result(&text);
    }
    Ok(Outcome::Done)
}

/// The addresses of a machine.
fn held(first: i32, node: &str) -> Result<Vec<Ipv4Addr>, Failure> {
    let output = Command::new("nsenter")
        .args(sandbox::enter(first, node)?)
        .args(["ip", "-4", "-oneline", "address"])
        .output()
        .map_err(Failure::io("run `nsenter`"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = text.split_whitespace().filter_map(|word| word.split_once('/')?.0.parse().ok());
    Ok(words.collect())
}

fn exec(args: &LabExec) -> Done {
    let state = one(args.name.as_deref())?;
    let first = state.first().ok_or_else(|| Failure::new("the lab is about to begin or to end"))?;
    let enter = sandbox::enter(first, &args.node)?;
    let status =
        Command::new("nsenter").args(enter).args(&args.command).status().map_err(Failure::io("run `nsenter`"))?;
    Ok(match status.code() {
        Some(0) => Outcome::Done,
        Some(1) => Outcome::Refused,
        _ => Outcome::Failed,
    })
}
