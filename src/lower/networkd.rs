//! Cluster model to systemd-networkd files and drop-ins (systemd.network(5), systemd.link(5)), for Flatcar.

use super::assemble::Assembly;
use super::unit::UnitText;
use crate::model::cluster::{Cluster, Interface, Link, Node, Route};
use crate::model::profile::node::BridgePort;
use crate::model::{Part, Spanned};
use std::cmp::Reverse;
use std::net::Ipv4Addr;

const FOLDER: &str = "/etc/systemd/network";

/// One `10-<interface>.network` for each card, and below `10-<interface>.network.d/` one drop-in for each route.
///
/// The number makes them win over Flatcar's `zz-default.network` (the first file that matches a link is the only
/// one used). Nothing here restarts networkd: that would take the VIPs away.
pub fn part(node: &Node, cluster: &Cluster) -> Part {
    let mut part = Assembly::new(node.span);
    for interface in node.interfaces.iter().filter(|interface| interface.link.is_own()) {
        let stem = format!("{FOLDER}/10-{}", interface.name);
        if let Link::Bridge(ports) = &interface.link {
            bridge(&mut part, node, interface, ports);
        }
        if let Some(text) = link(node, interface) {
            part.file(&format!("{stem}.link"), 0o644, &text, interface.name.span);
        }
        part.file(&format!("{stem}.network"), 0o644, &network(node, cluster, interface), interface.name.span);
        for route in node.routes.iter().filter(|route| route.interface == interface.name.value) {
            if !is_gateway(interface, route) {
                let path = format!("{stem}.network.d/20-{}.conf", topic(route));
                part.file(&path, 0o644, &drop_in(node, route), route.span);
            }
        }
    }
    part.finish()
}

/// The bridge itself, and its ports, each found by its Ethernet address.
fn bridge(part: &mut Assembly, node: &Node, interface: &Interface, ports: &[Spanned<BridgePort>]) {
    let mut text = UnitText::new(&node.name);
    text.section("NetDev").set("Name", &interface.name).set("Kind", "bridge");
    // A new port would wait for half a minute.
    text.section("Bridge").set("STP", "no");
    part.file(&format!("{FOLDER}/10-{}.netdev", interface.name), 0o644, &text.finish(), interface.name.span);
    for port in ports {
        let mut text = UnitText::new(&node.name);
        text.section("Match").set("MACAddress", port.mac).set("Type", "ether");
        if let Some(mtu) = interface.mtu {
            text.section("Link").set("MTUBytes", mtu);
        }
        text.section("Network").set("Bridge", &interface.name);
        part.file(&format!("{FOLDER}/10-{}.network", port.name), 0o644, &text.finish(), port.name.span);
    }
}

/// Whether the route is the one that `Gateway=` in the interface's own file says in full. Said twice, it is two.
fn is_gateway(interface: &Interface, route: &Route) -> bool {
    let same = interface.gateway.as_ref().is_some_and(|gateway| gateway.value == route.gateway);
    same && route.destination.prefix_len() == 0 && !route.on_link
}

/// Renames the card, unless its name is one of the kernel's own, which Flatcar leaves to virtio cards.
///
/// Swapping names within `eth*` cannot be done: another card holds the name at that moment.
fn link(node: &Node, interface: &Interface) -> Option<String> {
    let number = interface.name.strip_prefix("eth");
    let kernel = number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    let mac = interface.mac.as_ref().filter(|_| !kernel)?;
    let mut text = UnitText::new(&node.name);
    text.section("Match").set("MACAddress", mac);
    text.section("Link").set("Name", &interface.name);
    Some(text.finish())
}

fn network(node: &Node, cluster: &Cluster, interface: &Interface) -> String {
    let mut text = UnitText::new(&node.name);
    text.section("Match");
    match &interface.mac {
        // With several cards their order, and so their names, are not guaranteed.
        Some(mac) => text.set("MACAddress", mac),
        None => text.set("Name", &interface.name),
    };
    if let Some(mtu) = interface.mtu {
        text.section("Link").set("MTUBytes", mtu);
    }
    text.section("Network").set("Address", format!("{}/{}", interface.address, interface.cidr.prefix_len()));
    let mut own = node.routes.iter().filter(|route| route.interface == interface.name.value);
    if let Some(route) = own.find(|route| is_gateway(interface, route)) {
        text.set("Gateway", route.gateway);
    }
    let servers: Vec<_> =
        node.dns_servers.iter().filter(|server| towards(node, ***server) == Some(interface)).collect();
    for server in &servers {
        text.set("DNS", server);
    }
    if !servers.is_empty() {
        text.set("Domains", &cluster.profile.domain);
    }
    if interface.carries_vip {
        text.comment("Keepalived's addresses stay when networkd restarts.");
        text.set("KeepConfiguration", "static");
    }
    text.comment("No IPv6 here: waiting for a router's advertisement would hold up the boot.");
    text.set("IPv6AcceptRA", "no").set("LinkLocalAddressing", "no");
    text.finish()
}

/// The card through which an address is reached: that of the most specific network or route, else the first.
/// Resolvers must stand at theirs, because systemd-resolved asks a card's resolvers through that card only.
fn towards(node: &Node, address: Ipv4Addr) -> Option<&Interface> {
    let connected = node.interfaces.iter().map(|card| (card.cidr, &card.name.value));
    let routed = node.routes.iter().map(|route| (route.destination, &route.interface));
    let ways = connected.chain(routed).filter(|(net, _)| net.contains(&address));
    let (_, name) = ways.min_by_key(|(net, _)| Reverse(net.prefix_len())).or_else(|| {
        let first = node.interfaces.first()?;
        Some((first.cidr, &first.name.value))
    })?;
    node.interfaces.iter().find(|card| card.name.value == *name)
}

/// What a route's drop-in is called after.
fn topic(route: &Route) -> String {
    match route.destination.prefix_len() {
        0 => "default".to_owned(),
        length => format!("{}-{length}", route.destination.network()),
    }
}

fn drop_in(node: &Node, route: &Route) -> String {
    let mut text = UnitText::new(&node.name);
    text.comment(&route.reason);
    text.section("Route").set("Destination", route.destination).set("Gateway", route.gateway);
    if route.on_link {
        // Without it networkd never sends a route whose gateway lies in no connected network, and says nothing.
        text.set("GatewayOnLink", "yes");
    }
    text.finish()
}
