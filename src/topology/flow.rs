//! Traffic that must work or must not: what profiles declare (`flows`), and what the model implies.

use super::filter::{covers, runs_flannel};
use super::{End, Packet, Topology};
use crate::diag::Span;
use crate::model::cluster::Node;
use crate::model::profile::cluster::{FlowVerdict, NatPolicy, Protocol};
use crate::model::summary::Origin;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Port of the Kubernetes API on K3s servers, where agents and further servers join.
const API: u16 = 6443;
/// UDP ports of names and time.
const DNS: u16 = 53;
const NTP: u16 = 123;

/// Traffic between everybody at one place and everybody at another.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted<'a> {
    /// Where it comes from.
    pub origin: Origin,
    /// Where that is written.
    pub span: Span,
    /// Both places as `flows` write them.
    pub places: (String, String),
    /// Who opens the connection.
    pub from: Vec<End>,
    /// To whom.
    pub to: Vec<End>,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Destination port.
    pub port: Option<u16>,
    /// Whether it must work.
    pub must: FlowVerdict,
    /// Whether addresses may be rewritten.
    pub nat: NatPolicy,
    /// Why.
    pub reason: Option<&'a str>,
}

impl Wanted<'_> {
    /// Every connection that it is about, with the positions of sender and receiver: nobody connects to itself.
    pub fn packets(&self) -> impl Iterator<Item = (usize, usize, Packet)> {
        self.from.iter().enumerate().flat_map(move |(sender, from)| {
            let others = self.to.iter().enumerate().filter(|(_, to)| to.device != from.device || to.what != from.what);
            others.map(move |(receiver, to)| {
                let packet = Packet { from: *from, to: *to, protocol: self.protocol, port: self.port };
                (sender, receiver, packet)
            })
        })
    }
}

impl Topology<'_> {
    /// Everything that is declared, in the order in which it is written.
    pub fn declared(&self) -> impl Iterator<Item = Wanted<'_>> {
        self.cluster.profile.flows.iter().map(|flow| Wanted {
            origin: Origin::Declared,
            span: flow.span,
            places: (flow.from.value.clone(), flow.to.value.clone()),
            from: self.ends(&flow.from),
            to: self.ends(&flow.to),
            protocol: flow.protocol,
            port: flow.port.map(|port| port.value),
            must: flow.must,
            nat: flow.nat,
            reason: flow.reason.as_deref(),
        })
    }

    /// Everything that follows from the model: balancers reach what is behind them, nodes their name and time servers,
    /// K3s nodes the K3s servers.
    pub fn implied(&self) -> Vec<Wanted<'_>> {
        let mut all = self.backends();
        all.extend(self.servers());
        all.extend(self.join());
        all
    }

    fn machines<'n>(&self, names: impl IntoIterator<Item = &'n String>) -> Vec<End> {
        names.into_iter().filter_map(|name| self.node(name)).map(|at| self.machine(at)).collect()
    }

    /// Balancers reach what is behind them.
    fn backends(&self) -> Vec<Wanted<'_>> {
        let mut all = Vec::new();
        for vip in &self.cluster.vips {
            for port in &vip.ports {
                let places = (format!("vip:{}", vip.name), format!("role:{}", port.role));
                all.push(Wanted {
                    from: self.machines(&vip.candidates),
                    to: self.machines(&port.backends),
                    ..must(Origin::Backend, port.name.span, places, Protocol::Tcp, port.backend_port)
                });
            }
        }
        all
    }

    /// Nodes reach the name and time servers that are nodes themselves.
    fn servers(&self) -> Vec<Wanted<'_>> {
        let cluster = self.cluster;
        let time = cluster.profile.ntp_servers.iter().filter_map(|server| {
            let named = |other: &&Node| other.fqdn == server.value || other.hostname == server.value;
            let address = server.parse::<Ipv4Addr>().ok();
            let address = address.or_else(|| cluster.nodes.iter().find(named).and_then(Node::address))?;
            Some((server.span, NTP, address))
        });
        let time: Vec<_> = time.collect();
        let mut clients: BTreeMap<(Span, u16, Ipv4Addr), Vec<End>> = BTreeMap::new();
        for (at, node) in cluster.nodes.iter().enumerate().filter(|(_, node)| node.build) {
            let names = node.dns_servers.iter().map(|server| (server.span, DNS, server.value));
            for server in names.chain(time.iter().copied()) {
                clients.entry(server).or_default().push(self.machine(at));
            }
        }
        let wanted = clients.into_iter().filter_map(|((span, port, address), from)| {
            let (to, _) = self.owner(address)?;
            let place = match self.devices[to].node() {
                Some(node) => format!("node:{}", node.name),
                None => address.to_string(),
            };
            Some(Wanted {
                from: from.into_iter().filter(|end| end.device != to).collect(),
                to: vec![End { address: Some(address), ..self.machine(to) }],
                ..must(Origin::Server, span, ("nodes".to_owned(), place), Protocol::Udp, port)
            })
        });
        wanted.filter(|wanted| !wanted.from.is_empty()).collect()
    }

    /// Every K3s node reaches every K3s server: it joins at one and learns the others. K3s nodes are those that take
    /// part in Flannel's network; servers are those of them that offer the API.
    fn join(&self) -> Vec<Wanted<'_>> {
        let nodes = self.cluster.nodes.iter().enumerate();
        let members: Vec<(usize, &Node)> = nodes.filter(|(_, node)| runs_flannel(node)).collect();
        let api = |node: &Node| {
            node.listens.iter().find(|listen| covers(listen, Protocol::Tcp, Some(API))).map(|listen| listen.name.span)
        };
        let servers = members.iter().filter_map(|(at, node)| Some((*at, *node, api(node)?)));
        let wanted = servers.map(|(to, node, span)| Wanted {
            from: members.iter().filter(|(from, _)| *from != to).map(|(from, _)| self.machine(*from)).collect(),
            to: vec![self.machine(to)],
            ..must(Origin::Join, span, ("K3s nodes".to_owned(), format!("node:{}", node.name)), Protocol::Tcp, API)
        });
        wanted.filter(|wanted| !wanted.from.is_empty()).collect()
    }
}

/// Traffic that must work, between nobody yet.
fn must<'a>(origin: Origin, span: Span, places: (String, String), protocol: Protocol, port: u16) -> Wanted<'a> {
    Wanted {
        origin,
        span,
        places,
        from: Vec::new(),
        to: Vec::new(),
        protocol,
        port: Some(port),
        must: FlowVerdict::Work,
        nat: NatPolicy::Allowed,
        reason: None,
    }
}
