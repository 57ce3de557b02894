//! When a field of the Butane language is legal: one row per path, positions in lists left out.
//!
//! A path without a row is legal in every version. Rows below a path that is itself illegal do not matter.

use super::{SPECS, Spec, Variant};

/// What a field needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// A base version of at least 0.N.
    Base(u8),
    /// Fedora CoreOS, at least 1.N.
    Fcos(u8),
}

impl Since {
    fn allows(self, spec: &Spec) -> bool {
        match self {
            Self::Base(base) => spec.base >= base,
            Self::Fcos(minor) => spec.variant == Variant::Fcos && spec.minor >= minor,
        }
    }
}

use Since::{Base, Fcos};

/// The table, sorted by path.
pub const FIELDS: &[(&str, Since)] = &[
    ("boot_device", Fcos(3)),
    ("boot_device.luks.cex", Fcos(6)),
    ("boot_device.luks.device", Fcos(6)),
    ("boot_device.luks.discard", Fcos(5)),
    ("boot_device.luks.tang.advertisement", Base(5)),
    ("grub", Fcos(5)),
    ("ignition.config.merge.compression", Base(2)),
    ("ignition.config.merge.http_headers", Base(2)),
    ("ignition.config.merge.inline", Base(2)),
    ("ignition.config.merge.local", Base(2)),
    ("ignition.config.replace.compression", Base(2)),
    ("ignition.config.replace.http_headers", Base(2)),
    ("ignition.config.replace.inline", Base(2)),
    ("ignition.config.replace.local", Base(2)),
    ("ignition.proxy", Base(2)),
    ("ignition.security.tls.certificate_authorities.compression", Base(2)),
    ("ignition.security.tls.certificate_authorities.http_headers", Base(2)),
    ("ignition.security.tls.certificate_authorities.inline", Base(2)),
    ("ignition.security.tls.certificate_authorities.local", Base(2)),
    ("kernel_arguments", Base(4)),
    ("passwd.groups.should_exist", Base(3)),
    ("passwd.users.should_exist", Base(3)),
    ("passwd.users.ssh_authorized_keys_local", Base(5)),
    ("storage.disks.partitions.resize", Base(3)),
    ("storage.files.append.http_headers", Base(2)),
    ("storage.files.append.local", Base(2)),
    ("storage.files.contents.http_headers", Base(2)),
    ("storage.files.contents.local", Base(2)),
    ("storage.filesystems.mount_options", Base(2)),
    ("storage.filesystems.with_mount_unit", Base(2)),
    ("storage.luks", Base(3)),
    ("storage.luks.cex", Base(6)),
    ("storage.luks.clevis.tang.advertisement", Base(5)),
    ("storage.luks.discard", Base(5)),
    ("storage.luks.open_options", Base(5)),
    ("storage.trees", Base(2)),
    ("storage.trees.dir_mode", Base(7)),
    ("storage.trees.file_mode", Base(7)),
    ("storage.trees.group", Base(7)),
    ("storage.trees.user", Base(7)),
    ("systemd.quadlets", Base(8)),
    ("systemd.units.contents_local", Base(5)),
    ("systemd.units.dropins.contents_local", Base(5)),
];

fn since(path: &str) -> Option<Since> {
    FIELDS.binary_search_by(|(row, _)| row.cmp(&path)).ok().map(|at| FIELDS[at].1)
}

/// The paths of all fields that `spec` lacks.
pub fn lacking(spec: &Spec) -> impl Iterator<Item = &'static str> {
    FIELDS.iter().filter(|(_, since)| !since.allows(spec)).map(|(path, _)| *path)
}

/// Whether `spec` has the field at `path` (keys joined by dots, positions left out) that the union has.
pub fn legal(spec: &Spec, path: &str) -> bool {
    since(path).is_none_or(|since| since.allows(spec))
}

/// The first later version of the same variant that has the field at `path`, or else the first version of
/// another variant.
pub fn needs(spec: &Spec, path: &str) -> Option<&'static Spec> {
    let since = since(path)?;
    let later = |other: &&Spec| other.variant == spec.variant && other.minor > spec.minor && since.allows(other);
    SPECS.iter().find(later).or_else(|| SPECS.iter().find(|other| other.variant != spec.variant && since.allows(other)))
}

/// Fields that a variant has in its grammar and refuses nevertheless, by the path in the Ignition config, with
/// the reason.
pub fn refused(spec: &Spec) -> Option<(&'static str, &'static str)> {
    match (spec.variant, spec.base) {
        (Variant::Flatcar, ..=5) => Some(("storage.luks.clevis", "clevis is not supported in this spec version")),
        (Variant::Flatcar, _) => Some(("storage.luks.cex", "cex is not currently supported on the target platform")),
        (Variant::Fcos, _) => None,
    }
}

/// Keys of other languages: the section that people write them in, the key, and what to do in Butane.
const FOREIGN: &[(&str, &str, &str)] = &[
    ("", "bootcmd", "Butane runs no commands; write a unit under `systemd.units`"),
    ("", "docker", "Container Linux configs had it; write drop-ins for `docker.service` under `systemd.units`"),
    ("", "etcd", "Container Linux configs had it; write a unit under `systemd.units`"),
    ("", "files", "files are under `storage.files`"),
    ("", "hostname", "write a file `/etc/hostname` under `storage.files`"),
    ("", "kernelArguments", "Butane writes it `kernel_arguments`"),
    ("", "locksmith", "Container Linux configs had it; write `/etc/flatcar/update.conf` under `storage.files`"),
    ("", "networkd", "write files below `/etc/systemd/network` under `storage.files`"),
    ("", "packages", "the image's packages cannot be changed; run a container"),
    ("", "runcmd", "Butane runs no commands; write a unit under `systemd.units`"),
    ("", "ssh_authorized_keys", "keys are under `passwd.users`"),
    ("", "units", "units are under `systemd.units`"),
    ("", "update", "Container Linux configs had it; write `/etc/flatcar/update.conf` under `storage.files`"),
    ("", "users", "users are under `passwd.users`"),
    ("", "write_files", "files are under `storage.files`"),
    ("passwd.users", "create", "Container Linux configs had it; its keys are keys of the user here"),
    ("passwd.users", "hashed_passwd", "Butane writes it `password_hash`"),
    ("passwd.users", "home", "Butane writes it `home_dir`"),
    ("passwd.users", "homedir", "Butane writes it `home_dir`"),
    ("passwd.users", "lock_passwd", "a user without `password_hash` cannot log in with a password"),
    ("passwd.users", "passwd", "Butane writes it `password_hash`"),
    ("passwd.users", "password", "Butane takes a hash: `password_hash`"),
    ("passwd.users", "ssh_keys", "Butane writes it `ssh_authorized_keys`"),
    ("passwd.users", "sudo", "add the group `sudo` (or `wheel`) to `groups`, or write a file below `/etc/sudoers.d`"),
    ("storage.files", "content", "write `contents: {inline: ...}`"),
    (
        "storage.files",
        "encoding",
        "write the text with `contents: {inline: ...}` or a file with `contents: {local: ...}`",
    ),
    ("storage.files", "filesystem", "older configs had it; write the whole path"),
    ("storage.files", "inline", "write `contents: {inline: ...}`"),
    ("storage.files", "local", "write `contents: {local: ...}`"),
    ("storage.files", "owner", "write `user: {name: ...}` and `group: {name: ...}`"),
    ("storage.files", "permissions", "Butane writes it `mode`, an octal number"),
    ("storage.files.contents", "remote", "write `source: URL`"),
    ("storage.files.contents", "url", "Butane writes it `source`"),
    ("storage.filesystems", "mount", "older configs had it; its keys are keys of the file system here"),
    ("systemd.units", "command", "`enabled: true` starts a unit at boot"),
    ("systemd.units", "content", "Butane writes it `contents`"),
    ("systemd.units", "drop-ins", "Butane writes it `dropins`"),
    ("systemd.units", "drop_ins", "Butane writes it `dropins`"),
    ("systemd.units", "enable", "Butane writes it `enabled`"),
    ("systemd.units", "masked", "Butane writes it `mask`"),
];

/// What to do about a key that another language has, below the section `above`.
pub fn foreign(above: &[&str], key: &str) -> Option<&'static str> {
    let section = above.join(".");
    FOREIGN.binary_search_by(|(row, name, _)| (*row, *name).cmp(&(&section, key))).ok().map(|at| FOREIGN[at].2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_for_the_search() {
        assert!(FOREIGN.windows(2).all(|pair| (pair[0].0, pair[0].1) < (pair[1].0, pair[1].1)));
        assert!(FIELDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_field_names_the_version_that_it_needs() {
        let old = Spec::find("flatcar", "1.0.0").unwrap();
        assert!(!legal(old, "systemd.units.contents_local"));
        assert_eq!(needs(old, "systemd.units.contents_local").unwrap().version, "1.1.0");
        assert_eq!(needs(old, "grub").unwrap().variant, Variant::Fcos);
        assert!(legal(old, "storage.files.contents.local"));
    }
}
