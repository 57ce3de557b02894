//! Reads profile types from a YAML document: strict, and everything that is wrong at once.
//!
//! Scalars mean what YAML 1.2's core schema says they mean. Spellings that YAML 1.1 reads differently (`yes`,
//! `0644`, `1_000`) are refused where they matter, because the same file is read by other tools too.

mod plain;

use super::yaml::{Content, Document, NodeId, Style};
use crate::diag::{Code, Diagnostic, Sink, Span, suggest};
use crate::model::Spanned;
use crate::model::data::Data;
use crate::model::record::{Reader, Value};
use plain::{Plain, octal_looking, plain, quoted};
use std::collections::{BTreeMap, BTreeSet};

/// How many values aliases may add to those that are written. A profile of ours adds a handful.
const ALIASED: usize = 100_000;

/// How deep a value may be nested. Ours are five deep; recursion in here must end.
const DEPTH: usize = 64;

/// Reads a `T` from a document. `None` means that an error was reported; errors may also have been reported
/// when there is a value, which then lacks the wrong parts.
pub fn decode<T: Value>(document: &Document, sink: &mut Sink) -> Option<T> {
    let mut decoder =
        Decoder { document, at: document.root(), depth: 0, aliases: 0, budget: ALIASED, spent: false, sink };
    T::read(&mut decoder)
}

/// A value as messages show it: no longer than a line.
fn shown(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{short}`")
}

struct Decoder<'a> {
    document: &'a Document,
    at: Option<NodeId>,
    depth: usize,
    /// How many aliases lead here: what stands below one may be read any number of times.
    aliases: usize,
    budget: usize,
    spent: bool,
    sink: &'a mut Sink,
}

/// A scalar: its text and what it means.
struct Scalar<'a> {
    text: &'a str,
    plain: Plain,
}

impl<'a> Decoder<'a> {
    /// The node with aliases followed. An alias never names another alias.
    fn target(&self) -> Option<NodeId> {
        let mut id = self.at?;
        for _ in 0..DEPTH {
            match self.document.node(id).content {
                Content::Alias(target) => id = target,
                _ => return Some(id),
            }
        }
        None
    }

    fn content(&self) -> Option<&'a Content> {
        let document = self.document;
        self.target().map(|id| &document.node(id).content)
    }

    fn scalar(&self) -> Option<Scalar<'a>> {
        let node = self.document.node(self.target()?);
        let Content::Scalar { text, style } = &node.content else { return None };
        let tag = node.tag.as_deref().and_then(|tag| tag.strip_prefix("tag:yaml.org,2002:"));
        let resolves = match tag {
            Some("str" | "binary") => false,
            Some(_) => true,
            None => *style == Style::Plain,
        };
        Some(Scalar { text, plain: if resolves { plain(text) } else { Plain::Text } })
    }

    /// What the value is, for messages.
    fn found(&self) -> String {
        match (self.content(), self.scalar()) {
            (Some(Content::Sequence(_)), _) => "a list".to_owned(),
            (Some(Content::Mapping(_)), _) => "a mapping".to_owned(),
            (_, Some(scalar)) => match scalar.plain {
                Plain::Null if scalar.text.is_empty() => "nothing".to_owned(),
                Plain::Null => format!("{} (nothing)", shown(scalar.text)),
                Plain::Bool(_) => format!("{}, a truth value", shown(scalar.text)),
                Plain::Integer(_) | Plain::TooLarge | Plain::Float(_) => format!("{}, a number", shown(scalar.text)),
                Plain::Text => format!("{}, a text", shown(scalar.text)),
            },
            _ => "nothing".to_owned(),
        }
    }

    fn mismatch(&mut self, expected: &str, hint: Option<String>) {
        let message = format!("found {} where {expected} is expected", self.found());
        self.report(Code::WrongType, message, hint);
    }

    fn report(&mut self, code: Code, message: String, hint: Option<String>) {
        let mut diagnostic = Diagnostic::new(code, message).at(self.span());
        diagnostic.hint = hint;
        self.sink.push(diagnostic);
    }

    /// Moves to `id` for the length of `each`. Bounds depth and the work that aliases can cause.
    fn visit(&mut self, id: NodeId, each: &mut dyn FnMut(&mut Self)) {
        let outer = self.at.replace(id);
        let alias = usize::from(matches!(self.document.node(id).content, Content::Alias(_)));
        self.depth += 1;
        self.aliases += alias;
        if self.afford(usize::from(self.aliases > 0)) {
            if self.depth > DEPTH {
                self.report(Code::BadValue, format!("values are nested more than {DEPTH} deep here"), None);
            } else {
                each(self);
            }
        }
        self.aliases -= alias;
        self.depth -= 1;
        self.at = outer;
    }

    /// Whether `cost` more aliased values may be read; says so once if not.
    fn afford(&mut self, cost: usize) -> bool {
        if !self.spent && cost > self.budget {
            self.spent = true;
            self.report(Code::BadValue, format!("aliases add more than {ALIASED} values here"), None);
        }
        self.budget = self.budget.saturating_sub(cost);
        !(self.spent && cost > 0)
    }

    /// The entries of a mapping with merge keys (`<<`) carried out, keys that are no text or repeated reported.
    fn entries(&mut self) -> Option<Vec<(Spanned<String>, NodeId)>> {
        let id = self.target()?;
        let mut entries = Vec::new();
        let mut seen = BTreeMap::new();
        self.collect(id, &mut entries, &mut seen, &mut BTreeSet::new());
        Some(entries)
    }

    fn collect(
        &mut self,
        id: NodeId,
        entries: &mut Vec<(Spanned<String>, NodeId)>,
        seen: &mut BTreeMap<String, NodeId>,
        merging: &mut BTreeSet<NodeId>,
    ) {
        let document = self.document;
        let Content::Mapping(pairs) = &document.node(id).content else { return };
        merging.insert(id);
        let mut merges = Vec::new();
        let mut own: BTreeMap<&str, Span> = BTreeMap::new();
        for (key, value) in pairs {
            let outer = self.at.replace(*key);
            let (span, text) = (self.span(), self.scalar().map(|scalar| scalar.text));
            let merge = matches!(&document.node(*key).content, Content::Scalar { text, style: Style::Plain } if **text == *"<<");
            match text {
                None => self.mismatch("the name of a key", None),
                Some(_) if merge => merges.push(*value),
                Some(text) => {
                    if let Some(first) = own.insert(text, span) {
                        let message = format!("the key {} is written twice", shown(text));
                        self.sink.push(
                            Diagnostic::new(Code::DuplicateKey, message)
                                .at(span)
                                .related(first, "it is written here first"),
                        );
                    } else if !seen.contains_key(text) {
                        seen.insert(text.to_owned(), *value);
                        entries.push((Spanned::new(text.to_owned(), span), *value));
                    }
                }
            }
            self.at = outer;
        }
        for value in merges {
            let outer = self.at.replace(value);
            match (self.target(), self.content()) {
                (Some(target), Some(Content::Mapping(_))) => self.merge(target, entries, seen, merging),
                (_, Some(Content::Sequence(items))) => {
                    for item in items {
                        self.at = Some(*item);
                        match (self.target(), self.content()) {
                            (Some(target), Some(Content::Mapping(_))) => self.merge(target, entries, seen, merging),
                            _ => self.mismatch("a mapping to merge", None),
                        }
                    }
                }
                _ => self.mismatch("a mapping to merge", None),
            }
            self.at = outer;
        }
        merging.remove(&id);
    }

    fn merge(
        &mut self,
        target: NodeId,
        entries: &mut Vec<(Spanned<String>, NodeId)>,
        seen: &mut BTreeMap<String, NodeId>,
        merging: &mut BTreeSet<NodeId>,
    ) {
        if merging.contains(&target) {
            self.report(Code::BadValue, "this mapping is merged into itself".to_owned(), None);
        } else if merging.len() > DEPTH {
            self.report(Code::BadValue, format!("mappings are merged more than {DEPTH} deep here"), None);
        } else {
            let Content::Mapping(pairs) = &self.document.node(target).content else { return };
            if self.afford(pairs.len() + 1) {
                self.collect(target, entries, seen, merging);
            }
        }
    }
}

impl Reader for Decoder<'_> {
    fn span(&self) -> Span {
        self.at.map_or(Span::whole(self.document.file), |id| self.document.node(id).span)
    }

    fn text(&mut self, expected: &str) -> Option<String> {
        let Some(scalar) = self.scalar() else {
            self.mismatch(expected, None);
            return None;
        };
        match scalar.plain {
            Plain::Text => Some(scalar.text.to_owned()),
            Plain::Null => {
                self.mismatch(expected, None);
                None
            }
            // A text with a form of its own is judged by that form, whose message says more.
            _ if expected != "a text" => Some(scalar.text.to_owned()),
            _ => {
                let hint = format!("write `{}`", quoted(scalar.text));
                self.mismatch(expected, Some(hint));
                None
            }
        }
    }

    fn boolean(&mut self) -> Option<bool> {
        let scalar = self.scalar();
        if let Some(Scalar { plain: Plain::Bool(value), .. }) = scalar {
            return Some(value);
        }
        let word = scalar.map(|scalar| scalar.text.to_lowercase()).unwrap_or_default();
        let meant = match word.as_str() {
            "yes" | "y" | "on" | "true" | "1" => Some("write `true`"),
            "no" | "n" | "off" | "false" | "0" => Some("write `false`"),
            _ => None,
        };
        self.mismatch("`true` or `false`", meant.map(str::to_owned));
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let Some(scalar) = self.scalar() else {
            self.mismatch("a whole number", None);
            return None;
        };
        match scalar.plain {
            Plain::Integer(value) if octal_looking(scalar.text) => {
                let message = format!("`{}` is octal for some tools and decimal for others", scalar.text);
                self.report(Code::WrongType, message, Some(format!("write `{value}` or `0o{}`", value.abs())));
                None
            }
            Plain::Integer(value) => Some(value),
            Plain::TooLarge => {
                let message = format!("{} is too large", shown(scalar.text));
                self.report(Code::BadValue, message, None);
                None
            }
            _ => {
                let digits = scalar.text.replace('_', "");
                let hint = matches!(plain(&digits), Plain::Integer(_)).then(|| format!("write `{digits}`"));
                self.mismatch("a whole number", hint);
                None
            }
        }
    }

    fn data(&mut self) -> Option<Spanned<Data>> {
        let span = self.span();
        let data = match self.content() {
            None => Data::Null,
            Some(Content::Sequence(_)) => {
                let mut items = Vec::new();
                self.list(&mut |item| items.extend(item.data()));
                Data::List(items)
            }
            Some(Content::Mapping(_)) => {
                let mut entries = BTreeMap::new();
                self.map(&mut |key, item| {
                    entries.extend(item.data().map(|value| (key.value, value)));
                });
                Data::Map(entries)
            }
            Some(_) => match self.scalar() {
                Some(Scalar { plain: Plain::Integer(_) | Plain::TooLarge, .. }) => Data::Integer(self.integer()?),
                Some(Scalar { plain: Plain::Null, .. }) | None => Data::Null,
                Some(Scalar { plain: Plain::Bool(value), .. }) => Data::Bool(value),
                Some(Scalar { plain: Plain::Float(value), .. }) => Data::Float(value),
                Some(Scalar { text, .. }) => Data::Text(text.to_owned()),
            },
        };
        Some(Spanned::new(data, span))
    }

    fn list(&mut self, each: &mut dyn FnMut(&mut Self)) -> bool {
        let Some(Content::Sequence(items)) = self.content() else {
            self.mismatch("a list", None);
            return false;
        };
        for item in items {
            self.visit(*item, each);
        }
        true
    }

    fn map(&mut self, each: &mut dyn FnMut(Spanned<String>, &mut Self)) -> bool {
        if !self.is_map() {
            self.mismatch("a mapping", None);
            return false;
        }
        for (key, value) in self.entries().unwrap_or_default() {
            self.visit(value, &mut |reader| each(key.clone(), reader));
        }
        true
    }

    fn record(&mut self, fields: &'static [&'static str], each: &mut dyn FnMut(&'static str, &mut Self)) -> bool {
        if !self.is_map() {
            self.mismatch("a mapping", None);
            return false;
        }
        for (key, value) in self.entries().unwrap_or_default() {
            if let Some(field) = fields.iter().find(|field| **field == key.value) {
                self.visit(value, &mut |reader| each(field, reader));
            } else {
                let mut diagnostic =
                    Diagnostic::new(Code::UnknownKey, format!("unknown key {}", shown(&key.value))).at(key.span);
                diagnostic.hint = suggest::hint(&key.value, fields.iter().copied());
                self.sink.push(diagnostic);
            }
        }
        true
    }

    fn is_null(&self) -> bool {
        match self.content() {
            None => true,
            Some(Content::Scalar { .. }) => self.scalar().is_some_and(|scalar| scalar.plain == Plain::Null),
            Some(_) => false,
        }
    }

    fn is_map(&self) -> bool {
        matches!(self.content(), Some(Content::Mapping(_)))
    }

    fn is_list(&self) -> bool {
        matches!(self.content(), Some(Content::Sequence(_)))
    }

    fn refuse(&mut self, message: String, hint: Option<String>) {
        self.report(Code::BadValue, message, hint);
    }

    fn refuse_secret(&mut self, message: String, hint: Option<String>) {
        self.report(Code::SecretLiteral, message, hint);
    }

    fn missing(&mut self, key: &'static str) {
        self.report(Code::MissingKey, format!("the key `{key}` is missing"), None);
    }
}
