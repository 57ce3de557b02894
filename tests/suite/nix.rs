//! The flake: its files without Nix, and what it builds with Nix, in its sandbox and without a network.
//!
//! nixpkgs is `tests/nix/nixpkgs`, a stub of our own with this machine's tools. Stores are folders of the tests: nothing
//! outside of them is touched. Building is done by the `bake` that is being tested, except where building it is the test.

#[path = "nix/compile.rs"]
mod compile;
#[path = "nix/flake.rs"]
mod flake;
#[path = "nix/fleet.rs"]
mod fleet;
#[path = "nix/generated.rs"]
mod generated;
#[path = "nix/lab.rs"]
mod lab;
#[path = "nix/secrets.rs"]
mod secrets;

use crate::support::repository;
use std::fs;
use std::path::{Path, PathBuf};

/// Every `.nix` file of the repository.
fn nix_files() -> Vec<PathBuf> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !lab::is_made(name) {
                visit(&path, found);
            } else if path.extension().is_some_and(|end| end == "nix") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    visit(repository(), &mut found);
    found
}

#[test]
fn every_nix_file_parses() {
    let files = nix_files();
    assert!(files.len() >= 7, "{files:?}");
    for file in files {
        let parsed = rnix::Root::parse(&fs::read_to_string(&file).unwrap());
        assert!(parsed.errors().is_empty(), "{}: {:?}", file.display(), parsed.errors());
    }
    assert!(!rnix::Root::parse("{ a = ; }").errors().is_empty());
}

#[test]
fn crates_come_from_the_registry_with_checksums() {
    // What nixpkgs' importCargoLock fetches without hashes of its own.
    let lock = fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    let packages: Vec<&str> = lock.split("[[package]]").skip(1).collect();
    assert!(packages.len() > 60);
    for package in packages {
        let key = |key: &str| package.lines().find_map(|line| line.strip_prefix(&format!("{key} = ")));
        match key("source") {
            None => assert_eq!(key("name"), Some("\"bake\""), "a path outside of the repository"),
            Some(source) => {
                assert_eq!(source, "\"registry+https://github.com/rust-lang/crates.io-index\"", "{package}");
                assert!(key("checksum").is_some_and(|sum| sum.len() == 66), "{package}");
            }
        }
    }
}

#[test]
fn the_flake_has_one_input_and_it_is_locked() {
    let lock = fs::read(repository().join("flake.lock")).unwrap();
    let lock: serde_json::Value = serde_json::from_slice(&lock).unwrap();
    let nodes: Vec<&String> = lock["nodes"].as_object().unwrap().keys().collect();
    assert_eq!(nodes, ["nixpkgs", "root"]);
    let flake = fs::read_to_string(repository().join("flake.nix")).unwrap();
    let branch = lock["nodes"]["nixpkgs"]["original"]["ref"].as_str().unwrap();
    assert!(flake.contains(&format!("github:NixOS/nixpkgs/{branch}\"")), "{branch}");
}

#[test]
fn continuous_integration_runs_the_commands_of_ci_run() {
    let script = fs::read_to_string(repository().join(".ci/run")).unwrap();
    let workflow = fs::read_to_string(repository().join(".github/workflows/ci.yml")).unwrap();
    let commands: Vec<&str> = script.lines().filter(|line| line.contains("make ")).map(str::trim).collect();
    assert!(commands.len() >= 3, "{commands:?}");
    for command in commands {
        assert!(workflow.contains(&format!("run: {command}\n")), "`{command}` is not in ci.yml");
    }
}
