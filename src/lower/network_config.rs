//! Cluster model to cloud-init network-config (version 2).
//!
//! Only what NetworkManager and sysconfig, as rendered by cloud-init 22.4 to 26.2, both keep: cards matched by their
//! Ethernet address and named like their key, the default route spelled out, no `metric`, `on-link`, `table` or
//! `renderer`. A next hop that is not in the card's own network becomes two routes: one to the hop itself, on the link,
//! and one through it. Bridges carry one parameter, `stp`; what libvirt or WireGuard makes is not here at all.

use crate::model::cloud::{Bridge, BridgeParameters, Ethernet, Match, Nameservers, NetworkConfig, Route};
use crate::model::cluster::{Cluster, Interface, Link, Node};
use crate::model::scalar::Mac;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Where everything else goes.
const DEFAULT: &str = "0.0.0.0/0";

/// The node's `network-config`. The reason of each route stands in a comment at its head.
pub fn lower(node: &Node, cluster: &Cluster) -> NetworkConfig {
    let mut comments = vec![format!("Made by bake for {}; changes here are lost.", node.name)];
    let own = |name: &str| node.interfaces.iter().any(|card| card.name.value == name && card.link.is_own());
    let routes_here = node.routes.iter().filter(|route| own(&route.interface));
    comments.extend(
        routes_here.map(|route| {
            format!("{} via {} on {}: {}", route.destination, route.gateway, route.interface, route.reason)
        }),
    );
    let resolving = resolving(node).map(|interface| interface.name.value.clone());
    let addresses = |card: &Interface| vec![format!("{}/{}", card.address.value, card.cidr.prefix_len())];
    let servers =
        |card: &Interface| (resolving.as_ref() == Some(&card.name.value)).then(|| nameservers(node, cluster)).flatten();
    let (mut ethernets, mut bridges) = (BTreeMap::new(), BTreeMap::new());
    for card in &node.interfaces {
        let name = card.name.value.clone();
        match &card.link {
            Link::Card => {
                let ethernet = Ethernet {
                    mtu: card.mtu,
                    addresses: addresses(card),
                    nameservers: servers(card),
                    routes: routes(node, card),
                    ..named(&name, card.mac.as_ref().map(|mac| mac.value))
                };
                ethernets.insert(name, ethernet);
            }
            Link::Bridge(ports) => {
                for port in ports {
                    let ethernet = Ethernet { mtu: card.mtu, ..named(&port.name, Some(port.mac.value)) };
                    ethernets.insert(port.name.value.clone(), ethernet);
                }
                let bridge = Bridge {
                    interfaces: ports.iter().map(|port| port.name.value.clone()).collect(),
                    parameters: BridgeParameters { stp: false },
                    mtu: card.mtu,
                    addresses: addresses(card),
                    nameservers: servers(card),
                    routes: routes(node, card),
                };
                bridges.insert(name, bridge);
            }
            Link::Libvirt | Link::Tunnel => {}
        }
    }
    NetworkConfig { comments, version: 2, ethernets, bridges }
}

/// A card that is found by its Ethernet address and called like its key.
fn named(name: &str, mac: Option<Mac>) -> Ethernet {
    Ethernet {
        matches: mac.map(|mac| Match { macaddress: mac.to_string() }),
        set_name: mac.map(|_| name.to_owned()),
        ..Ethernet::default()
    }
}

/// The card whose connection carries the resolvers: that of the default route, else the first.
pub(super) fn resolving(node: &Node) -> Option<&Interface> {
    let default =
        node.routes.iter().find(|route| route.destination.prefix_len() == 0).map(|route| route.interface.as_str());
    let named = |interface: &&Interface| Some(interface.name.value.as_str()) == default || interface.gateway.is_some();
    let own = || node.interfaces.iter().filter(|interface| interface.link.is_own());
    own().find(named).or(own().next())
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
