//! The picture in `docs/lab.md`: a page about one scenario, from the case `pass`. `BLESS=1` takes it anew.

use super::browser::{Picture, browser};
use super::case;
use crate::support::{repository, run, said};
use bake::lab::report;

/// The scenario of the picture.
const SHOWN: &str = "node-gone";

/// Differences of means of squares of so many points are looked at, and may be so large.
const SQUARE: usize = 40;
const DIFFERENCE: u32 = 24;

#[test]
fn the_picture_is_that_of_the_result() {
    let mut shown = case("pass");
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
