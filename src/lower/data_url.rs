//! Contents as `data:` URLs; [`unpack`] is the way back.

pub use crate::model::data_url::unpack;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Packs contents into the shortest URL. Keeps its working memory between contents.
pub struct Packer {
    deflate: Option<Compress>,
    hasty: bool,
}

/// A packed content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The URL.
    pub url: String,
    /// Whether the bytes in it are compressed with gzip.
    pub gzip: bool,
}

/// Header and trailer of a gzip stream, and the least that lies between them.
const GZIP_LEAST: usize = 10 + 2 + 8;

impl Default for Packer {
    fn default() -> Self {
        Self::new()
    }
}

impl Packer {
    /// A packer that has packed nothing yet.
    pub fn new() -> Self {
        Self { deflate: None, hasty: false }
    }

    /// One that never compresses, for whoever wants the contents and not the config: compressing takes longer than
    /// everything else.
    pub fn hasty() -> Self {
        Self { deflate: None, hasty: true }
    }

    /// Whether it never compresses.
    pub fn is_hasty(&self) -> bool {
        self.hasty
    }

    /// Percent-encoded, base64 or (if `compress`) gzip in base64, whichever is shortest; of equals, the first.
    ///
    /// gzip must win by more than four characters, because it has to be declared.
    pub fn pack(&mut self, bytes: &[u8], compress: bool) -> Packed {
        let escaped = 1 + escaped_len(bytes);
        let base64 = ";base64,".len() + base64_len(bytes.len());
        let plain = escaped.min(base64);
        let limit = plain.saturating_sub("gzip".len());
        if compress && !self.hasty && limit > ";base64,".len() + base64_len(GZIP_LEAST) {
            let gzip = self.gzip(bytes);
            if ";base64,".len() + base64_len(gzip.len()) < limit {
                return Packed { url: base64_url(&gzip), gzip: true };
            }
        }
        let url = if base64 < escaped { base64_url(bytes) } else { escaped_url(bytes) };
        Packed { url, gzip: false }
    }

    fn gzip(&mut self, bytes: &[u8]) -> Vec<u8> {
        // A new one is clean: clearing its tables again would cost as much as a small file.
        let deflate = match &mut self.deflate {
            Some(used) => {
                used.reset();
                used
            }
            none => none.insert(Compress::new(Compression::best(), false)),
        };
        // No name, no time, "slowest" and "unknown system", as the reference writes it.
        let mut out = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 0xFF];
        out.reserve(bytes.len() / 2 + 64);
        loop {
            let read = usize::try_from(deflate.total_in()).unwrap_or(usize::MAX).min(bytes.len());
            match deflate.compress_vec(&bytes[read..], &mut out, FlushCompress::Finish) {
                Ok(Status::StreamEnd) | Err(_) => break,
                Ok(Status::Ok | Status::BufError) => out.reserve(out.len().max(64)),
            }
        }
        let mut crc = Crc::new();
        crc.update(bytes);
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out.extend_from_slice(&crc.amount().to_le_bytes());
        out
    }
}

/// The percent-encoded URL of `bytes`.
pub fn escaped_url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut url = String::with_capacity("data:,".len() + escaped_len(bytes));
    url.push_str("data:,");
    for byte in bytes {
        if is_plain(*byte) {
            url.push(char::from(*byte));
        } else {
            url.push('%');
            url.push(char::from(DIGITS[usize::from(byte >> 4)]));
            url.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    url
}

fn base64_url(bytes: &[u8]) -> String {
    let mut url = String::with_capacity("data:;base64,".len() + base64_len(bytes.len()));
    url.push_str("data:;base64,");
    STANDARD.encode_string(bytes, &mut url);
    url
}

fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

fn escaped_len(bytes: &[u8]) -> usize {
    bytes.iter().map(|byte| if is_plain(*byte) { 1 } else { 3 }).sum()
}

/// The bytes that RFC 2396 leaves as they are.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_wins() {
        let mut packer = Packer::new();
        assert_eq!(packer.pack(b"n1", true).url, "data:,n1");
        assert_eq!(packer.pack(b"a b/c\n\n\n", true).url, "data:,a%20b%2Fc%0A%0A%0A");
        assert_eq!(packer.pack(&[0xFF; 12], false).url, "data:;base64,////////////////");
        let long = packer.pack(&[b'/'; 4000], true);
        assert!(long.gzip && long.url.len() < 100);
        assert_eq!(packer.pack(b"", true).url, "data:,");
    }

    #[test]
    fn what_is_packed_can_be_unpacked() {
        let mut packer = Packer::new();
        for bytes in [&b"one two"[..], &[0, 1, 2, 255, 254, 253, 3, 4, 5, 6, 7]] {
            assert_eq!(unpack(&packer.pack(bytes, false).url).as_deref(), Ok(bytes));
        }
        assert_eq!(unpack("data:text/plain;charset=utf-8;base64,aGk=").as_deref(), Ok(&b"hi"[..]));
    }
}
