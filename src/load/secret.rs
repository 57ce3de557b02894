//! Values of secrets, and how to keep them out of messages.

use crate::diag::{Code, Diagnostic, Span};
use crate::model::Spanned;
use crate::model::scalar::SecretRef;
use crate::world::{Trouble, World};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::fmt;

/// Lines of a secret shorter than this are not looked for on their own: `-----` or `}` is no secret.
const LINE: usize = 8;

/// The secrets of a cluster by name.
///
/// All of them are asked for when the project is read, but one that has no value is an error only where a
/// template uses it: building one node takes that node's secrets.
#[derive(Default)]
pub struct Secrets {
    entries: BTreeMap<String, Entry>,
    /// What must not be shown and the name to show instead, longest first.
    patterns: Vec<(String, String)>,
}

struct Entry {
    reference: Spanned<SecretRef>,
    value: Result<String, Unset>,
}

/// Why a secret has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unset {
    Empty,
    NotText,
    Trouble(Trouble),
}

impl fmt::Debug for Secrets {
    /// Names and references only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.iter().map(|(name, entry)| (name, &entry.reference))).finish()
    }
}

impl Secrets {
    /// Asks the world for the value of every reference.
    pub fn load(world: &dyn World, references: &BTreeMap<String, Spanned<SecretRef>>) -> Self {
        let entry = |(name, reference): (&String, &Spanned<SecretRef>)| {
            let value = world.secret(&reference.value).map_err(Unset::Trouble).and_then(text);
            (name.clone(), Entry { reference: reference.clone(), value })
        };
        let mut secrets = Self { entries: references.iter().map(entry).collect(), patterns: Vec::new() };
        secrets.patterns = secrets.patterns();
        secrets
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The value, if the secret is declared and has one.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.entries.get(name)?.value.as_deref().ok()
    }

    /// Every secret that has a value: name, where it is declared, value.
    pub fn declared_values(&self) -> impl Iterator<Item = (&str, Span, &str)> {
        let entries = self.entries.iter();
        entries.filter_map(|(name, entry)| Some((name.as_str(), entry.reference.span, entry.value.as_deref().ok()?)))
    }

    /// Where the secret is declared; `None` if it is not.
    pub fn declared(&self, name: &str) -> Option<Span> {
        self.entries.get(name).map(|entry| entry.reference.span)
    }

    /// What to report where a declared secret is used that has no value.
    pub fn unset(&self, name: &str) -> Option<Diagnostic> {
        let entry = self.entries.get(name)?;
        let why = entry.value.as_ref().err()?;
        let reference = &entry.reference;
        let what = match why {
            Unset::Empty => "is empty",
            Unset::NotText => "is not valid UTF-8 text",
            Unset::Trouble(Trouble::Missing) => "is not set",
            Unset::Trouble(Trouble::TooLarge) => "is too large",
            Unset::Trouble(Trouble::Escapes) => "lies outside the project",
            Unset::Trouble(Trouble::WrongKind) => "is not a file",
            Unset::Trouble(Trouble::Other(_)) => "cannot be read",
        };
        let mut message = format!("the secret `{name}` has no value: `{reference}` {what}");
        if let Unset::Trouble(Trouble::Other(system)) = why {
            message = format!("{message}: {system}");
        }
        let hint = match &reference.value {
            SecretRef::Env(variable) => format!("run `export {variable}=...` before `bake`"),
            SecretRef::File(path) => format!("write the secret to `{path}`"),
        };
        let declared = format!("`{name}` is declared here");
        Some(Diagnostic::new(Code::SecretUnset, message).hint(hint).related(reference.span, declared))
    }

    /// `text` with every secret, also in base64, replaced by `<secret name>`.
    pub fn redact(&self, text: &str) -> String {
        if !self.patterns.iter().any(|(pattern, _)| text.contains(pattern.as_str())) {
            return text.to_owned();
        }
        let mut clean = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let Some((pattern, name)) = self.patterns.iter().find(|(pattern, _)| rest.starts_with(pattern.as_str()))
            {
                clean.push_str(name);
                rest = &rest[pattern.len()..];
            } else {
                clean.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
        clean
    }

    fn patterns(&self) -> Vec<(String, String)> {
        let mut patterns = Vec::new();
        for (name, entry) in &self.entries {
            let Ok(value) = &entry.value else { continue };
            let shown = format!("<secret {name}>");
            let lines = value.lines().map(str::trim).filter(|line| line.len() >= LINE && *line != value);
            patterns.extend(lines.map(|line| (line.to_owned(), shown.clone())));
            patterns.push((STANDARD.encode(value), shown.clone()));
            patterns.push((value.clone(), shown));
        }
        patterns.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        patterns
    }
}

/// The secret in `bytes`: text, and not empty.
fn text(bytes: Vec<u8>) -> Result<String, Unset> {
    let text = String::from_utf8(bytes).map_err(|_| Unset::NotText)?;
    if text.trim().is_empty() { Err(Unset::Empty) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Sources;
    use crate::world::memory::MemoryWorld;

    fn secrets(world: &MemoryWorld, references: &[(&str, &str)]) -> Secrets {
        let span = Span::whole(Sources::default().add("cluster.yaml", ""));
        let reference = |(name, text): &(&str, &str)| ((*name).to_owned(), Spanned::new(text.parse().unwrap(), span));
        Secrets::load(world, &references.iter().map(reference).collect())
    }

    #[test]
    fn values_and_redaction() {
        let mut world = MemoryWorld::new();
        world.env("SHORT", "hunter").env("LONG", "hunter2-is-longer").file("secrets/key", "line one!\nline two!\n");
        let secrets = secrets(&world, &[("short", "env:SHORT"), ("long", "env:LONG"), ("key", "file:secrets/key")]);
        assert_eq!(secrets.value("key"), Some("line one!\nline two!"));
        assert_eq!(secrets.redact("a hunter2-is-longer b hunter c"), "a <secret long> b <secret short> c");
        assert_eq!(secrets.redact("only line two! here"), "only <secret key> here");
        assert_eq!(secrets.redact(&STANDARD.encode("hunter")), "<secret short>");
        assert_eq!(secrets.redact("nothing"), "nothing");
        assert!(!format!("{secrets:?}").contains("hunter"));
    }

    #[test]
    fn without_a_value() {
        let mut world = MemoryWorld::new();
        world.env("EMPTY", "").env("BYTES", [0xff]).file("blank", "\n");
        let references =
            [("a", "env:EMPTY"), ("b", "env:BYTES"), ("c", "file:blank"), ("d", "env:NONE"), ("e", "file:none")];
        let secrets = secrets(&world, &references);
        let message = |name| secrets.unset(name).map(|found| (found.message, found.hint.unwrap()));
        let own = |message: &str, hint: &str| Some((message.to_owned(), hint.to_owned()));
        assert_eq!(
            message("a"),
            own("the secret `a` has no value: `env:EMPTY` is empty", "run `export EMPTY=...` before `bake`")
        );
        assert!(message("b").unwrap().0.ends_with("is not valid UTF-8 text"));
        assert!(message("c").unwrap().0.ends_with("is empty"));
        assert!(message("d").unwrap().0.ends_with("is not set"));
        assert_eq!(message("e").unwrap().1, "write the secret to `none`");
        assert_eq!(message("f"), None);
        assert_eq!(secrets.value("a"), None);
    }
}
