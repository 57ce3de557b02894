//! Characters to tokens, by the rules of YAML 1.1 as libyaml and its translation to Go have them.
//!
//! Whether a text is a key shows only at the colon behind it. Until then its place in the queue of tokens is kept
//! as a possible key, one per level of flow collections.

mod key;
mod property;
mod scalar;
mod skip;
mod structure;

use super::Style;
use super::cursor::{Cursor, Mark};
use super::fault::Fault;
use std::collections::{BTreeMap, VecDeque};

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    StreamStart,
    StreamEnd,
    Version { major: u8, minor: u8 },
    TagDirective { handle: String, prefix: String },
    DocumentStart,
    DocumentEnd,
    BlockSequence,
    BlockMapping,
    BlockEnd,
    FlowSequence,
    FlowSequenceEnd,
    FlowMapping,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(String),
    Anchor(String),
    Tag { handle: String, suffix: String },
    Scalar { text: String, style: Style },
}

/// A token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: Mark,
    pub(super) end: Mark,
}

/// A token that may turn out to begin a key.
#[derive(Debug, Clone, Copy, Default)]
struct Candidate {
    possible: bool,
    /// Whether nothing else can stand there.
    required: bool,
    /// The number of the token.
    token: usize,
    mark: Mark,
}

/// Makes tokens.
pub(super) struct Scanner<'t> {
    cursor: Cursor<'t>,
    queue: VecDeque<Token>,
    /// How many tokens were taken from the queue.
    taken: usize,
    /// Whether the first of the queue is final.
    ready: bool,
    started: bool,
    /// Column of the innermost block collection; -1 outside of all.
    indent: isize,
    indents: Vec<isize>,
    flow: usize,
    /// Whether a key may begin here.
    key_allowed: bool,
    /// One per level of flow collections.
    candidates: Vec<Candidate>,
    /// Levels of candidates, by the number of their token.
    by_token: BTreeMap<usize, usize>,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(cursor: Cursor<'t>) -> Self {
        Self {
            cursor,
            queue: VecDeque::new(),
            taken: 0,
            ready: false,
            started: false,
            indent: -1,
            indents: Vec::new(),
            flow: 0,
            key_allowed: false,
            candidates: Vec::new(),
            by_token: BTreeMap::new(),
        }
    }

    /// The next token.
    pub(super) fn peek(&mut self) -> Result<&Token, Fault> {
        if !self.ready {
            self.fetch()?;
            self.ready = true;
        }
        self.queue.front().ok_or_else(|| Fault::of_text("no token"))
    }

    /// Takes the next token, which was looked at before.
    pub(super) fn take(&mut self) -> Option<Token> {
        self.ready = false;
        self.taken += 1;
        self.queue.pop_front()
    }

    /// Fills the queue: the reference always looks two tokens ahead, and as far as a possible key in front may reach.
    fn fetch(&mut self) -> Result<(), Fault> {
        loop {
            if self.queue.len() > 2 {
                let Some(level) = self.by_token.get(&self.taken).copied() else { return Ok(()) };
                if !self.may_be_key(level)? {
                    return Ok(());
                }
            }
            self.next_token()?;
        }
    }

    fn next_token(&mut self) -> Result<(), Fault> {
        self.cursor.need(1)?;
        if !self.started {
            self.started = true;
            self.key_allowed = true;
            self.candidates.push(Candidate::default());
            self.push(Kind::StreamStart, self.cursor.mark());
            return Ok(());
        }
        let before = self.cursor.mark();
        self.skip_to_token()?;
        let column = self.column();
        self.close_blocks(column, before);
        self.cursor.need(4)?;
        let first = self.cursor.at(0);
        match first {
            0 => return self.stream_end(),
            b'%' if column == 0 => return self.directive(),
            b'-' if self.cursor.is_document_mark() => return self.document_mark(Kind::DocumentStart),
            b'.' if self.cursor.is_document_mark() => return self.document_mark(Kind::DocumentEnd),
            _ => {}
        }
        let in_flow = self.flow > 0;
        match first {
            b'[' => self.flow_start(Kind::FlowSequence)?,
            b'{' => self.flow_start(Kind::FlowMapping)?,
            b']' => self.flow_end(Kind::FlowSequenceEnd)?,
            b'}' => self.flow_end(Kind::FlowMappingEnd)?,
            b',' => self.flow_entry()?,
            b'-' if self.cursor.is_space(1) => self.block_entry()?,
            b'?' if in_flow || self.cursor.is_space(1) => self.key()?,
            b':' if in_flow || self.cursor.is_space(1) => self.value()?,
            b'*' | b'&' => self.anchor(first == b'*')?,
            b'!' => self.tag()?,
            b'|' | b'>' if !in_flow => self.block_scalar(first == b'|')?,
            b'\'' | b'"' => self.quoted_scalar(first)?,
            b'-' => self.plain_scalar()?,
            b'?' | b':' if !in_flow => self.plain_scalar()?,
            b' ' | b'\t' | b'?' | b':' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => return Err(self.nothing_begins()),
            _ if self.cursor.is_space(0) => return Err(self.nothing_begins()),
            _ => self.plain_scalar()?,
        }
        if self.queue.back().is_none_or(|token| token.kind != Kind::BlockEntry) {
            self.skip_line_comment()?;
        }
        Ok(())
    }

    fn nothing_begins(&self) -> Fault {
        self.fault("found character that cannot start any token", self.cursor.mark())
    }

    /// A fault here, in a construct that began at `context`.
    fn fault(&self, message: &'static str, context: Mark) -> Fault {
        Fault::of_token(message, context, self.cursor.mark())
    }

    fn column(&self) -> isize {
        isize::try_from(self.cursor.mark().column).unwrap_or(isize::MAX)
    }

    /// Adds a token that ends here.
    fn push(&mut self, kind: Kind, start: Mark) {
        let end = self.cursor.mark();
        self.queue.push_back(Token { kind, start, end });
    }

    /// Adds a token of `length` characters.
    fn push_mark(&mut self, kind: Kind, length: usize) {
        let start = self.cursor.mark();
        for _ in 0..length {
            self.cursor.skip();
        }
        self.push(kind, start);
    }

    /// Adds a token without extent in front of the token with this number, or at the end.
    fn insert(&mut self, number: Option<usize>, kind: Kind, mark: Mark) {
        let token = Token { kind, start: mark, end: mark };
        match number.and_then(|number| number.checked_sub(self.taken)).filter(|at| *at <= self.queue.len()) {
            Some(at) => self.queue.insert(at, token),
            None => self.queue.push_back(token),
        }
    }
}
