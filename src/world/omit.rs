//! A world that keeps its secrets to itself.

use super::{Entry, Trouble, World};
use crate::model::scalar::SecretRef;

/// Another world, whose secrets are never asked for: the mark of a gap stands for each.
pub struct Omit<'a>(pub &'a dyn World);

impl std::fmt::Debug for Omit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Omit")
    }
}

impl World for Omit<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        self.0.read(path)
    }

    fn has(&self, path: &str) -> bool {
        self.0.has(path)
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        self.0.list(path)
    }

    fn walk(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        self.0.walk(path)
    }

    fn secret(&self, reference: &SecretRef) -> Result<Vec<u8>, Trouble> {
        Ok(reference.gap().into_bytes())
    }

    fn library(&self, path: &str) -> Result<Box<dyn World + '_>, Trouble> {
        self.0.library(path)
    }

    fn omits_secrets(&self) -> bool {
        true
    }
}
