//! Clusters of any size as flakes.

use super::lab::{Lab, copy};
use crate::support::repository;
use bake::world::{Kind, World as _};
use std::fs;
use std::path::PathBuf;

#[path = "../../../benches/generate.rs"]
mod generate;

/// A flake with a cluster of so many machines, `shards` parts of it among the nodes.
pub(super) fn flake(lab: &Lab, nodes: usize, shards: usize) -> PathBuf {
    let flake = lab.scratch.path().join(format!("fleet-{nodes}-{shards}"));
    let world = generate::cluster(nodes);
    for entry in world.walk("").unwrap() {
        let path = flake.join(&entry.path);
        if matches!(entry.kind, Kind::File { .. }) && !entry.path.starts_with("secrets/") {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, world.read(&entry.path).unwrap()).unwrap();
        }
    }
    copy(&repository().join("nix"), &flake.join("nix"));
    for file in ["Cargo.toml", "Cargo.lock"] {
        fs::copy(repository().join(file), flake.join(file)).unwrap();
    }
    let text = fs::read_to_string(repository().join("flake.nix")).unwrap();
    fs::write(flake.join("flake.nix"), text.replace("shards = 4;", &format!("shards = {shards};"))).unwrap();
    flake
}
