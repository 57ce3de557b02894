//! The arrows of ARCHITECTURE.md, by reading the source: which room may name which, and the things that only one
//! file may do.

use crate::support::repository;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Which rooms the files of a room may name. `lib` stands for what `lib.rs` itself offers (`crate::plan`).
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    (
        "lib",
        &[
            "butane", "changes", "check", "cli", "compile", "diag", "diff", "emit", "explain", "init", "lab", "load",
            "lower", "model", "spec", "topology", "world",
        ],
    ),
    ("butane", &["diag", "emit", "lib", "load", "lower", "model", "spec", "world"]),
    ("changes", &["check", "diag", "diff", "emit", "lib", "load", "model", "topology", "world"]),
    ("check", &["diag", "model", "spec", "topology"]),
    ("cli", &["butane", "changes", "diag", "init", "lab", "lib", "model", "world"]),
    ("compile", &["butane", "check", "diag", "emit", "lib", "load", "lower", "model", "spec"]),
    ("diag", &[]),
    ("diff", &["model", "topology"]),
    ("emit", &["diag", "model"]),
    ("explain", &["butane", "check", "compile", "diag", "emit", "lib", "load", "model", "topology"]),
    ("init", &["lib", "world"]),
    ("lab", &["diag", "diff", "emit", "model"]),
    ("load", &["diag", "model", "spec", "world"]),
    ("lower", &["diag", "model", "spec"]),
    ("model", &["diag"]),
    ("spec", &["model"]),
    ("topology", &["diag", "model"]),
    ("world", &["model"]),
];

/// Where an arrow is narrower than a room: files below the first may name only these of the second.
const NARROW: &[(&str, &str, &[&str])] = &[
    ("model", "diag", &["Span", "Position", "Sources", "FileId", "suggest"]),
    ("spec", "model", &["path", "Path", "Step"]),
    ("topology", "diag", &["Span", "Sources"]),
    ("world", "model", &["scalar", "local", "path"]),
    ("cli", "model", &["artifact"]),
    ("lab", "diag", &["conceal", "suggest"]),
    ("lab", "emit", &["manifest", "summary", "xml"]),
    ("lab", "model", &["data", "glob", "profile", "summary", "xml"]),
];

/// Words that stand in one place only, with the files that may have them.
const ONLY: &[(&str, &[&str])] = &[
    ("serde_saphyr::", &["src/emit/cloud_config.rs"]),
    ("clap::", &["src/cli/args.rs"]),
    ("println!", &[]),
    ("print!", &[]),
    ("eprintln!", &[]),
    ("eprint!", &[]),
    ("dbg!", &[]),
    ("io::stdout", &["src/cli/show.rs", "src/cli/settings.rs", "src/lab/first.rs", "src/lab/inside.rs"]),
    ("io::stderr", &["src/cli/show.rs", "src/cli/settings.rs"]),
    ("process::exit", &[]),
    (".unwrap()", &[]),
    (".expect(\"", &[]),
    ("env::var", &["src/world/disk.rs", "src/cli/settings.rs"]),
    ("SystemTime", &[]),
    ("Instant::now", &["src/lab/", "src/cli/rehearse.rs"]),
    ("std::fs", &["src/world/", "src/lab/"]),
    ("process::Command", &["src/world/again.rs", "src/world/git.rs", "src/lab/", "src/cli/lab.rs"]),
];

/// Files are split before they are longer than this.
const LINES: usize = 600;

/// One line of code: without comment and outside of tests.
struct Line {
    file: String,
    number: usize,
    text: String,
}

/// All source files by their path in the repository.
fn sources() -> BTreeMap<String, String> {
    fn visit(folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(repository()).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    visit(&repository().join("src"), &mut found);
    assert!(found.len() > 40, "the source is somewhere else");
    found
}

/// Lines of code with everything taken out that may say anything: comments, tests, and files of tests.
fn code(sources: &BTreeMap<String, String>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (file, text) in sources {
        let stem = file.trim_end_matches(".rs");
        if stem.ends_with("tests") || stem.contains("tests/") {
            continue;
        }
        let mut depth: Option<i32> = None; // inside of a `#[cfg(test)]` item: open braces
        for (number, text) in (1..).zip(text.lines()) {
            let bare = text.split_once("//").filter(|(before, _)| before.matches('"').count() % 2 == 0);
            let text = bare.map_or(text, |(before, _)| before);
            if text.trim_start().starts_with("#[cfg(test)]") {
                depth = Some(0);
                continue;
            }
            if let Some(open) = &mut depth {
                let braces = |c| i32::try_from(text.matches(c).count()).unwrap();
                *open += braces('{') - braces('}');
                if *open <= 0 && (text.contains('}') || text.trim_end().ends_with(';')) {
                    depth = None;
                }
                continue;
            }
            lines.push(Line { file: file.clone(), number, text: text.to_owned() });
        }
    }
    lines
}

/// The room of a file: the folder below `src`, or the file's own name.
fn room(file: &str) -> &str {
    let below = file.trim_start_matches("src/");
    below.split('/').next().unwrap_or(below).trim_end_matches(".rs")
}

/// What is named after every `crate::` (and, in the root, after `use room::`): first and second word, a list of
/// either taken apart.
fn named(line: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, prefix) in line.match_indices("crate::") {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        for path in leaves(&line[at + prefix.len()..]) {
            let mut words = path.split("::").map(str::to_owned);
            let first = words.next().unwrap_or_default();
            found.push((first, words.next().unwrap_or_default()));
        }
    }
    found
}

/// The paths that `a::{b, c::{d, e}}` stands for.
fn leaves(text: &str) -> Vec<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (path, rest) = text.split_at(end);
    let Some(inner) = rest.strip_prefix('{').filter(|_| path.is_empty() || path.ends_with("::")) else {
        return vec![path.to_owned()];
    };
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                let leaf = inner[start..at].trim();
                found.extend(leaves(leaf).into_iter().map(|leaf| format!("{path}{leaf}")));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

/// Statements that run over several lines (`use crate::{`) as one line, with the number of the first.
fn joined(lines: &[Line]) -> Vec<Line> {
    let mut found: Vec<Line> = Vec::new();
    let mut open = false;
    for line in lines {
        if let Some(last) = found.last_mut().filter(|last| open && last.file == line.file) {
            last.text.push_str(line.text.trim());
        } else {
            open = false;
            found.push(Line { file: line.file.clone(), number: line.number, text: line.text.clone() });
        }
        let text = line.text.trim_start();
        let import = text.starts_with("use ") || text.starts_with("pub use ") || text.starts_with("pub(super) use ");
        open = (open || import) && !text.contains(';');
    }
    found
}

#[test]
fn rooms_name_only_the_rooms_they_may() {
    let sources = sources();
    let rooms: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = String::new();
    for line in joined(&code(&sources)) {
        let from = room(&line.file);
        let Some(allowed) = rooms.get(from) else {
            panic!("{}: a room without a row in ARROWS: `{from}`", line.file);
        };
        for (first, second) in named(&line.text) {
            let to = if rooms.contains_key(first.as_str()) { first.as_str() } else { "lib" };
            // A macro of the crate (`crate::record!`) belongs to everybody who may name its room.
            if to == from || (to == "lib" && line.text.contains(&format!("crate::{first}!"))) {
                continue;
            }
            let narrow = NARROW.iter().find(|(room, other, _)| *room == from && *other == to);
            let narrow = narrow.is_some_and(|(_, _, words)| !words.contains(&second.as_str()));
            if !allowed.contains(&to) || narrow {
                let _ = writeln!(wrong, "{}:{}: `{from}` may not name `{first}::{second}`", line.file, line.number);
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that ARCHITECTURE.md does not have:\n{wrong}");
}

#[test]
fn every_room_exists() {
    let sources = sources();
    for (name, _) in ARROWS {
        assert!(sources.keys().any(|file| room(file) == *name), "no room `{name}`: remove its row");
    }
}

#[test]
fn some_things_are_done_in_one_place_only() {
    let sources = sources();
    let mut wrong = String::new();
    for line in code(&sources) {
        for (word, allowed) in ONLY {
            // A word begins where it is written: `println!` is not an `ln!`, `eprintln!` is no `println!`.
            let stands = line.text.match_indices(word).any(|(at, _)| {
                let before = line.text[..at].chars().next_back();
                word.starts_with('.') || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            });
            if stands && !allowed.iter().any(|file| line.file.starts_with(file)) {
                let _ = writeln!(wrong, "{}:{}: `{word}` belongs elsewhere", line.file, line.number);
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn files_are_short() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|(_, text)| text.lines().count() > LINES)
        .map(|(file, text)| format!("{file}: {} lines", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "split: {long:#?}");
}

#[test]
fn this_test_reads_paths_right() {
    let pairs = |line: &str| -> Vec<String> { named(line).into_iter().map(|(a, b)| format!("{a}/{b}")).collect() };
    assert_eq!(pairs("use crate::diag::{Code, Diagnostic};"), ["diag/Code", "diag/Diagnostic"]);
    assert_eq!(pairs("use crate::{Plan, model::{Path, path::Step}};"), ["Plan/", "model/Path", "model/path"]);
    assert_eq!(pairs("let x = crate::plan(y, crate::lower::z());"), ["plan/", "lower/z"]);
    assert_eq!(pairs("pub(crate) fn x() { mycrate::y() }"), [""; 0]);
    let text = "a\n#[cfg(test)]\nmod tests {\n  b { }\n}\nc // d\n\"http://e\"\n#[cfg(test)]\nmod t;\nf\n";
    let lines = code(&BTreeMap::from([("src/x.rs".to_owned(), text.to_owned())]));
    let texts: Vec<&str> = lines.iter().map(|line| line.text.trim()).collect();
    assert_eq!(texts, ["a", "c", "\"http://e\"", "f"]);
}
