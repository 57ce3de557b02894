//! Reading the forms of text that machines get: sections with keys, as systemd and its relatives write them.

use crate::diag::{Code, Diagnostic, Sink, suggest};
use std::collections::{BTreeMap, BTreeSet};

use super::{BakedFile, View};

/// `Key=value` in a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// The section, without brackets.
    pub(super) section: &'a str,
    /// The key.
    pub(super) key: &'a str,
    /// The value, continued lines joined by a blank.
    pub(super) value: String,
    /// Its first line, from 0.
    pub(super) line: usize,
}

/// All entries of a unit-like text (systemd.syntax(7)); a section's head is an entry without a key.
pub(super) fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut found: Vec<Entry<'_>> = Vec::new();
    let (mut section, mut open) = ("", false);
    for (number, line) in text.lines().enumerate() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        let (body, continued) = bare.strip_suffix('\\').map_or((bare, false), |body| (body.trim_end(), true));
        if open {
            if let Some(last) = found.last_mut() {
                last.value = format!("{} {body}", last.value);
            }
        } else if let Some(name) = body.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            found.push(Entry { section, key: "", value: String::new(), line: number });
        } else if let Some((key, value)) = body.split_once('=') {
            let value = value.trim().to_owned();
            found.push(Entry { section, key: key.trim(), value, line: number });
        }
        open = continued;
    }
    found
}

/// Known keys by section.
pub(super) type Table = BTreeMap<&'static str, BTreeSet<&'static str>>;

/// A table from lines `Section: Key Key`.
pub(super) fn table(text: &'static str) -> Table {
    let rows = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "));
    rows.map(|(section, keys)| (section, keys.split(' ').collect())).collect()
}

/// Reports sections and keys that `table` does not have, and lines that set nothing. `X-` marks what programs shall
/// ignore.
pub(super) fn unknown(view: &View<'_>, file: &BakedFile, table: &Table, code: Code, what: &str, sink: &mut Sink) {
    let mut open = false;
    for (number, line) in file.text.lines().enumerate() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if !open && !bare.contains('=') && !bare.starts_with('[') {
            let message = format!("`{bare}` sets nothing: {what} has lines `Key=value`");
            sink.push(
                Diagnostic::new(code, message).at(view.line(file, number)).hint("write `Key=value`, or `#` before it"),
            );
        }
        open = bare.ends_with('\\');
    }
    for entry in entries(&file.text) {
        if entry.section.starts_with("X-") || entry.key.starts_with("X-") {
            continue;
        }
        let (message, hint) = match table.get(entry.section) {
            None if entry.section.is_empty() => {
                let section = table.iter().find(|(_, keys)| keys.contains(entry.key)).map(|(section, _)| *section);
                (
                    format!("`{}` stands before any section, so {what} ignores it", entry.key),
                    section.map(|section| format!("write `[{section}]` above it")),
                )
            }
            None if entry.key.is_empty() => (
                format!("{what} has no section `[{}]`", entry.section),
                suggest::nearest(entry.section, table.keys().copied()).map(|near| format!("did you mean `[{near}]`?")),
            ),
            Some(keys) if !entry.key.is_empty() && !keys.contains(entry.key) => {
                let near = suggest::nearest(entry.key, keys.iter().copied());
                let elsewhere = table.iter().find(|(_, keys)| keys.contains(entry.key)).map(|(section, _)| *section);
                let hint = elsewhere
                    .map(|section| format!("`{}` belongs to the section `[{section}]`", entry.key))
                    .or(near.map(|near| format!("did you mean `{near}`?")));
                (format!("the section `[{}]` of {what} has no key `{}`", entry.section, entry.key), hint)
            }
            _ => continue,
        };
        let mut found = Diagnostic::new(code, message).at(view.line(file, entry.line));
        found.hint = hint;
        sink.push(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sections_keys_and_continued_lines() {
        let text = "# c\n[Unit]\nAfter=a \\\n  b\n\n[Service]\nExecStart = x\n";
        let shown: Vec<String> =
            entries(text).iter().map(|e| format!("{}.{}={}@{}", e.section, e.key, e.value, e.line)).collect();
        assert_eq!(shown, ["Unit.=@1", "Unit.After=a b@2", "Service.=@5", "Service.ExecStart=x@6"]);
    }
}
