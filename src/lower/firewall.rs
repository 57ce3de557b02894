//! What a node listens on to an nftables ruleset (nft(8)) and the unit that loads it.

use super::assemble::Assembly;
use super::router;
use super::unit::{UnitText, banner};
use crate::model::Part;
use crate::model::cluster::{Cluster, Listen, Node};
use crate::model::ignition::Unit;
use crate::model::profile::cluster::Protocol;
use crate::model::profile::node::Os;
use ipnet::Ipv4Net;
use std::fmt::Write;

/// Where the rules are.
pub const RULES: &str = "/etc/nftables/bake.nft";
/// The unit that loads them.
pub const UNIT: &str = "bake-firewall.service";

const NFT: &str = "/usr/sbin/nft";
/// UDP port of Flannel's VXLAN tunnel (K3s' default back end).
const FLANNEL: u16 = 8472;
/// Services of EL that cannot live beside bake's rules. firewalld rejects in its own table what is accepted here;
/// nftables.service flushes everybody's rules when it stops or reloads.
const RIVALS: [&str; 2] = ["firewalld.service", "nftables.service"];

/// Before the listens: what every machine needs. `related` covers the ICMP errors of known connections; echo
/// is limited, so that a flood costs little. Neighbour discovery keeps IPv6 alive on links that have it.
const BASE: &str = r#"        ct state established,related accept
        ct state invalid drop
        iifname "lo" accept
        icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
        icmp type echo-request limit rate 20/second burst 50 packets accept
        icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept
"#;

/// The ruleset and its unit; on EL also masks for the services that would fight it.
///
/// The node's own input is filtered. What it forwards (pods, services) is left to the kernel and to kube-proxy, whose
/// chains are in tables of their own, but for what a router with an uplink keeps out ([`router`]).
pub fn part(node: &Node, cluster: &Cluster) -> Part {
    let mut part = Assembly::new(node.span);
    let span = node.listens.first().map_or(node.span, |listen| listen.name.span);
    part.file(RULES, 0o644, &ruleset(node, cluster), span);
    let enabled = Some(true);
    part.unit(Unit { name: UNIT.to_owned(), contents: Some(unit(node)), enabled, ..Unit::default() }, node.span);
    if node.os != Os::Flatcar {
        for name in RIVALS {
            part.unit(Unit { name: name.to_owned(), mask: Some(true), ..Unit::default() }, node.span);
        }
    }
    part.finish()
}

fn ruleset(node: &Node, cluster: &Cluster) -> String {
    let mut text = banner(&node.name);
    // Declared, deleted and defined in one transaction: right whether or not the table exists, and never a moment
    // without rules. The tables of Docker, K3s and libvirt are not touched.
    let guard = router::bridge(node, cluster);
    text.push_str("table inet bake\ndelete table inet bake\n");
    if guard.is_some() {
        text.push_str("table bridge bake\ndelete table bridge bake\n");
    }
    text.push_str("\ntable inet bake {\n    chain input {\n");
    text.push_str("        type filter hook input priority filter; policy drop;\n");
    text.push_str(BASE);
    if node.listens.iter().any(|listen| listen.protocol == Protocol::Udp && covers(listen, FLANNEL)) {
        text.push_str("        iifname { \"cni0\", \"flannel.1\" } accept comment \"pods of this cluster\"\n");
    }
    for listen in &node.listens {
        let _ = writeln!(text, "        {}", rule(listen));
    }
    text.push_str("    }\n");
    text.push_str(&router::chains(node, cluster));
    text.push_str("}\n");
    text.push_str(&guard.unwrap_or_default());
    text
}

fn covers(listen: &Listen, port: u16) -> bool {
    listen.ports.is_some_and(|(first, last)| (first..=last).contains(&port))
}

/// One rule. Protocols are numbers where names would need `/etc/protocols`, which small images lack.
fn rule(listen: &Listen) -> String {
    let what = match (listen.protocol, listen.ports) {
        (Protocol::Tcp, Some(ports)) => format!("tcp dport {}", range(ports)),
        (Protocol::Udp, Some(ports)) => format!("udp dport {}", range(ports)),
        (Protocol::Tcp, None) => "meta l4proto 6".to_owned(),
        (Protocol::Udp, None) => "meta l4proto 17".to_owned(),
        (Protocol::Icmp, _) => "icmp type echo-request".to_owned(),
        (Protocol::Vrrp, _) => "meta l4proto 112".to_owned(),
    };
    format!("{}{what} accept comment \"{}\"", from(&listen.sources), comment(&listen.name))
}

pub(super) fn range((first, last): (u16, u16)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// The sources as a match, nothing for everybody. Without those that lie within others: nft refuses sets whose
/// elements overlap.
pub(super) fn from(sources: &[Ipv4Net]) -> String {
    let mut sources = sources.to_vec();
    // A network sorts right before what lies within it.
    sources.sort_unstable();
    sources.dedup_by(|inner, outer| outer.contains(&*inner));
    if sources.iter().any(|source| source.prefix_len() == 0) {
        return String::new();
    }
    let names: Vec<String> = sources
        .iter()
        .map(|source| if source.prefix_len() == 32 { source.addr().to_string() } else { source.to_string() })
        .collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!("ip saddr {one} "),
        many => format!("ip saddr {{ {} }} ", many.join(", ")),
    }
}

/// `name` as nft takes it within quotes: no quote, no control character, at most 128 bytes.
pub(super) fn comment(name: &str) -> String {
    let clean = name.replace(|c: char| c.is_control() || c == '"' || c == '\\', " ");
    let mut end = clean.len().min(100);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    clean[..end].to_owned()
}

/// Loads the rules before any network is configured. No `Conflicts=shutdown.target`: while services are being
/// stopped, the machine stays closed.
fn unit(node: &Node) -> String {
    let mut text = UnitText::new(&node.name);
    text.section("Unit")
        .set("Description", "Packet filter of this machine (table inet bake)")
        .set("Documentation", "man:nft(8)")
        .set("DefaultDependencies", "no")
        .set("After", "local-fs.target systemd-modules-load.service")
        .set("Before", "network-pre.target")
        .set("Wants", "network-pre.target");
    text.section("Service")
        .set("Type", "oneshot")
        .set("RemainAfterExit", "yes")
        .set("ExecStart", format!("{NFT} -f {RULES}"))
        .set("ExecReload", format!("{NFT} -f {RULES}"))
        .set("ExecStop", format!("{NFT} delete table inet bake"));
    if router::guards(node) {
        text.set("ExecStop", format!("-{NFT} delete table bridge bake"));
    }
    text.section("Install").set("WantedBy", "multi-user.target");
    text.finish()
}
