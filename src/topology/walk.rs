//! One way of a connection, device by device.

use super::device::Kind;
use super::filter::{Accept, Entrance, input};
use super::forward::Via;
use super::segment::{self, Forwarded, is_private};
use super::trace::{Direction, Hop, Reason, Step, Stop};
use super::{Answer, Out, Topology};
use crate::diag::Span;
use crate::model::profile::cluster::Protocol;
use std::net::Ipv4Addr;

/// More hops than any cluster has.
const FAR: usize = 24;

/// What does not change on the way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// Who opened the connection.
    pub(super) source: Ipv4Addr,
    /// To whom.
    pub(super) destination: Ipv4Addr,
    /// Who holds the destination, if that is a VIP.
    pub(super) holder: Option<usize>,
    pub(super) protocol: Protocol,
    pub(super) port: Option<u16>,
}

/// Where a way begins at a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Machine,
    Pod,
}

/// How a packet came to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    Own,
    Pod,
    Overlay,
    Port(usize),
    Internet,
}

/// A rewritten sender, to be restored on the way back.
#[derive(Debug, Clone, Copy)]
struct Binding {
    device: usize,
    original: Ipv4Addr,
    rewritten: Ipv4Addr,
}

/// One way, as far as it goes.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) hops: Vec<Hop>,
    /// The sender's address at the end of the way.
    pub(super) source: Ipv4Addr,
    /// Where it ends.
    pub(super) device: usize,
    /// Whether that is a pod.
    pub(super) in_pod: bool,
    pub(super) stop: Option<Stop>,
    bindings: Vec<Binding>,
    /// Devices that forwarded it and know the connection.
    seen: Vec<usize>,
    /// Who sent it to the Internet.
    exit: Option<usize>,
}

/// A walk under way.
struct Walk<'t, 'a> {
    topology: &'t Topology<'a>,
    ends: &'t Ends,
    /// The way there, while the answer is followed.
    earlier: Option<&'t Leg>,
    leg: Leg,
    destination: Ipv4Addr,
    arrival: Arrival,
}

/// Whether a walk goes on.
enum Next {
    On,
    End,
}

type Stopped = (Reason, Option<Span>);

impl Topology<'_> {
    /// Follows a packet from `device`, with the addresses of its sender and of its destination. `earlier` is the way
    /// that the packet answers.
    pub(super) fn walk(
        &self,
        ends: &Ends,
        device: usize,
        start: Start,
        (source, destination): (Ipv4Addr, Ipv4Addr),
        earlier: Option<&Leg>,
    ) -> Leg {
        let leg = Leg {
            hops: Vec::with_capacity(8),
            source,
            device,
            in_pod: false,
            stop: None,
            bindings: Vec::new(),
            seen: Vec::new(),
            exit: None,
        };
        let arrival = if start == Start::Pod { Arrival::Pod } else { Arrival::Own };
        let mut walk = Walk { topology: self, ends, earlier, leg, destination, arrival };
        for _ in 0..FAR {
            match walk.step() {
                Ok(Next::On) => {}
                Ok(Next::End) => return walk.leg,
                Err((reason, span)) => return walk.stopped(reason, span),
            }
        }
        walk.stopped(Reason::Loop, None)
    }
}

impl Walk<'_, '_> {
    fn stopped(mut self, reason: Reason, span: Option<Span>) -> Leg {
        let direction = if self.earlier.is_some() { Direction::Back } else { Direction::There };
        self.leg.stop = Some(Stop { direction, device: self.leg.device, reason, span });
        self.leg
    }

    fn hop(&mut self, device: usize, step: Step) {
        self.leg.hops.push(Hop { device, step });
    }

    fn node_span(&self) -> Option<Span> {
        self.topology.devices[self.leg.device].node().map(|node| node.span)
    }

    /// Whether the device forwarded the packet that this one answers.
    fn established(&self) -> bool {
        self.earlier.is_some_and(|earlier| earlier.seen.contains(&self.leg.device))
    }

    /// One device.
    fn step(&mut self) -> Result<Next, Stopped> {
        let topology = self.topology;
        let here = self.leg.device;
        let device = &topology.devices[here];
        if matches!(device.kind, Kind::Internet) {
            return self.internet();
        }
        self.reverse_path()?;
        self.restore();
        if let Some(next) = self.local()? {
            return Ok(next);
        }
        if self.arrival != Arrival::Own {
            if !device.forwards {
                return Err((Reason::NotForwarding(self.destination), self.node_span()));
            }
            self.leg.seen.push(here);
        }
        if device.share.is_some() && topology.is_service(self.destination) {
            self.hop(here, Step::Accepts(Accept::Service));
            return Ok(Next::End);
        }
        match topology.out(here, self.destination) {
            None => Err((Reason::NoRoute(self.destination), self.node_span())),
            Some(Out::Pod) => {
                self.hop(here, Step::Accepts(Accept::ToPod));
                self.leg.in_pod = true;
                Ok(Next::End)
            }
            Some(Out::Overlay(owner)) => self.overlay(owner),
            Some(Out::Route(at)) => self.route(at),
        }
    }

    /// Checks where the packet says it comes from.
    fn reverse_path(&self) -> Result<(), Stopped> {
        let Arrival::Port(port) = self.arrival else { return Ok(()) };
        let here = self.leg.device;
        let topology = self.topology;
        let device = &topology.devices[here];
        let own = &device.ports[port];
        if topology.owns(here, self.leg.source) {
            return Err((Reason::OwnAddress(self.leg.source), own.span));
        }
        let back = topology.out(here, self.leg.source);
        let passes = match own.reverse_path {
            0 => true,
            1 => matches!(back, Some(Out::Route(at)) if device.table.entry(at).port == port),
            _ => back.is_some(),
        };
        let reason = Reason::ReversePath(own.reverse_path, port, self.leg.source);
        if passes { Ok(()) } else { Err((reason, own.reverse_path_span.or_else(|| self.node_span()))) }
    }

    /// Undoes what this device did to the packet that this one answers.
    fn restore(&mut self) {
        let Some(earlier) = self.earlier else { return };
        let here = self.leg.device;
        let matches = |binding: &&Binding| binding.device == here && binding.rewritten == self.destination;
        if self.arrival != Arrival::Own
            && let Some(binding) = earlier.bindings.iter().find(matches)
        {
            self.destination = binding.original;
            self.hop(here, Step::Restores(binding.original));
        }
    }

    /// Takes the packet in, if it is for this device.
    fn local(&mut self) -> Result<Option<Next>, Stopped> {
        let topology = self.topology;
        let here = self.leg.device;
        let device = &topology.devices[here];
        let holds = topology.vip(self.destination).is_some() && self.ends.holder == Some(here);
        let stands = matches!(device.kind, Kind::Member(_)) && self.arrival != Arrival::Own;
        if !(holds || stands || topology.owns(here, self.destination)) {
            return Ok(None);
        }
        let accept = match (self.earlier, device.kind) {
            (Some(_), _) => Accept::Established,
            (None, Kind::Node(node)) => {
                let entrance = match self.arrival {
                    Arrival::Own => Entrance::Loopback,
                    Arrival::Pod | Arrival::Overlay => Entrance::Pods,
                    Arrival::Port(_) | Arrival::Internet => Entrance::Outside,
                };
                input(node, entrance, self.leg.source, self.ends.protocol, self.ends.port).map_err(|near| {
                    let span = near.and_then(|at| node.listens.get(at)).map_or(node.span, |listen| listen.name.span);
                    (Reason::Filtered(near, self.leg.source), Some(span))
                })?
            }
            (None, _) if self.arrival == Arrival::Own => Accept::Loopback,
            (None, _) => Accept::Unmanaged,
        };
        self.hop(here, Step::Accepts(accept));
        Ok(Some(Next::End))
    }

    /// Through Flannel to another node's pods.
    fn overlay(&mut self, owner: usize) -> Result<Next, Stopped> {
        let topology = self.topology;
        let here = self.leg.device;
        if self.earlier.is_none()
            && self.arrival != Arrival::Own
            && let Some(share) = topology.devices[here].share
            && let Some((nat, address)) = topology.masquerade_overlay(share, self.leg.source)
        {
            self.rewrite(nat, address);
        }
        let outer = Ends {
            source: topology.address(&topology.machine(here)),
            destination: topology.address(&topology.machine(owner)),
            holder: None,
            protocol: Protocol::Udp,
            port: Some(super::filter::FLANNEL),
        };
        // Tunnels do not run through tunnels: nodes' own addresses are no pods'.
        if !topology.is_pod(outer.destination) {
            let tunnel = topology.walk(&outer, here, Start::Machine, (outer.source, outer.destination), None);
            if let Some(stop) = tunnel.stop {
                return Err((Reason::TunnelBroken(owner), stop.span));
            }
        }
        self.hop(here, Step::Tunnels(owner));
        self.leg.device = owner;
        self.arrival = Arrival::Overlay;
        Ok(Next::On)
    }

    fn rewrite(&mut self, nat: super::nat::Nat, address: Ipv4Addr) {
        let (device, original) = (self.leg.device, self.leg.source);
        self.leg.bindings.push(Binding { device, original, rewritten: address });
        self.leg.source = address;
        self.hop(device, Step::Rewrites(nat, original, address));
    }

    /// Over a route of the device's table.
    fn route(&mut self, at: usize) -> Result<Next, Stopped> {
        let topology = self.topology;
        let here = self.leg.device;
        let device = &topology.devices[here];
        let entry = device.table.entry(at);
        self.hop(here, Step::Routes(at));
        let into = topology.segment(here, entry.port);
        if self.arrival != Arrival::Own {
            self.guard(entry.port)?;
            self.libvirt(into, entry.via)?;
        }
        if self.earlier.is_none()
            && let Some((nat, address)) = topology.masquerade(here, entry, self.leg.source, self.destination)
        {
            self.rewrite(nat, address);
        }
        let next = match entry.via {
            Via::Internet => {
                self.leg.exit = Some(here);
                self.leg.device = topology.internet();
                self.arrival = Arrival::Internet;
                return Ok(Next::On);
            }
            Via::Link => self.destination,
            Via::Hop(hop) => {
                if !entry.on_link && !topology.segments[into].cidr.contains(&hop) {
                    return Err((Reason::OffLink(hop), entry.span));
                }
                hop
            }
        };
        let Some((device, port, answer)) = self.answers(next, into) else {
            return Err((Reason::NobodyAnswers(next, into), entry.span));
        };
        self.hop(device, Step::Answers(next, answer));
        self.leg.device = device;
        self.arrival = Arrival::Port(port);
        Ok(Next::On)
    }

    /// A router with an uplink forwards what comes in over it from outside only if it is an answer (lower/router.rs).
    fn guard(&self, into: usize) -> Result<(), Stopped> {
        let topology = self.topology;
        let device = &topology.devices[self.leg.device];
        let Some(node) = device.node().filter(|node| node.build) else { return Ok(()) };
        let (Some(uplink), Some(card)) = (&node.uplink, node.outward()) else { return Ok(()) };
        let outer = match self.arrival {
            Arrival::Port(port) => port != into && device.ports[port].name == card.name.value,
            Arrival::Internet => true,
            Arrival::Own | Arrival::Pod | Arrival::Overlay => false,
        };
        let source = self.leg.source;
        let inside = topology.is_pod(source) || topology.segment_of(source).is_some();
        if outer && !inside && !self.established() {
            return Err((Reason::Outsider(source), Some(uplink.span)));
        }
        Ok(())
    }

    /// libvirt's rules, where this device is the host of the bridges.
    fn libvirt(&mut self, into: usize, via: Via) -> Result<(), Stopped> {
        let topology = self.topology;
        let here = self.leg.device;
        let own = |at: usize| (topology.segments[at].host == Some(here)).then(|| (at, &topology.segments[at]));
        let from = match self.arrival {
            Arrival::Port(port) => own(topology.segment(here, port)),
            _ => None,
        };
        // What leaves for the Internet leaves over a card of the host's own.
        let into = if via == Via::Internet { None } else { own(into) };
        let packet =
            Forwarded { source: self.leg.source, destination: self.destination, established: self.established() };
        match segment::filter(from, into, packet) {
            Ok(Some((at, passage))) => self.hop(here, Step::Passes(at, passage)),
            Ok(None) => {}
            Err((at, why)) => return Err((Reason::Rejected(at, why), Some(segment::place(&topology.segments[at])))),
        }
        Ok(())
    }

    /// Who on a segment answers ARP requests for an address.
    fn answers(&self, address: Ipv4Addr, segment: usize) -> Option<(usize, usize, Answer)> {
        let topology = self.topology;
        let link = topology.segments[segment].link;
        let on_link = |device: usize| {
            topology.devices[device].ports.iter().position(|port| topology.segments[port.segment].link == link)
        };
        if topology.vip(address).is_some()
            && let Some(holder) = self.ends.holder
        {
            return on_link(holder).map(|port| (holder, port, Answer::Vip));
        }
        if topology.owns(self.leg.device, address) {
            return None;
        }
        if let Some((device, port)) = topology.owner(address) {
            if topology.segments[topology.segment(device, port)].link == link {
                return Some((device, port, Answer::Own));
            }
            // Linux answers on every card for all of its addresses (arp_ignore 0).
            if let Some(port) = on_link(device) {
                return Some((device, port, Answer::OtherCard));
            }
        } else if [self.ends.source, self.ends.destination].contains(&address)
            && topology.segments[segment].cidr.contains(&address)
        {
            return Some((topology.member(segment), 0, Answer::Own));
        }
        let proxies = topology.proxies.get(&link).into_iter().flatten();
        let elsewhere = |device: usize, port: usize| match topology.out(device, address) {
            Some(Out::Route(at)) => topology.devices[device].table.entry(at).port != port,
            Some(_) => true,
            None => false,
        };
        let proxy =
            proxies.filter(|(device, _)| *device != self.leg.device).find(|(device, port)| elsewhere(*device, *port));
        proxy.map(|(device, port)| (*device, *port, Answer::Proxy))
    }

    /// At the Internet: everybody is there, and nobody with a private address.
    fn internet(&mut self) -> Result<Next, Stopped> {
        let topology = self.topology;
        let here = self.leg.device;
        if self.arrival == Arrival::Internet {
            if is_private(self.destination) {
                return Err((Reason::Private(self.destination), None));
            }
            self.hop(here, Step::Accepts(Accept::Unmanaged));
            return Ok(Next::End);
        }
        // An answer finds the router that rewrote the sender; its address outside is not modelled.
        if let Some(earlier) = self.earlier
            && let Some(exit) = earlier.exit
            && earlier.bindings.iter().any(|binding| binding.device == exit && binding.rewritten == self.destination)
        {
            self.leg.device = exit;
            self.arrival = Arrival::Internet;
            return Ok(Next::On);
        }
        let gateway = |at: usize| topology.segments[at].gateway.and_then(|gateway| topology.owner(gateway.value));
        if is_private(self.destination) {
            return Err((Reason::Private(self.destination), None));
        }
        match topology.segment_of(self.destination).and_then(gateway) {
            Some((device, _)) => {
                self.leg.device = device;
                self.arrival = Arrival::Internet;
                Ok(Next::On)
            }
            None => Err((Reason::NoRoute(self.destination), None)),
        }
    }
}
