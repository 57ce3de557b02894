//! Why reading ended, with the line that the reference names.

use super::SyntaxError;
use super::cursor::Mark;
use crate::diag::{FileId, Span};
use std::borrow::Cow;

/// Who found a fault. They count lines differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finder {
    Text,
    Scanner,
    Grammar,
    Composer,
}

/// A fault of a text.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    finder: Finder,
    message: Cow<'static, str>,
    /// Where the construct begins that is at fault.
    context: Mark,
    problem: Mark,
}

impl Fault {
    /// The text cannot be decoded.
    pub(super) fn of_text(message: &'static str) -> Self {
        Self { finder: Finder::Text, message: message.into(), context: Mark::default(), problem: Mark::default() }
    }

    /// Characters that make no token.
    pub(super) fn of_token(message: impl Into<Cow<'static, str>>, context: Mark, problem: Mark) -> Self {
        Self { finder: Finder::Scanner, message: message.into(), context, problem }
    }

    /// Tokens that make no node.
    pub(super) fn of_grammar(message: &'static str, context: Mark, problem: Mark) -> Self {
        Self { finder: Finder::Grammar, message: message.into(), context, problem }
    }

    /// Nodes that make no document.
    pub(super) fn of_node(message: String, problem: Mark) -> Self {
        Self { finder: Finder::Composer, message: message.into(), context: Mark::default(), problem }
    }

    /// The fault for people: the reference names the line of the context, or else that of the problem, and none
    /// if that is the first; only its scanner counts from 1.
    pub(super) fn error(self, file: FileId) -> SyntaxError {
        let line = if self.context.line == 0 { self.problem.line } else { self.context.line };
        let line = match self.finder {
            Finder::Scanner if line > 0 => Some(line + 1),
            Finder::Grammar if line > 0 => Some(line),
            _ => None,
        };
        let at = self.problem.byte;
        SyntaxError { span: Span::new(file, at, at), message: self.message.into_owned(), line }
    }
}
