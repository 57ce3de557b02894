//! The recipe beside the XML: commands that people can paste, in the order in which they work.

use crate::model::virt::{Boot, Machine, Virt, base_volume};
use std::fmt::Write as _;

/// `README.md`: from nothing to running machines, with `virsh` alone.
pub fn recipe(virt: &Virt) -> String {
    let mut text = format!(
        "# {} by virsh\n\nMade by bake; changes here are lost. Run these in the folder above this one (`dist`), on the hypervisor, as a user who \
         may use `qemu:///system`. Every block can be repeated for one machine alone.\n",
        virt.cluster
    );
    let pool = quoted(&virt.pool.name);
    if !virt.pool.existing {
        let path = quoted(&virt.pool.path);
        block(
            &mut text,
            "Storage pool",
            &format!(
                "virsh pool-define-as {pool} dir --target {path}\nvirsh pool-build {pool}\nvirsh pool-start {pool}\nvirsh pool-autostart {pool}\n"
            ),
        );
    }
    let mut networks = String::new();
    for network in &virt.networks {
        let (file, name) = (quoted(&format!("libvirt/net-{}.xml", network.key)), quoted(&network.name));
        let _ = write!(
            networks,
            "virsh net-define --validate {file}\nvirsh net-start {name}\nvirsh net-autostart {name}\n"
        );
    }
    block(&mut text, "Networks", &networks);
    let mut images = String::new();
    for (os, source) in &virt.images {
        let volume = base_volume(os);
        let file = if source.contains("://") {
            let _ = writeln!(images, "curl --fail --location --output {volume} {}", quoted(source));
            volume.clone()
        } else if source.starts_with('/') {
            quoted(source)
        } else {
            quoted(&format!("../{source}"))
        };
        let _ = write!(
            images,
            "virsh vol-create-as {pool} {volume} 1 --format qcow2\nvirsh vol-upload --pool {pool} {volume} {file}\n"
        );
    }
    if !images.is_empty() {
        let _ = writeln!(images, "virsh pool-refresh {pool}");
        block(&mut text, "Images", &images);
    }
    for machine in &virt.machines {
        block(&mut text, &machine.name, &one(machine, &pool));
    }
    text += "\n## A machine whose files changed\n\nIt is made anew, with its root disk: what these files say happens once per disk. With `NAME` for its name:\n\n\
             ```sh\nvirsh destroy NAME\nvirsh undefine NAME\n";
    let _ = writeln!(
        text,
        "virsh vol-delete --pool {pool} NAME.qcow2\n```\n\nThen its block above again, without the lines that make further disks."
    );
    for (name, why) in &virt.left_out {
        let _ = writeln!(text, "\n`{name}` is not made: {why}.");
    }
    text
}

/// The commands for one machine.
fn one(machine: &Machine, pool: &str) -> String {
    let (root, boot, name) = (machine.root_volume(), machine.boot_volume(), &machine.name);
    let mut text = format!(
        "virsh vol-create-as {pool} {root} {} --format qcow2 --backing-vol {} --backing-vol-format qcow2\n",
        machine.root_disk.0,
        base_volume(&machine.os)
    );
    for (serial, size) in &machine.disks {
        let _ = writeln!(text, "virsh vol-create-as {pool} {} {} --format qcow2", machine.volume(serial), size.0);
    }
    let file = format!("{name}/{}", if machine.boot == Boot::Ignition { "config.ign" } else { "seed.iso" });
    let _ = write!(
        text,
        "virsh vol-create-as {pool} {boot} \"$(stat --format %s {file})\" --format raw\n\
         virsh vol-upload --pool {pool} {boot} {file}\n\
         virsh define --validate libvirt/{name}.xml\nvirsh autostart {name}\nvirsh start {name}\n"
    );
    text
}

fn block(text: &mut String, title: &str, commands: &str) {
    let _ = write!(text, "\n## {title}\n\n```sh\n{commands}```\n");
}

/// As one word of the shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
