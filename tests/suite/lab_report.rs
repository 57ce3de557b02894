//! Reports of the lab: `tests/cases/lab-report/*.json` are results made by hand, one for each thing that can go wrong with
//! telling them; `tests/snapshots/lab-report/` is how each is told (`BLESS=1` rewrites that).

#[path = "lab_report/browser.rs"]
mod browser;
#[path = "lab_report/documented.rs"]
mod documented;

use crate::support::{bake, python, repository, run, said};
use bake::lab::report;
use bake::lab::result::{Run, Verdict, during, moved};
use serde_json::Value;
use std::fmt::Write as _;
use std::process::Command;

/// Every case with its name, sorted.
fn cases() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(repository().join("tests/cases/lab-report")).unwrap();
    let mut cases: Vec<(String, String)> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    cases.sort();
    assert!(cases.len() >= 8, "the cases are somewhere else");
    cases
}

/// Every case as a run.
fn runs() -> Vec<(String, Run)> {
    cases()
        .into_iter()
        .map(|(name, text)| (name.clone(), report::read(&text).unwrap_or_else(|e| panic!("{name}: {e}"))))
        .collect()
}

fn case(name: &str) -> Run {
    runs().into_iter().find(|(own, _)| own == name).unwrap().1
}

#[test]
fn every_case_is_told_as_recorded() {
    let bless = std::env::var_os("BLESS").is_some();
    let folder = repository().join("tests/snapshots/lab-report");
    let mut wrong = Vec::new();
    let mut expected = Vec::new();
    for (name, run) in runs() {
        for (end, text) in [
            ("txt", report::text(&run, 120, false)),
            ("narrow.txt", report::text(&run, 60, false)),
            ("xml", report::junit(&run)),
            ("html", report::page(&run)),
        ] {
            let file = format!("{name}.{end}");
            let path = folder.join(&file);
            if bless {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &text).unwrap();
            } else if std::fs::read_to_string(&path).unwrap_or_default() != text {
                wrong.push(file.clone());
            }
            expected.push(file);
        }
    }
    assert!(wrong.is_empty(), "not as recorded: {wrong:?}; look at the difference after BLESS=1 cargo test lab_report");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(expected.contains(&name), "no case has the record `{name}`");
    }
}

#[test]
fn json_is_the_data_and_the_verdicts() {
    for (name, text) in cases() {
        let run = report::read(&text).unwrap();
        let written = report::json(&run);
        assert_eq!(report::read(&written).unwrap(), run, "{name}");
        // Without the verdicts, it is the case to the last key: none is forgotten, none is misspelt in a case.
        let mut value: Value = serde_json::from_str(&written).unwrap();
        let own = value.as_object_mut().unwrap().remove("verdict");
        assert_eq!(own, Some(run.verdict().as_str().into()), "{name}");
        for scenario in value["scenarios"].as_array_mut().unwrap() {
            assert!(scenario.as_object_mut().unwrap().remove("verdict").is_some(), "{name}");
        }
        assert_eq!(value, serde_json::from_str::<Value>(&text).unwrap(), "{name}");
    }
}

#[test]
fn what_is_no_result_is_refused_in_words() {
    for (text, words) in [
        ("", "EOF"),
        ("{}", "no `version`"),
        ("[1]", "no `version`"),
        (r#"{"version": 2}"#, "version 2 of a lab's result; this bake reads version 1"),
        (r#"{"version": 1}"#, "missing field"),
    ] {
        let error = report::read(text).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn a_run_passes_only_when_everything_required_was_tried_and_holds() {
    let verdicts: Vec<(String, &str)> = runs().into_iter().map(|(name, run)| (name, run.verdict().as_str())).collect();
    let verdicts: Vec<(&str, &str)> = verdicts.iter().map(|(name, verdict)| (name.as_str(), *verdict)).collect();
    assert_eq!(
        verdicts,
        [
            ("empty", "incomplete"),
            ("fail", "failed"),
            ("names", "passed"),
            ("odd", "failed"),
            ("pass", "passed"),
            ("skipped", "incomplete"),
            ("split-brain", "failed"),
            ("three", "failed"),
        ]
    );
    let good = case("pass");
    let mut none = good.clone();
    none.scenarios.clear();
    assert_eq!(none.verdict(), Verdict::Incomplete, "nothing was tried");
    let mut silent = good.clone();
    silent.scenarios[0].assertions.clear();
    assert_eq!(silent.verdict(), Verdict::Incomplete, "a scenario asserts nothing");
    let mut missed = good.clone();
    missed.scenarios[3].vips[0].moves[0].measured.owners = vec!["loadbalancer1".to_owned()];
    assert_eq!(missed.verdict(), Verdict::Failed, "another owner than foretold");
    let mut late = good;
    late.scenarios[3].vips[0].moves[0].measured.moved_ms = Some(3609 + 1501);
    assert_eq!(late.verdict(), Verdict::Failed, "later than foretold");
}

#[test]
fn measurements_of_the_cases_agree_with_their_samples() {
    let mut seen = 0;
    for (name, run) in runs() {
        for scenario in &run.scenarios {
            for watch in &scenario.vips {
                for (at, one) in watch.moves.iter().enumerate() {
                    let until = watch.moves.get(at + 1).map_or(scenario.length_ms, |next| next.since_ms);
                    let during =
                        |matches: &dyn Fn(&[String]) -> bool| during(&watch.held, one.since_ms, until, matches);
                    assert_eq!(
                        during(&|owners| owners.is_empty()),
                        one.measured.without_ms,
                        "{name}/{}",
                        scenario.name
                    );
                    assert_eq!(during(&|owners| owners.len() > 1), one.measured.several_ms, "{name}/{}", scenario.name);
                    let (owners, after) = moved(&watch.held, one.since_ms, until);
                    assert_eq!(
                        (owners, after),
                        (one.measured.owners.clone(), one.measured.moved_ms),
                        "{name}/{}",
                        scenario.name
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 20);
}

#[test]
fn text_keeps_within_the_terminal() {
    for (name, run) in runs() {
        for width in [40, 60, 80, 96, 100, 120, 140, 200] {
            let text = report::text(&run, width, false);
            let limit = width.min(140);
            for line in text.lines() {
                assert!(line.chars().count() <= limit, "{name} at {width}: {line:?}");
                assert_eq!(line, line.trim_end(), "{name} at {width}");
            }
            assert!(!text.contains('\x1b'), "{name}: escape sequences without a terminal");
            let coloured = report::text(&run, width, true);
            let mut plain = coloured.clone();
            for code in ["\x1b[32m", "\x1b[1;33m", "\x1b[1;31m", "\x1b[0m"] {
                plain = plain.replace(code, "");
            }
            assert_eq!(plain, text, "{name} at {width}: colours change nothing else");
        }
        let last = report::text(&run, 100, false);
        let last = last.lines().rfind(|line| !line.starts_with(' ')).unwrap_or_default();
        assert!(last.starts_with(run.verdict().as_str()), "{name}: the verdict is the last word: {last}");
    }
}

/// What a page must not have: programs, other files, and characters that do something.
#[test]
fn pages_need_nothing_and_run_nothing() {
    for (name, run) in runs() {
        let page = report::page(&run);
        assert_eq!(page, report::page(&run), "{name}");
        let lower = page.to_lowercase();
        for word in ["<script", "src=", "javascript:", "@import", "url(h", "<link", "<img", "<iframe", "onload="] {
            // What an odd name says stands there as text.
            let inside = lower.match_indices(word).filter(|(at, _)| !lower[..*at].ends_with("&lt;img ")).count();
            assert_eq!(inside, 0, "{name}: {word}");
        }
        for text in [&page, &report::junit(&run)] {
            let odd = text
                .chars()
                .find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202E}' | '\u{FEFF}' | '\u{FFFE}'));
            assert_eq!(odd, None, "{name}");
        }
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id), "{name}: two elements with the id {id}");
        }
        for marker in ["href=\"#", "aria-labelledby=\"", "url(#"] {
            let named = page.split(marker).skip(1).filter_map(|rest| rest.split(['"', ')']).next());
            for id in named.flat_map(str::split_whitespace) {
                assert!(ids.contains(&id), "{name}: nothing has the id {id}");
            }
        }
        let (tables, heads) = (page.matches("<table").count(), page.matches("<thead").count());
        assert!(tables == heads && page.matches("<th ").count() == page.matches("scope=\"").count(), "{name}");
        let (drawings, titled) = (page.matches("role=\"img\"").count(), page.matches("<desc ").count());
        assert!(drawings == titled && drawings >= 2, "{name}: {drawings} drawings, {titled} described");
    }
}

/// Pages are XML on purpose, so that a strict parser finds what is not closed or escaped.
#[test]
fn pages_and_junit_are_well_formed() {
    let Some(python) = python() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new(python);
    command.args(["-c", "import sys, xml.dom.minidom as d\nfor f in sys.argv[1:]: d.parse(f)"]);
    for (name, run) in runs() {
        for (end, text) in [("html", report::page(&run)), ("xml", report::junit(&run))] {
            let path = scratch.path().join(format!("{name}.{end}"));
            std::fs::write(&path, text).unwrap();
            command.arg(path);
        }
    }
    let output = run(&mut command);
    assert!(output.status.success(), "{}", said(&output));
}

/// The counts of JUnit's suites are those of their cases, and nothing that is not a pass is told as one.
#[test]
fn junit_counts() {
    for (name, run) in runs() {
        let text = report::junit(&run);
        let count = |word: &str| text.matches(word).count();
        let head = text.lines().nth(1).unwrap();
        let (failures, errors) = (count("<failure"), count("<error"));
        let mut expected = String::new();
        let _ = write!(expected, "tests='{}' failures='{failures}' errors='{errors}'", count("<testcase"));
        let _ = write!(expected, " skipped='{}'", count("<skipped"));
        assert!(head.contains(&expected), "{name}: {head}: {expected}");
        assert_eq!(failures + errors == 0, run.verdict() == Verdict::Passed, "{name}");
        assert_eq!(failures > 0, run.verdict() == Verdict::Failed, "{name}");
    }
}

/// `bake lab report`: a result told once more, as `bake lab test` tells it.
#[test]
fn results_are_told_once_more() {
    let folder = repository().join("tests/cases/lab-report");
    let scratch = tempfile::tempdir().unwrap();
    let page = scratch.path().join("page.html");
    for (name, status) in [("pass", 0), ("fail", 1), ("skipped", 2)] {
        let own = case(name);
        for (format, text) in
            [("text", report::text(&own, 100, false)), ("json", report::json(&own)), ("junit", report::junit(&own))]
        {
            let path = folder.join(format!("{name}.json"));
            let output = run(bake().args(["lab", "report", "--format", format, "--report"]).arg(&page).arg(path));
            assert_eq!(output.status.code(), Some(status), "{}", said(&output));
            assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{name}");
        }
        assert_eq!(std::fs::read_to_string(&page).unwrap(), report::page(&own), "{name}");
    }
    let odd = scratch.path().join("odd.json");
    std::fs::write(&odd, "{\"version\": 7}").unwrap();
    for (path, words) in [(odd, "version 7 of a lab's result"), (scratch.path().join("none.json"), "cannot read `")] {
        let output = run(bake().args(["lab", "report"]).arg(path));
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(words), "{}", said(&output));
    }
    let nowhere = scratch.path().join("no/page.html");
    let output = run(bake().args(["lab", "report", "--report"]).arg(nowhere).arg(folder.join("pass.json")));
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("cannot write `"), "{}", said(&output));
}

/// Whatever numbers a result has, it is told.
#[test]
fn no_number_is_too_large() {
    fn set(value: &mut Value, number: u32) {
        match value {
            Value::Number(_) => *value = number.into(),
            Value::Array(list) => list.iter_mut().for_each(|item| set(item, number)),
            Value::Object(fields) => {
                let numbers = fields.iter_mut().filter(|(key, _)| *key != "version" && *key != "ports");
                numbers.for_each(|(_, item)| set(item, number));
            }
            _ => {}
        }
    }
    for (name, text) in cases() {
        for number in [0, 1, u32::MAX] {
            let mut value: Value = serde_json::from_str(&text).unwrap();
            set(&mut value, number);
            let run = report::read(&value.to_string()).unwrap_or_else(|e| panic!("{name}: {e}"));
            for text in [report::text(&run, 80, true), report::page(&run), report::junit(&run), report::json(&run)] {
                assert!(!text.is_empty());
            }
        }
    }
}
