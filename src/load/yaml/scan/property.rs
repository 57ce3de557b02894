//! Anchors, aliases, tags and directives.

use super::{Kind, Scanner};
use crate::load::yaml::cursor::Mark;
use crate::load::yaml::fault::Fault;

/// What stands in names of anchors, handles and directives.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// What stands in tags; `%` begins an escaped byte.
fn is_uri(byte: u8) -> bool {
    is_word(byte) || b";/?:@&=+$,.!~*'()[]%".contains(&byte)
}

impl<'t> Scanner<'t> {
    /// `&name` or `*name`.
    pub(super) fn anchor(&mut self, alias: bool) -> Result<(), Fault> {
        self.save_candidate()?;
        self.key_allowed = false;
        let start = self.cursor.mark();
        self.cursor.skip();
        let name = self.word()?.to_owned();
        let ends = self.cursor.is_space(0) || b"?:,]}%@`".contains(&self.cursor.at(0));
        if name.is_empty() || !ends {
            return Err(self.fault("did not find expected alphabetic or numeric character", start));
        }
        self.push(if alias { Kind::Alias(name) } else { Kind::Anchor(name) }, start);
        Ok(())
    }

    /// `!`, `!suffix`, `!handle!suffix` or `!<whole>`.
    pub(super) fn tag(&mut self) -> Result<(), Fault> {
        self.save_candidate()?;
        self.key_allowed = false;
        let start = self.cursor.mark();
        self.cursor.need(2)?;
        let (mut handle, mut suffix) = (String::new(), String::new());
        if self.cursor.at(1) == b'<' {
            self.cursor.skip_ascii(2);
            suffix = self.uri(String::new(), false, start)?;
            if self.cursor.at(0) != b'>' {
                return Err(self.fault("did not find the expected '>'", start));
            }
            self.cursor.skip();
        } else {
            handle = self.handle(false, start)?;
            if handle.len() > 1 && handle.ends_with('!') {
                suffix = self.uri(suffix, false, start)?;
            } else {
                // No handle after all: what looked like one begins the suffix of `!`.
                suffix = self.uri(handle.split_off(1), true, start)?;
                if suffix.is_empty() {
                    std::mem::swap(&mut handle, &mut suffix);
                }
            }
        }
        self.cursor.need(1)?;
        if !self.cursor.is_space(0) {
            return Err(self.fault("did not find expected whitespace or line break", start));
        }
        self.push(Kind::Tag { handle, suffix }, start);
        Ok(())
    }

    /// `%YAML 1.1` or `%TAG !handle! prefix`.
    pub(super) fn directive(&mut self) -> Result<(), Fault> {
        self.leave_document()?;
        let start = self.cursor.mark();
        self.cursor.skip();
        let name = self.word()?;
        if name.is_empty() {
            return Err(self.fault("could not find expected directive name", start));
        }
        if !self.cursor.is_space(0) {
            return Err(self.fault("found unexpected non-alphabetical character", start));
        }
        let kind = match name {
            "YAML" => self.version(start)?,
            "TAG" => self.tag_directive(start)?,
            _ => return Err(self.fault("found unknown directive name", start)),
        };
        let end = self.cursor.mark();
        self.blanks()?;
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
        self.push(kind, start);
        if let Some(token) = self.queue.back_mut() {
            token.end = end;
        }
        Ok(())
    }

    fn version(&mut self, start: Mark) -> Result<Kind, Fault> {
        self.blanks()?;
        let major = self.number(start)?;
        if self.cursor.at(0) != b'.' {
            return Err(self.fault("did not find expected digit or '.' character", start));
        }
        self.cursor.skip();
        let minor = self.number(start)?;
        Ok(Kind::Version { major, minor })
    }

    /// A number of at most two digits.
    fn number(&mut self, start: Mark) -> Result<u8, Fault> {
        self.cursor.need(1)?;
        let (mut value, mut digits) = (0, 0);
        while self.cursor.at(0).is_ascii_digit() {
            digits += 1;
            if digits > 2 {
                return Err(self.fault("found extremely long version number", start));
            }
            value = value * 10 + (self.cursor.at(0) - b'0');
            self.cursor.skip();
            self.cursor.need(1)?;
        }
        if digits == 0 { Err(self.fault("did not find expected version number", start)) } else { Ok(value) }
    }

    fn tag_directive(&mut self, start: Mark) -> Result<Kind, Fault> {
        self.blanks()?;
        let handle = self.handle(true, start)?;
        self.cursor.need(1)?;
        if !self.cursor.is_blank(0) {
            return Err(self.fault("did not find expected whitespace", start));
        }
        self.blanks()?;
        let prefix = self.uri(String::new(), false, start)?;
        self.cursor.need(1)?;
        if !self.cursor.is_space(0) {
            return Err(self.fault("did not find expected whitespace or line break", start));
        }
        Ok(Kind::TagDirective { handle, prefix })
    }

    /// `!`, or `!name` with or without a `!` behind it; a directive needs that one.
    fn handle(&mut self, directive: bool, start: Mark) -> Result<String, Fault> {
        const MISSING: &str = "did not find expected '!'";
        self.cursor.need(1)?;
        if self.cursor.at(0) != b'!' {
            return Err(self.fault(MISSING, start));
        }
        self.cursor.skip();
        let mut handle = format!("!{}", self.word()?);
        if self.cursor.at(0) == b'!' {
            self.cursor.skip();
            handle.push('!');
        } else if directive && handle != "!" {
            return Err(self.fault(MISSING, start));
        }
        Ok(handle)
    }

    /// What follows `begun` up to the end of the tag; nothing need follow if it `may_end`.
    fn uri(&mut self, begun: String, may_end: bool, start: Mark) -> Result<String, Fault> {
        self.cursor.need(1)?;
        let mut bytes = begun.into_bytes();
        let before = self.cursor.mark().byte;
        while is_uri(self.cursor.at(0)) {
            if self.cursor.at(0) == b'%' {
                self.escaped(&mut bytes, start)?;
            } else {
                bytes.push(self.cursor.at(0));
                self.cursor.skip();
            }
            self.cursor.need(1)?;
        }
        if !may_end && self.cursor.mark().byte == before {
            return Err(self.fault("did not find expected tag URI", start));
        }
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// A character as `%` escapes, one for each of its bytes.
    fn escaped(&mut self, bytes: &mut Vec<u8>, start: Mark) -> Result<(), Fault> {
        let mut left = None;
        while left != Some(0) {
            self.cursor.need(3)?;
            let digit = |offset: usize| {
                char::from(self.cursor.at(offset)).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
            };
            let (b'%', Some(high), Some(low)) = (self.cursor.at(0), digit(1), digit(2)) else {
                return Err(self.fault("did not find URI escaped octet", start));
            };
            let byte = high << 4 | low;
            let width = match (left, byte) {
                (Some(left), 0x80..=0xBF) => left,
                (Some(_), _) => return Err(self.fault("found an incorrect trailing UTF-8 octet", start)),
                (None, 0x00..=0x7F) => 1,
                (None, 0xC0..=0xDF) => 2,
                (None, 0xE0..=0xEF) => 3,
                (None, 0xF0..=0xF7) => 4,
                (None, _) => return Err(self.fault("found an incorrect leading UTF-8 octet", start)),
            };
            bytes.push(byte);
            self.cursor.skip_ascii(3);
            left = Some(width - 1);
        }
        Ok(())
    }

    fn word(&mut self) -> Result<&'t str, Fault> {
        let begin = self.cursor.mark().byte;
        self.cursor.skip_ascii(self.cursor.run(is_word));
        self.cursor.need(1)?;
        Ok(self.cursor.slice(begin, self.cursor.mark().byte))
    }

    fn blanks(&mut self) -> Result<(), Fault> {
        self.cursor.need(1)?;
        while self.cursor.is_blank(0) {
            self.cursor.skip();
            self.cursor.need(1)?;
        }
        Ok(())
    }
}
