//! The same input gives the same bytes: other folder, threads, locale, time zone, umask, clock and order of files.

use crate::support::{bake, projects, repository, run, said};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every file below `root` with its mode and contents; folders with their mode.
fn tree(root: &Path) -> BTreeMap<String, (u32, Option<Vec<u8>>)> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(path) = open.pop() {
        let meta = path.symlink_metadata().unwrap();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if meta.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let contents = meta.is_file().then(|| fs::read(&path).unwrap());
        found.insert(name, (meta.permissions().mode(), contents));
    }
    found
}

fn files(root: &Path, path: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(path)).unwrap() {
        let name = format!("{path}/{}", entry.unwrap().file_name().to_str().unwrap());
        if root.join(&name).is_dir() { files(root, &name, found) } else { found.push(name) }
    }
}

/// Copies all projects file by file, in an order that depends on `seed`, so that a folder lists them in another one.
fn copy_shuffled(to: &Path, seed: u64) {
    let mut names = Vec::new();
    for folder in ["profiles", "butane", "secrets", "examples"] {
        files(repository(), folder, &mut names);
    }
    // A fixed scramble will do: what matters is that it differs from the alphabet.
    names.sort_by_key(|name| {
        name.bytes().fold(seed, |hash, byte| hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte))
    });
    for name in names {
        let target = to.join(&name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(repository().join(&name), &target).unwrap();
    }
}

/// A folder on another file system where there is one: on tmpfs, folders list files in the order of their creation.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

#[test]
fn builds_under_other_circumstances_are_the_same() {
    let ordinary = tempfile::tempdir().unwrap();
    let mut expected = BTreeMap::new();
    for (name, project) in projects() {
        let dist = ordinary.path().join(&name);
        let output = run(bake().current_dir(project).args(["build", "--jobs", "1", "--out"]).arg(&dist));
        assert!(output.status.success(), "{name}: {}", said(&output));
        let built = tree(&dist);
        assert!(built.len() > 20, "{name}: a build writes files: {:?}", built.keys());
        expected.insert(name, built);
    }

    // 2.1 s later: time stamps of two seconds' resolution would show.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    for (seed, umask, jobs) in [(1, "077", "2"), (2, "000", "7")] {
        let other = scratch();
        let copy: PathBuf = other.path().join("an other/place");
        copy_shuffled(&copy, seed);
        for (name, project) in projects() {
            let project = copy.join(project.strip_prefix(repository()).unwrap());
            let dist = other.path().join("somewhere").join(&name);
            let mut command = Command::new("sh");
            command.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]).arg(env!("CARGO_BIN_EXE_bake"));
            command.arg("-C").arg(&project).args(["build", "--jobs", jobs, "--out"]).arg(&dist);
            command.env_clear().env("LC_ALL", "tr_TR.UTF-8").env("LANG", "tr_TR.UTF-8").env("TZ", "Asia/Kathmandu");
            command.env("HOME", "/nonexistent").env("SOURCE_DATE_EPOCH", "1234567890").current_dir("/");
            let output = run(&mut command);
            assert!(output.status.success(), "{name}: {}", said(&output));
            let (got, expected) = (tree(&dist), &expected[&name]);
            assert_eq!(got.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{name}");
            for (file, content) in &got {
                assert!(content == &expected[file], "{name}: {file} differs (jobs {jobs}, umask {umask})");
            }
        }
    }
}

#[test]
fn one_node_alone_is_the_same_as_among_all() {
    let scratch = tempfile::tempdir().unwrap();
    let (all, one) = (scratch.path().join("all"), scratch.path().join("one"));
    assert!(run(bake().current_dir(repository()).args(["build", "--out"]).arg(&all)).status.success());
    let output = run(bake().current_dir(repository()).args(["build", "--node", "worker2", "--out"]).arg(&one));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(tree(&all.join("worker2")), tree(&one.join("worker2")));
}

#[test]
fn the_build_is_the_reviewed_one() {
    // The whole of `dist`, as reviewed; of images, which nobody can review, the manifest has the digest. BLESS=1 takes over what is built now; then look at the difference.
    let snapshot = repository().join("tests/snapshots/microcloud");
    let scratch = tempfile::tempdir().unwrap();
    let dist = scratch.path().join("dist");
    let output = run(bake().current_dir(repository()).args(["build", "--out"]).arg(&dist));
    assert!(output.status.success(), "{}", said(&output));
    for node in fs::read_dir(&dist).unwrap() {
        fs::remove_file(node.unwrap().path().join("seed.iso")).ok();
    }
    if std::env::var_os("BLESS").is_some() {
        if snapshot.exists() {
            fs::remove_dir_all(&snapshot).unwrap();
        }
        fs::create_dir_all(snapshot.parent().unwrap()).unwrap();
        assert!(run(Command::new("cp").arg("-r").arg(&dist).arg(&snapshot)).status.success());
    }
    let contents = |root: &Path| -> BTreeMap<String, Option<Vec<u8>>> {
        tree(root).into_iter().map(|(name, (_, bytes))| (name, bytes)).collect()
    };
    let (got, expected) = (contents(&dist), contents(&snapshot));
    assert_eq!(got.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "other files than reviewed");
    for (name, bytes) in &got {
        assert!(
            bytes == &expected[name],
            "{name} is not as reviewed; look at the difference after BLESS=1 cargo test reviewed"
        );
    }
}
