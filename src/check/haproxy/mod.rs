//! HAProxy's configuration against the machine it runs on and the nodes behind it.

mod backend;
mod bind;
mod doors;
mod start;
mod words;

use super::View;
use super::container::running;
use super::haproxy_config::{self, Config, Section};
use super::vrrp::HAPROXY as CONF;
use super::written::Machine;
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::Spanned;
use crate::model::cluster::{Cluster, Node, Service, Vip, VipPort};
use crate::model::profile::container::Container;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The port of a Kubernetes API server.
const API: u16 = 6443;

/// Rules about one machine.
pub(super) fn node(view: &View<'_>, sink: &mut Sink) {
    let machine = view.machine();
    let Some(file) = machine.file(CONF) else { return };
    let config = haproxy_config::read(&file.text);
    let inside = running(machine.node, "haproxy");
    // Traefik's setting for it (doc.traefik.io, "EntryPoints").
    let trusts = view.sources.iter().any(|(_, source)| source.text().to_lowercase().contains("trustedips"));
    let owners = owners(view.cluster);
    let beside = machine.node.services.get("haproxy");
    let proxy = Proxy { cluster: view.cluster, owners, machine, config: &config, inside, beside, trusts };
    words::check(&proxy, sink);
    start::check(&proxy, sink);
    bind::check(&proxy, sink);
    backend::check(&proxy, sink);
    doors::check(&proxy, sink);
}

/// A machine's HAProxy.
struct Proxy<'a> {
    cluster: &'a Cluster,
    /// Machines by their addresses: a large cluster has as many servers to look up as it has machines.
    owners: BTreeMap<Ipv4Addr, &'a Node>,
    machine: Machine<'a>,
    config: &'a Config,
    inside: Option<&'a Container>,
    /// The same program without a container.
    beside: Option<&'a Service>,
    /// Whether somebody is told to expect the PROXY protocol.
    trusts: bool,
}

fn owners(cluster: &Cluster) -> BTreeMap<Ipv4Addr, &Node> {
    let cards = cluster.nodes.iter().rev().flat_map(|node| node.interfaces.iter().map(move |card| (card, node)));
    cards.map(|(card, node)| (card.address.value, node)).collect()
}

impl<'a> Proxy<'a> {
    fn node(&self) -> &'a Node {
        self.machine.node
    }

    fn found(&self, line: usize, code: Code, message: impl Into<String>) -> Diagnostic {
        self.machine.finding(CONF, line, code, message)
    }

    /// The VIPs that the machine may hold.
    fn vips(&self) -> impl Iterator<Item = &'a Vip> {
        let node = self.node();
        self.cluster.vips.iter().filter(|vip| node.vips.iter().any(|own| own.vip == vip.name))
    }

    /// The user that it runs as, if that is said.
    fn user(&self) -> Option<&'a Spanned<String>> {
        let inside = self.inside.and_then(|container| container.user.as_ref());
        inside.or_else(|| self.beside.and_then(Service::user))
    }

    /// What the role says about it, wherever it runs.
    fn spec(&self) -> Option<&'a Container> {
        self.inside.or_else(|| self.beside.map(|service| &service.spec.value))
    }

    /// Whether it runs as an ordinary user.
    fn is_ordinary(&self) -> bool {
        let user = self.user();
        user.is_some_and(|user| !matches!(user.split(':').next(), Some("0" | "root")))
    }

    fn sysctl(&self, key: &str) -> Option<&'a str> {
        self.node().sysctls.get(key).map(|value| value.value.as_str())
    }

    /// The declared service that a section offers: by the addresses and ports that it binds.
    fn service(&self, section: &Section) -> Option<(&'a Vip, &'a VipPort)> {
        let binds = section.binds();
        let offered = |address: Option<Ipv4Addr>, ports: (u16, u16)| {
            let mut vips = self.cluster.vips.iter().filter(move |vip| address == Some(vip.address.value));
            vips.find_map(|vip| Some((vip, vip.ports.iter().find(|port| (ports.0..=ports.1).contains(&port.port))?)))
        };
        binds.iter().find_map(|bind| offered(bind.address, bind.ports))
    }

    /// Sections that listen, with the section that has their servers.
    fn paths(&self) -> impl Iterator<Item = (&'a Section, &'a Section)> {
        let config = self.config;
        let fronts = config.sections.iter().filter(|section| section.kind.listens());
        fronts.filter_map(|front| Some((front, config.backend(front)?)))
    }
}
