//! Volume descriptors (ECMA-119, 8) and path tables (9.4).

use super::record::{both, both16, record};
use super::{Kind, LABEL, SECTOR, length};

/// 1980-01-01 00:00:00.00 UTC (8.4.26.1).
const DATE: &[u8; 17] = b"1980010100000000\0";
const NO_DATE: &[u8; 17] = b"0000000000000000\0";

/// Bytes of a path table that knows the root alone.
const PATH_TABLE: u32 = 10;

/// One of the two trees of an image.
pub(super) struct Volume {
    pub(super) kind: Kind,
    /// Sectors of the whole image.
    pub(super) end: u32,
    /// Sector of the root directory.
    pub(super) root: u32,
    /// Bytes of the root directory.
    pub(super) size: u32,
    /// Sector of the path table in little endian; that in big endian follows.
    pub(super) tables: u32,
}

impl Volume {
    /// The primary or, for Joliet, supplementary volume descriptor.
    pub(super) fn descriptor(&self) -> Vec<u8> {
        let joliet = self.kind == Kind::Joliet;
        let mut bytes = head(if joliet { 2 } else { 1 });
        bytes.push(0);
        self.text(&mut bytes, "", 32); // system
        self.text(&mut bytes, LABEL, 32);
        bytes.extend([0; 8]);
        bytes.extend(both(self.end));
        let mut escape = [0; 32];
        if joliet {
            escape[..3].copy_from_slice(b"%/E"); // UCS-2, level 3
        }
        bytes.extend(escape);
        bytes.extend(both16(1)); // volumes in the set
        bytes.extend(both16(1)); // which of them
        bytes.extend(both16(2048)); // logical block
        bytes.extend(both(PATH_TABLE));
        bytes.extend(self.tables.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend((self.tables + 1).to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(record(&[0], self.root, self.size, true, &[]));
        for width in [128, 128, 128, 128, 37, 37, 37] {
            self.text(&mut bytes, "", width); // set, publisher, preparer, application; files about the volume
        }
        for date in [DATE, DATE, NO_DATE, DATE] {
            bytes.extend(date); // made, changed, expires, effective
        }
        bytes.extend([1, 0]); // version of the structure
        bytes.resize(SECTOR, 0);
        bytes
    }

    /// A text of the descriptor, filled up with blanks.
    fn text(&self, bytes: &mut Vec<u8>, text: &str, width: usize) {
        let end = bytes.len() + width;
        if self.kind == Kind::RockRidge {
            bytes.extend_from_slice(text.as_bytes());
            bytes.resize(end, b' ');
            return;
        }
        bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        while bytes.len() + 2 <= end {
            bytes.extend([0, b' ']);
        }
        bytes.resize(end, 0);
    }

    /// The path table: the root is its own parent.
    pub(super) fn path_table(&self, long: fn(u32) -> [u8; 4], short: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mut bytes = vec![1, 0];
        bytes.extend(long(self.root));
        bytes.extend(short(1));
        bytes.extend([0, 0]);
        debug_assert_eq!(length(bytes.len()), PATH_TABLE);
        bytes
    }
}

/// The end of the descriptors (8.3).
pub(super) fn terminator() -> Vec<u8> {
    head(255)
}

fn head(kind: u8) -> Vec<u8> {
    [&[kind][..], b"CD001", &[1]].concat()
}
