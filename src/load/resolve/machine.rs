//! Virtual machines: hardware that can be made, and a place for its disks.

use super::bad;
use super::name::is_plain;
use crate::diag::Sink;
use crate::model::profile::cluster::Terraform;
use crate::model::profile::node::Machine;

/// Characters of a serial number that virtio shows (linux/virtio_blk.h, `VIRTIO_BLK_ID_BYTES`).
const SERIAL: usize = 20;

/// What can be wrong with a machine in itself; whether its disk holds its image is a rule (`check/storage.rs`).
pub(super) fn hardware(machine: &Machine, sink: &mut Sink) {
    if machine.vcpu.value == 0 {
        sink.push(bad("a machine has at least one CPU", machine.vcpu.span));
    }
    let sizes = [("memory", &machine.memory), ("disk", &machine.root_disk)];
    for (what, size) in sizes.into_iter().chain(machine.disks.values().map(|size| ("disk", size))) {
        if size.value.0 == 0 {
            sink.push(bad(format!("the {what} is empty"), size.span));
        }
    }
    let serial = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    for (name, size) in machine.disks.iter().filter(|(name, _)| !(1..=SERIAL).contains(&name.len()) || !serial(name)) {
        let message = format!("`{name}` is not a disk's serial number: at most {SERIAL} letters, digits, `-` and `_`");
        sink.push(bad(message, size.span));
    }
}

/// What can be wrong with where the disks are kept.
pub(super) fn pool(terraform: &Terraform, sink: &mut Sink) {
    let Some(pool) = &terraform.pool else { return };
    if !is_plain(&pool.name) {
        let message = format!("`{}` is not a name of a pool: letters, digits, `-`, `_` and `.`", pool.name);
        sink.push(bad(message, pool.name.span));
    }
    // A comma would end the file's name on QEMU's command line.
    let odd = |c: char| c.is_control() || c.is_whitespace() || ",'\"".contains(c);
    if !pool.path.starts_with('/') || pool.path.contains(odd) {
        let message = format!("`{}` is not an absolute path without blanks, commas and quotes", pool.path);
        sink.push(bad(message, pool.path.span));
    }
}
