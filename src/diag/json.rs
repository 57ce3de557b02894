//! Renders diagnostics for programs: a JSON array, one object per finding, every key always present.
//!
//! Lines and columns count from 1, columns in characters; `end_line` and `end_column` name the first
//! place after the finding. What has no place has `null` there.

use super::{Diagnostic, Sources, Span};
use serde_json::{Map, Value, json};

/// The findings as a JSON array.
pub fn value(sources: &Sources, diagnostics: &[Diagnostic]) -> Value {
    diagnostics.iter().map(|found| one(sources, found)).collect()
}

fn one(sources: &Sources, found: &Diagnostic) -> Value {
    let related = found.related.iter().map(|related| {
        let mut entry = place(sources, Some(related.span));
        entry.insert("message".to_owned(), json!(related.message));
        Value::Object(entry)
    });
    let mut entry = place(sources, found.span);
    entry.insert("code".to_owned(), json!(found.code.id()));
    entry.insert("severity".to_owned(), json!(found.severity.as_str()));
    entry.insert("message".to_owned(), json!(found.message));
    entry.insert("related".to_owned(), related.collect());
    entry.insert("hint".to_owned(), json!(found.hint));
    Value::Object(entry)
}

fn place(sources: &Sources, span: Option<Span>) -> Map<String, Value> {
    let start = span.map(|span| sources.position(span.file, span.start));
    let end = span.map(|span| sources.position(span.file, span.end.max(span.start)));
    let entries = [
        ("file", json!(span.map(|span| sources.get(span.file).name()))),
        ("line", json!(start.map(|at| at.line))),
        ("column", json!(start.map(|at| at.column))),
        ("end_line", json!(end.map(|at| at.line))),
        ("end_column", json!(end.map(|at| at.column))),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Code;
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "x: 1\nключ: y\n");
        let found = Diagnostic::new(Code::UnknownKey, "`ключ` is unknown")
            .at(Span::new(file, 5, 13))
            .related(Span::new(file, 0, 1), "beside this")
            .hint("remove it");
        assert_eq!(
            value(&sources, &[found]),
            json!([{
                "code": "unknown-key", "severity": "error", "message": "`ключ` is unknown",
                "file": "a.yaml", "line": 2, "column": 1, "end_line": 2, "end_column": 5,
                "related": [{"file": "a.yaml", "line": 1, "column": 1, "end_line": 1, "end_column": 2, "message": "beside this"}],
                "hint": "remove it",
            }])
        );
    }

    #[test]
    fn what_has_no_place_has_nulls() {
        let shown = value(&Sources::default(), &[Diagnostic::new(Code::EmptyProject, "nothing")]);
        assert_eq!(shown[0]["file"], Value::Null);
        assert_eq!(shown[0]["end_column"], Value::Null);
        assert_eq!(shown[0]["hint"], Value::Null);
        assert_eq!(shown[0]["related"], json!([]));
    }
}
