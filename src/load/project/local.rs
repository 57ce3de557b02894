//! Files below `butane/files/` that fragments include.

use super::{FILES, read};
use crate::diag::{Code, Diagnostic, Sink, Sources, Span};
use crate::load::template::Engine;
use crate::model::local::{LocalFile, Locals, Tree, TreeNode};
use crate::world::layers::{Found, Layers};
use crate::world::{Kind, Trouble, World};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Ends the names of files that are rendered for the node.
pub(super) const TEMPLATE: &str = ".j2";

/// Files that are larger are taken as they are, but no finding points into them.
const SHOWN: usize = 1 << 20;

/// A name in a fragment.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) span: Span,
    /// Whether the name is that of a folder.
    pub(super) tree: bool,
}

/// What was read, by name.
#[derive(Default)]
pub(super) struct Files {
    verbatim: BTreeMap<String, LocalFile>,
    trees: BTreeMap<String, Tree>,
    /// Templates with their texts, the broken ones included: those were reported.
    templates: BTreeMap<String, Arc<str>>,
    /// Paths of those that are the library's.
    shared: BTreeMap<String, String>,
}

impl std::fmt::Debug for Files {
    /// Names only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.verbatim.keys()).entries(self.trees.keys()).entries(&self.templates).finish()
    }
}

impl Files {
    /// Compiles all templates, so that they can include each other, those of the project and of its library.
    pub(super) fn load(layers: &Layers<'_>, engine: &mut Engine, sources: &mut Sources, sink: &mut Sink) -> Self {
        let mut files = Self::default();
        let entries = match layers.walk_all(FILES) {
            Ok(entries) => entries,
            Err(Trouble::Missing) => return files,
            Err(why) => {
                sink.push(read::trouble(FILES, &why));
                return files;
            }
        };
        for Found { entry, path, shared } in entries {
            if entry.path.ends_with(TEMPLATE) && matches!(entry.kind, Kind::File { .. }) {
                if shared {
                    files.shared.insert(entry.path.clone(), path.clone());
                }
                match layers.read(&path) {
                    Ok(bytes) => files.compile(&entry.path, &path, &bytes, engine, sources, sink),
                    Err(why) => sink.push(read::trouble(&path, &why).at(Span::whole(sources.add(path.as_str(), "")))),
                }
            }
        }
        files
    }

    fn compile(
        &mut self,
        name: &str,
        path: &str,
        bytes: &[u8],
        engine: &mut Engine,
        sources: &mut Sources,
        sink: &mut Sink,
    ) {
        let read = read::template(path, bytes, sources, sink);
        if let Some((file, text)) = &read {
            engine.add_file(name, *file, text, sink);
        }
        self.templates.insert(name.to_owned(), read.map(|(_, text)| text).unwrap_or_default());
    }

    /// The path, relative to the project, of a file that a fragment or a template names.
    pub(super) fn path(&self, name: &str) -> String {
        self.shared.get(name).cloned().unwrap_or_else(|| format!("{FILES}/{name}"))
    }

    /// Reads what a fragment names, unless that was read before. A folder is one thing: the project's own, or the
    /// library's.
    pub(super) fn add(
        &mut self,
        layers: &Layers<'_>,
        reference: &Reference,
        engine: &mut Engine,
        sources: &mut Sources,
        sink: &mut Sink,
    ) {
        let name = reference.name.as_str();
        if name.starts_with('/') || name.split('/').any(|part| part == "..") {
            let message = format!("`{name}` leads out of `{FILES}`");
            let hint = format!("copy the file into `{FILES}` and name it from there");
            sink.push(Diagnostic::new(Code::PathEscapes, message).at(reference.span).hint(hint));
            return;
        }
        let known = if reference.tree {
            self.trees.contains_key(name)
        } else {
            self.verbatim.contains_key(name) || self.templates.contains_key(name)
        };
        if known || name.is_empty() {
            return;
        }
        let path = layers.find(&format!("{FILES}/{name}"));
        if layers.is_shared(&path) {
            self.shared.insert(name.to_owned(), path.clone());
        }
        let done = if reference.tree {
            tree(layers, &path).map(|tree| drop(self.trees.insert(name.to_owned(), tree)))
        } else {
            layers.read(&path).map(|bytes| {
                if name.ends_with(TEMPLATE) {
                    self.compile(name, &path, &bytes, engine, sources, sink);
                } else {
                    // As a source, so that findings can point into it.
                    if let (Ok(text), true) = (std::str::from_utf8(&bytes), bytes.len() <= SHOWN) {
                        sources.add(path.as_str(), text);
                    }
                    self.verbatim.insert(name.to_owned(), LocalFile { bytes, executable: false, secret: false });
                }
            })
        };
        match done {
            Ok(()) => {}
            Err(Trouble::WrongKind) if reference.tree => {
                sink.push(
                    Diagnostic::new(Code::FileUnreadable, format!("`{path}` is not a folder")).at(reference.span),
                );
            }
            Err(why) => sink.push(read::trouble(&path, &why).at(reference.span)),
        }
    }

    /// Whether a file belongs to a folder that is included as a whole.
    pub(super) fn is_in_tree(&self, name: &str) -> bool {
        self.trees.keys().any(|tree| name.strip_prefix(tree.as_str()).is_some_and(|rest| rest.starts_with('/')))
    }

    pub(super) fn is_template(&self, name: &str) -> bool {
        self.templates.contains_key(name)
    }

    /// Adds the templates that `text` includes, and those that they include. What is included by a name that is
    /// made up while rendering is not found.
    pub(super) fn included(&self, text: &str, found: &mut BTreeSet<String>) {
        let named = |name: &str| text.contains(&format!("\"{name}\"")) || text.contains(&format!("'{name}'"));
        for (name, text) in &self.templates {
            if named(name) && found.insert(name.clone()) {
                self.included(text, found);
            }
        }
    }

    /// The names that a fragment with these texts and references is made from.
    pub(super) fn names<'a>(&self, texts: impl Iterator<Item = &'a str>, references: &[Reference]) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = references.iter().map(|reference| reference.name.clone()).collect();
        names.remove("");
        let own: Vec<&Arc<str>> = names.iter().filter_map(|name| self.templates.get(name)).collect();
        let mut found = BTreeSet::new();
        for text in texts {
            self.included(text, &mut found);
        }
        for text in own {
            self.included(text, &mut found);
        }
        names.extend(found);
        names
    }

    /// Adds what `reference` stands for, for a node. False means that an error was reported.
    pub(super) fn get(
        &self,
        reference: &Reference,
        node: usize,
        engine: &Engine,
        locals: &mut Locals,
        sink: &mut Sink,
    ) -> bool {
        let name = &reference.name;
        if reference.tree {
            let Some(tree) = self.trees.get(name) else { return false };
            locals.trees.insert(name.clone(), Ok(tree.clone()));
        } else if locals.files.contains_key(name) {
        } else if self.is_template(name) {
            let Some(rendered) = engine.render(name, node, sink) else { return false };
            let bytes = rendered.value.into_bytes();
            locals.files.insert(name.clone(), Ok(LocalFile { bytes, executable: false, secret: rendered.used_secret }));
        } else {
            let Some(file) = self.verbatim.get(name) else { return false };
            locals.files.insert(name.clone(), Ok(file.clone()));
        }
        true
    }
}

/// Reads a folder. Its files are copied as they are, templates too: a tree's names are those of the target.
fn tree(world: &dyn World, path: &str) -> Result<Tree, Trouble> {
    let mut tree: Tree = vec![(String::new(), TreeNode::Directory)];
    for entry in world.walk(path)? {
        let node = match entry.kind {
            Kind::Directory => TreeNode::Directory,
            Kind::File { executable } => {
                let bytes = Ok(world.read(&format!("{path}/{}", entry.path))?);
                TreeNode::File { bytes, executable, secret: false }
            }
            Kind::Link => TreeNode::Link(Ok(entry.target.unwrap_or_default())),
            Kind::Other => TreeNode::Other,
        };
        tree.push((entry.path, node));
    }
    // Each directory's entries by name: `a/b` comes before `a-b`, although `-` comes before `/`.
    tree.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
    Ok(tree)
}
