//! What Ignition itself checks, at the version that a config is emitted in.
//!
//! Findings are at paths of the Ignition config.

mod duplicates;
mod fetch;
pub(crate) mod inline;
mod json;
mod storage;
mod systemd;
mod unit;
mod url;

use crate::model::ignition::Config;
pub(crate) use crate::model::path::clean;
use crate::model::path::{At, Path};
use crate::model::report::Kind;
use crate::spec::Target;
use std::borrow::Cow;

/// Takes a finding.
pub(crate) type Report<'a> = &'a mut dyn FnMut(Kind, Path, Cow<'static, str>);

/// Checks everything.
pub(crate) fn check(config: &Config, target: Target, report: Report<'_>) {
    let mut check = Check { target, report };
    check.duplicates(config);
    check.ignition(&config.ignition);
    check.storage(&config.storage);
    check.systemd(&config.systemd);
    check.unit_paths(config);
}

struct Check<'a> {
    target: Target,
    report: Report<'a>,
}

impl Check<'_> {
    fn error(&mut self, at: &At<'_>, message: impl Into<Cow<'static, str>>) {
        (self.report)(Kind::Error, at.path(), message.into());
    }

    fn warn(&mut self, at: &At<'_>, message: impl Into<Cow<'static, str>>) {
        (self.report)(Kind::Warning, at.path(), message.into());
    }

    /// Reports what `result` says is wrong.
    fn expect(&mut self, at: &At<'_>, result: Result<(), Cow<'static, str>>) {
        if let Err(message) = result {
            self.error(at, message);
        }
    }
}

/// What a check of one value says.
type Verdict = Result<(), Cow<'static, str>>;

fn wrong(message: &'static str) -> Verdict {
    Err(Cow::Borrowed(message))
}

/// Whether something is written and not empty.
fn says(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

/// Whether a path is one that Ignition takes: absolute and without anything that could be left out.
fn path(path: &str) -> Verdict {
    match path {
        "" => wrong("path not specified"),
        path if !path.starts_with('/') => wrong("path not absolute"),
        path if clean(path) != path => wrong("path is not fully simplified"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (path, cleaned) in [("/a//b/../c/", "/a/c"), ("/..", "/"), ("../a/./b", "../a/b"), ("", "."), ("//", "/")] {
            assert_eq!(clean(path), cleaned);
        }
    }
}
