//! What [`Output`] promises, on a real file system.

#![allow(clippy::disallowed_methods)] // looks at what was written

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn build(folder: &Path, nodes: &[&str], kept: &[&str]) -> Result<(), Failure> {
    let output = Output::begin(folder)?;
    for node in nodes {
        output.write(node, "user-data", node.as_bytes(), true)?;
        output.write(node, "sub/meta-data", b"m", false)?;
    }
    for node in kept {
        output.keep(node)?;
    }
    output.finish(b"{}\n")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn files_get_their_modes_and_nothing_stays_beside() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("deep/dist");
    build(&dist, &["a"], &[]).unwrap();
    assert_eq!(names(dist.parent().unwrap()), ["dist"]);
    assert_eq!(names(&dist), ["a", "manifest.json"]);
    for (path, expected) in [
        ("", 0o755),
        ("a", 0o755),
        ("a/sub", 0o755),
        ("a/user-data", 0o600),
        ("a/sub/meta-data", 0o644),
        (MANIFEST, 0o644),
    ] {
        assert_eq!(mode(&dist.join(path)), expected, "{path}");
    }
}

#[test]
fn a_build_replaces_the_whole_output() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    build(&dist, &["a", "b"], &[]).unwrap();
    build(&dist, &["c"], &[]).unwrap();
    assert_eq!(names(&dist), ["c", "manifest.json"]);
    build(&dist, &["d"], &["c", "none"]).unwrap();
    assert_eq!(names(&dist), ["c", "d", "manifest.json"]);
    assert_eq!(fs::read(dist.join("c/user-data")).unwrap(), b"c");
    assert_eq!((mode(&dist.join("c/user-data")), mode(&dist.join("c/sub"))), (0o600, 0o755));
}

#[test]
fn a_build_that_is_given_up_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    build(&dist, &["a"], &[]).unwrap();
    let output = Output::begin(&dist).unwrap();
    assert_eq!(output.previous(), Some(&b"{}\n"[..]));
    output.write("b", "x", b"x", false).unwrap();
    drop(output);
    assert_eq!(names(&dist), ["a", "manifest.json"]);
    assert_eq!(names(folder.path()), ["dist"]);
}

#[test]
fn leftovers_of_killed_builds_go() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    fs::create_dir_all(folder.path().join(".dist.bake-new/x/y")).unwrap();
    fs::write(folder.path().join(".dist.bake-lock"), "").unwrap();
    build(&folder.path().join("other"), &["o"], &[]).unwrap();
    fs::rename(folder.path().join("other"), folder.path().join(".dist.bake-old")).unwrap();
    let output = Output::begin(&dist).unwrap();
    assert!(output.previous().is_some(), "the old output is back");
    drop(output);
    assert_eq!(names(folder.path()), ["dist"]);
    assert_eq!(names(&dist), ["manifest.json", "o"]);
}

#[test]
fn what_is_not_ours_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let precious = folder.path().join("precious");
    fs::create_dir(&precious).unwrap();
    build(&precious, &["a"], &[]).expect("an empty folder is fine");
    fs::remove_file(precious.join(MANIFEST)).unwrap();
    let refused = build(&precious, &["b"], &[]).unwrap_err();
    assert!(refused.message.contains("was not made by bake"), "{}", refused.message);
    fs::write(folder.path().join("file"), "").unwrap();
    assert!(build(&folder.path().join("file"), &[], &[]).unwrap_err().message.contains("is not a folder"));
    assert!(build(&folder.path().join("file/below"), &[], &[]).is_err());
    assert_eq!(names(folder.path()), ["file", "precious"]);
}

#[test]
fn a_link_is_followed_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink("real", &link).unwrap();
    build(&link, &["a"], &[]).unwrap();
    assert_eq!(names(&real), ["a", "manifest.json"]);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    std::os::unix::fs::symlink("gone", folder.path().join("dangling")).unwrap();
    assert!(build(&folder.path().join("dangling"), &[], &[]).is_err());
}

#[test]
fn without_exchange_two_renames_do() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    build(&dist, &["a"], &[]).unwrap();
    let mut output = Output::begin(&dist).unwrap();
    output.write("b", "x", b"x", false).unwrap();
    output.put(Path::new(MANIFEST), b"{}", PUBLIC).unwrap();
    output.rename_twice().unwrap();
    output.done = true;
    drop(output);
    assert_eq!(names(&dist), ["b", "manifest.json"]);
    assert_eq!(names(folder.path()), ["dist"]);
}

#[test]
fn an_empty_folder_is_written_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().to_owned();
    let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
    let output = Output::in_place(dist.clone(), &denied()).unwrap();
    output.write("a", "sub/x", b"x", false).unwrap();
    drop(output);
    assert!(names(&dist).is_empty(), "given up, nothing stays");
    let output = Output::in_place(dist.clone(), &denied()).unwrap();
    output.write("a", "x", b"x", false).unwrap();
    output.finish(b"{}").unwrap();
    assert_eq!(names(&dist), ["a", "manifest.json"]);
    assert!(Output::in_place(dist, &denied()).unwrap_err().message.contains("as a whole"));
}

#[test]
fn odd_names_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = Output::begin(&folder.path().join("dist")).unwrap();
    for (node, path) in [
        ("..", "x"),
        ("a/b", "x"),
        // A machine without a folder of its own: straight into the output.
        ("", "../x"),
        ("", ""),
        ("a", "../x"),
        ("a", "/x"),
        ("a", ""),
        ("a", "x/"),
        (MANIFEST, "x"),
        ("a", "\0"),
    ] {
        assert!(output.write(node, path, b"", false).is_err(), "{node} {path}");
    }
    assert!(output.keep("../x").is_err());
}

#[test]
fn two_builds_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    std::thread::scope(|scope| {
        for thread in ["a", "b", "c", "d"] {
            let dist = &dist;
            scope.spawn(move || {
                for _ in 0..25 {
                    build(dist, &[thread, &format!("{thread}2")], &[]).unwrap();
                }
            });
        }
    });
    let left = names(&dist);
    assert_eq!(left.len(), 3, "{left:?}");
    assert_eq!(left[1], format!("{}2", left[0]));
    assert_eq!(names(folder.path()), ["dist"]);
}
