//! Merges the parts of a node by Ignition's rules; disagreements are errors.
//!
//! Ignition lets a child config win over its parent, field by field. Fragments of a node have no such order of
//! rank: two that set the same field to different values are a mistake, whichever would win. Setting it to the same
//! value twice is not.

use crate::diag::{Code, Diagnostic, Sink};
use crate::model::ignition::Config;
use crate::model::join::{Join, Scribe, Sides};
use crate::model::path::At;
use crate::model::shape::{Field, Shape};
use crate::model::{Part, Path, Step, Trace};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that the parts say together. Things stand in the order in which they first appear.
pub fn merge(parts: Vec<Part>, sink: &mut Sink) -> Part {
    let mut whole = Part::default();
    for part in parts {
        let Part { config, trace, secret_files } = part;
        let mut scribe = Clerk { from: &trace, trace: std::mem::take(&mut whole.trace), conflicts: Vec::new() };
        join(&mut whole.config, config, &mut scribe);
        whole.trace = scribe.trace;
        let mut reported = BTreeSet::new();
        for conflict in scribe.conflicts {
            if reported.insert(conflict.field()) {
                sink.push(conflict.diagnostic(&whole));
            }
        }
        whole.secret_files.extend(secret_files);
    }
    kinds(&whole, sink);
    whole
}

fn join(whole: &mut Config, part: Config, scribe: &mut Clerk<'_>) {
    let Config { ignition, kernel_arguments, passwd, storage, systemd } = part;
    let at = |key| Sides { child: At::top(key), result: At::top(key) };
    whole.ignition.join(ignition, &at("ignition"), scribe);
    whole.kernel_arguments.join(kernel_arguments, &at("kernelArguments"), scribe);
    whole.passwd.join(passwd, &at("passwd"), scribe);
    whole.storage.join(storage, &at("storage"), scribe);
    whole.systemd.join(systemd, &at("systemd"), scribe);
}

/// Writes down where everything came from, and what was said twice differently.
struct Clerk<'a> {
    from: &'a Trace,
    trace: Trace,
    conflicts: Vec<Conflict>,
}

impl Scribe for Clerk<'_> {
    fn takes(&mut self, at: &Sides<'_>, value: &dyn Field, before: Option<&dyn Field>) {
        let (child, result) = at.paths();
        if let Some(before) = before {
            if !same(value, before) {
                let places = (self.from.span(&child), self.trace.span(&result));
                self.conflicts.push(Conflict { path: result, values: shown(value).zip(shown(before)), places });
            }
            return;
        }
        self.trace.graft(&result, self.from, &child);
    }

    fn shares(&mut self, _: &Sides<'_>) {}
}

/// Two parts that say different things.
struct Conflict {
    path: Path,
    /// The later and the earlier value, where they are short.
    values: Option<(String, String)>,
    places: (Option<crate::diag::Span>, Option<crate::diag::Span>),
}

/// Fields whose values are long, or may come from a secret: named, never shown.
const UNSHOWN: &[&str] = &["contents", "source", "passwordHash", "keyFile", "compression", "hash"];

impl Conflict {
    /// The element of a list, and its field, that the conflict is about: `$.storage.files.3.contents`.
    fn field(&self) -> Path {
        let steps = self.path.steps();
        let element = steps.iter().position(|step| matches!(step, Step::Index(_)));
        steps.iter().take(element.map_or(2, |at| at + 2)).cloned().collect()
    }

    fn diagnostic(&self, whole: &Part) -> Diagnostic {
        let steps = self.path.steps();
        let thing = thing(&whole.config, steps);
        let field = self.field().steps().last().map_or_else(String::new, name);
        let hidden = steps.iter().any(|step| UNSHOWN.contains(&name(step).as_str()));
        let said = self.values.as_ref().filter(|_| !hidden);
        let values = said.map_or_else(String::new, |(later, earlier)| {
            let (later, earlier) =
                if field == "mode" { (octal(later), octal(earlier)) } else { (later.clone(), earlier.clone()) };
            format!(": `{later}` here and `{earlier}` there")
        });
        let hint = "say it in one place, or let one of the two leave it out";
        let found =
            Diagnostic::new(Code::MergeConflict, format!("{thing} gets a `{field}` twice, differently{values}"));
        let found = found.at(self.places.0).hint(hint);
        match self.places.1 {
            Some(place) => found.related(place, "the other place"),
            None => found,
        }
    }
}

/// What a path is about, in words: ``the file `/etc/motd` ``.
fn thing(config: &Config, steps: &[Step]) -> String {
    let Some(at) = steps.iter().position(|step| matches!(step, Step::Index(_))) else {
        return steps.first().map_or_else(String::new, |step| format!("`{}`", name(step)));
    };
    let kind = name(&steps[at.saturating_sub(1)]);
    let kind = if kind == "directories" { "directory" } else { kind.strip_suffix('s').unwrap_or(&kind) };
    let mut key = None;
    visit(config, &steps[..=at], &mut |element| {
        if let Shape::Record(record) = element.shape() {
            record.each(&mut |field, _, value| {
                if let (true, Shape::Text(text)) = (["path", "name", "device"].contains(&field), value.shape()) {
                    key.get_or_insert_with(|| text.to_owned());
                }
            });
        }
    });
    format!("the {kind} `{}`", key.unwrap_or_default())
}

/// Calls `found` with the value at the end of `steps`.
fn visit(value: &dyn Field, steps: &[Step], found: &mut dyn FnMut(&dyn Field)) {
    let Some((step, rest)) = steps.split_first() else { return found(value) };
    match (value.shape(), step) {
        (Shape::Record(record), Step::Key(key)) => record.each(&mut |field, _, inner| {
            if field == key {
                visit(inner, rest, found);
            }
        }),
        (Shape::List(list), Step::Index(index)) => list.each(&mut |at, inner| {
            if at == *index {
                visit(inner, rest, found);
            }
        }),
        _ => {}
    }
}

fn name(step: &Step) -> String {
    match step {
        Step::Key(key) => key.to_string(),
        Step::Index(index) => index.to_string(),
    }
}

fn octal(decimal: &str) -> String {
    decimal.parse::<u32>().map_or_else(|_| decimal.to_owned(), |mode| format!("{mode:04o}"))
}

fn same(one: &dyn Field, other: &dyn Field) -> bool {
    match (one.shape(), other.shape()) {
        (Shape::Bool(a), Shape::Bool(b)) => a == b,
        (Shape::Integer(a), Shape::Integer(b)) => a == b,
        (Shape::Text(a), Shape::Text(b)) => a == b,
        (Shape::Absent, Shape::Absent) => true,
        _ => false,
    }
}

fn shown(value: &dyn Field) -> Option<String> {
    match value.shape() {
        Shape::Bool(value) => Some(value.to_string()),
        Shape::Integer(value) => Some(value.to_string()),
        Shape::Text(text) => (text.len() <= 80 && !text.contains('\n')).then(|| text.to_owned()),
        Shape::Absent | Shape::List(_) | Shape::Record(_) => None,
    }
}

/// One path is one thing: a file, a directory or a link.
fn kinds(whole: &Part, sink: &mut Sink) {
    let storage = &whole.config.storage;
    let files = storage.files.iter().map(|node| node.path.as_str()).enumerate().map(|found| ("files", "file", found));
    let directories = storage.directories.iter().map(|node| node.path.as_str()).enumerate();
    let directories = directories.map(|found| ("directories", "directory", found));
    let links = storage.links.iter().map(|node| node.path.as_str()).enumerate().map(|found| ("links", "link", found));
    let mut seen: BTreeMap<&str, (&str, Path)> = BTreeMap::new();
    for (list, kind, (at, path)) in files.chain(directories).chain(links) {
        let place = Path::root().then("storage").then(list).then(at);
        let Some((other, first)) = seen.insert(path.trim_end_matches('/'), (kind, place.clone())) else { continue };
        if other == kind {
            continue;
        }
        let found =
            Diagnostic::new(Code::MergeConflict, format!("`{path}` is a {other} in one place and a {kind} in another"));
        let found = found.at(whole.trace.span(&place));
        sink.push(match whole.trace.span(&first) {
            Some(span) => found.related(span, format!("the {other}")),
            None => found,
        });
    }
}
