//! Pages as a browser shows them: nothing is wider than the page, nothing is cut off, everything can be read.
//!
//! Headless Chromium measures every case at 400 and at 1280 pixels, in light and in dark, by `tests/engines/page.js`. Pictures are
//! compared by what any version of a browser and of its fonts must have in common: size, brightness, the colours of the signs.

use super::{case, runs};
use crate::support::{engine, repository, run, said};
use bake::lab::report;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// What people have, and both sides of where the style changes.
const WIDTHS: &[u32] = &[320, 400, 640, 860, 861, 1021, 1280, 1920];

/// A browser that stays on this machine, in a profile of its own.
pub fn browser(scratch: &Path, dark: bool) -> Option<Command> {
    let mut command = Command::new(engine("chromium")?);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--hide-scrollbars",
    ]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.arg(format!("--user-data-dir={}", scratch.join(if dark { "dark" } else { "light" }).display()));
    command.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)));
    Some(command)
}

/// A page as the value of an attribute.
fn attribute(page: &str) -> String {
    page.replace('&', "&amp;").replace('"', "&quot;")
}

fn address(path: &Path) -> String {
    format!("file://{}", path.display())
}

#[test]
fn pages_fit_and_can_be_read() {
    let scratch = tempfile::tempdir().unwrap();
    let script = std::fs::read_to_string(repository().join("tests/engines/page.js")).unwrap();
    let pages: Vec<(String, String)> =
        runs().iter().map(|(name, run)| (name.clone(), attribute(&report::page(run)))).collect();
    // The dark changes colours and nothing else.
    for (dark, scheme, widths) in [(false, "light", WIDTHS), (true, "dark", &[400, 1280])] {
        let mut frames = String::new();
        for (name, page) in &pages {
            for width in widths {
                let style = format!("border:0;width:{width}px;height:9000px");
                let data = format!("data-name=\"{name}\" data-width=\"{width}\"");
                let _ = writeln!(frames, "<iframe {data} style=\"{style}\" srcdoc=\"{page}\"></iframe>");
            }
        }
        let path = scratch.path().join("all.html");
        let head = format!("<!DOCTYPE html><meta charset=utf-8><script>{script}</script>");
        std::fs::write(&path, format!("{head}<body>{frames}")).unwrap();
        let Some(mut browser) = browser(scratch.path(), dark) else { return };
        let output = run(browser.args(["--window-size=2000,9000", "--dump-dom"]).arg(address(&path)));
        let dom = String::from_utf8_lossy(&output.stdout);
        let result = dom.split("<pre>").nth(1).and_then(|rest| rest.split("</pre>").next());
        let result = result.unwrap_or_else(|| panic!("no result: {}", said(&output)));
        let result = result.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        let result: Value = serde_json::from_str(&result).unwrap();
        assert_eq!(result["scheme"], scheme);
        assert_eq!(result["frames"], pages.len() * widths.len());
        assert_eq!(result["wrong"], Value::Array(Vec::new()), "{scheme}: {:#}", result["wrong"]);
    }
}

/// A picture: width, height and the colours of its points.
pub struct Picture {
    pub width: usize,
    points: Vec<[u8; 3]>,
}

impl Picture {
    pub fn read(path: &Path) -> Self {
        let mut decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        let size = info.color_type.samples();
        assert!(size >= 3, "a picture in colours");
        let points = bytes[..info.buffer_size()].chunks(size).map(|point| [point[0], point[1], point[2]]).collect();
        Self { width: info.width as usize, points }
    }

    pub fn height(&self) -> usize {
        self.points.len() / self.width
    }

    /// Without the rows at the end that show nothing but the page.
    pub fn trimmed(mut self) -> Self {
        let ground = self.points[0];
        let last = self.points.iter().rposition(|point| *point != ground).unwrap_or(0);
        let rows = (last / self.width + 32).min(self.height());
        self.points.truncate(rows * self.width);
        self
    }

    /// Writes it as small as it goes: with the 256 commonest colours, others as the nearest of these.
    pub fn write(&self, path: &Path) {
        let mut counts: BTreeMap<[u8; 3], usize> = BTreeMap::new();
        self.points.iter().for_each(|point| *counts.entry(*point).or_default() += 1);
        let mut palette: Vec<[u8; 3]> = counts.keys().copied().collect();
        palette.sort_by_key(|point| (Reverse(counts[point]), *point));
        palette.truncate(256);
        let far =
            |a: &[u8; 3], b: &[u8; 3]| a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum::<u32>();
        let nearest = |point: &[u8; 3]| (0..palette.len()).min_by_key(|at| far(&palette[*at], point)).unwrap();
        let nearest: BTreeMap<_, _> =
            counts.keys().map(|point| (*point, u8::try_from(nearest(point)).unwrap())).collect();
        let indices: Vec<u8> = self.points.iter().map(|point| nearest[point]).collect();
        let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
        let size = |value: usize| u32::try_from(value).unwrap();
        let mut encoder = png::Encoder::new(file, size(self.width), size(self.height()));
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(palette.concat());
        encoder.set_compression(png::Compression::High);
        encoder.set_filter(png::Filter::NoFilter);
        encoder.write_header().unwrap().write_image_data(&indices).unwrap();
    }

    /// Mean brightness of each square of so many points, row by row.
    pub fn squares(&self, size: usize) -> Vec<u32> {
        let mut squares = Vec::new();
        for top in (0..self.height() / size).map(|row| row * size) {
            for left in (0..self.width / size).map(|column| column * size) {
                let rows = (top..top + size).flat_map(|y| &self.points[y * self.width + left..][..size]);
                let sum: u32 = rows.flatten().map(|part| u32::from(*part)).sum();
                squares.push(sum / u32::try_from(size * size * 3).unwrap());
            }
        }
        squares
    }

    /// Mean brightness, from 0 to 255.
    fn brightness(&self) -> u64 {
        let sum: u64 = self.points.iter().map(|[r, g, b]| (u64::from(*r) + u64::from(*g) + u64::from(*b)) / 3).sum();
        sum / self.points.len() as u64
    }

    /// How many points have a colour like this, whatever is mixed into it at edges and hatchings.
    fn count(&self, like: fn(i32, i32, i32) -> bool) -> usize {
        let like = |[r, g, b]: &&[u8; 3]| like(i32::from(*r), i32::from(*g), i32::from(*b));
        self.points.iter().filter(like).count()
    }
}

/// The colours of bars, of what is wrong, and of two owners at once.
const BLUE: fn(i32, i32, i32) -> bool = |r, g, b| b > r + 90 && b > g + 60 && g > r;
const RED: fn(i32, i32, i32) -> bool = |r, g, b| r > g + 60 && r > b + 60;
const PURPLE: fn(i32, i32, i32) -> bool = |r, g, b| b > g + 50 && r > g + 20 && b > r;

#[test]
fn pictures_show_what_happened() {
    let scratch = tempfile::tempdir().unwrap();
    let take = |name: &str, width: u32, dark: bool| {
        let page = scratch.path().join("page.html");
        std::fs::write(&page, report::page(&case(name))).unwrap();
        let file = scratch.path().join("page.png");
        let mut browser = browser(scratch.path(), dark)?;
        browser.arg(format!("--window-size={width},4000")).arg(format!("--screenshot={}", file.display()));
        let output = run(browser.arg(address(&page)));
        assert!(file.is_file(), "{}", said(&output));
        let picture = Picture::read(&file);
        assert_eq!((picture.width, picture.height()), (width as usize, 4000), "{name}");
        Some(picture)
    };
    let Some(wide) = take("pass", 1280, false) else { return };
    assert!(wide.brightness() > 225, "a light page: {}", wide.brightness());
    assert!(wide.count(BLUE) > 20_000, "bars: {}", wide.count(BLUE));
    assert!(wide.count(RED) > 3000, "gaps and lost connections: {}", wide.count(RED));
    // The legend has a sample.
    assert!(wide.count(PURPLE) < 2000, "never two owners: {}", wide.count(PURPLE));
    let Some(brain) = take("split-brain", 1280, false) else { return };
    assert!(brain.count(PURPLE) > 20_000, "two owners at once: {}", brain.count(PURPLE));
    let Some(narrow) = take("split-brain", 400, true) else { return };
    assert!(narrow.brightness() < 60, "a dark page: {}", narrow.brightness());
    assert!(narrow.count(PURPLE) > 5000, "two owners at once, in the dark: {}", narrow.count(PURPLE));
    // The edges of the page are empty: nothing sticks out.
    for (picture, name) in [(&wide, "wide"), (&narrow, "narrow")] {
        let ground = picture.points[0];
        let edges = (0..picture.height()).flat_map(|y| [y * picture.width, (y + 1) * picture.width - 1]);
        assert!(edges.into_iter().all(|at| picture.points[at] == ground), "{name}: something at the edge");
    }
}
