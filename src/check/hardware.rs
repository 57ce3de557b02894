//! Machines against what runs on them: processors and memory, disks that nobody uses, mounts that are forgotten, configs
//! that are slow to hand over.

use super::View;
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::ignition::File;
use crate::model::profile::node::Os;
use crate::model::scalar::Size;
use crate::model::{Part, Path};

/// What K3s asks for (docs.k3s.io, "Requirements"): unit, processors, memory in bytes.
const K3S: &[(&str, &str, u16, u64)] =
    &[("k3s.service", "a K3s server", 2, 2 << 30), ("k3s-agent.service", "a K3s agent", 1, 512 << 20)];

/// What is read from QEMU's fw_cfg in a moment; the kernel reads it byte by byte, in time that grows with the square.
const FW_CFG: usize = 1 << 20;

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    small(view, sink);
    unused(view, sink);
    unmounted(view, sink);
    if view.node.os == Os::Flatcar {
        large(view, sink);
    }
}

fn small(view: &View<'_>, sink: &mut Sink) {
    let Some(machine) = &view.node.machine else { return };
    for (unit, what, processors, memory) in K3S.iter().filter(|(unit, ..)| view.baked.units.contains_key(*unit)) {
        if machine.vcpu.value < *processors {
            let message =
                format!("`{}` has `{}` processor(s), and {what} wants {processors}", view.node.name, machine.vcpu);
            let found = Diagnostic::new(Code::MachineSmall, message).at(machine.vcpu.span);
            sink.push(found.hint(format!("write `vcpu: {processors}`, or more ({unit} runs on it)")));
        }
        if machine.memory.value.0 < *memory {
            let wanted = Size(*memory);
            let message =
                format!("`{}` has `{}` of memory, and {what} wants `{wanted}`", view.node.name, machine.memory);
            let found = Diagnostic::new(Code::MachineSmall, message).at(machine.memory.span);
            sink.push(found.hint(format!("write `memory: {wanted}`, or more ({unit} runs on it)")));
        }
    }
}

/// Disks that the machine has and nothing of it names.
fn unused(view: &View<'_>, sink: &mut Sink) {
    let Some(machine) = &view.node.machine else { return };
    let storage = &view.part.config.storage;
    let devices = storage.disks.iter().map(|disk| disk.device.as_str());
    let devices = devices.chain(storage.filesystems.iter().map(|fs| fs.device.as_str()));
    let devices: Vec<&str> = devices.chain(storage.luks.iter().filter_map(|luks| luks.device.as_deref())).collect();
    let texts = || {
        let units = view.baked.units.values().flat_map(|unit| unit.text.iter().chain(unit.dropins.values()));
        view.baked.files.values().chain(units)
    };
    for (at, (serial, size)) in machine.disks.iter().enumerate() {
        // The root disk is the first one, `vda`.
        let name = char::from(b'b' + u8::try_from(at.min(24)).unwrap_or(0));
        let (id, plain) = (format!("virtio-{serial}"), format!("/dev/vd{name}"));
        let names = |text: &str| text.contains(&id) || text.contains(&plain);
        if !devices.iter().any(|device| names(device)) && !texts().any(|file| names(&file.text)) {
            let message = format!("`{}` has a disk `{serial}` (`{size}`) that nothing on it uses", view.node.name);
            let found = Diagnostic::new(Code::DiskUnused, message).at(size.span);
            sink.push(found.hint(format!(
                "make a file system on `/dev/disk/by-id/{id}` in a fragment of its roles, or take the disk out"
            )));
        }
    }
}

/// File systems that are there during the first boot only.
fn unmounted(view: &View<'_>, sink: &mut Sink) {
    let storage = &view.part.config.storage;
    let list = Path::root().then("storage").then("filesystems");
    for (at, fs) in storage.filesystems.iter().enumerate() {
        let Some(path) = fs.path.as_deref().filter(|path| *path != "/" && *path != "none") else { continue };
        let unit = format!("{}.mount", path.trim_matches('/').replace('-', "\\x2d").replace('/', "-"));
        let table = view.baked.files.get("/etc/fstab").is_some_and(|file| file.text.contains(path));
        if view.baked.units.contains_key(&unit) || table || view.node.os != Os::Flatcar {
            continue;
        }
        let message = format!("`{path}` is mounted while Ignition runs, and never again: no unit `{unit}` mounts it");
        let span = view.part.trace.span(&list.then(at).then("path"));
        let found = Diagnostic::new(Code::FilesystemUnmounted, message).at(span);
        sink.push(found.hint("write `with_mount_unit: true`"));
    }
}

/// How much of a config is one file's.
fn weight(file: &File) -> usize {
    let size = |source: &Option<String>| source.as_ref().map_or(0, String::len);
    size(&file.contents.source) + file.append.iter().map(|piece| size(&piece.source)).sum::<usize>()
}

/// Whether a config takes long to hand over.
pub fn is_large(part: &Part) -> bool {
    part.config.storage.files.iter().map(weight).sum::<usize>() > FW_CFG
}

/// What goes to the machine through QEMU's fw_cfg.
fn large(view: &View<'_>, sink: &mut Sink) {
    let storage = &view.part.config.storage;
    let of = |at: usize| weight(&storage.files[at]);
    let total: usize = storage.files.iter().map(weight).sum();
    let Some(largest) = (0..storage.files.len()).max_by_key(|at| of(*at)).filter(|_| is_large(view.part)) else {
        return;
    };
    let file = &storage.files[largest];
    let shown = |bytes: usize| format!("{} KiB", bytes >> 10);
    let message = format!(
        "the config of `{}` has about `{}`, and `{}` is `{}` of it: reading it through QEMU's fw_cfg takes long",
        view.node.name,
        shown(total),
        file.path,
        shown(of(largest))
    );
    let path = Path::root().then("storage").then("files").then(largest).then("contents").then("source");
    let found = Diagnostic::new(Code::ConfigLarge, message).at(view.part.trace.span(&path));
    sink.push(found.hint("bring large files with the image, a system extension or a disk"));
}
