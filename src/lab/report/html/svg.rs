//! Pieces of drawings: positions along a time, shapes, texts that fit.

use super::markup::{Tag, tag};
use crate::lab::result::EventKind;

/// A time that goes from the left edge of a drawing to the right one, whatever its width: positions are parts of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    length_ms: u32,
}

impl Scale {
    pub(super) fn new(length_ms: u32) -> Self {
        Self { length_ms: length_ms.max(1) }
    }

    /// A moment or a duration as a percentage.
    pub(super) fn at(self, ms: u32) -> String {
        let thousandths = u64::from(ms.min(self.length_ms)) * 100_000 / u64::from(self.length_ms);
        let (whole, rest) = (thousandths / 1000, thousandths % 1000);
        let text = format!("{whole}.{rest:03}");
        format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }

    /// How many pixels a duration takes where the whole takes `width`.
    pub(super) fn pixels(self, ms: u32, width: u32) -> u32 {
        let pixels = u64::from(ms) * u64::from(width) / u64::from(self.length_ms);
        u32::try_from(pixels).unwrap_or(u32::MAX)
    }

    /// Where the axis has its marks; about `marks` of them.
    pub(super) fn ticks(self, marks: u32) -> Vec<u32> {
        let steps = [100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000];
        let step = steps.into_iter().find(|step| self.length_ms / step <= marks).unwrap_or(3_600_000);
        (0..=self.length_ms / step).map(|at| at * step).collect()
    }
}

/// From `since` to `until`, with the rows that it takes.
pub(super) fn bar(class: &str, scale: Scale, (since, until): (u32, u32), y: u32, height: u32) -> Tag {
    let width = scale.at(until.saturating_sub(since));
    let rect = tag("rect").class(class).with("x", scale.at(since)).with("y", y);
    rect.with("width", width).with("height", height)
}

/// A line across rows at a moment.
pub(super) fn upright(class: &str, scale: Scale, at: u32, from: u32, to: u32) -> Tag {
    let x = scale.at(at);
    tag("line").class(class).with("x1", &x).with("y1", from).with("x2", &x).with("y2", to)
}

/// A text whose base line is at `y`.
pub(super) fn text(class: &str, x: &str, y: u32, words: &str) -> Tag {
    tag("text").class(class).with("x", x).with("y", y).text(words)
}

/// The mark of an event with its number: a triangle for what breaks, a circle for what heals, else a square. The middle
/// of it is at the origin.
pub(super) fn mark(kind: EventKind, number: usize) -> [Tag; 2] {
    let shape = match kind {
        EventKind::Fault => tag("path").class("mark fault").with("d", "M-9.5-8.5H9.5L0 9.5Z"),
        EventKind::Repair => tag("circle").class("mark repair").with("r", 8.5),
        EventKind::Step => {
            tag("rect").class("mark step").with("x", -8).with("y", -8).with("width", 16).with("height", 16)
        }
    };
    let y = if kind == EventKind::Fault { "1" } else { "3.5" };
    [shape, tag("text").class("mark-number").with("y", y).text(number)]
}

/// At most `limit` characters, the middle taken out when there are more.
pub(super) fn shortened(text: &str, limit: usize) -> String {
    let count = text.chars().count();
    if count <= limit {
        return text.to_owned();
    }
    let head = limit / 2;
    let tail = limit.saturating_sub(head + 1);
    text.chars().take(head).chain(['…']).chain(text.chars().skip(count - tail)).collect()
}

/// The text in at most `lines` lines of at most `limit` characters, broken behind blanks, or else dots and hyphens, where
/// that is possible; the last line is shortened when more is left.
pub(super) fn wrapped(text: &str, limit: usize, lines: usize) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > limit && out.len() + 1 < lines {
        let after = |marks: &[char]| (limit / 3 + 1..=limit).rev().find(|at| marks.contains(&rest[at - 1]));
        let tail = rest.split_off(after(&[' ']).or_else(|| after(&['-', '.', '_'])).unwrap_or(limit));
        out.push(rest.iter().collect::<String>().trim().to_owned());
        rest = tail;
    }
    out.push(shortened(rest.iter().collect::<String>().trim(), limit));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions() {
        let scale = Scale::new(15_000);
        assert_eq!(
            [0, 1, 5000, 7500, 15_000, 20_000].map(|ms| scale.at(ms)),
            ["0%", "0.006%", "33.333%", "50%", "100%", "100%"]
        );
        assert_eq!(scale.ticks(8), (0..=7).map(|at| at * 2000).collect::<Vec<_>>());
        assert_eq!(Scale::new(0).at(0), "0%");
    }

    #[test]
    fn texts_that_fit() {
        assert_eq!(shortened("loadbalancer1", 13), "loadbalancer1");
        assert_eq!(shortened("loadbalancer1", 8), "load…er1");
        assert_eq!(wrapped("infra-cluster", 9, 2), ["infra-", "cluster"]);
        assert_eq!(wrapped("abcdefghij", 4, 2), ["abcd", "ef…j"].map(str::to_owned));
    }
}
