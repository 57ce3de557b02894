//! Renders diagnostics for people: code, message, source excerpt, related places, hint.
//!
//! ```text
//! error[unknown-key]: `cidrr` is not a key of a network
//!   --> profiles/cluster.yaml:12:5
//!    |
//! 12 |     cidrr: 10.17.3.0/24
//!    |     ^^^^^
//!    = hint: did you mean `cidr`?
//! ```

use super::{Code, Diagnostic, Severity, Sources, Span};
use std::fmt::Write as _;

/// Columns of source shown at most; a longer line is cut around the place in question.
const WIDTH: usize = 110;
/// Columns kept before the place when a line is cut.
const LEAD: usize = 40;
/// How many findings of one code at one place are shown; programs get all of them.
const ALIKE: usize = 3;
/// Columns from one tab stop to the next.
const TAB: usize = 4;

/// The escape sequences in use; empty texts when colour is off.
struct Paint {
    bold: &'static str,
    frame: &'static str,
    reset: &'static str,
    colour: bool,
}

impl Paint {
    fn new(colour: bool) -> Self {
        let pick = |code| if colour { code } else { "" };
        Self { bold: pick("\x1b[1m"), frame: pick("\x1b[34m"), reset: pick("\x1b[0m"), colour }
    }

    fn severity(&self, severity: Severity) -> &'static str {
        match (self.colour, severity) {
            (false, _) => "",
            (true, Severity::Error) => "\x1b[1;31m",
            (true, Severity::Warning) => "\x1b[1;33m",
            (true, Severity::Note) => "\x1b[1;36m",
        }
    }
}

/// All findings, each followed by an empty line; with escape sequences for a terminal when `colour`.
pub fn render(sources: &Sources, diagnostics: &[Diagnostic], colour: bool) -> String {
    let paint = Paint::new(colour);
    let mut out = String::new();
    let alike = |a: &Diagnostic, b: &Diagnostic| {
        (a.code, a.severity, a.span) == (b.code, b.severity, b.span) && a.span.is_some()
    };
    for same in diagnostics.chunk_by(alike) {
        // One line of a template for a thousand machines: the first few tell it all.
        let shown = if same.len() > ALIKE + 1 { ALIKE } else { same.len() };
        for diagnostic in &same[..shown] {
            one(&mut out, sources, diagnostic, &paint);
            out.push('\n');
        }
        if let more @ 1.. = same.len() - shown {
            let _ = writeln!(out, "... and {more} more like it at this place\n");
        }
    }
    out
}

/// "2 errors, 1 warning", or `None` when nothing was found.
pub fn summary(diagnostics: &[Diagnostic]) -> Option<String> {
    let count = |severity| diagnostics.iter().filter(|found| found.severity == severity).count();
    let parts: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter_map(|severity| match count(severity) {
            0 => None,
            1 => Some(format!("1 {}", severity.as_str())),
            n => Some(format!("{n} {}s", severity.as_str())),
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn one(out: &mut String, sources: &Sources, found: &Diagnostic, paint: &Paint) {
    let Paint { bold, frame, reset, .. } = paint;
    let tint = paint.severity(found.severity);
    let places = found.span.iter().chain(found.related.iter().map(|related| &related.span));
    let last = places.map(|span| sources.position(span.file, span.start).line).max().unwrap_or(1);
    let gutter = last.to_string().len();
    let message = indented(&found.message, 2);
    let secret =
        matches!(found.code, Code::SecretLiteral | Code::CommittedSecret | Code::PasswordHash | Code::SharedPassword);
    let _ = writeln!(out, "{tint}{}[{}]{reset}{bold}: {message}{reset}", found.severity.as_str(), found.code.id());
    if let Some(span) = found.span {
        let _ = writeln!(out, "{:gutter$}{frame}-->{reset} {}", "", place(sources, span));
        if !secret {
            excerpt(out, sources, span, gutter, ('^', tint), paint);
        }
    }
    for related in &found.related {
        let message = indented(&related.message, gutter + 4);
        let _ = writeln!(out, "{:gutter$}{frame}:::{reset} {}: {message}", "", place(sources, related.span));
        if !secret {
            excerpt(out, sources, related.span, gutter, ('-', frame), paint);
        }
    }
    if let Some(hint) = &found.hint {
        let hint = indented(hint, gutter + 9);
        let _ = writeln!(out, "{:gutter$} {frame}={reset} {bold}hint:{reset} {hint}", "");
    }
}

/// `file:line:column`; the file alone for a finding about the file as a whole.
fn place(sources: &Sources, span: Span) -> String {
    let name = visible(sources.get(span.file).name());
    if is_whole(span) {
        return name;
    }
    let at = sources.position(span.file, span.start);
    format!("{name}:{}:{}", at.line, at.column)
}

fn is_whole(span: Span) -> bool {
    span.start == 0 && span.end == 0
}

fn excerpt(out: &mut String, sources: &Sources, span: Span, gutter: usize, (mark, tint): (char, &str), paint: &Paint) {
    if is_whole(span) {
        return;
    }
    let Paint { frame, reset, .. } = paint;
    let text = sources.get(span.file).text();
    let start = floor(text, span.start as usize);
    let end = floor(text, span.end as usize).max(start);
    let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let to = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let line = text[from..to].trim_end_matches('\r');
    let (shown, before, width) = cut(line, start - from, end.min(to) - from);
    let number = sources.position(span.file, span.start).line;
    let marks: String = std::iter::repeat_n(mark, width).collect();
    let _ = writeln!(out, "{:gutter$} {frame}|{reset}", "");
    let shown = shown.trim_end();
    let blank = if shown.is_empty() { "" } else { " " };
    let _ = writeln!(out, "{frame}{number:gutter$} |{reset}{blank}{shown}");
    let _ = writeln!(out, "{:gutter$} {frame}|{reset} {:before$}{tint}{marks}{reset}", "", "");
}

/// The line as shown, the columns before the mark and the columns of the mark, for the bytes
/// `start..end` of `line`.
fn cut(line: &str, start: usize, end: usize) -> (String, usize, usize) {
    let mut cells: Vec<(usize, String, usize)> = Vec::new();
    let (mut column, mut first, mut last) = (0, None, None);
    for (at, c) in line.char_indices() {
        if at >= start && first.is_none() {
            first = Some(column);
        }
        if at >= end && last.is_none() {
            last = Some(column);
        }
        if first.is_some_and(|first| column > first + 2 * WIDTH) {
            break;
        }
        let (cell, width) = cell(c, column);
        cells.push((column, cell, width));
        column += width;
    }
    let first = first.unwrap_or(column);
    let last = last.unwrap_or(column).max(first + 1);
    let total = cells.last().map_or(0, |(at, _, width)| at + width);
    if total <= WIDTH {
        return (cells.into_iter().map(|(_, cell, _)| cell).collect(), first, last - first);
    }
    let left = if first <= WIDTH - LEAD { 0 } else { first - LEAD };
    let right = left + WIDTH;
    let kept = cells.iter().filter(|(at, _, width)| *at >= left && at + width <= right);
    let skipped = cells.iter().find(|(at, _, _)| *at >= left).map_or(left, |(at, _, _)| *at);
    let body: String = kept.map(|(_, cell, _)| cell.as_str()).collect();
    let (head, shift) = if left > 0 { ("…", 1) } else { ("", 0) };
    let tail = if total > right { "…" } else { "" };
    let before = first - skipped + shift;
    (format!("{head}{body}{tail}"), before, last.min(right).saturating_sub(first).max(1))
}

/// How a character is shown in an excerpt that has `column` columns so far, and its width.
fn cell(c: char, column: usize) -> (String, usize) {
    if c == '\t' {
        let width = TAB - column % TAB;
        return (" ".repeat(width), width);
    }
    if is_hidden(c) {
        let escaped: String = c.escape_unicode().collect();
        let width = escaped.len();
        return (escaped, width);
    }
    (c.to_string(), width(c))
}

/// Characters that a terminal would obey or swallow rather than show, those that turn text around included.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Columns that a terminal gives a character: Unicode's wide blocks take two, combining marks none.
fn width(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1_f300..=0x1_faff
        | 0x2_0000..=0x3_fffd => 2,
        _ => 1,
    }
}

/// `text` with everything escaped that would act on a terminal.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// `text` made visible, its further lines set `depth` columns in.
fn indented(text: &str, depth: usize) -> String {
    let lines: Vec<String> = text.trim_end().lines().map(visible).collect();
    lines.join(&format!("\n{:depth$}", ""))
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::{Code, FileId};
    use super::*;

    fn show(text: &str, start: usize, end: usize) -> String {
        let mut sources = Sources::default();
        let file = sources.add("f.yaml", text);
        let found = Diagnostic::new(Code::UnknownKey, "`x` is unknown").at(Span::new(file, start, end));
        render(&sources, &[found], false)
    }

    fn two() -> (Sources, FileId, FileId) {
        let mut sources = Sources::default();
        let a = sources.add("profiles/cluster.yaml", "name: lab\nnetworks:\n  lan:\n    cidrr: 10.17.3.0/24\n");
        let b = sources.add("profiles/nodes/a.yaml", "os: flatcar\n");
        (sources, a, b)
    }

    #[test]
    fn a_finding_with_everything() {
        let (sources, a, b) = two();
        let found = Diagnostic::new(Code::UnknownKey, "`cidrr` is not a key of a network")
            .at(Span::new(a, 31, 36))
            .related(Span::new(b, 0, 2), "used here")
            .related(Span::whole(b), "in this file")
            .hint("did you mean `cidr`?");
        let expected = "\
error[unknown-key]: `cidrr` is not a key of a network
 --> profiles/cluster.yaml:4:5
  |
4 |     cidrr: 10.17.3.0/24
  |     ^^^^^
 ::: profiles/nodes/a.yaml:1:1: used here
  |
1 | os: flatcar
  | --
 ::: profiles/nodes/a.yaml: in this file
  = hint: did you mean `cidr`?

";
        assert_eq!(render(&sources, std::slice::from_ref(&found), false), expected);
        let coloured = render(&sources, &[found], true);
        assert!(coloured.starts_with("\x1b[1;31merror[unknown-key]\x1b[0m\x1b[1m: "), "{coloured:?}");
    }

    #[test]
    fn without_a_place_only_the_message_and_hint() {
        let found = Diagnostic::new(Code::EmptyProject, "no nodes\nat all").hint("add one");
        let text = render(&Sources::default(), &[found], false);
        assert_eq!(text, "error[empty-project]: no nodes\n  at all\n  = hint: add one\n\n");
    }

    #[test]
    fn wide_characters_tabs_and_controls_keep_the_marks_in_place() {
        assert!(show("ключ: x", 10, 11).contains(" | ключ: x\n  |       ^\n"));
        assert!(show("日本: x", 8, 9).contains(" | 日本: x\n  |       ^\n"));
        assert!(show("a\tb", 2, 3).contains(" | a   b\n  |     ^\n"));
        assert!(show("a\x1bb", 2, 3).contains(" | a\\u{1b}b\n  |        ^\n"));
        assert!(show("a\u{202e}b\r\nc", 4, 5).contains(" | a\\u{202e}b\n  |          ^\n"));
    }

    #[test]
    fn a_span_over_lines_marks_its_first_line_and_an_empty_span_one_column() {
        assert!(show("ab\ncd", 1, 5).contains("1 | ab\n  |  ^\n"));
        assert!(show("ab\ncd", 5, 5).contains("2 | cd\n  |   ^\n"));
        assert!(show("", 0, 1).contains("1 |\n  | ^\n"));
    }

    #[test]
    fn a_span_inside_a_character_or_past_the_end_is_shown_all_the_same() {
        assert!(show("é", 1, 99).contains("1 | é\n  | ^\n"));
        assert!(show("ab", 70, 99).contains("1 | ab\n  |   ^\n"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = format!("{}HERE{}", "x".repeat(5000), "y".repeat(5000));
        let text = show(&line, 5000, 5004);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[3].chars().count() < 120, "{}", lines[3]);
        assert_eq!(lines[3].find("HERE").map(|at| lines[3][..at].chars().count()), lines[4].find('^'));
        assert_eq!(lines[4].matches('^').count(), 4);
        let start = show(&line, 0, 10_000);
        assert!(start.lines().all(|line| line.chars().count() < 120), "{start}");
    }

    #[test]
    fn the_summary_counts_and_declines() {
        let error = || Diagnostic::new(Code::UnknownKey, "x");
        let warning = || Diagnostic::new(Code::ButaneDubious, "x");
        assert_eq!(summary(&[]), None);
        assert_eq!(summary(&[error()]).as_deref(), Some("1 error"));
        assert_eq!(summary(&[error(), warning(), error()]).as_deref(), Some("2 errors, 1 warning"));
    }
}
