//! Places as flows name them: `node:<name>`, `role:<name>`, `network:<name>`, `vip:<name>`, `pods`, `services`,
//! `any`, an address or a network.

use super::Topology;
use super::segment::is_private;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// What an end of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A machine.
    Machine,
    /// A pod of the machine.
    Pod,
    /// The VIP at this position, held by the machine.
    Vip(usize),
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// Position of the device.
    pub device: usize,
    /// Its address; `None` leaves the choice to the device, which takes that of the port that it sends from.
    pub address: Option<Ipv4Addr>,
    /// What it is.
    pub what: What,
}

/// An address of the Internet that stands for all of them (RFC 5737).
const ANYBODY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

impl Topology<'_> {
    /// A machine under the address that it chooses itself.
    pub fn machine(&self, device: usize) -> End {
        End { device, address: None, what: What::Machine }
    }

    /// A pod of a node.
    pub fn pod(&self, device: usize) -> Option<End> {
        let share = self.devices[device].share?;
        // Flannel's own addresses come first.
        let address = Ipv4Addr::from(u32::from(share.net.network()) + 10);
        Some(End { device, address: Some(address), what: What::Pod })
    }

    /// Somebody with this address.
    pub fn at(&self, address: Ipv4Addr) -> End {
        let end = |device, what| End { device, address: Some(address), what };
        if let Some((device, _)) = self.owner(address) {
            return end(device, What::Machine);
        }
        if let Some(device) = self.share_owner(address) {
            let what = if self.owns(device, address) { What::Machine } else { What::Pod };
            return end(device, what);
        }
        match self.segment_of(address) {
            Some(segment) => end(self.member(segment), What::Machine),
            None => end(self.internet(), What::Machine),
        }
    }

    /// A machine on a segment that is no node.
    pub fn somebody_on(&self, segment: usize) -> End {
        self.machine(self.member(segment))
    }

    /// A VIP, once for every machine that may hold it.
    pub fn holders(&self, vip: usize) -> impl Iterator<Item = End> {
        let declared = &self.cluster.vips[vip];
        let end = move |device| End { device, address: Some(declared.address.value), what: What::Vip(vip) };
        declared.candidates.iter().filter_map(|name| self.node(name)).map(end)
    }

    /// Who a place stands for; nobody if the name is not declared, which was reported when the profiles were read.
    pub fn ends(&self, place: &str) -> Vec<End> {
        match place.split_once(':') {
            Some(("node", name)) => self.node(name).map(|device| self.machine(device)).into_iter().collect(),
            Some(("role", role)) => {
                let with = |at: &usize| self.cluster.nodes[*at].has_role(role);
                (0..self.cluster.nodes.len()).filter(with).map(|at| self.machine(at)).collect()
            }
            Some(("network", name)) => {
                let at = self.segments.iter().position(|segment| segment.name == name);
                at.map(|at| self.somebody_on(at)).into_iter().collect()
            }
            Some(("vip", name)) => {
                let at = self.cluster.vips.iter().position(|vip| vip.name == name);
                at.into_iter().flat_map(|at| self.holders(at)).collect()
            }
            _ => self.bare(place),
        }
    }

    fn bare(&self, place: &str) -> Vec<End> {
        match place {
            "any" => vec![self.at(ANYBODY)],
            "pods" => self.pod_nodes().filter_map(|device| self.pod(device)).collect(),
            "services" => {
                let services = self.cluster.profile.services.as_ref();
                let first = |cidr: Ipv4Net| Ipv4Addr::from(u32::from(cidr.network()) + 1);
                services.map(|services| self.at(first(services.cidr.value))).into_iter().collect()
            }
            _ => {
                let net = place.parse::<Ipv4Net>().or_else(|_| place.parse::<Ipv4Addr>().map(Ipv4Net::from));
                net.map(|net| self.within(net)).unwrap_or_default()
            }
        }
    }

    /// Who a network of addresses stands for: the nodes in it, or else anybody with an address of it.
    pub fn within(&self, net: Ipv4Net) -> Vec<End> {
        if net.prefix_len() == 32 {
            let address = net.addr();
            return match self.vip(address) {
                Some(vip) => self.holders(vip).collect(),
                None => vec![self.at(address)],
            };
        }
        if self.cluster.profile.pods.as_ref().is_some_and(|pods| pods.cidr.contains(&net)) {
            let pods = self.pod_nodes().filter_map(|device| self.pod(device));
            return pods.filter(|end| end.address.is_some_and(|address| net.contains(&address))).collect();
        }
        let owners = self.owners.range(net.network()..=net.broadcast());
        let mut found: Vec<End> = owners
            .filter(|(_, (device, _))| self.devices[*device].node().is_some())
            .map(|(address, (device, _))| End { device: *device, address: Some(*address), what: What::Machine })
            .collect();
        match self.segments.iter().position(|segment| segment.cidr.contains(&net)) {
            Some(segment) if self.segments[segment].cidr == net => found.push(self.somebody_on(segment)),
            None if found.is_empty() && !is_private(net.network()) => {
                found.push(self.at(net.hosts().next().unwrap_or(net.addr())));
            }
            _ => {}
        }
        if found.is_empty() {
            found.push(self.at(net.hosts().next().unwrap_or(net.addr())));
        }
        found
    }
}
