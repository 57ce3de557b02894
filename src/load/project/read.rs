//! Reading files into the sources, with what to say when that fails.

use crate::diag::{Code, Diagnostic, FileId, Sink, Sources, Span};
use crate::load::yaml::{self, Document};
use crate::world::{Trouble, World};
use std::sync::Arc;

/// No profile or fragment larger than this is parsed: a tree takes many times the memory of its text.
const YAML_LIMIT: usize = 4 << 20;

/// What to report when `path` cannot be read.
pub(super) fn trouble(path: &str, trouble: &Trouble) -> Diagnostic {
    match trouble {
        Trouble::Missing => Diagnostic::new(Code::FileMissing, format!("there is no file `{path}`")),
        Trouble::Escapes if path.starts_with("../") => {
            Diagnostic::new(Code::PathEscapes, format!("`{path}` leads out of the library"))
                .hint("copy the file into the library")
        }
        Trouble::Escapes => Diagnostic::new(Code::PathEscapes, format!("`{path}` leads out of the project"))
            .hint("copy the file into the project"),
        Trouble::TooLarge => Diagnostic::new(Code::FileUnreadable, format!("`{path}` is larger than 64 MiB")),
        Trouble::WrongKind => Diagnostic::new(Code::FileUnreadable, format!("`{path}` is not a file")),
        Trouble::Other(system) => Diagnostic::new(Code::FileUnreadable, format!("`{path}` cannot be read: {system}")),
    }
}

/// Reads a YAML file. Its id names it in findings even where it could not be read.
pub(super) fn yaml(
    world: &dyn World,
    path: &str,
    sources: &mut Sources,
    sink: &mut Sink,
) -> (FileId, Option<Document>) {
    let bytes = match world.read(path) {
        Ok(bytes) if bytes.len() <= YAML_LIMIT => bytes,
        read => {
            let found = match read {
                Ok(_) => Diagnostic::new(Code::FileUnreadable, format!("`{path}` is larger than 4 MiB")),
                Err(why) => trouble(path, &why),
            };
            let file = sources.add(path, "");
            sink.push(found.at(Span::whole(file)));
            return (file, None);
        }
    };
    let text: Arc<str> = match yaml::decode_text(&bytes) {
        Ok(text) => text.into(),
        Err(bad) => {
            let (file, found) = garbled(path, &bytes, bad.offset, bad.message, sources);
            sink.push(found);
            return (file, None);
        }
    };
    let file = sources.add(path, text.clone());
    match Document::parse(file, &text) {
        Ok(document) => {
            if let Some(at) = second_document(&text) {
                let message = "a second document starts here, and only the first is read";
                sink.push(Diagnostic::new(Code::YamlSyntax, message).at(Span::new(file, at, at + 3)));
            }
            (file, Some(document))
        }
        Err(error) => {
            sink.push(Diagnostic::new(Code::YamlSyntax, error.message).at(error.span));
            (file, None)
        }
    }
}

/// Where a second document starts. No scalar can hold `---` at the start of a line (YAML 1.2.2, section 9.1.2).
fn second_document(text: &str) -> Option<usize> {
    let (mut at, mut begun) = (0, false);
    for line in text.split_inclusive('\n') {
        let marker =
            line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if marker && begun {
            return Some(at);
        }
        begun |= marker || !(line.trim().is_empty() || line.starts_with(['#', '%']));
        at += line.len();
    }
    None
}

/// The text of a template.
pub(super) fn template(path: &str, bytes: &[u8], sources: &mut Sources, sink: &mut Sink) -> Option<(FileId, Arc<str>)> {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let text: Arc<str> = text.strip_prefix('\u{feff}').unwrap_or(text).into();
            Some((sources.add(path, text.clone()), text))
        }
        Err(error) => {
            sink.push(garbled(path, bytes, error.valid_up_to(), "invalid UTF-8", sources).1);
            None
        }
    }
}

/// Bytes that are no text from `at` on. What is shown is as much of them as can be.
fn garbled(path: &str, bytes: &[u8], at: usize, why: &str, sources: &mut Sources) -> (FileId, Diagnostic) {
    let readable = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default()).into_owned();
    let at = readable.len();
    let file = sources.add(path, readable);
    let message = format!("`{path}` is not a text: {why}");
    (file, Diagnostic::new(Code::NotUtf8, message).at(Span::new(file, at, at)))
}
