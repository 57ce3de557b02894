//! Disks: large enough for what goes on them, and there at all.

use super::text::entries;
use super::{Survey, View};
use crate::diag::{Code, Diagnostic, Severity, Sink, Span};
use crate::model::Path;
use std::collections::BTreeMap;

/// Where a disk with a serial number appears.
const BY_ID: &str = "/dev/disk/by-id/virtio-";

/// Where a partition with a label appears.
const BY_LABEL: &str = "/dev/disk/by-partlabel/";

/// Partitions that Flatcar's image brings.
const FLATCAR: &[&str] = &["BIOS-BOOT", "EFI-SYSTEM", "OEM", "OEM-CONFIG", "ROOT", "USR-A", "USR-B"];

/// Root disks smaller than their image.
pub(super) fn sizes(survey: &Survey<'_>, sink: &mut Sink) {
    let profile = &survey.cluster.profile;
    for node in survey.cluster.nodes.iter().filter(|node| node.build) {
        let image = profile.images.get(node.os.as_str()).and_then(|image| image.virtual_size.as_ref());
        let Some((machine, image)) = node.machine.as_ref().zip(image) else { continue };
        if machine.root_disk.value < image.value {
            let message = format!(
                "the root disk of `{}` (`{}`) is smaller than the image it starts from (`{image}`)",
                node.name, machine.root_disk
            );
            let found = Diagnostic::new(Code::DiskSmall, message).at(machine.root_disk.span);
            let found = found.hint(format!("write `root_disk: {image}` or more"));
            sink.push(found.related(image.span, "the image needs this much"));
        }
    }
}

/// Folders that every image has, or that programs of the image make.
const GIVEN: &[&str] = &[
    "/", "/bin", "/boot", "/dev", "/home", "/lib", "/lib64", "/mnt", "/opt", "/proc", "/root", "/sbin", "/sys", "/tmp",
    "/usr",
];

/// Folders of the host that a container mounts and nobody makes.
pub(super) fn volumes(view: &View<'_>, sink: &mut Sink) {
    let storage = &view.part.config.storage;
    let made = |path: &str| {
        let below = |made: &str| made.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        storage.files.iter().any(|file| below(&file.path))
            || storage.directories.iter().any(|directory| below(&directory.path))
            || storage.links.iter().any(|link| below(&link.path))
            || storage.filesystems.iter().filter_map(|fs| fs.path.as_deref()).any(below)
            || GIVEN.iter().any(|given| path == *given || (*given != "/" && path.starts_with(&format!("{given}/"))))
            || by_systemd(view, path)
    };
    for (name, container) in &view.node.containers {
        for volume in &container.volumes {
            let path = volume.host.trim_end_matches('/');
            if path.starts_with('/') && !made(path) {
                let message = format!("nobody makes `{path}`, which the container `{name}` mounts");
                let found = Diagnostic::new(Code::VolumeMissing, message).at(volume.host.span);
                sink.push(found.hint("make it in a fragment of the role (`storage: directories:`)"));
            }
        }
    }
}

/// Folders that systemd makes for a unit (`RuntimeDirectory=` and its like, systemd.exec(5)).
fn by_systemd(view: &View<'_>, path: &str) -> bool {
    const FOLDERS: &[(&str, &str)] = &[
        ("RuntimeDirectory", "/run/"),
        ("StateDirectory", "/var/lib/"),
        ("CacheDirectory", "/var/cache/"),
        ("LogsDirectory", "/var/log/"),
        ("ConfigurationDirectory", "/etc/"),
    ];
    let units = view.baked.units.values().flat_map(|unit| unit.text.iter().chain(unit.dropins.values()));
    let files = view.baked.files.iter().filter(|(path, _)| path.starts_with("/etc/containers/systemd/"));
    let mut texts = units.chain(files.map(|(_, file)| file));
    texts.any(|file| {
        entries(&file.text).iter().any(|entry| {
            let folder =
                FOLDERS.iter().find(|(key, _)| *key == entry.key).and_then(|(_, folder)| path.strip_prefix(folder));
            folder.is_some_and(|name| entry.value.split_whitespace().any(|own| own == name))
        })
    })
}

/// The position of a disk by the letter of its name: 0 for `/dev/vda` and `/dev/sda`.
fn plain(device: &str) -> Option<usize> {
    let rest = ["/dev/vd", "/dev/sd", "/dev/hd", "/dev/xvd"].iter().find_map(|start| device.strip_prefix(start))?;
    let letter = rest.bytes().next().filter(u8::is_ascii_lowercase)?;
    rest[1..].bytes().all(|byte| byte.is_ascii_digit()).then(|| usize::from(letter - b'a'))
}

/// A disk that is named by the order in which the kernel finds it.
fn by_order(view: &View<'_>, device: &str, serial: &str, span: Option<Span>, sink: &mut Sink) {
    let message =
        format!("`{device}` is the disk `{serial}` of `{}` only as long as no other comes before it", view.node.name);
    let mut found = Diagnostic::new(Code::DiskMissing, message).at(span);
    found.severity = Severity::Warning;
    sink.push(found.hint(format!("write `{BY_ID}{serial}`")));
}

/// Disks that a node names and does not have, and partitions that do not fit.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    let Some(machine) = &view.node.machine else { return };
    let storage = &view.part.config.storage;
    let at = |list: &'static str, index: usize| {
        let path = Path::root().then("storage").then(list).then(index).then("device");
        view.part.trace.span(&path)
    };
    let disks = storage.disks.iter().enumerate().map(|(i, disk)| (disk.device.as_str(), at("disks", i)));
    let filesystems = storage.filesystems.iter().enumerate().map(|(i, fs)| (fs.device.as_str(), at("filesystems", i)));
    let luks = storage.luks.iter().enumerate().filter_map(|(i, luks)| Some((luks.device.as_deref()?, at("luks", i))));
    let labels: Vec<&str> =
        storage.disks.iter().flat_map(|disk| &disk.partitions).filter_map(|part| part.label.as_deref()).collect();
    let mut missing: BTreeMap<&str, Option<Span>> = BTreeMap::new();
    for (device, span) in disks.chain(filesystems).chain(luks) {
        if let Some(serial) = device.strip_prefix(BY_ID) {
            let serial = serial.split("-part").next().unwrap_or(serial);
            if !machine.disks.contains_key(serial) {
                missing.entry(device).or_insert(span);
            }
        } else if let Some(label) = device.strip_prefix(BY_LABEL)
            && !labels.contains(&label)
            && !FLATCAR.contains(&label)
        {
            missing.entry(device).or_insert(span);
        } else if let Some(letter) = plain(device) {
            // The root disk is the first one.
            match machine
                .disks
                .keys()
                .nth(letter.saturating_sub(1))
                .filter(|_| letter > 0 && device.starts_with("/dev/vd"))
            {
                Some(serial) => by_order(view, device, serial, span, sink),
                None if letter > 0 || !device.starts_with("/dev/vd") => {
                    missing.entry(device).or_insert(span);
                }
                None => {}
            }
        }
    }
    for (device, span) in missing {
        let message = format!("`{}` has no disk that appears as `{device}`", view.node.name);
        let first = machine.disks.keys().next();
        let hint = match (device.strip_prefix(BY_ID), first) {
            (Some(serial), _) => format!("declare `disks: {{{serial}: 40 GiB}}` in its `machine`"),
            (None, Some(serial)) if plain(device).is_some() => format!("write `{BY_ID}{serial}`"),
            (None, _) if plain(device).is_some() => {
                format!("declare `disks: {{data: 40 GiB}}` and write `{BY_ID}data`")
            }
            (None, _) => "give a partition this label".to_owned(),
        };
        let found = Diagnostic::new(Code::DiskMissing, message).at(span).hint(hint);
        sink.push(found.related(machine.span, "its disks are declared here"));
    }
    for (index, disk) in storage.disks.iter().enumerate() {
        let Some(size) = disk.device.strip_prefix(BY_ID).and_then(|serial| machine.disks.get(serial)) else { continue };
        let wanted: i64 = disk.partitions.iter().filter_map(|part| part.size_mib).filter(|size| *size > 0).sum();
        // One MiB before and after the partitions holds the table.
        if u64::try_from(wanted + 2).is_ok_and(|wanted| wanted << 20 > size.0) {
            let message = format!("the partitions of `{}` need `{wanted} MiB`, and it has `{size}`", disk.device);
            let found = Diagnostic::new(Code::DiskSmall, message).at(at("disks", index));
            sink.push(found.related(size.span, format!("the disk of `{}`", view.node.name)));
        }
    }
}
