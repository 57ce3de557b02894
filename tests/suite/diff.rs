//! `bake diff`: cases on a small cluster, and the repository's own.
//!
//! A case is a folder `tests/cases/diff/<name>`: `change.txt` has sections, in the form of `tests/cases/profiles`, on top of
//! `base.project`, which itself is on top of `tests/cases/check/vip.project`. The base is built, `before.sh` runs, the change
//! is made, `prepare.sh` runs, and then `bake diff` with the words in `arguments`. What it says stands in `expected.txt`, with
//! the exit status in its first line, and in `expected.json`; `BLESS=1` rewrites both.

#[path = "diff/read.rs"]
mod read;

use crate::profiles::contents;
use crate::support::{bake, engine, repository, run, said};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    repository().join("tests/cases/diff")
}

fn text_of(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The project that the cases change, on disk.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        project.write(&[
            &text_of(&repository().join("tests/cases/check/vip.project")),
            &text_of(&folder().join("base.project")),
        ]);
        project
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, texts: &[&str]) {
        for (path, bytes) in contents(texts) {
            let path = self.root().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match bytes {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            if path.starts_with(self.root().join("secrets")) && path.exists() {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
    }

    /// Runs bake here: exit status, standard output and standard error.
    fn bake(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = run(bake().current_dir(self.root()).args(arguments).env("NO_COLOR", "1"));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    fn build(&self) {
        let (status, _, said) = self.bake(&["build"]);
        assert_eq!(status, 0, "{said}");
    }

    fn script(&self, path: &Path) {
        if path.exists() {
            let output = run(Command::new("sh").arg("-eu").arg(path).current_dir(self.root()));
            assert!(output.status.success(), "{}: {}", path.display(), said(&output));
        }
    }
}

/// The case's project, built and changed, and the words for `bake diff`.
fn prepared(case: &Path) -> (Project, Vec<String>) {
    let project = Project::new();
    project.build();
    project.script(&case.join("before.sh"));
    project.write(&[&text_of(&case.join("change.txt"))]);
    project.script(&case.join("prepare.sh"));
    let words = fs::read_to_string(case.join("arguments")).unwrap_or_default();
    (project, words.split_whitespace().map(str::to_owned).collect())
}

fn same(path: &Path, actual: &str, wrong: &mut String) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, actual).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected != actual {
        let _ = writeln!(wrong, "{}: expected\n{expected}\nbut got\n{actual}", path.display());
    }
}

/// Every value that is a secret in a case, before or after.
fn secrets(case: &Path) -> Vec<String> {
    let texts = [text_of(&folder().join("base.project")), text_of(&case.join("change.txt"))];
    let all = texts.iter().flat_map(|text| contents(&[text]));
    let values = all.filter(|(path, _)| path.starts_with("secrets/")).filter_map(|(_, bytes)| bytes);
    values.map(|bytes| String::from_utf8(bytes).unwrap().trim().to_owned()).collect()
}

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

#[test]
fn every_case_says_what_it_should() {
    if engine("git").is_none() {
        return;
    }
    let mut wrong = String::new();
    for case in cases() {
        let (project, words) = prepared(&case);
        let mut arguments = vec!["diff"];
        arguments.extend(words.iter().map(String::as_str));
        let (status, text, said) = project.bake(&arguments);
        same(&case.join("expected.txt"), &format!("exit status {status}\n{said}{text}"), &mut wrong);
        arguments.extend(["--format", "json"]);
        let (again, json, silent) = project.bake(&arguments);
        assert_eq!((again, silent.as_str()), (status, ""), "{}", case.display());
        same(&case.join("expected.json"), &json, &mut wrong);
        for secret in secrets(&case) {
            assert!(!format!("{text}{said}{json}").contains(&secret), "{} shows `{secret}`", case.display());
        }
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["diagnostics"].as_array().unwrap().is_empty(), status != 2, "{}", case.display());
        assert!(status == 2 || json["format"] == 1, "{}", case.display());
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Whatever is compared, none of it may be shown: not the old value, which only the output knows, nor the new one.
#[test]
fn no_secret_is_ever_shown() {
    let project = Project::new();
    project.build();
    let old = secrets(&folder().join("nothing"));
    let rotated =
        [("vrrp_password", "Zz9-pass"), ("token", "tok-\"quoted\"-new"), ("core", "$6$FAKEnew$FAKEnewFAKEnew")];
    for (name, value) in rotated {
        fs::write(project.root().join("secrets").join(name), value).unwrap();
    }
    let mut shown = String::new();
    for arguments in [
        &["diff"][..],
        &["diff", "--format", "json"],
        &["diff", "-q"],
        &["diff", "-v", "--color", "always"],
        &["diff", "dist", "dist"],
    ] {
        let (_, text, said) = project.bake(arguments);
        shown += &text;
        shown += &said;
    }
    // Also when nobody remembers which lines carry secrets, and the files are gone or new.
    let manifest = project.root().join("dist/manifest.json");
    let mut forgetful: Value = serde_json::from_str(&text_of(&manifest)).unwrap();
    for node in forgetful["nodes"].as_object_mut().unwrap().values_mut() {
        node.as_object_mut().unwrap().remove("secrets");
    }
    fs::write(&manifest, forgetful.to_string()).unwrap();
    let (status, text, said) = project.bake(&["diff"]);
    assert_eq!(status, 1, "{said}");
    assert!(text.contains("file /etc/keepalived/keepalived.conf: content changes, a secret"), "{text}");
    shown += &text;
    let quoted = rotated.map(|(_, value)| value.replace('"', "\\\""));
    for secret in
        old.iter().map(String::as_str).chain(rotated.map(|(_, value)| value)).chain(quoted.iter().map(String::as_str))
    {
        assert!(!shown.contains(secret), "`{secret}` is shown");
    }
}

#[test]
fn a_role_that_goes_takes_everything_with_it() {
    let case = folder().join("role-removed");
    let (project, _) = prepared(&case);
    let (_, json, _) = project.bake(&["diff", "--node", "worker2", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let changes = json["nodes"]["worker2"]["changes"].as_array().unwrap();
    let gone: BTreeSet<(&str, &str)> = changes
        .iter()
        .filter(|change| change["what"] == "removed")
        .map(|change| (change["topic"].as_str().unwrap(), change["name"].as_str().unwrap()))
        .collect();
    let expected = [
        ("file", "/etc/modules-load.d/bake.conf"),
        ("file", "/etc/rancher/k3s/config.yaml"),
        ("file", "/etc/sysctl.d/90-bake.conf"),
        ("module", "overlay"),
        ("sysctl", "net.ipv4.ip_forward"),
        ("unit", "k3s-agent.service"),
    ];
    assert_eq!(gone, BTreeSet::from(expected));
}

#[test]
fn an_output_is_the_same_as_itself_and_as_what_it_was_built_from() {
    let root = repository();
    let scratch = tempfile::tempdir().unwrap();
    let dist = scratch.path().join("dist");
    let output = run(bake().current_dir(root).args(["build", "--out"]).arg(&dist));
    assert!(output.status.success(), "{}", said(&output));
    for words in [vec![dist.as_os_str()], vec![dist.as_os_str(), dist.as_os_str()]] {
        let output = run(bake().current_dir(root).arg("diff").args(words));
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
}

#[test]
fn the_work_tree_stays_as_it_is() {
    if engine("git").is_none() {
        return;
    }
    let case = folder().join("git-revision");
    let (project, _) = prepared(&case);
    let state = || {
        // Without optional locks: asking for the status must not refresh the index itself.
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            run(git.args(["--no-optional-locks", "-C"]).arg(project.root()).args(arguments)).stdout
        };
        let index = fs::read(project.root().join(".git/index")).unwrap();
        let stamp = fs::metadata(project.root().join(".git/index")).unwrap().modified().unwrap();
        (git(&["status", "--porcelain=v2"]), git(&["stash", "list"]), git(&["for-each-ref"]), index, stamp)
    };
    let before = state();
    // Any name of a commit will do, and none that is an option or nothing at all.
    for (word, status) in [("HEAD", 1), ("HEAD^{tree}", 2), ("--all", 2), ("nowhere", 2), ("HEAD^0", 1)] {
        assert_eq!(project.bake(&["diff", "--", word]).0, status, "{word}");
    }
    assert_eq!(project.bake(&["diff", "HEAD", "HEAD"]).0, 0);
    assert!(before == state(), "bake diff changed the repository");
}

#[test]
fn colours_are_for_terminals() {
    let (project, _) = prepared(&folder().join("priority-change"));
    let output = |arguments: &[&str]| {
        let output = run(bake().current_dir(project.root()).args(arguments).env_remove("NO_COLOR"));
        String::from_utf8(output.stdout).unwrap()
    };
    let plain = output(&["diff"]);
    assert!(!plain.contains('\x1b'));
    let coloured = output(&["diff", "--color", "always"]);
    assert!(coloured.contains("\x1b[32m") && coloured.contains("\x1b[31m"), "{coloured}");
    let bare = coloured
        .split("\x1b[")
        .enumerate()
        .map(|(at, part)| if at == 0 { part } else { part.split_once('m').unwrap().1 });
    assert_eq!(bare.collect::<String>(), plain);
}

#[test]
fn the_document_is_true() {
    let document = text_of(&repository().join("docs/diff.md"));
    let example = document.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let (_, expected) = text_of(&folder().join("image-digest/expected.txt"))
        .split_once('\n')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    assert_eq!(example, expected, "the example is the case `image-digest`");
    // Every key and every word of the JSON of all cases is explained.
    let mut words = BTreeSet::new();
    for case in cases() {
        let json: Value = serde_json::from_str(&text_of(&case.join("expected.json"))).unwrap();
        if json["format"] == 1 {
            collect(&json, &mut words);
        }
    }
    let unknown: Vec<&String> = words.iter().filter(|word| !document.contains(&format!("`{word}`"))).collect();
    assert!(unknown.is_empty(), "docs/diff.md does not mention {unknown:?}");
}

/// Keys of objects, and the values that are words of the format.
fn collect(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Object(entries) => {
            for (key, value) in entries {
                words.insert(key.clone());
                match key.as_str() {
                    "topic" | "what" | "action" | "kind" | "verdict" => {
                        words.insert(value.as_str().unwrap().to_owned());
                    }
                    // Keyed by the names of nodes; its diagnostics are another document's.
                    "nodes" if value.is_object() => {
                        value.as_object().unwrap().values().for_each(|node| collect(node, words));
                    }
                    "diagnostics" => {}
                    _ => collect(value, words),
                }
            }
        }
        _ => {}
    }
}
