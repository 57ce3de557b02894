//! The text of units, read as the reference's parser reads it.

/// Longer lines than this are refused where they are seen.
const LINE: usize = 2048;

/// How much the reference's reader holds at a time. Long lines are only seen when they are in there, so what
/// it holds decides.
const BUFFER: usize = 4096;

/// Reads a unit's text: whether an option in a section `[Install]` is in it.
///
/// # Errors
/// What is wrong, in the words of the reference.
pub(super) fn has_install(text: &str) -> Result<bool, String> {
    let mut reader = Reader { bytes: text.as_bytes(), read: 0, held: 0 };
    let mut install = false;
    let mut in_install = false;
    let mut step = Step::Section;
    loop {
        if reader.held - reader.read >= LINE {
            let line = &reader.bytes[reader.read..reader.read + LINE];
            if !line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
                return Err("line too long (max 2048 bytes)".to_owned());
            }
        }
        step = match step {
            Step::Section => match reader.rune() {
                None => return Ok(install),
                Some('[') => Step::SectionName,
                Some('#' | ';') => Step::Comment { in_section: false },
                Some(_) => Step::Section,
            },
            Step::SectionName => {
                let (name, found) = reader.until(b']');
                if !found {
                    return Err("unable to find end of section".to_owned());
                }
                in_install = &name[..name.len() - 1] == b"Install";
                Step::SectionEnd
            }
            Step::SectionEnd => {
                let rest = String::from_utf8_lossy(reader.line());
                let garbage = rest.trim();
                if !garbage.is_empty() {
                    return Err(format!("found garbage after section name : {}", crate::model::quote::quote(garbage)));
                }
                Step::SectionOrOption
            }
            Step::Comment { in_section } => {
                loop {
                    let line = reader.line();
                    if !line.strip_suffix(b" ").unwrap_or(line).ends_with(b"\\") {
                        break;
                    }
                }
                if in_section { Step::SectionOrOption } else { Step::Section }
            }
            Step::SectionOrOption => match reader.peek() {
                None => return Ok(install),
                Some(c) => {
                    let next = match c {
                        c if c.is_whitespace() => Step::SectionOrOption,
                        '[' => Step::SectionName,
                        '#' | ';' => Step::Comment { in_section: true },
                        _ => Step::OptionName,
                    };
                    if !matches!(next, Step::OptionName) {
                        reader.rune();
                    }
                    next
                }
            },
            Step::OptionName => loop {
                match reader.rune() {
                    None => return Err("EOF".to_owned()),
                    Some('\n' | '\r') => {
                        return Err("unexpected newline encountered while parsing option name".to_owned());
                    }
                    Some('=') => break Step::OptionValue,
                    Some(_) => {}
                }
            },
            Step::OptionValue => {
                let line = reader.line();
                if line.ends_with(b"\\") {
                    Step::OptionValue
                } else {
                    install |= in_install;
                    Step::SectionOrOption
                }
            }
        }
    }
}

enum Step {
    Section,
    SectionName,
    SectionEnd,
    Comment { in_section: bool },
    SectionOrOption,
    OptionName,
    OptionValue,
}

/// Knows what a reader with a buffer would hold.
struct Reader<'a> {
    bytes: &'a [u8],
    /// How far it was read.
    read: usize,
    /// How far it is in the buffer.
    held: usize,
}

impl<'a> Reader<'a> {
    fn fill(&mut self) {
        self.held = self.bytes.len().min(self.read + BUFFER);
    }

    fn peek(&mut self) -> Option<char> {
        let text = self.bytes.get(self.read..)?;
        let first = *text.first()?;
        let length = match first {
            0xF0.. => 4,
            0xE0.. => 3,
            0xC0.. => 2,
            _ => 1,
        };
        if self.held < (self.read + length).min(self.bytes.len()) {
            self.fill();
        }
        let character = text.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
        Some(character.and_then(|text| text.chars().next()).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn rune(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.read += character.len_utf8();
        self.read = self.read.min(self.bytes.len());
        Some(character)
    }

    /// Reads up to and with `end`, or all that is left; whether `end` was found.
    fn until(&mut self, end: u8) -> (&'a [u8], bool) {
        let start = self.read;
        let mut searched = start;
        loop {
            if let Some(found) = self.bytes[searched..self.held].iter().position(|byte| *byte == end) {
                self.read = searched + found + 1;
                return (&self.bytes[start..self.read], true);
            }
            searched = self.held;
            if self.held == self.bytes.len() {
                self.read = self.held;
                return (&self.bytes[start..], false);
            }
            if self.held - self.read >= BUFFER {
                self.read = self.held;
            }
            self.fill();
        }
    }

    /// Reads a line, without its end.
    fn line(&mut self) -> &'a [u8] {
        let (line, _) = self.until(b'\n');
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.strip_suffix(b"\n").unwrap_or(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        assert_eq!(has_install("[Unit]\nA=b\n[Install]\nWantedBy=x\n"), Ok(true));
        assert_eq!(has_install("[Install]\n[Unit]\nA=\\\n  [Install]\n"), Ok(false));
        assert_eq!(has_install("# only a comment"), Ok(false));
        for (text, why) in [
            ("[Unit", "unable to find end of section"),
            ("[Unit] x\n", "found garbage after section name : \"x\""),
            ("[Unit]\nA\n", "unexpected newline encountered while parsing option name"),
            ("[Unit]\nA", "EOF"),
        ] {
            assert_eq!(has_install(text), Err(why.to_owned()));
        }
        assert!(has_install(&format!("[Unit]\nA={}\n", "x".repeat(3000))).is_err());
    }
}
