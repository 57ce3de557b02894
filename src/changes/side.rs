//! One of two builds: an output on disk, or a project that is compiled.

use crate::diag::{Code, Diagnostic, Severity, Sink, Sources};
use crate::diff::{self, Machine};
use crate::emit::manifest::{Cluster as Shared, File, Manifest, Node as Entry, instance_id};
use crate::load::{decode, yaml};
use crate::model::Spanned;
use crate::model::artifact::complete;
use crate::model::data::Data;
use crate::world::output::MANIFEST;
use crate::world::{Trouble, World};
use crate::{Facts, Plan};
use std::collections::BTreeMap;

/// One of two builds that are compared.
pub struct Side<'a> {
    name: String,
    source: Source<'a>,
}

enum Source<'a> {
    /// An output on disk with its manifest.
    Output(&'a dyn World, Box<Manifest>),
    /// A project that is compiled.
    Project(&'a Plan),
}

impl std::fmt::Debug for Side<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// A node's artefacts on one side.
pub(super) struct Built {
    pub(super) entry: Entry,
    /// Contents by name.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Whether secrets were left out.
    pub(super) gaps: bool,
    pub(super) facts: Option<Facts>,
}

impl Built {
    fn new(entry: Entry, files: BTreeMap<String, Vec<u8>>, facts: Option<Facts>) -> Self {
        let gaps = files.keys().any(|path| complete(path) != path);
        let files = files.into_iter().map(|(path, bytes)| (complete(&path).to_owned(), bytes)).collect();
        Self { entry, files, gaps, facts }
    }
}

impl<'a> Side<'a> {
    /// The output that `world` is rooted in. `None` means that errors were reported.
    pub fn output(name: &str, world: &'a dyn World, sink: &mut Sink) -> Option<Self> {
        let bytes = match world.read(MANIFEST) {
            Ok(bytes) => bytes,
            Err(trouble) => {
                let message = format!("`{name}` has no `{MANIFEST}` that can be read: {}", words(&trouble));
                sink.push(Diagnostic::new(Code::NotComparable, message).hint("name an output of `bake build`"));
                return None;
            }
        };
        match Manifest::parse(&bytes) {
            Ok(manifest) => Some(Self { name: name.to_owned(), source: Source::Output(world, Box::new(manifest)) }),
            Err(why) => {
                let message = format!("`{name}/{MANIFEST}` is not a manifest of this bake: {why}");
                sink.push(Diagnostic::new(Code::NotComparable, message).hint("build it again with this bake"));
                None
            }
        }
    }

    /// A project that was planned. `None` means that errors were reported: what does not build is no build.
    pub fn project(name: &str, plan: &'a Plan, sink: &mut Sink) -> Option<Self> {
        let errors = plan.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        let before = sink.errors();
        errors.for_each(|found| sink.push(found.clone()));
        (sink.errors() == before).then(|| Self { name: name.to_owned(), source: Source::Project(plan) })
    }

    /// Checks what only all nodes together show, if it is a project.
    pub(super) fn conclude(&self, facts: Vec<Facts>, sink: &mut Sink) {
        if let Source::Project(plan) = &self.source {
            plan.conclude(facts, sink);
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The nodes that it has artefacts of, sorted.
    pub(super) fn nodes(&self) -> Vec<&str> {
        match &self.source {
            Source::Output(_, manifest) => manifest.nodes.keys().map(String::as_str).collect(),
            Source::Project(plan) => plan.all.iter().map(String::as_str).collect(),
        }
    }

    /// A node's artefacts; `None` when it has none, or when errors were reported.
    pub(super) fn node(&self, name: &str, sink: &mut Sink) -> Option<Built> {
        match &self.source {
            Source::Project(plan) => {
                plan.all.binary_search_by(|own| own.as_str().cmp(name)).ok()?;
                let (output, facts) = plan.bake(name, sink)?;
                let entry = Entry::from(&output);
                let files = output.artifacts.into_iter().map(|file| (file.path, file.bytes)).collect();
                Some(Built::new(entry, files, Some(facts)))
            }
            Source::Output(world, manifest) => {
                let entry = manifest.nodes.get(name)?;
                let before = sink.errors();
                let mut files = BTreeMap::new();
                for (path, listed) in &entry.files {
                    files.extend(
                        self.file(*world, &format!("{name}/{path}"), listed, sink).map(|bytes| (path.clone(), bytes)),
                    );
                }
                self.strangers(*world, name, entry, sink);
                let id = instance_id(name, files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())));
                if sink.errors() == before && id != entry.instance_id {
                    sink.push(
                        self.damaged(&format!("`{name}` is listed with another instance-id than its files give")),
                    );
                }
                (sink.errors() == before).then(|| Built::new(entry.clone(), files, None))
            }
        }
    }

    /// Files of a node's folder that the manifest does not know.
    fn strangers(&self, world: &dyn World, name: &str, entry: &Entry, sink: &mut Sink) {
        for found in world.walk(name).unwrap_or_default() {
            if !entry.files.contains_key(&found.path) {
                sink.push(self.damaged(&format!("`{name}/{}` is not in the manifest", found.path)));
            }
        }
    }

    /// A file as the manifest lists it.
    fn file(&self, world: &dyn World, path: &str, listed: &File, sink: &mut Sink) -> Option<Vec<u8>> {
        let bytes = match world.read(path) {
            Ok(bytes) => bytes,
            Err(trouble) => {
                sink.push(self.damaged(&format!("`{path}`: {}", words(&trouble))));
                return None;
            }
        };
        // Modes are for `bake verify`: they change nothing about what the file says.
        let mode = u32::from_str_radix(&listed.mode, 8).unwrap_or_default();
        if let Some(difference) = listed.differences(&bytes, mode).first() {
            sink.push(self.damaged(&format!("`{path}` {difference}")));
            return None;
        }
        Some(bytes)
    }

    pub(super) fn damaged(&self, what: &str) -> Diagnostic {
        let message = format!("`{}` is not as it was built: {what}", self.name);
        Diagnostic::new(Code::NotComparable, message)
            .hint("build it again; `bake verify` lists everything that is wrong")
    }

    /// The files about all machines, by path.
    pub(super) fn shared(&self, ids: &BTreeMap<String, String>, sink: &mut Sink) -> BTreeMap<String, Vec<u8>> {
        match &self.source {
            Source::Project(plan) => {
                let files = plan.summary().into_iter().chain(plan.cluster_artifacts(ids));
                files.map(|file| (file.path, file.bytes)).collect()
            }
            Source::Output(world, manifest) => {
                let listed = manifest.cluster.as_ref().map(|Shared { files }| files);
                let files = listed.into_iter().flatten();
                files
                    .filter_map(|(path, listed)| Some((path.clone(), self.file(*world, path, listed, sink)?)))
                    .collect()
            }
        }
    }

    /// What a node becomes.
    pub(super) fn machine(&self, name: &str, built: &Built, sink: &mut Sink) -> Option<Machine> {
        let Built { entry, files, .. } = built;
        let baked = diff::Baked { os: &entry.os, files, secrets: entry.secrets.as_ref(), yaml: &data };
        diff::read(&baked)
            .map_err(|(file, why)| {
                let message = format!("`{}`: `{name}/{file}` is not understood: {why}", self.name);
                sink.push(Diagnostic::new(Code::NotComparable, message).hint("compare with the bake that wrote it"));
            })
            .ok()
    }
}

/// YAML as data.
fn data(text: &str) -> Result<Data, String> {
    let mut sources = Sources::default();
    let file = sources.add("", text);
    let document = yaml::Document::parse(file, text).map_err(|error| error.to_string())?;
    let mut sink = Sink::default();
    let data = decode::decode::<Spanned<Data>>(&document, &mut sink).map(|data| data.value);
    match sink.finish().into_iter().next() {
        Some(found) => Err(found.message),
        None => data.ok_or_else(|| "it is empty".to_owned()),
    }
}

fn words(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Missing => "it is missing".to_owned(),
        Trouble::Escapes => "it leads out of the folder".to_owned(),
        Trouble::TooLarge => "it is too large".to_owned(),
        Trouble::WrongKind => "it is no regular file".to_owned(),
        Trouble::Other(why) => why.clone(),
    }
}
