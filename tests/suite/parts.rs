//! Builds for somebody who divides the work and keeps the secrets: some nodes, one alone, without a secret.

use crate::support::{bake, repository, run, said};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Builds the repository's cluster into `out` with further arguments and nothing in the environment.
fn build(out: &Path, more: &[&str]) -> String {
    let output = run(bake().env_clear().current_dir(repository()).args(["build", "--out"]).arg(out).args(more));
    assert!(output.status.success(), "{more:?}: {}", said(&output));
    said(&output)
}

fn refused(out: &Path, more: &[&str]) -> String {
    let output = run(bake().current_dir(repository()).args(["build", "--out"]).arg(out).args(more));
    assert_eq!(output.status.code(), Some(1), "{more:?}: {}", said(&output));
    said(&output)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for name in names(folder) {
        let path = folder.join(name);
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn a_flat_build_is_the_node_and_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let (all, one) = (scratch.path().join("all"), scratch.path().join("deep/one"));
    build(&all, &[]);
    build(&one, &["--flat", "--node", "worker1"]);
    assert_eq!(names(&one), ["config.ign"]);
    assert_eq!(fs::read(one.join("config.ign")).unwrap(), fs::read(all.join("worker1/config.ign")).unwrap());
    assert_eq!(names(one.parent().unwrap()), ["one"]);
    // An empty folder is as good as none; one that holds something is not ours to replace.
    let empty = scratch.path().join("empty");
    fs::create_dir(&empty).unwrap();
    build(&empty, &["--flat", "--node", "worker1"]);
    assert!(refused(&one, &["--flat", "--node", "worker2"]).contains("was not made by bake"));
    assert!(refused(&all, &["--flat", "--node", "worker2"]).contains("which a flat one does not replace"));
    let said = refused(&scratch.path().join("none"), &["--flat", "--node", "worker*"]);
    assert!(said.contains("`--flat` writes one node, and 3 are selected"), "{said}");
    assert!(!scratch.path().join("none").exists());
}

#[test]
fn nodes_come_from_a_file() {
    let scratch = tempfile::tempdir().unwrap();
    let (list, out) = (scratch.path().join("list"), scratch.path().join("out"));
    let argument = list.to_str().unwrap();
    fs::write(&list, "worker1\r\n\n  storage* \n").unwrap();
    build(&out, &["--nodes-file", argument, "--node", "worker2"]);
    let built: Vec<String> = names(&out).into_iter().filter(|name| out.join(name).is_dir()).collect();
    assert_eq!(built, ["storage1", "worker1", "worker2"]);
    // No name is no node: a part of a fleet may be empty.
    fs::write(&list, "").unwrap();
    let none = scratch.path().join("none");
    build(&none, &["--nodes-file", argument]);
    assert!(none.join("manifest.json").exists() && !names(&none).iter().any(|name| none.join(name).is_dir()));
    fs::write(&list, "worker9\n").unwrap();
    assert!(refused(&out, &["--nodes-file", argument]).contains("no node is called `worker9`"));
    fs::write(&list, b"\xff\n").unwrap();
    assert!(refused(&out, &["--nodes-file", argument]).contains("is not valid UTF-8"));
    assert!(refused(&out, &["--nodes-file", "/none/of/it"]).contains("cannot read `/none/of/it`"));
}

#[test]
fn secrets_that_are_omitted_are_not_read_and_leave_marked_gaps() {
    let scratch = tempfile::tempdir().unwrap();
    let project = scratch.path().join("project");
    fs::create_dir(&project).unwrap();
    for part in ["profiles", "butane"] {
        let mut copy = std::process::Command::new("cp");
        assert!(run(copy.arg("-r").arg(repository().join(part)).arg(&project)).status.success());
    }
    let out = scratch.path().join("out");
    let dist = out.to_str().unwrap();
    // There is no secret to be found anywhere, and none is missed.
    let output = run(bake().env_clear().current_dir(&project).args(["build", "--secrets", "omit", "--out", dist]));
    assert!(output.status.success() && !said(&output).contains("warning"), "{}", said(&output));
    let balancer = out.join("loadbalancer1");
    assert_eq!(names(&balancer), ["meta-data", "network-config", "seed.iso.incomplete", "user-data.incomplete"]);
    assert_eq!(names(&out.join("worker1")), ["config.ign.incomplete"]);
    let text = fs::read_to_string(balancer.join("user-data.incomplete")).unwrap();
    assert!(text.contains("auth_pass \"@omitted:file:secrets/vrrp_password@\""), "{text}");
    // Everybody may read what holds no secret, and the output verifies.
    let manifest: Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    assert!(!manifest.to_string().contains("0600"));
    let output = run(bake().args(["verify", dist]));
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("without their secrets"), "{}", said(&output));
}

/// Values that differ in every character from the fakes in the repository, and are as long.
fn other_secrets(project: &Path) {
    for name in names(&project.join("secrets")).iter().filter(|name| *name != "README.md") {
        let path = project.join("secrets").join(name);
        let value = fs::read_to_string(&path).unwrap();
        let turned: String = value.chars().map(|c| if c.is_ascii_alphabetic() { 'q' } else { c }).collect();
        fs::write(path, turned).unwrap();
    }
}

#[test]
fn no_byte_of_an_output_without_secrets_depends_on_them() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let mut built = Vec::new();
    for other in [false, true] {
        let project = root.join(format!("project-{other}"));
        fs::create_dir(&project).unwrap();
        for part in ["profiles", "butane", "secrets"] {
            let mut copy = std::process::Command::new("cp");
            assert!(run(copy.arg("-r").arg(repository().join(part)).arg(&project)).status.success());
        }
        if other {
            other_secrets(&project);
        }
        let out = root.join(format!("out-{other}"));
        let mut command = bake();
        command.current_dir(&project).args(["build", "--secrets", "omit", "--out"]).arg(&out);
        assert!(run(&mut command).status.success());
        let mut paths = Vec::new();
        files(&out, &mut paths);
        let read = |path: &std::path::PathBuf| (path.strip_prefix(&out).unwrap().to_owned(), fs::read(path).unwrap());
        built.push(paths.iter().map(read).collect::<Vec<_>>());
    }
    assert!(built[0].len() > 30);
    assert!(built[0] == built[1], "some file depends on a secret");
}
