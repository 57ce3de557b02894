//! Resources for versions 0.9.7 and later of 0.9, whose arguments are libvirt's XML in nested attributes.
//!
//! A misspelt nested attribute is ignored without a word there, so the tests hold every path against the provider's
//! reference. `libvirt_ignition` and `libvirt_cloudinit_disk` of this generation only write to the temporary folder of the
//! machine that runs Terraform, and are made anew, with everything that depends on them, when that folder is cleaned. Hence
//! the config and bake's own image of the seed are uploaded as they are.
//!
//! Volumes of this generation cannot be changed, and Terraform is told so only when it tries: what an image is made from, and
//! the size of a root disk, are in `terraform_data` of their own that replace what depends on them. A further disk has none:
//! that Terraform refuses to change its size is what keeps its contents.

use super::{Blocks, artefact, base, description, disk, image, label, pool, pools, replaced, replaced_by, root};
use crate::model::profile::cluster::NetworkMode;
use crate::model::terraform::{Value, expression, object};
use crate::model::virt::{Boot, Card, FIRMWARE_KEY, Host, MACHINE_TYPE, Machine, Network, Virt, base_volume, device};
use std::collections::BTreeMap;

pub(super) fn resources(virt: &Virt) -> BTreeMap<&'static str, Blocks> {
    let domains = virt.machines.iter().map(|machine| (label(&machine.name), domain(virt, machine)));
    BTreeMap::from([
        ("libvirt_pool", pools(virt)),
        ("libvirt_network", virt.networks.iter().map(|net| (label(&net.key), network(net))).collect()),
        ("libvirt_volume", volumes(virt)),
        ("libvirt_domain", domains.collect()),
        ("terraform_data", triggers(virt)),
    ])
}

/// What images are made from, and sizes of root disks.
fn triggers(virt: &Virt) -> Blocks {
    let images = virt.images.iter().map(|(os, source)| (base(os), object([("input", image(source))])));
    let sizes = virt.machines.iter().map(|machine| (root(machine), object([("input", machine.root_disk.0.into())])));
    images.chain(sizes).collect()
}

/// Replaced with the machine's artefacts, its root disk or the image that this starts from.
fn rooted(machine: &Machine) -> Value {
    replaced_by([label(&machine.name), root(machine), base(&machine.os)])
}

fn network(network: &Network) -> Value {
    let mut block = object([
        ("name", network.name.clone().into()),
        ("autostart", true.into()),
        ("bridge", object([("name", network.bridge.clone().into())])),
    ]);
    if network.mode != NetworkMode::Isolated {
        block.set("forward", object([("mode", network.mode.as_str().into())]));
    }
    if let Some(host) = &network.host {
        block.set("ips", vec![ip(host)]);
        if let Some(domain) = &network.domain {
            block.set("domain", object([("name", domain.clone().into()), ("local_only", "yes".into())]));
        }
    }
    block
}

fn ip(host: &Host) -> Value {
    let mut block =
        object([("address", host.address.to_string().into()), ("prefix", u64::from(host.cidr.prefix_len()).into())]);
    if let Some(dhcp) = &host.dhcp {
        let hosts = dhcp.hosts.iter().map(|host| {
            object([
                ("mac", host.mac.to_string().into()),
                ("ip", host.address.to_string().into()),
                ("name", host.name.clone().into()),
            ])
        });
        let range = object([("start", dhcp.start.to_string().into()), ("end", dhcp.end.to_string().into())]);
        let hosts: Vec<Value> = hosts.collect();
        block.set("dhcp", object([("ranges", vec![range].into()), ("hosts", hosts.into())]));
    }
    block
}

fn format(kind: &str) -> Value {
    object([("format", object([("type", kind.into())]))])
}

fn upload(from: Value) -> Value {
    object([("content", object([("url", from)]))])
}

fn volumes(virt: &Virt) -> Blocks {
    let mut blocks = Blocks::new();
    for (os, source) in &virt.images {
        let block = object([
            ("name", base_volume(os).into()),
            ("pool", pool(virt)),
            ("target", format("qcow2")),
            ("create", upload(image(source))),
            ("lifecycle", replaced_by([base(os)])),
        ]);
        blocks.insert(base(os), block);
    }
    for machine in &virt.machines {
        let mut backing = format("qcow2");
        backing.set("path", expression(format!("libvirt_volume.{}.path", base(&machine.os))));
        let block = object([
            ("name", machine.root_volume().into()),
            ("pool", pool(virt)),
            ("capacity", machine.root_disk.0.into()),
            ("target", format("qcow2")),
            ("backing_store", backing),
            ("lifecycle", rooted(machine)),
        ]);
        blocks.insert(root(machine), block);
        for (serial, size) in &machine.disks {
            let block = object([
                ("name", machine.volume(serial).into()),
                ("pool", pool(virt)),
                ("capacity", size.0.into()),
                ("target", format("qcow2")),
            ]);
            blocks.insert(disk(machine, serial), block);
        }
        let file = if machine.boot == Boot::Ignition { "config.ign" } else { "seed.iso" };
        let block = object([
            ("name", machine.boot_volume().into()),
            ("pool", pool(virt)),
            ("target", format("raw")),
            ("create", upload(expression(format!("\"{}\"", artefact(machine, file))))),
            ("lifecycle", replaced(machine)),
        ]);
        blocks.insert(boot(machine), block);
    }
    blocks
}

/// Label of the volume that tells a machine what to become.
fn boot(machine: &Machine) -> String {
    format!("{}_boot", label(&machine.name))
}

fn domain(virt: &Virt, machine: &Machine) -> Value {
    let mut disks = vec![drive(&root(machine), &device(0), None)];
    for (position, serial) in (1..).zip(machine.disks.keys()) {
        disks.push(drive(&disk(machine, serial), &device(position), Some(serial)));
    }
    if machine.boot == Boot::CloudInit {
        let label = boot(machine);
        disks.push(object([
            ("device", "cdrom".into()),
            ("driver", object([("name", "qemu".into()), ("type", "raw".into())])),
            ("read_only", true.into()),
            ("source", source(&label)),
            ("target", object([("dev", "sda".into()), ("bus", "sata".into())])),
        ]));
    }
    let interfaces: Vec<Value> = machine.cards.iter().map(|card| interface(virt, card)).collect();
    let console = object([("target", object([("type", "serial".into()), ("port", 0.into())]))]);
    let random = object([("model", "virtio".into()), ("backend", object([("random", "/dev/urandom".into())]))]);
    let mut block = object([
        ("name", machine.name.clone().into()),
        ("description", description(machine).into()),
        ("type", "kvm".into()),
        ("vcpu", u64::from(machine.vcpu).into()),
        ("memory", machine.memory_mib().into()),
        ("memory_unit", "MiB".into()),
        ("autostart", true.into()),
        ("running", true.into()),
        (
            "os",
            object([
                ("type", "hvm".into()),
                ("type_arch", "x86_64".into()),
                ("type_machine", MACHINE_TYPE.into()),
                ("boot_devices", vec![object([("dev", "hd".into())])].into()),
            ]),
        ),
        // EL 9 does not boot on QEMU's default model, which lacks x86-64-v2.
        ("cpu", object([("mode", "host-passthrough".into())])),
        // Without ACPI there is no firmware configuration device.
        ("features", object([("acpi", true.into()), ("apic", object([]))])),
        (
            "devices",
            object([
                ("disks", disks.into()),
                ("interfaces", interfaces.into()),
                ("consoles", vec![console].into()),
                ("rngs", vec![random].into()),
            ]),
        ),
        ("lifecycle", rooted(machine)),
    ]);
    if machine.boot == Boot::Ignition {
        let entry = object([
            ("name", FIRMWARE_KEY.into()),
            ("value", "".into()),
            ("file", expression(format!("libvirt_volume.{}.path", boot(machine)))),
        ]);
        block.set("sys_info", vec![object([("fw_cfg", object([("entry", vec![entry].into())]))])]);
    }
    block
}

/// A disk of the machine on virtio.
fn drive(label: &str, device: &str, serial: Option<&str>) -> Value {
    let mut block = object([
        ("device", "disk".into()),
        ("driver", object([("name", "qemu".into()), ("type", "qcow2".into())])),
        ("source", source(label)),
        ("target", object([("dev", device.into()), ("bus", "virtio".into())])),
    ]);
    if let Some(serial) = serial {
        block.set("serial", serial);
    }
    block
}

fn source(label: &str) -> Value {
    let of = |name: &str| expression(format!("libvirt_volume.{label}.{name}"));
    object([("volume", object([("pool", of("pool")), ("volume", of("name"))]))])
}

fn interface(virt: &Virt, card: &Card) -> Value {
    let key = virt.networks.get(card.network).map_or_else(String::new, |network| label(&network.key));
    let network = expression(format!("libvirt_network.{key}.name"));
    object([
        ("model", object([("type", "virtio".into())])),
        ("mac", object([("address", card.mac.to_string().into())])),
        ("source", object([("network", object([("network", network)]))])),
    ])
}
