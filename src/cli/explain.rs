//! `bake explain [CODE]`, `bake explain node NAME`, `bake explain role NAME`, `bake explain vip [NAME]`, `bake explain route FROM TO[:PORT]`.

use super::Outcome;
use super::args::Explain;
use super::report::unusable;
use super::settings::Settings;
use super::show::Show;
use crate::diag::{Code, Diagnostic, Sink, Sources, suggest};
use crate::world::disk::Disk;
use crate::{Plan, Request};
use std::collections::BTreeSet;
use std::fmt::Write as _;

pub(super) fn run(settings: &Settings, show: &Show, args: &Explain) -> Outcome {
    match (args.what.as_deref(), &args.name) {
        (Some("route"), Some(from)) if args.to.is_some() => {
            let to = args.to.as_deref().unwrap_or_default();
            return planned(settings, show, &|plan| route(plan, from, to));
        }
        (Some("route"), _) => {
            show.note("error: `bake explain route` takes two places: `bake explain route FROM TO[:PORT]`");
            return Outcome::Failed;
        }
        (Some(what), _) if args.to.is_some() => {
            show.note(&format!("error: `bake explain {}` takes no third word", what.escape_debug()));
            return Outcome::Failed;
        }
        (Some("node"), Some(name)) => return planned(settings, show, &|plan| node(plan, name)),
        (Some("role"), Some(name)) => return planned(settings, show, &|plan| role(plan, name)),
        (Some("vip"), name) => return planned(settings, show, &|plan| vip(plan, name.as_deref())),
        (Some(what), Some(_)) => {
            show.note(&format!(
                "error: nothing is known about `{}`; write `node NAME`, `role NAME`, `vip NAME`, `route FROM TO` or one code",
                what.escape_debug()
            ));
            return Outcome::Failed;
        }
        _ => {}
    }
    let Some(id) = &args.what else {
        let width = Code::ALL.iter().map(|code| code.id().len()).max().unwrap_or(0);
        show.result(&Code::ALL.iter().fold(String::new(), |mut text, code| {
            let _ = writeln!(text, "{:width$}  {:7}  {}", code.id(), code.severity().as_str(), code.summary());
            text
        }));
        return Outcome::Done;
    };
    // As people copy it: `error[unknown-key]`.
    let id = id.split_once('[').map_or(id.as_str(), |(_, rest)| rest.trim_end_matches(']'));
    if let Some(code) = Code::ALL.iter().find(|code| code.id() == id) {
        let severity = code.severity().as_str();
        let mut text = format!("{severity}[{}]: {}\n\n{}\n", code.id(), code.summary(), code.explanation());
        if let Some((wrong, right)) = code.example() {
            let _ = write!(
                text,
                "\nWrong:\n\n{}\nRight:\n\n{}",
                indented(&focus(wrong, right)),
                indented(&focus(right, wrong))
            );
            let _ = write!(
                text,
                "\nTo accept it where it is right, in that profile:\n\n{}",
                indented(&accepting(code.id()))
            );
        }
        show.result(&text);
        return Outcome::Done;
    }
    let near = suggest::nearest(id, Code::ALL.iter().map(|code| code.id()));
    let hint = near.map_or("`bake explain` lists all codes".to_owned(), |near| format!("did you mean `{near}`?"));
    show.note(&format!("error: no finding has the code `{}`; {hint}", id.escape_debug()));
    Outcome::Failed
}

/// Sections that are longer show only what differs.
const LONG: usize = 16;

/// An example with long files cut down to the lines that `other` does not have, and what those stand in.
fn focus(text: &str, other: &str) -> String {
    let theirs: BTreeSet<&str> = other.lines().collect();
    let mut out = String::new();
    for section in text.trim().split("\n=== ") {
        let lines: Vec<&str> = section.lines().collect();
        let (head, body) = lines.split_first().map_or(("", &[][..]), |(head, body)| (*head, body));
        let _ = writeln!(out, "=== {}", head.trim_start_matches("=== "));
        let mut keep: BTreeSet<usize> = (0..body.len()).filter(|at| !theirs.contains(body[*at])).collect();
        if body.len() <= LONG {
            keep = (0..body.len()).collect();
        }
        for at in keep.clone() {
            let mut depth = depth(body[at]);
            for above in (0..at).rev().filter(|above| !body[*above].trim().is_empty()) {
                if self::depth(body[above]) < depth {
                    depth = self::depth(body[above]);
                    keep.insert(above);
                }
            }
        }
        let mut last = None;
        for at in keep {
            if at > last.map_or(0, |last: usize| last + 1) {
                out += "...\n";
            }
            let _ = writeln!(out, "{}", body[at]);
            last = Some(at);
        }
        if last.map_or(0, |last| last + 1) < body.len() {
            out += "...\n";
        }
    }
    out
}

fn depth(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// A text four columns in, each file's name as a comment.
fn indented(text: &str) -> String {
    let lines = text.trim().lines().map(|line| match line.strip_prefix("=== ") {
        Some(file) => format!("    # {file}"),
        None if line.is_empty() => String::new(),
        None => format!("    {line}"),
    });
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

/// How a profile accepts a rule's findings.
fn accepting(id: &str) -> String {
    format!("allow:\n  - {{rule: {id}, reason: why it is right here}}\n")
}

/// What a plan says about something, or why it cannot.
type Answer<'a> = &'a dyn Fn(&Plan) -> Result<String, Vec<Diagnostic>>;

/// Shows what the project in this folder answers.
fn planned(settings: &Settings, show: &Show, answer: Answer<'_>) -> Outcome {
    let disk = match Disk::open(&settings.root) {
        Ok(disk) => disk,
        Err(trouble) => {
            show.findings(&Sources::default(), &[unusable(&settings.root, trouble)], &str::to_owned);
            return Outcome::Refused;
        }
    };
    let plan = crate::plan(&disk, &Request { profiles: "profiles".to_owned(), nodes: Vec::new() });
    match answer(&plan) {
        Ok(text) => {
            show.result(&plan.redact(&text));
            Outcome::Done
        }
        Err(own) => {
            // Nothing of its own to say: the project could not be read.
            let found = if own.is_empty() { &plan.diagnostics } else { &own };
            show.findings(&plan.sources, found, &|text| plan.redact(text));
            Outcome::Refused
        }
    }
}

fn node(plan: &Plan, name: &str) -> Result<String, Vec<Diagnostic>> {
    let mut sink = Sink::default();
    plan.explain(name, &mut sink).ok_or_else(|| sink.finish())
}

fn role(plan: &Plan, name: &str) -> Result<String, Vec<Diagnostic>> {
    plan.explain_role(name).map_err(|found| vec![found])?.ok_or_else(Vec::new)
}

fn vip(plan: &Plan, name: Option<&str>) -> Result<String, Vec<Diagnostic>> {
    match plan.explain_vip(name) {
        Ok(text) if text.is_empty() => Err(Vec::new()),
        Ok(text) => Ok(text),
        Err(found) => Err(vec![found]),
    }
}

fn route(plan: &Plan, from: &str, to: &str) -> Result<String, Vec<Diagnostic>> {
    match plan.explain_route(from, to) {
        Ok(text) if text.is_empty() => Err(Vec::new()),
        Ok(text) => Ok(text),
        Err(found) => Err(vec![found]),
    }
}
