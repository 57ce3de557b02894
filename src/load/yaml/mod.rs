//! YAML to a tree of nodes with positions.
//!
//! Nodes say how they were written and nothing about types: whether `0644` is a number is decided by who
//! reads them (`load::decode` for profiles, `load::butane` for Butane configs).

mod compose;
mod cursor;
mod edit;
mod fault;
mod grammar;
mod scan;
mod text;

pub use text::{BadText, Readable, decode_text, readable};

use crate::diag::{FileId, Position, Span};
use crate::model::{Path, Step};
use std::collections::BTreeMap;

/// Names a node of a [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In single quotes.
    Single,
    /// In double quotes.
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A scalar's text, quotes and indentation removed. A value that is not written is a plain empty text.
    Scalar {
        /// The text.
        text: Box<str>,
        /// How it was written.
        style: Style,
    },
    /// A list.
    Sequence(Vec<NodeId>),
    /// Keys and values in the order in which they were written, duplicates included.
    Mapping(Vec<(NodeId, NodeId)>),
    /// Another node of the same document; it may be a collection that holds this alias.
    Alias(NodeId),
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it is written: from its first property (`&anchor`, `!tag`), from the `|` or `>` of a block
    /// text, or after the colon when it is not written at all.
    pub span: Span,
    /// Line and column of the span's start.
    pub at: Position,
    /// Its tag with the handle resolved: `!!int` is `tag:yaml.org,2002:int`, a local tag keeps its `!`.
    pub tag: Option<Box<str>>,
    /// What it is.
    pub content: Content,
}

/// Why a text is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where the parser stopped.
    pub span: Span,
    /// What is wrong, in the words of the reference compiler where they are known.
    pub message: String,
    /// The line that the reference compiler would name.
    pub line: Option<usize>,
}

impl std::fmt::Display for SyntaxError {
    /// As the reference prints it: `yaml: line 4: did not find expected key`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "yaml: line {line}: {}", self.message),
            None => write!(f, "yaml: {}", self.message),
        }
    }
}

/// The first document of a YAML text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The text that it came from.
    pub file: FileId,
    nodes: Vec<Node>,
    root: Option<NodeId>,
    alias_names: BTreeMap<NodeId, Box<str>>,
}

impl Document {
    /// Reads the first document of `text`, which was decoded by [`decode_text`] and registered as `file`.
    pub fn parse(file: FileId, text: &str) -> Result<Self, SyntaxError> {
        compose::read(file, text, None)
    }

    /// Reads the first document of a text that may be broken behind it.
    pub fn parse_readable(file: FileId, readable: &Readable) -> Result<Self, SyntaxError> {
        compose::read(file, &readable.text, readable.broken.as_ref().map(|bad| bad.message))
    }

    /// The node with this id.
    ///
    /// # Panics
    /// If `id` belongs to another document.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The outermost node; `None` for an empty text.
    pub fn root(&self) -> Option<NodeId> {
        self.root
    }

    /// The name in `*name`; empty for anything but an alias.
    pub fn alias_name(&self, id: NodeId) -> &str {
        self.alias_names.get(&id).map_or("", |name| name)
    }

    /// Every scalar that is written, keys included, in the order of the text.
    pub fn scalars(&self) -> impl Iterator<Item = (NodeId, &str, Style)> {
        (0u32..).map(NodeId).zip(&self.nodes).filter_map(|(id, node)| match &node.content {
            Content::Scalar { text, style } => Some((id, &**text, *style)),
            _ => None,
        })
    }

    /// The elements of every list.
    pub fn lists(&self) -> impl Iterator<Item = &[NodeId]> {
        self.nodes.iter().filter_map(|node| match &node.content {
            Content::Sequence(items) => Some(items.as_slice()),
            _ => None,
        })
    }

    /// The deepest node that exists on `path`. Aliases are not followed, as the reference does not when it
    /// says where something is.
    pub fn find(&self, path: &Path) -> Option<NodeId> {
        let mut at = self.root?;
        for step in path.steps() {
            let next = match (step, &self.node(at).content) {
                (Step::Key(key), Content::Mapping(entries)) => {
                    entries.iter().rfind(|(name, _)| self.key_text(*name) == key.as_ref()).map(|(_, value)| *value)
                }
                (Step::Index(index), Content::Sequence(items)) => items.get(*index).copied(),
                _ => None,
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        Some(at)
    }

    /// The value of `key` in a mapping, aliases not followed; of repeated keys the last one counts.
    pub fn value(&self, mapping: NodeId, key: &str) -> Option<NodeId> {
        let Content::Mapping(entries) = &self.node(mapping).content else { return None };
        entries.iter().rfind(|(name, _)| self.key_text(*name) == key).map(|(_, value)| *value)
    }

    /// The key at the end of `path`, if everything on it exists.
    pub fn find_key(&self, path: &Path) -> Option<NodeId> {
        let (Step::Key(last), above) = path.steps().split_last()? else { return None };
        let mut at = self.root?;
        for step in above {
            at = match (step, &self.node(at).content) {
                (Step::Key(key), _) => self.value(at, key)?,
                (Step::Index(index), Content::Sequence(items)) => *items.get(*index)?,
                _ => return None,
            };
        }
        let Content::Mapping(entries) = &self.node(at).content else { return None };
        entries.iter().rfind(|(key, _)| self.key_text(*key) == last.as_ref()).map(|(key, _)| *key)
    }

    /// Where the deepest node that exists on `path` is written.
    pub fn locate(&self, path: &Path) -> Option<Span> {
        self.find(path).map(|id| self.node(id).span)
    }

    /// The text of a key as the reference compares keys: a scalar's text, an alias's name, else nothing.
    pub fn key_text(&self, id: NodeId) -> &str {
        match &self.node(id).content {
            Content::Scalar { text, .. } => text,
            Content::Alias(_) => self.alias_name(id),
            _ => "",
        }
    }
}
