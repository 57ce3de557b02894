//! What Butane itself checks, before anything is translated.

use super::Remarks;
use crate::lower::ignition::inline;
use crate::model::butane::{BootDevice, Config, Dropin, Filesystem, Quadlet, Resource, Storage, Systemd, Tang};
use crate::model::local::text_of;
use crate::model::path::At;
use crate::spec::Spec;

const DECIMAL: &str = "unreasonable mode would be reasonable if specified in octal; remember to add a leading zero";
const MANY_TEXTS: &str = "only one of the following can be set: contents, contents_local";

/// Checks everything.
pub(super) fn config(config: &Config, spec: &Spec, remarks: &mut Remarks) {
    let mut check = Check { spec, remarks };
    if let Some(ignition) = &config.ignition {
        let at = At::top("ignition");
        if let Some(config) = &ignition.config {
            let at = at.key("config");
            check.resources(&config.merge, &at.key("merge"), true);
            check.resource(config.replace.as_ref(), &at.key("replace"), true);
        }
        if let Some(tls) = ignition.security.as_ref().and_then(|security| security.tls.as_ref()) {
            let at = at.key("security");
            check.resources(&tls.certificate_authorities, &at.key("tls").key("certificate_authorities"), false);
        }
    }
    if let Some(storage) = &config.storage {
        check.storage(storage);
    }
    if let Some(systemd) = &config.systemd {
        check.systemd(systemd);
    }
    if spec.checks_disks_and_mount_points() {
        check.disks_and_mount_points(config);
    }
    if let Some(boot) = &config.boot_device {
        check.boot_device(boot);
    }
    if let Some(grub) = &config.grub {
        for (index, user) in grub.users.iter().enumerate() {
            let at = At::top("grub");
            let at = at.key("users");
            let at = at.index(index);
            if user.name.as_deref().unwrap_or_default().is_empty() {
                check.remarks.error(at.key("name").path(), "field \"name\" is required");
            }
            if user.password_hash.as_deref().unwrap_or_default().is_empty() {
                check.remarks.error(at.key("password_hash").path(), "field \"password_hash\" is required");
            }
        }
    }
}

struct Check<'a> {
    spec: &'a Spec,
    remarks: &'a mut Remarks,
}

fn says(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

impl Check<'_> {
    fn resources(&mut self, resources: &[Resource], at: &At<'_>, config: bool) {
        for (index, resource) in resources.iter().enumerate() {
            self.resource(Some(resource), &at.index(index), config);
        }
    }

    /// `config` says whether the resource is another config, which is looked into.
    fn resource(&mut self, resource: Option<&Resource>, at: &At<'_>, config: bool) {
        let Some(resource) = resource else { return };
        let set = [
            ("local", resource.local.is_some()),
            ("inline", resource.inline.is_some()),
            ("source", resource.source.is_some()),
        ];
        let mut set = set.iter().filter(|(_, is_set)| *is_set).map(|(key, _)| *key);
        let first = set.next();
        if let Some(last) = set.next_back() {
            // The oldest version knew no local files and blamed the other one.
            let (key, message) = if self.spec.has_local_files() {
                (last, "only one of the following can be set: inline, local, source")
            } else {
                ("inline", "only one of the following can be set: inline, local, source")
            };
            self.remarks.error(at.key(key).path(), message);
            return;
        }
        if let (true, Some("inline"), Some(contents)) = (config, first, &resource.inline) {
            inline::check(&text_of(&contents.0), self.spec.target, self.remarks, at);
        }
    }

    fn mode(&mut self, mode: Option<i64>, directory: bool, at: &At<'_>) {
        if let Some(mode) = mode {
            let octal = as_octal(mode);
            if octal.is_some_and(|octal| !is_typical(mode, directory) && is_typical(octal, directory)) {
                self.remarks.warn(at.key("mode").path(), DECIMAL);
            }
        }
    }

    fn storage(&mut self, storage: &Storage) {
        let at = At::top("storage");
        let directories = at.key("directories");
        for (index, directory) in storage.directories.iter().enumerate() {
            self.mode(directory.mode, true, &directories.index(index));
        }
        let files = at.key("files");
        for (index, file) in storage.files.iter().enumerate() {
            let at = files.index(index);
            self.mode(file.mode, false, &at);
            self.resources(&file.append, &at.key("append"), false);
            self.resource(file.contents.as_ref(), &at.key("contents"), false);
        }
        let filesystems = at.key("filesystems");
        for (index, filesystem) in storage.filesystems.iter().enumerate() {
            self.filesystem(filesystem, &filesystems.index(index));
        }
        let luks = at.key("luks");
        for (index, volume) in storage.luks.iter().enumerate() {
            self.resource(volume.key_file.as_ref(), &luks.index(index).key("key_file"), false);
        }
        let trees = at.key("trees");
        for (index, tree) in storage.trees.iter().enumerate() {
            if !says(tree.local.as_ref()) {
                self.remarks.error(trees.index(index).path(), "local is required");
            }
        }
    }

    fn filesystem(&mut self, filesystem: &Filesystem, at: &At<'_>) {
        const NO_PATH: &str = "path is required if with_mount_unit is true and format is not swap";
        if filesystem.with_mount_unit != Some(true) {
            return;
        }
        let formatted = says(filesystem.format.as_ref());
        if !formatted {
            self.remarks.error(at.key("format").path(), "format is required if with_mount_unit is true");
        }
        let swap = filesystem.format.as_deref() == Some("swap");
        let needs_path = if self.spec.has_swap_units() { formatted && !swap } else { true };
        if needs_path && !says(filesystem.path.as_ref()) {
            self.remarks.error(at.key("path").path(), NO_PATH);
        }
    }

    fn systemd(&mut self, systemd: &Systemd) {
        let at = At::top("systemd");
        let units = at.key("units");
        for (index, unit) in systemd.units.iter().enumerate() {
            let at = units.index(index);
            self.one_text(unit.contents.as_ref(), unit.contents_local.as_ref(), &at);
            self.dropins(&unit.dropins, &at.key("dropins"));
        }
        let quadlets = at.key("quadlets");
        for (index, quadlet) in systemd.quadlets.iter().enumerate() {
            let at = quadlets.index(index);
            self.quadlet(quadlet, &at);
            self.dropins(&quadlet.dropins, &at.key("dropins"));
        }
    }

    fn dropins(&mut self, dropins: &[Dropin], at: &At<'_>) {
        for (index, dropin) in dropins.iter().enumerate() {
            self.one_text(dropin.contents.as_ref(), dropin.contents_local.as_ref(), &at.index(index));
        }
    }

    fn one_text(&mut self, contents: Option<&String>, local: Option<&String>, at: &At<'_>) {
        if contents.is_some() && local.is_some() {
            self.remarks.error(at.key("contents_local").path(), MANY_TEXTS);
        }
    }

    fn quadlet(&mut self, quadlet: &Quadlet, at: &At<'_>) {
        const EXTENSIONS: [&str; 8] =
            [".container", ".volume", ".network", ".kube", ".image", ".build", ".pod", ".artifact"];
        const BAD_EXTENSION: &str = "unsupported file extension for quadlet: must be one of .container, .volume, .network, .kube, .image, .build, .pod, or .artifact";
        const INSTANCE: &str = "template instances cannot have contents or contents_local";
        let name = quadlet.name.as_deref().unwrap_or_default();
        if !EXTENSIONS.iter().any(|extension| name.ends_with(extension)) {
            self.remarks.error(at.key("name").path(), BAD_EXTENSION);
        } else if super::quadlet::template_of(name).is_some() {
            if quadlet.contents.is_some() {
                self.remarks.error(at.key("contents").path(), INSTANCE);
            }
            if quadlet.contents_local.is_some() {
                self.remarks.error(at.key("contents_local").path(), INSTANCE);
            }
        } else {
            self.one_text(quadlet.contents.as_ref(), quadlet.contents_local.as_ref(), at);
        }
    }

    fn disks_and_mount_points(&mut self, config: &Config) {
        const BY_LABEL: &str = "partitions cannot be reused by label; number must be specified except on boot disk (/dev/disk/by-id/coreos-boot-disk) or when wipe_table is true";
        const FORBIDDEN: &str = "path must be under /etc or /var if with_mount_unit is true";
        let Some(storage) = &config.storage else { return };
        let mirror = config.boot_device.as_ref().and_then(|boot| boot.mirror.as_ref());
        let mirrored: std::collections::BTreeSet<&str> =
            mirror.iter().flat_map(|mirror| &mirror.devices).map(String::as_str).collect();
        let at = At::top("storage");
        let disks = at.key("disks");
        for (index, disk) in storage.disks.iter().enumerate() {
            let device = disk.device.as_deref().unwrap_or_default();
            if device == "/dev/disk/by-id/coreos-boot-disk"
                || disk.wipe_table == Some(true)
                || mirrored.contains(device)
            {
                continue;
            }
            let at = disks.index(index);
            let at = at.key("partitions");
            for (index, partition) in disk.partitions.iter().enumerate() {
                if partition.number.unwrap_or(0) == 0 && partition.label.is_some() {
                    self.remarks.warn(at.index(index).key("number").path(), BY_LABEL);
                }
            }
        }
        let filesystems = at.key("filesystems");
        for (index, filesystem) in storage.filesystems.iter().enumerate() {
            let Some(path) = filesystem.path.as_deref() else { continue };
            let allowed = ["/etc", "/var"]
                .iter()
                .any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
            if !allowed && filesystem.with_mount_unit == Some(true) {
                self.remarks.error(filesystems.index(index).key("path").path(), FORBIDDEN);
            }
        }
    }

    fn boot_device(&mut self, boot: &BootDevice) {
        const MIRROR_LAYOUT: &str = "boot_device.layout should be specified when boot_device.mirror is specified";
        const CEX_ARCHITECTURE: &str = "when using cex the targeted architecture must match s390x";
        let at = At::top("boot_device");
        let mirrors = boot.mirror.as_ref().map_or(0, |mirror| mirror.devices.len());
        let luks = boot.luks.as_ref();
        let device = luks.and_then(|luks| luks.device.as_deref()).unwrap_or_default();
        if mirrors > 0 && boot.layout.is_none() {
            let path = at.key("mirror").path();
            if self.spec.requires_mirror_layout() {
                self.remarks.error(path, MIRROR_LAYOUT);
            } else {
                self.remarks.warn(path, MIRROR_LAYOUT);
            }
        }
        if let Some(layout) = boot.layout.as_deref() {
            if let Some(message) = self.layout(layout, device) {
                self.remarks.error(at.key("layout").path(), message);
            }
            if self.spec.has_s390x() && layout.starts_with("s390x") && mirrors > 0 {
                self.remarks.error(
                    at.key("layout").path(),
                    "mirroring not supported on layouts: s390x-eckd, s390x-zfcp, s390x-virt",
                );
            }
        }
        let cex = luks.and_then(|luks| luks.cex.as_ref()).and_then(|cex| cex.enabled) == Some(true);
        if let (true, Some(luks)) = (cex, luks) {
            match boot.layout.as_deref() {
                None => self.remarks.error(at.key("luks").key("cex").path(), CEX_ARCHITECTURE),
                Some(layout) if !layout.starts_with("s390x") => {
                    self.remarks.error(at.key("layout").path(), CEX_ARCHITECTURE);
                }
                Some(_) => {}
            }
            if !luks.tang.is_empty() || luks.tpm2 == Some(true) {
                self.remarks.error(at.key("luks").path(), "cannot use cex with clevis");
            }
        }
        if mirrors == 1 {
            // The reference looks twice and says it twice.
            for _ in 0..2 {
                let path = at.key("mirror").key("devices").path();
                self.remarks.error(path, "mirroring requires at least two devices");
            }
        }
        if let (true, Some(luks), false) = (self.spec.requires_mirror_layout(), luks, device.is_empty()) {
            let empty = Tang { thumbprint: None, url: None, advertisement: None };
            let is_empty = |tang: &Tang| {
                *tang == empty
                    || (tang.url.as_deref() == Some("") && tang.thumbprint.is_none() && tang.advertisement.is_none())
            };
            if luks.tang.iter().all(is_empty) && luks.tpm2 != Some(true) && !cex {
                self.remarks.error(at.key("luks").key("luks").path(), "no method specified for luks");
            }
        }
    }

    fn layout(&self, layout: &str, device: &str) -> Option<&'static str> {
        const NO_DEVICE: &str = "device is required for layouts: s390x-eckd, s390x-zfcp";
        const BAD_NAME: &str =
            "device name must start with /dev/dasd on s390x-eckd layout or /dev/sd on s390x-zfcp layout";
        const UNKNOWN: &str = "layout must be one of: aarch64, ppc64le, s390x-eckd, s390x-virt, s390x-zfcp, x86_64";
        let named = |prefix: &str| {
            // One letter behind the prefix, at the very end; what stands before does not matter.
            let letter = device.bytes().last().filter(u8::is_ascii_lowercase);
            letter.is_some() && device[..device.len() - 1].ends_with(prefix)
        };
        match (layout, self.spec.has_s390x()) {
            ("aarch64" | "ppc64le" | "x86_64", _) | ("s390x-virt", true) => None,
            ("s390x-eckd" | "s390x-zfcp", true) if device.is_empty() => Some(NO_DEVICE),
            ("s390x-eckd", true) => (!named("/dev/dasd")).then_some(BAD_NAME),
            ("s390x-zfcp", true) => (!named("/dev/sd")).then_some(BAD_NAME),
            (_, true) => Some(UNKNOWN),
            (_, false) => Some("layout must be one of: aarch64, ppc64le, x86_64"),
        }
    }
}

/// What a mode written in decimal would be if its digits were octal ones.
fn as_octal(mode: i64) -> Option<i64> {
    if !(0..=7777).contains(&mode) {
        return None;
    }
    [1000, 100, 10, 1].into_iter().try_fold(0, |octal, divisor| {
        let digit = mode / divisor % 10;
        (digit <= 7).then_some(octal << 3 | digit)
    })
}

/// Whether a mode surprises nobody: who is closer may do what those farther away may, and so on.
fn is_typical(mode: i64, directory: bool) -> bool {
    if mode == 0 {
        return true;
    }
    // What others, then the group, then the owner may.
    let (mut read, mut write, mut execute) = (false, false, false);
    for shift in [0, 3, 6] {
        let bits = mode >> shift;
        let (r, w, x) = (bits & 4 != 0, bits & 2 != 0, bits & 1 != 0);
        let less_than_farther = !r && read || !w && write || !x && execute;
        let farther_reads_only = x && read && !execute;
        if less_than_farther || farther_reads_only || (w || x) && !r {
            return false;
        }
        read |= r;
        write |= w;
        execute |= x;
    }
    if !read {
        return false;
    }
    let (set_uid, set_id, sticky) = (mode & 0o4000 != 0, mode & 0o6000 != 0, mode & 0o1000 != 0);
    if directory {
        execute && !set_uid && (mode & 0o3000 == 0 || write)
    } else {
        !sticky && (!set_id || execute && mode & 2 == 0)
    }
}
