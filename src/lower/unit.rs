//! Text in systemd's syntax: sections, settings and command lines (systemd.syntax(7)).

use std::fmt::Write;

/// The first line of every text file made from the model of `node`.
pub(super) fn banner(node: &str) -> String {
    format!("# Made by bake for {node}; changes here are lost.\n")
}

/// A unit, network file or drop-in in the making.
#[derive(Debug)]
pub(super) struct UnitText {
    text: String,
}

impl UnitText {
    /// A text for `node` with nothing but its banner.
    pub(super) fn new(node: &str) -> Self {
        Self { text: banner(node) }
    }

    /// A comment; each line of `text` becomes one.
    pub(super) fn comment(&mut self, text: &str) -> &mut Self {
        for line in text.lines() {
            let _ = writeln!(self.text, "# {}", flat(line.trim()));
        }
        self
    }

    /// Starts a section.
    pub(super) fn section(&mut self, name: &str) -> &mut Self {
        let _ = write!(self.text, "\n[{name}]\n");
        self
    }

    /// A setting whose value stands as it is, on one line.
    pub(super) fn set(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        let _ = writeln!(self.text, "{key}={}", flat(&value.to_string()));
        self
    }

    /// A setting with a list of words, left out when there are none.
    pub(super) fn list<T: AsRef<str>>(&mut self, key: &str, words: &[T]) -> &mut Self {
        if words.is_empty() {
            return self;
        }
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        self.set(key, words.join(" "))
    }

    /// A setting continued over several lines, each a piece of a command line as [`command`] makes it.
    pub(super) fn lines(&mut self, key: &str, pieces: &[String]) -> &mut Self {
        let _ = writeln!(self.text, "{key}={}", pieces.join(" \\\n    "));
        self
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// `text` on one line: nobody's value may start a setting of its own.
fn flat(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// `text` where systemd expands specifiers but splits nothing: `%` is doubled (systemd.unit(5), "Specifiers").
pub(super) fn literal(text: &str) -> String {
    text.replace('%', "%%")
}

/// Words as a command line that systemd splits into exactly these words (systemd.service(5), "Command lines").
///
/// `%` and `$` are doubled, against specifiers and variables; words with blanks, quotes, backslashes or control
/// characters, the empty word and a lone `;` (which would separate commands) are quoted.
pub(super) fn command<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word.as_ref())).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let special = |c: char| c.is_whitespace() || c.is_control() || "\"'\\".contains(c);
    let quote = word.is_empty() || word == ";" || word.starts_with('#') || word.contains(special);
    let mut text = String::with_capacity(word.len() + 2);
    for c in word.chars() {
        match c {
            '%' => text.push_str("%%"),
            '$' => text.push_str("$$"),
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c if c.is_ascii_control() => {
                let _ = write!(text, "\\x{:02x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    if quote { format!("\"{text}\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::{UnitText, command};

    #[test]
    fn words_that_systemd_would_change_are_quoted() {
        let cases = [
            ("plain", "plain"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("100%", "100%%"),
            ("$HOME", "$$HOME"),
            (";", "\";\""),
            ("a;b", "a;b"),
            ("it's", "\"it's\""),
            ("say \"hi\"", "\"say \\\"hi\\\"\""),
            ("back\\slash", "\"back\\\\slash\""),
            ("line\nbreak", "\"line\\nbreak\""),
            ("bell\x07", "\"bell\\x07\""),
        ];
        for (word, expected) in cases {
            assert_eq!(command(&[word]), expected, "{word:?}");
        }
        assert_eq!(command(&["a", "b c", "d"]), "a \"b c\" d");
    }

    #[test]
    fn a_value_never_leaves_its_line() {
        let mut unit = UnitText::new("n");
        unit.comment("one\ntwo\rX=1").section("S").set("Key", "a\nExecStart=/bin/evil");
        let expected =
            "# Made by bake for n; changes here are lost.\n# one\n# two X=1\n\n[S]\nKey=a ExecStart=/bin/evil\n";
        assert_eq!(unit.finish(), expected);
    }
}
