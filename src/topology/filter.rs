//! What a machine's kernel takes in: its packet filter, the check of the reverse path, answers to ARP for others.

use crate::diag::Span;
use crate::model::Spanned;
use crate::model::cluster::{Listen, Node};
use crate::model::profile::cluster::Protocol;
use crate::model::profile::node::Os;
use std::net::Ipv4Addr;

/// UDP port of Flannel's VXLAN tunnel (K3s' default back end).
pub(super) const FLANNEL: u16 = 8472;

/// Why a packet is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// Position of the listen that lets it in.
    Listen(usize),
    /// An answer.
    Established,
    /// From the machine itself.
    Loopback,
    /// ICMP echo requests are always let in.
    Echo,
    /// From a pod of this cluster.
    Pods,
    /// To a pod: the node's own filter does not see it.
    ToPod,
    /// To a service: kube-proxy hands it to a pod.
    Service,
    /// bake writes no filter for this machine; it is taken to have none.
    Unmanaged,
}

/// How a packet comes in, as far as a filter cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    Loopback,
    Pods,
    Outside,
}

/// Whether the rules that bake writes for `node` (lower/firewall.rs) let a new connection in. `Err` carries the
/// position of a listen for the same port but other sources, if there is one.
pub(super) fn input(
    node: &Node,
    entrance: Entrance,
    source: Ipv4Addr,
    protocol: Protocol,
    port: Option<u16>,
) -> Result<Accept, Option<usize>> {
    if !node.build {
        return Ok(Accept::Unmanaged);
    }
    match entrance {
        Entrance::Loopback => return Ok(Accept::Loopback),
        Entrance::Pods if runs_flannel(node) => return Ok(Accept::Pods),
        _ => {}
    }
    if protocol == Protocol::Icmp {
        return Ok(Accept::Echo);
    }
    let mut near = None;
    for (at, listen) in node.listens.iter().enumerate().filter(|(_, listen)| covers(listen, protocol, port)) {
        if listen.sources.is_empty() || listen.sources.iter().any(|net| net.contains(&source)) {
            return Ok(Accept::Listen(at));
        }
        near = near.or(Some(at));
    }
    Err(near)
}

/// Whether a listen is for this protocol and port, whoever connects.
pub fn covers(listen: &Listen, protocol: Protocol, port: Option<u16>) -> bool {
    let ported = match (listen.ports, port) {
        (Some((first, last)), Some(port)) => (first..=last).contains(&port),
        (Some(_), None) => false,
        (None, _) => true,
    };
    listen.protocol == protocol && ported
}

/// Whether the node takes part in the network of pods.
pub fn runs_flannel(node: &Node) -> bool {
    node.listens.iter().any(|listen| covers(listen, Protocol::Udp, Some(FLANNEL)))
}

/// A kernel setting of an interface: what is written for `all`, and what holds for the interface itself.
fn setting<'n>(
    node: &'n Node,
    interface: &str,
    key: &str,
) -> (Option<&'n Spanned<String>>, Option<&'n Spanned<String>>) {
    let written = |name: &str| {
        let wanted = format!("net.ipv4.conf.{name}.{key}");
        node.sysctls.get(&wanted).or_else(|| node.sysctls.get(&wanted.replace('.', "/")))
    };
    let slashed = || node.sysctls.get(&format!("net/ipv4/conf/{interface}/{key}"));
    let own = written(interface).or_else(slashed).or_else(|| written("*")).or_else(|| written("default"));
    (written("all"), own)
}

/// The mode of the check of the reverse path on an interface: 0 none, 1 strict, 2 loose; and where it is written.
///
/// The larger of `all` and the interface's own holds (kernel, ip-sysctl). What nobody writes is the system's own:
/// strict on EL 9 (redhat-release's 50-redhat.conf), none on Flatcar (baselayout's 60-baselayout.conf).
pub(super) fn reverse_path(node: &Node, interface: &str) -> (u8, Option<Span>) {
    let (all, own) = setting(node, interface, "rp_filter");
    let number = |value: Option<&Spanned<String>>| value.and_then(|value| value.trim().parse::<u8>().ok());
    let system = match node.os {
        Os::Flatcar => 0,
        Os::Almalinux | Os::Rocky => 1,
    };
    let own_value = number(own).unwrap_or(system);
    match number(all) {
        Some(value) if value >= own_value => (value, all.map(|all| all.span)),
        _ => (own_value, own.map(|own| own.span)),
    }
}

/// Whether the interface answers ARP requests for machines that the node reaches through others.
pub(super) fn proxy_arp(node: &Node, interface: &str) -> bool {
    let (all, own) = setting(node, interface, "proxy_arp");
    [all, own].into_iter().flatten().any(|value| value.trim() == "1")
}

/// Whether the node forwards packets. Flatcar does out of the box (baselayout).
pub(super) fn forwards(node: &Node) -> bool {
    let written = ["net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"];
    let written =
        written.iter().find_map(|key| node.sysctls.get(*key).or_else(|| node.sysctls.get(&key.replace('.', "/"))));
    match written {
        Some(value) => value.trim() == "1",
        None => node.router || node.os == Os::Flatcar,
    }
}
