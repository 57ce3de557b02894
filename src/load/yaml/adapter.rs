//! Parser events to nodes. Only this folder names the YAML crate.
//!
//! The parser reads YAML 1.2 with comforts; here its events are bent to what the reference compiler's
//! YAML 1.1 parser would have said, wherever the two are known to differ.

use super::parsed::Parsed;
use super::place::Places;
use super::strict::Strict;
use super::{Content, Document, Node, NodeId, Style, SyntaxError, strict, wording};
use crate::diag::{FileId, Span};
use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span as Range, StructureStyle, Tag};
use std::collections::BTreeMap;
use std::ops::Range as Bytes;

/// As deep as the reference goes; nothing below recurses, so the stack does not care.
const DEPTH: usize = 10_000;

/// How many bytes may be read again after a liberty of the reference was taken out of a text.
const AGAIN: usize = 8 << 20;

/// Reads the first document of `text`.
pub(super) fn read(file: FileId, text: &str) -> Result<Document, SyntaxError> {
    strict::directives(file, text)?;
    let mut parsed = Parsed::new(text);
    for _ in 0..=AGAIN / text.len().max(1 << 12) {
        match attempt(file, text, &parsed) {
            Err(Stop::Parser(stopped)) => {
                let (error, context) = *stopped;
                if !parsed.tame(&error, &context) {
                    return Err(wording::syntax_error(file, &parsed, &error, &context));
                }
            }
            Err(Stop::Strict(error)) => return Err(error),
            Ok(document) => return Ok(document),
        }
    }
    let span = Span::whole(file);
    Err(SyntaxError { span, message: "too many oddly written texts".to_owned(), line: None })
}

/// Why an attempt ended, with where the innermost open collection begins.
enum Stop {
    Parser(Box<(ScanError, wording::Context)>),
    Strict(SyntaxError),
}

fn attempt(file: FileId, text: &str, parsed: &Parsed) -> Result<Document, Stop> {
    let options = granit_parser::options! {
        flow_nesting_limit: DEPTH,
        block_nesting_limit: DEPTH,
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
    };
    let mut builder = Builder::new(file, text, parsed);
    for event in Parser::new_from_str_with_options(parsed.text(), options) {
        match event {
            Ok((Event::DocumentEnd, _)) => {
                builder.strict.finish(&mut builder.places).map_err(Stop::Strict)?;
                break;
            }
            Ok((event, range)) => builder.event(event, range).map_err(Stop::Strict)?,
            Err(error) => return Err(Stop::Parser(Box::new((error, builder.context())))),
        }
    }
    Ok(builder.document)
}

/// A collection whose end was not seen yet.
struct Open {
    id: NodeId,
    mapping: bool,
    flow: bool,
    /// Items, or keys and values in turns.
    children: Vec<NodeId>,
}

struct Builder<'a> {
    text: &'a str,
    parsed: &'a Parsed,
    places: Places<'a>,
    strict: Strict<'a>,
    document: Document,
    open: Vec<Open>,
    anchors: BTreeMap<usize, NodeId>,
    /// The node that was stored last.
    last: Option<NodeId>,
    /// Where the last scalar or alias ended.
    reached: usize,
}

impl<'a> Builder<'a> {
    fn new(file: FileId, text: &'a str, parsed: &'a Parsed) -> Self {
        Self {
            text: &parsed.base,
            parsed,
            places: Places::new(text),
            strict: Strict::new(file, &parsed.base),
            document: Document { file, nodes: Vec::new(), root: None, alias_names: BTreeMap::new() },
            open: Vec::new(),
            anchors: BTreeMap::new(),
            last: None,
            reached: 0,
        }
    }

    fn event(&mut self, event: Event<'_>, range: Range) -> Result<(), SyntaxError> {
        match event {
            Event::DocumentStart(_, Some(version)) if (version.major, version.minor) != (1, 1) => {
                Err(self.refuse(range, "found incompatible YAML document"))
            }
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), range),
            Event::SequenceStart(style, anchor, tag) => self.start(false, style, anchor, tag.as_deref(), range),
            Event::MappingStart(style, anchor, tag) => self.start(true, style, anchor, tag.as_deref(), range),
            Event::SequenceEnd | Event::MappingEnd => {
                self.close(range);
                Ok(())
            }
            Event::Anchor(_, name) if !strict::is_name(&name) => {
                Err(self.refuse(range, "did not find expected alphabetic or numeric character"))
            }
            Event::Anchor(..) => {
                self.starts_earlier(range.start);
                Ok(())
            }
            Event::Alias(anchor) => self.alias(self.anchors.get(&anchor).copied(), range),
            Event::UnresolvedAlias(_) => self.alias(None, range),
            _ => Ok(()),
        }
    }

    fn start(
        &mut self,
        mapping: bool,
        style: StructureStyle,
        anchor: usize,
        tag: Option<&Tag>,
        range: Range,
    ) -> Result<(), SyntaxError> {
        let flow = style == StructureStyle::Flow;
        let start = self.offset(range.start);
        let start = if mapping || flow { start } else { self.first_dash(start) };
        if flow {
            self.strict.flow_start(start, &mut self.places)?;
        } else {
            self.strict.block_start(self.places.at(start).column - 1);
        }
        let content = if mapping { Content::Mapping(Vec::new()) } else { Content::Sequence(Vec::new()) };
        let id = self.add(content, anchor, tag, range, start..start);
        self.open.push(Open { id, mapping, flow, children: Vec::new() });
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        range: Range,
    ) -> Result<(), SyntaxError> {
        let style = match style {
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
            ScalarStyle::Plain => Style::Plain,
        };
        let (start, end) = (self.offset(range.start), self.offset(range.end));
        let mut bytes = start..end;
        let mut text = text;
        match style {
            // A node that is not there reads as `~`.
            Style::Plain if start >= end => {
                text = "";
                let first = self.absent(range)?;
                bytes = first..first;
            }
            Style::Literal | Style::Folded => {
                bytes.start = self.block_header(start);
                // The last line's end belongs to the text only if it is written.
                let last = &self.text[super::place::line_start(self.text, self.text.len())..];
                let raw = self.text.get(bytes.clone()).unwrap_or_default();
                let indent = self.strict.block_text(bytes.clone(), &mut self.places)?;
                let written = !last.trim_matches(' ').is_empty() || last.len() > indent;
                if end >= self.text.len() && (written || raw.lines().count() <= 2) {
                    text = text.strip_suffix('\n').filter(|_| !raw.ends_with(['\n', '\r'])).unwrap_or(text);
                }
            }
            _ => {
                self.strict.scalar(bytes.clone(), style, &mut self.places)?;
                if self.parsed.is_dash(bytes.start) {
                    text = "-";
                }
                if self.takes_colon(&bytes, style)? {
                    text = self.text.get(bytes.start..=bytes.end).unwrap_or(text);
                    bytes.end += 1;
                }
            }
        }
        self.reached = self.reached.max(bytes.end);
        self.add(Content::Scalar { text: text.into(), style }, anchor, tag, range, bytes);
        Ok(())
    }

    /// Checks a key of a flow mapping. In `{a:, b}` the colon is part of the key, says the reference.
    fn takes_colon(&self, bytes: &Bytes<usize>, style: Style) -> Result<bool, SyntaxError> {
        let Some(open) = self.open.last().filter(|open| open.flow && open.mapping && open.children.len() % 2 == 0)
        else {
            return Ok(false);
        };
        let behind = self.text.get(bytes.end..).unwrap_or_default();
        let skipped = behind.trim_start_matches([' ', '\t', '\r', '\n']);
        let Some(rest) = skipped.strip_prefix(':') else { return Ok(false) };
        let explicit = self.text.get(self.reached..bytes.start).is_some_and(|between| between.contains('?'));
        let lines = [self.text.get(bytes.clone()).unwrap_or_default(), &behind[..behind.len() - skipped.len()]];
        let broken = !explicit && lines.iter().any(|text| text.contains(['\n', '\r']));
        let glued = style == Style::Plain && behind.starts_with(':');
        let (bracket, comma) = (rest.starts_with(['[', '{']), rest.starts_with([',', ']', '}']));
        let written = self.text.as_bytes().get(self.document.node(open.id).span.start as usize) == Some(&b'{');
        if broken || glued && (bracket || comma && !written) {
            let close = if written { '}' } else { ']' };
            let line = Some(self.document.node(open.id).at.line - 1).filter(|line| *line > 0);
            let span = Span::new(self.document.file, bytes.start, bytes.end);
            return Err(SyntaxError { span, message: format!("did not find expected ',' or '{close}'"), line });
        }
        Ok(glued && comma)
    }

    /// Where a node that is not written would begin: after the colon or dash before it, or at what follows it
    /// in a flow mapping.
    fn absent(&self, range: Range) -> Result<usize, SyntaxError> {
        let start = self.offset(range.start);
        let bytes = self.text.as_bytes();
        let blank = |at: usize, set: &[u8]| bytes[at..].iter().take_while(|byte| set.contains(byte)).count();
        let Some(open) = self.open.last() else { return Ok(start) };
        let key = open.mapping && open.children.len() % 2 == 0;
        if key && range.tag_start.is_none() && bytes.get(start) == Some(&b':') {
            // Only `?` may stand before a key that is not there.
            let explicit = self.text.get(self.reached..start).is_some_and(|between| between.contains('?'));
            let problem = if open.flow { "did not find expected node content" } else { "did not find expected key" };
            let mut error = self.refuse(range, problem);
            if !open.flow {
                error.line = Some(self.document.node(open.id).at.line - 1).filter(|line| *line > 0).or(error.line);
            }
            let mark = self.text.get(self.reached..start).and_then(|between| between.rfind('?'));
            return if explicit { Ok(mark.map_or(start, |mark| self.reached + mark + 1)) } else { Err(error) };
        }
        Ok(match (open.mapping, open.flow) {
            (true, true) if !key => start + blank(start, b": \t\r\n"),
            (true, false) if bytes.get(start) == Some(&b':') => start + 1,
            (false, false) => {
                let from = self.reached.max(self.document.node(open.id).span.start as usize).min(start);
                let line = super::place::line_start(self.text, start).max(from);
                let dash = line + blank(line, b" ");
                if bytes.get(dash) == Some(&b'-') { dash + 1 } else { start }
            }
            _ => start,
        })
    }

    /// The `|` or `>` that introduces the block scalar whose text begins at `start`.
    fn block_header(&self, start: usize) -> usize {
        let between = self.text.get(self.reached..start).unwrap_or_default();
        let Some(end) = between.rfind(|c: char| !c.is_whitespace()) else { return start };
        let line = super::place::line_start(between, end);
        let header = |(at, _): &(usize, &str)| {
            let rest = &between[line + at + 1..];
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-').trim_start();
            rest.is_empty() || rest.starts_with('#')
        };
        let mut bars = between[line..].match_indices(['|', '>']);
        bars.find(header).map_or(start, |(at, _)| self.reached + line + at)
    }

    /// A block sequence begins at its first dash; the parser puts one that is not indented after it.
    fn first_dash(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        if bytes.get(start) == Some(&b'-') && bytes.get(start + 1).is_none_or(u8::is_ascii_whitespace) {
            return start;
        }
        let line = super::place::line_start(self.text, start);
        let blanks = bytes[line..].iter().take_while(|byte| **byte == b' ').count();
        if bytes.get(line + blanks) == Some(&b'-') { line + blanks } else { start }
    }

    fn alias(&mut self, target: Option<NodeId>, range: Range) -> Result<(), SyntaxError> {
        let bytes = self.offset(range.start)..self.offset(range.end);
        let name = self.text.get(bytes.start + 1..bytes.end).unwrap_or_default();
        if !strict::is_name(name) {
            return Err(self.refuse(range, "did not find expected alphabetic or numeric character"));
        }
        let Some(target) = target else {
            let span = Span::new(self.document.file, bytes.start, bytes.end);
            return Err(SyntaxError { span, message: format!("unknown anchor '{name}' referenced"), line: None });
        };
        self.strict.alias(bytes.clone(), &mut self.places)?;
        self.reached = self.reached.max(bytes.end);
        let id = self.add(Content::Alias(target), 0, None, range, bytes);
        self.document.alias_names.insert(id, name.into());
        Ok(())
    }

    /// Adds a node that is written at `bytes`, or begins at its tag.
    fn add(&mut self, content: Content, anchor: usize, tag: Option<&Tag>, range: Range, bytes: Bytes<usize>) -> NodeId {
        let span = Span::new(self.document.file, bytes.start, bytes.end.max(bytes.start));
        let at = self.places.at(bytes.start);
        let id = NodeId(u32::try_from(self.document.nodes.len()).unwrap_or(u32::MAX));
        let tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()).into());
        self.document.nodes.push(Node { span, at, tag, content });
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        match self.open.last_mut() {
            Some(open) => open.children.push(id),
            None => self.document.root = Some(id),
        }
        self.last = Some(id);
        if let Some(tag) = range.tag_start {
            self.starts_earlier(tag);
        }
        id
    }

    fn close(&mut self, range: Range) {
        let Some(open) = self.open.pop() else { return };
        let end = self.offset(range.end);
        if open.flow {
            self.strict.flow_end(end);
            self.reached = self.reached.max(end);
        } else {
            self.strict.block_end();
        }
        // A block collection ends with its last child, not where the next token begins.
        let last = open.children.last().filter(|_| !open.flow);
        let end = last.map_or(end, |child| self.document.node(*child).span.end as usize);
        let node = &mut self.document.nodes[open.id.0 as usize];
        node.content = if open.mapping {
            Content::Mapping(open.children.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
        } else {
            Content::Sequence(open.children)
        };
        node.span.end = Span::new(self.document.file, end, end).end.max(node.span.start);
    }

    /// A node begins at its first property.
    fn starts_earlier(&mut self, start: Marker) {
        let start = self.offset(start);
        let Some(node) = self.last.and_then(|id| self.document.nodes.get_mut(id.0 as usize)) else { return };
        if start < node.span.start as usize {
            node.span = Span::new(self.document.file, start, node.span.end as usize);
            node.at = self.places.at(start);
        }
    }

    fn context(&mut self) -> wording::Context {
        let begin = |open: &Open| self.document.node(open.id).at.line;
        wording::Context {
            reached: self.reached,
            indent: self.strict.indent(),
            in_flow: self.open.last().is_some_and(|open| open.flow),
            block: self.open.iter().rfind(|open| !open.flow).map(begin),
            flow: self.open.iter().rfind(|open| open.flow).map(begin),
        }
    }

    fn refuse(&self, range: Range, message: &str) -> SyntaxError {
        let span = Span::new(self.document.file, self.offset(range.start), self.offset(range.end));
        let line = Some(range.start.line() - 1).filter(|line| *line > 0);
        SyntaxError { span, message: message.to_owned(), line }
    }

    fn offset(&self, marker: Marker) -> usize {
        self.parsed.original(marker)
    }
}
