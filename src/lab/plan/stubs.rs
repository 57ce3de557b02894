//! Who answers: in place of K3s, Traefik, PostgreSQL and the others, a stub on every port that somebody connects to.

use super::super::service::Daemon;
use super::super::tree::Tree;
use super::{HOST, INTERNET, client, pod};
use crate::model::profile::cluster::Protocol;
use crate::model::summary::{End, Kind, Summary, Surrounding};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Port on which pods, and everybody that is pinged, also say who they see.
pub const ECHO: u16 = 7;

/// What a stub listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Port {
    /// Whether it is UDP, or else TCP.
    pub udp: bool,
    /// The number.
    pub number: u16,
}

/// Somebody that answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stub {
    /// Namespace.
    pub space: String,
    /// What it calls itself.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// What it listens on.
    pub port: Port,
}

/// The namespace that an end of a flow is in. An address that is neither a node's nor any machine's on a network may be
/// that of a network's router; otherwise it is somewhere on the Internet.
pub fn space_of(summary: &Summary, end: &End) -> String {
    match (&end.node, &end.network) {
        (Some(node), _) if end.pod => pod(node),
        (Some(node), _) => node.clone(),
        (None, Some(network)) => client(network),
        (None, None) => {
            let own = |one: &&Surrounding| one.interfaces.iter().any(|card| card.address.addr() == end.address);
            summary.surroundings.iter().find(own).map_or(INTERNET.to_owned(), around)
        }
    }
}

/// The namespace of somebody around the cluster.
pub(super) fn around(one: &Surrounding) -> String {
    let first = one.interfaces.first().map_or("", |card| card.network.as_str());
    match one.kind {
        Kind::Host => HOST.to_owned(),
        Kind::Gateway => format!("gateway:{first}"),
        Kind::Member => client(first),
    }
}

/// A stub behind every port of a VIP, and at the end of every flow. What HAProxy listens on itself is left to it.
pub(super) fn stubs(summary: &Summary, trees: &BTreeMap<String, Tree>) -> Vec<Stub> {
    let mut found = BTreeSet::new();
    let address = |name: &str| {
        let node = summary.nodes.iter().find(|node| node.name == name)?;
        node.interfaces.first().map(|card| card.address.addr())
    };
    for port in summary.vips.iter().flat_map(|vip| &vip.ports) {
        for name in &port.backends {
            let Some(address) = address(name) else { continue };
            let (space, name) = (name.clone(), name.clone());
            found.insert(Stub { space, name, address, port: Port { udp: false, number: port.backend_port } });
        }
    }
    for flow in &summary.flows {
        let number = match (flow.protocol, flow.port) {
            (Protocol::Tcp | Protocol::Udp, Some(number)) => number,
            (Protocol::Icmp, _) => ECHO,
            _ => continue,
        };
        let port = Port { udp: flow.protocol == Protocol::Udp, number };
        for end in flow.receivers.iter().filter(|end| end.vip.is_none()) {
            let space = space_of(summary, end);
            if end.pod || !balances(trees.get(&space), number) {
                found.insert(Stub { name: space.clone(), space, address: end.address, port });
            }
        }
    }
    found.into_iter().collect()
}

/// Whether a machine's HAProxy may listen on a port.
fn balances(tree: Option<&Tree>, port: u16) -> bool {
    let config = tree.filter(|tree| tree.service(Daemon::Haproxy).is_some());
    let config = config.and_then(|tree| tree.files.get("/etc/haproxy/haproxy.cfg"));
    config.is_some_and(|file| String::from_utf8_lossy(&file.bytes).contains(&format!(":{port}\n")))
}
