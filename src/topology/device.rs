//! Everything that forwards or ends packets: the nodes, and what the model implies around them.

use super::filter;
use super::forward::{Entry, Origin, Table, Via};
use super::segment::Segment;
use crate::diag::Span;
use crate::model::Spanned;
use crate::model::cluster::{Cluster, Node};
use crate::model::profile::cluster::NetworkMode;
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// What a device is.
#[derive(Debug, Clone, Copy)]
pub enum Kind<'a> {
    /// A node of the cluster.
    Node(&'a Node),
    /// The libvirt host, where no node is it.
    Host,
    /// A router that is no node: a network names its address as gateway.
    Gateway(usize),
    /// Any machine on a network that is no node.
    Member(usize),
    /// Everything beyond.
    Internet,
}

/// A card, with what its kernel does to packets that come in.
#[derive(Debug, Clone)]
pub struct Port<'a> {
    /// Name of the interface.
    pub name: &'a str,
    /// Position of the segment.
    pub segment: usize,
    /// Address.
    pub address: Ipv4Addr,
    /// Where the address is written.
    pub span: Option<Span>,
    /// Mode of the check of the reverse path: 0 none, 1 strict, 2 loose.
    pub reverse_path: u8,
    /// Where that is written, if anywhere.
    pub reverse_path_span: Option<Span>,
    /// Whether it answers ARP requests for others.
    pub proxy_arp: bool,
}

/// A node's share of the pods.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// Its addresses.
    pub net: Ipv4Net,
    /// Where it is written; `None` for one that is only assumed, because every K3s node gets one.
    pub span: Option<Span>,
}

/// A device.
#[derive(Debug, Clone)]
pub struct Device<'a> {
    /// What it is.
    pub kind: Kind<'a>,
    /// Its cards.
    pub ports: Vec<Port<'a>>,
    /// Its routes.
    pub table: Table,
    /// Whether it forwards packets.
    pub forwards: bool,
    /// Its pods.
    pub share: Option<Share>,
}

impl<'a> Device<'a> {
    /// The node that it is.
    pub fn node(&self) -> Option<&'a Node> {
        match self.kind {
            Kind::Node(node) => Some(node),
            _ => None,
        }
    }
}

/// The shares of the pods by node, as declared, then assumed for the other K3s nodes in the order of their names.
fn shares(cluster: &Cluster) -> BTreeMap<&str, Share> {
    let mut found: BTreeMap<&str, Share> = BTreeMap::new();
    let Some(pods) = &cluster.profile.pods else { return found };
    for (name, share) in &pods.nodes {
        found.insert(name, Share { net: share.value, span: Some(share.span) });
    }
    let taken: Vec<Ipv4Net> = {
        let mut taken: Vec<Ipv4Net> = found.values().map(|share| share.net).collect();
        taken.sort_unstable();
        taken
    };
    let overlaps = |net: &Ipv4Net| {
        let at = taken.partition_point(|other| other.network() <= net.network());
        let before = at.checked_sub(1).map(|at| &taken[at]);
        before.into_iter().chain(taken.get(at)).any(|other| other.contains(net) || net.contains(other))
    };
    let mut free = pods.cidr.subnets(pods.node_prefix).into_iter().flatten().filter(|net| !overlaps(net));
    for node in &cluster.nodes {
        let gate = pods.via.as_ref().is_some_and(|via| via.value == node.name);
        if (gate || filter::runs_flannel(node)) && !found.contains_key(node.name.as_str()) {
            let Some(net) = free.next() else { break };
            found.insert(&node.name, Share { net, span: None });
        }
    }
    found
}

/// All devices: the nodes in their order, then the implied ones. Sets the hosts of the segments.
pub(super) fn devices<'a>(cluster: &'a Cluster, segments: &mut [Segment<'a>]) -> Vec<Device<'a>> {
    let positions: BTreeMap<&str, usize> = segments.iter().enumerate().map(|(at, one)| (one.name, at)).collect();
    let shares = shares(cluster);
    let mut devices: Vec<Device<'a>> = Vec::with_capacity(cluster.nodes.len() + segments.len() * 2 + 2);
    for node in &cluster.nodes {
        let ports = node.interfaces.iter().filter_map(|card| {
            let (reverse_path, reverse_path_span) = filter::reverse_path(node, &card.name);
            Some(Port {
                name: card.name.as_str(),
                segment: *positions.get(card.network.as_str())?,
                address: card.address.value,
                span: Some(card.address.span),
                reverse_path,
                reverse_path_span,
                proxy_arp: filter::proxy_arp(node, &card.name),
            })
        });
        let ports: Vec<Port<'a>> = ports.collect();
        for port in &ports {
            let segment = &mut segments[port.segment];
            let host = port.name == segment.bridge
                || (node.router && segment.gateway.is_some_and(|own| own.value == port.address));
            if host && segment.host.is_none() {
                segment.host = Some(devices.len());
            }
        }
        let share = shares.get(node.name.as_str()).copied();
        let table = Table::default();
        devices.push(Device { kind: Kind::Node(node), ports, table, forwards: filter::forwards(node), share });
    }
    for at in 0..cluster.nodes.len() {
        devices[at].table = table(cluster, segments, &devices, at, &shares);
    }
    outside(segments, &mut devices);
    devices
}

fn connected(ports: &[Port<'_>], segments: &[Segment<'_>]) -> Vec<Entry> {
    let entry = |(at, port): (usize, &Port<'_>)| Entry {
        to: segments[port.segment].cidr,
        via: Via::Link,
        port: at,
        on_link: false,
        origin: Origin::Connected,
        span: port.span,
    };
    ports.iter().enumerate().map(entry).collect()
}

/// The routes of a node: its networks, what profiles ask for, and for a router that bake does not build the way to
/// the pods behind its neighbours, which it must know to be of use.
fn table(
    cluster: &Cluster,
    segments: &[Segment<'_>],
    devices: &[Device<'_>],
    at: usize,
    shares: &BTreeMap<&str, Share>,
) -> Table {
    let device = &devices[at];
    let Some(node) = device.node() else { return Table::default() };
    let mut entries = connected(&device.ports, segments);
    for route in &node.routes {
        let Some(port) = device.ports.iter().position(|port| port.name == route.interface) else { continue };
        let (via, origin) = (Via::Hop(route.gateway), Origin::Declared);
        entries.push(Entry {
            to: route.destination,
            via,
            port,
            on_link: route.on_link,
            origin,
            span: Some(route.span),
        });
    }
    if let Some(pods) = &cluster.profile.pods
        && node.router
        && !node.build
    {
        let neighbour = |name: &str| {
            let other = &devices[cluster.nodes.binary_search_by(|node| node.name.as_str().cmp(name)).ok()?];
            device.ports.iter().enumerate().find_map(|(port, own)| {
                let there = other.ports.iter().find(|there| there.segment == own.segment)?;
                Some((port, there.address))
            })
        };
        let declared = shares.iter().filter_map(|(name, share)| Some((*name, share.net, share.span?)));
        let gate = pods.via.as_ref().map(|via| (via.as_str(), pods.cidr.value, via.span));
        for (name, to, span) in declared.chain(gate).filter(|(name, ..)| *name != node.name) {
            let Some((port, address)) = neighbour(name) else { continue };
            let (via, origin) = (Via::Hop(address), Origin::Implied);
            entries.push(Entry { to, via, port, on_link: false, origin, span: Some(span) });
        }
    }
    Table::new(entries)
}

/// The devices that the networks imply: who has the gateways' addresses where no node does, one machine per network
/// that stands for all that are no nodes, and the Internet, which comes last.
fn outside<'a>(segments: &mut [Segment<'a>], devices: &mut Vec<Device<'a>>) {
    let owned =
        |gateway: Ipv4Addr| devices.iter().any(|device| device.ports.iter().any(|port| port.address == gateway));
    let orphans: Vec<(usize, Spanned<Ipv4Addr>)> = segments
        .iter()
        .enumerate()
        .filter_map(|(at, segment)| Some((at, segment.gateway?)))
        .filter(|(_, gateway)| !owned(gateway.value))
        .collect();
    let managed = |at: &usize| !matches!(segments[*at].mode.value, NetworkMode::Bridge | NetworkMode::Tunnel);
    let port = |at: usize, gateway: Spanned<Ipv4Addr>, segments: &[Segment<'a>]| Port {
        name: segments[at].bridge,
        segment: at,
        address: gateway.value,
        span: Some(gateway.span),
        reverse_path: 0,
        reverse_path_span: None,
        proxy_arp: false,
    };
    let mut made = Vec::new();
    let bridges: Vec<_> = orphans.iter().copied().filter(|(at, _)| managed(at)).collect();
    if !bridges.is_empty() {
        let ports: Vec<Port<'a>> = bridges.iter().map(|(at, gateway)| port(*at, *gateway, segments)).collect();
        made.push((Kind::Host, ports));
    }
    for (at, gateway) in orphans.iter().filter(|(at, _)| !managed(at)) {
        made.push((Kind::Gateway(*at), vec![port(*at, *gateway, segments)]));
    }
    for (kind, ports) in made {
        if matches!(kind, Kind::Host) {
            for port in &ports {
                segments[port.segment].host.get_or_insert(devices.len());
            }
        }
        let mut entries = connected(&ports, segments);
        let to = Ipv4Net::default();
        entries.push(Entry { to, via: Via::Internet, port: 0, on_link: false, origin: Origin::Implied, span: None });
        devices.push(Device { kind, ports, table: Table::new(entries), forwards: true, share: None });
    }
    for (at, segment) in segments.iter().enumerate() {
        let member = member(at, segment, segments, devices);
        devices.push(member);
    }
    let internet =
        Device { kind: Kind::Internet, ports: Vec::new(), table: Table::default(), forwards: false, share: None };
    devices.push(internet);
}

/// A machine that stands for all those on a network that are no nodes. Its default route leads to the network's
/// gateway, or through a tunnel to the node that it ends in.
fn member<'a>(at: usize, segment: &Segment<'a>, segments: &[Segment<'a>], devices: &[Device<'a>]) -> Device<'a> {
    let attached =
        || devices.iter().filter_map(|device| Some((device, device.ports.iter().find(|port| port.segment == at)?)));
    let end = || attached().find(|(device, _)| device.forwards).map(|(_, port)| port.address);
    let gateway = segment
        .gateway
        .map(|gateway| gateway.value)
        .or_else(|| if segment.mode.value == NetworkMode::Tunnel { end() } else { None });
    let mut taken: Vec<Ipv4Addr> = attached().map(|(_, port)| port.address).collect();
    taken.extend(gateway);
    taken.sort_unstable();
    // The highest address that nobody has.
    let (first, last) = (u32::from(segment.cidr.network()), u32::from(segment.cidr.broadcast()));
    let free = (first..=last).rev().skip(usize::from(last - first > 1)).map(Ipv4Addr::from);
    let address = free.clone().find(|one| taken.binary_search(one).is_err()).unwrap_or(segment.cidr.network());
    let ports = vec![Port {
        name: "its card",
        segment: at,
        address,
        span: None,
        reverse_path: 0,
        reverse_path_span: None,
        proxy_arp: false,
    }];
    let mut entries = connected(&ports, segments);
    entries.extend(gateway.map(|gateway| Entry {
        to: Ipv4Net::default(),
        via: Via::Hop(gateway),
        port: 0,
        on_link: false,
        origin: Origin::Implied,
        span: segment.gateway.map(|gateway| gateway.span),
    }));
    Device { kind: Kind::Member(at), ports, table: Table::new(entries), forwards: false, share: None }
}
