//! A node's own facts: names, cards, default gateway, resolvers; and what no two nodes may share.

use super::cluster::INTERFACE_NAME;
use super::name::{is_label, is_plain, unknown};
use super::{Profile, Profiles, bad, machine};
use crate::diag::{Code, Diagnostic, Sink, Span};
use crate::model::Spanned;
use crate::model::cluster::{Interface, Link, Node};
use crate::model::profile::NodeProfile;
use crate::model::profile::cluster::{IgnitionVersion, Network, NetworkMode};
use crate::model::profile::node;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Everything about a node that does not depend on other nodes or on its roles.
pub(super) fn resolve(
    profiles: &Profiles,
    name: &str,
    profile: &Profile<NodeProfile>,
    content: &NodeProfile,
    sink: &mut Sink,
) -> Node {
    let cluster = &profiles.cluster;
    let hostname = content.hostname.as_ref().map_or(name, |hostname| hostname.as_str());
    if let Some(written) = &content.hostname
        && !is_label(written)
    {
        let message = format!("`{written}` is not a host name: lower-case letters, digits and inner `-`, at most 63");
        sink.push(bad(message, written.span));
    }
    roles(profiles, content, sink);
    for (vip, priority) in &content.vrrp_priority {
        if vip != "default" && !cluster.vips.contains_key(vip) {
            let known = cluster.vips.keys().map(String::as_str).chain(["default"]);
            unknown("VIP", vip, priority.span, known, sink);
        }
        if !(1..=254).contains(&priority.value) {
            sink.push(bad(format!("`{priority}` is not a VRRP priority: 1 to 254"), priority.span));
        }
    }
    if let Some(machine) = &content.machine {
        machine::hardware(machine, sink);
    }
    if content.build && content.interfaces.is_empty() {
        let message = "the key `interfaces` is missing: nobody could reach this machine";
        sink.push(Diagnostic::new(Code::MissingKey, message).at(profile.span));
    }
    let interfaces = interfaces(profiles, content, sink);
    let dns_servers = interfaces
        .first()
        .and_then(|card| cluster.networks.get(card.network.as_str()))
        .map(|network| &network.dns_servers)
        .filter(|servers| !servers.is_empty())
        .unwrap_or(&cluster.dns_servers)
        .clone();
    let ignition = content.ignition.or(cluster.ignition).map_or(IgnitionVersion::V3_4_0, |version| version.value);
    let roles = content.roles.iter().filter(|role| profiles.roles.contains_key(role.as_str())).cloned().collect();
    Node {
        name: name.to_owned(),
        span: profile.span,
        description: content.description.as_ref().map(|text| text.value.clone()),
        hostname: hostname.to_owned(),
        fqdn: format!("{hostname}.{}", cluster.domain),
        os: content.os.value,
        build: content.build,
        router: content.router,
        uplink: None,
        roles,
        ignition,
        interfaces,
        routes: Vec::new(),
        dns_servers,
        vips: Vec::new(),
        fragments: Vec::new(),
        sysctls: BTreeMap::new(),
        kernel_modules: Vec::new(),
        listens: Vec::new(),
        containers: BTreeMap::new(),
        services: BTreeMap::new(),
        extensions: BTreeMap::new(),
        requires: Vec::new(),
        values: content.values.clone(),
        machine: content.machine.clone(),
        inputs: vec![profiles.path.clone(), profile.path.clone()],
    }
}

fn roles(profiles: &Profiles, content: &NodeProfile, sink: &mut Sink) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for role in &content.roles {
        let Some(profile) = profiles.roles.get(role.as_str()) else {
            unknown("role", role, role.span, profiles.role_names(), sink);
            continue;
        };
        if let Some(first) = seen.insert(role, role.span) {
            sink.push(
                bad(format!("the role `{role}` is listed twice"), role.span).related(first, "it is listed here first"),
            );
        }
        let Some(allowed) = profile.content.as_ref().map(|profile| &profile.os) else { continue };
        if let Some(first) = allowed.first()
            && !allowed.iter().any(|os| os.value == content.os.value)
        {
            let message = format!("the role `{role}` does not run on `{}`", content.os);
            sink.push(bad(message, role.span).related(first.span, "it runs on these operating systems"));
        }
    }
}

fn interfaces(profiles: &Profiles, content: &NodeProfile, sink: &mut Sink) -> Vec<Interface> {
    let networks = &profiles.cluster.networks;
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    let mut interfaces = Vec::new();
    let default = default_route(profiles, content, sink);
    for (at, card) in content.interfaces.iter().enumerate() {
        let name = &card.name;
        if name.len() > INTERFACE_NAME || !is_plain(name) || name.as_str() == "." || name.as_str() == ".." {
            let message = format!(
                "`{name}` is not a name of an interface: at most {INTERFACE_NAME} letters, digits, `-`, `_` and `.`"
            );
            sink.push(bad(message, name.span));
        }
        if let Some(first) = names.insert(name, name.span) {
            sink.push(taken(
                format!("the interface `{name}` is described twice"),
                name.span,
                first,
                "it is described here first",
            ));
        }
        if let Some(mtu) = &card.mtu
            && mtu.value < 576
        {
            sink.push(bad(format!("`{mtu}` is smaller than every IPv4 network takes (576)"), mtu.span));
        }
        let Some(network) = networks.get(card.network.as_str()) else {
            unknown("network", &card.network, card.network.span, networks.keys().map(String::as_str), sink);
            continue;
        };
        inside(network, card, content.router, sink);
        let link = link(network, card);
        if content.build && link == Link::Card && card.mac.is_none() {
            let message = format!("the key `mac` is missing: the interface `{name}` is found by it at first boot");
            let mut found = Diagnostic::new(Code::MissingKey, message).at(card.span);
            if network.bridge.value == name.value {
                found = found.hint(format!("write `ports` if `{name}` is a bridge of this machine's own"));
            }
            sink.push(found);
        }
        ports(card, &mut names, sink);
        interfaces.push(Interface {
            name: name.clone(),
            network: card.network.clone(),
            cidr: network.cidr.value,
            address: card.address,
            mac: card.mac,
            gateway: if default == Some(at) { network.gateway } else { None },
            mtu: card.mtu.map(|mtu| mtu.value),
            carries_vip: false,
            link,
        });
    }
    interfaces
}

/// What a card is. The host's end of a network has the name of the network's bridge.
fn link(network: &Network, card: &node::Interface) -> Link {
    let host = card.mac.is_none() && network.bridge.value == card.name.value;
    match network.mode.value {
        _ if !card.ports.is_empty() => Link::Bridge(card.ports.clone()),
        NetworkMode::Tunnel => Link::Tunnel,
        NetworkMode::Route | NetworkMode::Open | NetworkMode::Nat | NetworkMode::Isolated if host => Link::Libvirt,
        _ => Link::Card,
    }
}

/// The ports of a bridge are interfaces, too, and a bridge has no address of its own to be found by.
fn ports<'a>(card: &'a node::Interface, names: &mut BTreeMap<&'a str, Span>, sink: &mut Sink) {
    if let (Some(mac), Some(first)) = (&card.mac, card.ports.first()) {
        let found = bad(format!("a bridge such as `{}` is not found by a `mac`", card.name), mac.span);
        sink.push(found.related(first.span, "its ports are").hint("remove it"));
    }
    for port in &card.ports {
        let name = &port.name;
        if name.len() > INTERFACE_NAME || !is_plain(name) {
            sink.push(bad(format!("`{name}` is not a name of an interface"), name.span));
        }
        if let Some(first) = names.insert(name, name.span) {
            let message = format!("the interface `{name}` is described twice");
            sink.push(taken(message, name.span, first, "it is described here first"));
        }
    }
}

/// Whether the card's address can be a machine's on its network.
fn inside(
    network: &Spanned<crate::model::profile::cluster::Network>,
    card: &node::Interface,
    router: bool,
    sink: &mut Sink,
) {
    let address = &card.address;
    let cidr = &network.cidr;
    let named = format!("`{}` is `{cidr}`", card.network);
    if !cidr.contains(&address.value) {
        let message = format!("the address `{address}` is not inside the network `{}` (`{cidr}`)", card.network);
        sink.push(Diagnostic::new(Code::AddressOutsideNetwork, message).at(address.span).related(cidr.span, named));
    } else if cidr.prefix_len() < 31 && [cidr.network(), cidr.broadcast()].contains(&address.value) {
        let message =
            format!("`{address}` is the address of the network `{}` itself, not one of a machine on it", card.network);
        let message =
            if cidr.network() == address.value { message } else { message.replace("itself", "for broadcasts") };
        sink.push(Diagnostic::new(Code::AddressOutsideNetwork, message).at(address.span).related(cidr.span, named));
    }
    if let Some(gateway) = &network.gateway
        && gateway.value == address.value
        && !router
    {
        let message = format!("`{address}` is the gateway of the network `{}`", card.network);
        sink.push(
            taken(message, address.span, gateway.span, "the gateway is declared here")
                .hint("write `router: true` if this node is that gateway"),
        );
    }
}

/// Position of the card that the default route goes through.
fn default_route(profiles: &Profiles, content: &NodeProfile, sink: &mut Sink) -> Option<usize> {
    let gateway = |card: &node::Interface| {
        let network = profiles.cluster.networks.get(card.network.as_str())?;
        network.gateway.filter(|gateway| gateway.value != card.address.value)
    };
    let mut asked = None;
    for (at, card) in content.interfaces.iter().enumerate() {
        let Some(wish) = card.default_route.filter(|wish| wish.value) else { continue };
        match asked {
            Some((_, first)) => sink.push(
                bad("a second interface asks for the default route", wish.span).related(first, "this one asks first"),
            ),
            None => asked = Some((at, wish.span)),
        }
        if profiles.cluster.networks.contains_key(card.network.as_str()) && gateway(card).is_none() {
            let message =
                format!("the default route cannot go through the network `{}`, which has no gateway", card.network);
            sink.push(Diagnostic::new(Code::NoRouter, message).at(wish.span));
        }
    }
    let refused = |card: &node::Interface| card.default_route.is_some_and(|wish| !wish.value);
    let first = || content.interfaces.iter().position(|card| !refused(card) && gateway(card).is_some());
    asked.map(|(at, _)| at).or_else(first)
}

/// A finding about two things that claim the same.
pub(super) fn taken(message: String, span: Span, first: Span, why: &str) -> Diagnostic {
    Diagnostic::new(Code::AddressTaken, message).at(span).related(first, why)
}

/// Reports host names, addresses, MACs and libvirt networks that two nodes, or a node and the cluster, both claim.
pub(super) fn unique(profiles: &Profiles, nodes: &[Node], sink: &mut Sink) {
    let mut libvirt: BTreeMap<&str, (&str, Span)> = BTreeMap::new();
    for (name, network) in profiles.cluster.networks.iter().filter(|(_, one)| one.mode.value != NetworkMode::Tunnel) {
        let (own, span) =
            network.libvirt.as_ref().map_or((name.as_str(), network.span), |own| (own.as_str(), own.span));
        if let Some((first, at)) = libvirt.insert(own, (name, span)) {
            let message = format!("`{own}` is what libvirt calls the network `{first}` and the network `{name}`");
            let found = taken(message, span, at, "the first one is declared here");
            sink.push(found.hint("give each of them a name of its own in `libvirt`"));
        }
    }
    let mut hostnames: BTreeMap<&str, (&str, Span)> = BTreeMap::new();
    let mut addresses: BTreeMap<Ipv4Addr, (String, Span)> = BTreeMap::new();
    let mut macs = BTreeMap::new();
    for (name, network) in &profiles.cluster.networks {
        for (reserved, entry) in &network.reservations {
            let owner = format!("the reservation `{reserved}` of the network `{name}`");
            claim(&mut macs, "MAC address", &entry.mac, &owner, sink);
            claim(&mut addresses, "address", &entry.address, &owner, sink);
        }
    }
    for node in nodes {
        // Where it is written, if it is not just the profile's name.
        let content = profiles.nodes.get(&node.name).and_then(|profile| profile.content.as_ref());
        let place = content.and_then(|content| content.hostname.as_ref()).map_or(node.span, |written| written.span);
        if let Some((first, span)) = hostnames.insert(&node.hostname, (&node.name, place)) {
            let message = format!("the host name `{}` belongs to `{first}` and to `{}`", node.hostname, node.name);
            let found = taken(message, place, span, "the first one is described here");
            sink.push(found.hint("write another `hostname`, or leave it out: the profile's name is one already"));
        }
        let owner = format!("`{}`", node.name);
        for card in &node.interfaces {
            claim(&mut addresses, "address", &card.address, &owner, sink);
            let ports = if let Link::Bridge(ports) = &card.link { &ports[..] } else { &[] };
            for mac in card.mac.iter().chain(ports.iter().map(|port| &port.mac)) {
                claim(&mut macs, "MAC address", mac, &owner, sink);
            }
        }
    }
    let mut numbers: BTreeMap<(&str, u8), (&str, Span)> = BTreeMap::new();
    for (name, vip) in &profiles.cluster.vips {
        claim(&mut addresses, "address", &vip.address, &format!("the VIP `{name}`"), sink);
        let number = vip.virtual_router_id;
        if let Some((other, first)) = numbers.insert((&vip.network, number.value), (name, number.span)) {
            let message =
                format!("the virtual router id `{number}` belongs to the VIPs `{other}` and `{name}` on one network");
            sink.push(taken(message, number.span, first, "the first one is declared here"));
        }
    }
}

fn claim<T: Copy + Ord + std::fmt::Display>(
    owners: &mut BTreeMap<T, (String, Span)>,
    what: &str,
    value: &Spanned<T>,
    owner: &str,
    sink: &mut Sink,
) {
    if let Some((first, span)) = owners.get(&value.value) {
        let message = format!("the {what} `{value}` belongs to {first} and to {owner}");
        sink.push(taken(message, value.span, *span, "it is claimed here first"));
    } else {
        owners.insert(value.value, (owner.to_owned(), value.span));
    }
}
