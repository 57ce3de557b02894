//! Cluster model to NetworkManager keyfiles, where network-config would lose something.
//!
//! That is one thing so far: `onlink`, which no renderer of cloud-init keeps. network-config then has an equivalent of
//! two routes, good enough for the first boot; the profile made here says what is meant. It has a priority above that of
//! cloud-init's profiles (120), so it wins from the second boot on, and `bake-apply` takes it up on the first.
//!
//! Nothing is needed for addresses that others put on a link: unlike networkd, NetworkManager leaves the VIPs of
//! Keepalived alone when it starts again.

use super::network_config::{Hop, hops, resolving};
use crate::model::cloud::Keyfile;
use crate::model::cluster::{Cluster, Interface, Link, Node};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The profiles of the cards that need one, in the order of the cards.
pub fn lower(node: &Node, cluster: &Cluster) -> Vec<Keyfile> {
    // A bridge's ports belong to cloud-init's profile of it, so that one stays; its two routes do.
    let cards = node.interfaces.iter().filter(|interface| interface.link == Link::Card);
    let needy = cards.filter(|interface| hops(node, interface).iter().any(|hop| hop.on_link));
    needy.map(|interface| keyfile(node, cluster, interface)).collect()
}

fn keyfile(node: &Node, cluster: &Cluster, interface: &Interface) -> Keyfile {
    let name = &interface.name.value;
    let uuid = uuid(&format!("{}/{}/{name}", cluster.profile.name.value, node.name));
    let mut text = format!(
        "# Made by bake for {}; changes here are lost.\n\
         # cloud-init's profile of this card cannot say that a next hop is on the link.\n\
         [connection]\nid=bake-{name}\nuuid={uuid}\ntype=ethernet\ninterface-name={name}\nautoconnect-priority=200\n",
        node.name
    );
    text.push_str("\n[ethernet]\n");
    if let Some(mac) = &interface.mac {
        let _ = writeln!(text, "mac-address={}", mac.value);
    }
    if let Some(mtu) = interface.mtu {
        let _ = writeln!(text, "mtu={mtu}");
    }
    let _ =
        writeln!(text, "\n[ipv4]\nmethod=manual\naddress1={}/{}", interface.address.value, interface.cidr.prefix_len());
    if resolving(node).is_some_and(|other| other.name == interface.name) && !node.dns_servers.is_empty() {
        let servers: Vec<String> = node.dns_servers.iter().map(|server| format!("{};", server.value)).collect();
        let servers = servers.concat();
        let _ = writeln!(text, "dns={servers}\ndns-search={};", cluster.profile.domain.value);
    }
    for (number, Hop { to, via, on_link, reason }) in (1..).zip(hops(node, interface)) {
        // One line: the reason comes from a profile.
        let reason = reason.replace(char::is_control, " ");
        let _ = writeln!(text, "# {reason}\nroute{number}={to},{via}");
        if on_link {
            let _ = writeln!(text, "route{number}_options=onlink=true");
        }
    }
    text.push_str("\n[ipv6]\nmethod=auto\n");
    Keyfile { path: format!("/etc/NetworkManager/system-connections/bake-{name}.nmconnection"), uuid, contents: text }
}

/// A UUID of version 8 (RFC 9562: made by a way of one's own) from a name.
fn uuid(name: &str) -> String {
    let hash = Sha256::digest(name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
