//! Lines and columns as YAML 1.1 counts them.

use crate::diag::Position;

/// Finds lines and columns. Remembers the last place, so that neighbours are found quickly even on long lines.
pub(super) struct Places<'a> {
    text: &'a str,
    lines: Vec<usize>,
    last: (usize, Position),
}

impl<'a> Places<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let mut lines = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            let next = |offset: usize| bytes.get(at + offset).copied();
            match byte {
                b'\n' => lines.push(at + 1),
                b'\r' if next(1) != Some(b'\n') => lines.push(at + 1),
                0xC2 if next(1) == Some(0x85) => lines.push(at + 2),
                0xE2 if next(1) == Some(0x80) && matches!(next(2), Some(0xA8 | 0xA9)) => lines.push(at + 3),
                _ => {}
            }
        }
        Self { text, lines, last: (0, Position { line: 1, column: 1 }) }
    }

    /// Line and column of a byte.
    pub(super) fn at(&mut self, offset: usize) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines[line - 1];
        let (near, position) = self.last;
        let chars = |from: usize, to: usize| self.text.get(from..to).map_or(0, |text| text.chars().count());
        let column = if position.line != line {
            1 + chars(start, offset)
        } else if near <= offset {
            position.column + chars(near, offset)
        } else {
            position.column - chars(offset, near)
        };
        self.last = (offset, Position { line, column });
        self.last.1
    }
}

/// Where the line that holds byte `at` begins.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind(['\n', '\r'])).map_or(0, |end| end + 1)
}
