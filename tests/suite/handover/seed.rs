//! The seed's image, judged by every reader that there is, the real cloud-init last.

use crate::cloud_init::acid;
use crate::support::{Built, built, engine, repository, root, run, said};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

/// Node and image of every seed of the repository's clusters.
fn seeds(built: &Built) -> Vec<(String, PathBuf)> {
    let images = built.nodes().into_iter().map(|node| (node.clone(), built.dist.join(node).join("seed.iso")));
    let found: Vec<_> = images.filter(|(_, image)| image.exists()).collect();
    assert!(!found.is_empty(), "no node has a seed");
    found
}

fn read(built: &Built, node: &str, name: &str) -> Vec<u8> {
    fs::read(built.dist.join(node).join(name)).expect(name)
}

const FILES: [&str; 3] = ["meta-data", "network-config", "user-data"];

#[test]
fn it_is_as_secret_as_its_files() {
    let Some(built) = built() else { return };
    let mode = |node: &str, file: &str| {
        fs::metadata(built.dist.join(node).join(file)).expect(file).permissions().mode() & 0o777
    };
    for (node, _) in seeds(built) {
        assert_eq!(mode(&node, "seed.iso"), mode(&node, "user-data"), "{node}");
    }
}

#[test]
fn xorriso_reads_what_was_written() {
    let Some(xorriso) = engine("xorriso") else { return };
    let Some(built) = built() else { return };
    for (node, image) in seeds(built) {
        let scratch = tempfile::tempdir().expect("scratch folder");
        let mut command = Command::new(&xorriso);
        command.args(["-abort_on", "WARNING", "-report_about", "WARNING", "-osirrox", "on", "-indev"]).arg(&image);
        command.args(["-pvd_info", "-extract", "/"]).arg(scratch.path().join("x"));
        let output = run(&mut command);
        let text = said(&output);
        assert!(output.status.success() && !text.contains("WARNING"), "{node}: {text}");
        assert!(text.contains("Volume Id    : cidata"), "{node}: {text}");
        let mut names: Vec<_> = fs::read_dir(scratch.path().join("x"))
            .expect("files")
            .map(|entry| entry.expect("entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, FILES, "{node}");
        for name in FILES {
            assert_eq!(
                fs::read(scratch.path().join("x").join(name)).expect(name),
                read(built, &node, name),
                "{node}: {name}"
            );
        }
    }
}

#[test]
fn isoinfo_reads_all_three_trees() {
    let Some(isoinfo) = engine("isoinfo") else { return };
    let Some(built) = built() else { return };
    for (node, image) in seeds(built) {
        let ask = |arguments: &[&str]| {
            let output = run(Command::new(&isoinfo).args(arguments).arg("-i").arg(&image));
            assert!(output.status.success() && output.stderr.is_empty(), "{node}: {}", said(&output));
            output.stdout
        };
        let about = String::from_utf8(ask(&["-d"])).expect("text");
        for line in ["Volume id: cidata", "Joliet with UCS level 3 found", "Rock Ridge signatures version 1 found"] {
            assert!(about.contains(line), "{node}: {about}");
        }
        let blocks = fs::metadata(&image).expect("image").len() / 2048;
        assert!(about.contains(&format!("Volume size is: {blocks}")), "{node}: {about}");
        for (tree, prefix) in [("-R", "/"), ("-J", "/")] {
            for name in FILES {
                assert_eq!(
                    ask(&[tree, "-x", &format!("{prefix}{name}")]),
                    read(built, &node, name),
                    "{node}: {tree} {name}"
                );
            }
        }
        assert_eq!(ask(&["-x", "/USER_DAT.;1"]), read(built, &node, "user-data"), "{node}");
    }
}

#[test]
fn the_kernel_mounts_it() {
    if !root() || engine("unshare").is_none() {
        return;
    }
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !known.contains("iso9660") {
        // No package cures that, so no engine is missing.
        eprintln!("skipped: this kernel has no iso9660");
        return;
    }
    let Some(built) = built() else { return };
    let (node, image) = seeds(built).remove(0);
    for options in ["ro", "ro,norock"] {
        let scratch = tempfile::tempdir().expect("scratch folder");
        let script = "mount -t iso9660 -o \"loop,$1\" \"$2\" \"$3\"; for name in user-data meta-data network-config; do cmp \"$3/$name\" \"$4/$name\"; done";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-euc", script, "sh", options]);
        let output = run(command.arg(&image).arg(scratch.path()).arg(built.dist.join(&node)));
        assert!(output.status.success(), "{options}: {}", said(&output));
    }
}

#[test]
fn cloud_init_finds_it() {
    let Some(base) = acid::base() else { return };
    if engine("losetup").is_none() || engine("xorriso").is_none() {
        return;
    }
    let Some(built) = built() else { return };
    let (node, image) = seeds(built).remove(0);
    let scratch = tempfile::tempdir().expect("scratch folder");
    let script = repository().join("tests/engines/apply/seed.sh");
    let output = run(Command::new(script).arg(base).arg(scratch.path()).arg(image));
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).expect("text");
    let found: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    assert_eq!(found["found"], true, "{found}");
    assert!(found["seed"].as_str().is_some_and(|seed| seed.starts_with("/dev/")), "{found}");
    let (project, name) = node.split_once('/').expect("project/node");
    let manifest = fs::read(built.dist.join(project).join("manifest.json")).expect("manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(found["meta-data"]["instance-id"], manifest["nodes"][name]["instance_id"]);
    assert_eq!(found["user-data"].as_str().map(str::as_bytes), Some(&*read(built, &node, "user-data")));
    assert_eq!(found["network-config"]["version"], 2, "{found}");
}
