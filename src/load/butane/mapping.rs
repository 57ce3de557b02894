//! Mappings: keys that must be unique, and merges (`<<`).

use super::reader::Decoder;
use super::resolve;
use crate::load::yaml::{Content, NodeId};
use crate::model::quote::quote;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Merges nested deeper are refused: they are read recursively.
const MERGES: usize = 200;

/// Mappings whose keys are compared one by one.
const SMALL: usize = 16;

/// Repeated keys of one mapping that are reported. The reference reports every pair.
const REPEATED: usize = 1000;

/// Takes a key's text, the key and the value.
type Each<'e, 'a> = &'e mut dyn FnMut(&mut Decoder<'a>, Cow<'a, str>, NodeId, NodeId);

impl<'a> Decoder<'a> {
    /// Whether no key is written twice; reports those that are.
    pub(super) fn unique(&mut self, entries: &[(NodeId, NodeId)]) -> bool {
        // Nearly all mappings are small, and nearly all keys of them differ.
        let differs = |(index, (key, _)): (usize, &(NodeId, NodeId))| {
            let text = self.document.key_text(*key);
            entries[..index].iter().all(|(other, _)| self.document.key_text(*other) != text)
        };
        if entries.len() <= SMALL && entries.iter().enumerate().all(differs) {
            return true;
        }
        let mut places: BTreeMap<(u8, &str), Vec<NodeId>> = BTreeMap::new();
        for (key, _) in entries {
            let kind = match self.document.node(*key).content {
                Content::Scalar { .. } => 0,
                Content::Sequence(_) => 1,
                Content::Mapping(_) => 2,
                Content::Alias(_) => 3,
            };
            places.entry((kind, self.document.key_text(*key))).or_default().push(*key);
        }
        if places.len() == entries.len() {
            return true;
        }
        let mut pairs: Vec<(NodeId, NodeId)> = Vec::new();
        for same in places.values() {
            for (index, first) in same.iter().enumerate() {
                pairs.extend(same[index + 1..].iter().take(REPEATED).map(|again| (*first, *again)));
                if pairs.len() > REPEATED {
                    break;
                }
            }
        }
        pairs.sort_unstable();
        for (first, again) in pairs.into_iter().take(REPEATED) {
            let line = self.document.node(first).at.line;
            let text = quote(self.document.key_text(again));
            let node = self.document.node(again);
            self.problem(node, format!("mapping key {text} already defined at line {line}"));
        }
        false
    }

    /// Calls `each` for every entry, those of merges last. `merged` holds the keys that are taken already
    /// while a merge is being read.
    pub(super) fn each_entry(
        &mut self,
        entries: &'a [(NodeId, NodeId)],
        mut merged: Option<&mut BTreeSet<Cow<'a, str>>>,
        each: Each<'_, 'a>,
    ) {
        let mut merge = None;
        for (key, value) in entries {
            if self.failed() {
                return;
            }
            if resolve::is_merge(self.document.node(*key)) {
                merge = Some(*value);
                continue;
            }
            let Some(text) = self.key(*key) else { continue };
            if merged.as_mut().is_some_and(|taken| !taken.insert(text.clone())) {
                continue;
            }
            each(self, text, *key, *value);
        }
        let Some(merge) = merge else { return };
        if let Some(taken) = merged {
            self.merge(merge, taken, each);
        } else {
            let mut taken = self.taken(entries);
            self.merge(merge, &mut taken, each);
        }
    }

    /// The keys of a mapping, none of which a merge may set.
    fn taken(&mut self, entries: &'a [(NodeId, NodeId)]) -> BTreeSet<Cow<'a, str>> {
        entries.iter().filter_map(|(key, _)| self.key(*key)).collect()
    }

    fn merge(&mut self, value: NodeId, taken: &mut BTreeSet<Cow<'a, str>>, each: Each<'_, 'a>) {
        self.merging += 1;
        if self.merging > MERGES {
            self.fail("merges are nested too deeply");
        } else if let Content::Sequence(items) = &self.document.node(value).content {
            for item in items {
                if !self.failed() {
                    self.merge_one(*item, taken, each);
                }
            }
        } else {
            self.merge_one(value, taken, each);
        }
        self.merging -= 1;
    }

    fn merge_one(&mut self, value: NodeId, taken: &mut BTreeSet<Cow<'a, str>>, each: Each<'_, 'a>) {
        let target = match self.document.node(value).content {
            Content::Alias(target) => target,
            _ => value,
        };
        let Content::Mapping(entries) = &self.document.node(target).content else {
            self.fail("map merge requires map or sequence of maps as the value");
            return;
        };
        self.visit(value, &mut |reader| {
            if reader.unique(entries) {
                reader.each_entry(entries, Some(taken), each);
            }
        });
    }
}
