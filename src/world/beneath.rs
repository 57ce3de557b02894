//! Opening a path that must not leave a folder.

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2, readlinkat};
use rustix::io::Errno;
use std::os::fd::{AsFd as _, OwnedFd};

/// How many symbolic links are followed on the way to one file, as Linux does.
const LINKS: usize = 40;

/// Opens `path` relative to `root`, following links that stay below it. `EXDEV` when the path leaves it.
pub(super) fn open_beneath(root: &OwnedFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC;
    let asked = if path.is_empty() { "." } else { path };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    loop {
        match openat2(root, asked, flags, Mode::empty(), resolve) {
            // The kernel could not prove that a `..` stayed inside while something was being renamed.
            Err(Errno::AGAIN | Errno::INTR) => {}
            // `EPERM`: system call filters of old container runtimes say this for calls they do not know.
            Err(Errno::NOSYS | Errno::PERM) => return by_hand(root, asked, flags),
            answer => return answer,
        }
    }
}

/// The same without `openat2`: one component at a time, never letting the kernel follow a link.
fn by_hand(root: &OwnedFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    if path.contains('\0') {
        return Err(Errno::INVAL);
    }
    // Folders from the root down to where we are, and the components still to go, next one last.
    let mut stack: Vec<OwnedFd> = Vec::new();
    let mut todo: Vec<String> = Vec::new();
    let mut links = 0;
    push(&mut todo, path)?;
    let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    while let Some(name) = todo.pop() {
        if name == ".." {
            stack.pop().ok_or(Errno::XDEV)?;
            continue;
        }
        let here = stack.last().unwrap_or(root).as_fd();
        match readlinkat(here, name.as_str(), Vec::new()) {
            Ok(_) if todo.is_empty() && flags.contains(OFlags::NOFOLLOW) => return Err(Errno::LOOP),
            Ok(target) => {
                links += 1;
                if links > LINKS {
                    return Err(Errno::LOOP);
                }
                push(&mut todo, target.to_str().map_err(|_| Errno::ILSEQ)?)?;
            }
            // Not a link.
            Err(Errno::INVAL) if todo.is_empty() => {
                return openat(here, name.as_str(), flags | OFlags::NOFOLLOW, Mode::empty());
            }
            Err(Errno::INVAL) => {
                let next = openat(here, name.as_str(), step | OFlags::DIRECTORY, Mode::empty())?;
                stack.push(next);
            }
            Err(errno) => return Err(errno),
        }
    }
    openat(stack.last().unwrap_or(root), ".", flags, Mode::empty())
}

fn push(todo: &mut Vec<String>, path: &str) -> Result<(), Errno> {
    if path.starts_with('/') {
        return Err(Errno::XDEV);
    }
    let components = path.split('/').rev().filter(|name| !matches!(*name, "" | "."));
    todo.extend(components.map(str::to_owned));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn both_ways_give_the_same_answers() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        for path in ["outside", "root/f", "root/a/g"] {
            std::fs::File::create(folder.path().join(path)).unwrap();
        }
        for (target, link) in [
            ("f", "to-f"),
            ("a/b", "to-b"),
            ("..", "up"),
            ("../outside", "out"),
            ("/etc", "abs"),
            ("loop", "loop"),
            ("a/../to-f", "twice"),
            ("gone", "dangling"),
            ("/proc/self/root", "magic"),
            ("../../f", "a/b/back"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        let dir = openat(rustix::fs::CWD, &root, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let paths = [
            "",
            ".",
            "f",
            "a/g",
            "to-f",
            "to-b",
            "to-b/..",
            "to-b/../g",
            "to-b/back",
            "a/b/back",
            "up",
            "up/outside",
            "out",
            "abs",
            "loop",
            "twice",
            "dangling",
            "magic/etc",
            "..",
            "a/../..",
            "../root/f",
            "/",
            "/etc",
            "f/x",
            "none",
            "none/..",
            "a//./g",
            "up/root/f",
        ];
        for path in paths {
            let same = |flags: OFlags| {
                let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
                let asked = if path.is_empty() { "." } else { path };
                let inode = |fd: OwnedFd| rustix::fs::fstat(fd).map(|stat| stat.st_ino);
                let kernel = openat2(&dir, asked, flags, Mode::empty(), resolve).and_then(inode);
                if kernel == Err(Errno::NOSYS) || kernel == Err(Errno::PERM) {
                    return; // nothing to compare with on this machine
                }
                assert_eq!(by_hand(&dir, asked, flags).and_then(inode), kernel, "{path} {flags:?}");
            };
            same(OFlags::RDONLY | OFlags::CLOEXEC);
            same(OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC);
            same(OFlags::PATH | OFlags::CLOEXEC);
        }
    }
}
