//! What happens to a connection, in words: for findings and for `bake explain route`.

use super::device::Kind;
use super::filter::Accept;
use super::forward::{Origin, Via};
use super::nat::Nat;
use super::segment::{Passage, Rejection};
use super::trace::{Direction, Hop, Packet, Reason, Step, Stop, Trace};
use super::{Answer, End, Topology, What};
use crate::model::profile::cluster::Protocol;

impl Topology<'_> {
    /// What people call a device, in back-quotes where it is a name.
    pub fn name(&self, device: usize) -> String {
        let own = &self.devices[device];
        match own.kind {
            Kind::Node(node) => format!("`{}`", node.name),
            Kind::Host => "the libvirt host".to_owned(),
            Kind::Gateway(_) => {
                own.ports.first().map_or_else(String::new, |port| format!("the router `{}`", port.address))
            }
            Kind::Member(segment) => format!("a machine on the network `{}`", self.segments[segment].name),
            Kind::Internet => "the Internet".to_owned(),
        }
    }

    /// What people call an end of a connection.
    pub fn end_name(&self, end: &End) -> String {
        match (end.what, self.devices[end.device].kind) {
            (What::Vip(vip), _) => {
                format!("the VIP `{}` on {}", self.cluster.vips[vip].name, self.name(end.device))
            }
            (What::Pod, _) => format!("pods on {}", self.name(end.device)),
            (What::Machine, Kind::Internet) => format!("`{}`", self.address(end)),
            (What::Machine, _) => self.name(end.device),
        }
    }

    /// Why a connection fails, with who and where: one clause.
    pub fn reason(&self, stop: &Stop) -> String {
        let name = self.name(stop.device);
        let network = |segment: usize| format!("the network `{}`", self.segments[segment].name);
        match stop.reason {
            Reason::NoRoute(to) => format!("{name} has no route to `{to}`"),
            Reason::OffLink(via) => format!("the next hop `{via}` is in no network of {name}"),
            Reason::NobodyAnswers(address, segment) => {
                format!("nobody on {} answers ARP requests for `{address}`", network(segment))
            }
            Reason::NotForwarding(to) => format!("{name} is sent what is for `{to}` but forwards nothing"),
            Reason::Rejected(segment, why) => {
                let (mode, cidr) = (self.segments[segment].mode, self.segments[segment].cidr);
                let network = format!("{} (mode `{mode}`)", network(segment));
                match why {
                    Rejection::Inbound => format!("libvirt rejects new connections into {network}"),
                    Rejection::Destination => format!("libvirt lets nothing but `{cidr}` into {network}"),
                    Rejection::Source => format!("libvirt lets nothing but `{cidr}` out of {network}"),
                    Rejection::Isolated => format!("libvirt lets nothing into or out of {network}"),
                }
            }
            Reason::Outsider(source) => {
                format!("{name} lets nobody from outside open connections inwards, and `{source}` is outside")
            }
            Reason::ReversePath(mode, port, source) => {
                let port = self.devices[stop.device].ports[port].name;
                let path = if mode == 1 { "its own way there leads elsewhere" } else { "it has no way there" };
                format!("{name} drops what comes from `{source}` on `{port}`, because {path} (`rp_filter` {mode})")
            }
            Reason::OwnAddress(address) => format!("{name} gets packets from its own address `{address}`"),
            Reason::Filtered(Some(_), source) => {
                format!("the firewall of {name} opens the port, but not for `{source}`")
            }
            Reason::Filtered(None, _) => format!("the firewall of {name} does not open the port"),
            Reason::Private(address) => format!("private addresses such as `{address}` are not routed on the Internet"),
            Reason::TunnelBroken(owner) => {
                format!("Flannel's tunnel from {name} to {} does not work", self.name(owner))
            }
            Reason::Loop => format!("the packet goes in circles, last at {name}"),
        }
    }

    /// Why a connection fails: the reason, and who rewrote the sender, if that is what a filter does not know.
    pub fn why(&self, trace: &Trace, stop: &Stop) -> String {
        let reason = self.reason(stop);
        match (stop.reason, trace.rewritten()) {
            (Reason::Filtered(..), Some((device, nat))) => format!("{reason}; {}", self.rewriter(device, nat)),
            _ => reason,
        }
    }

    /// What to write instead.
    pub fn cure(&self, trace: &Trace, stop: &Stop) -> Option<String> {
        Some(match stop.reason {
            Reason::Filtered(..) if matches!(trace.rewritten(), Some((_, Nat::Libvirt(_)))) => {
                "write `mode: open`, and masquerade on the host towards the Internet only".to_owned()
            }
            Reason::Rejected(_, Rejection::Inbound) => {
                "write `mode: open`, and masquerade on the host towards the Internet only".to_owned()
            }
            Reason::Rejected(_, Rejection::Destination | Rejection::Source) => {
                "write `mode: open`: libvirt then leaves the network's packets alone".to_owned()
            }
            Reason::ReversePath(..) => {
                "write `net.ipv4.conf.all.rp_filter: 2` for it, or let both ways lead through the same card".to_owned()
            }
            Reason::Filtered(Some(at), source) => {
                let name = self.devices[stop.device].node().and_then(|node| node.listens.get(at));
                format!(
                    "add `{source}` or its network to `from` of `{}`",
                    name.map_or("", |listen| listen.name.as_str())
                )
            }
            Reason::Filtered(None, _) => "declare the port under `listens` of one of its roles".to_owned(),
            Reason::NoRoute(to) if self.devices[stop.device].node().is_some() => {
                format!("give one of its roles a route that leads to `{to}`")
            }
            // It went out by the default route: whoever sent it that way lacks a route of its own.
            Reason::Private(to) => {
                let end = if stop.direction == Direction::There { &trace.packet.from } else { &trace.packet.to };
                let node = self.devices[end.device].node()?;
                let place = match self.segment_of(to) {
                    Some(segment) => format!("\"network:{}\"", self.segments[segment].name),
                    None if self.is_pod(to) => "pods".to_owned(),
                    None => to.to_string(),
                };
                format!("add `- {{to: {place}, reason: ...}}` to `routes` of a role of `{}`", node.name)
            }
            Reason::NotForwarding(_) => {
                "write `router: true` in its profile, or choose a next hop that is a router".to_owned()
            }
            Reason::NobodyAnswers(..) => "choose a next hop on the same network".to_owned(),
            _ => return None,
        })
    }

    /// The connection and why it fails; `None` if it works.
    pub fn failure(&self, trace: &Trace) -> Option<String> {
        let stop = trace.stop.as_ref()?;
        let what = self.connection(&trace.packet);
        let reason = self.why(trace, stop);
        Some(match stop.direction {
            Direction::There => format!("{what} does not work: {reason}"),
            Direction::Back => format!("{what} gets no answer: {reason}"),
        })
    }

    /// `tcp` 6443 from one to another.
    pub fn connection(&self, packet: &Packet) -> String {
        let (from, to) = (self.end_name(&packet.from), self.end_name(&packet.to));
        format!("{} from {from} to {to}", service(packet.protocol, packet.port))
    }

    /// Who rewrites a sender.
    pub fn rewriter(&self, device: usize, nat: Nat) -> String {
        let name = self.name(device);
        match nat {
            Nat::Libvirt(segment) => {
                format!("libvirt masquerades what leaves the network `{}` (mode `nat`)", self.segments[segment].name)
            }
            Nat::Internet => format!("{name} masquerades towards the Internet"),
            Nat::FromPods => format!("Flannel on {name} masquerades what pods send out of the cluster"),
            Nat::ToPods => format!("Flannel on {name} masquerades what it sends on to another node's pods"),
        }
    }

    /// One hop, without the device's name.
    pub(super) fn step(&self, hop: &Hop) -> String {
        let device = &self.devices[hop.device];
        match hop.step {
            Step::Routes(at) => {
                let entry = device.table.entry(at);
                let port = device.ports[entry.port].name;
                let via = match entry.via {
                    Via::Link => "directly".to_owned(),
                    Via::Hop(hop) if entry.on_link => format!("via {hop}, taken to be on the link"),
                    Via::Hop(hop) => format!("via {hop}"),
                    Via::Internet => "to the Internet".to_owned(),
                };
                let origin = match entry.origin {
                    Origin::Connected => "its own network",
                    Origin::Declared => "declared",
                    Origin::Implied => "taken to be known there",
                };
                format!("route {} {via}, {port} ({origin})", entry.to)
            }
            Step::Answers(address, answer) => {
                let how = match answer {
                    Answer::Own => "has the address",
                    Answer::Vip => "holds the VIP",
                    Answer::OtherCard => "has the address on another card",
                    Answer::Proxy => "answers for others (proxy_arp)",
                };
                format!("takes what is for {address}: {how}")
            }
            Step::Passes(segment, passage) => {
                let one = &self.segments[segment];
                let why = match passage {
                    Passage::Within => "within the bridge".to_owned(),
                    Passage::Established => "an answer".to_owned(),
                    Passage::Into => format!("to an address of {}", one.cidr),
                    Passage::OutOf => format!("from an address of {}", one.cidr),
                };
                format!("libvirt's rules for `{}` (mode {}) let it pass: {why}", one.name, one.mode)
            }
            Step::Rewrites(nat, from, to) => format!("sender {from} becomes {to}: {}", self.rewriter(hop.device, nat)),
            Step::Restores(to) => format!("destination becomes {to} again"),
            Step::Tunnels(owner) => format!("Flannel's tunnel to {}", self.name(owner)),
            Step::Accepts(accept) => match accept {
                Accept::Listen(at) => {
                    let name = device.node().and_then(|node| node.listens.get(at)).map(|listen| listen.name.as_str());
                    format!("firewall lets it in: `{}`", name.unwrap_or_default())
                }
                Accept::Established => "arrived, as an answer".to_owned(),
                Accept::Loopback => "the machine itself".to_owned(),
                Accept::Echo => "firewall lets it in: echo requests are always answered".to_owned(),
                Accept::Pods => "firewall lets it in: pods of this cluster".to_owned(),
                Accept::ToPod => "arrived at the pod".to_owned(),
                Accept::Service => "kube-proxy hands it to a pod of the service".to_owned(),
                Accept::Unmanaged => "arrived; bake writes no firewall here".to_owned(),
            },
        }
    }
}

/// `tcp 6443`, `icmp`.
fn service(protocol: Protocol, port: Option<u16>) -> String {
    match port {
        Some(port) => format!("{protocol} {port}"),
        None => protocol.to_string(),
    }
}
