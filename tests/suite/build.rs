//! The program as people run it: what it writes, when it writes nothing, and how it ends.

use crate::support::{bake, repository, run, said};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A copy of the repository's own project, to be spoiled.
struct Project {
    scratch: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        for folder in ["profiles", "butane", "secrets"] {
            copy(&repository().join(folder), &scratch.path().join(folder));
        }
        Self { scratch }
    }

    fn root(&self) -> &Path {
        self.scratch.path()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    fn dist(&self) -> PathBuf {
        self.path("dist")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = bake();
        command.current_dir(self.root()).args(args).stdin(Stdio::null());
        for variable in ["NO_COLOR", "CLICOLOR_FORCE", "TERM"] {
            command.env_remove(variable);
        }
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        run(&mut self.command(args))
    }

    /// Runs and expects this exit status; everything that was said.
    fn ends(&self, args: &[&str], status: i32) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {}", said(&output));
        said(&output)
    }

    /// Makes the project one that bake refuses.
    fn spoil(&self) {
        let path = self.path("profiles/cluster.yaml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text + "\nno_such_key: 1\n").unwrap();
    }

    /// Makes the project another one that bake accepts, whose every node differs.
    fn change(&self) {
        let path = self.path("profiles/cluster.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|line| line.starts_with("timezone:")).expect("a time zone");
        let mut changed: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        changed[at] = "timezone: Asia/Kathmandu".to_owned();
        fs::write(&path, changed.join("\n") + "\n").unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a folder with its mode and contents.
fn tree(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    fn visit(folder: &Path, prefix: &str, found: &mut BTreeMap<String, (u32, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
            let mode = fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777;
            if path.is_dir() {
                visit(&path, &format!("{name}/"), found);
                found.insert(name, (mode, Vec::new()));
            } else {
                found.insert(name, (mode, fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = BTreeMap::new();
    visit(folder, "", &mut found);
    found
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn manifest(dist: &Path) -> Value {
    serde_json::from_slice(&fs::read(dist.join("manifest.json")).unwrap()).unwrap()
}

/// What lies beside the project's own folders.
fn leftovers(project: &Project) -> Vec<String> {
    names(project.root()).into_iter().filter(|name| name.starts_with('.')).collect()
}

const ALL: [&str; 12] = [
    "hypervisor",
    "infra-cluster",
    "loadbalancer1",
    "loadbalancer2",
    "master1",
    "master2",
    "master3",
    "postgresql1",
    "storage1",
    "worker1",
    "worker2",
    "worker3",
];

#[test]
fn one_node() {
    let project = Project::new();
    let text = project.ends(&["build", "--node", "loadbalancer1"], 0);
    assert!(text.contains("1 node, 5 files in dist"), "{text}");
    assert_eq!(names(&project.dist()), ["cluster.json", "loadbalancer1", "manifest.json"]);
    assert_eq!(names(&project.path("dist/loadbalancer1")), ["meta-data", "network-config", "seed.iso", "user-data"]);
    project.ends(&["verify"], 0);
    assert!(leftovers(&project).is_empty());
}

#[test]
fn all_nodes_with_modes_that_the_manifest_tells() {
    let project = Project::new();
    project.ends(&["build"], 0);
    let mut expected: Vec<&str> = ALL.to_vec();
    expected.extend(["cluster.json", "manifest.json", "libvirt", "terraform"]);
    expected.sort_unstable();
    assert_eq!(names(&project.dist()), expected);
    let built = tree(&project.dist());
    let manifest = manifest(&project.dist());
    let mut secret = 0;
    for (node, entry) in manifest["nodes"].as_object().unwrap() {
        assert!(entry["instance_id"].as_str().unwrap().starts_with(&format!("{node}-")));
        for (path, file) in entry["files"].as_object().unwrap() {
            let (mode, bytes) = &built[&format!("{node}/{path}")];
            assert_eq!(file["mode"], format!("{mode:04o}"), "{node}/{path}");
            assert_eq!(file["size"], bytes.len());
            secret += usize::from(*mode == 0o600);
        }
    }
    assert!(secret > 0, "the cluster has secrets, so some file must be private");
    for (path, (mode, _)) in &built {
        assert!([0o600, 0o644, 0o755].contains(mode), "{path}: {mode:o}");
    }
}

#[test]
fn patterns_select_and_the_others_stay() {
    let project = Project::new();
    project.ends(&["build", "-n", "worker[12]", "--node", "master1"], 0);
    assert_eq!(names(&project.dist()), ["cluster.json", "manifest.json", "master1", "worker1", "worker2"]);
    project.ends(&["build"], 0);
    let whole = tree(&project.dist());
    project.ends(&["build", "--node", "*balancer?"], 0);
    assert_eq!(tree(&project.dist()), whole, "the same input gives the same output, built in parts or not");
    project.ends(&["verify"], 0);
    project.change();
    project.ends(&["build", "--node", "master1"], 0);
    let part = tree(&project.dist());
    let changed: Vec<&String> = part.keys().filter(|path| part[*path] != whole[*path]).collect();
    // Besides its own files, those that name its new instance-id.
    let shared = ["manifest.json", "terraform/main.tf.json", "libvirt/master1.xml", "libvirt/README.md"];
    assert!(
        !changed.is_empty()
            && changed.iter().all(|path| path.starts_with("master1/") || shared.contains(&path.as_str())),
        "{changed:?}"
    );
    project.ends(&["verify"], 0);
}

#[test]
fn a_pattern_that_matches_nothing_is_refused() {
    let project = Project::new();
    let text = project.ends(&["build", "--node", "loadbalancer1", "--node", "worke1"], 1);
    assert!(text.contains("`worke1`") && text.contains("did you mean `worker1`?"), "{text}");
    assert!(!project.dist().exists());
}

#[test]
fn folders_of_nodes_that_are_gone_go() {
    let project = Project::new();
    project.ends(&["build"], 0);
    fs::remove_file(project.path("profiles/nodes/worker3.yaml")).unwrap();
    let cluster = project.path("profiles/cluster.yaml");
    let text = fs::read_to_string(&cluster).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains("worker3:")).collect();
    fs::write(&cluster, kept.join("\n") + "\n").unwrap();
    project.ends(&["build", "--node", "worker1"], 0);
    assert!(!project.path("dist/worker3").exists() && project.path("dist/worker2").exists());
    assert!(manifest(&project.dist())["nodes"].get("worker3").is_none());
    project.ends(&["verify"], 0);
}

#[test]
fn a_refused_build_changes_nothing() {
    let project = Project::new();
    project.ends(&["build", "--node", "master1"], 0);
    let before = tree(&project.dist());
    project.spoil();
    let text = project.ends(&["build"], 1);
    assert!(text.contains("error[unknown-key]") && text.contains("profiles/cluster.yaml:"), "{text}");
    assert_eq!(tree(&project.dist()), before);
    assert!(leftovers(&project).is_empty());
}

#[test]
fn json_for_programs() {
    let project = Project::new();
    let output = project.run(&["build", "--format", "json", "--node", "master1"]);
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(value["written"]["master1"]["files"], serde_json::json!(["config.ign"]));
    assert!(value["diagnostics"].as_array().unwrap().iter().all(|found| found["severity"] != "error"));
    assert!(output.stderr.is_empty(), "{}", said(&output));
    project.spoil();
    let output = project.run(&["build", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = &value["diagnostics"][0];
    assert_eq!((found["code"].as_str(), found["file"].as_str()), (Some("unknown-key"), Some("profiles/cluster.yaml")));
    assert!(found["line"].as_u64().unwrap() > 1 && found["column"] == 1);
    assert_eq!(value["written"], serde_json::json!({}));
}

#[test]
fn exit_statuses() {
    let project = Project::new();
    for (args, status) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["build", "--help"], 0),
        (&["explain"], 0),
        (&["explain", "unknown-key"], 0),
        (&["explain", "error[unknown-key]"], 0),
        (&["schema", "node"], 0),
        (&[], 2),
        (&["biuld"], 2),
        (&["build", "--jobs", "0"], 2),
        (&["build", "--node", ""], 2),
        (&["build", "--no-such-flag"], 2),
        (&["explain", "unknown-kye"], 2),
        (&["schema", "nood"], 2),
        (&["-C", "nowhere", "build"], 1),
        (&["-C", "profiles/cluster.yaml", "build"], 1),
        (&["build", "--profiles", "nowhere"], 1),
        (&["verify", "nowhere"], 1),
        (&["verify", "profiles"], 1),
    ] {
        project.ends(args, status);
    }
    assert!(project.ends(&["explain", "unknown-kye"], 2).contains("did you mean `unknown-key`?"));
}

#[test]
fn folders_are_relative_to_the_project() {
    let project = Project::new();
    let mut command =
        project.command(&["-C", project.root().to_str().unwrap(), "build", "-n", "master1", "--out", "a/b"]);
    let output = run(command.current_dir("/"));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(names(&project.path("a/b")), ["cluster.json", "manifest.json", "master1"]);
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let project = Project::new();
    project.spoil();
    for (args, variables, coloured) in [
        (&["build"][..], &[][..], false),
        (&["build"], &[("CLICOLOR_FORCE", "1")], true),
        (&["build"], &[("CLICOLOR_FORCE", "0")], false),
        (&["build"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&["build", "--color", "always"], &[("NO_COLOR", "1")], true),
        (&["build", "--color", "never"], &[("CLICOLOR_FORCE", "1")], false),
    ] {
        let output = run(project.command(args).envs(variables.iter().copied()));
        assert_eq!(said(&output).contains('\x1b'), coloured, "{args:?} {variables:?}");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_refused() {
    let project = Project::new();
    fs::create_dir(project.path("precious")).unwrap();
    fs::write(project.path("precious/thesis"), "").unwrap();
    fs::create_dir(project.path("web")).unwrap();
    fs::write(project.path("web/manifest.json"), r#"{"name": "a web app"}"#).unwrap();
    let before = names(project.root());
    for out in ["profiles/cluster.yaml", "profiles/cluster.yaml/dist", "precious", "web", "/proc/dist", "/", ".", ".."]
    {
        let text = project.ends(&["build", "--node", "master1", "--out", out], 1);
        assert!(text.contains("error[output-unwritable]"), "{out}: {text}");
    }
    assert_eq!(names(project.root()), before);
    assert_eq!(names(&project.path("precious")), ["thesis"]);
}

#[test]
fn verify_finds_every_kind_of_damage() {
    let project = Project::new();
    project.ends(&["build", "--node", "loadbalancer1"], 0);
    let user_data = project.path("dist/loadbalancer1/user-data");
    let keep = fs::read(&user_data).unwrap();
    let restore = || {
        fs::write(&user_data, &keep).unwrap();
        fs::set_permissions(&user_data, fs::Permissions::from_mode(0o600)).unwrap();
        project.ends(&["verify", "dist"], 0);
    };
    restore();
    let expect = |what: &str| {
        let text = project.ends(&["verify", "dist"], 1);
        assert!(text.contains("error[verify-mismatch]") && text.contains(what), "{what}: {text}");
    };
    fs::set_permissions(&user_data, fs::Permissions::from_mode(0o644)).unwrap();
    expect("has mode `0644` instead of `0600`");
    restore();
    let mut other = keep.clone();
    other[20] ^= 1;
    fs::write(&user_data, &other).unwrap();
    expect("has SHA-256");
    fs::write(&user_data, &keep[1..]).unwrap();
    expect("bytes instead of");
    fs::remove_file(&user_data).unwrap();
    expect("is missing");
    restore();
    fs::write(project.path("dist/loadbalancer1/more"), "").unwrap();
    expect("`loadbalancer1/more` is not in the manifest");
    fs::remove_file(project.path("dist/loadbalancer1/more")).unwrap();
    let path = project.path("dist/manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    let id = manifest(&project.dist())["nodes"]["loadbalancer1"]["instance_id"].as_str().unwrap().to_owned();
    fs::write(&path, text.replace(&id, "loadbalancer1-0000000000000000")).unwrap();
    expect("instance-id");
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    expect("is not a manifest of bake");
}

#[test]
fn a_killed_build_leaves_the_previous_output() {
    let project = Project::new();
    project.ends(&["build"], 0);
    let first = tree(&project.dist());
    project.change();
    let started = Instant::now();
    project.ends(&["build", "--out", "other"], 0);
    let (second, whole) = (tree(&project.path("other")), started.elapsed());
    assert_ne!(first, second);
    for step in 0..60 {
        let mut child = project.command(&["build"]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * step / 50);
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        let now = tree(&project.dist());
        assert!(now == first || now == second, "a mixture after {step}/50 of a build");
    }
    project.ends(&["build"], 0);
    assert_eq!(tree(&project.dist()), second);
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
}

#[test]
fn builds_at_once_do_not_mix() {
    let (project, other) = (Project::new(), Project::new());
    other.change();
    let out = project.dist();
    let args = ["build", "--out", out.to_str().unwrap()];
    other.ends(&args, 0);
    let second = tree(&out);
    project.ends(&args, 0);
    let first = tree(&out);
    let children: Vec<_> = (0..12)
        .map(|n| if n % 2 == 0 { &project } else { &other }.command(&args).stderr(Stdio::null()).spawn().unwrap())
        .collect();
    let until = Instant::now() + Duration::from_secs(120);
    for mut child in children {
        while child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "a build hangs");
            // There is no moment at which the output is not there: the swap is one step.
            assert!(out.join("manifest.json").exists());
        }
        assert!(child.wait().unwrap().success());
    }
    let last = tree(&out);
    assert!(last == first || last == second);
    assert!(leftovers(&project).is_empty());
}

#[test]
fn a_secret_without_a_value_is_an_error_and_values_are_never_shown() {
    let project = Project::new();
    fs::remove_dir_all(project.path("secrets")).unwrap();
    let text = project.ends(&["build"], 1);
    assert!(text.contains("error[secret-unset]") && text.contains("hint:"), "{text}");
    let project = Project::new();
    project.spoil();
    let text = project.ends(&["build", "--verbose"], 1) + &project.ends(&["build", "--format", "json"], 1);
    for name in names(&project.path("secrets")) {
        let value = fs::read_to_string(project.path(&format!("secrets/{name}"))).unwrap();
        assert!(value.trim().is_empty() || !text.contains(value.trim()), "{name} is shown");
    }
}

#[test]
fn readers_may_go_away_and_full_disks_are_noticed() {
    let project = Project::new();
    let mut child =
        project.command(&["schema", "cluster"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = project.command(&["schema", "cluster"]).stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

#[test]
fn quiet_is_quiet_and_verbose_names_files() {
    let project = Project::new();
    assert_eq!(project.ends(&["build", "-q", "--node", "master1"], 0), "");
    assert!(project.ends(&["build", "-v", "--node", "master1"], 0).contains("dist/master1/config.ign  "));
    assert_eq!(project.ends(&["verify", "-q"], 0), "");
}
