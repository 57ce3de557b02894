//! Where every output field came from.

use super::Path;
use crate::diag::Span;
use std::collections::BTreeMap;

/// Maps paths of an output document to the places that they were written at.
///
/// Only the paths where the origin changes need an entry: a path without one has the origin of its
/// nearest ancestor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    origins: BTreeMap<Path, Span>,
}

impl Trace {
    /// Records that `path`, and all below it, comes from `span`.
    pub fn set(&mut self, path: Path, span: Span) {
        self.origins.insert(path, span);
    }

    /// Where `path` came from: its own entry or that of its nearest ancestor.
    pub fn span(&self, path: &Path) -> Option<Span> {
        let mut at = Some(path.clone());
        while let Some(path) = at {
            if let Some(span) = self.origins.get(&path) {
                return Some(*span);
            }
            at = path.parent();
        }
        None
    }

    /// Where `path` itself was written, if that is known more closely than of its ancestors.
    pub fn exact(&self, path: &Path) -> Option<Span> {
        self.origins.get(path).copied()
    }

    /// Takes over the entries at or below `from` in `other`, as entries at or below `to`.
    pub fn graft(&mut self, to: &Path, other: &Self, from: &Path) {
        if let Some(span) = other.span(from) {
            self.set(to.clone(), span);
        }
        for (path, span) in other.origins.range(from.clone()..).take_while(|(path, _)| path.starts_with(from)) {
            let steps = to.steps().iter().chain(&path.steps()[from.steps().len()..]).cloned();
            self.set(steps.collect(), *span);
        }
    }
}
