//! What gives a text its structure: indentation, indicators, and the ends of documents.

use super::{Candidate, Kind, Scanner};
use crate::load::yaml::cursor::Mark;
use crate::load::yaml::fault::Fault;

/// How deep collections may be nested.
const DEPTH: usize = 10_000;

impl Scanner<'_> {
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
    pub(super) fn close_blocks(&mut self, column: isize, mark: Mark) {
        while self.flow == 0 && self.indent > column {
            self.insert(None, Kind::BlockEnd, mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    pub(super) fn stream_end(&mut self) -> Result<(), Fault> {
        self.cursor.end_line();
        let here = self.cursor.mark();
        self.close_blocks(-1, here);
        self.drop_candidate()?;
        self.key_allowed = false;
        self.push(Kind::StreamEnd, here);
        Ok(())
    }

    /// What stands between documents ends every block collection.
    pub(super) fn leave_document(&mut self) -> Result<(), Fault> {
        self.close_blocks(-1, self.cursor.mark());
        self.drop_candidate()?;
        self.key_allowed = false;
        Ok(())
    }

    pub(super) fn document_mark(&mut self, kind: Kind) -> Result<(), Fault> {
        self.leave_document()?;
        self.push_mark(kind, 3);
        Ok(())
    }

    pub(super) fn flow_start(&mut self, kind: Kind) -> Result<(), Fault> {
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

    pub(super) fn flow_end(&mut self, kind: Kind) -> Result<(), Fault> {
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

    pub(super) fn flow_entry(&mut self) -> Result<(), Fault> {
        self.drop_candidate()?;
        self.key_allowed = true;
        self.push_mark(Kind::FlowEntry, 1);
        Ok(())
    }

    /// `-` may stand in flow collections as well, where the grammar refuses it.
    pub(super) fn block_entry(&mut self) -> Result<(), Fault> {
        self.indicator("block sequence entries are not allowed in this context", Kind::BlockSequence)?;
        self.drop_candidate()?;
        self.key_allowed = true;
        self.push_mark(Kind::BlockEntry, 1);
        Ok(())
    }

    pub(super) fn key(&mut self) -> Result<(), Fault> {
        self.indicator("mapping keys are not allowed in this context", Kind::BlockMapping)?;
        self.drop_candidate()?;
        self.key_allowed = self.flow == 0;
        self.push_mark(Kind::Key, 1);
        Ok(())
    }

    pub(super) fn value(&mut self) -> Result<(), Fault> {
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
