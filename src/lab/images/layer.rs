//! One layer of an image over those below it (OCI image specification, "Image Layer Filesystem Changeset"). Names, links and
//! whiteouts are taken as the engines take them: within the image's root, whatever they say.

use crate::lab::confined::{Confined, below, path};
use crate::lab::failure::Failure;
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Uid, XattrFlags, chmodat, chownat, fchmod, fchown, fsetxattr, linkat,
    mkdirat, mknodat, openat, statat, symlinkat,
};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use tar::{Entry, EntryType};

/// Before the name of a file that a layer takes away.
const WHITEOUT: &[u8] = b".wh.";

/// Says that a folder has nothing of the layers below.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Other names with which drivers begin what is theirs.
const THEIRS: &[u8] = b".wh..wh.";

/// The extended attribute that a program's capabilities are in. Others are not taken over: some of them steer overlays.
const CAPABILITIES: &str = "security.capability";

/// Unpacks a layer into `root`. Device nodes are left out: a container has its own.
///
/// # Errors
/// When it cannot be read, leaves its root, or does not fit into memory.
pub(super) fn unpack(layer: impl Read, root: &Confined) -> Result<(), Failure> {
    let broken = |error: io::Error| Failure::new(format!("a layer is broken: {error}"));
    let mut archive = tar::Archive::new(layer);
    // What this layer brings, which none of its own marks takes away.
    let mut own = BTreeSet::new();
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path_bytes().into_owned();
        let named = |why: &str| Failure::new(format!("`{}` of a layer {why}", String::from_utf8_lossy(&name)));
        let place = within(&name).ok_or_else(|| named("is outside of it"))?;
        place_in(root, &mut entry, &place, &mut own).map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::NOSPC) => named("does not fit into memory").hint("an image is unpacked in memory: free some"),
            _ => named(&format!("cannot be unpacked: {error}")),
        })?;
    }
    Ok(())
}

/// A name relative to the root, without `.` and slashes too many; `None` if it leads out of it.
fn within(name: &[u8]) -> Option<PathBuf> {
    let mut found = PathBuf::new();
    for part in name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")) {
        if part == b".." {
            return None;
        }
        found.push(OsStr::from_bytes(part));
    }
    Some(found)
}

fn place_in<R: Read>(
    root: &Confined,
    entry: &mut Entry<'_, R>,
    place: &Path,
    own: &mut BTreeSet<PathBuf>,
) -> io::Result<()> {
    let (parent, name) = (place.parent().unwrap_or(Path::new("")), place.file_name().unwrap_or(OsStr::new("")));
    if name.as_bytes().starts_with(WHITEOUT) {
        return whiteout(root, parent, name.as_bytes(), own);
    }
    let kind = entry.header().entry_type();
    if matches!(kind, EntryType::Char | EntryType::Block | EntryType::XGlobalHeader) {
        return Ok(());
    }
    own.extend(place.ancestors().map(Path::to_owned));
    let folder = root.folder(parent)?;
    let (user, group, mode) = rights(entry)?;
    if name.is_empty() {
        // The root itself.
        chownat(&folder, ".", Some(user), Some(group), AtFlags::empty())?;
        return Ok(chmodat(&folder, ".", mode, AtFlags::empty())?);
    }
    let there = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).ok();
    let stays = there.is_some_and(|found| FileType::from_raw_mode(found.st_mode).is_dir());
    if there.is_some() && !(stays && kind == EntryType::Directory) {
        remove(&folder, name)?;
    }
    match kind {
        EntryType::Directory => {
            if !stays {
                mkdirat(&folder, name, Mode::RWXU)?;
            }
            chownat(&folder, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
            chmodat(&folder, name, mode, AtFlags::empty())?;
        }
        EntryType::Symlink => {
            let to = entry.link_name_bytes().unwrap_or_default().into_owned();
            symlinkat(to, &folder, name)?;
            chownat(&folder, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        EntryType::Link => {
            let outside = || io::Error::other("it is a link to outside of it");
            let to = within(&entry.link_name_bytes().unwrap_or_default()).ok_or_else(outside)?;
            let from =
                root.open(to.parent().unwrap_or(Path::new("")), OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
            linkat(&from, to.file_name().ok_or_else(outside)?, &folder, name, AtFlags::empty())?;
        }
        EntryType::Fifo => {
            mknodat(&folder, name, FileType::Fifo, mode, 0)?;
            chownat(&folder, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
            chmodat(&folder, name, mode, AtFlags::empty())?;
        }
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut file = File::from(openat(&folder, name, flags, Mode::RUSR | Mode::WUSR)?);
            if io::copy(entry, &mut file)? < entry.size() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            fchown(&file, Some(user), Some(group))?;
            fchmod(&file, mode)?;
            for attribute in entry.pax_extensions()?.into_iter().flatten().flatten() {
                if attribute.key().ok().and_then(|key| key.strip_prefix("SCHILY.xattr.")) == Some(CAPABILITIES) {
                    fsetxattr(&file, CAPABILITIES, attribute.value_bytes(), XattrFlags::empty())?;
                }
            }
        }
        other => return Err(io::Error::other(format!("it is of the unknown kind {other:?}"))),
    }
    Ok(())
}

/// Owner, group and permissions.
fn rights<R: Read>(entry: &Entry<'_, R>) -> io::Result<(Uid, Gid, Mode)> {
    let header = entry.header();
    let number = |number: u64| u32::try_from(number).map_err(|_| io::Error::other(format!("{number} is no user")));
    let (user, group) = (number(header.uid()?)?, number(header.gid()?)?);
    Ok((Uid::from_raw(user), Gid::from_raw(group), Mode::from_raw_mode(header.mode()? & 0o7777)))
}

/// Does what the mark called `name` in the folder `parent` says.
fn whiteout(root: &Confined, parent: &Path, name: &[u8], own: &BTreeSet<PathBuf>) -> io::Result<()> {
    if name == OPAQUE {
        return clear(root, parent, own);
    }
    let hidden = OsStr::from_bytes(&name[WHITEOUT.len()..]);
    if name.starts_with(THEIRS) {
        return Ok(());
    }
    if matches!(hidden.as_bytes(), b"" | b"." | b"..") {
        return Err(io::Error::other("it takes nothing away"));
    }
    match root.open(parent, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()) {
        Ok(folder) => remove(&folder, hidden),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Removes what is called `name` in a folder, with everything in it; nothing may be there.
fn remove(folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let place = below(folder, name);
    match fs::symlink_metadata(&place) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(place),
        Ok(_) => fs::remove_file(place),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes from a folder what is not of this layer.
fn clear(root: &Confined, folder: &Path, own: &BTreeSet<PathBuf>) -> io::Result<()> {
    let open = match root.open(folder, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()) {
        Ok(open) => open,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let names: Vec<(OsString, bool)> = fs::read_dir(path(&open))?
        .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?.is_dir()))))
        .collect::<io::Result<_>>()?;
    for (name, is_folder) in names {
        let place = folder.join(&name);
        if !own.contains(&place) {
            remove(&open, &name)?;
        } else if is_folder {
            clear(root, &place, own)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "layer_tests.rs"]
pub(super) mod tests;
