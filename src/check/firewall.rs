//! Whether everybody who must get in is let in. Machines that bake does not build have rules that it does not know.

use super::{Overview, Survey, k3s};
use crate::diag::{Code, Diagnostic, Sink, Span};
use crate::model::cluster::{Cluster, Node};
use crate::model::profile::cluster::Protocol;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Whether `node` lets `from` in.
pub(super) fn open(node: &Node, protocol: Protocol, port: Option<u16>, from: Ipv4Addr) -> bool {
    admits(node, protocol, port, Ipv4Net::from(from))
}

/// Whether `node` lets everybody on `from` in.
fn admits(node: &Node, protocol: Protocol, port: Option<u16>, from: Ipv4Net) -> bool {
    !node.build
        || node.listens.iter().any(|listen| {
            let fits = match (port, listen.ports) {
                (Some(port), Some((first, last))) => (first..=last).contains(&port),
                (_, None) => true,
                (None, Some(_)) => false,
            };
            let welcome = listen.sources.is_empty() || listen.sources.iter().any(|net| net.contains(&from));
            listen.protocol == protocol && fits && welcome
        })
}

/// The address that `from` has for `to`: the one on a network that both share, else its first.
pub(super) fn source(from: &Node, to: &Node) -> Option<Ipv4Addr> {
    let shared = from.interfaces.iter().find(|card| to.interfaces.iter().any(|other| other.network == card.network));
    shared.map(|card| card.address.value).or_else(|| from.address())
}

/// Nodes that refuse somebody, for one message.
#[derive(Default)]
struct Refused {
    first: Option<(String, String, Ipv4Addr)>,
    more: usize,
}

impl Refused {
    fn try_all<'a>(&mut self, to: &Node, from: impl Iterator<Item = &'a Node>, protocol: Protocol, port: Option<u16>) {
        for client in from.filter(|client| client.name != to.name) {
            let Some(address) = source(client, to).filter(|address| !open(to, protocol, port, *address)) else {
                continue;
            };
            match &self.first {
                None => self.first = Some((to.name.clone(), client.name.clone(), address)),
                Some(_) => self.more += 1,
            }
        }
    }

    fn report(self, protocol: Protocol, port: Option<u16>, why: &str, span: Span, sink: &mut Sink) {
        let Some((to, from, address)) = self.first else { return };
        let what = port.map_or_else(|| format!("`{protocol}`"), |port| format!("{protocol} port `{port}`"));
        let more = match self.more {
            0 => String::new(),
            1 => "; one more pair is refused like this".to_owned(),
            more => format!("; {more} more pairs are refused like this"),
        };
        let message = format!("`{to}` does not let `{from}` (`{address}`) in on {what}: {why}{more}");
        let entry = port.map_or_else(
            || format!("protocol: {protocol}"),
            |port| {
                let protocol =
                    if protocol == Protocol::Tcp { String::new() } else { format!("protocol: {protocol}, ") };
                format!("{protocol}port: {port}")
            },
        );
        let hint = format!("add `- {{name: ..., {entry}, from: [...]}}` to `listens` of a role of `{to}`");
        sink.push(Diagnostic::new(Code::FirewallClosed, message).at(span).hint(hint));
    }
}

/// What follows from the model: balancers to backends, balancers to each other, names and time.
pub(super) fn check(survey: &Survey<'_>, sink: &mut Sink) {
    let cluster = survey.cluster;
    for vip in &cluster.vips {
        let candidates: Vec<&Node> = vip.candidates.iter().filter_map(|name| cluster.node(name)).collect();
        for port in &vip.ports {
            let mut refused = Refused::default();
            for backend in port.backends.iter().filter_map(|name| cluster.node(name)) {
                refused.try_all(backend, candidates.iter().copied(), Protocol::Tcp, Some(port.backend_port));
            }
            let why = format!("the VIP `{}` offers `{}` there", vip.name, port.name);
            refused.report(Protocol::Tcp, Some(port.backend_port), &why, port.name.span, sink);
            unopened(&candidates, vip.name.as_str(), port.port.value, port.port.span, sink);
        }
        let mut refused = Refused::default();
        for candidate in &candidates {
            refused.try_all(candidate, candidates.iter().copied(), Protocol::Vrrp, None);
        }
        let why = format!("it would take the VIP `{}` although another holds it", vip.name);
        refused.report(Protocol::Vrrp, None, &why, vip.span, sink);
    }
    servers(cluster, sink);
}

/// Candidates that let nobody in to what the VIP offers.
fn unopened(candidates: &[&Node], vip: &str, port: u16, span: Span, sink: &mut Sink) {
    let closed = |node: &&&Node| {
        let mut listens = node.listens.iter().filter(|listen| listen.protocol == Protocol::Tcp);
        node.build && !listens.any(|l| l.ports.is_none_or(|(first, last)| (first..=last).contains(&port)))
    };
    if let Some(node) = candidates.iter().find(closed) {
        let message = format!("`{}` lets nobody in on tcp port `{port}`, which the VIP `{vip}` offers", node.name);
        let hint =
            format!("add `- {{name: ..., port: {port}, from: [...]}}` to `listens` of a role of `{}`", node.name);
        sink.push(Diagnostic::new(Code::FirewallClosed, message).at(span).hint(hint));
    }
}

/// Resolvers and time servers that are machines of the cluster.
fn servers(cluster: &Cluster, sink: &mut Sink) {
    let owners: BTreeMap<Ipv4Addr, &Node> = cluster
        .nodes
        .iter()
        .flat_map(|node| node.interfaces.iter().map(move |card| (card.address.value, node)))
        .collect();
    let mut names: BTreeMap<Ipv4Addr, (Refused, Span)> = BTreeMap::new();
    for node in cluster.nodes.iter().filter(|node| node.build) {
        for server in &node.dns_servers {
            if let Some(owner) = owners.get(&server.value) {
                let (refused, _) = names.entry(server.value).or_insert((Refused::default(), server.span));
                refused.try_all(owner, std::iter::once(node), Protocol::Udp, Some(53));
            }
        }
    }
    for (refused, span) in names.into_values() {
        refused.report(Protocol::Udp, Some(53), "it is a resolver", span, sink);
    }
    for server in &cluster.profile.ntp_servers {
        let Some(owner) = server.parse().ok().and_then(|address: Ipv4Addr| owners.get(&address)) else { continue };
        let mut refused = Refused::default();
        refused.try_all(owner, cluster.nodes.iter().filter(|node| node.build), Protocol::Udp, Some(123));
        refused.report(Protocol::Udp, Some(123), "it is a time server", server.span, sink);
    }
}

/// What follows from the files: machines that join K3s at a server.
pub(super) fn joins(overview: &Overview<'_>, sink: &mut Sink) {
    let cluster = overview.cluster;
    let owners = k3s::owners(cluster);
    for config in k3s::configs(overview) {
        let Some((line, address)) = config.server() else { continue };
        let Some((server, client)) = owners.get(address).zip(cluster.node(&config.baked.node)) else { continue };
        let mut refused = Refused::default();
        refused.try_all(server, std::iter::once(client), Protocol::Tcp, Some(config.port()));
        let Some(span) = overview.line(config.file, line) else { continue };
        refused.report(Protocol::Tcp, Some(config.port()), "K3s joins there", span, sink);
    }
}

/// What K3s' machines open to each other (docs.k3s.io, "Requirements"): the pods' tunnel, the kubelets for the
/// servers, etcd among them.
pub(super) fn members(overview: &Overview<'_>, sink: &mut Sink) {
    let cluster = overview.cluster;
    let configs = k3s::configs(overview);
    let node = |config: &k3s::Config<'_>| cluster.node(&config.baked.node);
    let all: Vec<&Node> = configs.iter().filter_map(node).collect();
    let servers: Vec<&k3s::Config<'_>> = configs.iter().filter(|config| config.is_server()).collect();
    let Some(first) = servers.first() else { return };
    let names: Vec<&Node> = servers.iter().filter_map(|config| node(config)).collect();
    let mut demand = |to: &[&Node], from: &[&Node], protocol, port, key: &str, why: &str| {
        let mut refused = Refused::default();
        // Whoever lets whole networks in is not asked about every machine on them: there are as many pairs as machines
        // squared.
        let nets: BTreeSet<Ipv4Net> = from.iter().flat_map(|node| &node.interfaces).map(|card| card.cidr).collect();
        let closed = |to: &&&Node| !nets.iter().all(|net| admits(to, protocol, Some(port), *net));
        for to in to.iter().filter(closed) {
            refused.try_all(to, from.iter().copied(), protocol, Some(port));
        }
        let line = first.value(key).and_then(|(line, _)| overview.line(first.file, *line));
        let place = line.or_else(|| node(first).map(|node| node.span));
        if let Some(span) = place {
            refused.report(protocol, Some(port), why, span, sink);
        }
    };
    let tunnel = match first.value("flannel-backend").map_or("vxlan", |(_, backend)| backend.as_str()) {
        "vxlan" => Some(8472),
        "wireguard-native" => Some(51820),
        _ => None,
    };
    if let Some(port) = tunnel {
        demand(&all, &all, Protocol::Udp, port, "flannel-backend", "pods of one node reach those of another there");
    }
    demand(&all, &names, Protocol::Tcp, 10250, "kubelet-arg", "servers ask its kubelet there, for logs and `exec`");
    let external = servers.iter().any(|config| config.value("datastore-endpoint").is_some());
    if !external && servers.iter().any(|config| config.starts().is_some()) {
        for port in [2379, 2380] {
            demand(&names, &names, Protocol::Tcp, port, "cluster-init", "etcd's members speak to each other there");
        }
    }
}
