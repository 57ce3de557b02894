//! `profiles/nodes/<node>.yaml`.

use super::allow::Allow;
use super::cluster::{IgnitionVersion, Protocol};
use super::container::Runtime;
use crate::model::Spanned;
use crate::model::data::Data;
use crate::model::record::{choice, record};
use crate::model::scalar::{Mac, Size};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

record! {
    /// A machine. Its name is the name of the file.
    pub struct NodeProfile {
        /// What it is for, in a sentence.
        pub description: Option<Spanned<String>>,
        /// Operating system.
        pub os: Spanned<Os>,
        /// Whether bake writes boot artefacts for it. A machine that is managed elsewhere, such as the hypervisor,
        /// is still part of the model.
        pub build: bool = true,
        /// Whether it forwards packets between its networks.
        pub router: bool = false,
        /// What a router does towards the Internet, through the card with its default route. Without it a router passes
        /// everything on as it is.
        pub uplink: Option<Spanned<Uplink>>,
        /// Roles in order; a later one wins where two set the same value.
        pub roles: Vec<Spanned<String>>,
        /// How the programs of single roles run here, by role, where that is not what the role says.
        pub runtime: BTreeMap<String, Spanned<Runtime>>,
        /// Host name, if it differs from the node's name.
        pub hostname: Option<Spanned<String>>,
        /// Ignition spec version, if it differs from the cluster's.
        pub ignition: Option<Spanned<IgnitionVersion>>,
        /// Network interfaces, in the order of the virtual machine's cards.
        pub interfaces: Vec<Spanned<Interface>>,
        /// VRRP priorities, 1 to 254: the highest that lives holds the VIP. By VIP name, or `default` for all.
        pub vrrp_priority: BTreeMap<String, Spanned<u8>>,
        /// The virtual machine.
        pub machine: Option<Spanned<Machine>>,
        /// Values for templates; they override those of the roles.
        pub values: BTreeMap<String, Spanned<Data>>,
        /// Findings of `bake check` that are accepted here.
        pub allow: Vec<Spanned<Allow>>,
    }

    /// A network card.
    pub struct Interface {
        /// Name in the guest, for example `eth0`.
        pub name: Spanned<String>,
        /// Network that it is attached to.
        pub network: Spanned<String>,
        /// Its address there.
        pub address: Spanned<Ipv4Addr>,
        /// Ethernet address; required for cards of machines that bake builds, because they are found by it. A bridge has
        /// `ports` instead; a libvirt network's bridge on its host and the end of a tunnel are made by others and have neither.
        pub mac: Option<Spanned<Mac>>,
        /// Cards that are the ports of this bridge: makes the interface a bridge over them.
        pub ports: Vec<Spanned<BridgePort>>,
        /// Whether the default route goes through it; without any `true`, the first interface whose network has a gateway.
        pub default_route: Option<Spanned<bool>>,
        /// Largest packet in bytes, if not the link's own.
        pub mtu: Option<Spanned<u16>>,
    }

    /// A card that is a port of a bridge.
    pub struct BridgePort {
        /// Name in the system, for example `eno1`.
        pub name: Spanned<String>,
        /// Ethernet address; the card is found by it.
        pub mac: Spanned<Mac>,
    }

    /// The way to the Internet. Nobody out there can open connections to the networks behind the router, but for the
    /// ports that it maps.
    pub struct Uplink {
        /// Whether the cluster's private addresses get the router's own towards the Internet. Never towards private
        /// addresses: those of other networks and of pods stay what they are.
        pub masquerade: bool = true,
        /// Ports of the router's own address on the uplink that lead to somebody else.
        pub port_map: Vec<Spanned<PortMap>>,
    }

    /// A port that is passed on.
    pub struct PortMap {
        /// Port on the router.
        pub port: Spanned<u16>,
        /// Protocol, `tcp` or `udp`.
        pub protocol: Protocol = Protocol::Tcp,
        /// To whom: `vip:<name>`, `node:<name>` or an address.
        pub to: Spanned<String>,
        /// Port there, if it differs.
        pub to_port: Option<Spanned<u16>>,
        /// What for; written beside the rule.
        pub reason: Option<Spanned<String>>,
    }

    /// A virtual machine's hardware.
    pub struct Machine {
        /// Virtual CPUs.
        pub vcpu: Spanned<u16>,
        /// Memory.
        pub memory: Spanned<Size>,
        /// Size of the disk with the operating system.
        pub root_disk: Spanned<Size>,
        /// Further disks by serial number: they appear as `/dev/disk/by-id/virtio-<serial>`.
        pub disks: BTreeMap<String, Spanned<Size>>,
    }
}

choice! {
    /// Operating systems.
    pub enum Os {
        /// Flatcar Container Linux, provisioned by Ignition.
        Flatcar = "flatcar",
        /// AlmaLinux 9, provisioned by cloud-init.
        Almalinux = "almalinux",
        /// Rocky Linux 9, provisioned by cloud-init.
        Rocky = "rocky",
    }
}
