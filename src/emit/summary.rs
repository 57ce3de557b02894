//! `cluster.json`: one line for each thing, so that people can read it and `diff` shows what changed.

use crate::model::summary::Summary;
use serde_json::Value;
use std::fmt::Write as _;

/// What fits into so many columns stands on one line.
const WIDTH: usize = 120;

/// The summary as a file, one newline at the end.
pub fn text(summary: &Summary) -> String {
    let mut text = String::new();
    let value = serde_json::to_value(summary).unwrap_or_default();
    write(&value, 0, 0, &mut text);
    text.push('\n');
    text
}

/// Reads what [`text`] wrote.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse(bytes: &[u8]) -> Result<Summary, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// Writes a value whose line begins `depth` levels in and has `taken` columns already.
fn write(value: &Value, depth: usize, taken: usize, text: &mut String) {
    let line = short(value);
    if line.len() + taken + 2 * depth < WIDTH {
        text.push_str(&line);
        return;
    }
    let indent = "  ".repeat(depth + 1);
    match value {
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                let _ = write!(text, "{}\n{indent}", if at == 0 { "" } else { "," });
                write(item, depth + 1, 1, text);
            }
            let _ = write!(text, "\n{}]", "  ".repeat(depth));
        }
        Value::Object(entries) => {
            text.push('{');
            for (at, (key, item)) in entries.iter().enumerate() {
                let key = Value::from(key.as_str()).to_string();
                let _ = write!(text, "{}\n{indent}{key}: ", if at == 0 { "" } else { "," });
                write(item, depth + 1, key.len() + 3, text);
            }
            let _ = write!(text, "\n{}}}", "  ".repeat(depth));
        }
        _ => text.push_str(&line),
    }
}

/// A value on one line.
fn short(value: &Value) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Array(items) => format!("[{}]", join(items.iter().map(short).collect())),
        Value::Object(entries) => {
            let entry = |(key, item): (&String, &Value)| format!("{}: {}", Value::from(key.as_str()), short(item));
            format!("{{{}}}", join(entries.iter().map(entry).collect()))
        }
        _ => value.to_string(),
    }
}
