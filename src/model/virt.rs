//! The cluster as a hypervisor sees it: networks to connect machines to, and machines made of disks and cards.
//!
//! What Terraform modules and libvirt's XML have in common is decided once, here.

use super::profile::cluster::{NetworkMode, Provider};
use super::scalar::{Mac, Size};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Everything that is made on the hypervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Virt {
    /// Name of the cluster.
    pub cluster: String,
    /// Generation of the Terraform provider.
    pub provider: Provider,
    /// Storage pool of all disks.
    pub pool: Pool,
    /// Images that disks start from, by OS name: path relative to the project, absolute path, or URL.
    pub images: BTreeMap<String, String>,
    /// Networks, sorted by name in the profile.
    pub networks: Vec<Network>,
    /// Machines, sorted by name.
    pub machines: Vec<Machine>,
    /// Machines that cannot be made, with the reason.
    pub left_out: Vec<(String, String)>,
    /// VIPs by name.
    pub vips: BTreeMap<String, Ipv4Addr>,
}

/// A storage pool that is a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Name.
    pub name: String,
    /// Absolute path.
    pub path: String,
    /// Whether it is there already.
    pub existing: bool,
}

/// A libvirt network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Name in the profile.
    pub key: String,
    /// Name in libvirt.
    pub name: String,
    /// Bridge device.
    pub bridge: String,
    /// How it is connected.
    pub mode: NetworkMode,
    /// Domain that libvirt's resolver serves.
    pub domain: Option<String>,
    /// The hypervisor's address, prefix length and DHCP; none on a bridge of the hypervisor's own.
    pub host: Option<Host>,
}

/// The hypervisor's own end of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The network.
    pub cidr: ipnet::Ipv4Net,
    /// The hypervisor's address there.
    pub address: Ipv4Addr,
    /// What its DHCP server hands out.
    pub dhcp: Option<Dhcp>,
}

/// A DHCP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp {
    /// First address.
    pub start: Ipv4Addr,
    /// Last address.
    pub end: Ipv4Addr,
    /// Reservations, machines of the cluster first.
    pub hosts: Vec<Reservation>,
}

/// An address that is kept for a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Host name.
    pub name: String,
    /// The machine's card.
    pub mac: Mac,
    /// The address.
    pub address: Ipv4Addr,
    /// Whether it is a machine that is made here.
    pub own: bool,
}

/// A virtual machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Name of the node.
    pub name: String,
    /// Host name with domain.
    pub fqdn: String,
    /// What it is for.
    pub description: Option<String>,
    /// Operating system: the key of its image.
    pub os: String,
    /// Changes exactly when the node's artefacts do.
    pub instance_id: String,
    /// How it is told what to become.
    pub boot: Boot,
    /// Virtual CPUs.
    pub vcpu: u16,
    /// Memory.
    pub memory: Size,
    /// Size of the disk with the operating system.
    pub root_disk: Size,
    /// Further disks by serial number.
    pub disks: BTreeMap<String, Size>,
    /// Network cards in order.
    pub cards: Vec<Card>,
}

/// How a machine is told what to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boot {
    /// An Ignition config in the firmware's configuration device.
    Ignition,
    /// A NoCloud seed as a CD-ROM.
    CloudInit,
}

/// A network card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Position of its network in [`Virt::networks`].
    pub network: usize,
    /// Ethernet address.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
}

impl Machine {
    /// Name of the volume with the operating system.
    pub fn root_volume(&self) -> String {
        format!("{}.qcow2", self.name)
    }

    /// Name of the volume of a further disk.
    pub fn volume(&self, serial: &str) -> String {
        format!("{}-{serial}.qcow2", self.name)
    }

    /// Name of the volume that tells the machine what to become. Another content has another name.
    pub fn boot_volume(&self) -> String {
        let end = if self.boot == Boot::Ignition { "ign" } else { "iso" };
        format!("{}.{end}", self.instance_id)
    }

    /// Memory in MiB, rounded up.
    pub fn memory_mib(&self) -> u64 {
        self.memory.0.div_ceil(1 << 20)
    }
}

/// Name of the volume with the image of an operating system.
pub fn base_volume(os: &str) -> String {
    format!("base-{os}.qcow2")
}

/// Device name of the disk at `position`: `vda` and so on.
pub fn device(position: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap_or(0));
    match position / 26 {
        0 => format!("vd{}", letter(position)),
        more => format!("vd{}{}", letter(more - 1), letter(position)),
    }
}

/// Key in which Flatcar's Ignition looks for its config (`-fw_cfg`; names of users start with `opt/`).
pub const FIRMWARE_KEY: &str = "opt/org.flatcar-linux/config";

/// Machine type: PCIe, and what current distributions support longest. It has no IDE.
pub const MACHINE_TYPE: &str = "q35";
