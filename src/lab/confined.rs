//! A folder that is another system's root: absolute links and `..` in it are meant there, and lead nowhere else.
//!
//! The kernel keeps that (openat2(2), `RESOLVE_IN_ROOT`), so nothing that an image brings along can lead to this machine's
//! files.

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

/// A folder that paths do not leave.
#[derive(Debug)]
pub(super) struct Confined(OwnedFd);

impl Confined {
    /// The folder at `path`.
    pub(super) fn new(path: impl AsRef<Path>) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(openat(CWD, path.as_ref(), flags, Mode::empty())?))
    }

    /// Opens what is at `path` in it.
    pub(super) fn open(&self, path: &Path, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
        let asked = if path.as_os_str().is_empty() { Path::new("/") } else { path };
        loop {
            match openat2(&self.0, asked, flags | OFlags::CLOEXEC, mode, ResolveFlags::IN_ROOT) {
                // Something was mounted or renamed while a `..` was followed.
                Err(Errno::AGAIN | Errno::INTR) => {}
                answer => return answer,
            }
        }
    }

    /// The folder at `path` in it. Those that are not there are made.
    pub(super) fn folder(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        match (self.open(path, flags, Mode::empty()), path.file_name()) {
            (Err(Errno::NOENT), Some(name)) => {
                let parent = self.folder(path.parent().unwrap_or(Path::new("/")))?;
                mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
                self.open(path, flags, Mode::empty())
            }
            (answer, _) => answer,
        }
    }

    /// What is at `path` in it, an empty file if nothing is.
    pub(super) fn file(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        self.folder(path.parent().unwrap_or(Path::new("/")))?;
        let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::NONBLOCK;
        self.open(path, flags, Mode::from_raw_mode(0o644))
    }
}

/// A path to what is open, for calls that take paths only.
pub(super) fn path(open: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd()))
}

/// A path to something in a folder that is open.
pub(super) fn below(open: &OwnedFd, name: &OsStr) -> PathBuf {
    let mut whole: OsString = path(open).into();
    whole.push("/");
    whole.push(name);
    whole.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_inside() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = Confined::new(inside.path()).unwrap();
        symlink(outside.path(), inside.path().join("absolute")).unwrap();
        symlink("../../../..", inside.path().join("up")).unwrap();
        // The link's target is made in the root, as a chroot would see it; it is not there yet.
        assert_eq!(root.folder(Path::new("/absolute/a")).unwrap_err(), Errno::EXIST);
        root.folder(Path::new("/up/b/c")).unwrap();
        root.file(Path::new("up/../d")).unwrap();
        assert!(inside.path().join("b/c").is_dir() && inside.path().join("d").is_file());
        assert!(outside.path().read_dir().unwrap().next().is_none());
    }
}
