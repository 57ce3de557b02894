//! The only file that prints.
//!
//! Results go to standard output, everything about them to standard error. A reader that goes away (`bake
//! explain | head -1`) is no error; a full disk is.

use crate::diag::{Diagnostic, Sources, text};
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The terminal, or what stands in its place.
#[derive(Debug)]
pub(super) struct Show {
    colour_out: bool,
    colour_err: bool,
    /// Columns of standard output.
    columns: usize,
    /// Whether a line that is overwritten makes sense on standard error.
    live: bool,
    /// Whether such a line stands there now; also keeps threads from mixing their words.
    line: Mutex<bool>,
    failed: AtomicBool,
}

impl Show {
    pub(super) fn new(colour_out: bool, colour_err: bool, columns: usize, live: bool) -> Self {
        Self { colour_out, colour_err, columns, live, line: Mutex::new(false), failed: AtomicBool::new(false) }
    }

    /// Whether somebody sees what is said.
    pub(super) fn is_watched(&self) -> bool {
        self.live
    }

    /// Whether something could not be printed.
    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// A result: on standard output, as it is.
    pub(super) fn result(&self, text: &str) {
        self.check(io::stdout().lock().write_all(text.as_bytes()));
        self.check(io::stdout().lock().flush());
    }

    /// A result that is made for the columns that there are, and with colours or without.
    pub(super) fn fitted(&self, make: impl FnOnce(usize, bool) -> String) {
        self.result(&make(self.columns, self.colour_out));
    }

    /// One of two forms of a text, with colours and without; on standard output when it was asked for.
    pub(super) fn either(&self, (coloured, plain): &(String, String), asked: bool) {
        if asked {
            self.result(if self.colour_out { coloured } else { plain });
        } else {
            self.note(if self.colour_err { coloured } else { plain }.trim_end());
        }
    }

    /// A line about what happens, on standard error.
    pub(super) fn note(&self, text: &str) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let clear = if std::mem::take(&mut *line) { "\r\x1b[K" } else { "" };
        self.check(io::stderr().lock().write_all(format!("{clear}{text}\n").as_bytes()));
    }

    /// The beginning of a line that somebody else ends, on standard error.
    pub(super) fn prompt(&self, text: &str) {
        let _line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        self.check(io::stderr().lock().write_all(text.as_bytes()));
    }

    /// A line that the next one overwrites; only where somebody is watching.
    pub(super) fn progress(&self, text: &str) {
        if self.live {
            let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
            *line = true;
            self.check(io::stderr().lock().write_all(format!("\r\x1b[K{text}").as_bytes()));
        }
    }

    /// Findings for people with their count, on standard error; `redact` has the last word.
    pub(super) fn findings(&self, sources: &Sources, found: &[Diagnostic], redact: &dyn Fn(&str) -> String) {
        let Some(summary) = text::summary(found) else { return };
        let body = text::render(sources, found, self.colour_err);
        self.note(&redact(&format!("{body}{summary}")));
    }

    fn check(&self, written: io::Result<()>) {
        if written.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
            self.failed.store(true, Ordering::Relaxed);
        }
    }
}
