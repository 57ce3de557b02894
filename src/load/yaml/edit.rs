//! Documents with some scalars replaced, for the placeholders of templates.

use super::{Content, Document, Node, NodeId, Style};
use crate::diag::{Position, Span};
use crate::model::data::Data;
use std::collections::BTreeMap;

impl Document {
    /// A copy in which the given scalars hold these values instead.
    ///
    /// A text keeps the style of what it replaces, so that a quoted one stays a text; any other value is
    /// written plainly. Everything that takes a node's place is said to be written where the node was.
    #[must_use]
    pub fn replaced(&self, replacements: &BTreeMap<NodeId, Data>) -> Self {
        let mut copy = self.clone();
        for (id, data) in replacements {
            let Some(Node { span, at, tag, content: Content::Scalar { style, .. } }) = self.nodes.get(id.0 as usize)
            else {
                continue;
            };
            let content = copy.written(data, *style, *span, *at);
            let tag = tag.clone().filter(|_| matches!(content, Content::Scalar { .. }));
            copy.nodes[id.0 as usize] = Node { span: *span, at: *at, tag, content };
        }
        copy
    }

    /// What `data` looks like when it is written; `style` is for texts.
    fn written(&mut self, data: &Data, style: Style, span: Span, at: Position) -> Content {
        let plain = |text: String| Content::Scalar { text: text.into(), style: Style::Plain };
        match data {
            Data::Null => plain(String::new()),
            Data::Bool(value) => plain(value.to_string()),
            Data::Integer(value) => plain(value.to_string()),
            Data::Float(value) => plain(float(*value)),
            Data::Text(text) => Content::Scalar { text: text.as_str().into(), style },
            Data::List(items) => Content::Sequence(items.iter().map(|item| self.insert(item, span, at)).collect()),
            Data::Map(entries) => Content::Mapping(
                entries
                    .iter()
                    .map(|(key, value)| (self.insert(&Data::Text(key.clone()), span, at), self.insert(value, span, at)))
                    .collect(),
            ),
        }
    }

    fn insert(&mut self, data: &Data, span: Span, at: Position) -> NodeId {
        let content = self.written(data, Style::Double, span, at);
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Node { span, at, tag: None, content });
        id
    }
}

/// A float as YAML writes it.
fn float(value: f64) -> String {
    match value {
        _ if value.is_nan() => ".nan".to_owned(),
        _ if value.is_infinite() => if value > 0.0 { ".inf" } else { "-.inf" }.to_owned(),
        _ => format!("{value:?}"),
    }
}
