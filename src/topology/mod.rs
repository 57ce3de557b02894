//! The cluster as a graph: who is on which Ethernet, who forwards what to whom, who filters and who rewrites.
//!
//! [`Topology::new`] indexes a cluster once; after that every question is a pure function of it:
//! [`trace`](Topology::trace) follows one connection there and back, hop by hop, with the reason of every step.
//!
//! What is not in a profile is taken as follows. A router that bake does not build (a hypervisor kept by hand) knows its
//! own networks and the pods behind its neighbours, masquerades towards the Internet only, and filters nothing but what
//! libvirt does. Port maps (`uplink.port_map`) are not followed: the address behind one is asked for itself. A gateway that is no node is a router on its network that leads to the Internet, masquerades, and
//! knows nothing of the cluster. Whatever a filter lets in is taken to be answered.

pub mod device;
pub mod explain;
pub mod filter;
pub mod flow;
pub mod forward;
pub mod nat;
pub mod place;
pub mod segment;
pub mod summary;
pub mod trace;
pub mod vrrp;
mod walk;
mod words;

pub use device::{Device, Kind};
pub use place::{End, What};
pub use segment::Segment;
pub use trace::{Hop, Packet, Step, Stop, Trace};

use crate::model::cluster::Cluster;
use device::Share;
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A cluster, indexed.
#[derive(Debug)]
pub struct Topology<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Its networks, sorted by name.
    pub segments: Vec<Segment<'a>>,
    /// Its nodes in their order, then the devices around them.
    pub devices: Vec<Device<'a>>,
    /// Device and port of every address.
    owners: BTreeMap<Ipv4Addr, (usize, usize)>,
    /// Position of the VIP of an address.
    vips: BTreeMap<Ipv4Addr, usize>,
    /// Shares of pods by address, with their device.
    shares: Vec<(Ipv4Net, usize)>,
    /// Ports that answer ARP for others, by link.
    proxies: BTreeMap<usize, Vec<(usize, usize)>>,
    /// The device of each segment that stands for machines that are no nodes.
    members: Vec<usize>,
}

/// Who answers an ARP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The machine that has the address there.
    Own,
    /// The balancer that holds the VIP.
    Vip,
    /// A machine that has the address on another card.
    OtherCard,
    /// A machine that answers for others (`proxy_arp`).
    Proxy,
}

/// Where a device sends a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Out {
    /// To a pod of its own.
    Pod,
    /// Through Flannel to another node's pods.
    Overlay(usize),
    /// Over a route.
    Route(usize),
}

impl<'a> Topology<'a> {
    /// Indexes a cluster.
    pub fn new(cluster: &'a Cluster) -> Self {
        let mut segments = segment::segments(&cluster.profile.networks);
        let devices = device::devices(cluster, &mut segments);
        let mut owners = BTreeMap::new();
        let mut proxies: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        let mut shares = Vec::new();
        let mut members = Vec::new();
        for (at, device) in devices.iter().enumerate() {
            shares.extend(device.share.map(|share| (share.net, at)));
            if matches!(device.kind, Kind::Member(_)) {
                members.push(at);
                continue;
            }
            for (port, own) in device.ports.iter().enumerate() {
                owners.entry(own.address).or_insert((at, port));
                if own.proxy_arp && device.forwards {
                    proxies.entry(segments[own.segment].link).or_default().push((at, port));
                }
            }
        }
        shares.sort_unstable();
        let vips = cluster.vips.iter().enumerate().map(|(at, vip)| (vip.address.value, at)).collect();
        Self { cluster, segments, devices, owners, vips, shares, proxies, members }
    }

    /// The Internet.
    pub fn internet(&self) -> usize {
        self.devices.len() - 1
    }

    /// The machine that stands for all on a segment that are no nodes.
    pub fn member(&self, segment: usize) -> usize {
        self.members[segment]
    }

    /// Whether an address is a pod's.
    pub fn is_pod(&self, address: Ipv4Addr) -> bool {
        self.cluster.profile.pods.as_ref().is_some_and(|pods| pods.cidr.contains(&address))
    }

    pub(crate) fn is_service(&self, address: Ipv4Addr) -> bool {
        self.cluster.profile.services.as_ref().is_some_and(|services| services.cidr.contains(&address))
    }

    /// The node with the share that an address is in.
    pub fn share_owner(&self, address: Ipv4Addr) -> Option<usize> {
        let at = self.shares.partition_point(|(net, _)| net.network() <= address);
        let (net, device) = self.shares.get(at.checked_sub(1)?)?;
        net.contains(&address).then_some(*device)
    }

    /// Nodes with pods, by the pods' addresses.
    pub fn pod_nodes(&self) -> impl Iterator<Item = usize> {
        self.shares.iter().map(|(_, device)| *device)
    }

    /// Position of the node called `name` among the devices.
    pub fn node(&self, name: &str) -> Option<usize> {
        self.cluster.nodes.binary_search_by(|node| node.name.as_str().cmp(name)).ok()
    }

    /// The device with an address, and the port that has it.
    pub fn owner(&self, address: Ipv4Addr) -> Option<(usize, usize)> {
        self.owners.get(&address).copied()
    }

    /// The VIP with an address.
    pub fn vip(&self, address: Ipv4Addr) -> Option<usize> {
        self.vips.get(&address).copied()
    }

    /// The segment that an address belongs to.
    pub fn segment_of(&self, address: Ipv4Addr) -> Option<usize> {
        self.segments.iter().position(|segment| segment.cidr.contains(&address))
    }

    /// The segment of a device's port.
    pub(crate) fn segment(&self, device: usize, port: usize) -> usize {
        self.devices[device].ports[port].segment
    }

    /// Where a device sends what is for `address`: its own routes, but pods first if it has some itself, because
    /// Flannel's routes are the more specific ones.
    pub(crate) fn out(&self, device: usize, address: Ipv4Addr) -> Option<Out> {
        let own = &self.devices[device];
        if own.share.is_some()
            && self.is_pod(address)
            && let Some(owner) = self.share_owner(address)
        {
            return Some(if owner == device { Out::Pod } else { Out::Overlay(owner) });
        }
        own.table.lookup(address).map(Out::Route)
    }

    /// Whether an address is the device's own, on a card or as the node's end of its pods' network.
    pub(crate) fn owns(&self, device: usize, address: Ipv4Addr) -> bool {
        let own = &self.devices[device];
        let end = |share: &Share| {
            let first = u32::from(share.net.network());
            [first, first + 1].contains(&u32::from(address))
        };
        own.ports.iter().any(|port| port.address == address) || own.share.as_ref().is_some_and(end)
    }
}
