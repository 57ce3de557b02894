//! Addresses: those that DHCP may give to somebody else, those that no machine can have, networks that overlap.
//! And names that the world has for other things. What is claimed twice was refused while loading.

use super::Survey;
use crate::diag::{Code, Diagnostic, Severity, Sink, Span, suggest};
use crate::model::Spanned;
use crate::model::profile::cluster::{Network, NetworkMode};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Every rule of this topic.
pub(super) fn check(survey: &Survey<'_>, sink: &mut Sink) {
    for (name, network) in &survey.cluster.profile.networks {
        edges(name, network, sink);
        dhcp(survey, name, network, sink);
    }
    overlaps(survey, sink);
    bridges(survey, sink);
    macs(survey, sink);
    names(survey, sink);
}

/// Gateways and reservations that are no machine's address.
fn edges(name: &str, network: &Network, sink: &mut Sink) {
    let cidr = network.cidr.value;
    let reserved = network.reservations.values().map(|reservation| ("the reserved address", &reservation.address));
    for (what, address) in network.gateway.iter().map(|gateway| ("the gateway", gateway)).chain(reserved) {
        let kind = match address.value {
            _ if cidr.prefix_len() >= 31 => continue,
            address if address == cidr.network() => "the address of the network itself",
            address if address == cidr.broadcast() => "the broadcast address",
            _ => continue,
        };
        let found = Diagnostic::new(Code::NetworkAddress, format!("{what} `{address}` is {kind} of `{name}`"));
        sink.push(found.at(address.span).related(network.cidr.span, format!("`{name}` is `{cidr}`")));
    }
}

/// Addresses that DHCP may hand out although somebody has them. libvirt reserves what has a MAC address, in its own
/// networks: of the DHCP server behind a bridge it knows nothing.
fn dhcp(survey: &Survey<'_>, name: &str, network: &Network, sink: &mut Sink) {
    let Some(range) = &network.dhcp else { return };
    let inside = |address: Ipv4Addr| (range.start.value..=range.end.value).contains(&address);
    let report = |message: String, span: Span, hint: &str, sink: &mut Sink| {
        let found = Diagnostic::new(Code::DhcpRange, message).at(span).hint(hint);
        sink.push(found.related(range.start.span, format!("`{name}` hands out `{}` to `{}`", range.start, range.end)));
    };
    let foreign = matches!(network.mode.value, NetworkMode::Bridge | NetworkMode::Tunnel);
    for node in &survey.cluster.nodes {
        let cards = node.interfaces.iter().filter(|card| card.network.value == name);
        for card in cards.filter(|card| foreign || card.mac.is_none()) {
            // dnsmasq never hands out its own address, the gateway's.
            let own = network.gateway.is_some_and(|gateway| gateway.value == card.address.value);
            if inside(card.address.value) && !own {
                let (why, hint) = if foreign {
                    ("libvirt reserves nothing there (mode `bridge`)", "take an address outside the range")
                } else {
                    ("without a MAC address it is not reserved", "write its `mac`, or make the range smaller")
                };
                let message = format!("`{}` of `{}` lies in the DHCP range, and {why}", card.address, node.name);
                report(message, card.address.span, hint, sink);
            }
        }
    }
    for vip in survey.cluster.vips.iter().filter(|vip| vip.network == name && inside(vip.address.value)) {
        let message = format!("the VIP `{}` lies in the DHCP range", vip.address);
        report(message, vip.address.span, "make the range smaller: nothing can reserve an address that moves", sink);
    }
}

/// Two networks with an address in common: no router can tell which one is meant.
fn overlaps(survey: &Survey<'_>, sink: &mut Sink) {
    let profile = &survey.cluster.profile;
    let networks = profile.networks.iter().map(|(name, network)| (format!("the network `{name}`"), &network.cidr));
    let pods = profile.pods.iter().map(|pods| ("the network of pods".to_owned(), &pods.cidr));
    let services = profile.services.iter().map(|services| ("the network of services".to_owned(), &services.cidr));
    let mut all: Vec<(String, &Spanned<Ipv4Net>)> = networks.chain(pods).chain(services).collect();
    all.sort_by_key(|(_, cidr)| (cidr.network(), cidr.prefix_len()));
    for pair in all.windows(2) {
        let [(first, outer), (second, inner)] = pair else { continue };
        if outer.contains(&inner.network()) {
            let message = format!("{second} (`{inner}`) overlaps {first} (`{outer}`)");
            let found = Diagnostic::new(Code::NetworkOverlap, message).at(inner.span);
            sink.push(found.related(outer.span, format!("{first} is declared here")));
        }
    }
}

/// Two networks on one bridge are one segment, and libvirt refuses the second.
fn bridges(survey: &Survey<'_>, sink: &mut Sink) {
    let mut seen: BTreeMap<&str, (&str, Span)> = BTreeMap::new();
    for (name, network) in &survey.cluster.profile.networks {
        if let Some((first, span)) = seen.insert(&network.bridge, (name, network.bridge.span)) {
            let message = format!("the networks `{first}` and `{name}` have one bridge, `{}`", network.bridge);
            let found = Diagnostic::new(Code::BridgeShared, message).at(network.bridge.span);
            sink.push(found.related(span, "it is named here first").hint("give each network a bridge of its own"));
        }
    }
}

/// Ethernet addresses that a virtual machine cannot have, or that may be somebody's card.
fn macs(survey: &Survey<'_>, sink: &mut Sink) {
    for node in &survey.cluster.nodes {
        for mac in node.interfaces.iter().filter_map(|card| card.mac.as_ref()) {
            let (why, severity) = match mac.value.0 {
                [0, 0, 0, 0, 0, 0] => ("Linux takes it for none at all", Severity::Error),
                [0xfe, ..] if node.machine.is_some() => {
                    ("libvirt keeps those that begin with `fe` for its own end of the cable", Severity::Error)
                }
                // The second bit of the first byte: administered locally (IEEE 802, section 8.2).
                [first, ..] if first & 2 == 0 && node.machine.is_some() => {
                    ("it is of the range of a maker of real cards, one of which may have it", Severity::Warning)
                }
                _ => continue,
            };
            let message = format!("`{mac}` is no good address for a card of `{}`: {why}", node.name);
            let mut found = Diagnostic::new(Code::MacUnsuited, message).at(mac.span);
            found.severity = severity;
            let [_, _, _, a, b, c] = mac.value.0;
            sink.push(found.hint(format!("write `52:54:00:{a:02x}:{b:02x}:{c:02x}`, of QEMU's range")));
        }
    }
}

/// Time zones, one per line (IANA, `tzdata.zi`).
const ZONES: &str = include_str!("tables/zones.txt");

/// Domains that have a meaning of their own (RFC 6761, RFC 6762).
const RESERVED: &[(&str, &str)] = &[
    ("example", "it is for documents"),
    ("invalid", "it never exists"),
    ("local", "resolvers ask their neighbours for it (multicast DNS) and not a name server"),
    ("localhost", "every machine takes it for itself"),
];

/// The time zone and the domain.
fn names(survey: &Survey<'_>, sink: &mut Sink) {
    let profile = &survey.cluster.profile;
    let zone = profile.timezone.as_str();
    if !ZONES.lines().any(|known| known == zone) {
        let message = format!("there is no time zone `{zone}`: the machines would keep UTC");
        let near = suggest::nearest(zone, ZONES.lines());
        let hint =
            near.map_or("write a name such as `Europe/Madrid`".to_owned(), |near| format!("did you mean `{near}`?"));
        sink.push(Diagnostic::new(Code::TimezoneUnknown, message).at(profile.timezone.span).hint(hint));
    }
    let last = profile.domain.rsplit('.').next().unwrap_or_default();
    if let Some((_, why)) = RESERVED.iter().find(|(name, _)| *name == last) {
        let message = format!("`{}` ends in `{last}`: {why}", profile.domain);
        let found = Diagnostic::new(Code::DomainReserved, message).at(profile.domain.span);
        sink.push(found.hint("take `home.arpa`, `internal` or a domain of your own"));
    }
}
