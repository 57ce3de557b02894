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
pub mod diag;
pub mod diff;
pub mod emit;
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
use diag::{Code, Diagnostic, Sink, Sources, Span};
use load::project::{Project, SecretLines};
use model::artifact::{Artifact, NodeOutput};
use model::cloud::{MetaData, NetworkFiles};
use model::cluster::{Cluster, Node};
use model::profile::cluster::IgnitionVersion;
use model::profile::node::Os;
use model::{Part, glob};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use topology::vrrp::{Finding, Group};
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
    /// What fragments without placeholders contribute, the same for every node: made once, by whoever needs it first.
    constant: BTreeMap<String, OnceLock<Option<Contribution>>>,
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
    let constant = constant.map(|name| (name.clone(), OnceLock::new())).collect();
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
        let (files, facts) = self.inspect(node, sink)?;
        (sink.errors() == before).then_some((files, facts))
    }

    /// A node put together, checked and lowered. `None` means that it cannot be put together; what is wrong with it
    /// otherwise is in the sink.
    fn inspect(&self, node: &str, sink: &mut Sink) -> Option<(NodeOutput, Facts)> {
        let project = self.project.as_ref()?;
        let node = project.cluster.node(node)?;
        let whole = self.assemble(project, node, sink)?;
        let baked = Baked::new(&node.name, &whole.part);
        let (cluster, part) = (&*project.cluster, &whole.part);
        let view = View { cluster, node, part, baked: &baked, sources: &self.sources, lines: project };
        check::node(&view, &project.allowances, sink);
        let secrets = secrets(&whole, &baked);
        let mut files = match node.os {
            Os::Flatcar => flatcar(node, whole, sink),
            Os::Almalinux | Os::Rocky => enterprise(&project.cluster, node, &whole, sink),
        };
        if self.gaps {
            files.leave_gaps();
        }
        files.secrets = secrets;
        Some((files, Facts(baked.remembered())))
    }

    /// Where the value was written that the byte at `offset` of a node's file belongs to. `text` is the file as this plan
    /// makes it. `None` where that cannot be told: the file's inputs are all that is known.
    pub fn origin(&self, node: &str, file: &str, text: &str, offset: usize) -> Option<Span> {
        let project = self.project.as_ref()?;
        let part = self.assemble(project, project.cluster.node(node)?, &mut Sink::default())?.part;
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

    /// What a node runs, listens on and needs, with the place that each thing comes from. `None` means that errors were
    /// reported.
    pub fn explain(&self, node: &str, sink: &mut Sink) -> Option<String> {
        let project = self.project.as_ref()?;
        let Some(node) = project.cluster.node(node) else {
            let names = project.cluster.nodes.iter().map(|node| node.name.as_str());
            let mut found = Diagnostic::new(Code::UnknownName, format!("no node is called `{node}`"));
            found.hint = diag::suggest::hint(node, names);
            sink.push(found);
            return None;
        };
        let before = sink.errors();
        let whole = if node.build { self.assemble(project, node, sink)? } else { Whole::default() };
        let baked = Baked::new(&node.name, &whole.part);
        let (cluster, part, sources) = (&*project.cluster, &whole.part, &self.sources);
        let view = View { cluster, node, part, baked: &baked, sources, lines: project };
        (sink.errors() == before).then(|| check::describe::node(&view))
    }

    /// What a role is, as a page in Markdown. `None` means that the project could not be read.
    ///
    /// # Errors
    /// When no role has this name.
    pub fn explain_role(&self, name: &str) -> Result<Option<String>, Diagnostic> {
        const PATHS: &[&[&str]] = &[
            &["storage", "directories", "*", "path"],
            &["storage", "files", "*", "path"],
            &["storage", "links", "*", "path"],
            &["storage", "filesystems", "*", "path"],
        ];
        let Some(project) = &self.project else { return Ok(None) };
        let Some(role) = project.roles.get(name) else {
            let mut found = Diagnostic::new(Code::UnknownName, format!("no role is called `{name}`"));
            found.hint = diag::suggest::hint(name, project.roles.keys().map(String::as_str));
            return Err(found);
        };
        let fragments =
            role.fragments.iter().filter_map(|named| project.fragments.get(named.name.as_str()).zip(Some(named)));
        let (mut makes, mut secrets) = (Vec::new(), BTreeSet::new());
        for (fragment, named) in fragments {
            makes.push(check::role_page::Makes {
                fragment: named.name.value.clone(),
                paths: fragment.written(PATHS),
                units: fragment.written(&[&["systemd", "units", "*", "name"]]),
                users: fragment.written(&[&["passwd", "users", "*", "name"]]),
            });
            let inputs: BTreeSet<&str> = fragment.inputs().iter().map(String::as_str).collect();
            let texts = self.sources.iter().filter(|(_, source)| inputs.contains(source.name()));
            secrets.extend(texts.flat_map(|(_, source)| named_secrets(source.text())));
        }
        Ok(Some(check::role_page::page(name, role, &makes, &secrets)))
    }

    /// Checks what only all nodes together show; `facts` in the order of [`Self::all`]. Where some are missing there is
    /// nothing to be said.
    pub fn conclude(&self, facts: Vec<Facts>, sink: &mut Sink) {
        let Some(project) = self.project.as_ref().filter(|_| facts.len() == self.all.len()) else { return };
        let all: Vec<Baked> = facts.into_iter().map(|facts| facts.0).collect();
        let overview = Overview { cluster: &project.cluster, nodes: &all, sources: &self.sources, lines: project };
        check::cluster(&overview, &project.allowances, sink);
        check::allow::unused(&project.allowances, sink);
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
            // Both backends refuse what they cannot say, so they have their word here as well.
            let facts = self.inspect(name, &mut own).map(|(_, facts)| facts);
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

    /// The way of a connection there and back, hop by hop, in words. `from` and `to` are places as in flows or bare
    /// names; `to` may end in `:PORT` or `:PORT/udp`, and is pinged otherwise. The error says which of them is
    /// unknown; where the project could not be read there is nothing to say.
    pub fn explain_route(&self, from: &str, to: &str) -> Result<String, Diagnostic> {
        let Some(project) = &self.project else { return Ok(String::new()) };
        let topology = topology::Topology::new(&project.cluster);
        let target = topology::explain::Target::read(to);
        let find = |place: &str| {
            let ends = topology.named(place);
            if !ends.is_empty() {
                return Ok(ends);
            }
            let mut found = Diagnostic::new(Code::UnknownName, format!("there is nobody called `{place}`"));
            found.hint = diag::suggest::hint(place, topology.names());
            Err(found)
        };
        let (from, to) = (find(from)?, find(&target.place)?);
        Ok(topology::explain::route(&topology, &self.sources, &from, &to, &target))
    }

    /// Says who holds a VIP (or each of them) after which failures; nothing where the project could not be read.
    ///
    /// # Errors
    /// When no VIP has this name.
    pub fn explain_vip(&self, name: Option<&str>) -> Result<String, Diagnostic> {
        let Some(project) = &self.project else { return Ok(String::new()) };
        let all = self.holders(project);
        let overview = Overview { cluster: &project.cluster, nodes: &all, sources: &self.sources, lines: project };
        check::vrrp::explain(&overview, name)
    }

    /// The same as data: who wants the VIP, and how every single failure and every pair ends. `None` when no VIP has
    /// this name or nobody's Keepalived has it.
    pub fn election(&self, vip: &str) -> Option<(Group, Vec<Finding>)> {
        let project = self.project.as_ref()?;
        let all = self.holders(project);
        let overview = Overview { cluster: &project.cluster, nodes: &all, sources: &self.sources, lines: project };
        check::vrrp::election(&overview, vip)
    }

    /// The machines that may hold a VIP. What is wrong with them is for [`Self::check`] to say.
    fn holders(&self, project: &Project) -> Vec<Baked> {
        let nodes = self.all.iter().filter(|name| project.cluster.node(name).is_some_and(|node| !node.vips.is_empty()));
        nodes.filter_map(|name| self.baked(name)).collect()
    }

    /// The files and units of a node. `None` when there is no such node.
    pub fn baked(&self, node: &str) -> Option<Baked> {
        let project = self.project.as_ref()?;
        let node = project.cluster.node(node)?;
        Some(Baked::new(&node.name, &self.assemble(project, node, &mut Sink::default())?.part))
    }

    /// The cluster in short, for programs that have the output only: `cluster.json`. It needs no node to be compiled, so
    /// that it is there whatever was selected. `None` where the project could not be read.
    pub fn summary(&self) -> Option<Artifact> {
        let project = self.project.as_ref()?;
        let summary = topology::summary::summary(&project.cluster, &|vip| self.election(vip));
        let inputs: BTreeSet<&String> = project.cluster.nodes.iter().flat_map(|node| &node.inputs).collect();
        Some(Artifact {
            path: "cluster.json".to_owned(),
            bytes: emit::summary::text(&summary).into_bytes(),
            secret: false,
            inputs: inputs.into_iter().cloned().collect(),
        })
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

    /// Replaces every secret value in `text` by its name: the last guard before anything is shown.
    pub fn redact(&self, text: &str) -> String {
        self.project.as_ref().map_or_else(|| text.to_owned(), |project| project.secrets.redact(text))
    }
}

/// The secrets that a template names: `secrets.<name>`.
fn named_secrets(text: &str) -> Vec<String> {
    let name = |rest: &str| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        rest[..end].to_owned()
    };
    let names = text.split("{{").skip(1).filter_map(|piece| piece.split("}}").next());
    let names = names.flat_map(|inside| inside.split("secrets.").skip(1)).map(name);
    names.filter(|name| !name.is_empty()).collect()
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

/// What one fragment gives to a node.
#[derive(Debug, Clone)]
struct Contribution {
    part: Part,
    secret: bool,
    secret_lines: SecretLines,
    inputs: Arc<[String]>,
}

/// Everything that a node gets, and what it was made from.
#[derive(Default)]
struct Whole {
    part: Part,
    secret: bool,
    secret_lines: SecretLines,
    inputs: Vec<String>,
}

impl Plan {
    /// The node's fragments and the facts of the model, as one. `None` means that errors were reported.
    fn assemble(&self, project: &Project, node: &Node, sink: &mut Sink) -> Option<Whole> {
        let before = sink.errors();
        let mut inputs: BTreeSet<String> = node.inputs.iter().cloned().collect();
        let mut secret = false;
        let mut secret_lines = SecretLines::default();
        let mut parts = lower::cluster_parts(node, &project.cluster);
        parts.push(lower::service::extensions(node, &project.images.bytes));
        let local = node.extensions.values().filter_map(|extension| extension.local.as_ref());
        inputs.extend(local.filter_map(|name| project.images.paths.get(name.as_str()).cloned()));
        let mut complete = true;
        let mut packer = butane::Packer::new();
        for fragment in &node.fragments {
            let made = match self.constant.get(fragment.as_str()) {
                Some(once) => once.get_or_init(|| contribution(project, node, fragment, &mut packer, sink)).clone(),
                None => contribution(project, node, fragment, &mut packer, sink),
            };
            let Some(made) = made else {
                complete = false;
                continue;
            };
            inputs.extend(made.inputs.iter().cloned());
            secret |= made.secret;
            secret_lines.0.extend(made.secret_lines.0);
            parts.push(made.part);
        }
        let mut part = lower::merge::merge(parts, sink);
        lower::secrets::guard(&mut part, sink);
        let secret = secret || !part.secret_files.is_empty();
        let inputs = inputs.into_iter().collect();
        (complete && sink.errors() == before).then_some(Whole { part, secret, secret_lines, inputs })
    }
}

/// A fragment with its placeholders filled in for a node, compiled.
fn contribution(
    project: &Project,
    node: &Node,
    fragment: &str,
    packer: &mut butane::Packer,
    sink: &mut Sink,
) -> Option<Contribution> {
    let instance = project.instantiate(node, fragment, sink)?;
    let mut part = butane::fragment(&instance.document, &instance.locals, packer, sink)?;
    lower::secrets::mark(&mut part, &instance.secrets, sink);
    let secret = instance.carries_secret();
    Some(Contribution { part, secret, secret_lines: instance.secret_lines, inputs: instance.inputs })
}

/// The files on the machine that carry secrets, with the numbers of the lines that do; without any, all of them.
fn secrets(whole: &Whole, baked: &Baked) -> BTreeMap<String, Vec<usize>> {
    let carries = |line: &str| whole.secret_lines.0.iter().any(|secret| line.contains(secret.as_str()));
    let lines = |path: &String| {
        let text = baked.files.get(path).map_or("", |file| &file.text);
        (1..).zip(text.lines()).filter(|(_, line)| carries(line)).map(|(number, _)| number).collect()
    };
    whole.part.secret_files.iter().map(|path| (path.clone(), lines(path))).collect()
}

/// Flatcar: one Ignition config.
fn flatcar(node: &Node, mut whole: Whole, sink: &mut Sink) -> NodeOutput {
    lower::version::pin(&mut whole.part, target(node.ignition), sink);
    let config = emit::json::ignition(&whole.part.config, true) + "\n";
    output(node, &whole, vec![("config.ign", config, whole.secret)])
}

fn target(version: IgnitionVersion) -> spec::Target {
    match version {
        IgnitionVersion::V3_3_0 => spec::Target(3),
        IgnitionVersion::V3_4_0 => spec::Target(4),
    }
}

/// EL 9: the three documents of a NoCloud seed.
fn enterprise(cluster: &Cluster, node: &Node, whole: &Whole, sink: &mut Sink) -> NodeOutput {
    let network = NetworkFiles {
        config: lower::network_config::lower(node, cluster),
        keyfiles: lower::networkmanager::lower(node, cluster),
    };
    let documents = lower::cloud_init::lower(&whole.part, node, cluster, network, sink);
    let user_data = emit::cloud_config::user_data(&documents.user_data);
    let network_config = emit::cloud_config::network_config(&documents.network_config);
    let secret = whole.secret || documents.secret;
    let mut node_output =
        output(node, whole, vec![("network-config", network_config, false), ("user-data", user_data, secret)]);
    let instance_id = node_output.instance_id.clone();
    let meta_data = emit::cloud_config::meta_data(&MetaData { instance_id, local_hostname: documents.local_hostname });
    let inputs = whole.inputs.clone();
    let meta_data = Artifact { path: "meta-data".to_owned(), bytes: meta_data.into_bytes(), secret: false, inputs };
    node_output.artifacts.insert(0, meta_data);
    node_output.artifacts.push(seed(&node_output.artifacts));
    node_output.artifacts.sort_by(|a, b| a.path.cmp(&b.path));
    node_output
}

/// The same documents as a CD-ROM image, as secret as the most secret of them.
fn seed(documents: &[Artifact]) -> Artifact {
    let files: Vec<(&str, &[u8])> = documents.iter().map(|file| (file.path.as_str(), file.bytes.as_slice())).collect();
    Artifact {
        path: "seed.iso".to_owned(),
        bytes: emit::iso::seed(&files),
        secret: documents.iter().any(|file| file.secret),
        inputs: documents.iter().flat_map(|file| &file.inputs).cloned().collect::<BTreeSet<_>>().into_iter().collect(),
    }
}

/// The files, with the id that follows from their contents.
fn output(node: &Node, whole: &Whole, files: Vec<(&str, String, bool)>) -> NodeOutput {
    let artifacts: Vec<Artifact> = files
        .into_iter()
        .map(|(path, text, secret)| Artifact {
            path: path.to_owned(),
            bytes: text.into_bytes(),
            secret,
            inputs: whole.inputs.clone(),
        })
        .collect();
    let contents = artifacts.iter().map(|artifact| (artifact.path.as_str(), artifact.bytes.as_slice()));
    let instance_id = emit::manifest::instance_id(&node.name, contents);
    NodeOutput { name: node.name.clone(), os: node.os.as_str(), instance_id, artifacts, secrets: BTreeMap::new() }
}

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
