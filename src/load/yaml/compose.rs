//! Events to nodes.

use super::cursor::{Cursor, Mark};
use super::fault::Fault;
use super::grammar::{Event, Grammar, Properties, What};
use super::scan::Scanner;
use super::{Content, Document, Node, NodeId, SyntaxError};
use crate::diag::{FileId, Position, Span};
use std::collections::BTreeMap;

/// Reads the first document of `text`; `broken` says why it is cut off, if it is.
pub(super) fn read(file: FileId, text: &str, broken: Option<&'static str>) -> Result<Document, SyntaxError> {
    let mut grammar = Grammar::new(Scanner::new(Cursor::new(text, broken)));
    let mut composer = Composer {
        document: Document { file, nodes: Vec::new(), root: None, alias_names: BTreeMap::new() },
        open: Vec::new(),
        anchors: BTreeMap::new(),
    };
    loop {
        let event = grammar.next().map_err(|fault| fault.error(file))?;
        match event.what {
            What::StreamEnd | What::DocumentEnd => return Ok(composer.document),
            _ => composer.event(event).map_err(|fault| fault.error(file))?,
        }
    }
}

/// A collection whose end was not seen yet.
struct Open {
    id: NodeId,
    mapping: bool,
    flow: bool,
    /// Items, or keys and values in turns.
    children: Vec<NodeId>,
}

struct Composer {
    document: Document,
    open: Vec<Open>,
    anchors: BTreeMap<String, NodeId>,
}

impl Composer {
    fn event(&mut self, event: Event) -> Result<(), Fault> {
        let Event { what, start, end } = event;
        match what {
            What::Scalar { text, style, properties } => {
                self.add(Content::Scalar { text: text.into(), style }, properties, start, end);
            }
            What::Sequence { flow, properties } => {
                let id = self.add(Content::Sequence(Vec::new()), properties, start, end);
                self.open.push(Open { id, mapping: false, flow, children: Vec::new() });
            }
            What::Mapping { flow, properties } => {
                let id = self.add(Content::Mapping(Vec::new()), properties, start, end);
                self.open.push(Open { id, mapping: true, flow, children: Vec::new() });
            }
            What::Alias(name) => {
                let Some(target) = self.anchors.get(&name).copied() else {
                    return Err(Fault::of_node(format!("unknown anchor '{name}' referenced"), start));
                };
                let id = self.add(Content::Alias(target), Properties::default(), start, end);
                self.document.alias_names.insert(id, name.into());
            }
            What::End => self.close(end),
            What::StreamStart | What::StreamEnd | What::DocumentStart | What::DocumentEnd => {}
        }
        Ok(())
    }

    fn add(&mut self, content: Content, properties: Properties, start: Mark, end: Mark) -> NodeId {
        let id = NodeId(u32::try_from(self.document.nodes.len()).unwrap_or(u32::MAX));
        let span = Span::new(self.document.file, start.byte, end.byte.max(start.byte));
        let at = Position { line: start.line + 1, column: start.column + 1 };
        self.document.nodes.push(Node { span, at, tag: properties.tag.map(Into::into), content });
        if let Some(name) = properties.anchor {
            self.anchors.insert(name, id);
        }
        match self.open.last_mut() {
            Some(open) => open.children.push(id),
            None => self.document.root = Some(id),
        }
        id
    }

    fn close(&mut self, end: Mark) {
        let Some(open) = self.open.pop() else { return };
        // A block collection ends with its last child, not where the next token begins.
        let last = open.children.last().filter(|_| !open.flow);
        let end = last.map_or(end.byte, |child| self.document.node(*child).span.end as usize);
        let node = &mut self.document.nodes[open.id.0 as usize];
        node.content = if open.mapping {
            Content::Mapping(open.children.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
        } else {
            Content::Sequence(open.children)
        };
        node.span = Span::new(self.document.file, node.span.start as usize, end.max(node.span.start as usize));
    }
}
