//! One scenario: its chart, what was done, what was foretold beside what came, and every assertion.

use super::markup::{Tag, tag};
use super::svg::mark;
use super::{anchor, chart, icon, span};
use crate::lab::report::summary;
use crate::lab::report::words::{self, number, seconds};
use crate::lab::result::{Assertion, EventKind, HANDOVER_MS, Move, Probe, Run, Scenario, Verdict, Watch};

/// The scenario with this place in the list.
pub(super) fn section(run: &Run, at: usize, scenario: &Scenario) -> Tag {
    let id = anchor(at);
    let verdict = scenario.verdict();
    let head = tag("div").class("head");
    let head = head.child(tag("h3").with("id", format!("{id}-head")).text(&scenario.title));
    let badge = tag("span").class(&format!("badge {}", verdict.as_str())).child(icon(verdict)).text(verdict.as_str());
    let head = head.child(badge).child(tag("code").class("key").text(&scenario.name));
    let section = tag("section").class(&format!("scenario panel {}", verdict.as_str())).with("id", &id);
    let section = section.with("aria-labelledby", format!("{id}-head")).child(head);
    let parts = [chart::chart(&run.topology, scenario, &id), events(scenario), moves(scenario), assertions(scenario)];
    section.children(parts.into_iter().flatten()).children(answers(scenario)).children(remarks(scenario))
}

/// What was done, with the marks of the chart.
fn events(scenario: &Scenario) -> Option<Tag> {
    let items = (1..).zip(&scenario.events).map(|(number, event)| {
        let mark = marked(event.kind, number);
        let when = tag("span").class("when").text(words::moment(event.at_ms));
        tag("li").child(mark).child(when).child(tag("span").text(&event.what))
    });
    (!scenario.events.is_empty())
        .then(|| tag("ol").class("plain events").with("aria-label", "What was done").children(items))
}

fn marked(kind: EventKind, number: usize) -> Tag {
    let svg = tag("svg").class("mark-icon").with("viewBox", "-11 -11 22 22").with("width", 20).with("height", 20);
    svg.with("aria-hidden", "true").children(mark(kind, number))
}

const MOVES: [&str; 7] = ["VIP", "After", "Predicted", "Measured", "Nobody", "Two owners", "Lost"];

/// What was foretold beside what came.
fn moves(scenario: &Scenario) -> Option<Tag> {
    let rows = scenario.vips.iter().flat_map(|watch| watch.moves.iter().map(move |one| (watch, one)));
    let rows: Vec<Tag> = rows.map(|(watch, one)| moved(scenario, watch, one)).collect();
    (!rows.is_empty()).then(|| table("moves", "Prediction and measurement", &MOVES, rows))
}

fn moved(scenario: &Scenario, watch: &Watch, one: &Move) -> Tag {
    let Move { since_ms, predicted, measured } = one;
    let lost = match measured.sent {
        0 => String::new(),
        sent => format!("{} of {}", number(measured.lost), number(sent)),
    };
    let predicted = predicted.as_ref().map_or_else(|| "nothing".to_owned(), words::predicted);
    let after = summary::event(scenario, *since_ms);
    let words =
        [after, predicted, words::measured(measured), seconds(measured.without_ms), seconds(measured.several_ms), lost];
    let row = tag("tr").with("role", "row").child(row_head(MOVES[0], &watch.vip));
    row.children(words.iter().enumerate().map(|(at, words)| {
        let class = match at {
            _ if words.is_empty() => "empty",
            2 if one.agrees() == Some(false) => "words bad",
            4 if measured.several_ms > HANDOVER_MS => "number bad",
            0..=2 => "words",
            _ => "number",
        };
        let cell = tag("td").with("role", "cell").class(class).with("data-label", MOVES[at + 1]);
        match (at, one.agrees()) {
            (2, Some(true)) => {
                cell.child(tag("span").class("with-icon").child(icon(Verdict::Passed)).child(span(words)))
            }
            (2, Some(false)) => {
                cell.child(tag("span").class("with-icon").child(icon(Verdict::Failed)).child(span(words)))
            }
            _ => cell.child(span(words)),
        }
    }))
}

const ASSERTIONS: [&str; 4] = ["Assertion", "Result", "Expected", "Seen"];

fn assertions(scenario: &Scenario) -> Option<Tag> {
    let rows: Vec<Tag> = scenario.assertions.iter().map(assertion).collect();
    (!rows.is_empty()).then(|| table("assertions", "Assertions", &ASSERTIONS, rows))
}

fn assertion(one: &Assertion) -> Tag {
    let verdict = if one.passed { Verdict::Passed } else { Verdict::Failed };
    let word = if one.passed { "holds" } else { "fails" };
    let cell = |class: &str, at: usize| tag("td").with("role", "cell").class(class).with("data-label", ASSERTIONS[at]);
    let result = cell(&format!("result {}", verdict.as_str()), 1).child(icon(verdict)).child(tag("span").text(word));
    let seen = span(&one.seen);
    let seen = if one.why.is_empty() { seen } else { seen.child(tag("span").class("why").child(span(&one.why))) };
    let row = tag("tr").with("role", "row").class(verdict.as_str()).child(row_head(ASSERTIONS[0], &one.what));
    row.child(result).child(cell("words", 2).child(span(&one.expected))).child(cell("words", 3).child(seen))
}

fn row_head(label: &str, words: &str) -> Tag {
    tag("th").with("scope", "row").with("role", "rowheader").with("data-label", label).child(span(words))
}

/// A table that becomes a list of cards on a telephone, and stays a table for readers of screens.
fn table(class: &str, caption: &str, heads: &[&str], rows: Vec<Tag>) -> Tag {
    let heads = heads.iter().map(|head| tag("th").with("scope", "col").with("role", "columnheader").text(head));
    let head = tag("thead").with("role", "rowgroup").child(tag("tr").with("role", "row").children(heads));
    let body = tag("tbody").with("role", "rowgroup").children(rows);
    let table = tag("table").class(&format!("stack {class}")).with("role", "table");
    table.child(tag("caption").text(caption)).child(head).child(body)
}

/// Who answered, where that was counted.
fn answers(scenario: &Scenario) -> Option<Tag> {
    let counted = scenario.probes.iter().filter(|probe| !probe.answers.is_empty());
    let items: Vec<Tag> = counted.map(answered).collect();
    let summary = tag("summary").text("Who answered");
    (!items.is_empty()).then(|| tag("details").child(summary).child(tag("ul").class("plain answers").children(items)))
}

fn answered(probe: &Probe) -> Tag {
    let total: u64 = probe.answers.values().map(|count| u64::from(*count)).sum();
    let each = probe.answers.iter().map(|(name, count)| {
        let percent = (u64::from(*count) * 200 / total.max(1)).div_ceil(2);
        format!("{name} {} ({percent} %)", number(*count))
    });
    let each: Vec<String> = each.collect();
    tag("li").child(tag("strong").text(format!("{} → {}", probe.from, probe.to))).text(": ").text(each.join(", "))
}

fn remarks(scenario: &Scenario) -> Option<Tag> {
    let mut items: Vec<Tag> = Vec::new();
    if scenario.assertions.is_empty() {
        items.push(tag("li").child(icon(Verdict::Incomplete)).child(tag("span").text("Nothing was asserted.")));
    }
    items.extend(scenario.skipped.iter().map(|part| {
        let (class, word) =
            if part.required { ("tag required", "not tried, though required") } else { ("tag", "not tried") };
        let words = tag("span").child(tag("strong").text(&part.what)).text(format!(": {}", part.why));
        tag("li").child(tag("span").class(class).text(word)).child(words)
    }));
    items.extend(
        scenario
            .notes
            .iter()
            .map(|note| tag("li").child(tag("span").class("tag").text("note")).child(tag("span").text(note))),
    );
    (!items.is_empty()).then(|| tag("ul").class("plain remarks").children(items))
}

/// What the signs of a chart mean.
pub(super) fn legend() -> Tag {
    let sample = |shapes: Vec<Tag>, words: &str| {
        let svg =
            tag("svg").with("viewBox", "0 0 34 18").with("width", 34).with("height", 18).with("aria-hidden", "true");
        tag("li").child(svg.children(shapes)).child(span(words))
    };
    let rect = |class: &str, (x, y): (u32, u32), (width, height): (u32, u32)| {
        tag("rect").class(class).with("x", x).with("y", y).with("width", width).with("height", height)
    };
    let line = |class: &str, (x1, y1): (u32, u32), (x2, y2): (u32, u32)| {
        tag("line").class(class).with("x1", x1).with("y1", y1).with("x2", x2).with("y2", y2)
    };
    let symbol = |kind| {
        let place = tag("svg").class("place").with("x", 17).with("y", 9).with("overflow", "visible");
        vec![place.with("width", 1).with("height", 1).children(mark(kind, 1))]
    };
    let foretold = vec![
        line("whisker", (3, 9), (24, 9)),
        line("whisker", (3, 6), (3, 12)),
        rect("window", (9, 6), (8, 6)),
        line("foretold", (17, 9), (34, 9)),
    ];
    let items = [
        sample(vec![rect("track", (0, 1), (34, 16)), rect("held", (0, 1), (22, 16))], "holds the virtual address"),
        sample(vec![rect("band nobody", (1, 1), (32, 16))], "nobody holds it"),
        sample(vec![rect("held", (0, 1), (34, 16)), rect("band several", (1, 1), (32, 16))], "more than one holds it"),
        sample(vec![rect("band unseen", (1, 1), (32, 16))], "not seen"),
        sample(foretold, "predicted: when it begins (whiskers: what still agrees), and until when"),
        sample(
            vec![rect("answered", (0, 13), (17, 3)), rect("lost", (17, 3), (17, 13))],
            "connections answered, and lost",
        ),
        sample(symbol(EventKind::Fault), "something breaks"),
        sample(symbol(EventKind::Repair), "something is made whole"),
        sample(symbol(EventKind::Step), "something else is done"),
    ];
    tag("ul").class("plain legend").with("aria-label", "Signs of the charts").children(items)
}

/// The hatchings that all drawings use.
pub(super) fn patterns() -> Tag {
    let pattern = |id: &str, size: u32, lines: &str| {
        let own = tag("pattern").with("id", id).with("width", size).with("height", size);
        let own = own.with("patternUnits", "userSpaceOnUse");
        let ground = tag("rect").class("ground").with("width", size).with("height", size);
        own.child(ground).child(tag("path").class("hatch").with("d", lines))
    };
    let all = [
        pattern("hatch-nobody", 8, "M-2 2L2 -2M0 8L8 0M6 10L10 6"),
        pattern("hatch-several", 8, "M-2 2L2 -2M0 8L8 0M6 10L10 6M-2 6L2 10M0 0L8 8M6 -2L10 2"),
        pattern("hatch-unseen", 6, "M3 3h.6"),
        pattern("hatch-lost", 4, "M0 2h4"),
    ];
    let svg = tag("svg").class("patterns").with("aria-hidden", "true").with("width", 0).with("height", 0);
    svg.child(tag("defs").children(all))
}
