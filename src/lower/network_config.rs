//! Cluster model to cloud-init network-config (version 2).
//!
//! Only what NetworkManager and sysconfig, as rendered by cloud-init 22.4 to 26.2, both keep: cards matched by their
//! Ethernet address and named like their key, the default route spelled out, no `metric`, `on-link`, `table` or
//! `renderer`. A next hop that is not in the card's own network becomes two routes: one to the hop itself, on the link,
//! and one through it.

use crate::model::cloud::{Ethernet, Match, Nameservers, NetworkConfig, Route};
use crate::model::cluster::{Cluster, Interface, Node};
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Where everything else goes.
const DEFAULT: &str = "0.0.0.0/0";

/// The node's `network-config`. The reason of each route stands in a comment at its head.
pub fn lower(node: &Node, cluster: &Cluster) -> NetworkConfig {
    let mut comments = vec![format!("Made by bake for {}; changes here are lost.", node.name)];
    comments.extend(
        node.routes.iter().map(|route| {
            format!("{} via {} on {}: {}", route.destination, route.gateway, route.interface, route.reason)
        }),
    );
    let resolving = resolving(node).map(|interface| interface.name.value.clone());
    let ethernet = |interface: &Interface| Ethernet {
        matches: interface.mac.as_ref().map(|mac| Match { macaddress: mac.to_string() }),
        set_name: interface.mac.as_ref().map(|_| interface.name.value.clone()),
        mtu: interface.mtu,
        addresses: vec![format!("{}/{}", interface.address.value, interface.cidr.prefix_len())],
        nameservers: (resolving.as_ref() == Some(&interface.name.value)).then(|| nameservers(node, cluster)).flatten(),
        routes: routes(node, interface),
    };
    let ethernets =
        node.interfaces.iter().map(|interface| (interface.name.value.clone(), ethernet(interface))).collect();
    NetworkConfig { comments, version: 2, ethernets }
}

/// The card whose connection carries the resolvers: that of the default route, else the first.
pub(super) fn resolving(node: &Node) -> Option<&Interface> {
    let default =
        node.routes.iter().find(|route| route.destination.prefix_len() == 0).map(|route| route.interface.as_str());
    let named = |interface: &&Interface| Some(interface.name.value.as_str()) == default || interface.gateway.is_some();
    node.interfaces.iter().find(named).or(node.interfaces.first())
}

/// A route of a card, for those who write it in their own form.
pub(super) struct Hop {
    /// Destination.
    pub to: Ipv4Net,
    /// Next hop.
    pub via: Ipv4Addr,
    /// Whether the next hop must be taken as reachable on the link.
    pub on_link: bool,
    /// Why it is there.
    pub reason: String,
}

/// The routes of a card. A gateway that no route mentions makes the default route.
pub(super) fn hops(node: &Node, interface: &Interface) -> Vec<Hop> {
    let own = node.routes.iter().filter(|route| route.interface == interface.name.value);
    let mut hops: Vec<Hop> = own
        .map(|route| Hop {
            to: route.destination,
            via: route.gateway,
            on_link: route.on_link || !interface.cidr.contains(&route.gateway),
            reason: route.reason.clone(),
        })
        .collect();
    if let Some(gateway) = &interface.gateway
        && !node.routes.iter().any(|route| route.destination.prefix_len() == 0)
    {
        let on_link = !interface.cidr.contains(&gateway.value);
        hops.insert(
            0,
            Hop { to: Ipv4Net::default(), via: gateway.value, on_link, reason: "the network's gateway".to_owned() },
        );
    }
    hops
}

fn routes(node: &Node, interface: &Interface) -> Vec<Route> {
    let mut reached = BTreeSet::new();
    let mut routes = Vec::new();
    for Hop { to, via, on_link, reason: _ } in hops(node, interface) {
        if on_link && reached.insert(via) {
            routes.push(Route { to: format!("{via}/32"), via: Ipv4Addr::UNSPECIFIED.to_string() });
        }
        let to = if to.prefix_len() == 0 { DEFAULT.to_owned() } else { to.to_string() };
        routes.push(Route { to, via: via.to_string() });
    }
    routes
}

fn nameservers(node: &Node, cluster: &Cluster) -> Option<Nameservers> {
    let addresses: Vec<String> = node.dns_servers.iter().map(|server| server.value.to_string()).collect();
    (!addresses.is_empty()).then(|| Nameservers { search: vec![cluster.profile.domain.value.clone()], addresses })
}
