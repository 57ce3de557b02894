//! A project with a library behind it: what the project lacks, the library has.
//!
//! Both are confined, each to its own folder. A path that begins as the library was named is one of the library's, so
//! that whoever reads a file names the one that was read (`../../butane/haproxy.bu`).

use super::{Entry, Trouble, World};
use crate::model::path::clean;
use crate::model::scalar::SecretRef;
use std::collections::BTreeMap;

/// A project, and the library that it names.
pub struct Layers<'w> {
    project: &'w dyn World,
    library: Option<Library<'w>>,
}

struct Library<'w> {
    /// How the project names it, with `/` at the end.
    prefix: String,
    world: Box<dyn World + 'w>,
}

/// A file of the project or of its library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The entry; its path is relative to the folder that was listed.
    pub entry: Entry,
    /// Its path as the project sees it.
    pub path: String,
    /// Whether it is the library's.
    pub shared: bool,
}

impl<'w> Layers<'w> {
    /// A project that has no library.
    pub fn alone(project: &'w dyn World) -> Self {
        Self { project, library: None }
    }

    /// A project with a library, by its path from the project's root.
    pub fn with_library(project: &'w dyn World, path: &str) -> Result<Self, Trouble> {
        let world = project.library(path)?;
        Ok(Self { project, library: Some(Library { prefix: format!("{}/", clean(path)), world }) })
    }

    /// The path under which a file or folder is to be read: the library's, if the project has none of this name.
    pub fn find(&self, path: &str) -> String {
        match &self.library {
            Some(library) if !self.project.has(path) && library.world.has(path) => format!("{}{path}", library.prefix),
            _ => path.to_owned(),
        }
    }

    /// The library's path of a file that the project has, if the library has one of this name too.
    pub fn replaced(&self, path: &str) -> Option<String> {
        let library = self.library.as_ref().filter(|library| self.project.has(path) && library.world.has(path))?;
        Some(format!("{}{path}", library.prefix))
    }

    /// Whether a path is one of the library's.
    pub fn is_shared(&self, path: &str) -> bool {
        self.of_library(path).is_some()
    }

    /// The entries of a folder in both, sorted by name; the project's win.
    pub fn list_all(&self, folder: &str) -> Result<Vec<Found>, Trouble> {
        self.join(folder, |world| world.list(folder))
    }

    /// Everything below a folder in both, sorted by path; the project's win.
    pub fn walk_all(&self, folder: &str) -> Result<Vec<Found>, Trouble> {
        self.join(folder, |world| world.walk(folder))
    }

    fn join(
        &self,
        folder: &str,
        read: impl Fn(&dyn World) -> Result<Vec<Entry>, Trouble>,
    ) -> Result<Vec<Found>, Trouble> {
        let own = read(self.project);
        let Some(library) = &self.library else { return Ok(found(own?, format!("{folder}/"), false).collect()) };
        let theirs = read(&*library.world);
        if own == Err(Trouble::Missing) && theirs == Err(Trouble::Missing) {
            return Err(Trouble::Missing);
        }
        let some = |entries| match entries {
            Err(Trouble::Missing) => Ok(Vec::new()),
            other => other,
        };
        let theirs = found(some(theirs)?, format!("{}{folder}/", library.prefix), true);
        let all = theirs.chain(found(some(own)?, format!("{folder}/"), false));
        let joined: BTreeMap<String, Found> = all.map(|found| (found.entry.path.clone(), found)).collect();
        Ok(joined.into_values().collect())
    }

    fn of_library<'p>(&self, path: &'p str) -> Option<(&dyn World, &'p str)> {
        let library = self.library.as_ref()?;
        path.strip_prefix(library.prefix.as_str()).map(|rest| (&*library.world, rest))
    }

    /// Who has a path, and what it is called there.
    fn owner<'p>(&self, path: &'p str) -> (&dyn World, &'p str) {
        self.of_library(path).unwrap_or((self.project, path))
    }
}

fn found(entries: Vec<Entry>, prefix: String, shared: bool) -> impl Iterator<Item = Found> {
    entries.into_iter().map(move |entry| Found { path: format!("{prefix}{}", entry.path), entry, shared })
}

impl World for Layers<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        let (world, path) = self.owner(path);
        world.read(path)
    }

    fn has(&self, path: &str) -> bool {
        let (world, path) = self.owner(path);
        world.has(path)
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        let (world, path) = self.owner(path);
        world.list(path)
    }

    fn walk(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        let (world, path) = self.owner(path);
        world.walk(path)
    }

    fn secret(&self, reference: &SecretRef) -> Result<Vec<u8>, Trouble> {
        self.project.secret(reference)
    }

    fn omits_secrets(&self) -> bool {
        self.project.omits_secrets()
    }

    fn library(&self, path: &str) -> Result<Box<dyn World + '_>, Trouble> {
        self.project.library(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::memory::MemoryWorld;

    fn project() -> MemoryWorld {
        let mut library = MemoryWorld::new();
        library.file("butane/a.bu", "theirs").file("butane/b.bu", "theirs").file("butane/files/x/y", "theirs");
        library.link("butane/out.bu", "../../secret").file("butane/gone.bu", "theirs");
        let mut project = MemoryWorld::new();
        project.file("butane/b.bu", "own").file("butane/c.bu", "own").link("butane/gone.bu", "nowhere");
        project.file("a", "a").library_at("../..", library);
        project
    }

    #[test]
    fn the_project_wins_and_the_path_tells() {
        let project = project();
        let layers = Layers::with_library(&project, ".././..").unwrap();
        for (path, real, text) in [
            ("butane/a.bu", "../../butane/a.bu", Ok(b"theirs".to_vec())),
            ("butane/b.bu", "butane/b.bu", Ok(b"own".to_vec())),
            ("butane/c.bu", "butane/c.bu", Ok(b"own".to_vec())),
            ("butane/none.bu", "butane/none.bu", Err(Trouble::Missing)),
            // A link that leads nowhere is the project's own mistake, no reason to look elsewhere.
            ("butane/gone.bu", "butane/gone.bu", Err(Trouble::Missing)),
            // Confined to the library as the project is to itself.
            ("butane/out.bu", "../../butane/out.bu", Err(Trouble::Escapes)),
            ("butane/files/x", "../../butane/files/x", Err(Trouble::WrongKind)),
        ] {
            assert_eq!((layers.find(path).as_str(), layers.read(real)), (real, text), "{path}");
        }
        assert_eq!(layers.read("../../../etc/passwd"), Err(Trouble::Escapes));
        assert_eq!(layers.replaced("butane/b.bu").as_deref(), Some("../../butane/b.bu"));
        assert_eq!((layers.replaced("butane/a.bu"), layers.replaced("butane/c.bu")), (None, None));
        assert!(layers.is_shared("../../butane/a.bu") && !layers.is_shared("butane/a.bu"));
    }

    #[test]
    fn both_are_listed_as_one() {
        let project = project();
        let layers = Layers::with_library(&project, "../..").unwrap();
        let paths = |all: Vec<Found>| -> Vec<String> { all.into_iter().map(|found| found.path).collect() };
        let both = ["../../butane/a.bu", "butane/b.bu", "butane/c.bu", "../../butane/files", "butane/gone.bu"];
        assert_eq!(paths(layers.list_all("butane").unwrap())[..5], both);
        assert_eq!(paths(layers.walk_all("butane/files").unwrap()), ["../../butane/files/x", "../../butane/files/x/y"]);
        assert_eq!(layers.list_all("none"), Err(Trouble::Missing));
        assert_eq!(layers.list_all("a"), Err(Trouble::WrongKind));
        assert_eq!(layers.list("butane").unwrap().len(), 3, "a plain listing is the project's own");
        let alone = Layers::alone(&project);
        assert_eq!(alone.list_all("butane").unwrap().len(), 3);
        assert!(matches!(Layers::with_library(&project, "../none"), Err(Trouble::Missing)));
    }
}
