//! Directory records (ECMA-119, 9.1) and what Rock Ridge says in them.

use super::{Kind, SECTOR};

/// 1980-01-01 00:00:00 UTC, the first date that every file system of removable media knows (9.1.5).
const DATE: [u8; 7] = [80, 1, 1, 0, 0, 0, 0];

/// The identifier of RRIP 1.10 with its description and source, as every writer states them (SUSP, 5.5).
const RRIP: [&str; 3] = [
    "RRIP_1991A",
    "THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS",
    "PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.",
];

const FOLDER: u32 = 0o040_555;
const FILE: u32 = 0o100_400;

/// A file in a directory.
pub(super) struct Entry<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its name in level 1.
    pub(super) short: &'a str,
    /// First sector.
    pub(super) start: u32,
    /// Bytes.
    pub(super) size: u32,
}

/// A root directory in the making: `.` and `..`, then the files.
pub(super) struct Directory {
    kind: Kind,
    notice: u32,
    bytes: Vec<u8>,
}

impl Directory {
    /// The directory that lies at sector `root`, with the Rock Ridge notice at `notice`.
    pub(super) fn new(kind: Kind, root: u32, notice: u32) -> Self {
        let mut directory = Self { kind, notice, bytes: Vec::new() };
        // Sizes are filled in by `finish`.
        for identifier in [[0], [1]] {
            let system = directory.system_use(FOLDER, 2, identifier == [0], None);
            directory.push(&record(&identifier, root, 0, true, &system));
        }
        directory
    }

    pub(super) fn file(&mut self, entry: &Entry<'_>) {
        let (identifier, system) = match self.kind {
            Kind::RockRidge => (entry.short.as_bytes().to_vec(), self.system_use(FILE, 1, false, Some(entry.name))),
            Kind::Joliet => (entry.name.encode_utf16().flat_map(u16::to_be_bytes).collect(), Vec::new()),
        };
        self.push(&record(&identifier, entry.start, entry.size, false, &system));
    }

    /// The directory in whole sectors.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(SECTOR), 0);
        let size = both(super::length(self.bytes.len()));
        let second = usize::from(self.bytes[0]);
        for start in [0, second] {
            self.bytes[start + 10..start + 18].copy_from_slice(&size);
        }
        self.bytes
    }

    /// No record crosses a sector's end (6.8.1.1).
    fn push(&mut self, record: &[u8]) {
        if self.bytes.len() % SECTOR + record.len() > SECTOR {
            self.bytes.resize(self.bytes.len().next_multiple_of(SECTOR), 0);
        }
        self.bytes.extend_from_slice(record);
    }

    /// The system use area: what POSIX wants to know.
    fn system_use(&self, mode: u32, links: u32, first: bool, name: Option<&str>) -> Vec<u8> {
        let mut area = Vec::new();
        if self.kind == Kind::Joliet {
            return area;
        }
        if first {
            area.extend(entry("SP", &[0xBE, 0xEF, 0])); // SUSP, 5.3: the area is in use
        }
        let numbers = [mode, links, 0, 0].map(both); // owner and group: root
        area.extend(entry("PX", numbers.as_flattened()));
        // Modified, accessed, attributes changed (RRIP, 4.1.6).
        area.extend(entry("TF", &[&[0x0E], [DATE; 3].as_flattened()].concat()));
        if let Some(name) = name {
            area.extend(entry("NM", &[&[0], name.as_bytes()].concat()));
        }
        if first {
            // The notice is too long for a record: it continues elsewhere (SUSP, 5.1).
            let size = super::length(notice().len());
            area.extend(entry("CE", [self.notice, 0, size].map(both).as_flattened()));
        }
        area
    }
}

/// That Rock Ridge is what the system use areas hold.
pub(super) fn notice() -> Vec<u8> {
    let lengths = RRIP.map(|text| u8::try_from(text.len()).unwrap_or(0));
    entry("ER", &[&lengths[..], &[1], RRIP.concat().as_bytes()].concat())
}

/// A system use entry of version 1 (SUSP, 4.1).
fn entry(signature: &str, payload: &[u8]) -> Vec<u8> {
    let size = u8::try_from(payload.len() + 4).unwrap_or(u8::MAX);
    [signature.as_bytes(), &[size, 1], payload].concat()
}

/// A directory record.
pub(super) fn record(identifier: &[u8], start: u32, size: u32, folder: bool, system: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0];
    record.extend(both(start));
    record.extend(both(size));
    record.extend(DATE);
    record.extend([u8::from(folder) << 1, 0, 0]);
    record.extend(both16(1)); // number of the volume in its set
    record.push(u8::try_from(identifier.len()).unwrap_or(u8::MAX));
    record.extend_from_slice(identifier);
    even(&mut record);
    record.extend_from_slice(system);
    even(&mut record);
    record[0] = u8::try_from(record.len()).unwrap_or(u8::MAX);
    record
}

fn even(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(2), 0);
}

/// A number in both byte orders (7.3.3).
pub(super) fn both(number: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// A short number in both byte orders (7.2.3).
pub(super) fn both16(number: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d]
}
