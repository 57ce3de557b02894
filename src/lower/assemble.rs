//! Puts a [`Part`] together, origin by origin.

use super::contents::inline;
use crate::diag::Span;
use crate::model::ignition::{File, Link, PasswdUser, Resource, Unit};
use crate::model::{Part, Path};

/// A [`Part`] in the making. Everything added to it has an origin.
#[derive(Debug)]
pub(super) struct Assembly {
    part: Part,
}

impl Assembly {
    /// Nothing yet; what has no closer origin comes from `span`.
    pub(super) fn new(span: Span) -> Self {
        let mut part = Part::default();
        part.trace.set(Path::root(), span);
        Self { part }
    }

    /// A file that the image does not have yet.
    pub(super) fn file(&mut self, path: &str, mode: i64, text: &str, span: Span) {
        self.push_file(path, mode, text, None, span);
    }

    /// A file that the image may have already: Ignition fails on those unless it is told to overwrite.
    pub(super) fn replace(&mut self, path: &str, mode: i64, text: &str, span: Span) {
        self.push_file(path, mode, text, Some(true), span);
    }

    fn push_file(&mut self, path: &str, mode: i64, text: &str, overwrite: Option<bool>, span: Span) {
        let files = &mut self.part.config.storage.files;
        self.part.trace.set(Path::root().then("storage").then("files").then(files.len()), span);
        let (path, contents, mode) = (path.to_owned(), inline(text), Some(mode));
        files.push(File { overwrite, path, contents, mode, ..File::default() });
    }

    /// A file with contents from elsewhere, in place of whatever is at `path`.
    pub(super) fn resource(&mut self, path: &str, mode: i64, contents: Resource, span: Span) {
        let files = &mut self.part.config.storage.files;
        self.part.trace.set(Path::root().then("storage").then("files").then(files.len()), span);
        let (path, mode) = (path.to_owned(), Some(mode));
        files.push(File { overwrite: Some(true), path, contents, mode, ..File::default() });
    }

    /// A symbolic link in place of whatever is at `path`.
    pub(super) fn link(&mut self, path: &str, target: &str, span: Span) {
        let links = &mut self.part.config.storage.links;
        self.part.trace.set(Path::root().then("storage").then("links").then(links.len()), span);
        let (path, target) = (path.to_owned(), Some(target.to_owned()));
        links.push(Link { path, target, overwrite: Some(true), ..Link::default() });
    }

    /// A unit.
    pub(super) fn unit(&mut self, unit: Unit, span: Span) {
        let units = &mut self.part.config.systemd.units;
        self.part.trace.set(Path::root().then("systemd").then("units").then(units.len()), span);
        units.push(unit);
    }

    /// A user, with the origin of each of its keys.
    pub(super) fn user(&mut self, user: PasswdUser, span: Span, keys: impl IntoIterator<Item = Span>) {
        let users = &mut self.part.config.passwd.users;
        let path = Path::root().then("passwd").then("users").then(users.len());
        let list = path.then("sshAuthorizedKeys");
        self.part.trace.set(path, span);
        for (at, key) in keys.into_iter().enumerate() {
            self.part.trace.set(list.then(at), key);
        }
        users.push(user);
    }

    /// What was put together.
    pub(super) fn finish(self) -> Part {
        self.part
    }
}
