//! A NoCloud seed as a CD-ROM image: ISO 9660 level 1 with Joliet and Rock Ridge, labelled `cidata`.
//!
//! A writer of our own, because it must give the same bytes for the same files on every machine: no clock, no owner, no
//! version of a program in it. The formats are those of ECMA-119 (ISO 9660), the Joliet specification, and
//! SUSP/RRIP 1.10 (IEEE P1281, P1282). Plain ISO 9660 would not do: cloud-init looks for `user-data`, and that would be
//! `USER_DAT.;1`.
//!
//! ```text
//! sector 0..16  nothing (for boot loaders)
//!        16     primary volume descriptor        18  end of descriptors
//!        17     the same for Joliet              19..23  path tables: primary L and M, Joliet L and M
//!        23..   primary root directory, its Rock Ridge notice, Joliet root directory, the files
//! ```

mod descriptor;
mod record;

use descriptor::{Volume, terminator};
use record::{Directory, Entry};
use std::collections::BTreeSet;

/// The label by which cloud-init knows a seed (DataSourceNoCloud).
const LABEL: &str = "cidata";

/// Bytes in a sector (ECMA-119, 6.1.2), which is also the logical block here.
const SECTOR: usize = 2048;

const PATH_TABLES: u32 = 19;
const FIRST_DIRECTORY: u32 = 23;

/// The image of a seed with these files, by name and contents. The order does not matter.
///
/// Names are those of NoCloud's files: ASCII, no folders, at most 64 characters. Files are readable by root alone,
/// since the same image may carry secrets; cloud-init is root.
pub fn seed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut sorted = files.to_vec();
    sorted.sort_unstable();
    let mut taken = BTreeSet::new();
    let names: Vec<String> = sorted.iter().map(|(name, _)| short(name, &mut taken)).collect();
    // How long the directories are does not depend on where things lie: measure, then place.
    let place = |starts: &[u32], root: u32, notice: u32, kind: Kind| {
        let mut directory = Directory::new(kind, root, notice);
        let mut entries: Vec<Entry<'_>> = (sorted.iter().zip(&names).zip(starts))
            .map(|(((name, bytes), short), start)| Entry { name, short, start: *start, size: length(bytes.len()) })
            .collect();
        if kind == Kind::RockRidge {
            entries.sort_unstable_by_key(|entry| entry.short);
        }
        for entry in &entries {
            directory.file(entry);
        }
        directory.finish()
    };
    let nowhere = vec![0; sorted.len()];
    let sectors = |kind| blocks(place(&nowhere, 0, 0, kind).len());
    let root = FIRST_DIRECTORY;
    let notice = root + sectors(Kind::RockRidge);
    let joliet_root = notice + 1;
    let mut end = joliet_root + sectors(Kind::Joliet);
    let mut starts = Vec::new();
    for (_, bytes) in &sorted {
        starts.push(end);
        end += blocks(bytes.len());
    }

    let primary = place(&starts, root, notice, Kind::RockRidge);
    let joliet = place(&starts, joliet_root, notice, Kind::Joliet);
    let volume =
        |kind, root, directory: &[u8], tables| Volume { kind, end, root, size: length(directory.len()), tables };
    let (primary_volume, joliet_volume) = (
        volume(Kind::RockRidge, root, &primary, PATH_TABLES),
        volume(Kind::Joliet, joliet_root, &joliet, PATH_TABLES + 2),
    );
    let mut image = Image::default();
    image.bytes.resize(16 * SECTOR, 0);
    image.push(&primary_volume.descriptor());
    image.push(&joliet_volume.descriptor());
    image.push(&terminator());
    for volume in [&primary_volume, &joliet_volume] {
        image.push(&volume.path_table(u32::to_le_bytes, u16::to_le_bytes));
        image.push(&volume.path_table(u32::to_be_bytes, u16::to_be_bytes));
    }
    image.push(&primary);
    image.push(&record::notice());
    image.push(&joliet);
    for (_, bytes) in &sorted {
        image.push(bytes);
    }
    image.bytes
}

/// The two directory trees that an image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Names of eight and three letters, with the true ones beside them (POSIX).
    RockRidge,
    /// Names in UCS-2 (Windows).
    Joliet,
}

#[derive(Default)]
struct Image {
    bytes: Vec<u8>,
}

impl Image {
    /// Appends something that fills whole sectors.
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(SECTOR), 0);
    }
}

/// Sectors that so many bytes take.
fn blocks(bytes: usize) -> u32 {
    length(bytes.div_ceil(SECTOR))
}

/// A length as the format stores it. bake reads no file of 64 MiB or more, so nothing here comes near 4 GiB.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// A name as level 1 has it: `user-data` becomes `USER_DAT.;1`. The last character tells two alike apart.
fn short(name: &str, taken: &mut BTreeSet<String>) -> String {
    let plain = |text: &str, most: usize| -> String {
        let upper = text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
        upper.take(most).collect()
    };
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let (stem, end) = (plain(stem, 8), plain(end, 3));
    let other = |n: u32| format!("{}{n}.{end};1", &stem[..stem.len().min(7)]);
    let found = std::iter::once(format!("{stem}.{end};1")).chain((0..10).map(other)).find(|name| !taken.contains(name));
    let found = found.unwrap_or_else(|| format!("{stem}.{end};1"));
    taken.insert(found.clone());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_level_1() {
        let mut taken = BTreeSet::new();
        let names = ["user-data", "network-config", "network-configuration", "a.yaml"];
        let short: Vec<String> = names.iter().map(|name| short(name, &mut taken)).collect();
        assert_eq!(short, ["USER_DAT.;1", "NETWORK_.;1", "NETWORK0.;1", "A.YAM;1"]);
    }

    #[test]
    fn the_order_of_the_files_does_not_matter() {
        let image = seed(&[("user-data", b"#cloud-config\n"), ("meta-data", b"")]);
        assert_eq!(image, seed(&[("meta-data", b""), ("user-data", b"#cloud-config\n")]));
        assert_eq!(image.len() % SECTOR, 0);
        assert_eq!(&image[16 * SECTOR..16 * SECTOR + 7], b"\x01CD001\x01");
    }

    #[test]
    fn many_files_take_several_sectors_of_a_directory() {
        let names: Vec<String> = (0..60).map(|n| format!("n{n:02}-of-many-files")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), name.as_bytes())).collect();
        let image = seed(&files);
        // In the primary descriptor, the record of the root (at 156) has its size in bytes 10 to 13.
        let size = u32::from_le_bytes([166, 167, 168, 169].map(|at| image[16 * SECTOR + at]));
        assert!(size as usize > 2 * SECTOR && (size as usize).is_multiple_of(SECTOR), "{size}");
    }
}
