//! Syntax errors in the words of the reference compiler.

use super::SyntaxError;
use super::parsed::Parsed;
use crate::diag::{FileId, Span};
use granit_parser::{ErrorKind, ScanError};

/// Where the parser was when it stopped.
pub(super) struct Context {
    /// The line on which the innermost open block collection begins.
    pub(super) block: Option<usize>,
    /// The same of flow collections.
    pub(super) flow: Option<usize>,
    /// Whether the innermost open collection is a flow collection.
    pub(super) in_flow: bool,
    /// The end of the last scalar.
    pub(super) reached: usize,
    /// The indentation of the innermost block collection.
    pub(super) indent: usize,
}

/// Which line the reference names.
#[derive(Clone, Copy)]
enum Line {
    /// That of the error.
    Here,
    /// The one before: its parser counts from 0, its scanner from 1.
    Above,
    /// The one before the innermost block collection.
    Block,
    /// The one before the innermost flow collection.
    Flow,
}

/// The parser's error as ours.
pub(super) fn syntax_error(file: FileId, parsed: &Parsed, error: &ScanError, context: &Context) -> SyntaxError {
    let offset = parsed.original(*error.marker());
    let here = error.marker().line();
    let (message, line) = wording(error.kind(), &parsed.base);
    let line = match line {
        // The scanner does not number the first line.
        Line::Here if here == 1 => 0,
        Line::Here => here,
        Line::Above => here.saturating_sub(1),
        Line::Block => context.block.unwrap_or(here).saturating_sub(1),
        Line::Flow => context.flow.unwrap_or(here).saturating_sub(1),
    };
    // A collection on the first line has no number; then the place of the problem serves.
    let line = if line == 0 { here.saturating_sub(1) } else { line };
    let line = Some(line).filter(|line| *line > 0);
    SyntaxError {
        span: Span::new(file, offset, offset),
        message: message.map_or_else(|| error.info(), str::to_owned),
        line,
    }
}

fn wording(kind: &ErrorKind, text: &str) -> (Option<&'static str>, Line) {
    use ErrorKind as E;
    let (message, line) = match kind {
        E::ExpectedBlockMappingKey
        | E::InvalidTrailingSingleQuotedScalar
        | E::InvalidTrailingDoubleQuotedScalar
        | E::MisplacedFlowCollectionEnd
        | E::InvalidIndentation => ("did not find expected key", Line::Block),
        E::ExpectedBlockSequenceEntry => ("did not find expected '-' indicator", Line::Block),
        E::ExpectedFlowMappingSeparator
        | E::InvalidColonPlacement
        | E::FlowMappingValueAdjacentCollection
        | E::MismatchedFlowCollectionEnd { open: '{', .. } => ("did not find expected ',' or '}'", Line::Flow),
        E::ExpectedFlowSequenceSeparator | E::MismatchedFlowCollectionEnd { .. } => {
            ("did not find expected ',' or ']'", Line::Flow)
        }
        E::UnclosedFlowCollection { open } if !text.trim_end().ends_with(['[', '{', ',', ':']) => (
            if *open == '[' { "did not find expected ',' or ']'" } else { "did not find expected ',' or '}'" },
            Line::Flow,
        ),
        E::UnclosedFlowCollection { .. } => ("did not find expected node content", Line::Here),
        E::ExpectedNodeContent
        | E::BlockEntryInFlowCollection
        | E::UnexpectedEofFlowSequence
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofImplicitFlowMapping
        | E::UnexpectedEofBlockSequence
        | E::UnexpectedEofBlockMapping
        | E::UnexpectedEof => ("did not find expected node content", Line::Above),
        E::UndeclaredTagHandle => ("found undefined tag handle", Line::Above),
        E::ExpectedDocumentStart => ("did not find expected <document start>", Line::Above),
        E::SimpleKeyExpected | E::InvalidSimpleKey => ("could not find expected ':'", Line::Here),
        E::ZeroBlockScalarIndent => ("found an indentation indicator equal to 0", Line::Here),
        E::InvalidBlockScalarHeader => ("did not find expected comment or line break", Line::Here),
        E::TabAtBlockScalarStart => ("found a tab character where an indentation space is expected", Line::Here),
        E::UnexpectedCharacter { .. } | E::TabNotAllowed | E::TabInBlockIndentation | E::TabInIndentation => {
            ("found character that cannot start any token", Line::Here)
        }
        E::TabInPlainScalar => ("found a tab character that violates indentation", Line::Here),
        E::MissingAnchorOrAliasName => ("did not find expected alphabetic or numeric character", Line::Here),
        E::UnclosedQuotedScalar => ("found unexpected end of stream", Line::Here),
        E::DocumentIndicatorInQuotedScalar => ("found unexpected document indicator", Line::Here),
        E::UnknownQuotedScalarEscape => ("found unknown escape character", Line::Here),
        E::InvalidQuotedScalarHexEscape => ("did not find expected hexdecimal number", Line::Here),
        E::InvalidUnicodeEscape
        | E::InvalidLowSurrogateHexEscape
        | E::InvalidLowSurrogate
        | E::MissingLowSurrogate
        | E::UnpairedLowSurrogate => ("found invalid Unicode character escape code", Line::Here),
        E::RecursionLimitExceeded => ("exceeded max depth of 10000", Line::Here),
        _ => return (None, Line::Here),
    };
    (Some(message), line)
}
