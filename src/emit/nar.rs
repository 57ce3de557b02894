//! What Nix says about a folder: the hash of its archive.
//!
//! A Nix archive (NAR) holds names, contents and whether a file may be executed, and nothing else: no owner, no time, no
//! other bit of the mode. Its SHA-256 is what `nix hash path` and `nix path-info --json` print, so that a folder built
//! without Nix can be compared with a store path. The format is that of Eelco Dolstra's thesis "The Purely
//! Functional Software Deployment Model", figure 5.2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The `narHash` of a folder with these files, none of them executable: `sha256-` and the digest in base64 (Subresource
/// Integrity, section 3.1).
pub fn hash<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut root = Entry::Folder(BTreeMap::new());
    for (path, bytes) in files {
        root.add(path, bytes);
    }
    let mut archive = Sha256::new();
    text(&mut archive, b"nix-archive-1");
    root.write(&mut archive);
    format!("sha256-{}", STANDARD.encode(archive.finalize()))
}

enum Entry<'a> {
    File(&'a [u8]),
    /// By name; `str` sorts by bytes, as the format wants.
    Folder(BTreeMap<&'a str, Entry<'a>>),
}

impl<'a> Entry<'a> {
    fn add(&mut self, path: &'a str, bytes: &'a [u8]) {
        let Self::Folder(entries) = self else { return };
        match path.split_once('/') {
            Some((folder, rest)) => {
                entries.entry(folder).or_insert_with(|| Self::Folder(BTreeMap::new())).add(rest, bytes);
            }
            None => drop(entries.insert(path, Self::File(bytes))),
        }
    }

    fn write(&self, archive: &mut Sha256) {
        let words = |archive: &mut Sha256, words: &[&str]| words.iter().for_each(|word| text(archive, word.as_bytes()));
        match self {
            Self::File(bytes) => {
                words(archive, &["(", "type", "regular", "contents"]);
                text(archive, bytes);
                words(archive, &[")"]);
            }
            Self::Folder(entries) => {
                words(archive, &["(", "type", "directory"]);
                for (name, entry) in entries {
                    words(archive, &["entry", "(", "name", name, "node"]);
                    entry.write(archive);
                    words(archive, &[")"]);
                }
                words(archive, &[")"]);
            }
        }
    }
}

/// One text: its length in 64 bits, lowest byte first, then itself, filled up with zeros to a multiple of eight.
fn text(archive: &mut Sha256, bytes: &[u8]) {
    archive.update((bytes.len() as u64).to_le_bytes());
    archive.update(bytes);
    archive.update(&[0; 8][..bytes.len().next_multiple_of(8) - bytes.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `nix hash path` (2.8.0) prints them; `tests/suite/nix.rs` compares whole builds.
    #[test]
    fn hashes_of_nix() {
        let of =
            |files: &[(&'static str, &'static str)]| hash(files.iter().map(|(path, text)| (*path, text.as_bytes())));
        assert_eq!(of(&[]), "sha256-pQpattmS9VmO3ZIQUFn66az8GSmB4IvYhTTCFn6SUmo=");
        assert_eq!(
            of(&[("user-data", "12345678"), ("a-b", "9 bytes!!"), ("a/b", ""), ("a/a/c", "x")]),
            "sha256-Z+lIEu6RSUi6KaegjAI7U6fmq2zvaU7kKoKA4oeX93k="
        );
    }
}
