//! What the Butane language says about a config: entries with paths, or a failure that ends it.
//!
//! These are facts in the words of the reference compiler, for programs that compare; `bake` turns them into
//! diagnostics of its own.

use super::Path;
use crate::diag::{Position, Span};
use std::fmt;

/// How bad an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Nothing is emitted.
    Error,
    /// Emitted, but suspicious; an error under `--strict`.
    Warning,
    /// Worth knowing.
    Info,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        })
    }
}

/// One remark about a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How bad it is.
    pub kind: Kind,
    /// What it is.
    pub message: String,
    /// What it is about.
    pub path: Path,
    /// Line and column, if the path leads anywhere in the text.
    pub at: Option<Position>,
    /// The same place for diagnostics.
    pub span: Option<Span>,
}

impl fmt::Display for Entry {
    /// As the reference prints it with `--raw-errors`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match (self.path.steps().is_empty(), self.at) {
            (false, Some(at)) => write!(f, " at {}, line {} col {}", self.path, at.line, at.column)?,
            (true, Some(at)) => write!(f, " at line {} col {}", at.line, at.column)?,
            (false, None) => write!(f, " at {}", self.path)?,
            (true, None) => {}
        }
        write!(f, ": {}", self.message)
    }
}

/// One reason for a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, without the line.
    pub message: String,
    /// Where.
    pub span: Option<Span>,
    /// The line that the reference names.
    pub line: Option<usize>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Why a config cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The text is no YAML, or a value forbids reading any further.
    Syntax(Problem),
    /// Values of other types than their keys take; all of them.
    Types(Vec<Problem>),
}

impl Failure {
    /// The single reasons.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Syntax(problem) => std::slice::from_ref(problem),
            Self::Types(problems) => problems,
        }
    }
}

impl fmt::Display for Failure {
    /// As the reference prints it, without what it puts in front (`Error translating config: ` and, while it
    /// looks for the version, `Error unmarshaling yaml: `).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(problem) => write!(f, "yaml: {problem}"),
            Self::Types(problems) => {
                f.write_str("yaml: unmarshal errors:")?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}
