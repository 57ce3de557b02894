//! Domains and networks for libvirt itself, and how to make them with `virsh`.
//! <https://libvirt.org/formatdomain.html>, <https://libvirt.org/formatnetwork.html>

mod recipe;

pub use recipe::recipe;

use crate::model::profile::cluster::NetworkMode;
use crate::model::virt::{Boot, Card, FIRMWARE_KEY, Host, MACHINE_TYPE, Machine, Network, Virt, device};
use crate::model::xml::{Element, element};

/// A network. On a bridge of the hypervisor's own libvirt does nothing but know its name.
pub fn network(network: &Network) -> Element {
    let mut xml = element("network").child(element("name").text(&network.name));
    if network.mode != NetworkMode::Isolated {
        xml = xml.child(element("forward").with("mode", network.mode));
    }
    xml = xml.child(element("bridge").with("name", &network.bridge));
    let Some(host) = &network.host else { return xml };
    if let Some(domain) = &network.domain {
        xml = xml.child(element("domain").with("name", domain).with("localOnly", "yes"));
    }
    xml.child(ip(host))
}

fn ip(host: &Host) -> Element {
    let xml = element("ip").with("address", host.address).with("prefix", host.cidr.prefix_len());
    let Some(dhcp) = &host.dhcp else { return xml };
    let range = element("range").with("start", dhcp.start).with("end", dhcp.end);
    let hosts = dhcp
        .hosts
        .iter()
        .map(|host| element("host").with("mac", host.mac).with("name", &host.name).with("ip", host.address));
    xml.child(element("dhcp").child(range).children(hosts))
}

/// A machine. Its disks are files of the pool, because the firmware's configuration device takes a file only.
pub fn domain(virt: &Virt, machine: &Machine) -> Element {
    let file = |volume: String| format!("{}/{volume}", virt.pool.path.trim_end_matches('/'));
    let mut xml = element("domain").with("type", "kvm").child(element("name").text(&machine.name));
    if let Some(description) = &machine.description {
        xml = xml.child(element("description").text(description));
    }
    xml = xml
        .child(element("memory").with("unit", "MiB").text(machine.memory_mib()))
        .child(element("vcpu").text(machine.vcpu));
    if machine.boot == Boot::Ignition {
        let entry = element("entry").with("name", FIRMWARE_KEY).with("file", file(machine.boot_volume()));
        xml = xml.child(element("sysinfo").with("type", "fwcfg").child(entry));
    }
    let kind = element("type").with("arch", "x86_64").with("machine", MACHINE_TYPE).text("hvm");
    let mut devices = element("devices").child(disk(&file(machine.root_volume()), 0, None));
    for (position, serial) in (1..).zip(machine.disks.keys()) {
        devices = devices.child(disk(&file(machine.volume(serial)), position, Some(serial)));
    }
    if machine.boot == Boot::CloudInit {
        devices = devices.child(cdrom(&file(machine.boot_volume())));
    }
    let console =
        element("console").with("type", "pty").child(element("target").with("type", "serial").with("port", 0));
    let random =
        element("rng").with("model", "virtio").child(element("backend").with("model", "random").text("/dev/urandom"));
    devices = devices.children(machine.cards.iter().map(|card| interface(virt, card))).children([
        element("serial").with("type", "pty").child(element("target").with("port", 0)),
        console,
        random,
    ]);
    xml.child(element("os").child(kind).child(element("boot").with("dev", "hd")))
        // Without ACPI there is no firmware configuration device.
        .child(element("features").child(element("acpi")).child(element("apic")))
        // EL 9 does not boot on QEMU's default model, which lacks x86-64-v2.
        .child(element("cpu").with("mode", "host-passthrough"))
        .child(devices)
}

fn disk(file: &str, position: usize, serial: Option<&str>) -> Element {
    let xml = element("disk")
        .with("type", "file")
        .with("device", "disk")
        .child(element("driver").with("name", "qemu").with("type", "qcow2"))
        .child(element("source").with("file", file))
        .child(element("target").with("dev", device(position)).with("bus", "virtio"));
    xml.children(serial.map(|serial| element("serial").text(serial)))
}

/// The seed. On SATA, because q35 has no IDE.
fn cdrom(file: &str) -> Element {
    element("disk")
        .with("type", "file")
        .with("device", "cdrom")
        .child(element("driver").with("name", "qemu").with("type", "raw"))
        .child(element("source").with("file", file))
        .child(element("target").with("dev", "sda").with("bus", "sata"))
        .child(element("readonly"))
}

fn interface(virt: &Virt, card: &Card) -> Element {
    let network = virt.networks.get(card.network).map_or("", |network| network.name.as_str());
    element("interface")
        .with("type", "network")
        .child(element("mac").with("address", card.mac))
        .child(element("source").with("network", network))
        .child(element("model").with("type", "virtio"))
}
