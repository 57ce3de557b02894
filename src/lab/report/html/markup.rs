//! HTML and SVG as a tree: what is in it cannot end a tag, whatever it is.
//!
//! The text is well-formed XML too, so that a strict parser can check it.

use crate::lab::report::words::clean;
use std::fmt::Display;

/// An element.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    body: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Tag(Tag),
    Text(String),
}

/// An empty element.
pub(super) fn tag(name: &'static str) -> Tag {
    Tag { name, attributes: Vec::new(), body: Vec::new() }
}

/// Elements that HTML knows no end tag of.
const VOID: &[&str] = &["meta", "br"];
/// Elements between which blanks mean nothing: each begins a line.
const BLOCKS: &[&str] = &[
    "caption",
    "circle",
    "dd",
    "defs",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "g",
    "h1",
    "h2",
    "h3",
    "header",
    "li",
    "line",
    "main",
    "nav",
    "ol",
    "p",
    "path",
    "pattern",
    "rect",
    "section",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
];

impl Tag {
    /// With an attribute more.
    #[allow(clippy::needless_pass_by_value)] // numbers read better without `&`
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// With the attribute `class`.
    pub(super) fn class(self, value: &str) -> Self {
        self.with("class", value)
    }

    /// With a text more.
    #[allow(clippy::needless_pass_by_value)] // as above
    pub(super) fn text(mut self, text: impl Display) -> Self {
        self.body.push(Piece::Text(text.to_string()));
        self
    }

    /// With a child more.
    pub(super) fn child(mut self, child: Tag) -> Self {
        self.body.push(Piece::Tag(child));
        self
    }

    /// With more children.
    pub(super) fn children(mut self, children: impl IntoIterator<Item = Tag>) -> Self {
        self.body.extend(children.into_iter().map(Piece::Tag));
        self
    }

    /// Writes it.
    pub(super) fn write(&self, out: &mut String) {
        if BLOCKS.contains(&self.name) && !out.ends_with('\n') {
            out.push('\n');
        }
        out.extend(["<", self.name]);
        for (name, value) in &self.attributes {
            out.extend([" ", name, "=\""]);
            escape(value, out);
            out.push('"');
        }
        if VOID.contains(&self.name) {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for piece in &self.body {
            match piece {
                Piece::Tag(tag) => tag.write(out),
                Piece::Text(text) => escape(text, out),
            }
        }
        out.extend(["</", self.name, ">"]);
    }
}

fn escape(text: &str, out: &mut String) {
    for c in clean(text, true).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_tag() {
        let mut out = String::new();
        let inner = tag("b").class("\"><script>").text("</b>&\u{1b}");
        tag("p").text("a ").child(inner).child(tag("br")).write(&mut out);
        let expected = "\n<p>a <b class=\"&quot;&gt;&lt;script&gt;\">&lt;/b&gt;&amp;\u{241B}</b><br/></p>";
        assert_eq!(out, expected);
    }
}
