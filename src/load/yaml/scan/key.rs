//! Which tokens may turn out to be keys, once a `:` is seen behind them.

use super::{Candidate, Scanner};
use crate::load::yaml::fault::Fault;

/// A key that is not marked with `?` ends within as many characters.
const LONGEST_KEY: usize = 1024;

impl Scanner<'_> {
    /// Whether the candidate of a level may still become a key: it must be on this line, and near.
    pub(super) fn may_be_key(&mut self, level: usize) -> Result<bool, Fault> {
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
    pub(super) fn save_candidate(&mut self) -> Result<(), Fault> {
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
    pub(super) fn drop_candidate(&mut self) -> Result<(), Fault> {
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
}
