//! What lies between tokens: blanks, comments and line ends.

use super::Scanner;
use crate::load::yaml::fault::Fault;

/// How far the reference looks for comments.
const COMMENT_REACH: usize = 512;

impl Scanner<'_> {
    /// Goes over blanks, comments and line ends. Tabs count as blanks where no key can begin.
    pub(super) fn skip_to_token(&mut self) -> Result<(), Fault> {
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

    pub(super) fn skip_comment(&mut self) -> Result<(), Fault> {
        self.cursor.skip_rest_of_line();
        self.cursor.need(1)
    }

    /// Goes over a comment on the line of the last token.
    pub(super) fn skip_line_comment(&mut self) -> Result<(), Fault> {
        if self.cursor.newlines() > 0 {
            return Ok(());
        }
        let blanks = self.cursor.run(|byte| matches!(byte, b' ' | b'\t'));
        self.cursor.need((blanks + 1).min(COMMENT_REACH))?;
        if blanks < COMMENT_REACH && self.cursor.at(blanks) == b'#' { self.skip_comment() } else { Ok(()) }
    }
}
