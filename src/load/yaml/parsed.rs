//! The text as the parser gets it: without the liberties that the reference grants and the parser does not.

use super::place::line_start;
use super::wording::Context;
use granit_parser::{ErrorKind, Marker, ScanError};
use std::collections::BTreeSet;

/// A text that the parser understands, and the way back to the original's bytes.
pub(super) struct Parsed {
    /// As long as the original: what was changed without moving anything.
    pub(super) base: String,
    /// Blanks that are put into `base`: where, and how many; in order.
    inserted: Vec<(usize, usize)>,
    /// For every entry of `inserted`: where it begins in `text`, where in `base`, and how many blanks there
    /// are up to its end.
    shifts: Vec<(usize, usize, usize)>,
    /// Texts that are only a dash, which have another letter in `base`.
    dashes: BTreeSet<usize>,
    text: String,
}

impl Parsed {
    pub(super) fn new(text: &str) -> Self {
        // A next line (U+0085) is a line break in YAML 1.1; this one is as many bytes.
        let base = text.replace('\u{85}', "\r\n");
        Self { text: String::new(), base, inserted: Vec::new(), shifts: Vec::new(), dashes: BTreeSet::new() }
    }

    /// What the parser reads.
    pub(super) fn text(&self) -> &str {
        if self.inserted.is_empty() { &self.base } else { &self.text }
    }

    /// The byte of the original at which the parser is.
    pub(super) fn original(&self, marker: Marker) -> usize {
        let at = marker.byte_offset().unwrap_or_default();
        let passed = self.shifts.partition_point(|(begin, _, _)| *begin < at);
        let back = passed.checked_sub(1).and_then(|last| self.shifts.get(last));
        let at = back.map_or(at, |(_, place, blanks)| at.saturating_sub(*blanks).max(*place));
        at.min(self.base.len())
    }

    /// Takes out the liberty that stopped the parser. False if it was none.
    pub(super) fn tame(&mut self, error: &ScanError, context: &Context) -> bool {
        let at = self.original(*error.marker());
        match error.kind() {
            ErrorKind::CommentNotSeparated => self.comment(at),
            ErrorKind::InvalidQuotedScalarIndent => self.quoted(at, context),
            ErrorKind::TabInBlockIndentation | ErrorKind::TabNotAllowed | ErrorKind::TabInIndentation
                if context.in_flow =>
            {
                self.tabs(at)
            }
            ErrorKind::PlainScalarStartsWithDashFlowIndicator => self.dash(at),
            _ => false,
        }
    }

    /// Whether the text at this byte is only a dash.
    pub(super) fn is_dash(&self, at: usize) -> bool {
        self.dashes.contains(&at)
    }

    /// `[-, a]`
    fn dash(&mut self, at: usize) -> bool {
        if self.base.as_bytes().get(at) != Some(&b'-') {
            return false;
        }
        self.dashes.insert(at);
        self.base.replace_range(at..=at, "_");
        self.insert();
        true
    }

    fn blank(&mut self, from: usize, to: usize) -> bool {
        self.base.replace_range(from..to, &" ".repeat(to - from));
        self.insert();
        true
    }

    fn insert(&mut self) {
        self.text.clear();
        self.shifts.clear();
        let (mut done, mut total) = (0, 0);
        for (place, blanks) in &self.inserted {
            self.text.push_str(&self.base[done..*place]);
            self.text.push_str(&" ".repeat(*blanks));
            self.shifts.push((place + total, *place, total + blanks));
            total += blanks;
            done = *place;
        }
        self.text.push_str(&self.base[done..]);
    }

    /// `|#comment`
    fn comment(&mut self, at: usize) -> bool {
        let line = line_start(&self.base, at);
        let end = self.base[line..].find(['\n', '\r']).map_or(self.base.len(), |end| line + end);
        let text = &self.base[line..end];
        let header = |hash: &usize| {
            let before = text[..*hash].trim_end_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-');
            before.ends_with(['|', '>'])
        };
        let hash = text.match_indices('#').map(|(hash, _)| hash).find(header);
        hash.is_some_and(|hash| self.blank(line + hash, end))
    }

    /// Tabs before the text of a line in a flow collection.
    fn tabs(&mut self, at: usize) -> bool {
        let line = line_start(&self.base, at);
        let blanks = self.base[line..].bytes().take_while(|byte| b" \t".contains(byte)).count();
        self.base[line..line + blanks].contains('\t') && self.blank(line, line + blanks)
    }

    /// A quoted text that goes on with too little indentation: its lines get enough, up to its end.
    fn quoted(&mut self, at: usize, context: &Context) -> bool {
        let line = line_start(&self.base, at);
        let Some(opening) = self.base.get(context.reached..line).and_then(|text| text.find(['"', '\''])) else {
            return false;
        };
        let quote = self.base.as_bytes()[context.reached + opening];
        let mut escaped = false;
        let length = self.base[line..].bytes().take_while(|byte| {
            let end = *byte == quote && !escaped;
            escaped = quote == b'"' && *byte == b'\\' && !escaped;
            !end
        });
        let end = line + length.count();
        let mut places = vec![line];
        places.extend(self.base[line..end].match_indices('\n').map(|(at, _)| line + at + 1).filter(|at| *at <= end));
        places.retain(|place| self.inserted.binary_search_by_key(place, |(known, _)| *known).is_err());
        self.inserted.extend(places.iter().map(|place| (*place, context.indent + 1)));
        self.inserted.sort_unstable();
        self.insert();
        !places.is_empty()
    }
}
