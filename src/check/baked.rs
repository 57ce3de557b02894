//! A machine as it will be: files by path and units by name, with where each was written.

use super::{REMEMBERED, REMEMBERED_UNITS};
use crate::diag::Span;
use crate::model::ignition::{File, PasswdUser, Resource};
use crate::model::{Part, Path, data_url};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

/// Nothing larger than this is unpacked: 64 MiB, what bake reads of a local file.
const LIMIT: u64 = 64 << 20;

/// Where systemd looks for units that an administrator wrote.
const UNITS: &str = "/etc/systemd/system/";

/// What one machine gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baked {
    /// Name of the machine.
    pub node: String,
    /// Files by path; those that are not text are left out.
    pub files: BTreeMap<String, BakedFile>,
    /// Units by name, whether they come as units or as files below `/etc/systemd/system`.
    pub units: BTreeMap<String, BakedUnit>,
    /// Accounts that are made or changed, by name.
    pub users: BTreeMap<String, Account>,
}

/// An account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// What tells its password's hash from others, and nothing else; `None` without a password.
    pub password: Option<[u8; 32]>,
    /// Where the hash was written.
    pub origin: Option<Span>,
}

/// A text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BakedFile {
    /// Its text, everything filled in.
    pub text: Arc<str>,
    /// Its permissions; `None` leaves them to the system.
    pub mode: Option<u32>,
    /// Where its text was asked for: `local: haproxy.cfg.j2` in a fragment, or a line of a profile.
    pub origin: Option<Span>,
    /// Whether a secret is in it.
    pub secret: bool,
}

/// A unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BakedUnit {
    /// Its own text; `None` leaves the one of the image.
    pub text: Option<BakedFile>,
    /// Drop-ins by file name.
    pub dropins: BTreeMap<String, BakedFile>,
    /// Whether it is enabled, if that is said.
    pub enabled: Option<bool>,
    /// Whether it is masked.
    pub mask: bool,
    /// Where the unit was written.
    pub origin: Option<Span>,
}

impl Default for BakedFile {
    fn default() -> Self {
        Self { text: "".into(), mode: None, origin: None, secret: false }
    }
}

impl Baked {
    /// What `part` makes of the machine called `node`.
    pub fn new(node: &str, part: &Part) -> Self {
        let list = Path::root().then("passwd").then("users");
        let account = |(at, user): (usize, &PasswdUser)| {
            // `*` and `!` lock the password.
            let hash = user.password_hash.as_deref().filter(|hash| hash.len() > 2 && !hash.starts_with(['*', '!']));
            let origin = part.trace.span(&list.then(at).then("passwordHash"));
            (user.name.clone(), Account { password: hash.map(|hash| Sha256::digest(hash).into()), origin })
        };
        let users = part.config.passwd.users.iter().enumerate().map(account).collect();
        let mut baked = Self { node: node.to_owned(), users, ..Self::default() };
        let files = Path::root().then("storage").then("files");
        for (at, file) in part.config.storage.files.iter().enumerate() {
            let path = files.then(at);
            let (own, key) = if file.contents.source.is_some() { (&path, "contents") } else { (&path, "append") };
            let place = own.then(key);
            let place = if key == "append" { place.then(0usize) } else { place };
            let Some(text) = text(file) else { continue };
            let file_baked = BakedFile {
                text,
                mode: file.mode.and_then(|mode| u32::try_from(mode).ok()),
                origin: part.trace.span(&place.then("source")),
                secret: part.secret_files.contains(&file.path),
            };
            baked.file_as_unit(&file.path, &file_baked);
            baked.files.insert(file.path.clone(), file_baked);
        }
        let units = Path::root().then("systemd").then("units");
        for (at, unit) in part.config.systemd.units.iter().enumerate() {
            let path = units.then(at);
            let text = |contents: &str, path: &Path| BakedFile {
                text: contents.into(),
                origin: part.trace.span(&path.then("contents")),
                ..BakedFile::default()
            };
            let own = baked.units.entry(unit.name.clone()).or_default();
            own.origin = part.trace.span(&path);
            own.enabled = unit.enabled;
            own.mask = unit.mask == Some(true);
            if let Some(contents) = &unit.contents {
                own.text = Some(text(contents, &path));
            }
            for (at, dropin) in unit.dropins.iter().enumerate() {
                let path = path.then("dropins").then(at);
                let contents = dropin.contents.as_deref().unwrap_or_default();
                own.dropins.insert(dropin.name.clone(), text(contents, &path));
            }
        }
        baked
    }

    /// Notes a file that systemd reads as a unit or as a drop-in of one.
    fn file_as_unit(&mut self, path: &str, file: &BakedFile) {
        let Some(name) = path.strip_prefix(UNITS) else { return };
        match name.split_once('/') {
            None => {
                let unit = self.units.entry(name.to_owned()).or_default();
                unit.origin = file.origin;
                unit.text = Some(file.clone());
            }
            Some((unit, dropin)) => {
                let conf = dropin.strip_suffix(".conf").is_some();
                if let (Some(unit), true) = (unit.strip_suffix(".d"), conf) {
                    let unit = self.units.entry(unit.to_owned()).or_default();
                    unit.dropins.insert(dropin.to_owned(), file.clone());
                }
            }
        }
    }

    /// Only what rules about all machines look at.
    #[must_use]
    pub fn remembered(self) -> Self {
        let files =
            self.files.into_iter().filter(|(path, _)| REMEMBERED.iter().any(|known| path.starts_with(known))).collect();
        let units = self.units.into_iter().filter(|(name, _)| REMEMBERED_UNITS.contains(&name.as_str())).collect();
        Self { node: self.node, files, units, users: self.users }
    }
}

/// The text of a file: its contents, or what is appended to the image's. `None` when it is not text.
fn text(file: &File) -> Option<Arc<str>> {
    let pieces = std::iter::once(&file.contents).chain(&file.append);
    let mut whole = String::new();
    for piece in pieces.filter(|piece| piece.source.is_some()) {
        whole.push_str(&String::from_utf8(bytes(piece)?).ok()?);
    }
    Some(whole.into())
}

/// The bytes of a resource, unpacked. `None` when it is not here: it would be fetched, or is broken, which was
/// reported elsewhere.
fn bytes(resource: &Resource) -> Option<Vec<u8>> {
    let source = resource.source.as_deref().unwrap_or_default();
    let data = if source.is_empty() { Vec::new() } else { data_url::unpack(source).ok()? };
    if resource.compression.as_deref() != Some("gzip") {
        return Some(data);
    }
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(data.as_slice()).take(LIMIT).read_to_end(&mut unpacked).ok()?;
    Some(unpacked)
}
