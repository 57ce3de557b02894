//! Plain, quoted and block texts.

use super::{Kind, Scanner};
use crate::load::yaml::Style;
use crate::load::yaml::cursor::Mark;
use crate::load::yaml::fault::Fault;

/// Line ends between two words of a text.
#[derive(Default)]
struct Breaks {
    /// The one that ends the line, unless it is escaped.
    first: String,
    /// Those of empty lines.
    rest: String,
}

impl Breaks {
    fn clear(&mut self) {
        self.first.clear();
        self.rest.clear();
    }

    /// Writes them as they count within a plain or quoted text: a single one is a blank.
    fn fold(&mut self, text: &mut String) {
        if self.first.starts_with('\n') && self.rest.is_empty() {
            text.push(' ');
        } else {
            if !self.first.starts_with('\n') {
                text.push_str(&self.first);
            }
            text.push_str(&self.rest);
        }
        self.clear();
    }
}

/// What ends a plain text in a flow collection.
fn ends_in_flow(byte: u8) -> bool {
    matches!(byte, b',' | b'?' | b'[' | b']' | b'{' | b'}')
}

/// Bytes that are an ordinary character in any text.
fn is_ordinary(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'.' | b'=' | b'+' | b'@' | b'$' | b'(' | b')')
}

impl Scanner<'_> {
    /// A text without quotes.
    pub(super) fn plain_scalar(&mut self) -> Result<(), Fault> {
        self.save_candidate()?;
        self.key_allowed = false;
        let start = self.cursor.mark();
        let indent = self.indent + 1;
        // The words of a line stand in the text as they are: `piece` is where those of this line begin.
        let (mut text, mut piece, mut end) = (String::new(), start.byte, start);
        let mut breaks = Breaks::default();
        let mut broken = false;
        loop {
            self.cursor.need(4)?;
            if self.cursor.is_document_mark() || self.cursor.at(0) == b'#' {
                break;
            }
            while !self.cursor.is_space(0) {
                let byte = self.cursor.at(0);
                if byte == b':' && self.cursor.is_space(1) || self.flow > 0 && ends_in_flow(byte) {
                    break;
                }
                if broken {
                    text.push_str(self.cursor.slice(piece, end.byte));
                    breaks.fold(&mut text);
                    broken = false;
                    piece = self.cursor.mark().byte;
                }
                match self.cursor.run(is_ordinary) {
                    0 => self.cursor.skip(),
                    run => self.cursor.skip_ascii(run),
                }
                end = self.cursor.mark();
                self.cursor.need(2)?;
            }
            if !(self.cursor.is_blank(0) || self.cursor.is_break(0)) {
                break;
            }
            while self.cursor.is_blank(0) || self.cursor.is_break(0) {
                if self.cursor.is_break(0) {
                    self.cursor.need(2)?;
                    self.cursor.take_break(if broken { &mut breaks.rest } else { &mut breaks.first });
                    broken = true;
                } else {
                    if broken && self.column() < indent && self.cursor.at(0) == b'\t' {
                        return Err(self.fault("found a tab character that violates indentation", start));
                    }
                    self.cursor.skip();
                }
                self.cursor.need(1)?;
            }
            if self.flow == 0 && self.column() < indent {
                break;
            }
        }
        text.push_str(self.cursor.slice(piece, end.byte));
        self.push_scalar(text, Style::Plain, start, end);
        if broken {
            self.key_allowed = true;
        }
        Ok(())
    }

    /// A text in quotes.
    pub(super) fn quoted_scalar(&mut self, quote: u8) -> Result<(), Fault> {
        self.save_candidate()?;
        self.key_allowed = false;
        let start = self.cursor.mark();
        self.cursor.skip();
        let double = quote == b'"';
        let mut text = String::new();
        let mut breaks = Breaks::default();
        loop {
            self.cursor.need(4)?;
            if self.cursor.is_document_mark() {
                return Err(self.fault("found unexpected document indicator", start));
            }
            if self.cursor.is_end() {
                return Err(self.fault("found unexpected end of stream", start));
            }
            let mut broken = self.quoted_word(&mut text, quote, start)?;
            if self.cursor.at(0) == quote {
                break;
            }
            let blanks = self.cursor.mark().byte;
            let mut end = blanks;
            while self.cursor.is_blank(0) || self.cursor.is_break(0) {
                if self.cursor.is_break(0) {
                    self.cursor.need(2)?;
                    self.cursor.take_break(if broken { &mut breaks.rest } else { &mut breaks.first });
                    broken = true;
                } else {
                    self.cursor.skip();
                }
                if !broken {
                    end = self.cursor.mark().byte;
                }
                self.cursor.need(1)?;
            }
            if broken {
                breaks.fold(&mut text);
            } else {
                text.push_str(self.cursor.slice(blanks, end));
            }
        }
        self.cursor.skip();
        let end = self.cursor.mark();
        self.push_scalar(text, if double { Style::Double } else { Style::Single }, start, end);
        Ok(())
    }

    /// Reads up to the next blank, line end or closing quote. Whether an escaped line end was the last.
    fn quoted_word(&mut self, text: &mut String, quote: u8, start: Mark) -> Result<bool, Fault> {
        while !self.cursor.is_space(0) {
            let byte = self.cursor.at(0);
            let run = self.cursor.run(is_ordinary);
            if run > 0 {
                let from = self.cursor.mark().byte;
                text.push_str(self.cursor.slice(from, from + run));
                self.cursor.skip_ascii(run);
            } else if byte == b'\'' && quote == byte && self.cursor.at(1) == byte {
                text.push('\'');
                self.cursor.skip_ascii(2);
            } else if byte == quote {
                break;
            } else if quote == b'"' && byte == b'\\' && self.cursor.is_break(1) {
                self.cursor.need(3)?;
                self.cursor.skip();
                self.cursor.skip_break();
                return Ok(true);
            } else if quote == b'"' && byte == b'\\' {
                text.push(self.escape(start)?);
            } else {
                self.take_character(text);
            }
            self.cursor.need(2)?;
        }
        self.cursor.need(1)?;
        Ok(false)
    }

    fn take_character(&mut self, text: &mut String) {
        let from = self.cursor.mark().byte;
        self.cursor.skip();
        text.push_str(self.cursor.slice(from, self.cursor.mark().byte));
    }

    /// `\n` and the like.
    fn escape(&mut self, start: Mark) -> Result<char, Fault> {
        let code = match self.cursor.at(1) {
            b'0' => '\0',
            b'a' => '\x07',
            b'b' => '\x08',
            b't' | b'\t' => '\t',
            b'n' => '\n',
            b'v' => '\x0B',
            b'f' => '\x0C',
            b'r' => '\r',
            b'e' => '\x1B',
            byte @ (b' ' | b'"' | b'\'' | b'\\') => char::from(byte),
            b'N' => '\u{85}',
            b'_' => '\u{A0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            b'x' => return self.code_point(2, start),
            b'u' => return self.code_point(4, start),
            b'U' => return self.code_point(8, start),
            _ => return Err(self.fault("found unknown escape character", start)),
        };
        self.cursor.skip();
        self.cursor.skip();
        Ok(code)
    }

    /// A character by its number, in so many digits.
    fn code_point(&mut self, digits: usize, start: Mark) -> Result<char, Fault> {
        self.cursor.skip_ascii(2);
        self.cursor.need(digits)?;
        let mut value: u32 = 0;
        for offset in 0..digits {
            let Some(digit) = char::from(self.cursor.at(offset)).to_digit(16) else {
                return Err(self.fault("did not find expected hexdecimal number", start));
            };
            value = value << 4 | digit;
        }
        let Some(character) = char::from_u32(value) else {
            return Err(self.fault("found invalid Unicode character escape code", start));
        };
        self.cursor.skip_ascii(digits);
        Ok(character)
    }

    /// `|` or `>` with the lines that belong to it.
    pub(super) fn block_scalar(&mut self, literal: bool) -> Result<(), Fault> {
        self.drop_candidate()?;
        self.key_allowed = true;
        let start = self.cursor.mark();
        let (keep, strip, increment) = self.block_header(start)?;
        let outer = self.indent.max(0);
        let mut indent = increment.map_or(0, |increment| outer + increment);
        let (mut text, mut breaks) = (String::new(), Breaks::default());
        let mut end = self.block_breaks(&mut indent, &mut breaks.rest, start)?;
        self.cursor.need(1)?;
        let mut was_blank = false;
        while self.column() == indent && !self.cursor.is_end() {
            let blank = self.cursor.is_blank(0);
            if !literal && breaks.first.starts_with('\n') && !was_blank && !blank {
                if breaks.rest.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(&breaks.first);
            }
            text.push_str(&breaks.rest);
            breaks.clear();
            was_blank = blank;
            let from = self.cursor.mark().byte;
            self.cursor.skip_rest_of_line();
            text.push_str(self.cursor.slice(from, self.cursor.mark().byte));
            self.cursor.need(2)?;
            self.cursor.take_break(&mut breaks.first);
            end = self.block_breaks(&mut indent, &mut breaks.rest, start)?;
        }
        if !strip {
            text.push_str(&breaks.first);
        }
        if keep {
            text.push_str(&breaks.rest);
        }
        self.push_scalar(text, if literal { Style::Literal } else { Style::Folded }, start, end);
        Ok(())
    }

    /// What stands behind `|` or `>`: whether all line ends at the end are kept, or none, and how much the lines
    /// are indented, if that is said.
    fn block_header(&mut self, start: Mark) -> Result<(bool, bool, Option<isize>), Fault> {
        self.cursor.skip();
        let (mut keep, mut strip, mut increment) = (false, false, None);
        for _ in 0..2 {
            self.cursor.need(1)?;
            match self.cursor.at(0) {
                b'+' | b'-' if !keep && !strip => {
                    keep = self.cursor.at(0) == b'+';
                    strip = !keep;
                }
                b'0' if increment.is_none() => {
                    return Err(self.fault("found an indentation indicator equal to 0", start));
                }
                digit @ b'1'..=b'9' if increment.is_none() => increment = Some(isize::from(digit - b'0')),
                _ => break,
            }
            self.cursor.skip();
        }
        self.cursor.need(1)?;
        while self.cursor.is_blank(0) {
            self.cursor.skip();
            self.cursor.need(1)?;
        }
        if self.cursor.at(0) == b'#' {
            self.skip_comment()?;
        }
        if !self.cursor.is_break_or_end(0) {
            return Err(self.fault("did not find expected comment or line break", start));
        }
        if self.cursor.is_break(0) {
            self.cursor.need(2)?;
            self.cursor.skip_break();
        }
        Ok((keep, strip, increment))
    }

    /// Goes over indentation and empty lines, and finds out the indentation if it is not known. Returns where the
    /// last line ended.
    fn block_breaks(&mut self, indent: &mut isize, breaks: &mut String, start: Mark) -> Result<Mark, Fault> {
        let mut end = self.cursor.mark();
        let mut deepest = 0;
        loop {
            self.cursor.need(1)?;
            while (*indent == 0 || self.column() < *indent) && self.cursor.at(0) == b' ' {
                self.cursor.skip();
                self.cursor.need(1)?;
            }
            deepest = deepest.max(self.column());
            if (*indent == 0 || self.column() < *indent) && self.cursor.at(0) == b'\t' {
                let problem = "found a tab character where an indentation space is expected";
                return Err(self.fault(problem, start));
            }
            if !self.cursor.is_break(0) {
                break;
            }
            self.cursor.need(2)?;
            self.cursor.take_break(breaks);
            end = self.cursor.mark();
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(end)
    }

    fn push_scalar(&mut self, text: String, style: Style, start: Mark, end: Mark) {
        self.queue.push_back(super::Token { kind: Kind::Scalar { text, style }, start, end });
    }
}
