//! What the command line and the environment mean together.

use super::args::{Global, When};
use super::show::Show;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// What every verb needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    /// The project.
    pub(super) root: PathBuf,
    /// How much to say.
    pub(super) volume: Volume,
}

/// How much to say besides findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Volume {
    Quiet,
    Normal,
    Verbose,
}

impl Settings {
    pub(super) fn new(global: &Global) -> Self {
        let volume = match (global.quiet, global.verbose) {
            (true, _) => Volume::Quiet,
            (_, true) => Volume::Verbose,
            _ => Volume::Normal,
        };
        Self { root: global.directory.clone(), volume }
    }

    /// A path of the command line, seen from where bake was started.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        if self.root == Path::new(".") { path.to_owned() } else { self.root.join(path) }
    }
}

/// Where and how to print. `when` is `None` while the command line could not be read.
pub(super) fn show(when: Option<When>) -> Show {
    let stdout = std::io::stdout().is_terminal();
    let stderr = std::io::stderr().is_terminal();
    let colour = |terminal| colour(when.unwrap_or(When::Auto), terminal, is_set);
    Show::new(colour(stdout), colour(stderr), columns(), stderr)
}

/// Columns of standard output; 100 where it is no terminal.
fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(100)
}

/// `NO_COLOR` wins over `CLICOLOR_FORCE`, and a flag over both; a terminal that calls itself dumb gets none.
fn colour(when: When, terminal: bool, is_set: impl Fn(&str) -> bool) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto if is_set("NO_COLOR") => false,
        When::Auto if is_set("CLICOLOR_FORCE") => true,
        When::Auto => terminal && !is_set("TERM=dumb"),
    }
}

/// Whether an environment variable is set to anything but nothing (`CLICOLOR_FORCE=0` counts as nothing), or,
/// for `NAME=VALUE`, to just that. These are about the terminal, so they are no business of `World`.
fn is_set(variable: &str) -> bool {
    match variable.split_once('=') {
        Some((name, value)) => std::env::var_os(name).is_some_and(|own| own == value),
        None => std::env::var_os(variable).is_some_and(|own| !own.is_empty() && (variable == "NO_COLOR" || own != "0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours() {
        for (when, terminal, set, expected) in [
            (When::Auto, true, &[][..], true),
            (When::Auto, false, &[], false),
            (When::Auto, true, &["NO_COLOR", "CLICOLOR_FORCE"], false),
            (When::Auto, false, &["CLICOLOR_FORCE"], true),
            (When::Auto, true, &["TERM=dumb"], false),
            (When::Always, false, &["NO_COLOR"], true),
            (When::Never, true, &["CLICOLOR_FORCE"], false),
        ] {
            assert_eq!(colour(when, terminal, |name| set.contains(&name)), expected, "{when:?} {terminal} {set:?}");
        }
    }
}
