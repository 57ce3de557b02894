//! Next hops: which router leads from a node's networks to where its roles want to go.

use super::name::{net, optional};
use super::role::Compiled;
use super::{Profiles, bad};
use crate::diag::{Code, Diagnostic, Sink, suggest};
use crate::model::Spanned;
use crate::model::cluster::{Interface, Node, Route};
use crate::model::profile::ClusterProfile;
use crate::model::profile::role::RouteWish;
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// What is needed to find next hops, looked up once for all nodes.
pub(super) struct Table<'a> {
    cluster: &'a ClusterProfile,
    routers: Vec<&'a Node>,
    /// Nodes with a share of the pods.
    shares: Vec<(&'a Node, Ipv4Net)>,
    /// The node that forwards to all other pods.
    gate: Option<&'a Node>,
    /// Whether all nodes and networks are right, so that a router that is not found is missing.
    complete: bool,
}

/// Where a route leads.
enum Target<'a> {
    Default,
    Network(&'a str, Ipv4Net),
    Pods(Ipv4Net),
    Other(Ipv4Net),
}

impl<'a> Table<'a> {
    pub(super) fn new(profiles: &'a Profiles, nodes: &'a [Node], complete: bool) -> Self {
        let cluster = &profiles.cluster;
        let find = |name: &str| nodes.binary_search_by(|node| node.name.as_str().cmp(name)).ok().map(|at| &nodes[at]);
        let pods = cluster.pods.as_ref();
        let shares = pods.into_iter().flat_map(|pods| &pods.nodes);
        Self {
            cluster,
            complete,
            routers: nodes.iter().filter(|node| node.router).collect(),
            shares: shares.filter_map(|(name, share)| Some((find(name)?, share.value))).collect(),
            gate: pods.and_then(|pods| pods.via.as_ref()).and_then(|via| find(via)),
        }
    }

    /// The routes of a node: default route first, then by destination.
    pub(super) fn of(&self, node: &Node, roles: &BTreeMap<&str, Compiled<'_>>, sink: &mut Sink) -> Vec<Route> {
        let mut routes: BTreeMap<Ipv4Net, Route> = BTreeMap::new();
        if let Some((card, gateway)) = node.interfaces.iter().find_map(|card| Some((card, card.gateway?))) {
            let reason = format!("default route through the network {}", card.network);
            let hop = Hop { gateway: gateway.value, card };
            routes.insert(Ipv4Net::default(), hop.route(Ipv4Net::default(), reason, gateway.span));
        }
        for wish in node.roles.iter().filter_map(|role| roles.get(role.as_str())).flat_map(|role| role.routes) {
            for route in self.wish(node, wish, sink) {
                routes.insert(route.destination, route);
            }
        }
        // The default route's destination is 0.0.0.0/0, which sorts first.
        routes.into_values().collect()
    }

    fn wish(&self, node: &Node, wish: &Spanned<RouteWish>, sink: &mut Sink) -> Vec<Route> {
        let Some(target) = self.target(wish, sink) else { return Vec::new() };
        let destination = match target {
            Target::Default => Ipv4Net::default(),
            Target::Network(_, net) | Target::Pods(net) | Target::Other(net) => net,
        };
        if node.interfaces.iter().any(|card| card.cidr == destination) {
            return Vec::new();
        }
        let reason = wish.reason.value.clone();
        if let Some(via) = &wish.via {
            let card = node.interfaces.iter().find(|card| card.cidr.contains(&via.value));
            let outward = || node.interfaces.iter().find(|card| card.gateway.is_some()).or(node.interfaces.first());
            let Some(card) = card.or_else(|| if wish.on_link { outward() } else { None }) else {
                let message = format!("the next hop `{via}` is in no network of the node");
                let hint = "write `on_link: true` if it is on the link all the same";
                let found = Diagnostic::new(Code::NoRouter, message).at(via.span).hint(hint);
                sink.push(found.related(node.span, "for this node"));
                return Vec::new();
            };
            let mut route = Hop { gateway: via.value, card }.route(destination, reason, wish.span);
            route.on_link = wish.on_link;
            return vec![route];
        }
        let hops = match target {
            Target::Default => {
                // The interface's own gateway, which is in the table already.
                if node.interfaces.iter().any(|card| card.gateway.is_some()) {
                    return Vec::new();
                }
                Vec::new()
            }
            Target::Network(name, net) => self.network(node, name).map(|hop| (net, hop)).into_iter().collect(),
            Target::Pods(net) => self.pods(node, net),
            Target::Other(_) => Vec::new(),
        };
        if hops.is_empty() && self.complete {
            sink.push(self.nobody(node, wish));
        }
        hops.into_iter().map(|(destination, hop)| hop.route(destination, reason.clone(), wish.span)).collect()
    }

    /// What the wish's `to` means.
    fn target(&self, wish: &'a RouteWish, sink: &mut Sink) -> Option<Target<'a>> {
        let ((to, optional), span) = (optional(&wish.to), wish.to.span);
        if let Some(name) = to.strip_prefix("network:") {
            let network = self.cluster.networks.get(name);
            if network.is_none() && !optional {
                let known = self.cluster.networks.keys().map(String::as_str);
                super::name::unknown("network", name, span, known, sink);
            }
            return network.map(|network| Target::Network(name, network.cidr.value));
        }
        match (to, &self.cluster.pods) {
            ("default", _) => return Some(Target::Default),
            ("pods", Some(pods)) => return Some(Target::Pods(pods.cidr.value)),
            ("pods", None) if optional => return None,
            ("pods", None) => {
                let message = "`pods` is not declared in `cluster.yaml`";
                sink.push(Diagnostic::new(Code::UnknownName, message).at(span));
                return None;
            }
            _ => {}
        }
        match net(to) {
            Some(Ok(net)) => {
                let within = |(name, network): (&'a String, &Spanned<crate::model::profile::cluster::Network>)| {
                    network.cidr.contains(&net).then_some(name.as_str())
                };
                let pods = self.cluster.pods.as_ref().is_some_and(|pods| pods.cidr.contains(&net));
                let cluster: &'a ClusterProfile = self.cluster;
                Some(match cluster.networks.iter().find_map(within) {
                    Some(name) => Target::Network(name, net),
                    None if pods => Target::Pods(net),
                    None => Target::Other(net),
                })
            }
            Some(Err(why)) => {
                sink.push(bad(why, span));
                None
            }
            None => {
                let hint = "write `network:<name>`, `pods`, `default` or a network such as `10.17.3.0/24`";
                sink.push(bad(format!("`{to}` is no destination of a route"), span).hint(hint));
                None
            }
        }
    }

    /// The hop to a network: the first router that is attached to it and to one of the node's networks.
    fn network<'n>(&self, node: &'n Node, name: &str) -> Option<Hop<'n>> {
        let attached = |router: &&&Node| router.interfaces.iter().any(|card| card.network.value == name);
        self.routers.iter().filter(attached).find_map(|router| between(node, router))
    }

    /// The hops to pods: directly to nodes with a share of them on the node's own networks, and for the rest
    /// to the node that forwards to all pods, or else to a router that does.
    fn pods<'n>(&self, node: &'n Node, pods: Ipv4Net) -> Vec<(Ipv4Net, Hop<'n>)> {
        let own = self.shares.iter().filter(|(_, share)| pods.contains(share));
        let mut hops: Vec<(Ipv4Net, Hop<'n>)> =
            own.filter_map(|(other, share)| Some((*share, towards(node, other)?))).collect();
        let routers =
            || self.routers.iter().filter(|router| self.reaches(router, pods)).find_map(|router| between(node, router));
        let rest = self.gate.and_then(|gate| towards(node, gate)).or_else(routers);
        hops.extend(rest.map(|hop| (pods, hop)));
        hops
    }

    /// Whether a router is attached to a network of somebody who forwards to pods.
    fn reaches(&self, router: &Node, pods: Ipv4Net) -> bool {
        let shares = self.shares.iter().filter(|(_, share)| pods.contains(share)).map(|(node, _)| *node);
        self.gate.into_iter().chain(shares).any(|node| between(router, node).is_some())
    }

    fn nobody(&self, node: &Node, wish: &RouteWish) -> Diagnostic {
        let networks: Vec<&str> = node.interfaces.iter().map(|card| card.network.as_str()).collect();
        let message = format!("no router leads to `{}`", wish.to);
        let hint = match wish.to.as_str() {
            "default" => "give the network a `gateway`, or write `via`".to_owned(),
            "pods" if self.shares.is_empty() && self.gate.is_none() => {
                "say in `cluster.yaml` who forwards to pods: `pods.via` or `pods.nodes`".to_owned()
            }
            _ => format!("attach a node with `router: true` to {} too, or write `via`", suggest::list(networks)),
        };
        Diagnostic::new(Code::NoRouter, message).at(wish.to.span).related(node.span, "for this node").hint(hint)
    }
}

/// A next hop on the link.
struct Hop<'n> {
    gateway: Ipv4Addr,
    card: &'n Interface,
}

impl Hop<'_> {
    fn route(&self, destination: Ipv4Net, reason: String, span: crate::diag::Span) -> Route {
        let interface = self.card.name.value.clone();
        Route { destination, gateway: self.gateway, on_link: false, interface, reason, span }
    }
}

/// From `node` to `other` on the first network that both are attached to; nobody is a hop of its own.
fn between<'n>(node: &'n Node, other: &Node) -> Option<Hop<'n>> {
    if node.name == other.name {
        return None;
    }
    node.interfaces.iter().find_map(|card| {
        let there = other.interfaces.iter().find(|there| there.network.value == card.network.value)?;
        Some(Hop { gateway: there.address.value, card })
    })
}

/// From `node` to the pods on `other`: on the first network of `other` that both are attached to, because Flannel and
/// everybody else know a node by its first address.
fn towards<'n>(node: &'n Node, other: &Node) -> Option<Hop<'n>> {
    if node.name == other.name {
        return None;
    }
    other.interfaces.iter().find_map(|there| {
        let card = node.interfaces.iter().find(|card| card.network.value == there.network.value)?;
        Some(Hop { gateway: there.address.value, card })
    })
}
