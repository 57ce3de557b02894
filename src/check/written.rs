//! Findings in a file's text, shown where that line was written, with the values of profiles that made it.

use super::{Baked, BakedFile, Overview, View, place};
use crate::diag::{Code, Diagnostic, Sources, Span};
use crate::model::cluster::Node;

/// A line of a file as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The line of the template.
    pub span: Span,
    /// Names of the values (`values.<name>`) that it takes from profiles.
    pub values: Vec<String>,
}

/// Knows where the lines of texts made from templates were written.
pub trait Lines: std::fmt::Debug + Sync {
    /// Line by line, where `text` was written, which a fragment of `node` asks for at `origin`. Empty when that cannot be
    /// told.
    fn written(&self, node: &Node, origin: Span, text: &str) -> Vec<Written>;
}

/// Where line `number` (from 0) of a file was written: by the template engine's own account or else by likeness.
pub(super) fn line(
    lines: &dyn Lines,
    sources: &Sources,
    node: &Node,
    file: &BakedFile,
    number: usize,
) -> Option<Written> {
    let origin = file.origin?;
    let known = lines.written(node, origin, &file.text).into_iter().nth(number);
    let likely = || Written { span: place::line(sources, origin, &file.text, number), values: Vec::new() };
    Some(known.unwrap_or_else(likely))
}

/// A machine with a way back to what was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine<'a> {
    pub(super) node: &'a Node,
    pub(super) baked: &'a Baked,
    sources: &'a Sources,
    lines: &'a dyn Lines,
}

impl<'a> View<'a> {
    pub(super) fn machine(&self) -> Machine<'a> {
        Machine { node: self.node, baked: self.baked, sources: self.sources, lines: self.lines }
    }
}

impl<'a> Overview<'a> {
    /// Every machine of the cluster that is built.
    pub(super) fn machines(&self) -> impl Iterator<Item = Machine<'a>> + use<'a> {
        let Overview { cluster, nodes, sources, lines } = *self;
        nodes.iter().filter_map(move |baked| Some(Machine { node: cluster.node(&baked.node)?, baked, sources, lines }))
    }
}

impl<'a> Machine<'a> {
    pub(super) fn file(&self, path: &str) -> Option<&'a BakedFile> {
        self.baked.files.get(path)
    }

    /// Where a line, counted from 1, of a file was written.
    pub(super) fn span(&self, path: &str, number: usize) -> Span {
        self.written(path, number).map_or(self.node.span, |written| written.span)
    }

    /// A line, counted from 1, as it was written.
    pub(super) fn source(&self, path: &str, number: usize) -> &'a str {
        let span = self.span(path, number);
        let text = self.sources.get(span.file).text();
        text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Whether a line, counted from 1, may hold a secret: then none of its words is shown.
    pub(super) fn is_secret(&self, path: &str, number: usize) -> bool {
        self.file(path).is_some_and(|file| file.secret) && self.source(path, number).contains("secrets.")
    }

    fn written(&self, path: &str, number: usize) -> Option<Written> {
        line(self.lines, self.sources, self.node, self.file(path)?, number.saturating_sub(1))
    }

    /// A finding in a line, counted from 1, of a file.
    pub(super) fn finding(&self, path: &str, number: usize, code: Code, message: impl Into<String>) -> Diagnostic {
        let mut found = Diagnostic::new(code, message).at(self.node.span);
        if let Some(written) = self.written(path, number) {
            found = found.at(written.span);
            for (name, value) in written.values.iter().filter_map(|name| Some((name, self.node.values.get(name)?))) {
                found = found.related(value.span, format!("`values.{name}` comes from here"));
            }
        }
        found
    }
}
