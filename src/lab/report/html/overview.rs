//! The table of all scenarios, each with a strip of who held the VIPs.

use super::chart::spans;
use super::markup::{Tag, tag};
use super::svg::{Scale, bar};
use super::{anchor, icon, span};
use crate::lab::report::summary::{self, Row};
use crate::lab::report::words::{self, number, seconds};
use crate::lab::result::{HANDOVER_MS, Run, Scenario, Verdict, Watch};

/// A strip's rows of pixels: a node's, and the gap between VIPs.
const NODE: u32 = 5;
const APART: u32 = 4;

const HEADS: [&str; 9] = [
    "Result",
    "Scenario",
    "Owners over time",
    "Owner at the end",
    "Moved after",
    "Predicted",
    "Nobody",
    "Two owners",
    "Lost",
];

/// The section with the table.
pub(super) fn overview(run: &Run) -> Tag {
    let heads = HEADS.iter().map(|head| tag("th").with("scope", "col").with("role", "columnheader").text(head));
    let head = tag("thead").with("role", "rowgroup").child(tag("tr").with("role", "row").children(heads));
    let body = tag("tbody").with("role", "rowgroup");
    let body = body.children(run.scenarios.iter().enumerate().flat_map(|(at, one)| rows(run, at, one)));
    let table = tag("table").class("stack overview").with("role", "table");
    let caption = tag("caption")
        .text("Connections are begun 100 times a second; times are the longest of all virtual addresses.");
    let section = tag("section").with("aria-labelledby", "overview");
    let section = section.child(tag("h2").with("id", "overview").text("Overview"));
    section.child(tag("div").class("panel").child(table.child(caption).child(head).child(body)))
}

fn rows(run: &Run, at: usize, scenario: &Scenario) -> Vec<Tag> {
    let all = summary::of(scenario);
    let several = all.len() > 1;
    let first = several.then(|| {
        let cells = [result(scenario.verdict()), named(at, scenario), strip(run, scenario)];
        let row = tag("tr").with("role", "row").class("group").children(cells);
        row.children((3..HEADS.len()).map(|column| cell(column, "")))
    });
    let each = all.iter().map(|row| {
        let lead = if several {
            let what = tag("th").with("scope", "row").with("role", "rowheader").class("step").child(span(&row.what));
            [row.verdict.map_or_else(|| cell(0, ""), result), what, cell(2, "")]
        } else {
            [result(scenario.verdict()), named(at, scenario), strip(run, scenario)]
        };
        let class = if several { "inner" } else { "group" };
        tag("tr").with("role", "row").class(class).children(lead).children(numbers(row))
    });
    first.into_iter().chain(each).collect()
}

fn numbers(row: &Row<'_>) -> Vec<Tag> {
    let lost = row.lost.map_or_else(String::new, |(lost, sent)| format!("{} of {}", number(lost), number(sent)));
    let time = |ms: Option<u32>| ms.map_or_else(String::new, seconds);
    let words = [
        row.owners.clone(),
        row.moved.clone(),
        row.predicted.clone(),
        time(row.without_ms),
        time(row.several_ms),
        lost,
    ];
    let bad = [false, false, false, false, row.several_ms.is_some_and(|ms| ms > HANDOVER_MS), false];
    let cells = (3..).zip(words).zip(bad).map(|((column, words), bad)| {
        let cell = cell(column, &words);
        if bad { cell.with("data-bad", "") } else { cell }
    });
    cells.collect()
}

/// A cell; on a telephone, the column's name stands before it.
fn cell(column: usize, words: &str) -> Tag {
    let class = match (column, words.is_empty()) {
        (_, true) => "empty",
        (0..=3, _) => "words",
        _ => "number",
    };
    let cell = tag("td").with("role", "cell").class(class).with("data-label", HEADS[column]);
    cell.child(span(words))
}

fn result(verdict: Verdict) -> Tag {
    let cell = tag("td").with("role", "cell").class(&format!("result {}", verdict.as_str()));
    cell.child(icon(verdict)).child(tag("span").text(verdict.as_str()))
}

fn named(at: usize, scenario: &Scenario) -> Tag {
    let link = tag("a").with("href", format!("#{}", anchor(at))).child(span(&scenario.title));
    let held = scenario.assertions.iter().filter(|one| one.passed).count();
    let held = match scenario.assertions.len() {
        0 => "nothing was asserted".to_owned(),
        all => format!("{held} of {} hold", words::count(all, "assertion")),
    };
    let cell = tag("th").with("scope", "row").with("role", "rowheader").child(link);
    cell.child(tag("span").class("count").text(held))
}

/// Who held the VIPs, in little: a row of pixels for each node that may, one VIP below the other.
fn strip(run: &Run, scenario: &Scenario) -> Tag {
    if scenario.vips.is_empty() || scenario.length_ms == 0 {
        return cell(2, "");
    }
    let scale = Scale::new(scenario.length_ms);
    let (mut y, mut shapes) = (0, Vec::new());
    for watch in &scenario.vips {
        let lanes = lanes(run, watch);
        let height = NODE * u32::try_from(lanes.len().max(1)).unwrap_or(1);
        shapes.push(bar("track", scale, (0, scenario.length_ms), y, height));
        for (since, until, held) in spans(&watch.held) {
            let rows = (0..).zip(&lanes).filter(|(_, lane)| held.owners.contains(lane));
            shapes.extend(rows.map(|(at, _)| bar("held", scale, (since, until), y + NODE * at, NODE)));
            match held.owners.len() {
                0 => shapes.push(bar("band nobody", scale, (since, until), y, height)),
                1 => {}
                _ => shapes.push(bar("band several", scale, (since, until), y, height)),
            }
        }
        y += height + APART;
    }
    let svg = tag("svg").class("strip").with("aria-hidden", "true").with("width", "100%");
    let svg = svg.with("height", y - APART).children(shapes);
    tag("td").with("role", "cell").class("strip-cell").child(svg)
}

fn lanes(run: &Run, watch: &Watch) -> Vec<String> {
    let vip = run.topology.vips.iter().find(|vip| vip.name == watch.vip);
    let mut lanes: Vec<String> = vip.map(|vip| vip.candidates.clone()).unwrap_or_default();
    for owner in watch.held.iter().flat_map(|held| &held.owners) {
        if !lanes.contains(owner) {
            lanes.push(owner.clone());
        }
    }
    lanes
}
