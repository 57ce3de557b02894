//! What a project is read from, noted while it is read, so that it can be copied to another place.

use super::{Entry, Kind, Trouble, World};
use crate::model::scalar::SecretRef;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Another world, and what was read of it.
pub struct Record<'w> {
    world: Recorded<'w>,
    /// How the project names this folder, with `/` at the end, when it is its library.
    prefix: String,
    seen: Arc<Mutex<Seen>>,
}

enum Recorded<'w> {
    Project(&'w dyn World),
    Library(Box<dyn World + 'w>),
}

/// What was read, by the path that it was read at.
#[derive(Default, Clone)]
pub(super) struct Seen {
    pub(super) files: BTreeMap<String, Stored>,
    pub(super) secrets: BTreeSet<SecretRef>,
}

#[derive(Clone)]
pub(super) enum Stored {
    Folder,
    File { bytes: Vec<u8>, executable: bool },
    Link(String),
}

impl std::fmt::Debug for Record<'_> {
    /// Names only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.seen().files.keys()).finish()
    }
}

impl<'w> Record<'w> {
    /// Nothing was read yet.
    pub fn new(world: &'w dyn World) -> Self {
        Self { world: Recorded::Project(world), prefix: String::new(), seen: Arc::default() }
    }

    /// What was read, by its path from the project's root.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world that this is about.
    pub(super) fn world(&self) -> &dyn World {
        match &self.world {
            Recorded::Project(world) => *world,
            Recorded::Library(world) => world.as_ref(),
        }
    }

    fn note(&self, path: &str, stored: Stored) {
        self.seen().files.insert(format!("{}{path}", self.prefix), stored);
    }

    /// Notes a file whether anybody asks for its contents or not: who knows that it is there may say something about it.
    fn note_file(&self, path: &str, executable: bool) -> bool {
        let bytes = self.world().read(path);
        bytes.map(|bytes| self.note(path, Stored::File { bytes, executable })).is_ok()
    }

    fn note_entries(&self, folder: &str, entries: &[Entry]) {
        self.note(folder, Stored::Folder);
        for entry in entries {
            let path = if folder.is_empty() { entry.path.clone() } else { format!("{folder}/{}", entry.path) };
            match (entry.kind, &entry.target) {
                (Kind::Directory, _) => self.note(&path, Stored::Folder),
                (Kind::Link, Some(target)) => self.note(&path, Stored::Link(target.clone())),
                (Kind::File { executable }, _) => drop(self.note_file(&path, executable)),
                (Kind::Link | Kind::Other, _) => {}
            }
        }
    }

    fn knows(&self, path: &str) -> bool {
        self.seen().files.contains_key(&format!("{}{path}", self.prefix))
    }
}

impl World for Record<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        let bytes = self.world().read(path)?;
        if !self.knows(path) {
            self.note(path, Stored::File { bytes: bytes.clone(), executable: false });
        }
        Ok(bytes)
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        let entries = self.world().list(path)?;
        self.note_entries(path, &entries);
        Ok(entries)
    }

    fn walk(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        let entries = self.world().walk(path)?;
        self.note_entries(path, &entries);
        Ok(entries)
    }

    fn has(&self, path: &str) -> bool {
        let has = self.world().has(path);
        if has && !self.knows(path) && !self.note_file(path, false) {
            self.note(path, Stored::Folder);
        }
        has
    }

    fn secret(&self, reference: &SecretRef) -> Result<Vec<u8>, Trouble> {
        self.seen().secrets.insert(reference.clone());
        self.world().secret(reference)
    }

    fn omits_secrets(&self) -> bool {
        self.world().omits_secrets()
    }

    fn library(&self, path: &str) -> Result<Box<dyn World + '_>, Trouble> {
        let world = Recorded::Library(self.world().library(path)?);
        let prefix = format!("{}{}/", self.prefix, path.trim_end_matches('/'));
        Ok(Box::new(Record { world, prefix, seen: self.seen.clone() }))
    }
}
