//! bake itself: compiled in the sandbox, and the same whatever folder it is compiled in.

use super::lab::{Lab, copy};
use crate::support::{repository, run, said};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn bake_is_compiled_in_the_sandbox_from_the_lock_alone() {
    let Some(lab) = Lab::new() else { return };
    if !Lab::can_compile() {
        return;
    }
    // Not optimised (see the stub), and the one test that compiles in the sandbox.
    let built = lab.build(&lab.flake, &["bake", "worker1"], &[]);
    let program = fs::read(built[0].join("bin/bake")).unwrap();
    let inside = |text: &[u8]| program.windows(text.len()).any(|window| window == text);
    assert!(!inside(lab.scratch.path().to_str().unwrap().as_bytes()), "where it was compiled");
    let version = run(Command::new(built[0].join("bin/bake")).env_clear().arg("--version"));
    assert_eq!(said(&version), format!("bake {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(fs::read_dir(&built[1]).unwrap().count(), 1);
}

#[test]
fn two_folders_give_one_program() {
    if !Lab::can_compile() {
        return;
    }
    // `make release` as people run it, save for the optimiser: a debug build takes a fifth of the time, and paths get into
    // both. The second folder is longer and its crates are elsewhere.
    let scratch = tempfile::tempdir().unwrap();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo"));
    let elsewhere = scratch.path().join("cargo");
    fs::create_dir(&elsewhere).unwrap();
    copy(&home.join("registry/src"), &elsewhere.join("registry/src"));
    for part in ["cache", "index"] {
        symlink(home.join("registry").join(part), elsewhere.join("registry").join(part)).unwrap();
    }
    let folders = [("a", &home), ("an/other/place", &elsewhere)];
    let folders = folders.map(|(folder, home)| (scratch.path().join(folder), home));
    for (folder, _) in &folders {
        copy(repository(), folder);
    }
    let mut programs = Vec::new();
    for (folder, home) in &folders {
        let mut make = Command::new("make");
        make.current_dir(folder).arg("release").env("CARGO_HOME", home).env("CARGO_NET_OFFLINE", "true");
        make.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0").env("CARGO_TARGET_DIR", folder.join("target"));
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "MAKEFLAGS", "MAKELEVEL"] {
            make.env_remove(variable);
        }
        let output = run(&mut make);
        assert!(output.status.success(), "{}", said(&output));
        programs.push(fs::read(folder.join("target/release/bake")).unwrap());
    }
    let program = &programs[0];
    for path in [scratch.path(), home.as_path()] {
        let path = path.to_str().unwrap().as_bytes();
        assert!(!program.windows(path.len()).any(|window| window == path), "a path of this machine is in it");
    }
    assert!(programs[0] == programs[1], "the same sources in two folders give two programs");
}
