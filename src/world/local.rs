//! Local files of a Butane config, read from a directory as the reference reads them.

use crate::model::local::{LocalError, LocalFile, Locals, Tree, TreeNode, Wanted, text_of};
use crate::model::path::clean;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Reads everything that a config wants from `directory`; without one, nothing may be read.
///
/// Paths are followed where they lead, as long as their letters stay inside of the directory.
pub fn read(wanted: &Wanted, directory: Option<&str>) -> Locals {
    let mut locals = Locals::default();
    let Some(directory) = directory.filter(|directory| !directory.is_empty()) else { return locals };
    for name in &wanted.files {
        let file = inside(directory, name).and_then(|path| file(&path));
        locals.files.insert(name.clone(), file);
    }
    for name in &wanted.trees {
        let tree = inside(directory, name).and_then(|path| tree(&path));
        locals.trees.insert(name.clone(), tree);
    }
    locals
}

/// An error as the reference words it: `open a/b: no such file or directory`.
pub fn describe(action: &str, path: &str, error: &io::Error) -> String {
    // Go has no words of its own for a name that the system cannot be asked for.
    let text =
        if error.kind() == io::ErrorKind::InvalidInput { "invalid argument".to_owned() } else { error.to_string() };
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    let text = letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str());
    format!("{action} {path}: {}", text.unwrap_or_default())
}

/// The bytes of a config that was named on the command line.
///
/// # Errors
/// What is to be said about it.
pub fn read_input(path: &str) -> Result<Vec<u8>, String> {
    let failed =
        |verb, action| move |error: io::Error| format!("failed to {verb} {path}: {}", describe(action, path, &error));
    let mut file = fs::File::open(path).map_err(failed("open", "open"))?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut file, &mut bytes).map_err(failed("read", "read"))?;
    Ok(bytes)
}

/// Writes a config to where the command line says. What is there is replaced, and kept if it is a device.
///
/// # Errors
/// What is to be said about it.
pub fn write_output(path: &str, bytes: &[u8]) -> Result<(), String> {
    let mut file =
        fs::File::create(path).map_err(|error| format!("failed to open {path}: {}", describe("open", path, &error)))?;
    io::Write::write_all(&mut file, bytes)
        .map_err(|error| format!("Failed to write config to {path}: {}", describe("write", path, &error)))
}

fn failed<'a>(action: &'a str, path: &'a str) -> impl FnOnce(io::Error) -> LocalError + use<'a> {
    move |error| LocalError::Failed(describe(action, path, &error))
}

fn inside(directory: &str, name: &str) -> Result<String, LocalError> {
    let path = clean(&format!("{directory}/{name}"));
    let base = clean(directory);
    let (path_at, base_at) = (absolute(&path), absolute(&base));
    let below = path_at.strip_prefix(&base_at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if below { Ok(path) } else { Err(LocalError::Escapes) }
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    clean(&format!("{}/{path}", here.display()))
}

fn bytes(path: &Path) -> Result<Vec<u8>, LocalError> {
    let name = shown(path);
    let mut file = fs::File::open(path).map_err(failed("open", &name))?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut file, &mut bytes).map_err(failed("read", &name))?;
    Ok(bytes)
}

fn file(path: &str) -> Result<LocalFile, LocalError> {
    bytes(Path::new(path)).map(|bytes| LocalFile { bytes, executable: false, secret: false })
}

/// A path as a text; names of files need not be one.
fn shown(path: &Path) -> String {
    text_of(path.as_os_str().as_bytes())
}

fn tree(path: &str) -> Result<Tree, LocalError> {
    let metadata = fs::metadata(path).map_err(failed("stat", path))?;
    if !metadata.is_dir() {
        return Err(LocalError::NotADirectory);
    }
    let mut tree = Tree::new();
    // Directories whose entries are still to be visited, as a stack: the next entry is the last one.
    let mut left = vec![(PathBuf::from(path), String::new())];
    while let Some((path, below)) = left.pop() {
        let name = shown(&path);
        let node = match fs::symlink_metadata(&path) {
            Err(error) => TreeNode::Failed(LocalError::Failed(describe("lstat", &name, &error))),
            Ok(metadata) if metadata.is_dir() => match entries(&path) {
                Err(error) => TreeNode::Failed(error),
                Ok(names) => {
                    for name in names.into_iter().rev() {
                        let text = text_of(name.as_bytes());
                        let below = if below.is_empty() { text } else { format!("{below}/{text}") };
                        left.push((inner(&path, &name), below));
                    }
                    TreeNode::Directory
                }
            },
            Ok(metadata) if metadata.is_file() => TreeNode::File {
                bytes: bytes(&path),
                executable: metadata.permissions().mode() & 0o111 != 0,
                secret: false,
            },
            Ok(metadata) if metadata.is_symlink() => {
                let target = fs::read_link(&path).map_err(failed("readlink", &name));
                TreeNode::Link(target.map(|target| shown(&target)))
            }
            Ok(_) => TreeNode::Other,
        };
        tree.push((below, node));
    }
    Ok(tree)
}

/// The path of what is called `name` in a directory.
fn inner(directory: &Path, name: &OsStr) -> PathBuf {
    if directory == Path::new(".") { PathBuf::from(name) } else { directory.join(name) }
}

#[allow(clippy::disallowed_methods)] // this is the world
fn entries(path: &Path) -> Result<Vec<OsString>, LocalError> {
    let shown = shown(path);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed("open", &shown))? {
        let entry = entry.map_err(failed("readdirent", &shown))?;
        names.push(entry.file_name());
    }
    names.sort_unstable();
    Ok(names)
}
