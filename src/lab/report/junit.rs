//! JUnit's XML, as continuous integration reads it: a suite for each scenario, a case for each assertion.
//!
//! Where it comes from: the schema of Jenkins' xUnit plugin, which GitLab, GitHub's reporters and Jenkins understand.
//! A part that was left out is an error where the run cannot pass without it, because a skipped case passes everywhere.

use super::words::{self, clean};
use crate::emit::xml;
use crate::lab::result::{Assertion, Move, Run, Scenario, Skipped, Watch};
use crate::model::xml::{Element, element};

/// The run as an XML document.
pub fn write(run: &Run) -> String {
    let mut suites: Vec<Suite> = run.scenarios.iter().map(scenario).collect();
    let mut whole: Vec<Case> = run.skipped.iter().map(|part| skipped("run", part)).collect();
    if run.scenarios.is_empty() {
        whole.push(error("run", "scenarios", "nothing was tried"));
    }
    if !whole.is_empty() {
        suites.push(Suite { name: "run".to_owned(), length_ms: 0, cases: whole });
    }
    let all = || suites.iter().flat_map(|suite| &suite.cases);
    let properties = element("properties").children(properties(run));
    let root = totals(element("testsuites").with("name", format!("bake lab: {}", one_line(&run.cluster))), all)
        .with("time", time(run.took_ms));
    let suites = suites.iter().map(|suite| {
        let own = element("testsuite").with("name", one_line(&suite.name));
        let own = totals(own, || suite.cases.iter()).with("time", time(suite.length_ms));
        own.child(properties.clone()).children(suite.cases.iter().map(|case| case.element.clone()))
    });
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", xml::text(&root.children(suites.collect::<Vec<_>>())))
}

struct Suite {
    name: String,
    length_ms: u32,
    cases: Vec<Case>,
}

struct Case {
    end: End,
    element: Element,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Passed,
    Failed,
    Error,
    Skipped,
}

fn scenario(scenario: &Scenario) -> Suite {
    let name = &scenario.name;
    let mut cases: Vec<Case> = scenario.assertions.iter().map(|one| assertion(name, one)).collect();
    for watch in &scenario.vips {
        cases.extend(watch.moves.iter().filter_map(|one| prediction(scenario, watch, one)));
    }
    cases.extend(scenario.skipped.iter().map(|part| skipped(name, part)));
    if scenario.assertions.is_empty() {
        cases.push(error(name, "assertions", "nothing was asserted"));
    }
    Suite { name: name.clone(), length_ms: scenario.length_ms, cases }
}

fn assertion(class: &str, one: &Assertion) -> Case {
    let body = (!one.passed).then(|| {
        let why = if one.why.is_empty() { String::new() } else { format!("; {}", one.why) };
        let text = format!("expected: {}; seen: {}{why}", one.expected, one.seen);
        failure(&format!("expected {}, seen {}", one.expected, one.seen)).text(one_line(&text))
    });
    case(class, &one.what, if one.passed { End::Passed } else { End::Failed }, body)
}

/// What was foretold of a VIP as a case of its own.
fn prediction(scenario: &Scenario, watch: &Watch, one: &Move) -> Option<Case> {
    let predicted = words::predicted(one.predicted.as_ref()?);
    let agrees = one.agrees()?;
    let name = format!("{} after {}: as predicted", watch.vip, super::summary::event(scenario, one.since_ms));
    let measured = words::measured(&one.measured);
    let body = (!agrees).then(|| failure(&format!("predicted: {predicted}; measured: {measured}")));
    Some(case(&scenario.name, &name, if agrees { End::Passed } else { End::Failed }, body))
}

fn skipped(class: &str, part: &Skipped) -> Case {
    if part.required {
        return error(class, &part.what, &format!("not tried, though required: {}", part.why));
    }
    case(class, &part.what, End::Skipped, Some(element("skipped").with("message", one_line(&part.why))))
}

fn error(class: &str, name: &str, message: &str) -> Case {
    let body = element("error").with("type", "incomplete").with("message", one_line(message));
    case(class, name, End::Error, Some(body))
}

fn failure(message: &str) -> Element {
    element("failure").with("type", "assertion").with("message", one_line(message))
}

fn case(class: &str, name: &str, end: End, body: Option<Element>) -> Case {
    let own = element("testcase").with("classname", format!("lab.{}", one_line(class))).with("name", one_line(name));
    Case { end, element: own.children(body) }
}

fn totals<'a, I: Iterator<Item = &'a Case>>(element: Element, cases: impl Fn() -> I) -> Element {
    let count = |end| cases().filter(|case| case.end == end).count();
    let element = element.with("tests", cases().count()).with("failures", count(End::Failed));
    element.with("errors", count(End::Error)).with("skipped", count(End::Skipped))
}

fn properties(run: &Run) -> Vec<Element> {
    let mut all = vec![("level".to_owned(), run.level.as_str().to_owned()), ("dist".to_owned(), run.dist.clone())];
    all.extend(run.engines.iter().map(|one| (one.name.clone(), format!("{} ({})", one.version, one.source))));
    let property = |(name, value): (String, String)| {
        element("property").with("name", one_line(&name)).with("value", one_line(&value))
    };
    all.into_iter().map(property).collect()
}

/// Seconds with three digits, as the schema has them.
fn time(ms: u32) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn one_line(text: &str) -> String {
    clean(text, false).into_owned()
}
