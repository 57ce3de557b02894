//! `boot_device`: mirrored and encrypted boot disks of Fedora CoreOS.

use super::Work;
use super::convert::{Sugar, tang};
use super::origins::overlay;
use crate::model::butane::BootDeviceLuks;
use crate::model::ignition::{Cex, Clevis, Config, Disk, Filesystem, Luks, Partition, Raid};
use crate::model::path::{At, Path, Step};

const RESERVED: &str = "8DA63339-0007-60C0-C436-083AC8230908";
const BIOS: &str = "21686148-6449-6E6F-744E-656564454649";
const PREP: &str = "9E1A2D38-C612-4316-AA26-8B49521E5A8B";
const ESP: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";

/// Name, size in MiB and type of the two partitions in front of the boot partition; the layout of the
/// distribution's image, which must not change.
fn leading(layout: Option<&str>) -> [(&'static str, i64, &'static str); 2] {
    let reserved = ("reserved", 1, RESERVED);
    let esp = ("esp", 127, ESP);
    match layout {
        None | Some("x86_64") => [("bios", 1, BIOS), esp],
        Some("aarch64") => [reserved, esp],
        Some("ppc64le") => [("prep", 4, PREP), reserved],
        Some(_) => [reserved, reserved],
    }
}

impl Work<'_> {
    /// Adds what the boot device stands for; the user's entries win field by field.
    pub(super) fn boot_device(&mut self, sugar: &Sugar, config: &mut Config) {
        let Some(boot) = &sugar.boot_device else { return };
        let layout = boot.layout.as_deref();
        let luks = boot.luks.as_ref().filter(|luks| luks.tpm2 == Some(true) || !luks.tang.is_empty() || has_cex(luks));
        let mirror = boot.mirror.as_ref().map(|mirror| mirror.devices.as_slice()).unwrap_or_default();
        if luks.is_none() && mirror.is_empty() {
            return;
        }
        let mut rendered = Config::default();
        let storage = &mut rendered.storage;
        if !mirror.is_empty() {
            mirrored(layout, mirror, &mut storage.disks, &mut storage.filesystems, &mut storage.raid);
        }
        let esps = if leading(layout)[1].0 == "esp" { mirror.len() } else { 0 };
        if let Some(luks) = luks {
            storage.luks.push(volume(layout, luks, !mirror.is_empty()));
        }
        storage.filesystems.push(Filesystem {
            device: if luks.is_some() { "/dev/mapper/root" } else { "/dev/md/md-root" }.to_owned(),
            format: Some("xfs".to_owned()),
            label: Some("root".to_owned()),
            wipe_filesystem: Some(true),
            ..Filesystem::default()
        });
        let source = source(esps, mirror.is_empty());
        overlay(rendered, &source, config, &mut self.origins, self.spec.target);
    }

    /// Warns of partitions with the labels of the image's in other places, and of a root that cannot grow.
    pub(super) fn reserved_labels(&mut self, config: &Config) {
        const WRONG_NUMBER: &str = "incorrect partition number; a new partition will be created using reserved label";
        const TOO_SMALL: &str = "root should have 8GiB of space assigned";
        const CONSTRAINED: &str = "root partition cannot expand; it is set to fill available space but is followed by an auto-positioned partition";
        const LABELS: [(&str, i64); 5] =
            [("BIOS-BOOT", 1), ("PowerPC-PReP-boot", 1), ("EFI-SYSTEM", 2), ("boot", 3), ("root", 4)];
        if !self.spec.checks_reserved_labels() {
            return;
        }
        let disks = At::top("storage");
        let disks = disks.key("disks");
        for (index, disk) in config.storage.disks.iter().enumerate() {
            let at = disks.index(index);
            let at = at.key("partitions");
            for (index, partition) in disk.partitions.iter().enumerate() {
                let Some(label) = partition.label.as_deref() else { continue };
                let at = at.index(index);
                if label == "root" && self.spec.checks_root_size() {
                    match partition.size_mib.unwrap_or(0) {
                        0 => {
                            let floats = |other: &Partition| other.start_mib.unwrap_or(0) == 0;
                            let mut others = disk.partitions.iter().enumerate().filter(|(other, _)| *other != index);
                            if others.any(|(_, other)| floats(other)) {
                                self.remarks.warn_result(at.key("label").path(), CONSTRAINED);
                            }
                        }
                        ..8192 => self.remarks.warn_result(at.key("size_mib").path(), TOO_SMALL),
                        _ => {}
                    }
                }
                let reserved = LABELS.iter().any(|(name, number)| *name == label && *number != partition.number);
                if disk.wipe_table != Some(true) && reserved {
                    self.remarks.warn_result(at.key("label").path(), WRONG_NUMBER);
                }
            }
        }
    }
}

fn has_cex(luks: &BootDeviceLuks) -> bool {
    luks.cex.as_ref().and_then(|cex| cex.enabled) == Some(true)
}

fn mirrored(
    layout: Option<&str>,
    devices: &[String],
    disks: &mut Vec<Disk>,
    filesystems: &mut Vec<Filesystem>,
    raid: &mut Vec<Raid>,
) {
    let leading = leading(layout);
    for (index, device) in devices.iter().enumerate() {
        let number = index + 1;
        let label = |name: &str| Some(format!("{name}-{number}"));
        let mut partitions: Vec<Partition> = leading
            .iter()
            .map(|(name, size, kind)| Partition {
                label: label(name),
                size_mib: Some(*size),
                type_guid: Some((*kind).to_owned()),
                ..Partition::default()
            })
            .collect();
        partitions.push(Partition { label: label("boot"), size_mib: Some(384), ..Partition::default() });
        partitions.push(Partition { label: label("root"), ..Partition::default() });
        disks.push(Disk { device: device.clone(), partitions, wipe_table: Some(true) });
        if leading[1].0 == "esp" {
            filesystems.push(Filesystem {
                device: format!("/dev/disk/by-partlabel/esp-{number}"),
                format: Some("vfat".to_owned()),
                label: label("esp"),
                wipe_filesystem: Some(true),
                ..Filesystem::default()
            });
        }
    }
    let members =
        |name: &str| (1..=devices.len()).map(|number| format!("/dev/disk/by-partlabel/{name}-{number}")).collect();
    // The superblock of the boot partition's mirror is at its end, where boot loaders do not mind it.
    for (name, options) in [("boot", vec!["--metadata=1.0".to_owned()]), ("root", Vec::new())] {
        raid.push(Raid {
            devices: members(name),
            level: Some("raid1".to_owned()),
            name: format!("md-{name}"),
            options,
            spares: None,
        });
    }
    filesystems.push(Filesystem {
        device: "/dev/md/md-boot".to_owned(),
        format: Some("ext4".to_owned()),
        label: Some("boot".to_owned()),
        wipe_filesystem: Some(true),
        ..Filesystem::default()
    });
}

fn volume(layout: Option<&str>, luks: &BootDeviceLuks, mirrored: bool) -> Luks {
    let own = luks.device.as_deref().unwrap_or_default();
    let device = match layout {
        Some("s390x-eckd") => format!("{own}2"),
        Some("s390x-zfcp") => format!("{own}4"),
        _ if mirrored => "/dev/md/md-root".to_owned(),
        _ => "/dev/disk/by-partlabel/root".to_owned(),
    };
    let mut volume = Luks {
        device: Some(device),
        discard: luks.discard,
        label: Some("luks-root".to_owned()),
        name: "root".to_owned(),
        wipe_volume: Some(true),
        ..Luks::default()
    };
    if has_cex(luks) {
        volume.cex = Cex { enabled: Some(true) };
    } else {
        let tang = tang(luks.tang.clone());
        volume.clevis = Some(Clevis { tang, threshold: luks.threshold, tpm2: luks.tpm2, ..Clevis::default() });
    }
    volume
}

/// Where the rendered paths come from. The file systems are those of the first `esps` mirrors, that of the boot
/// partition unless `unmirrored`, and the root's.
fn source(esps: usize, unmirrored: bool) -> impl Fn(&Path) -> Path {
    move |path: &Path| {
        let boot = At::top("boot_device");
        let (mirror, luks) = (boot.key("mirror"), boot.key("luks"));
        let steps = path.steps();
        let list = match steps.get(1) {
            Some(Step::Key(key)) => key.as_ref(),
            _ => "",
        };
        let index = match steps.get(2) {
            Some(Step::Index(index)) => Some(*index),
            _ => None,
        };
        match (list, index) {
            ("disks", Some(index)) => mirror.key("devices").index(index).path(),
            ("disks", None) => mirror.key("devices").path(),
            ("filesystems", Some(index)) if index < esps => mirror.key("devices").index(index).path(),
            ("filesystems", Some(index)) if index == esps && !unmirrored => mirror.path(),
            ("raid", _) => mirror.path(),
            ("luks", _) => match steps.get(3) {
                // What is below these is the same on both sides.
                Some(Step::Key(key)) if key == "clevis" => luks.path().below(steps.get(4..).unwrap_or_default()),
                Some(Step::Key(key)) if key == "cex" => luks.path().below(steps.get(4..).unwrap_or_default()),
                Some(Step::Key(key)) if key == "discard" => luks.key("discard").path(),
                _ => luks.path(),
            },
            _ => boot.path(),
        }
    }
}
