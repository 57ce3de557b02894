//! Source texts and positions in them.
//!
//! A position is a [`Span`]: a file and a range of bytes. Lines and columns are computed only when a
//! diagnostic is shown, so that carrying positions through every phase costs twelve bytes each.

use std::sync::Arc;

/// Names one text in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A range of bytes in one source text.
///
/// Spans order by file, then start, then end, which is the order in which diagnostics are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span from byte `start` up to, but without, byte `end`. Offsets beyond 4 GiB saturate;
    /// no text that large is ever loaded.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { file, start: clamp(start), end: clamp(end) }
    }

    /// The empty span at the start of a text: a finding about the file as a whole.
    pub fn whole(file: FileId) -> Self {
        Self { file, start: 0, end: 0 }
    }
}

/// One text with the name that people know it by.
#[derive(Debug)]
pub struct Source {
    name: String,
    text: Arc<str>,
    lines: Vec<u32>,
}

impl Source {
    /// The name shown in diagnostics: the path as the user wrote it, relative to the project.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }
}

/// A line and a column, both counted from 1; the column counts characters, as YAML tools do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// All texts that a run has read. Append-only while loading, read-only afterwards.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Adds a text under `name` and returns its id.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        let text = text.into();
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(starts).map(|at| u32::try_from(at).unwrap_or(u32::MAX)).collect();
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Source { name: name.into(), text, lines });
        id
    }

    /// The text with this id.
    ///
    /// # Panics
    /// If `id` belongs to other `Sources`.
    pub fn get(&self, id: FileId) -> &Source {
        &self.files[id.0 as usize]
    }

    /// Line and column of a byte of a text. An offset past the end is the end.
    pub fn position(&self, file: FileId, offset: u32) -> Position {
        let source = self.get(file);
        let line = source.lines.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = source.lines.get(line).copied().unwrap_or(0) as usize;
        let end = (offset as usize).min(source.text.len());
        let column = source.text.as_bytes().get(start..end).map_or(0, |bytes| {
            // Count the bytes that begin a character.
            bytes.iter().filter(|byte| (**byte & 0xC0) != 0x80).count()
        });
        Position { line: line + 1, column: column + 1 }
    }

    /// All texts with their ids, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        (0u32..).map(FileId).zip(&self.files)
    }
}
