//! `cluster.json`: the cluster in short, for programs that have the output only (`bake diff`, `bake lab`, people's own).
//!
//! It says who is where, which address may move to whom and when, and which traffic must work or must not. No secret is in
//! it. Programs should ignore keys that they do not know; [`FORMAT`] changes when a key changes its meaning.

use super::profile::cluster::{FlowVerdict, HealthCheck, NatPolicy, NetworkMode, Protocol};
use super::profile::node::Os;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// Version of the format.
pub const FORMAT: u32 = 1;

/// The cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Version of the format: [`FORMAT`].
    pub format: u32,
    /// Name of the cluster.
    pub name: String,
    /// DNS domain of its machines.
    pub domain: String,
    /// Addresses of all pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<Ipv4Net>,
    /// Addresses of all services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Ipv4Net>,
    /// Networks by name.
    pub networks: Vec<Network>,
    /// Nodes by name.
    pub nodes: Vec<Node>,
    /// Machines that are no nodes, but must be there for the others to make sense.
    pub surroundings: Vec<Surrounding>,
    /// Virtual addresses by name.
    pub vips: Vec<Vip>,
    /// Traffic that must work or must not: declared first, then what follows from the model.
    pub flows: Vec<Flow>,
}

/// A layer 2 segment with one IPv4 network on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Name.
    pub name: String,
    /// The network.
    pub cidr: Ipv4Net,
    /// Default gateway of its machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ipv4Addr>,
    /// How it is connected.
    pub mode: NetworkMode,
    /// Bridge on the hypervisor, or the device that the tunnel ends in. Networks with the same bridge share one Ethernet.
    pub bridge: String,
    /// Name of the libvirt network.
    pub libvirt: String,
    /// Node whose kernel has the bridge; absent where the libvirt host is no node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A machine of the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Host name without domain.
    pub hostname: String,
    /// Host name with domain.
    pub fqdn: String,
    /// Operating system.
    pub os: Os,
    /// Whether the output has a folder for it. What is not built is as `routes` and `forwards` say.
    pub build: bool,
    /// Whether it is a router of the cluster.
    pub router: bool,
    /// Whether it forwards packets.
    pub forwards: bool,
    /// Roles in order.
    pub roles: Vec<String>,
    /// Network cards in order.
    pub interfaces: Vec<Interface>,
    /// Its routes beyond its own networks. Of a node that is not built these include what it must know to be of use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Addresses of its pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<Pods>,
}

/// A network card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Name in the machine.
    pub name: String,
    /// Name of the network.
    pub network: String,
    /// Address with the length of the network's prefix.
    pub address: Ipv4Net,
    /// Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Largest packet in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Destination.
    pub to: Ipv4Net,
    /// Next hop; absent where the route leads out of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Ipv4Addr>,
    /// Name of the card.
    pub interface: String,
    /// Whether the next hop must be taken as reachable on the link.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_link: bool,
}

/// Addresses of a node's pods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pods {
    /// The node's share.
    pub cidr: Ipv4Net,
    /// Whether a profile names it; otherwise it is only a guess, as good as any.
    pub declared: bool,
}

/// A machine that is no node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Surrounding {
    /// What it is.
    pub kind: Kind,
    /// Network cards, named after their networks.
    pub interfaces: Vec<Interface>,
    /// Its routes beyond its own networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// What stands around the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The libvirt host, where it is no node.
    Host,
    /// A router that is no node, between a network and the Internet.
    Gateway,
    /// Stands for every machine on a network that is no node: clients.
    Member,
}

/// A virtual address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vip {
    /// Name.
    pub name: String,
    /// The address.
    pub address: Ipv4Addr,
    /// Network that it belongs to.
    pub network: String,
    /// VRRP virtual router id.
    pub virtual_router_id: u8,
    /// Seconds between two adverts.
    pub advert_interval: u8,
    /// Who may hold it, highest priority first.
    pub candidates: Vec<Candidate>,
    /// What is offered on it.
    pub ports: Vec<Port>,
    /// Who holds it when; absent where nobody's Keepalived has the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub election: Option<Election>,
}

/// A node that may hold an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Name of the node.
    pub node: String,
    /// Card that carries it.
    pub interface: String,
    /// VRRP priority as the profile says it.
    pub priority: u8,
}

/// A port of a virtual address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// Name of the service.
    pub name: String,
    /// Port on the address.
    pub port: u16,
    /// Port on the backends.
    pub backend_port: u16,
    /// How HAProxy finds out whether a backend is alive.
    pub check: HealthCheck,
    /// Names of the nodes behind it.
    pub backends: Vec<String>,
}

/// How VRRP, as the nodes' Keepalived is configured, elects the holder of an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Election {
    /// Who takes part, and how.
    #[serde(default)]
    pub speakers: Vec<Speaker>,
    /// Who holds it when everything works, and how long after the start.
    pub start: Outcome,
    /// Every single failure, and its repair.
    pub failures: Vec<Failure>,
    /// Every pair of failures on two nodes.
    pub pairs: Vec<Pair>,
}

/// A node's part in an election, as its Keepalived is configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speaker {
    /// Name of the node.
    pub node: String,
    /// Network that its adverts go out on; absent when it has no such card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Address that its adverts come from.
    pub address: Ipv4Addr,
    /// Virtual router id.
    pub virtual_router_id: u8,
    /// Priority without any weight.
    pub priority: u8,
    /// Whether it takes the address from a holder of lower priority.
    pub preempts: bool,
    /// Seconds that it waits before it does.
    pub preempt_delay: f64,
    /// VRRP version: 2 or 3.
    pub version: u8,
    /// Seconds between two adverts.
    pub advert_interval: f64,
    /// Whether its adverts carry a password, which is not here.
    pub authenticated: bool,
    /// Addresses that adverts are sent to; absent for the multicast group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<Vec<Ipv4Addr>>,
    /// Whether it ignores adverts that do not come from a peer.
    pub checks_source: bool,
    /// Who its firewall lets VRRP in from.
    pub admits: Vec<Ipv4Net>,
    /// What lowers or raises its priority.
    pub trackers: Vec<Tracker>,
}

/// A script or process whose state counts in an election.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tracker {
    /// Its name.
    pub name: String,
    /// Whether it fails when HAProxy does.
    pub watches_haproxy: bool,
    /// Addresses of whom it fails when none answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<Ipv4Addr>,
    /// What is added when it is well (positive) or subtracted when it is ill (negative); 0: an ill one gives up.
    pub weight: i32,
    /// Seconds until it is found to be ill.
    pub detection: Range,
    /// Seconds until HAProxy is found to be there without answering; absent where that is never found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hang: Option<Range>,
    /// Seconds until it is found to be well again.
    pub recovery: Range,
}

/// Who holds an address in the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Names of the nodes; one if all is well.
    pub owners: Vec<String>,
    /// How many seconds it takes; absent where nobody takes it who had it not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Range>,
}

/// From `least` to `most` seconds, depending on when between two ticks of a clock it begins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// At least so many.
    pub least: f64,
    /// At most so many.
    pub most: f64,
}

/// A failure, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What fails.
    pub event: Event,
    /// Who holds the address then.
    pub then: Outcome,
    /// Who holds it when that works again.
    pub back: Outcome,
}

/// Two failures, one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// What fails first.
    pub first: Event,
    /// What fails when the first is settled.
    pub second: Event,
    /// Who holds the address then.
    pub then: Outcome,
    /// Who holds it when the second is put right.
    pub back: Outcome,
}

/// Something that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Name of the node.
    pub node: String,
    /// What fails of it.
    pub fault: Fault,
}

/// What can fail of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The machine dies.
    Node,
    /// HAProxy dies.
    Haproxy,
    /// HAProxy is there and does not answer.
    Hung,
    /// Its link goes down.
    Link,
    /// Keepalived is stopped in good order.
    Keepalived,
    /// Its link stays up, but nothing of the others gets through.
    Partition,
}

/// Traffic that must work or must not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Where it comes from.
    pub origin: Origin,
    /// Who opens the connection, as `flows` write it.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Destination port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether it must work.
    pub must: FlowVerdict,
    /// Whether addresses may be rewritten on the way.
    pub nat: NatPolicy,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who that is.
    pub senders: Vec<End>,
    /// Who that is: every sender to every receiver but itself.
    pub receivers: Vec<End>,
    /// Whether it works for every pair, as the model sees it.
    pub works: bool,
    /// Pairs for which it does not work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<Stopped>,
    /// Pairs whose receiver sees another address than the sender's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewritten: Vec<Rewritten>,
}

/// Where a flow comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// `flows` in `cluster.yaml`.
    Declared,
    /// Balancers reach what is behind them.
    Backend,
    /// Nodes reach their name and time servers.
    Server,
    /// K3s nodes reach the K3s servers.
    Join,
}

/// One end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Node that it is, that it runs on, or that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Network, where it is any machine on it that is no node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// VIP that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vip: Option<String>,
    /// Whether it is a pod of the node.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pod: bool,
    /// Its address: the one that others connect to. With neither node nor network it is somewhere on the Internet.
    pub address: Ipv4Addr,
}

/// A pair of ends between which a flow does not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Position of the sender.
    pub sender: usize,
    /// Position of the receiver.
    pub receiver: usize,
    /// Why, for people.
    pub why: String,
}

/// A pair of ends of which the receiver does not see the sender's address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewritten {
    /// Position of the sender.
    pub sender: usize,
    /// Position of the receiver.
    pub receiver: usize,
    /// What the receiver sees instead.
    pub seen: Ipv4Addr,
}
