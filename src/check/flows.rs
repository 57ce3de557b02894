//! Traffic: what profiles declare (`flows`), what the model implies, and what firewalls open.

use super::group::Group;
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::cluster::{Cluster, Listen, Node};
use crate::model::profile::cluster::{FlowVerdict, NatPolicy};
use crate::model::summary::Origin;
use crate::topology::filter::Accept;
use crate::topology::filter::covers;
use crate::topology::flow::Wanted;
use crate::topology::nat::Nat;
use crate::topology::trace::Reason;
use crate::topology::{End, Packet, Step, Topology, Trace, What};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};

/// Traces everything that must work and everything that must not.
pub fn check(cluster: &Cluster, topology: &Topology<'_>, sink: &mut Sink) {
    let mut group = Group::default();
    for wanted in topology.declared() {
        declared(topology, &wanted, &mut group);
    }
    for wanted in topology.implied() {
        implied(topology, &wanted, &mut group);
    }
    listens(cluster, topology, &mut group);
    group.finish(sink);
}

/// One flow of `cluster.yaml`: every pair of its ends.
fn declared(topology: &Topology<'_>, wanted: &Wanted<'_>, group: &mut Group) {
    let span = Some(wanted.span);
    for (_, _, packet) in wanted.packets() {
        let trace = topology.trace(&packet);
        match wanted.must {
            FlowVerdict::Work if !trace.works() => group.blocked(topology, Code::FlowBlocked, span, &trace),
            FlowVerdict::Work if wanted.nat == NatPolicy::Never && trace.seen != trace.source => {
                group.add(Code::FlowRewritten, span, None, || rewritten(topology, &trace));
            }
            FlowVerdict::Fail if trace.works() => group.add(Code::FlowOpen, span, None, || open(topology, &trace)),
            _ => {}
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

/// Traffic that follows from the model. What a node's own firewall refuses is another rule's business, unless
/// the firewall knows the client but somebody rewrites its address.
fn implied(topology: &Topology<'_>, wanted: &Wanted<'_>, group: &mut Group) {
    let code = match wanted.origin {
        Origin::Declared => Code::FlowBlocked,
        Origin::Backend => Code::BackendUnreachable,
        Origin::Server => Code::ServerUnreachable,
        Origin::Join => Code::JoinUnreachable,
    };
    for (_, _, packet) in wanted.packets() {
        let trace = topology.trace(&packet);
        let Some(stop) = &trace.stop else { continue };
        let refused = matches!(stop.reason, Reason::Filtered(..)) && trace.rewritten().is_none();
        if !refused && !group.known(&trace) {
            group.blocked(topology, code, Some(wanted.span), &trace);
        }
    }
}

/// Whoever a firewall is opened for can get there: to the machine, or to a VIP with that port. A network counts as soon as one machine of it does: that the
/// others have no route may be meant.
fn listens(cluster: &Cluster, topology: &Topology<'_>, group: &mut Group) {
    let mut places: BTreeMap<Ipv4Net, Vec<End>> = BTreeMap::new();
    for (at, node) in cluster.nodes.iter().enumerate().filter(|(_, node)| node.build) {
        for listen in &node.listens {
            let mut done = BTreeSet::new();
            // Whoever has no address yet asks everybody on his own link.
            for source in listen.sources.iter().filter(|source| !source.addr().is_unspecified()) {
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
    // What is offered on a VIP is meant to be reached there, whatever the machine's own address is.
    let vips = topology
        .cluster
        .vips
        .iter()
        .enumerate()
        .filter(|(_, vip)| vip.ports.iter().any(|offer| covers(listen, listen.protocol, Some(offer.port.value))));
    let vips = vips.flat_map(|(vip, _)| topology.holders(vip)).filter(|end| end.device == at);
    // So is a machine under its address on the clients' own network, where it has one.
    let cards = node.interfaces.iter().filter(|card| card.cidr.contains(&source));
    let cards = cards.map(|card| End { device: at, address: Some(card.address.value), what: What::Machine });
    let targets: Vec<End> = std::iter::once(topology.machine(at)).chain(cards).chain(vips).collect();
    let packet = |from, to| Packet { from, to, protocol: listen.protocol, port };
    // Its own pods are the nearest: where they get through, the others need not be asked, however many there are.
    let own = topology.pod(at).filter(|end| end.address.is_some_and(|address| source.contains(&address)));
    if own.is_some_and(|from| targets.iter().any(|to| topology.trace(&packet(from, *to)).works())) {
        return;
    }
    let mut failed = None;
    for (end, to) in ends.iter().flat_map(|end| targets.iter().map(move |to| (end, *to))) {
        if end.device == at && end.what != What::Pod {
            continue;
        }
        // A node sends from the address of the card that its route leads out of.
        let own = topology.devices[end.device].node().is_some() && end.what == What::Machine;
        let from = if own { topology.machine(end.device) } else { *end };
        let trace = topology.trace(&packet(from, to));
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
