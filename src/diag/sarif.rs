//! Renders diagnostics as SARIF 2.1.0 (OASIS), the form that code scanning services read.
//!
//! Places are relative to the project's root (`SRCROOT`), lines and columns count from 1, columns in characters
//! (`unicodeCodePoints`). A finding keeps its fingerprint when lines above it change.

use super::{Code, Diagnostic, Severity, Sources, Span};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Where the schema is; a name, nothing is fetched.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";

/// What findings about the project as a whole are about.
const HEAD: &str = "profiles/cluster.yaml";

/// The first line, for findings about a file as a whole: GitHub wants a region for each.
static FIRST: LazyLock<Value> =
    LazyLock::new(|| json!({"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1}));

/// The findings as a SARIF log.
pub fn text(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    format!("{:#}\n", value(sources, diagnostics))
}

/// The findings as a SARIF log.
pub fn value(sources: &Sources, diagnostics: &[Diagnostic]) -> Value {
    let rules: Vec<Value> = Code::ALL.iter().map(|code| rule(*code)).collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let results: Vec<Value> = diagnostics.iter().map(|found| result(sources, found, &mut seen)).collect();
    let driver = json!({
        "name": "bake",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "informationUri": env!("CARGO_PKG_REPOSITORY"),
        "rules": rules,
    });
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": driver},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the project: the folder with `profiles/` and `butane/`"}}},
            "results": results,
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn rule(code: Code) -> Value {
    let help = code.explanation();
    let mut markdown = help.to_owned();
    if let Some((wrong, right)) = code.example() {
        let _ = write!(
            markdown,
            "\n\nWrong:\n\n```yaml\n{}\n```\n\nRight:\n\n```yaml\n{}\n```\n",
            wrong.trim(),
            right.trim()
        );
    }
    json!({
        "id": code.id(),
        "name": format!("{code:?}"),
        "shortDescription": {"text": code.summary()},
        "fullDescription": {"text": help},
        "help": {"text": help, "markdown": markdown},
        "defaultConfiguration": {"level": level(code.severity())},
        "properties": {"tags": [if code.is_rule() { "rule" } else { "form" }]},
    })
}

fn result(sources: &Sources, found: &Diagnostic, seen: &mut BTreeMap<String, usize>) -> Value {
    let message = match &found.hint {
        Some(hint) => format!("{}; {hint}", found.message),
        None => found.message.clone(),
    };
    let index = Code::ALL.iter().position(|code| *code == found.code);
    let mut entry = Map::from_iter([
        ("ruleId".to_owned(), json!(found.code.id())),
        ("ruleIndex".to_owned(), json!(index)),
        ("level".to_owned(), json!(level(found.severity))),
        ("message".to_owned(), json!({"text": message})),
        ("partialFingerprints".to_owned(), json!({"bake/v1": fingerprint(sources, found, seen)})),
    ]);
    // Code scanning shows no result without a place: what is about the project as a whole is shown at its head.
    let shown = found
        .span
        .map_or_else(|| json!({"artifactLocation": artifact(HEAD), "region": *FIRST}), |span| place(sources, span));
    entry.insert("locations".to_owned(), json!([{"physicalLocation": shown}]));
    if !found.related.is_empty() {
        let related = found.related.iter().zip(1..).map(|(related, id)| {
            json!({"id": id, "message": {"text": related.message}, "physicalLocation": place(sources, related.span)})
        });
        entry.insert("relatedLocations".to_owned(), related.collect());
    }
    Value::Object(entry)
}

fn artifact(path: &str) -> Value {
    json!({"uri": uri(path), "uriBaseId": "SRCROOT"})
}

fn place(sources: &Sources, span: Span) -> Value {
    let artifact = artifact(sources.get(span.file).name());
    if (span.start, span.end) == (0, 0) {
        return json!({"artifactLocation": artifact, "region": *FIRST});
    }
    let start = sources.position(span.file, span.start);
    let end = sources.position(span.file, span.end.max(span.start));
    let region = json!({
        "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column,
    });
    json!({"artifactLocation": artifact, "region": region})
}

/// A relative path as a URI reference (RFC 3986).
fn uri(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut uri, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
        uri
    })
}

/// Of the rule, the file, the message and which of several such findings it is; not of the line.
fn fingerprint(sources: &Sources, found: &Diagnostic, seen: &mut BTreeMap<String, usize>) -> String {
    let file = found.span.map_or("", |span| sources.get(span.file).name());
    let identity = format!("{}\0{file}\0{}", found.code.id(), found.message);
    let count = seen.entry(identity.clone()).and_modify(|count| *count += 1).or_insert(0);
    let hash = Sha256::digest(format!("{identity}\0{count}"));
    hash[..16].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
