//! Bridges, cables, addresses, routes, settings and filters.

use super::super::libvirt::{self, Ruled};
use super::super::tree::Tree;
use super::stubs::{around, space_of};
use super::{Cable, HOST, INTERNET, Plan};
use crate::model::profile::node::Os;
use crate::model::summary::{Interface, Kind, Network, Node, Route, Summary, Surrounding};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// Networks that are not routed on the Internet (RFC 1918, RFC 6598).
const PRIVATE: &str = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10";

/// What the operating systems set by themselves and bake relies on: redhat-release's 50-redhat.conf, and Flatcar's
/// baselayout.
fn inherent(os: Os) -> &'static [(&'static str, &'static str)] {
    match os {
        Os::Almalinux | Os::Rocky => &[("net.ipv4.conf.default.rp_filter", "1")],
        Os::Flatcar => &[("net.ipv4.ip_forward", "1")],
    }
}

/// Lays everything but pods.
pub(super) fn lay(plan: &mut Plan) {
    let summary = plan.summary.clone();
    let trees = plan.trees.clone();
    let hosts = hosts(&summary);
    for (at, network) in summary.networks.iter().enumerate() {
        bridge(plan, &hosts, at, network);
    }
    for node in &summary.nodes {
        node_space(plan, &summary, &hosts, node, trees.get(&node.name));
    }
    let mut uplinks = 0;
    for surrounding in &summary.surroundings {
        surrounding_space(plan, &summary, &hosts, surrounding, &mut uplinks);
    }
    internet(plan, &summary);
    for (space, networks) in by_host(&summary, &hosts) {
        let ruled: Vec<Ruled<'_>> = networks
            .iter()
            .map(|network| Ruled { bridge: &network.bridge, cidr: network.cidr, mode: network.mode })
            .collect();
        plan.space(&space).rules.push_str(&libvirt::rules(&ruled));
    }
}

/// The namespace of each network's bridge: its host's, if the host's card on it is the bridge.
fn hosts(summary: &Summary) -> BTreeMap<String, String> {
    let host = |network: &Network| {
        let node = network.host.as_ref().and_then(|host| summary.nodes.iter().find(|node| node.name == *host));
        let own = node.filter(|node| node.interfaces.iter().any(|card| card.name == network.bridge));
        let implied = || {
            let on = |one: &&Surrounding| {
                one.kind == Kind::Host && one.interfaces.iter().any(|card| card.network == network.name)
            };
            summary.surroundings.iter().any(|one| on(&one)).then(|| HOST.to_owned())
        };
        own.map(|node| node.name.clone()).or_else(implied).unwrap_or_else(|| "switch:".to_owned())
    };
    summary.networks.iter().map(|network| (network.name.clone(), host(network))).collect()
}

fn by_host<'a>(summary: &'a Summary, hosts: &BTreeMap<String, String>) -> BTreeMap<String, Vec<&'a Network>> {
    let mut found: BTreeMap<String, Vec<&Network>> = BTreeMap::new();
    for network in &summary.networks {
        found.entry(hosts[&network.name].clone()).or_default().push(network);
    }
    found
}

/// A bridge with an Ethernet address of its own, as libvirt gives it one: otherwise it would take the lowest of its
/// ports', and change it as machines come and go.
fn bridge(plan: &mut Plan, hosts: &BTreeMap<String, String>, at: usize, network: &Network) {
    let space = plan.space(&hosts[&network.name]);
    let add = format!(
        "link add {} address 52:54:00:0b:{:02x}:{:02x} type bridge stp_state 0 forward_delay 0",
        network.bridge,
        at / 256,
        at % 256
    );
    let already = space.ip.lines().any(|line| line.starts_with(&format!("link add {} ", network.bridge)));
    if !already {
        let _ = writeln!(space.ip, "{add}\nlink set {} up", network.bridge);
        space.sysctls.push(("net.bridge.bridge-nf-call-iptables".to_owned(), "0".to_owned()));
    }
}

/// A cable from a card to the bridge of a network. Its far end is `vnet` and a number, as libvirt calls them.
fn plug(
    plan: &mut Plan,
    hosts: &BTreeMap<String, String>,
    network: &Network,
    space: &str,
    card: &str,
    mac: Option<String>,
) {
    let port = format!("vnet{}", plan.cables.len());
    plan.cables.push(Cable {
        space: space.to_owned(),
        card: card.to_owned(),
        mac,
        far: hosts[&network.name].clone(),
        port,
        bridge: Some(network.bridge.clone()),
    });
}

fn node_space(plan: &mut Plan, summary: &Summary, hosts: &BTreeMap<String, String>, node: &Node, tree: Option<&Tree>) {
    plan.space(&node.name);
    for (key, value) in inherent(node.os) {
        set(plan, &node.name, key, value);
    }
    for card in &node.interfaces {
        let Some(network) = summary.networks.iter().find(|network| network.name == card.network) else { continue };
        if !(card.name == network.bridge && hosts[&network.name] == node.name) {
            let baked = tree.and_then(|tree| tree.cards.iter().find(|own| own.name == card.name));
            let mac = baked.and_then(|own| own.mac.clone()).or_else(|| card.mac.clone());
            plug(plan, hosts, network, &node.name, &card.name, mac);
        }
    }
    if let Some(tree) = tree {
        baked(plan, node, tree);
    } else {
        set(plan, &node.name, "net.ipv4.ip_forward", if node.forwards { "1" } else { "0" });
        addresses(plan, &node.name, &node.interfaces);
        routes(plan, &node.name, &node.routes);
        masquerade(plan, node);
    }
}

/// The network as the machine's own files say it. What is not in them is for others to set up: libvirt gives its bridges
/// their addresses, WireGuard its tunnel; routes over those are made by units that wait for them.
fn baked(plan: &mut Plan, node: &Node, tree: &Tree) {
    let name = &node.name;
    for (key, value) in tree.sysctls.iter().filter(|(key, _)| key.starts_with("net.")) {
        set(plan, name, key, value);
    }
    let mut text = String::new();
    for own in &node.interfaces {
        let Some(card) = tree.cards.iter().find(|card| card.name == own.name && !card.addresses.is_empty()) else {
            addresses(plan, name, std::slice::from_ref(own));
            continue;
        };
        if let Some(mtu) = card.mtu {
            let _ = writeln!(text, "link set {} mtu {mtu}", card.name);
        }
        for address in &card.addresses {
            let _ = writeln!(text, "address add {address} brd + dev {}", card.name);
        }
        let _ = writeln!(text, "link set {} up", card.name);
    }
    for route in &tree.routes {
        let on_link = if route.on_link { " onlink" } else { "" };
        let _ = writeln!(text, "route add {} via {} dev {} proto static{on_link}", route.to, route.via, route.card);
    }
    plan.space(name).ip.push_str(&text);
    let alone = |route: &&Route| {
        let baked = tree.routes.iter().any(|own| own.to == route.to);
        let elsewhere = !tree.cards.iter().any(|card| card.name == route.interface && !card.addresses.is_empty());
        !baked && elsewhere
    };
    let others: Vec<Route> = node.routes.iter().filter(alone).cloned().collect();
    routes(plan, name, &others);
    if let Some(rules) = tree.files.get("/etc/nftables/bake.nft") {
        plan.space(name).rules.push_str(&String::from_utf8_lossy(&rules.bytes));
    }
}

fn set(plan: &mut Plan, space: &str, key: &str, value: &str) {
    plan.space(space).sysctls.push((key.to_owned(), value.to_owned()));
}

fn addresses(plan: &mut Plan, space: &str, cards: &[Interface]) {
    let mut text = String::new();
    for card in cards {
        let _ = writeln!(text, "address add {} brd + dev {}\nlink set {} up", card.address, card.name, card.name);
    }
    plan.space(space).ip.push_str(&text);
}

fn routes(plan: &mut Plan, space: &str, routes: &[Route]) {
    let mut text = String::new();
    for route in routes {
        let on_link = if route.on_link { " onlink" } else { "" };
        if let Some(via) = route.via {
            let _ = writeln!(text, "route add {} via {via} dev {}{on_link}", route.to, route.interface);
        }
    }
    plan.space(space).ip.push_str(&text);
}

/// A router that bake does not build masquerades the cluster's private addresses towards the Internet, and only there: the
/// model takes it to.
fn masquerade(plan: &mut Plan, node: &Node) {
    let Some(default) = node.routes.iter().find(|route| route.to.prefix_len() == 0).filter(|_| node.router) else {
        return;
    };
    let connected = node.interfaces.iter().find(|card| card.name == default.interface).map(|card| card.address.trunc());
    let except = connected.map(|net| format!("ip saddr != {net} ")).unwrap_or_default();
    let _ = writeln!(
        plan.space(&node.name).rules,
        "table ip outward {{\nchain post {{\ntype nat hook postrouting priority srcnat + 1;\noifname \"{}\" {except}ip saddr \
         {{ {PRIVATE} }} ip daddr != {{ {PRIVATE} }} masquerade\n}}\n}}",
        default.interface
    );
}

fn surrounding_space(
    plan: &mut Plan,
    summary: &Summary,
    hosts: &BTreeMap<String, String>,
    one: &Surrounding,
    uplinks: &mut u8,
) {
    let network = |card: &Interface| summary.networks.iter().find(|network| network.name == card.network);
    let space = around(one);
    plan.space(&space);
    // A libvirt host has the bridges themselves; others have cards that are called after their number.
    let mut cards = one.interfaces.clone();
    for (at, card) in cards.iter_mut().enumerate() {
        let Some(network) = network(card) else { continue };
        if hosts[&network.name] == space {
            card.name.clone_from(&network.bridge);
        } else {
            card.name = format!("eth{at}");
            plug(plan, hosts, network, &space, &card.name, None);
        }
    }
    addresses(plan, &space, &cards);
    let named = one.routes.iter().map(|route| {
        let card = one.interfaces.iter().zip(&cards).find(|(own, _)| own.name == route.interface);
        Route { interface: card.map_or(String::new(), |(_, card)| card.name.clone()), ..route.clone() }
    });
    let named: Vec<Route> = named.collect();
    routes(plan, &space, &named);
    set(plan, &space, "net.ipv4.ip_forward", if one.kind == Kind::Member { "0" } else { "1" });
    if named.iter().any(|route| route.via.is_none()) {
        uplink(plan, &space, *uplinks);
        *uplinks += 1;
    }
}

/// A cable to the Internet, over which everything is masqueraded and no private address is routed.
fn uplink(plan: &mut Plan, space: &str, number: u8) {
    let net = Ipv4Net::new(Ipv4Addr::new(198, 51, 100, number * 4), 30).unwrap_or_default();
    let (own, far) = (super::nth(net, 1), super::nth(net, 2));
    let port = format!("up{number}");
    plan.cables.push(Cable {
        space: space.to_owned(),
        card: "uplink".to_owned(),
        mac: None,
        far: INTERNET.to_owned(),
        port: port.clone(),
        bridge: None,
    });
    let own_space = plan.space(space);
    let _ = writeln!(own_space.ip, "address add {own}/30 dev uplink\nlink set uplink up\nroute add default via {far}");
    let _ = write!(
        own_space.rules,
        "table ip uplink {{\nchain post {{\ntype nat hook postrouting priority srcnat;\noifname uplink masquerade\n}}\n\
         chain forward {{\ntype filter hook forward priority filter;\noifname uplink ip daddr {{ {PRIVATE} }} reject\n}}\n\
         chain output {{\ntype filter hook output priority filter;\noifname uplink ip daddr {{ {PRIVATE} }} reject\n}}\n}}\n"
    );
    let _ = writeln!(plan.space(INTERNET).ip, "address add {far}/30 dev {port}\nlink set {port} up");
}

/// Somebody on the Internet for every address there that a flow names.
fn internet(plan: &mut Plan, summary: &Summary) {
    let ends = summary.flows.iter().flat_map(|flow| flow.senders.iter().chain(&flow.receivers));
    let away: BTreeSet<Ipv4Addr> =
        ends.filter(|end| space_of(summary, end) == INTERNET).map(|end| end.address).collect();
    let space = plan.space(INTERNET);
    for address in away {
        let _ = writeln!(space.ip, "address add {address}/32 dev lo");
    }
}
