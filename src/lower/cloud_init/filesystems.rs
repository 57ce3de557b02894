//! File systems: made on empty devices, mounted before files are written.

use super::{Work, element, shell};
use crate::model::ignition::{Filesystem, Unit};
use std::fmt::Write as _;

/// How a kind of file system is made: the command, and its options for label and UUID.
struct Maker {
    format: &'static str,
    command: &'static str,
    label: &'static [&'static str],
    uuid: &'static [&'static str],
}

/// No command is told to overwrite: each has a guard of its own against erasing something, and keeps it. An option
/// that ends in `=` takes its value in the same word.
const MAKERS: [Maker; 5] = [
    Maker { format: "btrfs", command: "mkfs.btrfs", label: &["--label"], uuid: &["--uuid"] },
    Maker { format: "ext4", command: "mkfs.ext4", label: &["-L"], uuid: &["-U"] },
    Maker { format: "swap", command: "mkswap", label: &["-L"], uuid: &["-U"] },
    Maker { format: "vfat", command: "mkfs.fat", label: &["-n"], uuid: &["-i"] },
    Maker { format: "xfs", command: "mkfs.xfs", label: &["-L"], uuid: &["-m", "uuid="] },
];

pub(super) fn lower(work: &mut Work<'_>, filesystems: &[Filesystem], units: &[Unit]) {
    let mut mounts = Vec::new();
    for (index, filesystem) in filesystems.iter().enumerate() {
        let at = element("storage", "filesystems", index);
        let Filesystem { device, format, label, mount_options, options, path, uuid, wipe_filesystem } = filesystem;
        if *wipe_filesystem == Some(true) {
            let message = format!("`{device}` would be erased each time the machine gets new content");
            work.refuse(
                &at.then("wipeFilesystem"),
                message,
                "remove `wipe_filesystem`: an empty device is formatted without it",
            );
            continue;
        }
        let format = format.as_deref().unwrap_or_default();
        let Some(maker) = MAKERS.iter().find(|maker| maker.format == format) else {
            let known = MAKERS.map(|maker| maker.format).join("`, `");
            work.refuse(
                &at.then("format"),
                format!("file system `{format}` cannot be made"),
                &format!("use one of `{known}`"),
            );
            continue;
        };
        let (label, uuid) = (label.as_deref().unwrap_or_default(), uuid.as_deref().unwrap_or_default());
        let mut make = vec![maker.command.to_owned()];
        make.extend(option(maker.label, label));
        make.extend(option(maker.uuid, uuid));
        make.extend(options.iter().cloned());
        make.push(device.clone());
        let expected = shell::words([device.as_str(), format, label, uuid]);
        work.out
            .prepare
            .filesystems
            .push(format!("filesystem {expected} {}", shell::words(make.iter().map(String::as_str))));

        let Some(path) = path.as_deref().filter(|_| format != "swap") else { continue };
        if path == "/" {
            work.refuse(&at.then("path"), "the root file system is the image's", "remove this file system");
            continue;
        }
        let mut words = vec!["mount", "-t", format];
        let joined = mount_options.join(",");
        if !joined.is_empty() {
            words.extend(["-o", &joined]);
        }
        words.extend([device.as_str(), path]);
        mounts.push((path.to_owned(), format!("mounted {} {}", shell::quote(path), shell::words(words))));
        // Without a unit, Ignition too mounts it only for as long as it writes files.
        let unit = format!("{}.mount", escaped(path));
        if !units.iter().any(|other| other.name == unit && other.mask != Some(true)) {
            work.out.apply.unmount.push(path.to_owned());
        }
    }
    mounts.sort(); // a mount point inside another one comes after it
    work.out.apply.unmount.sort_by(|a, b| b.cmp(a));
    work.out.prepare.mounts = mounts.into_iter().map(|(_, command)| command).collect();
}

fn option(words: &[&str], value: &str) -> Vec<String> {
    let Some((last, first)) = words.split_last().filter(|_| !value.is_empty()) else { return Vec::new() };
    let mut all: Vec<String> = first.iter().map(|word| (*word).to_owned()).collect();
    if last.ends_with('=') {
        all.push(format!("{last}{value}"));
    } else {
        all.extend([(*last).to_owned(), value.to_owned()]);
    }
    all
}

/// A path in the name of a unit, see systemd-escape(1), `--path`.
fn escaped(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return "-".to_owned();
    }
    let joined = parts.join("/");
    joined.bytes().enumerate().fold(String::new(), |mut name, (at, byte)| {
        match byte {
            b'/' => name.push('-'),
            b'.' if at == 0 => name.push_str("\\x2e"),
            b':' | b'_' | b'.' => name.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => name.push(char::from(byte)),
            _ => {
                let _ = write!(name, "\\x{byte:02x}");
            }
        }
        name
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn escapes_like_systemd() {
        for (path, name) in [
            ("/", "-"),
            ("/var/lib/longhorn", "var-lib-longhorn"),
            ("//srv//a-b/", "srv-a\\x2db"),
            ("/.x/y_z.d", "\\x2ex-y_z.d"),
        ] {
            assert_eq!(super::escaped(path), name);
        }
    }
}
