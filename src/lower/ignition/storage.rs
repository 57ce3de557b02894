//! Disks, file systems and files.

use super::{Check, Verdict, clean, path, says, url, wrong};
use crate::model::ignition::{
    Clevis, ClevisCustom, Directory, Disk, File, Filesystem, Link, Luks, NodeGroup, NodeUser, Partition, Raid, Storage,
};
use crate::model::path::At;
use std::collections::{BTreeMap, BTreeSet};

impl Check<'_> {
    pub(super) fn storage(&mut self, storage: &Storage) {
        let at = At::top("storage");
        self.through_links(storage, &at);
        self.links(storage, &at.key("links"));
        self.overwritten(storage, &at.key("filesystems"));
        let list = at.key("directories");
        storage.directories.iter().enumerate().for_each(|(index, item)| self.directory(item, &list.index(index)));
        let list = at.key("disks");
        storage.disks.iter().enumerate().for_each(|(index, item)| self.disk(item, &list.index(index)));
        let list = at.key("files");
        storage.files.iter().enumerate().for_each(|(index, item)| self.file(item, &list.index(index)));
        let list = at.key("filesystems");
        storage.filesystems.iter().enumerate().for_each(|(index, item)| self.filesystem(item, &list.index(index)));
        let list = at.key("links");
        for (index, link) in storage.links.iter().enumerate() {
            self.node(&link.path, &link.user, &link.group, &list.index(index));
        }
        let list = at.key("luks");
        storage.luks.iter().enumerate().for_each(|(index, item)| self.luks(item, &list.index(index)));
        let list = at.key("raid");
        storage.raid.iter().enumerate().for_each(|(index, item)| self.raid(item, &list.index(index)));
    }

    /// Nothing may lie behind a link of the same config.
    fn through_links(&mut self, storage: &Storage, at: &At<'_>) {
        if storage.links.is_empty() {
            return;
        }
        let mut links: BTreeMap<&str, usize> = BTreeMap::new();
        for link in &storage.links {
            *links.entry(&link.path).or_default() += 1;
        }
        let behind =
            |path: &str| -> usize { path.match_indices('/').filter_map(|(slash, _)| links.get(&path[..slash])).sum() };
        let directories = storage.directories.iter().map(|node| &node.path).enumerate();
        let files = storage.files.iter().map(|node| &node.path).enumerate();
        let own = storage.links.iter().map(|node| &node.path).enumerate();
        let nodes = directories.map(|node| ("directories", "directory path includes link in config", node));
        let nodes = nodes.chain(files.map(|node| ("files", "file path includes link in config", node)));
        let nodes = nodes.chain(own.map(|node| ("links", "link path includes link in config", node)));
        for (list, message, (index, path)) in nodes {
            for _ in 0..behind(path) {
                self.error(&at.key(list).index(index), message);
            }
        }
    }

    fn links(&mut self, storage: &Storage, at: &At<'_>) {
        const OWNER: &str = "user/group ignored for hard link";
        let mut directories: BTreeMap<&str, usize> = BTreeMap::new();
        for directory in &storage.directories {
            *directories.entry(&directory.path).or_default() += 1;
        }
        for (index, link) in storage.links.iter().enumerate() {
            let at = at.index(index);
            if self.target.requires_target_and_level() && !says(link.target.as_ref()) {
                self.error(&at.key("target"), "link target is required");
                continue;
            }
            if link.hard != Some(true) {
                continue;
            }
            for _ in 0..directories.get(hard_target(link).as_str()).copied().unwrap_or(0) {
                self.error(&at, "hard link target is a directory");
            }
            let (user, group) = (at.key("user"), at.key("group"));
            for (set, at) in [
                (link.user.id.is_some(), user.key("id")),
                (link.user.name.is_some(), user.key("name")),
                (link.group.id.is_some(), group.key("id")),
                (link.group.name.is_some(), group.key("name")),
            ] {
                if set {
                    self.warn(&at, OWNER);
                }
            }
        }
    }

    /// File systems on whole disks that are partitioned or wiped.
    fn overwritten(&mut self, storage: &Storage, at: &At<'_>) {
        let disks: BTreeMap<&str, &Disk> = storage.disks.iter().map(|disk| (disk.device.as_str(), disk)).collect();
        for (index, filesystem) in storage.filesystems.iter().enumerate() {
            let Some(disk) = disks.get(filesystem.device.as_str()) else { continue };
            let at = at.index(index);
            if !disk.partitions.is_empty() {
                self.warn(&at.key("device"), "filesystem overwrites partitioned device");
            } else if filesystem.wipe_filesystem != Some(true) && disk.wipe_table == Some(true) {
                self.warn(&at.key("device"), "device matches disk with wipeTable enabled; filesystem will be wiped");
            }
        }
    }

    fn node(&mut self, name: &str, user: &NodeUser, group: &NodeGroup, at: &At<'_>) {
        const BOTH: &str = "cannot set both id and name";
        self.expect(&at.key("path"), path(name));
        if user.id.is_some() && says(user.name.as_ref()) {
            self.error(&at.key("user"), BOTH);
        }
        if group.id.is_some() && says(group.name.as_ref()) {
            self.error(&at.key("group"), BOTH);
        }
    }

    fn mode(&mut self, mode: Option<i64>, at: &At<'_>) {
        const SPECIAL: &str =
            "setuid/setgid/sticky bits are not supported or functional in spec versions older than 3.6.0";
        let Some(mode) = mode else { return };
        let at = at.key("mode");
        if !(0..=0o7777).contains(&mode) {
            self.error(&at, "illegal file mode");
        }
        if self.target.lacks_special_mode_bits() && mode & 0o7000 != 0 {
            self.warn(&at, SPECIAL);
        }
    }

    fn directory(&mut self, directory: &Directory, at: &At<'_>) {
        self.node(&directory.path, &directory.user, &directory.group, at);
        self.mode(directory.mode, at);
    }

    fn file(&mut self, file: &File, at: &At<'_>) {
        self.node(&file.path, &file.user, &file.group, at);
        self.mode(file.mode, at);
        if file.overwrite == Some(true) && file.contents.source.is_none() {
            self.error(&at.key("overwrite"), "overwrite must be false if source is unspecified");
        }
        let append = at.key("append");
        for (index, resource) in file.append.iter().enumerate() {
            self.resource(resource, &append.index(index));
        }
        self.resource(&file.contents, &at.key("contents"));
    }

    fn disk(&mut self, disk: &Disk, at: &At<'_>) {
        if disk.device.is_empty() {
            self.error(&at.key("device"), "disk device is required");
        } else {
            self.expect(&at.key("device"), path(&disk.device));
            let at = at.key("partitions");
            let deleted = disk.partitions.iter().any(|partition| partition.should_exist == Some(false));
            if deleted && disk.partitions.iter().any(|partition| partition.number == 0) {
                self.error(&at, "shouldExist is false for a partition and other partition(s) has start or size 0");
            }
            for (found, message) in [
                (same_number(disk), "partition numbers collide"),
                (overlap(disk), "partitions overlap"),
                (same_label(disk), "cannot use the same partition label twice"),
            ] {
                if let Some(index) = found {
                    self.error(&at.index(index), message);
                }
            }
        }
        let at = at.key("partitions");
        for (index, partition) in disk.partitions.iter().enumerate() {
            self.partition(partition, &at.index(index));
        }
    }

    fn partition(&mut self, partition: &Partition, at: &At<'_>) {
        let described = partition.label.is_some()
            || says(partition.type_guid.as_ref())
            || says(partition.guid.as_ref())
            || partition.start_mib.is_some()
            || partition.size_mib.is_some();
        if partition.should_exist == Some(false) && described {
            self.error(at, "shouldExist specified false with other options also specified");
        }
        if partition.number == 0 && partition.label.is_none() {
            self.error(at, "a partition number >= 1 or a label must be specified");
        }
        if let Some(label) = &partition.label {
            if label.len() > 36 {
                self.error(&at.key("label"), "partition labels may not exceed 36 characters");
            } else if label.contains(':') {
                self.error(&at.key("label"), "partition label will be truncated to text before the colon");
            }
        }
        self.expect(&at.key("guid"), guid(partition.guid.as_deref()));
        self.expect(&at.key("typeGuid"), guid(partition.type_guid.as_deref()));
    }

    fn filesystem(&mut self, filesystem: &Filesystem, at: &At<'_>) {
        if let Some(name) = filesystem.path.as_deref().filter(|name| !name.is_empty()) {
            self.expect(&at.key("path"), path(name));
        }
        self.expect(&at.key("device"), path(&filesystem.device));
        self.expect(&at.key("format"), self.format(filesystem));
        self.expect(&at.key("label"), label(filesystem));
    }

    fn format(&self, filesystem: &Filesystem) -> Verdict {
        match filesystem.format.as_deref().unwrap_or_default() {
            "" => {
                let described = says(filesystem.path.as_ref())
                    || says(filesystem.label.as_ref())
                    || says(filesystem.uuid.as_ref())
                    || filesystem.wipe_filesystem == Some(true)
                    || self.target.counts_mount_options() && !filesystem.mount_options.is_empty()
                    || !filesystem.options.is_empty();
                if described {
                    return wrong(
                        "format cannot be empty when path, label, uuid, wipeFilesystem, options, or mountOptions is specified",
                    );
                }
                Ok(())
            }
            "ext4" | "btrfs" | "xfs" | "swap" | "vfat" => Ok(()),
            "none" if self.target.knows_format_none() => Ok(()),
            _ => wrong("invalid filesystem format"),
        }
    }

    fn luks(&mut self, luks: &Luks, at: &At<'_>) {
        if luks.name.contains('/') {
            self.error(&at.key("name"), "device names cannot contain slashes");
        }
        if luks.label.as_ref().is_some_and(|label| label.len() > 47) {
            self.error(&at.key("label"), "luks device labels cannot be longer than 47 characters");
        }
        let device = match luks.device.as_deref() {
            None | Some("") => wrong("disk device is required"),
            Some(device) => path(device),
        };
        self.expect(&at.key("device"), device);
        let none = Clevis::default();
        let clevis = luks.clevis.as_ref().unwrap_or(&none);
        let custom = if self.target.custom_clevis_is_present_when_written() {
            clevis.custom.pin.is_some()
        } else {
            says(clevis.custom.pin.as_ref())
        };
        let others = !clevis.tang.is_empty() || clevis.tpm2 == Some(true) || clevis.threshold.unwrap_or(0) != 0;
        if custom && others {
            self.error(&at.key("clevis"), "cannot use custom clevis config with tpm2, tang, or threshold");
        }
        let key = luks.key_file.source.as_deref().unwrap_or_default();
        if !key.is_empty() && url::check(key, self.target).is_err() {
            self.error(&at.key("keys"), "invalid key-file source");
        }
        if self.target.knows_cex() && luks.cex.enabled == Some(true) {
            if custom || others {
                self.error(&at.key("cex"), "cannot use cex with clevis");
            }
            if !key.is_empty() {
                self.error(&at.key("cex"), "cannot use key file with cex");
            }
        }
        let inner = at.key("clevis");
        self.custom_pin(&clevis.custom, &inner.key("custom"));
        let tang = inner.key("tang");
        for (index, server) in clevis.tang.iter().enumerate() {
            self.tang(server, &tang.index(index));
        }
        self.resource(&luks.key_file, &at.key("keyFile"));
    }

    fn custom_pin(&mut self, custom: &ClevisCustom, at: &At<'_>) {
        let pin = custom.pin.as_deref().unwrap_or_default();
        let configured = says(custom.config.as_ref());
        let old = self.target.custom_clevis_is_present_when_written();
        let networked = !old && custom.needs_network == Some(true);
        if pin.is_empty() && !configured && !networked {
            return;
        }
        let verdict = match pin {
            "" if !old => wrong("missing required custom clevis pin"),
            "tpm2" | "tang" | "sss" => Ok(()),
            _ if self.target.limits_clevis_pins() => wrong("unsupported clevis pin"),
            _ => Ok(()),
        };
        self.expect(&at.key("pin"), verdict);
        if !configured {
            self.error(&at.key("config"), "missing required custom clevis config");
        }
    }

    fn raid(&mut self, raid: &Raid, at: &At<'_>) {
        let verdict = match raid.level.as_deref().unwrap_or_default() {
            "" if self.target.requires_target_and_level() => wrong("raid level is required"),
            "linear" | "raid0" | "0" | "stripe" if raid.spares.unwrap_or(0) != 0 => {
                wrong("spares unsupported for linear and raid0 arrays")
            }
            "linear" | "raid0" | "0" | "stripe" | "raid1" | "1" | "mirror" | "raid4" | "4" | "raid5" | "5"
            | "raid6" | "6" | "raid10" | "10" => Ok(()),
            _ => wrong("unrecognized raid level"),
        };
        self.expect(&at.key("level"), verdict);
        let at = at.key("devices");
        if raid.devices.is_empty() {
            self.error(&at, "raid devices required");
        }
        for (index, device) in raid.devices.iter().enumerate() {
            self.expect(&at.index(index), path(device));
        }
    }
}

/// Whether mkfs would take the label.
fn label(filesystem: &Filesystem) -> Verdict {
    let Some(label) = filesystem.label.as_ref().filter(|label| !label.is_empty()) else { return Ok(()) };
    let (most, message) = match filesystem.format.as_deref().unwrap_or_default() {
        "" => return wrong("filesystem must specify format if label is specified"),
        "ext4" => (16, "filesystem labels cannot be longer than 16 characters when using ext4"),
        "btrfs" => (256, "filesystem labels cannot be longer than 256 characters when using btrfs"),
        "xfs" => (12, "filesystem labels cannot be longer than 12 characters when using xfs"),
        "swap" => (15, "filesystem labels cannot be longer than 15 characters when using swap"),
        "vfat" => (11, "filesystem labels cannot be longer than 11 characters when using vfat"),
        _ => return Ok(()),
    };
    if label.len() > most { wrong(message) } else { Ok(()) }
}

/// What a hard link points to, as an absolute path.
fn hard_target(link: &Link) -> String {
    let target = link.target.as_deref().unwrap_or_default();
    if target.starts_with('/') {
        return clean(target);
    }
    let joined: Vec<&str> = [link.path.as_str(), target].into_iter().filter(|part| !part.is_empty()).collect();
    if joined.is_empty() { String::new() } else { clean(&joined.join("/")) }
}

fn same_number(disk: &Disk) -> Option<usize> {
    let mut seen = BTreeSet::new();
    let numbered = disk.partitions.iter().enumerate().filter(|(_, partition)| partition.number != 0);
    numbered.into_iter().find(|(_, partition)| !seen.insert(partition.number)).map(|(index, _)| index)
}

fn same_label(disk: &Disk) -> Option<usize> {
    let mut seen = BTreeSet::new();
    disk.partitions.iter().position(|partition| partition.label.as_ref().is_some_and(|label| !seen.insert(label)))
}

/// The first partition that lies where another one does. Partitions that are placed or sized by what is free
/// cannot be judged.
fn overlap(disk: &Disk) -> Option<usize> {
    let range = |partition: &Partition| {
        let start = partition.start_mib.filter(|start| *start != 0)?;
        let size = partition.size_mib?;
        // Sizes beyond all disks run over, as in the reference.
        Some((start, if size == 0 { start } else { start.wrapping_add(size).wrapping_sub(1) }))
    };
    let ranges: Vec<Option<(i64, i64)>> = disk.partitions.iter().map(range).collect();
    for (index, one) in ranges.iter().enumerate() {
        let Some((start, end)) = *one else { continue };
        for (other, two) in ranges.iter().enumerate().filter(|(other, _)| *other != index) {
            let Some((from, to)) = *two else { continue };
            let within = |at: i64| (from..=to).contains(&at);
            if within(start) || within(end) || start < from && end > to {
                return Some(other);
            }
        }
    }
    None
}

fn guid(guid: Option<&str>) -> Verdict {
    let Some(guid) = guid.filter(|guid| !guid.is_empty()) else { return Ok(()) };
    let mut groups = guid.split('-');
    let hexadecimal =
        |group: &str, length: usize| group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = [8, 4, 4, 4, 12].into_iter().all(|length| groups.next().is_some_and(|group| hexadecimal(group, length)));
    if fits && groups.next().is_none() {
        Ok(())
    } else {
        wrong("doesn't match the form \"01234567-89AB-CDEF-EDCB-A98765432101\"")
    }
}
