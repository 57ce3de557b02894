//! A run as one page: no other file, no network, no script.
//!
//! The page is made for 400 pixels and for 1280, for dark and for light, for print and for readers of screens; colours say
//! nothing that a shape or a word does not say too.

mod chart;
mod markup;
mod overview;
mod scenario;
mod svg;
mod topology;

use super::text::conclusion;
use super::words::{holders, moment, seconds};
use super::{summary, words};
use crate::lab::result::{Run, Scenario, Verdict};
use markup::{Tag, tag};

/// Everything about how it looks.
const STYLE: &str = include_str!("page.css");

/// The run as an HTML page.
pub fn page(run: &Run) -> String {
    let title = format!("{}: lab {}", run.cluster, run.verdict().as_str());
    let main = tag("main");
    let main = main.child(header(run)).children(failures(run)).child(built(run)).child(overview::overview(run));
    let scenarios = run.scenarios.iter().enumerate().map(|(at, one)| scenario::section(run, at, one));
    let charts = tag("section").class("scenarios").with("aria-labelledby", "scenarios");
    let charts = charts.child(tag("h2").with("id", "scenarios").text("Scenarios")).child(scenario::legend());
    let main = if run.scenarios.is_empty() { main } else { main.child(charts.children(scenarios)) };
    let main = main.children(rest(run)).child(footer(run));
    let mut out = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>");
    let viewport = tag("meta").with("name", "viewport").with("content", "width=device-width, initial-scale=1");
    let schemes = tag("meta").with("name", "color-scheme").with("content", "light dark");
    for head in [tag("meta").with("charset", "utf-8"), viewport, schemes, tag("title").text(title)] {
        head.write(&mut out);
    }
    out.extend(["\n<style>\n", STYLE, "</style>\n</head>\n<body>"]);
    scenario::patterns().write(&mut out);
    main.write(&mut out);
    out.push_str("\n</body>\n</html>\n");
    out
}

/// Name, verdict, counts, and what was rehearsed.
fn header(run: &Run) -> Tag {
    let verdict = run.verdict();
    let badge = tag("p").class(&format!("verdict {}", verdict.as_str())).child(icon(verdict)).text(verdict.as_str());
    let name = tag("div").child(tag("p").class("eyebrow").text("bake lab test"));
    let name = name.child(tag("h1").text(&run.cluster));
    let top = tag("div").class("top").child(name).child(badge);
    let mut facts = vec![
        ("Level", run.level.as_str().to_owned()),
        ("Up in", moment(run.up_ms)),
        ("Down in", moment(run.down_ms)),
        ("Took", seconds(run.took_ms)),
    ];
    facts.push(("Machines", run.topology.nodes.len().to_string()));
    let fact = |(name, value): (&str, String)| tag("div").child(tag("dt").text(name)).child(tag("dd").text(value));
    let engines = run.engines.iter().map(|one| {
        let version = tag("dd").text(&one.version).text(" ").child(tag("span").class("muted").text(&one.source));
        tag("div").child(tag("dt").text(&one.name)).child(version)
    });
    let facts = tag("dl").class("facts").children(facts.into_iter().map(fact)).children(engines);
    tag("header").child(top).child(tag("p").class("conclusion").text(conclusion(run))).child(facts)
}

/// Links to everything that is not as it has to be, so that nobody looks for it.
fn failures(run: &Run) -> Option<Tag> {
    let mut items = Vec::new();
    for (at, one) in run.scenarios.iter().enumerate() {
        let mut wrong: Vec<String> =
            one.assertions.iter().filter(|one| !one.passed).map(|one| one.what.clone()).collect();
        let moves = one.vips.iter().flat_map(|watch| watch.moves.iter().map(move |one| (watch, one)));
        wrong.extend(moves.filter(|(_, it)| it.agrees() == Some(false)).map(|(watch, it)| {
            let predicted = it.predicted.as_ref().map(words::predicted).unwrap_or_default();
            let after = summary::event(one, it.since_ms);
            format!("{}: {}, though predicted: {predicted} ({after})", watch.vip, words::measured(&it.measured))
        }));
        if one.verdict() == Verdict::Incomplete {
            wrong.push("something was not tried".to_owned());
        }
        items.extend(wrong.into_iter().map(|words| {
            let link = tag("a").with("href", format!("#{}", anchor(at))).text(&one.title);
            tag("li").child(icon(one.verdict())).child(tag("span").child(link).text(": ").text(words))
        }));
    }
    let missing = run.skipped.iter().filter(|part| part.required);
    items.extend(missing.map(|part| {
        tag("li").child(icon(Verdict::Incomplete)).child(tag("span").text(format!("{}: {}", part.what, part.why)))
    }));
    if run.scenarios.is_empty() {
        items.push(tag("li").child(icon(Verdict::Incomplete)).child(tag("span").text("Nothing was tried.")));
    }
    let head = tag("h2").with("id", "failures").text("What is wrong");
    let section = tag("section").class("failures").with("aria-labelledby", "failures").child(head);
    (!items.is_empty()).then(|| section.child(tag("ul").class("plain").children(items)))
}

/// The drawing of what was built.
fn built(run: &Run) -> Tag {
    let section = tag("section").with("aria-labelledby", "built");
    let section = section.child(tag("h2").with("id", "built").text("What was built"));
    let vips = run.topology.vips.iter().map(|vip| {
        let ports: Vec<String> = vip.ports.iter().map(u16::to_string).collect();
        let ports = match ports.as_slice() {
            [] => String::new(),
            [one] => format!(", port {one}"),
            many => format!(", ports {}", many.join(", ")),
        };
        let words = format!(" {}{ports}: held by {} when everything worked", vip.address, holders(&vip.owners));
        tag("li")
            .child(tag("span").class("vip-mark").text("◆"))
            .child(tag("span").child(tag("strong").text(&vip.name)).text(words))
    });
    let key = tag("figcaption").child(tag("ul").class("plain vips").children(vips));
    let key = key.child(tag("p").class("muted").text("◆ holds the virtual address, ◇ may hold it."));
    let figure = tag("figure").class("panel").children(topology::topology(&run.topology)).child(key);
    section.child(figure)
}

/// What was not tried, and notes.
fn rest(run: &Run) -> Vec<Tag> {
    let mut sections = Vec::new();
    let skipped: Vec<Tag> = run
        .all_skipped()
        .map(|(scenario, part)| {
            let (class, word) = if part.required { ("tag required", "required") } else { ("tag", "optional") };
            let within = scenario.map_or_else(String::new, |scenario: &Scenario| format!("{}: ", scenario.title));
            let words = tag("span").text(within).child(tag("strong").text(&part.what)).text(format!(": {}", part.why));
            tag("li").child(tag("span").class(class).text(word)).child(words)
        })
        .collect();
    if !skipped.is_empty() {
        let section = tag("section").with("aria-labelledby", "skipped");
        let section = section.child(tag("h2").with("id", "skipped").text("Not tried"));
        sections.push(section.child(tag("ul").class("plain panel").children(skipped)));
    }
    if !run.notes.is_empty() {
        let section = tag("section").with("aria-labelledby", "notes");
        let section = section.child(tag("h2").with("id", "notes").text("Notes"));
        let notes = run.notes.iter().map(|note| tag("li").text(note));
        sections.push(section.child(tag("ul").class("panel notes").children(notes)));
    }
    sections
}

fn footer(run: &Run) -> Tag {
    let words = tag("p").text("Written by bake. Rehearsed: ").child(tag("code").text("dist/manifest.json"));
    tag("footer").child(words.text(" with SHA-256 ").child(tag("code").class("hash").text(&run.dist)).text("."))
}

/// Where a scenario stands on the page.
fn anchor(at: usize) -> String {
    format!("scenario-{}", at + 1)
}

/// Words in a table: columns are as wide as their longest word, unless a word is so long that it may be broken anywhere.
fn span(words: &str) -> Tag {
    let long = words.split_whitespace().any(|word| word.chars().count() > LONG);
    let span = tag("span").text(together(words));
    if long { span.class("long") } else { span }
}

/// Seconds stay on the line of their number.
fn together(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(at) = rest.find(" s") {
        let unit = rest[..at].ends_with(|c: char| c.is_ascii_digit());
        let ends = !rest[at + 2..].starts_with(char::is_alphanumeric);
        out.push_str(&rest[..at]);
        out.push_str(if unit && ends { "\u{A0}s" } else { " s" });
        rest = &rest[at + 2..];
    }
    out + rest
}

/// Characters of the longest word that a column makes room for.
const LONG: usize = 20;

/// A verdict as a shape; the word stands beside it.
fn icon(verdict: Verdict) -> Tag {
    let path = match verdict {
        Verdict::Passed => "M4.2 8.4l2.6 2.6 5-5.6",
        Verdict::Incomplete => "M8 4.4v4.2M8 11.3v.2",
        Verdict::Failed => "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6",
    };
    let shape = match verdict {
        Verdict::Passed => tag("circle").with("cx", 8).with("cy", 8).with("r", 7.5),
        Verdict::Incomplete => tag("path").with("d", "M8 .6L15.6 14.6H.4Z"),
        Verdict::Failed => tag("rect").with("x", 1).with("y", 1).with("width", 14).with("height", 14).with("rx", 3),
    };
    let svg = tag("svg").class(&format!("icon {}", verdict.as_str())).with("viewBox", "0 0 16 16");
    let svg = svg.with("width", 16).with("height", 16).with("aria-hidden", "true");
    svg.child(shape).child(tag("path").class("stroke").with("d", path))
}
