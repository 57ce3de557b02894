//! The cluster as bake understands it: profiles resolved against each other.
//!
//! Names are looked up, roles are composed, routes have next hops. Every fact keeps the place that it
//! was written at, so that a finding about it can be shown there.

use super::Spanned;
use super::data::Data;
use super::profile::cluster::{ClusterProfile, HealthCheck, IgnitionVersion, Protocol};
use super::profile::container::{Container, Extension, Package, Runtime, Sysext};
use super::profile::node::{BridgePort, Machine, Os};
use super::scalar::Mac;
use crate::diag::Span;
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The whole cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// What `cluster.yaml` says.
    pub profile: ClusterProfile,
    /// All nodes, sorted by name.
    pub nodes: Vec<Node>,
    /// All VIPs, sorted by name.
    pub vips: Vec<Vip>,
}

impl Cluster {
    /// The node called `name`.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.binary_search_by(|node| node.name.as_str().cmp(name)).ok().map(|at| &self.nodes[at])
    }

    /// The nodes with this role, sorted by name.
    pub fn with_role<'a>(&'a self, role: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter(move |node| node.has_role(role))
    }
}

/// A machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Name: the stem of its profile's file name.
    pub name: String,
    /// Its profile as a whole, for findings about the node.
    pub span: Span,
    /// What it is for.
    pub description: Option<String>,
    /// Host name without domain.
    pub hostname: String,
    /// Host name with domain.
    pub fqdn: String,
    /// Operating system.
    pub os: Os,
    /// Whether artefacts are written for it.
    pub build: bool,
    /// Whether it forwards packets between its networks.
    pub router: bool,
    /// What it does towards the Internet, if it is a router there.
    pub uplink: Option<Uplink>,
    /// Roles in order.
    pub roles: Vec<Spanned<String>>,
    /// Ignition spec version to emit.
    pub ignition: IgnitionVersion,
    /// Network cards in order.
    pub interfaces: Vec<Interface>,
    /// Routes beyond the connected networks, default route first, then by destination.
    pub routes: Vec<Route>,
    /// Resolvers in order.
    pub dns_servers: Vec<Spanned<Ipv4Addr>>,
    /// VIPs that the node may hold, sorted by name.
    pub vips: Vec<Candidacy>,
    /// Butane fragments in the order in which they are merged.
    pub fragments: Vec<Spanned<String>>,
    /// Kernel settings by key.
    pub sysctls: BTreeMap<String, Spanned<String>>,
    /// Kernel modules to load, sorted.
    pub kernel_modules: Vec<Spanned<String>>,
    /// What the node listens on.
    pub listens: Vec<Listen>,
    /// Containers by service name.
    pub containers: BTreeMap<String, Spanned<Container>>,
    /// Programs that run without a container, by name of the service.
    pub services: BTreeMap<String, Service>,
    /// System extensions by name.
    pub extensions: BTreeMap<String, Spanned<Extension>>,
    /// Commands that the image must bring, sorted.
    pub requires: Vec<Spanned<String>>,
    /// Values for templates.
    pub values: BTreeMap<String, Spanned<Data>>,
    /// The virtual machine.
    pub machine: Option<Spanned<Machine>>,
    /// Files (relative to the project) that this node's facts came from, sorted.
    pub inputs: Vec<String>,
}

impl Node {
    /// Whether the node has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own.value == role)
    }

    /// Whether it is the host of libvirt's networks, and so no machine that libvirt makes.
    pub fn is_host(&self) -> bool {
        self.interfaces.iter().any(|card| card.link == Link::Libvirt)
    }

    /// The card that the default route goes through.
    pub fn outward(&self) -> Option<&Interface> {
        let route = self.routes.iter().find(|route| route.destination.prefix_len() == 0);
        let named = |card: &&Interface| route.is_some_and(|route| route.interface == card.name.value);
        self.interfaces.iter().find(named).or_else(|| self.interfaces.iter().find(|card| card.gateway.is_some()))
    }

    /// The address by which other nodes know it: that of its first interface.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.interfaces.first().map(|interface| interface.address.value)
    }
}

/// A program that runs without a container.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// What the role says about it as a container: order, environment, limits.
    pub spec: Spanned<Container>,
    /// Where it comes from.
    pub from: Bringer,
    /// Where the runtime was chosen.
    pub span: Span,
}

/// Who brings a program that runs without a container.
#[derive(Debug, Clone, PartialEq)]
pub enum Bringer {
    /// A package of the image.
    Package(Package),
    /// A system extension.
    Sysext(Sysext),
}

impl Service {
    /// The runtime that was chosen.
    pub fn runtime(&self) -> Runtime {
        match self.from {
            Bringer::Package(_) => Runtime::Package,
            Bringer::Sysext(_) => Runtime::Sysext,
        }
    }

    /// The unit of the service called `name`.
    pub fn unit(&self, name: &str) -> String {
        let written = match &self.from {
            Bringer::Package(package) => &package.unit,
            Bringer::Sysext(sysext) => &sysext.unit,
        };
        written.as_ref().map_or_else(|| format!("{name}.service"), |unit| unit.value.clone())
    }

    /// The user that the program runs as, if that is said.
    pub fn user(&self) -> Option<&Spanned<String>> {
        match &self.from {
            Bringer::Package(package) => package.user.as_ref(),
            Bringer::Sysext(sysext) => sysext.user.as_ref(),
        }
    }

    /// Program and arguments in place of the unit's own; empty if it keeps those.
    pub fn command(&self) -> &[Spanned<String>] {
        match &self.from {
            Bringer::Package(package) => &package.command,
            Bringer::Sysext(sysext) => &sysext.command,
        }
    }
}

/// A network card of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Interface {
    /// Name in the guest.
    pub name: Spanned<String>,
    /// Name of the network.
    pub network: Spanned<String>,
    /// The network's addresses.
    pub cidr: Ipv4Net,
    /// Its own address.
    pub address: Spanned<Ipv4Addr>,
    /// Ethernet address.
    pub mac: Option<Spanned<Mac>>,
    /// Gateway of the default route, if that goes through this card.
    pub gateway: Option<Spanned<Ipv4Addr>>,
    /// Largest packet in bytes.
    pub mtu: Option<u16>,
    /// Whether Keepalived may put a VIP on it.
    pub carries_vip: bool,
    /// What it is.
    pub link: Link,
}

/// What an interface is, and so who makes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    /// A network card, found by its Ethernet address.
    Card,
    /// A bridge over cards of the machine.
    Bridge(Vec<Spanned<BridgePort>>),
    /// A libvirt network's bridge, on the host: libvirt makes it and gives it its address.
    Libvirt,
    /// The end of a tunnel; WireGuard makes it.
    Tunnel,
}

impl Link {
    /// Whether the machine's network configuration makes it; otherwise somebody else does, later.
    pub fn is_own(&self) -> bool {
        matches!(self, Self::Card | Self::Bridge(_))
    }
}

/// What a router does towards the Internet.
#[derive(Debug, Clone, PartialEq)]
pub struct Uplink {
    /// Whether it rewrites the cluster's private addresses to its own.
    pub masquerade: bool,
    /// Ports that it passes on.
    pub port_map: Vec<PortMap>,
    /// Where it is written.
    pub span: Span,
}

/// A port that a router passes on.
#[derive(Debug, Clone, PartialEq)]
pub struct PortMap {
    /// Port on the router.
    pub port: u16,
    /// Protocol.
    pub protocol: Protocol,
    /// Address of the one that it leads to.
    pub address: Ipv4Addr,
    /// Port there.
    pub to_port: u16,
    /// What for.
    pub reason: String,
}

/// A route with its next hop.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Destination.
    pub destination: Ipv4Net,
    /// Next hop.
    pub gateway: Ipv4Addr,
    /// Whether the next hop must be taken as reachable on the link.
    pub on_link: bool,
    /// Name of the interface.
    pub interface: String,
    /// Why it is there.
    pub reason: String,
    /// Where it was asked for.
    pub span: Span,
}

/// A node's part in a VIP.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidacy {
    /// Name of the VIP.
    pub vip: String,
    /// Interface that carries it.
    pub interface: String,
    /// VRRP priority.
    pub priority: Spanned<u8>,
}

/// A virtual address with everything about it looked up.
#[derive(Debug, Clone, PartialEq)]
pub struct Vip {
    /// Name.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
    /// Network that it belongs to.
    pub network: String,
    /// The address.
    pub address: Spanned<Ipv4Addr>,
    /// VRRP virtual router id.
    pub virtual_router_id: Spanned<u8>,
    /// Seconds between advertisements.
    pub advert_interval: u8,
    /// Names of the nodes that may hold it, highest priority first.
    pub candidates: Vec<String>,
    /// DNS name under the cluster's domain.
    pub dns_name: Option<Spanned<String>>,
    /// What is offered on it.
    pub ports: Vec<VipPort>,
}

/// A port of a VIP with its backends.
#[derive(Debug, Clone, PartialEq)]
pub struct VipPort {
    /// Name of the service.
    pub name: Spanned<String>,
    /// Port on the VIP.
    pub port: Spanned<u16>,
    /// Port on the backends.
    pub backend_port: u16,
    /// Role of the backends.
    pub role: Spanned<String>,
    /// Names of the nodes behind it, sorted.
    pub backends: Vec<String>,
    /// Health check.
    pub check: HealthCheck,
}

/// Something that a node listens on, with its clients' addresses looked up.
#[derive(Debug, Clone, PartialEq)]
pub struct Listen {
    /// What it is.
    pub name: Spanned<String>,
    /// Protocol.
    pub protocol: Protocol,
    /// First and last port; `None` for protocols without ports.
    pub ports: Option<(u16, u16)>,
    /// Who may connect, sorted; empty means everybody. Shared: in a large cluster the same list stands in
    /// thousands of nodes.
    pub sources: Arc<[Ipv4Net]>,
}
