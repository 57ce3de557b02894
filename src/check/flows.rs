//! Traffic: what profiles declare (`flows`), what the model implies, and what firewalls open.

use super::group::Group;
use crate::diag::{Code, Diagnostic, Sink, Span};
use crate::model::Spanned;
use crate::model::cluster::{Cluster, Listen, Node};
use crate::model::profile::cluster::{Flow, FlowVerdict, NatPolicy, Protocol};
use crate::topology::filter::{Accept, covers, runs_flannel};
use crate::topology::nat::Nat;
use crate::topology::trace::Reason;
use crate::topology::{End, Packet, Step, Topology, Trace, What};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Port of the Kubernetes API on K3s servers, where agents and further servers join.
const API: u16 = 6443;
/// UDP ports of names and time.
const DNS: u16 = 53;
const NTP: u16 = 123;

/// Traces everything that must work and everything that must not.
pub fn check(cluster: &Cluster, topology: &Topology<'_>, sink: &mut Sink) {
    let mut group = Group::default();
    for flow in &cluster.profile.flows {
        declared(topology, flow, &mut group);
    }
    vips(cluster, topology, &mut group);
    for node in cluster.nodes.iter().filter(|node| node.build) {
        servers(cluster, topology, node, &mut group);
    }
    join(cluster, topology, &mut group);
    listens(cluster, topology, &mut group);
    group.finish(sink);
}

/// One flow of `cluster.yaml`: every pair of its ends.
fn declared(topology: &Topology<'_>, flow: &Spanned<Flow>, group: &mut Group) {
    let (from, to) = (topology.ends(&flow.from), topology.ends(&flow.to));
    let port = flow.port.map(|port| port.value);
    for from in &from {
        for to in to.iter().filter(|to| to.device != from.device || to.what != from.what) {
            let trace = topology.trace(&Packet { from: *from, to: *to, protocol: flow.protocol, port });
            let span = Some(flow.span);
            match flow.must {
                FlowVerdict::Work if !trace.works() => group.blocked(topology, Code::FlowBlocked, span, &trace),
                FlowVerdict::Work if flow.nat == NatPolicy::Never && trace.seen != trace.source => {
                    group.add(Code::FlowRewritten, span, None, || rewritten(topology, &trace));
                }
                FlowVerdict::Fail if trace.works() => {
                    group.add(Code::FlowOpen, span, None, || open(topology, &trace));
                }
                _ => {}
            }
        }
    }
}

fn rewritten(topology: &Topology<'_>, trace: &Trace) -> Diagnostic {
    let what = topology.connection(&trace.packet);
    let who = trace.rewritten();
    let why = who.map(|(device, nat)| format!(": {}", topology.rewriter(device, nat))).unwrap_or_default();
    let message = format!("{what} arrives from `{}` instead of `{}`{why}", trace.seen, trace.source);
    let found = Diagnostic::new(Code::FlowRewritten, message);
    match who {
        Some((_, Nat::Libvirt(segment))) => found
            .related(topology.segments[segment].mode.span, "the mode is written here")
            .hint("write `mode: open`, and masquerade on the host towards the Internet only"),
        Some((_, Nat::ToPods)) => found.hint("route each node's share of the pods to that node: `pods.nodes`"),
        _ => found,
    }
}

fn open(topology: &Topology<'_>, trace: &Trace) -> Diagnostic {
    let message = format!("{} works, and must not", topology.connection(&trace.packet));
    let found = Diagnostic::new(Code::FlowOpen, message);
    let by = trace.there.last().and_then(|hop| match hop.step {
        Step::Accepts(Accept::Listen(at)) => topology.devices[hop.device].node()?.listens.get(at),
        _ => None,
    });
    match by {
        Some(listen) => found
            .related(listen.name.span, format!("`{}` lets it in", listen.name))
            .hint(format!("narrow `from` of `{}`", listen.name)),
        None => found,
    }
}

/// Balancers reach what is behind them.
fn vips(cluster: &Cluster, topology: &Topology<'_>, group: &mut Group) {
    for vip in &cluster.vips {
        let candidates: Vec<usize> = vip.candidates.iter().filter_map(|name| topology.node(name)).collect();
        for port in &vip.ports {
            for (candidate, backend) in pairs(&candidates, port.backends.iter().filter_map(|name| topology.node(name)))
            {
                let packet = packet(topology, candidate, backend, Protocol::Tcp, port.backend_port);
                implied(topology, Code::BackendUnreachable, port.name.span, &packet, group);
            }
        }
    }
}

/// A connection that follows from the model. What a node's own firewall refuses is another rule's business, unless
/// the firewall knows the client but somebody rewrites its address.
fn implied(topology: &Topology<'_>, code: Code, span: Span, packet: &Packet, group: &mut Group) {
    let trace = topology.trace(packet);
    let Some(stop) = &trace.stop else { return };
    let refused = matches!(stop.reason, Reason::Filtered(..)) && trace.rewritten().is_none();
    if !refused && !group.known(&trace) {
        group.blocked(topology, code, Some(span), &trace);
    }
}

/// Every pair of two different devices.
fn pairs(from: &[usize], to: impl Iterator<Item = usize> + Clone) -> impl Iterator<Item = (usize, usize)> {
    from.iter().flat_map(move |from| to.clone().filter(move |to| to != from).map(move |to| (*from, to)))
}

fn packet(topology: &Topology<'_>, from: usize, to: usize, protocol: Protocol, port: u16) -> Packet {
    Packet { from: topology.machine(from), to: topology.machine(to), protocol, port: Some(port) }
}

/// A node reaches the name and time servers that are nodes themselves.
fn servers(cluster: &Cluster, topology: &Topology<'_>, node: &Node, group: &mut Group) {
    let Some(from) = topology.node(&node.name) else { return };
    let time = cluster.profile.ntp_servers.iter().filter_map(|server| {
        let named = |other: &&Node| other.fqdn == server.value || other.hostname == server.value;
        let address = server.parse::<Ipv4Addr>().ok();
        let address = address.or_else(|| cluster.nodes.iter().find(named).and_then(Node::address))?;
        Some((address, NTP, server.span))
    });
    let names = node.dns_servers.iter().map(|server| (server.value, DNS, server.span));
    for (address, port, span) in names.chain(time) {
        let Some((to, _)) = topology.owner(address).filter(|(to, _)| *to != from) else { continue };
        let to = End { address: Some(address), ..topology.machine(to) };
        let packet = Packet { from: topology.machine(from), to, protocol: Protocol::Udp, port: Some(port) };
        implied(topology, Code::ServerUnreachable, span, &packet, group);
    }
}

/// Every K3s node reaches every K3s server: it joins at one and learns the others. K3s nodes are those that take
/// part in Flannel's network; servers are those of them that offer the API.
fn join(cluster: &Cluster, topology: &Topology<'_>, group: &mut Group) {
    let members: Vec<(usize, &Node)> =
        cluster.nodes.iter().enumerate().filter(|(_, node)| runs_flannel(node)).collect();
    let api = |node: &Node| {
        node.listens.iter().find(|listen| covers(listen, Protocol::Tcp, Some(API))).map(|listen| listen.name.span)
    };
    let servers: Vec<(usize, Span)> = members.iter().filter_map(|(at, node)| Some((*at, api(node)?))).collect();
    for (from, _) in &members {
        for (to, span) in servers.iter().filter(|(to, _)| to != from) {
            let packet = packet(topology, *from, *to, Protocol::Tcp, API);
            implied(topology, Code::JoinUnreachable, *span, &packet, group);
        }
    }
}

/// Whoever a firewall is opened for can get there. A network counts as soon as one machine of it does: that the
/// others have no route may be meant.
fn listens(cluster: &Cluster, topology: &Topology<'_>, group: &mut Group) {
    let mut places: BTreeMap<Ipv4Net, Vec<End>> = BTreeMap::new();
    for (at, node) in cluster.nodes.iter().enumerate().filter(|(_, node)| node.build) {
        for listen in &node.listens {
            let mut done = BTreeSet::new();
            for source in listen.sources.iter() {
                let ends = places.entry(*source).or_insert_with(|| topology.within(*source));
                // Addresses of one machine are one client.
                let client = ends.first().filter(|_| ends.len() == 1).map(|end| end.device);
                let client = client.filter(|device| topology.devices[*device].node().is_some());
                if client.is_some_and(|device| device == at || !done.insert(device)) {
                    continue;
                }
                listen_from(topology, at, (node, listen), *source, ends, group);
            }
        }
    }
}

fn listen_from(
    topology: &Topology<'_>,
    at: usize,
    (node, listen): (&Node, &Listen),
    source: Ipv4Net,
    ends: &[End],
    group: &mut Group,
) {
    let port = listen.ports.map(|(first, _)| first);
    let mut failed = None;
    for end in ends.iter().filter(|end| end.device != at || end.what == What::Pod) {
        // A node sends from the address of the card that its route leads out of.
        let own = topology.devices[end.device].node().is_some() && end.what == What::Machine;
        let from = if own { topology.machine(end.device) } else { *end };
        let trace = topology.trace(&Packet { from, to: topology.machine(at), protocol: listen.protocol, port });
        if trace.works() || group.known(&trace) {
            return;
        }
        failed.get_or_insert(trace);
    }
    let Some(trace) = failed else { return };
    group.add(Code::ListenUnreachable, Some(listen.name.span), trace.stop.as_ref(), || {
        let reason = trace.stop.as_ref().map(|stop| topology.why(&trace, stop)).unwrap_or_default();
        let message =
            format!("`{}` opens `{}` for `{source}`, which cannot get there: {reason}", node.name, listen.name);
        let mut found = Diagnostic::new(Code::ListenUnreachable, message);
        if let Some(stop) = &trace.stop {
            found
                .related
                .extend(stop.span.map(|span| crate::diag::Related { span, message: "because of this".to_owned() }));
            found.hint = topology.cure(&trace, stop);
        }
        found
    });
}
