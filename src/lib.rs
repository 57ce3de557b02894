//! bake compiles a cluster described in YAML profiles and Butane fragments into what its machines need for
//! their first boot.
//!
//! Data flows one way, in named phases; this file is the only place where they meet:
//!
//! 1. [`load`]: bytes to [`model`]. Reads everything that is needed and judges nothing but form.
//! 2. [`check`]: the model, and what is made from it, against what would fail at run time.
//! 3. [`lower`]: model to targets (Ignition, cloud-init, network files), with the origin of every field.
//! 4. [`emit`]: targets to bytes. The same input gives the same bytes.
//!
//! Everything impure happens in [`world`] (reading and writing) and [`cli`] (terminal). Findings are
//! [`diag::Diagnostic`]s, collected rather than thrown.

pub mod butane;
pub mod changes;
pub mod check;
pub mod cli;
mod compile;
pub mod diag;
pub mod diff;
pub mod emit;
mod explain;
pub mod init;
pub mod lab;
pub mod load;
pub mod lower;
pub mod model;
pub mod spec;
pub mod topology;
pub mod world;

pub use emit::manifest::{
    Cluster as ManifestCluster, File as ManifestFile, Manifest, Node as ManifestNode, instance_id,
};
pub use emit::nar::hash as nar_hash;

use check::{Baked, Lines, Overview, Survey, View, Written};
use compile::{Contribution, Whole};
use diag::{Code, Diagnostic, Sink, Sources, Span};
use load::project::Project;
use model::artifact::{Artifact, NodeOutput};
use model::cluster::Node;
use model::glob;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use world::World;

/// What to compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Folder with the profiles, relative to the project's root.
    pub profiles: String,
    /// Names or globs of nodes; empty means every node that is built.
    pub nodes: Vec<String>,
}

/// A project that was read and understood: its nodes can be compiled one by one, on any number of threads.
#[derive(Debug)]
pub struct Plan {
    /// The texts that were read, for showing diagnostics.
    pub sources: Sources,
    /// Names of the nodes that the request selects, sorted.
    pub selected: Vec<String>,
    /// Names of all nodes that are built, sorted: folders of others are stale.
    pub all: Vec<String>,
    /// What was found while loading.
    pub diagnostics: Vec<Diagnostic>,
    /// Places in profiles that accepted a finding of the model.
    pub accepted: BTreeSet<Span>,
    project: Option<Project>,
    /// Whether marks stand for secrets, so that their files get another name.
    gaps: bool,
    /// What fragments without placeholders contribute, the same for every node: made once, by whoever needs it first; for
    /// output, and in haste.
    constant: BTreeMap<String, [OnceLock<Option<Contribution>>; 2]>,
}

/// Reads a project. When `diagnostics` holds errors, nothing is selected.
pub fn plan(world: &dyn World, request: &Request) -> Plan {
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let project = load::project::load(world, &request.profiles, &mut sources, &mut sink);
    let nodes = project.iter().flat_map(|project| &project.cluster.nodes);
    let all: Vec<String> = nodes.filter(|node| node.build).map(|node| node.name.clone()).collect();
    if let Some(project) = &project {
        let secrets: Vec<_> = project.secrets.declared_values().collect();
        let (cluster, unused, siblings) = (&project.cluster, &project.unused, &project.siblings);
        let survey = Survey { cluster, sources: &sources, unused, siblings, secrets: &secrets };
        check::model(&survey, &project.allowances, &mut sink);
    }
    let mut selected = select(&all, &request.nodes, project.as_ref(), &mut sink);
    if sink.failed() {
        selected.clear();
    }
    let constant = project.iter().flat_map(|project| project.fragments.keys().filter(|name| project.is_constant(name)));
    let constant = constant.map(|name| (name.clone(), Default::default())).collect();
    let (accepted, gaps) = (sink.accepted().clone(), world.omits_secrets());
    Plan { sources, selected, all, diagnostics: sink.finish(), accepted, project, gaps, constant }
}

/// The nodes that the patterns name, sorted. A pattern that names nothing is an error: a name mistyped in a script
/// must not build nothing successfully.
fn select(all: &[String], patterns: &[String], project: Option<&Project>, sink: &mut Sink) -> Vec<String> {
    let Some(project) = project else { return Vec::new() };
    let (selected, unmatched) = glob::select(patterns, all);
    for pattern in unmatched {
        let (message, hint) = match project.cluster.node(pattern) {
            Some(_) => (format!("nothing is written for `{pattern}`: its profile says `build: false`"), None),
            None => {
                (format!("no node is called `{pattern}`"), diag::suggest::hint(pattern, all.iter().map(String::as_str)))
            }
        };
        let mut found = Diagnostic::new(Code::UnknownName, message);
        found.hint = hint;
        sink.push(found);
    }
    selected.into_iter().map(str::to_owned).collect()
}

impl Plan {
    /// Compiles one node: a pure function of the plan. `None` means that errors were reported.
    pub fn compile(&self, node: &str, sink: &mut Sink) -> Option<NodeOutput> {
        self.bake(node, sink).map(|(output, _)| output)
    }

    /// The same, with what [`Self::conclude`] needs to know of the node.
    pub fn bake(&self, node: &str, sink: &mut Sink) -> Option<(NodeOutput, Facts)> {
        let before = sink.errors();
        let project = self.project.as_ref()?;
        let node = project.cluster.node(node)?;
        let whole = self.assemble(project, node, &mut butane::Packer::new(), sink)?;
        let baked = self.judge(project, node, &whole, sink);
        let secrets = compile::secrets(&whole, &baked);
        let mut files = compile::artifacts(&project.cluster, node, whole, sink);
        if self.gaps {
            files.leave_gaps();
        }
        files.secrets = secrets;
        (sink.errors() == before).then_some((files, Facts(baked.remembered())))
    }

    /// A node put together, checked and lowered, but not written. `None` means that it cannot be put together; what is
    /// wrong with it otherwise is in the sink.
    fn inspect(&self, node: &str, sink: &mut Sink) -> Option<Facts> {
        let project = self.project.as_ref()?;
        let node = project.cluster.node(node)?;
        let mut own = Sink::default();
        let mut whole = self.assemble(project, node, &mut butane::Packer::hasty(), &mut own);
        // Where size matters, it is the real one.
        if whole.as_ref().is_some_and(|whole| check::hardware::is_large(&whole.part)) {
            own = Sink::default();
            whole = self.assemble(project, node, &mut butane::Packer::new(), &mut own);
        }
        sink.append(own);
        let whole = whole?;
        let baked = self.judge(project, node, &whole, sink);
        compile::refuse(&project.cluster, node, whole, sink);
        Some(Facts(baked.remembered()))
    }

    /// Every rule about one machine.
    fn judge(&self, project: &Project, node: &Node, whole: &Whole, sink: &mut Sink) -> Baked {
        let baked = Baked::new(&node.name, &whole.part);
        let (cluster, part) = (&*project.cluster, &whole.part);
        let view = View { cluster, node, part, baked: &baked, sources: &self.sources, lines: project };
        check::node(&view, &project.allowances, sink);
        baked
    }

    /// Where the value was written that the byte at `offset` of a node's file belongs to. `text` is the file as this plan
    /// makes it. `None` where that cannot be told: the file's inputs are all that is known.
    pub fn origin(&self, node: &str, file: &str, text: &str, offset: usize) -> Option<Span> {
        let project = self.project.as_ref()?;
        let part =
            self.assemble(project, project.cluster.node(node)?, &mut butane::Packer::new(), &mut Sink::default())?.part;
        let path = match model::artifact::complete(file) {
            "config.ign" => emit::locate::json(text, offset),
            "user-data" => {
                let emit::locate::Entry { list, name, field } = emit::locate::cloud_config(text, offset)?;
                let (storage, passwd) = (&part.config.storage, &part.config.passwd);
                let (of, index) = match list {
                    "users" => (["passwd", "users"], passwd.users.iter().position(|user| user.name == name)?),
                    _ => (["storage", "files"], storage.files.iter().position(|file| file.path == name)?),
                };
                let entry = model::Path::root().then(of[0]).then(of[1]).then(index);
                field.map_or(entry.clone(), |field| entry.then(field))
            }
            _ => return None,
        };
        part.trace.span(&path)
    }

    /// Checks what only all nodes together show; `facts` in the order of [`Self::all`]. Where some are missing, only what
    /// does not depend on them.
    pub fn conclude(&self, facts: Vec<Facts>, sink: &mut Sink) {
        let Some(project) = &self.project else { return };
        let all: Vec<Baked> = facts.into_iter().map(|facts| facts.0).collect();
        let overview = Overview { cluster: &project.cluster, nodes: &all, sources: &self.sources, lines: project };
        let known: BTreeSet<&str> = all.iter().map(|baked| baked.node.as_str()).collect();
        let missing = self.all.iter().filter(|name| !known.contains(name.as_str()));
        let fragments = missing.filter_map(|name| project.cluster.node(name)).flat_map(|node| &node.fragments);
        let fragments: BTreeSet<&str> = fragments.map(|name| name.as_str()).collect();
        let written = fragments.into_iter().filter_map(|name| project.fragments.get(name));
        let unknown = written.flat_map(|fragment| fragment.written(&[&["storage", "files", "*", "path"]])).collect();
        check::cluster(&overview, &unknown, &project.allowances, sink);
        if all.len() == self.all.len() {
            check::allow::unused(&project.allowances, sink);
        }
    }

    /// Checks everything without writing anything, on `jobs` threads: what was found, loading included.
    pub fn check(&self, jobs: usize) -> Vec<Diagnostic> {
        let mut sink = Sink::default();
        self.diagnostics.iter().for_each(|found| sink.push(found.clone()));
        self.accepted.iter().for_each(|place| sink.accept(*place));
        // What only rules find does not keep the others from finding more.
        let next = AtomicUsize::new(0);
        let done: Mutex<BTreeMap<usize, (Sink, Option<Facts>)>> = Mutex::default();
        let work = || loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(name) = self.all.get(index) else { return };
            let mut own = Sink::default();
            let facts = self.inspect(name, &mut own);
            let Ok(mut done) = done.lock() else { return };
            done.insert(index, (own, facts));
        };
        std::thread::scope(|scope| {
            for _ in 1..jobs.min(self.all.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut all = Vec::with_capacity(self.all.len());
        for (_, (own, facts)) in done.into_inner().unwrap_or_default() {
            sink.append(own);
            all.extend(facts);
        }
        self.conclude(all, &mut sink);
        sink.finish()
    }

    /// The files and units of a node. `None` when there is no such node.
    pub fn baked(&self, node: &str) -> Option<Baked> {
        let project = self.project.as_ref()?;
        let node = project.cluster.node(node)?;
        Some(Baked::new(
            &node.name,
            &self.assemble(project, node, &mut butane::Packer::hasty(), &mut Sink::default())?.part,
        ))
    }

    /// What the hypervisor is told about all machines: a Terraform module, and libvirt's own XML. `ids` are the
    /// instance-ids of the nodes by name. Paths are relative to the output; no secret is in any of it.
    pub fn cluster_artifacts(&self, ids: &BTreeMap<String, String>) -> Vec<Artifact> {
        let Some(project) = &self.project else { return Vec::new() };
        let virt = lower::virt::lower(&project.cluster, ids);
        let built = project.cluster.nodes.iter().filter(|node| node.build);
        let all: BTreeSet<&String> = built.flat_map(|node| &node.inputs).collect();
        let all: Vec<String> = all.into_iter().cloned().collect();
        let artifact = |path: String, text: String, inputs: &[String]| Artifact {
            path,
            bytes: text.into_bytes(),
            secret: false,
            inputs: inputs.to_vec(),
        };
        let mut files = vec![artifact("libvirt/README.md".to_owned(), lower::libvirt::recipe(&virt), &all)];
        for (name, value) in lower::terraform::lower(&virt) {
            files.push(artifact(format!("terraform/{name}"), emit::terraform::text(&value), &all));
        }
        for network in &virt.networks {
            let text = emit::xml::text(&lower::libvirt::network(network));
            files.push(artifact(format!("libvirt/net-{}.xml", network.key), text, &all));
        }
        for machine in &virt.machines {
            let text = emit::xml::text(&lower::libvirt::domain(&virt, machine));
            let inputs = project.cluster.node(&machine.name).map_or(&[][..], |node| &node.inputs);
            files.push(artifact(format!("libvirt/{}.xml", machine.name), text, inputs));
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }

    /// Every file that the nodes are made from, by its path from the project: profiles, fragments and what those include,
    /// also fragments of their roles that are for other operating systems.
    pub fn inputs(&self) -> BTreeSet<String> {
        self.project.iter().flat_map(Project::inputs).collect()
    }

    /// Replaces every secret value in `text` by its name, and takes out who logs in in URLs: the last guard before
    /// anything is shown.
    pub fn redact(&self, text: &str) -> String {
        let text = diag::conceal::conceal(text);
        self.project.as_ref().map_or_else(|| text.clone(), |project| project.secrets.redact(&text))
    }
}

impl Lines for Project {
    fn written(&self, node: &Node, origin: Span, text: &str) -> Vec<Written> {
        let lines = self.lines(node, origin, text).into_iter();
        lines.map(|line| Written { span: line.span, values: line.values }).collect()
    }
}

/// What is remembered of a node that was compiled, for [`Plan::conclude`].
#[derive(Debug, Clone)]
pub struct Facts(Baked);

/// What a lab makes of an output: `world` is its folder.
///
/// # Errors
/// What is missing or cannot be understood.
pub fn rehearsal(world: &dyn World) -> Result<lab::plan::Plan, lab::failure::Failure> {
    let read = |path: &str| {
        world.read(path).map_err(|trouble| match trouble {
            world::Trouble::Missing => format!("the output has no `{path}`"),
            world::Trouble::Other(why) => format!("cannot read `{path}`: {why}"),
            _ => format!("`{path}` is no ordinary file"),
        })
    };
    lab::load::plan(&read, &yaml)
}

/// Reads YAML that bake wrote.
fn yaml(text: &str) -> Result<model::data::Data, String> {
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let file = sources.add("yaml", text);
    let document = load::yaml::Document::parse(file, text).map_err(|error| error.message)?;
    let data = load::decode::decode::<model::Spanned<model::data::Data>>(&document, &mut sink);
    data.map(|data| data.value).ok_or_else(|| sink.iter().next().map(|found| found.message.clone()).unwrap_or_default())
}

/// The kinds of files that people write and that have a schema.
pub fn schemas() -> impl Iterator<Item = &'static str> + Clone {
    emit::schema::KINDS.iter().map(|(kind, _)| *kind)
}

/// The JSON Schema of a kind of file, as text; `None` when there is no such kind.
pub fn schema(kind: &str) -> Option<String> {
    let (_, schema) = emit::schema::KINDS.iter().find(|(name, _)| *name == kind)?;
    Some(emit::schema::text(&schema()))
}
