//! Profiles to the cluster model: names looked up, roles composed, next hops found.
//!
//! Every rule reports and goes on. A profile that could not be read still counts as one that exists, so that
//! one mistake does not look like many.

mod cluster;
mod machine;
mod name;
mod node;
mod role;
mod route;
mod runtime;
mod uplink;
mod vip;

pub(super) use name::is_label;

use crate::diag::{Code, Diagnostic, Sink, Span};
use crate::model::cluster::{Cluster, Node};
use crate::model::profile::{ClusterProfile, NodeProfile, RoleProfile};
use std::collections::{BTreeMap, BTreeSet};

/// A profile with where it came from.
#[derive(Debug, Clone)]
pub struct Profile<T> {
    /// Path relative to the project.
    pub path: String,
    /// The file as a whole.
    pub span: Span,
    /// What it says; `None` if it could not be read, which was reported.
    pub content: Option<T>,
}

/// All profiles of a project.
#[derive(Debug, Clone)]
pub struct Profiles {
    /// `cluster.yaml`.
    pub cluster: ClusterProfile,
    /// Path of `cluster.yaml` relative to the project.
    pub path: String,
    /// Roles by name: all of the project's, and those of its library that its nodes have.
    pub roles: BTreeMap<String, Profile<RoleProfile>>,
    /// Names of the library's other roles. What they say does not matter here, but that there are such does.
    pub idle_roles: BTreeSet<String>,
    /// Nodes by name.
    pub nodes: BTreeMap<String, Profile<NodeProfile>>,
    /// Names of the fragments below `butane/`.
    pub fragments: BTreeSet<String>,
}

impl Profiles {
    /// Names of all roles.
    fn role_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.roles.keys().chain(&self.idle_roles).map(String::as_str)
    }

    /// Whether there is a role of this name.
    fn has_role(&self, name: &str) -> bool {
        self.roles.contains_key(name) || self.idle_roles.contains(name)
    }

    /// Whether every profile could be read: only then is the absence of something known.
    fn complete(&self) -> bool {
        self.nodes.values().all(|node| node.content.is_some()) && self.roles.values().all(|role| role.content.is_some())
    }
}

/// Nodes by role, as positions in the list of nodes.
pub(super) type Members<'a> = BTreeMap<&'a str, Vec<usize>>;

/// Resolves profiles against each other. What could not be resolved was reported and is left out.
pub fn resolve(profiles: Profiles, sink: &mut Sink) -> Cluster {
    let before = sink.errors();
    cluster::check(&profiles, sink);
    let mut nodes: Vec<Node> = Vec::new();
    for (name, profile) in &profiles.nodes {
        if let Some(content) = &profile.content {
            nodes.push(node::resolve(&profiles, name, profile, content, sink));
        }
    }
    let complete = profiles.complete() && sink.errors() == before;
    node::unique(&profiles, &nodes, sink);
    let members = members(&profiles, &nodes);
    let roles: BTreeMap<&str, role::Compiled<'_>> = profiles
        .roles
        .iter()
        .filter_map(|(name, role)| {
            Some((name.as_str(), role::compile(&profiles, role.content.as_ref()?, &nodes, &members, sink)))
        })
        .collect();
    let vips = vip::resolve(&profiles, &nodes, &members, sink);
    let routes = route::Table::new(&profiles, &nodes, complete);
    let mut derived = Vec::with_capacity(nodes.len());
    for node in &nodes {
        let mut node = node.clone();
        role::compose(&profiles, &roles, &mut node, sink);
        node.routes = routes.of(&node, &roles, sink);
        vip::join(&profiles, &vips, &mut node);
        node.uplink = uplink::resolve(&profiles, &nodes, &vips, &node, sink);
        derived.push(node);
    }
    Cluster { profile: profiles.cluster, nodes: derived, vips }
}

fn members<'a>(profiles: &'a Profiles, nodes: &[Node]) -> Members<'a> {
    let mut members: Members<'a> = profiles.roles.keys().map(|name| (name.as_str(), Vec::new())).collect();
    for (at, node) in nodes.iter().enumerate() {
        let own: BTreeSet<&str> = node.roles.iter().map(|role| role.as_str()).collect();
        for role in own {
            if let Some(list) = members.get_mut(role) {
                list.push(at);
            }
        }
    }
    members
}

/// A finding about a value that means nothing.
fn bad(message: impl Into<String>, span: Span) -> Diagnostic {
    Diagnostic::new(Code::BadValue, message).at(span)
}
