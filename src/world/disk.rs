//! The real disk, confined to a project.
//!
//! The kernel keeps the confinement (`openat2(2)` with `RESOLVE_BENEATH`), so that no race between
//! looking at a path and opening it can lead outside. Where the kernel does not know the call (before
//! 5.6, or a sandbox that forbids it), `beneath.rs` does the same one component at a time.

use super::beneath::open_beneath;
use super::{Entry, Kind, LIMIT, Trouble, World};
use crate::model::scalar::SecretRef;
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// A project on disk. Holds its root open: the root may be renamed meanwhile.
#[derive(Debug)]
pub struct Disk {
    root: OwnedFd,
}

impl Disk {
    /// The project in the folder `root`.
    pub fn open(root: &Path) -> Result<Self, Trouble> {
        Self::open_at(CWD, root)
    }

    fn open_at(from: BorrowedFd<'_>, root: &Path) -> Result<Self, Trouble> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match openat(from, root, flags, Mode::empty()) {
            Ok(root) => Ok(Self { root }),
            Err(Errno::NOTDIR) => Err(Trouble::WrongKind),
            Err(errno) => Err(trouble(errno)),
        }
    }

    /// The permission bits of a file inside the project (`0o600`), links followed.
    pub fn mode(&self, path: &str) -> Result<u32, Trouble> {
        let file = open_beneath(&self.root, path, OFlags::PATH).map_err(trouble)?;
        Ok(fstat(&file).map_err(trouble)?.st_mode & 0o7777)
    }

    /// A directory inside the project, and its entries' names, sorted.
    fn names(&self, path: &str, flags: OFlags) -> Result<(OwnedFd, Vec<String>), Trouble> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | flags;
        let folder = open_beneath(&self.root, path, flags).map_err(|errno| match errno {
            Errno::NOTDIR => Trouble::WrongKind,
            other => trouble(other),
        })?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder).map_err(trouble)? {
            let name = entry.map_err(trouble)?.file_name().to_owned();
            if !matches!(name.to_bytes(), b"." | b"..") {
                let name = name.into_string();
                names.push(name.map_err(|_| Trouble::Other("the name of a file in it is not valid UTF-8".to_owned()))?);
            }
        }
        names.sort_unstable();
        Ok((folder, names))
    }
}

impl World for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        contents(open_beneath(&self.root, path, READ).map_err(trouble)?)
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        let (folder, names) = self.names(path, OFlags::empty())?;
        names
            .into_iter()
            .map(|name| {
                let inside = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                // A link that leads outside or nowhere stays a link; reading it says what is wrong with it.
                match open_beneath(&self.root, &inside, OFlags::PATH) {
                    Ok(file) => Ok(Entry { path: name, kind: kind(&fstat(&file).map_err(trouble)?), target: None }),
                    Err(_) => entry(&folder, name),
                }
            })
            .collect()
    }

    fn walk(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        let mut found = Vec::new();
        let mut pending = vec![(path.to_owned(), String::new(), OFlags::empty())];
        while let Some((from, prefix, flags)) = pending.pop() {
            let (folder, names) = self.names(&from, flags)?;
            for name in names {
                let mut entry = entry(&folder, name.clone())?;
                entry.path = format!("{prefix}{name}");
                if entry.kind == Kind::Directory {
                    let from = if from.is_empty() { name } else { format!("{from}/{name}") };
                    pending.push((from, format!("{}/", entry.path), OFlags::NOFOLLOW));
                }
                found.push(entry);
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn has(&self, path: &str) -> bool {
        let found = open_beneath(&self.root, path, OFlags::PATH | OFlags::NOFOLLOW).map_err(trouble);
        !matches!(found, Err(Trouble::Missing))
    }

    fn library(&self, path: &str) -> Result<Box<dyn World + '_>, Trouble> {
        let library = Self::open_at(self.root.as_fd(), Path::new(path))?;
        Ok(Box::new(library))
    }

    fn secret(&self, reference: &SecretRef) -> Result<Vec<u8>, Trouble> {
        match reference {
            // `var_os`, not `var`: a secret need not be UTF-8.
            SecretRef::Env(name) if name.contains(['=', '\0']) => Err(Trouble::Missing),
            SecretRef::Env(name) => std::env::var_os(name).map(OsStringExt::into_vec).ok_or(Trouble::Missing),
            SecretRef::File(path) => {
                let file = openat(&self.root, path.as_str(), READ | OFlags::CLOEXEC, Mode::empty()).map_err(trouble)?;
                let mut bytes = contents(file)?;
                bytes.pop_if(|last| *last == b'\n');
                Ok(bytes)
            }
        }
    }
}

/// Never waits for the other end of a pipe, never becomes the terminal's owner.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// All bytes of a regular file, unless there are too many. A size of zero proves nothing (`/proc`), nor
/// does any other while somebody writes: what counts is what arrives.
fn contents(file: OwnedFd) -> Result<Vec<u8>, Trouble> {
    let stat = fstat(&file).map_err(trouble)?;
    if !FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(Trouble::WrongKind);
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size > LIMIT {
        return Err(Trouble::TooLarge);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    let read = File::from(file).take(LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|error| {
        error.raw_os_error().map_or(Trouble::Other(error.to_string()), |raw| trouble(Errno::from_raw_os_error(raw)))
    })?;
    if bytes.len() as u64 > LIMIT { Err(Trouble::TooLarge) } else { Ok(bytes) }
}

/// An entry of a folder as it stands, a link as a link.
fn entry(folder: &OwnedFd, name: String) -> Result<Entry, Trouble> {
    let stat = rustix::fs::statat(folder, name.as_str(), rustix::fs::AtFlags::SYMLINK_NOFOLLOW).map_err(trouble)?;
    let kind = kind(&stat);
    let target = (kind == Kind::Link).then(|| readlinkat(folder, name.as_str(), Vec::new()));
    let target = target.transpose().map_err(trouble)?.map(std::ffi::CString::into_string);
    let target =
        target.transpose().map_err(|_| Trouble::Other("the target of a link in it is not valid UTF-8".to_owned()))?;
    Ok(Entry { path: name, kind, target })
}

fn kind(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File { executable: stat.st_mode & 0o111 != 0 },
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}

fn trouble(errno: Errno) -> Trouble {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Trouble::Missing,
        Errno::XDEV => Trouble::Escapes,
        Errno::ISDIR | Errno::NXIO => Trouble::WrongKind,
        other => Trouble::Other(super::words(&other.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir_all, set_permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[allow(clippy::disallowed_methods)] // arranges what is read
    fn project() -> (tempfile::TempDir, Disk) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        create_dir_all(root.join("b/c")).unwrap();
        for (path, text) in [("root/b/z", "z"), ("root/b/c/y", "y"), ("root/a", "a\n"), ("outside", "token\n\n")] {
            std::fs::write(folder.path().join(path), text).unwrap();
        }
        set_permissions(root.join("b/z"), PermissionsExt::from_mode(0o750)).unwrap();
        for (target, link) in [
            ("../a", "b/in"),
            ("../../outside", "b/out"),
            ("/etc/passwd", "b/abs"),
            ("nowhere", "b/gone"),
            ("c", "b/dir"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        let disk = Disk::open(&root).unwrap();
        (folder, disk)
    }

    #[test]
    fn files_inside_are_read_and_nothing_outside() {
        let (_folder, disk) = project();
        assert_eq!(disk.read("b/c/y").unwrap(), b"y");
        assert_eq!(disk.read("b/in").unwrap(), b"a\n");
        assert_eq!(disk.read("b/dir/../dir/y").unwrap(), b"y");
        for path in ["../outside", "b/out", "b/abs", "/etc/passwd", "b/../../outside"] {
            assert_eq!(disk.read(path), Err(Trouble::Escapes), "{path}");
        }
        for path in ["none", "b/gone", "a/below"] {
            assert_eq!(disk.read(path), Err(Trouble::Missing), "{path}");
        }
        assert_eq!(disk.read("b"), Err(Trouble::WrongKind));
        assert!(matches!(disk.read("a\0b"), Err(Trouble::Other(_))));
    }

    #[test]
    fn listing_follows_links_and_walking_does_not() {
        let (_folder, disk) = project();
        let plain = Kind::File { executable: false };
        let show =
            |entries: Vec<Entry>| -> Vec<(String, Kind)> { entries.into_iter().map(|e| (e.path, e.kind)).collect() };
        let named = |list: &[(&str, Kind)]| -> Vec<(String, Kind)> {
            list.iter().map(|(n, k)| ((*n).to_owned(), *k)).collect()
        };
        let listed = [
            ("abs", Kind::Link),
            ("c", Kind::Directory),
            ("dir", Kind::Directory),
            ("gone", Kind::Link),
            ("in", plain),
            ("out", Kind::Link),
            ("z", Kind::File { executable: true }),
        ];
        assert_eq!(show(disk.list("b").unwrap()), named(&listed));
        assert_eq!(show(disk.list("").unwrap()), named(&[("a", plain), ("b", Kind::Directory)]));
        let walked = [
            ("abs", Kind::Link),
            ("c", Kind::Directory),
            ("c/y", plain),
            ("dir", Kind::Link),
            ("gone", Kind::Link),
            ("in", Kind::Link),
            ("out", Kind::Link),
            ("z", Kind::File { executable: true }),
        ];
        assert_eq!(show(disk.walk("b").unwrap()), named(&walked));
        assert_eq!(disk.walk("b").unwrap()[3].target.as_deref(), Some("c"));
        assert_eq!(show(disk.walk("b/dir").unwrap()), named(&[("y", plain)]));
        assert_eq!(disk.list("none"), Err(Trouble::Missing));
        assert_eq!(disk.list("a"), Err(Trouble::WrongKind));
        assert_eq!(disk.list(".."), Err(Trouble::Escapes));
    }

    #[test]
    fn endless_huge_and_blocking_files_are_refused() {
        let (folder, disk) = project();
        let root = folder.path().join("root");
        File::create(root.join("huge")).unwrap().set_len(LIMIT + 1).unwrap();
        assert_eq!(disk.read("huge"), Err(Trouble::TooLarge));
        rustix::fs::mkfifoat(CWD, root.join("pipe"), Mode::from_raw_mode(0o600)).unwrap();
        assert_eq!(disk.read("pipe"), Err(Trouble::WrongKind));
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        assert_eq!(disk.read("socket"), Err(Trouble::WrongKind));
        assert_eq!(disk.secret(&SecretRef::File("/dev/zero".to_owned())), Err(Trouble::WrongKind));
    }

    #[test]
    fn secrets_may_lie_outside_and_lose_one_newline() {
        let (folder, disk) = project();
        assert_eq!(disk.secret(&SecretRef::File("../outside".to_owned())).unwrap(), b"token\n");
        let absolute = folder.path().join("root/a").to_str().unwrap().to_owned();
        assert_eq!(disk.secret(&SecretRef::File(absolute)).unwrap(), b"a");
        assert_eq!(disk.secret(&SecretRef::File("none".to_owned())), Err(Trouble::Missing));
        assert!(disk.secret(&SecretRef::Env("PATH".to_owned())).is_ok());
        for name in ["BAKE_NO_SUCH_VARIABLE", "A=B", "A\0B"] {
            assert_eq!(disk.secret(&SecretRef::Env(name.to_owned())), Err(Trouble::Missing));
        }
    }

    #[test]
    fn what_is_there_is_there_whatever_it_is() {
        let (_folder, disk) = project();
        for path in ["a", "b", "b/in", "b/gone", "b/out", "b/abs", "../outside", "b/dir/y"] {
            assert!(disk.has(path), "{path}");
        }
        for path in ["none", "b/none", "a/below", "b/dir/none"] {
            assert!(!disk.has(path), "{path}");
        }
    }

    #[allow(clippy::disallowed_methods)] // arranges what is read
    #[test]
    fn a_library_lies_where_it_is_named_and_is_confined_too() {
        let (folder, disk) = project();
        let beside = folder.path().join("beside");
        create_dir_all(beside.join("butane")).unwrap();
        std::fs::write(beside.join("butane/x"), "x").unwrap();
        symlink("../../outside", beside.join("butane/out")).unwrap();
        symlink("beside", folder.path().join("by-link")).unwrap();
        for path in ["../beside", "../by-link"] {
            let library = disk.library(path).unwrap();
            assert_eq!(library.read("butane/x").unwrap(), b"x");
            assert_eq!(library.read("butane/out"), Err(Trouble::Escapes));
            assert_eq!(library.read("../outside"), Err(Trouble::Escapes));
        }
        assert!(matches!(disk.library("../none"), Err(Trouble::Missing)));
        assert!(matches!(disk.library("../outside"), Err(Trouble::WrongKind)));
    }

    #[test]
    fn modes_are_told() {
        let (_folder, disk) = project();
        assert_eq!(disk.mode("b/z"), Ok(0o750));
        assert_eq!(disk.mode("none"), Err(Trouble::Missing));
    }

    #[test]
    fn a_root_must_be_a_folder() {
        let (folder, _disk) = project();
        assert_eq!(Disk::open(&folder.path().join("none")).unwrap_err(), Trouble::Missing);
        assert_eq!(Disk::open(&folder.path().join("outside")).unwrap_err(), Trouble::WrongKind);
    }
}
