//! Local files that a Butane config includes, read beforehand: translating asks this map and nothing else.

use std::collections::{BTreeMap, BTreeSet};

/// Bytes as a text: each byte that is not UTF-8 becomes a replacement character, as in the reference's JSON.
pub fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(std::iter::repeat_n(char::REPLACEMENT_CHARACTER, chunk.invalid().len()));
    }
    text
}

/// What a config refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Files, as the config names them.
    pub files: BTreeSet<String>,
    /// Directories, as the config names them.
    pub trees: BTreeSet<String>,
}

/// A file that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether anybody may execute it.
    pub executable: bool,
    /// Whether a secret is in it.
    pub secret: bool,
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalError {
    /// No directory for local files was named.
    NoDirectory,
    /// The path leads out of that directory.
    Escapes,
    /// The root of a tree is no directory.
    NotADirectory,
    /// Anything else, in the reader's words.
    Failed(String),
}

/// Something in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeNode {
    /// A directory; what is in it follows.
    Directory,
    /// A file.
    File {
        /// Its bytes.
        bytes: Result<Vec<u8>, LocalError>,
        /// Whether anybody may execute it.
        executable: bool,
        /// Whether a secret is in it.
        secret: bool,
    },
    /// A symbolic link and where it points.
    Link(Result<String, LocalError>),
    /// A device, socket or pipe.
    Other,
    /// Looking at it failed.
    Failed(LocalError),
}

/// A tree that was read: paths below its root (the root itself is the empty path) in the order of a walk that
/// sorts each directory by name.
pub type Tree = Vec<(String, TreeNode)>;

/// Everything local that a config refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locals {
    /// Files by the name that the config uses.
    pub files: BTreeMap<String, Result<LocalFile, LocalError>>,
    /// Trees by the name that the config uses.
    pub trees: BTreeMap<String, Result<Tree, LocalError>>,
}

impl Locals {
    /// The file that the config calls `name`. One that was not read is one that may not be.
    pub fn file(&self, name: &str) -> Result<&LocalFile, LocalError> {
        match self.files.get(name) {
            Some(Ok(file)) => Ok(file),
            Some(Err(error)) => Err(error.clone()),
            None => Err(LocalError::NoDirectory),
        }
    }

    /// The tree that the config calls `name`.
    pub fn tree(&self, name: &str) -> Result<&Tree, LocalError> {
        match self.trees.get(name) {
            Some(Ok(tree)) => Ok(tree),
            Some(Err(error)) => Err(error.clone()),
            None => Err(LocalError::NoDirectory),
        }
    }
}

impl std::fmt::Display for LocalError {
    /// In the words of the reference.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoDirectory => {
                "local file paths are relative to a files directory that must be specified with -d/--files-dir"
            }
            Self::Escapes => "local file path traverses outside the files directory",
            Self::NotADirectory => "root of tree must be a directory",
            Self::Failed(why) => why,
        })
    }
}
