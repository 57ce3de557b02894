//! A connection, followed there and back.

use super::filter::Accept;
use super::nat::Nat;
use super::place::{End, What};
use super::segment::{Passage, Rejection};
use super::walk::{Ends, Leg, Start};
use super::{Answer, Out, Topology};
use crate::diag::Span;
use crate::model::profile::cluster::Protocol;
use std::net::Ipv4Addr;

/// A connection to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Who opens it.
    pub from: End,
    /// To whom.
    pub to: End,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Destination port.
    pub port: Option<u16>,
}

/// One step, at one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// Position of the device.
    pub device: usize,
    /// What happens there.
    pub step: Step,
}

/// What happens to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The device sends it over the route at this position of its table.
    Routes(usize),
    /// Somebody on the link says that packets for this address are for him.
    Answers(Ipv4Addr, Answer),
    /// libvirt's rules for the segment at this position let it pass.
    Passes(usize, Passage),
    /// The sender's address is rewritten, from the first to the second.
    Rewrites(Nat, Ipv4Addr, Ipv4Addr),
    /// The destination of an answer is rewritten back to this address.
    Restores(Ipv4Addr),
    /// Flannel carries it to the node at this position.
    Tunnels(usize),
    /// It has arrived.
    Accepts(Accept),
}

/// Why a packet goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No route to this address.
    NoRoute(Ipv4Addr),
    /// The next hop is in no network of the port.
    OffLink(Ipv4Addr),
    /// Nobody on the segment at this position answers ARP requests for the address.
    NobodyAnswers(Ipv4Addr, usize),
    /// The device is no router.
    NotForwarding(Ipv4Addr),
    /// libvirt's rules for the segment at this position.
    Rejected(usize, Rejection),
    /// The router keeps out who comes over its uplink with an address of nobody in the cluster.
    Outsider(Ipv4Addr),
    /// The check of the reverse path: mode, port, sender.
    ReversePath(u8, usize, Ipv4Addr),
    /// It comes from the network with the device's own address as sender.
    OwnAddress(Ipv4Addr),
    /// The packet filter of the node; with the position of a listen for the same port but others.
    Filtered(Option<usize>, Ipv4Addr),
    /// Private addresses are not routed on the Internet.
    Private(Ipv4Addr),
    /// Flannel's tunnel to the node at this position does not work.
    TunnelBroken(usize),
    /// It goes in circles.
    Loop,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// To the destination.
    There,
    /// The answer.
    Back,
}

/// Where and why a connection fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Which way.
    pub direction: Direction,
    /// Position of the device that stops it.
    pub device: usize,
    /// Why.
    pub reason: Reason,
    /// Where the cause is written, if anywhere.
    pub span: Option<Span>,
}

/// A connection, followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The connection.
    pub packet: Packet,
    /// The sender's address as it leaves the sender.
    pub source: Ipv4Addr,
    /// The sender's address as the receiver sees it.
    pub seen: Ipv4Addr,
    /// The address that was connected to.
    pub destination: Ipv4Addr,
    /// The way there.
    pub there: Vec<Hop>,
    /// The way back; empty if it did not come to that.
    pub back: Vec<Hop>,
    /// What stops it; `None` if it works.
    pub stop: Option<Stop>,
}

impl Trace {
    /// Whether the connection works.
    pub fn works(&self) -> bool {
        self.stop.is_none()
    }

    /// Who rewrites the sender's address first, as the receiver sees another one than the sender's own.
    pub fn rewritten(&self) -> Option<(usize, Nat)> {
        self.there.iter().find_map(|hop| match hop.step {
            Step::Rewrites(nat, ..) => Some((hop.device, nat)),
            _ => None,
        })
    }
}

impl Topology<'_> {
    /// The address of an end that others connect to.
    pub fn address(&self, end: &End) -> Ipv4Addr {
        let first = || self.devices[end.device].ports.first().map(|port| port.address);
        end.address.or_else(first).unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    /// The address that a machine sends from.
    fn source(&self, end: &End, destination: Ipv4Addr) -> Ipv4Addr {
        // HAProxy connects from the machine's own address, not from the VIP.
        if let (Some(address), What::Machine | What::Pod) = (end.address, end.what) {
            return address;
        }
        let device = &self.devices[end.device];
        let chosen = match self.out(end.device, destination) {
            Some(Out::Route(at)) => device.ports.get(device.table.entry(at).port).map(|port| port.address),
            Some(Out::Pod) => device.share.map(|share| Ipv4Addr::from(u32::from(share.net.network()) + 1)),
            Some(Out::Overlay(_)) => device.share.map(|share| share.net.network()),
            None => None,
        };
        chosen.or_else(|| device.ports.first().map(|port| port.address)).unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    /// Follows a connection there and its answer back.
    pub fn trace(&self, packet: &Packet) -> Trace {
        let destination = self.address(&packet.to);
        let source = self.source(&packet.from, destination);
        let ends = Ends {
            source,
            destination,
            holder: matches!(packet.to.what, What::Vip(_)).then_some(packet.to.device),
            protocol: packet.protocol,
            port: packet.port,
        };
        let start = if packet.from.what == What::Pod { Start::Pod } else { Start::Machine };
        let there = self.walk(&ends, packet.from.device, start, (source, destination), None);
        let mut trace = Trace {
            packet: *packet,
            source,
            seen: there.source,
            destination,
            there: Vec::new(),
            back: Vec::new(),
            stop: there.stop,
        };
        if there.stop.is_none() && !ends_at_once(&there) {
            let start = if there.in_pod { Start::Pod } else { Start::Machine };
            let addresses = (destination, there.source);
            let back = self.walk(&ends, there.device, start, addresses, Some(&there));
            trace.stop = back.stop;
            trace.back = back.hops;
        }
        trace.there = there.hops;
        trace
    }
}

/// Whether no answer crosses any network: it never left the machine, or kube-proxy took it.
fn ends_at_once(there: &Leg) -> bool {
    let last = there.hops.last().map(|hop| hop.step);
    matches!(last, Some(Step::Accepts(Accept::Loopback | Accept::Service)))
}
