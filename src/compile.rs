//! One machine: its fragments and the facts of the model put together, lowered for its operating system, and written.

use crate::check::Baked;
use crate::diag::Sink;
use crate::load::project::{Project, SecretLines};
use crate::model::Part;
use crate::model::artifact::{Artifact, NodeOutput};
use crate::model::cloud::{CloudInit, MetaData, NetworkFiles};
use crate::model::cluster::{Cluster, Node};
use crate::model::profile::cluster::IgnitionVersion;
use crate::model::profile::node::Os;
use crate::{Plan, butane, emit, lower, spec};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What one fragment gives to a node.
#[derive(Debug, Clone)]
pub(crate) struct Contribution {
    part: Part,
    secret: bool,
    secret_lines: SecretLines,
    inputs: Arc<[String]>,
}

/// Everything that a node gets, and what it was made from.
#[derive(Default)]
pub(crate) struct Whole {
    /// Everything, merged.
    pub(crate) part: Part,
    secret: bool,
    secret_lines: SecretLines,
    inputs: Vec<String>,
}

impl Plan {
    /// The node's fragments and the facts of the model, as one. `None` means that errors were reported.
    pub(crate) fn assemble(
        &self,
        project: &Project,
        node: &Node,
        packer: &mut butane::Packer,
        sink: &mut Sink,
    ) -> Option<Whole> {
        let before = sink.errors();
        let mut inputs: BTreeSet<String> = node.inputs.iter().cloned().collect();
        let mut secret = false;
        let mut secret_lines = SecretLines::default();
        let mut parts = lower::cluster_parts(node, &project.cluster);
        parts.push(lower::service::extensions(node, &project.images.bytes));
        let local = node.extensions.values().filter_map(|extension| extension.local.as_ref());
        inputs.extend(local.filter_map(|name| project.images.paths.get(name.as_str()).cloned()));
        let mut complete = true;
        for fragment in &node.fragments {
            let made = match self.constant.get(fragment.as_str()) {
                Some(once) => once[usize::from(packer.is_hasty())]
                    .get_or_init(|| contribution(project, node, fragment, packer, sink))
                    .clone(),
                None => contribution(project, node, fragment, packer, sink),
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
pub(crate) fn secrets(whole: &Whole, baked: &Baked) -> BTreeMap<String, Vec<usize>> {
    let carries = |line: &str| whole.secret_lines.0.iter().any(|secret| line.contains(secret.as_str()));
    let lines = |path: &String| {
        let text = baked.files.get(path).map_or("", |file| &file.text);
        (1..).zip(text.lines()).filter(|(_, line)| carries(line)).map(|(number, _)| number).collect()
    };
    whole.part.secret_files.iter().map(|path| (path.clone(), lines(path))).collect()
}

/// The artefacts of a machine's operating system.
pub(crate) fn artifacts(cluster: &Cluster, node: &Node, whole: Whole, sink: &mut Sink) -> NodeOutput {
    match node.os {
        Os::Flatcar => flatcar(node, whole, sink),
        Os::Almalinux | Os::Rocky => enterprise(cluster, node, &whole, sink),
    }
}

/// Lowers a machine without writing it: both backends refuse what they cannot say.
pub(crate) fn refuse(cluster: &Cluster, node: &Node, mut whole: Whole, sink: &mut Sink) {
    match node.os {
        Os::Flatcar => lower::version::pin(&mut whole.part, target(node.ignition), sink),
        Os::Almalinux | Os::Rocky => _ = documents(cluster, node, &whole, sink),
    }
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

/// What cloud-init gets.
fn documents(cluster: &Cluster, node: &Node, whole: &Whole, sink: &mut Sink) -> CloudInit {
    let network = NetworkFiles {
        config: lower::network_config::lower(node, cluster),
        keyfiles: lower::networkmanager::lower(node, cluster),
    };
    lower::cloud_init::lower(&whole.part, node, cluster, network, sink)
}

/// EL 9: the three documents of a NoCloud seed.
fn enterprise(cluster: &Cluster, node: &Node, whole: &Whole, sink: &mut Sink) -> NodeOutput {
    let documents = documents(cluster, node, whole, sink);
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
