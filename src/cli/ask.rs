//! Questions to whoever sits at the terminal.

use super::show::Show;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal as _};

/// Whether there is anybody to ask.
pub(super) fn anybody(show: &Show) -> bool {
    io::stdin().is_terminal() && show.is_watched()
}

/// Asks for a line; `None` when there is none any more (Ctrl-D). What is typed to `silent` questions is not shown.
pub(super) fn ask(show: &Show, question: &str, silent: bool) -> Option<String> {
    show.prompt(question);
    let echo = silent.then(Silence::begin);
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line);
    if echo.is_some() {
        // The line break was not shown either.
        show.prompt("\n");
    }
    match read {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim().to_owned()),
    }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence(Option<Termios>);

impl Silence {
    fn begin() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(mut now) = before.clone() {
            now.local_modes &= !LocalModes::ECHO;
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &now);
        }
        Self(before)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
