//! Lists the files of the repository's clusters, so that `bake init` has them without a network: a table of paths and
//! contents for `src/init/embedded.rs`. An example more is a folder more.

// This is no part of the program: it reads the source tree, in a fixed order.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What says that a secret is none: its name in letters, or what base64 makes of it. Any other value in `secrets/` may be
/// the own one of whoever compiles this, and does not go into a program.
const FAKE: [&str; 2] = ["FAKE", "RkFLR"];

/// What belongs to a project.
const PARTS: [&str; 3] = ["butane", "profiles", "secrets"];

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap());
    let mut projects = vec![String::new()];
    println!("cargo::rerun-if-changed=examples");
    for name in names(&root.join("examples")) {
        if root.join("examples").join(&name).join("profiles/cluster.yaml").is_file() {
            projects.push(format!("examples/{name}/"));
        }
    }
    let mut files = Vec::new();
    for (project, part) in projects.iter().flat_map(|project| PARTS.map(|part| (project, part))) {
        let folder = format!("{project}{part}");
        // What is not there would count as changed for ever; a folder that is put into `examples` changes that one.
        if root.join(&folder).is_dir() {
            println!("cargo::rerun-if-changed={folder}");
        }
        list(&root, &folder, &mut files);
    }
    files.sort();
    let mut table = String::from("&[\n");
    for path in files {
        let whole = root.join(&path);
        writeln!(table, "    ({path:?}, include_bytes!({:?})),", whole.to_str().unwrap()).unwrap();
    }
    table += "]\n";
    fs::write(PathBuf::from(env::var("OUT_DIR").unwrap()).join("embedded.rs"), table).unwrap();
}

/// Files below `folder`; what is hidden or written for people is none of a project's.
fn list(root: &Path, folder: &str, found: &mut Vec<String>) {
    for name in names(&root.join(folder)) {
        let path = format!("{folder}/{name}");
        if root.join(&path).is_dir() {
            list(root, &path, found);
        } else if !name.starts_with('.') && Path::new(&name).extension() != Some("md".as_ref()) && public(root, &path) {
            found.push(path);
        }
    }
}

/// Whether everybody may know what is in a file.
fn public(root: &Path, path: &str) -> bool {
    let secret = path.split('/').rev().nth(1) == Some("secrets");
    !secret || fs::read_to_string(root.join(path)).is_ok_and(|text| FAKE.iter().any(|fake| text.contains(fake)))
}

/// Names in a folder, sorted; none if it is not there.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
