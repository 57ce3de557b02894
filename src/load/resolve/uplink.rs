//! The way to the Internet: whether the node can be a router there, and whom its ports lead to.

use super::cluster::port;
use super::name::unknown;
use super::{Profiles, bad};
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::Spanned;
use crate::model::cluster::{Node, PortMap, Uplink, Vip};
use crate::model::profile::cluster::Protocol;
use crate::model::profile::node;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub(super) fn resolve(
    profiles: &Profiles,
    nodes: &[Node],
    vips: &[Vip],
    node: &Node,
    sink: &mut Sink,
) -> Option<Uplink> {
    let content = profiles.nodes.get(&node.name)?.content.as_ref()?;
    let written = content.uplink.as_ref()?;
    if !content.router {
        let found = bad(format!("`{}` is no router, so it has no `uplink`", node.name), written.span);
        sink.push(found.hint("write `router: true`"));
    }
    if node.outward().is_none() {
        let message = format!("`{}` has no default route: nothing leads to the Internet", node.name);
        sink.push(
            Diagnostic::new(Code::NoRouter, message).at(written.span).hint("give one of its networks a `gateway`"),
        );
    }
    let mut seen = BTreeMap::new();
    for map in &written.port_map {
        if let Some(first) = seen.insert((map.protocol, map.port.value), map.port.span) {
            let message = format!("the port `{}` is passed on twice", map.port);
            sink.push(super::node::taken(message, map.port.span, first, "it is passed on here first"));
        }
    }
    let port_map = written.port_map.iter().filter_map(|map| self::map(profiles, nodes, vips, map, sink)).collect();
    Some(Uplink { masquerade: written.masquerade, port_map, span: written.span })
}

fn map(
    profiles: &Profiles,
    nodes: &[Node],
    vips: &[Vip],
    map: &Spanned<node::PortMap>,
    sink: &mut Sink,
) -> Option<PortMap> {
    if !matches!(map.protocol, Protocol::Tcp | Protocol::Udp) {
        sink.push(bad(format!("`{}` has no ports that could be passed on", map.protocol), map.span));
        return None;
    }
    port(map.protocol, Some(&map.port), map.span, sink);
    let to_port = map.to_port.unwrap_or(map.port);
    port(map.protocol, Some(&to_port), map.span, sink);
    let span = map.to.span;
    let address = match map.to.split_once(':') {
        Some(("vip", name)) => {
            let Some(vip) = vips.iter().find(|vip| vip.name == name) else {
                unknown("VIP", name, span, profiles.cluster.vips.keys().map(String::as_str), sink);
                return None;
            };
            if !vip.ports.iter().any(|offered| offered.port.value == to_port.value) {
                let message = format!("the VIP `{name}` offers nothing on port `{to_port}`");
                sink.push(bad(message, to_port.span).related(vip.span, "the VIP is declared here"));
            }
            vip.address.value
        }
        Some(("node", name)) => {
            let Ok(at) = nodes.binary_search_by(|node| node.name.as_str().cmp(name)) else {
                unknown("node", name, span, profiles.nodes.keys().map(String::as_str), sink);
                return None;
            };
            nodes[at].address()?
        }
        _ => {
            let Ok(address) = map.to.parse::<Ipv4Addr>() else {
                let found = bad(format!("`{}` is nobody that a port could lead to", map.to), span);
                sink.push(found.hint("write `vip:<name>`, `node:<name>` or an address"));
                return None;
            };
            address
        }
    };
    let reason = map.reason.as_ref().map_or_else(|| map.to.value.clone(), |reason| reason.value.clone());
    Some(PortMap { port: map.port.value, protocol: map.protocol, address, to_port: to_port.value, reason })
}
