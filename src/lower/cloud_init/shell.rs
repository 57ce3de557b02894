//! Words of a POSIX shell and of systemd-tmpfiles, and scripts made of commented paragraphs.

use std::fmt::Write as _;

/// `word` as the shell reads it back: bare when it is harmless, else in single quotes.
pub(super) fn quote(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Words quoted and joined by blanks.
pub(super) fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// A path or an argument in a line of tmpfiles.d(5): specifiers doubled, quoted where a blank would end the field.
pub(super) fn field(text: &str) -> String {
    let text = text.replace('%', "%%");
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+%".contains(c);
    if text.chars().all(harmless) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// A script that grows by paragraphs: one comment, the commands below it.
#[derive(Debug, Default)]
pub(super) struct Script {
    text: String,
}

impl Script {
    /// A paragraph; nothing at all when it has no commands.
    pub(super) fn paragraph<S: AsRef<str>>(&mut self, comment: &str, commands: impl IntoIterator<Item = S>) {
        let mut commands = commands.into_iter().peekable();
        if commands.peek().is_none() {
            return;
        }
        let _ = write!(self.text, "\n# {comment}\n");
        for command in commands {
            let _ = writeln!(self.text, "{}", command.as_ref());
        }
    }

    /// Whether no paragraph was written.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The script below `head`.
    pub(super) fn under(self, head: &str) -> String {
        format!("{}{}", head, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::{field, quote};

    #[test]
    fn quotes_only_what_needs_it() {
        for bare in ["/etc/a-b_c.d/x@y", "a=b,c", "10.0.0.0/8"] {
            assert_eq!(quote(bare), bare);
        }
        assert_eq!(quote(""), "''");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's $x"), r"'it'\''s $x'");
        assert_eq!(field("/a%b"), "/a%%b");
        assert_eq!(field(r#"/a "b\"#), r#""/a \"b\\""#);
    }
}
