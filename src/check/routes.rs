//! Routes: whether the next hop is there, is a router, leads to the destination, and the answer finds back.

use super::group::Group;
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::cluster::{Cluster, Node, Route};
use crate::model::profile::cluster::Protocol;
use crate::topology::trace::{Direction, Reason};
use crate::topology::{End, Packet, Topology, What};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// How many machines of a destination are tried.
const SAMPLE: usize = 4;

/// An address of the Internet (RFC 5737), for default routes.
const AWAY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// Looks at every route of every node, and at the shares of the pods.
pub fn check(cluster: &Cluster, topology: &Topology<'_>, sink: &mut Sink) {
    let mut group = Group::default();
    for (at, node) in cluster.nodes.iter().enumerate() {
        for route in &node.routes {
            leads(topology, at, route, &mut group);
            pinned(cluster, topology, node, route, &mut group);
        }
        defaults(node, &mut group);
    }
    shares(cluster, &mut group);
    group.finish(sink);
}

/// Follows a ping along the route to a few machines of its destination.
fn leads(topology: &Topology<'_>, at: usize, route: &Route, group: &mut Group) {
    let ends: Vec<End> = if route.destination.prefix_len() == 0 {
        vec![topology.at(AWAY)]
    } else {
        let others = topology.within(route.destination).into_iter().filter(|end| end.device != at);
        let meant = route.destination.prefix_len() == 32;
        others.filter(|end| meant || is_known(topology, *end)).take(SAMPLE).collect()
    };
    for to in ends {
        let trace = topology.trace(&Packet { from: topology.machine(at), to, protocol: Protocol::Icmp, port: None });
        let Some(stop) = &trace.stop else { continue };
        let here = stop.device == at;
        // Somewhere behind the routers outside, of which nothing is known.
        let beyond = trace.packet.to.device == topology.internet();
        if beyond && matches!(stop.reason, Reason::Private(_)) {
            continue;
        }
        let code = match (stop.direction, stop.reason) {
            (_, Reason::ReversePath(..)) => Code::ReversePathDrop,
            (Direction::There, Reason::OffLink(_) | Reason::NobodyAnswers(..)) if here => Code::NextHopUnreachable,
            (
                Direction::There,
                Reason::NotForwarding(_)
                | Reason::NoRoute(_)
                | Reason::Loop
                | Reason::OwnAddress(_)
                | Reason::Private(_)
                | Reason::NobodyAnswers(..),
            ) => Code::NextHopNoRouter,
            (
                Direction::Back,
                Reason::NoRoute(_)
                | Reason::NotForwarding(_)
                | Reason::NobodyAnswers(..)
                | Reason::Loop
                | Reason::Private(_),
            ) => Code::NoWayBack,
            // Filters are the business of flows.
            _ => continue,
        };
        group.add(code, Some(route.span), Some(stop), || {
            let name = topology.name(at);
            let reason = topology.why(&trace, stop);
            let (to, via) = (route.destination, route.gateway);
            let message = match code {
                Code::NextHopUnreachable | Code::NextHopNoRouter => {
                    format!("the route of {name} to `{to}` via `{via}` leads nowhere: {reason}")
                }
                Code::NoWayBack => format!("what {name} sends to `{to}` via `{via}` is not answered: {reason}"),
                _ => format!("what {name} sends to `{to}` via `{via}` takes another way back: {reason}"),
            };
            let mut found = Diagnostic::new(code, message);
            if let Some(span) = stop.span.filter(|span| *span != route.span) {
                found = found.related(span, "because of this");
            }
            found.hint = topology.cure(&trace, stop);
            found
        });
        return;
    }
}

/// Whether others know the machine by this address: its first, or any of a router. Who talks to a further one says so as
/// a flow.
fn is_known(topology: &Topology<'_>, end: End) -> bool {
    let node = topology.devices[end.device].node().filter(|node| !node.router);
    let first = node.and_then(|node| node.interfaces.first()).map(|card| card.address.value);
    first.is_none() || end.what != What::Machine || end.address == first
}

/// A default route of the network and another one that a role asks for.
fn defaults(node: &Node, group: &mut Group) {
    let Some(route) = node.routes.iter().find(|route| route.destination.prefix_len() == 0) else { return };
    for card in &node.interfaces {
        let Some(gateway) = card.gateway.filter(|gateway| gateway.value != route.gateway) else { continue };
        group.add(Code::DuplicateDefault, Some(route.span), None, || {
            let message = format!(
                "`{}` has two default routes: via `{}` and via `{gateway}`, the gateway of the network `{}`",
                node.name, route.gateway, card.network
            );
            Diagnostic::new(Code::DuplicateDefault, message)
                .related(gateway.span, "the gateway is declared here")
                .hint(format!("write `default_route: false` for `{}`, or drop the route", card.name))
        });
    }
}

/// A route to some of the pods through a node that nothing says has them.
fn pinned(cluster: &Cluster, topology: &Topology<'_>, node: &Node, route: &Route, group: &mut Group) {
    let Some(pods) = &cluster.profile.pods else { return };
    let part = pods.cidr.contains(&route.destination) && pods.cidr.value != route.destination;
    let hop = topology.owner(route.gateway).and_then(|(device, _)| topology.devices[device].node());
    // Through a router that has no pods itself: the router's own routes are what matters.
    let Some(hop) = hop.filter(|hop| part && !hop.router) else { return };
    let owner = pods.nodes.get(&hop.name);
    if owner.is_some_and(|share| share.contains(&route.destination)) {
        return;
    }
    group.add(Code::PodRouteUnpinned, Some(route.span), None, || {
        let message = format!(
            "`{}` sends `{}` to `{}`, but Kubernetes decides which node gets which pods",
            node.name, route.destination, hop.name
        );
        let found = Diagnostic::new(Code::PodRouteUnpinned, message);
        match owner {
            Some(share) => found.related(share.span, format!("`{}` has `{share}`", hop.name)),
            None => found.hint("route all pods (`to: pods`), or say in `pods.nodes` which node has which share"),
        }
    });
}

/// Shares that Kubernetes would never hand out: of another size, or not among the first as many as there are nodes.
fn shares(cluster: &Cluster, group: &mut Group) {
    let Some(pods) = &cluster.profile.pods else { return };
    let mut seen: Vec<(Ipv4Net, &str)> = Vec::new();
    for (name, share) in &pods.nodes {
        let wrong = if share.prefix_len() == pods.node_prefix {
            seen.iter().find(|(other, _)| *other == share.value).map(|(_, other)| format!("`{other}` has it, too"))
        } else {
            Some(format!("a node's share has the prefix length {}", pods.node_prefix))
        };
        seen.push((share.value, name));
        if let Some(why) = wrong {
            group.add(Code::PodRouteUnpinned, Some(share.span), None, || {
                let message = format!("`{share}` cannot be the share of `{name}`: {why}");
                Diagnostic::new(Code::PodRouteUnpinned, message).related(pods.cidr.span, "the pods are declared here")
            });
        }
    }
}
