//! A place in a text, and the characters around it.

use super::fault::Fault;

/// A place. Lines and columns count from 0, columns and `index` in characters; a line end of two characters is two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) byte: usize,
    pub(super) index: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Walks through a text. Behind the end it sees NUL characters, which no YAML text holds.
pub(super) struct Cursor<'t> {
    text: &'t str,
    bytes: &'t [u8],
    mark: Mark,
    /// Line ends since the last character that is not blank.
    newlines: usize,
    /// Why the text is cut off at its end, if it is.
    broken: Option<&'static str>,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str, broken: Option<&'static str>) -> Self {
        Self { text, bytes: text.as_bytes(), mark: Mark::default(), newlines: 0, broken }
    }

    pub(super) fn mark(&self) -> Mark {
        self.mark
    }

    pub(super) fn newlines(&self) -> usize {
        self.newlines
    }

    /// The text between two places.
    pub(super) fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// Fails if the reference would have to read on to see `count` characters, and cannot.
    pub(super) fn need(&self, count: usize) -> Result<(), Fault> {
        match self.broken {
            Some(message) if self.mark.byte + count > self.bytes.len() => Err(Fault::of_text(message)),
            _ => Ok(()),
        }
    }

    /// The byte `offset` bytes on.
    pub(super) fn at(&self, offset: usize) -> u8 {
        self.bytes.get(self.mark.byte + offset).copied().unwrap_or(0)
    }

    pub(super) fn is_blank(&self, offset: usize) -> bool {
        matches!(self.at(offset), b' ' | b'\t')
    }

    /// Whether there is a line end. YAML 1.1 has five: CR LF, CR, LF, NEL, and the separators of lines and paragraphs.
    pub(super) fn is_break(&self, offset: usize) -> bool {
        match self.at(offset) {
            b'\r' | b'\n' => true,
            0xC2 => self.at(offset + 1) == 0x85,
            0xE2 => self.at(offset + 1) == 0x80 && matches!(self.at(offset + 2), 0xA8 | 0xA9),
            _ => false,
        }
    }

    pub(super) fn is_end(&self) -> bool {
        self.at(0) == 0
    }

    pub(super) fn is_break_or_end(&self, offset: usize) -> bool {
        self.at(offset) == 0 || self.is_break(offset)
    }

    pub(super) fn is_space(&self, offset: usize) -> bool {
        self.is_blank(offset) || self.is_break_or_end(offset)
    }

    /// Whether `---` or `...` stands alone at the start of a line here.
    pub(super) fn is_document_mark(&self) -> bool {
        self.mark.column == 0
            && matches!((self.at(0), self.at(1), self.at(2)), (b'-', b'-', b'-') | (b'.', b'.', b'.'))
            && self.is_space(3)
    }

    /// Goes on by one character, which is no line end.
    pub(super) fn skip(&mut self) {
        let byte = self.at(0);
        if !matches!(byte, b' ' | b'\t') {
            self.newlines = 0;
        }
        self.mark.byte = (self.mark.byte + width(byte)).min(self.bytes.len());
        self.mark.index += 1;
        self.mark.column += 1;
    }

    /// Goes on by `count` characters that are ASCII, not blank, and no line ends.
    pub(super) fn skip_ascii(&mut self, count: usize) {
        if count > 0 {
            self.newlines = 0;
            self.mark.byte += count;
            self.mark.index += count;
            self.mark.column += count;
        }
    }

    /// Goes on to the end of the line.
    pub(super) fn skip_rest_of_line(&mut self) {
        while !self.is_break_or_end(0) {
            self.skip();
        }
    }

    /// Goes over a line end.
    pub(super) fn skip_break(&mut self) {
        let (bytes, characters) = match self.at(0) {
            b'\r' if self.at(1) == b'\n' => (2, 2),
            byte => (width(byte), 1),
        };
        self.mark = Mark {
            byte: self.mark.byte + bytes,
            index: self.mark.index + characters,
            line: self.mark.line + 1,
            column: 0,
        };
        self.newlines += 1;
    }

    /// Goes over a line end and adds it to `text` in its plain form. Does nothing anywhere else.
    pub(super) fn take_break(&mut self, text: &mut String) {
        if self.is_break(0) {
            match (self.at(0), self.at(2)) {
                (0xE2, 0xA8) => text.push('\u{2028}'),
                (0xE2, _) => text.push('\u{2029}'),
                _ => text.push('\n'),
            }
            self.skip_break();
        }
    }

    /// Goes to the start of the next line after the end of the text.
    pub(super) fn end_line(&mut self) {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
    }

    /// The length of the run of bytes from here on for which `holds`.
    pub(super) fn run(&self, holds: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(self.mark.byte..).unwrap_or_default();
        rest.iter().position(|byte| !holds(*byte)).unwrap_or(rest.len())
    }
}

/// How many bytes a character has, by its first one.
fn width(first: u8) -> usize {
    match first {
        ..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0.. => 4,
    }
}
