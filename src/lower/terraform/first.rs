//! Resources for version 0.8.3, whose arguments are those of its `libvirt/resource_libvirt_*.go`.
//!
//! Three things it cannot say are said by transforming the XML that it makes (`xml.xslt`, run by `xsltproc` where
//! Terraform runs): the cloud-init CD-ROM is on SATA, because q35 has no IDE; disks have serial numbers; and a DHCP range
//! other than the whole network.

use super::{Blocks, base, contents, description, disk, image, label, pool, pools, replaced, root};
use crate::model::profile::cluster::NetworkMode;
use crate::model::terraform::{Value, expression, object};
use crate::model::virt::{Boot, Card, FIRMWARE_KEY, Host, MACHINE_TYPE, Machine, Network, Virt, base_volume, device};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

pub(super) fn resources(virt: &Virt) -> BTreeMap<&'static str, Blocks> {
    let of = |boot: Boot, block: fn(&Virt, &Machine) -> Value| -> Blocks {
        let machines = virt.machines.iter().filter(|machine| machine.boot == boot);
        machines.map(|machine| (label(&machine.name), block(virt, machine))).collect()
    };
    BTreeMap::from([
        ("libvirt_pool", pools(virt)),
        ("libvirt_network", virt.networks.iter().map(|net| (label(&net.key), network(net))).collect()),
        ("libvirt_volume", volumes(virt)),
        ("libvirt_ignition", of(Boot::Ignition, ignition)),
        ("libvirt_cloudinit_disk", of(Boot::CloudInit, cloudinit)),
        ("libvirt_domain", virt.machines.iter().map(|machine| (label(&machine.name), domain(virt, machine))).collect()),
    ])
}

fn network(network: &Network) -> Value {
    let mode = if network.mode == NetworkMode::Isolated { "none" } else { network.mode.as_str() };
    let mut block = object([
        ("name", network.name.clone().into()),
        ("mode", mode.into()),
        ("bridge", network.bridge.clone().into()),
        ("autostart", true.into()),
    ]);
    let Some(host) = &network.host else { return block };
    block.set("addresses", vec![host.cidr.to_string().into()]);
    block.set("dhcp", object([("enabled", host.dhcp.is_some().into())]));
    if let Some(domain) = &network.domain {
        block.set("domain", domain.clone());
        block.set("dns", object([("enabled", true.into()), ("local_only", true.into())]));
    }
    // Machines bring their own reservations (`addresses` of their cards); for others dnsmasq is told directly.
    let others = host.dhcp.iter().flat_map(|dhcp| &dhcp.hosts).filter(|host| !host.own);
    let options: Vec<Value> = others
        .map(|host| {
            let value = format!("{},{},{}", host.mac, host.address, host.name);
            object([("option_name", "dhcp-host".into()), ("option_value", value.into())])
        })
        .collect();
    if !options.is_empty() {
        block.set("dnsmasq_options", object([("options", options.into())]));
    }
    if let Some(sheet) = network_sheet(host) {
        block.set("xml", object([("xslt", sheet.into())]));
    }
    block
}

/// Where the profile differs from what the provider assumes: the first address for the hypervisor, all others to hand out.
fn network_sheet(host: &Host) -> Option<String> {
    let first = u32::from(host.cidr.network()).saturating_add(1);
    let last = u32::from(host.cidr.broadcast()).saturating_sub(1);
    let mut templates = String::new();
    let mut attribute = |path: &str, name: &str, address: Ipv4Addr, assumed: u32| {
        if u32::from(address) != assumed {
            let _ = writeln!(
                templates,
                "  <xsl:template match=\"{path}/@{name}\"><xsl:attribute name=\"{name}\">{address}</xsl:attribute></xsl:template>"
            );
        }
    };
    attribute("ip", "address", host.address, first);
    if let Some(dhcp) = &host.dhcp {
        attribute("ip/dhcp/range", "start", dhcp.start, first.saturating_add(1));
        attribute("ip/dhcp/range", "end", dhcp.end, last);
    }
    (!templates.is_empty()).then(|| sheet(&templates))
}

fn volumes(virt: &Virt) -> Blocks {
    let mut blocks = Blocks::new();
    for (os, source) in &virt.images {
        let block = object([("name", base_volume(os).into()), ("pool", pool(virt)), ("source", image(source))]);
        blocks.insert(base(os), block);
    }
    for machine in &virt.machines {
        let block = object([
            ("name", machine.root_volume().into()),
            ("pool", pool(virt)),
            ("base_volume_id", expression(format!("libvirt_volume.{}.id", base(&machine.os)))),
            ("size", machine.root_disk.0.into()),
            ("format", "qcow2".into()),
            ("lifecycle", replaced(machine)),
        ]);
        blocks.insert(root(machine), block);
        for (serial, size) in &machine.disks {
            let block = object([
                ("name", machine.volume(serial).into()),
                ("pool", pool(virt)),
                ("size", size.0.into()),
                ("format", "qcow2".into()),
            ]);
            blocks.insert(disk(machine, serial), block);
        }
    }
    blocks
}

fn ignition(virt: &Virt, machine: &Machine) -> Value {
    object([("name", machine.boot_volume().into()), ("pool", pool(virt)), ("content", contents(machine, "config.ign"))])
}

fn cloudinit(virt: &Virt, machine: &Machine) -> Value {
    object([
        ("name", machine.boot_volume().into()),
        ("pool", pool(virt)),
        ("user_data", contents(machine, "user-data")),
        ("meta_data", contents(machine, "meta-data")),
        ("network_config", contents(machine, "network-config")),
    ])
}

fn domain(virt: &Virt, machine: &Machine) -> Value {
    let label = label(&machine.name);
    let volume = |volume: String| object([("volume_id", expression(format!("libvirt_volume.{volume}.id")))]);
    let disks = machine.disks.keys().map(|serial| volume(disk(machine, serial)));
    let disks: Vec<Value> = std::iter::once(volume(root(machine))).chain(disks).collect();
    let cards: Vec<Value> = machine.cards.iter().map(|card| interface(virt, machine, card)).collect();
    let mut block = object([
        ("name", machine.name.clone().into()),
        ("description", description(machine).into()),
        ("vcpu", u64::from(machine.vcpu).into()),
        ("memory", machine.memory_mib().into()),
        ("machine", MACHINE_TYPE.into()),
        // EL 9 does not boot on QEMU's default model, which lacks x86-64-v2.
        ("cpu", object([("mode", "host-passthrough".into())])),
        ("autostart", true.into()),
        ("disk", disks.into()),
        ("network_interface", cards.into()),
        ("console", object([("type", "pty".into()), ("target_type", "serial".into()), ("target_port", "0".into())])),
        // The provider's own choice, SPICE, is gone from EL 9.
        ("graphics", object([("type", "vnc".into()), ("listen_type", "address".into()), ("autoport", true.into())])),
        ("lifecycle", replaced(machine)),
    ]);
    match machine.boot {
        Boot::Ignition => {
            block.set("coreos_ignition", expression(format!("libvirt_ignition.{label}.id")));
            block.set("fw_cfg_name", FIRMWARE_KEY);
        }
        Boot::CloudInit => block.set("cloudinit", expression(format!("libvirt_cloudinit_disk.{label}.id"))),
    }
    if let Some(sheet) = domain_sheet(machine) {
        block.set("xml", object([("xslt", sheet.into())]));
    }
    block
}

fn interface(virt: &Virt, machine: &Machine, card: &Card) -> Value {
    let network = virt.networks.get(card.network);
    let key = network.map_or_else(String::new, |network| label(&network.key));
    let mut block =
        object([("network_id", expression(format!("libvirt_network.{key}.id"))), ("mac", card.mac.to_string().into())]);
    if network.and_then(|network| network.host.as_ref()).is_some_and(|host| host.dhcp.is_some()) {
        let hostname = machine.fqdn.split('.').next().unwrap_or_default();
        block.set("hostname", hostname);
        block.set("addresses", vec![card.address.to_string().into()]);
    }
    block
}

/// The transformation of the domain's XML; `None` if there is nothing to change.
fn domain_sheet(machine: &Machine) -> Option<String> {
    let mut templates = String::new();
    if machine.boot == Boot::CloudInit {
        templates += "  <xsl:template match=\"devices/disk[@device='cdrom']/target\"><target dev=\"sda\" bus=\"sata\"/></xsl:template>\n";
    }
    for (position, serial) in (1..).zip(machine.disks.keys()) {
        let _ = writeln!(
            templates,
            "  <xsl:template match=\"devices/disk[target/@dev='{}']\"><xsl:copy><xsl:apply-templates select=\"@*|node()\"/><serial>{serial}</serial></xsl:copy></xsl:template>",
            device(position)
        );
    }
    (!templates.is_empty()).then(|| sheet(&templates))
}

/// A transformation that keeps everything that `templates` do not match.
fn sheet(templates: &str) -> String {
    format!(
        "<xsl:stylesheet version=\"1.0\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\">\n  \
         <xsl:template match=\"@*|node()\"><xsl:copy><xsl:apply-templates select=\"@*|node()\"/></xsl:copy></xsl:template>\n\
         {templates}</xsl:stylesheet>\n"
    )
}
