//! Writing a build: whole or not at all.
//!
//! A build goes into a staging folder beside the output; when it is complete, the two change places in one
//! step (`renameat2(2)` with `RENAME_EXCHANGE`) and the old one is deleted. A build that fails is deleted, one
//! that is killed leaves its staging folder to the next build, and either way the output is untouched. A lock
//! beside the output keeps two builds apart; the kernel drops it with the process.
//!
//! Nothing is flushed to the disk (`fsync`): all of it can be made again, and 30,000 flushes would cost more
//! than everything else together. After a power cut the manifest tells what is damaged (`bake verify`).

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags, flock, openat, renameat_with, statat};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The file that marks a folder as an output of bake; written last.
pub const MANIFEST: &str = "manifest.json";

/// Mode of files that everybody may read.
pub const PUBLIC: u32 = 0o644;
/// Mode of files that carry a secret.
pub const SECRET: u32 = 0o600;
const FOLDER: u32 = 0o755;

/// Why an output cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong, with the path in it.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        Self { message: format!("cannot {action} `{}`: {}", path.display(), super::words(error)), hint: None }
    }
}

/// A build that is being written. Dropped without [`Output::finish`], it leaves no trace.
#[derive(Debug)]
pub struct Output {
    target: PathBuf,
    staging: PathBuf,
    how: How,
    previous: Option<Vec<u8>>,
    done: bool,
    // Last: unlocks after everything else.
    _lock: Lock,
}

/// How the staging folder becomes the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// There is none yet: a rename.
    New,
    /// It takes the old one's place.
    Exchange,
    /// It is the output itself: an empty folder whose parent cannot be written to.
    InPlace,
}

impl Output {
    /// Begins a build into `folder`, which need not exist. Waits while another build writes there.
    ///
    /// Refuses to replace a folder that is neither empty nor bake's.
    pub fn begin(folder: &Path) -> Result<Self, Failure> {
        let target = resolve(folder)?;
        let (parent, name) = split(&target)?;
        if is_mount_point(&target, parent) {
            return Self::in_place(target, &io::ErrorKind::ResourceBusy.into());
        }
        fs::create_dir_all(parent).map_err(|error| Failure::io("create the folder", parent, &error))?;
        let beside = |what: &str| parent.join(format!(".{name}.bake-{what}"));
        let lock = match Lock::beside(beside("lock")) {
            Ok(lock) => lock,
            Err(error) if unwritable(&error) => return Self::in_place(target, &error),
            Err(error) => return Err(Failure::io("lock", &beside("lock"), &error)),
        };
        let (staging, old) = (beside("new"), beside("old"));
        let exists = |path: &Path| path.symlink_metadata().is_ok();
        // A build was killed between the two renames of a file system that cannot exchange.
        if exists(&old) && !exists(&target) {
            fs::rename(&old, &target).map_err(|error| Failure::io("restore", &target, &error))?;
        }
        for stale in [&staging, &old] {
            remove(stale).map_err(|error| Failure::io("remove what a killed build left,", stale, &error))?;
        }
        let previous = inspect(&target)?;
        let how = if exists(&target) { How::Exchange } else { How::New };
        create_folder(&staging)?;
        Ok(Self { target, staging, how, previous, done: false, _lock: lock })
    }

    /// The output's own folder, because nothing can be made beside it: a mount point, or `$out` of a Nix build.
    fn in_place(target: PathBuf, why: &io::Error) -> Result<Self, Failure> {
        if !target.is_dir() {
            return Err(Failure::io("create the folder", &target, why));
        }
        let lock = Lock::on(&target).map_err(|error| Failure::io("lock", &target, &error))?;
        if !is_empty(&target)? {
            let target = target.display();
            return Err(Failure::new(
                format!(
                    "cannot replace `{target}` as a whole: it is a mount point, or the folder it lies in is not writable"
                ),
                "empty the folder first, or write to a folder below it with `--out`",
            ));
        }
        fs::set_permissions(&target, Permissions::from_mode(FOLDER)).ok();
        Ok(Self { staging: target.clone(), target, how: How::InPlace, previous: None, done: false, _lock: lock })
    }

    /// The manifest of the output that is being replaced, if there is one.
    pub fn previous(&self) -> Option<&[u8]> {
        self.previous.as_deref()
    }

    /// Writes one file. `path` is relative, with `/` between components; the node without a name is the output itself.
    /// May be called from many threads, for different nodes.
    pub fn write(&self, node: &str, path: &str, bytes: &[u8], secret: bool) -> Result<(), Failure> {
        let relative = if node.is_empty() { inside(path)? } else { plain(node, path)? };
        self.put(&relative, bytes, if secret { SECRET } else { PUBLIC })
    }

    /// Writes a file that lies beside the nodes' folders.
    pub fn write_top(&self, name: &str, bytes: &[u8], secret: bool) -> Result<(), Failure> {
        plain(name, "x")?;
        self.put(Path::new(name), bytes, if secret { SECRET } else { PUBLIC })
    }

    /// Takes a node's folder over from the output that is being replaced, unchanged; whether there was one.
    pub fn keep(&self, node: &str) -> Result<bool, Failure> {
        let node = plain(node, "x")?.parent().map(Path::to_owned).unwrap_or_default();
        let (from, to) = (self.target.join(&node), self.staging.join(&node));
        if self.how != How::Exchange || !from.symlink_metadata().is_ok_and(|stat| stat.is_dir()) {
            return Ok(false);
        }
        take_over(&from, &to).map_err(|error| Failure::io("take over", &from, &error))?;
        Ok(true)
    }

    /// Takes over what others keep in a folder of the output that is being replaced: everything but the files that
    /// `ours` knows by their path below the output. Their links stay links.
    pub fn keep_others(&self, folder: &str, ours: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
        plain(folder, "x")?;
        let from = self.target.join(folder);
        if self.how != How::Exchange || !from.symlink_metadata().is_ok_and(|stat| stat.is_dir()) {
            return Ok(());
        }
        take_others(&self.target, &self.staging, folder, ours)
    }

    /// Writes the manifest and puts the build in the output's place.
    pub fn finish(self, manifest: &[u8]) -> Result<(), Failure> {
        self.put(Path::new(MANIFEST), manifest, PUBLIC)?;
        self.finish_bare()
    }

    /// Puts the build in the output's place without a manifest: bake will not replace it.
    pub fn finish_bare(mut self) -> Result<(), Failure> {
        match self.how {
            How::InPlace => {}
            How::New => self.rename(RenameFlags::NOREPLACE)?,
            How::Exchange => {
                self.rename(RenameFlags::EXCHANGE)?;
                // The old output now lies where the new one was made. If it cannot go, the next build tries again.
                let _ = remove(&self.staging);
            }
        }
        self.done = true;
        Ok(())
    }

    fn rename(&self, flags: RenameFlags) -> Result<(), Failure> {
        match renameat_with(CWD, &self.staging, CWD, &self.target, flags) {
            Ok(()) => Ok(()),
            // Not every file system knows the flags (NFS, old FUSE).
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => self.rename_twice(),
            Err(errno) => Err(Failure::io("replace", &self.target, &errno.into())),
        }
    }

    fn rename_twice(&self) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::io("replace", &self.target, &error);
        let old = self.staging.with_extension("bake-old");
        if self.how == How::Exchange {
            fs::rename(&self.target, &old).map_err(failed)?;
        }
        fs::rename(&self.staging, &self.target).map_err(failed)?;
        let _ = remove(&old);
        Ok(())
    }

    fn put(&self, relative: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
        let path = self.staging.join(relative);
        create_parents(&path)?;
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
            file.set_permissions(Permissions::from_mode(mode))?; // whatever the umask is
            file.write_all(bytes)
        };
        write().map_err(|error| Failure::io("write", &path, &error))
    }
}

impl Drop for Output {
    #[allow(clippy::disallowed_methods)] // this is the world; order does not matter
    fn drop(&mut self) {
        if self.done {
            return;
        }
        if self.how == How::InPlace {
            for entry in fs::read_dir(&self.staging).into_iter().flatten().flatten() {
                let _ = remove(&entry.path());
            }
        } else {
            let _ = remove(&self.staging);
        }
    }
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
struct Lock {
    _held: OwnedFd,
    path: Option<PathBuf>,
}

impl Lock {
    /// Locks a file of its own, which is removed again: nothing stays beside the output.
    fn beside(path: PathBuf) -> io::Result<Self> {
        loop {
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let held = openat(CWD, &path, flags, Mode::from_raw_mode(0o600))?;
            flock(&held, FlockOperation::LockExclusive)?;
            // Whoever had it before us may have removed the name meanwhile; then others lock another file.
            let here = File::from(held.try_clone()?).metadata()?;
            match statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(named) if (named.st_dev, named.st_ino) == (here.dev(), here.ino()) => {
                    return Ok(Self { _held: held, path: Some(path) });
                }
                _ => {}
            }
        }
    }

    /// Locks a folder itself.
    fn on(folder: &Path) -> io::Result<Self> {
        let held = openat(CWD, folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        flock(&held, FlockOperation::LockExclusive)?;
        Ok(Self { _held: held, path: None })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Before the lock goes with the descriptor.
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// Where the output really lies, its own link followed.
pub(super) fn resolve(folder: &Path) -> Result<PathBuf, Failure> {
    match folder.symlink_metadata() {
        Ok(stat) if stat.is_symlink() || folder.file_name().is_none() => {
            folder.canonicalize().map_err(|error| Failure::io("follow the link", folder, &error))
        }
        _ => Ok(folder.to_owned()),
    }
}

pub(super) fn split(target: &Path) -> Result<(&Path, &str), Failure> {
    let name = target.file_name().and_then(std::ffi::OsStr::to_str);
    match (target.parent(), name) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => Ok((Path::new("."), name)),
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(Failure::new(
            format!("`{}` cannot be an output folder", target.display()),
            "name a folder, as in `--out dist`",
        )),
    }
}

/// The manifest of the folder that is to be replaced, or why it must not be.
#[allow(clippy::disallowed_methods)] // this is the world
fn inspect(target: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let Ok(stat) = target.symlink_metadata() else { return Ok(None) };
    if !stat.is_dir() {
        return Err(Failure::new(
            format!("`{}` is not a folder", target.display()),
            "remove it, or choose another `--out`",
        ));
    }
    match fs::read(target.join(MANIFEST)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_empty(target)? => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Failure::new(
            format!("`{}` is not empty and was not made by bake: it holds no `{MANIFEST}`", target.display()),
            "remove it, or choose another `--out`",
        )),
        Err(error) => Err(Failure::io("read", &target.join(MANIFEST), &error)),
    }
}

#[allow(clippy::disallowed_methods)] // this is the world; order does not matter
fn is_empty(folder: &Path) -> Result<bool, Failure> {
    let mut entries = fs::read_dir(folder).map_err(|error| Failure::io("read", folder, &error))?;
    Ok(entries.next().is_none())
}

/// Such a folder cannot change places with another.
fn is_mount_point(target: &Path, parent: &Path) -> bool {
    matches!((target.metadata(), parent.metadata()), (Ok(own), Ok(above)) if own.dev() != above.dev())
}

/// Nothing can be made in the folder, ever.
fn unwritable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// `node/path`, unless either would lead elsewhere.
fn plain(node: &str, path: &str) -> Result<PathBuf, Failure> {
    let whole = format!("{node}/{path}");
    if node.contains('/') || node == MANIFEST { Err(unnamable(&whole)) } else { inside(&whole) }
}

/// `path`, unless it would lead out of the output.
pub(super) fn inside(path: &str) -> Result<PathBuf, Failure> {
    let odd = |part: &str| matches!(part, "" | "." | "..") || part.contains('\0');
    if path.split('/').any(odd) { Err(unnamable(path)) } else { Ok(PathBuf::from(path)) }
}

fn unnamable(path: &str) -> Failure {
    Failure { message: format!("`{}` cannot be the name of a file", path.escape_debug()), hint: None }
}

/// Makes the folders that `path` lies in.
pub(super) fn create_parents(path: &Path) -> Result<(), Failure> {
    let mut missing = path.ancestors().skip(1).take_while(|folder| !folder.is_dir()).collect::<Vec<_>>();
    while let Some(folder) = missing.pop() {
        create_folder(folder)?;
    }
    Ok(())
}

pub(super) fn create_folder(path: &Path) -> Result<(), Failure> {
    let create = || match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::set_permissions(path, Permissions::from_mode(FOLDER)),
    };
    create().map_err(|error| Failure::io("create the folder", path, &error))
}

/// Makes `to` a copy of `from`: hard links where the system allows them, since neither side is written to again.
/// Whatever bake does not make (links, pipes) stays behind.
#[allow(clippy::disallowed_methods)] // this is the world; order does not matter
fn take_over(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, Permissions::from_mode(FOLDER))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            take_over(&entry.path(), &target)?;
        } else if kind.is_file() && fs::hard_link(entry.path(), &target).is_err() {
            fs::copy(entry.path(), &target)?; // keeps the mode
        }
    }
    Ok(())
}

/// Makes `to` have what `from` has below `folder`, save for files that are `ours`.
#[allow(clippy::disallowed_methods)] // this is the world; order does not matter
fn take_others(from: &Path, to: &Path, folder: &str, ours: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
    let whole = from.join(folder);
    let failed = |error: io::Error| Failure::io("take over", &whole, &error);
    for entry in fs::read_dir(&whole).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Some(name) = entry.file_name().to_str().map(|name| format!("{folder}/{name}")) else { continue };
        let (kind, target) = (entry.file_type().map_err(failed)?, to.join(&name));
        if kind.is_dir() {
            take_others(from, to, &name, ours)?;
        } else if !ours(&name) {
            create_parents(&target)?;
            if kind.is_symlink() {
                let link = fs::read_link(entry.path()).map_err(failed)?;
                std::os::unix::fs::symlink(link, target).map_err(failed)?;
            } else if kind.is_file() && fs::hard_link(entry.path(), &target).is_err() {
                fs::copy(entry.path(), &target).map_err(failed)?; // keeps the mode
            }
        }
    }
    Ok(())
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    let gone = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
    match path.symlink_metadata() {
        Ok(stat) if stat.is_dir() => fs::remove_dir_all(path).or_else(gone),
        Ok(_) => fs::remove_file(path).or_else(gone),
        Err(error) => gone(error),
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
