//! Ignition configs as JSON, byte for byte as the reference writes it.

use crate::model::ignition::Config;
use crate::model::shape::{Field, Record, Shape};
use std::fmt::Write as _;

/// The config as JSON, without a line end behind it.
///
/// Like the reference's writer it escapes what could be taken for HTML, and two line separators of JavaScript.
pub fn ignition(config: &Config, pretty: bool) -> String {
    let mut writer = Writer { out: String::new(), pretty, depth: 0, nulls: config.ignition.version == "3.0.0" };
    writer.record(config, Place::Root);
    writer.out
}

/// The few places that are written differently.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Ignition,
    /// `ignition.config`, whose records are references.
    References,
    Elsewhere,
}

struct Writer {
    out: String,
    pretty: bool,
    depth: usize,
    /// Whether a reference without a source says so: spec 3.0 had types of their own for references.
    nulls: bool,
}

impl Writer {
    fn value(&mut self, value: &dyn Field, place: Place) {
        match value.shape() {
            Shape::Absent => self.out.push_str("null"),
            Shape::Bool(value) => self.out.push_str(if value { "true" } else { "false" }),
            Shape::Integer(value) => self.out.push_str(&value.to_string()),
            Shape::Text(text) => self.text(text),
            Shape::List(list) => {
                let mut first = true;
                self.open('[');
                list.each(&mut |_, item| {
                    self.separate(&mut first);
                    self.value(item, place);
                });
                self.close(']', first);
            }
            Shape::Record(record) => self.record(record, place),
        }
    }

    fn record(&mut self, record: &dyn Record, place: Place) {
        let mut first = true;
        self.open('{');
        record.each(&mut |name, required, field| {
            let null = self.nulls && place == Place::References && name == "source";
            if !required && !null && field.is_empty() {
                return;
            }
            self.separate(&mut first);
            self.text(name);
            self.out.push_str(if self.pretty { ": " } else { ":" });
            let inner = match (place, name) {
                (Place::Root, "ignition") => Place::Ignition,
                (Place::Ignition, "config") | (Place::References, "merge" | "replace") => Place::References,
                _ => Place::Elsewhere,
            };
            self.value(field, inner);
        });
        self.close('}', first);
    }

    fn open(&mut self, bracket: char) {
        self.out.push(bracket);
        self.depth += 1;
    }

    fn separate(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(',');
        }
        self.line();
    }

    fn close(&mut self, bracket: char, empty: bool) {
        self.depth -= 1;
        if !empty {
            self.line();
        }
        self.out.push(bracket);
    }

    fn line(&mut self) {
        if self.pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", self.depth));
        }
    }

    fn text(&mut self, text: &str) {
        self.out.reserve(text.len() + 2);
        self.out.push('"');
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| !(b' '..0xE2).contains(&byte) || b"\"\\<>&".contains(&byte)) {
            let (plain, tail) = rest.split_at(at);
            self.out.push_str(plain);
            let Some(c) = tail.chars().next() else { break };
            match c {
                '"' | '\\' => self.out.extend(['\\', c]),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{2028}' | '\u{2029}' | '\0'..' ' | '<' | '>' | '&' | char::REPLACEMENT_CHARACTER => {
                    // Writing to a text does not fail.
                    let _ = write!(self.out, "\\u{:04x}", u32::from(c));
                }
                c => self.out.push(c),
            }
            rest = &tail[c.len_utf8()..];
        }
        self.out.push_str(rest);
        self.out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ignition::{File, Resource, Unit};

    fn config() -> Config {
        let mut config = Config::default();
        config.ignition.version = "3.4.0".to_owned();
        config.systemd.units.push(Unit { name: "<a>&\u{2028}\t\u{1}é\"".to_owned(), ..Unit::default() });
        config
    }

    #[test]
    fn compact() {
        let text =
            r#"{"ignition":{"version":"3.4.0"},"systemd":{"units":[{"name":"\u003ca\u003e\u0026\u2028\t\u0001é\""}]}}"#;
        assert_eq!(ignition(&config(), false), text);
    }

    #[test]
    fn pretty() {
        let mut config = config();
        config.systemd.units.clear();
        config.storage.files.push(File { path: "/a".to_owned(), ..File::default() });
        let text = "{\n  \"ignition\": {\n    \"version\": \"3.4.0\"\n  },\n  \"storage\": {\n    \"files\": [\n      {\n        \"path\": \"/a\"\n      }\n    ]\n  }\n}";
        assert_eq!(ignition(&config, true), text);
    }

    #[test]
    fn the_first_version_says_that_a_reference_has_no_source() {
        let mut config = Config::default();
        config.ignition.version = "3.0.0".to_owned();
        config.ignition.config.merge.push(Resource::default());
        assert_eq!(
            ignition(&config, false),
            r#"{"ignition":{"config":{"merge":[{"source":null}]},"version":"3.0.0"}}"#
        );
    }
}
