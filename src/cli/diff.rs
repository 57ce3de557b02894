//! `bake diff [OLD [NEW]]`.

use super::Outcome;
use super::args::{Diff, Form};
use super::report::{redacted, unusable};
use super::settings::{Settings, Volume};
use super::show::Show;
use crate::changes::{Report, Side, Sinks, changes, select};
use crate::diag::conceal::conceal;
use crate::diag::{Code, Diagnostic, Severity, Sink, Sources, json};
use crate::world::World;
use crate::world::disk::Disk;
use crate::world::git::Revision;
use crate::{Plan, Request};
use serde_json::{Value, json as object};
use std::path::Path;

/// The output that is compared when none is named.
const DIST: &str = "dist";

/// What one side is read from; a side borrows it.
enum Opened {
    Output(Disk),
    Project(Box<Plan>),
}

pub(super) fn run(settings: &Settings, show: &Show, args: &Diff) -> Outcome {
    let mut sinks = Sinks::default();
    let old = args.old.as_deref().unwrap_or(DIST);
    let new = args.new.as_deref();
    let names = [old, new.unwrap_or("the project")];
    let opened = [open(settings, args, Some(old), &mut sinks[0]), open(settings, args, new, &mut sinks[1])];
    let report = match &opened {
        [Some(one), Some(other)] => compare([one, other], names, args, &mut sinks),
        _ => None,
    };
    let plans = opened.each_ref().map(|opened| match opened {
        Some(Opened::Project(plan)) => Some(&**plan),
        _ => None,
    });
    let redact = |text: &str| plans.iter().flatten().fold(conceal(text), |text, plan| plan.redact(&text));
    let report = report.map(|report| report.redacted(&redact));
    // What rules merely remark is for `bake check`; here it counts only if it keeps a side from being built.
    let found = sinks.map(|sink| {
        sink.finish().into_iter().filter(|found| found.severity == Severity::Error).collect::<Vec<Diagnostic>>()
    });
    let nothing = Sources::default();
    let findings: Vec<(&Sources, &[Diagnostic])> =
        plans.iter().zip(&found).map(|(plan, found)| (plan.map_or(&nothing, |plan| &plan.sources), &**found)).collect();
    let report = report.as_ref().filter(|_| found.iter().all(Vec::is_empty));
    tell(settings, show, args, &findings, report, &redact)
}

/// Finds out what a word means: a folder, else a revision; no word is the project as it is.
fn open(settings: &Settings, args: &Diff, word: Option<&str>, sink: &mut Sink) -> Option<Opened> {
    let plan = |world: &dyn World| {
        Opened::Project(Box::new(crate::plan(world, &Request { profiles: args.profiles.clone(), nodes: Vec::new() })))
    };
    let Some(word) = word else {
        return match Disk::open(&settings.root) {
            Ok(disk) => Some(plan(&disk)),
            Err(trouble) => {
                sink.push(unusable(&settings.root, trouble));
                None
            }
        };
    };
    let folder = settings.path(Path::new(word));
    if let Ok(disk) = Disk::open(&folder) {
        return Some(Opened::Output(disk));
    }
    match Revision::open(&settings.root, word, &args.profiles) {
        Ok(Some(revision)) => Some(plan(&revision)),
        Ok(None) => {
            let message = format!("`{}` is neither a folder nor a revision that git knows", word.escape_debug());
            let hint = if word == DIST {
                "run `bake build`, or name what to compare with"
            } else {
                "name an output of `bake build`, or a commit, tag or branch"
            };
            sink.push(Diagnostic::new(Code::NotComparable, message).hint(hint));
            None
        }
        Err(why) => {
            sink.push(Diagnostic::new(Code::NotComparable, format!("`{}`: {why}", word.escape_debug())));
            None
        }
    }
}

fn side<'a>(opened: &'a Opened, name: &str, sink: &mut Sink) -> Option<Side<'a>> {
    match opened {
        Opened::Output(disk) => Side::output(name, disk, sink),
        Opened::Project(plan) => Side::project(name, plan, sink),
    }
}

fn compare(opened: [&Opened; 2], names: [&str; 2], args: &Diff, sinks: &mut Sinks) -> Option<Report> {
    let (one, other) = (side(opened[0], names[0], &mut sinks[0]), side(opened[1], names[1], &mut sinks[1]));
    let (one, other) = (one?, other?);
    let wanted = select(&one, &other, &args.nodes, &mut sinks[1]);
    let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    changes(&one, &other, &wanted, args.max_unavailable.get(), jobs, sinks)
}

/// Says what was found, in the form that was asked for, and how that ends.
fn tell(
    settings: &Settings,
    show: &Show,
    args: &Diff,
    findings: &[(&Sources, &[Diagnostic])],
    report: Option<&Report>,
    redact: &dyn Fn(&str) -> String,
) -> Outcome {
    match args.format {
        Form::Json => {
            let mut all = report.and_then(|report| serde_json::to_value(report).ok()).unwrap_or_else(|| object!({}));
            let mut diagnostics = Vec::new();
            for (sources, found) in findings {
                let clean: Vec<Diagnostic> = found.iter().map(|finding| redacted(finding, redact)).collect();
                diagnostics.extend(json::value(sources, &clean).as_array().cloned().unwrap_or_default());
            }
            if let Value::Object(all) = &mut all {
                all.insert("diagnostics".to_owned(), diagnostics.into());
            }
            show.result(&format!("{all:#}\n"));
        }
        Form::Text => {
            for (sources, found) in findings {
                show.findings(sources, found, redact);
            }
            if let Some(report) = report {
                let brief = settings.volume == Volume::Quiet;
                show.either(&(report.text(true, brief), report.text(false, brief)), true);
            }
        }
    }
    match report {
        None => Outcome::Failed,
        Some(report) if report.is_empty() => Outcome::Done,
        Some(_) => Outcome::Refused,
    }
}
