//! The archive that `docker image save` and `podman image save` write: `manifest.json` names the configuration and the
//! layers, which are members, too. (Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format"; newer
//! versions of Docker write the same beside an OCI layout.)
//!
//! What is in it is proven before it is used: the configuration by the digest that is its name, the layers by those in the
//! configuration, and those by what the engine says of the image.

use super::Stored;
use super::config::Config;
use super::layer;
use crate::lab::confined::Confined;
use crate::lab::failure::Failure;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;

/// What the member with this name holds: which configuration and layers.
const MANIFEST: &str = "manifest.json";

/// No configuration is larger, in bytes.
const TEXT: u64 = 4 << 20;

/// How many links lead to a layer at most.
const LINKS: usize = 4;

/// First bytes of compressed layers (RFC 1952, RFC 8878).
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTANDARD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    config: String,
    layers: Vec<String>,
}

/// An image's configuration as it is stored: what it starts, and what it is made of.
#[derive(Debug, Deserialize)]
struct Whole {
    #[serde(default)]
    architecture: String,
    config: Option<Config>,
    rootfs: Layers,
}

#[derive(Debug, Deserialize)]
struct Layers {
    diff_ids: Vec<String>,
}

/// A member of the archive.
#[derive(Debug)]
enum Member {
    /// From this byte on, so many bytes.
    At(u64, u64),
    /// The same as another one.
    Link(String),
}

/// Unpacks an image into the folder `root`; what it says about starting it.
///
/// # Errors
/// When it is not whole, not what the engine said of it, or cannot be unpacked.
pub(super) fn unpack(mut file: &File, stored: &Stored, root: &str) -> Result<Config, Failure> {
    file.seek(SeekFrom::Start(0)).map_err(Failure::io("read it"))?;
    let archive = Archive { file, members: members(file).map_err(Failure::io("read its archive"))? };
    let manifest = archive.text(MANIFEST)?;
    let mut images: Vec<Manifest> = parsed(MANIFEST, &manifest)?;
    let (Some(image), true) = (images.pop(), images.is_empty()) else {
        return Err(Failure::new("its archive does not hold one image"));
    };
    let config = archive.text(&image.config)?;
    let name = image.config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
    if hex(&Sha256::digest(&config)) != name {
        return Err(Failure::new(format!("its configuration does not have the digest `{name}`")));
    }
    let whole: Whole = parsed(&image.config, &config)?;
    let layers = &whole.rootfs.diff_ids;
    if layers.len() != image.layers.len() || (!stored.layers.is_empty() && *layers != stored.layers) {
        return Err(Failure::new("its archive has other layers than the image"));
    }
    fits(&whole.architecture)?;
    let root = Confined::new(root).map_err(Failure::io("open its root"))?;
    for (member, digest) in image.layers.iter().zip(layers) {
        let mut hashed = Hashed { inner: archive.layer(member)?, hash: Sha256::new() };
        layer::unpack(&mut hashed, &root)?;
        // What follows the end of the archive counts, too.
        io::copy(&mut hashed, &mut io::sink()).map_err(Failure::io("read a layer"))?;
        let found = format!("sha256:{}", hex(&hashed.hash.finalize()));
        if found != *digest {
            return Err(Failure::new(format!("the layer `{digest}` has the digest `{found}`")));
        }
    }
    Ok(whole.config.unwrap_or_default())
}

fn parsed<'a, T: Deserialize<'a>>(name: &str, text: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(text).map_err(|error| Failure::new(format!("`{name}` of its archive: {error}")))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether this machine can run it: names of architectures are Go's.
fn fits(architecture: &str) -> Result<(), Failure> {
    let own = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        other => other,
    };
    if architecture.is_empty() || architecture == own {
        return Ok(());
    }
    Err(Failure::new(format!("it is for {architecture}, and this machine is {own}")))
}

/// Where each member is.
fn members(file: &File) -> io::Result<BTreeMap<String, Member>> {
    let mut found = BTreeMap::new();
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let kind = entry.header().entry_type();
        let member = if let (true, Some(to)) = (kind.is_symlink() || kind.is_hard_link(), entry.link_name_bytes()) {
            // Older versions of Docker link layers that several have, one folder up.
            Member::Link(String::from_utf8_lossy(&to).trim_start_matches("../").to_owned())
        } else {
            Member::At(entry.raw_file_position(), entry.size())
        };
        found.insert(name, member);
    }
    Ok(found)
}

struct Archive<'a> {
    file: &'a File,
    members: BTreeMap<String, Member>,
}

impl<'a> Archive<'a> {
    fn member(&self, name: &str) -> Result<Part<'a>, Failure> {
        let mut at = name;
        for _ in 0..LINKS {
            match self.members.get(at) {
                Some(Member::Link(to)) => at = to,
                Some(Member::At(from, size)) => {
                    return Ok(Part { file: self.file, at: *from, left: *size });
                }
                None => break,
            }
        }
        Err(Failure::new(format!("its archive has no `{name}`")))
    }

    fn text(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let part = self.member(name)?;
        if part.left > TEXT {
            return Err(Failure::new(format!("`{name}` of its archive has {} bytes", part.left)));
        }
        let (mut text, size) = (Vec::new(), part.left);
        part.take(TEXT).read_to_end(&mut text).map_err(Failure::io("read its archive"))?;
        let whole = text.len() as u64 == size;
        whole.then_some(text).ok_or_else(|| Failure::new(format!("`{name}` of its archive is cut off")))
    }

    /// A layer, not compressed.
    fn layer(&self, name: &str) -> Result<Box<dyn Read + 'a>, Failure> {
        let part = self.member(name)?;
        let mut first = [0; 4];
        let read = self.file.read_at(&mut first, part.at).map_err(Failure::io("read a layer"))?;
        let buffered = BufReader::with_capacity(1 << 16, part);
        if first[..read].starts_with(GZIP) {
            return Ok(Box::new(MultiGzDecoder::new(buffered)));
        }
        if first[..read].starts_with(ZSTANDARD) {
            return Err(Failure::new("its layers are compressed with Zstandard, which bake does not read"));
        }
        Ok(Box::new(buffered))
    }
}

/// A piece of a file, however others read it meanwhile.
struct Part<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let read = self.file.read_at(&mut into[..most], self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Counts everything that is read into a digest.
struct Hashed<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.hash.update(&into[..read]);
        Ok(read)
    }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
