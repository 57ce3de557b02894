//! Who rewrites the sender's address of new connections.

use super::Topology;
use super::device::{Kind, Share};
use super::forward::{Entry, Via};
use super::segment::is_private;
use crate::model::cluster::Node;
use crate::model::profile::cluster::NetworkMode;
use std::net::Ipv4Addr;

/// Who rewrites an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nat {
    /// libvirt, for what leaves the masqueraded segment at this position.
    Libvirt(usize),
    /// The router in front of the Internet.
    Internet,
    /// Flannel, for what pods send out of the cluster's pods.
    FromPods,
    /// Flannel, for what somebody else sends to pods of another node.
    ToPods,
}

impl Topology<'_> {
    /// The rewritten sender of a new connection that `device` sends out over `entry`.
    ///
    /// libvirt masquerades whatever leaves a network in mode `nat`, whatever it leads to. A router with an uplink
    /// masquerades private addresses towards the Internet only (lower/router.rs); one that bake does not build is taken
    /// to do the same. Flannel masquerades
    /// what its own pods send to others (its rules in the chain FLANNEL-POSTRTG).
    pub(super) fn masquerade(
        &self,
        device: usize,
        entry: &Entry,
        source: Ipv4Addr,
        destination: Ipv4Addr,
    ) -> Option<(Nat, Ipv4Addr)> {
        let own = &self.devices[device];
        let outward = own.ports.get(entry.port).map(|port| port.address)?;
        let rewritten = |nat| (source != outward).then_some((nat, outward));
        let leaves = self.segments.iter().position(|segment| {
            segment.host == Some(device)
                && segment.mode.value == NetworkMode::Nat
                && segment.cidr.contains(&source)
                && !segment.cidr.contains(&destination)
        });
        if let Some(segment) = leaves {
            return rewritten(Nat::Libvirt(segment));
        }
        if own.share.is_some() && self.is_pod(source) && !self.is_pod(destination) {
            return rewritten(Nat::FromPods);
        }
        // The address of a router on the Internet is not known; its inner one stands for it.
        if entry.via == Via::Internet {
            return is_private(source).then_some((Nat::Internet, outward));
        }
        let written = |node: &Node| node.uplink.as_ref().is_some_and(|uplink| uplink.masquerade);
        let router = matches!(own.kind, Kind::Node(node) if node.router && (!node.build || written(node)));
        let towards = entry.to.prefix_len() == 0 && !is_private(destination);
        let connected =
            own.ports.get(entry.port).is_some_and(|port| self.segments[port.segment].cidr.contains(&source));
        if router && towards && is_private(source) && !connected { rewritten(Nat::Internet) } else { None }
    }

    /// The rewritten sender of a new connection from outside the pods that a K3s node sends on to another node's pods.
    pub(super) fn masquerade_overlay(&self, share: Share, source: Ipv4Addr) -> Option<(Nat, Ipv4Addr)> {
        (!self.is_pod(source)).then_some((Nat::ToPods, share.net.network()))
    }
}
