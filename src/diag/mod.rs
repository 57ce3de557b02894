//! Diagnostics as data: what is wrong, where, and what to type instead.
//!
//! Every phase reports into a [`Sink`] and goes on; nothing here prints. Rendering ([`text`],
//! [`json`], [`sarif`]) is separate, so that the same finding reads well in a terminal and in a program.

pub mod code;
pub mod conceal;
pub mod json;
pub mod sarif;
pub mod sink;
pub mod source;
pub mod suggest;
pub mod text;

pub use code::Code;
pub use sink::Sink;
pub use source::{FileId, Position, Sources, Span};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is written while one of these stands.
    Error,
    /// Accepted, but probably not what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word shown to people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Another place that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The place.
    pub span: Span,
    /// What it has to do with the finding, for example "`worker1` is declared here".
    pub message: String,
}

/// One finding.
///
/// Messages are lower-case, name things in back-quotes with their values, and have no final full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which rule; carries the severity.
    pub code: Code,
    /// Severity, the code's own unless a caller changed it.
    pub severity: Severity,
    /// What is wrong, with the value in it.
    pub message: String,
    /// Where, if anywhere.
    pub span: Option<Span>,
    /// Other places involved.
    pub related: Vec<Related>,
    /// What to type instead.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A finding of `code` with its severity and no place yet.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, severity: code.severity(), message: message.into(), span: None, related: Vec::new(), hint: None }
    }

    /// The same at `span`.
    #[must_use]
    pub fn at(mut self, span: impl Into<Option<Span>>) -> Self {
        self.span = span.into();
        self
    }

    /// The same with a cure.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with another place. Each is named once: what is said of it last counts.
    #[must_use]
    pub fn related(mut self, span: Span, message: impl Into<String>) -> Self {
        let message = message.into();
        match self.related.iter_mut().find(|related| related.span == span) {
            Some(known) => known.message = message,
            None => self.related.push(Related { span, message }),
        }
        self
    }
}
