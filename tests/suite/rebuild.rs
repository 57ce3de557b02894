//! `bake verify --rebuild`: what is the same again, and what is said about what is not.

use crate::support::{bake, repository, run, said};
use std::fs;
use std::process::Command;

struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        for part in ["profiles", "butane", "secrets"] {
            assert!(
                run(Command::new("cp").arg("-r").arg(repository().join(part)).arg(scratch.path())).status.success()
            );
        }
        Self(scratch)
    }

    fn build(self, more: &[&str]) -> Self {
        let output = run(bake().arg("-C").arg(self.0.path()).arg("build").args(more));
        assert!(output.status.success(), "{}", said(&output));
        self
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let path = self.0.path().join(path);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// Runs `bake verify --rebuild` from another folder; the exit status and everything that was said.
    fn verify(&self) -> (Option<i32>, String) {
        let mut command = bake();
        command.current_dir("/").arg("-C").arg(self.0.path()).args(["verify", "--rebuild"]);
        let output = run(&mut command);
        (output.status.code(), said(&output))
    }
}

#[test]
fn what_was_built_is_built_again() {
    for arguments in [&[][..], &["--secrets", "omit"], &["--node", "worker*"]] {
        let (status, said) = Project::new().build(arguments).verify();
        assert_eq!(status, Some(0), "{arguments:?}: {said}");
        assert!(said.contains("and built again they are the same"), "{said}");
    }
}

#[test]
fn edits_since_are_named_with_file_byte_and_origin() {
    let project = Project::new().build(&[]);
    project.edit("butane/files/haproxy.cfg.j2", "mode tcp", "mode  tcp");
    let dist = project.0.path().join("dist");
    let was = fs::read_to_string(dist.join("loadbalancer1/user-data")).unwrap();
    let (status, said) = project.verify();
    assert_eq!(status, Some(1), "{said}");
    // The byte is the one that `cmp` says.
    let byte = was.find("mode tcp").unwrap() + "mode ".len() + 1;
    let line = was[..byte].matches('\n').count() + 1;
    let message = format!("`loadbalancer1/user-data` is different from byte {byte} (line {line}, column ");
    assert!(said.contains(&message), "{message}: {said}");
    assert!(said.contains("is different from") && said.contains("--> butane/haproxy.bu:"), "{said}");
    assert!(said.contains("is not what `") && said.contains("was built from: build again"), "{said}");
    assert!(!said.contains("worker1/"), "{said}");

    let project = Project::new().build(&["--node", "worker2"]);
    project.edit("profiles/nodes/worker2.yaml", "10.17.4.25", "10.17.4.35");
    let (status, said) = project.verify();
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("`worker2/config.ign` is different from byte "), "{said}");
    assert!(said.contains("--> profiles/nodes/worker2.yaml"), "{said}");
}

#[test]
fn what_is_different_each_time_is_told_apart() {
    let project = Project::new();
    // A secret from a file of the kernel that never says the same twice.
    project.edit("profiles/cluster.yaml", "file:secrets/k3s_token", "file:/proc/sys/kernel/random/uuid");
    let (status, said) = project.build(&["--node", "worker1"]).verify();
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("`worker1/config.ign` is different from byte "), "{said}");
    assert!(said.contains("--> butane/k3s-") && said.contains("gives something else each time"), "{said}");
}

#[test]
fn a_project_that_is_broken_now_and_an_output_that_was_changed() {
    let project = Project::new().build(&["--node", "worker1"]);
    let config = project.0.path().join("dist/worker1/config.ign");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replacen("3.4.0", "3.3.0", 1)).unwrap();
    let (status, said) = project.verify();
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("has SHA-256") && said.contains("`worker1/config.ign` is different from byte "), "{said}");
    project.edit("profiles/cluster.yaml", "timezone:", "no_such_key: 1\ntimezone:");
    let (status, said) = project.verify();
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("no_such_key") && !said.contains("different"), "{said}");
}

#[test]
fn secrets_are_in_no_message_and_no_copy_stays() {
    let project = Project::new();
    project.edit("profiles/cluster.yaml", "file:secrets/k3s_token", "env:TOKEN_OF_THE_TEST");
    let output =
        run(bake().arg("-C").arg(project.0.path()).arg("build").env("TOKEN_OF_THE_TEST", "first-secret-value"));
    assert!(output.status.success(), "{}", said(&output));
    let verify = |value: &str| {
        let mut command = bake();
        command.arg("-C").arg(project.0.path()).args(["verify", "--rebuild", "--format", "json"]);
        // A folder of its own for what is copied: nothing may stay there.
        let scratch = project.0.path().join("scratch");
        fs::create_dir_all(&scratch).unwrap();
        let output = run(command.env("TOKEN_OF_THE_TEST", value).env("TMPDIR", &scratch));
        assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
        output
    };
    let output = verify("first-secret-value");
    assert!(output.status.success(), "{}", said(&output));
    let output = verify("second-secret-value");
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains("rebuild-differs") && !said.contains("-secret-value"), "{said}");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!found["diagnostics"].as_array().unwrap().is_empty());
}
