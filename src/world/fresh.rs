//! Writing a new project: whole or not at all, and never over anything.
//!
//! A folder that does not exist is made beside its place and then renamed. One that exists is somebody's working directory
//! perhaps, so it stays the folder it is: the files are made in a hidden folder in it and then moved up, `profiles` last,
//! which is what makes a folder a project.

use super::output::{Failure, create_folder, create_parents, inside, remove, resolve, split};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The folder of a new project may hold this already.
const HISTORY: &str = ".git";

/// What is moved last.
const LAST: &str = "profiles";

/// A file of a new project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Path relative to the project, with `/` between components.
    pub path: String,
    /// Contents.
    pub bytes: Vec<u8>,
    /// Permission bits, whatever the umask is.
    pub mode: u32,
}

/// Whether a new project can be made in `folder`: it does not exist, or is empty save for a `.git`.
pub fn usable(folder: &Path) -> Result<(), Failure> {
    let target = resolve(folder)?;
    match fs::symlink_metadata(&target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::io("look at", folder, &error)),
        Ok(stat) if !stat.is_dir() => {
            Err(Failure::new(format!("`{}` is not a folder", folder.display()), "name another folder"))
        }
        Ok(_) if names(&target)?.iter().all(|name| name == HISTORY) => Ok(()),
        Ok(_) => Err(Failure::new(
            format!("`{}` is not empty", folder.display()),
            "name a folder that does not exist yet, as in `bake init my-cluster`",
        )),
    }
}

/// Writes a new project into `folder`.
pub fn write(folder: &Path, files: &[NewFile]) -> Result<(), Failure> {
    usable(folder)?;
    let target = resolve(folder)?;
    let exists = target.is_dir();
    let staging = if exists {
        target.join(".bake-init")
    } else {
        let (parent, name) = split(&target)?;
        create_parents(&parent.join(name))?;
        parent.join(format!(".{name}.bake-init"))
    };
    // What a killed run left beside the target.
    remove(&staging).map_err(|error| Failure::io("remove", &staging, &error))?;
    let done = stage(&staging, files)
        .and_then(|()| if exists { move_up(&staging, &target) } else { place(&staging, &target) });
    if done.is_err() {
        let _ = remove(&staging);
    }
    done
}

fn stage(staging: &Path, files: &[NewFile]) -> Result<(), Failure> {
    create_folder(staging)?;
    for file in files {
        let path = staging.join(inside(&file.path)?);
        create_parents(&path)?;
        let write = || -> io::Result<()> {
            let mut open = OpenOptions::new().write(true).create_new(true).mode(file.mode).open(&path)?;
            open.set_permissions(Permissions::from_mode(file.mode))?;
            open.write_all(&file.bytes)
        };
        write().map_err(|error| Failure::io("write", &path, &error))?;
    }
    Ok(())
}

fn place(staging: &Path, target: &Path) -> Result<(), Failure> {
    let moved = match renameat_with(CWD, staging, CWD, target, RenameFlags::NOREPLACE) {
        // Not every file system knows the flag.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::rename(staging, target),
        other => other.map_err(io::Error::from),
    };
    moved.map_err(|error| Failure::io("create the folder", target, &error))
}

fn move_up(staging: &Path, target: &Path) -> Result<(), Failure> {
    let mut names = names(staging)?;
    names.sort_by_key(|name| (name == LAST, name.clone()));
    let mut moved: Vec<PathBuf> = Vec::new();
    for name in &names {
        let to = target.join(name);
        let done = renameat_with(CWD, staging.join(name), CWD, &to, RenameFlags::NOREPLACE).map_err(io::Error::from);
        let done = done.or_else(|error| match error.kind() {
            io::ErrorKind::InvalidInput if !to.exists() => fs::rename(staging.join(name), &to),
            _ => Err(error),
        });
        if let Err(error) = done {
            for path in &moved {
                let _ = remove(path);
            }
            return Err(Failure::io("create", &to, &error));
        }
        moved.push(to);
    }
    let _ = fs::remove_dir(staging);
    Ok(())
}

#[allow(clippy::disallowed_methods)] // this is the world
fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::io("read", folder, &error))?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<String>>>()
        .map_err(|error| Failure::io("read", folder, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<NewFile> {
        let file = |path: &str, mode| NewFile { path: path.to_owned(), bytes: path.as_bytes().to_vec(), mode };
        vec![file("profiles/cluster.yaml", 0o644), file("secrets/token", 0o600), file(".gitignore", 0o644)]
    }

    fn tree(folder: &Path) -> Vec<String> {
        let mut all = Vec::new();
        let mut open = vec![folder.to_owned()];
        while let Some(path) = open.pop() {
            for name in names(&path).unwrap() {
                let path = path.join(name);
                if path.is_dir() {
                    open.push(path);
                } else {
                    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                    all.push(format!("{mode:o} {}", path.strip_prefix(folder).unwrap().display()));
                }
            }
        }
        all.sort();
        all
    }

    const WHOLE: [&str; 3] = ["600 secrets/token", "644 .gitignore", "644 profiles/cluster.yaml"];

    #[test]
    fn a_new_folder_and_an_empty_one() {
        let scratch = tempfile::tempdir().unwrap();
        let new = scratch.path().join("a/b");
        write(&new, &files()).unwrap();
        assert_eq!(tree(&new), WHOLE);
        assert_eq!(names(new.parent().unwrap()).unwrap(), ["b"]);
        let empty = scratch.path().join("empty");
        fs::create_dir_all(empty.join(".git/objects")).unwrap();
        write(&empty, &files()).unwrap();
        assert_eq!(tree(&empty), WHOLE);
        let mut there = names(&empty).unwrap();
        there.sort();
        assert_eq!(there, [".git", ".gitignore", "profiles", "secrets"]);
    }

    #[test]
    fn nothing_is_written_over() {
        let scratch = tempfile::tempdir().unwrap();
        let full = scratch.path().join("full");
        fs::create_dir(&full).unwrap();
        fs::File::create(full.join(".hidden")).unwrap();
        assert!(write(&full, &files()).unwrap_err().message.contains("is not empty"));
        assert_eq!(tree(&full), ["644 .hidden"]);
        assert!(write(&full.join(".hidden"), &files()).unwrap_err().message.contains("is not a folder"));
        assert!(write(&full.join(".hidden/below"), &files()).is_err());
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let (new, empty) = (scratch.path().join("new"), scratch.path().join("empty"));
        fs::create_dir(&empty).unwrap();
        let mut bad = files();
        bad.push(NewFile { path: "../out".to_owned(), bytes: Vec::new(), mode: 0o644 });
        for folder in [&new, &empty] {
            assert!(write(folder, &bad).is_err());
        }
        assert_eq!(names(scratch.path()).unwrap(), ["empty"]);
        assert!(names(&empty).unwrap().is_empty());
    }
}
