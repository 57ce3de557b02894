//! Characters to tokens, by the rules of YAML 1.1 as libyaml and its translation to Go have them.
//!
//! Whether a text is a key shows only at the colon behind it. Until then its place in the queue of tokens is kept
//! as a possible key, one per level of flow collections.

mod property;
mod scalar;

use super::Style;
use super::cursor::{Cursor, Mark};
use super::fault::Fault;
use std::collections::{BTreeMap, VecDeque};

/// How deep collections may be nested.
const DEPTH: usize = 10_000;

/// A key that is not marked with `?` ends within as many characters.
const LONGEST_KEY: usize = 1024;

/// How far the reference looks for comments.
const COMMENT_REACH: usize = 512;

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

    /// Goes over blanks, comments and line ends. Tabs count as blanks where no key can begin.
    fn skip_to_token(&mut self) -> Result<(), Fault> {
        loop {
            self.cursor.need(1)?;
            if self.cursor.mark().byte == 0 && self.cursor.slice(0, 3) == "\u{feff}" {
                self.cursor.skip();
            }
            let tabs = self.flow > 0 || !self.key_allowed;
            while self.cursor.at(0) == b' ' || tabs && self.cursor.at(0) == b'\t' {
                self.cursor.skip();
                self.cursor.need(1)?;
            }
            if self.cursor.at(0) == b'#' {
                self.skip_comments()?;
            }
            if !self.cursor.is_break(0) {
                return Ok(());
            }
            self.cursor.need(2)?;
            self.cursor.skip_break();
            if self.flow == 0 {
                self.key_allowed = true;
            }
        }
    }

    /// Goes over a comment, and those that follow it with nothing but blanks between, tabs included.
    fn skip_comments(&mut self) -> Result<(), Fault> {
        loop {
            self.skip_comment()?;
            let blank = |at: &usize| matches!(self.cursor.at(*at), b' ' | b'\t' | b'\r' | b'\n');
            let Some(next) = (1..COMMENT_REACH).find(|at| !blank(at)) else { return Ok(()) };
            self.cursor.need(next + 1)?;
            if self.cursor.at(next) != b'#' {
                return Ok(());
            }
            let comment = self.cursor.mark().byte + next;
            while self.cursor.mark().byte < comment {
                if self.cursor.is_break(0) { self.cursor.skip_break() } else { self.cursor.skip() }
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), Fault> {
        self.cursor.skip_rest_of_line();
        self.cursor.need(1)
    }

    /// Goes over a comment on the line of the last token.
    fn skip_line_comment(&mut self) -> Result<(), Fault> {
        if self.cursor.newlines() > 0 {
            return Ok(());
        }
        let blanks = self.cursor.run(|byte| matches!(byte, b' ' | b'\t'));
        self.cursor.need((blanks + 1).min(COMMENT_REACH))?;
        if blanks < COMMENT_REACH && self.cursor.at(blanks) == b'#' { self.skip_comment() } else { Ok(()) }
    }

    /// Whether the candidate of a level may still become a key: it must be on this line, and near.
    fn may_be_key(&mut self, level: usize) -> Result<bool, Fault> {
        let here = self.cursor.mark();
        let Some(candidate) = self.candidates.get_mut(level).filter(|candidate| candidate.possible) else {
            return Ok(false);
        };
        if candidate.mark.line >= here.line && candidate.mark.index + LONGEST_KEY >= here.index {
            return Ok(true);
        }
        if candidate.required {
            return Err(Fault::of_token("could not find expected ':'", candidate.mark, here));
        }
        candidate.possible = false;
        Ok(false)
    }

    /// Makes the token that begins here a candidate.
    fn save_candidate(&mut self) -> Result<(), Fault> {
        if self.key_allowed {
            let required = self.flow == 0 && self.indent == self.column();
            let token = self.taken + self.queue.len();
            self.drop_candidate()?;
            let level = self.candidates.len().saturating_sub(1);
            if let Some(candidate) = self.candidates.last_mut() {
                *candidate = Candidate { possible: true, required, token, mark: self.cursor.mark() };
                self.by_token.insert(token, level);
            }
        }
        Ok(())
    }

    /// The candidate of this level will not become a key.
    fn drop_candidate(&mut self) -> Result<(), Fault> {
        let here = self.cursor.mark();
        let Some(candidate) = self.candidates.last_mut().filter(|candidate| candidate.possible) else {
            return Ok(());
        };
        if candidate.required {
            return Err(Fault::of_token("could not find expected ':'", candidate.mark, here));
        }
        candidate.possible = false;
        self.by_token.remove(&candidate.token);
        Ok(())
    }

    /// Begins a block collection if this column is further in. It begins in front of the token `number`.
    fn open_block(&mut self, column: isize, number: Option<usize>, kind: Kind, mark: Mark) -> Result<(), Fault> {
        if self.flow == 0 && self.indent < column {
            self.indents.push(self.indent);
            self.indent = column;
            if self.indents.len() > DEPTH {
                return Err(self.too_deep());
            }
            self.insert(number, kind, mark);
        }
        Ok(())
    }

    fn too_deep(&self) -> Fault {
        let context = self.candidates.last().map(|candidate| candidate.mark).unwrap_or_default();
        self.fault("exceeded max depth of 10000", context)
    }

    /// Ends the block collections that are further in than this column.
    fn close_blocks(&mut self, column: isize, mark: Mark) {
        while self.flow == 0 && self.indent > column {
            self.insert(None, Kind::BlockEnd, mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn stream_end(&mut self) -> Result<(), Fault> {
        self.cursor.end_line();
        let here = self.cursor.mark();
        self.close_blocks(-1, here);
        self.drop_candidate()?;
        self.key_allowed = false;
        self.push(Kind::StreamEnd, here);
        Ok(())
    }

    /// What stands between documents ends every block collection.
    fn leave_document(&mut self) -> Result<(), Fault> {
        self.close_blocks(-1, self.cursor.mark());
        self.drop_candidate()?;
        self.key_allowed = false;
        Ok(())
    }

    fn document_mark(&mut self, kind: Kind) -> Result<(), Fault> {
        self.leave_document()?;
        self.push_mark(kind, 3);
        Ok(())
    }

    fn flow_start(&mut self, kind: Kind) -> Result<(), Fault> {
        self.save_candidate()?;
        let token = self.taken + self.queue.len();
        self.candidates.push(Candidate { token, mark: self.cursor.mark(), ..Candidate::default() });
        self.flow += 1;
        if self.flow > DEPTH {
            return Err(self.too_deep());
        }
        self.key_allowed = true;
        self.push_mark(kind, 1);
        Ok(())
    }

    fn flow_end(&mut self, kind: Kind) -> Result<(), Fault> {
        self.drop_candidate()?;
        if self.flow > 0 {
            self.flow -= 1;
            if let Some(candidate) = self.candidates.pop() {
                self.by_token.remove(&candidate.token);
            }
        }
        self.key_allowed = false;
        self.push_mark(kind, 1);
        Ok(())
    }

    fn flow_entry(&mut self) -> Result<(), Fault> {
        self.drop_candidate()?;
        self.key_allowed = true;
        self.push_mark(Kind::FlowEntry, 1);
        Ok(())
    }

    /// `-` may stand in flow collections as well, where the grammar refuses it.
    fn block_entry(&mut self) -> Result<(), Fault> {
        self.indicator("block sequence entries are not allowed in this context", Kind::BlockSequence)?;
        self.drop_candidate()?;
        self.key_allowed = true;
        self.push_mark(Kind::BlockEntry, 1);
        Ok(())
    }

    fn key(&mut self) -> Result<(), Fault> {
        self.indicator("mapping keys are not allowed in this context", Kind::BlockMapping)?;
        self.drop_candidate()?;
        self.key_allowed = self.flow == 0;
        self.push_mark(Kind::Key, 1);
        Ok(())
    }

    fn value(&mut self) -> Result<(), Fault> {
        let level = self.candidates.len().saturating_sub(1);
        if self.may_be_key(level)? {
            let Candidate { token, mark, .. } = self.candidates[level];
            self.insert(Some(token), Kind::Key, mark);
            let column = isize::try_from(mark.column).unwrap_or(isize::MAX);
            self.open_block(column, Some(token), Kind::BlockMapping, mark)?;
            self.candidates[level].possible = false;
            self.by_token.remove(&token);
            self.key_allowed = false;
        } else {
            self.indicator("mapping values are not allowed in this context", Kind::BlockMapping)?;
            self.key_allowed = self.flow == 0;
        }
        self.push_mark(Kind::Value, 1);
        Ok(())
    }

    /// `-`, `?` and a `:` without a key in front begin a block collection, where one can begin.
    fn indicator(&mut self, refused: &'static str, kind: Kind) -> Result<(), Fault> {
        if self.flow == 0 {
            if !self.key_allowed {
                return Err(self.fault(refused, self.cursor.mark()));
            }
            self.open_block(self.column(), None, kind, self.cursor.mark())?;
        }
        Ok(())
    }
}
