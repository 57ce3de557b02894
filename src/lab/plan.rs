//! What to build: the pure half of the lab. From the summary and the machines' trees to namespaces, cables, addresses,
//! rules, stubs and clients.

mod network;
mod pods;
mod stubs;

use super::service::Daemon;
use super::tree::Tree;
use crate::diff::rollout::Rollout;
use crate::model::summary::Summary;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub use stubs::{ECHO, Port, Stub, space_of};

/// Everything that is built.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The cluster, and what is foretold of it.
    pub summary: Summary,
    /// SHA-256 of the manifest, in hexadecimal digits.
    pub dist: String,
    /// What was baked, by node.
    pub trees: BTreeMap<String, Tree>,
    /// In which order all machines would be replaced.
    pub rollout: Rollout,
    /// Network namespaces, by name.
    pub spaces: BTreeMap<String, Space>,
    /// Cables between them.
    pub cables: Vec<Cable>,
    /// Who answers.
    pub stubs: Vec<Stub>,
}

/// A network namespace: one machine's network.
#[derive(Debug, Clone, Default)]
pub struct Space {
    /// Commands of ip(8) in it, one a line, once its cables are there.
    pub ip: String,
    /// Commands of bridge(8) in it.
    pub bridge: String,
    /// Kernel settings, in order.
    pub sysctls: Vec<(String, String)>,
    /// Rules of nft(8).
    pub rules: String,
}

/// A cable from a card to a port of a bridge, or to another card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cable {
    /// Namespace of the card.
    pub space: String,
    /// Name of the card there.
    pub card: String,
    /// Its Ethernet address.
    pub mac: Option<String>,
    /// Namespace of the other end.
    pub far: String,
    /// Name of the other end there.
    pub port: String,
    /// The bridge that the other end is plugged into.
    pub bridge: Option<String>,
}

impl Plan {
    /// The plan for what was baked.
    pub fn new(summary: Summary, dist: String, trees: BTreeMap<String, Tree>, rollout: Rollout) -> Self {
        let (spaces, cables, stubs) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut plan = Self { summary, dist, trees, rollout, spaces, cables, stubs };
        network::lay(&mut plan);
        pods::lay(&mut plan);
        plan.stubs = stubs::stubs(&plan.summary, &plan.trees);
        plan
    }

    fn space(&mut self, name: &str) -> &mut Space {
        self.spaces.entry(name.to_owned()).or_default()
    }

    /// Nodes that run a daemon.
    pub fn running(&self, daemon: Daemon) -> impl Iterator<Item = &str> {
        self.trees.iter().filter(move |(_, tree)| tree.service(daemon).is_some()).map(|(name, _)| name.as_str())
    }

    /// The cable of a node's card.
    pub fn cable(&self, space: &str, card: &str) -> Option<&Cable> {
        self.cables.iter().find(|cable| cable.space == space && cable.card == card)
    }

    /// Cables of a node, which are cut when it dies.
    pub fn cables_of<'a>(&'a self, space: &'a str) -> impl Iterator<Item = &'a Cable> {
        self.cables.iter().filter(move |cable| cable.space == space)
    }
}

/// Namespace of any machine on a network that is no node.
pub fn client(network: &str) -> String {
    format!("client:{network}")
}

/// Namespace of a node's pod.
pub fn pod(node: &str) -> String {
    format!("pod:{node}")
}

/// Namespace of a libvirt host that is no node.
const HOST: &str = "host:";

/// Namespace of the Internet.
pub const INTERNET: &str = "internet:";

/// The address on its network after which `number` others come.
fn nth(net: ipnet::Ipv4Net, number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(net.network()) + number)
}
