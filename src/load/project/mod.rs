//! A project: all its profiles, fragments, templates and local files.
//!
//! Every file is read, parsed and compiled once, whatever the number of nodes that use it; after that nothing is
//! read any more, and nodes can be made on any number of threads.

mod extension;
mod fragment;
mod local;
mod profile;
mod read;
mod sibling;

pub use fragment::{Fragment, Instance, SecretLines};

use super::resolve::{self, Profiles};
use super::secret::Secrets;
use super::template::{Engine, TemplateLine};
use crate::diag::{FileId, Sink, Sources, Span};
use crate::model::Spanned;
use crate::model::allow::Allowance;
use crate::model::cluster::{Cluster, Node};
use crate::model::path::clean;
use crate::model::profile::{Allow, RoleProfile};
use crate::model::sibling::SiblingVip;
use crate::world::layers::Layers;
use crate::world::{Kind, World};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Folder of the fragments, relative to the project.
pub const BUTANE: &str = "butane";

/// Folder of templates and other files that fragments include, relative to the project.
pub const FILES: &str = "butane/files";

/// A project that was read and understood.
#[derive(Debug)]
pub struct Project {
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// Fragments that roles name, by name.
    pub fragments: BTreeMap<String, Fragment>,
    /// Findings that profiles accept.
    pub allowances: Vec<Allowance>,
    /// Files below `butane/` that no fragment uses, fragments that no role names included.
    pub unused: Vec<FileId>,
    /// Names of the fragments of every role, by the path of its profile.
    named: BTreeMap<String, Vec<String>>,
    /// Roles by name, as they are written.
    pub roles: BTreeMap<String, RoleProfile>,
    /// Images of system extensions.
    pub images: extension::Images,
    /// Virtual addresses of the other clusters of the repository.
    pub siblings: Vec<SiblingVip>,
    /// Secrets, for keeping their values out of messages.
    pub secrets: Arc<Secrets>,
    engine: Engine,
    files: local::Files,
}

/// Reads the project whose profiles are in the folder `profiles`. `None` means that errors were reported.
pub fn load(world: &dyn World, profiles: &str, sources: &mut Sources, sink: &mut Sink) -> Option<Project> {
    let before = sink.errors();
    let (profiles, layers) = profile::load(world, profiles, sources, sink)?;
    let named: Vec<_> =
        profiles.roles.values().filter_map(|role| role.content.as_ref()).flat_map(|role| &role.fragments).collect();
    let mut fragments = BTreeMap::new();
    for reference in named {
        let name = &reference.name;
        if profiles.fragments.contains(name.as_str()) && !fragments.contains_key(name.as_str()) {
            fragments.insert(name.value.clone(), fragment::read(&layers, name, sources, sink));
        }
    }
    let named = profiles.roles.values().filter_map(|role| {
        let fragments = role.content.as_ref()?.fragments.iter();
        Some((role.path.clone(), fragments.map(|fragment| fragment.name.value.clone()).collect()))
    });
    let named = named.collect();
    let allowances = allowances(&profiles, &layers);
    let roles = profiles.roles.iter().filter_map(|(name, role)| Some((name.clone(), role.content.clone()?))).collect();
    let library = profiles.cluster.library.as_ref().map(|library| clean(library));
    let siblings = sibling::vips(&layers, &profiles.path, library.as_deref());
    let cluster = Arc::new(resolve::resolve(profiles, sink));
    let secrets = Arc::new(Secrets::load(world, &cluster.profile.secrets));
    let mut engine = Engine::new(cluster.clone(), secrets.clone());
    let mut files = local::Files::load(&layers, &mut engine, sources, sink);
    let mut compiled = BTreeMap::new();
    for (name, fragment) in fragments {
        let Some(mut fragment) = fragment else { continue };
        fragment.compile(sources, &mut engine, sink);
        for reference in &fragment.references {
            files.add(&layers, reference, &mut engine, sources, sink);
        }
        compiled.insert(name, fragment);
    }
    for fragment in compiled.values_mut() {
        fragment.note_inputs(&files);
    }
    let images = extension::load(&layers, &cluster, sink);
    let unused = unused(world, &compiled, &files, &images, sources);
    let project = Project {
        cluster,
        fragments: compiled,
        allowances,
        unused,
        named,
        roles,
        images,
        siblings,
        secrets,
        engine,
        files,
    };
    (sink.errors() == before).then_some(project)
}

/// Files below the project's own `butane/` that nothing is made from. What is written for people (`*.md`) and hidden files are not meant
/// to be used.
fn unused(
    world: &dyn World,
    fragments: &BTreeMap<String, Fragment>,
    files: &local::Files,
    images: &extension::Images,
    sources: &mut Sources,
) -> Vec<FileId> {
    let used = fragments.values().flat_map(Fragment::inputs).chain(images.paths.values());
    let used: BTreeSet<&str> = used.map(String::as_str).collect();
    let entries = world.walk(BUTANE).unwrap_or_default();
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| matches!(entry.kind, Kind::File { .. })) {
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        let path = format!("{BUTANE}/{}", entry.path);
        let payload = path.strip_prefix(FILES).and_then(|rest| rest.strip_prefix('/'));
        let end = name.rsplit_once('.').map(|(_, end)| end);
        let meant = (payload.is_some() && end != Some("md")) || end == Some("bu");
        let within = payload.is_some_and(|payload| files.is_in_tree(payload));
        if meant && !within && !name.starts_with('.') && !used.contains(path.as_str()) {
            let known = sources.iter().find(|(_, source)| source.name() == path).map(|(id, _)| id);
            found.push(known.unwrap_or_else(|| sources.add(path, "")));
        }
    }
    found
}

/// The entries of every profile's `allow`.
fn allowances(profiles: &Profiles, layers: &Layers<'_>) -> Vec<Allowance> {
    fn of(list: &[Spanned<Allow>], node: Option<&str>, shared: bool) -> impl Iterator<Item = Allowance> {
        list.iter().map(move |allow| Allowance {
            allow: allow.value.clone(),
            span: allow.span,
            node: node.map(str::to_owned),
            shared,
        })
    }
    let mut found: Vec<Allowance> = of(&profiles.cluster.allow, None, false).collect();
    for role in profiles.roles.values() {
        let shared = layers.is_shared(&role.path);
        found.extend(role.content.iter().flat_map(|content| of(&content.allow, None, shared)));
    }
    for (name, node) in &profiles.nodes {
        found.extend(node.content.iter().flat_map(|node| of(&node.allow, Some(name), false)));
    }
    found
}

impl Project {
    /// A fragment with its placeholders filled in for a node, and the local files that it includes. `None` means
    /// that errors were reported.
    pub fn instantiate(&self, node: &Node, fragment: &str, sink: &mut Sink) -> Option<Instance> {
        let at = self.cluster.nodes.binary_search_by(|other| other.name.cmp(&node.name)).ok()?;
        self.fragments.get(fragment)?.instantiate(at, &self.engine, &self.files, sink)
    }

    /// Every file that the nodes are made from, also those of their roles' fragments for other operating systems.
    pub fn inputs(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for path in self.cluster.nodes.iter().flat_map(|node| &node.inputs) {
            if all.insert(path.clone()) {
                let fragments = self.named.get(path).into_iter().flatten().filter_map(|name| self.fragments.get(name));
                all.extend(fragments.flat_map(Fragment::inputs).cloned());
            }
        }
        all
    }

    /// Whether a fragment is the same for every node: then it needs to be instantiated once only.
    pub fn is_constant(&self, fragment: &str) -> bool {
        self.fragments.get(fragment).is_some_and(|fragment| fragment.is_constant(&self.files))
    }

    /// Where the lines of `text` were written: `text` is what the local file that a fragment of `node` names at
    /// `reference` makes for that node. Empty where that cannot be told, and for files that are no templates.
    pub fn lines(&self, node: &Node, reference: Span, text: &str) -> Vec<TemplateLine> {
        let found = || {
            let at = self.cluster.nodes.binary_search_by(|other| other.name.cmp(&node.name)).ok()?;
            let fragments = node.fragments.iter().filter_map(|name| self.fragments.get(name.as_str()));
            let mut references = fragments.flat_map(|fragment| &fragment.references);
            let name = &references.find(|named| named.span == reference)?.name;
            self.files.is_template(name).then(|| self.engine.lines(name, at, text))?
        };
        found().unwrap_or_default()
    }
}
