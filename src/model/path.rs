//! Where a value stands in a document: `$.storage.files.0.path`.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// One step down into a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// Into a mapping, by key.
    Key(Cow<'static, str>),
    /// Into a list, by position from 0.
    Index(usize),
}

impl Ord for Step {
    /// Keys before positions, each in their own order.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            // Most keys are the same few names of the program: then there is nothing to compare.
            (Self::Key(Cow::Borrowed(one)), Self::Key(Cow::Borrowed(two))) if std::ptr::eq(*one, *two) => {
                Ordering::Equal
            }
            (Self::Key(one), Self::Key(two)) => one.cmp(two),
            (Self::Index(one), Self::Index(two)) => one.cmp(two),
            (Self::Key(_), Self::Index(_)) => Ordering::Less,
            (Self::Index(_), Self::Key(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<&'static str> for Step {
    fn from(key: &'static str) -> Self {
        Self::Key(Cow::Borrowed(key))
    }
}

impl From<String> for Step {
    fn from(key: String) -> Self {
        Self::Key(Cow::Owned(key))
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A way down into a document; the empty path is the document itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Step>);

impl Path {
    /// The document itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// One step further.
    #[must_use]
    pub fn then(&self, step: impl Into<Step>) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step.into());
        Self(steps)
    }

    /// Several steps further.
    #[must_use]
    pub fn below(&self, steps: &[Step]) -> Self {
        let mut all = Vec::with_capacity(self.0.len() + steps.len());
        all.extend_from_slice(&self.0);
        all.extend_from_slice(steps);
        Self(all)
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path without its last step; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, init)| Self(init.to_vec()))
    }

    /// Whether this path lies at or below `prefix`.
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }
}

impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.0 {
            match step {
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, ".{index}")?,
            }
        }
        Ok(())
    }
}

/// A place on the way through a document, kept on the stack: walking costs nothing until something is found.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    up: Option<&'a At<'a>>,
    step: Place,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Key(&'static str),
    Index(usize),
}

impl At<'static> {
    /// One key below the document itself.
    pub fn top(key: &'static str) -> Self {
        Self { up: None, step: Place::Key(key) }
    }
}

impl At<'_> {
    /// One key further.
    pub fn key<'b>(&'b self, key: &'static str) -> At<'b> {
        At { up: Some(self), step: Place::Key(key) }
    }

    /// One element further.
    pub fn index(&self, index: usize) -> At<'_> {
        At { up: Some(self), step: Place::Index(index) }
    }

    /// The path to this place.
    pub fn path(&self) -> Path {
        let mut steps = Vec::new();
        let mut at = Some(self);
        while let Some(here) = at {
            steps.push(match here.step {
                Place::Key(key) => Step::from(key),
                Place::Index(index) => Step::Index(index),
            });
            at = here.up;
        }
        steps.reverse();
        Path(steps)
    }
}

/// The shortest path with the same meaning, by its letters alone: no `.`, `..`, repeated or final slashes.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => {
                kept.pop();
            }
            ".." if rooted => {}
            part => kept.push(part),
        }
    }
    let joined = kept.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
