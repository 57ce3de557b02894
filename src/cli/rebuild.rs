//! `bake verify --rebuild`: the same project, built again under other circumstances, gives the same bytes.

use super::args::Verify;
use super::report::unusable;
use super::settings::Settings;
use super::show::Show;
use crate::diag::{Code, Diagnostic, Severity, Sink};
use crate::model::artifact::{INCOMPLETE, complete};
use crate::world::again::{self, Built, OTHERS};
use crate::world::disk::Disk;
use crate::world::omit::Omit;
use crate::world::output::MANIFEST;
use crate::world::record::Record;
use crate::world::{Trouble, World};
use crate::{Manifest, ManifestFile, Plan, Request};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A file by its path below the output, and the files of the project that it is made from.
type Files<'a> = BTreeMap<String, &'a ManifestFile>;

/// Builds the nodes that `manifest` lists again and compares them with `folder`. The plan, for showing what was found.
pub(super) fn run(
    settings: &Settings,
    show: &Show,
    args: &Verify,
    folder: &Path,
    manifest: &Manifest,
    sink: &mut Sink,
) -> Option<Plan> {
    let disk = Disk::open(&settings.root).map_err(|trouble| sink.push(unusable(&settings.root, trouble))).ok()?;
    let nodes: Vec<&str> = manifest.nodes.keys().map(String::as_str).collect();
    let omit = manifest.nodes.values().flat_map(|node| node.files.keys()).any(|path| path.ends_with(INCOMPLETE));
    let (without, with): (Omit<'_>, &dyn World) = (Omit(&disk), &disk);
    let record = Record::new(if omit { &without } else { with });
    let request =
        Request { profiles: args.profiles.clone(), nodes: nodes.iter().map(|&name| name.to_owned()).collect() };
    let plan = crate::plan(&record, &request);
    let before = sink.errors();
    let errors = plan.diagnostics.iter().filter(|found| found.severity == Severity::Error);
    errors.for_each(|found| sink.push(found.clone()));
    if sink.errors() > before {
        return Some(plan);
    }
    let arguments = ["--profiles", &args.profiles, "--secrets", if omit { "omit" } else { "read" }];
    let mut builds = Vec::new();
    for (number, other) in (1..).zip(OTHERS) {
        show.progress(&format!("building again, {number} of {}: {}", OTHERS.len(), other.name));
        match again::build(&settings.root, &record, &nodes, &arguments, *other) {
            Ok(built) => builds.push(built),
            Err(failure) => {
                sink.push(Diagnostic::new(Code::RebuildDiffers, failure.message));
                return Some(plan);
            }
        }
    }
    let [one, other] = builds.as_slice() else { return Some(plan) };
    Comparison { plan: &plan, shown: folder, sink }.all(folder, manifest, one, other);
    Some(plan)
}

struct Comparison<'a> {
    plan: &'a Plan,
    shown: &'a Path,
    sink: &'a mut Sink,
}

/// The first place at which two files are not the same.
enum Difference {
    /// Offset from 0.
    At(usize),
    /// The one, or the other, is not there or cannot be read.
    Gone(&'static str),
}

impl Comparison<'_> {
    /// Compares `folder` with a build, and two builds with each other. What the builds disagree about depends on
    /// circumstances; what they agree about is not what was built before.
    fn all(&mut self, folder: &Path, manifest: &Manifest, one: &Built, other: &Built) {
        let open = |path: &Path| Disk::open(path).map_err(|trouble| unusable(path, trouble));
        let opened = || Ok((open(folder)?, open(&one.folder)?, open(&other.folder)?));
        let (was, one, other) = match opened() {
            Ok(opened) => opened,
            Err(found) => return self.sink.push(found),
        };
        let Some(again) = one.read(MANIFEST).ok().and_then(|bytes| Manifest::parse(&bytes).ok()) else { return };
        if manifest.bake != again.bake {
            let message =
                format!("`{}` was built by bake {}, and this is bake {}", folder.display(), manifest.bake, again.bake);
            self.sink.push(Diagnostic::new(Code::RebuildDiffers, message).hint("build again"));
        }
        let before = self.sink.errors();
        for node in manifest.nodes.keys() {
            let (listed, made) = (files_of(manifest, node), files_of(&again, node));
            self.modes(&one, &made);
            self.group(Some(node), &was, [&one, &other], (&listed, &made), true);
        }
        // With a node its instance-id changes, and with that most of what is about all nodes.
        let follow = self.sink.errors() > before;
        let (listed, made) = (shared(manifest), shared(&again));
        self.group(None, &was, [&one, &other], (&listed, &made), follow);
        if self.sink.errors() == before && *manifest != again {
            let message = format!("`{MANIFEST}` is different when it is built again, and no file is");
            self.sink.push(Diagnostic::new(Code::RebuildDiffers, message).hint("build again"));
        }
    }

    /// Whatever the umask, files have the modes that the manifest says.
    fn modes(&mut self, built: &Disk, made: &Files<'_>) {
        for (path, file) in made {
            let Ok((bytes, mode)) = built.read(path).and_then(|bytes| Ok((bytes, built.mode(path)?))) else { continue };
            for difference in file.differences(&bytes, mode) {
                let message = format!("`{path}` {difference} when it is built again");
                self.sink.push(Diagnostic::new(Code::RebuildDiffers, message));
            }
        }
    }

    /// The files of one node, or those about all nodes: as they are listed and as they are made now. Where they `follow`
    /// from each other, the first one is enough.
    fn group(
        &mut self,
        node: Option<&str>,
        was: &Disk,
        [one, other]: [&Disk; 2],
        (listed, made): (&Files<'_>, &Files<'_>),
        follow: bool,
    ) {
        let paths: BTreeSet<&String> = listed.keys().chain(made.keys()).collect();
        let mut paths: Vec<&String> = paths.into_iter().collect();
        paths.sort_by_key(|path| CONSEQUENCES.iter().any(|end| complete(path).ends_with(end)));
        let mut found: Vec<(&String, Difference, bool)> = Vec::new();
        for path in paths {
            let unstable = difference(one, other, path).map(|difference| (path, difference, true));
            let stale = || difference(was, one, path).map(|difference| (path, difference, false));
            found.extend(unstable.or_else(stale));
        }
        let more = found.len().saturating_sub(1);
        for (path, difference, unstable) in found.into_iter().take(if follow { 1 } else { usize::MAX }) {
            let inputs = made.get(path).or_else(|| listed.get(path)).map_or(&[][..], |file| &file.inputs);
            let mut finding = self.finding(node, path, &difference, unstable, one, inputs);
            if follow && more > 0 {
                let others = if more == 1 { "is another file".to_owned() } else { format!("are {more} other files") };
                let of = node.map_or("about all nodes".to_owned(), |node| format!("of `{node}`"));
                finding.message = format!("{}; so {others} {of}", finding.message);
            }
            self.sink.push(finding);
        }
    }

    fn finding(
        &self,
        node: Option<&str>,
        path: &str,
        difference: &Difference,
        unstable: bool,
        built: &Disk,
        inputs: &[String],
    ) -> Diagnostic {
        let mut origin = None;
        let what = match difference {
            Difference::Gone(what) => format!("`{path}` {what}"),
            Difference::At(offset) => {
                let bytes = built.read(path).unwrap_or_default();
                let text = std::str::from_utf8(&bytes).ok();
                let place = text.map(|text| place(text, *offset)).unwrap_or_default();
                if let (Some(node), Some(text)) = (node, text) {
                    let file = path.split_once('/').map_or(path, |(_, file)| file);
                    origin = self.plan.origin(node, file, text, *offset);
                }
                format!("`{path}` is different from byte {}{place} on when it is built again", offset + 1)
            }
        };
        let from = if origin.is_some() || inputs.is_empty() {
            String::new()
        } else {
            format!("; it is made from {}", list(inputs))
        };
        let hint = if unstable {
            "what it is made from, or bake, gives something else each time: see where the value comes from".to_owned()
        } else {
            format!("the project, a secret or bake is not what `{}` was built from: build again", self.shown.display())
        };
        Diagnostic::new(Code::RebuildDiffers, what + &from).at(origin).hint(hint)
    }
}

/// Files that differ because others do: looked at last.
const CONSEQUENCES: &[&str] = &["/meta-data", "/seed.iso"];

/// How many inputs are named.
const NAMED: usize = 6;

fn list(inputs: &[String]) -> String {
    let named: Vec<String> = inputs.iter().take(NAMED).map(|input| format!("`{input}`")).collect();
    let rest = inputs.len().saturating_sub(NAMED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    named.join(", ") + &more
}

fn files_of<'a>(manifest: &'a Manifest, node: &str) -> Files<'a> {
    let files = manifest.nodes.get(node).into_iter().flat_map(|node| &node.files);
    files.map(|(path, file)| (format!("{node}/{path}"), file)).collect()
}

fn shared(manifest: &Manifest) -> Files<'_> {
    let files = manifest.cluster.iter().flat_map(|cluster| &cluster.files);
    files.map(|(path, file)| (path.clone(), file)).collect()
}

fn difference(one: &Disk, other: &Disk, path: &str) -> Option<Difference> {
    match (one.read(path), other.read(path)) {
        (Ok(one), Ok(other)) if one == other => None,
        (Ok(one), Ok(other)) => {
            let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
            Some(Difference::At(same))
        }
        (Err(Trouble::Missing), Err(Trouble::Missing)) => None,
        (Err(_), _) => Some(Difference::Gone("is built again, although it was not there before")),
        (_, Err(_)) => Some(Difference::Gone("is not built again")),
    }
}

/// Line and column of a byte, as ` (line 3, column 7)`; columns count characters.
fn place(text: &str, offset: usize) -> String {
    let before = (0..=offset).rev().find_map(|end| text.get(..end)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(" (line {line}, column {column})")
}
