//! Single files that the command line names: read whole, and written whole or not at all.

use super::output::{Failure, PUBLIC};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The bytes of a file.
///
/// # Errors
/// What the system says, with the path.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    all(path, File::open(path))
}

/// Everything from standard input.
///
/// # Errors
/// What the system says.
pub fn read_input() -> Result<Vec<u8>, Failure> {
    all(Path::new("/dev/stdin"), Ok(io::stdin().lock()))
}

fn all(path: &Path, from: io::Result<impl io::Read>) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = from.and_then(|mut from| from.read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| Failure::io("read", path, &error))
}

/// Writes a file that everybody may read; one that is there is replaced in one step. What is no regular file (a device, a
/// pipe) is written to.
///
/// # Errors
/// What the system says, with the path; then the old file is as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: &io::Error| Failure::io("write", path, error);
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if target.metadata().is_ok_and(|found| !found.is_file()) {
        let file = OpenOptions::new().write(true).open(&target);
        return file.and_then(|mut file| file.write_all(bytes)).map_err(|error| failed(&error));
    }
    let staging = beside(&target).ok_or_else(|| failed(&io::ErrorKind::IsADirectory.into()))?;
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(PUBLIC).open(&staging);
    let written = file.and_then(|mut file| file.write_all(bytes)).and_then(|()| fs::rename(&staging, &target));
    written.map_err(|error| {
        fs::remove_file(&staging).ok();
        failed(&error)
    })
}

/// Where the new file is while it grows.
fn beside(target: &Path) -> Option<PathBuf> {
    let name = target.file_name()?.to_string_lossy();
    Some(target.with_file_name(format!(".{name}.{}.bake-new", std::process::id())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)] // this is the world
    fn files_are_replaced_and_nothing_stays_beside_them() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a.html");
        let link = scratch.path().join("link.html");
        std::os::unix::fs::symlink("a.html", &link).unwrap();
        replace(&path, b"one").unwrap();
        replace(&link, b"two").unwrap();
        assert_eq!(read(&path).unwrap(), b"two");
        assert!(link.is_symlink());
        let names: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        replace(Path::new("/dev/null"), b"x").unwrap();
        let error = replace(&scratch.path().join("no/a"), b"").unwrap_err();
        assert!(error.message.starts_with("cannot write `") && error.message.contains("no/a"), "{error:?}");
        assert!(replace(scratch.path(), b"").is_err());
    }
}
