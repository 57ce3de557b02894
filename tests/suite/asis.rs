//! Clusters as their documents write them: every mistake is found, and nothing else.
//!
//! `tests/cases/asis/<name>.txt` changes the repository's own project: `=== edit PATH` with lines `- old` and `+ new`
//! (what is taken out together comes back together), `=== PATH` for a file of its own. `<name>.expected` lists what must be found.

use crate::support::repository;
use bake::world::memory::MemoryWorld;
use bake::{Plan, Request};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// The repository's project, by path.
fn project() -> BTreeMap<String, String> {
    fn visit(folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                found.insert(path.strip_prefix(repository()).unwrap().to_str().unwrap().to_owned(), text);
            }
        }
    }
    let mut found = BTreeMap::new();
    for folder in ["profiles", "butane", "secrets"] {
        visit(&repository().join(folder), &mut found);
    }
    found
}

/// Applies the sections of a case.
fn change(files: &mut BTreeMap<String, String>, case: &str) {
    for section in case.split("\n=== ").skip(1) {
        let (head, body) = section.split_once('\n').unwrap();
        let Some(path) = head.strip_prefix("edit ") else {
            files.insert(head.to_owned(), format!("{}\n", body.trim_end()));
            continue;
        };
        let text = files.get_mut(path).unwrap_or_else(|| panic!("there is no `{path}`"));
        let mut out = String::new();
        let mut rest = text.as_str();
        let mut lines = body.lines().filter(|line| !line.is_empty()).peekable();
        while let Some(line) = lines.next() {
            let old = format!("{}\n", line.strip_prefix("- ").unwrap_or_else(|| panic!("{path}: `{line}`")));
            let at = find(rest, &old).unwrap_or_else(|| panic!("{path} has no `{old}` after that"));
            out.push_str(&rest[..at]);
            rest = &rest[at + rest[at..].find('\n').unwrap() + 1..];
            while let Some(new) = lines.peek().and_then(|line| line.strip_prefix('+')) {
                out.push_str(new.strip_prefix(' ').unwrap_or(new));
                out.push('\n');
                lines.next();
            }
        }
        out.push_str(rest);
        *text = out;
    }
}

/// Where a line begins that is `line`, a comment at its end aside.
fn find(text: &str, line: &str) -> Option<usize> {
    let mut at = 0;
    for own in text.split_inclusive('\n') {
        let bare = own.split("  #").next().unwrap_or(own).trim_end();
        if own == line || bare == line.trim_end() {
            return Some(at);
        }
        at += own.len();
    }
    None
}

fn plan(files: &BTreeMap<String, String>) -> Plan {
    let mut world = MemoryWorld::new();
    for (path, text) in files {
        world.file(path.as_str(), text.as_str());
    }
    bake::plan(&world, &Request { profiles: "profiles".to_owned(), nodes: Vec::new() })
}

#[test]
fn as_they_are_written() {
    let folder = repository().join("tests/cases/asis");
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    names.sort();
    assert!(names.len() >= 2);
    let mut wrong = String::new();
    for path in names {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let mut files = project();
        change(&mut files, &std::fs::read_to_string(&path).unwrap());
        let plan = plan(&files);
        let expected = std::fs::read_to_string(path.with_extension("expected")).unwrap();
        let expected: Vec<&str> = expected.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        let mut met = vec![false; expected.len()];
        for found in plan.check(2) {
            let file = found.span.map_or("-", |span| plan.sources.get(span.file).name());
            let line = format!("{} {file}: {}", found.code.id(), found.message);
            let fits = |expected: &&str| match expected.strip_prefix("? ") {
                Some(topic) => found.code.id().starts_with(topic),
                None => {
                    expected.split_once(": ").is_some_and(|(head, part)| line.starts_with(head) && line.contains(part))
                }
            };
            let hits: Vec<usize> = (0..expected.len()).filter(|at| fits(&expected[*at])).collect();
            if hits.is_empty() {
                let _ = writeln!(wrong, "{name}: not expected: {line}");
            }
            for at in hits {
                met[at] = true;
            }
        }
        for (line, _) in expected.iter().zip(met).filter(|(line, met)| !met && !line.starts_with("? ")) {
            let _ = writeln!(wrong, "{name}: not found: {line}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_corrected_cluster_has_no_finding() {
    let plan = plan(&project());
    let found: Vec<String> =
        plan.check(2).iter().map(|found| format!("{}: {}", found.code.id(), found.message)).collect();
    assert!(found.is_empty(), "{found:#?}");
}
