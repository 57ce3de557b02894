//! Facts of the model as templates' values: mappings with the keys that templates use.

use crate::model::cluster::{Candidacy, Cluster, Interface, Link, Listen, Node, Route, Vip};
use crate::model::profile::cluster::Network;
use minijinja::value::Value;
use std::fmt::Display;
use std::net::Ipv4Addr;

/// A mapping of those entries that have a value.
pub(super) fn map<const N: usize>(entries: [(&'static str, Option<Value>); N]) -> Value {
    Value::from_pairs(entries.into_iter().filter_map(|(key, value)| Some((key, value?))))
}

#[allow(clippy::unnecessary_wraps, reason = "the entries of a mapping are optional")]
pub(super) fn text(value: impl Display) -> Option<Value> {
    Some(Value::from(value.to_string()))
}

#[allow(clippy::unnecessary_wraps, reason = "the entries of a mapping are optional")]
pub(super) fn texts<T: Display>(values: impl IntoIterator<Item = T>) -> Option<Value> {
    Some(values.into_iter().map(|value| Value::from(value.to_string())).collect())
}

pub(super) fn cluster(cluster: &Cluster) -> Value {
    let profile = &cluster.profile;
    map([
        ("name", text(&profile.name)),
        ("domain", text(&profile.domain)),
        ("timezone", text(&profile.timezone)),
        ("pods_cidr", profile.pods.as_ref().and_then(|pods| text(pods.cidr))),
        ("services_cidr", profile.services.as_ref().and_then(|services| text(services.cidr))),
        ("dns_servers", texts(&profile.dns_servers)),
        ("ntp_servers", texts(&profile.ntp_servers)),
        ("ssh_authorized_keys", texts(&profile.ssh_authorized_keys)),
    ])
}

pub(super) fn network(name: &str, network: &Network) -> Value {
    map([
        ("name", text(name)),
        ("cidr", text(network.cidr)),
        ("address", text(network.cidr.network())),
        ("prefix", Some(network.cidr.prefix_len().into())),
        ("netmask", text(network.cidr.netmask())),
        ("gateway", network.gateway.and_then(text)),
        ("mode", text(network.mode)),
        ("bridge", text(&network.bridge)),
        ("dns_servers", texts(&network.dns_servers)),
    ])
}

/// A node's address on a network.
pub(super) fn address_on(node: &Node, network: &str) -> Option<Ipv4Addr> {
    node.interfaces.iter().find(|card| card.network.value == network).map(|card| card.address.value)
}

/// A node's priority for a VIP.
pub(super) fn candidacy<'a>(node: &'a Node, vip: &str) -> Option<&'a Candidacy> {
    node.vips.iter().find(|own| own.vip == vip)
}

pub(super) fn vip(cluster: &Cluster, vip: &Vip) -> Value {
    let prefix = cluster.profile.networks.get(&vip.network).map(|network| network.cidr.prefix_len());
    let candidate = |name: &String| {
        let node = cluster.node(name)?;
        Some(map([
            ("name", text(name)),
            ("address", address_on(node, &vip.network).and_then(text)),
            ("priority", candidacy(node, &vip.name).map(|own| own.priority.value.into())),
        ]))
    };
    let backend =
        |name: &String| Some(map([("name", text(name)), ("address", cluster.node(name)?.address().and_then(text))]));
    let ports = vip.ports.iter().map(|port| {
        map([
            ("name", text(&port.name)),
            ("port", Some(port.port.value.into())),
            ("backend_port", Some(port.backend_port.into())),
            ("role", text(&port.role)),
            ("check", text(port.check)),
            ("backends", Some(port.backends.iter().filter_map(backend).collect())),
        ])
    });
    map([
        ("name", text(&vip.name)),
        ("address", text(vip.address)),
        ("prefix", prefix.map(Value::from)),
        ("network", text(&vip.network)),
        ("virtual_router_id", Some(vip.virtual_router_id.value.into())),
        ("advert_interval", Some(vip.advert_interval.into())),
        ("dns_name", vip.dns_name.as_ref().and_then(text)),
        ("candidates", Some(vip.candidates.iter().filter_map(candidate).collect())),
        ("ports", Some(ports.collect())),
    ])
}

pub(super) fn interface(card: &Interface) -> Value {
    map([
        ("name", text(&card.name)),
        ("network", text(&card.network)),
        ("address", text(card.address)),
        ("prefix", Some(card.cidr.prefix_len().into())),
        ("mac", card.mac.and_then(text)),
        ("gateway", card.gateway.and_then(text)),
        ("kind", text(kind(&card.link))),
    ])
}

fn kind(link: &Link) -> &'static str {
    match link {
        Link::Card => "card",
        Link::Bridge(_) => "bridge",
        Link::Libvirt => "libvirt",
        Link::Tunnel => "tunnel",
    }
}

pub(super) fn route(route: &Route) -> Value {
    map([
        ("to", text(route.destination)),
        ("via", text(route.gateway)),
        ("interface", text(&route.interface)),
        ("reason", text(&route.reason)),
    ])
}

pub(super) fn listen(listen: &Listen) -> Value {
    map([
        ("name", text(&listen.name)),
        ("protocol", text(listen.protocol)),
        ("port", listen.ports.map(|(first, _)| first.into())),
        ("end_port", listen.ports.map(|(_, last)| last.into())),
        ("sources", texts(listen.sources.iter())),
    ])
}
