//! Clusters as their documents write them: every mistake is found, and nothing else.
//!
//! `tests/cases/asis/<name>.txt` changes the repository's own project, or the one of `=== from examples/<name>`: `=== edit
//! PATH` with lines `- old` and `+ new` (what is taken out together comes back together), `=== PATH` for a file of its own,
//! `=== gone PATH`. Paths are the project's; those of its library begin with `../../`. `<name>.expected` lists exactly what
//! is found, after comments; `BLESS=1` rewrites the list.
//!
//! `tests/cases/variations/<name>.txt` are the same with changes that are right: nothing is found. `=== from examples/none`
//! begins with nothing but the library.

use crate::support::repository;
use bake::world::memory::MemoryWorld;
use bake::{Plan, Request};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where the examples have their library.
const LIBRARY: &str = "../..";

/// The project in a folder of the repository, and that of the root as its library if it is another one, by path.
pub(crate) fn project(folder: &str) -> BTreeMap<String, String> {
    fn visit(root: &Path, folder: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(root, &path, prefix, found);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                found.insert(format!("{prefix}{}", path.strip_prefix(root).unwrap().to_str().unwrap()), text);
            }
        }
    }
    let mut found = BTreeMap::new();
    let roots = [(repository().join(folder), ""), (repository().to_path_buf(), "../../")];
    let whole = usize::from(folder.is_empty());
    for (root, prefix) in roots.iter().take(2 - whole) {
        for name in ["profiles", "butane", "secrets"] {
            visit(root, &root.join(name), prefix, &mut found);
        }
    }
    found
}

/// Applies the sections of a case.
fn change(files: &mut BTreeMap<String, String>, case: &str) {
    for section in case.split("\n=== ").skip(1) {
        let (head, body) = section.split_once('\n').unwrap_or((section, ""));
        if head.starts_with("from ") {
            continue;
        }
        if let Some(path) = head.strip_prefix("gone ") {
            files.remove(path).unwrap_or_else(|| panic!("there is no `{path}`"));
            continue;
        }
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
    let (mut world, mut library) = (MemoryWorld::new(), MemoryWorld::new());
    for (path, text) in files {
        match path.strip_prefix("../../") {
            Some(path) => library.file(path, text.as_str()),
            None => world.file(path.as_str(), text.as_str()),
        };
    }
    world.library_at(LIBRARY, library);
    bake::plan(&world, &Request { profiles: "profiles".to_owned(), nodes: Vec::new() })
}

/// What is found, one finding a line.
fn found(plan: &Plan) -> Vec<String> {
    let line = |found: &bake::diag::Diagnostic| {
        let file = found.span.map_or("-", |span| plan.sources.get(span.file).name());
        format!("{} {file}: {}", found.code.id(), found.message)
    };
    let mut lines: Vec<String> = plan.check(2).iter().map(line).collect();
    lines.sort();
    lines
}

/// The cases of a folder below `tests/cases`.
fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = repository().join("tests/cases").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    paths.sort();
    paths
}

/// What is found in the project that a case makes.
fn found_in(path: &Path) -> Vec<String> {
    let case = std::fs::read_to_string(path).unwrap();
    let base = case.lines().find_map(|line| line.strip_prefix("=== from ")).unwrap_or_default();
    let mut files = project(base);
    change(&mut files, &case);
    found(&plan(&files))
}

#[test]
fn variations_have_no_finding() {
    let cases = cases("variations");
    assert!(cases.len() >= 12);
    let found = |path: &PathBuf| Some((path.file_stem()?.to_str()?.to_owned(), found_in(path)));
    let wrong: Vec<_> = cases.iter().filter_map(found).filter(|(_, found)| !found.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn as_they_are_written() {
    let names = cases("asis");
    assert!(names.len() >= 6);
    let mut wrong = String::new();
    for path in names {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let found = found_in(&path);
        assert!(!found.is_empty(), "{name}");
        let expected = std::fs::read_to_string(path.with_extension("expected")).unwrap_or_default();
        let (notes, listed): (Vec<&str>, Vec<&str>) =
            expected.lines().filter(|line| !line.is_empty()).partition(|line| line.starts_with('#'));
        if std::env::var_os("BLESS").is_some() {
            let text: Vec<&str> = notes.into_iter().chain(found.iter().map(String::as_str)).collect();
            std::fs::write(path.with_extension("expected"), text.join("\n") + "\n").unwrap();
            continue;
        }
        for line in found.iter().filter(|line| !listed.contains(&line.as_str())) {
            let _ = writeln!(wrong, "{name}: not expected: {line}");
        }
        for line in listed.iter().filter(|line| !found.iter().any(|own| own == *line)) {
            let _ = writeln!(wrong, "{name}: not found: {line}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn corrected_clusters_have_no_finding() {
    let examples = std::fs::read_dir(repository().join("examples")).into_iter().flatten();
    let examples = examples.map(|entry| format!("examples/{}", entry.unwrap().file_name().to_str().unwrap()));
    for folder in std::iter::once(String::new()).chain(examples) {
        let found = found(&plan(&project(&folder)));
        assert!(found.is_empty(), "{folder}: {found:#?}");
    }
}
