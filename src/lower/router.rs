//! What a router does towards the Internet, as chains of nftables beside the node's own input.
//!
//! Three promises: nobody out there opens connections inwards, but through the port map; the cluster's private addresses
//! get the router's own on their way out, and stay what they are on every other way; a service of a VIP that is not for
//! everybody is not for the Internet either, although the balancers share the bridge with the way out.

use super::firewall::{comment, from, range};
use crate::model::cluster::{Cluster, Interface, Link, Node, Uplink, Vip, VipPort};
use crate::model::profile::cluster::Protocol;
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Addresses that are never routed on the Internet (RFC 1918, RFC 6598, RFC 3927, loopback, multicast); the topology's
/// `is_private` says the same.
const PRIVATE: &str =
    "10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 224.0.0.0/4";

fn uplink(node: &Node) -> Option<(&Uplink, &Interface)> {
    Some((node.uplink.as_ref()?, node.outward()?))
}

/// Whether it also looks at what crosses its bridge.
pub(super) fn guards(node: &Node) -> bool {
    uplink(node).is_some_and(|(_, card)| matches!(card.link, Link::Bridge(_)))
}

/// The chains of the table `inet bake`; nothing for a node without an uplink.
pub(super) fn chains(node: &Node, cluster: &Cluster) -> String {
    let Some((uplink, card)) = uplink(node) else { return String::new() };
    let name = &card.name;
    let mut text =
        String::from("\n    # Whatever is accepted here, the tables of others (libvirt's) still have their word.\n");
    text.push_str("    chain forward {\n        type filter hook forward priority filter; policy accept;\n");
    // With br_netfilter loaded, frames that only cross the bridge come by here as well.
    let _ = writeln!(text, "        iifname \"{name}\" oifname \"{name}\" accept comment \"stays outside\"");
    text.push_str("        ct state established,related accept\n        ct state invalid drop\n");
    if !uplink.port_map.is_empty() {
        text.push_str("        ct status dnat accept comment \"port map\"\n");
    }
    let own: Vec<String> = inside(cluster).iter().map(ToString::to_string).collect();
    let _ = writeln!(
        text,
        "        iifname \"{name}\" ip saddr != {{ {} }} drop comment \"nobody from outside opens connections\"",
        own.join(", ")
    );
    let _ = writeln!(text, "        iifname \"{name}\" meta nfproto ipv6 drop\n    }}");
    if !uplink.port_map.is_empty() {
        text.push_str("\n    chain prerouting {\n        type nat hook prerouting priority dstnat; policy accept;\n");
        for map in &uplink.port_map {
            let (address, port, to, to_port) = (card.address.value, map.port, map.address, map.to_port);
            let what = comment(&map.reason);
            let protocol = if map.protocol == Protocol::Udp { "udp" } else { "tcp" };
            let _ = writeln!(
                text,
                "        ip daddr {address} {protocol} dport {port} dnat ip to {to}:{to_port} comment \"{what}\""
            );
        }
        text.push_str("    }\n");
    }
    if uplink.masquerade || !uplink.port_map.is_empty() {
        text.push_str("\n    chain postrouting {\n        type nat hook postrouting priority srcnat; policy accept;\n");
        if !uplink.port_map.is_empty() {
            let _ = writeln!(
                text,
                "        ct status dnat iifname \"{name}\" oifname \"{name}\" masquerade comment \"answers come back this way\""
            );
        }
        if uplink.masquerade {
            let _ = writeln!(
                text,
                "        oifname \"{name}\" ip saddr {{ {PRIVATE} }} ip saddr != {} ip daddr != {{ {PRIVATE} }} masquerade comment \"to the Internet only\"",
                card.cidr
            );
        }
        text.push_str("    }\n");
    }
    text
}

/// The table `bridge bake`: what crosses the uplink's bridge to a VIP that is not for everybody. `None` where the uplink
/// is no bridge.
pub(super) fn bridge(node: &Node, cluster: &Cluster) -> Option<String> {
    let (_, card) = uplink(node).filter(|_| guards(node))?;
    let mut text = String::from("\ntable bridge bake {\n    chain forward {\n");
    text.push_str("        type filter hook forward priority filter; policy accept;\n");
    for vip in cluster.vips.iter().filter(|vip| vip.network == card.network.value) {
        for port in &vip.ports {
            let Some(sources) = clients(cluster, vip, port) else { continue };
            let source = from(&sources).replacen("ip saddr ", "ip saddr != ", 1);
            let (address, number, what) = (vip.address, port.port.value, comment(&vip.name));
            let _ = writeln!(
                text,
                "        ip daddr {address} tcp dport {} {source}drop comment \"{what}\"",
                range((number, number))
            );
        }
    }
    text.push_str("    }\n}\n");
    Some(text)
}

/// Who may connect to a service of a VIP: whoever its candidates let in. `None` if that is everybody.
fn clients(cluster: &Cluster, vip: &Vip, port: &VipPort) -> Option<Vec<Ipv4Net>> {
    let mut sources = BTreeSet::new();
    for node in vip.candidates.iter().filter_map(|name| cluster.node(name)) {
        let open = node.listens.iter().filter(|listen| {
            let covers = listen.ports.is_some_and(|(first, last)| (first..=last).contains(&port.port.value));
            listen.protocol == Protocol::Tcp && covers
        });
        for listen in open {
            if listen.sources.is_empty() {
                return None;
            }
            sources.extend(listen.sources.iter().copied());
        }
    }
    (!sources.is_empty()).then(|| sources.into_iter().collect())
}

/// The cluster's own addresses, without those that lie within others: nft refuses sets whose elements overlap.
fn inside(cluster: &Cluster) -> Vec<Ipv4Net> {
    let profile = &cluster.profile;
    let mut nets: Vec<Ipv4Net> = profile.networks.values().map(|network| network.cidr.value).collect();
    nets.extend(profile.pods.as_ref().map(|pods| pods.cidr.value));
    nets.sort_unstable();
    nets.dedup_by(|inner, outer| outer.contains(&*inner));
    nets
}
