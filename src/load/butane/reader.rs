//! The reader of Butane documents: a cursor in the document that collects what is wrong.

use super::Dialect;
use super::resolve::{self, Scalar};
use crate::diag::Span;
use crate::load::yaml::{Content, Document, Node, NodeId};
use crate::model::local::text_of;
use crate::model::record::Reader;
use crate::model::report::{Entry, Failure, Kind, Problem};
use crate::model::{Path, Spanned, Step, data::Data};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Walks a document.
///
/// It walks two things at once: the values as they are meant, through aliases and merges, and the nodes at
/// the same path as they are written, because that is where the reference looks for unknown keys.
pub(super) struct Decoder<'a> {
    pub(super) document: &'a Document,
    dialect: &'a dyn Dialect,
    /// The value at hand, aliases followed.
    pub(super) node: NodeId,
    /// Where the value is written, aliases not followed.
    site: NodeId,
    /// What is written at `path`, if anything is.
    written: Option<NodeId>,
    path: Vec<Step>,
    /// The keys of `path`.
    keys: Vec<&'static str>,
    expected: fn() -> String,
    /// Aliases that are being followed.
    following: BTreeSet<NodeId>,
    /// How deep merges are nested.
    pub(super) merging: usize,
    /// How many values were visited, and how many of them by way of an alias.
    visits: usize,
    aliased: usize,
    problems: Vec<Problem>,
    entries: Vec<Entry>,
    fatal: Option<Failure>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(document: &'a Document, dialect: &'a dyn Dialect) -> Self {
        Self {
            document,
            dialect,
            node: NodeId(0),
            site: NodeId(0),
            written: document.root(),
            path: Vec::new(),
            keys: Vec::new(),
            expected: String::new,
            following: BTreeSet::new(),
            merging: 0,
            visits: 1,
            aliased: 0,
            problems: Vec::new(),
            entries: Vec::new(),
            fatal: None,
        }
    }

    /// Reads the root. `None` for an empty text, a null, or an error.
    pub(super) fn root<T>(&mut self, read: fn(&mut Self) -> Option<T>) -> Option<T> {
        let root = self.document.root()?;
        let mut value = None;
        self.visit(root, &mut |reader| {
            if reader.is_null() {
                reader.null_record();
            } else {
                value = read(reader);
            }
        });
        value
    }

    /// What was found.
    pub(super) fn finish(mut self) -> (Vec<Entry>, Option<Failure>) {
        if let Some(fatal) = self.fatal {
            return (Vec::new(), Some(fatal));
        }
        if !self.problems.is_empty() {
            return (Vec::new(), Some(Failure::Types(self.problems)));
        }
        self.entries.sort_by_key(|entry| entry.at);
        (self.entries, None)
    }

    pub(super) fn failed(&self) -> bool {
        self.fatal.is_some()
    }

    /// Ends reading.
    pub(super) fn fail(&mut self, message: impl Into<String>) {
        let span = self.span();
        self.fatal.get_or_insert_with(|| Failure::fatal(message, Some(span)));
    }

    pub(super) fn problem(&mut self, node: &Node, message: String) {
        self.problems.push(Problem { message, span: Some(node.span), line: Some(node.at.line) });
    }

    /// Goes to `id` for the time of `then`, which is not called if the budget for aliases is used up.
    pub(super) fn visit(&mut self, id: NodeId, then: &mut dyn FnMut(&mut Self)) {
        let (node, site) = (self.node, self.site);
        self.count();
        (self.node, self.site) = (id, id);
        if let Content::Alias(target) = self.document.node(id).content {
            if self.following.insert(id) {
                self.count();
                self.node = target;
                if !self.failed() {
                    then(self);
                }
                self.following.remove(&id);
            } else {
                let name = self.document.alias_name(id);
                self.fail(format!("anchor '{name}' value contains itself"));
            }
        } else if !self.failed() {
            then(self);
        }
        (self.node, self.site) = (node, site);
    }

    /// Counts a visit, as the reference does to stop a small text from growing into a large config.
    pub(super) fn count(&mut self) {
        self.visits += 1;
        self.aliased += usize::from(!self.following.is_empty());
        if self.aliased > 100 && self.visits > 1000 && share(self.aliased, self.visits) > allowed_share(self.visits) {
            self.fail("document contains excessive aliasing");
        }
    }

    /// Visits `id` as the value of `key` of the record at hand.
    fn field(&mut self, key: &'static str, id: NodeId, each: &mut dyn FnMut(&'static str, &mut Self)) {
        let written = self.written;
        self.written = written.and_then(|mapping| self.document.value(mapping, key));
        self.path.push(Step::from(key));
        self.keys.push(key);
        self.visit(id, &mut |reader| each(key, reader));
        self.keys.pop();
        self.path.pop();
        self.written = written;
    }

    /// Reports the keys of the record at hand that the dialect does not have.
    fn unknown_keys(&mut self, fields: &[&str]) {
        let Some(id) = self.written else { return };
        let node = self.document.node(id);
        let Content::Mapping(entries) = &node.content else {
            self.mismatch(node);
            return;
        };
        let mut seen = BTreeSet::new();
        for (key, _) in entries {
            let text = self.document.key_text(*key);
            if !(fields.contains(&text) && self.dialect.known(&self.keys, text)) && seen.insert(text) {
                let path: Path = self.path.iter().cloned().collect();
                let at = self.document.node(*key);
                self.warn(path.then(text.to_owned()), at, format!("unused key {text}"));
            }
        }
    }

    /// Reports that something else than a mapping is written where a record is meant.
    fn mismatch(&mut self, node: &Node) {
        let path: Path = self.path.iter().cloned().collect();
        let message = format!(
            "context tree does not match content tree at {path}. Line and column reporting may be inconsistent. \
             Unused keys may not be reported"
        );
        self.warn(path, node, message);
    }

    fn warn(&mut self, path: Path, node: &Node, message: String) {
        self.entries.push(Entry { kind: Kind::Warning, message, path, at: Some(node.at), span: Some(node.span) });
    }

    /// Reports that the value is of another type than `name`.
    fn mistyped(&mut self, name: &str) {
        let node = self.document.node(self.node);
        let tag = resolve::tag(node);
        let value = match &node.content {
            Content::Scalar { text, .. } if tag == "!!seq" || tag == "!!map" => text.to_string(),
            _ if tag == "!!seq" || tag == "!!map" => String::new(),
            Content::Scalar { text, .. } if text.len() > 10 => {
                format!(" `{}...`", String::from_utf8_lossy(&text.as_bytes()[..7]))
            }
            Content::Scalar { text, .. } => format!(" `{text}`"),
            _ => " ``".to_owned(),
        };
        let name = self.dialect.type_name(&self.keys, name);
        self.problem(node, format!("cannot unmarshal {tag}{value} into {name}"));
    }

    /// The scalar at hand, wanted as a `name`; `None` if it is none or null.
    fn scalar(&mut self, name: &str) -> Option<Scalar<'a>> {
        let node = self.document.node(self.node);
        match &node.content {
            Content::Scalar { text, .. } => match resolve::resolve(&resolve::tag(node), text) {
                Ok(Scalar::Null) => None,
                Ok(value) => Some(value),
                Err(message) => {
                    self.fail(message);
                    None
                }
            },
            Content::Mapping(entries) => {
                if self.unique(entries) {
                    self.mistyped(name);
                }
                None
            }
            _ => {
                self.mistyped(name);
                None
            }
        }
    }

    /// The mapping at hand, if its keys are unique.
    fn entries(&mut self) -> Option<&'a [(NodeId, NodeId)]> {
        let name = (self.expected)();
        if let Content::Mapping(entries) = &self.document.node(self.node).content {
            return self.unique(entries).then_some(entries);
        }
        if self.scalar(&name).is_some() {
            self.mistyped(&name);
        }
        None
    }

    /// The key `id` as text; `None` for a null and for what cannot be a key.
    pub(super) fn key(&mut self, id: NodeId) -> Option<Cow<'a, str>> {
        let mut text = None;
        self.visit(id, &mut |reader| text = reader.string("a key"));
        text
    }

    /// The text at hand, as [`Reader::text`] gives it.
    fn string(&mut self, expected: &str) -> Option<Cow<'a, str>> {
        // Texts with a type of their own are called by its name.
        let named = expected.starts_with(|c: char| c.is_ascii_uppercase());
        match self.scalar(if named { expected } else { "string" })? {
            Scalar::Bytes(bytes) => Some(text_of(&bytes).into()),
            _ => match &self.document.node(self.node).content {
                Content::Scalar { text, .. } => Some(Cow::Borrowed(text)),
                _ => None,
            },
        }
    }
}

impl Reader for Decoder<'_> {
    fn span(&self) -> Span {
        self.document.node(self.site).span
    }

    fn text(&mut self, expected: &str) -> Option<String> {
        self.string(expected).map(Cow::into_owned)
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        match self.scalar("string")? {
            Scalar::Bytes(bytes) => Some(bytes),
            _ => self.text("string").map(String::into_bytes),
        }
    }

    fn boolean(&mut self) -> Option<bool> {
        let value = match self.scalar("bool")? {
            Scalar::Bool(value) => Some(value),
            Scalar::Text(text) => word(text),
            Scalar::Bytes(bytes) => std::str::from_utf8(&bytes).ok().and_then(word),
            _ => None,
        };
        if value.is_none() {
            self.mistyped("bool");
        }
        value
    }

    fn integer(&mut self) -> Option<i64> {
        let value = match self.scalar("int")? {
            Scalar::Integer(value) => Some(value),
            Scalar::Float(value) => truncated(value),
            _ => None,
        };
        if value.is_none() {
            self.mistyped("int");
        }
        value
    }

    fn data(&mut self) -> Option<Spanned<Data>> {
        self.refuse("a value of no particular type is not part of this language".to_owned(), None);
        None
    }

    fn list(&mut self, each: &mut dyn FnMut(&mut Self)) -> bool {
        let name = (self.expected)();
        let node = self.document.node(self.node);
        let Content::Sequence(items) = &node.content else {
            if self.scalar(&name).is_some() {
                self.mistyped(&name);
            }
            return false;
        };
        let written = self.written;
        let listed = written.map(|id| &self.document.node(id).content);
        let mut index = 0;
        for item in items {
            if self.failed() {
                return false;
            }
            self.written = match listed {
                Some(Content::Sequence(items)) => items.get(index).copied(),
                _ => None,
            };
            self.path.push(Step::from(index));
            self.visit(*item, &mut |reader| {
                // Nulls are left out, so that what follows moves up.
                if !reader.is_null() {
                    each(reader);
                    index += 1;
                }
            });
            self.path.pop();
        }
        self.written = written;
        true
    }

    fn map(&mut self, each: &mut dyn FnMut(Spanned<String>, &mut Self)) -> bool {
        let Some(entries) = self.entries() else { return false };
        let written = self.written.take();
        self.each_entry(entries, None, &mut |reader, key, id, value| {
            let key = Spanned::new(key.into_owned(), reader.document.node(id).span);
            reader.visit(value, &mut |reader| each(key.clone(), reader));
        });
        self.written = written;
        !self.failed()
    }

    fn record(&mut self, fields: &'static [&'static str], each: &mut dyn FnMut(&'static str, &mut Self)) -> bool {
        let Some(entries) = self.entries() else { return false };
        self.unknown_keys(fields);
        let name = self.expected;
        let mut set = vec![false; fields.len()];
        self.each_entry(entries, None, &mut |reader, key, id, value| {
            let known = fields.iter().zip(&mut set).find(|(field, _)| **field == key);
            let Some((field, set)) = known.filter(|(field, _)| reader.dialect.known(&reader.keys, field)) else {
                return;
            };
            if std::mem::replace(set, true) {
                // Two keys that are written differently and mean the same, as by an alias.
                let name = reader.dialect.type_name(&reader.keys, &name());
                let node = reader.document.node(id);
                reader.problem(node, format!("field {field} already set in type {name}"));
            } else {
                reader.field(field, value, each);
            }
        });
        !self.failed()
    }

    fn is_null(&self) -> bool {
        resolve::is_null(self.document.node(self.node))
    }

    fn is_map(&self) -> bool {
        matches!(self.document.node(self.node).content, Content::Mapping(_))
    }

    fn is_list(&self) -> bool {
        matches!(self.document.node(self.node).content, Content::Sequence(_))
    }

    fn refuse(&mut self, message: String, _: Option<String>) {
        let node = self.document.node(self.site);
        self.problem(node, message);
    }

    fn missing(&mut self, key: &'static str) {
        let node = self.document.node(self.site);
        self.problem(node, format!("key `{key}` is missing"));
    }

    fn expecting(&mut self, type_name: fn() -> String) {
        self.expected = type_name;
    }

    fn null_record(&mut self) {
        if let Some(id) = self.written.filter(|_| !self.dialect.nullable(&self.keys)) {
            let node = self.document.node(id);
            self.mismatch(node);
        }
    }
}

/// YAML 1.1's words, which only truth values understand.
fn word(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// A float without its fraction. What does not fit is what Go makes of it on common machines.
fn truncated(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    match value {
        _ if value.is_nan() || value > LIMIT => None,
        _ if value >= LIMIT => Some(i64::MIN),
        #[allow(clippy::cast_possible_truncation)]
        _ => Some(value as i64),
    }
}

#[allow(clippy::cast_precision_loss)]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// How much of the visits may come from aliases: nearly all in small configs, little in huge ones.
#[allow(clippy::cast_precision_loss)]
fn allowed_share(visits: usize) -> f64 {
    const LOW: usize = 400_000;
    const HIGH: usize = 4_000_000;
    let over = visits.clamp(LOW, HIGH) - LOW;
    0.99 - 0.89 * (over as f64 / (HIGH - LOW) as f64)
}
