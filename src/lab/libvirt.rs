//! What libvirt's firewall lets through between networks, as nftables rules (nft(8)).
//!
//! The chains and their order are those of libvirt's network driver (docs/firewall.rst): packets within a bridge, into it,
//! out of it; a network in mode `nat` is masqueraded beyond that. Bridges that libvirt did not make, and networks in mode
//! `open`, are left alone.

use crate::model::profile::cluster::NetworkMode;
use ipnet::Ipv4Net;
use std::fmt::Write as _;

/// A network of libvirt's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruled<'a> {
    /// The device on the host.
    pub(super) bridge: &'a str,
    /// The network's addresses.
    pub(super) cidr: Ipv4Net,
    /// How it is connected.
    pub(super) mode: NetworkMode,
}

/// The rules on the host; empty where libvirt has none.
pub(super) fn rules(networks: &[Ruled<'_>]) -> String {
    let (mut cross, mut into, mut out, mut nat) = (String::new(), String::new(), String::new(), String::new());
    for Ruled { bridge, cidr, mode } in networks {
        let (incoming, outgoing) = match mode {
            NetworkMode::Nat => (Some("ct state established,related "), true),
            NetworkMode::Route => (Some(""), true),
            NetworkMode::Isolated => (None, false),
            NetworkMode::Open | NetworkMode::Bridge | NetworkMode::Tunnel => continue,
        };
        let _ = writeln!(cross, "iifname \"{bridge}\" oifname \"{bridge}\" accept");
        if let Some(state) = incoming {
            let _ = writeln!(into, "oifname \"{bridge}\" ip daddr {cidr} {state}accept");
        }
        let _ = writeln!(into, "oifname \"{bridge}\" reject");
        if outgoing {
            let _ = writeln!(out, "iifname \"{bridge}\" ip saddr {cidr} accept");
        }
        let _ = writeln!(out, "iifname \"{bridge}\" reject");
        if *mode == NetworkMode::Nat {
            // Multicast and broadcast stay as they are; TCP and UDP keep away from ports that only root may use.
            let _ = writeln!(nat, "ip saddr {cidr} ip daddr {{ 224.0.0.0/24, 255.255.255.255 }} return");
            let _ = writeln!(
                nat,
                "ip saddr {cidr} ip daddr != {cidr} meta l4proto {{ tcp, udp }} masquerade to :1024-65535"
            );
            let _ = writeln!(nat, "ip saddr {cidr} ip daddr != {cidr} masquerade");
        }
    }
    if cross.is_empty() {
        return String::new();
    }
    format!(
        "table ip libvirt_network {{\n\
         chain guest_cross {{\n{cross}}}\nchain guest_input {{\n{into}}}\nchain guest_output {{\n{out}}}\n\
         chain forward {{\ntype filter hook forward priority filter; policy accept;\n\
         jump guest_cross\njump guest_input\njump guest_output\n}}\n\
         chain guest_nat {{\ntype nat hook postrouting priority srcnat; policy accept;\n{nat}}}\n}}\n"
    )
}
