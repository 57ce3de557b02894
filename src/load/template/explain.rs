//! Errors of the template engine as findings: the exact place, and what could have been meant.

use super::context::Scope;
use super::{Engine, Origin};
use crate::diag::{Code, Diagnostic, Span, suggest};
use minijinja::value::{Enumerator, Object, ObjectRepr, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// How many names a hint lists.
const LISTED: usize = 24;

/// A template that does not parse.
pub(super) fn syntax(error: &Error, origin: &Origin, text: &str) -> Diagnostic {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    Diagnostic::new(Code::TemplateSyntax, what).at(place(origin, text, error.range()))
}

/// A template that could not be rendered for a node.
pub(super) fn failure(engine: &Engine, name: &str, scope: &Arc<Scope>, error: &Error) -> Diagnostic {
    let error = innermost(error);
    let name = error.name().filter(|name| engine.origins.contains_key(*name)).unwrap_or(name);
    let text = engine.environment.get_template(name).map(|template| template.source().to_owned()).unwrap_or_default();
    let range = error.range().filter(|range| text.get(range.clone()).is_some());
    let undefined = error.detail().and_then(undefined_name);
    let narrow = |range: Range<usize>| {
        let within = undefined.and_then(|name| Some((text.get(range.clone())?.find(name)?, name.len())));
        within.map_or(range.clone(), |(at, length)| range.start + at..range.start + at + length)
    };
    let span = engine.origins.get(name).map(|origin| place(origin, &text, range.map(narrow)));
    let mut found = match (scope.unset(), undefined) {
        (Some(secret), _) => match engine.secrets().unset(&secret) {
            // The same for every node: which one asked does not matter.
            Some(found) => return found.at(span),
            None => Diagnostic::new(Code::SecretUnset, format!("the secret `{secret}` has no value")),
        },
        (None, Some(undefined)) => self::undefined(engine, name, scope, undefined),
        (None, None) => Diagnostic::new(Code::TemplateFailed, message(engine, error)),
    };
    found = found.at(span);
    if let Some(node) = scope.own_node() {
        found = found.related(node.span, format!("rendered for `{}`", node.name));
    }
    found
}

/// The error that caused the others: an `include` wraps those of what it includes.
fn innermost(error: &Error) -> &Error {
    let mut at = error;
    while let Some(cause) = std::error::Error::source(at).and_then(|source| source.downcast_ref::<Error>()) {
        at = cause;
    }
    at
}

fn message(engine: &Engine, error: &Error) -> String {
    let what = match error.kind() {
        ErrorKind::OutOfFuel => "the template runs too long: is there a loop that does not end?".to_owned(),
        ErrorKind::UndefinedError => "a value that is not defined is used".to_owned(),
        kind => match error.detail() {
            Some(detail) if kind == ErrorKind::InvalidOperation => detail.to_owned(),
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        },
    };
    engine.secrets().redact(&what)
}

/// The expression in the engine's "`node.adress` is undefined".
fn undefined_name(detail: &str) -> Option<&str> {
    let end = detail.find("` is undefined")?;
    let start = detail[..end].rfind('`')? + 1;
    Some(&detail[start..end])
}

fn undefined(engine: &Engine, template: &str, scope: &Arc<Scope>, expression: &str) -> Diagnostic {
    let mut found = Diagnostic::new(Code::TemplateUndefined, format!("`{expression}` is not defined"));
    let (parent, key) = match expression.rsplit_once('.') {
        Some((parent, key)) => (Some(parent), key),
        None => (None, expression),
    };
    let Some(candidates) = candidates(engine, template, scope, key) else { return found };
    let candidates: Vec<&str> = candidates.iter().map(String::as_str).collect();
    let full = |name: &str| parent.map_or_else(|| name.to_owned(), |parent| format!("{parent}.{name}"));
    let mut hints = Vec::new();
    hints.extend(
        suggest::nearest(key, candidates.iter().copied()).map(|near| format!("did you mean `{}`?", full(near))),
    );
    if candidates.is_empty() {
        hints.extend(parent.map(|parent| format!("`{parent}` is empty")));
    } else {
        let more = candidates.len().saturating_sub(LISTED);
        let listed = suggest::list(candidates.into_iter().take(LISTED));
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        hints.push(match parent {
            Some(parent) => format!("`{parent}` has {listed}{more}"),
            None => format!("known here: {listed}{more}"),
        });
    }
    found.hint = Some(hints.join(" "));
    found
}

/// What could have been asked for instead of `key`: renders once more, watching every look-up.
fn candidates(engine: &Engine, template: &str, scope: &Arc<Scope>, key: &str) -> Option<Vec<String>> {
    let misses: Misses = Arc::default();
    let root = watched(Scope::new(scope.shared.clone(), scope.node).into(), &misses);
    // It fails again; only what it asked for on the way is of interest.
    let _ = engine.environment.get_template(template).and_then(|template| template.render(root));
    let misses = misses.lock().ok()?;
    misses.iter().rev().find(|(missed, _)| missed == key).map(|(_, known)| known.clone())
}

impl From<Scope> for Value {
    fn from(scope: Scope) -> Self {
        Self::from_object(scope)
    }
}

/// Keys that were asked for in vain, with those that were there.
type Misses = Arc<Mutex<Vec<(String, Vec<String>)>>>;

/// A value that notes which of its keys are asked for in vain.
#[derive(Debug)]
struct Watched {
    inner: Value,
    misses: Misses,
}

fn watched(inner: Value, misses: &Misses) -> Value {
    match inner.kind() {
        ValueKind::Map | ValueKind::Seq | ValueKind::Iterable | ValueKind::Plain => {
            Value::from_object(Watched { inner, misses: misses.clone() })
        }
        _ => inner,
    }
}

impl Watched {
    fn items(&self) -> Vec<Value> {
        self.inner.try_iter().map(Iterator::collect).unwrap_or_default()
    }
}

impl Object for Watched {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.inner.kind() {
            ValueKind::Map => ObjectRepr::Map,
            ValueKind::Seq => ObjectRepr::Seq,
            ValueKind::Iterable => ObjectRepr::Iterable,
            _ => ObjectRepr::Plain,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let found = self.inner.get_item(key).ok().filter(|value| !value.is_undefined());
        if let (None, Some(key), ValueKind::Map, Ok(mut misses)) =
            (&found, key.as_str(), self.inner.kind(), self.misses.lock())
        {
            misses.push((key.to_owned(), self.items().iter().map(Value::to_string).collect()));
        }
        found.map(|value| watched(value, &self.misses))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.inner.kind() {
            ValueKind::Map => Enumerator::Values(self.items()),
            ValueKind::Seq => Enumerator::Seq(self.inner.len().unwrap_or(0)),
            ValueKind::Iterable => {
                let misses = self.misses.clone();
                Enumerator::Iter(Box::new(self.items().into_iter().map(move |item| watched(item, &misses))))
            }
            _ => Enumerator::NonEnumerable,
        }
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        self.inner.call(state, args).map(|value| watched(value, &self.misses))
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        self.inner.call_method(state, name, args).map(|value| watched(value, &self.misses))
    }
}

/// The place in the sources of a range of a template's text.
///
/// In a file that is the range itself. A scalar's text differs from what is written by quotes, escapes and
/// indentation, so the wanted piece is looked up in what is written: its nth occurrence is the nth there.
fn place(origin: &Origin, text: &str, range: Option<Range<usize>>) -> Span {
    let Some(range) = range else { return origin.span };
    let Some(source) = &origin.scalar_of else {
        return Span::new(origin.span.file, range.start, range.end);
    };
    let piece = text.get(range.clone()).and_then(|piece| piece.lines().next()).unwrap_or_default();
    let (start, end) = (origin.span.start as usize, origin.span.end as usize);
    let (Some(written), Some(before)) = (source.get(start..end), text.get(..range.start)) else { return origin.span };
    if piece.is_empty() {
        return origin.span;
    }
    let nth = before.matches(piece).count();
    match written.match_indices(piece).nth(nth) {
        Some((at, _)) => Span::new(origin.span.file, start + at, start + at + piece.len()),
        None => origin.span,
    }
}
