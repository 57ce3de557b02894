//! Fragments: Butane documents with placeholders, and what they make for one node.

use super::local::{Files, Reference};
use super::{BUTANE, read};
use crate::diag::{Code, Diagnostic, FileId, Sink, Sources, Span};
use crate::load::template::{self, Engine};
use crate::load::yaml::{Content, Document, NodeId};
use crate::model::local::Locals;
use crate::world::layers::Layers;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A Butane document as it is written.
#[derive(Debug, Clone)]
pub struct Fragment {
    /// Path relative to the project, be it in its library.
    pub path: String,
    /// Its text.
    pub file: FileId,
    /// The document, placeholders included.
    pub document: Arc<Document>,
    /// Scalars that are templates, with the names that the engine knows them by.
    templates: Vec<(NodeId, String)>,
    pub(super) references: Vec<Reference>,
    inputs: Arc<[String]>,
}

/// Lines that carry a secret; never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretLines(pub BTreeSet<String>);

impl std::fmt::Debug for SecretLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// A fragment for one node.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The document, placeholders filled in. Positions are those of the fragment.
    pub document: Arc<Document>,
    /// What the document's names of local files stand for, by name as it is written there.
    pub locals: Locals,
    /// Scalars of the fragment that a secret went into. Everything that took a scalar's place has its span.
    pub secrets: BTreeSet<Span>,
    /// Lines of scalars and included files that carry a secret, without the blanks around them.
    pub secret_lines: SecretLines,
    /// Files of the project that this came from, sorted: the fragment, what it names, and what that includes.
    pub inputs: Arc<[String]>,
}

impl Instance {
    /// Whether any value or included file was made from a secret.
    pub fn carries_secret(&self) -> bool {
        let files = self.locals.files.values().flatten();
        !self.secrets.is_empty() || files.into_iter().any(|file| file.secret)
    }
}

/// Where Butane names local files, and whether what is named is a folder (Butane specification, all variants).
/// `*` is any element of a list.
const REFERENCES: &[(&[&str], bool)] = &[
    (&["ignition", "config", "merge", "*", "local"], false),
    (&["ignition", "config", "replace", "local"], false),
    (&["ignition", "security", "tls", "certificate_authorities", "*", "local"], false),
    (&["storage", "files", "*", "contents", "local"], false),
    (&["storage", "files", "*", "append", "*", "local"], false),
    (&["storage", "luks", "*", "key_file", "local"], false),
    (&["storage", "trees", "*", "local"], true),
    (&["systemd", "units", "*", "contents_local"], false),
    (&["systemd", "units", "*", "dropins", "*", "contents_local"], false),
    (&["passwd", "users", "*", "ssh_authorized_keys_local", "*"], false),
];

/// Reads `butane/<name>.bu`, the project's or its library's. `None` means that an error was reported.
pub(super) fn read(layers: &Layers<'_>, name: &str, sources: &mut Sources, sink: &mut Sink) -> Option<Fragment> {
    let path = layers.find(&format!("{BUTANE}/{name}.bu"));
    let document = Arc::new(read::yaml(layers, &path, sources, sink).1?);
    let mut search = Search { document: &document, found: Vec::new(), steps: STEPS };
    for (path, tree) in REFERENCES {
        if let Some(root) = document.root() {
            search.find(root, path, *tree);
        }
    }
    let references = search.found;
    Some(Fragment { path, file: document.file, document, templates: Vec::new(), references, inputs: Arc::default() })
}

impl Fragment {
    /// The scalars at these paths, as they are written; `*` is any element of a list.
    pub fn written(&self, paths: &[&[&str]]) -> Vec<String> {
        let mut search = Search { document: &self.document, found: Vec::new(), steps: STEPS };
        for path in paths {
            if let Some(root) = self.document.root() {
                search.find(root, path, false);
            }
        }
        search.found.into_iter().map(|reference| reference.name).collect()
    }
}

/// How many values are looked at in search of names: aliases can make a small text large.
const STEPS: usize = 1_000_000;

struct Search<'a> {
    document: &'a Document,
    found: Vec<Reference>,
    steps: usize,
}

impl Search<'_> {
    fn find(&mut self, id: NodeId, path: &[&str], tree: bool) {
        let document = self.document;
        let node = document.node(id);
        if self.steps == 0 {
            return;
        }
        self.steps -= 1;
        match (&node.content, path) {
            // No alias names another one, so every second step at least goes further down the path.
            (Content::Alias(target), _) if !matches!(document.node(*target).content, Content::Alias(_)) => {
                self.find(*target, path, tree);
            }
            (Content::Scalar { text, .. }, []) => {
                self.found.push(Reference { name: text.to_string(), span: node.span, tree });
            }
            (Content::Sequence(items), ["*", rest @ ..]) => {
                for item in items {
                    self.find(*item, rest, tree);
                }
            }
            (Content::Mapping(entries), [step, rest @ ..]) => {
                for (_, value) in entries.iter().filter(|(key, _)| document.key_text(*key) == *step) {
                    self.find(*value, rest, tree);
                }
            }
            _ => {}
        }
    }
}

impl Fragment {
    /// Compiles the placeholders.
    pub(super) fn compile(&mut self, sources: &Sources, engine: &mut Engine, sink: &mut Sink) {
        let source = sources.get(self.file).text();
        for (id, text, _) in self.document.scalars().filter(|(_, text, _)| template::is_template(text)) {
            let span = self.document.node(id).span;
            self.templates.extend(engine.add_scalar(span, text, source, sink).map(|name| (id, name)));
        }
        self.references.retain(|reference| {
            let dynamic = template::is_template(&reference.name);
            if dynamic {
                let hint = "name a `.j2` file and let it `include` what this node needs";
                let message = "the name of a local file cannot hold a placeholder";
                sink.push(Diagnostic::new(Code::BadValue, message).at(reference.span).hint(hint));
            }
            !dynamic
        });
    }

    /// Files of the project that this is made from, sorted.
    /// Files of the project that it is made from.
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// Notes which files this is made from, once all of them are read.
    pub(super) fn note_inputs(&mut self, files: &Files) {
        let texts = self.templates.iter().filter_map(|(id, _)| match &self.document.node(*id).content {
            Content::Scalar { text, .. } => Some(&**text),
            _ => None,
        });
        let names = files.names(texts, &self.references);
        let mut inputs: Vec<String> = names.iter().map(|name| files.path(name)).collect();
        inputs.push(self.path.clone());
        inputs.sort();
        self.inputs = inputs.into();
    }

    pub(super) fn is_constant(&self, files: &Files) -> bool {
        self.templates.is_empty() && !self.references.iter().any(|reference| files.is_template(&reference.name))
    }

    pub(super) fn instantiate(&self, node: usize, engine: &Engine, files: &Files, sink: &mut Sink) -> Option<Instance> {
        let mut whole = true;
        let mut replacements = BTreeMap::new();
        let mut secrets = BTreeSet::new();
        let mut secret_lines = SecretLines::default();
        for (id, name) in &self.templates {
            let Some(rendered) = engine.evaluate(name, node, sink) else {
                whole = false;
                continue;
            };
            if rendered.used_secret {
                secrets.insert(self.document.node(*id).span);
                secret_lines.0.extend(engine.secret_lines_of(name, node, &rendered.value));
            }
            replacements.insert(*id, rendered.value);
        }
        let mut locals = Locals::default();
        for reference in self.references.iter().filter(|reference| !reference.name.is_empty()) {
            whole &= files.get(reference, node, engine, &mut locals, sink);
        }
        for (name, file) in &locals.files {
            if let Ok(file) = file
                && file.secret
            {
                secret_lines.0.extend(engine.secret_lines(name, node, &String::from_utf8_lossy(&file.bytes)));
            }
        }
        if !whole {
            return None;
        }
        let document = if replacements.is_empty() {
            self.document.clone()
        } else {
            Arc::new(self.document.replaced(&replacements))
        };
        Some(Instance { document, locals, secrets, secret_lines, inputs: self.inputs.clone() })
    }
}
