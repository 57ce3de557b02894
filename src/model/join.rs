//! Ignition's way to merge two configs of one type: the child wins field by field, elements of lists are the
//! same if their keys are, and lists of options are appended.

use super::Path;
use super::ignition::{Key, Keyed};
use super::path::At;
use super::shape::Field;
use std::collections::{BTreeMap, BTreeSet};

/// Where a value stands in the child and in the result.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// In the child.
    pub child: At<'a>,
    /// In the result, which has everything of the parent where the parent had it.
    pub result: At<'a>,
}

impl Sides<'_> {
    /// One key further on both sides.
    pub fn key<'b>(&'b self, key: &'static str) -> Sides<'b> {
        Sides { child: self.child.key(key), result: self.result.key(key) }
    }

    /// One element further, the elements being at different positions.
    pub fn index(&self, child: usize, result: usize) -> Sides<'_> {
        Sides { child: self.child.index(child), result: self.result.index(result) }
    }

    /// The two paths.
    pub fn paths(&self) -> (Path, Path) {
        (self.child.path(), self.result.path())
    }
}

/// Is told what a merge takes over.
pub trait Scribe {
    /// `value`, and all below it, was taken from the child. `before` is what the parent said about it, if
    /// it said something else or the same.
    fn takes(&mut self, at: &Sides<'_>, value: &dyn Field, before: Option<&dyn Field>);

    /// A list or record has contributions of both.
    fn shares(&mut self, at: &Sides<'_>);
}

/// Values that can be merged.
pub trait Join: Field + Sized {
    /// Merges `child` into the parent, `self`.
    fn join(&mut self, child: Self, at: &Sides<'_>, scribe: &mut dyn Scribe);
}

macro_rules! leaves {
    ($($type:ty),*) => {$(
        impl Join for $type {
            fn join(&mut self, child: Self, at: &Sides<'_>, scribe: &mut dyn Scribe) {
                scribe.takes(at, &child, Some(self));
                *self = child;
            }
        }
        impl Join for Option<$type> {
            fn join(&mut self, child: Self, at: &Sides<'_>, scribe: &mut dyn Scribe) {
                if child.is_some() {
                    let before = self.as_ref().map(|value| -> &dyn Field { value });
                    scribe.takes(at, &child, before);
                    *self = child;
                }
            }
        }
    )*};
}
leaves!(bool, i64, String);

impl<T: Join + Keyed + Clone> Join for Vec<T> {
    fn join(&mut self, child: Self, at: &Sides<'_>, scribe: &mut dyn Scribe) {
        if child.is_empty() {
            return;
        }
        scribe.shares(at);
        if self.is_empty() {
            for (index, item) in child.iter().enumerate() {
                scribe.takes(&at.index(index, index), item, None);
            }
            *self = child;
            return;
        }
        // Of repeated keys in the child the last one is merged, and each of the parent's takes it.
        let mut theirs: BTreeMap<Key<'_>, usize> = BTreeMap::new();
        for (index, item) in child.iter().enumerate() {
            theirs.insert(item.key(), index);
        }
        let mut merged = vec![false; child.len()];
        let mut pairs = Vec::new();
        let mut keys: BTreeSet<Key<'_>> = BTreeSet::new();
        for (position, item) in self.iter().enumerate() {
            keys.insert(item.key());
            if let Some(index) = theirs.get(&item.key()) {
                pairs.push((position, *index));
            }
        }
        for (index, item) in child.iter().enumerate() {
            merged[index] = keys.contains(&item.key());
        }
        drop(keys);
        drop(theirs);
        for (position, index) in pairs {
            let sides = at.index(index, position);
            scribe.shares(&sides);
            self[position].join(child[index].clone(), &sides, scribe);
        }
        for (index, item) in child.into_iter().enumerate() {
            if !merged[index] {
                scribe.takes(&at.index(index, self.len()), &item, None);
                self.push(item);
            }
        }
    }
}

/// Appends a list whose elements are not told apart.
pub(super) fn append<T: Field>(mine: &mut Vec<T>, theirs: Vec<T>, at: &Sides<'_>, scribe: &mut dyn Scribe) {
    if theirs.is_empty() {
        return;
    }
    scribe.shares(at);
    for (index, item) in theirs.into_iter().enumerate() {
        scribe.takes(&at.index(index, mine.len()), &item, None);
        mine.push(item);
    }
}
