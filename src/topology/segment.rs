//! Networks as segments of Ethernet, and what libvirt's host lets through between them.
//!
//! libvirt's rules (docs/firewall.rst; the same in its iptables and nftables back ends) stand on the host, in three
//! chains that are passed in this order: within one bridge, into a bridge, out of a bridge. The first rule that
//! matches decides, so a packet that may enter a bridge is not asked where it came from.

use crate::diag::Span;
use crate::model::Spanned;
use crate::model::profile::cluster::{Network, NetworkMode};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// One network of the cluster.
#[derive(Debug, Clone)]
pub struct Segment<'a> {
    /// Name of the network.
    pub name: &'a str,
    /// Its addresses.
    pub cidr: Ipv4Net,
    /// How it is connected, and where that is written.
    pub mode: Spanned<NetworkMode>,
    /// Default gateway of its machines.
    pub gateway: Option<Spanned<Ipv4Addr>>,
    /// Device that it is a bridge of.
    pub bridge: &'a str,
    /// Segments with the same number share one Ethernet: their networks name the same bridge.
    pub link: usize,
    /// The device whose kernel holds the bridge and libvirt's rules for it.
    pub host: Option<usize>,
}

/// The networks as segments, sorted by name.
pub(super) fn segments(networks: &BTreeMap<String, Spanned<Network>>) -> Vec<Segment<'_>> {
    let mut links: BTreeMap<&str, usize> = BTreeMap::new();
    let segments = networks.iter().map(|(name, network)| {
        let next = links.len();
        let bridge = network.bridge.as_str();
        Segment {
            name,
            cidr: network.cidr.value,
            mode: network.mode,
            gateway: network.gateway,
            bridge,
            link: *links.entry(bridge).or_insert(next),
            host: None,
        }
    });
    segments.collect()
}

/// Why libvirt rejects a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// A new connection into a masqueraded network.
    Inbound,
    /// Into the bridge, but not to an address of its network: pods, for example.
    Destination,
    /// Out of the bridge, but not from an address of its network.
    Source,
    /// Into or out of a network that is isolated.
    Isolated,
}

/// Why libvirt lets a packet pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Within one bridge.
    Within,
    /// An answer.
    Established,
    /// To an address of a routed network.
    Into,
    /// From an address of the network.
    OutOf,
}

/// A forwarded packet, as the host's rules see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forwarded {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) established: bool,
}

/// What libvirt does with a packet from one of its bridges to another, either of which may be none of its own.
/// `Ok(None)` means that no rule is about it. The number says which of the two decided.
pub(super) fn filter(
    from: Option<(usize, &Segment<'_>)>,
    into: Option<(usize, &Segment<'_>)>,
    packet: Forwarded,
) -> Result<Option<(usize, Passage)>, (usize, Rejection)> {
    use NetworkMode::{Isolated, Nat, Route};
    let ruled = |end: Option<(usize, &Segment<'_>)>| {
        end.and_then(|(at, segment)| {
            matches!(segment.mode.value, Nat | Route | Isolated).then_some((at, segment.mode.value, segment.cidr))
        })
    };
    let (from, into) = (ruled(from), ruled(into));
    if let (Some((at, ..)), Some((other, ..))) = (from, into)
        && at == other
    {
        return Ok(Some((at, Passage::Within)));
    }
    if let Some((at, mode, cidr)) = into {
        let inside = cidr.contains(&packet.destination);
        return match mode {
            Route if inside => Ok(Some((at, Passage::Into))),
            Nat if inside && packet.established => Ok(Some((at, Passage::Established))),
            Nat if inside => Err((at, Rejection::Inbound)),
            Isolated => Err((at, Rejection::Isolated)),
            _ => Err((at, Rejection::Destination)),
        };
    }
    match from {
        Some((at, Isolated, _)) => Err((at, Rejection::Isolated)),
        Some((at, _, cidr)) if cidr.contains(&packet.source) => Ok(Some((at, Passage::OutOf))),
        Some((at, ..)) => Err((at, Rejection::Source)),
        None => Ok(None),
    }
}

/// Whether an address is never routed on the Internet (RFC 1918, RFC 6598, RFC 3927, loopback, multicast).
/// Addresses for documentation count as the Internet: profiles use them as examples of it.
pub fn is_private(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_unspecified()
        || address.is_broadcast()
        || (a == 100 && b & 0xC0 == 64)
}

/// A segment's position as span: where its mode is written.
pub(super) fn place(segment: &Segment<'_>) -> Span {
    segment.mode.span
}
