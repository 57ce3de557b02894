//! What a project says of itself: machines and roles in words, the ways of packets, who holds which address when.

use crate::check::{self, Baked, Overview, View};
use crate::compile::Whole;
use crate::diag::{self, Code, Diagnostic, Sink};
use crate::load::project::Project;
use crate::model::artifact::Artifact;
use crate::topology::vrrp::{Finding, Group};
use crate::{Plan, butane, emit, topology};
use std::collections::BTreeSet;

impl Plan {
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
        let whole = if node.build {
            self.assemble(project, node, &mut butane::Packer::hasty(), sink)?
        } else {
            Whole::default()
        };
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
