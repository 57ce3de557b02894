//! Addresses that somebody wrote although nobody has them, and the order in which resolvers are asked.

use super::Survey;
use crate::diag::{Code, Diagnostic, Sink, Span};
use crate::model::Spanned;
use crate::model::cluster::Cluster;
use crate::model::profile::cluster::NetworkMode;
use crate::topology::Topology;
use crate::topology::forward::Table;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Every rule of this topic.
pub(super) fn check(survey: &Survey<'_>, sink: &mut Sink) {
    let known = Known::new(survey.cluster);
    for (file, source) in
        survey.sources.iter().filter(|(_, source)| source.name().trim_start_matches("../").starts_with("butane/"))
    {
        let mut at = 0;
        for line in source.text().split_inclusive('\n') {
            for (from, written) in addresses(line) {
                let span = Span::new(file, at + from, at + from + written.len());
                report(&known, written, span, sink);
            }
            at += line.len();
        }
    }
    let profile = &survey.cluster.profile;
    let names = profile.networks.values().flat_map(|network| &network.dns_servers).chain(&profile.dns_servers);
    let names = names.map(|server| (server.to_string(), server.span));
    let time = profile.ntp_servers.iter().map(|server| (server.value.clone(), server.span));
    for (server, span) in names.chain(time) {
        // What lies outside of the cluster's networks may be behind any router.
        if server.parse().is_ok_and(|address| known.network(address)) {
            report(&known, &server, span, sink);
        }
    }
    order(survey.cluster, sink);
}

/// Addresses that have a meaning.
struct Known {
    /// Networks whose machines are all known, or not (on a bridge of the hypervisor).
    networks: Vec<(Ipv4Net, bool)>,
    owned: BTreeSet<Ipv4Addr>,
}

impl Known {
    fn new(cluster: &Cluster) -> Self {
        let profile = &cluster.profile;
        let mut networks: Vec<(Ipv4Net, bool)> = Vec::new();
        let mut owned: BTreeSet<Ipv4Addr> = cluster.vips.iter().map(|vip| vip.address.value).collect();
        for network in profile.networks.values() {
            let foreign = matches!(network.mode.value, NetworkMode::Bridge | NetworkMode::Tunnel);
            networks.push((network.cidr.value, !foreign));
            owned.extend([network.cidr.network(), network.cidr.broadcast()]);
            owned.extend(network.gateway.map(|gateway| gateway.value));
            owned.extend(network.reservations.values().map(|reservation| reservation.address.value));
            owned.extend(network.dhcp.iter().flat_map(|range| [range.start.value, range.end.value]));
        }
        networks.extend(profile.pods.iter().map(|pods| (pods.cidr.value, false)));
        networks.extend(profile.services.iter().map(|services| (services.cidr.value, false)));
        owned.extend(cluster.nodes.iter().flat_map(|node| &node.interfaces).map(|card| card.address.value));
        Self { networks, owned }
    }

    /// Whether an address is in a network whose machines are all known.
    fn network(&self, address: Ipv4Addr) -> bool {
        self.networks.iter().any(|(net, whole)| *whole && net.contains(&address))
    }

    /// What is wrong with an address or a network.
    fn trouble(&self, net: Ipv4Net) -> Option<&'static str> {
        let within = |(own, _): &&(Ipv4Net, bool)| own.contains(&net) || net.contains(own);
        let Some((_, whole)) = self.networks.iter().find(within) else {
            return Some("is in none of the cluster's networks");
        };
        let single = net.prefix_len() == 32;
        (single && *whole && !self.owned.contains(&net.addr())).then_some("is nobody's address")
    }
}

fn report(known: &Known, written: &str, span: Span, sink: &mut Sink) {
    let Some(net) = written.parse().ok().or_else(|| Some(Ipv4Net::from(written.parse::<Ipv4Addr>().ok()?))) else {
        return;
    };
    // `10.17.4.1/24` is an address as well as its network.
    let net = if net.trunc() == net { net } else { Ipv4Net::from(net.addr()) };
    if !net.addr().is_private() || net.prefix_len() == 0 {
        return;
    }
    let Some(why) = known.trouble(net) else { return };
    let found = Diagnostic::new(Code::UnknownAddress, format!("`{written}` {why}")).at(span);
    sink.push(found.hint("take the address from the model, or declare its network or machine"));
}

/// What looks like an IPv4 address or network in a line, comments left out, with where it begins.
fn addresses(line: &str) -> Vec<(usize, &str)> {
    let bare = line.trim_start();
    if bare.starts_with(['#', ';']) || bare.starts_with("//") {
        return Vec::new();
    }
    let end = line.find(" #").unwrap_or(line.len());
    let part = |c: char| c.is_ascii_alphanumeric() || "./_-".contains(c);
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = line[from..end].find(part).map(|at| at + from) {
        let length = line[start..end].find(|c: char| !part(c)).unwrap_or(end - start);
        let word = line[start..start + length].trim_end_matches(['.', '-', '/']);
        // A name such as `1.2.3.4.example` or a path is none.
        if word.parse::<Ipv4Addr>().is_ok() || word.parse::<Ipv4Net>().is_ok() {
            found.push((start, word));
        }
        from = start + length;
    }
    found
}

/// Whether names of the cluster are asked of somebody who knows them, and everywhere in one order.
fn order(cluster: &Cluster, sink: &mut Sink) {
    let owners: BTreeMap<Ipv4Addr, &str> = cluster
        .nodes
        .iter()
        .flat_map(|node| node.interfaces.iter().map(|card| (card.address.value, node.name.as_str())))
        .collect();
    let profile = &cluster.profile;
    let mut lists: Vec<&[Spanned<Ipv4Addr>]> = vec![&profile.dns_servers];
    lists.extend(profile.networks.values().map(|network| network.dns_servers.as_slice()));
    lists.retain(|list| !list.is_empty());
    for list in &lists {
        let Some(first) = list.first().filter(|server| !owners.contains_key(&server.value)) else { continue };
        let Some((own, name)) = list.iter().find_map(|server| Some((server, owners.get(&server.value)?))) else {
            continue;
        };
        let message =
            format!("`{first}` is asked before `{own}` of `{name}`, and knows no name of `{}`", profile.domain);
        let found = Diagnostic::new(Code::ResolverOrder, message).at(first.span);
        sink.push(found.related(own.span, "this one does").hint(format!("write `{own}` first")));
        return;
    }
    let sorted = |list: &[Spanned<Ipv4Addr>]| list.iter().map(|server| server.value).collect::<BTreeSet<_>>();
    for (at, list) in lists.iter().enumerate() {
        let alike = |other: &&&[Spanned<Ipv4Addr>]| sorted(other) == sorted(list) && !same(other, list);
        if let Some(other) = lists[..at].iter().find(alike) {
            let shown =
                |list: &[Spanned<Ipv4Addr>]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join("`, `");
            let message =
                format!("resolvers `{}` here and `{}` elsewhere: two orders of the same", shown(list), shown(other));
            let found = Diagnostic::new(Code::ResolverOrder, message).at(list.first().map(|server| server.span));
            let found = match other.first() {
                Some(first) => found.related(first.span, "the other order"),
                None => found,
            };
            sink.push(found.hint("write one order for all, once, in `dns_servers` of the cluster"));
        }
    }
}

fn same(a: &[Spanned<Ipv4Addr>], b: &[Spanned<Ipv4Addr>]) -> bool {
    a.iter().map(|server| server.value).eq(b.iter().map(|server| server.value))
}

/// Routes to networks that do not exist, as far as a router of the cluster would know, and to the node's own.
pub(super) fn routes(cluster: &Cluster, topology: &Topology<'_>, sink: &mut Sink) {
    let known = Known::new(cluster);
    let mut told = BTreeSet::new();
    for node in &cluster.nodes {
        for route in &node.routes {
            let to = route.destination;
            let own = node.interfaces.iter().find(|card| card.cidr.contains(&to) && to.prefix_len() < 32);
            let found = if let Some(card) = own {
                let message = format!(
                    "`{}` sends `{to}` to `{}`, although it is attached to that network itself (`{}`, `{}`)",
                    node.name, route.gateway, card.name, card.cidr
                );
                let found = Diagnostic::new(Code::RouteOwnNetwork, message).related(card.address.span, "by this card");
                found.hint("remove the route")
            } else {
                let private = to.prefix_len() > 0 && to.addr().is_private();
                let hop = topology.owner(route.gateway).map(|(device, _)| &topology.devices[device]);
                // A router that is no machine of the cluster, or one with a route of its own there, may know more.
                let hop = hop.filter(|hop| hop.node().is_some());
                let knows =
                    |table: &Table| table.lookup(to.network()).is_some_and(|at| table.entry(at).to.prefix_len() > 0);
                if !private || hop.is_none_or(|hop| knows(&hop.table)) {
                    continue;
                }
                let Some(why) = known.trouble(to).filter(|_| to.prefix_len() < 32) else { continue };
                let message = format!("`{}` has a route to `{to}`, which {why}", node.name);
                Diagnostic::new(Code::UnknownAddress, message).hint("remove the route, or declare the network")
            };
            if told.insert(route.span) {
                sink.push(found.at(route.span));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn addresses_are_found_and_comments_are_not() {
        let found = |line| addresses(line).into_iter().map(|(_, word)| word).collect::<Vec<_>>();
        assert_eq!(found("server a 10.17.4.21:6443 check # 10.1.1.1"), ["10.17.4.21"]);
        assert_eq!(found("ip saddr { 10.0.0.0/8, 10.9.9.9 } accept;"), ["10.0.0.0/8", "10.9.9.9"]);
        assert_eq!(found("at 10.17.4.20."), ["10.17.4.20"]);
        assert_eq!(found("# 10.17.4.20"), [""; 0]);
        assert_eq!(found("v10.1.2.3 10.1.2.3-rc1 10.1.2.3.4 1.2.3"), [""; 0]);
    }
}
