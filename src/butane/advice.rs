//! What bake says of a finding beyond the reference's words: codes, hints, spellings and the version that has a key.

use super::Refusal;
use crate::diag::{Code, Diagnostic, FileId, Severity, Span, suggest};
use crate::lower::butane::snake;
use crate::model::record::{Definitions, Value};
use crate::model::report::{Entry, Failure, Kind};
use crate::model::{Step, butane};
use crate::spec::{Spec, fields};
use serde_json::{Map, Value as Json};
use std::sync::LazyLock;

/// A finding of a compilation as a diagnostic of `bake build`, which is strict: what nothing reads is an error,
/// with advice.
pub fn diagnostic(entry: &Entry, spec: &'static Spec) -> Diagnostic {
    if let Some(key) = entry.message.strip_prefix("unused key ") {
        return unknown_key(key, entry, spec);
    }
    let code = match entry.kind {
        Kind::Error => Code::ButaneInvalid,
        Kind::Warning | Kind::Info => Code::ButaneDubious,
    };
    let message = match entry.path.steps() {
        [] => entry.message.clone(),
        _ => format!("{} (`{}`)", entry.message, entry.path),
    };
    Diagnostic::new(code, message).at(entry.span)
}

/// A refusal as diagnostics of `bake build`; findings in the report are not repeated.
pub fn refused(refusal: &Refusal, file: FileId) -> Vec<Diagnostic> {
    let whole = Span::whole(file);
    match refusal {
        Refusal::Unreadable { failure, .. } => failure
            .problems()
            .iter()
            .map(|problem| {
                let code = if matches!(failure, Failure::Types(_)) { Code::WrongType } else { Code::YamlSyntax };
                Diagnostic::new(code, problem.message.clone()).at(problem.span.unwrap_or(whole))
            })
            .collect(),
        Refusal::Invalid(_) => Vec::new(),
        Refusal::Unknown { variant, version } => {
            let message = format!("there is no version `{version}` of the Butane variant `{variant}`");
            vec![
                Diagnostic::new(Code::ButaneSyntax, message)
                    .at(whole)
                    .hint("write `variant: flatcar` and `version: 1.1.0`"),
            ]
        }
        Refusal::NoVariant | Refusal::NoVersion | Refusal::Removed => {
            let message = if *refusal == Refusal::NoVersion {
                "no Butane version is named"
            } else {
                "no Butane variant is named"
            };
            vec![
                Diagnostic::new(Code::ButaneSyntax, message)
                    .at(whole)
                    .hint("write `variant: flatcar` and `version: 1.1.0`"),
            ]
        }
    }
}

fn unknown_key(key: &str, entry: &Entry, spec: &'static Spec) -> Diagnostic {
    let keys: Vec<&str> = entry
        .path
        .steps()
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_ref()),
            Step::Index(_) => None,
        })
        .collect();
    let finding = |message: String| {
        let mut finding = Diagnostic::new(Code::UnknownKey, message).at(entry.span);
        finding.severity = Severity::Error;
        finding
    };
    if let Some(needed) = fields::needs(spec, &keys.join(".")) {
        let (variant, version) = (needed.variant.as_str(), needed.version);
        let message = format!("`{key}` is not in {} {}", spec.variant.as_str(), spec.version);
        let same = needed.variant == spec.variant;
        let hint = if same {
            format!("needs `version: {version}`")
        } else {
            format!("only `variant: {variant}` has it, from {version} on")
        };
        return finding(message).hint(hint);
    }
    let above = &keys[..keys.len().saturating_sub(1)];
    let mut siblings = keys_at(above);
    siblings.retain(|sibling| {
        let path: Vec<&str> = above.iter().copied().chain([*sibling]).collect();
        fields::legal(spec, &path.join("."))
    });
    let message = format!("`{key}` is not a key of {}", place(above));
    if let Some(advice) = fields::foreign(above, key) {
        return finding(message).hint(advice);
    }
    let snake = snake(key);
    if snake != key && siblings.contains(&snake.as_str()) {
        return finding(message).hint(format!("Butane writes it `{snake}`"));
    }
    match suggest::hint(key, siblings) {
        Some(hint) => finding(message).hint(hint),
        None => finding(message),
    }
}

fn place(above: &[&str]) -> String {
    if above.is_empty() { "a Butane config".to_owned() } else { format!("`{}`", above.join(".")) }
}

/// Schema of the union model, and of the records that it names.
static UNION: LazyLock<(Json, Definitions)> = LazyLock::new(|| {
    let mut definitions = Definitions::new();
    let root = butane::Config::schema(&mut definitions);
    (root, definitions)
});

/// The keys that the union model has below a path.
fn keys_at(path: &[&str]) -> Vec<&'static str> {
    let (root, definitions) = &*UNION;
    let record = |mut schema: &'static Json| loop {
        if let Some(items) = schema.get("items") {
            schema = items;
        } else if let Some(name) = schema.get("$ref").and_then(Json::as_str) {
            schema = definitions.get(name.trim_start_matches("#/$defs/"))?;
        } else {
            return schema.get("properties")?.as_object();
        }
    };
    let mut fields = record(root);
    for key in path {
        fields = fields.and_then(|fields| fields.get(*key)).and_then(record);
    }
    fields.into_iter().flat_map(Map::keys).map(String::as_str).collect()
}
