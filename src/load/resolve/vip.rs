//! VIPs: who may hold them, and who serves what is offered on them.

use super::name::{is_label, is_plain, unknown};
use super::node::taken;
use super::{Members, Profiles, bad, role};
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::Spanned;
use crate::model::cluster::{Candidacy, Node, Vip, VipPort};
use crate::model::profile::cluster as profile;
use std::cmp::Reverse;
use std::collections::BTreeMap;

pub(super) fn resolve(profiles: &Profiles, nodes: &[Node], members: &Members<'_>, sink: &mut Sink) -> Vec<Vip> {
    let mut services = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut vips = Vec::new();
    for (name, vip) in &profiles.cluster.vips {
        for port in &vip.ports {
            if let Some(first) = services.insert(port.name.as_str(), port.name.span) {
                let message = format!("the service `{}` is declared twice", port.name);
                sink.push(taken(message, port.name.span, first, "it is declared here first"));
            }
        }
        if let Some(label) = &vip.dns_name {
            if !is_label(label) {
                let message =
                    format!("`{label}` is not a DNS name: lower-case letters, digits and inner `-`, at most 63");
                sink.push(bad(message, label.span));
            }
            if let Some(first) = names.insert(label.as_str(), label.span) {
                sink.push(taken(
                    format!("the DNS name `{label}` belongs to two VIPs"),
                    label.span,
                    first,
                    "it is claimed here first",
                ));
            }
        }
        vips.extend(one(profiles, name, vip, nodes, members, sink));
    }
    for node in nodes {
        if let Some(first) = names.get(node.hostname.as_str()) {
            let message = format!("the DNS name `{}` belongs to a VIP and to `{}`", node.hostname, node.name);
            sink.push(taken(message, node.span, *first, "the VIP claims it here"));
        }
    }
    vips
}

fn one(
    profiles: &Profiles,
    name: &str,
    vip: &Spanned<profile::Vip>,
    nodes: &[Node],
    members: &Members<'_>,
    sink: &mut Sink,
) -> Option<Vip> {
    let networks = &profiles.cluster.networks;
    if !is_plain(name) {
        sink.push(bad(format!("`{name}` is not a name of a VIP: letters, digits, `-`, `_` and `.`"), vip.span));
    }
    if vip.virtual_router_id.value == 0 {
        sink.push(bad("`0` is not a virtual router id: 1 to 255", vip.virtual_router_id.span));
    }
    if vip.advert_interval == 0 {
        sink.push(bad("`advert_interval` is at least one second", vip.span));
    }
    let network = networks.get(vip.network.as_str());
    match network {
        None => unknown("network", &vip.network, vip.network.span, networks.keys().map(String::as_str), sink),
        Some(network) => inside(vip, network, sink),
    }
    let candidates = candidates(profiles, name, vip, nodes, members, sink);
    let ports = ports(profiles, vip, nodes, members, sink);
    network?;
    Some(Vip {
        name: name.to_owned(),
        span: vip.span,
        network: vip.network.value.clone(),
        address: vip.address,
        virtual_router_id: vip.virtual_router_id,
        advert_interval: vip.advert_interval,
        candidates,
        dns_name: vip.dns_name.clone(),
        ports,
    })
}

fn inside(vip: &profile::Vip, network: &Spanned<profile::Network>, sink: &mut Sink) {
    let (cidr, address) = (&network.cidr, &vip.address);
    let edge = cidr.prefix_len() < 31 && [cidr.network(), cidr.broadcast()].contains(&address.value);
    if !cidr.contains(&address.value) || edge {
        let message = format!("the VIP `{address}` is not an address of the network `{}` (`{cidr}`)", vip.network);
        let diagnostic = Diagnostic::new(Code::AddressOutsideNetwork, message).at(address.span);
        sink.push(diagnostic.related(cidr.span, format!("`{}` is `{cidr}`", vip.network)));
    }
    if let Some(gateway) = network.gateway.filter(|gateway| gateway.value == address.value) {
        let message = format!("the VIP `{address}` is the gateway of the network `{}`", vip.network);
        sink.push(taken(message, address.span, gateway.span, "the gateway is declared here"));
    }
}

/// The VRRP priority of a node for a VIP.
fn priority(profiles: &Profiles, node: &Node, vip: &str) -> Option<Spanned<u8>> {
    let written = &profiles.nodes.get(&node.name)?.content.as_ref()?.vrrp_priority;
    written.get(vip).or_else(|| written.get("default")).copied()
}

fn candidates(
    profiles: &Profiles,
    name: &str,
    vip: &Spanned<profile::Vip>,
    nodes: &[Node],
    members: &Members<'_>,
    sink: &mut Sink,
) -> Vec<String> {
    if !role::known(profiles, &vip.candidates, sink) {
        return Vec::new();
    }
    let mut found: Vec<(u8, &str)> = Vec::new();
    let members = members.get(vip.candidates.as_str()).map_or(&[][..], Vec::as_slice);
    for node in members.iter().map(|at| &nodes[*at]) {
        if profiles.cluster.networks.contains_key(vip.network.as_str())
            && !node.interfaces.iter().any(|card| card.network.value == vip.network.value)
        {
            let message = format!(
                "`{}` may hold the VIP `{name}`, but is not attached to the network `{}`",
                node.name, vip.network
            );
            let diagnostic = Diagnostic::new(Code::AddressOutsideNetwork, message).at(node.span);
            sink.push(diagnostic.related(vip.network.span, format!("`{name}` belongs to `{}`", vip.network)));
        }
        if let Some(priority) = priority(profiles, node, name) {
            found.push((priority.value, &node.name));
        } else {
            let message = format!("the key `vrrp_priority` is missing: `{}` may hold the VIP `{name}`", node.name);
            let role = format!("every node with the role `{}` may hold it", vip.candidates);
            let hint = "write `vrrp_priority: {default: 100}`; the highest that lives holds the VIP";
            let diagnostic = Diagnostic::new(Code::MissingKey, message).at(node.span);
            sink.push(diagnostic.related(vip.candidates.span, role).hint(hint));
        }
    }
    if members.is_empty() && profiles.complete() {
        let message = format!("nobody can hold the VIP `{name}`: no node has the role `{}`", vip.candidates);
        sink.push(bad(message, vip.candidates.span));
    }
    found.sort_by_key(|(priority, name)| (Reverse(*priority), *name));
    found.into_iter().map(|(_, name)| name.to_owned()).collect()
}

fn ports(
    profiles: &Profiles,
    vip: &Spanned<profile::Vip>,
    nodes: &[Node],
    members: &Members<'_>,
    sink: &mut Sink,
) -> Vec<VipPort> {
    let mut used = BTreeMap::new();
    let mut ports = Vec::new();
    for port in &vip.ports {
        if !port.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) || port.name.is_empty() {
            sink.push(bad(
                format!("`{}` is not a name of a service: letters, digits, `-` and `_`", port.name),
                port.name.span,
            ));
        }
        for number in [Some(&port.port), port.backend_port.as_ref()].into_iter().flatten() {
            if number.value == 0 {
                sink.push(bad("`0` is not a port: ports are 1 to 65535", number.span));
            }
        }
        if let Some(first) = used.insert(port.port.value, port.port.span) {
            let message = format!("the port `{}` is offered twice on this VIP", port.port);
            sink.push(taken(message, port.port.span, first, "it is offered here first"));
        }
        let known = role::known(profiles, &port.backends, sink);
        let backends = members.get(port.backends.as_str()).map_or(&[][..], Vec::as_slice);
        if known && backends.is_empty() && profiles.complete() {
            let message = format!("nobody serves `{}`: no node has the role `{}`", port.name, port.backends);
            sink.push(bad(message, port.backends.span));
        }
        ports.push(VipPort {
            name: port.name.clone(),
            port: port.port,
            backend_port: port.backend_port.map_or(port.port.value, |number| number.value),
            role: port.backends.clone(),
            backends: backends.iter().map(|at| nodes[*at].name.clone()).collect(),
            check: port.check.value,
        });
    }
    ports
}

/// Notes in a node which VIPs it may hold, and on which cards.
pub(super) fn join(profiles: &Profiles, vips: &[Vip], node: &mut Node) {
    for vip in vips {
        if !profiles.cluster.vips.get(&vip.name).is_some_and(|profile| node.has_role(&profile.candidates)) {
            continue;
        }
        let priority = priority(profiles, node, &vip.name);
        let card = node.interfaces.iter_mut().find(|card| card.network.value == vip.network);
        if let (Some(priority), Some(card)) = (priority, card) {
            card.carries_vip = true;
            node.vips.push(Candidacy { vip: vip.name.clone(), interface: card.name.value.clone(), priority });
        }
    }
}
