//! What a verb found, in the form that was asked for.

use super::Outcome;
use super::args::{Form, Report};
use super::show::Show;
use crate::diag::{Code, Diagnostic, Severity, Sources, json};
use crate::world::Trouble;
use serde_json::{Map, Value};
use std::path::Path;

/// Reports findings and, to programs, what `more` says besides. Whether an error was among them is the outcome.
pub(super) fn report(
    show: &Show,
    form: Form,
    sources: &Sources,
    found: &[Diagnostic],
    more: Map<String, Value>,
    redact: &dyn Fn(&str) -> String,
) -> Outcome {
    match form {
        Form::Text => show.findings(sources, found, redact),
        Form::Json => {
            // Before escapes of JSON could hide a secret from the guard.
            let clean: Vec<Diagnostic> = found.iter().map(|finding| redacted(finding, redact)).collect();
            let mut all = Map::new();
            all.insert("diagnostics".to_owned(), json::value(sources, &clean));
            all.extend(more);
            show.result(&format!("{:#}\n", Value::Object(all)));
        }
    }
    let refused = found.iter().any(|finding| finding.severity == Severity::Error);
    if refused { Outcome::Refused } else { Outcome::Done }
}

/// Reports findings as text or JSON; SARIF has its own way.
pub(super) fn report_as(
    show: &Show,
    form: Report,
    sources: &Sources,
    found: &[Diagnostic],
    redact: &dyn Fn(&str) -> String,
) {
    let form = if form == Report::Text { Form::Text } else { Form::Json };
    report(show, form, sources, found, Map::new(), redact);
}

/// A finding without secrets.
pub(super) fn redacted(finding: &Diagnostic, redact: &dyn Fn(&str) -> String) -> Diagnostic {
    let mut clean = finding.clone();
    clean.message = redact(&clean.message);
    clean.hint = clean.hint.as_deref().map(redact);
    for related in &mut clean.related {
        related.message = redact(&related.message);
    }
    clean
}

/// A folder that was named on the command line and cannot be used.
pub(super) fn unusable(folder: &Path, trouble: Trouble) -> Diagnostic {
    let folder = folder.display();
    match trouble {
        Trouble::Missing => Diagnostic::new(Code::FileMissing, format!("there is no folder `{folder}`")),
        Trouble::WrongKind => Diagnostic::new(Code::FileUnreadable, format!("`{folder}` is not a folder")),
        Trouble::Other(why) => Diagnostic::new(Code::FileUnreadable, format!("cannot read `{folder}`: {why}")),
        Trouble::Escapes | Trouble::TooLarge => {
            Diagnostic::new(Code::FileUnreadable, format!("cannot read `{folder}`"))
        }
    }
}
