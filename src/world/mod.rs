//! The only way to the outside: files and environment.
//!
//! Phases get a `&dyn World`; nothing else touches the disk. [`disk`] is the real one, confined to the
//! project; [`memory`] serves tests, fuzzing and library users; [`layers`] puts a library behind either.

pub mod again;
mod beneath;
pub mod disk;
pub mod file;
pub mod fresh;
pub mod git;
pub mod layers;
pub mod local;
pub mod memory;
pub mod omit;
pub mod output;
pub mod record;

use crate::model::scalar::SecretRef;

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It does not exist.
    Missing,
    /// The path leads out of the project, directly or through a symbolic link.
    Escapes,
    /// It is larger than [`LIMIT`].
    TooLarge,
    /// It is not a regular file (or not a directory, when one was asked for).
    WrongKind,
    /// Anything else, in the system's words.
    Other(String),
}

/// No file larger than this is read: 64 MiB.
pub const LIMIT: u64 = 64 << 20;

/// What a directory entry is, symbolic links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file; whether anybody may execute it.
    File {
        /// Whether any execute bit is set.
        executable: bool,
    },
    /// A directory.
    Directory,
    /// A symbolic link, not followed (only from [`World::walk`]).
    Link,
    /// A device, socket or pipe.
    Other,
}

/// A directory entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Path relative to the directory that was listed, with `/` between components.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Where a symbolic link points.
    pub target: Option<String>,
}

/// Everything that bake reads. All paths are relative to the project's root, with `/` between components.
pub trait World: Sync {
    /// The bytes of a file inside the project.
    fn read(&self, path: &str) -> Result<Vec<u8>, Trouble>;

    /// The entries of a directory inside the project, sorted by name; links are followed.
    fn list(&self, path: &str) -> Result<Vec<Entry>, Trouble>;

    /// Everything below a directory inside the project, sorted by path; links are not followed.
    fn walk(&self, path: &str) -> Result<Vec<Entry>, Trouble>;

    /// Whether there is something at a path inside the project, be it a link that leads nowhere or out of it.
    fn has(&self, path: &str) -> bool;

    /// The value of a secret. Files may lie outside the project.
    fn secret(&self, reference: &SecretRef) -> Result<Vec<u8>, Trouble>;

    /// Whether [`Self::secret`] gives the marks of gaps ([`SecretRef::gap`]) and no values.
    fn omits_secrets(&self) -> bool {
        false
    }

    /// A folder that other projects use too, as a world of its own. It may lie outside the project.
    fn library(&self, path: &str) -> Result<Box<dyn World + '_>, Trouble>;
}

/// A system error in its own words, without the number, lower-case as in all our messages.
fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_lowercase().chain(rest).collect())
}
