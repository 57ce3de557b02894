//! `docs/lab.md`: its table is made from the result of a real run, `docs/lab-result.json`, and its picture is a page about
//! one scenario of it. `BLESS=1` makes both anew.

use super::browser::{Picture, browser};
use crate::support::{repository, run, said};
use bake::lab::report::{self, Row};
use bake::lab::result::{Run, Verdict};
use std::fmt::Write as _;

const BEGIN: &str = "<!-- begin: table of lab-result.json, made by its test -->\n";
const END: &str = "<!-- end -->\n";
/// The scenario of the picture.
const SHOWN: &str = "node-gone";

/// The result that is kept beside the document.
fn documented() -> Run {
    let text = std::fs::read_to_string(repository().join("docs/lab-result.json")).unwrap();
    report::read(&text).unwrap()
}

fn seconds(ms: Option<u32>) -> String {
    ms.map_or_else(String::new, |ms| format!("{}.{} s", (ms + 50) / 1000, (ms + 50) % 1000 / 100))
}

fn line(row: &Row<'_>) -> String {
    let lost = row.lost.map_or_else(String::new, |(lost, sent)| format!("{lost} of {sent}"));
    let held = row.scenario.assertions.iter().filter(|one| one.passed).count();
    let what = match row.owners.as_str() {
        "" => format!("{} ({held} of {} hold)", row.what, row.scenario.assertions.len()),
        _ => row.what.clone(),
    };
    let verdict = row.verdict.filter(|verdict| *verdict != Verdict::Passed).map_or("", Verdict::as_str);
    let (without, several) = (seconds(row.without_ms), seconds(row.several_ms));
    let cells: [&str; 8] = [&what, &row.owners, &row.moved, &row.predicted, &without, &several, &lost, verdict];
    format!("| `{}` | {} |\n", row.scenario.name, cells.join(" | "))
}

fn table(run: &Run) -> String {
    let mut text = format!(
        "| scenario | what is done | owner at the end | moved after | predicted | nobody | two owners | lost | |\n{}|\n",
        "|---".repeat(9)
    );
    for row in report::rows(run) {
        text.push_str(&line(&row));
    }
    let held = run.assertions().filter(|one| one.passed).count();
    let _ = writeln!(
        text,
        "\n{} of {} assertions hold; up in {}, down in {}, {} altogether.",
        held,
        run.assertions().count(),
        seconds(Some(run.up_ms)),
        seconds(Some(run.down_ms)),
        seconds(Some(run.took_ms))
    );
    text
}

#[test]
fn the_table_is_that_of_the_result() {
    let path = repository().join("docs/lab.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).expect("the table begins");
    let (found, tail) = rest.split_once(END).expect("the table ends");
    let table = table(&documented());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
    } else {
        assert_eq!(found, table, "BLESS=1 accepts");
    }
}

/// Differences of means of squares of so many points are looked at, and may be so large.
const SQUARE: usize = 40;
const DIFFERENCE: u32 = 24;

#[test]
fn the_picture_is_that_of_the_result() {
    let mut shown = documented();
    shown.scenarios.retain(|scenario| scenario.name == SHOWN);
    assert_eq!(shown.scenarios.len(), 1, "no scenario is called {SHOWN}");
    let scratch = tempfile::tempdir().unwrap();
    let (page, file) = (scratch.path().join("page.html"), scratch.path().join("page.png"));
    std::fs::write(&page, report::page(&shown)).unwrap();
    let Some(mut browser) = browser(scratch.path(), false) else { return };
    browser.arg("--window-size=1280,3000").arg(format!("--screenshot={}", file.display()));
    let output = run(browser.arg(format!("file://{}", page.display())));
    assert!(file.is_file(), "{}", said(&output));
    let fresh = Picture::read(&file).trimmed();
    let path = repository().join("docs/lab-report.png");
    if std::env::var_os("BLESS").is_some() {
        fresh.write(&path);
    }
    let kept = Picture::read(&path);
    assert_eq!(kept.width, fresh.width);
    // Other fonts break lines elsewhere, and what stands below them moves a little.
    assert!(kept.height().abs_diff(fresh.height()) <= fresh.height() / 20, "{} rows of points", kept.height());
    let (kept, fresh) = (kept.squares(SQUARE), fresh.squares(SQUARE));
    let alike = kept.iter().zip(&fresh).filter(|(a, b)| a.abs_diff(**b) <= DIFFERENCE).count();
    assert!(alike * 100 >= kept.len().min(fresh.len()) * 90, "{alike} of {} squares are alike", kept.len());
}
