//! A run for the terminal: a table, everything that failed in full, what was left out, and the verdict as the last line.

use super::summary::{self, Row};
use super::words::{self, clean, count, number, seconds};
use crate::lab::result::{Assertion, HANDOVER_MS, Run, Scenario, Verdict};
use std::fmt::Write as _;

/// Nothing becomes wider, however wide the terminal is.
const WIDEST: usize = 140;
/// Nothing becomes narrower, however narrow the terminal is.
const NARROWEST: usize = 40;

/// The run in lines of at most `width` columns; with escape sequences when `colour`.
pub fn write(run: &Run, width: usize, colour: bool) -> String {
    let page = Page { width: width.clamp(NARROWEST, WIDEST), colour };
    let mut out = String::new();
    page.paragraph(&mut out, "", &heading(run));
    out.push('\n');
    let rows = summary::rows(run);
    if let Some(table) = page.table(&rows) {
        out += &table;
    } else {
        for (at, row) in rows.iter().enumerate() {
            page.group(&mut out, &rows, at);
            page.block(&mut out, row, &what(&rows, at));
        }
    }
    for scenario in &run.scenarios {
        page.failures(&mut out, scenario);
    }
    page.rest(&mut out, run);
    out.push('\n');
    let verdict = page.paint(run.verdict(), run.verdict().as_str());
    page.hang(&mut out, &format!("{verdict}: "), 2, &conclusion(run));
    out
}

/// What was rehearsed.
fn heading(run: &Run) -> String {
    let mut engines = String::new();
    for one in &run.engines {
        engines.extend([", ", &one.name, " ", &one.version, " (", &one.source, ")"]);
    }
    let dist: String = run.dist.chars().take(12).collect();
    clean(&format!("{}: dist {dist}, level {}{engines}", run.cluster, run.level.as_str()), false).into_owned()
}

/// The counts behind the verdict.
pub(super) fn conclusion(run: &Run) -> String {
    let good = run.scenarios.iter().filter(|one| one.verdict() == Verdict::Passed).count();
    let held = run.assertions().filter(|one| one.passed).count();
    format!(
        "{good} of {} passed, {held} of {} hold; {} (up in {}, down in {})",
        count(run.scenarios.len(), "scenario"),
        count(run.assertions().count(), "assertion"),
        seconds(run.took_ms),
        words::moment(run.up_ms),
        words::moment(run.down_ms)
    )
}

struct Page {
    width: usize,
    colour: bool,
}

/// The least columns for a scenario, and the least and the most for its owner. Where they do not fit, each row is a
/// paragraph.
const SCENARIO: usize = 18;
const OWNER: (usize, usize) = (13, 22);
/// What stands above the columns behind the scenario's.
const HEADS: [&str; 6] = ["owner", "moved after", "predicted", "nobody", "two owners", "lost"];

impl Page {
    /// The rows as a table; nothing when it would be wider than the terminal.
    fn table(&self, rows: &[Row<'_>]) -> Option<String> {
        let cells: Vec<[String; 6]> = rows.iter().map(cells).collect();
        let mut widths: [usize; 6] = std::array::from_fn(|at| {
            cells.iter().map(|row| columns(&row[at])).chain([columns(HEADS[at])]).max().unwrap_or(0)
        });
        let others = VERDICT + 2 * widths.len() + widths[1..].iter().sum::<usize>();
        let room = self.width.checked_sub(others)?;
        // The owner gives way to the scenario, but not so far that a common name is broken.
        widths[0] = widths[0].min(OWNER.1).min(room.saturating_sub(SCENARIO).max(OWNER.0));
        let room = room.checked_sub(widths[0]).filter(|room| *room >= SCENARIO)?;
        let names: Vec<String> = (0..rows.len()).map(|at| what(rows, at)).collect();
        let beside = names.iter().zip(&cells).filter(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()));
        let first = beside.map(|(name, _)| columns(name)).max().unwrap_or(0).clamp(SCENARIO, room);
        let mut out = String::new();
        let line = |out: &mut String, lead: &str, what: &str, cells: [&str; 6]| {
            // What belongs to a scenario with a title of its own stands a little to the right.
            let (indent, what) = what.strip_prefix("  ").map_or((0, what), |what| (2, what));
            let mut what = wrap(&clean(what, false), first - indent);
            for line in &mut what {
                line.insert_str(0, &" ".repeat(indent));
            }
            let owner = wrap(&clean(cells[0], false), widths[0]);
            for at in 0..what.len().max(owner.len()) {
                let text = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
                let mut row = format!("{:first$}  {:2$}", text(&what), text(&owner), widths[0]);
                for (cell, width) in cells.iter().zip(&widths).skip(1) {
                    let cell = if at == 0 { *cell } else { "" };
                    let _ = write!(row, "  {cell:>width$}");
                }
                let lead = if at == 0 { lead.to_owned() } else { " ".repeat(VERDICT) };
                let _ = writeln!(out, "{lead}{}", row.trim_end());
            }
        };
        line(&mut out, &" ".repeat(VERDICT), "scenario", HEADS);
        for (at, (row, cells)) in rows.iter().zip(&cells).enumerate() {
            self.group(&mut out, rows, at);
            if cells.iter().all(String::is_empty) {
                self.hang(&mut out, &self.lead(row.verdict), VERDICT, &names[at]);
            } else {
                line(&mut out, &self.lead(row.verdict), &names[at], std::array::from_fn(|at| cells[at].as_str()));
            }
        }
        Some(out)
    }

    /// A scenario above the first of its rows, when it has several.
    fn group(&self, out: &mut String, rows: &[Row<'_>], at: usize) {
        let scenario = rows[at].scenario;
        let first = at.checked_sub(1).is_none_or(|before| !std::ptr::eq(rows[before].scenario, scenario));
        if first && several(rows, at) {
            self.hang(out, &self.lead(Some(scenario.verdict())), VERDICT, &format!("{}:", scenario.title));
        }
    }

    /// A row as a paragraph.
    fn block(&self, out: &mut String, row: &Row<'_>, what: &str) {
        let lead = self.lead(row.verdict);
        self.hang(out, &lead, VERDICT, what);
        let mut parts = Vec::new();
        if !row.owners.is_empty() {
            let after = if row.moved.is_empty() { String::new() } else { format!(" after {}", row.moved) };
            let foretold = if row.predicted.is_empty() { String::new() } else { format!(" ({})", foretold(row)) };
            parts.push(format!("{}{after}{foretold}", row.owners));
        }
        parts.extend(row.without_ms.filter(|ms| *ms > 0).map(|ms| format!("nobody for {}", seconds(ms))));
        parts.extend(row.several_ms.filter(|ms| *ms > HANDOVER_MS).map(|ms| format!("two owners for {}", seconds(ms))));
        parts.extend(row.lost.map(|(lost, sent)| format!("{} of {} lost", number(lost), number(sent))));
        if !parts.is_empty() {
            self.hang(out, &" ".repeat(VERDICT), VERDICT, &parts.join("; "));
        }
    }

    /// Everything about a scenario that was not as it had to be.
    fn failures(&self, out: &mut String, scenario: &Scenario) {
        for one in scenario.assertions.iter().filter(|one| !one.passed) {
            let Assertion { what, expected, seen, why, .. } = one;
            self.trouble(out, &scenario.name, what, &[("expected", expected), ("seen", seen), ("why", why)]);
        }
        for watch in &scenario.vips {
            for one in watch.moves.iter().filter(|one| one.agrees() == Some(false)) {
                let foretold = one.predicted.as_ref().map(words::predicted).unwrap_or_default();
                let what = format!("{} after {}: not as predicted", watch.vip, summary::event(scenario, one.since_ms));
                let measured = words::measured(&one.measured);
                self.trouble(out, &scenario.name, &what, &[("predicted", &foretold), ("measured", &measured)]);
            }
        }
        if scenario.assertions.is_empty() && scenario.verdict() == Verdict::Incomplete {
            let lead = format!("\n{} ", self.paint(Verdict::Incomplete, "incomplete"));
            self.hang(out, &lead, 2, &format!("{}: nothing was asserted", scenario.name));
        }
    }

    fn trouble(&self, out: &mut String, scenario: &str, what: &str, rows: &[(&str, &str)]) {
        out.push('\n');
        let lead = format!("{} ", self.paint(Verdict::Failed, "failed"));
        self.hang(out, &lead, 2, &format!("{scenario}: {what}"));
        for (name, text) in rows.iter().filter(|(_, text)| !text.is_empty()) {
            self.hang(out, &format!("  {:11}", format!("{name}:")), 13, text);
        }
    }

    /// What was not tried, and notes.
    fn rest(&self, out: &mut String, run: &Run) {
        let mut first = true;
        for (scenario, part) in run.all_skipped() {
            let within = scenario.map_or_else(String::new, |scenario| format!("{}: ", scenario.name));
            let word = if part.required {
                self.paint(Verdict::Incomplete, "not tried, though required:")
            } else {
                "not tried:".to_owned()
            };
            let gap = if std::mem::take(&mut first) { "\n" } else { "" };
            self.hang(out, &format!("{gap}{word} "), 2, &format!("{within}{}: {}", part.what, part.why));
        }
        for (name, note) in run.scenarios.iter().flat_map(|one| one.notes.iter().map(|note| (Some(&one.name), note))) {
            let within = name.map_or_else(String::new, |name| format!("{name}: "));
            self.hang(out, "note: ", 2, &format!("{within}{note}"));
        }
        run.notes.iter().for_each(|note| self.hang(out, "note: ", 2, note));
    }

    fn paragraph(&self, out: &mut String, lead: &str, text: &str) {
        self.hang(out, lead, columns(lead), text);
    }

    /// `lead`, then the text; its further lines begin `indent` columns in.
    fn hang(&self, out: &mut String, lead: &str, indent: usize, text: &str) {
        let text = clean(text, true);
        let start = visible(lead);
        let mut room = self.width.saturating_sub(start).max(8);
        let mut first = true;
        for line in text.split('\n') {
            let mut rest = line;
            loop {
                let (now, later) = split(rest, room);
                if std::mem::take(&mut first) {
                    let _ = writeln!(out, "{lead}{now}");
                } else {
                    let _ = writeln!(out, "{:indent$}{now}", "");
                }
                room = self.width.saturating_sub(indent);
                if later.is_empty() {
                    break;
                }
                rest = later;
            }
        }
    }

    fn lead(&self, verdict: Option<Verdict>) -> String {
        let word = match verdict {
            Some(Verdict::Passed) => "ok",
            Some(Verdict::Incomplete) => "incomplete",
            Some(Verdict::Failed) => "failed",
            None => "",
        };
        let painted = verdict.map_or_else(String::new, |verdict| self.paint(verdict, word));
        format!("{painted}{}", " ".repeat(VERDICT - word.len()))
    }

    fn paint(&self, verdict: Verdict, word: &str) -> String {
        let code = match verdict {
            Verdict::Passed => "\x1b[32m",
            Verdict::Incomplete => "\x1b[1;33m",
            Verdict::Failed => "\x1b[1;31m",
        };
        if self.colour { format!("{code}{word}\x1b[0m") } else { word.to_owned() }
    }
}

/// Whether a row is one of several of its scenario.
fn several(rows: &[Row<'_>], at: usize) -> bool {
    rows.iter().filter(|row| std::ptr::eq(row.scenario, rows[at].scenario)).count() > 1
}

/// What was done; and where no VIP was watched, how many assertions hold.
fn what(rows: &[Row<'_>], at: usize) -> String {
    let row = &rows[at];
    if several(rows, at) {
        return format!("  {}", row.what);
    }
    let (all, held) = (&row.scenario.assertions, row.scenario.assertions.iter().filter(|one| one.passed).count());
    if row.owners.is_empty() && !all.is_empty() {
        format!("{} ({held} of {} hold)", row.what, all.len())
    } else {
        row.what.clone()
    }
}

/// Columns that the verdict takes, with the gap behind it.
const VERDICT: usize = 11;

fn cells(row: &Row<'_>) -> [String; 6] {
    let time = |ms: Option<u32>| ms.map_or_else(String::new, seconds);
    let lost = row.lost.map_or_else(String::new, |(lost, _)| number(lost));
    [row.owners.clone(), row.moved.clone(), row.predicted.clone(), time(row.without_ms), time(row.several_ms), lost]
}

fn foretold(row: &Row<'_>) -> String {
    if row.predicted == "stays" { "predicted to stay".to_owned() } else { format!("predicted: {}", row.predicted) }
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Columns of the last line of a text, escape sequences of ours taken out.
fn visible(text: &str) -> usize {
    let line = text.rsplit('\n').next().unwrap_or(text);
    line.split('\x1b').enumerate().fold(0, |sum, (at, piece)| {
        let shown = if at == 0 { piece } else { piece.split_once('m').map_or("", |(_, rest)| rest) };
        sum + columns(shown)
    })
}

/// The text in lines of at most `width` columns.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut rest) = (Vec::new(), text);
    loop {
        let (now, later) = split(rest, width);
        lines.push(now.to_owned());
        if later.is_empty() {
            return lines;
        }
        rest = later;
    }
}

/// As much as fits into `width` columns, broken at a blank, and the rest; a word that is longer is broken within.
fn split(text: &str, width: usize) -> (&str, &str) {
    let Some((end, next)) = text.char_indices().nth(width) else { return (text, "") };
    match text[..end + next.len_utf8()].rfind(' ').filter(|at| *at > 0) {
        Some(at) => (text[..at].trim_end(), text[at..].trim_start()),
        None => text.split_at(end),
    }
}
