//! A world without a disk: for tests, fuzzing and library users.

use super::{Entry, Kind, LIMIT, Trouble, World};
use crate::model::path::clean;
use crate::model::scalar::SecretRef;
use std::collections::{BTreeMap, BTreeSet};

/// How many symbolic links are followed on the way to one file, as Linux does.
const LINKS: usize = 40;

/// Files, symbolic links and environment variables in memory.
///
/// Paths are relative to the project's root. A path with a leading `/` lies outside the project and is
/// reachable by secrets only.
#[derive(Clone, Default)]
pub struct MemoryWorld {
    files: BTreeMap<String, Stored>,
    environment: BTreeMap<String, Vec<u8>>,
    libraries: BTreeMap<String, MemoryWorld>,
}

#[derive(Clone)]
enum Stored {
    File { bytes: Vec<u8>, executable: bool },
    Link(String),
}

impl std::fmt::Debug for MemoryWorld {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.files.keys()).entries(self.environment.keys()).finish()
    }
}

impl MemoryWorld {
    /// An empty project.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    pub fn file(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.files.insert(path.into(), Stored::File { bytes: bytes.into(), executable: false });
        self
    }

    /// Adds a file that everybody may execute.
    pub fn executable(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.files.insert(path.into(), Stored::File { bytes: bytes.into(), executable: true });
        self
    }

    /// Adds a symbolic link to `target`, which is relative to the link's own directory unless it is absolute.
    pub fn link(&mut self, path: impl Into<String>, target: impl Into<String>) -> &mut Self {
        self.files.insert(path.into(), Stored::Link(target.into()));
        self
    }

    /// Sets an environment variable.
    pub fn env(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Adds a library under the path by which the project names it.
    pub fn library_at(&mut self, path: impl Into<String>, library: MemoryWorld) -> &mut Self {
        self.libraries.insert(clean(&path.into()), library);
        self
    }

    /// The path with `.`, `..` and all symbolic links resolved, confined to the project.
    fn resolve(&self, path: &str) -> Result<String, Trouble> {
        let mut todo: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        if path.starts_with('/') {
            return Err(Trouble::Escapes);
        }
        while let Some(step) = todo.pop() {
            match step.as_str() {
                "" | "." => continue,
                ".." => {
                    done.pop().ok_or(Trouble::Escapes)?;
                    continue;
                }
                _ => done.push(step),
            }
            if let Some(Stored::Link(target)) = self.files.get(&done.join("/")) {
                links += 1;
                if target.starts_with('/') {
                    return Err(Trouble::Escapes);
                }
                if links > LINKS {
                    return Err(Trouble::Other("too many levels of symbolic links".to_owned()));
                }
                done.pop();
                todo.extend(target.split('/').rev().map(str::to_owned));
            }
        }
        Ok(done.join("/"))
    }

    /// Whether any file lies below `directory` (resolved).
    fn is_directory(&self, directory: &str) -> bool {
        directory.is_empty() || self.below(directory).next().is_some()
    }

    /// Files below `directory` (resolved), by their path from there.
    fn below<'a>(&'a self, directory: &str) -> impl Iterator<Item = (&'a str, &'a Stored)> {
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let start = prefix.clone();
        self.files
            .range(start..)
            .map_while(move |(path, stored)| path.strip_prefix(prefix.as_str()).map(|rest| (rest, stored)))
            .filter(|(rest, _)| !rest.starts_with('/'))
    }

    fn kind(&self, path: &str) -> Kind {
        let Ok(path) = self.resolve(path) else { return Kind::Link };
        match self.files.get(&path) {
            Some(Stored::File { executable, .. }) => Kind::File { executable: *executable },
            _ if self.is_directory(&path) => Kind::Directory,
            _ => Kind::Link,
        }
    }

    fn directory(&self, path: &str) -> Result<String, Trouble> {
        let path = self.resolve(path)?;
        match self.files.get(&path) {
            Some(_) => Err(Trouble::WrongKind),
            None if self.is_directory(&path) => Ok(path),
            None => Err(Trouble::Missing),
        }
    }
}

impl World for MemoryWorld {
    fn read(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        let path = self.resolve(path)?;
        match self.files.get(&path) {
            Some(Stored::File { bytes, .. }) if bytes.len() as u64 > LIMIT => Err(Trouble::TooLarge),
            Some(Stored::File { bytes, .. }) => Ok(bytes.clone()),
            Some(Stored::Link(_)) => Err(Trouble::WrongKind),
            None if self.is_directory(&path) => Err(Trouble::WrongKind),
            None => Err(Trouble::Missing),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        let directory = self.directory(path)?;
        let names: BTreeSet<&str> = self.below(&directory).filter_map(|(rest, _)| rest.split('/').next()).collect();
        let entry = |name: &str| {
            let whole = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
            Entry { path: name.to_owned(), kind: self.kind(&whole), target: None }
        };
        Ok(names.into_iter().map(entry).collect())
    }

    fn walk(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        let directory = self.directory(path)?;
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for (rest, stored) in self.below(&directory) {
            for (at, _) in rest.match_indices('/') {
                let path = rest[..at].to_owned();
                entries.insert(path.clone(), Entry { path, kind: Kind::Directory, target: None });
            }
            let (kind, target) = match stored {
                Stored::File { executable, .. } => (Kind::File { executable: *executable }, None),
                Stored::Link(target) => (Kind::Link, Some(target.clone())),
            };
            entries.insert(rest.to_owned(), Entry { path: rest.to_owned(), kind, target });
        }
        Ok(entries.into_values().collect())
    }

    fn has(&self, path: &str) -> bool {
        let linked = self.files.contains_key(&clean(path));
        let there = |path: String| self.files.contains_key(&path) || self.is_directory(&path);
        linked || self.resolve(path).map_or(true, there)
    }

    fn library(&self, path: &str) -> Result<Box<dyn World + '_>, Trouble> {
        match self.libraries.get(&clean(path)) {
            Some(library) => Ok(Box::new(library.clone())),
            None => Err(Trouble::Missing),
        }
    }

    fn secret(&self, reference: &SecretRef) -> Result<Vec<u8>, Trouble> {
        match reference {
            SecretRef::Env(name) => self.environment.get(name).cloned().ok_or(Trouble::Missing),
            SecretRef::File(path) => match self.files.get(path) {
                Some(Stored::File { bytes, .. }) => Ok(bytes.strip_suffix(b"\n").unwrap_or(bytes).to_vec()),
                _ => Err(Trouble::Missing),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> MemoryWorld {
        let mut world = MemoryWorld::new();
        world.file("a/b.txt", "b").executable("a/c/run", "run").link("a/out", "../../etc/passwd");
        world.link("a/in", "c/run").link("loop", "loop").link("dir", "a").file("/run/secret", "s").env("X", "x");
        world
    }

    #[test]
    fn reads_inside_only() {
        let world = world();
        assert_eq!(world.read("a/b.txt"), Ok(b"b".to_vec()));
        assert_eq!(world.read("dir/b.txt"), Ok(b"b".to_vec()));
        assert_eq!(world.read("a/in"), Ok(b"run".to_vec()));
        assert_eq!(world.read("a/out"), Err(Trouble::Escapes));
        assert_eq!(world.read("a/../../x"), Err(Trouble::Escapes));
        assert_eq!(world.read("/run/secret"), Err(Trouble::Escapes));
        assert_eq!(world.read("a"), Err(Trouble::WrongKind));
        assert_eq!(world.read("none"), Err(Trouble::Missing));
        assert!(matches!(world.read("loop"), Err(Trouble::Other(_))));
    }

    #[test]
    fn lists_sorted() {
        let world = world();
        let names: Vec<_> = world.list("a").unwrap().into_iter().map(|entry| (entry.path, entry.kind)).collect();
        let file = |executable| Kind::File { executable };
        let own = |name: &str, kind| (name.to_owned(), kind);
        assert_eq!(
            names,
            [own("b.txt", file(false)), own("c", Kind::Directory), own("in", file(true)), own("out", Kind::Link)]
        );
        let walked: Vec<_> = world.walk("a").unwrap().into_iter().map(|entry| entry.path).collect();
        assert_eq!(walked, ["b.txt", "c", "c/run", "in", "out"]);
        assert_eq!(world.list("b"), Err(Trouble::Missing));
    }

    #[test]
    fn secrets_may_lie_outside() {
        let world = world();
        assert_eq!(world.secret(&SecretRef::File("/run/secret".to_owned())), Ok(b"s".to_vec()));
        assert_eq!(world.secret(&SecretRef::Env("X".to_owned())), Ok(b"x".to_vec()));
        assert_eq!(world.secret(&SecretRef::Env("Y".to_owned())), Err(Trouble::Missing));
        assert!(!format!("{world:?}").contains("\"s\""));
    }
}
