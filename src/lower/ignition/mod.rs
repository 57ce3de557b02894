//! What Ignition itself checks, at the version that a config is emitted in.
//!
//! Findings are at paths of the Ignition config.

mod duplicates;
mod fetch;
pub(crate) mod inline;
mod json;
mod storage;
mod systemd;
mod unit;
mod url;

use crate::model::ignition::Config;
pub(crate) use crate::model::path::clean;
use crate::model::path::{At, Path};
use crate::model::report::Kind;
use crate::spec::Target;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Takes a finding.
pub(crate) type Report<'a> = &'a mut dyn FnMut(Kind, Path, Cow<'static, str>);

/// Checks everything.
pub(crate) fn check(config: &Config, target: Target, report: Report<'_>) {
    let mut check = Check { target, report };
    check.duplicates(config);
    check.ignition(&config.ignition);
    check.storage(&config.storage);
    check.systemd(&config.systemd);
    check.unit_paths(config);
}

struct Check<'a> {
    target: Target,
    report: Report<'a>,
}

impl Check<'_> {
    fn error(&mut self, at: &At<'_>, message: impl Into<Cow<'static, str>>) {
        (self.report)(Kind::Error, at.path(), message.into());
    }

    fn warn(&mut self, at: &At<'_>, message: impl Into<Cow<'static, str>>) {
        (self.report)(Kind::Warning, at.path(), message.into());
    }

    /// Reports what `result` says is wrong.
    fn expect(&mut self, at: &At<'_>, result: Result<(), Cow<'static, str>>) {
        if let Err(message) = result {
            self.error(at, message);
        }
    }
}

/// What a check of one value says.
type Verdict = Result<(), Cow<'static, str>>;

fn wrong(message: &'static str) -> Verdict {
    Err(Cow::Borrowed(message))
}

/// Whether something is written and not empty.
fn says(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

/// Whether a path is one that Ignition takes: absolute and without anything that could be left out.
fn path(path: &str) -> Verdict {
    match path {
        "" => wrong("path not specified"),
        path if !path.starts_with('/') => wrong("path not absolute"),
        path if clean(path) != path => wrong("path is not fully simplified"),
        _ => Ok(()),
    }
}

/// The text in double quotes, with escapes for what cannot be printed.
fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{B}' => out.push_str("\\v"),
            '\u{C}' => out.push_str("\\f"),
            c if c == ' ' || !(c.is_control() || c.is_whitespace() || is_invisible(c)) => out.push(c),
            c if u32::from(c) < 0x80 => drop(write!(out, "\\x{:02x}", u32::from(c))),
            c if u32::from(c) < 0x1_0000 => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => drop(write!(out, "\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Characters of formatting and private use.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c), 0xAD | 0x61C | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xE000..=0xF8FF | 0xFEFF | 0xE_0000..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (path, cleaned) in [("/a//b/../c/", "/a/c"), ("/..", "/"), ("../a/./b", "../a/b"), ("", "."), ("//", "/")] {
            assert_eq!(clean(path), cleaned);
        }
    }
}
