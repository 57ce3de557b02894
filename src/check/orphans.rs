//! Files below `butane/` that nothing uses: what stands there looks effective and is not.

use super::Survey;
use crate::diag::{Code, Diagnostic, Sink, Span};

/// Every rule of this topic.
pub(super) fn check(survey: &Survey<'_>, sink: &mut Sink) {
    for file in survey.unused {
        let name = survey.sources.get(*file).name();
        let message = match name.strip_suffix(".bu") {
            Some(_) => format!("no role names the fragment `{name}`"),
            None => format!("no fragment and no template names `{name}`"),
        };
        let found = Diagnostic::new(Code::OrphanFile, message).at(Span::whole(*file));
        sink.push(found.hint("remove it, or name it where it is needed"));
    }
}
