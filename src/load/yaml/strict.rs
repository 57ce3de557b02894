//! What the reference compiler's parser refuses and ours would let pass: tabs that look like indentation,
//! escapes that it does not know, directives, and the line separators of YAML 1.1.

use super::place::Places;
use super::{Style, SyntaxError};
use crate::diag::{FileId, Span};
use std::ops::Range;

const NO_TOKEN: &str = "found character that cannot start any token";
const NO_COLON: &str = "could not find expected ':'";

/// Looks at what stands between the tokens, and into quoted ones.
pub(super) struct Strict<'a> {
    file: FileId,
    text: &'a str,
    /// End of the last token.
    end: usize,
    /// If the last token was a plain scalar, the indentation of a line that goes on with it.
    plain: Option<usize>,
    /// Whether a key could begin right after the last token; then a tab cannot stand there.
    key_allowed: bool,
    /// How many flow collections are open; tabs are blanks in them.
    flow: usize,
    /// Indentation of the block collections that are open.
    indents: Vec<usize>,
}

impl<'a> Strict<'a> {
    pub(super) fn new(file: FileId, text: &'a str) -> Self {
        Self { file, text, end: 0, plain: None, key_allowed: true, flow: 0, indents: Vec::new() }
    }

    pub(super) fn block_start(&mut self, indent: usize) {
        self.indents.push(indent);
    }

    /// The indentation of the innermost block collection.
    pub(super) fn indent(&self) -> usize {
        self.indents.last().copied().unwrap_or(0)
    }

    pub(super) fn block_end(&mut self) {
        self.indents.pop();
    }

    pub(super) fn flow_start(&mut self, at: usize, places: &mut Places<'_>) -> Result<(), SyntaxError> {
        self.gap(at, places)?;
        self.flow += 1;
        self.token(at, false, false);
        Ok(())
    }

    pub(super) fn flow_end(&mut self, at: usize) {
        self.flow = self.flow.saturating_sub(1);
        self.token(at, false, false);
    }

    pub(super) fn alias(&mut self, bytes: Range<usize>, places: &mut Places<'_>) -> Result<(), SyntaxError> {
        self.gap(bytes.start, places)?;
        self.token(bytes.end, false, false);
        Ok(())
    }

    pub(super) fn scalar(
        &mut self,
        bytes: Range<usize>,
        style: Style,
        places: &mut Places<'_>,
    ) -> Result<(), SyntaxError> {
        self.gap(bytes.start, places)?;
        let raw = self.text.get(bytes.clone()).unwrap_or_default();
        if style == Style::Double && raw.contains('\\') {
            self.escapes(bytes.clone(), places)?;
        }
        if style == Style::Plain {
            self.plain_tabs(bytes.clone(), places)?;
            self.question(bytes.clone(), places)?;
        }
        self.separators(bytes.clone(), style, places)?;
        self.token(bytes.end, style == Style::Plain, false);
        Ok(())
    }

    /// A block scalar, from its `|` or `>`. Gives the indentation of its text.
    pub(super) fn block_text(&mut self, bytes: Range<usize>, places: &mut Places<'_>) -> Result<usize, SyntaxError> {
        self.gap(bytes.start, places)?;
        let raw = self.text.get(bytes.clone()).unwrap_or_default();
        let explicit = raw.bytes().skip(1).take(2).find(u8::is_ascii_digit);
        let parent = self.indents.last().copied();
        let mut indent = explicit.map(|digit| parent.unwrap_or(0) + usize::from(digit - b'0'));
        let mut widest = 0;
        for line in raw.split(['\n', '\r']).skip(1) {
            let spaces = line.bytes().take_while(|byte| *byte == b' ').count();
            let short = indent.is_none_or(|indent| spaces < indent);
            match line.as_bytes().get(spaces) {
                Some(b'\t') if short => {
                    let message = "found a tab character where an indentation space is expected";
                    return Err(self.error(bytes.start, message, places));
                }
                None => widest = widest.max(spaces),
                Some(_) if indent.is_none() => {
                    indent = Some(widest.max(spaces).max(parent.map_or(1, |parent| parent + 1)));
                }
                Some(_) if short => break,
                Some(_) => {}
            }
        }
        self.separators(bytes.clone(), Style::Literal, places)?;
        self.token(bytes.end, false, true);
        Ok(indent.unwrap_or(usize::MAX))
    }

    fn token(&mut self, end: usize, plain: bool, key_allowed: bool) {
        self.end = self.end.max(end);
        self.plain = plain.then(|| self.indents.last().map_or(0, |indent| indent + 1));
        self.key_allowed = key_allowed;
    }

    /// What stands between the last token and byte `until`: blanks, comments, indicators and properties.
    pub(super) fn gap(&mut self, until: usize, places: &mut Places<'_>) -> Result<(), SyntaxError> {
        let Some(gap) = self.text.get(self.end..until).filter(|_| self.flow == 0) else { return Ok(()) };
        if !gap.contains(['\t', '\u{2028}', '\u{2029}']) {
            return Ok(());
        }
        let bytes = gap.as_bytes();
        let mut at = 0;
        let mut broken = false;
        if let Some(indent) = self.plain {
            // The blanks behind a plain scalar could go on with it: tabs must not indent then.
            let mut line = 0;
            while let Some(byte) = bytes.get(at).filter(|byte| b" \t\r\n".contains(byte)) {
                if *byte == b'\t' && broken && at - line < indent {
                    return Err(self.error(self.end + at, "found a tab character that violates indentation", places));
                }
                at += 1;
                if matches!(byte, b'\r' | b'\n') {
                    broken = true;
                    line = at;
                }
            }
        }
        let mut key_allowed = self.key_allowed || broken;
        while let Some(byte) = bytes.get(at).copied() {
            let rest = &gap[at..];
            let line = || rest.find(['\n', '\r']).map_or(rest, |end| &rest[..end]);
            match byte {
                b'\n' | b'\r' => {
                    key_allowed = true;
                    broken = true;
                    at += 1;
                }
                b'\t' if key_allowed => return Err(self.error(self.end + at, NO_TOKEN, places)),
                b' ' | b'\t' => at += 1,
                b'#' | b'%' if !line().contains(['\u{2028}', '\u{2029}']) => at += line().len(),
                b'&' | b'!' => {
                    key_allowed = false;
                    at += rest.find([' ', '\t', '\n', '\r']).unwrap_or(rest.len());
                }
                b'-' if rest.starts_with("---") => {
                    key_allowed = false;
                    at += 3;
                }
                b'-' | b'?' => {
                    key_allowed = true;
                    at += 1;
                }
                b':' => {
                    // The colon of an explicit key stands on a line of its own.
                    key_allowed = broken;
                    at += 1;
                }
                _ if byte.is_ascii() && byte != b'#' && byte != b'%' => break,
                _ => return Err(self.error(self.end + at, NO_COLON, places)),
            }
        }
        Ok(())
    }

    /// The lines on which a plain scalar goes on.
    fn plain_tabs(&self, bytes: Range<usize>, places: &mut Places<'_>) -> Result<(), SyntaxError> {
        let raw = self.text.get(bytes.clone()).unwrap_or_default();
        if self.flow > 0 || !raw.contains('\t') || !raw.contains(['\n', '\r']) {
            return Ok(());
        }
        let indent = self.indents.last().map_or(0, |indent| indent + 1);
        for line in raw.split(['\n', '\r']).skip(1) {
            let spaces = line.bytes().take_while(|byte| *byte == b' ').count();
            if spaces < indent && line.as_bytes().get(spaces) == Some(&b'\t') {
                return Err(self.error(bytes.start, "found a tab character that violates indentation", places));
            }
        }
        Ok(())
    }

    /// In flow collections a question mark ends a word, and a colon cannot begin one.
    fn question(&self, bytes: Range<usize>, places: &mut Places<'_>) -> Result<(), SyntaxError> {
        let raw = self.text.get(bytes.clone()).unwrap_or_default();
        let behind = self.text.get(bytes.end..).unwrap_or_default();
        if self.flow > 0 && (raw.contains('?') || behind.starts_with("? ")) {
            return Err(self.error(bytes.start, "did not find expected ',' or '}'", places));
        }
        if self.flow > 0 && raw.starts_with(':') {
            return Err(self.error(bytes.start, "did not find expected node content", places));
        }
        Ok(())
    }

    /// What follows the last token of the document.
    pub(super) fn finish(&mut self, places: &mut Places<'_>) -> Result<(), SyntaxError> {
        let rest = self.text.get(self.end..).unwrap_or_default();
        let marker = rest
            .match_indices(['\n', '\r'])
            .find(|(at, _)| ["---", "..."].iter().any(|end| rest[at + 1..].starts_with(end)));
        let until = marker.map_or(self.text.len(), |(at, _)| self.end + at);
        self.gap(until, places)
    }

    /// The escapes of a double-quoted scalar.
    fn escapes(&self, bytes: Range<usize>, places: &mut Places<'_>) -> Result<(), SyntaxError> {
        let raw = self.text.get(bytes.clone()).unwrap_or_default();
        let mut rest = raw;
        while let Some(at) = rest.find('\\') {
            let code = rest.get(at + 2..at + 6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
            let escape = rest.as_bytes().get(at + 1).copied();
            match (escape, code) {
                (Some(b'/'), _) => return Err(self.error(bytes.start, "found unknown escape character", places)),
                (Some(b'u'), Some(0xD800..=0xDFFF)) => {
                    return Err(self.error(bytes.start, "found invalid Unicode character escape code", places));
                }
                _ => {}
            }
            // What is skipped may be half of a character.
            let next = (at + 2..=rest.len()).find(|next| rest.is_char_boundary(*next)).unwrap_or(rest.len());
            rest = &rest[next..];
        }
        Ok(())
    }

    /// YAML 1.1's line separators. They break lines for the reference and not for us, which makes no
    /// difference only inside quotes and away from blanks.
    fn separators(&self, bytes: Range<usize>, style: Style, places: &mut Places<'_>) -> Result<(), SyntaxError> {
        let raw = self.text.get(bytes.clone()).unwrap_or_default();
        let quoted = matches!(style, Style::Single | Style::Double);
        let blank = |c: Option<char>| c.is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}'));
        for (at, separator) in raw.match_indices(['\u{2028}', '\u{2029}']) {
            let before = raw[..at].chars().next_back();
            let after = raw[at + separator.len()..].chars().next();
            if !quoted || blank(before) || blank(after) || before == Some('\\') {
                return Err(self.error(bytes.start + at + separator.len(), NO_COLON, places));
            }
        }
        Ok(())
    }

    fn error(&self, at: usize, message: &str, places: &mut Places<'_>) -> SyntaxError {
        let line = Some(places.at(at).line).filter(|line| *line > 1);
        SyntaxError { span: Span::new(self.file, at, at), message: message.to_owned(), line }
    }
}

/// Whether anchors may be called so.
pub(super) fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Refuses directives that the reference does not know.
pub(super) fn directives(file: FileId, text: &str) -> Result<(), SyntaxError> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let blank = line.trim_start().is_empty() || line.trim_start().starts_with('#');
        let name = line.strip_prefix('%').map(|rest| rest.split_ascii_whitespace().next().unwrap_or_default());
        match name {
            Some("YAML" | "TAG") => {}
            Some(_) => {
                let span = Span::new(file, at, at + line.trim_end().len());
                return Err(SyntaxError { span, message: "found unknown directive name".to_owned(), line: None });
            }
            None if blank => {}
            None => break,
        }
        at += line.len();
    }
    Ok(())
}
